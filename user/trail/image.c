// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/image.h"

#include <assert.h>
#include <endian.h>
#include <sys/mman.h>

#include "user/io/msg.h"
#include "user/trail/image_ports.h"
#include "user/trail/packed4.h"
#include "user/trail/packed6.h"

/* What is left of one list. */
struct cursor {
	const struct sw_trail_entry *at, *end;
	const struct sw_trail_source *source;
	__u32 set;
	__u32 rank; /* place among the lists given: the first of equals decides */
};

/*
 * The merge of one family. The heap holds the lists by their next network; the stack holds the
 * entries given on that contain the network at hand, widest first: at most one for every length.
 */
struct merge {
	struct cursor heap[SW_TRAIL_SETS_MAX];
	size_t n;
	struct sw_trail_entry around[129];
	size_t depth;
	struct sw_trail_port *ports; /* merged already */
	struct sw_trail_image_stats *stats;
};

/* Takes an entry of the merged set. */
typedef int (*sink_fn)(void *arg, const struct sw_trail_entry *e);

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

/* To the next entry that is not over; false at the end. */
static bool skip_over(struct cursor *c)
{
	while (c->at < c->end && sw_trail_source_is_over(c->source, c->at->set))
		c->at++;
	return c->at < c->end;
}

static void start(struct merge *m, const struct sw_trail_source *lists, size_t n, __u8 family)
{
	m->n = m->depth = 0;
	for (size_t i = 0; i < n; i++) {
		const struct sw_trail_view *v = &lists[i].view;
		const struct sw_trail_entry *e = family == SW_AF_IP4 ? v->entries4 : v->entries6;
		size_t count = family == SW_AF_IP4 ? v->n4 : v->n6;

		m->heap[m->n] = (struct cursor){e, e + count, &lists[i], lists[i].set, (__u32)i};
		m->n += skip_over(&m->heap[m->n]);
	}
	for (size_t i = m->n / 2; i-- > 0;)
		sift_down(m, i);
}

static void advance(struct merge *m)
{
	m->heap[0].at++;
	if (!skip_over(&m->heap[0]))
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
		if (sw_trail_rank(m->heap[0].at->action) > sw_trail_rank(ret->action)) {
			ret->action = m->heap[0].at->action;
			ret->set = m->heap[0].set;
		}
	}
	return true;
}

/* Whether an entry that is written already and contains e says more of it than e, which would take that away. */
static bool is_covered(struct merge *m, const struct sw_trail_entry *e)
{
	while (m->depth && !contains(&m->around[m->depth - 1].net, &e->net))
		m->depth--;
	return m->depth && sw_trail_is_covered(e->action, m->around[m->depth - 1].action);
}

/* Gives fn one family's entries in order. Their number, or what fn refused with. */
static int64_t merge_family(struct merge *m, const struct sw_trail_source *lists, size_t n_lists,
	__u8 family, sink_fn fn, void *arg)
{
	struct sw_trail_entry e;
	int64_t n = 0;

	start(m, lists, n_lists, family);
	while (next_network(m, &e)) {
		int r;

		if (is_covered(m, &e)) {
			m->stats->covered++;
			continue;
		}
		m->around[m->depth++] = e;
		m->stats->n_tagged += e.action == SW_TRAIL_TAG;
		r = fn(arg, &e);
		if (r < 0)
			return r;
		n++;
	}
	return n;
}

/* magic, version and size are there already. */
static void write_head(struct sw_trail_head *h, const struct sw_trail_source *lists, size_t n,
	int64_t made_wall_sec, const struct sw_trail_image_stats *stats)
{
	*h = (struct sw_trail_head){
		.magic = h->magic,
		.version = h->version,
		.size = h->size,
		.count4 = stats->n4,
		.count6 = stats->n6,
		.n_ports = stats->n_ports,
		.n_texts = stats->n_tagged,
		.made_wall_sec = made_wall_sec,
	};
	for (size_t i = 0; i < n; i++)
		h->sets = SW_MAX(h->sets, lists[i].set + 1);
	h->crc = sw_crc32(0, h + 1, h->size - sizeof(*h));
}

static int append(void *arg, const struct sw_trail_entry *e)
{
	struct sw_trail_entry **at = arg;

	*(*at)++ = *e;
	return 0;
}

static int build_lpm(
	struct merge *m, const struct sw_trail_source *lists, size_t n, int64_t made_wall_sec)
{
	struct sw_trail_image_stats *stats = m->stats;
	size_t port_bytes = stats->n_ports * sizeof(*m->ports),
	       len = sizeof(struct sw_trail_head) + port_bytes;
	struct sw_trail_head *h;
	struct sw_trail_entry *at;
	_close_ int fd = -1;
	void *map;
	int r;

