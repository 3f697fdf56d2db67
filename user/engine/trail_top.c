// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Which trails were hit most, since the engine's start. So many are counted one by one; where more are
 * hit the least hit makes room, so that a count is exact or a lower bound.
 */
#include <uthash.h>

#include "user/engine/trails.h"

struct count {
	UT_hash_handle hh;
	struct {
		struct sw_net net;
		__u32 set;
	} key;
	uint64_t hits;
	int64_t last_wall_sec;
};

struct sw_trail_top {
	struct count *counts;
	bool has_forgotten;
};

int sw_trail_top_new(struct sw_trail_top **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

static void drop(struct sw_trail_top *t, struct count *c)
{
	HASH_DEL(t->counts, c);
	free(c);
}

void sw_trail_top_free(struct sw_trail_top *t)
{
	struct count *c, *next;

	if (!t)
		return;
	HASH_ITER (hh, t->counts, c, next)
		drop(t, c);
	free(t);
}

void sw_trail_top_forget(struct sw_trail_top *t, __u32 set)
{
	struct count *c, *next;

	HASH_ITER (hh, t->counts, c, next) {
		if (c->key.set == set)
			drop(t, c);
	}
}

static void make_room(struct sw_trail_top *t)
{
	struct count *least = t->counts;

	for (struct count *c = t->counts; c; c = c->hh.next)
		if (c->hits < least->hits)
			least = c;
	drop(t, least);
	t->has_forgotten = true;
}

void sw_trail_top_add(struct sw_trail_top *t, __u32 set, const struct sw_net *net, uint64_t hits, int64_t wall_sec)
{
	struct count *c, fresh = {};

	fresh.key.net = *net;
	fresh.key.set = set;
	HASH_FIND(hh, t->counts, &fresh.key, sizeof(fresh.key), c);
	if (!c) {
		if (HASH_COUNT(t->counts) >= SW_TRAIL_TOP_MAX)
			make_room(t);
		c = malloc(sizeof(*c));
		if (!c)
			return;
		*c = fresh;
		HASH_ADD(hh, t->counts, key, sizeof(c->key), c);
	}
	c->hits += hits;
	c->last_wall_sec = wall_sec;
}

static int by_hits(const void *a, const void *b)
{
	const struct count *x = *(const struct count *const *)a, *y = *(const struct count *const *)b;

	if (x->hits != y->hits)
		return x->hits > y->hits ? -1 : 1;
	return sw_net_cmp(&x->key.net, &y->key.net);
}

void sw_trail_top_write(const struct sw_engine *e, struct sw_json *j, unsigned int max)
{
	const struct count *sorted[SW_TRAIL_TOP_MAX];
	char net[SW_NET_TEXT_MAX], at[SW_TIME_TEXT_MAX];
	size_t n = 0;

	for (const struct count *c = e->trails->top->counts; c && n < SW_ARRAY_SIZE(sorted); c = c->hh.next)
		sorted[n++] = c;
	qsort(sorted, n, sizeof(*sorted), by_hits);
	sw_json_array_begin(j, "top");
	for (size_t i = 0; i < SW_MIN(n, (size_t)max); i++) {
		sw_json_object_begin(j, NULL);
		sw_json_string(j, "net", sw_cidr_format(net, &sorted[i]->key.net));
		sw_json_string(j, "list", sw_trails_name(e, sorted[i]->key.set));
		sw_json_uint(j, "hits", sorted[i]->hits);
		sw_json_string(j, "last_at", sw_time_format(at, sorted[i]->last_wall_sec * (int64_t)SW_SEC_NS));
		sw_json_object_end(j);
	}
	sw_json_array_end(j);
	sw_json_bool(j, "top_is_exact", !e->trails->top->has_forgotten);
}
