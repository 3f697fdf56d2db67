// SPDX-License-Identifier: GPL-3.0-or-later
/* Listeners against the baseline "default": findings. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <uthash.h>

#include "user/engine/scans.h"
#include "user/engine/sock_policy.h"
#include "user/engine/sock_seen.h"
#include "user/engine/watch.h"

enum { TOLD_MAX = 4096 /* differences remembered, so that a service that restarts is one finding */ };
#define TOLD_NS (3600 * SW_SEC_NS) /* the same difference within an hour counts up its finding */
#define MINUTE_NS (60 * SW_SEC_NS)
#define GONE_NS (5 * SW_SEC_NS)	   /* a restart takes this long: until then a listener is not gone */

/* A client binds a port, too, before it says whom it talks to: a UDP socket is told of when it is still there. */
#define UDP_WAIT_NS (2 * SW_SEC_NS)

struct sw_later {
	uint64_t cookie, due_ns;
	UT_hash_handle hh;
};

struct sw_told {
	uint64_t finding, told_ns, count;
	struct sw_finding *later; /* counted up, to be written at the next tick */
	char id[SW_BASELINE_ID_MAX + 16];
	UT_hash_handle hh;
};

struct sw_gone {
	struct sw_baseline_row row;
	uint64_t due_ns;
	char id[SW_BASELINE_ID_MAX];
	UT_hash_handle hh;
};

static void forget(struct sw_watch *w, struct sw_told *t)
{
	HASH_DEL(w->told, t);
	free(t->later);
	free(t);
}

static bool is_unix(const struct sw_baseline_row *r)
{
	return !r->protocol;
}

/* What is one finding: a listener, or, as programs make UNIX sockets by the thousand, all of those of one program. */
static void told_id(char id[static sizeof(((struct sw_told *)0)->id)], const struct sw_baseline_change *c)
{
	const size_t size = sizeof(((struct sw_told *)0)->id);
	struct sw_baseline_row group = c->row;
	char row[SW_BASELINE_ID_MAX];

	if (is_unix(&group))
		sw_strcpy(group.key, sizeof(group.key), "unix");
	snprintf(id, size, "%u %s", c->kind, sw_baseline_id(row, &group));
}

static struct sw_told *told_of(struct sw_watch *w, const struct sw_baseline_change *c)
{
	struct sw_told *t;
	char id[sizeof(t->id)];

	told_id(id, c);
	HASH_FIND_STR(w->told, id, t);
	if (t)
		return t;
	if (HASH_COUNT(w->told) >= TOLD_MAX)
		forget(w, w->told); /* in order of their making */
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	memcpy(t->id, id, sizeof(id));
	HASH_ADD_STR(w->told, id, t);
	return t;
}

static bool is_wanted(const struct sw_engine *e, const struct sw_baseline_change *c)
{
	if (c->kind == SW_BASELINE_GONE)
		return e->config->alert_gone_listeners;
	return e->config->alert_new_listeners;
}

/* A thousand sockets a second are one row of the database a second. */
static void count_up(struct sw_engine *e, struct sw_told *t, const struct sw_finding *f)
{
	if (!t->later)
		t->later = malloc(sizeof(*t->later));
	if (t->later)
		*t->later = *f;
}

static void write_counts(struct sw_engine *e)
{
	struct sw_told *t, *next;

	HASH_ITER(hh, e->watch->told, t, next) {
		if (!t->later)
			continue;
		sw_engine_find(e, t->later);
		free(TAKE_PTR(t->later));
	}
}

static void tell_unix_untold(struct sw_engine *e)
{
	struct sw_watch *w = e->watch;
	struct sw_json *j;

	if (!w->unix_untold)
		return;
	j = sw_event_begin(e->events, SW_EVK_SYSTEM,
		"%llu new UNIX socket%s not told one by one (sockets.unix_per_minute): see sockwarden sockets diff",
		(unsigned long long)w->unix_untold, w->unix_untold == 1 ? " was" : "s were");
	sw_json_uint(j, "count", w->unix_untold);
	sw_event_end(e->events);
	w->unix_untold = 0;
}

