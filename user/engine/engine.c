// SPDX-License-Identifier: GPL-3.0-or-later
/* The process: meets the guard, makes the parts, runs the loop. */
#include "user/engine/engine.h"

#include <signal.h>
#include <sys/mman.h>

#include "user/engine/health.h"
#include "user/io/sandbox.h"

enum {
	FLUSH_SEC = 1,	      /* findings wait so long for the database */
	GUARD_AWAY_SEC = 3,   /* a guard that reloads is back before it is worth saying */
	STAT_CHECK_SEC = 10,
	VERBS_MAX = 128,
};

struct run {
	struct sw_engine e;
	struct sw_ctl_verb verbs[VERBS_MAX];
	struct sw_source *flush, *guard_away, *stat_check;
	bool is_flush_due; /* its timer is set: setting it costs a system call */
	uint64_t packets_lost;
	bool is_started;
};

static struct run *run_of(struct sw_engine *e)
{
	return (struct run *)((char *)e - offsetof(struct run, e));
}

#define EACH_PART(part)                                                                            \
	for (const struct sw_engine_part *const *at = sw_engine_parts, *part; (part = *at); at++)

/* ---- findings */

uint64_t sw_engine_find(struct sw_engine *e, struct sw_finding *f)
{
	bool is_new = !f->id;
	_strbuf_ struct sw_strbuf safe = {};

	if (!f->wall_ns)
		f->wall_ns = sw_clock_wall_ns(&e->clock);
	if (!f->boot_ns)
		f->boot_ns = sw_clock_boot_ns(&e->clock);
	if (!f->last_wall_ns)
		f->last_wall_ns = f->wall_ns;
	if (is_new)
		f->id = sw_store_next_finding_id(e->store);
	sw_strbuf_safe(&safe, f->title, strlen(f->title));
	(void)sw_strcpy(f->title, sizeof(f->title), sw_strbuf_get(&safe));
	(void)sw_store_queue_finding(e->store, f);
	if (run_of(e)->flush && !run_of(e)->is_flush_due) {
		(void)sw_source_set_timer(run_of(e)->flush, FLUSH_SEC * SW_SEC_NS, 0);
		run_of(e)->is_flush_due = true;
	}
	if (!is_new)
		return f->id;
	sw_finding_json(sw_event_begin_at(e->events, SW_EVK_FINDING, f->wall_ns, "%s", f->title), f);
	sw_event_end(e->events);
	EACH_PART(part) {
		if (part->found)
			part->found(e, f);
	}
	return f->id;
}

static int on_flush(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;
	int r = sw_store_flush(e->store);

	sw_store_tidy(e->store);
	if (r < 0) {
		sw_degraded_set(e, "findings", SW_SEV_MEDIUM, "findings wait for the database %s: %s", sw_store_path(e->store),
			strerror(-r));
		return sw_source_set_timer(run_of(e)->flush, 10 * SW_SEC_NS, 0);
	}
	run_of(e)->is_flush_due = false;
	sw_degraded_clear(e, "findings");
	return 0;
}

static int on_stat_check(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;
	struct run *run = run_of(e);
	uint64_t stats[SW_STAT_COUNT];

	if (sw_engine_stats(e, stats) < 0)
		return 0;
	if (stats[SW_STAT_EV_PKT_LOST] > run->packets_lost)
		sw_degraded_set(e, "packet-events", SW_SEV_LOW,
			"packet events are lost: more hits than can be told (the counters are right)");
	else
		sw_degraded_clear(e, "packet-events");
	run->packets_lost = stats[SW_STAT_EV_PKT_LOST];
	return 0;
}

/* ---- start */

static int open_store(struct sw_engine *e)
{
	struct sw_store_opened o;
	int r = sw_store_open(e->paths.state_dir, &e->clock, e->config->store_max_mb, &e->store, &o);

	if (r < 0)
		return sw_log_err(r, "no database, not even in memory");
	e->is_store_new = o.is_new || o.was_corrupt || o.error;
	if (o.was_corrupt)
		sw_degraded_set(e, "store-damaged", SW_SEV_HIGH,
			"the database was damaged and moved to %s; a new one was made, bans are read back from the kernel", o.moved_to);
	if (o.error)
		sw_degraded_set(e, "store", SW_SEV_HIGH, "the database %s cannot be used (%s): working in memory, trying again",
			sw_store_path(e->store), strerror(-o.error));
	return 0;
}

