/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine's database: SQLite at STATE/sockwarden.db, WAL, synchronous=NORMAL. Holds decisions with
 * their history, the operator's allow entries, findings, baselines, who did what, and a few named
 * values. The object is the engine's; every call is short and from its thread. Calls return -errno:
 * -ENOSPC for a full disk, -EIO, -EUCLEAN for a damaged file; what could not be stored is the
 * caller's to keep and to try again.
 */
#pragma once

#include "sockwarden/model/decision.h"
#include "sockwarden/model/finding.h"
#include "sockwarden/model/seen.h"
#include "user/base/clock.h"

struct sw_store;

struct sw_store_opened {
	bool is_new;	      /* there was no database */
	bool was_corrupt;     /* it was moved aside to moved_to */
	char moved_to[256];
	int error;	      /* opened in memory only, because of this -errno; 0: on disk */
};

/* clock and dir are borrowed until close. Fails only for want of memory: else the store works in memory and says so. */
int sw_store_open(const char *dir, const struct sw_clock *clock, uint32_t max_mb, struct sw_store **ret,
	struct sw_store_opened *ret_opened);
void sw_store_close(struct sw_store *s);
void sw_store_closep(struct sw_store **s);
/* Bytes on disk, write-ahead log included. */
uint64_t sw_store_bytes(const struct sw_store *s);
const char *sw_store_path(const struct sw_store *s);
bool sw_store_is_on_disk(const struct sw_store *s);
/* In memory only: tries the disk again and copies what it has there. 0 when it is on disk now. */
int sw_store_retry(struct sw_store *s);
void sw_store_set_max(struct sw_store *s, uint32_t max_mb);
/* A number that no decision has had; does not touch the disk. Findings count by themselves. */
uint64_t sw_store_next_id(struct sw_store *s);
uint64_t sw_store_next_finding_id(struct sw_store *s);

/* Bans: a row of history each; is_open until it ended. */
enum sw_ban_end { SW_BAN_OPEN = 0, SW_BAN_EXPIRED, SW_BAN_WITHDRAWN, SW_BAN_REPLACED, SW_BAN_ALLOWED };
const char *sw_ban_end_word(unsigned int end);

struct sw_store_ban {
	struct sw_decision d;
	uint64_t until_boot_ns; /* exact within boot_id; 0: for ever */
	char boot_id[40];
	enum sw_ban_end end;
	int64_t ended_wall_sec;
	char ended_by[64];
	struct sw_net via; /* the proxy that its packets come from; family 0: none */
};
typedef int (*sw_store_ban_fn)(const struct sw_store_ban *b, void *arg); /* negative ends the walk with it */

int sw_store_put_ban(struct sw_store *s, const struct sw_store_ban *b); /* by d.id; again is the same */
int sw_store_end_ban(struct sw_store *s, uint64_t id, enum sw_ban_end end, const char *by);
/* Between begin and commit many puts cost one. */
int sw_store_begin(struct sw_store *s);
int sw_store_commit(struct sw_store *s);
/* Housekeeping that waits for the disk; when nothing is waited for. */
void sw_store_tidy(struct sw_store *s);
int sw_store_each_open_ban(struct sw_store *s, sw_store_ban_fn fn, void *arg);
/* The newest n that were made at or after since_wall_sec, newest first. */
int sw_store_bans_since(struct sw_store *s, int64_t since_wall_sec, unsigned int n, sw_store_ban_fn fn, void *arg);
/* The newest n rows of history on networks that contain net or lie in it. */
int sw_store_ban_history(struct sw_store *s, const struct sw_net *net, unsigned int n, sw_store_ban_fn fn, void *arg);

/*
 * Bans of exactly net that were made since then and ran or run their time (withdrawn, pardoned and
 * replaced ones do not count); origin ends in "*" for all that begin so. -errno.
 */
int sw_store_count_bans(struct sw_store *s, const struct sw_net *net, const char *origin, int64_t since_wall_sec);

/*
 * Evidence: lines that made a rule due, for exactly net. The newest 20,000 are kept. fn is called with
 * the newest n, newest first.
 */
