/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The gate, loaded for a test and attached to nothing: maps filled by text, packets run through the
 * whole program by test run, counters and events read back. Any failure of the machine ends the test.
 */
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
#include <cmocka.h>
#include "skel/xdp_gate.skel.h"
#include "sockwarden/abi/gate.h"
#include "tests/lib/packet.h"
#include "user/base/cidr.h"
#include "user/guard/packed.h"
#include "user/trail/packed4.h"
#include "user/trail/packed6.h"

enum rig_hook { RIG_XDP, RIG_TC, RIG_TC_L3, RIG_HOOKS };
enum { RIG_EVENTS_MAX = 8192, RIG_CPU_MAX = 1024, RIG_TRAILS_MAX = 256 };

static const char *const rig_hook_names[RIG_HOOKS] = {"xdp_gate", "tc_gate", "tc_gate_l3"};

struct rig {
	struct xdp_gate *skel;
	struct ring_buffer *ring;
	int trail_fd[2]; /* the tries in the slots: IPv4, IPv6 */
	struct sw_maps maps; /* borrowed from skel */
	struct sw_marks *marks;
	bool is_packed; /* bans are marked, trails go into packed generations */
	struct sw_trail_entry trail[RIG_TRAILS_MAX]; /* of rig_trail, packed */
	size_t n_trails;
	struct sw_trail_port port[RIG_TRAILS_MAX]; /* of rig_port, of either engine */
	size_t n_ports;
	struct sw_gate_ctl ctl;
	struct sw_pkt_event event[RIG_EVENTS_MAX];
	size_t n_events;
	bool is_deaf; /* benches: events are read and thrown away */
};

static inline uint64_t rig_boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline int rig_on_event(void *arg, void *data, size_t len)
{
	struct rig *rig = arg;

	if (rig->is_deaf)
		return 0;
	assert_int_equal(len, sizeof(struct sw_pkt_event));
	assert_true(rig->n_events < RIG_EVENTS_MAX);
	memcpy(&rig->event[rig->n_events++], data, len);
	return 0;
}

static inline void rig_set(struct bpf_map *map, const void *key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY), 0);
}

/* Writes rig->ctl. */
static inline void rig_ctl(struct rig *rig)
{
	rig_set(rig->skel->maps.gate_ctl, &(__u32){0}, &rig->ctl);
}

static inline void rig_find_maps(struct rig *rig)
{
	sw_maps_init(&rig->maps);
	for (enum sw_map map = 0; map < SW_MAP_COUNT; map++) {
		const struct bpf_map *m =
			bpf_object__find_map_by_name(rig->skel->obj, sw_map_name(map));

		if (m)
			rig->maps.fd[map] = bpf_map__fd(m);
	}
}

static inline int rig_compare(const void *a, const void *b)
{
	return sw_net_cmp(
		&((const struct sw_trail_entry *)a)->net, &((const struct sw_trail_entry *)b)->net);
}

