// SPDX-License-Identifier: GPL-3.0-or-later
/* The gate's ban and allow maps: written by the guard at our request, read here by read-only descriptors. */
#include <bpf/bpf.h>

#include "user/enforce/backend.h"

enum {
	KEY_MAX = 24,
	BATCH = 4096,		  /* entries read at once; larger than any bucket of a hash */
	SLACK_NS = 2000000000,	  /* ends that differ by less are the same: wall time was rounded */
};

struct map_row {
	enum sw_guard_fd fd;
	unsigned int key_size, value_size;
	void (*net)(const void *key, struct sw_net *ret);
};

static void net_of_ban4(const void *key, struct sw_net *ret)
{
	__u32 addr;

	memcpy(&addr, key, sizeof(addr));
	*ret = sw_net_from4(addr);
}

/* Without the normalising of a v4-mapped address: the maps of IPv6 hold it as it is. */
static struct sw_net net6(const __u8 *addr, __u32 plen)
{
	struct sw_net net = {.family = SW_AF_IP6, .plen = 128};

	memcpy(net.addr, addr, sizeof(net.addr));
	return sw_net_trim(&net, SW_MIN(plen, 128U));
}

static void net_of_ban6(const void *key, struct sw_net *ret)
{
	const struct sw_ban6_key *k = key;

	*ret = net6(k->addr, k->plen);
}

static void net_of_lpm4(const void *key, struct sw_net *ret)
{
	const struct sw_lpm4 *k = key;
	__u32 addr;

	memcpy(&addr, k->addr, sizeof(addr));
	*ret = sw_net_from4(addr);
	*ret = sw_net_trim(ret, SW_MIN(k->plen, 32U));
}

static void net_of_lpm6(const void *key, struct sw_net *ret)
{
	const struct sw_lpm6 *k = key;

	*ret = net6(k->addr, k->plen);
}

static const struct map_row ban_maps[] = {
	{SW_FD_BAN4, 4, sizeof(struct sw_ban_val), net_of_ban4},
	{SW_FD_BAN6, sizeof(struct sw_ban6_key), sizeof(struct sw_ban_val), net_of_ban6},
	{SW_FD_BANNET4, sizeof(struct sw_lpm4), sizeof(struct sw_ban_val), net_of_lpm4},
	{SW_FD_BANNET6, sizeof(struct sw_lpm6), sizeof(struct sw_ban_val), net_of_lpm6},
};

static const struct map_row allow_maps[] = {
	{SW_FD_ALLOW4, sizeof(struct sw_lpm4), sizeof(struct sw_allow_val), net_of_lpm4},
	{SW_FD_ALLOW6, sizeof(struct sw_lpm6), sizeof(struct sw_allow_val), net_of_lpm6},
};

typedef int (*entry_fn)(void *arg, const struct sw_net *net, const void *value);

static int walk_batches(const struct map_row *m, int fd, entry_fn fn, void *arg)
{
	_free_ char *keys = malloc((size_t)BATCH * m->key_size), *values = malloc((size_t)BATCH * m->value_size);
	char in[KEY_MAX], out[KEY_MAX];
	bool is_first = true;
	int r;

	if (!keys || !values)
		return -ENOMEM;
	do {
		__u32 n = BATCH;

		r = bpf_map_lookup_batch(fd, is_first ? NULL : in, out, keys, values, &n, NULL);
		if (r < 0 && r != -ENOENT)
			return r;
		for (__u32 i = 0; i < n; i++) {
			struct sw_net net;
			int called;

			m->net(keys + (size_t)i * m->key_size, &net);
			called = fn(arg, &net, values + (size_t)i * m->value_size);
			if (called < 0)
				return called;
		}
		memcpy(in, out, sizeof(in));
		is_first = false;
	} while (r >= 0);
	return 0;
}

