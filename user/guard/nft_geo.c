// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/nft_geo.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>

#include "user/guard/nft_private.h"

/* After conntrack (-200), before what others do with packets it knows. */
enum { PRIORITY = -150 };

/* What carries no ports and speaks with the same wire alone (bpf/lib/geo.bpf.h). */
static const uint8_t neighbours[] = {IPPROTO_IGMP, 89 /* OSPF */, IPPROTO_PIM, 112 /* VRRP */};
static const uint8_t has_own_rule[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6};
enum { DHCP_PORT = 68, DHCP6_PORT = 546 };

static const struct nft_base_chain base_chains[] = {
	{SW_NFT_GEO "_prerouting", NF_INET_PRE_ROUTING, PRIORITY, false},
	{SW_NFT_GEO "_forward", NF_INET_FORWARD, PRIORITY, true},
	{SW_NFT_GEO "_output", NF_INET_LOCAL_OUT, PRIORITY, true},
};

/* By way: what sorts the packets, and where the rules are that each sort is asked. */
static const struct way {
	const char *sort, *tcp, *udp, *other;
} ways[SW_GEO_WAYS] = {
	[SW_GEO_IN] = {SW_NFT_GEO "_in", SW_NFT_GEO "_in_tcp", SW_NFT_GEO "_in_udp", SW_NFT_GEO "_in_other"},
	[SW_GEO_OUT] = {SW_NFT_GEO "_out", SW_NFT_GEO "_out_tcp", SW_NFT_GEO "_out_udp", SW_NFT_GEO "_out_other"},
};

static const enum sw_family families[] = {SW_AF_IP4, SW_AF_IP6};

static const char *set_name(char buf[static SW_NFT_NAME_MAX], unsigned int rule, enum sw_family family)
{
	snprintf(buf, SW_NFT_NAME_MAX, SW_NFT_GEO "%u_%d", (rule & 63) + 1, (int)family & 7);
	return buf;
}

bool sw_nft_geo_note(struct sw_nft_geo *have, const char *chain, const char *tag)
{
	unsigned int number;

	if (strncmp(chain, SW_NFT_GEO "_", strlen(SW_NFT_GEO "_")) != 0)
		return false;
	have->is_there = true;
	if (sscanf(tag, "country rule %2u", &number) == 1 && number && number <= SW_GEO_RULES_MAX)
		have->rules |= 1U << (number - 1);
	return true;
}

/* ---- what a rule means, as runs of keys */

struct window {
	struct sw_geo_key first, last;
};

typedef bool (*is_meant_fn)(const struct sw_geo_view *v, const struct sw_geo_bound *b, unsigned int rule);
typedef void (*run_fn)(void *arg, const struct window *run);

static bool is_port_meant(const struct sw_geo_view *v, const struct sw_geo_bound *b, unsigned int rule)
{
	return b->rules >> rule & 1;
}

static bool is_net_meant(const struct sw_geo_view *v, const struct sw_geo_bound *b, unsigned int rule)
{
	return !b->is_nowhere && (b->rules ^ v->head->head.except) >> rule & 1;
}

static struct sw_geo_key key_of(const struct sw_geo_bound *b)
{
	return (struct sw_geo_key){b->high, b->low};
}

static struct sw_geo_key before(const struct sw_geo_key *k)
{
	return (struct sw_geo_key){k->high - !k->low, k->low - 1};
}

/* Calls fn for each run of keys within w that the rule means, in order; none touches the next. */
static void each_run(const struct sw_geo_view *v, const struct sw_geo_bound *at, size_t n, const struct window *w,
	unsigned int rule, is_meant_fn is_meant, run_fn fn, void *arg)
{
	struct window run;
	bool is_open = false;

	for (size_t i = 0; i < n; i++) {
		struct sw_geo_key key = key_of(&at[i]);

		if (sw_geo_key_cmp(&key, &w->last) > 0)
			break;
		if (sw_geo_key_cmp(&key, &w->first) < 0)
			key = w->first;
		if (is_open && !is_meant(v, &at[i], rule)) {
			run.last = before(&key);
			if (sw_geo_key_cmp(&key, &w->first) > 0) /* else it ended before the window */
				fn(arg, &run);
			is_open = false;
		} else if (!is_open && is_meant(v, &at[i], rule)) {
			run.first = key;
			is_open = true;
		}
	}
	run.last = w->last;
	if (is_open)
		fn(arg, &run);
}

