/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading packets: what a flow holds for every form, and that no byte beyond the end is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "sockwarden/pkt/plain.h"
#include "tests/lib/packet.h"
#include "user/base/cidr.h"

#define V4 .from = "192.0.2.7", .to = "198.18.1.1"
#define V6 .from = "2001:db8:1:2::7", .to = "2001:db8:9::1"

enum { TCP = 6, UDP = 17, ICMP = 1, ICMPV6 = 58, SCTP = 132 };

struct row {
	const char *name;
	struct packet_spec spec;
	__u8 protocol, icmp_type;
	__u16 dport;
	__u8 tcp_flags;
	bool has_no_ports, is_cut, has_no_header;
};

static const struct row rows[] = {
	{"TCP over IPv4 has ports and flags", {V4, .tcp_flags = 0x12}, TCP, .dport = 443,
		.tcp_flags = 0x12},
	{"TCP over IPv6 has ports and flags", {V6, .dport = 22}, TCP, .dport = 22, .tcp_flags = 2},
	{"UDP has ports", {V4, .protocol = UDP, .dport = 53, .payload = 12}, UDP, .dport = 53},
	{"SCTP has ports", {V6, .protocol = SCTP, .dport = 9}, SCTP, .dport = 9},
	{"ICMP has a type", {V4, .protocol = ICMP}, ICMP, .icmp_type = 8},
	{"ICMPv6 has a type", {V6, .protocol = ICMPV6}, ICMPV6, .icmp_type = 128},
	{"GRE has no ports", {V4, .protocol = 47, .payload = 20}, 47, .has_no_ports = true},
	{"options do not move the ports", {V4, .option_bytes = 24}, TCP, .dport = 443,
		.tcp_flags = 2},
	{"the outermost tag is the one told", {V4, .vlan = {7, 8}, .tpid = 0x88a8}, TCP,
		.dport = 443, .tcp_flags = 2},
	{"four tags are read", {V6, .vlan = {4, 3, 2, 1}}, TCP, .dport = 443, .tcp_flags = 2},
	{"PPPoE carries IPv4", {V4, .is_pppoe = true}, TCP, .dport = 443, .tcp_flags = 2},
	{"PPPoE in a VLAN carries IPv6", {V6, .vlan = {9}, .is_pppoe = true}, TCP, .dport = 443,
		.tcp_flags = 2},
	{"a device without Ethernet carries IPv4", {V4, .is_bare = true}, TCP, .dport = 443,
		.tcp_flags = 2},
	{"a device without Ethernet carries IPv6", {V6, .is_bare = true}, TCP, .dport = 443,
		.tcp_flags = 2},
	{"a first fragment has ports", {V4, .fragment = PACKET_FIRST}, TCP, .dport = 443,
		.tcp_flags = 2},
	{"a later fragment has none", {V4, .fragment = PACKET_LATER}, TCP, .has_no_ports = true},
	{"a first fragment of eight bytes has ports and no flags", {V4, .fragment = PACKET_FIRST, .is_tiny = true},
		TCP, .dport = 443, .has_no_header = true},
	{"an IPv6 first fragment of eight bytes has ports and no flags",
		{V6, .fragment = PACKET_FIRST, .is_tiny = true}, TCP, .dport = 443, .has_no_header = true},
	{"a whole packet with so little TCP is cut", {V4, .is_tiny = true}, TCP, .has_no_ports = true, .is_cut = true},
	{"an IPv6 first fragment has ports", {V6, .fragment = PACKET_FIRST}, TCP, .dport = 443,
		.tcp_flags = 2},
	{"an IPv6 later fragment has none", {V6, .fragment = PACKET_LATER}, TCP,
		.has_no_ports = true},
	{"an atomic fragment is a whole packet", {V6, .ext = {44}, .n_ext = 1}, TCP, .dport = 443,
		.tcp_flags = 2},
	{"every extension header is stepped over",
		{V6, .ext = {0, 60, 43, 51, 135, 139, 140, 60}, .n_ext = 8, .ext_units = 1}, TCP,
		.dport = 443, .tcp_flags = 2},
	{"authentication counts in words", {V6, .ext = {51}, .n_ext = 1, .ext_units = 4}, TCP,
		.dport = 443, .tcp_flags = 2},
	{"an extension header may have 2 KiB less eight",
		{V6, .ext = {60}, .n_ext = 1, .ext_units = 230}, TCP, .dport = 443, .tcp_flags = 2},
	{"nine extension headers are too deep",
		{V6, .ext = {60, 60, 60, 60, 60, 60, 60, 60, 60}, .n_ext = 9}, 60,
		.has_no_ports = true, .is_cut = true},
	{"no next header has no ports", {V6, .protocol = 59}, 59, .has_no_ports = true},
};

/* A copy of exactly len bytes, so that a read beyond them is seen. */
static enum sw_pkt_result parse_copy(
	const struct packet_spec *spec, const uint8_t *data, size_t len, struct sw_flow *ret)
{
	_free_ uint8_t *copy = malloc(len ? len : 1);
	enum sw_link link = spec->is_bare ? SW_LINK_IP : SW_LINK_ETHER;

	assert_non_null(copy);
	memcpy(copy, data, len);
	memset(ret, 0xa5, sizeof(*ret));
	return sw_pkt_parse(copy, copy + len, link, ret);
}

