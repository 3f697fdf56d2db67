/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Destinations that a program was not seen to talk to before: program is the executable and the
 * container it runs in, destination is address, port and protocol. Remembered as fingerprints, at
 * most 2 * SW_FIRSTS_HALF; what was not seen for longest goes first. Pure; the object is the engine's,
 * which keeps the fingerprints in the store.
 */
#pragma once

#include "sockwarden/abi/sock_event.h"
#include "sockwarden/model/finding.h"
#include "user/base/clock.h"
#include "user/detect/connect.h"

enum {
	SW_FIRSTS_HALF = 32768, /* fingerprints of one generation; two are remembered: 1.5 MB */
	SW_FIRSTS_BURST =
		30, /* findings that may come at once: a browser's first page has as many */
	SW_FIRSTS_PER_MIN = 30, /* and then in a minute; the rest is learnt and counted */
	SW_FIRSTS_UNSAVED =
		1024, /* fingerprints that wait to be saved; beyond this they are not, counted */
};

struct sw_firsts;

struct sw_firsts_stats {
	uint64_t known, untold, unsaved;
};

/* told_from_wall_sec: until then destinations are only learnt. */
int sw_firsts_new(const struct sw_clock *clock, int64_t told_from_wall_sec, struct sw_firsts **ret);
void sw_firsts_free(struct sw_firsts *f);
void sw_firsts_set_told_from(struct sw_firsts *f, int64_t wall_sec);
/* A fingerprint from the store, the oldest first. 0, -ENOMEM. */
int sw_firsts_load(struct sw_firsts *f, uint64_t fingerprint);
/*
 * ev: a CONNECT record that was not refused; peer its destination. True when *ret is a finding to be told.
 * Loopback and records of a process that is not known are passed over.
 */
bool sw_firsts_judge(struct sw_firsts *f, const struct sw_sock_event *ev, const struct sw_net *peer,
	const struct sw_connect_process *p, struct sw_finding *ret);
bool sw_firsts_has_unsaved(const struct sw_firsts *f);
/* What is to be saved, in order; borrowed until the next call of _judge. They count as saved. */
size_t sw_firsts_take_unsaved(struct sw_firsts *f, const uint64_t **ret);
struct sw_firsts_stats sw_firsts_stats(const struct sw_firsts *f);
