// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/kern/maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/kern/bpffs.h"

static const char *const names[SW_MAP_COUNT] = {
	[SW_MAP_CTL] = "gate_ctl",
	[SW_MAP_ALLOW4] = "allow4",
	[SW_MAP_ALLOW6] = "allow6",
	[SW_MAP_BAN4] = "ban4",
	[SW_MAP_BAN6] = "ban6",
	[SW_MAP_BANNET4] = "bannet4",
	[SW_MAP_BANNET6] = "bannet6",
	[SW_MAP_TRAILS4] = "trails4",
	[SW_MAP_TRAILS6] = "trails6",
	[SW_MAP_TRAIL_PORTS] = "trail_ports",
	[SW_MAP_COARSE4] = "coarse4",
	[SW_MAP_COARSE6] = "coarse6",
	[SW_MAP_MARKS4] = "marks4",
	[SW_MAP_MARKS6] = "marks6",
	[SW_MAP_OTHERMARKS4] = "othermarks4",
	[SW_MAP_EPOCH] = "epoch",
	[SW_MAP_PACKED4] = "packed4",
	[SW_MAP_PACKED6] = "packed6",
	[SW_MAP_GEO] = "geo",
	[SW_MAP_GEO_HITS] = "geo_hits",
	[SW_MAP_PROBE_CTL] = "probe_ctl",
	[SW_MAP_COUNTERS] = "counters",
	[SW_MAP_STATS] = "stats",
	[SW_MAP_EV_PKT] = "ev_pkt",
	[SW_MAP_EV_SOCK] = "ev_sock",
	[SW_MAP_INSPECT_CTL] = "inspect_ctl",
	[SW_MAP_DOMAINS] = "domains",
	[SW_MAP_EV_INSPECT] = "ev_inspect",
	[SW_MAP_SHUNNED] = "shunned",
	[SW_MAP_SOCK_POLICY] = "sock_policy",
	[SW_MAP_SOCK_RULES] = "sock_rules",
	[SW_MAP_CHAIN] = "chain",
	[SW_MAP_COOKIE] = "cookie",
};

/* Maps of programs that are not essential: without them nothing is written there, and all else works. */
static const struct {
	enum sw_map map;
	enum bpf_map_type type;
	__u32 key, value, entries;
} spare[] = {
	{SW_MAP_EV_SOCK, BPF_MAP_TYPE_RINGBUF, 0, 0, SW_EV_SOCK_BYTES},
	{SW_MAP_INSPECT_CTL, BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct sw_inspect_ctl), 1},
	{SW_MAP_DOMAINS, BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(__u32), 1},
	{SW_MAP_EV_INSPECT, BPF_MAP_TYPE_RINGBUF, 0, 0, 4096},
	{SW_MAP_SHUNNED, BPF_MAP_TYPE_LRU_HASH, sizeof(struct sw_shunned_key), sizeof(__u64), 1},
	{SW_MAP_SOCK_POLICY, BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(union sw_sock_policy_ctl), 1},
	{SW_MAP_SOCK_RULES, BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct sw_sock_rule),
		SW_SOCK_BANKS * SW_SOCK_BANK_RULES},
};

const char *sw_map_name(enum sw_map map)
{
	return names[map];
}

void sw_maps_init(struct sw_maps *m)
{
	for (size_t i = 0; i < SW_MAP_COUNT; i++)
		m->fd[i] = -1;
}

void sw_maps_done(struct sw_maps *m)
{
	for (size_t i = 0; i < SW_MAP_COUNT; i++)
		sw_close(TAKE_FD(m->fd[i]));
}

