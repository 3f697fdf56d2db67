// SPDX-License-Identifier: GPL-3.0-or-later
#include <bpf/bpf.h>

#include "user/kern/maps.h"

int sw_ports_load_init(struct sw_ports_load *l, const struct sw_trail_port *ports, __u64 n)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);

	*l = (struct sw_ports_load){.ports = ports, .n = n, .fd = -1};
	if (n > SW_MAX_TRAIL_PORTS)
		return -E2BIG;
	if (!n)
		return 0;
	l->fd = bpf_map_create(BPF_MAP_TYPE_HASH, "trail_ports_in", sizeof(struct sw_port_key),
		sizeof(struct sw_trail_val), (__u32)n, &opts);
	return l->fd < 0 ? -errno : 0;
}

int sw_ports_load_step(struct sw_ports_load *l, __u32 max)
{
	for (; l->at < l->n && max; max--, l->at++) {
		const struct sw_trail_port *p = &l->ports[l->at];
		const struct sw_trail_val val = {.set = p->set, .action = p->action};
		struct sw_port_key key = {.port = p->port, .family = p->net.family};

		memcpy(key.addr, p->net.addr, sizeof(key.addr));
		if (bpf_map_update_elem(l->fd, &key, &val, BPF_ANY) < 0)
			return -errno;
	}
	return l->at < l->n;
}

static __u32 id_in(int outer, __u32 slot)
{
	__u32 id = 0;

	return bpf_map_lookup_elem(outer, &slot, &id) < 0 ? 0 : id;
}

/* A delete waits for the packets on their way: only where there is something. */
static void empty(int outer, __u32 slot)
{
	if (id_in(outer, slot))
		bpf_map_delete_elem(outer, &slot);
}

int sw_ports_load_join(struct sw_ports_load *l, const struct sw_maps *m)
{
	int outer = m->fd[SW_MAP_TRAIL_PORTS];

	/* both are taken where a guard was killed on its way: the next in the row goes first */
	l->slot = id_in(outer, 0) ? 1 : 0;
	if (l->fd < 0)
		return 0;
	return bpf_map_update_elem(outer, &l->slot, &l->fd, BPF_ANY) < 0 ? -errno : 0;
}

void sw_ports_load_settle(const struct sw_ports_load *l, const struct sw_maps *m)
{
	for (__u32 slot = 0; slot < SW_TRAIL_PORT_SLOTS; slot++)
		if (l->fd < 0 || slot != l->slot)
			empty(m->fd[SW_MAP_TRAIL_PORTS], slot);
}

void sw_ports_load_leave(const struct sw_ports_load *l, const struct sw_maps *m)
{
	if (l->fd >= 0)
		empty(m->fd[SW_MAP_TRAIL_PORTS], l->slot);
}

void sw_ports_load_done(struct sw_ports_load *l)
{
	sw_close(TAKE_FD(l->fd));
}

__u32 sw_maps_ports_id(const struct sw_maps *m)
{
	__u32 a = id_in(m->fd[SW_MAP_TRAIL_PORTS], 0), b = id_in(m->fd[SW_MAP_TRAIL_PORTS], 1);

	return a && b ? 0 : a | b;
}

static int each_of(int fd, void (*fn)(const struct sw_net *net, void *arg), void *arg)
{
	struct sw_port_key key, *prev = NULL;

	for (__u64 n = 0; n <= SW_MAX_TRAIL_PORTS; n++) {
		struct sw_net net = {};

		if (bpf_map_get_next_key(fd, prev, &key) < 0)
			return errno == ENOENT ? 0 : -errno;
		prev = &key;
		net.family = key.family;
		net.plen = key.family == SW_AF_IP4 ? 32 : 128;
		memcpy(net.addr, key.addr, sizeof(net.addr));
		fn(&net, arg);
	}
	return 0;
}

int sw_maps_ports_each(
	const struct sw_maps *m, void (*fn)(const struct sw_net *net, void *arg), void *arg)
{
	for (__u32 slot = 0; slot < SW_TRAIL_PORT_SLOTS; slot++) {
		__u32 id = m->fd[SW_MAP_TRAIL_PORTS] < 0 ? 0 : id_in(m->fd[SW_MAP_TRAIL_PORTS], slot);
		_close_ int fd = id ? bpf_map_get_fd_by_id(id) : -1;
		int r = 0;

		if (id)
			r = fd < 0 ? -errno : each_of(fd, fn, arg);
		if (r < 0)
			return r;
	}
	return 0;
}