/* Before batches of this kind of map, and where they are refused. Nobody else writes the map meanwhile. */
static int walk_singly(const struct map_row *m, int fd, entry_fn fn, void *arg)
{
	char key[KEY_MAX], next[KEY_MAX], value[sizeof(struct sw_ban_val)];
	bool is_first = true;

	while (bpf_map_get_next_key(fd, is_first ? NULL : key, next) == 0) {
		struct sw_net net;
		int r;

		memcpy(key, next, sizeof(key));
		is_first = false;
		if (bpf_map_lookup_elem(fd, key, value) < 0)
			continue;
		m->net(key, &net);
		r = fn(arg, &net, value);
		if (r < 0)
			return r;
	}
	return 0;
}

static int walk(const struct sw_enforce_port *port, const struct map_row *m, entry_fn fn, void *arg)
{
	int fd = port->maps[m->fd], r;

	if (fd < 0)
		return -ENOTCONN;
	r = walk_batches(m, fd, fn, arg);
	if (r == -EINVAL || r == -EOPNOTSUPP || r == -524 /* ENOTSUPP of the kernel */)
		r = walk_singly(m, fd, fn, arg);
	return r;
}

static const struct map_row *ban_map_of(const struct sw_net *net)
{
	if (net->family == SW_AF_IP4)
		return &ban_maps[net->plen == 32 ? 0 : 2];
	return &ban_maps[net->plen == 128 || net->plen == 64 ? 1 : 3];
}

static void fill_key(const struct map_row *m, const struct sw_net *net, char key[static KEY_MAX])
{
	struct sw_ban6_key k6 = {.plen = net->plen};
	__u32 plen = net->plen;

	memset(key, 0, KEY_MAX);
	switch (m->fd) {
	case SW_FD_BAN4:
		memcpy(key, net->addr, 4);
		break;
	case SW_FD_BAN6:
		memcpy(k6.addr, net->addr, sizeof(k6.addr));
		memcpy(key, &k6, sizeof(k6));
		break;
	default:
		memcpy(key, &plen, sizeof(plen));
		memcpy(key + sizeof(plen), net->addr, m->key_size - sizeof(plen));
	}
}

static bool is_same(const struct sw_ban_val *v, const struct sw_ban *b)
{
	const struct sw_ban_part *part = sw_ban_longest(b);
	uint64_t a = v->until_ns, c = part->until_boot_ns;

	if (v->id != part->id || !a != !c)
		return false;
	return (a > c ? a - c : c - a) < SLACK_NS;
}

/* As bpf_map_lookup_elem, but an LPM trie answers with the longest match: the value's length tells. */
static bool look_up_ban(const struct sw_enforce_port *port, const struct sw_net *net, struct sw_ban_val *ret)
{
	const struct map_row *m = ban_map_of(net);
	char key[KEY_MAX];

	fill_key(m, net, key);
	if (port->maps[m->fd] < 0 || bpf_map_lookup_elem(port->maps[m->fd], key, ret) < 0)
		return false;
	return m->fd == SW_FD_BAN4 || m->fd == SW_FD_BAN6 || ret->plen == net->plen;
}

static enum sw_verdict_state state(const struct sw_enforce_port *port, const struct sw_ban *b)
{
	struct sw_ban_val v = {};

	return look_up_ban(port, &b->net, &v) && is_same(&v, b) ? SW_VERDICT_INSTALLED : SW_VERDICT_FAILED;
}

struct reconciliation {
	const struct sw_enforce_port *port;
	struct sw_policy *policy;
	struct sw_enforce_report *report;
	struct sw_guard_ban puts[SW_GUARD_BATCH_MAX];
	/* Deletions wait for the end of the walk: a map's walk may begin anew when its key is gone. */
	struct sw_guard_ban *removes;
	struct sw_guard_allow *allows;
	struct sw_net *seen; /* allow entries of the kernel */
	unsigned int n_seen, seen_cap;
	unsigned int n_puts, n_removes, removes_cap, n_allows, allows_cap;
	unsigned int matched;
	int error;
};

static void flush_puts(struct reconciliation *c)
{
	int r;

	if (!c->n_puts)
		return;
	r = c->port->bans(c->port->arg, SW_GUARD_BAN_PUT, c->puts, c->n_puts, NULL, 0);
	if (r < 0)
		c->error = r;
	else
		c->report->bans_put += c->n_puts;
	c->n_puts = 0;
}

