// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/image.h"

#include <assert.h>
#include <endian.h>
#include <sys/mman.h>

#include "user/io/msg.h"

/* What is left of one list. */
struct cursor {
	const struct sw_trail_entry *at, *end;
	__u32 set;
	__u32 rank; /* place among the lists given: the first of equals decides */
};

/*
 * The merge of one family. The heap holds the lists by their next network; the stack holds the
 * entries written that contain the network at hand, widest first: at most one for every length.
 */
struct merge {
	struct cursor heap[SW_TRAIL_SETS_MAX];
	size_t n;
	const struct sw_trail_entry *around[129];
	size_t depth;
	struct sw_trail_image_stats *stats;
};

/* An address in two words that compare and mask as numbers: the merge asks little else. */
struct words {
	uint64_t high, low;
};

static struct words words_of(const struct sw_net *n)
{
	struct words w;

	memcpy(&w, n->addr, sizeof(w));
	return (struct words){be64toh(w.high), be64toh(w.low)};
}

/* sw_net_cmp for networks of one family. */
static int cmp_net(const struct sw_net *a, const struct sw_net *b)
{
	struct words x = words_of(a), y = words_of(b);

	if (x.high != y.high)
		return x.high < y.high ? -1 : 1;
	if (x.low != y.low)
		return x.low < y.low ? -1 : 1;
	return (int)a->plen - (int)b->plen;
}

/* sw_net_contains for networks of one family. */
static bool contains(const struct sw_net *outer, const struct sw_net *inner)
{
	struct words x = words_of(outer), y = words_of(inner);
	unsigned int low = outer->plen > 64 ? outer->plen - 64u : 0,
		     high = SW_MIN(outer->plen, 64u);

	if (outer->plen > inner->plen || (high && (x.high ^ y.high) >> (64 - high)))
		return false;
	return !low || !((x.low ^ y.low) >> (64 - low));
}

static bool is_before(const struct cursor *a, const struct cursor *b)
{
	int r = cmp_net(&a->at->net, &b->at->net);

	return r ? r < 0 : a->rank < b->rank;
}

static void sift_down(struct merge *m, size_t i)
{
	for (;;) {
		size_t least = i, left = 2 * i + 1;
		struct cursor swap;

		if (left < m->n && is_before(&m->heap[left], &m->heap[least]))
			least = left;
		if (left + 1 < m->n && is_before(&m->heap[left + 1], &m->heap[least]))
			least = left + 1;
		if (least == i)
			return;
		swap = m->heap[i];
		m->heap[i] = m->heap[least];
		m->heap[least] = swap;
		i = least;
	}
}

static void start(struct merge *m, const struct sw_trail_source *lists, size_t n, __u8 family)
{
	m->n = m->depth = 0;
	for (size_t i = 0; i < n; i++) {
		const struct sw_trail_view *v = &lists[i].view;
		const struct sw_trail_entry *e = family == SW_AF_IP4 ? v->entries4 : v->entries6;
		size_t count = family == SW_AF_IP4 ? v->n4 : v->n6;

		if (count)
			m->heap[m->n++] = (struct cursor){e, e + count, lists[i].set, (__u32)i};
	}
	for (size_t i = m->n / 2; i-- > 0;)
		sift_down(m, i);
}

static void advance(struct merge *m)
{
	if (++m->heap[0].at == m->heap[0].end)
		m->heap[0] = m->heap[--m->n];
	sift_down(m, 0);
}

/* The next network with the entry that decides for it among the lists; false at the end. */
static bool next_network(struct merge *m, struct sw_trail_entry *ret)
{
	if (!m->n)
		return false;
	*ret = *m->heap[0].at;
	ret->set = m->heap[0].set;
	ret->line = 0;
	for (advance(m); m->n && !cmp_net(&m->heap[0].at->net, &ret->net); advance(m)) {
		m->stats->merged++;
		if (m->heap[0].at->action > ret->action) {
			ret->action = m->heap[0].at->action;
			ret->set = m->heap[0].set;
		}
	}
	return true;
}

_Static_assert(SW_TRAIL_OBSERVE < SW_TRAIL_DROP && SW_TRAIL_DROP < SW_TRAIL_EXCEPT,
	"of equal networks the greater action decides");

/* Whether an entry that is written already and contains e makes e a watch on what is dropped anyway. */
static bool is_covered(struct merge *m, const struct sw_trail_entry *e)
{
	while (m->depth && !contains(&m->around[m->depth - 1]->net, &e->net))
		m->depth--;
	return e->action == SW_TRAIL_OBSERVE && m->depth &&
		m->around[m->depth - 1]->action == SW_TRAIL_DROP;
}

static size_t merge_family(struct merge *m, struct sw_trail_entry *out)
{
	struct sw_trail_entry e;
	size_t n = 0;

	while (next_network(m, &e)) {
		if (is_covered(m, &e)) {
			m->stats->covered++;
			continue;
		}
		out[n] = e;
		m->around[m->depth++] = &out[n++];
	}
	return n;
}

static void write_head(struct sw_trail_head *h, const struct sw_trail_source *lists, size_t n,
	int64_t made_wall_sec, const struct sw_trail_image_stats *stats)
{
	*h = (struct sw_trail_head){
		.magic = SW_TRAIL_IMAGE_MAGIC,
		.version = SW_TRAIL_VERSION,
		.size = sizeof(*h) + (stats->n4 + stats->n6) * sizeof(struct sw_trail_entry),
		.count4 = stats->n4,
		.count6 = stats->n6,
		.made_wall_sec = made_wall_sec,
	};
	for (size_t i = 0; i < n; i++)
		h->sets = SW_MAX(h->sets, lists[i].set + 1);
	h->crc = sw_crc32(0, h + 1, h->size - sizeof(*h));
}

int sw_trail_image_build(const struct sw_trail_source *lists, size_t n, int64_t made_wall_sec,
	struct sw_trail_image_stats *ret)
{
	struct sw_trail_image_stats stats = {};
	_free_ struct merge *m = calloc(1, sizeof(*m));
	_close_ int fd = -1;
	size_t len = sizeof(struct sw_trail_head);
	struct sw_trail_entry *out;
	void *map;
	int r;

	if (!m)
		return -ENOMEM;
	if (n > SW_TRAIL_SETS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n; i++) {
		assert(lists[i].set < SW_TRAIL_SETS_MAX);
		len += (lists[i].view.n4 + lists[i].view.n6) * sizeof(*out);
	}
	fd = sw_memfd_create("trail-image", len, &map);
	if (fd < 0)
		return fd;
	out = (struct sw_trail_entry *)((struct sw_trail_head *)map + 1);
	m->stats = &stats;
	start(m, lists, n, SW_AF_IP4);
	stats.n4 = merge_family(m, out);
	start(m, lists, n, SW_AF_IP6);
	stats.n6 = merge_family(m, out + stats.n4);
	write_head(map, lists, n, made_wall_sec, &stats);
	/* duplicates and covered entries leave room at the end */
	r = ftruncate(fd, (off_t)((struct sw_trail_head *)map)->size) < 0 ? -errno : 0;
	if (!r)
		r = sw_memfd_seal(fd, map, len);
	else
		munmap(map, len);
	if (r < 0)
		return r;
	if (stats.n4 > SW_MAX_TRAILS4 || stats.n6 > SW_MAX_TRAILS6)
		return -E2BIG;
	if (ret)
		*ret = stats;
	return TAKE_FD(fd);
}
