// SPDX-License-Identifier: GPL-3.0-or-later
/* The object, what may be banned, and walks. */
#include "user/policy/policy_private.h"

#include "user/base/words.h"

int sw_policy_new(const struct sw_clock *clock, const char *boot_id, const struct sw_policy_ops *ops, void *arg,
	struct sw_policy **ret)
{
	struct sw_policy *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->clock = clock;
	p->ops = ops;
	p->arg = arg;
	(void)sw_strcpy(p->boot_id, sizeof(p->boot_id), boot_id);
	*ret = p;
	return 0;
}

void sw_policy_free(struct sw_policy *p)
{
	struct sw_allow *a, *next_allow;
	struct sw_ban *b, *next;

	if (!p)
		return;
	HASH_ITER(hh, p->bans, b, next) {
		while (b->parts) {
			struct sw_ban_part *part = b->parts;

			b->parts = part->next;
			free(part);
		}
		HASH_DEL(p->bans, b);
		free(b);
	}
	HASH_ITER(hh, p->allow, a, next_allow) {
		HASH_DEL(p->allow, a);
		free(a->feeds);
		free(a);
	}
	free(p->heap);
	free(p->ended);
	free(p);
}

void sw_policy_freep(struct sw_policy **p)
{
	sw_policy_free(*p);
}

void sw_policy_set_limits(struct sw_policy *p, const struct sw_policy_limits *l)
{
	p->limits = *l;
}

/* Slots older than a minute count as empty: they are cleared as time passes over them. */
static void turn_rate(struct sw_policy *p)
{
	uint64_t second = sw_clock_boot_ns(p->clock) / SW_SEC_NS;
	uint64_t passed = second - p->rate_second;

	for (uint64_t i = 1; i <= SW_MIN(passed, (uint64_t)RATE_SLOTS); i++)
		p->rate[(p->rate_second + i) % RATE_SLOTS] = 0;
	p->rate_second = second;
}

void policy_count_rate(struct sw_policy *p)
{
	turn_rate(p);
	p->rate[p->rate_second % RATE_SLOTS]++;
}

uint32_t policy_rate(const struct sw_policy *p)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < RATE_SLOTS; i++)
		sum += p->rate[i];
	return sum;
}

struct origins {
	char text[128];
};

static void say_origin(void *arg, const char *origin)
{
	struct origins *o = arg;
	size_t len = strlen(o->text);

	snprintf(o->text + len, sizeof(o->text) - len, "%s%s", len ? ", " : "", origin);
}

static const struct sw_allow *find_conflict(const struct sw_policy *p, const struct sw_net *net)
{
	const unsigned int *lengths = p->allow_lengths[policy_family_index(net)];
	const struct sw_allow *a = sw_policy_covering_allow(p, net);
	unsigned int narrower = 0; /* a feed's list makes this walk long: only where it can find something */

	for (unsigned int plen = net->plen + 1u; plen <= sw_net_max_plen(net); plen++)
		narrower += lengths[plen];
	if (a || !narrower)
		return a;
	for (a = p->allow; a; a = a->hh.next) {
		if (sw_net_contains(net, &a->net))
			return a;
	}
	return NULL;
}

static enum sw_refusal refuse_protected(
	const struct sw_net *net, const struct sw_allow *a, struct sw_refusal_text *text)
{
	char banned[SW_NET_TEXT_MAX], held[SW_NET_TEXT_MAX];
	struct origins origins = {};

	if (!text)
		return SW_REFUSED_PROTECTED;
	sw_cidr_format(banned, net);
	sw_cidr_format(held, &a->net);
	sw_allow_each_origin(a, say_origin, &origins);
	if (sw_net_eq(&a->net, net))
		snprintf(text->message, sizeof(text->message), "%s is protected (%s)", banned, origins.text);
	else
		snprintf(text->message, sizeof(text->message), "%s %s %s, which is protected (%.80s)", banned,
			sw_net_contains(net, &a->net) ? "covers" : "lies in", held, origins.text);
	if (a->origins == SW_ALLOW_OPERATOR)
		snprintf(text->hint, sizeof(text->hint), "take it from the allow list first: sockwarden allow remove %s", held);
	else if (a->origins == SW_ALLOW_LIST && a->feeds && *a->feeds)
		snprintf(text->hint, sizeof(text->hint), "its feed allows it; to take that back: sockwarden feeds enable %.*s --action except",
			(int)strcspn(a->feeds, " "), a->feeds);
	else if (a->origins == SW_ALLOW_CONFIG)
		snprintf(text->hint, sizeof(text->hint), "it is under allow: in the configuration");
	else
		snprintf(text->hint, sizeof(text->hint),
			"this host's addresses, gateways, resolvers and administrators are never banned%s",
			net->plen < a->net.plen ? ": ban narrower networks that leave them out" : "");
	return SW_REFUSED_PROTECTED;
}

