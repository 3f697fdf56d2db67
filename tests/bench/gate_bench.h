/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For benches of the gate against the kernel's tries in the same run: a feed-like set of trails put in force in
 * both engines as net, engine and guard go it, and nanoseconds a packet over reading it, by test run with a
 * changing source. The least of many short rounds of either, in turn: whatever else the machine does only adds.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include "skel/peer.skel.h"
#include "tests/bench/clock.h"
#include "tests/bench/feed_like.h"
#include "tests/bench/gate_scans.h"
#include "tests/bpf/gate_rig.h"
#include "tests/unit/packed_find.h"
#include "user/guard/bans.h"
#include "user/io/msg.h"
#include "user/trail/image.h"
#include "user/trail/list.h"
#include "user/trail/lookup.h"

enum {
	BENCH_SOURCES = 1 << 17,
	BENCH_POPULATION = 1 << 20, /* of which Zipf draws */
	BENCH_ROUNDS = 124, /* of the tries, which take twenty times as long: a fifth */
	BENCH_REPEAT = BENCH_SOURCES / 4, /* short enough to fall between two disturbances */
};

struct bench {
	struct rig rig;
	struct peer *peer;
	const char *name;
	struct sw_trail_list *list;
	struct sw_packed_view view;
	uint64_t random;
	uint32_t hit[BENCH_SOURCES], benign[BENCH_SOURCES], zipf[BENCH_SOURCES];
};

/* Seconds of CPU to have the trails in force: from the text, and from the parsed list; and by the clock. */
struct bench_load {
	double from_text, from_list, wall;
};

static inline uint32_t bench_draw(struct bench *b)
{
	return feed_draw(&b->random);
}

/* goal 0: none; less is better. peer NULL: none. */
static inline void bench_figure(const struct bench *b, const char *what, double value, const char *unit,
	const char *peer, double peer_value, double goal)
{
	printf("{\"bench\":\"%s\",\"case\":\"%s\",\"value\":%.4f,\"unit\":\"%s\"", b->name, what, value, unit);
	if (peer)
		printf(",\"peer\":\"%s\",\"peer_value\":%.4f,\"ratio\":%.4f", peer, peer_value, value / peer_value);
	if (goal > 0)
		printf(",\"goal\":%g,\"met\":%s", goal, value <= goal ? "true" : "false");
	puts("}");
	fflush(stdout);
}

/* NULL, said on stderr, where programs cannot be loaded. */
static inline struct bench *bench_open(const char *name)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->name = name;
	b->random = 88172645463325252ULL;
	b->peer = peer__open_and_load();
	if (!b->peer) {
		fprintf(stderr, "bench_%s: cannot load BPF programs: %s\n", name, strerror(errno));
		free(b);
		return NULL;
	}
	rig_open(&b->rig, 0);
	b->rig.is_deaf = true;
	b->rig.is_packed = true;
	rig_usual(&b->rig);
	b->rig.ctl.token_rate = 10;
	b->rig.ctl.token_burst = 20;
	return b;
}

static inline void bench_close(struct bench *b)
{
	sw_trail_list_free(b->list);
	rig_close(&b->rig);
	peer__destroy(b->peer);
	free(b);
}

/* Before another set is loaded. */
static inline void bench_unload(struct bench *b)
{
	sw_trail_list_free(b->list);
	b->list = NULL;
}

static inline struct sw_packed_view bench_open_packed(int fd)
{
	struct sw_packed_view v;
	const char *why = "";
	const void *map;
	size_t len;

	assert_true(fd >= 0);
	assert_int_equal(sw_memfd_map_sealed(fd, SW_PACKED_BYTES_MAX, &map, &len), 0);
	if (sw_packed_check(map, len, &v, &why) < 0)
		fail_msg("%s", why);
	return v;
}

