// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/nft_trails.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <sys/mman.h>

#include "sockwarden/abi/packed.h"
#include "user/guard/nft_private.h"
#include "user/guard/packed.h"
#include "user/trail/drops.h"

enum {
	FAMILIES = 2,
	WIDTHS = 129, /* of runs, as powers of two */
	STEPS = 32768, /* of reading, sorting or counting in one part: some milliseconds */
	BITS_OF_A_TYPE = 6, /* in nft's number for a key of two parts */
	TYPE_PORT = 13,
	PORT_PART = 4, /* bytes of a key: parts are rounded up */
	IP4_PLEN = 96, /* what an IPv4 length is longer as one of IPv6 */
};

/* What a family's runs are gone through for. */
enum pass { READ, SORT, COUNT, NETS, HOSTS, PASSES };
enum kind { KIND_HOSTS, KIND_NETS, KIND_PORTS, KINDS };

static const char *const kind_words[KINDS] = {"hosts", "nets", "ports"};
static const enum sw_family families[FAMILIES] = {SW_AF_IP4, SW_AF_IP6};

struct half {
	struct sw_drops4 packed; /* an IPv4 generation; elements NULL: nets has them */
	struct sw_drops nets;
	int trie; /* of the engine lpm, -1: none */
	const union sw_packed6 *slots; /* IPv6 of the engine packed */
	const void *map;
	size_t map_bytes, n_slots, at; /* slots read */
	union {
		struct sw_lpm4 key4;
		struct sw_lpm6 key6;
	};
	bool has_key;
	size_t widths[WIDTHS]; /* runs by their width */
	size_t n_hosts, n_nets; /* put in */
	unsigned int floor; /* all that are wider go in; of this width, only so many */
	size_t n_floor;
};

struct sw_nft_trail_load {
	const struct sw_maps *maps;
	unsigned int bank;
	bool is_out_dropped;
	struct half half[FAMILIES];
	unsigned int family; /* that is being worked on; FAMILIES: the ports are */
	enum pass pass;
	__u32 slot; /* of the ports that are read */
	int ports;
	struct sw_port_key key;
	bool has_key;
	size_t n_ports[FAMILIES], n_ports_left_out;
	bool has_set[FAMILIES][KINDS];
};

static const struct trail_chain {
	uint32_t hook;
	const char *name;
	bool is_destination;
} chains[] = {
	{NF_INET_PRE_ROUTING, SW_NFT_TRAIL "_in", false},
	{NF_INET_FORWARD, SW_NFT_TRAIL "_through", true},
	{NF_INET_LOCAL_OUT, SW_NFT_TRAIL "_out", true},
};

const char *sw_nft_trail_chain(uint32_t hook)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(chains); i++) {
		if (chains[i].hook == hook)
			return chains[i].name;
	}
	return chains[0].name;
}

static const char *set_name(char buf[static SW_NFT_NAME_MAX], unsigned int family, enum kind kind, unsigned int bank)
{
	snprintf(buf, SW_NFT_NAME_MAX, SW_NFT_TRAIL "%d_%s_%c", (int)families[family & 1] & 7, kind_words[kind],
		bank ? 'b' : 'a');
	return buf;
}

int sw_nft_trails_bank(const char *set)
{
	if (strncmp(set, SW_NFT_TRAIL, strlen(SW_NFT_TRAIL)) != 0)
		return -1;
	return set[strlen(set) - 1] == 'b';
}

bool sw_nft_trails_note(struct sw_nft_trails *have, const struct sw_nft_rule_seen *rule)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(chains); i++) {
		struct sw_nft_hits *to = chains[i].is_destination ? &have->out : &have->in;

		if (!sw_streq(rule->chain, chains[i].name))
			continue;
		if (rule->set[0]) {
			have->is_there = true;
			have->bank = sw_nft_trails_bank(rule->set) > 0;
		}
		to->packets += rule->hits.packets;
		to->bytes += rule->hits.bytes;
		return true;
	}
	return false;
}

/* ---- what is in force */

static int open_packed(struct half *h, const struct sw_maps *maps, unsigned int family)
{
	enum sw_map map = family ? SW_MAP_PACKED6 : SW_MAP_PACKED4;
	int r = sw_packed_map_inner(maps, map, &h->map, &h->map_bytes);

	if (r <= 0)
		return r;
	if (family) {
		h->slots = h->map;
		h->n_slots = h->map_bytes / sizeof(*h->slots);
		h->at = SW_PACKED6_HEAD;
	} else {
		h->packed.elements = h->map;
		h->packed.n = h->map_bytes / sizeof(*h->packed.elements);
	}
	return 0;
}

