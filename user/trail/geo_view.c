// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/geo_view.h"

int sw_geo_key_cmp(const struct sw_geo_key *a, const struct sw_geo_key *b)
{
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return a->low == b->low ? 0 : a->low < b->low ? -1 : 1;
}

static uint64_t read64(const __u8 *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

struct sw_geo_key sw_geo_key_of(const struct sw_net *net)
{
	if (net->family == SW_AF_IP6)
		return (struct sw_geo_key){read64(net->addr), read64(net->addr + 8)};
	return (struct sw_geo_key){0, 0xffff00000000ull | (read64(net->addr) >> 32)};
}

static bool is_sorted(const struct sw_geo_bound *b, size_t n)
{
	struct sw_geo_key before = {}, key;

	for (size_t i = 0; i < n; i++) {
		key = (struct sw_geo_key){b[i].high, b[i].low};
		if (i ? sw_geo_key_cmp(&before, &key) >= 0 : key.high || key.low)
			return false;
		before = key;
	}
	return n > 0;
}

int sw_geo_check(const void *image, size_t size, struct sw_geo_view *ret, const char **ret_why)
{
	const union sw_geo *head = image;
	struct sw_geo_view v;

	*ret_why = "its size is not that of its tables";
	if (size < sizeof(*head) || head->head.n_ports > SW_GEO_PORTS_MAX || head->head.n_nets > SW_MAX_GEO_NETS ||
		size != (SW_GEO_HEAD + (size_t)head->head.n_ports + head->head.n_nets) * sizeof(*head))
		return -EBADMSG;
	v = (struct sw_geo_view){.head = head,
		.ports = &head[SW_GEO_HEAD].bound,
		.nets = &head[SW_GEO_HEAD + head->head.n_ports].bound};
	*ret_why = "a table is not in order";
	if (!is_sorted(v.ports, head->head.n_ports) || !is_sorted(v.nets, head->head.n_nets))
		return -EBADMSG;
	*ret = v;
	return 0;
}

static const struct sw_geo_bound *find(const struct sw_geo_bound *b, size_t n, const struct sw_geo_key *key)
{
	while (n > 1) {
		size_t half = n / 2;
		struct sw_geo_key at = {b[half].high, b[half].low};

		if (sw_geo_key_cmp(&at, key) <= 0) {
			b += half;
			n -= half;
		} else {
			n = half;
		}
	}
	return b;
}

__u32 sw_geo_rules_of_net(const struct sw_geo_view *v, const struct sw_net *net)
{
	struct sw_geo_key key = sw_geo_key_of(net);
	const struct sw_geo_bound *b;

	if (!v->head)
		return 0;
	b = find(v->nets, v->head->head.n_nets, &key);
	return b->is_nowhere ? 0 : b->rules ^ v->head->head.except;
}

__u32 sw_geo_rules_of_port(const struct sw_geo_view *v, enum sw_geo_way way, __u8 protocol, __u16 port)
{
	struct sw_geo_key key = {0, sw_geo_port_key(way, protocol, port)};

	return v->head ? find(v->ports, v->head->head.n_ports, &key)->rules : 0;
}

int sw_geo_judge(const struct sw_geo_view *v, enum sw_geo_way way, __u8 protocol, __u16 port,
	const struct sw_net *net)
{
	__u32 rules = sw_geo_rules_of_port(v, way, protocol, port) & sw_geo_rules_of_net(v, net), bad;

	bad = v->head ? rules & v->head->head.drop : 0;
	return rules ? __builtin_ctz(bad ? bad : rules) : -1;
}