static int start_server(struct run *run)
{
	struct sw_engine *e = &run->e;
	struct sw_ctl_access access = {
		.web_uid = e->ids.web_uid, .reader_gid = e->ids.reader_gid, .admin_gid = e->ids.admin_gid};
	char path[256];
	size_t n = 0;
	int r;

	EACH_PART(part) {
		for (const struct sw_ctl_verb *v = part->verbs; v && v->name && n < VERBS_MAX - 1; v++)
			run->verbs[n++] = *v;
	}
	if (!sw_path_join(path, sizeof(path), e->paths.run_dir, "control.sock"))
		return -ENAMETOOLONG;
	r = sw_ctl_server_new(e->loop, path, &access, run->verbs, e, &e->ctl);
	if (r < 0)
		return sw_log_err(r, "cannot serve %s", path);
	sw_events_set_server(e->events, e->ctl);
	return 0;
}

static int start(struct run *run)
{
	struct sw_engine *e = &run->e;
	int r = sw_events_new(&e->clock, e->config->event_memory, &e->events);

	if (r >= 0)
		r = sw_health_new(&e->health);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, 0, 0, on_flush, e, &run->flush);
	if (r >= 0)
		r = sw_loop_add_timer(
			e->loop, STAT_CHECK_SEC * SW_SEC_NS, STAT_CHECK_SEC * SW_SEC_NS, on_stat_check, e,
			&run->stat_check);
	if (r >= 0)
		r = open_store(e);
	EACH_PART(part) {
		if (r >= 0 && part->init)
			r = part->init(e);
		if (r < 0)
			return sw_log_err(r, "the engine cannot start (%s)", part->name);
	}
	r = start_server(run);
	if (r < 0)
		return r;
	r = sw_sandbox_enter(SW_ROLE_ENGINE);
	if (r < 0)
		return sw_log_err(r, "the sandbox could not be entered");
	run->is_started = true;
	sw_log_notice("running: %u bans, %u allow entries", sw_engine_n_bans(e), sw_engine_n_allow(e));
	return 0;
}

/* ---- the guard */

static int take_config(struct sw_engine *e, int fd)
{
	const void *map;
	size_t len;
	int r = sw_memfd_map_sealed(fd, 1 << 24, &map, &len);

	if (r < 0)
		return r;
	if (len != sizeof(struct sw_config) || ((const struct sw_config *)map)->magic != SW_CONFIG_MAGIC ||
		((const struct sw_config *)map)->version != SW_CONFIG_VERSION) {
		munmap((void *)map, len);
		return -EPROTO;
	}
	e->config = map;
	return 0;
}

static void close_fds(struct sw_engine *e)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(e->fds); i++)
		e->fds[i] = sw_close(e->fds[i]);
}

static int meet(struct run *run)
{
	struct sw_engine *e = &run->e;
	const struct sw_config *old = e->config;
	int r = take_config(e, e->fds[SW_FD_CONFIG]);

	if (r < 0)
		return sw_log_err(r, "the guard's configuration is none of this version");
	sw_log_set_level((enum sw_log_level)e->config->log_level);
	if (!run->is_started) {
		r = start(run);
		if (r < 0) {
			sw_loop_stop(e->loop, r);
			return r;
		}
	} else {
		EACH_PART(part) {
			if (part->configured)
				part->configured(e, old);
		}
	}
	if (old)
		munmap((void *)old, sizeof(*old));
	(void)sw_source_set_timer(run->guard_away, 0, 0);
	sw_degraded_clear(e, "guard");
	EACH_PART(part) {
		if (part->connected)
			r = part->connected(e);
		if (r < 0)
			return sw_log_err(r, "%s cannot work with this guard", part->name);
	}
	return 0;
}

