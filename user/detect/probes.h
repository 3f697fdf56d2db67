/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the gate tells of probes, scans and floods, as findings: one for each source and rule, counted up while
 * it goes on; and scans that many sources share, which no row of the gate sees. A probe's source may
 * be forged: what a flood of them can make is bounded. Pure; the object is the engine's.
 */
#pragma once

#include "sockwarden/abi/gate.h"
#include "sockwarden/model/finding.h"
#include "user/base/clock.h"
#include "user/detect/rules.h"

enum {
	SW_PROBES_ROWS_MAX =
		4096, /* scanners remembered; the one that was silent longest makes room */
	SW_PROBES_NEW_PER_MIN = 120, /* findings in any minute; the rest are counted */
	SW_PROBES_FORGET_SEC = 600, /* silent so long: the next is a new finding */
	SW_PROBES_SOURCES = 10, /* of a scan that is shared */
};

struct sw_probes;
struct sw_probes_stats {
	uint64_t rows, evicted, untold;
};

/* f->id is 0 the first time, and then what the callee set it to. */
typedef void (*sw_probes_fn)(void *arg, struct sw_finding *f);

/* clock, rules and arg are borrowed. */
int sw_probes_new(const struct sw_clock *clock, struct sw_rules *rules, sw_probes_fn found,
	void *arg, struct sw_probes **ret);
void sw_probes_free(struct sw_probes *p);
/* An event of the gate; others than PROBE and SCAN are passed over. */
void sw_probes_event(struct sw_probes *p, const struct sw_pkt_event *ev);
struct sw_probes_stats sw_probes_stats(const struct sw_probes *p);
