// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/packed_check.h"

#include "user/trail/image_check.h"

/* Everything of the header that says how much there is to read, before any of it is read. */
static int check_head(const struct sw_trail_packed *p, size_t len, const char **ret_why)
{
	const struct sw_trail_head *h = &p->head;
	size_t want = sizeof(*p);

	*ret_why = "not a file of this kind";
	if (h->magic != SW_TRAIL_PACKED_MAGIC)
		return -EBADMSG;
	*ret_why = "made by another version";
	if (h->version != SW_TRAIL_PACKED_VERSION)
		return -EPROTONOSUPPORT;
	*ret_why = "more entries than the kernel's maps hold";
	if (len > SW_PACKED_BYTES_MAX || h->count4 > SW_MAX_TRAILS4 || h->count6 > SW_MAX_TRAILS6 ||
		h->n_ports > SW_MAX_TRAIL_PORTS)
		return -EFBIG;
	*ret_why = "its size is not what its header says: cut short, or grown";
	if (p->elements4 > len || p->elements6 > len)
		return -EBADMSG;
	want += p->elements4 * sizeof(union sw_packed4) + p->elements6 * sizeof(union sw_packed6);
	want += p->elements6 ? SW_MARK_BITS / 8 : 0;
	want += h->n_ports * sizeof(struct sw_trail_port);
	if (h->size != len || want != len)
		return -EBADMSG;
	*ret_why = "a generation lacks its words or its head";
	if ((p->elements4 && p->elements4 < SW_PACKED_WORDS) ||
		(p->elements6 && p->elements6 <= SW_PACKED6_HEAD))
		return -EBADMSG;
	return 0;
}

/* Is what the leaf leads to behind the words, and inside? block: the word's first. */
static bool is_good_leaf(const struct sw_packed_view *v, uint32_t leaf, uint64_t block, uint64_t first)
{
	uint32_t number = leaf & 0xffff;

	if (leaf >> 24 != 0xff || leaf == SW_LEAF_LAST || leaf == SW_LEAF_WHOLE)
		return true;
	if (block < first)
		return false;
	if (leaf - number == SW_LEAF_LIST)
		return number < 128 && block + number < v->n4;
	return leaf - number == SW_LEAF_BLOCK && number < 64 && block + 2 * (uint64_t)number + 2 <= v->n4;
}

/* Every leaf, block and list that a word leads to. */
static bool is_good_word(const struct sw_packed_view *v, const union sw_packed4 *w, uint64_t first)
{
	uint32_t n = (uint32_t)__builtin_popcountll(w->bits);
	uint64_t block = w->block & SW_PACKED_BLOCK;
	const uint32_t *leaves = v->elements4->leaf;

	if (!n || w->base == SW_PACKED_WHOLE)
		return true;
	if (w->base < first * 4 || (uint64_t)w->base + n > v->n4 * 4)
		return false;
	for (uint64_t i = w->base; i < (uint64_t)w->base + n; i++)
		if (!is_good_leaf(v, leaves[i], block, first))
			return false;
	return true;
}

static bool is_good4(const struct sw_packed_view *v)
{
	uint32_t flags = 0;
	uint64_t first;

	for (size_t i = 0; i < SW_PACKED_WORDS && v->n4; i++)
		flags |= v->elements4[i].block;
	first = (flags & SW_PACKED_TAGGED ? 3 : flags & SW_PACKED_WATCHED ? 2 : 1) * (uint64_t)SW_PACKED_WORDS;
	if (v->n4 && v->n4 < first)
		return false;
	for (uint64_t i = 0; i < first && v->n4; i++)
		if (!is_good_word(v, &v->elements4[i], first))
			return false;
	return true;
}

static bool is_good6(const struct sw_packed_view *v)
{
	const struct sw_packed6_head *h = &v->elements6->head;
	uint64_t slots = v->n6 - SW_PACKED6_HEAD;
	unsigned int before = 129;

	if (!v->n6)
		return true;
	if (slots > SW_PACKED6_SLOTS_MAX || slots & (slots - 1) || h->mask != slots - 1 ||
		h->n_plens > 129 || h->wider > SW_MARK6_SPLIT_MAX - SW_MARK6_SPLIT)
		return false;
	for (uint32_t i = 0; i < h->n_plens; i++) {
		unsigned int plen =
			v->elements6[1 + i / SW_PACKED6_PLENS].plen[i % SW_PACKED6_PLENS];

		if (plen >= before)
			return false;
		before = plen;
	}
	for (uint64_t i = SW_PACKED6_HEAD; i < v->n6; i++) {
		const struct sw_packed6_slot *s = &v->elements6[i].slot;

		if (s->plen > 128 || s->action >= SW_TRAIL_ACTION_COUNT || s->is_used > 1)
			return false;
	}
	return true;
}

int sw_packed_check(const void *buf, size_t len, struct sw_packed_view *ret, const char **ret_why)
{
	const struct sw_trail_packed *p = buf;
	struct sw_packed_view v = {};
	const char *why = "too short to hold a header";
	int r = len < sizeof(*p) ? -EBADMSG : check_head(p, len, &why);

	if (!r) {
		v.head = &p->head;
		v.elements4 = (const union sw_packed4 *)(p + 1);
		v.n4 = p->elements4;
		v.elements6 = (const union sw_packed6 *)(v.elements4 + v.n4);
		v.n6 = p->elements6;
		v.marks6 = v.n6 ? (const uint64_t *)(v.elements6 + v.n6) : NULL;
		v.n_ports = p->head.n_ports;
		v.ports = (const struct sw_trail_port *)(const void *)((const char *)buf + len -
			v.n_ports * sizeof(*v.ports));
		why = "its checksum is wrong: the content is damaged";
		r = sw_crc32(0, &p->head + 1, len - sizeof(p->head)) == p->head.crc ? 0 : -EBADMSG;
	}
	if (!r && (!is_good4(&v) || !is_good6(&v))) {
		why = "it holds a number that leads out of it";
		r = -EBADMSG;
	}
	if (!r && (p->head.sets > SW_TRAIL_SETS_MAX ||
			  !sw_trail_ports_check(v.ports, v.n_ports, p->head.sets, &why)))
		r = -EBADMSG;
	if (!r)
		*ret = v;
	else if (ret_why)
		*ret_why = why;
	return r;
}
