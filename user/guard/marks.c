// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/marks.h"

#include <bpf/bpf.h>
#include <endian.h>
#include <sys/mman.h>
#include <uthash.h>

#include "user/base/log.h"
#include "user/guard/mark_counts.h"
#include "user/guard/packed.h"
#include "user/trail/marks.h"

enum {
	BYTES = SW_MARK_BITS / 8,
	COARSE_BYTES = SW_COARSE_WORDS * sizeof(uint64_t),
	COARSE_OF = SW_COARSE_MARKS / 64, /* words of marks of a coarse word */
	COUNTED_MAX = 256, /* marks of one network that are counted; a wider one is kept whole */
};

/* A ban network too wide to be counted mark by mark. */
struct wide {
	struct sw_net net;
	UT_hash_handle hh;
};

/* The marks of one family. */
struct half {
	uint64_t *coarse, *live; /* the kernel's, mapped */
	uint64_t *others; /* the kernel's too: what bans and ports have of them; NULL for IPv6 */
	uint64_t *trails; /* those of the generation in force, ports among them */
	uint64_t *ports; /* those of others that its ports have; NULL for IPv6 */
	struct sw_mark_counts counts;
	struct wide *wide;
	bool is_inexact; /* memory ran out while counting: marks stay until a guard starts anew */
};

struct sw_marks {
	struct half half[2]; /* IPv4, IPv6 */
	uint64_t *epoch; /* the kernel's, mapped */
};

static struct half *half_of(struct sw_marks *m, const struct sw_net *net)
{
	return &m->half[net->family == SW_AF_IP6];
}

/* Read by programs on other CPUs at any time: whole words, and only what changes. */
static void put_word(uint64_t *words, size_t i, uint64_t value)
{
	if (words[i] != value)
		__atomic_store_n(&words[i], value, __ATOMIC_RELEASE);
}

/* A bit for each byte that is not zero. */
static uint64_t bytes_set(uint64_t word)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7fULL;
	uint64_t high = ((word & low) + low) | word; /* a byte's highest bit: it is not zero */

	return (high >> 7 & 0x0101010101010101ULL) * 0x0102040810204080ULL >> 56;
}

/* sw_coarse_bits() of all marks of COARSE_OF words. */
static uint64_t coarse_of(const uint64_t *words)
{
	uint64_t rows = 0, columns = 0;

	for (unsigned int i = 0; i < COARSE_OF; i++) {
		rows |= bytes_set(words[i]) << i * 8;
		columns |= words[i] | words[i] >> 32;
	}
	return rows | columns << 32;
}

static void put_live(struct half *h, size_t i, uint64_t value)
{
	size_t at = i / COARSE_OF;

	put_word(h->live, i, value);
	put_word(h->coarse, at, coarse_of(&h->live[at * COARSE_OF]));
}

/* In the kernel's words those asked first come last, so that what is behind them is there. */
static void set_word(struct half *h, size_t i, uint64_t bits, uint64_t others)
{
	if (h->others)
		put_word(h->others, i, h->others[i] | others);
	put_live(h, i, h->live[i] | bits);
}

static void set_mark(struct half *h, uint32_t bit, uint64_t others)
{
	set_word(h, bit / 64, 1ULL << (bit & 63), others);
}

/* The bit of what is not in a generation: of a host it is the host's own. */
static uint64_t other_of(const struct sw_net *net, uint32_t bit)
{
	uint32_t addr;

	if (net->family == SW_AF_IP6)
		return 0;
	memcpy(&addr, net->addr, sizeof(addr));
	return net->plen == 32 ? sw_othermark4_host(be32toh(addr)) : sw_othermark4_net(bit);
}

static uint64_t without(const uint64_t *words, uint32_t bit)
{
	return words[bit / 64] & ~(1ULL << (bit & 63));
}

/* Adds a wide network's marks to words; all marks when it would take too many. */
static void mark_wide(const struct sw_net *net, uint64_t *words, uint64_t *budget)
{
	uint64_t count = sw_marks_count(net, SW_MARK6_SPLIT);

	if (net->family == SW_AF_IP4)
		memset(&words[sw_marks_nth(net, SW_MARK6_SPLIT, 0) / 64], 0xff, count / 8);
	else if (!sw_marks_set6(net, SW_MARK6_SPLIT, words, budget))
		memset(words, 0xff, BYTES);
}

