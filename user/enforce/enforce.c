// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/enforce/enforce.h"

#include "user/enforce/backend.h"

enum { QUEUE_MAX = 65536 }; /* changes between two flushes; beyond it reconciliation does them */

static const struct sw_backend *const backends[] = {
	&sw_backend_xdp,
};

enum change_kind { CHANGE_PUT, CHANGE_REMOVE, CHANGE_ALLOW };

struct change {
	struct {
		struct sw_net net;
		__u32 is_allow;
	} key;
	enum change_kind kind;
	uint64_t until_boot_ns, id;
	uint32_t origins;
	UT_hash_handle hh;
};

struct sw_enforce {
	struct sw_policy *policy;
	struct sw_enforce_port port;
	struct change *queue; /* in the order of their first queueing */
	bool is_dirty;
};

int sw_enforce_new(struct sw_policy *policy, const struct sw_enforce_port *port, struct sw_enforce **ret)
{
	struct sw_enforce *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->policy = policy;
	e->port = *port;
	*ret = e;
	return 0;
}

static void clear_queue(struct sw_enforce *e)
{
	struct change *c, *next;

	HASH_ITER(hh, e->queue, c, next) {
		HASH_DEL(e->queue, c);
		free(c);
	}
}

void sw_enforce_free(struct sw_enforce *e)
{
	if (!e)
		return;
	clear_queue(e);
	free(e);
}

void sw_enforce_freep(struct sw_enforce **e)
{
	sw_enforce_free(*e);
}

static struct change *queue(struct sw_enforce *e, const struct sw_net *net, bool is_allow)
{
	struct change *c, probe = {.key = {.net = *net, .is_allow = is_allow}};

	HASH_FIND(hh, e->queue, &probe.key, sizeof(probe.key), c);
	if (c)
		return c;
	c = HASH_COUNT(e->queue) < QUEUE_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		e->is_dirty = true;
		return NULL;
	}
	c->key = probe.key;
	HASH_ADD(hh, e->queue, key, sizeof(c->key), c);
	return c;
}

void sw_enforce_put(struct sw_enforce *e, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id)
{
	struct change *c = queue(e, net, false);

	if (!c)
		return;
	c->kind = CHANGE_PUT;
	c->until_boot_ns = until_boot_ns;
	c->id = id;
}

void sw_enforce_remove(struct sw_enforce *e, const struct sw_net *net)
{
	struct change *c = queue(e, net, false);

	if (c)
		c->kind = CHANGE_REMOVE;
}

void sw_enforce_allow(struct sw_enforce *e, const struct sw_net *net, uint32_t origins)
{
	struct change *c = queue(e, net, true);

	if (!c)
		return;
	c->kind = CHANGE_ALLOW;
	c->origins = origins;
}

static int send_allows(struct sw_enforce *e, char *why, size_t size)
{
	struct sw_guard_allow batch[SW_GUARD_BATCH_MAX];
	unsigned int n = 0;
	int r = 0;

	for (struct change *c = e->queue; c; c = c->hh.next) {
		if (c->kind == CHANGE_ALLOW)
			batch[n++] = (struct sw_guard_allow){.net = c->key.net, .origins = c->origins};
		if (!n || (n < SW_GUARD_BATCH_MAX && c->hh.next))
			continue;
		for (size_t i = 0; i < SW_ARRAY_SIZE(backends); i++) {
			int one = backends[i]->set_allows(&e->port, batch, n, why, size);

			r = r < 0 ? r : one;
		}
		n = 0;
	}
	return r;
}

static int send_bans(struct sw_enforce *e, enum change_kind kind, char *why, size_t size)
{
	struct sw_guard_ban batch[SW_GUARD_BATCH_MAX];
	unsigned int n = 0;
	int r = 0;

	for (struct change *c = e->queue; c; c = c->hh.next) {
		if (c->kind == kind)
			batch[n++] = (struct sw_guard_ban){.net = c->key.net,
				.until_ns = c->until_boot_ns,
				.id = c->id,
				.flags = SW_GUARD_BAN_WIDE};
		if (!n || (n < SW_GUARD_BATCH_MAX && c->hh.next))
			continue;
		for (size_t i = 0; i < SW_ARRAY_SIZE(backends); i++) {
			int one = kind == CHANGE_PUT ? backends[i]->put_bans(&e->port, batch, n, why, size)
						     : backends[i]->remove_bans(&e->port, batch, n, why, size);

			r = r < 0 ? r : one;
		}
		n = 0;
	}
	return r;
}

int sw_enforce_flush(struct sw_enforce *e, char *why, size_t size)
{
	int r, one;

	if (!e->queue)
		return 0;
	r = send_allows(e, why, size);
	one = send_bans(e, CHANGE_REMOVE, why, size);
	r = r < 0 ? r : one;
	one = send_bans(e, CHANGE_PUT, why, size);
	r = r < 0 ? r : one;
	e->is_dirty |= r < 0;
	clear_queue(e);
	return r;
}

bool sw_enforce_is_dirty(const struct sw_enforce *e)
{
	return e->is_dirty;
}

int sw_enforce_reconcile(struct sw_enforce *e, struct sw_enforce_report *ret)
{
	int r = 0;

	*ret = (struct sw_enforce_report){};
	clear_queue(e); /* what it says is what the policy says */
	for (size_t i = 0; i < SW_ARRAY_SIZE(backends); i++) {
		int one = backends[i]->reconcile(&e->port, e->policy, ret);

		r = r < 0 ? r : one;
	}
	e->is_dirty = r < 0;
	return r;
}

enum sw_verdict_state sw_enforce_state(struct sw_enforce *e, const struct sw_ban *b)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(backends); i++) {
		enum sw_verdict_state state = backends[i]->state(&e->port, b);

		if (state != SW_VERDICT_INSTALLED)
			return state;
	}
	return SW_VERDICT_INSTALLED;
}

int sw_enforce_each_in_kernel(struct sw_enforce *e,
	int (*fn)(void *arg, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id), void *arg)
{
	return sw_xdp_each_ban(&e->port, fn, arg);
}

int sw_enforce_each_allow_in_kernel(struct sw_enforce *e,
	int (*fn)(void *arg, const struct sw_net *net, uint32_t origins), void *arg)
{
	return sw_xdp_each_allow(&e->port, fn, arg);
}
