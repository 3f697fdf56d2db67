// SPDX-License-Identifier: GPL-3.0-or-later
/* Baselines between memory and the database. */
#include "user/engine/watch.h"

void sw_baseline_set_done(struct sw_baseline_set *b)
{
	free(TAKE_PTR(b->rows));
	b->n = 0;
}

int sw_baselines_now(struct sw_engine *e, struct sw_baseline_set *ret)
{
	struct sw_watch *w = e->watch;
	struct sw_baseline_row *rows = NULL;
	ssize_t n = sw_baseline_rows(
		w->inv, w->range, sw_clock_wall_ns(&e->clock), sw_clock_boot_ns(&e->clock), &rows);

	if (n < 0)
		return (int)n;
	*ret = (struct sw_baseline_set){.rows = rows, .n = (size_t)n, .taken_wall_sec = sw_clock_wall_sec(&e->clock)};
	return 0;
}

int sw_baselines_save(struct sw_engine *e, const char *name, const struct sw_baseline_set *set)
{
	_free_ struct sw_store_row *rows = calloc(set->n + 1, sizeof(*rows));
	_free_ char *keys = malloc((set->n + 1) * SW_BASELINE_ID_MAX);

	if (!rows || !keys)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++)
		rows[i] = (struct sw_store_row){
			.key = sw_baseline_id(keys + i * SW_BASELINE_ID_MAX, &set->rows[i]),
			.data = &set->rows[i],
			.len = sizeof(set->rows[i]),
		};
	return sw_store_save_baseline(e->store, name, set->taken_wall_sec, rows, set->n);
}

struct load {
	struct sw_baseline_set set;
	size_t cap;
};

static int load_row(const struct sw_store_row *row, void *arg)
{
	struct load *l = arg;

	if ((row->len != sizeof(*l->set.rows) && row->len != offsetof(struct sw_baseline_row, image) &&
		    row->len != offsetof(struct sw_baseline_row, backlog)) ||
		l->set.n >= SW_BASELINE_ROWS_MAX)
		return 0; /* another version's: it shows up as a difference, which is accepted anew */
	if (l->set.n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		void *more = reallocarray(l->set.rows, cap, sizeof(*l->set.rows));

		if (!more)
			return -ENOMEM;
		l->set.rows = more;
		l->cap = cap;
	}
	memset(&l->set.rows[l->set.n], 0, sizeof(*l->set.rows));
	memcpy(&l->set.rows[l->set.n], row->data, row->len);
	l->set.n += sw_baseline_row_fix(&l->set.rows[l->set.n]);
	return 0;
}

int sw_baselines_load(struct sw_engine *e, const char *name, struct sw_baseline_set *ret)
{
	struct load l = {0};
	int r = sw_store_read_baseline(e->store, name, &l.set.taken_wall_sec, load_row, &l);

	if (r < 0) {
		sw_baseline_set_done(&l.set);
		return r;
	}
	if (l.set.n)
		qsort(l.set.rows, l.set.n, sizeof(*l.set.rows), sw_baseline_cmp);
	*ret = l.set;
	return 0;
}

void sw_baselines_reload(struct sw_engine *e)
{
	struct sw_watch *w = e->watch;

	sw_baseline_set_done(&w->base);
	w->has_base = sw_baselines_load(e, SW_BASELINE_DEFAULT, &w->base) >= 0;
}

void sw_baselines_first(struct sw_engine *e)
{
	struct sw_watch *w = e->watch;
	int r = sw_baselines_now(e, &w->base);

	if (r >= 0)
		w->has_base = true;
	if (r >= 0)
		r = sw_baselines_save(e, SW_BASELINE_DEFAULT, &w->base);
	if (r < 0) {
		sw_degraded_set(e, "baseline", SW_SEV_MEDIUM, "the first baseline could not be stored: %s", strerror(-r));
		return;
	}
	sw_log_notice("first start: %zu listeners are the baseline '%s'; what differs from now on is told", w->base.n,
		SW_BASELINE_DEFAULT);
	sw_event_begin(e->events, SW_EVK_SYSTEM,
		"first start: %zu listeners were taken as the baseline '%s'; see: sockwarden sockets baseline show",
		w->base.n, SW_BASELINE_DEFAULT);
	sw_event_end(e->events);
}
