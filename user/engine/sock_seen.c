// SPDX-License-Identifier: GPL-3.0-or-later
/* Who listens and connects where is remembered, in the store too, and a policy is learnt from it (policy.learn). */
#include "user/engine/sock_seen.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "user/base/ports.h"
#include "user/engine/sock_policy.h"
#include "user/policy/sock_learn.h"

enum { RECENT = 4096, HOUR_SEC = 3600 };
#define SAVE_NS (10 * SW_SEC_NS) /* what is new in this time is saved together */
#define LOOK_NS (HOUR_SEC * SW_SEC_NS) /* what goes on and on makes no record: it is looked for */
#define DEFAULT_SEC (7ull * 24 * HOUR_SEC)

struct sw_seen_part {
	struct sw_seen_memory *memory;
	struct sw_source *save, *look;
	bool is_save_due;
	uint64_t left_out; /* since the policy was learnt last: no program, or a path that no rule can hold */
	uint64_t recent[RECENT]; /* connects that were noted in this hour, as fingerprints: most come again and again */
};

static void note(struct sw_engine *e, struct sw_seen_memory *m, const struct sw_sock_offence *o, uint16_t port)
{
	struct sw_seen_part *p = e->seen;
	struct sw_seen_who who;
	uint8_t protocol = o->protocol == IPPROTO_UDP ? IPPROTO_UDP : IPPROTO_TCP;

	if (sw_sock_is_own(e, o->pid, o->executable))
		return;
	if (sw_seen_who(o->is_connect ? SW_SOCK_CONNECT : SW_SOCK_LISTEN, protocol, *o->container, o->uid,
		    o->executable, &who) < 0)
		p->left_out++;
	else
		(void)sw_seen_note(m, &who, port);
	if (!p->is_save_due && sw_seen_has_unsaved(p->memory))
		p->is_save_due = sw_source_set_timer(p->save, SAVE_NS, 0) >= 0;
}

void sw_seen_listener(struct sw_engine *e, const struct sw_sock *s)
{
	struct sw_baseline_row row;
	struct sw_sock_offence o;

	if (e->seen && sw_sock_listener_facts(e, s, &row, &o))
		note(e, e->seen->memory, &o, row.is_ephemeral ? SW_SEEN_CHOSEN : o.port);
}

/* ---- connects */

static uint64_t fingerprint_of(const struct sw_sock_event *ev, int64_t hour)
{
	uint64_t h = (ev->owner.start_ns ^ (uint64_t)hour << 40) * 0x9e3779b97f4a7c15ull;

	h ^= (uint64_t)ev->owner.tgid << 32 | (uint64_t)ev->protocol << 16 | ev->rport;
	h *= 0xff51afd7ed558ccdull;
	return (h ^ h >> 32) | 1;
}

/* False: it is to be noted, and then was. */
static bool was_noted(struct sw_engine *e, const struct sw_sock_event *ev)
{
	uint64_t h = fingerprint_of(ev, sw_clock_wall_sec(&e->clock) / HOUR_SEC), *at = &e->seen->recent[h % RECENT];

	if (*at == h)
		return true;
	*at = h;
	return false;
}

void sw_seen_event(struct sw_engine *e, const struct sw_event *event)
{
	const struct sw_sock_event *ev = event->sock;
	struct sw_proc_info info;
	struct sw_proc *proc;

	if (!e->seen || event->kind != SW_EVENT_SOCK || ev->head.type != SW_EV_CONNECT || !ev->rport || ev->ret ||
		!ev->owner.tgid || (ev->family != AF_INET && ev->family != AF_INET6) || was_noted(e, ev))
		return;
	proc = sw_procs_hold(e->watch->procs, &ev->owner);
	if (!proc)
		return;
	sw_procs_info(e->watch->procs, proc, true, &info);
	note(e, e->seen->memory,
		&(struct sw_sock_offence){.is_connect = true,
			.pid = ev->owner.tgid,
			.uid = ev->owner.uid,
			.protocol = (uint8_t)ev->protocol,
			.executable = info.executable,
			.container = info.container},
		ev->rport);
	sw_procs_release(e->watch->procs, proc);
}

/* ---- what is there now */

struct look {
	struct sw_engine *e;
	__u8 listening[65536 / 8]; /* TCP ports: a connection to one of them was not begun here */
};

static int look_at_listener(const struct sw_sock *s, void *arg)
{
	struct look *l = arg;

	if (!sw_sock_is_listener(s))
		return 0;
	if (s->protocol == IPPROTO_TCP)
		sw_ports_set(l->listening, s->lport, s->lport);
	sw_seen_listener(l->e, s);
	return 0;
}

static int look_at_connection(const struct sw_sock *s, void *arg)
{
	struct look *l = arg;
	struct sw_proc_info info;
	struct sw_sock_offence o;

	if (!sw_ports_has(l->listening, s->lport) && sw_sock_connection_facts(l->e, s, &info, &o))
		note(l->e, l->e->seen->memory, &o, o.port);
	return 0;
}

