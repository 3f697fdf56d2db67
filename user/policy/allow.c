// SPDX-License-Identifier: GPL-3.0-or-later
/* The allow list: the operator's entries and the never-ban set, each entry with who holds it. */
#include "user/policy/policy_private.h"

#include "sockwarden/abi/limits.h"
#include "user/base/words.h"

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
	if (origin == SW_ALLOW_LIST)
		free(TAKE_PTR(a->feeds));
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

/* ---- what feeds allow */

static int by_net_and_feed(const void *a, const void *b)
{
	const struct sw_allow_listed *x = a, *y = b;
	int r = sw_net_cmp(&x->net, &y->net);

	return r ? r : strcmp(x->feed, y->feed);
}

/* The names of rows of one network: "googlebot google-special"; NULL: out of memory. */
static char *join_feeds(const struct sw_allow_listed *rows, size_t n)
{
	size_t len = 1;
	char *text, *end;

	for (size_t i = 0; i < n; i++)
		len += strlen(rows[i].feed) + 1;
	text = malloc(len);
	end = text;
	for (size_t i = 0; text && i < n; i++) {
		if (i && sw_streq(rows[i].feed, rows[i - 1].feed))
			continue;
		if (i)
			*end++ = ' ';
		end = stpcpy(end, rows[i].feed);
	}
	return text;
}

/* Rows are of one network. 1: it was not allowed by a feed before. */
static int allow_listed(
	struct sw_policy *p, const struct sw_allow_listed *rows, size_t n, struct sw_allow_change *c)
{
	struct sw_allow *a = NULL;
	char *feeds = join_feeds(rows, n);
	int r = feeds ? get_or_make(p, &rows->net, &a) : -ENOMEM;

	if (r < 0) {
		free(feeds);
		return r;
	}
	free(a->feeds);
	a->feeds = feeds;
	c->n++;
	if (a->origins & SW_ALLOW_LIST)
		return 0;
	a->origins |= SW_ALLOW_LIST;
	c->added++;
	for (const struct sw_ban *b = NULL; (b = sw_policy_covering_ban(p, &rows->net, b));) {
		if (b->net.plen < rows->net.plen) {
			c->holes++;
			break;
		}
	}
	p->ops->allow(p->arg, &a->net, a->origins);
	return 1;
}

int sw_policy_allow_listed(
	struct sw_policy *p, const struct sw_allow_listed *rows, size_t n, struct sw_allow_change *ret)
{
	_free_ struct sw_allow_listed *sorted = calloc(n + 1, sizeof(*sorted));
	struct sw_allow_change c = {};
	struct sw_allow *a, *next;
	int r = 0;

	if (!sorted)
		return -ENOMEM;
	if (n) {
		memcpy(sorted, rows, n * sizeof(*sorted));
		qsort(sorted, n, sizeof(*sorted), by_net_and_feed);
	}
	/* what goes makes room for what comes */
	HASH_ITER(hh, p->allow, a, next) {
		struct sw_net net = a->net;

		if (a->origins & SW_ALLOW_LIST && !bsearch(&net, sorted, n, sizeof(*sorted), by_net))
			c.removed += (size_t)sw_policy_disallow(p, &net, SW_ALLOW_LIST);
	}
	for (size_t i = 0, k; i < n; i = k) {
		int one;

		for (k = i + 1; k < n && sw_net_eq(&sorted[k].net, &sorted[i].net);)
			k++;
		one = allow_listed(p, &sorted[i], k - i, &c);
		r = one < 0 ? one : r;
	}
	if (c.added)
		c.ended = policy_end_listed(p);
	*ret = c;
	return r;
}

void sw_allow_each_origin(const struct sw_allow *a, void (*fn)(void *arg, const char *origin), void *arg)
{
	char word[64];

	for (uint32_t bit = 1; bit < SW_ALLOW_END; bit <<= 1) {
		if (a->origins & bit && (bit != SW_ALLOW_LIST || !a->feeds || !*a->feeds))
			fn(arg, sw_allow_origin_word(bit));
	}
	for (const char *at = a->feeds; at && *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		snprintf(word, sizeof(word), "feed:%.*s", (int)len, at);
		fn(arg, word);
		at += len;
	}
}
