/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long a ban lasts by how many there were before: fail2ban's bantime.increment. Pure.
 * Source: jail.conf(5) of fail2ban 1.0, bantime.increment, .factor, .multipliers, .maxtime, .rndtime.
 */
#pragma once

#include "user/base/util.h"

#define SW_ESCALATE_LONGEST_SEC                                                                    \
	(10ull * 366 * 86400) /* what grows beyond it is as good as for ever */
enum { SW_ESCALATE_DOUBLINGS_MAX = 20 };

struct sw_escalation {
	uint64_t base_sec; /* 0: for ever */
	bool is_on;
	double factor; /* of every ban but the first; 0: 1 */
	const uint32_t *multipliers; /* by bans before; none: 1, 2, 4, ... */
	size_t n_multipliers;
	uint64_t max_sec; /* 0: none */
	uint64_t
		random_sec; /* up to so much is added, so that nobody can wait for the end to the second */
};

/* before: bans of the same that count. chance: any number. Seconds, 0: for ever. */
uint64_t sw_escalate(const struct sw_escalation *e, unsigned int before, uint32_t chance);
