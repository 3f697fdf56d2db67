// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/policy/crowd.h"

#include "user/base/cidr.h"
#include "user/base/clock.h"

enum { LONGEST_SEC = INT32_MAX };

struct sw_crowd {
	struct sw_crowd_net *nets;
	uint32_t generation;
	bool is_whole;
	unsigned int n_refs, n_changed;
};

int sw_crowd_new(struct sw_crowd **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

static void set_changed(struct sw_crowd *c, struct sw_crowd_net *n, bool is_changed)
{
	if (n->is_changed == is_changed)
		return;
	n->is_changed = is_changed;
	c->n_changed += is_changed ? 1 : -1u;
}

static void drop_ref(struct sw_crowd *c, struct sw_crowd_ref **at)
{
	struct sw_crowd_ref *ref = *at;

	*at = ref->next;
	free(ref);
	c->n_refs--;
}

static void forget(struct sw_crowd *c, struct sw_crowd_net *n)
{
	set_changed(c, n, false);
	while (n->refs)
		drop_ref(c, &n->refs);
	HASH_DEL(c->nets, n);
	free(n);
}

void sw_crowd_free(struct sw_crowd *c)
{
	struct sw_crowd_net *n, *next;

	if (!c)
		return;
	HASH_ITER(hh, c->nets, n, next)
		forget(c, n);
	free(c);
}

static struct sw_crowd_net *find(const struct sw_crowd *c, const struct sw_net *net)
{
	struct sw_crowd_net *n;

	HASH_FIND(hh, c->nets, net, sizeof(*net), n);
	return n;
}

static struct sw_crowd_net *get_or_make(struct sw_crowd *c, const struct sw_net *net)
{
	struct sw_crowd_net *n = find(c, net);

	if (n)
		return n;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->net = *net;
	HASH_ADD(hh, c->nets, net, sizeof(n->net), n);
	return n;
}

static struct sw_crowd_ref *ref_of(struct sw_crowd_net *n, uint64_t id)
{
	struct sw_crowd_ref *ref = n->refs;

	while (ref && ref->id != id)
		ref = ref->next;
	return ref;
}

static int put(struct sw_crowd *c, const struct sw_net_crowdsec_decision *d, uint64_t now_ns)
{
	struct sw_crowd_net *n = get_or_make(c, &d->net);
	struct sw_crowd_ref *ref = n ? ref_of(n, d->id) : NULL;

	if (!n)
		return -ENOMEM;
	if (!ref) {
		ref = calloc(1, sizeof(*ref));
		if (!ref) {
			if (!n->refs && !n->is_changed)
				forget(c, n);
			return -ENOMEM;
		}
		ref->id = d->id;
		ref->next = n->refs;
		n->refs = ref;
		c->n_refs++;
	}
	ref->until_boot_ns = now_ns + SW_MIN(d->left_sec, (__u64)LONGEST_SEC) * SW_SEC_NS;
	ref->generation = c->generation;
	memcpy(ref->origin, d->origin, sizeof(ref->origin));
	memcpy(ref->scenario, d->scenario, sizeof(ref->scenario));
	set_changed(c, n, true);
	return 0;
}

/* True when it does not fit what is known. */
static bool take_over(struct sw_crowd *c, const struct sw_net_crowdsec_decision *d)
{
	struct sw_crowd_net *n = find(c, &d->net);

	if (!n || !n->refs)
		return false;
	for (struct sw_crowd_ref **at = &n->refs; *at; at = &(*at)->next) {
		if ((*at)->id != d->id)
			continue;
		drop_ref(c, at);
		set_changed(c, n, true);
		return n->refs;
	}
	return true;
}

/* After a whole: what it did not name is over. */
static void drop_older(struct sw_crowd *c)
{
	struct sw_crowd_net *n, *next;

	HASH_ITER(hh, c->nets, n, next) {
		for (struct sw_crowd_ref **at = &n->refs; *at;) {
			if ((*at)->generation == c->generation) {
				at = &(*at)->next;
				continue;
			}
			drop_ref(c, at);
			set_changed(c, n, true);
		}
	}
}

static bool is_sound(const struct sw_net_crowdsec_decision *d)
{
	return (d->net.family == SW_AF_IP4 || d->net.family == SW_AF_IP6) && d->net.plen <= sw_net_max_plen(&d->net) &&
	       memchr(d->origin, 0, sizeof(d->origin)) && memchr(d->scenario, 0, sizeof(d->scenario));
}

int sw_crowd_take(struct sw_crowd *c, const struct sw_net_crowdsec *head, const struct sw_net_crowdsec_decision *list,
	uint64_t now_ns)
{
	bool is_in_doubt = false;
	int r = 0;

	for (uint32_t i = 0; i < head->n; i++) {
		if (!is_sound(&list[i]))
			return -EBADMSG;
	}
	if (!head->is_whole && !c->is_whole)
		return 1;
	c->generation += head->is_whole ? 1 : 0;
	for (uint32_t i = 0; i < head->n && r == 0; i++) {
		if (list[i].left_sec)
			r = put(c, &list[i], now_ns);
		else if (!head->is_whole) /* a whole says by itself what is over */
			is_in_doubt |= take_over(c, &list[i]);
	}
	if (r < 0)
		return r;
	if (head->is_whole)
		drop_older(c);
	c->is_whole |= head->is_whole;
	return is_in_doubt;
}

bool sw_crowd_is_whole(const struct sw_crowd *c)
{
	return c->is_whole;
}

const struct sw_crowd_ref *sw_crowd_longest(const struct sw_crowd_net *n, uint64_t now_ns)
{
	const struct sw_crowd_ref *longest = NULL;

	for (const struct sw_crowd_ref *ref = n->refs; ref; ref = ref->next) {
		if (ref->until_boot_ns > now_ns && (!longest || ref->until_boot_ns > longest->until_boot_ns))
			longest = ref;
	}
	return longest;
}

void sw_crowd_each_changed(struct sw_crowd *c, bool (*fn)(void *arg, struct sw_crowd_net *n), void *arg)
{
	struct sw_crowd_net *n, *next;

	if (!c->n_changed)
		return;
	HASH_ITER(hh, c->nets, n, next) {
		if (!n->is_changed || !fn(arg, n))
			continue;
		n->why_not = 0;
		set_changed(c, n, false);
		if (!n->refs)
			forget(c, n);
	}
}

const struct sw_crowd_net *sw_crowd_find(const struct sw_crowd *c, const struct sw_net *net)
{
	return find(c, net);
}

void sw_crowd_expire(struct sw_crowd *c, uint64_t now_ns)
{
	struct sw_crowd_net *n, *next;

	HASH_ITER(hh, c->nets, n, next) {
		for (struct sw_crowd_ref **at = &n->refs; *at;) {
			if ((*at)->until_boot_ns <= now_ns)
				drop_ref(c, at);
			else
				at = &(*at)->next;
		}
		if (!n->refs && !n->is_changed)
			forget(c, n);
	}
}

unsigned int sw_crowd_n_decisions(const struct sw_crowd *c)
{
	return c->n_refs;
}

unsigned int sw_crowd_n_nets(const struct sw_crowd *c)
{
	return HASH_COUNT(c->nets);
}

unsigned int sw_crowd_n_changed(const struct sw_crowd *c)
{
	return c->n_changed;
}

unsigned int sw_crowd_count(const struct sw_crowd *c, uint32_t why_not)
{
	unsigned int n = 0;

	for (const struct sw_crowd_net *at = c->nets; at; at = at->hh.next)
		n += at->is_changed && at->why_not == why_not;
	return n;
}