/* The marks as they must be, whole; no memory for that leaves them as they are, which is too many. */
static void rebuild(struct half *h)
{
	_free_ uint64_t *words = calloc(1, BYTES), *others = calloc(1, BYTES);
	uint64_t budget = SW_MARKS_BUDGET;
	const struct sw_mark_count *c;
	size_t at = 0;

	if (!words || !others || h->is_inexact)
		return;
	while ((c = sw_mark_counts_next(&h->counts, &at))) {
		sw_mark_set(words, c->bit);
		others[c->bit / 64] |= c->others;
	}
	for (const struct wide *w = h->wide; w; w = w->hh.next) {
		mark_wide(&w->net, words, &budget);
		if (h->others)
			mark_wide(&w->net, others, &budget);
	}
	for (size_t i = 0; i < SW_MARK_WORDS; i++) {
		if (h->others)
			put_word(h->others, i, others[i] | h->ports[i]);
		put_live(h, i, words[i] | h->trails[i]);
	}
}

static void lose_count(struct half *h)
{
	h->is_inexact = true;
	sw_log_warning(-ENOMEM,
		"bans are not counted any more: their marks stay until the guard starts again");
}

static void count(struct half *h, uint32_t bit, uint64_t others)
{
	struct sw_mark_count *c = sw_mark_counts_make(&h->counts, bit);

	if (!c) {
		lose_count(h);
		return;
	}
	c->n++;
	c->others |= others;
}

/* True when no ban has the mark any more. */
static bool uncount(struct half *h, uint32_t bit)
{
	struct sw_mark_count *c = sw_mark_counts_find(&h->counts, bit);

	if (!c)
		return false;
	if (c->n > 1) {
		c->n--;
		return false;
	}
	sw_mark_counts_drop(&h->counts, c);
	return true;
}