/* Every step of the way, as net, engine and guard go it. The text is freed. */
static inline struct bench_load bench_load_packed(struct bench *b, char *text, size_t len)
{
	const struct sw_trail_rules rules = {.min_plen4 = 8, .min_plen6 = 16};
	double cpu = clock_sec(CLOCK_PROCESS_CPUTIME_ID), wall = clock_sec(CLOCK_MONOTONIC), merged;
	struct sw_trail_parser *p = NULL;
	struct sw_trail_source source;
	struct bench_load took;
	int fd;

	assert_int_equal(sw_trail_parse_mem(&rules, text, len, &p), 0);
	fd = sw_trail_list_build(p, "bench", "bench", SW_TRAIL_DROP, 0);
	sw_trail_parser_free(p);
	assert_true(fd >= 0);
	assert_int_equal(sw_trail_list_open(fd, &b->list, NULL), 0);
	source = (struct sw_trail_source){b->list->view, 0};
	merged = clock_sec(CLOCK_PROCESS_CPUTIME_ID);
	fd = sw_trail_image_build(&source, 1, SW_ENGINE_PACKED, 0, NULL);
	b->view = bench_open_packed(fd);
	rig_put_packed(&b->rig, &b->view);
	took = (struct bench_load){.from_text = clock_sec(CLOCK_PROCESS_CPUTIME_ID) - cpu,
		.from_list = clock_sec(CLOCK_PROCESS_CPUTIME_ID) - merged,
		.wall = clock_sec(CLOCK_MONOTONIC) - wall};
	free(text);
	return took;
}

static inline double bench_load_lpm(struct bench *b)
{
	struct sw_trail_source source = {b->list->view, 0};
	double from = clock_sec(CLOCK_PROCESS_CPUTIME_ID);
	int fd = sw_trail_image_build(&source, 1, SW_ENGINE_LPM, 0, NULL), r;
	struct sw_trail_load load;
	struct sw_trail_view v;
	const void *map;
	size_t len;

	assert_int_equal(sw_memfd_map_sealed(fd, SW_TRAIL_BYTES_MAX, &map, &len), 0);
	assert_int_equal(sw_trail_check(map, len, SW_TRAIL_IMAGE_MAGIC, &v, NULL), 0);
	assert_int_equal(sw_trail_load_init(&load, v.entries4, v.n4, v.n6), 0);
	do
		r = sw_trail_load_step(&load, 4096);
	while (r > 0);
	assert_int_equal(r, 0);
	assert_int_equal(sw_trail_load_commit(&load, &b->rig.maps), 0);
	sw_trail_load_done(&load);
	munmap((void *)map, len);
	close(fd);
	return clock_sec(CLOCK_PROCESS_CPUTIME_ID) - from;
}

static inline bool bench_is_listed(const struct bench *b, uint32_t addr)
{
	struct sw_net host = sw_net_from4(htobe32(addr));

	return find4(&b->view, &host) != NOT_FOUND;
}

/* Sources on no list; those who are banned by chance show as a wrong verdict, so they are left out too. */
static inline void bench_draw_sources(struct bench *b)
{
	uint32_t *population = malloc(BENCH_POPULATION * sizeof(*population));
	__be32 key;
	struct sw_ban_val ban;

	assert_non_null(population);
	for (size_t i = 0; i < BENCH_POPULATION;) {
		population[i] = bench_draw(b);
		key = htobe32(population[i]);
		i += !bench_is_listed(b, population[i]) &&
			bpf_map_lookup_elem(b->rig.maps.fd[SW_MAP_BAN4], &key, &ban) < 0;
	}
	for (size_t i = 0; i < BENCH_SOURCES; i++) {
		/* of the ranks from 2^e to twice that one falls as often as for any other e: 1/k */
		uint32_t e = bench_draw(b) % 20;

		b->zipf[i] = population[(1U << e) + bench_draw(b) % (1U << e)];
		b->benign[i] = population[i];
	}
	for (size_t i = 0; i < BENCH_SOURCES;) {
		const struct sw_trail_entry *e =
			&b->list->view.entries4[bench_draw(b) % b->list->view.n4];
		__be32 addr;

		memcpy(&addr, e->net.addr, sizeof(addr));
		b->hit[i] = be32toh(addr);
		i += bpf_map_lookup_elem(b->rig.maps.fd[SW_MAP_BAN4], &addr, &ban) < 0;
	}
	free(population);
}