void sw_seen_look(struct sw_engine *e)
{
	_free_ struct look *l = calloc(1, sizeof(*l));

	if (!l || !e->seen || !e->watch)
		return;
	l->e = e;
	sw_inventory_each(e->watch->inv, look_at_listener, l);
	sw_inventory_each(e->watch->inv, look_at_connection, l);
}

static int on_look(struct sw_source *s, void *arg)
{
	sw_seen_look(arg);
	return 0;
}

/* ---- the verb */

static const char *name_of(uint32_t uid, void *arg)
{
	return sw_users_name(((struct sw_engine *)arg)->watch->users, uid);
}

static int join(const struct sw_seen *s, void *arg)
{
	return sw_seen_load(arg, s);
}

/* What was taken as known, whenever it listened last. */
static void note_baseline(struct sw_engine *e, struct sw_seen_memory *m)
{
	const struct sw_baseline_set *base = &e->watch->base;

	for (size_t i = 0; e->watch->has_base && i < base->n; i++) {
		struct sw_baseline_row row;
		struct sw_sock_offence o;

		sw_baseline_set_get(base, i, &row);
		o = (struct sw_sock_offence){.uid = row.uid,
			.protocol = (uint8_t)row.protocol,
			.executable = row.executable,
			.container = row.container};
		if (row.protocol == IPPROTO_TCP || (row.protocol == IPPROTO_UDP && !row.is_ephemeral))
			note(e, m, &o, row.is_ephemeral ? SW_SEEN_CHOSEN : row.port);
	}
}

static int learn(struct sw_engine *e, struct sw_learn *l, struct sw_strbuf *out)
{
	struct sw_seen_memory *all = NULL;
	int r;

	e->seen->left_out = 0;
	sw_seen_look(e);
	r = sw_seen_new(&e->clock, NULL, NULL, &all);
	if (r >= 0)
		r = sw_seen_each(e->seen->memory, l->since_wall_sec, join, all);
	if (r >= 0) {
		note_baseline(e, all);
		l->since_wall_sec = 0;
		r = sw_sock_learn(l, all, out);
	}
	sw_seen_free(all);
	return r;
}

static void verb_learn(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	_strbuf_ struct sw_strbuf policy = {};
	struct sw_learn l = {.user_name = name_of, .arg = e};
	struct sw_json *j;
	uint64_t sec;

	if (!sw_ctl_arg_uint(q, args, "sec", DEFAULT_SEC, &sec))
		return;
	if (!e->seen || !e->watch)
		return sw_ctl_fail(q, SW_CERR_DEGRADED, NULL, "what listens and connects is not remembered here");
	l.client_first = e->watch->range.first;
	l.client_last = e->watch->range.last;
	l.since_wall_sec = SW_MAX(sw_clock_wall_sec(&e->clock) - (int64_t)SW_MIN(sec, (uint64_t)INT32_MAX), 1);
	if (learn(e, &l, &policy) < 0)
		return sw_ctl_fail(q, SW_CERR_INTERNAL, NULL, "there is no memory");
	j = sw_ctl_reply_begin(q);
	sw_json_string(j, "policy", sw_strbuf_get(&policy));
	sw_json_uint(j, "sec", sec);
	sw_json_uint(j, "rules", l.rules);
	sw_json_uint(j, "rules_left_out", l.left_out);
	sw_json_uint(j, "programs", sw_seen_count(e->seen->memory));
	sw_json_uint(j, "unknown", e->seen->left_out);
	sw_ctl_reply_end(q);
}

static const struct sw_ctl_verb verbs[] = {
	{"policy.learn", SW_CTL_READ, verb_learn},
	{},
};

/* ---- the part */

static int save_one(const struct sw_seen *s, void *arg)
{
	return sw_store_put_seen(arg, s);
}

static int on_save(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;
	int r = sw_store_begin(e->store);

	e->seen->is_save_due = false;
	if (r >= 0)
		r = sw_seen_each_unsaved(e->seen->memory, save_one, e->store);
	if (r >= 0)
		r = sw_store_commit(e->store);
	if (r < 0)
		(void)sw_log_warning(r, "who listens and connects where was not saved, ignoring");
	return 0;
}

static void on_drop(const struct sw_seen_who *who, void *arg)
{
	(void)sw_store_delete_seen(((struct sw_engine *)arg)->store, who);
}

static void done(struct sw_engine *e)
{
	struct sw_seen_part *p = e->seen;

	if (!p)
		return;
	if (p->memory && sw_seen_has_unsaved(p->memory))
		(void)on_save(NULL, e);
	e->seen = NULL;
	sw_source_free(p->save);
	sw_source_free(p->look);
	sw_seen_free(p->memory);
	free(p);
}

static int init(struct sw_engine *e)
{
	struct sw_seen_part *p = e->seen = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	r = sw_seen_new(&e->clock, on_drop, e, &p->memory);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, 0, 0, on_save, e, &p->save);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, LOOK_NS, LOOK_NS, on_look, e, &p->look);
	if (r >= 0)
		r = sw_store_each_seen(e->store, join, p->memory);
	if (r < 0) {
		sw_log_warning(r, "who listens and connects where is not remembered, ignoring");
		done(e);
	}
	return 0;
}

const struct sw_engine_part sw_part_sock_seen = {.name = "seen", .verbs = verbs, .init = init, .done = done};
