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
#include <sys/mman.h>

#include "user/guard/nft_private.h"
#include "user/guard/packed.h"

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

static const char *set_name(
	char buf[static SW_NFT_NAME_MAX], unsigned int rule, enum sw_family family, unsigned int bank)
{
	snprintf(buf, SW_NFT_NAME_MAX, SW_NFT_GEO "%u_%d%s", (rule & 63) + 1, (int)family & 7, bank ? "b" : "");
	return buf;
}

int sw_nft_geo_bank(const char *set)
{
	size_t len = strlen(set);

	if (strncmp(set, SW_NFT_GEO, strlen(SW_NFT_GEO)) != 0)
		return -1;
	return set[len - 1] == 'b';
}

bool sw_nft_geo_note(struct sw_nft_geo *have, const struct sw_nft_rule_seen *rule)
{
	unsigned int number;

	if (strncmp(rule->chain, SW_NFT_GEO "_", strlen(SW_NFT_GEO "_")) != 0)
		return false;
	have->is_there = true;
	if (sscanf(rule->tag, "country rule %2u", &number) == 1 && number && number <= SW_GEO_RULES_MAX) {
		have->hits[number - 1].packets += rule->hits.packets;
		have->hits[number - 1].bytes += rule->hits.bytes;
		have->bank = sw_nft_geo_bank(rule->set) > 0;
	}
	return true;
}

/* ---- what a rule means, as runs of keys */

struct window {
	struct sw_geo_key first, last;
};

typedef bool (*is_meant_fn)(const struct sw_geo_view *v, const struct sw_geo_bound *b, unsigned int rule);
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

/* Over the runs of keys within a window that a rule means, in order; none touches the next. */
struct cursor {
	const struct sw_geo_view *view;
	const struct sw_geo_bound *at;
	size_t i, n;
	struct window window;
	unsigned int rule;
	is_meant_fn is_meant;
};