static void put(struct reconciliation *c, const struct sw_ban *b)
{
	const struct sw_ban_part *part = sw_ban_longest(b);

	c->puts[c->n_puts++] = (struct sw_guard_ban){
		.net = b->net, .until_ns = part->until_boot_ns, .id = part->id, .flags = SW_GUARD_BAN_WIDE};
	if (c->n_puts == SW_GUARD_BATCH_MAX)
		flush_puts(c);
}

static bool grow(void *list, unsigned int n, unsigned int *cap, size_t size)
{
	unsigned int more = *cap ? *cap * 2 : 256;
	void **at = list, *bigger;

	if (n < *cap)
		return true;
	bigger = realloc(*at, (size_t)more * size);
	if (!bigger)
		return false;
	*at = bigger;
	*cap = more;
	return true;
}

static int compare_ban(void *arg, const struct sw_net *net, const void *value)
{
	struct reconciliation *c = arg;
	const struct sw_ban *b = sw_policy_find_ban(c->policy, net);
	struct sw_ban_val v;

	memcpy(&v, value, sizeof(v));
	c->report->checked++;
	if (!b) {
		if (!grow(&c->removes, c->n_removes, &c->removes_cap, sizeof(*c->removes)))
			return -ENOMEM;
		c->removes[c->n_removes++] = (struct sw_guard_ban){.net = *net};
		return 0;
	}
	c->matched++;
	if (!is_same(&v, b))
		put(c, b);
	return 0;
}

static void put_if_missing(void *arg, const struct sw_ban *b)
{
	struct reconciliation *c = arg;
	struct sw_ban_val v;

	if (!look_up_ban(c->port, &b->net, &v))
		put(c, b);
}

static void remove_bans_found(struct reconciliation *c)
{
	for (unsigned int i = 0; i < c->n_removes; i += SW_GUARD_BATCH_MAX) {
		unsigned int n = SW_MIN(c->n_removes - i, (unsigned int)SW_GUARD_BATCH_MAX);
		int r = c->port->bans(c->port->arg, SW_GUARD_BAN_DEL, c->removes + i, n, NULL, 0);

		if (r < 0)
			c->error = r;
		else
			c->report->bans_removed += n;
	}
}

static int reconcile_bans(struct reconciliation *c)
{
	int r = 0;

	for (size_t i = 0; i < SW_ARRAY_SIZE(ban_maps) && r >= 0; i++)
		r = walk(c->port, &ban_maps[i], compare_ban, c);
	if (r < 0)
		return r;
	if (c->matched != sw_policy_n_bans(c->policy))
		sw_policy_each_ban(c->policy, put_if_missing, c);
	flush_puts(c);
	remove_bans_found(c);
	return c->error;
}

static bool queue_allow(struct reconciliation *c, const struct sw_net *net, uint32_t origins)
{
	if (!grow(&c->allows, c->n_allows, &c->allows_cap, sizeof(*c->allows)))
		return false;
	c->allows[c->n_allows++] = (struct sw_guard_allow){.net = *net, .origins = origins};
	return true;
}

static int compare_allow(void *arg, const struct sw_net *net, const void *value)
{
	struct reconciliation *c = arg;
	const struct sw_allow *a = sw_policy_find_allow(c->policy, net);
	struct sw_allow_val v;

	memcpy(&v, value, sizeof(v));
	c->report->checked++;
	if (!grow(&c->seen, c->n_seen, &c->seen_cap, sizeof(*c->seen)))
		return -ENOMEM;
	c->seen[c->n_seen++] = *net;
	if (a && a->origins == v.origins)
		return 0;
	return queue_allow(c, net, a ? a->origins : 0) ? 0 : -ENOMEM;
}

static int by_net(const void *a, const void *b)
{
	return sw_net_cmp(a, b);
}

