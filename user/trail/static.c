// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/static.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "user/base/cidr.h"
#include "user/base/pages.h"
#include "user/base/strbuf.h"
#include "user/trail/static_hash.h"
#include "user/trail/static_patterns.h"

enum {
	FILTER_BITS = 10, /* a trail: one in fifty that is not listed passes the filter */
	PLENS = 129,
	STRINGS_MAX = 1 << 30, /* bytes of files' names, infos and citations */
};

struct slot {
	uint64_t hash; /* 0: free */
	uint32_t group, line;
};

/* Offsets in the strings. */
struct group {
	uint32_t file, info, reference, citation;
	uint32_t list, pad;
};

struct sw_static {
	struct slot *rows; /* as added, until sealed */
	size_t n, cap;
	struct slot *slots;
	size_t n_slots;
	uint64_t *filter;
	uint64_t filter_mask; /* of words */
	struct group *groups;
	size_t n_groups;
	struct sw_strbuf strings; /* of the groups, each with its NUL */
	void *map; /* of a file: slots, filter, groups and strings lie in it; NULL: they are our own */
	size_t map_len;
	bool has_plen[2][PLENS]; /* prefix lengths of networks: IPv4, IPv6 */
	uint8_t plens[2][PLENS]; /* the same, longest first */
	unsigned int n_plens[2];
	uint64_t near4[1024]; /* a bit for each /16 that a network touches */
	struct sw_patterns *agents, *regexes;
	struct sw_static_stats stats;
	const struct sw_static_sink *sink;
	uint32_t list;
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
	struct group last = s->n_groups ? s->groups[s->n_groups - 1] : (struct group){}, *g;

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
	s->groups[s->n_groups] = (struct group){
		.file = keep_text(s, file, last.file),
		.info = keep_text(s, info, last.info),
		.reference = keep_text(s, reference, last.reference),
		.citation = keep_text(s, citation, last.citation),
		.list = s->list,
	};
	if (s->strings.is_failed)
		return -ENOMEM;
	return (int64_t)s->n_groups++;
}

void sw_static_set_list(struct sw_static *s, uint32_t list)
{
	s->list = list;
}

void sw_static_set_sink(struct sw_static *s, const struct sw_static_sink *sink)
{
	s->sink = sink;
}

void sw_static_count_line(struct sw_static *s)
{
	s->stats.lines++;
}

static int add_row(struct sw_static *s, uint64_t hash, uint32_t group, uint32_t line)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap + s->cap / 2 : 4096;
		struct slot *rows = reallocarray(s->rows, cap, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		s->rows = rows;
		s->cap = cap;
	}
	s->rows[s->n++] = (struct slot){hash, group, line};
	return 0;
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
		return add_pattern(s, s->agents, l, group, line);
	case SW_STATIC_REGEX:
		return add_pattern(s, s->regexes, l, group, line);
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

static void place(struct sw_static *s, const struct slot *row)
{
	size_t i = slot_of(s, row->hash);

	s->filter[row->hash & s->filter_mask] |= filter_bits(row->hash);
	if (row->line == UINT32_MAX)
		return;
	while (s->slots[i].hash && s->slots[i].hash != row->hash)
		i = i + 1 < s->n_slots ? i + 1 : 0;
	s->stats.trails += !s->slots[i].hash;
	s->slots[i] = *row;
}