	for (size_t i = 0; i < n; i++)
		len += (lists[i].view.n4 + lists[i].view.n6) * sizeof(*at);
	fd = sw_memfd_create("trail-image", len, &map);
	if (fd < 0)
		return fd;
	h = map;
	at = (struct sw_trail_entry *)(h + 1);
	stats->n4 = (uint64_t)merge_family(m, lists, n, SW_AF_IP4, append, &at);
	stats->n6 = (uint64_t)merge_family(m, lists, n, SW_AF_IP6, append, &at);
	if (port_bytes)
		memcpy(at, m->ports, port_bytes);
	h->magic = SW_TRAIL_IMAGE_MAGIC;
	h->version = SW_TRAIL_VERSION;
	h->size = sizeof(*h) + (stats->n4 + stats->n6) * sizeof(*at) + port_bytes;
	write_head(h, lists, n, made_wall_sec, stats);
	/* duplicates and covered entries leave room at the end */
	r = ftruncate(fd, (off_t)h->size) < 0 ? -errno : 0;
	if (!r)
		r = sw_memfd_seal(fd, map, len);
	else
		munmap(map, len);
	return r < 0 ? r : TAKE_FD(fd);
}

static int pack4(void *arg, const struct sw_trail_entry *e)
{
	return sw_packer4_add(arg, e);
}

static int pack6(void *arg, const struct sw_trail_entry *e)
{
	return sw_packer6_add(arg, e);
}

/* What the packers hold as an image of its exact size, mapped for its head to be written. */
static int write_packed(const struct merge *m, const struct sw_packer4 *p4, int64_t elements4,
	const struct sw_packer6 *p6, int64_t elements6, struct sw_trail_packed **ret,
	size_t *ret_len)
{
	size_t port_bytes = m->stats->n_ports * sizeof(*m->ports),
	       len4 = (size_t)elements4 * sizeof(union sw_packed4),
	       len6 = (size_t)elements6 * sizeof(union sw_packed6),
	       len = sizeof(struct sw_trail_packed) + len4 +
		(elements6 ? len6 + SW_MARK_WORDS * sizeof(uint64_t) : 0) + port_bytes;
	void *map;
	char *at;
	int fd = sw_memfd_create("trail-packed", len, &map);

	if (fd < 0)
		return fd;
	*ret = map;
	(*ret)->head.magic = SW_TRAIL_PACKED_MAGIC;
	(*ret)->head.version = SW_TRAIL_PACKED_VERSION;
	(*ret)->head.size = len;
	(*ret)->elements4 = (__u64)elements4;
	(*ret)->elements6 = (__u64)elements6;
	at = (char *)(*ret + 1);
	if (elements4)
		sw_packer4_write(p4, (union sw_packed4 *)(void *)at);
	at += len4;
	if (elements6)
		sw_packer6_write(
			p6, (union sw_packed6 *)(void *)at, (uint64_t *)(void *)(at + len6));
	if (port_bytes)
		memcpy((char *)map + len - port_bytes, m->ports, port_bytes);
	*ret_len = len;
	return fd;
}

static int build_packed(
	struct merge *m, const struct sw_trail_source *lists, size_t n, int64_t made_wall_sec)
{
	_cleanup_(sw_packer4_freep) struct sw_packer4 *p4 = NULL;
	_cleanup_(sw_packer6_freep) struct sw_packer6 *p6 = NULL;
	struct sw_trail_packed *image = NULL;
	_close_ int fd = -1;
	int64_t n4, n6, elements4, elements6;
	size_t len = 0;
	int r = sw_packer4_new(&p4);

	if (r >= 0)
		r = sw_packer6_new(&p6);
	if (r < 0)
		return r;
	n4 = merge_family(m, lists, n, SW_AF_IP4, pack4, p4);
	n6 = n4 < 0 ? n4 : merge_family(m, lists, n, SW_AF_IP6, pack6, p6);
	if (n6 < 0)
		return (int)n6;
	elements4 = sw_packer4_end(p4);
	elements6 = sw_packer6_end(p6);
	if (elements4 < 0 || elements6 < 0)
		return (int)SW_MIN(elements4, elements6);
	fd = write_packed(m, p4, elements4, p6, elements6, &image, &len);
	if (fd < 0)
		return fd;
	m->stats->n4 = (uint64_t)n4;
	m->stats->n6 = (uint64_t)n6;
	write_head(&image->head, lists, n, made_wall_sec, m->stats);
	r = sw_memfd_seal(fd, image, len);
	return r < 0 ? r : TAKE_FD(fd);
}

int sw_trail_image_build(const struct sw_trail_source *lists, size_t n, enum sw_trail_engine engine,
	int64_t made_wall_sec, struct sw_trail_image_stats *ret)
{
	struct sw_trail_image_stats stats = {};
	_free_ struct merge *m = calloc(1, sizeof(*m));
	_free_ struct sw_trail_port *ports = NULL;
	_close_ int fd = -1;
	int r;

	if (!m)
		return -ENOMEM;
	if (n > SW_TRAIL_SETS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n; i++)
		assert(lists[i].set < SW_TRAIL_SETS_MAX);
	r = sw_trail_ports_merge(lists, n, &ports, &stats.n_ports);
	if (r < 0)
		return r;
	m->ports = ports;
	for (size_t i = 0; i < stats.n_ports; i++)
		stats.n_tagged += ports[i].action == SW_TRAIL_TAG;
	m->stats = &stats;
	fd = engine == SW_ENGINE_PACKED ? build_packed(m, lists, n, made_wall_sec)
					: build_lpm(m, lists, n, made_wall_sec);
	if (fd < 0)
		return fd;
	if (stats.n4 > SW_MAX_TRAILS4 || stats.n6 > SW_MAX_TRAILS6)
		return -E2BIG;
	if (ret)
		*ret = stats;
	return TAKE_FD(fd);
}
