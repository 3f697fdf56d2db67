// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/gaps.h"

#include "user/trail/static_hash.h"

/* What is known of one direction of a flow. */
struct place {
	uint32_t tag;
	uint32_t next; /* behind the last byte that came */
	uint32_t hole; /* where the last hole begins */
	uint32_t left; /* segments behind it that may still be kept */
};

struct kept {
	struct sw_flow flow;
	int64_t sec;
	uint32_t seq;
	uint32_t len; /* 0: free */
	uint8_t data[SW_GAPS_BYTES];
};

struct sw_gaps {
	struct place *places;
	struct kept *kept; /* NULL until there is one */
	unsigned int n_kept, oldest;
};

int sw_gaps_new(struct sw_gaps **ret)
{
	struct sw_gaps *g = calloc(1, sizeof(*g));

	if (g)
		g->places = calloc(SW_GAPS_FLOWS, sizeof(*g->places));
	if (!g || !g->places) {
		free(g);
		return -ENOMEM;
	}
	*ret = g;
	return 0;
}

void sw_gaps_free(struct sw_gaps *g)
{
	if (!g)
		return;
	free(g->places);
	free(g->kept);
	free(g);
}

static struct place *place_of(struct sw_gaps *g, const struct sw_flow *f, uint32_t *ret_tag)
{
	uint64_t h = sw_mix64(sw_hash_bytes(f->sport, &f->saddr, sizeof(f->saddr)),
		sw_hash_bytes(f->dport, &f->daddr, sizeof(f->daddr)));

	*ret_tag = (uint32_t)(h >> 32) | 1;
	return &g->places[h & (SW_GAPS_FLOWS - 1)];
}

void sw_gaps_begin(struct sw_gaps *g, const struct sw_flow *flow, uint32_t seq)
{
	uint32_t tag;
	struct place *p = place_of(g, flow, &tag);

	*p = (struct place){.tag = tag, .next = seq};
}

/* How far a is behind b, numbers that run in a circle. */
static int32_t behind(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static bool is_near(const struct place *p, uint32_t seq)
{
	return behind(seq, p->next) < SW_GAPS_SPAN && behind(seq, p->next) > -SW_GAPS_SPAN;
}

bool sw_gaps_see(struct sw_gaps *g, const struct sw_flow *flow, uint32_t seq, size_t len)
{
	uint32_t tag, end = seq + (uint32_t)len;
	struct place *p = place_of(g, flow, &tag);

	if (p->tag != tag || !is_near(p, seq)) {
		*p = (struct place){.tag = tag, .next = end};
		return false;
	}
	if (behind(seq, p->next) > 0) {
		p->hole = p->next;
		p->left = SW_GAPS_SEGMENTS;
	} else if (p->left && behind(seq, p->hole) <= 0 && behind(end, p->hole) > 0) {
		p->left = 0; /* what was missing */
	}
	if (behind(end, p->next) > 0)
		p->next = end;
	if (!p->left || behind(seq, p->hole) <= 0)
		return false;
	p->left--;
	return true;
}

static bool is_same(const struct sw_flow *a, const struct sw_flow *b)
{
	return a->sport == b->sport && a->dport == b->dport && a->family == b->family &&
		!memcmp(&a->saddr, &b->saddr, sizeof(a->saddr)) && !memcmp(&a->daddr, &b->daddr, sizeof(a->daddr));
}

void sw_gaps_keep(struct sw_gaps *g, const struct sw_flow *flow, uint32_t seq, const uint8_t *data,
	size_t len, int64_t sec)
{
	struct kept *k;

	if (!len)
		return;
	if (!g->kept)
		g->kept = calloc(SW_GAPS_KEPT, sizeof(*g->kept));
	if (!g->kept)
		return;
	k = &g->kept[g->oldest++ % SW_GAPS_KEPT];
	g->n_kept += !k->len;
	k->flow = *flow;
	k->sec = sec;
	k->seq = seq;
	k->len = (uint32_t)SW_MIN(len, (size_t)SW_GAPS_BYTES);
	memcpy(k->data, data, k->len);
}

bool sw_gaps_take(struct sw_gaps *g, const struct sw_flow *flow, int64_t sec, struct sw_gap_piece *ret)
{
	for (size_t i = 0; g->n_kept && i < SW_GAPS_KEPT; i++) {
		struct kept *k = &g->kept[i];

		if (!k->len || !is_same(&k->flow, flow))
			continue;
		*ret = (struct sw_gap_piece){k->data, k->len, k->seq};
		k->len = 0;
		g->n_kept--;
		if (sec - k->sec <= SW_GAPS_SEC)
			return true;
	}
	return false;
}
