/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine's own struct and the parts of which it is made. sockwarden-engine is one process, one
 * thread, one loop; everything below lives in it. Only files of user/engine see this struct: what is
 * pure lies in lower ranks.
 *
 * A part is a const row (struct sw_engine_part): its verbs, and what it wants to be called for. A new
 * part is a file with a row, an extern line at the end of this header, a line in parts.c, and a
 * pointer to its own opaque state in struct sw_engine.
 */
#pragma once

#include <jansson.h>

#include "sockwarden/model/finding.h"
#include "sockwarden/rpc/config.h"
#include "sockwarden/rpc/guard.h"
#include "user/base/clock.h"
#include "user/base/json.h"
#include "user/base/log.h"
#include "user/base/paths.h"
#include "user/ctl/server.h"
#include "user/engine/events.h"
#include "user/engine/guard_client.h"
#include "user/io/loop.h"
#include "user/store/store.h"

struct sw_static; /* user/trail/static.h */

struct sw_engine {
	/* There from the start, for every part. */
	struct sw_clock clock;
	struct sw_paths paths;
	struct sw_loop *loop;
	struct sw_guard_client *guard;
	const struct sw_config *config; /* mapped, read-only; replaced on a new configuration */
	struct sw_guard_ids ids;
	int fds[SW_FD_ENGINE_COUNT]; /* by enum sw_guard_fd; the engine's; -1 while the guard is away */
	struct sw_ctl_server *ctl;
	struct sw_store *store;
	struct sw_events *events;
	bool is_store_new; /* no database was there, or it was damaged: what the kernel holds is read back */
	uint64_t started_boot_ns;
	char host[65];

	/* Parts' own state: each is made, used and freed in the part's file alone. */
	struct sw_policy *policy;      /* user/policy */
	struct sw_bans_part *bans;     /* bans.c */
	struct sw_mode_part *mode;     /* mode.c */
	struct sw_neverban *neverban;  /* user/policy */
	struct sw_enforce *enforce;    /* user/enforce */
	struct sw_hits *hits;	       /* user/detect: packet events */
	struct sw_packets *packets;    /* packets.c */
	struct sw_connects *connects;  /* user/detect: connects to what is listed */
	struct sw_firsts_part *firsts; /* firsts.c */
	struct sw_sock_policy *sock_policy; /* sock_policy.c */
	struct sw_seen_part *seen; /* sock_seen.c */
	struct sw_sent *sent;	       /* user/detect: packets to what is listed */
	struct sw_decoys_part *decoys; /* decoys.c */
	struct sw_inspect_part *inspect; /* inspect.c */
	struct sw_sensor_part *sensor; /* sensor.c */
	struct sw_admins *admins;      /* admins.c */
	struct sw_scans_part *scans;   /* scans.c */
	struct sw_health *health;      /* health.c */
	struct sw_watch *watch;	       /* watch.c: sockets */
	struct sw_feeds_part *feeds;   /* feeds.c */
	struct sw_trail_part *trails;  /* verb_trails.c */
	struct sw_country_part *countries; /* country.c */
	struct sw_geo_engine *geo;     /* geo.c */
	struct sw_net_peer *net_peer;  /* net_peer.c */
	struct sw_backends_part *backends; /* backends.c */
	struct sw_crowdsec_part *crowdsec; /* crowdsec.c */
	struct sw_crowdsec_report_part *crowdsec_report; /* crowdsec_report.c */
	struct sw_web_part *web;       /* verb_web.c */
	struct sw_metrics *metrics;    /* metrics.c */
	struct sw_alerts *alerts;      /* alerts.c */
	struct sw_report_part *report; /* report.c */
	struct sw_logs_part *logs;     /* logs.c */
};

enum sw_listed {
	SW_LISTED_NONE,
	SW_LISTED_EXCEPT, /* an exception decides */
	SW_LISTED_TRAIL,
};

/* Members may be NULL. Called in the order of parts.c, done in reverse. */
struct sw_engine_part {
	const char *name;
	const struct sw_ctl_verb *verbs; /* rows ended by a NULL name; the verb's arg is the struct sw_engine */
	/*
	 * Once, after the first HELLO: config, store, events and descriptors are there; before the
	 * sandbox. Negative ends the engine.
	 */
	int (*init)(struct sw_engine *e);
	void (*done)(struct sw_engine *e);
	/* After init, and after each later HELLO: e->fds are new. Not negative for what can be retried. */
	int (*connected)(struct sw_engine *e);
	/* The guard went: e->fds are about to be closed; drop what uses them. */
	void (*lost)(struct sw_engine *e);
	/* e->config is new, old is unmapped afterwards. */
	void (*configured)(struct sw_engine *e, const struct sw_config *old);
	/* Adds members to the reply of "status" ("listeners", "trails", ...). */
	void (*status)(struct sw_engine *e, struct sw_json *j);
	/* Every finding, after it has its id: for sinks. */
	void (*found)(struct sw_engine *e, const struct sw_finding *f);
	/* Adds {"what","net","text"} objects to the open array of "why"; subject is the text asked for, net NULL when it is no address. */
	void (*why)(struct sw_engine *e, const char *subject, const struct sw_net *net, struct sw_json *j);
	/*
	 * The trails of every kind were compiled anew (engine/trails.h); NULL: there are none any
	 * more. The set before is freed when every part was told. It may come before init.
	 */
	void (*compiled)(struct sw_engine *e, struct sw_static *set);
	/*
	 * What trail lists make of a subject, as for why. because: the sentence of it, unless NONE; NULL is
	 * not to be told.
	 */
	enum sw_listed (*listed)(struct sw_engine *e, const char *subject, const struct sw_net *net,
		struct sw_strbuf *because);
};

