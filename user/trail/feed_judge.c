// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/feed_judge.h"

#include <endian.h>

#include "user/base/cidr.h"
#include "user/base/util.h"

enum { MILLION = 1000000, GLOBAL6_BITS = 61 /* of the first 64 of 2000::/3 */ };

/* Both are sorted, IPv4 before IPv6. */
void sw_feed_compare(const struct sw_trail_view *old, const struct sw_trail_view *new,
	struct sw_feed_change *ret)
{
	size_t n_old = old ? old->n4 + old->n6 : 0, n_new = new->n4 + new->n6, i = 0, k = 0;
	struct sw_feed_change c = {.had = n_old};
	uint64_t most;

	while (old && (i < n_old || k < n_new)) {
		int r = i == n_old   ? 1
			: k == n_new ? -1
				     : sw_net_cmp(&old->entries4[i].net, &new->entries4[k].net);

		c.removed += r < 0;
		c.added += r > 0;
		i += r <= 0;
		k += r >= 0;
	}
	most = SW_MAX(c.removed, c.added > SW_FEED_CHANGE_MIN ? c.added : 0);
	if (n_old)
		c.percent = (unsigned int)SW_MIN((most * 100 + n_old - 1) / n_old, (uint64_t)10000);
	*ret = c;
}

static uint64_t first64(const struct sw_net *n)
{
	__be64 high;

	memcpy(&high, n->addr, sizeof(high));
	return be64toh(high);
}

static uint64_t cover4(const struct sw_trail_view *v)
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
	return covered * MILLION >> 32;
}

/* By /64s; longer ones count for nothing beside them. */
static uint64_t cover6(const struct sw_trail_view *v)
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
	return (covered >> 20) * MILLION >> (GLOBAL6_BITS - 20);
}

uint64_t sw_feed_cover(const struct sw_trail_view *v)
{
	return SW_MAX(cover4(v), cover6(v));
}