static void check_addresses(const struct packet_spec *spec, const struct sw_flow *flow)
{
	struct sw_net from, to;

	assert_int_equal(sw_cidr_parse(spec->from, SIZE_MAX, &from), 0);
	assert_int_equal(sw_cidr_parse(spec->to, SIZE_MAX, &to), 0);
	assert_int_equal(flow->family, from.family);
	assert_memory_equal(flow->saddr.byte, from.addr, 16);
	assert_memory_equal(flow->daddr.byte, to.addr, 16);
	assert_int_equal(flow->vlan, spec->vlan[0]);
}

static void read_row(void **state)
{
	const struct row *row = *state;
	struct sw_flow flow;
	struct packet p;

	packet_build(&row->spec, &p);
	assert_int_equal(parse_copy(&row->spec, p.data, p.len, &flow), SW_PKT_IP);
	check_addresses(&row->spec, &flow);
	assert_int_equal(flow.protocol, row->protocol);
	assert_int_equal(flow.dport, row->dport);
	assert_int_equal(flow.sport, row->dport ? 40000 : 0);
	assert_int_equal(flow.tcp_flags, row->tcp_flags);
	assert_int_equal(flow.icmp_type, row->icmp_type);
	assert_int_equal(flow.fragment, row->spec.fragment);
	assert_int_equal(flow.is_cut, row->is_cut);
	assert_int_equal(flow.l4_off, row->has_no_ports || row->has_no_header ? 0 : p.l4_off);
	assert_int_equal(flow.is_tiny, row->has_no_header);
}

/* At every length: addresses as soon as they are whole, ports as soon as they are, nothing made up. */
static void cut_row(void **state)
{
	const struct row *row = *state;
	struct sw_flow flow;
	struct packet p;

	packet_build(&row->spec, &p);
	for (size_t len = 0; len < p.len; len++) {
		enum sw_pkt_result r = parse_copy(&row->spec, p.data, len, &flow);

		if (len < p.addr_end) {
			assert_int_equal(r, SW_PKT_UNREADABLE);
			assert_int_equal(flow.family, 0);
			continue;
		}
		assert_int_equal(r, SW_PKT_IP);
		check_addresses(&row->spec, &flow);
		if (row->has_no_ports)
			continue;
		assert_int_equal(flow.is_cut, len < p.l4_end);
		assert_int_equal(flow.dport, len < p.l4_end ? 0 : row->dport);
	}
}

static const __u8 *plain(const __u8 *data, const __u8 *end, enum sw_link link)
{
	const __u8 *ip = sw_pkt_plain4(data, end, link);

	return ip ? ip : sw_pkt_plain6(data, end, link);
}

/* A TCP or UDP packet that went the long way would cost, and no other test would see it. */
static void the_usual_packet_is_plain(void **state)
{
	static const struct packet_spec specs[] = {{V4, .payload = 6}, {V6, .payload = 6},
		{V4, .is_bare = true}, {V6, .is_bare = true}, {V4, .protocol = UDP, .payload = 12},
		{V6, .protocol = UDP, .payload = 12}};
	struct packet p;

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		enum sw_link link = specs[i].is_bare ? SW_LINK_IP : SW_LINK_ETHER;
		size_t at = specs[i].is_bare ? 0 : SW_ETH_BYTES;

		packet_build(&specs[i], &p);
		assert_ptr_equal(plain(p.data, p.data + p.len, link), p.data + at);
		for (size_t len = 0; len < at + SW_IP4_BYTES + SW_PLAIN_L4_BYTES; len++)
			assert_null(plain(p.data, p.data + len, link));
	}
}

/* Never of a packet that parse.h calls cut, or whose addresses lie elsewhere. */
static void what_is_plain_is_whole(void **state)
{
	struct packet p;
	struct sw_flow flow;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum sw_link link = rows[i].spec.is_bare ? SW_LINK_IP : SW_LINK_ETHER;

		packet_build(&rows[i].spec, &p);
		for (size_t len = 0; len <= p.len; len++) {
			const __u8 *ip = plain(p.data, p.data + len, link);

			if (!ip)
				continue;
			assert_int_equal(
				sw_pkt_parse(p.data, p.data + len, link, &flow), SW_PKT_IP);
			assert_false(flow.is_cut);
			assert_int_equal(flow.family, ip[0] >> 4);
			assert_memory_equal(&flow.saddr, ip + (flow.family == 4 ? 12 : 8),
				flow.family == 4 ? 4 : 16);
		}
	}
}

static void other_frames_are_not_ip(void **state)
{
	struct packet_spec spec = {};
	struct sw_flow flow;
	struct packet p;

	packet_build(&spec, &p);
	assert_int_equal(parse_copy(&spec, p.data, p.len, &flow), SW_PKT_NOT_IP);
	p.data[12] = 0; /* a length in place of a type: 802.3 */
	p.data[13] = 0;
	assert_int_equal(parse_copy(&spec, p.data, p.len, &flow), SW_PKT_NOT_IP);
}

