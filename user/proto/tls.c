// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/proto/tls.h"

#include <ctype.h>

enum {
	RECORD_HEADER = 5,
	HANDSHAKE = 22,
	CLIENT_HELLO = 1,
	SERVER_HELLO = 2,
	CERTIFICATE = 11,
	MESSAGE_HEADER = 4,
	RECORDS_MAX = 64
};
enum {
	EXT_SNI = 0,
	EXT_GROUPS = 10,
	EXT_FORMATS = 11,
	EXT_SIGNATURES = 13,
	EXT_ALPN = 16,
	EXT_VERSIONS = 43
};

/* A piece being read; is_bad once something reached beyond it. */
struct piece {
	const uint8_t *p, *end;
	bool is_bad;
};

static unsigned int take(struct piece *s, unsigned int bytes)
{
	unsigned int v = 0;

	if ((size_t)(s->end - s->p) < bytes) {
		s->is_bad = true;
		s->p = s->end;
		return 0;
	}
	while (bytes--)
		v = v << 8 | *s->p++;
	return v;
}

static struct piece take_piece(struct piece *s, size_t n)
{
	struct piece part = {s->p, s->p, false};

	if ((size_t)(s->end - s->p) < n) {
		s->is_bad = true;
		s->p = s->end;
		return part;
	}
	part.end = s->p += n;
	return part;
}

