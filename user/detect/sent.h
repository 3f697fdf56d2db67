/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets that processes of this host send to listed or banned addresses: one finding for each process
 * and address, whose count goes up with each record. Pure; the object is the engine's.
 */
#pragma once

#include "user/detect/connect.h"

enum {
	SW_SENT_ROWS = 256, /* pairs of process and address remembered; the one that was silent longest makes room */
	SW_SENT_NEW_PER_SEC = 20, /* new findings; beyond it pairs are only counted */
	SW_SENT_NEW_BURST = 100,
};

struct sw_sent;

int sw_sent_new(const struct sw_clock *clock, struct sw_sent **ret);
void sw_sent_free(struct sw_sent *s);
/*
 * ev: a SENT record; trail and feed: the entry and its list, "" for a ban. NULL: too many new ones;
 * else the finding to be told, borrowed; its id is to be kept in it.
 */
struct sw_finding *sw_sent_judge(struct sw_sent *s, const struct sw_sock_event *ev, const struct sw_net *peer,
	const char *trail, const char *feed, const struct sw_connect_process *p);
/* Pairs that had no finding of their own. */
uint64_t sw_sent_untold(const struct sw_sent *s);
