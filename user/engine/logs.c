// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/logs.h"

#include <inttypes.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "user/engine/bans.h"
#include "user/io/msg.h"

enum {
	POLL_SEC = 10, /* where events do not come, and for sources that could not be listed */
	SAVE_SEC = 2, /* positions, when nothing became due meanwhile */
	POSITIONS_BYTES = 256 << 10,
	COUNTS_BYTES = 512 << 10, /* of counts that are saved: some 5,000 */
	COUNTS_QUICK_BYTES = 64 << 10, /* more in memory are not saved with what became due, but each SAVE_SEC */
	BACK_MAX_SEC = 86400, /* longer windows begin with what comes */
};
#define POSITIONS_NAME "log-positions"
#define COUNTS_NAME    "log-counts"
#define SEED_NAME      "log-counts-seed"

/* ---- what the files need */

static void give_files(
	const struct sw_guard_logs *got, int *fds, size_t n_fds, sw_log_file_fn fn, void *ctx)
{
	size_t at = 0;

	for (__u32 i = 0; i < SW_MIN(got->n, (__u32)SW_GUARD_LOGS_MAX); i++) {
		const struct sw_guard_log *l = &got->at[i];
		char path[sizeof(l->path)];

		memcpy(path, l->path, sizeof(path));
		path[sizeof(path) - 1] = '\0';
		if (!l->error && at == n_fds)
			return;
		fn(ctx, path, l->error ? -1 : TAKE_FD(fds[at]), l->wd, l->error);
		at += !l->error;
	}
	for (; at < n_fds; at++)
		sw_close(fds[at]);
}

static int each_file(void *arg, unsigned int source, bool is_past, sw_log_file_fn fn, void *ctx)
{
	struct sw_engine *e = arg;
	struct sw_guard_reply reply;
	__u32 first = 0;

	do {
		struct sw_guard_request req;
		int fds[SW_GUARD_FDS_MAX], r;
		size_t n = 0;

		memset(&req, 0, SW_GUARD_REQUEST_HEAD);
		req.op = SW_GUARD_OPEN_LOG;
		req.n = 1;
		req.log[0] = (struct sw_guard_log_ask){.pattern = source,
			.first = first,
			.flags = is_past ? SW_GUARD_LOG_PAST : 0};
		r = sw_guard_call_fds(e->guard, &req, SW_GUARD_REQUEST_HEAD + sizeof(req.log[0]),
			&reply, fds, &n);
		if (r < 0)
			return r;
		give_files(&reply.logs, fds, n, fn, ctx);
		first += reply.logs.n;
	} while (reply.logs.n && first < reply.logs.total);
	return 0;
}

static void on_line(void *arg, unsigned int source, const char *line, size_t len, bool is_back)
{
	struct sw_engine *e = arg;

	sw_logs_feed(e, source, line, len, sw_clock_wall_sec(&e->clock), is_back);
}

static bool on_other(void *arg, int wd)
{
	struct sw_engine *e = arg;

	return sw_logs_journal_event(e->logs, wd);
}

/* ---- the loop */

static const char *name_of(void *arg, uint32_t rule)
{
	const struct sw_logs_part *p = arg;

	for (const struct sw_logs_rule *r = p->by_name; r; r = r->hh.next)
		if (r->id == rule)
			return r->name;
	return NULL;
}

static uint32_t number_of(void *arg, const char *name)
{
	const struct sw_logs_rule *r = strlen(name) < sizeof(r->name) ? sw_logs_rule_of(arg, name) : NULL;

	return r ? r->id : 0;
}

static void save_counts(struct sw_engine *e)
{
	_strbuf_ struct sw_strbuf text = {};

	if (!e->logs->is_counts_moved)
		return;
	sw_counts_save(e->logs->counts, name_of, e->logs, COUNTS_BYTES, &text);
	if (!text.is_failed && sw_store_set(e->store, COUNTS_NAME, sw_strbuf_get(&text)) >= 0)
		e->logs->is_counts_moved = false;
}

static int make_counts(struct sw_engine *e)
{
	_free_ char *text = malloc(COUNTS_BYTES + 1);
	char hex[20];
	uint64_t seed = 0;
	bool is_old = sw_store_get(e->store, SEED_NAME, hex, sizeof(hex)) >= 0 && sscanf(hex, "%" SCNx64, &seed) == 1;
	int r;

	if (!text)
		return -ENOMEM;
	if (!is_old) {
		if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
			return -EIO;
		snprintf(hex, sizeof(hex), "%" PRIx64, seed);
		(void)sw_store_set(e->store, SEED_NAME, hex);
	}
	r = sw_counts_new(SW_COUNT_BYTES_MAX, seed, &e->logs->counts);
	if (r >= 0 && is_old && sw_store_get(e->store, COUNTS_NAME, text, COUNTS_BYTES + 1) >= 0)
		(void)sw_counts_restore(e->logs->counts, number_of, e->logs, text);
	return r;
}