static int make_spare(enum sw_map map, const char *path)
{
	_close_ int fd = -1;
	size_t i = 0;

	while (i < SW_ARRAY_SIZE(spare) && spare[i].map != map)
		i++;
	if (i == SW_ARRAY_SIZE(spare))
		return -ENOENT;
	fd = bpf_map_create(
		spare[i].type, names[map], spare[i].key, spare[i].value, spare[i].entries, NULL);
	if (fd < 0)
		return -errno;
	if (bpf_obj_pin(fd, path) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int sw_maps_open_pins(struct sw_maps *m, const char *pin_dir)
{
	for (size_t i = 0; i < SW_MAP_COUNT; i++) {
		char path[SW_PIN_PATH_MAX];
		int fd;

		if (snprintf(path, sizeof(path), "%s/%s", pin_dir, names[i]) >= (int)sizeof(path))
			return -ENAMETOOLONG;
		fd = bpf_obj_get(path);
		fd = fd < 0 ? -errno : fd;
		if (fd == -ENOENT)
			fd = make_spare((enum sw_map)i, path);
		if (fd < 0)
			return fd;
		sw_close(m->fd[i]);
		m->fd[i] = fd;
	}
	return 0;
}

static __u32 map_id(int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) < 0 ? 0 : info.id;
}

int sw_maps_share(const struct sw_maps *m, enum sw_map map)
{
	bool is_ring = map == SW_MAP_EV_PKT || map == SW_MAP_EV_SOCK || map == SW_MAP_EV_INSPECT;
	LIBBPF_OPTS(bpf_get_fd_by_id_opts, opts, .open_flags = is_ring ? 0 : BPF_F_RDONLY);
	int fd = bpf_map_get_fd_by_id_opts(map_id(m->fd[map]), &opts);

	return fd < 0 ? -errno : fd;
}

int sw_maps_inspect_set(const struct sw_maps *m, const struct sw_inspect_ctl *c)
{
	__u32 zero = 0;

	return bpf_map_update_elem(m->fd[SW_MAP_INSPECT_CTL], &zero, c, BPF_ANY) < 0 ? -errno : 0;
}

int sw_maps_shun(const struct sw_maps *m, const struct sw_shunned_key *key, __u64 until_boot_ns)
{
	return bpf_map_update_elem(m->fd[SW_MAP_SHUNNED], key, &until_boot_ns, BPF_ANY) < 0 ? -errno : 0;
}

int sw_maps_domains_new(__u32 n)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_NO_PREALLOC);
	int fd = bpf_map_create(
		BPF_MAP_TYPE_HASH, "sw_domains", sizeof(__u64), sizeof(struct sw_domain_val), n, &o);

	return fd < 0 ? -errno : fd;
}

int sw_maps_domains_put(int fd, const struct sw_domain_entry *entries, __u32 n)
{
	for (__u32 i = 0; i < n; i++) {
		if (bpf_map_update_elem(fd, &entries[i].key, &entries[i].val, BPF_ANY) < 0)
			return -errno;
	}
	return 0;
}

int sw_maps_domains_use(const struct sw_maps *m, int fd)
{
	__u32 zero = 0;

	return bpf_map_update_elem(m->fd[SW_MAP_DOMAINS], &zero, &fd, BPF_ANY) < 0 ? -errno : 0;
}

static struct sw_lpm4 key4(const struct sw_net *n)
{
	struct sw_lpm4 k = {.plen = n->plen};

	memcpy(k.addr, n->addr, sizeof(k.addr));
	return k;
}

static struct sw_lpm6 key6(const struct sw_net *n)
{
	struct sw_lpm6 k = {.plen = n->plen};

	memcpy(k.addr, n->addr, sizeof(k.addr));
	return k;
}

/* Where a ban lives, and its key there. */
union ban_key {
	__be32 host4;
	struct sw_ban6_key host6;
	struct sw_lpm4 net4;
	struct sw_lpm6 net6;
};

static enum sw_map ban_place(const struct sw_net *n, union ban_key *k)
{
	memset(k, 0, sizeof(*k));
	if (n->family == SW_AF_IP4) {
		if (n->plen == 32) {
			memcpy(&k->host4, n->addr, sizeof(k->host4));
			return SW_MAP_BAN4;
		}
		k->net4 = key4(n);
		return SW_MAP_BANNET4;
	}
	if (n->plen == 128 || n->plen == 64) {
		memcpy(k->host6.addr, n->addr, sizeof(k->host6.addr));
		k->host6.plen = n->plen;
		return SW_MAP_BAN6;
	}
	k->net6 = key6(n);
	return SW_MAP_BANNET6;
}

int sw_maps_ban_put(const struct sw_maps *m, const struct sw_net *net, const struct sw_ban_val *val)
{
	union ban_key k;
	enum sw_map map = ban_place(net, &k);
	struct sw_ban_val v = *val;

	v.plen = net->plen;
	if (bpf_map_update_elem(m->fd[map], &k, &v, BPF_NOEXIST) == 0)
		return 1;
	if (errno != EEXIST)
		return -errno;
	return bpf_map_update_elem(m->fd[map], &k, &v, BPF_ANY) < 0 ? -errno : 0;
}