/* ---- sets */

/* IPv6 without the part where IPv4 lies. */
static const struct {
	enum sw_family family;
	struct window window;
} spaces[] = {
	{SW_AF_IP4, {{0, 0xffff00000000}, {0, 0xffffffffffff}}},
	{SW_AF_IP6, {{0, 0}, {0, 0xfffeffffffff}}},
	{SW_AF_IP6, {{0, 0x1000000000000}, {UINT64_MAX, UINT64_MAX}}},
};

struct fill {
	struct sw_nft_batch *batch;
	const char *set;
	enum sw_family family;
	struct nlmsghdr *message; /* open, with n elements */
	struct nlattr *list;
	unsigned int n;
};

static void end_message(struct fill *f)
{
	if (f->message) {
		mnl_attr_nest_end(f->message, f->list);
		nft_close_message(f->batch, f->message);
	}
	f->message = NULL;
	f->n = 0;
}

static void put_bound(struct fill *f, const struct sw_geo_key *key, bool is_end)
{
	const uint64_t address[2] = {htobe64(key->high), htobe64(key->low)};
	size_t len = f->family == SW_AF_IP4 ? 4 : 16;
	struct nlattr *elem, *value;

	if (!f->message)
		f->message = nft_elems_message(f->batch, NFT_MSG_NEWSETELEM, f->set);
	if (!f->message)
		return;
	if (!f->n++)
		f->list = mnl_attr_nest_start(f->message, NFTA_SET_ELEM_LIST_ELEMENTS);
	elem = mnl_attr_nest_start(f->message, NFTA_LIST_ELEM);
	value = mnl_attr_nest_start(f->message, NFTA_SET_ELEM_KEY);
	mnl_attr_put(f->message, NFTA_DATA_VALUE, len, (const char *)address + sizeof(address) - len);
	mnl_attr_nest_end(f->message, value);
	if (is_end)
		mnl_attr_put_u32(f->message, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	mnl_attr_nest_end(f->message, elem);
}

/* Both ends in one message. The end is the first that is not of it, which the last of all addresses has none. */
static void put_interval(void *arg, const struct window *run)
{
	struct sw_geo_key end = {run->last.high + (run->last.low == UINT64_MAX), run->last.low + 1};
	struct fill *f = arg;
	bool is_to_the_end = f->family == SW_AF_IP4 ? end.low > 0xffffffffffff : !end.high && !end.low;

	put_bound(f, &run->first, false);
	if (!is_to_the_end)
		put_bound(f, &end, true);
	if (f->n > SW_NFT_ELEMS_MAX - 2)
		end_message(f);
}

static void put_sets(struct sw_nft_batch *b, const struct sw_geo_view *v, unsigned int rule)
{
	char name[SW_NFT_NAME_MAX];

	for (size_t i = 0; i < SW_ARRAY_SIZE(families); i++) {
		bool is_ip4 = families[i] == SW_AF_IP4;

		nft_put_set(b, set_name(name, rule, families[i]), is_ip4 ? NFT_TYPE_IP4 : NFT_TYPE_IP6,
			is_ip4 ? 4 : 16, NFT_SET_INTERVAL, false);
	}
	for (size_t i = 0; i < SW_ARRAY_SIZE(spaces); i++) {
		struct fill f = {.batch = b, .family = spaces[i].family, .set = set_name(name, rule, spaces[i].family)};

		each_run(v, v->nets, v->head->head.n_nets, &spaces[i].window, rule, is_net_meant, put_interval, &f);
		end_message(&f);
	}
}

/* ---- chains and what sorts packets */

static void add_is_protocol(struct nftnl_rule *r, uint32_t op, uint8_t protocol)
{
	nft_add_meta(r, NFT_META_L4PROTO);
	nft_add_cmp(r, op, &protocol, sizeof(protocol));
}

static void add_port(struct nftnl_rule *r)
{
	nft_add_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
}

static void add_is_no_answer(struct nftnl_rule *r)
{
	const uint32_t answers = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED), none = 0;
	struct nftnl_expr *e = nft_add_expr(r, "ct");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_STATE);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	nft_add_mask(r, &answers, sizeof(answers));
	nft_add_cmp(r, NFT_CMP_EQ, &none, sizeof(none));
}

static void put_sorted(struct sw_nft_batch *b, struct nftnl_rule *r, const char *chain)
{
	nft_add_verdict(r, NFT_JUMP, chain);
	nft_put_rule(b, r);
}

