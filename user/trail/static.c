// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/static.h"

#include <sys/mman.h>

#include "user/base/cidr.h"
#include "user/base/pages.h"
#include "user/trail/static_hash.h"
#include "user/trail/static_private.h"

enum {
	FILTER_BITS = 10, /* a trail: one in fifty that is not listed passes the filter */
	STRINGS_MAX = 1 << 30, /* bytes of files' names, infos and citations */
};

/* ---- hashes: the kind is in the seed, so kinds do not answer for each other */

static uint64_t seal_hash(uint64_t h)
{
	return h ? h : 1;
}

static uint64_t addr_hash(uint64_t seed, unsigned int family, const void *addr)
{
	if (family == SW_AF_IP4)
		return seal_hash(sw_mix64(sw_load64(addr, 4) | seed << 40, seed));
	return seal_hash(
		sw_mix64(sw_mix64(sw_load64(addr, 8), seed), sw_load64((const char *)addr + 8, 8)));
}

enum { SEED_IP = 11, SEED_PORT = 22, SEED_HOST = 44, SEED_TEXT = 100, SEED_NET = 1000 };

static uint64_t port_hash(unsigned int family, const void *addr, uint16_t port)
{
	return addr_hash(SEED_PORT + ((uint64_t)port << 8), family, addr);
}

static uint64_t net_hash(unsigned int family, const void *addr, unsigned int plen)
{
	return addr_hash(SEED_NET + plen, family, addr);
}

#define DOMAIN_BEGIN 0xcbf29ce484222325ull
static inline uint64_t domain_step(uint64_t h, unsigned char c)
{
	return (h ^ c) * 0x100000001b3ull;
}

static inline uint64_t domain_end(uint64_t h)
{
	return seal_hash(sw_mix64(h, 55));
}

static uint64_t domain_hash(const char *name, size_t len)
{
	uint64_t h = DOMAIN_BEGIN;

	while (len)
		h = domain_step(h, (unsigned char)name[--len]);
	return domain_end(h);
}

static uint64_t text_hash(enum sw_static_kind kind, const char *text, size_t len)
{
	return seal_hash(sw_hash_bytes(SEED_TEXT + kind, text, len));
}

/* ---- making and filling */