int sw_maps_ban_del(const struct sw_maps *m, const struct sw_net *net)
{
	union ban_key k;
	enum sw_map map = ban_place(net, &k);

	return bpf_map_delete_elem(m->fd[map], &k) < 0 ? -errno : 0;
}

int sw_maps_ban_get(const struct sw_maps *m, const struct sw_net *net, struct sw_ban_val *ret)
{
	union ban_key k;
	enum sw_map map = ban_place(net, &k);

	return bpf_map_lookup_elem(m->fd[map], &k, ret) < 0 ? -errno : 0;
}

static struct sw_net net_of_ban(enum sw_map map, const union ban_key *k)
{
	struct sw_net n = {
		.family = map == SW_MAP_BAN4 || map == SW_MAP_BANNET4 ? SW_AF_IP4 : SW_AF_IP6};

	switch (map) {
	case SW_MAP_BAN4:
		n.plen = 32;
		memcpy(n.addr, &k->host4, sizeof(k->host4));
		break;
	case SW_MAP_BAN6:
		n.plen = (__u8)k->host6.plen;
		memcpy(n.addr, k->host6.addr, sizeof(k->host6.addr));
		break;
	case SW_MAP_BANNET4:
		n.plen = (__u8)k->net4.plen;
		memcpy(n.addr, k->net4.addr, sizeof(k->net4.addr));
		break;
	default:
		n.plen = (__u8)k->net6.plen;
		memcpy(n.addr, k->net6.addr, sizeof(k->net6.addr));
	}
	return n;
}

int sw_maps_ban_each(
	const struct sw_maps *m, int (*fn)(const struct sw_net *net, void *arg), void *arg)
{
	static const enum sw_map maps[] = {
		SW_MAP_BAN4, SW_MAP_BAN6, SW_MAP_BANNET4, SW_MAP_BANNET6};

	for (size_t i = 0; i < SW_ARRAY_SIZE(maps); i++) {
		union ban_key k, *prev = NULL;
		int r = 0;

		while (r >= 0 && bpf_map_get_next_key(m->fd[maps[i]], prev, &k) == 0) {
			struct sw_net net = net_of_ban(maps[i], &k);

			prev = &k;
			r = fn(&net, arg);
		}
		if (r < 0)
			return r;
		if (errno != ENOENT)
			return -errno;
	}
	return 0;
}

int sw_maps_allow_put(const struct sw_maps *m, const struct sw_net *net, __u32 origins)
{
	struct sw_allow_val val = {.origins = origins};
	bool is4 = net->family == SW_AF_IP4;
	struct sw_lpm4 k4 = key4(net);
	struct sw_lpm6 k6 = key6(net);
	const void *key = is4 ? (const void *)&k4 : (const void *)&k6;
	int fd = m->fd[is4 ? SW_MAP_ALLOW4 : SW_MAP_ALLOW6];

	if (origins)
		return bpf_map_update_elem(fd, key, &val, BPF_ANY) < 0 ? -errno : 0;
	return bpf_map_delete_elem(fd, key) < 0 && errno != ENOENT ? -errno : 0;
}

static int each_allow(
	int fd, enum sw_family family, int (*fn)(const struct sw_net *, __u32, void *), void *arg)
{
	struct sw_lpm6 key, *prev = NULL; /* a v4 key is its beginning */
	size_t bytes = family == SW_AF_IP4 ? 4 : 16;

	for (unsigned int n = 0; n <= SW_MAX_ALLOW; n++) {
		struct sw_net net = {.family = (__u8)family};
		struct sw_allow_val val;
		int r;

		if (bpf_map_get_next_key(fd, prev, &key) < 0)
			return errno == ENOENT ? 0 : -errno;
		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, &val) < 0)
			continue;
		net.plen = (__u8)key.plen;
		memcpy(net.addr, key.addr, bytes);
		r = fn(&net, val.origins, arg);
		if (r < 0)
			return r;
	}
	return 0;
}

int sw_maps_allow_each(const struct sw_maps *m,
	int (*fn)(const struct sw_net *net, __u32 origins, void *arg), void *arg)
{
	int r = each_allow(m->fd[SW_MAP_ALLOW4], SW_AF_IP4, fn, arg);

	return r < 0 ? r : each_allow(m->fd[SW_MAP_ALLOW6], SW_AF_IP6, fn, arg);
}