static int open_half(struct half *h, const struct sw_maps *maps, unsigned int family)
{
	struct sw_gate_ctl ctl;
	int r = sw_maps_ctl_get(maps, &ctl);

	if (r < 0)
		return r;
	if ((ctl.engine & SW_ENGINE_MASK) == SW_ENGINE_PACKED)
		return open_packed(h, maps, family);
	h->trie = sw_inner_open(maps->fd[family ? SW_MAP_TRAILS6 : SW_MAP_TRAILS4]);
	return 0;
}

static struct sw_geo_key key4(const __u8 addr[4])
{
	__be32 a;

	memcpy(&a, addr, sizeof(a));
	return (struct sw_geo_key){0, SW_DROPS_IP4_LOW | ntohl(a)};
}

static struct sw_geo_key key6(const __u8 addr[16])
{
	__be64 half[2];

	memcpy(half, addr, sizeof(half));
	return (struct sw_geo_key){be64toh(half[0]), be64toh(half[1])};
}

/* 1 more to come. */
static int read_slots(struct half *h)
{
	for (size_t end = SW_MIN(h->n_slots, h->at + STEPS); h->at < end; h->at++) {
		const struct sw_packed6_slot *s = &h->slots[h->at].slot;
		const struct sw_geo_key key = {s->high, s->low};
		int r = s->is_used ? sw_drops_add(&h->nets, &key, SW_MIN(s->plen, 128), s->action == SW_TRAIL_DROP) : 0;

		if (r < 0)
			return r;
	}
	return h->at < h->n_slots;
}

/* The trie in force is never written to, so its keys can be followed one by one. */
static int read_trie(struct half *h, unsigned int family)
{
	for (unsigned int i = 0; i < STEPS / 4; i++) {
		struct sw_trail_val val;
		struct sw_geo_key key;
		int r;

		if (bpf_map_get_next_key(h->trie, h->has_key ? &h->key6 : NULL, &h->key6) < 0)
			return errno == ENOENT ? 0 : -errno;
		h->has_key = true;
		if (bpf_map_lookup_elem(h->trie, &h->key6, &val) < 0)
			return -errno;
		key = family ? key6(h->key6.addr) : key4(h->key4.addr);
		r = sw_drops_add(&h->nets, &key,
			family ? SW_MIN(h->key6.plen, 128U) : SW_MIN(h->key4.plen, 32U) + IP4_PLEN,
			val.action == SW_TRAIL_DROP);
		if (r < 0)
			return r;
	}
	return 1;
}

static bool next_run(struct half *h, struct sw_drop_run *ret)
{
	return h->packed.elements ? sw_drops4_next(&h->packed, ret) : sw_drops_next(&h->nets, ret);
}

static void rewind_half(struct half *h)
{
	h->packed.at = 0;
	sw_drops_rewind(&h->nets);
}

/* ---- how much of it */

/* The narrowest of which all, or some, go in. */
static void choose(struct half *h)
{
	size_t left = SW_NFT_TRAIL_NETS;

	for (h->floor = WIDTHS - 1; h->floor > 1 && h->widths[h->floor] <= left; h->floor--)
		left -= h->widths[h->floor];
	h->n_floor = left;
}

/* 1 more to come. */
static int count(struct half *h)
{
	struct sw_drop_run run;

	for (unsigned int i = 0; i < STEPS; i++) {
		if (!next_run(h, &run)) {
			choose(h);
			return 0;
		}
		h->widths[sw_drop_run_width(&run)]++;
	}
	return 1;
}

static bool takes(struct half *h, const struct sw_drop_run *run, enum pass pass)
{
	unsigned int width = sw_drop_run_width(run);

	if (pass == HOSTS)
		return !width && h->n_hosts < SW_NFT_TRAIL_HOSTS && ++h->n_hosts;
	if (!width || width < h->floor || (width == h->floor && !h->n_floor))
		return false;
	h->n_floor -= width == h->floor;
	h->n_nets++;
	return true;
}

/* ---- sets */

static size_t key_len(unsigned int family)
{
	return family ? 16 : 4;
}

static void need_set(struct sw_nft_trail_load *l, struct sw_nft_batch *b, unsigned int family, enum kind kind)
{
	uint32_t type = family ? NFT_TYPE_IP6 : NFT_TYPE_IP4;
	char name[SW_NFT_NAME_MAX];

	if (l->has_set[family][kind])
		return;
	l->has_set[family][kind] = true;
	nft_put_set(b, set_name(name, family, kind, l->bank),
		kind == KIND_PORTS ? type << BITS_OF_A_TYPE | TYPE_PORT : type,
		(uint32_t)key_len(family) + (kind == KIND_PORTS ? PORT_PART : 0),
		kind == KIND_NETS ? NFT_SET_INTERVAL : 0, false);
}