/* vary: the program that changes the source and calls on. */
static inline double bench_time_of(
	struct bench *b, const struct bpf_program *vary, int prog_fd, const struct packet *p)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = (__u32)p->len,
		.repeat = BENCH_REPEAT);
	__u32 slot = 0;
	double from;

	rig_set(b->peer->maps.target, &slot, &prog_fd);
	from = clock_sec(CLOCK_THREAD_CPUTIME_ID);
	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(vary), &opts), 0);
	return (clock_sec(CLOCK_THREAD_CPUTIME_ID) - from) / BENCH_REPEAT * 1e9;
}

static inline int bench_rounds_of(enum sw_trail_engine engine)
{
	return engine == SW_ENGINE_PACKED ? BENCH_ROUNDS : BENCH_ROUNDS / 5;
}

/* What the gate takes over reading the packets that vary makes of p, and then passing or dropping them. */
static inline double bench_over(struct bench *b, const struct bpf_program *vary, const struct packet *p,
	bool is_dropped, enum sw_trail_engine engine)
{
	int rival = bpf_program__fd(
		is_dropped ? b->peer->progs.peer_parse_drop : b->peer->progs.peer_parse_pass);
	double least_parse = 1e9, least_gate = 1e9;

	b->rig.ctl.engine = engine;
	rig_ctl(&b->rig);
	for (int i = 0; i < bench_rounds_of(engine); i++) {
		double parse, gate;

		b->peer->bss->source_next = (__u32)i * BENCH_REPEAT; /* both have the same part of the list */
		parse = bench_time_of(b, vary, rival, p);
		b->peer->bss->source_next = (__u32)i * BENCH_REPEAT;
		gate = bench_time_of(b, vary, rig_prog_fd(&b->rig, RIG_XDP), p);
		least_parse = SW_MIN(least_parse, parse);
		least_gate = SW_MIN(least_gate, gate);
		ring_buffer__consume(b->rig.ring);
	}
	return least_gate - least_parse;
}

static inline double bench_over4(
	struct bench *b, const uint32_t *sources, size_t n, bool is_dropped, enum sw_trail_engine engine)
{
	struct packet p;

	/* of a connection to an open port, as most packets are */
	packet_build(&(struct packet_spec){.from = "192.0.2.1", .to = "203.0.113.1", .sport = 40000,
			     .dport = BENCH_SERVICE, .tcp_flags = 0x10},
		&p);
	for (__u32 i = 0; i < n; i++) {
		__u32 addr = htobe32(sources[i]);

		rig_set(b->peer->maps.sources, &i, &addr);
	}
	b->peer->bss->source_mask = (__u32)n - 1;
	return bench_over(b, b->peer->progs.peer_vary, &p, is_dropped, engine);
}

/* True when all packets since the counters were zero, of that many rounds of both engines, had that reason alone. */
static inline bool bench_is_exact(const struct bench *b, const char *what, enum sw_reason reason)
{
	__u64 packets = 0;

	for (enum sw_trail_engine e = 0; e < SW_ENGINE_COUNT; e++)
		packets += (__u64)bench_rounds_of(e) * BENCH_REPEAT;
	for (__u32 r = 0; r < SW_R_COUNT; r++) {
		__u64 want = r == reason ? packets : 0;

		if (rig_counter(&b->rig, r).packets == want)
			continue;
		fprintf(stderr, "%s: reason %u: %llu packets, %llu wanted\n", what, r,
			rig_counter(&b->rig, r).packets, want);
		return false;
	}
	return true;
}

/* What the kernel says the map in a slot holds; of a trie it leaves the inner nodes out. */
static inline double bench_mib(const struct bench *b, enum sw_map slot)
{
	char path[64], line[128];
	int fd = bpf_map_get_fd_by_id(sw_maps_trail_id(&b->rig.maps, slot));
	unsigned long long bytes = 0;
	FILE *f;

	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	fclose(f);
	close(fd);
	return (double)bytes / 1048576;
}