static void sort_tcp(struct sw_nft_batch *b, const struct way *way)
{
	const uint8_t mask = TH_SYN | TH_ACK, syn = TH_SYN;
	struct nftnl_rule *r = nft_new_rule(b, way->sort, "TCP connections");

	add_is_protocol(r, NFT_CMP_EQ, IPPROTO_TCP);
	nft_add_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1);
	nft_add_mask(r, &mask, sizeof(mask));
	nft_add_cmp(r, NFT_CMP_EQ, &syn, sizeof(syn));
	put_sorted(b, r, way->tcp);
}

static void sort_udp(struct sw_nft_batch *b, const struct way *way)
{
	const uint16_t dhcp = htons(DHCP_PORT), dhcp6 = htons(DHCP6_PORT);
	struct nftnl_rule *r = nft_new_rule(b, way->sort, "datagrams that are no answer");

	add_is_protocol(r, NFT_CMP_EQ, IPPROTO_UDP);
	add_port(r);
	nft_add_cmp(r, NFT_CMP_NEQ, &dhcp, sizeof(dhcp));
	add_port(r);
	nft_add_cmp(r, NFT_CMP_NEQ, &dhcp6, sizeof(dhcp6));
	add_is_no_answer(r);
	put_sorted(b, r, way->udp);
}

static void sort_ping(struct sw_nft_batch *b, const struct way *way, uint8_t protocol, uint8_t type)
{
	struct nftnl_rule *r = nft_new_rule(b, way->sort, "pings");

	add_is_protocol(r, NFT_CMP_EQ, protocol);
	nft_add_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
	nft_add_cmp(r, NFT_CMP_EQ, &type, sizeof(type));
	put_sorted(b, r, way->other);
}

static void sort_others(struct sw_nft_batch *b, const struct way *way)
{
	struct nftnl_rule *r = nft_new_rule(b, way->sort, "protocols without ports");

	for (size_t i = 0; i < sizeof(has_own_rule); i++)
		add_is_protocol(r, NFT_CMP_NEQ, has_own_rule[i]);
	for (size_t i = 0; i < sizeof(neighbours); i++)
		add_is_protocol(r, NFT_CMP_NEQ, neighbours[i]);
	put_sorted(b, r, way->other);
}

static void put_way(struct sw_nft_batch *b, const struct way *way)
{
	nft_put_chain(b, way->tcp, NULL);
	nft_put_chain(b, way->udp, NULL);
	nft_put_chain(b, way->other, NULL);
	nft_put_chain(b, way->sort, NULL);
	sort_tcp(b, way);
	sort_udp(b, way);
	sort_ping(b, way, IPPROTO_ICMP, ICMP_ECHO);
	sort_ping(b, way, IPPROTO_ICMPV6, ICMP6_ECHO_REQUEST);
	sort_others(b, way);
}

static void put_base_chain(struct sw_nft_batch *b, const struct nft_base_chain *base)
{
	struct nftnl_rule *r;

	nft_put_chain(b, base->name, base);
	nft_put_first_rules(b, base);
	nft_put_jump(b, base, "allow IPv4", SW_NFT_ALLOW, SW_AF_IP4);
	nft_put_jump(b, base, "allow IPv6", SW_NFT_ALLOW, SW_AF_IP6);
	r = nft_new_rule(b, base->name, "countries");
	put_sorted(b, r, ways[base->is_destination ? SW_GEO_OUT : SW_GEO_IN].sort);
}

/* ---- rules */

struct rule_at {
	struct sw_nft_batch *batch;
	const char *chain;
	unsigned int rule;
	enum sw_geo_way way;
	uint8_t protocol; /* SW_GEO_NO_PORTS: any */
};

static void add_ports(struct nftnl_rule *r, uint16_t first, uint16_t last)
{
	const uint16_t from = htons(first), to = htons(last);
	struct nftnl_expr *e;

	add_port(r);
	if (first == last) {
		nft_add_cmp(r, NFT_CMP_EQ, &from, sizeof(from));
		return;
	}
	e = nft_add_expr(r, "range");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_RANGE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_RANGE_OP, NFT_RANGE_EQ);
	nftnl_expr_set(e, NFTNL_EXPR_RANGE_FROM_DATA, &from, sizeof(from));
	nftnl_expr_set(e, NFTNL_EXPR_RANGE_TO_DATA, &to, sizeof(to));
}