/* What the others of a word still have; the bits of those that are not counted any more go. */
static uint64_t others_left(struct half *h, size_t i)
{
	uint64_t others = h->ports[i];

	for (uint64_t left = h->live[i]; left; left &= left - 1) {
		const struct sw_mark_count *c =
			sw_mark_counts_find(&h->counts, (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(left));

		others |= c ? c->others : 0;
	}
	return others;
}

/* Without memory of its own, so that what is banned is marked whatever happens. */
static void set_live_wide(struct half *h, const struct sw_net *net)
{
	uint64_t n = sw_marks_count(net, SW_MARK6_SPLIT);
	size_t first = 0, end = SW_MARK_WORDS;

	if (net->family == SW_AF_IP6 && n <= SW_MARKS_BUDGET) {
		for (uint64_t i = 0; i < n; i++)
			set_mark(h, sw_marks_nth(net, SW_MARK6_SPLIT, i), 0);
		return;
	}
	if (net->family == SW_AF_IP4) {
		first = sw_marks_nth(net, SW_MARK6_SPLIT, 0) / 64;
		end = first + n / 64;
	}
	for (size_t i = first; i < end; i++)
		set_word(h, i, ~0ULL, ~0ULL);
}

static void add_wide(struct half *h, const struct sw_net *net)
{
	struct wide *w = calloc(1, sizeof(*w));

	if (!w) {
		lose_count(h);
		return;
	}
	w->net = *net;
	HASH_ADD(hh, h->wide, net, sizeof(w->net), w);
}

static void add(struct half *h, const struct sw_net *net, bool is_live)
{
	uint64_t n = sw_marks_count(net, SW_MARK6_SPLIT);

	if (n > COUNTED_MAX) {
		add_wide(h, net);
		if (is_live)
			set_live_wide(h, net);
		return;
	}
	for (uint64_t i = 0; i < n; i++) {
		uint32_t bit = sw_marks_nth(net, SW_MARK6_SPLIT, i);
		uint64_t others = other_of(net, bit);

		count(h, bit, others);
		if (is_live)
			set_mark(h, bit, others);
	}
}

void sw_marks_renew(struct sw_marks *m)
{
	uint64_t next = (*m->epoch + 1) & UINT32_MAX;

	put_word(m->epoch, 0, next ? next : 1); /* 0: nothing is kept */
}

void sw_marks_add(struct sw_marks *m, const struct sw_net *net)
{
	add(half_of(m, net), net, true);
	sw_marks_renew(m);
}

void sw_marks_del(struct sw_marks *m, const struct sw_net *net)
{
	struct half *h = half_of(m, net);
	uint64_t n = sw_marks_count(net, SW_MARK6_SPLIT);
	struct wide *w;

	sw_marks_renew(m);
	if (n > COUNTED_MAX) {
		HASH_FIND(hh, h->wide, net, sizeof(*net), w);
		if (w)
			HASH_DEL(h->wide, w);
		free(w);
		rebuild(h);
		return;
	}
	for (uint64_t i = 0; i < n; i++) {
		uint32_t bit = sw_marks_nth(net, SW_MARK6_SPLIT, i);

		/* under a wide network it stays; the rebuild when that goes takes it away */
		if (!uncount(h, bit) || h->wide || h->is_inexact)
			continue;
		if (!(h->trails[bit / 64] >> (bit & 63) & 1))
			put_live(h, bit / 64, without(h->live, bit));
		if (h->others)
			put_word(h->others, bit / 64, others_left(h, bit / 64));
	}
}

/* ---- trails */

static uint64_t trail_word4(const struct sw_packed_view *v, size_t i)
{
	const union sw_packed4 *words = v->elements4;
	uint64_t bits;

	if (!v->n4)
		return 0;
	bits = words[i].bits;
	if (words[i].block & SW_PACKED_WATCHED)
		bits |= words[SW_PACKED_WORDS + i].bits;
	if (words[i].block & SW_PACKED_TAGGED)
		bits |= words[2 * SW_PACKED_WORDS + i].bits;
	return bits;
}

static uint64_t trail_word(const struct sw_packed_view *v, int family, size_t i)
{
	if (!v)
		return 0;
	return family ? (v->marks6 ? v->marks6[i] : 0) : trail_word4(v, i);
}

static void note_port(struct sw_marks *m, const struct sw_net *net, bool is_live)
{
	struct half *h = half_of(m, net);
	uint32_t bit = sw_marks_nth(net, SW_MARK6_SPLIT, 0);
	uint64_t others = other_of(net, bit);

	sw_mark_set(h->trails, bit);
	if (h->ports)
		h->ports[bit / 64] |= others;
	if (is_live)
		set_mark(h, bit, others);
}

/* Beside the networks' own, which are there already. */
static void note_ports(struct sw_marks *m, const struct sw_packed_view *v, bool is_live)
{
	for (uint64_t i = 0; v && i < v->n_ports; i++)
		note_port(m, &v->ports[i].net, is_live);
}

static void forget_ports(struct half *h)
{
	for (size_t i = 0; h->ports && i < SW_MARK_WORDS; i++)
		if (h->ports[i])
			h->ports[i] = 0;
}

void sw_marks_join(struct sw_marks *m, const struct sw_packed_view *v)
{
	for (int family = 0; family < 2; family++) {
		struct half *h = &m->half[family];

		for (size_t i = 0; i < SW_MARK_WORDS; i++) {
			uint64_t word = trail_word(v, family, i);

			/* kept, too, so that a rebuild on the way does not take it away */
			if (word & ~h->trails[i])
				h->trails[i] |= word;
			put_live(h, i, h->live[i] | word);
		}
	}
	note_ports(m, v, true);
}

void sw_marks_settle(struct sw_marks *m, const struct sw_packed_view *v)
{
	for (int family = 0; family < 2; family++) {
		struct half *h = &m->half[family];

		for (size_t i = 0; i < SW_MARK_WORDS; i++) {
			uint64_t word = trail_word(v, family, i);

			if (h->trails[i] != word)
				h->trails[i] = word;
		}
		forget_ports(h);
	}
	note_ports(m, v, false);
	rebuild(&m->half[0]);
	rebuild(&m->half[1]);
	sw_marks_renew(m);
}

/* ---- the beginning */

static int on_ban(const struct sw_net *net, void *arg)
{
	add(half_of(arg, net), net, false);
	return 0;
}

static int adopt_trails4(struct half *h, const struct sw_maps *maps)
{
	struct sw_packed_view v = {};
	size_t bytes = 0;
	const void *map = NULL;
	int r = sw_packed_map_inner(maps, SW_MAP_PACKED4, &map, &bytes);

	if (r <= 0)
		return r;
	v.elements4 = map;
	v.n4 = bytes / sizeof(*v.elements4);
	for (size_t i = 0; i < SW_MARK_WORDS; i++)
		h->trails[i] = trail_word4(&v, i);
	munmap((void *)map, bytes);
	return 0;
}

static int adopt_trails6(struct half *h, const struct sw_maps *maps)
{
	uint64_t budget = SW_MARKS_BUDGET;
	size_t bytes = 0;
	const union sw_packed6 *slots;
	const void *map = NULL;
	int r = sw_packed_map_inner(maps, SW_MAP_PACKED6, &map, &bytes);

	if (r <= 0)
		return r;
	slots = map;
	for (size_t i = SW_PACKED6_HEAD; i < bytes / sizeof(*slots); i++) {
		struct sw_net net = sw_packed6_net(&slots[i].slot);

		if (slots[i].slot.is_used && slots[i].slot.action != SW_TRAIL_EXCEPT &&
			!sw_marks_set6(&net, SW_MARK6_SPLIT + slots->head.wider, h->trails, &budget))
			memset(h->trails, 0xff, BYTES);
	}
	munmap((void *)map, bytes);
	return 0;
}

static void adopt_port(const struct sw_net *net, void *arg)
{
	note_port(arg, net, false);
}

static int map_words(int fd, size_t bytes, uint64_t **ret)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	*ret = map;
	return 0;
}

