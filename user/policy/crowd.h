/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What CrowdSec has decided, by network: lists overlap, so each network keeps the decisions that name
 * it, and the longest is what is wanted. Pure: bans are the caller's. The server tells of an end once a
 * network has no decision left, under the number of the last one, which need not be one that it told of
 * before; where that does not fit what is known here, the whole is wanted anew.
 */
#pragma once

#include <uthash.h>

#include "sockwarden/rpc/net.h"
#include "user/base/util.h"

struct sw_crowd;

/* A decision on a network. */
struct sw_crowd_ref {
	struct sw_crowd_ref *next;
	uint64_t id, until_boot_ns;
	uint32_t generation; /* of the whole that it was last in */
	char origin[24], scenario[96];
};

struct sw_crowd_net {
	struct sw_net net;
	struct sw_crowd_ref *refs; /* NULL: no longer wanted */
	bool is_changed; /* what is wanted is not settled yet */
	uint32_t why_not; /* the caller's */
	UT_hash_handle hh;
};

int sw_crowd_new(struct sw_crowd **ret);
void sw_crowd_free(struct sw_crowd *c);
/*
 * Takes an answer: list of head->n. -EBADMSG where they are not sound; then nothing has changed. 1 when
 * the whole is wanted anew, 0, -ENOMEM.
 */
int sw_crowd_take(struct sw_crowd *c, const struct sw_net_crowdsec *head, const struct sw_net_crowdsec_decision *list,
	uint64_t now_ns);
/* The whole was told once. */
bool sw_crowd_is_whole(const struct sw_crowd *c);
/* The decision that ends last; NULL when none is left. */
const struct sw_crowd_ref *sw_crowd_longest(const struct sw_crowd_net *n, uint64_t now_ns);
/* fn: true when it is settled, false to be asked again by the next walk. Walks what has changed. */
void sw_crowd_each_changed(struct sw_crowd *c, bool (*fn)(void *arg, struct sw_crowd_net *n), void *arg);
const struct sw_crowd_net *sw_crowd_find(const struct sw_crowd *c, const struct sw_net *net);
/* Forgets decisions that ended by their time: their bans ended with them. */
void sw_crowd_expire(struct sw_crowd *c, uint64_t now_ns);
unsigned int sw_crowd_n_decisions(const struct sw_crowd *c);
unsigned int sw_crowd_n_nets(const struct sw_crowd *c);
unsigned int sw_crowd_n_changed(const struct sw_crowd *c);
/* Of those that are not settled, how many for this reason. */
unsigned int sw_crowd_count(const struct sw_crowd *c, uint32_t why_not);
