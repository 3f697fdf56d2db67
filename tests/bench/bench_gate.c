/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nanoseconds that the gate takes for a packet, by test run, against programs that only read it and
 * drop or pass. All in one run: 100,000 bans and 100,000 trails in force, sources varied, rounds
 * interleaved, medians of CPU time. Both figures hold what changing the source and calling on costs
 * (base_ns); over_ns is what the gate adds to reading, by pairs of one round.
 * What the question after scans adds is by itself: the same packets with it and without.
 * Exits 1 when a packet was judged wrongly, never for a figure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include "skel/peer.skel.h"
#include "tests/bench/gate_scans.h"

enum {
	LISTED = 100000, /* bans, and trails */
	ROUNDS = 9,
	REPEAT = 100000,
	SOURCES = 1 << 16,
	HOT = 64,
	BAN_BASE = 0x0a000000, /* 10.0.0.0 on: banned */
	TRAIL_BASE = 0x0b000000, /* 11.0.0.0 on: in a trail */
	FREE_BASE = 0x64000000, /* 100.0.0.0 on: in neither */
};

#define OWN "198.18.1.1"

struct bench_case {
	const char *name;
	__u32 base; /* of the sources */
	__u32 n; /* different ones, a power of two */
	bool is_dropped;
	enum sw_reason reason; /* SW_R_COUNT: benign */
};

static const struct bench_case cases[] = {
	{"benign, 64 k sources", FREE_BASE, SOURCES, false, SW_R_COUNT},
	{"benign, 64 sources", FREE_BASE, HOT, false, SW_R_COUNT},
	{"banned, 64 k sources", BAN_BASE, SOURCES, true, SW_R_BAN},
	{"banned, 64 sources", BAN_BASE, HOT, true, SW_R_BAN},
	{"trail hit, 64 k sources", TRAIL_BASE, SOURCES, true, SW_R_TRAIL_SRC},
	{"trail hit, 64 sources", TRAIL_BASE, HOT, true, SW_R_TRAIL_SRC},
};

/* Spread over the /8 so that neighbours in the list are not neighbours in the trie. */
static __u32 nth_address(__u32 base, __u32 i)
{
	return htobe32(base | ((i * 2654435761u) >> 8 & 0xffffff));
}

static void fill_lists(struct rig *rig)
{
	struct sw_ban_val ban = {.id = 1};
	struct sw_trail_val trail = {.action = SW_TRAIL_DROP};
	struct sw_lpm4 key = {.plen = 32};
	int trie = rig_new_trie(false, LISTED + SOURCES);

	for (__u32 i = 0; i < LISTED; i++) {
		__u32 addr = nth_address(BAN_BASE, i);

		rig_set(rig->skel->maps.ban4, &addr, &ban);
		addr = nth_address(TRAIL_BASE, i);
		memcpy(key.addr, &addr, 4);
		assert_int_equal(bpf_map_update_elem(trie, &key, &trail, BPF_ANY), 0);
	}
	rig_swap(rig, false, trie);
	rig->trail_fd[0] = trie;
}

static void choose_sources(struct peer *peer, const struct bench_case *c)
{
	for (__u32 i = 0; i < c->n; i++) {
		__u32 addr = nth_address(c->base, i);

		rig_set(peer->maps.sources, &i, &addr);
	}
	peer->bss->source_mask = c->n - 1;
	peer->bss->source_next = 0;
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Nanoseconds of CPU a packet with prog behind peer_vary; the verdict of the last goes to *ret. */
static double time_of(struct peer *peer, int prog_fd, const struct packet *p, __u32 *ret)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = (__u32)p->len,
		.repeat = REPEAT);
	__u32 slot = 0;
	double from;

	rig_set(peer->maps.target, &slot, &prog_fd);
	from = cpu_ns();
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(peer->progs.peer_vary), &opts), 0);
	*ret = opts.retval;
	return (cpu_ns() - from) / REPEAT;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

/* True when every packet was judged as the case says. */
static bool is_exact(const struct rig *rig, const struct bench_case *c, __u32 verdict)
{
	__u64 want = (__u64)ROUNDS * REPEAT;

	for (__u32 r = 0; r < SW_R_COUNT; r++) {
		struct sw_counter got = rig_counter(rig, r);

		if (got.packets != (r == c->reason ? want : 0) ||
			got.dropped != (r == c->reason && c->is_dropped ? want : 0)) {
			fprintf(stderr, "%s: reason %u: %llu packets, %llu dropped\n", c->name, r,
				got.packets, got.dropped);
			return false;
		}
	}
	return verdict == (c->is_dropped ? 1u : 2u);
}

/* One side of a comparison. */
struct side {
	const char *name;
	int prog_fd;
	bool has_scans;
};

static double time_side(const struct rig *rig, struct peer *peer, const struct side *side,
	const struct packet *p, __u32 *ret_verdict)
{
	bench_set_scans(rig, side->has_scans);
	return time_of(peer, side->prog_fd, p, ret_verdict);
}