/* 1 more to come. */
static int put_runs(struct sw_nft_trail_load *l, struct sw_nft_batch *b)
{
	enum kind kind = l->pass == HOSTS ? KIND_HOSTS : KIND_NETS;
	struct half *h = &l->half[l->family];
	char name[SW_NFT_NAME_MAX];
	struct nft_fill f = {
		.batch = b, .set = set_name(name, l->family, kind, l->bank), .key_len = key_len(l->family)};
	struct sw_drop_run run;
	bool is_more = true;

	for (unsigned int i = 0; i < STEPS && f.total < SW_NFT_PART && (is_more = next_run(h, &run)); i++) {
		if (!takes(h, &run, l->pass))
			continue;
		need_set(l, b, l->family, kind); /* before the first element, so no message is open */
		if (kind == KIND_HOSTS)
			nft_fill_host(&f, &run.first);
		else
			nft_fill_run(&f, &run.first, &run.last);
	}
	nft_fill_end(&f);
	return is_more;
}

static int open_ports(struct sw_nft_trail_load *l)
{
	__u32 id = 0;

	for (; l->ports < 0 && l->slot < SW_TRAIL_PORT_SLOTS; l->slot++) {
		if (bpf_map_lookup_elem(l->maps->fd[SW_MAP_TRAIL_PORTS], &l->slot, &id) >= 0 && id)
			l->ports = bpf_map_get_fd_by_id(id);
		l->has_key = false;
	}
	return l->ports >= 0;
}

static void put_port(struct sw_nft_trail_load *l, struct nft_fill *fills)
{
	unsigned int family = l->key.family == SW_AF_IP6;
	struct nft_fill *f = &fills[family];
	uint8_t key[16 + PORT_PART] = {};
	const __be16 port = htons(l->key.port);

	if (l->n_ports[0] + l->n_ports[1] >= SW_NFT_TRAIL_PORTS) {
		l->n_ports_left_out++;
		return;
	}
	nft_fill_end(&fills[!family]); /* one message is open at a time */
	need_set(l, f->batch, family, KIND_PORTS);
	memcpy(key, l->key.addr, key_len(family));
	memcpy(key + key_len(family), &port, sizeof(port));
	nft_fill_key(f, key, false);
	if (f->n >= SW_NFT_ELEMS_MAX)
		nft_fill_end(f);
	l->n_ports[family]++;
}

/* 1 more to come. */
static int put_ports(struct sw_nft_trail_load *l, struct sw_nft_batch *b)
{
	char names[FAMILIES][SW_NFT_NAME_MAX];
	struct nft_fill fills[FAMILIES];
	int r = 0;

	for (unsigned int i = 0; i < FAMILIES; i++)
		fills[i] = (struct nft_fill){.batch = b,
			.set = set_name(names[i], i, KIND_PORTS, l->bank),
			.key_len = key_len(i) + PORT_PART};
	for (unsigned int i = 0; i < SW_NFT_PART && open_ports(l); i++) {
		struct sw_trail_val val;

		if (bpf_map_get_next_key(l->ports, l->has_key ? &l->key : NULL, &l->key) < 0) {
			sw_close(TAKE_FD(l->ports));
			continue;
		}
		l->has_key = true;
		if (bpf_map_lookup_elem(l->ports, &l->key, &val) >= 0 && val.action == SW_TRAIL_DROP)
			put_port(l, fills);
	}
	r = open_ports(l);
	nft_fill_end(&fills[0]);
	nft_fill_end(&fills[1]);
	return r;
}

static int do_pass(struct sw_nft_trail_load *l, struct sw_nft_batch *b)
{
	struct half *h = &l->half[l->family];

	switch (l->pass) {
	case READ:
		return h->slots ? read_slots(h) : h->trie >= 0 ? read_trie(h, l->family) : 0;
	case SORT:
		return sw_drops_sort(&h->nets, STEPS);
	case COUNT:
		return count(h);
	default:
		return put_runs(l, b);
	}
}

int sw_nft_trail_load_part(struct sw_nft_trail_load *l, struct sw_nft_batch *b)
{
	for (; l->family < FAMILIES; l->family++, l->pass = 0) {
		for (; l->pass < PASSES; l->pass++) {
			int r = do_pass(l, b);

			if (r)
				return r;
			rewind_half(&l->half[l->family]);
		}
	}
	return put_ports(l, b);
}

/* ---- rules */

static struct nftnl_rule *new_rule(
	struct sw_nft_batch *b, const struct trail_chain *c, unsigned int family, const char *set)
{
	struct nftnl_rule *r = nft_new_rule(b, c->name, set);

	nft_add_is_family(r, families[family]);
	return r;
}

static void put_drop(struct sw_nft_batch *b, struct nftnl_rule *r, const char *set, struct sw_nft_hits *carry)
{
	nft_add_lookup(r, set, false);
	nft_add_counter(r, carry);
	*carry = (struct sw_nft_hits){};
	nft_add_verdict(r, NF_DROP, NULL);
	nft_put_rule(b, r);
}