static int put_rules(int fd, __u32 first, const struct sw_sock_rule *rules, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		__u32 key = first + i;

		if (bpf_map_update_elem(fd, &key, &rules[i], BPF_ANY) < 0)
			return -errno;
	}
	return 0;
}

int sw_maps_sock_policy_set(const struct sw_maps *m, const struct sw_sock_policy_image *image)
{
	int fd = m->fd[SW_MAP_SOCK_RULES], r = 0;
	union sw_sock_policy_ctl ctl = image->ctl, old;
	__u32 zero = 0, first;

	if (bpf_map_lookup_elem(m->fd[SW_MAP_SOCK_POLICY], &zero, &old) < 0)
		return -errno;
	ctl.bank = !old.bank;
	first = ctl.bank * SW_SOCK_BANK_RULES;
	for (__u32 way = 0; way < SW_SOCK_WAYS && r >= 0; way++)
		r = put_rules(fd, first + way * SW_SOCK_RULES_MAX, image->rules[way], ctl.n[way]);
	if (r >= 0)
		r = put_rules(fd, first + SW_SOCK_WAYS * SW_SOCK_RULES_MAX, image->protected, ctl.n_protected);
	if (r >= 0 && bpf_map_update_elem(m->fd[SW_MAP_SOCK_POLICY], &zero, &ctl, BPF_ANY) < 0)
		r = -errno;
	return r;
}

int sw_maps_ctl_get(const struct sw_maps *m, struct sw_gate_ctl *ret)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(m->fd[SW_MAP_CTL], &zero, ret) < 0 ? -errno : 0;
}

int sw_maps_ctl_set(const struct sw_maps *m, const struct sw_gate_ctl *c)
{
	struct sw_gate_ctl old, step = *c;
	__u32 zero = 0;
	int fd = m->fd[SW_MAP_CTL];
	int r = sw_maps_ctl_get(m, &old);

	if (r < 0)
		return r;
	if (c->mode == SW_MODE_ENFORCE)
		step.mode = old.mode == SW_MODE_ENFORCE ? SW_MODE_ENFORCE : SW_MODE_OBSERVE;
	else
		step.enforce_until_ns = old.enforce_until_ns;
	if (bpf_map_update_elem(fd, &zero, &step, BPF_ANY) < 0 ||
		bpf_map_update_elem(fd, &zero, c, BPF_ANY) < 0)
		return -errno;
	return 0;
}

enum { STEP_MAX = 4096 };

static int make_trie(const char *name, size_t key_size, __u64 entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, name, (__u32)key_size,
		sizeof(struct sw_trail_val), (__u32)entries, &opts);

	return fd < 0 ? -errno : fd;
}

int sw_trail_load_init(
	struct sw_trail_load *l, const struct sw_trail_entry *entries, __u64 count4, __u64 count6)
{
	*l = (struct sw_trail_load){
		.entries = entries, .count4 = count4, .count6 = count6, .fd4 = -1, .fd6 = -1};
	if (count4 > SW_MAX_TRAILS4 || count6 > SW_MAX_TRAILS6)
		return -E2BIG;
	if (count4) {
		l->fd4 = make_trie("trails4_in", sizeof(struct sw_lpm4), count4);
		if (l->fd4 < 0)
			return l->fd4;
	}
	if (count6) {
		l->fd6 = make_trie("trails6_in", sizeof(struct sw_lpm6), count6);
		if (l->fd6 < 0)
			return l->fd6;
	}
	return 0;
}

static bool is_good_entry(const struct sw_trail_entry *e, enum sw_family family)
{
	struct sw_net zero_tail = e->net;
	unsigned int max = family == SW_AF_IP4 ? 32 : 128;

	if (e->net.family != family || e->net.plen > max || e->action >= SW_TRAIL_ACTION_COUNT)
		return false;
	for (unsigned int i = e->net.plen; i < max; i++)
		zero_tail.addr[i / 8] &= (__u8) ~(0x80 >> (i % 8));
	return memcmp(zero_tail.addr, e->net.addr, max / 8) == 0;
}

