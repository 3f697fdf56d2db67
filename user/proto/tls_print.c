// SPDX-License-Identifier: GPL-3.0-or-later
#include <ctype.h>
#include <sodium.h>
#include <stdarg.h>

#include "user/proto/md5.h"
#include "user/proto/tls.h"

/* A text in the caller's buffer; is_full once something did not fit. */
struct text {
	char *p;
	size_t n, size;
	bool is_full;
};

_printf_(2, 3) static void put(struct text *t, const char *fmt, ...)
{
	char one[16];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = (size_t)vsnprintf(one, sizeof(one), fmt, ap);
	va_end(ap);
	if (n >= sizeof(one) || t->n + n >= t->size) {
		t->is_full = true;
		return;
	}
	memcpy(t->p + t->n, one, n + 1);
	t->n += n;
}

static void put_list(struct text *t, const uint16_t *v, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		put(t, i ? "-%u" : "%u", v[i]);
}

size_t sw_tls_ja3_text(const struct sw_tls_hello *h, char *out, size_t size)
{
	struct text t = {out, 0, size, false};

	put(&t, "%u,", h->version);
	put_list(&t, h->ciphers.v, h->ciphers.n);
	put(&t, ",");
	put_list(&t, h->extensions.v, h->extensions.n);
	put(&t, ",");
	put_list(&t, h->groups.v, h->groups.n);
	put(&t, ",");
	for (unsigned int i = 0; i < h->n_formats; i++)
		put(&t, i ? "-%u" : "%u", h->formats[i]);
	return t.is_full ? 0 : t.n;
}

void sw_tls_ja3(const struct sw_tls_hello *h, char ret[static 33])
{
	char text[SW_TLS_JA3_TEXT];
	uint8_t digest[16];

	sw_md5(text, sw_tls_ja3_text(h, text, sizeof(text)), digest);
	for (unsigned int i = 0; i < 16; i++)
		snprintf(ret + i * 2, 3, "%02x", digest[i]);
}

static int by_value(const void *a, const void *b)
{
	return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

/* The first twelve hex digits of a text's SHA-256; of nothing: zeros. */
static void put_digest(struct text *t, const struct text *of)
{
	uint8_t digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, (const unsigned char *)of->p, of->n);
	put(t, "_");
	for (unsigned int i = 0; i < 6; i++)
		put(t, "%02x", of->n ? digest[i] : 0);
}

static void put_hex(struct text *t, const uint16_t *v, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		put(t, i ? ",%04x" : "%04x", v[i]);
}

static const char *version_word(uint16_t v)
{
	switch (v) {
	case 0x0304:
		return "13";
	case 0x0303:
		return "12";
	case 0x0302:
		return "11";
	case 0x0301:
		return "10";
	case 0x0300:
		return "s3";
	case 0x0002:
		return "s2";
	default:
		return "00";
	}
}

/* First and last byte of the first protocol; hex where they are no letters or digits. */
static void put_alpn(struct text *t, const struct sw_tls_hello *h)
{
	unsigned char a = (unsigned char)h->alpn[0], z = (unsigned char)h->alpn[1];

	if (!h->has_alpn || !a) {
		put(t, "00");
	} else if (isalnum(a) && isalnum(z)) {
		put(t, "%c", a);
		put(t, "%c", z);
	} else {
		put(t, "%x", a >> 4);
		put(t, "%x", z & 15);
	}
}

void sw_tls_ja4(const struct sw_tls_hello *h, bool is_quic, char ret[static 37])
{
	char buf[SW_TLS_LIST_MAX * 12];
	uint16_t sorted[SW_TLS_LIST_MAX];
	struct text t = {ret, 0, 37, false}, part = {buf, 0, sizeof(buf), false};
	unsigned int n = 0;

	put(&t, "%s", is_quic ? "q" : "t");
	put(&t, "%s", version_word(h->best_version));
	put(&t, "%s", h->has_sni ? "d" : "i");
	put(&t, "%02u", SW_MIN(h->ciphers.n, 99));
	put(&t, "%02u", SW_MIN(h->extensions.n, 99));
	put_alpn(&t, h);
	memcpy(sorted, h->ciphers.v, h->ciphers.n * sizeof(sorted[0]));
	qsort(sorted, h->ciphers.n, sizeof(sorted[0]), by_value);
	put_hex(&part, sorted, h->ciphers.n);
	put_digest(&t, &part);
	for (unsigned int i = 0; i < h->extensions.n; i++) {
		if (h->extensions.v[i] != 0x0000 && h->extensions.v[i] != 0x0010)
			sorted[n++] = h->extensions.v[i];
	}
	qsort(sorted, n, sizeof(sorted[0]), by_value);
	part.n = 0;
	put_hex(&part, sorted, n);
	if (h->signatures.n) {
		put(&part, "_");
		put_hex(&part, h->signatures.v, h->signatures.n);
	}
	put_digest(&t, &part);
}
