// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/watch.h"
#include "user/engine/scans.h"
#include "user/engine/sock_policy.h"
#include "user/engine/sock_seen.h"

#include <sys/stat.h>

#define TICK_NS SW_SEC_NS
/*
 * What no hook tells (packet sockets in tier B, UNIX sockets of other namespaces than ours) is known this late.
 * A snapshot costs 2 us a socket and 5 ms a network namespace: where they are many it is taken less often, so that no
 * more than a 2000th of a core goes into it.
 */
#define RESYNC_NS     (60 * SW_SEC_NS)
#define RESYNC_MAX_NS (600 * SW_SEC_NS)
enum { RESYNC_SHARE = 2000 };
#define POLL_NS	  (5 * SW_SEC_NS) /* tier C: snapshots are all there is */

static void on_event(const struct sw_event *ev, void *arg)
{
	struct sw_engine *e = arg;

	sw_inventory_event(e->watch->inv, ev);
	sw_watch_tell(e, ev);
	sw_watch_connects(e, ev);
	sw_sock_policy_event(e, ev);
	sw_seen_event(e, ev);
	sw_scans_socket(e, ev);
	/* it may be in the ring's own table, where no process has it: only a snapshot can tell */
	if (ev->kind == SW_EVENT_SOCK && ev->sock->head.type == SW_EV_LISTEN && ev->sock->origin == SW_ORIGIN_IO_URING)
		e->watch->is_wanted = true;
}

static void on_lost(uint64_t n, void *arg)
{
	struct sw_engine *e = arg;

	sw_inventory_lost(e->watch->inv, n);
	sw_degraded_set(e, "socket-events", SW_SEV_LOW, "socket events were lost; the inventory is being repaired");
}

static void on_drained(void *arg)
{
	sw_watch_ask(arg);
}

static const struct sw_ring_ops ring_ops = {.event = on_event, .lost = on_lost, .drained = on_drained};
static const struct sw_inventory_ops inventory_ops = {.listener = sw_watch_listener};

static void learn_tier(struct sw_engine *e)
{
	const struct sw_guard_status *s = e->watch->ring ? sw_engine_guard_status(e) : NULL;

	if (!s)
		return;
	e->watch->tier = s->tier;
	sw_watch_unix(e, s->tier != SW_TIER_A);
	if (s->tier == SW_TIER_C)
		sw_degraded_set(e, "socket-hooks", SW_SEV_MEDIUM,
			"no socket hook is attached: sockets are listed each %d s", (int)(POLL_NS / SW_SEC_NS));
	else
		sw_degraded_clear(e, "socket-hooks");
}

static uint64_t resync_ns(const struct sw_watch *w)
{
	if (w->tier == SW_TIER_C)
		return POLL_NS;
	return SW_MIN(SW_MAX(w->cpu_ns * RESYNC_SHARE, RESYNC_NS), RESYNC_MAX_NS);
}

static bool is_resync_due(const struct sw_engine *e)
{
	const struct sw_watch *w = e->watch;
	uint64_t every = resync_ns(w);

	return w->is_settled && sw_clock_boot_ns(&e->clock) - w->finished_ns >= every;
}

static int on_tick(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;

	sw_inventory_tick(e->watch->inv);
	sw_watch_listen_tick(e);
	if (!e->watch->tier)
		learn_tier(e);
	if (is_resync_due(e))
		e->watch->is_wanted = true;
	sw_watch_ask(e);
	return 0;
}

static struct sw_port_range read_range(void)
{
	char text[64] = "";

	sw_read_file("/proc/sys/net/ipv4/ip_local_port_range", text, sizeof(text));
	return sw_port_range_parse(text);
}

