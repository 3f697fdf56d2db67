/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules of behaviour as they are set: switch, threshold, window and whom each leaves alone, and how
 * often each was told. One object for captures and for the living host. Pure; the caller owns it.
 */
#pragma once

#include "sockwarden/model/rule.h"
#include "sockwarden/pkt/flow.h"
#include "sockwarden/rpc/config.h"
#include "user/base/util.h"

struct sw_rules {
	struct sw_config_habit at[SW_HABITS_COUNT];
	uint64_t told[SW_HABITS_COUNT],
		spared[SW_HABITS_COUNT]; /* findings; those that allow kept back */
	char zones[sizeof(((struct sw_config *)0)->dns_zones)]; /* names by blanks, lower case */
};

/* Every rule as it is when nobody says otherwise. */
void sw_rules_defaults(struct sw_rules *r);
/* The configuration's; counts stay. */
void sw_rules_set(struct sw_rules *r, const struct sw_config *c);
/* name, lower case, lies below one of the zones that the DNS rules leave alone. */
bool sw_rules_is_spared_name(const struct sw_rules *r, const char *name, size_t len);
const char *sw_rule_unit(enum sw_rule rule);
/* False, and counted, when the rule is off or leaves an end of the flow, or the network, alone. */
bool sw_rules_admit_flow(struct sw_rules *r, enum sw_rule rule, const struct sw_flow *flow);
bool sw_rules_admit_net(struct sw_rules *r, enum sw_rule rule, const struct sw_net *net);

static inline const struct sw_config_habit *sw_rule_at(const struct sw_rules *r, enum sw_rule rule)
{
	return &r->at[rule - SW_RULE_HABITS];
}
