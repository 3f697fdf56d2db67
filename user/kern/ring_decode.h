/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ring records to events, and which are missing: pure, so that tests and simulations need no kernel.
 * Lives in the engine, inside struct sw_ring.
 */
#pragma once

#include "sockwarden/model/event.h"
#include "user/base/util.h"

/*
 * What is missing, by the numbers that every CPU gives its records. Two records of one CPU may come
 * swapped (a softirq between number and room), so a gap counts only once it has outlived a drain.
 */
struct sw_seq_watch {
	uint64_t next[SW_MAX_CPUS]; /* number that comes next, 0: none seen yet */
	int64_t missing;	    /* now, late ones taken back */
	int64_t missing_before;	    /* at the end of the drain before */
	int64_t told;		    /* of these, already reported */
};

/* Notes one record. */
void sw_seq_note(struct sw_seq_watch *w, uint32_t cpu, uint64_t seq);
/* At the end of a drain: records now known to be lost and not reported before. */
uint64_t sw_seq_lost(struct sw_seq_watch *w);

/* One record of ev_sock, ev_pkt or ev_inspect; ret borrows data. 0, -EBADMSG for a record of unknown type or length. */
int sw_ring_decode_sock(const void *data, size_t len, struct sw_event *ret);
int sw_ring_decode_pkt(const void *data, size_t len, struct sw_event *ret);
int sw_ring_decode_inspect(const void *data, size_t len, struct sw_event *ret);
