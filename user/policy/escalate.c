// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/policy/escalate.h"

static double multiplier(const struct sw_escalation *e, unsigned int before)
{
	double factor = e->factor > 0 ? e->factor : 1;

	if (e->n_multipliers)
		return factor * e->multipliers[SW_MIN((size_t)before, e->n_multipliers - 1)];
	return factor * (double)(1u << SW_MIN(before, (unsigned int)SW_ESCALATE_DOUBLINGS_MAX));
}

uint64_t sw_escalate(const struct sw_escalation *e, unsigned int before, uint32_t chance)
{
	double sec = (double)e->base_sec;

	if (!e->base_sec || !e->is_on)
		return e->base_sec;
	if (before)
		sec *= multiplier(e, before);
	if (e->max_sec)
		sec = SW_MIN(sec, (double)e->max_sec);
	sec += (double)e->random_sec * (chance / 4294967296.0);
	return (uint64_t)SW_MAX(1.0, SW_MIN(sec, (double)SW_ESCALATE_LONGEST_SEC));
}
