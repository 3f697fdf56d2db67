/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Decision to verdict: what the policy says is in force is installed by every backend (a table; one
 * row now, xdp, through the guard), and put right where it differs. Changes are queued and sent by
 * _flush, so that a thousand expiries are two requests. The object is the engine's.
 */
#pragma once

#include "sockwarden/model/verdict.h"
#include "sockwarden/rpc/guard.h"
#include "user/policy/policy.h"

struct sw_enforce;

/* How the guard is reached; maps are the engine's descriptors by enum sw_guard_fd, -1 while away. */
struct sw_enforce_port {
	/* 0 or -errno (-ENOTCONN while the guard is away); why: room for the guard's own words, may be NULL. */
	int (*bans)(void *arg, enum sw_guard_op op, const struct sw_guard_ban *bans, unsigned int n,
		char *why, size_t size);
	int (*allows)(void *arg, const struct sw_guard_allow *allows, unsigned int n, char *why, size_t size);
	const int *maps;
	void *arg;
};

struct sw_enforce_report {
	unsigned int bans_put, bans_removed, allows_put, allows_removed;
	unsigned int checked; /* entries read from the kernel */
};

/* policy and port are borrowed. */
int sw_enforce_new(struct sw_policy *policy, const struct sw_enforce_port *port, struct sw_enforce **ret);
void sw_enforce_free(struct sw_enforce *e);
void sw_enforce_freep(struct sw_enforce **e);

/* Queued; what the same network was queued for before is forgotten. */
void sw_enforce_put(struct sw_enforce *e, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id);
void sw_enforce_remove(struct sw_enforce *e, const struct sw_net *net);
void sw_enforce_allow(struct sw_enforce *e, const struct sw_net *net, uint32_t origins);
/*
 * Sends what is queued, allow entries first. 0, or the first error: then what was queued is left to
 * the next reconciliation (_is_dirty). why: the guard's words, may be NULL.
 */
int sw_enforce_flush(struct sw_enforce *e, char *why, size_t size);
bool sw_enforce_is_dirty(const struct sw_enforce *e);
/* Compares with what every backend holds and puts it right. -ENOTCONN, -errno. */
int sw_enforce_reconcile(struct sw_enforce *e, struct sw_enforce_report *ret);
/* Whether a ban is in force as the policy has it: asks the backend, for "bans" and "why". */
enum sw_verdict_state sw_enforce_state(struct sw_enforce *e, const struct sw_ban *b);
/* Every ban the kernel holds, for when the database was lost. Negative of fn ends the walk. */
int sw_enforce_each_in_kernel(struct sw_enforce *e,
	int (*fn)(void *arg, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id), void *arg);
int sw_enforce_each_allow_in_kernel(struct sw_enforce *e,
	int (*fn)(void *arg, const struct sw_net *net, uint32_t origins), void *arg);
