/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads a TLS ClientHello from the first bytes of a flow, over as many records as it takes, and makes
 * its fingerprints JA3 and JA4. Pure. Sources: RFC 8446, RFC 6066, RFC 8701 (values to leave out),
 * the descriptions of JA3 (Salesforce) and JA4 (FoxIO).
 */
#pragma once

#include "user/base/util.h"

enum {
	SW_TLS_HELLO_MAX = 8192, /* bytes of a ClientHello: with post-quantum keys they are 2 KiB */
	SW_TLS_LIST_MAX = 256, /* ciphers, extensions, groups kept of one */
	SW_TLS_JA3_TEXT = 8192,
};

struct sw_tls_list {
	unsigned int n; /* without GREASE */
	uint16_t v[SW_TLS_LIST_MAX];
};

struct sw_tls_hello {
	uint16_t version, best_version; /* best of supported_versions, or version */
	size_t sni_len;
	char sni[256]; /* lower case; "" when there is none */
	char alpn[2]; /* of the first: its first and last byte; 0 when there is none */
	bool has_sni, has_alpn;
	struct sw_tls_list ciphers, extensions, groups, signatures;
	unsigned int n_formats;
	uint8_t formats[32];
};

/* 1 may begin a TLS handshake (len may be short), 0 does not. */
int sw_tls_begins(const uint8_t *data, size_t len);
/* The same of a server's. */
int sw_tls_server_begins(const uint8_t *data, size_t len);
/*
 * The server's own certificate (DER) in the first bytes it sends, of TLS 1.2 and older; *ret_len with 0.
 * out has size bytes. -EAGAIN: more is needed, -EBADMSG: there is none to be seen, or it does not fit.
 */
int sw_tls_read_certificate(
	const uint8_t *data, size_t len, uint8_t *out, size_t size, size_t *ret_len);
/* 0, -EAGAIN: more is needed, -EBADMSG: no ClientHello or malformed. ret: all of it is written on 0. */
int sw_tls_read_hello(const uint8_t *data, size_t len, struct sw_tls_hello *ret);
/* The same of a handshake message without records, as QUIC carries it. */
int sw_tls_read_message(const uint8_t *data, size_t len, struct sw_tls_hello *ret);
/* The text JA3 is the MD5 of; its length, 0 when it does not fit. */
size_t sw_tls_ja3_text(const struct sw_tls_hello *h, char *out, size_t size);
/* Hex with a NUL. */
void sw_tls_ja3(const struct sw_tls_hello *h, char ret[static 33]);
void sw_tls_ja4(const struct sw_tls_hello *h, bool is_quic, char ret[static 37]);