/* A generation as the engine makes it, without the merge; borrowed from *ret_buf, which is to be freed. */
static inline struct sw_packed_view rig_pack(
	const struct sw_trail_entry *e, size_t n, void **ret_buf)
{
	_cleanup_(sw_packer4_freep) struct sw_packer4 *p4 = NULL;
	_cleanup_(sw_packer6_freep) struct sw_packer6 *p6 = NULL;
	struct sw_packed_view v = {};
	int64_t n4, n6;
	char *buf;

	assert_int_equal(sw_packer4_new(&p4), 0);
	assert_int_equal(sw_packer6_new(&p6), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(e[i].net.family == SW_AF_IP4 ? sw_packer4_add(p4, &e[i])
							      : sw_packer6_add(p6, &e[i]),
			0);
	n4 = sw_packer4_end(p4);
	n6 = sw_packer6_end(p6);
	assert_true(n4 >= 0 && n6 >= 0);
	buf = calloc(1, (size_t)n4 * 16 + (size_t)n6 * 24 + SW_MARK_BITS / 8);
	assert_non_null(buf);
	v.n4 = (uint64_t)n4;
	v.n6 = (uint64_t)n6;
	v.elements4 = (void *)buf;
	v.elements6 = (void *)(buf + n4 * 16);
	v.marks6 = n6 ? (void *)(buf + n4 * 16 + n6 * 24) : NULL;
	if (n4)
		sw_packer4_write(p4, (void *)buf);
	if (n6)
		sw_packer6_write(p6, (void *)(buf + n4 * 16), (void *)(buf + n4 * 16 + n6 * 24));
	*ret_buf = buf;
	return v;
}

static inline void rig_join_ports(struct rig *rig, struct sw_ports_load *l,
	const struct sw_trail_port *ports, size_t n)
{
	assert_int_equal(sw_ports_load_init(l, ports, n), 0);
	while (sw_ports_load_step(l, 7))
		;
	assert_int_equal(l->at, n);
	assert_int_equal(sw_ports_load_join(l, &rig->maps), 0);
}

static inline void rig_put_packed(struct rig *rig, const struct sw_packed_view *v)
{
	struct sw_packed_load load;
	struct sw_ports_load ports;

	rig_join_ports(rig, &ports, v->ports, v->n_ports);
	assert_int_equal(sw_packed_load_init(&load, v), 0);
	assert_int_equal(sw_packed_load_step(&load, SIZE_MAX), 0);
	assert_int_equal(sw_packed_load_commit(&load, &rig->maps, rig->marks), 0);
	sw_packed_load_done(&load);
	sw_ports_load_settle(&ports, &rig->maps);
	sw_ports_load_done(&ports);
}

/* Entries in any order, no network twice. */
static inline void rig_put_trails(struct rig *rig, struct sw_trail_entry *e, size_t n)
{
	struct sw_packed_view v;
	void *buf;

	qsort(e, n, sizeof(*e), rig_compare);
	v = rig_pack(e, n, &buf);
	v.ports = rig->port;
	v.n_ports = rig->n_ports;
	rig_put_packed(rig, &v);
	free(buf);
}

static inline int rig_new_trie(bool is_six, __u32 entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	size_t key = is_six ? sizeof(struct sw_lpm6) : sizeof(struct sw_lpm4);
	int fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "sw_trails", (__u32)key,
		sizeof(struct sw_trail_val), entries, &opts);

	assert_true(fd >= 0);
	return fd;
}

/* Puts a trie into the slot of its family, as the guard's swap does. */
static inline void rig_swap(struct rig *rig, bool is_six, int trie_fd)
{
	struct bpf_map *outer = is_six ? rig->skel->maps.trails6 : rig->skel->maps.trails4;
	__u32 slot = 0;

	rig_set(outer, &slot, &trie_fd);
}

/* The key of a network; returns its bytes. */
static inline size_t rig_lpm_key(const struct sw_net *net, struct sw_lpm6 *ret)
{
	ret->plen = net->plen;
	memcpy(ret->addr, net->addr, 16);
	return net->family;
}

static inline struct sw_net rig_net(const char *text)
{
	struct sw_net net;

	assert_int_equal(sw_cidr_parse(text, SIZE_MAX, &net), 0);
	return net;
}

static inline void rig_ban(struct rig *rig, const char *text, uint64_t until_ns, uint64_t id)
{
	struct sw_net net = rig_net(text);
	struct sw_ban_val value = {.until_ns = until_ns, .id = id, .plen = net.plen};
	struct sw_ban6_key six = {.plen = net.plen};
	struct sw_lpm6 key;

	memcpy(six.addr, net.addr, 16);
	rig_lpm_key(&net, &key);
	if (net.family == SW_AF_IP4 && net.plen == 32)
		rig_set(rig->skel->maps.ban4, net.addr, &value);
	else if (net.family == SW_AF_IP6 && (net.plen == 128 || net.plen == 64))
		rig_set(rig->skel->maps.ban6, &six, &value);
	else if (net.family == SW_AF_IP4)
		rig_set(rig->skel->maps.bannet4, &key, &value);
	else
		rig_set(rig->skel->maps.bannet6, &key, &value);
	if (rig->is_packed)
		sw_marks_add(rig->marks, &net);
}

static inline void rig_allow(struct rig *rig, const char *text)
{
	struct sw_net net = rig_net(text);
	struct sw_allow_val value = {.origins = SW_ALLOW_OPERATOR};
	struct sw_lpm6 key;

	rig_lpm_key(&net, &key);
	rig_set(net.family == SW_AF_IP4 ? rig->skel->maps.allow4 : rig->skel->maps.allow6, &key,
		&value);
	sw_marks_renew(rig->marks);
}

