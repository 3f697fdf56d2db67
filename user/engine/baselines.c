// SPDX-License-Identifier: GPL-3.0-or-later
/* Baselines between memory and the database. */
#include "user/engine/watch.h"

int sw_baselines_now(struct sw_engine *e, struct sw_baseline_set *ret)
{
	struct sw_watch *w = e->watch;
	int r = sw_baseline_rows(w->inv, w->range, sw_clock_wall_ns(&e->clock), sw_clock_boot_ns(&e->clock), ret);

	if (r >= 0)
		ret->taken_wall_sec = sw_clock_wall_sec(&e->clock);
	return r;
}

struct save {
	const struct sw_baseline_set *set;
	char id[SW_BASELINE_ID_MAX];
};

static void save_row(size_t i, struct sw_store_row *ret, void *arg)
{
	struct sw_baseline_row row;
	struct save *s = arg;

	sw_baseline_set_get(s->set, i, &row);
	ret->key = sw_baseline_id(s->id, &row);
	ret->data = sw_baseline_set_packed(s->set, i, &ret->len);
}

int sw_baselines_save(struct sw_engine *e, const char *name, const struct sw_baseline_set *set)
{
	struct save s = {.set = set};

	return sw_store_save_baseline(e->store, name, set->taken_wall_sec, set->n, save_row, &s);
}

/* Earlier versions stored rows as they were in memory, which then ended earlier. */
static bool is_plain(size_t len)
{
	return len == sizeof(struct sw_baseline_row) || len == offsetof(struct sw_baseline_row, image) ||
	       len == offsetof(struct sw_baseline_row, backlog);
}

static int load_row(const struct sw_store_row *from, void *arg)
{
	struct sw_baseline_row row = {};
	int r;

	if (!sw_baseline_unpack(from->data, from->len, &row)) {
		if (!is_plain(from->len))
			return 0; /* another version's: it shows up as a difference, which is accepted anew */
		memset(&row, 0, sizeof(row));
		memcpy(&row, from->data, from->len);
	}
	if (!sw_baseline_row_fix(&row))
		return 0;
	r = sw_baseline_set_add(arg, &row);
	return r == -E2BIG ? 0 : r;
}

int sw_baselines_load(struct sw_engine *e, const char *name, struct sw_baseline_set *ret)
{
	int64_t taken = 0;
	int r = sw_store_read_baseline(e->store, name, &taken, load_row, ret);

	if (r >= 0)
		r = sw_baseline_set_sort(ret);
	ret->taken_wall_sec = taken;
	if (r < 0)
		sw_baseline_set_done(ret);
	return r;
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
