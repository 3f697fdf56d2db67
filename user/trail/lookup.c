// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/lookup.h"

#include "user/base/cidr.h"

struct part {
	const struct sw_trail_entry *entries;
	size_t n;
};

static struct part family_of(const struct sw_trail_view *v, __u8 family)
{
	return family == SW_AF_IP4 ? (struct part){v->entries4, v->n4}
				   : (struct part){v->entries6, v->n6};
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

static const struct sw_trail_entry *find(struct part p, const struct sw_net *net)
{
	size_t at = lower_bound(p, net);

	return at < p.n && sw_net_eq(&p.entries[at].net, net) ? &p.entries[at] : NULL;
}

size_t sw_trail_covering(const struct sw_trail_source *lists, size_t n, const struct sw_net *net,
	struct sw_trail_hit *ret, size_t max)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		struct part p = family_of(&lists[i].view, net->family);

		for (int plen = p.n ? net->plen : -1; plen >= 0; plen--) {
			struct sw_net around = sw_net_trim(net, (unsigned int)plen);
			const struct sw_trail_entry *e = find(p, &around);

			if (e && found++ < max)
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
		struct part p = family_of(&lists[i].view, net->family);
		size_t at = lower_bound(p, net), end = end_of(p, net);

		if (at < end && sw_net_eq(&p.entries[at].net, net))
			at++;
		for (size_t j = at; j < end && found + (j - at) < max; j++)
			ret[found + (j - at)] = (struct sw_trail_hit){i, &p.entries[j]};
		found += end - at;
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

/* The deciding entry for exactly this network: the greatest action, and among equals the first list. */
static bool decide_exactly(const struct sw_trail_source *lists, size_t n, const struct sw_net *net,
	struct sw_trail_hit *ret)
{
	ret->entry = NULL;
	for (size_t i = 0; i < n; i++) {
		const struct sw_trail_entry *e = find(family_of(&lists[i].view, net->family), net);

		if (e && (!ret->entry || sw_trail_rank(e->action) > sw_trail_rank(ret->entry->action)))
			*ret = (struct sw_trail_hit){i, e};
	}
	return ret->entry;
}

bool sw_trail_decide(const struct sw_trail_source *lists, size_t n, const struct sw_net *net,
	struct sw_trail_hit *ret)
{
	struct sw_trail_hit last = {}, hit;

	for (unsigned int plen = 0; plen <= net->plen; plen++) {
		struct sw_net around = sw_net_trim(net, plen);

		if (!decide_exactly(lists, n, &around, &hit))
			continue;
		if (last.entry && sw_trail_is_covered(hit.entry->action, last.entry->action))
			continue; /* as image.h says: watched inside dropped is dropped */
		last = hit;
	}
	if (last.entry)
		*ret = last;
	return last.entry;
}