int sw_static_new(struct sw_static **ret)
{
	_cleanup_(sw_static_freep) struct sw_static *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = sw_patterns_new(&s->agents);
	if (!r)
		r = sw_patterns_new(&s->regexes);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

void sw_static_free(struct sw_static *s)
{
	if (!s)
		return;
	sw_patterns_free(s->agents);
	sw_patterns_free(s->regexes);
	free(s->rows);
	if (s->map) {
		munmap(s->map, s->map_len);
	} else {
		free(s->more);
		free(s->groups);
		sw_pages_free(s->slots, s->n_slots * sizeof(*s->slots));
		sw_pages_free(s->filter, (s->filter_mask + 1) * sizeof(*s->filter));
		sw_strbuf_done(&s->strings);
	}
	free(s);
}

void sw_static_freep(struct sw_static **s)
{
	sw_static_free(*s);
}

/* Groups that follow each other share most of their texts: what the last one has is not kept twice. */
static uint32_t keep_text(struct sw_static *s, const char *text, uint32_t last)
{
	uint32_t at = (uint32_t)s->strings.len;

	if (s->n_groups && sw_streq(s->strings.text + last, text))
		return last;
	sw_strbuf_add(&s->strings, text, strlen(text) + 1);
	return at;
}

int64_t sw_static_group(struct sw_static *s, const char *file, const char *info,
	const char *reference, const char *citation)
{
	struct sw_static_source last = s->n_groups ? s->groups[s->n_groups - 1] : (struct sw_static_source){}, *g;

	if (s->sink)
		return s->sink->group(s->sink->arg, file, info, reference, citation);
	if (s->strings.len > STRINGS_MAX)
		return -ENOMEM;
	if (s->n_groups % 256 == 0) {
		g = reallocarray(s->groups, s->n_groups + 256, sizeof(*g));
		if (!g)
			return -ENOMEM;
		s->groups = g;
	}
	s->groups[s->n_groups] = (struct sw_static_source){
		.file = keep_text(s, file, last.file),
		.info = keep_text(s, info, last.info),
		.reference = keep_text(s, reference, last.reference),
		.citation = keep_text(s, citation, last.citation),
		.list = s->list,
		.is_except = s->is_except,
	};
	if (s->strings.is_failed)
		return -ENOMEM;
	return (int64_t)s->n_groups++;
}

void sw_static_set_list(struct sw_static *s, uint32_t list, bool is_except)
{
	s->list = list;
	s->is_except = is_except;
}

void sw_static_set_sink(struct sw_static *s, const struct sw_static_sink *sink)
{
	s->sink = sink;
}

const char *sw_static_why(const struct sw_static *s)
{
	return s->why;
}

void sw_static_set_why(struct sw_static *s, const char *file, uint32_t line, const char *why)
{
	snprintf(s->why, sizeof(s->why), "%.80s, line %u: %s", file, line, why);
}

void sw_static_count_line(struct sw_static *s)
{
	s->stats.lines++;
}

void sw_static_note_bad(struct sw_static *s, const char *file, uint32_t line, const char *text, size_t len)
{
	if (!s->stats.bad++)
		sw_trail_bad_say(s->first_bad, file, line, text, len);
}

const char *sw_static_first_bad(const struct sw_static *s)
{
	return s->first_bad;
}

static int push(struct sw_static_slot **rows, size_t *n, size_t *cap, struct sw_static_slot row)
{
	if (*n == *cap) {
		size_t room = *cap ? *cap + *cap / 2 : 4096;
		struct sw_static_slot *grown = reallocarray(*rows, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*rows = grown;
		*cap = room;
	}
	(*rows)[(*n)++] = row;
	return 0;
}

static int add_row(struct sw_static *s, uint64_t hash, uint32_t group, uint32_t line)
{
	return push(&s->rows, &s->n, &s->cap, (struct sw_static_slot){hash, group, line});
}

static void mark_network(struct sw_static *s, const struct sw_net *net)
{
	bool is6 = net->family == SW_AF_IP6;
	unsigned int first = (unsigned int)net->addr[0] << 8 | net->addr[1];
	unsigned int n = net->plen < 16 ? 1u << (16 - net->plen) : 1;

	s->has_plen[is6][net->plen] = true;
	for (unsigned int i = first; !is6 && i < first + n; i++)
		s->near4[i >> 6] |= 1ull << (i & 63);
}

/* A mark that only the filter keeps: line and group say so. */
static int add_mark(struct sw_static *s, uint64_t hash)
{
	return add_row(s, hash, UINT32_MAX, UINT32_MAX);
}

/* A URL's host, which may be an address and may have a port. */
static int add_host_mark(struct sw_static *s, const char *host, size_t len)
{
	const char *colon = memchr(host, ':', len);
	struct sw_net net;
	int r = add_mark(s, sw_hash_bytes(SEED_HOST, host, len));

	if (!r && len && host[0] >= '0' && host[0] <= '9' &&
		sw_cidr_parse(host, colon ? (size_t)(colon - host) : len, &net) == 0)
		r = add_mark(s, addr_hash(SEED_IP, net.family, net.addr));
	return r;
}

static int add_pattern(struct sw_static *s, struct sw_patterns *p, const struct sw_static_line *l,
	uint32_t group, uint32_t line)
{
	int r = sw_patterns_add(p, l->text, l->len, group, line);

	if (r < 0 && r != -ENOMEM)
		s->stats.patterns_bad++;
	return r;
}

static int add_kind(
	struct sw_static *s, const struct sw_static_line *l, uint32_t group, uint32_t line)
{
	const char *slash;
	int r;

	switch (l->kind) {
	case SW_STATIC_IP:
		return add_row(s, addr_hash(SEED_IP, l->net.family, l->net.addr), group, line);
	case SW_STATIC_CIDR:
		mark_network(s, &l->net);
		return add_row(s, net_hash(l->net.family, l->net.addr, l->net.plen), group, line);
	case SW_STATIC_IP_PORT:
		r = add_mark(s, addr_hash(SEED_IP, l->net.family, l->net.addr));
		return r < 0
			? r
			: add_row(s, port_hash(l->net.family, l->net.addr, l->port), group, line);
	case SW_STATIC_DOMAIN:
		return add_row(s, domain_hash(l->text, l->len), group, line);
	case SW_STATIC_URL:
		slash = memchr(l->text, '/', l->len);
		r = add_host_mark(s, l->text, slash ? (size_t)(slash - l->text) : l->len);
		return r < 0 ? r : add_row(s, text_hash(l->kind, l->text, l->len), group, line);
	case SW_STATIC_AGENT:
	case SW_STATIC_REGEX: /* an exception has no length to be measured by here */
		if (s->groups[group].is_except)
			return 0;
		return add_pattern(s, l->kind == SW_STATIC_AGENT ? s->agents : s->regexes, l, group, line);
	default:
		return add_row(s, text_hash(l->kind, l->text, l->len), group, line);
	}
}

int sw_static_add(
	struct sw_static *s, const struct sw_static_line *l, uint32_t group, uint32_t line)
{
	if (l->kind == SW_STATIC_BAD) {
		s->stats.bad++;
		return -EINVAL;
	}
	s->stats.kinds[l->kind]++;
	return s->sink ? s->sink->add(s->sink->arg, l, group, line) : add_kind(s, l, group, line);
}

/* ---- sealing */

static inline size_t slot_of(const struct sw_static *s, uint64_t hash)
{
	return (size_t)((unsigned __int128)hash * s->n_slots >> 64);
}

static inline uint64_t filter_bits(uint64_t hash)
{
	return 1ull << (hash >> 32 & 63) | 1ull << (hash >> 38 & 63);
}

static inline bool may_have(const struct sw_static *s, uint64_t hash)
{
	uint64_t bits = filter_bits(hash);

	return (s->filter[hash & s->filter_mask] & bits) == bits;
}

static int place(struct sw_static *s, const struct sw_static_slot *row)
{
	size_t i = slot_of(s, row->hash);
	int r = 0;

	s->filter[row->hash & s->filter_mask] |= filter_bits(row->hash);
	if (row->line == UINT32_MAX)
		return 0;
	while (s->slots[i].hash && s->slots[i].hash != row->hash)
		i = i + 1 < s->n_slots ? i + 1 : 0;
	s->stats.trails += !s->slots[i].hash;
	if (s->slots[i].hash && s->slots[i].group != row->group)
		r = push(&s->more, &s->n_more, &s->cap_more, s->slots[i]);
	s->slots[i] = *row;
	return r;
}

static int by_hash(const void *a, const void *b)
{
	const struct sw_static_slot *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->group == y->group ? 0 : x->group > y->group ? -1 : 1;
}

static void list_plens(struct sw_static *s)
{
	for (unsigned int is6 = 0; is6 < 2; is6++) {
		for (unsigned int plen = SW_STATIC_PLENS; plen-- > 0;) {
			if (s->has_plen[is6][plen])
				s->plens[is6][s->n_plens[is6]++] = (uint8_t)plen;
		}
	}
}

int sw_static_seal(struct sw_static *s)
{
	size_t words = 1, n = 0;
	int r = sw_patterns_seal(s->agents);

	if (!r)
		r = sw_patterns_seal(s->regexes);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n; i++)
		n += s->rows[i].line != UINT32_MAX;
	while (words * 64 < s->n * FILTER_BITS)
		words *= 2;
	s->n_slots = n + n / 3 + 2;
	s->filter_mask = words - 1;
	s->slots = sw_pages_new(s->n_slots * sizeof(*s->slots));
	s->filter = sw_pages_new(words * sizeof(*s->filter));
	if (!s->slots || !s->filter)
		return -ENOMEM;
	for (size_t i = 0; i < s->n && !r; i++)
		r = place(s, &s->rows[i]);
	if (r < 0)
		return r;
	free(s->rows);
	s->rows = NULL;
	if (s->n_more)
		qsort(s->more, s->n_more, sizeof(*s->more), by_hash);
	list_plens(s);
	s->stats.trails += sw_patterns_count(s->agents) + sw_patterns_count(s->regexes);
	s->stats.bytes = s->n_slots * sizeof(*s->slots) + words * sizeof(*s->filter);
	return 0;
}

/* ---- asking */

static bool find(const struct sw_static *s, enum sw_static_kind kind, uint64_t hash,
	struct sw_static_hit *ret)
{
	if (!may_have(s, hash))
		return false;
	for (size_t i = slot_of(s, hash); s->slots[i].hash; i = i + 1 < s->n_slots ? i + 1 : 0) {
		if (s->slots[i].hash != hash)
			continue;
		*ret = (struct sw_static_hit){kind, s->slots[i].group, s->slots[i].line, NULL};
		return true;
	}
	return false;
}

static bool is_except(const struct sw_static *s, const struct sw_static_hit *hit)
{
	return s->groups[hit->group].is_except;
}

/* The narrowest network that holds the host. */
static bool find_network(const struct sw_static *s, const struct sw_net *host,
	struct sw_static_hit *ret, struct sw_net *ret_net)
{
	bool is6 = host->family == SW_AF_IP6;

	for (unsigned int i = 0; i < s->n_plens[is6]; i++) {
		struct sw_net net = sw_net_trim(host, s->plens[is6][i]);

		if (find(s, SW_STATIC_CIDR, net_hash(net.family, net.addr, net.plen), ret)) {
			*ret_net = net;
			return true;
		}
	}
	return false;
}

bool sw_static_addr(const struct sw_static *s, unsigned int family, const void *addr, uint16_t port,
	struct sw_static_hit *ret, struct sw_net *ret_net)
{
	bool is6 = family == SW_AF_IP6;
	uint64_t hash = addr_hash(SEED_IP, family, addr);
	const unsigned char *a = addr;
	struct sw_net host = {.family = (__u8)family, .plen = is6 ? 128 : 32};
	bool is_near = is6 || s->near4[a[0] << 2 | a[1] >> 6] & 1ull << (a[1] & 63);

	if (!may_have(s, hash) && !(is_near && s->n_plens[is6]))
		return false;
	memcpy(host.addr, addr, is6 ? 16 : 4);
	if ((port && may_have(s, hash) &&
		    find(s, SW_STATIC_IP_PORT, port_hash(family, addr, port), ret)) ||
		find(s, SW_STATIC_IP, hash, ret)) {
		*ret_net = host;
		return !is_except(s, ret);
	}
	return is_near && find_network(s, &host, ret, ret_net) && !is_except(s, ret);
}

void sw_static_expect_addr(const struct sw_static *s, unsigned int family, const void *addr)
{
	__builtin_prefetch(&s->filter[addr_hash(SEED_IP, family, addr) & s->filter_mask]);
}

bool sw_static_may_addr(const struct sw_static *s, unsigned int family, const void *addr)
{
	return may_have(s, addr_hash(SEED_IP, family, addr));
}

void sw_static_expect_name(
	const struct sw_static *s, const char *name, size_t len, struct sw_static_name *ret)
{
	uint64_t h = DOMAIN_BEGIN;

	ret->name = name;
	ret->n = 0;
	if (!s->stats.kinds[SW_STATIC_DOMAIN] || len > UINT16_MAX)
		return;
	for (size_t i = len; i-- > 0;) {
		h = domain_step(h, (unsigned char)name[i]);
		if (name[i] == '.' || (i && name[i - 1] != '.'))
			continue;
		if (ret->n == SW_STATIC_LABELS)
			break;
		ret->hash[ret->n] = domain_end(h);
		__builtin_prefetch(&s->filter[ret->hash[ret->n] & s->filter_mask]);
		ret->at[ret->n++] = (uint16_t)i;
	}
}

bool sw_static_expected(const struct sw_static *s, const struct sw_static_name *n,
	struct sw_static_hit *ret, const char **ret_suffix)
{
	for (unsigned int i = n->n; i-- > 0;) {
		if (!find(s, SW_STATIC_DOMAIN, n->hash[i], ret))
			continue;
		*ret_suffix = n->name + n->at[i];
		return !is_except(s, ret);
	}
	return false;
}

bool sw_static_is_excepted(const struct sw_static *s, const struct sw_static_name *n)
{
	struct sw_static_hit hit;

	for (unsigned int i = n->n; i-- > 0;) {
		if (find(s, SW_STATIC_DOMAIN, n->hash[i], &hit))
			return is_except(s, &hit);
	}
	return false;
}

bool sw_static_domain(const struct sw_static *s, const char *name, size_t len,
	struct sw_static_hit *ret, const char **ret_suffix)
{
	struct sw_static_name n;

	sw_static_expect_name(s, name, len, &n);
	return sw_static_expected(s, &n, ret, ret_suffix);
}

bool sw_static_text(const struct sw_static *s, enum sw_static_kind kind, const char *text,
	size_t len, struct sw_static_hit *ret)
{
	return s->stats.kinds[kind] && find(s, kind, text_hash(kind, text, len), ret) && !is_except(s, ret);
}

bool sw_static_has_host(const struct sw_static *s, const char *host, size_t len)
{
	return s->stats.kinds[SW_STATIC_URL] && may_have(s, sw_hash_bytes(SEED_HOST, host, len));
}

bool sw_static_pattern(struct sw_static *s, enum sw_static_kind kind, const char *text, size_t len,
	struct sw_static_hit *ret)
{
	if (!sw_patterns_match(kind == SW_STATIC_AGENT ? s->agents : s->regexes, text, len, ret))
		return false;
	ret->kind = kind;
	return !is_except(s, ret);
}

bool sw_static_has_kind(const struct sw_static *s, enum sw_static_kind kind)
{
	return s->stats.kinds[kind] > 0;
}

struct sw_static_about sw_static_about(const struct sw_static *s, const struct sw_static_hit *hit)
{
	const struct sw_static_source *g = &s->groups[hit->group];
	const char *text = s->strings.text;

	return (struct sw_static_about){text + g->info, text + g->reference, text + g->citation,
		text + g->file, hit->line, g->list < s->n_numbers ? s->numbers[g->list] : g->list};
}

void sw_static_renumber(struct sw_static *s, const uint32_t *numbers, size_t n)
{
	s->n_numbers = SW_MIN(n, SW_ARRAY_SIZE(s->numbers));
	memcpy(s->numbers, numbers, s->n_numbers * sizeof(*numbers));
}

/* ---- all that touches a text, for a person */

struct telling {
	struct sw_static *s;
	sw_static_fn fn;
	void *arg;
};

static void tell(const struct telling *t, enum sw_static_kind kind, uint64_t hash, const char *text, size_t len,
	const struct sw_net *net)
{
	const struct sw_static *s = t->s;
	struct sw_static_hit hit;
	size_t at = 0, n = s->n_more;

	if (!find(s, kind, hash, &hit))
		return;
	t->fn(t->arg, text, len, net, &hit);
	while (n) {
		bool is_below = s->more[at + n / 2].hash < hash;

		at += is_below ? n / 2 + 1 : 0;
		n = is_below ? n - n / 2 - 1 : n / 2;
	}
	for (; at < s->n_more && s->more[at].hash == hash; at++) {
		hit = (struct sw_static_hit){kind, s->more[at].group, s->more[at].line, NULL};
		t->fn(t->arg, text, len, net, &hit);
	}
}

static void tell_domain(const struct telling *t, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!i || name[i - 1] == '.')
			tell(t, SW_STATIC_DOMAIN, domain_hash(name + i, len - i), name + i, len - i, NULL);
}

