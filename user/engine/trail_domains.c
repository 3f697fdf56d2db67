// SPDX-License-Identifier: GPL-3.0-or-later
/* The domains that the kernel refuses questions for: those of the lists that drop, and exceptions to them. */
#include "sockwarden/abi/inspect.h"
#include "sockwarden/pkt/domain.h"
#include "user/engine/trails.h"
#include "user/io/msg.h"
#include "user/trail/directory.h"

struct gathering {
	struct sw_domain_entry *rows;
	size_t n, cap;
	uint32_t set, action;
};

static int64_t take_group(
	void *arg, const char *file, const char *info, const char *reference, const char *citation)
{
	return 0;
}

static int take_line(void *arg, const struct sw_static_line *l, uint32_t group, uint32_t line)
{
	struct gathering *g = arg;

	if (l->kind != SW_STATIC_DOMAIN || g->n > SW_MAX_DOMAINS)
		return 0;
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 1024;
		struct sw_domain_entry *rows = reallocarray(g->rows, cap, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		g->rows = rows;
		g->cap = cap;
	}
	g->rows[g->n++] = (struct sw_domain_entry){
		sw_domain_hash(l->text, (__u32)l->len), {g->set, g->action}};
	return 0;
}

/* By key; of the same domain an exception comes first, and counts. */
static int by_key(const void *a, const void *b)
{
	const struct sw_domain_entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (int)y->val.action - (int)x->val.action;
}

static int gather(const struct sw_trail_op *op, struct gathering *g)
{
	const struct sw_static_sink sink = {take_group, take_line, g};
	_cleanup_(sw_static_freep) struct sw_static *s = NULL;
	int r = sw_static_new(&s);

	if (r < 0)
		return r;
	sw_static_set_sink(s, &sink);
	for (size_t i = 0; i < op->n_sources && !r; i++) {
		const struct sw_trail_slot *slot = &op->engine->trails->slots[op->sources[i].set];

		if ((slot->action != SW_TRAIL_DROP && slot->action != SW_TRAIL_EXCEPT) || !op->sources[i].view.n_text)
			continue;
		g->set = op->sources[i].set;
		g->action = slot->action;
		r = sw_static_add_list(s, &op->sources[i].view, g->set, slot->name, slot->origin, false,
			op->engine->trails->judged_wall_sec);
	}
	return r;
}

int sw_trails_domains_make(const struct sw_trail_op *op)
{
	struct gathering g = {.cap = 0};
	size_t n = 0;
	int r = gather(op, &g);

	/* What begins every list, so that none is empty. */
	if (!r && g.n) {
		qsort(g.rows, g.n, sizeof(*g.rows), by_key);
		for (size_t i = 0; i < g.n; i++) {
			if (g.rows[i].key > SW_DOMAIN_MARK &&
				(!n || g.rows[n - 1].key != g.rows[i].key))
				g.rows[n++] = g.rows[i];
		}
	}
	if (!r && n) {
		struct sw_domain_entry *map;
		size_t bytes = (n + 1) * sizeof(*map);

		r = sw_memfd_create("sw-domains", bytes, (void **)&map);
		if (r >= 0) {
			int fd = r;

			map[0] = (struct sw_domain_entry){.key = SW_DOMAIN_MARK};
			memcpy(map + 1, g.rows, n * sizeof(*map));
			r = sw_memfd_seal(fd, map, bytes);
			r = r < 0 ? sw_close(fd), r : fd;
		}
	} else if (!r) {
		const struct sw_domain_entry none = {.key = SW_DOMAIN_MARK};

		r = sw_memfd_sealed("sw-domains", &none, sizeof(none));
	}
	free(g.rows);
	return r;
}
