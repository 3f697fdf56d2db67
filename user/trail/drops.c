// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/drops.h"

enum { BLOCK_WORDS = 4, WORD_LAST = (1 << 14) - 1, SLASH24_LAST = 255 };

static const struct sw_geo_key last_key = {UINT64_MAX, UINT64_MAX};

unsigned int sw_drop_run_width(const struct sw_drop_run *r)
{
	uint64_t low = r->last.low - r->first.low, high = r->last.high - r->first.high - (r->last.low < r->first.low);

	/* one more than the difference is how many there are */
	if (!++low)
		high++;
	if (high)
		return 127 - (unsigned int)__builtin_clzll(high);
	return low ? 63 - (unsigned int)__builtin_clzll(low) : 128; /* 0: all that there are */
}

/* ---- a packed generation */

/* The hosts of a leaf as bits; what leads out of the generation has none. */
static void hosts_of(const struct sw_drops4 *d, const union sw_packed4 *word, uint32_t bit, uint64_t ret[BLOCK_WORDS])
{
	uint64_t at = word->base + (uint64_t)__builtin_popcountll(word->bits & ((1ULL << bit) - 1)), block, list;
	uint32_t leaf = at / 4 < d->n ? d->elements[at / 4].leaf[at & 3] : SW_LEAF_BLOCK + 64;

	memset(ret, 0, BLOCK_WORDS * sizeof(*ret));
	if (leaf == SW_LEAF_WHOLE) {
		memset(ret, 0xff, BLOCK_WORDS * sizeof(*ret));
	} else if (leaf >> 24 != 0xff || leaf == SW_LEAF_LAST) {
		for (int i = 0; i < 32; i += 8)
			ret[(leaf >> i & 255) / 64] |= 1ULL << (leaf >> i & 63);
	} else if (leaf & SW_LEAF_LIST_BIT) {
		list = (word->block & SW_PACKED_BLOCK) + (uint64_t)(leaf & 127);
		for (size_t i = 0; list < d->n && i < sizeof(d->elements->host); i++)
			ret[d->elements[list].host[i] / 64] |= 1ULL << (d->elements[list].host[i] & 63);
	} else {
		block = (word->block & SW_PACKED_BLOCK) + 2 * (uint64_t)(leaf & 63);
		if ((leaf & 0xffffff) < 64 && block + 2 <= d->n)
			memcpy(ret, &d->elements[block], BLOCK_WORDS * sizeof(*ret));
	}
}

/* The first host from this one on whose bit is as asked; 256: there is none. */
static uint32_t find_host(const uint64_t hosts[BLOCK_WORDS], uint32_t from, bool is_set)
{
	for (uint32_t w = from / 64; w < BLOCK_WORDS; w++) {
		uint64_t bits = is_set ? hosts[w] : ~hosts[w];

		if (w == from / 64)
			bits &= ~0ULL << (from & 63);
		if (bits)
			return w * 64 + (uint32_t)__builtin_ctzll(bits);
	}
	return SLASH24_LAST + 1;
}

/* A run within one leaf, or one word; the next may touch it. */
static bool next_piece(struct sw_drops4 *d, uint64_t *ret_first, uint64_t *ret_last)
{
	while (d->n >= SW_PACKED_WORDS && d->at < 1ULL << 32) {
		const union sw_packed4 *word = &d->elements[d->at >> 14];
		uint32_t bit = d->at >> 8 & 63, first, end;
		uint64_t hosts[BLOCK_WORDS], net;

		if (!(word->bits >> bit)) {
			d->at = (d->at | WORD_LAST) + 1;
			continue;
		}
		if (word->base == SW_PACKED_WHOLE) {
			*ret_first = d->at;
			*ret_last = d->at | WORD_LAST;
			d->at = *ret_last + 1;
			return true;
		}
		if (!(word->bits >> bit & 1)) {
			d->at = (d->at | SLASH24_LAST) + 1;
			continue;
		}
		net = d->at & ~(uint64_t)SLASH24_LAST;
		hosts_of(d, word, bit, hosts);
		first = find_host(hosts, d->at & SLASH24_LAST, true);
		end = first > SLASH24_LAST ? first : find_host(hosts, first, false);
		d->at = net + end;
		if (first > SLASH24_LAST)
			continue;
		*ret_first = net + first;
		*ret_last = net + end - 1;
		return true;
	}
	return false;
}

bool sw_drops4_next(struct sw_drops4 *d, struct sw_drop_run *ret)
{
	uint64_t first, last, more, end;

	if (!next_piece(d, &first, &last))
		return false;
	while (next_piece(d, &more, &end)) {
		if (more != last + 1) {
			d->at = more;
			break;
		}
		last = end;
	}
	*ret = (struct sw_drop_run){{0, SW_DROPS_IP4_LOW | first}, {0, SW_DROPS_IP4_LOW | last}};
	return true;
}