static inline void rig_list(int trie_fd, const char *text, enum sw_trail_action action, __u32 set)
{
	struct sw_net net = rig_net(text);
	struct sw_trail_val value = {.set = set, .action = (__u8)action};
	struct sw_lpm6 key;

	rig_lpm_key(&net, &key);
	assert_int_equal(bpf_map_update_elem(trie_fd, &key, &value, BPF_ANY), 0);
}

static inline void rig_trail(
	struct rig *rig, const char *text, enum sw_trail_action action, __u32 set)
{
	bool is_six = rig_net(text).family == SW_AF_IP6;

	if (rig->is_packed) {
		assert_true(rig->n_trails < RIG_TRAILS_MAX);
		rig->trail[rig->n_trails++] =
			(struct sw_trail_entry){rig_net(text), set, 0, action};
		rig_put_trails(rig, rig->trail, rig->n_trails);
		return;
	}
	if (rig->trail_fd[is_six] < 0) {
		rig->trail_fd[is_six] = rig_new_trie(is_six, 1024);
		rig_swap(rig, is_six, rig->trail_fd[is_six]);
	}
	rig_list(rig->trail_fd[is_six], text, action, set);
}

/* Lists an address with a port. */
static inline void rig_port(struct rig *rig, const char *host, __u16 port,
	enum sw_trail_action action, __u32 set)
{
	struct sw_ports_load load;

	assert_true(rig->n_ports < RIG_TRAILS_MAX);
	rig->port[rig->n_ports++] = (struct sw_trail_port){
		.net = rig_net(host), .port = port, .action = (__u8)action, .set = set};
	if (rig->is_packed) {
		rig_put_trails(rig, rig->trail, rig->n_trails);
		return;
	}
	rig_join_ports(rig, &load, rig->port, rig->n_ports);
	sw_ports_load_settle(&load, &rig->maps);
	sw_ports_load_done(&load);
}

/* Enforcing, and telling every hit. */
static inline void rig_usual(struct rig *rig)
{
	rig->ctl = (struct sw_gate_ctl){
		.mode = SW_MODE_ENFORCE, .token_rate = 1000, .token_burst = 1000};
	rig->ctl.engine = rig->is_packed ? SW_ENGINE_PACKED : SW_ENGINE_LPM;
	rig_ctl(rig);
}

/* Loads the gate; ring_bytes 0: as in life. */
static inline void rig_open(struct rig *rig, __u32 ring_bytes)
{
	cpu_set_t one;

	*rig = (struct rig){.trail_fd = {-1, -1}};
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one); /* what is kept per CPU is then in one place */
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	rig->skel = xdp_gate__open();
	assert_non_null(rig->skel);
	if (ring_bytes)
		assert_int_equal(bpf_map__set_max_entries(rig->skel->maps.ev_pkt, ring_bytes), 0);
	assert_int_equal(xdp_gate__load(rig->skel), 0);
	rig->ring = ring_buffer__new(bpf_map__fd(rig->skel->maps.ev_pkt), rig_on_event, rig, NULL);
	assert_non_null(rig->ring);
	rig_find_maps(rig);
	assert_int_equal(sw_marks_new(&rig->maps, &rig->marks), 0);
	rig_usual(rig);
}

static inline void rig_close(struct rig *rig)
{
	ring_buffer__free(rig->ring);
	sw_close(rig->trail_fd[0]);
	sw_close(rig->trail_fd[1]);
	sw_marks_free(rig->marks);
	xdp_gate__destroy(rig->skel);
}

static inline void rig_clear(struct bpf_map *map)
{
	__u8 key[64];

	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
		assert_int_equal(bpf_map_delete_elem(bpf_map__fd(map), key), 0);
}

static inline void rig_zero(struct bpf_map *map)
{
	size_t bytes = (size_t)libbpf_num_possible_cpus() * bpf_map__value_size(map);
	void *zero = calloc(1, bytes);

	for (__u32 i = 0; i < bpf_map__max_entries(map); i++)
		rig_set(map, &i, zero);
	free(zero);
}

