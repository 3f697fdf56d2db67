/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The never-ban set: this host's own addresses and default gateways (rtnetlink, followed), its
 * resolvers (resolv.conf, read again when it changes), and the peers of administrators. It writes
 * them into the policy's allow list under their origins. Lives in the engine; needs no privilege.
 */
#pragma once

#include "user/io/loop.h"
#include "user/policy/policy.h"

struct sw_neverban;

/* changed is called after the policy was changed from the loop. loop, policy and path are borrowed. */
int sw_neverban_new(struct sw_loop *l, struct sw_policy *p, const char *resolv_path,
	void (*changed)(void *arg), void *arg, struct sw_neverban **ret);
void sw_neverban_free(struct sw_neverban *n);
void sw_neverban_freep(struct sw_neverban **n);
/* Reads all sources now; changes made, or -errno of the first source that failed (the others are read). */
int sw_neverban_refresh(struct sw_neverban *n);
/* Nameserver lines of a resolv.conf: at most max addresses; their number. Pure. */
size_t sw_resolvers_parse(const char *text, struct sw_net *ret, size_t max);