static void done(struct sw_engine *e)
{
	struct sw_watch *w = e->watch;

	if (!w)
		return;
	sw_watch_unix(e, false);
	e->watch = NULL; /* the guard's late answers see that nobody waits */
	sw_ring_free(w->ring);
	if (w->tick)
		sw_source_free(w->tick);
	sw_watch_fresh_done(e, w);
	sw_watch_listen_done(w);
	sw_baseline_set_done(&w->base);
	sw_inventory_free(w->inv);
	sw_procs_free(w->procs);
	sw_users_free(w->users);
	free(w);
}

static int open_tables(struct sw_engine *e, struct sw_watch *w)
{
	struct stat own;
	int r;

	w->reader = sw_watch_proc_reader(e);
	r = sw_procs_new(&e->clock, &w->reader, &w->procs);

	if (r >= 0)
		r = sw_inventory_new(&e->clock, w->procs, &inventory_ops, e, &w->inv);
	if (r >= 0)
		r = sw_users_new("/etc/passwd", &w->users);
	if (r < 0)
		return r;
	if (stat("/proc/self/ns/net", &own) == 0)
		sw_inventory_set_host_netns(w->inv, (uint32_t)own.st_ino);
	w->range = read_range();
	return 0;
}

static int connected(struct sw_engine *e)
{
	struct sw_watch *w = e->watch;
	int r;

	if (w->ring || e->fds[SW_FD_EV_SOCK] < 0)
		return 0;
	r = sw_ring_new(e->loop, SW_RING_SOCK, e->fds[SW_FD_EV_SOCK], &ring_ops, e, &w->ring);
	if (r < 0) {
		sw_degraded_set(e, "ring-sock", SW_SEV_HIGH, "socket events cannot be read: %s", strerror(-r));
		return 0;
	}
	sw_degraded_clear(e, "ring-sock");
	w->next_ask_ns = 0;
	sw_watch_ask(e);
	return 0;
}

static int init(struct sw_engine *e)
{
	struct sw_watch *w = e->watch = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->e = e;
	r = open_tables(e, w);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, TICK_NS, TICK_NS, on_tick, e, &w->tick);
	if (r < 0) {
		done(e);
		return r;
	}
	sw_baselines_reload(e);
	return 0;
}

/* Without the guard nobody tells what happens: the next one's snapshot does. */
static void lost(struct sw_engine *e)
{
	struct sw_watch *w = e->watch;

	w->tier = 0;
	sw_ring_free(TAKE_PTR(w->ring));
	sw_inventory_lost(w->inv, 0);
}

void sw_watch_settled(struct sw_engine *e)
{
	struct sw_watch *w = e->watch;
	bool is_first = !w->is_settled;

	w->is_settled = true;
	sw_scans_settled(e);
	if (sw_inventory_stats(w->inv).is_complete)
		sw_degraded_clear(e, "socket-events");
	sw_sock_policy_snapshot(e);
	if (!is_first)
		return;
	sw_sock_policy_settled(e);
	sw_seen_look(e);
	if (w->has_base)
		sw_watch_compare(e);
	else
		sw_baselines_first(e);
}

static void status(struct sw_engine *e, struct sw_json *j)
{
	struct sw_inventory_stats st = sw_inventory_stats(e->watch->inv);

	sw_json_uint(j, "listeners", st.listeners);
	sw_json_uint(j, "sockets", st.sockets);
	sw_json_object_begin(j, "inventory");
	sw_json_bool(j, "complete", st.is_complete);
	sw_json_uint(j, "resyncs", st.resyncs);
	sw_json_uint(j, "lost", st.lost);
	sw_json_uint(j, "untracked", st.untracked);
	sw_json_uint(j, "unix_untold", e->watch->unix_untold_ever);
	sw_json_uint(j, "processes", sw_procs_count(e->watch->procs));
	sw_json_bool(j, "baseline", e->watch->has_base);
	sw_json_object_end(j);
}

const struct sw_engine_part sw_part_sockets = {
	.name = "sockets",
	.verbs = sw_socket_verbs,
	.init = init,
	.done = done,
	.connected = connected,
	.lost = lost,
	.status = status,
};
