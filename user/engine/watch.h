/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The socket side of the engine: the ring of socket records and the guard's snapshots go into the
 * inventory; what differs from the baseline "default" becomes a finding. Owned by the engine
 * (e->watch), in its loop's thread. Files: watch.c wires, watch_snapshot.c and watch_unheld.c ask and read,
 * watch_listen.c finds, watch_unix.c hurries, watch_tell.c writes events, baselines.c keeps rows,
 * verb_sockets.c answers, containers.c asks the guard for names.
 */
#pragma once

#include "user/detect/connect.h"
#include "user/detect/listener.h"
#include "user/engine/engine.h"
#include "user/kern/ring.h"
#include "user/sockets/baseline.h"
#include "user/sockets/users.h"

#define SW_BASELINE_DEFAULT "default"

struct sw_told; /* watch_listen.c: a finding that was told lately */
struct sw_later; /* watch_listen.c: a UDP socket that may be a client's */
struct sw_fresh; /* watch_snapshot.c: a request that waits */
struct sw_unix_watch; /* watch_unix.c: directories and the kernel's list */
struct sw_gone; /* watch_listen.c: a listener that went and may come back */

struct sw_watch {
	struct sw_engine *e;
	struct sw_proc_reader reader;
	struct sw_procs *procs;
	struct sw_inventory *inv;
	struct sw_users *users;
	struct sw_ring *ring; /* NULL while the guard is away */
	struct sw_source *tick;
	struct sw_port_range range;
	struct sw_baseline_set base; /* "default" */
	bool has_base;
	bool is_settled; /* a whole snapshot was taken in this run */
	/* the snapshot under way */
	bool is_asking;
	struct sw_fresh *fresh; /* watch_snapshot.c: who waits for a snapshot, in order */
	uint64_t asked, finished_ns; /* snapshots begun in this run; when the last one ended */
	uint64_t cpu_ns; /* what it cost */
	bool is_wanted; /* somebody wants to know the owners anew */
	uint64_t next_ask_ns; /* not before */
	uint32_t tier; /* of the guard's hooks (enum sw_sock_tier); 0: not asked yet */
	struct sw_later *later;
	struct sw_told *told;
	struct sw_gone *gone;
	/* findings about UNIX sockets in this minute, and those beyond what it may have */
	uint64_t unix_minute_ns, unix_untold, unix_untold_ever;
	uint32_t unix_told;
	struct sw_unix_watch *unix_watch; /* watch_unix.c; NULL while hooks tell of UNIX sockets */
};

/* watch_snapshot.c: CPU time of this thread, what the kernel did for it included. */
uint64_t sw_watch_cpu_ns(void);

/* Asks for a snapshot when one is due. */
void sw_watch_ask(struct sw_engine *e);

/* Asks for one though nothing was lost: for owners that only an iterator knows. */
void sw_watch_want(struct sw_engine *e);
/*
 * Calls fn once after a snapshot that began after this call; also when it failed, or the engine ends.
 * Requests that come while one is taken share the next. -ENOTCONN: there is no guard, fn is not called.
 */
int sw_watch_fresh(struct sw_engine *e, void (*fn)(struct sw_engine *e, void *arg), void *arg);
/*
 * Answers a request by fn when a snapshot that it asks for is there: who asks wants what is there now. Without a guard
 * it is what was known last; `complete` says so.
 */
void sw_watch_when_fresh(struct sw_ctl_request *q, const json_t *args, struct sw_engine *e, sw_ctl_verb_fn fn);
/*
 * TCP connections that no process holds (sw_it_inet_is_unheld), read now from every network namespace: fn is called
 * once, with rows until it returns. result: 0, or -errno: some are missing. -errno: fn is not called.
 */
typedef void (*sw_unheld_fn)(struct sw_engine *e, const struct sw_it_inet *rows, size_t n, int result, void *arg);
int sw_watch_unheld(struct sw_engine *e, sw_unheld_fn fn, void *arg);
/* Answers everybody who waits: the engine ends. */
void sw_watch_fresh_done(struct sw_engine *e, struct sw_watch *w);
/* connects.c: a connect to what is on a trail becomes a finding. */
void sw_watch_connects(struct sw_engine *e, const struct sw_event *ev);

/* Calls fn with the process of ev named, while it is held; trail and list are passed on. */
typedef void (*sw_watch_process_fn)(struct sw_engine *e, const struct sw_sock_event *ev, const struct sw_net *peer,
	const char *trail, const char *list, const struct sw_connect_process *p);
void sw_watch_with_process(struct sw_engine *e, const struct sw_sock_event *ev, const struct sw_net *peer,
	const char *trail, const char *list, sw_watch_process_fn fn);
/* firsts.c: a connect of this host. */
void sw_watch_first(struct sw_engine *e, const struct sw_sock_event *ev, const struct sw_net *peer);
/* The peer of an inet record. */
struct sw_net sw_event_peer(const struct sw_sock_event *ev);

/* watch.c: after a whole snapshot. */
void sw_watch_settled(struct sw_engine *e);

/* watch_listen.c */
void sw_watch_listener(enum sw_sock_change change, const struct sw_sock *s, bool is_repair, void *arg);
/* Everything against "default": what arose while nobody watched. */
void sw_watch_compare(struct sw_engine *e);
void sw_watch_listen_tick(struct sw_engine *e);
void sw_watch_listen_done(struct sw_watch *w);

/*
 * watch_unix.c: new UNIX sockets where no hook tells of them: asks for a snapshot when a watched directory or the
 * kernel's list shows one. on: whether it has to.
 */
void sw_watch_unix(struct sw_engine *e, bool on);

/* containers.c: reads /proc itself, the rest by the guard. */
struct sw_proc_reader sw_watch_proc_reader(struct sw_engine *e);
/* What the runtime says of its container, the members that there are, into an open object. */
/* Who a process is, for findings; info all zero: not known. pod: room for its text. */
enum { SW_POD_TEXT_MAX = sizeof(((struct sw_finding *)0)->pod) };
struct sw_connect_process sw_watch_process(const struct sw_proc_info *info, char pod[static SW_POD_TEXT_MAX]);
void sw_container_json(struct sw_json *j, const struct sw_proc_info *info);

/* watch_tell.c: a record as a line of `events`. */
void sw_watch_tell(struct sw_engine *e, const struct sw_event *ev);

/* baselines.c: rows in the database. All -errno; load: -ENOENT. *ret is the caller's. */
int sw_baselines_save(struct sw_engine *e, const char *name, const struct sw_baseline_set *set);
int sw_baselines_load(struct sw_engine *e, const char *name, struct sw_baseline_set *ret);
/* What is there now, as a set. */
int sw_baselines_now(struct sw_engine *e, struct sw_baseline_set *ret);
/* Loads "default" anew after it has changed. */
void sw_baselines_reload(struct sw_engine *e);
/* At the first start: takes "default" and says so. */
void sw_baselines_first(struct sw_engine *e);

/* A row's or a socket's members, the same in lists, differences and events; inside an open object. */
void sw_socket_json(struct sw_engine *e, struct sw_json *j, const struct sw_sock *s, bool with_names);
void sw_baseline_row_json(struct sw_engine *e, struct sw_json *j, const struct sw_baseline_row *r);
/* A difference as an object of an open array. */
void sw_baseline_change_json(struct sw_engine *e, struct sw_json *j, const struct sw_baseline_change *c);

extern const struct sw_ctl_verb sw_socket_verbs[]; /* verb_sockets.c */
