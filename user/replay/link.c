// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/replay/link.h"

#include <pcap/dlt.h>

#include "sockwarden/pkt/parse.h"

enum {
	SLL_BYTES = 16,
	SLL2_BYTES = 20,
	LOOP_BYTES = 4,
	HDLC_BYTES = 4, /* Cisco's: address, control, ether type */
	PPPOE_HEAD = 6, /* before the PPP protocol */
	RADIOTAP_MIN = 4,
	WIFI_BYTES = 24, /* of a data frame, then LLC and SNAP of eight */
	SNAP_BYTES = 8,
};

/* What is left of a frame. */
struct rest {
	const uint8_t *p;
	size_t n;
};

static bool skip(struct rest *r, size_t n)
{
	if (r->n < n)
		return false;
	r->p += n;
	r->n -= n;
	return true;
}

/* What follows an ether type, tags before it too. */
static bool follow_type(struct rest *r, uint16_t type)
{
	while (sw_pkt_is_vlan(type)) {
		if (r->n < SW_VLAN_BYTES)
			return false;
		type = sw_wire16(r->p + 2);
		skip(r, SW_VLAN_BYTES);
	}
	return type == SW_ETH_P_IP || type == SW_ETH_P_IPV6;
}

/* The protocol of PPP, one byte when it is odd (RFC 1661); before it, on serial lines, address and control. */
static bool follow_ppp(struct rest *r)
{
	size_t bytes;
	uint16_t type;

	if (r->n > 2 && r->p[0] == 0xff && r->p[1] == 0x03)
		skip(r, 2);
	if (r->n < 2)
		return false;
	bytes = r->p[0] & 1 ? 1 : 2;
	type = bytes == 1 ? r->p[0] : sw_wire16(r->p);
	return skip(r, bytes) && (type == SW_PPP_IP || type == SW_PPP_IPV6);
}

/* IEEE 802.11, a data frame that is not encrypted. Source: IEEE 802.11-2020, 9.2.4 and 9.3.2.1. */
static bool follow_wifi(struct rest *r)
{
	size_t head = WIFI_BYTES;
	bool is_qos;

	if (r->n < WIFI_BYTES || (r->p[0] & 0x0c) != 0x08 || r->p[0] & 0x40 || r->p[1] & 0x40)
		return false; /* no data frame, one without data, one that is protected */
	is_qos = r->p[0] & 0x80;
	head += (r->p[1] & 3) == 3 ? 6 : 0;
	head += is_qos ? 2 : 0;
	head += is_qos && r->p[1] & 0x80 ? 4 : 0;
	if (!skip(r, head) || r->n < SNAP_BYTES || memcmp(r->p, "\xaa\xaa\x03\0\0\0", 6) != 0)
		return false;
	skip(r, SNAP_BYTES);
	return follow_type(r, sw_wire16(r->p - 2));
}

static bool follow_radiotap(struct rest *r)
{
	return r->n >= RADIOTAP_MIN && skip(r, (size_t)r->p[2] | (size_t)r->p[3] << 8) && follow_wifi(r);
}

static bool follow_sll2(struct rest *r)
{
	return skip(r, SLL2_BYTES) && follow_type(r, sw_wire16(r->p - SLL2_BYTES));
}

/* Its last two bytes are an ether type, as an Ethernet header's are, tags behind it alike. */
static bool follow_sll(struct rest *r)
{
	return skip(r, SLL_BYTES - SW_ETH_BYTES);
}

static bool follow_loop(struct rest *r)
{
	return skip(r, LOOP_BYTES);
}

static bool follow_hdlc(struct rest *r)
{
	return skip(r, HDLC_BYTES) && follow_type(r, sw_wire16(r->p - 2));
}

static bool follow_pppoe(struct rest *r)
{
	return skip(r, PPPOE_HEAD) && follow_ppp(r);
}

static bool follow_none(struct rest *r)
{
	return true;
}

static const struct {
	int type;
	enum sw_link link;
	bool (*follow)(struct rest *r);
} links[] = {
	{DLT_EN10MB, SW_LINK_ETHER, follow_none},
	{DLT_LINUX_SLL, SW_LINK_ETHER, follow_sll},
	{DLT_LINUX_SLL2, SW_LINK_IP, follow_sll2},
	{DLT_RAW, SW_LINK_IP, follow_none},
	{DLT_IPV4, SW_LINK_IP, follow_none},
	{DLT_IPV6, SW_LINK_IP, follow_none},
	{DLT_NULL, SW_LINK_IP, follow_loop},
	{DLT_LOOP, SW_LINK_IP, follow_loop},
	{DLT_PPP, SW_LINK_IP, follow_ppp},
	{DLT_PPP_SERIAL, SW_LINK_IP, follow_ppp},
	{DLT_PPP_ETHER, SW_LINK_IP, follow_pppoe},
	{DLT_C_HDLC, SW_LINK_IP, follow_hdlc},
	{DLT_IEEE802_11, SW_LINK_IP, follow_wifi},
	{DLT_IEEE802_11_RADIO, SW_LINK_IP, follow_radiotap},
};

bool sw_link_is_known(int type)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(links); i++) {
		if (links[i].type == type)
			return true;
	}
	return false;
}

const uint8_t *sw_link_packet(int type, const uint8_t *frame, size_t *len, enum sw_link *ret_link)
{
	struct rest r = {frame, *len};

	for (size_t i = 0; i < SW_ARRAY_SIZE(links); i++) {
		if (links[i].type != type)
			continue;
		if (!links[i].follow(&r))
			return NULL;
		*ret_link = links[i].link;
		*len = r.n;
		return r.p;
	}
	return NULL;
}