static void tell_addr(const struct telling *t, const struct sw_net *net, uint16_t port)
{
	bool is_host = net->plen == sw_net_max_plen(net);

	if (is_host && port)
		tell(t, SW_STATIC_IP_PORT, port_hash(net->family, net->addr, port), NULL, port, net);
	if (is_host)
		tell(t, SW_STATIC_IP, addr_hash(SEED_IP, net->family, net->addr), NULL, 0, net);
	for (int plen = net->plen; plen >= 0; plen--) {
		struct sw_net around = sw_net_trim(net, (unsigned int)plen);

		tell(t, SW_STATIC_CIDR, net_hash(net->family, around.addr, around.plen), NULL, 0, &around);
	}
}

static void tell_url(const struct telling *t, const char *url, size_t len)
{
	size_t host = strcspn(url, "/"), name = strcspn(url, "/:"), bare = strcspn(url, "?");
	const struct {
		enum sw_static_kind kind;
		size_t from, to;
	} tries[] = {{SW_STATIC_URL, 0, len}, {SW_STATIC_URL, 0, bare}, {SW_STATIC_PATH, host, len},
		{SW_STATIC_PATH, host, bare}};

	for (size_t i = 0; i < SW_ARRAY_SIZE(tries); i++) {
		size_t n = tries[i].to - tries[i].from;

		if (n > 1 && (i % 2 == 0 || bare < len))
			tell(t, tries[i].kind, text_hash(tries[i].kind, url + tries[i].from, n), url + tries[i].from,
				n, NULL);
	}
	tell_domain(t, url, name);
}

void sw_static_each(struct sw_static *s, const struct sw_static_line *l, sw_static_fn fn, void *arg)
{
	const struct telling t = {s, fn, arg};

	switch (l->kind) {
	case SW_STATIC_IP:
	case SW_STATIC_CIDR:
	case SW_STATIC_IP_PORT:
		tell_addr(&t, &l->net, l->port);
		break;
	case SW_STATIC_DOMAIN:
		tell_domain(&t, l->text, l->len);
		break;
	case SW_STATIC_URL:
		tell_url(&t, l->text, l->len);
		break;
	case SW_STATIC_BAD:
		break;
	default:
		tell(&t, l->kind, text_hash(l->kind, l->text, l->len), l->text, l->len, NULL);
	}
}

const struct sw_static_stats *sw_static_stats(const struct sw_static *s)
{
	return &s->stats;
}
