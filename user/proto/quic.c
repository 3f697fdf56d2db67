// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/proto/quic.h"

#include <nettle/aes.h>
#include <nettle/gcm.h>
#include <nettle/hkdf.h>
#include <nettle/hmac.h>

enum { SAMPLE = 16, TAG = 16, HEAD_MIN = 7, NUMBER_MAX = 4 };
enum {
	FRAME_PADDING = 0x00,
	FRAME_PING = 0x01,
	FRAME_ACK = 0x02,
	FRAME_ACK_ECN = 0x03,
	FRAME_CRYPTO = 0x06
};

/* What differs between the versions. */
struct version {
	uint32_t number;
	uint8_t initial; /* the type of an Initial's first byte */
	uint8_t salt[20];
	const char *key, *iv, *hp; /* labels */
};

static const struct version versions[] = {
	{0x00000001, 0,
		{0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8,
			0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
		"quic key", "quic iv", "quic hp"},
	{0x6b3343cf, 1,
		{0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26,
			0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9},
		"quicv2 key", "quicv2 iv", "quicv2 hp"},
};

static const struct version *find_version(uint32_t number)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(versions); i++) {
		if (versions[i].number == number)
			return &versions[i];
	}
	return NULL;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static const struct version *version_of(const uint8_t *data, size_t len)
{
	const struct version *v;

	if (len < HEAD_MIN || (data[0] & 0xc0) != 0xc0)
		return NULL;
	v = find_version(get32(data + 1));
	return v && (data[0] >> 4 & 3) == v->initial && data[5] <= SW_QUIC_ID_MAX ? v : NULL;
}

bool sw_quic_begins(const uint8_t *data, size_t len)
{
	return len >= SW_QUIC_DATAGRAM_MIN && version_of(data, len);
}

/* ---- keys */

/* HKDF-Expand-Label of TLS 1.3 with an empty context. */
static void expand(struct hmac_sha256_ctx *secret, const char *label, uint8_t *out, size_t n)
{
	uint8_t info[32];
	size_t len = strlen(label);

	info[0] = 0;
	info[1] = (uint8_t)n;
	info[2] = (uint8_t)(6 + len);
	memcpy(info + 3, "tls13 ", 6);
	memcpy(info + 9, label, len);
	info[9 + len] = 0;
	hkdf_expand(secret, (nettle_hash_update_func *)hmac_sha256_update,
		(nettle_hash_digest_func *)hmac_sha256_digest, SHA256_DIGEST_SIZE, 10 + len, info,
		n, out);
}

bool sw_quic_keys(uint32_t version, const uint8_t *id, size_t len, struct sw_quic_keys *ret)
{
	const struct version *v = find_version(version);
	uint8_t secret[SHA256_DIGEST_SIZE];
	struct hmac_sha256_ctx h;

	if (!v)
		return false;
	hmac_sha256_set_key(&h, sizeof(v->salt), v->salt);
	hkdf_extract(&h, (nettle_hash_update_func *)hmac_sha256_update,
		(nettle_hash_digest_func *)hmac_sha256_digest, SHA256_DIGEST_SIZE, len, id, secret);
	hmac_sha256_set_key(&h, sizeof(secret), secret);
	expand(&h, "client in", secret, sizeof(secret));
	hmac_sha256_set_key(&h, sizeof(secret), secret);
	expand(&h, v->key, ret->key, sizeof(ret->key));
	expand(&h, v->iv, ret->iv, sizeof(ret->iv));
	expand(&h, v->hp, ret->hp, sizeof(ret->hp));
	return true;
}

/* ---- the packet */

/* A number of one to eight bytes; false when it reaches beyond the end. */
static bool take_number(const uint8_t *data, size_t len, size_t *at, uint64_t *ret)
{
	size_t n;
	uint64_t v;

	if (*at >= len)
		return false;
	n = (size_t)1 << (data[*at] >> 6);
	if (len - *at < n)
		return false;
	v = data[*at] & 0x3f;
	for (size_t i = 1; i < n; i++)
		v = v << 8 | data[*at + i];
	*at += n;
	*ret = v;
	return true;
}

/* Where an Initial's protected part is. */
struct head {
	const uint8_t *id;
	size_t id_len;
	size_t number; /* of the packet number */
	size_t end; /* of the packet */
};

