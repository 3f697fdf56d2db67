/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is decided: who is banned until when, and who never may be. Pure: time is a sw_clock, what is
 * to be stored or enforced goes out through sw_policy_ops, so that weeks of bans run in a test. The
 * object is the engine's; it owns its bans and allow entries, which callers borrow until they next
 * change the policy.
 */
#pragma once

#include <uthash.h>

#include "sockwarden/abi/gate.h"
#include "user/base/cidr.h"
#include "user/base/clock.h"
#include "user/store/store.h"

struct sw_policy;

struct sw_policy_limits {
	uint32_t min_plen4, min_plen6; /* no wider without the word */
	uint32_t max_per_minute;       /* new bans in any 60 s, 0: no cap */
	uint32_t max_total;	       /* bans in force, 0: no cap */
};

/* One origin's ban on a network. */
struct sw_ban_part {
	struct sw_ban_part *next;
	uint64_t id;
	int64_t made_wall_sec, until_wall_sec; /* 0: for ever */
	uint64_t until_boot_ns;		       /* 0: for ever */
	bool is_saved;	  /* the database has it as it is here */
	bool is_derived;  /* its end came from wall time, of an earlier boot */
	struct sw_net via; /* the trusted proxy that its packets come from; family 0: none */
	const char *origin, *by, *reason; /* within texts */
	char texts[];
};

/* A banned network: the longest of its parts is in force. */
struct sw_ban {
	struct sw_net net;
	struct sw_ban_part *parts; /* never NULL */
	uint64_t hits;		   /* packets since, as far as told by events */
	int64_t last_hit_wall_ns;
	size_t heap_index;
	UT_hash_handle hh;
};

struct sw_allow {
	struct sw_net net;
	uint32_t origins;	/* enum sw_allow_origin, or-ed; never 0 */
	int64_t made_wall_sec;
	bool is_saved; /* the operator's part of it */
	char by[64];
	char reason[192];
	char *feeds; /* of SW_ALLOW_LIST: the names of those that list it, by blanks; NULL: none */
	UT_hash_handle hh;
};

/* A network that a feed has allowed. */
struct sw_allow_listed {
	struct sw_net net;
	const char *feed;
};

/* What became of it. */
struct sw_allow_change {
	size_t n, added, removed; /* networks, of all feeds together */
	size_t ended; /* bans that lay in them */
	size_t holes; /* of the networks added those that a wider ban holds, and stops no more */
};

/*
 * Effects. save and end: 0, or -errno when the database did not take it; the policy keeps what it
 * could not save and sw_policy_save_unsaved tries again. put, remove and allow cannot fail: who
 * enforces them queues them and puts right what differs.
 */
struct sw_policy_ops {
	int (*save)(void *arg, const struct sw_store_ban *row);
	int (*end)(void *arg, uint64_t id, enum sw_ban_end end, const char *by);
	void (*put)(void *arg, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id);
	void (*remove)(void *arg, const struct sw_net *net);
	void (*allow)(void *arg, const struct sw_net *net, uint32_t origins); /* 0: no longer */
	/* A part is over; ban is as it was before. Told after the database and before put or remove. May be NULL. */
	void (*over)(void *arg, const struct sw_ban *ban, const struct sw_ban_part *part,
		enum sw_ban_end end, const char *by);
	int (*save_allow)(void *arg, const struct sw_allow *a);
	int (*delete_allow)(void *arg, const struct sw_net *net);
};

/* clock, ops and arg are borrowed. boot_id names this boot of the kernel. */
int sw_policy_new(const struct sw_clock *clock, const char *boot_id, const struct sw_policy_ops *ops, void *arg,
	struct sw_policy **ret);
void sw_policy_free(struct sw_policy *p);
void sw_policy_freep(struct sw_policy **p);
void sw_policy_set_limits(struct sw_policy *p, const struct sw_policy_limits *l);

enum sw_refusal {
	SW_REFUSED_NOT = 0,
	SW_REFUSED_PROTECTED, /* an allow entry holds it or lies in it */
	SW_REFUSED_FLOOR,     /* wider than the floor */
	SW_REFUSED_RATE,
	SW_REFUSED_TOTAL,
	SW_REFUSED_INVALID,
};

struct sw_ban_request {
	struct sw_net net;
	uint64_t for_sec; /* 0: for ever */
	const char *origin, *by, *reason;
	bool is_wide; /* the explicit word */
	struct sw_net via; /* the trusted proxy that it came through; family 0: none */
};

struct sw_refusal_text {
	char message[256];
	char hint[256];
};

/* Would it be refused, and why. text may be NULL. */
enum sw_refusal sw_policy_judge(struct sw_policy *p, const struct sw_ban_request *q, struct sw_refusal_text *text);
/*
 * Judges, stores, puts. id is a fresh number of the store. An earlier part of the same origin is
 * replaced when origin is "operator"; else it stays when it ends later (then nothing changes and
 * *ret_part is that one). -EPERM refused (*refusal and text say why), -ENOMEM. ret_ may be NULL.
 */
