// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/ports.h"

/* TCP_PORTS and UDP_PORTS of the portsentry.conf that came with PortSentry 1.2. */
static const __u16 portsentry_tcp[] = {1, 11, 15, 79, 111, 119, 143, 540, 635, 1080, 1524, 2000, 5742, 6667, 12345,
	12346, 20034, 27665, 31337, 32771, 32772, 32773, 32774, 40421, 49724, 54320};
static const __u16 portsentry_udp[] = {1, 7, 9, 69, 161, 162, 513, 635, 640, 641, 700, 37444, 34555, 31335, 32770,
	32771, 32772, 32773, 32774, 31337, 54321};

void sw_ports_set(__u8 *bits, unsigned int first, unsigned int last)
{
	for (unsigned int p = first; p <= last && p <= 65535; p++)
		bits[p >> 3] |= (__u8)(1U << (p & 7));
}

bool sw_ports_has(const __u8 *bits, unsigned int port)
{
	return port <= 65535 && bits[port >> 3] >> (port & 7) & 1;
}

unsigned int sw_ports_count(const __u8 *bits)
{
	unsigned int n = 0;

	for (size_t i = 0; i < SW_DECOY_PORT_BYTES; i++)
		n += (unsigned int)__builtin_popcount(bits[i]);
	return n;
}

void sw_ports_list(const struct sw_config_ports *list, __u8 *bits)
{
	for (__u32 i = 0; i < SW_MIN(list->n, (__u32)SW_CONFIG_PORTS_MAX); i++)
		sw_ports_set(bits, list->at[i].first, list->at[i].last);
}

static void set_classic(__u8 *bits, const __u16 *ports, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sw_ports_set(bits, ports[i], ports[i]);
}

enum sw_decoy_tcp sw_decoys_tcp_mode(const struct sw_config *c)
{
	if (c->decoy_tcp == SW_DECOY_TCP_OFF && c->decoy_preset == SW_DECOY_PRESET_PORTSENTRY)
		return SW_DECOY_TCP_LISTED;
	return (enum sw_decoy_tcp)c->decoy_tcp;
}

bool sw_decoys_are_wanted(const struct sw_config *c)
{
	return sw_decoys_tcp_mode(c) != SW_DECOY_TCP_OFF || c->decoy_udp_ports.n;
}

unsigned int sw_decoys_ports(const struct sw_config *c, unsigned int client_first, unsigned int client_last,
	struct sw_decoy_ports *ret)
{
	bool has_preset = c->decoy_preset == SW_DECOY_PRESET_PORTSENTRY;
	unsigned int n = 0;

	memset(ret, 0, sizeof(*ret));
	switch (sw_decoys_tcp_mode(c)) {
	case SW_DECOY_TCP_UNUSED:
		sw_ports_set(ret->tcp, 1, 65535);
		break;
	case SW_DECOY_TCP_BELOW:
		sw_ports_set(ret->tcp, 1, c->decoy_below - 1);
		break;
	case SW_DECOY_TCP_LISTED:
		sw_ports_list(&c->decoy_tcp_ports, ret->tcp);
		if (has_preset)
			set_classic(ret->tcp, portsentry_tcp, SW_ARRAY_SIZE(portsentry_tcp));
		break;
	case SW_DECOY_TCP_OFF:
		break;
	}
	sw_ports_list(&c->decoy_udp_ports, ret->udp);
	if (has_preset)
		set_classic(ret->udp, portsentry_udp, SW_ARRAY_SIZE(portsentry_udp));
	for (unsigned int p = client_first; p <= client_last && p <= 65535; p++) {
		n += sw_ports_has(ret->udp, p);
		ret->udp[p >> 3] &= (__u8) ~(1U << (p & 7));
	}
	return n;
}
