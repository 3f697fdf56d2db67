/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets for tests and benches, from a description that reads as a table row. Everything is plain
 * values; the caller owns both the description and the packet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PACKET_MAX = 2048,
	PACKET_TAGS_MAX = 6, /* more than the gate follows */
	PACKET_EXT_MAX = 12, /* likewise */
};

enum packet_fragment { PACKET_WHOLE, PACKET_FIRST, PACKET_LATER };

/* Zero is the usual: Ethernet, untagged, no options, whole, ports 40000 to 443. */
struct packet_spec {
	const char *from, *to; /* addresses of one family; NULL: an ARP frame */
	uint16_t vlan[PACKET_TAGS_MAX]; /* outermost first, 0 ends */
	uint16_t tpid; /* of the outermost tag; 0: 0x8100 */
	bool is_pppoe;
	bool is_bare; /* no Ethernet header */
	unsigned int option_bytes; /* of IPv4 options, a multiple of 4 up to 40 */
	uint8_t ext[PACKET_EXT_MAX]; /* extension headers; 0 is hop-by-hop */
	unsigned int n_ext;
	unsigned int ext_units; /* length byte of each */
	enum packet_fragment fragment;
	bool is_tiny; /* of a TCP header only its first eight bytes, as nmap -f cuts */
	uint8_t protocol; /* 0: TCP */
	uint16_t sport, dport;
	uint8_t tcp_flags; /* 0: SYN */
	unsigned int payload;
};

struct packet {
	uint8_t data[PACKET_MAX];
	size_t len;
	size_t ip_off; /* 0 when there is none (or it is the first byte) */
	size_t addr_end; /* one past the fixed IP header; 0 when there is none */
	size_t l4_off; /* of the transport header, 0 when there is none */
	size_t l4_end; /* one past what holds ports and flags */
};

/* Builds it; aborts on a description that does not fit, which is a mistake in the test. */
void packet_build(const struct packet_spec *spec, struct packet *ret);
