/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scans, floods and guessing, from the headers of packets: sliding windows over what a source tried
 * lately, in tables of fixed size. A try that was answered is none; a suspicion waits SW_SCAN_GRACE_SEC
 * for answers before it is told, with the packet that raised it. Answers, backscatter, broadcasts and
 * multicast are no tries. Pure; the caller owns it and gives the time.
 */
#pragma once

#include "sockwarden/pkt/flow.h"
#include "user/detect/rules.h"
#include "user/detect/sight.h"

enum {
	SW_SCAN_ROWS = 1
		<< 15, /* sources and what they try: 7 MiB; the row with the fewest tries makes room */
	SW_SCAN_ITEMS = 32, /* the latest tries of a row */
	SW_SCAN_FLOWS_BITS = 1 << 22, /* flows seen, by a bit each, in two generations */
	SW_SCAN_FLOWS_SEC = 60, /* of a generation */
	SW_SCAN_WINDOW_SEC = 300, /* a row lives so long without a try, or as long as the longest window */
	SW_SCAN_AGAIN_SEC = 600, /* between two findings of one row */
	SW_SCAN_GRACE_SEC = 2, /* an answer that takes longer is none */
	SW_SCAN_WAITING = 1024, /* suspicions at once; the oldest is judged at once then */
	SW_SCAN_SOURCES = 10, /* of a distributed scan */
	SW_SCAN_FLOOD_SEC = 10, /* the longest window of a flood here */
};

struct sw_scan;

/* What is told: flow, packet and time are of the packet that raised it. */
struct sw_scan_finding {
	enum sw_rule rule;
	struct sw_flow flow;
	uint64_t packet;
	int64_t time_ns;
	char about[64], info[96];
};

/* rules: borrowed. */
int sw_scan_new(struct sw_rules *rules, void (*fn)(void *arg, const struct sw_scan_finding *f), void *arg,
	struct sw_scan **ret);
void sw_scan_free(struct sw_scan *s);
/* A packet that will be given soon: what it needs is fetched meanwhile. First the one for many, then the other. */
void sw_scan_expect(const struct sw_scan *s, const struct sw_flow *f);
void sw_scan_expect_rows(const struct sw_scan *s, const struct sw_flow *f);
/* payload: bytes behind the transport header. */
void sw_scan_packet(struct sw_scan *s, const struct sw_flow *f, size_t payload, int64_t time_ns,
	uint64_t packet);
/* It is so late: judges the suspicions that have waited long enough. */
void sw_scan_time(struct sw_scan *s, int64_t time_ns);
/* Judges the suspicions that still wait. */
void sw_scan_end(struct sw_scan *s);