/* ---- networks */

void sw_drops_done(struct sw_drops *d)
{
	free(d->nets);
	*d = (struct sw_drops){};
}

int sw_drops_add(struct sw_drops *d, const struct sw_geo_key *key, unsigned int plen, bool is_dropped)
{
	if (d->n >= d->room) {
		size_t room = d->room ? d->room * 2 : 256;
		struct sw_drop_net *grown = reallocarray(d->nets, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		d->nets = grown;
		d->room = room;
	}
	d->nets[d->n++] = (struct sw_drop_net){*key, (uint8_t)plen, is_dropped};
	return 0;
}

/* What contains comes before what it contains. */
static bool is_before(const struct sw_drop_net *a, const struct sw_drop_net *b)
{
	int r = sw_geo_key_cmp(&a->key, &b->key);

	return r ? r < 0 : a->plen < b->plen;
}

static void swap(struct sw_drop_net *a, struct sw_drop_net *b)
{
	struct sw_drop_net was = *a;

	*a = *b;
	*b = was;
}

/* The first of all is at the top. */
static void sift_down(struct sw_drop_net *heap, size_t n, size_t i)
{
	for (;;) {
		size_t least = i, left = 2 * i + 1;

		if (left < n && is_before(&heap[left], &heap[least]))
			least = left;
		if (left + 1 < n && is_before(&heap[left + 1], &heap[least]))
			least = left + 1;
		if (least == i)
			return;
		swap(&heap[i], &heap[least]);
		i = least;
	}
}

/* A heap's sort, which can be left at any step: what is sorted lies from the end on, the first at the very end. */
bool sw_drops_sort(struct sw_drops *d, size_t max)
{
	for (; max && d->heaped < d->n / 2; max--, d->heaped++)
		sift_down(d->nets, d->n, d->n / 2 - 1 - d->heaped);
	for (; max && d->sorted < d->n; max--, d->sorted++) {
		swap(&d->nets[0], &d->nets[d->n - 1 - d->sorted]);
		sift_down(d->nets, d->n - 1 - d->sorted, 0);
	}
	return d->sorted < d->n;
}

void sw_drops_rewind(struct sw_drops *d)
{
	d->next = d->depth = 0;
	d->at = (struct sw_geo_key){};
	d->is_open = d->is_over = false;
}

static struct sw_geo_key last_of(const struct sw_drop_net *net)
{
	return (struct sw_geo_key){net->key.high | ~sw_packed6_mask(SW_MIN(net->plen, 64)),
		net->plen > 64 ? net->key.low | ~sw_packed6_mask(net->plen - 64u) : UINT64_MAX};
}

static void step_back(struct sw_geo_key *k)
{
	k->high -= !k->low;
	k->low--;
}

static void step_on(struct sw_geo_key *k)
{
	k->low++;
	k->high += !k->low;
}

/* Says of d->at to last what the innermost open network does. True: a run ended before, and is to be given first. */
static bool say(struct sw_drops *d, const struct sw_geo_key *last)
{
	if (!d->around[d->depth - 1].is_dropped) {
		if (d->is_open)
			return true;
	} else {
		if (!d->is_open)
			d->run.first = d->at;
		d->run.last = *last;
		d->is_open = true;
	}
	d->is_over = sw_geo_key_cmp(last, &last_key) == 0;
	d->at = *last;
	step_on(&d->at);
	while (d->depth && sw_geo_key_cmp(&d->around[d->depth - 1].last, last) <= 0)
		d->depth--;
	return false;
}

/* True: a run ended before the gap up to net, and is to be given first. */
static bool leave_gap(struct sw_drops *d, const struct sw_drop_net *net)
{
	if (d->is_open && sw_geo_key_cmp(&d->at, &net->key) != 0)
		return true;
	d->at = net->key;
	return false;
}

static bool give(struct sw_drops *d, struct sw_drop_run *ret)
{
	*ret = d->run;
	d->is_open = false;
	return true;
}

bool sw_drops_next(struct sw_drops *d, struct sw_drop_run *ret)
{
	while (!d->is_over && (d->depth || d->next < d->n)) {
		const struct sw_drop_net *net = d->next < d->n ? &d->nets[d->n - 1 - d->next] : NULL;
		struct sw_geo_key last;

		if (!d->depth && leave_gap(d, net))
			return give(d, ret);
		if (net && sw_geo_key_cmp(&net->key, &d->at) == 0) {
			d->around[d->depth].last = last_of(net);
			d->around[d->depth++].is_dropped = net->is_dropped;
			d->next++;
			continue;
		}
		last = d->around[d->depth - 1].last;
		if (net && sw_geo_key_cmp(&net->key, &last) <= 0) {
			last = net->key;
			step_back(&last);
		}
		if (say(d, &last))
			return give(d, ret);
	}
	return d->is_open && give(d, ret);
}