static void pppoe_of_another_protocol_is_not_ip(void **state)
{
	struct packet_spec spec = {V4, .is_pppoe = true};
	struct sw_flow flow;
	struct packet p;

	packet_build(&spec, &p);
	p.data[14 + 6] = 0xc0; /* LCP */
	assert_int_equal(parse_copy(&spec, p.data, p.len, &flow), SW_PKT_NOT_IP);
}

static void five_tags_are_unreadable(void **state)
{
	struct packet_spec spec = {V4, .vlan = {1, 2, 3, 4, 5}};
	struct sw_flow flow;
	struct packet p;

	packet_build(&spec, &p);
	assert_int_equal(parse_copy(&spec, p.data, p.len, &flow), SW_PKT_UNREADABLE);
}

static void wrong_versions_are_unreadable(void **state)
{
	static const uint8_t first[] = {0x00, 0x55, 0x65, 0xf5, 0x44, 0x40};
	struct packet_spec spec = {V4};
	struct sw_flow flow;
	struct packet p;

	packet_build(&spec, &p);
	for (size_t i = 0; i < sizeof(first); i++) {
		p.data[p.ip_off] = first[i];
		assert_int_equal(parse_copy(&spec, p.data, p.len, &flow), SW_PKT_UNREADABLE);
		assert_int_equal(flow.family, 0);
	}
}

/* A short IP packet is padded to the least Ethernet frame: the padding is no transport header. */
static void padding_is_not_read_as_ports(void **state)
{
	struct packet_spec four = {V4}, six = {V6};
	struct sw_flow flow;
	struct packet p;

	packet_build(&four, &p);
	p.data[p.ip_off + 3] = 20 + 13; /* total length: TCP's flags are beyond it */
	assert_int_equal(parse_copy(&four, p.data, p.len, &flow), SW_PKT_IP);
	assert_int_equal(flow.is_cut, 1);
	assert_int_equal(flow.dport, 0);
	p.data[p.ip_off + 3] = 19; /* less than its own header */
	assert_int_equal(parse_copy(&four, p.data, p.len, &flow), SW_PKT_IP);
	assert_int_equal(flow.is_cut, 1);
	packet_build(&six, &p);
	p.data[p.ip_off + 5] = 13;
	assert_int_equal(parse_copy(&six, p.data, p.len, &flow), SW_PKT_IP);
	assert_int_equal(flow.is_cut, 1);
}

/* The kernel merges segments into packets beyond 64 KiB, whose length field is then zero. */
static void zero_length_field_is_a_merged_packet(void **state)
{
	struct packet_spec four = {V4}, six = {V6};
	struct sw_flow flow;
	struct packet p;

	packet_build(&four, &p);
	memset(p.data + p.ip_off + 2, 0, 2);
	assert_int_equal(parse_copy(&four, p.data, p.len, &flow), SW_PKT_IP);
	assert_int_equal(flow.dport, 443);
	packet_build(&six, &p);
	memset(p.data + p.ip_off + 4, 0, 2);
	assert_int_equal(parse_copy(&six, p.data, p.len, &flow), SW_PKT_IP);
	assert_int_equal(flow.dport, 443);
}

static void extension_header_beyond_the_packet_is_a_cut(void **state)
{
	struct packet_spec spec = {V6, .ext = {60}, .n_ext = 1};
	struct sw_flow flow;
	struct packet p;

	packet_build(&spec, &p);
	p.data[p.addr_end + 1] = 255;
	assert_int_equal(parse_copy(&spec, p.data, p.len, &flow), SW_PKT_IP);
	assert_int_equal(flow.is_cut, 1);
	assert_int_equal(flow.family, 6);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(the_usual_packet_is_plain),
		cmocka_unit_test(what_is_plain_is_whole),
		cmocka_unit_test(other_frames_are_not_ip),
		cmocka_unit_test(pppoe_of_another_protocol_is_not_ip),
		cmocka_unit_test(five_tags_are_unreadable),
		cmocka_unit_test(wrong_versions_are_unreadable),
		cmocka_unit_test(padding_is_not_read_as_ports),
		cmocka_unit_test(zero_length_field_is_a_merged_packet),
		cmocka_unit_test(extension_header_beyond_the_packet_is_a_cut),
	};
	struct CMUnitTest tests[2 * SW_ARRAY_SIZE(rows) + SW_ARRAY_SIZE(others)];
	char name[SW_ARRAY_SIZE(rows)][160];
	size_t n = 0;

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		snprintf(name[i], sizeof(name[i]), "cut anywhere: %s", rows[i].name);
		tests[n++] = (struct CMUnitTest){.name = rows[i].name,
			.test_func = read_row,
			.initial_state = (void *)&rows[i]};
		tests[n++] = (struct CMUnitTest){
			.name = name[i], .test_func = cut_row, .initial_state = (void *)&rows[i]};
	}
	memcpy(tests + n, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