/* Within a transaction, so that no line counts twice or not at all. */
static void save_positions(struct sw_engine *e)
{
	_strbuf_ struct sw_strbuf text = {};

	sw_logs_journal_save(e);
	if (!sw_log_follow_has_moved(e->logs->follow))
		return;
	sw_log_follow_positions(e->logs->follow, &text);
	if (!text.is_failed)
		(void)sw_store_set(e->store, POSITIONS_NAME, sw_strbuf_get(&text));
}

void sw_logs_want_save(struct sw_logs_part *p)
{
	if (p->is_save_due)
		return;
	(void)sw_source_set_timer(p->save, SAVE_SEC * SW_SEC_NS, 0);
	p->is_save_due = true;
}

static void save_all(struct sw_engine *e)
{
	(void)sw_store_begin(e->store);
	save_positions(e);
	save_counts(e);
	(void)sw_store_commit(e->store);
}

/* What becomes due in one turn is stored and put in force together. */
static void work(struct sw_engine *e)
{
	struct sw_logs_part *p = e->logs;
	bool has_more;

	if (!p->rules || !sw_guard_client_is_connected(e->guard))
		return;
	p->is_due = false;
	sw_engine_bans_hold(e);
	has_more = sw_log_follow_work(p->follow);
	if ((p->is_look_due || sw_logs_journal_is_stale(p)) && !sw_log_follow_rest_ns(p->follow)) {
		p->is_look_due = false;
		sw_logs_journal_look(e);
	}
	has_more |= sw_logs_journal_work(e);
	sw_engine_bans_release(e);
	sw_logs_tell_found(e);
	if (p->is_due) { /* what is told may wait until what is decided is in force */
		(void)sw_store_begin(e->store);
		(void)sw_store_flush(e->store);
		save_positions(e);
		if (sw_counts_stats(p->counts).bytes <= COUNTS_QUICK_BYTES)
			save_counts(e);
		(void)sw_store_commit(e->store);
		if (!has_more)
			sw_store_tidy(e->store);
	}
	if (has_more)
		(void)sw_source_set_timer(p->more, 1, 0);
	else if (sw_log_follow_rest_ns(p->follow))
		(void)sw_source_set_timer(p->more, sw_log_follow_rest_ns(p->follow) + 1, 0);
	if (sw_log_follow_has_moved(p->follow) || sw_logs_journal_has_moved(p) || p->is_counts_moved)
		sw_logs_want_save(p);
	if (*p->error)
		sw_degraded_set(e, "log-rules", SW_SEV_MEDIUM, "rules over logs: %s", p->error);
	else
		sw_degraded_clear(e, "log-rules");
}

static int on_events(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct sw_engine *e = arg;
	int r = sw_log_follow_events(e->logs->follow, fd);

	if (r < 0)
		sw_log_warning(r, "logs: events cannot be read, polling");
	work(e);
	return 0;
}

static int on_more(struct sw_source *s, void *arg)
{
	work(arg);
	return 0;
}

static int on_poll(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;

	sw_log_follow_poll(e->logs->follow);
	sw_logs_journal_poll(e->logs);
	e->logs->is_look_due = true;
	work(e);
	return 0;
}

static int on_save(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;

	e->logs->is_save_due = false;
	save_all(e);
	sw_store_tidy(e->store);
	return 0;
}

/* ---- rules and sources */

static int take_rules(struct sw_engine *e)
{
	_strbuf_ struct sw_strbuf err = {};
	struct sw_ruleset *fresh = NULL;
	const void *image;
	size_t size;
	int r = sw_memfd_map_sealed(e->fds[SW_FD_RULES], SW_RULES_SIZE_MAX, &image, &size);

	if (r < 0)
		return r;
	r = sw_ruleset_new(&fresh, image, size, &err);
	munmap((void *)image, size);
	if (r < 0) {
		(void)sw_strcpy(e->logs->error, sizeof(e->logs->error), sw_strbuf_get(&err));
		return r;
	}
	e->logs->error[0] = '\0';
	sw_ruleset_free(e->logs->rules);
	e->logs->rules = fresh;
	return 0;
}

/* How far back a rule's memory goes. */
static uint64_t back_sec(const struct sw_ruleset *rules)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < sw_ruleset_n_rules(rules); i++)
		longest = SW_MAX(longest, sw_ruleset_rule(rules, i)->window_sec);
	return SW_MIN(longest, (uint64_t)BACK_MAX_SEC);
}