static bool is_grease(unsigned int v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

static void take_list(struct piece *s, struct sw_tls_list *ret)
{
	while (s->p < s->end) {
		unsigned int v = take(s, 2);

		if (!s->is_bad && !is_grease(v) && ret->n < SW_TLS_LIST_MAX)
			ret->v[ret->n++] = (uint16_t)v;
	}
}

static bool begins_with(const uint8_t *data, size_t len, uint8_t message)
{
	return len && data[0] == HANDSHAKE && (len < 2 || data[1] == 3) &&
		(len < 3 || data[2] <= 4) && (len < 6 || data[5] == message);
}

int sw_tls_begins(const uint8_t *data, size_t len)
{
	return begins_with(data, len, CLIENT_HELLO);
}

int sw_tls_server_begins(const uint8_t *data, size_t len)
{
	return begins_with(data, len, SERVER_HELLO);
}

static void read_sni(struct piece e, struct sw_tls_hello *h)
{
	struct piece list = take_piece(&e, take(&e, 2));

	while (list.p < list.end && !list.is_bad) {
		unsigned int type = take(&list, 1);
		struct piece name = take_piece(&list, take(&list, 2));
		size_t n = (size_t)(name.end - name.p);

		if (type || list.is_bad || !n || n >= sizeof(h->sni))
			continue;
		for (size_t i = 0; i < n; i++)
			h->sni[i] = name.p[i] > ' ' && name.p[i] != 0x7f ? (char)tolower(name.p[i])
									 : '?';
		h->sni[n] = 0;
		h->sni_len = n;
		return;
	}
}

static void read_extension(unsigned int type, struct piece e, struct sw_tls_hello *h)
{
	struct piece list;

	switch (type) {
	case EXT_SNI:
		h->has_sni = true;
		return read_sni(e, h);
	case EXT_GROUPS:
		list = take_piece(&e, take(&e, 2));
		return take_list(&list, &h->groups);
	case EXT_SIGNATURES:
		list = take_piece(&e, take(&e, 2));
		return take_list(&list, &h->signatures);
	case EXT_FORMATS:
		list = take_piece(&e, take(&e, 1));
		while (list.p < list.end && h->n_formats < sizeof(h->formats))
			h->formats[h->n_formats++] = *list.p++;
		return;
	case EXT_ALPN:
		list = take_piece(&e, take(&e, 2));
		list = take_piece(&list, take(&list, 1));
		h->has_alpn = true;
		if (list.p < list.end) {
			h->alpn[0] = (char)list.p[0];
			h->alpn[1] = (char)list.end[-1];
		}
		return;
	case EXT_VERSIONS:
		list = take_piece(&e, take(&e, 1));
		while (list.p < list.end) {
			unsigned int v = take(&list, 2);

			if (!is_grease(v) && v > h->best_version)
				h->best_version = (uint16_t)v;
		}
		return;
	default:
		return;
	}
}

static int read_body(struct piece s, struct sw_tls_hello *h)
{
	struct piece part, all;

	h->best_version = 0;
	h->version = (uint16_t)take(&s, 2);
	take_piece(&s, 32); /* random */
	take_piece(&s, take(&s, 1)); /* session */
	part = take_piece(&s, take(&s, 2));
	take_list(&part, &h->ciphers);
	take_piece(&s, take(&s, 1)); /* compression */
	if (s.is_bad || part.is_bad)
		return -EBADMSG;
	if (s.p < s.end) {
		all = take_piece(&s, take(&s, 2));
		while (all.p < all.end && !all.is_bad) {
			unsigned int type = take(&all, 2);
			struct piece e = take_piece(&all, take(&all, 2));

			if (all.is_bad)
				break;
			if (!is_grease(type) && h->extensions.n < SW_TLS_LIST_MAX)
				h->extensions.v[h->extensions.n++] = (uint16_t)type;
			read_extension(type, e, h);
		}
	}
	if (!h->best_version)
		h->best_version = h->version;
	return 0;
}

/* Handshake bytes that are in out, gathered from records. */
struct gathered {
	size_t n;
	bool is_ended; /* what follows is no handshake: encrypted, or nonsense */
};

static struct gathered gather(const uint8_t *data, size_t len, uint8_t *out, size_t size)
{
	struct gathered g = {};
	size_t at = 0;

	for (unsigned int i = 0; i < RECORDS_MAX && g.n < size; i++) {
		size_t bytes, have;

		if (len - at < RECORD_HEADER)
			return g;
		bytes = (size_t)data[at + 3] << 8 | data[at + 4];
		if (data[at] != HANDSHAKE || data[at + 1] != 3 || !bytes || bytes > 16384 + 256)
			break;
		at += RECORD_HEADER;
		have = SW_MIN(SW_MIN(bytes, len - at), size - g.n);
		memcpy(out + g.n, data + at, have);
		g.n += have;
		at += have;
		if (have < bytes)
			return g;
	}
	g.is_ended = true;
	return g;
}

static size_t message_bytes(const uint8_t *p)
{
	return MESSAGE_HEADER + ((size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
}

int sw_tls_read_message(const uint8_t *data, size_t len, struct sw_tls_hello *ret)
{
	size_t want;

	if (len && data[0] != CLIENT_HELLO)
		return -EBADMSG;
	if (len < MESSAGE_HEADER)
		return -EAGAIN;
	want = message_bytes(data);
	if (want > SW_TLS_HELLO_MAX)
		return -EBADMSG;
	if (len < want)
		return -EAGAIN;
	ret->sni_len = 0;
	ret->sni[0] = ret->alpn[0] = ret->alpn[1] = 0;
	ret->has_sni = ret->has_alpn = false;
	ret->ciphers.n = ret->extensions.n = ret->groups.n = ret->signatures.n = ret->n_formats = 0;
	return read_body((struct piece){data + MESSAGE_HEADER, data + want, false}, ret);
}

int sw_tls_read_hello(const uint8_t *data, size_t len, struct sw_tls_hello *ret)
{
	uint8_t buf[SW_TLS_HELLO_MAX];
	struct gathered g;
	int r;

	if (!sw_tls_begins(data, len))
		return -EBADMSG;
	g = gather(data, len, buf, sizeof(buf));
	r = sw_tls_read_message(buf, g.n, ret);
	return r == -EAGAIN && g.is_ended ? -EBADMSG : r;
}

int sw_tls_read_certificate(
	const uint8_t *data, size_t len, uint8_t *out, size_t size, size_t *ret_len)
{
	struct gathered g;
	size_t at = 0, n;

	if (!sw_tls_server_begins(data, len))
		return -EBADMSG;
	g = gather(data, len, out, size);
	while (g.n - at >= MESSAGE_HEADER && out[at] != CERTIFICATE &&
		message_bytes(out + at) <= g.n - at)
		at += message_bytes(out + at);
	/* the message's header, the length of the chain and that of its first */
	if (g.n - at >= MESSAGE_HEADER + 6 && out[at] == CERTIFICATE) {
		const uint8_t *p = out + at + MESSAGE_HEADER + 3;

		n = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
		if (!n || n > size)
			return -EBADMSG;
		at += MESSAGE_HEADER + 6;
		if (n <= g.n - at) {
			memmove(out, out + at, n);
			*ret_len = n;
			return 0;
		}
	}
	return g.is_ended ? -EBADMSG : -EAGAIN;
}