static void put_port_drop(struct sw_nft_batch *b, const struct trail_chain *c, unsigned int family, uint8_t protocol,
	const char *set, struct sw_nft_hits *carry)
{
	uint32_t len = (uint32_t)key_len(family), at = family ? 8 : 12;
	struct nftnl_rule *r = new_rule(b, c, family, set);

	nft_add_meta(r, NFT_META_L4PROTO);
	nft_add_cmp(r, NFT_CMP_EQ, &protocol, sizeof(protocol));
	nft_add_payload_to(r, NFT_PAYLOAD_NETWORK_HEADER, c->is_destination ? at + len : at, len, NFT_REG32_00);
	nft_add_payload_to(r, NFT_PAYLOAD_TRANSPORT_HEADER, c->is_destination ? 2 : 0, 2, NFT_REG32_00 + len / 4);
	put_drop(b, r, set, carry);
}

static void put_family(const struct sw_nft_trail_load *l, struct sw_nft_batch *b, const struct trail_chain *c,
	unsigned int family, struct sw_nft_hits *carry)
{
	char set[SW_NFT_NAME_MAX];

	for (enum kind kind = KIND_HOSTS; kind <= KIND_NETS; kind++) {
		struct nftnl_rule *r;

		if (!l->has_set[family][kind])
			continue;
		r = new_rule(b, c, family, set_name(set, family, kind, l->bank));
		nft_add_address(r, families[family], 128, c->is_destination);
		put_drop(b, r, set, carry);
	}
	if (!l->has_set[family][KIND_PORTS])
		return;
	set_name(set, family, KIND_PORTS, l->bank);
	put_port_drop(b, c, family, IPPROTO_TCP, set, carry);
	put_port_drop(b, c, family, IPPROTO_UDP, set, carry);
}

bool sw_nft_trail_load_has_any(const struct sw_nft_trail_load *l)
{
	const bool *has = &l->has_set[0][0];
	bool any = false;

	for (size_t i = 0; i < FAMILIES * KINDS; i++)
		any |= has[i];
	return any;
}

void sw_nft_trail_load_swap(
	const struct sw_nft_trail_load *l, struct sw_nft_batch *b, const struct sw_nft_trails *have)
{
	struct sw_nft_hits in = have->in, out = have->out;

	for (size_t i = 0; i < SW_ARRAY_SIZE(chains); i++) {
		const struct trail_chain *c = &chains[i];

		nft_del_rules(b, c->name);
		if (!sw_nft_trail_load_has_any(l) || (c->hook == NF_INET_LOCAL_OUT && !l->is_out_dropped))
			continue;
		for (unsigned int f = 0; c->hook == NF_INET_FORWARD && f < FAMILIES; f++)
			nft_put_allowed_source(b, c->name, families[f]);
		for (unsigned int f = 0; f < FAMILIES; f++)
			put_family(l, b, c, f, c->is_destination ? &out : &in);
	}
}

void sw_nft_trail_load_facts(const struct sw_nft_trail_load *l, struct sw_guard_nft *ret)
{
	__u64 all = l->n_ports[0] + l->n_ports[1] + l->n_ports_left_out;

	ret->trails_held = l->n_ports[0] + l->n_ports[1];
	for (size_t f = 0; f < FAMILIES; f++) {
		const struct half *h = &l->half[f];

		ret->trails_held += h->n_hosts + h->n_nets;
		for (size_t i = 0; i < WIDTHS; i++)
			all += h->widths[i];
	}
	ret->trails_left_out = all - ret->trails_held;
}

/* ---- beginning and end */

int sw_nft_trail_load_new(
	const struct sw_maps *maps, unsigned int bank, bool is_out_dropped, struct sw_nft_trail_load **ret)
{
	struct sw_nft_trail_load *l = calloc(1, sizeof(*l));
	int r = 0;

	if (!l)
		return -ENOMEM;
	l->maps = maps;
	l->bank = bank;
	l->is_out_dropped = is_out_dropped;
	l->ports = l->half[0].trie = l->half[1].trie = -1;
	for (unsigned int f = 0; f < FAMILIES && r >= 0; f++)
		r = open_half(&l->half[f], maps, f);
	if (r < 0) {
		sw_nft_trail_load_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void sw_nft_trail_load_free(struct sw_nft_trail_load *l)
{
	for (size_t f = 0; l && f < FAMILIES; f++) {
		struct half *h = &l->half[f];

		if (h->map)
			munmap((void *)h->map, h->map_bytes);
		sw_drops_done(&h->nets);
		sw_close(TAKE_FD(h->trie));
	}
	if (l)
		sw_close(TAKE_FD(l->ports));
	free(l);
}