static int read_head(const uint8_t *data, size_t len, struct head *ret)
{
	size_t at = 6;
	uint64_t n;

	ret->id = data + at;
	ret->id_len = data[5];
	at += ret->id_len;
	if (at >= len)
		return -EBADMSG;
	at += 1u + data[at];
	if (!take_number(data, len, &at, &n) || n > len - at)
		return -EBADMSG;
	at += (size_t)n; /* the token */
	if (!take_number(data, len, &at, &n) || n > len - at || n < NUMBER_MAX + SAMPLE)
		return -EBADMSG;
	ret->number = at;
	ret->end = at + (size_t)n;
	return 0;
}

/* Takes the protection off the header, which goes to out; its length. */
static size_t unmask_head(const uint8_t *data, const struct head *h, const struct sw_quic_keys *k,
	uint8_t *out, uint32_t *ret_number)
{
	struct aes128_ctx aes;
	uint8_t mask[AES_BLOCK_SIZE];
	uint32_t number = 0;
	unsigned int n;

	aes128_set_encrypt_key(&aes, k->hp);
	aes128_encrypt(&aes, sizeof(mask), mask, data + h->number + NUMBER_MAX);
	memcpy(out, data, h->number + NUMBER_MAX);
	out[0] ^= mask[0] & 0x0f;
	n = (out[0] & 3u) + 1;
	for (unsigned int i = 0; i < n; i++) {
		out[h->number + i] ^= mask[1 + i];
		number = number << 8 | out[h->number + i];
	}
	*ret_number = number;
	return h->number + n;
}

static bool unseal(
	const uint8_t *data, const struct head *h, struct sw_quic_keys *k, struct sw_quic *ret)
{
	uint8_t head[SW_QUIC_PACKET_MAX], tag[TAG];
	struct gcm_aes128_ctx gcm;
	uint32_t number;
	size_t n = unmask_head(data, h, k, head, &number);

	for (unsigned int i = 0; i < 4; i++)
		k->iv[8 + i] ^= (uint8_t)(number >> (24 - 8 * i));
	ret->len = h->end - n - TAG;
	ret->at = 0;
	gcm_aes128_set_key(&gcm, k->key);
	gcm_aes128_set_iv(&gcm, sizeof(k->iv), k->iv);
	gcm_aes128_update(&gcm, n, head);
	gcm_aes128_decrypt(&gcm, ret->len, ret->data, data + n);
	gcm_aes128_digest(&gcm, sizeof(tag), tag);
	return !memcmp(tag, data + h->end - TAG, TAG);
}

int sw_quic_open(const uint8_t *data, size_t len, struct sw_quic *ret)
{
	struct sw_quic_keys k;
	struct head h;

	if (!version_of(data, len) || len > SW_QUIC_PACKET_MAX || read_head(data, len, &h) < 0 ||
		!sw_quic_keys(get32(data + 1), h.id, h.id_len, &k))
		return -EBADMSG;
	return unseal(data, &h, &k, ret) ? 0 : -EACCES;
}

/* ---- frames */

static bool skip_ack(struct sw_quic *q, bool has_ecn)
{
	uint64_t n, ranges;

	if (!take_number(q->data, q->len, &q->at, &n) ||
		!take_number(q->data, q->len, &q->at, &n) ||
		!take_number(q->data, q->len, &q->at, &ranges) || ranges > q->len)
		return false;
	ranges = 1 + 2 * ranges + (has_ecn ? 3 : 0);
	while (ranges--) {
		if (!take_number(q->data, q->len, &q->at, &n))
			return false;
	}
	return true;
}

int sw_quic_next(struct sw_quic *q, struct sw_quic_crypto *ret)
{
	uint64_t n;

	while (q->at < q->len) {
		switch (q->data[q->at++]) {
		case FRAME_PADDING:
		case FRAME_PING:
			break;
		case FRAME_ACK:
		case FRAME_ACK_ECN:
			if (!skip_ack(q, q->data[q->at - 1] == FRAME_ACK_ECN))
				return -EBADMSG;
			break;
		case FRAME_CRYPTO:
			if (!take_number(q->data, q->len, &q->at, &ret->offset) ||
				!take_number(q->data, q->len, &q->at, &n) || n > q->len - q->at)
				return -EBADMSG;
			ret->data = q->data + q->at;
			ret->len = (size_t)n;
			q->at += (size_t)n;
			return 1;
		default: /* nothing else is in an Initial but the end of the connection */
			return 0;
		}
	}
	return 0;
}