/* A trie cannot be asked for exactly one length: what it held was listed and is searched. */
static void queue_if_missing(void *arg, const struct sw_allow *a)
{
	struct reconciliation *c = arg;

	if (!c->n_seen || !bsearch(&a->net, c->seen, c->n_seen, sizeof(*c->seen), by_net))
		(void)queue_allow(c, &a->net, a->origins);
}

static int reconcile_allows(struct reconciliation *c)
{
	int r = 0;

	for (size_t i = 0; i < SW_ARRAY_SIZE(allow_maps) && r >= 0; i++)
		r = walk(c->port, &allow_maps[i], compare_allow, c);
	if (r < 0)
		return r;
	if (c->n_seen)
		qsort(c->seen, c->n_seen, sizeof(*c->seen), by_net);
	sw_policy_each_allow(c->policy, queue_if_missing, c);
	for (unsigned int i = 0; i < c->n_allows && r >= 0; i += SW_GUARD_BATCH_MAX) {
		unsigned int n = SW_MIN(c->n_allows - i, (unsigned int)SW_GUARD_BATCH_MAX);

		r = c->port->allows(c->port->arg, c->allows + i, n, NULL, 0);
		for (unsigned int k = 0; k < n && r >= 0; k++) {
			if (c->allows[i + k].origins)
				c->report->allows_put++;
			else
				c->report->allows_removed++;
		}
	}
	return r;
}

static int reconcile(const struct sw_enforce_port *port, struct sw_policy *policy, struct sw_enforce_report *report)
{
	struct reconciliation c = {.port = port, .policy = policy, .report = report};
	int allows = reconcile_allows(&c), bans = reconcile_bans(&c);

	free(c.removes);
	free(c.allows);
	free(c.seen);
	return allows < 0 ? allows : bans;
}

static int put_bans(const struct sw_enforce_port *port, const struct sw_guard_ban *b,
	unsigned int n, char *why, size_t size)
{
	return port->bans(port->arg, SW_GUARD_BAN_PUT, b, n, why, size);
}

static int remove_bans(const struct sw_enforce_port *port, const struct sw_guard_ban *b,
	unsigned int n, char *why, size_t size)
{
	return port->bans(port->arg, SW_GUARD_BAN_DEL, b, n, why, size);
}

static int set_allows(const struct sw_enforce_port *port, const struct sw_guard_allow *a,
	unsigned int n, char *why, size_t size)
{
	return port->allows(port->arg, a, n, why, size);
}

struct each {
	int (*ban)(void *arg, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id);
	int (*allow)(void *arg, const struct sw_net *net, uint32_t origins);
	void *arg;
};

static int tell_ban(void *arg, const struct sw_net *net, const void *value)
{
	const struct each *e = arg;
	struct sw_ban_val v;

	memcpy(&v, value, sizeof(v));
	return e->ban(e->arg, net, v.until_ns, v.id);
}

static int tell_allow(void *arg, const struct sw_net *net, const void *value)
{
	const struct each *e = arg;
	struct sw_allow_val v;

	memcpy(&v, value, sizeof(v));
	return e->allow(e->arg, net, v.origins);
}

int sw_xdp_each_ban(const struct sw_enforce_port *port,
	int (*fn)(void *arg, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id), void *arg)
{
	struct each e = {.ban = fn, .arg = arg};
	int r = 0;

	for (size_t i = 0; i < SW_ARRAY_SIZE(ban_maps) && r >= 0; i++)
		r = walk(port, &ban_maps[i], tell_ban, &e);
	return r;
}

int sw_xdp_each_allow(const struct sw_enforce_port *port,
	int (*fn)(void *arg, const struct sw_net *net, uint32_t origins), void *arg)
{
	struct each e = {.allow = fn, .arg = arg};
	int r = 0;

	for (size_t i = 0; i < SW_ARRAY_SIZE(allow_maps) && r >= 0; i++)
		r = walk(port, &allow_maps[i], tell_allow, &e);
	return r;
}

const struct sw_backend sw_backend_xdp = {
	.name = "xdp",
	.put_bans = put_bans,
	.remove_bans = remove_bans,
	.set_allows = set_allows,
	.reconcile = reconcile,
	.state = state,
};
