/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process of this host connects to an address on a trail: a finding that names the process, once a
 * minute for each process and address. Pure; the object is the engine's.
 */
#pragma once

#include "sockwarden/abi/sock_event.h"
#include "sockwarden/model/finding.h"
#include "user/base/clock.h"

enum {
	SW_CONNECTS_RECENT = 256,   /* pairs of process and address remembered; the oldest makes room */
	SW_CONNECTS_AGAIN_SEC = 60, /* between two findings of one pair */
};

struct sw_connects;

/* Who connects, as far as known: texts borrowed, "" or NULL when unknown. */
struct sw_connect_process {
	const char *comm, *executable, *container, *unit;
	const char *container_name, *pod; /* pod: namespace/name */
};

/* Names it in a finding, without what would harm a terminal. */
void sw_connect_name(struct sw_finding *f, const struct sw_connect_process *p);

int sw_connects_new(const struct sw_clock *clock, struct sw_connects **ret);
void sw_connects_free(struct sw_connects *c);
/*
 * ev: a CONNECT record; peer, trail and feed (the entry and its list, or "" and the name of a rule). True when *ret is
 * a finding to be told; it is counted else.
 */
bool sw_connects_judge(struct sw_connects *c, const struct sw_sock_event *ev, const struct sw_net *peer,
	const char *trail, const char *feed, const struct sw_connect_process *p, struct sw_finding *ret);
