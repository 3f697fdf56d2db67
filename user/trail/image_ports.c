// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/image_ports.h"

#include "user/base/cidr.h"
#include "user/trail/lookup.h"

/* Until the merge is done, line is the list's place among those given. */
static int cmp_place(const void *a, const void *b)
{
	const struct sw_trail_port *x = a, *y = b;
	int r = sw_net_cmp(&x->net, &y->net);

	if (r || x->port != y->port)
		return r ? r : x->port < y->port ? -1 : 1;
	if (x->action != y->action)
		return sw_trail_rank(x->action) > sw_trail_rank(y->action) ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static bool is_same(const struct sw_trail_port *a, const struct sw_trail_port *b)
{
	return a->port == b->port && sw_net_eq(&a->net, &b->net);
}

/* The lists that except: they are few and short, so that most addresses are asked for there alone. */
static size_t find_excepts(
	const struct sw_trail_source *lists, size_t n, struct sw_trail_source *ret)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		const struct sw_trail_view *v = &lists[i].view;

		for (size_t k = 0; k < v->n4 + v->n6; k++) {
			if (v->entries4[k].action == SW_TRAIL_EXCEPT) { /* IPv6's lie behind */
				ret[found++] = lists[i];
				break;
			}
		}
	}
	return found;
}

static bool is_excepted(const struct sw_trail_source *lists, size_t n,
	const struct sw_trail_source *excepts, size_t n_excepts, const struct sw_net *net)
{
	struct sw_trail_hit hit;

	return sw_trail_covering(excepts, n_excepts, net, &hit, 1) &&
		sw_trail_decide(lists, n, net, &hit) && hit.entry->action == SW_TRAIL_EXCEPT;
}

static struct sw_trail_port *gather(
	const struct sw_trail_source *lists, size_t n, size_t *ret_n)
{
	struct sw_trail_port *all;
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += lists[i].view.n_ports;
	all = calloc(SW_MAX(total, (size_t)1), sizeof(*all));
	*ret_n = 0;
	for (size_t i = 0; all && i < n; i++)
		for (size_t k = 0; k < lists[i].view.n_ports; k++) {
			struct sw_trail_port *p = &all[*ret_n];

			if (sw_trail_source_is_over(&lists[i], lists[i].view.ports[k].set))
				continue;
			(*ret_n)++;
			*p = lists[i].view.ports[k];
			p->set = lists[i].set;
			p->line = (__u32)i;
		}
	return all;
}

int sw_trail_ports_merge(const struct sw_trail_source *lists, size_t n, struct sw_trail_port **ret,
	size_t *ret_n)
{
	_free_ struct sw_trail_source *excepts = calloc(n + 1, sizeof(*excepts));
	_free_ struct sw_trail_port *all = NULL;
	size_t total = 0, kept = 0, n_excepts;

	all = gather(lists, n, &total);
	if (!all || !excepts)
		return -ENOMEM;
	if (total)
		qsort(all, total, sizeof(*all), cmp_place);
	n_excepts = total ? find_excepts(lists, n, excepts) : 0;
	for (size_t i = 0, end; i < total; i = end) {
		for (end = i + 1; end < total && is_same(&all[i], &all[end]);)
			end++;
		if (all[i].action == SW_TRAIL_EXCEPT ||
			is_excepted(lists, n, excepts, n_excepts, &all[i].net))
			continue;
		all[kept] = all[i];
		all[kept++].line = 0;
	}
	if (kept > SW_MAX_TRAIL_PORTS)
		return -E2BIG;
	*ret = kept ? TAKE_PTR(all) : NULL;
	*ret_n = kept;
	return 0;
}
