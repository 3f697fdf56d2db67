// SPDX-License-Identifier: GPL-3.0-or-later
/* Destinations that programs were not seen to talk to before: remembered in the store, told when asked for. */
#include "user/detect/firsts.h"
#include "user/engine/watch.h"

#define SAVE_NS (1 * SW_SEC_NS) /* what is new in this time is saved together */
#define SINCE   "firsts-since" /* named value: when remembering began, in wall seconds */

/* There while it is turned on. */
struct sw_firsts_part {
	struct sw_firsts *firsts;
	struct sw_source *save;
	int64_t since_wall_sec;
	bool is_save_due;
};

static int on_save(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;
	const uint64_t *fingerprints;
	size_t n = sw_firsts_take_unsaved(e->firsts->firsts, &fingerprints);
	int r = sw_store_put_firsts(e->store, fingerprints, n, 2 * SW_FIRSTS_HALF);

	e->firsts->is_save_due = false;
	if (r < 0)
		(void)sw_log_warning(r, "%zu destinations of programs were not saved, ignoring", n);
	return 0;
}

static void judge(struct sw_engine *e, const struct sw_sock_event *ev, const struct sw_net *peer,
	const char *trail, const char *list, const struct sw_connect_process *p)
{
	struct sw_finding f;

	if (sw_firsts_judge(e->firsts->firsts, ev, peer, p, &f))
		sw_engine_find(e, &f);
}

void sw_watch_first(struct sw_engine *e, const struct sw_sock_event *ev, const struct sw_net *peer)
{
	struct sw_firsts_part *p = e->firsts;

	if (!p || ev->ret)
		return;
	sw_watch_with_process(e, ev, peer, "", "", judge);
	if (!p->is_save_due && sw_firsts_has_unsaved(p->firsts))
		p->is_save_due = sw_source_set_timer(p->save, SAVE_NS, 0) >= 0;
}

static int load_one(uint64_t fingerprint, void *arg)
{
	return sw_firsts_load(arg, fingerprint);
}

/* When remembering began: now, when it never did. */
static int64_t read_since(struct sw_engine *e)
{
	int64_t now = sw_clock_wall_sec(&e->clock), since = 0;
	char text[24];

	if (sw_store_get(e->store, SINCE, text, sizeof(text)) >= 0)
		since = strtoll(text, NULL, 10);
	if (since > 0 && since <= now)
		return since;
	snprintf(text, sizeof(text), "%lld", (long long)now);
	(void)sw_store_set(e->store, SINCE, text);
	return now;
}

static void turn_off(struct sw_engine *e)
{
	struct sw_firsts_part *p = TAKE_PTR(e->firsts);

	if (!p)
		return;
	sw_source_free(p->save);
	sw_firsts_free(p->firsts);
	free(p);
}

static int turn_on(struct sw_engine *e)
{
	struct sw_firsts_part *p = e->firsts = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->since_wall_sec = read_since(e);
	r = sw_firsts_new(
		&e->clock, p->since_wall_sec + (int64_t)e->config->first_learn_sec, &p->firsts);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, 0, 0, on_save, e, &p->save);
	if (r >= 0)
		r = sw_store_each_first(e->store, load_one, p->firsts);
	if (r < 0)
		turn_off(e);
	return r;
}

static void save_now(struct sw_engine *e)
{
	if (e->firsts && sw_firsts_has_unsaved(e->firsts->firsts))
		(void)on_save(NULL, e);
}

static void configured(struct sw_engine *e, const struct sw_config *old)
{
	int r = 0;

	if (e->firsts)
		sw_firsts_set_told_from(e->firsts->firsts,
			e->firsts->since_wall_sec + (int64_t)e->config->first_learn_sec);
	if (!e->firsts && e->config->first_destinations != SW_FIRSTS_OFF)
		r = turn_on(e);
	if (e->firsts && e->config->first_destinations == SW_FIRSTS_OFF) {
		save_now(e);
		turn_off(e);
	}
	if (r < 0)
		sw_degraded_set(e, "first-destinations", SW_SEV_LOW,
			"destinations of programs are not remembered: %s", strerror(-r));
	else
		sw_degraded_clear(e, "first-destinations");
}

static int init(struct sw_engine *e)
{
	configured(e, NULL);
	return 0;
}

static void done(struct sw_engine *e)
{
	save_now(e);
	turn_off(e);
}

static void status(struct sw_engine *e, struct sw_json *j)
{
	struct sw_firsts_stats st;

	if (!e->firsts)
		return;
	st = sw_firsts_stats(e->firsts->firsts);
	sw_json_object_begin(j, "first_destinations");
	sw_json_uint(j, "known", st.known);
	sw_json_uint(j, "untold", st.untold);
	sw_json_uint(j, "unsaved", st.unsaved);
	sw_json_object_end(j);
}

const struct sw_engine_part sw_part_firsts = {
	.name = "firsts", .init = init, .done = done, .configured = configured, .status = status};
