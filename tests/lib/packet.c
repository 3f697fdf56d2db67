/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/packet.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { TCP = 6, UDP = 17, ICMP = 1, ICMPV6 = 58, FRAGMENT = 44, AH = 51 };

static uint8_t *grow(struct packet *p, size_t n)
{
	uint8_t *at = p->data + p->len;

	if (p->len + n > sizeof(p->data))
		abort();
	p->len += n;
	return at;
}

static void put16(uint8_t *at, unsigned int v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static bool is_six(const struct packet_spec *s)
{
	return s->from && strchr(s->from, ':');
}

static void put_address(const char *text, int family, uint8_t *at)
{
	if (inet_pton(family, text, at) != 1)
		abort();
}

static unsigned int ether_type(const struct packet_spec *s)
{
	if (!s->from)
		return 0x0806;
	if (s->is_pppoe)
		return 0x8864;
	return is_six(s) ? 0x86dd : 0x0800;
}

static void put_link(const struct packet_spec *s, struct packet *p)
{
	unsigned int tpid = s->tpid ? s->tpid : 0x8100;
	uint8_t *at = grow(p, 12);

	memcpy(at, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	for (int i = 0; i < PACKET_TAGS_MAX && s->vlan[i]; i++) {
		at = grow(p, 4);
		put16(at, tpid);
		put16(at + 2, s->vlan[i]);
		tpid = 0x8100;
	}
	put16(grow(p, 2), ether_type(s));
	if (!s->from) {
		memset(grow(p, 28), 0, 28);
	} else if (s->is_pppoe) {
		at = grow(p, 8);
		memcpy(at, "\x11\x00\x00\x01\x00\x00", 6);
		put16(at + 6, is_six(s) ? 0x57 : 0x21);
	}
}

static void put_transport(const struct packet_spec *s, struct packet *p, uint8_t protocol)
{
	static const size_t bytes[256] = {
		[TCP] = 20, [UDP] = 8, [ICMP] = 8, [ICMPV6] = 8, [132] = 12};
	static const size_t read[256] = {
		[TCP] = 14, [UDP] = 4, [ICMP] = 2, [ICMPV6] = 2, [132] = 4};
	uint8_t *at;

	if (s->fragment == PACKET_LATER) {
		memset(grow(p, 8), 0xee, 8); /* would read as ports */
		return;
	}
	if (!bytes[protocol])
		return;
	p->l4_off = p->len;
	p->l4_end = p->len + read[protocol];
	if (s->is_tiny) {
		memset(grow(p, 8), 0, 8);
		p->l4_end = p->l4_off + 4;
		put16(p->data + p->l4_off, s->sport ? s->sport : 40000);
		put16(p->data + p->l4_off + 2, s->dport ? s->dport : 443);
		return;
	}
	at = grow(p, bytes[protocol]);
	memset(at, 0, bytes[protocol]);
	if (protocol == ICMP || protocol == ICMPV6) {
		at[0] = protocol == ICMP ? 8 : 128;
		return;
	}
	put16(at, s->sport ? s->sport : 40000);
	put16(at + 2, s->dport ? s->dport : 443);
	if (protocol == TCP) {
		at[12] = 0x50;
		at[13] = s->tcp_flags ? s->tcp_flags : 2;
	} else if (protocol == UDP) {
		put16(at + 4, 8 + s->payload);
	}
}

static void put_ip4(const struct packet_spec *s, struct packet *p, uint8_t protocol)
{
	size_t header = 20 + s->option_bytes, start = p->len;
	uint8_t *at = grow(p, header);

	memset(at, 1, header); /* options: no-operations */
	at[0] = (uint8_t)(0x40 | header / 4);
	put16(at + 4, 0x1234);
	put16(at + 6,
		s->fragment == PACKET_FIRST           ? 0x2000
			: s->fragment == PACKET_LATER ? 0x00b9
						      : 0x4000);
	at[8] = 64;
	at[9] = protocol;
	put_address(s->from, AF_INET, at + 12);
	put_address(s->to, AF_INET, at + 16);
	p->addr_end = start + 20;
	put_transport(s, p, protocol);
	put16(at + 2, (unsigned int)(p->len - start) + s->payload);
}

static uint8_t ext_kind(const struct packet_spec *s, unsigned int i, uint8_t protocol)
{
	bool has_fragment = s->fragment != PACKET_WHOLE;

	if (i < s->n_ext)
		return s->ext[i];
	return i == s->n_ext && has_fragment ? FRAGMENT : protocol;
}

static void put_ext(const struct packet_spec *s, struct packet *p, unsigned int i, uint8_t protocol)
{
	uint8_t kind = ext_kind(s, i, protocol);
	size_t bytes = 8 + s->ext_units * (kind == AH ? 4 : 8);
	uint8_t *at;

	if (kind == FRAGMENT)
		bytes = 8;
	at = grow(p, bytes);
	memset(at, 0, bytes);
	at[0] = ext_kind(s, i + 1, protocol);
	if (kind != FRAGMENT)
		at[1] = (uint8_t)s->ext_units;
	else
		put16(at + 2,
			s->fragment == PACKET_LATER           ? 0x05c8
				: s->fragment == PACKET_FIRST ? 1
							      : 0);
}

static void put_ip6(const struct packet_spec *s, struct packet *p, uint8_t protocol)
{
	unsigned int n = s->n_ext + (s->fragment != PACKET_WHOLE);
	size_t start = p->len;
	uint8_t *at = grow(p, 40);

	memset(at, 0, 40);
	at[0] = 0x60;
	at[6] = ext_kind(s, 0, protocol);
	at[7] = 64;
	put_address(s->from, AF_INET6, at + 8);
	put_address(s->to, AF_INET6, at + 24);
	p->addr_end = start + 40;
	for (unsigned int i = 0; i < n; i++)
		put_ext(s, p, i, protocol);
	put_transport(s, p, protocol);
	put16(at + 4, (unsigned int)(p->len - start - 40) + s->payload);
}

void packet_build(const struct packet_spec *spec, struct packet *ret)
{
	uint8_t protocol = spec->protocol ? spec->protocol : TCP;

	*ret = (struct packet){};
	if (!spec->is_bare)
		put_link(spec, ret);
	if (!spec->from)
		return;
	ret->ip_off = ret->len;
	if (is_six(spec))
		put_ip6(spec, ret, protocol);
	else
		put_ip4(spec, ret, protocol);
	memset(grow(ret, spec->payload), 0, spec->payload);
}
