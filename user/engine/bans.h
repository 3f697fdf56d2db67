/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Decisions on their way through the engine: judged by the policy, stored, put in force, told. One
 * set of functions for the verbs and for the parts that decide by themselves.
 */
#pragma once

#include "user/engine/engine.h"
#include "user/policy/policy.h"

/*
 * Bans: stored first, in force when it returns 0. -EPERM refused (refusal, text); another error: the
 * ban is decided and stored, but not in force yet (text->message says why): it is tried again.
 */
int sw_engine_ban(struct sw_engine *e, const struct sw_ban_request *q, const struct sw_ban **ret_ban,
	const struct sw_ban_part **ret_part, enum sw_refusal *refusal, struct sw_refusal_text *text);
/*
 * Between hold and release, bans are stored and put in force together, at the release: what comes from
 * one burst costs one commit and one message. They may be nested.
 */
void sw_engine_bans_hold(struct sw_engine *e);
void sw_engine_bans_release(struct sw_engine *e);
/* Ends every part of the ban; their number. */
unsigned int sw_engine_unban(struct sw_engine *e, const struct sw_net *net, const char *by);
/* Ends the part of origin alone; 1, or 0 when there is none. */
unsigned int sw_engine_withdraw(struct sw_engine *e, const struct sw_net *net, const char *origin, const char *by);
/* Networks whose bans ended by the last sw_engine_allow; borrowed until the next. */
struct sw_engine_unbanned {
	const struct sw_net *nets;
	size_t n;
};
int sw_engine_allow(struct sw_engine *e, const struct sw_net *net, const char *by, const char *reason,
	struct sw_engine_unbanned *ret);
int sw_engine_disallow(struct sw_engine *e, const struct sw_net *net);
/* The peers of administrators: those of logged-in SSH sessions. Replaces the ones told before. */
void sw_engine_set_admins(struct sw_engine *e, const struct sw_net *nets, size_t n);
/* An administrator who armed from this address: protected as well, and remembered. */
void sw_engine_add_admin(struct sw_engine *e, const struct sw_net *net);
/* The whole of what feeds come from: never banned. */
void sw_engine_set_feed_hosts(struct sw_engine *e, const struct sw_net *nets, size_t n);
/*
 * The whole of what feeds allow (rows: borrowed), put in force. 0, or -errno: what there was room for is allowed.
 * set: *ret says what changed; take: it is told to people. (listed.c)
 */
int sw_engine_set_listed(
	struct sw_engine *e, const struct sw_allow_listed *rows, size_t n, struct sw_allow_change *ret);
int sw_engine_take_listed(struct sw_engine *e, const struct sw_allow_listed *rows, size_t n);
/* At the start: what feeds allowed before it, until their lists are read; none of it is to be banned meanwhile. */
void sw_engine_keep_listed(struct sw_engine *e);
/* How many decisions the database does not have. */
unsigned int sw_engine_n_unsaved(const struct sw_engine *e);
/* Compares with the kernel at once; what was put right is said. */
void sw_engine_reconcile(struct sw_engine *e);
/* Tries to store what could not be stored; called by itself too. */
void sw_engine_save_unsaved(struct sw_engine *e);
/* verb_bans.c */
extern const struct sw_ctl_verb sw_ban_verbs[];