/* As after rig_open: nothing listed, nothing counted, nothing in the ring. */
static inline void rig_reset(struct rig *rig)
{
	struct bpf_map *const listed[] = {rig->skel->maps.allow4, rig->skel->maps.allow6,
		rig->skel->maps.ban4, rig->skel->maps.ban6, rig->skel->maps.bannet4,
		rig->skel->maps.bannet6};
	__u32 slot = 0;

	for (size_t i = 0; i < SW_ARRAY_SIZE(listed); i++)
		rig_clear(listed[i]);
	for (int i = 0; i < 2; i++) {
		struct bpf_map *outer = i ? rig->skel->maps.trails6 : rig->skel->maps.trails4;

		if (rig->trail_fd[i] >= 0)
			assert_int_equal(bpf_map_delete_elem(bpf_map__fd(outer), &slot), 0);
		sw_close(rig->trail_fd[i]);
		rig->trail_fd[i] = -1;
	}
	for (slot = 0; slot < SW_TRAIL_PORT_SLOTS; slot++)
		bpf_map_delete_elem(rig->maps.fd[SW_MAP_TRAIL_PORTS], &slot);
	rig->n_ports = slot = 0;
	if (rig->is_packed) {
		bpf_map_delete_elem(rig->maps.fd[SW_MAP_PACKED4], &slot);
		bpf_map_delete_elem(rig->maps.fd[SW_MAP_PACKED6], &slot);
		sw_marks_free(rig->marks);
		assert_int_equal(sw_marks_new(&rig->maps, &rig->marks), 0);
		rig->n_trails = 0;
	}
	rig_zero(rig->skel->maps.counters);
	rig_zero(rig->skel->maps.stats);
	rig_zero(rig->skel->maps.recent);
	ring_buffer__consume(rig->ring);
	rig->n_events = 0;
	rig_usual(rig);
}

static inline int rig_prog_fd(const struct rig *rig, enum rig_hook hook)
{
	struct bpf_program *prog = hook == RIG_XDP ? rig->skel->progs.xdp_gate
		: hook == RIG_TC                   ? rig->skel->progs.tc_gate
						   : rig->skel->progs.tc_gate_l3;

	return bpf_program__fd(prog);
}

/* 1 dropped, 0 passed, -EINVAL when the kernel does not make such a short packet. */
static inline int rig_run(const struct rig *rig, enum rig_hook hook, const void *data, size_t len,
	unsigned int repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = (__u32)len,
		.repeat = (int)repeat);
	int r = bpf_prog_test_run_opts(rig_prog_fd(rig, hook), &opts);

	if (r == -EINVAL)
		return r;
	assert_int_equal(r, 0);
	if (hook == RIG_XDP) {
		assert_true(opts.retval == 1 || opts.retval == 2); /* XDP_DROP, XDP_PASS */
		return opts.retval == 1;
	}
	assert_true(opts.retval == 2 || opts.retval == (__u32)-1); /* TC_ACT_SHOT, TC_ACT_UNSPEC */
	return opts.retval == 2;
}

static inline struct sw_counter rig_counter(const struct rig *rig, __u32 reason)
{
	struct sw_counter of_cpu[RIG_CPU_MAX], sum = {};
	int n = libbpf_num_possible_cpus();

	assert_true(n > 0 && n <= RIG_CPU_MAX);
	assert_int_equal(
		bpf_map_lookup_elem(bpf_map__fd(rig->skel->maps.counters), &reason, of_cpu), 0);
	for (int i = 0; i < n; i++) {
		sum.packets += of_cpu[i].packets;
		sum.bytes += of_cpu[i].bytes;
		sum.dropped += of_cpu[i].dropped;
	}
	return sum;
}

static inline __u64 rig_stat(const struct rig *rig, __u32 stat)
{
	__u64 of_cpu[RIG_CPU_MAX], sum = 0;
	int n = libbpf_num_possible_cpus();

	assert_true(n > 0 && n <= RIG_CPU_MAX);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(rig->skel->maps.stats), &stat, of_cpu), 0);
	for (int i = 0; i < n; i++)
		sum += of_cpu[i];
	return sum;
}

/* Reads what is in the ring now; rig->event holds it from the start. */
static inline size_t rig_events(struct rig *rig)
{
	rig->n_events = 0;
	assert_true(ring_buffer__consume(rig->ring) >= 0);
	return rig->n_events;
}
