// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Two million IPv4 trails as feeds have them (95 % hosts, in clusters) and 100,000 bans: from text to in
 * force, memory, bans, and nanoseconds a packet over reading it, by test run with a changing source,
 * packed and by the kernel's tries in the same run. Exits 1 when a packet was judged wrongly.
 */
#include "tests/bench/gate_bench.h"

enum {
	TRAILS = 2000000,
	BANS = 100000,
	HOT = 64,
	P99_BANS = 20000,
};

static uint32_t banned[BANS];

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void load(struct bench *b)
{
	size_t len;
	char *text = feed_make_text(&b->random, TRAILS, &len);
	struct bench_load took = bench_load_packed(b, text, len);

	bench_figure(b, "2 M lines, text to in force, CPU", took.from_text, "s", NULL, 0, 0.5);
	bench_figure(b, "2 M lines, text to in force, by the clock", took.wall, "s", NULL, 0, 0.5);
	bench_figure(b, "2 M entries, compile, check and put in force, CPU", took.from_list, "s", NULL, 0, 0);
	bench_figure(b, "memory of a generation of 2 M", bench_mib(b, SW_MAP_PACKED4), "MiB", NULL, 0, 16);
}

/* What no way into the kernel's table can be faster than: one system call with nothing around it. */
#define BARE "bpf_map_update_elem"

static void put_bare(const struct bench *b, __u32 host)
{
	const struct sw_ban_val val = {.id = 1, .plen = 32};
	__be32 key = htobe32(host);

	bpf_map_update_elem(b->rig.maps.fd[SW_MAP_BAN4], &key, &val, BPF_NOEXIST);
}

static void del_bare(const struct bench *b, __u32 host)
{
	__be32 key = htobe32(host);

	bpf_map_delete_elem(b->rig.maps.fd[SW_MAP_BAN4], &key);
}

/* CPU seconds for as many as are banned; the table is empty before and after. */
static double put_all_bare(const struct bench *b)
{
	double from = clock_sec(CLOCK_PROCESS_CPUTIME_ID), took;

	for (int i = 0; i < BANS; i++)
		put_bare(b, banned[i]);
	took = clock_sec(CLOCK_PROCESS_CPUTIME_ID) - from;
	for (int i = 0; i < BANS; i++)
		del_bare(b, banned[i]);
	return took;
}

/* In microseconds. */
static double time_bare(const struct bench *b, __u32 host)
{
	double from = clock_sec(CLOCK_MONOTONIC), took;

	put_bare(b, host);
	took = (clock_sec(CLOCK_MONOTONIC) - from) * 1e6;
	del_bare(b, host);
	return took;
}

static void put_bans(struct bench *b)
{
	static double took[P99_BANS], bare[P99_BANS];
	static struct sw_guard_ban batch[SW_GUARD_BATCH_MAX];
	struct sw_bans *bans = NULL;
	double from, all_bare;
	char text[160];
	__u32 done;

	assert_int_equal(sw_bans_new(&b->rig.maps, b->rig.marks, NULL, &bans), 0);
	for (int i = 0; i < BANS; i++)
		banned[i] = bench_draw(b) | 1;
	all_bare = put_all_bare(b);
	from = clock_sec(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < BANS; i += SW_GUARD_BATCH_MAX) {
		__u32 n = (__u32)SW_MIN(BANS - i, (int)SW_GUARD_BATCH_MAX);

		for (__u32 k = 0; k < n; k++)
			batch[k] = (struct sw_guard_ban){
				.net = sw_net_from4(htobe32(banned[i + (int)k])), .id = 1};
		assert_int_equal(sw_bans_put(bans, batch, n, &done, text, sizeof(text)), 0);
	}
	bench_figure(b, "100 k bans into force, CPU", clock_sec(CLOCK_PROCESS_CPUTIME_ID) - from, "s", BARE, all_bare,
		0.3);
	for (int i = 0; i < P99_BANS; i++) { /* even addresses: none of the banned is taken away */
		batch[0] =
			(struct sw_guard_ban){.net = sw_net_from4(htobe32(bench_draw(b) & ~1U)), .id = 2};
		from = clock_sec(CLOCK_MONOTONIC);
		sw_bans_put(bans, batch, 1, &done, text, sizeof(text));
		took[i] = (clock_sec(CLOCK_MONOTONIC) - from) * 1e6;
		sw_bans_del(bans, batch, 1, &done, text, sizeof(text));
		bare[i] = time_bare(b, bench_draw(b) & ~1U); /* in turn: what else the machine does is both's */
	}
	qsort(took, P99_BANS, sizeof(took[0]), compare);
	qsort(bare, P99_BANS, sizeof(bare[0]), compare);
	bench_figure(b, "a ban in force once the guard has it, median", took[P99_BANS / 2], "us", BARE,
		bare[P99_BANS / 2], 0);
	bench_figure(b, "a ban in force once the guard has it, p99", took[P99_BANS * 99 / 100], "us", BARE,
		bare[P99_BANS * 99 / 100], 2);
	sw_bans_free(bans);
}

struct bench_case {
	const char *name;
	const uint32_t *sources;
	size_t n;
	enum sw_reason reason; /* SW_R_COUNT: benign */
	double goal;
	bool has_scans; /* the question after scans, behind open-port bits, is on */
};

static bool run_case(struct bench *b, const struct bench_case *c)
{
	double ns[SW_ENGINE_COUNT];

	bench_set_scans(&b->rig, c->has_scans);
	rig_zero(b->rig.skel->maps.counters);
	for (enum sw_trail_engine e = 0; e < SW_ENGINE_COUNT; e++)
		ns[e] = bench_over4(b, c->sources, c->n, c->reason != SW_R_COUNT, e);
	bench_figure(b, c->name, ns[SW_ENGINE_PACKED], "ns", "LPM trie", ns[SW_ENGINE_LPM], c->goal);
	return bench_is_exact(b, c->name, c->reason);
}

int main(void)
{
	struct bench *b = bench_open("packed");
	bool is_right = true;

	if (!b)
		return 1;
	load(b);
	put_bans(b);
	bench_draw_sources(b);
	bench_figure(b, "2 M entries into the tries, CPU", bench_load_lpm(b), "s", NULL, 0, 0);
	const struct bench_case cases[] = {
		{"benign, Zipf, over parse and pass", b->zipf, BENCH_SOURCES, SW_R_COUNT, 15, false},
		{"benign, uniform, over parse and pass", b->benign, BENCH_SOURCES, SW_R_COUNT, 35, false},
		{"benign, Zipf, scans on, over parse and pass", b->zipf, BENCH_SOURCES, SW_R_COUNT, 25, true},
		{"benign, 64 sources, over parse and pass", b->benign, HOT, SW_R_COUNT, 0, false},
		{"trail hit, 64 sources, over parse and drop", b->hit, HOT, SW_R_TRAIL_SRC, 50, false},
		{"trail hit, uniform, over parse and drop", b->hit, BENCH_SOURCES, SW_R_TRAIL_SRC, 0, false},
		{"banned, 64 sources, over parse and drop", banned, HOT, SW_R_BAN, 50, false},
		{"banned, uniform, over parse and drop", banned, 1 << 16, SW_R_BAN, 0, false},
	};
	for (size_t i = 0; i < SW_ARRAY_SIZE(cases); i++)
		is_right &= run_case(b, &cases[i]);
	bench_close(b);
	return !is_right;
}
