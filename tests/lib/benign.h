/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What passes a busy server, its resolver and its owner's network in hours in which nobody attacks:
 * conversations that overlap on a virtual clock, from one seed, the same on every machine. The kinds and
 * their shares are the table in benign.c. Of all packets one in two hundred was lost to the capture.
 * Not in it: a controller or a build farm that opens a login each three seconds, which is what a
 * rule's `allow` is for.
 */
#pragma once

#include "user/detect/rules.h"
#include "user/detect/traffic.h"

enum { BENIGN_FLOWS_PER_SEC = 150, BENIGN_TRAILS = 10000 };

struct benign_result {
	uint64_t flows, packets;
	double cpu_sec; /* of judging alone */
	uint64_t told[SW_RULE_COUNT];
	uint64_t medium; /* findings of medium severity or above */
	struct sw_traffic_stats stats;
};

/*
 * So many flows through the detection, with BENIGN_TRAILS trails that none of them touches. tune, which may
 * be NULL, sets rules before; is_loud prints the first findings. Aborts without memory.
 */
void benign_run(uint64_t flows, void (*tune)(struct sw_rules *rules), bool is_loud,
	struct benign_result *ret);