static int open_half(struct half *h, int coarse_fd, int live_fd, int others_fd)
{
	int r = map_words(coarse_fd, COARSE_BYTES, &h->coarse);

	if (r >= 0)
		r = map_words(live_fd, BYTES, &h->live);
	if (r >= 0 && others_fd >= 0)
		r = map_words(others_fd, BYTES, &h->others);
	if (r < 0)
		return r;
	h->trails = calloc(SW_MARK_WORDS, sizeof(*h->trails));
	if (h->others)
		h->ports = calloc(SW_MARK_WORDS, sizeof(*h->ports));
	return h->trails && (h->ports || !h->others) ? 0 : -ENOMEM;
}

int sw_marks_new(const struct sw_maps *maps, struct sw_marks **ret)
{
	_cleanup_(sw_marks_freep) struct sw_marks *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	r = open_half(&m->half[0], maps->fd[SW_MAP_COARSE4], maps->fd[SW_MAP_MARKS4], maps->fd[SW_MAP_OTHERMARKS4]);
	if (r >= 0)
		r = open_half(&m->half[1], maps->fd[SW_MAP_COARSE6], maps->fd[SW_MAP_MARKS6], -1);
	if (r >= 0)
		r = map_words(maps->fd[SW_MAP_EPOCH], sizeof(*m->epoch), &m->epoch);
	if (r >= 0)
		r = adopt_trails4(&m->half[0], maps);
	if (r >= 0)
		r = adopt_trails6(&m->half[1], maps);
	if (r >= 0)
		r = sw_maps_ports_each(maps, adopt_port, m);
	if (r >= 0)
		r = sw_maps_ban_each(maps, on_ban, m);
	if (r < 0)
		return r;
	rebuild(&m->half[0]);
	rebuild(&m->half[1]);
	sw_marks_renew(m);
	*ret = TAKE_PTR(m);
	return 0;
}

static void close_half(struct half *h)
{
	struct wide *w, *next_w;

	sw_mark_counts_free(&h->counts);
	HASH_ITER (hh, h->wide, w, next_w) {
		HASH_DEL(h->wide, w);
		free(w);
	}
	if (h->coarse)
		munmap(h->coarse, COARSE_BYTES);
	if (h->live)
		munmap(h->live, BYTES);
	if (h->others)
		munmap(h->others, BYTES);
	free(h->trails);
	free(h->ports);
}

void sw_marks_free(struct sw_marks *m)
{
	if (!m)
		return;
	close_half(&m->half[0]);
	close_half(&m->half[1]);
	if (m->epoch)
		munmap(m->epoch, sizeof(*m->epoch));
	free(m);
}

void sw_marks_freep(struct sw_marks **m)
{
	sw_marks_free(*m);
}
