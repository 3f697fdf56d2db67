/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packet events to findings: one finding for each source and reason, told when it is first seen and
 * then at most once a minute with its sum. What a flood of forged sources can make of it is bounded:
 * rows in the table, findings a second. Pure; the object is the engine's.
 */
#pragma once

#include "sockwarden/abi/gate.h"
#include "sockwarden/model/finding.h"
#include "user/base/clock.h"

enum {
	SW_HITS_ROWS_MAX = 4096,  /* sources remembered; the one that was silent longest makes room */
	SW_HITS_NEW_PER_SEC = 20, /* new findings; beyond it sources are only counted */
	SW_HITS_NEW_BURST = 100,
	SW_HITS_AGAIN_SEC = 60,	  /* between two findings of one source */
	SW_HITS_FORGET_SEC = 600, /* without a hit */
};

struct sw_hits;

struct sw_hits_ops {
	/* Fills trail and feed of f for an event's list; the action of the entry (enum sw_trail_action). */
	enum sw_trail_action (*trail)(void *arg, uint32_t set, const struct sw_net *net, struct sw_finding *f);
	/*
	 * A finding: f->id is 0 the first time and then what the callee set it to. is_drop: a trail whose
	 * action is to drop.
	 */
	void (*found)(void *arg, struct sw_finding *f, bool is_drop);
};

struct sw_hits_stats {
	uint64_t rows, evicted;
	uint64_t untold; /* sources that came and went without a finding of their own */
};

/* clock, ops and arg are borrowed. */
int sw_hits_new(const struct sw_clock *clock, const struct sw_hits_ops *ops, void *arg, struct sw_hits **ret);
void sw_hits_free(struct sw_hits *h);
void sw_hits_freep(struct sw_hits **h);
/* Counts an event. True when the row has something to tell: call _tick within a second. */
bool sw_hits_add(struct sw_hits *h, const struct sw_pkt_event *ev);
/* Tells what is due. False when the table is empty: no further tick is needed. */
bool sw_hits_tick(struct sw_hits *h);
struct sw_hits_stats sw_hits_stats(const struct sw_hits *h);
/* The source (or for TRAIL_DST the destination) as an address; family 0 when the event has none. */
struct sw_net sw_hits_subject(const struct sw_pkt_event *ev);
/* "tcp", "udp", "icmp", ..., or the number as text in buf. */
const char *sw_protocol_word(unsigned int protocol, char buf[static 8]);
