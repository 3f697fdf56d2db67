// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/lookup.h"

#include <endian.h>

#include "user/base/cidr.h"

enum { PLENS = 129 };

struct part {
	const struct sw_trail_source *source;
	const struct sw_trail_entry *entries;
	size_t n;
};

static struct part family_of(const struct sw_trail_source *s, __u8 family)
{
	return family == SW_AF_IP4 ? (struct part){s, s->view.entries4, s->view.n4}
				   : (struct part){s, s->view.entries6, s->view.n6};
}

/* Index of the first entry that is not before net. */
static size_t lower_bound(struct part p, const struct sw_net *net)
{
	size_t at = 0, n = p.n;

	while (n) {
		size_t half = n / 2;

		if (sw_net_cmp(&p.entries[at + half].net, net) < 0) {
			at += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return at;
}

/* How many bits both addresses begin with; of one family. */
static int common_bits(const struct sw_net *a, const struct sw_net *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a->addr, sizeof(x));
	memcpy(y, b->addr, sizeof(y));
	if (x[0] != y[0])
		return __builtin_clzll(be64toh(x[0] ^ y[0]));
	return x[1] == y[1] ? 128 : 64 + __builtin_clzll(be64toh(x[1] ^ y[1]));
}

/*
 * The longest entry of at most *plen bits that holds net and is not over, and in *plen one bit less than it has; or
 * NULL. A network lies before all that is inside it: so it is the last entry up to net's own place, or it holds that
 * one too, and is no longer than what both have in common.
 */
static const struct sw_trail_entry *next_around(struct part p, const struct sw_net *net, int *plen)
{
	while (*plen >= 0) {
		struct sw_net around = sw_net_trim(net, (unsigned int)*plen);
		size_t at = lower_bound(p, &around);
		const struct sw_trail_entry *e;
		int common;

		if (at < p.n && sw_net_eq(&p.entries[at].net, &around))
			at++;
		if (!at)
			return NULL;
		e = &p.entries[at - 1];
		common = common_bits(&e->net, net);
		if (common >= e->net.plen) {
			*plen = e->net.plen - 1;
			if (!sw_trail_source_is_over(p.source, e->set))
				return e;
			continue;
		}
		*plen = common;
	}
	return NULL;
}

size_t sw_trail_covering(const struct sw_trail_source *lists, size_t n, const struct sw_net *net,
	struct sw_trail_hit *ret, size_t max)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		struct part p = family_of(&lists[i], net->family);
		const struct sw_trail_entry *e;
		int plen = net->plen;

		while ((e = next_around(p, net, &plen))) {
			if (found++ < max)
				ret[found - 1] = (struct sw_trail_hit){i, e};
		}
	}
	return found;
}

/* Networks inside net follow it in the order without a gap: the index behind the last of them. */
static size_t end_of(struct part p, const struct sw_net *net)
{
	struct sw_net top = *net;
	size_t at;

	top.plen = (__u8)sw_net_max_plen(net);
	for (unsigned int i = net->plen; i < top.plen; i++)
		top.addr[i / 8] |= (__u8)(0x80 >> (i % 8));
	at = lower_bound(p, &top);
	return at < p.n && sw_net_eq(&p.entries[at].net, &top) ? at + 1 : at;
}

size_t sw_trail_within(const struct sw_trail_source *lists, size_t n, const struct sw_net *net,
	struct sw_trail_hit *ret, size_t max)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		struct part p = family_of(&lists[i], net->family);
		size_t at = lower_bound(p, net), end = end_of(p, net);

		if (at < end && sw_net_eq(&p.entries[at].net, net))
			at++;
		for (; at < end; at++)
			if (!sw_trail_source_is_over(p.source, p.entries[at].set) && found++ < max)
				ret[found - 1] = (struct sw_trail_hit){i, &p.entries[at]};
	}
	return found;
}

const struct sw_trail_port *sw_trail_ports_of(
	const struct sw_trail_view *v, const struct sw_net *host, size_t *ret_n)
{
	size_t at = 0, n = v->n_ports, end;

	while (n) {
		size_t half = n / 2;

		if (sw_net_cmp(&v->ports[at + half].net, host) < 0) {
			at += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	for (end = at; end < v->n_ports && sw_net_eq(&v->ports[end].net, host);)
		end++;
	*ret_n = end - at;
	return v->ports + at;
}

/* For each length the deciding entry: the greatest action, and among equals the first list. */
static void decide_each(const struct sw_trail_source *lists, size_t n, const struct sw_net *net,
	struct sw_trail_hit *ret)
{
	for (size_t i = 0; i < n; i++) {
		struct part p = family_of(&lists[i], net->family);
		const struct sw_trail_entry *e;
		int plen = net->plen;

		while ((e = next_around(p, net, &plen))) {
			struct sw_trail_hit *hit = &ret[e->net.plen];

			if (!hit->entry || sw_trail_rank(e->action) > sw_trail_rank(hit->entry->action))
				*hit = (struct sw_trail_hit){i, e};
		}
	}
}

bool sw_trail_decide(const struct sw_trail_source *lists, size_t n, const struct sw_net *net,
	struct sw_trail_hit *ret)
{
	struct sw_trail_hit hits[PLENS], last = {};

	if (net->plen >= PLENS)
		return false;
	memset(hits, 0, (net->plen + 1u) * sizeof(hits[0]));
	decide_each(lists, n, net, hits);
	for (unsigned int plen = 0; plen <= net->plen; plen++) {
		if (!hits[plen].entry)
			continue;
		if (last.entry && sw_trail_is_covered(hits[plen].entry->action, last.entry->action))
			continue; /* as image.h says: watched inside dropped is dropped */
		last = hits[plen];
	}
	if (last.entry)
		*ret = last;
	return last.entry;
}
