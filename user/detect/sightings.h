/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sights of this host's own traffic to findings: one for each rule, matter, peer and process, told when it
 * is first seen and then kept up with its sum. What a flood can make of it is bounded: rows, and findings a
 * second. Pure; the object is the engine's.
 */
#pragma once

#include "user/base/clock.h"
#include "user/detect/connect.h"
#include "user/detect/sight.h"

enum {
	SW_SIGHTINGS_ROWS =
		4096, /* by hash, a power of two; one that comes to the same place makes room */
	SW_SIGHTINGS_AGAIN_SEC = 10, /* between two tellings of one row */
	SW_SIGHTINGS_FORGET_SEC = 600, /* not seen so long: the next is a new finding */
	SW_SIGHTINGS_PER_SEC = 20, /* new findings; beyond it they are only counted */
	SW_SIGHTINGS_BURST = 100,
};

struct sw_sightings;

struct sw_sightings_stats {
	uint64_t seen, told, untold;
};

/* Which way, and whose. Texts borrowed, "" when unknown. */
struct sw_sighting {
	const struct sw_sight *sight;
	bool is_out; /* this host's socket sent it */
	bool is_refused; /* and was not allowed to */
	uint32_t pid, uid; /* 0: not known */
	struct sw_connect_process by;
	const char *list; /* the list that the trail is on */
};

/* clock is borrowed. */
int sw_sightings_new(const struct sw_clock *clock, struct sw_sightings **ret);
void sw_sightings_free(struct sw_sightings *s);
/*
 * True when *ret is to be told: its id is 0 the first time, else that of _told. False: counted only.
 */
bool sw_sightings_add(struct sw_sightings *s, const struct sw_sighting *o, struct sw_finding *ret);
/* The id that the finding got which was just told for the first time. */
void sw_sightings_told(struct sw_sightings *s, const struct sw_sighting *o, uint64_t id);
const struct sw_sightings_stats *sw_sightings_stats(const struct sw_sightings *s);