/*
 * Says a finding: id and times are filled when 0, it is stored, told as an event, and given to the
 * sinks. Returns its id. A finding that is told again with its id set updates the stored row (count,
 * title) and is neither an event nor an alert again.
 */
uint64_t sw_engine_find(struct sw_engine *e, struct sw_finding *f);

/*
 * health.c: what is wrong now, by a constant key ("store", "guard", "ring-sock"). Setting a new key
 * is said once in the log, as an event, and as a SYSTEM finding; it stands in status "degraded" until
 * cleared, which is said too.
 */
void sw_degraded_set(struct sw_engine *e, const char *key, enum sw_severity severity, const char *fmt, ...)
	_printf_(4, 5);
void sw_degraded_clear(struct sw_engine *e, const char *key);
unsigned int sw_degraded_count(const struct sw_engine *e);

/* Sums over the CPUs; zeros and -ENOTCONN while the guard is away. */
int sw_engine_counters(struct sw_engine *e, struct sw_counter ret[static SW_R_COUNT]);
int sw_engine_counter(struct sw_engine *e, enum sw_guard_fd fd, __u32 key, struct sw_counter *ret);
int sw_engine_stats(struct sw_engine *e, uint64_t ret[static SW_STAT_COUNT]);
/* The guard's answer to STATUS, at most one second old; NULL while it is away. Borrowed. */
const struct sw_guard_status *sw_engine_guard_status(struct sw_engine *e);
/* connects.c: whether what this host's processes send is looked at. */
bool sw_engine_sees_egress(struct sw_engine *e);
/* The numbers of bans in force and of allow entries. */
unsigned int sw_engine_n_bans(const struct sw_engine *e);
unsigned int sw_engine_n_allow(const struct sw_engine *e);
unsigned int sw_engine_n_listed(const struct sw_engine *e); /* of these what feeds allow */
/* A finding's members into an open object: the same for "findings" and for events. */
void sw_finding_json(struct sw_json *j, const struct sw_finding *f);
/* mode.c: "mode", "enforcing" and "enforce_left_sec" into an open object: the same for "status" and "mode". */
void sw_mode_json(struct sw_engine *e, struct sw_json *j);

/* engine.c: runs the process; the program's result. */
struct sw_engine_options {
	struct sw_paths paths;
	bool is_help, is_version, is_verbose;
};
int sw_engine_run(const struct sw_engine_options *o);

extern const struct sw_engine_part *const sw_engine_parts[]; /* parts.c; ended by NULL */
extern const struct sw_engine_part sw_part_status;	     /* verb_status.c */
extern const struct sw_engine_part sw_part_bans;	     /* verb_bans.c */
extern const struct sw_engine_part sw_part_backends;	     /* backends.c */
extern const struct sw_engine_part sw_part_crowdsec;	     /* crowdsec.c */
extern const struct sw_engine_part sw_part_crowdsec_report;  /* crowdsec_report.c */
extern const struct sw_engine_part sw_part_why;		     /* verb_why.c */
extern const struct sw_engine_part sw_part_mode;	     /* mode.c */
extern const struct sw_engine_part sw_part_packets;	     /* packets.c */
extern const struct sw_engine_part sw_part_connects;	     /* connects.c */
extern const struct sw_engine_part sw_part_firsts;	     /* firsts.c */
extern const struct sw_engine_part sw_part_sock_policy;	     /* sock_policy.c */
extern const struct sw_engine_part sw_part_sock_seen;	     /* sock_seen.c */
extern const struct sw_engine_part sw_part_decoys;		     /* decoys.c */
extern const struct sw_engine_part sw_part_sensor;	     /* sensor.c */
extern const struct sw_engine_part sw_part_inspect;	     /* inspect.c */
extern const struct sw_engine_part sw_part_scans;		     /* scans.c */
extern const struct sw_engine_part sw_part_admins;	     /* admins.c */
extern const struct sw_engine_part sw_part_sockets;	     /* watch.c */
extern const struct sw_engine_part sw_part_feeds;	     /* feeds.c */
extern const struct sw_engine_part sw_part_trails;	     /* verb_trails.c */
extern const struct sw_engine_part sw_part_countries;	     /* country.c */
extern const struct sw_engine_part sw_part_geo;		     /* geo.c */
extern const struct sw_engine_part sw_part_net;		     /* net_peer.c */
extern const struct sw_engine_part sw_part_logs;	     /* logs.c */
extern const struct sw_engine_part sw_part_alerts;	     /* alerts.c */
extern const struct sw_engine_part sw_part_report;	     /* report.c */
extern const struct sw_engine_part sw_part_web;		     /* verb_web.c */
extern const struct sw_engine_part sw_part_metrics;	     /* metrics.c */
