// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/rules.h"

#include <assert.h>
#include <ctype.h>

#include "user/base/cidr.h"
#include "user/base/clock.h"

static const struct {
	__u32 is_on, threshold;
	const char *window, *unit;
} defaults[SW_HABITS_COUNT] = {
#define RULE_ROW(id, word, kind, severity, on, threshold, most, window, unit, sentence)            \
	{on, threshold, #window, unit},
	SW_HABIT_RULES(RULE_ROW)
#undef RULE_ROW
};

void sw_rules_defaults(struct sw_rules *r)
{
	*r = (struct sw_rules){};
	for (size_t i = 0; i < SW_HABITS_COUNT; i++) {
		uint64_t sec = 0;
		int error = sw_duration_parse(defaults[i].window, &sec);

		assert(error == 0); /* a mistake in the table */
		(void)error;
		r->at[i] = (struct sw_config_habit){.is_on = defaults[i].is_on,
			.threshold = defaults[i].threshold,
			.window_sec = sec};
	}
}

void sw_rules_set(struct sw_rules *r, const struct sw_config *c)
{
	memcpy(r->at, c->detect, sizeof(r->at));
	for (size_t i = 0; i < sizeof(r->zones); i++)
		r->zones[i] = (char)tolower((unsigned char)c->dns_zones[i]);
}

bool sw_rules_is_spared_name(const struct sw_rules *r, const char *name, size_t len)
{
	for (const char *p = r->zones + strspn(r->zones, " ."); *p;) {
		size_t word = strcspn(p, " "), n = word;

		while (n && p[n - 1] == '.')
			n--;
		if (n && len > n && name[len - n - 1] == '.' && !memcmp(name + len - n, p, n))
			return true;
		p += word;
		p += strspn(p, " .");
	}
	return false;
}

const char *sw_rule_unit(enum sw_rule rule)
{
	return defaults[rule - SW_RULE_HABITS].unit;
}

static bool is_spared(const struct sw_config_habit *rule, const struct sw_net *net)
{
	for (__u32 i = 0; i < rule->n_allow; i++) {
		if (sw_net_contains(&rule->allow[i], net))
			return true;
	}
	return false;
}

bool sw_rules_admit_net(struct sw_rules *r, enum sw_rule rule, const struct sw_net *net)
{
	const struct sw_config_habit *at = sw_rule_at(r, rule);

	if (!at->is_on)
		return false;
	if (!is_spared(at, net))
		return true;
	r->spared[rule - SW_RULE_HABITS]++;
	return false;
}

static struct sw_net end_of(const struct sw_flow *f, const union sw_flow_addr *a)
{
	return f->family == 4 ? sw_net_from4(a->word[0]) : sw_net_from6(a->byte);
}

bool sw_rules_admit_flow(struct sw_rules *r, enum sw_rule rule, const struct sw_flow *flow)
{
	struct sw_net from = end_of(flow, &flow->saddr), to = end_of(flow, &flow->daddr);

	if (!sw_rule_at(r, rule)->n_allow)
		return sw_rule_at(r, rule)->is_on;
	return sw_rules_admit_net(r, rule, &from) && sw_rules_admit_net(r, rule, &to);
}
