// SPDX-License-Identifier: GPL-3.0-or-later
/* The allow list: the operator's entries and the never-ban set, each entry with who holds it. */
#include "user/policy/policy_private.h"

#include "sockwarden/abi/limits.h"

const struct sw_allow *sw_policy_find_allow(const struct sw_policy *p, const struct sw_net *net)
{
	struct sw_allow *a;

	HASH_FIND(hh, p->allow, net, sizeof(*net), a);
	return a;
}

const struct sw_allow *sw_policy_covering_allow(const struct sw_policy *p, const struct sw_net *net)
{
	const unsigned int *lengths = p->allow_lengths[policy_family_index(net)];

	for (int plen = net->plen; plen >= 0; plen--) {
		struct sw_net wider;
		const struct sw_allow *a;

		if (!lengths[plen])
			continue;
		wider = sw_net_trim(net, (unsigned int)plen);
		a = sw_policy_find_allow(p, &wider);
		if (a)
			return a;
	}
	return NULL;
}

static int get_or_make(struct sw_policy *p, const struct sw_net *net, struct sw_allow **ret)
{
	struct sw_allow *a;

	HASH_FIND(hh, p->allow, net, sizeof(*net), a);
	if (!a) {
		if (HASH_COUNT(p->allow) >= SW_MAX_ALLOW)
			return -ENOSPC;
		a = calloc(1, sizeof(*a));
		if (!a)
			return -ENOMEM;
		a->net = *net;
		a->made_wall_sec = sw_clock_wall_sec(p->clock);
		a->is_saved = true;
		HASH_ADD(hh, p->allow, net, sizeof(a->net), a);
		p->allow_lengths[policy_family_index(net)][net->plen]++;
	}
	*ret = a;
	return 0;
}

static void save_operators(struct sw_policy *p, struct sw_allow *a, const char *by, const char *reason)
{
	p->n_unsaved -= !a->is_saved;
	a->made_wall_sec = sw_clock_wall_sec(p->clock);
	(void)sw_strcpy(a->by, sizeof(a->by), by);
	(void)sw_strcpy(a->reason, sizeof(a->reason), reason);
	a->is_saved = p->ops->save_allow(p->arg, a) >= 0;
	p->n_unsaved += !a->is_saved;
}

int sw_policy_allow(struct sw_policy *p, const struct sw_net *net, enum sw_allow_origin origin, const char *by,
	const char *reason)
{
	struct sw_allow *a = NULL;
	int r = get_or_make(p, net, &a);

	if (r < 0)
		return r;
	a->origins |= origin;
	if (origin == SW_ALLOW_OPERATOR)
		save_operators(p, a, by, reason);
	p->ops->allow(p->arg, net, a->origins);
	return (int)policy_end_covered(p, net, by);
}

int sw_policy_restore_allow(struct sw_policy *p, const struct sw_store_allow *row)
{
	struct sw_allow *a = NULL;
	int r = get_or_make(p, &row->net, &a);

	if (r < 0)
		return r;
	a->origins |= SW_ALLOW_OPERATOR;
	a->made_wall_sec = row->made_wall_sec;
	(void)sw_strcpy(a->by, sizeof(a->by), row->by);
	(void)sw_strcpy(a->reason, sizeof(a->reason), row->reason);
	return 0;
}

int sw_policy_disallow(struct sw_policy *p, const struct sw_net *net, enum sw_allow_origin origin)
{
	struct sw_allow *a;

	HASH_FIND(hh, p->allow, net, sizeof(*net), a);
	if (!a || !(a->origins & origin))
		return 0;
	a->origins &= ~(uint32_t)origin;
	if (origin == SW_ALLOW_OPERATOR) {
		if (p->ops->delete_allow(p->arg, net) < 0 && p->n_undeleted < UNDELETED_MAX)
			p->undeleted[p->n_undeleted++] = *net;
		p->n_unsaved -= !a->is_saved;
		a->is_saved = true;
		*a->reason = *a->by = '\0';
	}
	p->ops->allow(p->arg, net, a->origins);
	if (!a->origins) {
		p->allow_lengths[policy_family_index(net)][net->plen]--;
		HASH_DEL(p->allow, a);
		free(a);
	}
	return 1;
}

static int by_net(const void *a, const void *b)
{
	return sw_net_cmp(a, b);
}

int sw_policy_allow_set(struct sw_policy *p, enum sw_allow_origin origin, const struct sw_net *nets, size_t n)
{
	_free_ struct sw_net *sorted = NULL;
	struct sw_allow *a, *next;
	int changes = 0;

	if (n) {
		sorted = malloc(n * sizeof(*sorted));
		if (!sorted)
			return -ENOMEM;
		memcpy(sorted, nets, n * sizeof(*sorted));
		qsort(sorted, n, sizeof(*sorted), by_net);
	}
	for (size_t i = 0; i < n; i++) {
		const struct sw_allow *old = sw_policy_find_allow(p, &sorted[i]);
		int r;

		if (old && old->origins & origin)
			continue;
		r = sw_policy_allow(p, &sorted[i], origin, "policy", "");
		if (r < 0)
			return r;
		changes++;
	}
	HASH_ITER(hh, p->allow, a, next) {
		struct sw_net net = a->net;

		if (!(a->origins & origin) || (n && bsearch(&net, sorted, n, sizeof(*sorted), by_net)))
			continue;
		changes += sw_policy_disallow(p, &net, origin);
	}
	return changes;
}
