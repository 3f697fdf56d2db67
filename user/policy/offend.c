// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/policy/offend.h"

enum { AGGREGATE_RULE = INT32_MAX }; /* no rule of a ruleset has this number */

struct offend {
	const struct sw_offend_config *c;
	struct sw_counts *counts;
	const struct sw_offend_ops *ops;
	void *arg;
	const struct sw_offence *o;
	struct sw_offend_result *ret;
};

const char *sw_offend_origin(char buf[static SW_OFFEND_ORIGIN_MAX], const char *rule)
{
	(void)snprintf(buf, SW_OFFEND_ORIGIN_MAX, SW_OFFEND_RULE_PREFIX "%.*s",
		(int)(SW_OFFEND_ORIGIN_MAX - sizeof(SW_OFFEND_RULE_PREFIX)), rule);
	return buf;
}

static unsigned int bans_before(const struct offend *x, const char *origin, uint64_t within_sec)
{
	int n = x->ops->count_bans(x->arg, &x->o->net, origin, x->o->now_sec - (int64_t)within_sec);

	return (unsigned int)SW_MAX(
		n, 0); /* a history that cannot be read makes nobody's ban longer */
}

static uint64_t length_of(const struct offend *x, const char *origin)
{
	struct sw_escalation e = x->o->escalation;
	uint64_t sec;

	if (!x->o->has_own_length)
		e.base_sec = x->c->default_sec;
	if (e.is_on)
		x->ret->before = bans_before(x, origin, x->c->remember_sec);
	sec = sw_escalate(&e, x->ret->before, x->o->chance);
	if (!x->o->is_proven && (!sec || sec > x->c->unproven_sec))
		sec = x->c->unproven_sec;
	return sec;
}

static enum sw_offend_outcome ban(const struct offend *x, const struct sw_net *net,
	const char *origin, const char *reason, uint64_t for_sec, enum sw_refusal *refusal,
	struct sw_refusal_text *text)
{
	const struct sw_ban_request q = {.net = *net,
		.for_sec = for_sec,
		.origin = origin,
		.by = "policy",
		.reason = reason,
		.via = x->o->via};
	int r = x->ops->ban(x->arg, &q, refusal, text);

	return r == 0 ? SW_OFFEND_BANNED : r == -EPERM ? SW_OFFEND_REFUSED : SW_OFFEND_FAILED;
}

/* Who was banned so often goes for long, whatever for. */
static void judge_recidive(const struct offend *x)
{
	struct sw_refusal_text text;
	enum sw_refusal refusal;
	char reason[96];
	unsigned int n;

	if (!x->c->recidive_count || !x->o->is_proven ||
		x->ops->is_banned(x->arg, &x->o->net, "recidive"))
		return;
	n = bans_before(x, SW_OFFEND_RULE_PREFIX "*", x->c->recidive_window_sec);
	if (n < x->c->recidive_count)
		return;
	snprintf(reason, sizeof(reason), "banned %u times by rules, the last for %.24s", n,
		x->o->rule);
	x->ret->is_recidive = ban(x, &x->o->net, "recidive", reason, x->c->recidive_sec, &refusal,
				      &text) != SW_OFFEND_REFUSED;
}

static void judge_network(const struct offend *x, uint64_t for_sec)
{
	unsigned int plen =
		x->o->net.family == SW_AF_IP6 ? x->c->aggregate_plen6 : x->c->aggregate_plen4;
	const struct sw_count_rule rule = {
		.count = x->c->aggregate_count, .window_sec = x->c->aggregate_window_sec};
	struct sw_count_hit hit = {.time_sec = x->o->now_sec};
	struct sw_refusal_text text;
	struct sw_count_due due;
	enum sw_refusal refusal;
	char reason[96];

	if (x->c->aggregate_count < 2 || !x->o->is_proven || plen >= x->o->net.plen)
		return;
	hit.key =
		(struct sw_count_key){.rule = AGGREGATE_RULE, .net = sw_net_trim(&x->o->net, plen)};
	hit.member = sw_count_hash(x->counts, &x->o->net, sizeof(x->o->net));
	if (sw_counts_add(x->counts, &rule, &hit, x->o->now_sec, &due) != SW_COUNT_DUE)
		return;
	snprintf(reason, sizeof(reason), "%u of its addresses were banned, the last for %.24s",
		x->c->aggregate_count, x->o->rule);
	x->ret->aggregate = hit.key.net;
	x->ret->is_aggregated = ban(x, &hit.key.net, "aggregate", reason, for_sec, &refusal,
					&text) != SW_OFFEND_REFUSED;
}

void sw_offend(const struct sw_offend_config *c, struct sw_counts *counts,
	const struct sw_offend_ops *ops, void *arg, const struct sw_offence *o,
	struct sw_offend_result *ret)
{
	struct offend x = {.c = c, .counts = counts, .ops = ops, .arg = arg, .o = o, .ret = ret};
	char origin[SW_OFFEND_ORIGIN_MAX];

	*ret = (struct sw_offend_result){};
	sw_offend_origin(origin, o->rule);
	if (ops->is_banned(arg, &o->net, origin)) {
		ret->outcome = SW_OFFEND_ALREADY;
		return;
	}
	ret->outcome = SW_OFFEND_UNPROVEN;
	ret->for_sec = length_of(&x, origin);
	if (!o->is_proven && !c->unproven_sec)
		return;
	ret->outcome = SW_OFFEND_WOULD;
	if (o->is_dry)
		return;
	ret->outcome = ban(&x, &o->net, origin, o->reason, ret->for_sec, &ret->refusal, &ret->text);
	if (ret->outcome == SW_OFFEND_REFUSED)
		return;
	judge_recidive(&x);
	judge_network(&x, ret->for_sec);
}