enum { SW_STORE_EVIDENCE_MAX = 20000 };
typedef void (*sw_store_evidence_fn)(void *arg, int64_t wall_sec, const char *rule, const char *lines);
int sw_store_put_evidence(struct sw_store *s, const struct sw_net *net, const char *rule, const char *lines);
int sw_store_each_evidence(
	struct sw_store *s, const struct sw_net *net, unsigned int n, sw_store_evidence_fn fn, void *arg);

/*
 * Fingerprints of who talked to whom (user/detect/firsts.h), the newest max of them; one that is put
 * again is the newest. _each: the oldest first; a negative result ends the walk with it.
 */
typedef int (*sw_store_first_fn)(uint64_t fingerprint, void *arg);
int sw_store_put_firsts(struct sw_store *s, const uint64_t *fingerprints, size_t n, uint32_t max);
int sw_store_each_first(struct sw_store *s, sw_store_first_fn fn, void *arg);

/* Programs that were seen to listen and connect (user/policy/sock_seen.h); again is the same. */
typedef int (*sw_store_seen_fn)(const struct sw_seen *row, void *arg);
int sw_store_put_seen(struct sw_store *s, const struct sw_seen *row);
int sw_store_delete_seen(struct sw_store *s, const struct sw_seen_who *who);
int sw_store_each_seen(struct sw_store *s, sw_store_seen_fn fn, void *arg);

/* The operator's allow entries. */
struct sw_store_allow {
	struct sw_net net;
	int64_t made_wall_sec;
	char reason[192];
	char by[64];
};
typedef int (*sw_store_allow_fn)(const struct sw_store_allow *a, void *arg);
int sw_store_put_allow(struct sw_store *s, const struct sw_store_allow *a);
int sw_store_delete_allow(struct sw_store *s, const struct sw_net *net);
int sw_store_each_allow(struct sw_store *s, sw_store_allow_fn fn, void *arg);

/*
 * Findings: queued, written together each second by _flush; a row with a known id is updated.
 * Bounded: oldest go first.
 */
typedef int (*sw_store_finding_fn)(const struct sw_finding *f, void *arg);
int sw_store_queue_finding(struct sw_store *s, const struct sw_finding *f);
int sw_store_flush(struct sw_store *s);
/* The newest n, newest first, the queued among them. */
int sw_store_each_finding(struct sw_store *s, unsigned int n, sw_store_finding_fn fn, void *arg);
uint64_t sw_store_count_findings(struct sw_store *s);

/* Baselines: rows by a key; what a row holds is the caller's own fixed struct or text. */
struct sw_store_row {
	const char *key; /* identity, unique within the baseline */
	const void *data;
	size_t len;
};
typedef int (*sw_store_row_fn)(const struct sw_store_row *row, void *arg);
typedef int (*sw_store_baseline_fn)(const char *name, int64_t taken_wall_sec, uint64_t rows, void *arg);
/* Fills in row i; what it points to is used before the next call. */
typedef void (*sw_store_next_row_fn)(size_t i, struct sw_store_row *ret, void *arg);
/* Replaces the baseline as a whole, by n rows. */
int sw_store_save_baseline(struct sw_store *s, const char *name, int64_t taken_wall_sec, size_t n,
	sw_store_next_row_fn next, void *arg);
int sw_store_put_baseline_row(struct sw_store *s, const char *name, const struct sw_store_row *row);
int sw_store_delete_baseline_row(struct sw_store *s, const char *name, const char *key);
/* 1 deleted, 0 there was none. */
int sw_store_delete_baseline(struct sw_store *s, const char *name);
/* -ENOENT when there is none of that name; ret_taken may be NULL. */
int sw_store_read_baseline(struct sw_store *s, const char *name, int64_t *ret_taken, sw_store_row_fn fn, void *arg);
int sw_store_each_baseline(struct sw_store *s, sw_store_baseline_fn fn, void *arg);

/* Who did what; the oldest go beyond 100,000. */
int sw_store_audit(struct sw_store *s, const char *by, const char *action, const char *subject, const char *detail);

/* Named values. get: -ENOENT when there is none. */
int sw_store_set(struct sw_store *s, const char *name, const char *value);
int sw_store_get(struct sw_store *s, const char *name, char *buf, size_t size);