static int on_connected(struct sw_guard_client *g, const struct sw_guard_ids *ids, int *fds, void *arg)
{
	struct run *run = arg;

	close_fds(&run->e);
	memcpy(run->e.fds, fds, sizeof(run->e.fds));
	run->e.ids = *ids;
	return meet(run);
}

static void on_lost(struct sw_guard_client *g, void *arg)
{
	struct run *run = arg;

	if (run->is_started) {
		EACH_PART(part) {
			if (part->lost)
				part->lost(&run->e);
		}
		sw_health_forget_status(&run->e);
		(void)sw_source_set_timer(run->guard_away, GUARD_AWAY_SEC * SW_SEC_NS, 0);
	}
	close_fds(&run->e);
}

static int on_guard_away(struct sw_source *s, void *arg)
{
	struct run *run = arg;

	if (run->is_started && !sw_guard_client_is_connected(run->e.guard))
		sw_degraded_set(&run->e, "guard", SW_SEV_HIGH,
			"the guard is away: what is in force stays so, nothing new comes into force until it is back");
	return 0;
}

/* ---- the process */

static int on_stop(struct sw_source *s, int signo, void *arg)
{
	struct run *run = arg;

	sw_log_info("%s: ending", strsignal(signo));
	sw_loop_stop(run->e.loop, 0);
	return 0;
}

/* A new configuration comes from the guard, which ends the connection for it. */
static int on_hangup(struct sw_source *s, int signo, void *arg)
{
	return 0;
}

static int prepare(struct run *run)
{
	struct sw_engine *e = &run->e;
	char path[256];
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	if (gethostname(e->host, sizeof(e->host) - 1) < 0)
		(void)sw_strcpy(e->host, sizeof(e->host), "localhost");
	e->started_boot_ns = sw_clock_boot_ns(&e->clock);
	for (size_t i = 0; i < SW_ARRAY_SIZE(e->fds); i++)
		e->fds[i] = -1;
	r = sw_loop_new(&e->loop);
	if (r >= 0)
		r = sw_loop_add_signal(e->loop, SIGTERM, on_stop, run);
	if (r >= 0)
		r = sw_loop_add_signal(e->loop, SIGINT, on_stop, run);
	if (r >= 0)
		r = sw_loop_add_signal(e->loop, SIGHUP, on_hangup, run);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, 0, 0, on_guard_away, run, &run->guard_away);
	if (r >= 0 && !sw_path_join(path, sizeof(path), e->paths.run_dir, "guard.sock"))
		r = -ENAMETOOLONG;
	if (r >= 0)
		r = sw_guard_client_new(e->loop, path, on_connected, on_lost, run, &e->guard);
	return r < 0 ? sw_log_err(r, "cannot start") : 0;
}

static void end_all(struct run *run)
{
	struct sw_engine *e = &run->e;
	size_t n = 0;

	while (sw_engine_parts[n])
		n++;
	if (e->events)
		sw_events_set_server(e->events, NULL);
	while (e->store && n-- > 0) {
		if (sw_engine_parts[n]->done)
			sw_engine_parts[n]->done(e);
	}
	sw_ctl_server_free(e->ctl);
	sw_store_close(e->store);
	sw_guard_client_free(e->guard);
	sw_health_free(e->health);
	sw_events_free(e->events);
	sw_loop_free(e->loop);
	close_fds(e);
	if (e->config)
		munmap((void *)e->config, sizeof(*e->config));
}

int sw_engine_run(const struct sw_engine_options *o)
{
	_free_ struct run *run = calloc(1, sizeof(*run));
	int r;

	if (!run)
		return 1;
	run->e.paths = o->paths;
	r = prepare(run);
	if (r >= 0) {
		if (sw_guard_client_connect(run->e.guard) < 0 && !run->is_started)
			sw_log_info("waiting for the guard in %s", run->e.paths.run_dir);
		r = sw_loop_run(run->e.loop);
	}
	end_all(run);
	return r < 0 ? 1 : 0;
}