/* Rounds of both in turn, the counters zero before, and the figure; ret: the last verdict of ours. */
static void compare_sides(struct rig *rig, struct peer *peer, const struct packet *p, const struct side *ours,
	const struct side *theirs, __u32 *ret_verdict)
{
	const struct side nothing = {.prog_fd = bpf_program__fd(peer->progs.peer_nothing)};
	double base[ROUNDS], mine[ROUNDS], their[ROUNDS], over[ROUNDS], value, peer_value;
	__u32 other;

	rig_zero(rig->skel->maps.counters);
	for (int i = 0; i < ROUNDS; i++) {
		base[i] = time_side(rig, peer, &nothing, p, &other);
		their[i] = time_side(rig, peer, theirs, p, &other);
		mine[i] = time_side(rig, peer, ours, p, ret_verdict);
		over[i] = mine[i] - their[i];
		ring_buffer__consume(rig->ring);
	}
	value = median(mine);
	peer_value = median(their);
	printf("{\"bench\":\"gate\",\"case\":\"%s\",\"value\":%.1f,\"unit\":\"ns/packet\","
	       "\"peer\":\"%s\",\"peer_value\":%.1f,\"ratio\":%.2f,"
	       "\"goal\":null,\"met\":null,\"over_ns\":%.1f,\"base_ns\":%.1f}\n",
		ours->name, value, theirs->name, peer_value, value / peer_value, median(over), median(base));
}

static bool run_case(struct rig *rig, struct peer *peer, const struct bench_case *c)
{
	const struct side ours = {.name = c->name, .prog_fd = rig_prog_fd(rig, RIG_XDP)};
	const struct side drop = {"parse and drop", bpf_program__fd(peer->progs.peer_parse_drop), false};
	const struct side pass = {"parse and pass", bpf_program__fd(peer->progs.peer_parse_pass), false};
	struct packet_spec spec = {.from = "192.0.2.1", .to = OWN};
	struct packet p;
	__u32 verdict = 0;

	packet_build(&spec, &p);
	choose_sources(peer, c);
	compare_sides(rig, peer, &p, &ours, c->is_dropped ? &drop : &pass, &verdict);
	return is_exact(rig, c, verdict);
}

/* ---- scans alone: the same packets with the question after scans and without it */

static const struct {
	const char *name;
	uint16_t dport;
	uint8_t flags;
	bool is_probe;
} scan_cases[] = {
	{"scans: a flow's packet", BENCH_SERVICE, 0x10, false},
	{"scans: SYN to an open port", BENCH_SERVICE, 0x02, false},
	{"scans: SYN to a closed port, 64 k sources", BENCH_SERVICE + 1, 0x02, true},
};

static bool run_scan_case(struct rig *rig, struct peer *peer, size_t at)
{
	struct packet_spec spec = {.from = "192.0.2.1", .to = OWN, .sport = 40000,
		.dport = scan_cases[at].dport, .tcp_flags = scan_cases[at].flags};
	const struct side off = {"the same, scans off", rig_prog_fd(rig, RIG_XDP), false};
	const struct side on = {scan_cases[at].name, rig_prog_fd(rig, RIG_XDP), true};
	__u64 probes;
	struct packet p;
	__u32 verdict = 0;

	packet_build(&spec, &p);
	choose_sources(peer, &(struct bench_case){.base = FREE_BASE, .n = SOURCES});
	compare_sides(rig, peer, &p, &on, &off, &verdict);
	probes = rig_counter(rig, SW_R_PROBE).packets + rig_counter(rig, SW_R_SCAN).packets;
	if (verdict == 2 && probes == (scan_cases[at].is_probe ? (__u64)ROUNDS * REPEAT : 0))
		return true;
	fprintf(stderr, "%s: %llu probes, verdict %u\n", scan_cases[at].name, probes, verdict);
	return false;
}

static bool run_scans(struct rig *rig, struct peer *peer)
{
	struct sw_net net = rig_net(OWN);
	struct sw_allow_val value = {.origins = SW_ALLOW_OWN};
	bool is_right = true;
	struct sw_lpm6 key;

	rig_lpm_key(&net, &key);
	rig_set(rig->skel->maps.allow4, &key, &value);
	for (size_t i = 0; i < SW_ARRAY_SIZE(scan_cases); i++)
		is_right &= run_scan_case(rig, peer, i);
	return is_right;
}

/* What the verifier walks through at load, by the kernel's own count. */
static void print_verified(const struct rig *rig, enum rig_hook hook)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(rig_prog_fd(rig, hook), &info, &size), 0);
	printf("{\"bench\":\"gate\",\"case\":\"verified_insns %s\",\"value\":%u,\"unit\":\"insns\","
	       "\"peer\":null,\"peer_value\":null,\"ratio\":null,\"goal\":null,\"met\":null}\n",
		rig_hook_names[hook], info.verified_insns);
}

int main(void)
{
	static struct rig rig;
	struct peer *peer = peer__open_and_load();
	bool is_right = true;

	if (!peer) {
		fprintf(stderr, "bench_gate: cannot load BPF programs: %s\n", strerror(errno));
		return 1;
	}
	rig_open(&rig, 0);
	rig.is_deaf = true;
	rig.ctl.token_rate = 10;
	rig.ctl.token_burst = 20;
	rig_ctl(&rig);
	fill_lists(&rig);
	for (size_t i = 0; i < SW_ARRAY_SIZE(cases); i++)
		is_right &= run_case(&rig, peer, &cases[i]);
	is_right &= run_scans(&rig, peer);
	for (enum rig_hook hook = 0; hook < RIG_HOOKS; hook++)
		print_verified(&rig, hook);
	rig_close(&rig);
	peer__destroy(peer);
	return !is_right;
}