/* A run of ports that the rule concerns. */
static void put_drops(void *arg, const struct window *run)
{
	const struct rule_at *at = arg;
	uint16_t first = (uint16_t)run->first.low, last = (uint16_t)run->last.low;
	char tag[SW_NFT_TAG_MAX], set[SW_NFT_NAME_MAX];

	snprintf(tag, sizeof(tag), "country rule %u", at->rule + 1);
	for (size_t i = 0; i < SW_ARRAY_SIZE(families); i++) {
		struct nftnl_rule *r = nft_new_rule(at->batch, at->chain, tag);

		nft_add_is_family(r, families[i]);
		if (at->protocol != SW_GEO_NO_PORTS) {
			add_is_protocol(r, NFT_CMP_EQ, at->protocol);
			if (first > 1 || last < UINT16_MAX) /* 0 is no port */
				add_ports(r, first, last);
		}
		nft_add_address(r, families[i], 128, at->way == SW_GEO_OUT);
		nft_add_lookup(r, set_name(set, at->rule, families[i]), false);
		nft_add_expr(r, "counter");
		nft_add_verdict(r, NF_DROP, NULL);
		nft_put_rule(at->batch, r);
	}
}

static void put_rule_of(struct rule_at at, const struct sw_geo_view *v)
{
	uint16_t last = at.protocol == SW_GEO_NO_PORTS ? 0 : UINT16_MAX;
	const struct window ports = {
		{0, sw_geo_port_key(at.way, at.protocol, 0)}, {0, sw_geo_port_key(at.way, at.protocol, last)}};

	each_run(v, v->ports, v->head->head.n_ports, &ports, at.rule, is_port_meant, put_drops, &at);
}

static void put_rules(struct sw_nft_batch *b, const struct sw_geo_view *v, unsigned int rule, enum sw_geo_way way)
{
	const struct way *to = &ways[way];

	put_rule_of((struct rule_at){b, to->tcp, rule, way, IPPROTO_TCP}, v);
	put_rule_of((struct rule_at){b, to->udp, rule, way, IPPROTO_UDP}, v);
	put_rule_of((struct rule_at){b, to->other, rule, way, SW_GEO_NO_PORTS}, v);
}

/* ---- all of it */

static void put_all(struct sw_nft_batch *b, const struct sw_geo_view *v, bool is_out_dropped)
{
	for (size_t i = 0; i < SW_GEO_WAYS; i++)
		put_way(b, &ways[i]);
	for (size_t i = 0; i < SW_ARRAY_SIZE(base_chains); i++)
		put_base_chain(b, &base_chains[i]);
	for (unsigned int i = 0; i < SW_GEO_RULES_MAX; i++) {
		if (!(v->head->head.drop >> i & 1))
			continue;
		put_sets(b, v, i);
		put_rules(b, v, i, SW_GEO_IN);
		if (is_out_dropped)
			put_rules(b, v, i, SW_GEO_OUT);
	}
}

/* Rules go before the sets and chains that they name. */
static void take_all(struct sw_nft_batch *b, __u32 rules)
{
	char name[SW_NFT_NAME_MAX];

	for (size_t i = 0; i < SW_ARRAY_SIZE(base_chains); i++)
		nft_del_rules(b, base_chains[i].name);
	for (size_t i = 0; i < SW_GEO_WAYS; i++) {
		const char *const chains[] = {ways[i].sort, ways[i].tcp, ways[i].udp, ways[i].other};

		for (size_t k = 0; k < SW_ARRAY_SIZE(chains); k++)
			nft_del_rules(b, chains[k]);
		for (size_t k = 0; k < SW_ARRAY_SIZE(chains); k++)
			nft_del_chain(b, chains[k]);
	}
	for (size_t i = 0; i < SW_ARRAY_SIZE(base_chains); i++)
		nft_del_chain(b, base_chains[i].name);
	for (unsigned int i = 0; i < SW_GEO_RULES_MAX; i++) {
		for (size_t k = 0; rules >> i & 1 && k < SW_ARRAY_SIZE(families); k++)
			nft_del_set(b, set_name(name, i, families[k]));
	}
}

void sw_nft_geo_swap(
	struct sw_nft_batch *b, const struct sw_nft_geo *have, const struct sw_geo_view *v, bool is_out_dropped)
{
	if (have->is_there)
		take_all(b, have->rules);
	if (v && v->head->head.drop)
		put_all(b, v, is_out_dropped);
}