int sw_policy_ban(struct sw_policy *p, const struct sw_ban_request *q, uint64_t id, const struct sw_ban **ret_ban,
	const struct sw_ban_part **ret_part, enum sw_refusal *refusal, struct sw_refusal_text *text);
/* Withdraws: origin NULL for all parts. Number of parts withdrawn. */
unsigned int sw_policy_withdraw(struct sw_policy *p, const struct sw_net *net, const char *origin, const char *by);
/* Ends what is due, at most max parts. Number ended. */
unsigned int sw_policy_expire(struct sw_policy *p, unsigned int max);
/* Boot time of the next expiry, 0 when there is none. */
uint64_t sw_policy_next_expiry(const struct sw_policy *p);

/*
 * Takes back a row of the database at a start: nothing is put (reconciliation does that). The end is
 * exact within the same boot, else comes from wall time: now, but not before last_seen_wall_sec, so
 * that a clock that is not set yet never lengthens or shortens by more than is known. A row that ended
 * meanwhile is ended (expired). 1 taken, 0 over or already there, -ENOMEM.
 */
int sw_policy_restore(struct sw_policy *p, const struct sw_store_ban *row, int64_t last_seen_wall_sec);
/* An entry found in the kernel that no row explains (the database was lost): a ban of origin "recovered". */
int sw_policy_recover(struct sw_policy *p, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id);
/* True once, when the wall clock that was not set at the restore is right now: derived ends were put anew. */
bool sw_policy_clock_was_set(struct sw_policy *p);
/* Tries to save what is unsaved, at most max. Number that is still unsaved. */
unsigned int sw_policy_save_unsaved(struct sw_policy *p, unsigned int max);
unsigned int sw_policy_n_unsaved(const struct sw_policy *p);
/* After the database was lost: everything counts as unsaved. */
void sw_policy_mark_unsaved(struct sw_policy *p);

unsigned int sw_policy_n_bans(const struct sw_policy *p);
unsigned int sw_policy_n_allow(const struct sw_policy *p);
/* Exactly this network; NULL when it is not banned. */
const struct sw_ban *sw_policy_find_ban(const struct sw_policy *p, const struct sw_net *net);
/* What origin has in a ban; NULL: nothing, or b is NULL. */
struct sw_ban_part *sw_policy_part_of(const struct sw_ban *b, const char *origin);
/* The narrowest ban that holds all of net; after: the next wider one. NULL at the end. */
const struct sw_ban *sw_policy_covering_ban(
	const struct sw_policy *p, const struct sw_net *net, const struct sw_ban *after);
const struct sw_allow *sw_policy_find_allow(const struct sw_policy *p, const struct sw_net *net);
/* The narrowest allow entry that holds all of net, or NULL. */
const struct sw_allow *sw_policy_covering_allow(const struct sw_policy *p, const struct sw_net *net);
/* The part that is in force: the longest. */
const struct sw_ban_part *sw_ban_longest(const struct sw_ban *b);
/* Seconds until the ban ends, rounded up; 0 with *ret_forever when never. */
uint64_t sw_policy_left_sec(const struct sw_policy *p, const struct sw_ban_part *part, bool *ret_forever);
/* Walks; the callback must not change the policy. */
void sw_policy_each_ban(const struct sw_policy *p, void (*fn)(void *arg, const struct sw_ban *b), void *arg);
void sw_policy_each_allow(const struct sw_policy *p, void (*fn)(void *arg, const struct sw_allow *a), void *arg);
/* Packets of src hit a ban. */
void sw_policy_hit(struct sw_policy *p, const struct sw_net *src, uint64_t packets, int64_t wall_ns);

/*
 * Adds origin to an entry (made when there is none) and ends the bans that lie in it. Number of bans
 * ended, -ENOSPC when SW_MAX_ALLOW is reached, -ENOMEM. by and reason are for the operator's.
 */
int sw_policy_allow(struct sw_policy *p, const struct sw_net *net, enum sw_allow_origin origin, const char *by,
	const char *reason);
/* At a start: as sw_policy_allow, but made then, saved already. */
int sw_policy_restore_allow(struct sw_policy *p, const struct sw_store_allow *row);
/* Takes origin from the entry. 1 taken, 0 there was none. */
int sw_policy_disallow(struct sw_policy *p, const struct sw_net *net, enum sw_allow_origin origin);
/*
 * Makes rows the whole of what feeds allow (SW_ALLOW_LIST); several may name one network. Bans that lie in what is
 * new are ended. 0, or -ENOSPC or -ENOMEM: what there was room for is allowed.
 */
int sw_policy_allow_listed(
	struct sw_policy *p, const struct sw_allow_listed *rows, size_t n, struct sw_allow_change *ret);
/* Calls fn with each of those who hold the entry: "operator", "own", "feed:googlebot". */
void sw_allow_each_origin(const struct sw_allow *a, void (*fn)(void *arg, const char *origin), void *arg);
/* Makes nets the whole of what origin holds: what is missing is added, what is more goes. Changes made, or -errno. */
int sw_policy_allow_set(struct sw_policy *p, enum sw_allow_origin origin, const struct sw_net *nets, size_t n);