static void turn_minute(struct sw_engine *e, uint64_t now)
{
	struct sw_watch *w = e->watch;

	if (now - w->unix_minute_ns < MINUTE_NS)
		return;
	tell_unix_untold(e);
	w->unix_minute_ns = now;
	w->unix_told = 0;
}

static bool has_unix_token(struct sw_engine *e, uint64_t now)
{
	struct sw_watch *w = e->watch;

	turn_minute(e, now);
	if (w->unix_told < e->config->unix_per_minute) {
		w->unix_told++;
		return true;
	}
	w->unix_untold++;
	w->unix_untold_ever++;
	return false;
}

static void found(struct sw_engine *e, const struct sw_baseline_change *c, uint32_t pid, const char *comm,
	bool is_since_start)
{
	uint64_t now = sw_clock_boot_ns(&e->clock);
	struct sw_told *t = is_wanted(e, c) ? told_of(e->watch, c) : NULL;
	struct sw_finding f;

	if (!t)
		return;
	sw_detect_listener(c, pid, comm, is_since_start, &f);
	if (t->finding && now - t->told_ns < TOLD_NS) {
		f.id = t->finding;
		f.count = ++t->count;
		count_up(e, t, &f);
		return;
	}
	if (is_unix(&c->row) && !has_unix_token(e, now))
		return; /* its count stays 0: the next one may be told */
	t->count = 1;
	t->told_ns = now;
	t->finding = sw_engine_find(e, &f);
}

/* Not worth a finding by itself: a client's UDP port, a session's UNIX socket. `sockets diff` shows both. */
static bool is_quiet(const struct sw_engine *e, const struct sw_baseline_row *r)
{
	if (is_unix(r))
		return !sw_detect_is_unix_told(e->config, r);
	return r->is_ephemeral && r->sock_type == SOCK_DGRAM;
}

static bool row_of(struct sw_engine *e, const struct sw_sock *s, struct sw_baseline_row *ret)
{
	return sw_baseline_row_of(e->watch->inv, s, e->watch->range, sw_clock_wall_ns(&e->clock),
		       sw_clock_boot_ns(&e->clock), ret) == 1 &&
	       !is_quiet(e, ret);
}

/* The guard's listener for decoys, on a port of loopback: ours, and gone with us. */
static bool is_own_decoy(const struct sw_engine *e, const struct sw_baseline_row *r, uint32_t pid)
{
	return r->is_ephemeral && r->exposure == SW_EXPOSURE_LOOPBACK && pid &&
	       (pid == (uint32_t)sw_guard_client_pid(e->guard) || pid == (uint32_t)getpid());
}

static void came_up(struct sw_engine *e, const struct sw_sock *s, bool is_since_start)
{
	struct sw_watch *w = e->watch;
	struct sw_proc *owner = sw_sock_owner(s);
	struct sw_proc_info info = {.name = ""};
	struct sw_baseline_change c;
	struct sw_baseline_row row;

	if (!w->has_base || !row_of(e, s, &row))
		return;
	if (!sw_baseline_check(&w->base, &row, &c))
		return;
	if (owner)
		sw_procs_info(w->procs, owner, false, &info);
	if (is_own_decoy(e, &row, info.key.tgid))
		return;
	found(e, &c, info.key.tgid, info.name, is_since_start);
}

static void went_down(struct sw_engine *e, const struct sw_sock *s)
{
	struct sw_watch *w = e->watch;
	struct sw_baseline_change c;
	struct sw_baseline_row row;
	struct sw_gone *g;
	char id[SW_BASELINE_ID_MAX];
	struct sw_sock was = *s;

	if (!e->config->alert_gone_listeners || !w->has_base)
		return;
	was.rport = 0; /* a UDP socket goes when it takes a peer, too */
	if (!row_of(e, &was, &row) || sw_baseline_check(&w->base, &row, &c))
		return; /* it was not in the baseline */
	sw_baseline_id(id, &row);
	HASH_FIND_STR(w->gone, id, g);
	if (g)
		return;
	g = calloc(1, sizeof(*g));
	if (!g)
		return;
	g->row = row;
	g->due_ns = sw_clock_boot_ns(&e->clock) + GONE_NS;
	memcpy(g->id, id, sizeof(id));
	HASH_ADD_STR(w->gone, id, g);
}

