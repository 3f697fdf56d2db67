/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a packet: nothing beyond them is read, and what is said of them holds together; the
 * short way reads of a packet what the long one does. The first byte chooses the link, the rest is the
 * packet.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "sockwarden/pkt/plain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int is_so)
{
	if (!is_so)
		abort();
}

static void check(const struct sw_flow *f, enum sw_pkt_result r, size_t len)
{
	must(r == SW_PKT_IP || r == SW_PKT_NOT_IP || r == SW_PKT_UNREADABLE);
	must((r == SW_PKT_IP) == (f->family == 4 || f->family == 6));
	must(f->family == 6 || (!f->saddr.word[1] && !f->saddr.half[1] && !f->daddr.half[1]));
	must(f->vlan <= 0xfff);
	must(!f->l4_off || f->l4_off + 2u <= len);
	must(f->l4_off || f->is_tiny || (!f->sport && !f->dport && !f->tcp_flags && !f->icmp_type));
	must(!f->is_tiny || (f->fragment == SW_FRAGMENT_FIRST && f->protocol == 6 && !f->l4_off && !f->is_cut));
	must(f->fragment != SW_FRAGMENT_LATER || !f->l4_off);
	must(!f->is_cut || !f->l4_off);
}

/* What passes by the short way must be whole, and be judged by the same addresses. */
static void check_plain(int family, const uint8_t *ip, const struct sw_flow *f, enum sw_pkt_result r)
{
	int is_four = f->family == 4;

	if (!ip)
		return;
	must(r == SW_PKT_IP && !f->is_cut && f->family == family);
	must(!memcmp(&f->saddr, ip + (is_four ? 12 : 8), is_four ? 4 : 16));
	must(!memcmp(&f->daddr, ip + (is_four ? 16 : 24), is_four ? 4 : 16));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sw_flow flow, shorter;
	enum sw_pkt_result r;
	enum sw_link link;
	uint8_t *copy;

	if (!size || size > 65535)
		return 0;
	link = data[0] & 1 ? SW_LINK_IP : SW_LINK_ETHER;
	copy = malloc(size); /* ends where the packet ends, unlike the fuzzer's own buffer */
	must(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	memset(&flow, 0xa5, sizeof(flow));
	r = sw_pkt_parse(copy, copy + size - 1, link, &flow);
	check(&flow, r, size - 1);
	check_plain(4, sw_pkt_plain4(copy, copy + size - 1, link), &flow, r);
	check_plain(6, sw_pkt_plain6(copy, copy + size - 1, link), &flow, r);
	/* One byte less may lose ports or addresses, but never change them. */
	if (size > 1 && sw_pkt_parse(copy, copy + size - 2, link, &shorter) == SW_PKT_IP) {
		must(!memcmp(&shorter.saddr, &flow.saddr, 16) &&
			!memcmp(&shorter.daddr, &flow.daddr, 16));
		must(!shorter.l4_off || shorter.l4_off == flow.l4_off);
	}
	free(copy);
	return 0;
}
