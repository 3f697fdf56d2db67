/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opens QUIC Initial packets of clients (versions 1 and 2), whose keys anybody can make from the connection
 * id they carry, and finds the pieces of the ClientHello in them. Pure. Sources: RFC 9000, RFC 9001, RFC 9369.
 */
#pragma once

#include "user/base/util.h"

enum {
	SW_QUIC_PACKET_MAX =
		2048, /* bytes of a datagram that is opened: no path has a larger one at a connection's start */
	SW_QUIC_ID_MAX = 20, /* bytes of a connection id */
	SW_QUIC_DATAGRAM_MIN = 1200, /* of a datagram that begins a connection */
};

struct sw_quic_keys {
	uint8_t key[16], iv[12], hp[16];
};

/* What an Initial's frames are read from. */
struct sw_quic {
	size_t len, at;
	uint8_t data[SW_QUIC_PACKET_MAX];
};

/* A piece of the handshake's bytes. */
struct sw_quic_crypto {
	uint64_t offset;
	const uint8_t *data;
	size_t len;
};

/* True of a datagram that begins with a client's Initial of a version that is known, as far as can be seen. */
bool sw_quic_begins(const uint8_t *data, size_t len);
/* The client's keys of a connection; false for a version that is not known. */
bool sw_quic_keys(uint32_t version, const uint8_t *id, size_t len, struct sw_quic_keys *ret);
/*
 * Opens the datagram's first packet. 0; -EBADMSG: no such packet or malformed; -EACCES: its seal does not
 * fit, so it is a server's, or of a client that knows its server's id by now.
 */
int sw_quic_open(const uint8_t *data, size_t len, struct sw_quic *ret);
/* 1 with the next piece, 0 when there is none, -EBADMSG when the rest cannot be read. */
int sw_quic_next(struct sw_quic *q, struct sw_quic_crypto *ret);