/* False at the end. */
static bool next_run(struct cursor *c, struct window *ret)
{
	bool is_open = false;

	for (; c->i < c->n; c->i++) {
		struct sw_geo_key key = key_of(&c->at[c->i]);

		if (sw_geo_key_cmp(&key, &c->window.last) > 0)
			break;
		if (sw_geo_key_cmp(&key, &c->window.first) < 0)
			key = c->window.first;
		if (is_open && !c->is_meant(c->view, &c->at[c->i], c->rule)) {
			ret->last = before(&key);
			is_open = false;
			if (sw_geo_key_cmp(&key, &c->window.first) > 0) /* else it ended before the window */
				return true;
		} else if (!is_open && c->is_meant(c->view, &c->at[c->i], c->rule)) {
			ret->first = key;
			is_open = true;
		}
	}
	c->i = c->n;
	ret->last = c->window.last;
	return is_open;
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

struct sw_nft_geo_load {
	const void *image; /* NULL: there are no rules */
	size_t bytes;
	struct sw_geo_view view;
	unsigned int bank;
	bool is_out_dropped;
	bool is_begun; /* the cursor is on its way through a space of a rule */
	unsigned int rule, space; /* that come next */
	struct cursor cursor;
};

static size_t key_len(enum sw_family family)
{
	return family == SW_AF_IP4 ? 4 : 16;
}

static void begin_space(struct sw_nft_geo_load *l, struct sw_nft_batch *b)
{
	char name[SW_NFT_NAME_MAX];

	for (size_t i = 0; !l->space && i < SW_ARRAY_SIZE(families); i++)
		nft_put_set(b, set_name(name, l->rule, families[i], l->bank),
			families[i] == SW_AF_IP4 ? NFT_TYPE_IP4 : NFT_TYPE_IP6, (uint32_t)key_len(families[i]),
			NFT_SET_INTERVAL, false);
	l->cursor = (struct cursor){.view = &l->view,
		.at = l->view.nets,
		.n = l->view.head->head.n_nets,
		.window = spaces[l->space].window,
		.rule = l->rule,
		.is_meant = is_net_meant};
	l->is_begun = true;
}

/* True: more of the space to come. */
static bool put_space(struct sw_nft_geo_load *l, struct sw_nft_batch *b, size_t *left)
{
	enum sw_family family = spaces[l->space].family;
	char name[SW_NFT_NAME_MAX];
	struct nft_fill f = {
		.batch = b, .set = set_name(name, l->rule, family, l->bank), .key_len = key_len(family)};
	struct window run;
	bool is_more = true;

	while (f.total < *left && (is_more = next_run(&l->cursor, &run)))
		nft_fill_run(&f, &run.first, &run.last);
	nft_fill_end(&f);
	*left -= SW_MIN(*left, f.total);
	return is_more;
}

int sw_nft_geo_load_part(struct sw_nft_geo_load *l, struct sw_nft_batch *b)
{
	size_t left = SW_NFT_PART;

	for (; l->image && l->rule < SW_GEO_RULES_MAX; l->rule++, l->space = 0) {
		if (!(l->view.head->head.drop >> l->rule & 1))
			continue;
		for (; l->space < SW_ARRAY_SIZE(spaces); l->space++, l->is_begun = false) {
			if (!left)
				return 1;
			if (!l->is_begun)
				begin_space(l, b);
			if (put_space(l, b, &left))
				return 1;
		}
	}
	return 0;
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
	unsigned int bank;
	struct sw_nft_hits *carry; /* what the rule counted before: of its first one here */
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
static void put_drops(const struct rule_at *at, const struct window *run)
{
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
		nft_add_lookup(r, set_name(set, at->rule, families[i], at->bank), false);
		nft_add_counter(r, at->carry);
		*at->carry = (struct sw_nft_hits){};
		nft_add_verdict(r, NF_DROP, NULL);
		nft_put_rule(at->batch, r);
	}
}

static void put_rule_of(struct rule_at at, const struct sw_geo_view *v)
{
	uint16_t last = at.protocol == SW_GEO_NO_PORTS ? 0 : UINT16_MAX;
	struct cursor c = {.view = v,
		.at = v->ports,
		.n = v->head->head.n_ports,
		.window = {{0, sw_geo_port_key(at.way, at.protocol, 0)},
			{0, sw_geo_port_key(at.way, at.protocol, last)}},
		.rule = at.rule,
		.is_meant = is_port_meant};
	struct window run;

	while (next_run(&c, &run))
		put_drops(&at, &run);
}

static void put_rules(struct sw_nft_batch *b, const struct sw_nft_geo_load *l, unsigned int rule,
	enum sw_geo_way way, struct sw_nft_hits *carry)
{
	const struct way *to = &ways[way];

	put_rule_of((struct rule_at){b, to->tcp, rule, way, IPPROTO_TCP, l->bank, carry}, &l->view);
	put_rule_of((struct rule_at){b, to->udp, rule, way, IPPROTO_UDP, l->bank, carry}, &l->view);
	put_rule_of((struct rule_at){b, to->other, rule, way, SW_GEO_NO_PORTS, l->bank, carry}, &l->view);
}

/* ---- all of it */

static void put_all(struct sw_nft_batch *b, const struct sw_nft_geo_load *l, const struct sw_nft_geo *have)
{
	for (size_t i = 0; i < SW_GEO_WAYS; i++)
		put_way(b, &ways[i]);
	for (size_t i = 0; i < SW_ARRAY_SIZE(base_chains); i++)
		put_base_chain(b, &base_chains[i]);
	for (unsigned int i = 0; i < SW_GEO_RULES_MAX; i++) {
		struct sw_nft_hits carry = have->hits[i];

		if (!(l->view.head->head.drop >> i & 1))
			continue;
		put_rules(b, l, i, SW_GEO_IN, &carry);
		if (l->is_out_dropped)
			put_rules(b, l, i, SW_GEO_OUT, &carry);
	}
}

/* Rules go before the chains that they name; their sets, which nobody asks then, are swept later. */
static void take_all(struct sw_nft_batch *b)
{
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
}

void sw_nft_geo_load_swap(const struct sw_nft_geo_load *l, struct sw_nft_batch *b, const struct sw_nft_geo *have)
{
	if (have->is_there)
		take_all(b);
	if (l->image && l->view.head->head.drop)
		put_all(b, l, have);
}

__u32 sw_nft_geo_load_id(const struct sw_nft_geo_load *l)
{
	return l->image ? l->view.head->head.id : 0;
}

int sw_nft_geo_load_new(
	const struct sw_maps *maps, unsigned int bank, bool is_out_dropped, struct sw_nft_geo_load **ret)
{
	struct sw_nft_geo_load *l = calloc(1, sizeof(*l));
	const char *why;
	int r;

	if (!l)
		return -ENOMEM;
	l->bank = bank;
	l->is_out_dropped = is_out_dropped;
	r = sw_packed_map_inner(maps, SW_MAP_GEO, &l->image, &l->bytes);
	if (r > 0)
		r = sw_geo_check(l->image, l->bytes, &l->view, &why);
	if (r < 0) {
		sw_nft_geo_load_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void sw_nft_geo_load_free(struct sw_nft_geo_load *l)
{
	if (l && l->image)
		munmap((void *)l->image, l->bytes);
	free(l);
}