static bool is_udp(const struct sw_sock *s)
{
	return s->protocol == IPPROTO_UDP || s->protocol == IPPROTO_UDPLITE;
}

static void come_later(struct sw_engine *e, const struct sw_sock *s)
{
	struct sw_watch *w = e->watch;
	struct sw_later *l;

	HASH_FIND(hh, w->later, &s->cookie, sizeof(s->cookie), l);
	if (l || HASH_COUNT(w->later) >= TOLD_MAX)
		return;
	l = calloc(1, sizeof(*l));
	if (!l)
		return;
	*l = (struct sw_later){.cookie = s->cookie, .due_ns = sw_clock_boot_ns(&e->clock) + UDP_WAIT_NS};
	HASH_ADD(hh, w->later, cookie, sizeof(l->cookie), l);
}

static void look_again(struct sw_engine *e, uint64_t now)
{
	struct sw_later *l, *next;

	HASH_ITER(hh, e->watch->later, l, next) {
		const struct sw_sock *s;

		if (l->due_ns > now)
			return; /* in order of their making */
		s = sw_inventory_find(e->watch->inv, l->cookie);
		if (s && sw_sock_is_listener(s)) {
			sw_sock_policy_listener(e, s);
			sw_seen_listener(e, s);
			came_up(e, s, false);
		}
		HASH_DEL(e->watch->later, l);
		free(l);
	}
}

void sw_watch_listener(enum sw_sock_change change, const struct sw_sock *s, bool is_repair, void *arg)
{
	struct sw_engine *e = arg;

	sw_scans_listener(e, change, s);
	if (change == SW_SOCK_UP && is_udp(s))
		come_later(e, s);
	else if (change == SW_SOCK_UP)
		came_up(e, s, false);
	else
		went_down(e, s);
	if (change == SW_SOCK_UP && !is_udp(s)) {
		sw_sock_policy_listener(e, s);
		sw_seen_listener(e, s);
	}
}

static int compare_one(const struct sw_sock *s, void *arg)
{
	if (sw_sock_is_listener(s))
		came_up(arg, s, true);
	return 0;
}

static void say_gone(struct sw_engine *e, const struct sw_baseline_row *row, const struct sw_baseline_set *now,
	bool is_since_start)
{
	struct sw_baseline_change c;

	if (sw_baseline_is_gone(row, now, &c))
		found(e, &c, 0, "", is_since_start);
}

void sw_watch_compare(struct sw_engine *e)
{
	_cleanup_(sw_baseline_set_done) struct sw_baseline_set now = {0};
	struct sw_watch *w = e->watch;

	sw_inventory_each(w->inv, compare_one, e);
	if (!e->config->alert_gone_listeners || sw_baselines_now(e, &now) < 0)
		return;
	for (size_t i = 0; i < w->base.n; i++) {
		struct sw_baseline_row row;

		sw_baseline_set_get(&w->base, i, &row);
		if (!is_quiet(e, &row))
			say_gone(e, &row, &now, true);
	}
}

void sw_watch_listen_tick(struct sw_engine *e)
{
	_cleanup_(sw_baseline_set_done) struct sw_baseline_set now = {0};
	struct sw_watch *w = e->watch;
	uint64_t t = sw_clock_boot_ns(&e->clock);
	struct sw_gone *g, *next;
	bool is_known = false;

	look_again(e, t);
	write_counts(e);
	turn_minute(e, t);
	HASH_ITER(hh, w->gone, g, next) {
		if (g->due_ns > t)
			break; /* in order of their making */
		if (!is_known && sw_baselines_now(e, &now) < 0)
			return;
		is_known = true;
		say_gone(e, &g->row, &now, false);
		HASH_DEL(w->gone, g);
		free(g);
	}
}

void sw_watch_listen_done(struct sw_watch *w)
{
	struct sw_told *t, *next_told;
	struct sw_gone *g, *next;
	struct sw_later *l, *next_later;

	HASH_ITER(hh, w->later, l, next_later) {
		HASH_DEL(w->later, l);
		free(l);
	}
	HASH_ITER(hh, w->told, t, next_told)
		forget(w, t);
	HASH_ITER(hh, w->gone, g, next) {
		HASH_DEL(w->gone, g);
		free(g);
	}
}