static enum sw_refusal refuse_floor(const struct sw_net *net, unsigned int floor, struct sw_refusal_text *text)
{
	char net_text[SW_NET_TEXT_MAX];

	if (text) {
		snprintf(text->message, sizeof(text->message), "%s is wider than /%u, the widest network banned without a word",
			sw_cidr_format(net_text, net), floor);
		snprintf(text->hint, sizeof(text->hint), "say --wide if the whole network is meant");
	}
	return SW_REFUSED_FLOOR;
}

static enum sw_refusal refuse_cap(enum sw_refusal why, uint32_t cap, struct sw_refusal_text *text)
{
	if (text && why == SW_REFUSED_RATE) {
		snprintf(text->message, sizeof(text->message), "%u bans were made within a minute, the most that may be", cap);
		snprintf(text->hint, sizeof(text->hint), "wait, or raise bans.per_minute in the configuration");
	} else if (text) {
		snprintf(text->message, sizeof(text->message), "%u bans are in force, the most that may be", cap);
		snprintf(text->hint, sizeof(text->hint), "end some (sockwarden bans), ban networks instead, or raise bans.total");
	}
	return why;
}

enum sw_refusal sw_policy_judge(struct sw_policy *p, const struct sw_ban_request *q, struct sw_refusal_text *text)
{
	unsigned int floor = q->net.family == SW_AF_IP6 ? p->limits.min_plen6 : p->limits.min_plen4;
	const struct sw_allow *a;

	if (q->net.family != SW_AF_IP4 && q->net.family != SW_AF_IP6) {
		if (text)
			snprintf(text->message, sizeof(text->message), "no address");
		return SW_REFUSED_INVALID;
	}
	a = find_conflict(p, &q->net);
	if (a)
		return refuse_protected(&q->net, a, text);
	if (q->net.plen < floor && !q->is_wide)
		return refuse_floor(&q->net, floor, text);
	if (sw_policy_find_ban(p, &q->net))
		return SW_REFUSED_NOT; /* no new entry */
	if (p->limits.max_total && HASH_COUNT(p->bans) >= p->limits.max_total)
		return refuse_cap(SW_REFUSED_TOTAL, p->limits.max_total, text);
	turn_rate(p);
	if (p->limits.max_per_minute && policy_rate(p) >= p->limits.max_per_minute)
		return refuse_cap(SW_REFUSED_RATE, p->limits.max_per_minute, text);
	return SW_REFUSED_NOT;
}

unsigned int sw_policy_n_unsaved(const struct sw_policy *p)
{
	return p->n_unsaved + (unsigned int)(p->n_ended + p->n_undeleted);
}

unsigned int sw_policy_n_bans(const struct sw_policy *p)
{
	return HASH_COUNT(p->bans);
}

unsigned int sw_policy_n_allow(const struct sw_policy *p)
{
	return HASH_COUNT(p->allow);
}

uint64_t sw_policy_left_sec(const struct sw_policy *p, const struct sw_ban_part *part, bool *ret_forever)
{
	uint64_t now_ns = sw_clock_boot_ns(p->clock);

	*ret_forever = !part->until_boot_ns;
	if (!part->until_boot_ns || part->until_boot_ns <= now_ns)
		return 0;
	return (part->until_boot_ns - now_ns + SW_SEC_NS - 1) / SW_SEC_NS;
}

void sw_policy_each_ban(const struct sw_policy *p, void (*fn)(void *arg, const struct sw_ban *b), void *arg)
{
	for (const struct sw_ban *b = p->bans; b; b = b->hh.next)
		fn(arg, b);
}

void sw_policy_each_allow(const struct sw_policy *p, void (*fn)(void *arg, const struct sw_allow *a), void *arg)
{
	for (const struct sw_allow *a = p->allow; a; a = a->hh.next)
		fn(arg, a);
}
