// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/feed_judge.h"

#include <endian.h>
#include <inttypes.h>

#include "user/base/cidr.h"
#include "user/base/util.h"

enum { MILLION = 1000000, GLOBAL6_BITS = 61 /* of the first 64 of 2000::/3 */ };

/* Both are sorted, IPv4 before IPv6. */
void sw_feed_compare(const struct sw_trail_view *old, const struct sw_trail_view *new,
	struct sw_feed_change *ret)
{
	size_t n_old = old ? old->n4 + old->n6 : 0, n_new = new->n4 + new->n6, i = 0, k = 0;
	struct sw_feed_change c = {.had = n_old};

	while (old && (i < n_old || k < n_new)) {
		int r = i == n_old   ? 1
			: k == n_new ? -1
				     : sw_net_cmp(&old->entries4[i].net, &new->entries4[k].net);

		c.removed += r < 0;
		c.added += r > 0;
		i += r <= 0;
		k += r >= 0;
	}
	c.percent = sw_feed_change_percent(&c, SW_FEED_CHANGE_MIN);
	*ret = c;
}

unsigned int sw_feed_change_percent(const struct sw_feed_change *c, uint64_t min)
{
	uint64_t most = SW_MAX(c->removed, c->added > min ? c->added : 0);

	return c->had ? (unsigned int)SW_MIN((most * 100 + c->had - 1) / c->had, (uint64_t)10000) : 0;
}

static uint64_t first64(const struct sw_net *n)
{
	__be64 high;

	memcpy(&high, n->addr, sizeof(high));
	return be64toh(high);
}

/* Addresses. */
static uint64_t covered4(const struct sw_trail_view *v)
{
	uint64_t covered = 0, end = 0;

	for (size_t i = 0; i < v->n4; i++) {
		const struct sw_net *n = &v->entries4[i].net;
		uint64_t from = first64(n) >> 32, size = 1ull << (32 - n->plen);

		/* what lies in one before it is counted already: the wider comes first */
		if (from < end)
			continue;
		covered += size;
		end = from + size;
	}
	return covered;
}

/* By /64s; longer ones count for nothing beside them. */
static uint64_t covered6(const struct sw_trail_view *v)
{
	uint64_t covered = 0, end = 0;

	for (size_t i = 0; i < v->n6; i++) {
		const struct sw_net *n = &v->entries6[i].net;
		uint64_t from = first64(n);

		if (n->plen > 64 || n->plen < 3 || from < end)
			continue;
		covered += 1ull << (64 - n->plen);
		end = from + (1ull << (64 - n->plen));
	}
	return covered;
}

uint64_t sw_feed_cover(const struct sw_trail_view *v)
{
	return SW_MAX(covered4(v) * MILLION >> 32, (covered6(v) >> 20) * MILLION >> (GLOBAL6_BITS - 20));
}

void sw_feed_allow_rules(struct sw_trail_rules *rules)
{
	rules->min_plen4 = SW_MAX(rules->min_plen4, (__u32)SW_ALLOW_FEED_PLEN4);
	rules->min_plen6 = SW_MAX(rules->min_plen6, (__u32)SW_ALLOW_FEED_PLEN6);
	if (!rules->max_entries || rules->max_entries > SW_ALLOW_FEED_ENTRIES)
		rules->max_entries = SW_ALLOW_FEED_ENTRIES;
	rules->nets_only = true;
}

/* NULL: it may be allowed. */
static const char *judge_net(const struct sw_net *net, bool is_own)
{
	unsigned int floor = net->family == SW_AF_IP4 ? SW_ALLOW_FEED_PLEN4 : SW_ALLOW_FEED_PLEN6;

	if (net->plen < floor)
		return net->family == SW_AF_IP4 ? "wider than /20" : "wider than /48";
	return !is_own && sw_net_is_nowhere(net) ? "no address of the Internet" : NULL;
}

int sw_feed_judge_allow(const struct sw_trail_view *v, bool is_own, char *why, size_t size)
{
	uint64_t hosts4 = covered4(v), nets6 = covered6(v);
	const char *bad;
	char text[SW_NET_TEXT_MAX];

	_Static_assert(SW_ALLOW_FEED_PLEN4 == 20 && SW_ALLOW_FEED_PLEN6 == 48, "said above");
	for (size_t i = 0; i < SW_MIN(v->n4 + v->n6, (size_t)SW_ALLOW_FEED_ENTRIES); i++) {
		bad = judge_net(&v->entries4[i].net, is_own);
		if (!bad)
			continue;
		snprintf(why, size, "line %u: %s is %s, which no feed may allow", v->entries4[i].line,
			sw_cidr_format(text, &v->entries4[i].net), bad);
		return -ERANGE;
	}
	if (v->n4 + v->n6 > SW_ALLOW_FEED_ENTRIES)
		snprintf(why, size, "%zu networks, and one feed may allow %d", v->n4 + v->n6, SW_ALLOW_FEED_ENTRIES);
	else if (hosts4 > SW_ALLOW_FEED_HOSTS4)
		snprintf(why, size, "it covers %" PRIu64 " IPv4 addresses, and one feed may allow %d", hosts4,
			SW_ALLOW_FEED_HOSTS4);
	else if (nets6 > SW_ALLOW_FEED_NETS6)
		snprintf(why, size, "it covers %" PRIu64 " IPv6 /64s, and one feed may allow %d", nets6,
			SW_ALLOW_FEED_NETS6);
	else
		return 0;
	return -ERANGE;
}