static void list_plens(struct sw_static *s)
{
	for (unsigned int is6 = 0; is6 < 2; is6++) {
		for (unsigned int plen = PLENS; plen-- > 0;) {
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
	for (size_t i = 0; i < s->n; i++)
		place(s, &s->rows[i]);
	free(s->rows);
	s->rows = NULL;
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
		return true;
	}
	return is_near && find_network(s, &host, ret, ret_net);
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
		return true;
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
	return s->stats.kinds[kind] && find(s, kind, text_hash(kind, text, len), ret);
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
	return true;
}

bool sw_static_has_kind(const struct sw_static *s, enum sw_static_kind kind)
{
	return s->stats.kinds[kind] > 0;
}

struct sw_static_about sw_static_about(const struct sw_static *s, const struct sw_static_hit *hit)
{
	const struct group *g = &s->groups[hit->group];
	const char *text = s->strings.text;

	return (struct sw_static_about){text + g->info, text + g->reference, text + g->citation,
		text + g->file, hit->line, g->list};
}

const struct sw_static_stats *sw_static_stats(const struct sw_static *s)
{
	return &s->stats;
}

/* ---- the file */

enum { IMAGE_MAGIC = 0x73777363 /* "swsc" */, IMAGE_VERSION = 1 };

struct image_head {
	uint32_t magic, version;
	uint64_t size, sum; /* of the file; of all behind this field */
	uint64_t key;
	uint64_t n_slots, n_words, n_groups, n_strings, n_patterns;
	struct sw_static_stats stats;
	uint64_t near4[1024];
	uint8_t plens[2][PLENS], n_plens[2];
	uint8_t pad[4];
};

/* An expression in the file; its text follows, NUL-ended and padded to 8 bytes. */
struct image_pattern {
	uint32_t kind, group, line, len;
};

static uint64_t image_sum(const void *image, size_t len)
{
	enum { FROM = offsetof(struct image_head, sum) + sizeof(uint64_t) };

	return sw_hash_bytes(IMAGE_VERSION, (const char *)image + FROM, len - FROM);
}

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

struct pattern_writer {
	struct sw_strbuf *out;
	enum sw_static_kind kind;
	uint64_t n;
};

static void write_pattern(void *arg, const char *text, uint32_t group, uint32_t line)
{
	static const char zeros[8];
	struct pattern_writer *w = arg;
	const struct image_pattern p = {w->kind, group, line, (uint32_t)strlen(text)};

	sw_strbuf_add(w->out, &p, sizeof(p));
	sw_strbuf_add(w->out, text, p.len + 1);
	sw_strbuf_add(w->out, zeros, padded(p.len + 1) - (p.len + 1));
	w->n++;
}

int sw_static_save(const struct sw_static *s, uint64_t key, int dirfd, const char *name)
{
	struct image_head h = {.magic = IMAGE_MAGIC, .version = IMAGE_VERSION, .key = key};
	static const char zeros[8];
	_strbuf_ struct sw_strbuf out = {};
	struct pattern_writer w = {.out = &out};

	h.n_slots = s->n_slots;
	h.n_words = s->filter_mask + 1;
	h.n_groups = s->n_groups;
	h.n_strings = s->strings.len;
	h.stats = s->stats;
	memcpy(h.near4, s->near4, sizeof(h.near4));
	memcpy(h.plens, s->plens, sizeof(h.plens));
	h.n_plens[0] = (uint8_t)s->n_plens[0];
	h.n_plens[1] = (uint8_t)s->n_plens[1];
	sw_strbuf_add(&out, &h, sizeof(h));
	sw_strbuf_add(&out, s->slots, s->n_slots * sizeof(*s->slots));
	sw_strbuf_add(&out, s->filter, h.n_words * sizeof(*s->filter));
	sw_strbuf_add(&out, s->groups, s->n_groups * sizeof(*s->groups));
	sw_strbuf_add(&out, s->strings.text, s->strings.len);
	sw_strbuf_add(&out, zeros, padded(s->strings.len) - s->strings.len);
	w.kind = SW_STATIC_AGENT;
	sw_patterns_each(s->agents, write_pattern, &w);
	w.kind = SW_STATIC_REGEX;
	sw_patterns_each(s->regexes, write_pattern, &w);
	if (out.is_failed)
		return -ENOMEM;
	h.n_patterns = w.n;
	h.size = out.len;
	memcpy(out.text, &h, sizeof(h));
	h.sum = image_sum(out.text, out.len);
	memcpy(out.text, &h, sizeof(h));
	return sw_write_file_atomic(dirfd, name, out.text, out.len, 0640);
}

/* Takes n elements of size off the rest of the file; NULL when they are not there. */
static void *take_part(char **at, const char *end, uint64_t n, size_t size)
{
	char *part = *at;

	if (n > (uint64_t)(end - part) / size || padded(n * size) > (uint64_t)(end - part))
		return NULL;
	*at += padded(n * size);
	return part;
}

static int take_patterns(struct sw_static *s, char *at, const char *end, uint64_t n)
{
	for (; n; n--) {
		const struct image_pattern *p = take_part(&at, end, 1, sizeof(*p));
		const char *text = p ? take_part(&at, end, p->len + 1ull, 1) : NULL;
		int r;

		if (!text || text[p->len] || p->group >= s->n_groups)
			return -EBADMSG;
		r = sw_patterns_restore(p->kind == SW_STATIC_AGENT ? s->agents : s->regexes, text,
			p->len, p->group, p->line);
		if (r < 0)
			return r;
	}
	return at == end ? 0 : -EBADMSG;
}

/* The sum says that the file is as it was written; the rest that it was written by this version. */
static int take_image(struct sw_static *s, uint64_t key)
{
	const struct image_head *h = s->map;
	char *at = (char *)(s->map) + sizeof(*h);
	const char *end = (const char *)s->map + s->map_len;

	if (s->map_len < sizeof(*h) || h->magic != IMAGE_MAGIC || h->version != IMAGE_VERSION ||
		h->size != s->map_len)
		return -EBADMSG;
	if (h->key != key)
		return -ESTALE;
	if (h->sum != image_sum(s->map, s->map_len) || !h->n_slots || !h->n_words ||
		(h->n_words & (h->n_words - 1)) || h->n_plens[0] > PLENS || h->n_plens[1] > PLENS)
		return -EBADMSG;
	s->slots = take_part(&at, end, s->n_slots = h->n_slots, sizeof(*s->slots));
	s->filter = take_part(&at, end, h->n_words, sizeof(*s->filter));
	s->filter_mask = h->n_words - 1;
	s->groups = take_part(&at, end, s->n_groups = h->n_groups, sizeof(*s->groups));
	s->strings.text = take_part(&at, end, s->strings.len = h->n_strings, 1);
	if (!s->slots || !s->filter || !s->groups || !s->strings.text)
		return -EBADMSG;
	s->stats = h->stats;
	memcpy(s->near4, h->near4, sizeof(s->near4));
	memcpy(s->plens, h->plens, sizeof(s->plens));
	s->n_plens[0] = h->n_plens[0];
	s->n_plens[1] = h->n_plens[1];
	return take_patterns(s, at, end, h->n_patterns);
}

int sw_static_load(int dirfd, const char *name, uint64_t key, struct sw_static **ret)
{
	_cleanup_(sw_static_freep) struct sw_static *s = NULL;
	_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	void *map;
	int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : sw_static_new(&s);

	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return -EBADMSG;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	s->map = map;
	s->map_len = (size_t)st.st_size;
	r = take_image(s, key);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}