static int follow_files(struct sw_engine *e)
{
	size_t n = sw_ruleset_n_sources(e->logs->rules), used = 0;
	_free_ struct sw_log_follow_source *all = calloc(SW_MAX(n, (size_t)1), sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct sw_log_source *s = sw_ruleset_source(e->logs->rules, i);

		if (s->kind == SW_LOG_FILE && s->n_rules)
			all[used++] = (struct sw_log_follow_source){
				.number = (unsigned int)i, .pattern = s->path};
	}
	e->logs->back_sec = back_sec(e->logs->rules);
	return sw_log_follow_configure(e->logs->follow, all, used, e->logs->back_sec);
}

static void stop_events(struct sw_logs_part *p)
{
	sw_source_free(TAKE_PTR(p->events));
	p->inotify = sw_close(p->inotify);
}

static int start_events(struct sw_engine *e)
{
	struct sw_guard_request req = {.op = SW_GUARD_WATCH_LOGS};
	struct sw_logs_part *p = e->logs;
	int fds[SW_GUARD_FDS_MAX], r;
	size_t n = 0;

	stop_events(p);
	r = sw_guard_call_fds(e->guard, &req, SW_GUARD_REQUEST_HEAD, NULL, fds, &n);
	for (size_t i = 1; i < n; i++)
		sw_close(fds[i]);
	if (n)
		p->inotify = fds[0];
	if (r >= 0)
		r = n ? sw_loop_add_fd(e->loop, p->inotify, EPOLLIN, on_events, e, &p->events)
		      : -EPROTO;
	sw_log_follow_reset_watches(p->follow);
	sw_logs_journal_poll(p);
	p->is_look_due = true;
	return r;
}

static int connected(struct sw_engine *e)
{
	int r = take_rules(e);

	if (r >= 0)
		r = follow_files(e);
	if (r < 0) {
		sw_degraded_set(e, "log-rules", SW_SEV_HIGH, "rules over logs cannot be used: %s",
			*e->logs->error ? e->logs->error : strerror(-r));
		return 0; /* the rest of the engine is as good as ever */
	}
	r = start_events(e);
	if (r < 0)
		sw_log_warning(r, "logs: changes are not told, polling each %d s", POLL_SEC);
	(void)sw_source_set_timer(e->logs->more, 1, 0);
	return 0;
}

static void lost(struct sw_engine *e)
{
	stop_events(e->logs);
}

/* ---- the part */

static int make_timers(struct sw_engine *e)
{
	struct sw_logs_part *p = e->logs;
	int r = sw_loop_add_timer(
		e->loop, POLL_SEC * SW_SEC_NS, POLL_SEC * SW_SEC_NS, on_poll, e, &p->poll);

	if (r >= 0)
		r = sw_loop_add_timer(e->loop, 0, 0, on_more, e, &p->more);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, 0, 0, on_save, e, &p->save);
	return r;
}

static int init(struct sw_engine *e)
{
	const struct sw_log_port port = {
		.each = each_file, .line = on_line, .other = on_other, .arg = e};
	_free_ char *text = malloc(POSITIONS_BYTES);
	struct sw_logs_part *p = calloc(1, sizeof(*p));
	int r;

	e->logs = p;
	if (!p || !text)
		return -ENOMEM;
	p->inotify = -1;
	p->port = port;
	r = make_counts(e);
	if (r >= 0)
		r = sw_log_follow_new(&port, &e->clock, &p->follow);
	if (r >= 0)
		r = make_timers(e);
	if (r >= 0 && sw_store_get(e->store, POSITIONS_NAME, text, POSITIONS_BYTES) >= 0)
		sw_log_follow_restore(p->follow, text);
	return r;
}

static void done(struct sw_engine *e)
{
	struct sw_logs_part *p = e->logs;
	struct sw_logs_rule *r, *next;

	if (!p)
		return;
	if (p->follow)
		save_all(e);
	stop_events(p);
	sw_logs_journal_free(p->journal);
	sw_log_follow_free(p->follow);
	sw_counts_free(p->counts);
	free(p->found);
	sw_ruleset_free(p->rules);
	HASH_ITER (hh, p->by_name, r, next) {
		HASH_DEL(p->by_name, r);
		free(r);
	}
	free(TAKE_PTR(e->logs));
}

const struct sw_engine_part sw_part_logs = {
	.name = "logs",
	.verbs = sw_logs_verbs,
	.init = init,
	.done = done,
	.connected = connected,
	.lost = lost,
	.status = sw_logs_status,
	.why = sw_logs_why,
};