/* Keys are 8 or 20 bytes, laid out one behind the other. */
static int write_entries(struct sw_trail_load *l, int fd, enum sw_family family, __u32 n)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts, .elem_flags = BPF_ANY);
	size_t key_size = family == SW_AF_IP4 ? sizeof(struct sw_lpm4) : sizeof(struct sw_lpm6);
	_free_ char *keys = malloc(n * key_size);
	_free_ struct sw_trail_val *vals = calloc(n, sizeof(*vals));
	__u32 count = n;

	if (!keys || !vals)
		return -ENOMEM;
	for (__u32 i = 0; i < n; i++) {
		const struct sw_trail_entry *e = &l->entries[l->at + i];
		__u32 plen = e->net.plen;

		if (!is_good_entry(e, family))
			return -EBADMSG;
		memcpy(keys + i * key_size, &plen, sizeof(plen));
		memcpy(keys + i * key_size + sizeof(plen), e->net.addr, key_size - sizeof(plen));
		vals[i] = (struct sw_trail_val){.set = e->set, .action = (__u8)e->action};
	}
	if (!l->is_single && bpf_map_update_batch(fd, keys, vals, &count, &opts) == 0)
		return 0;
	l->is_single = true;
	for (__u32 i = 0; i < n; i++) {
		if (bpf_map_update_elem(fd, keys + i * key_size, &vals[i], BPF_ANY) < 0)
			return -errno;
	}
	return 0;
}

int sw_trail_load_step(struct sw_trail_load *l, __u32 max)
{
	bool is4 = l->at < l->count4;
	__u64 end = is4 ? l->count4 : l->count4 + l->count6, left = end - l->at;
	__u32 n = (__u32)SW_MIN(left, (__u64)SW_MIN(max, (__u32)STEP_MAX));
	int r;

	if (!n)
		return 0;
	r = write_entries(l, is4 ? l->fd4 : l->fd6, is4 ? SW_AF_IP4 : SW_AF_IP6, n);
	if (r < 0)
		return r;
	l->at += n;
	return l->at < l->count4 + l->count6;
}

static int put_inner(int outer, int inner)
{
	__u32 zero = 0;

	if (inner >= 0)
		return bpf_map_update_elem(outer, &zero, &inner, BPF_ANY) < 0 ? -errno : 0;
	return bpf_map_delete_elem(outer, &zero) < 0 && errno != ENOENT ? -errno : 0;
}

static int open_inner(int outer)
{
	__u32 zero = 0, id = 0;

	if (bpf_map_lookup_elem(outer, &zero, &id) < 0 || !id)
		return -1;
	return bpf_map_get_fd_by_id(id);
}

int sw_trail_load_commit(struct sw_trail_load *l, const struct sw_maps *m)
{
	int outer4 = m->fd[SW_MAP_TRAILS4], outer6 = m->fd[SW_MAP_TRAILS6];
	_close_ int old4 = open_inner(outer4);
	int r = put_inner(outer4, l->fd4);

	if (r < 0)
		return r;
	r = put_inner(outer6, l->fd6);
	if (r < 0)
		put_inner(outer4, old4);
	return r;
}

void sw_trail_load_done(struct sw_trail_load *l)
{
	sw_close(TAKE_FD(l->fd4));
	sw_close(TAKE_FD(l->fd6));
}

__u32 sw_maps_trail_id(const struct sw_maps *m, enum sw_map map)
{
	__u32 zero = 0, id = 0;

	return bpf_map_lookup_elem(m->fd[map], &zero, &id) < 0 ? 0 : id;
}

int sw_maps_egress_set(const char *pin_dir, __u32 action)
{
	const struct sw_egress_ctl c = {.action = action};
	char path[SW_PIN_PATH_MAX];
	_close_ int fd = -1;
	__u32 zero = 0;

	if (snprintf(path, sizeof(path), "%s/egress_ctl", pin_dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_map_update_elem(fd, &zero, &c, BPF_ANY) < 0)
		return -errno;
	return 0;
}

bool sw_maps_has_trails(const struct sw_maps *m)
{
	static const enum sw_map slots[] = {SW_MAP_TRAILS4, SW_MAP_TRAILS6, SW_MAP_PACKED4, SW_MAP_PACKED6};

	for (size_t i = 0; i < SW_ARRAY_SIZE(slots); i++) {
		if (sw_maps_trail_id(m, slots[i]))
			return true;
	}
	return false;
}
