// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Two million IPv4 trails as feeds have them (95 % hosts, in clusters) and 100,000 bans: from text to in
 * force, memory, bans, and nanoseconds a packet over reading it, by test run with a changing source,
 * packed and by the kernel's tries in the same run. Exits 1 when a packet was judged wrongly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include "skel/peer.skel.h"
#include "tests/bench/clock.h"
#include "tests/bench/feed_like.h"
#include "tests/bpf/gate_rig.h"
#include "tests/unit/packed_find.h"
#include "user/guard/bans.h"
#include "user/io/msg.h"
#include "user/trail/list.h"
#include "user/trail/image.h"

enum {
	TRAILS = 2000000,
	BANS = 100000,
	SOURCES = 1 << 17,
	POPULATION = 1 << 20, /* of which Zipf draws */
	HOT = 64,
	ROUNDS = 31, /* of the tries, which take twenty times as long: a fifth */
	REPEAT = SOURCES, /* each source once, and short enough to fall between two disturbances */
	P99_BANS = 20000,
};

struct bench {
	struct rig rig;
	struct peer *peer;
	struct sw_trail_list *list;
	struct sw_packed_view view;
	uint64_t random;
	uint32_t banned[BANS], hit[SOURCES], benign[SOURCES], zipf[SOURCES];
};

static uint32_t draw(struct bench *b)
{
	return feed_draw(&b->random);
}

static void figure(const char *what, double value, const char *unit, const char *peer,
	double peer_value, double goal)
{
	printf("{\"bench\":\"packed\",\"case\":\"%s\",\"value\":%.3f,\"unit\":\"%s\"", what, value,
		unit);
	if (peer)
		printf(",\"peer\":\"%s\",\"peer_value\":%.3f,\"ratio\":%.4f", peer, peer_value,
			value / peer_value);
	if (goal > 0)
		printf(",\"goal\":%g,\"met\":%s", goal, value <= goal ? "true" : "false");
	puts("}");
}

static struct sw_packed_view open_packed(int fd)
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

/* Every step of the way, as net, engine and guard go it. */
static void load_packed(struct bench *b)
{
	const struct sw_trail_rules rules = {.min_plen4 = 8, .min_plen6 = 16};
	struct sw_trail_parser *p = NULL;
	struct sw_trail_source source;
	size_t len;
	char *text = feed_make_text(&b->random, TRAILS, &len);
	double cpu = clock_sec(CLOCK_PROCESS_CPUTIME_ID), wall = clock_sec(CLOCK_MONOTONIC), merged;
	int fd;

	assert_int_equal(sw_trail_parse_mem(&rules, text, len, &p), 0);
	fd = sw_trail_list_build(p, "bench", "bench", SW_TRAIL_DROP, 0);
	sw_trail_parser_free(p);
	assert_true(fd >= 0);
	assert_int_equal(sw_trail_list_open(fd, &b->list, NULL), 0);
	source = (struct sw_trail_source){b->list->view, 0};
	merged = clock_sec(CLOCK_PROCESS_CPUTIME_ID);
	fd = sw_trail_image_build(&source, 1, SW_ENGINE_PACKED, 0, NULL);
	b->view = open_packed(fd);
	rig_put_packed(&b->rig, &b->view);
	figure("2 M lines, text to in force, CPU", clock_sec(CLOCK_PROCESS_CPUTIME_ID) - cpu, "s",
		NULL, 0, 0.5);
	figure("2 M lines, text to in force, by the clock", clock_sec(CLOCK_MONOTONIC) - wall, "s",
		NULL, 0, 0.5);
	figure("2 M entries, compile, check and put in force, CPU",
		clock_sec(CLOCK_PROCESS_CPUTIME_ID) - merged, "s", NULL, 0, 0);
	figure("memory of a generation of 2 M", (double)(b->view.n4 * 16) / 1048576, "MiB", NULL, 0,
		16);
	free(text);
}

static double load_lpm(struct bench *b)
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
	assert_int_equal(sw_trail_load_init(&load, v.entries4, v.n4, 0), 0);
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

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void put_bans(struct bench *b)
{
	static double took[P99_BANS];
	static struct sw_guard_ban batch[SW_GUARD_BATCH_MAX];
	struct sw_bans *bans = NULL;
	double from;
	char text[160];
	__u32 done;

	assert_int_equal(sw_bans_new(&b->rig.maps, b->rig.marks, NULL, &bans), 0);
	for (int i = 0; i < BANS; i++)
		b->banned[i] = draw(b) | 1;
	from = clock_sec(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < BANS; i += SW_GUARD_BATCH_MAX) {
		__u32 n = (__u32)SW_MIN(BANS - i, (int)SW_GUARD_BATCH_MAX);

		for (__u32 k = 0; k < n; k++)
			batch[k] = (struct sw_guard_ban){
				.net = sw_net_from4(htobe32(b->banned[i + (int)k])), .id = 1};
		assert_int_equal(sw_bans_put(bans, batch, n, &done, text, sizeof(text)), 0);
	}
	figure("100 k bans into force, CPU", clock_sec(CLOCK_PROCESS_CPUTIME_ID) - from, "s", NULL, 0,
		0.3);
	for (int i = 0; i < P99_BANS; i++) {
		batch[0] =
			(struct sw_guard_ban){.net = sw_net_from4(htobe32(draw(b) | 1)), .id = 2};
		from = clock_sec(CLOCK_MONOTONIC);
		sw_bans_put(bans, batch, 1, &done, text, sizeof(text));
		took[i] = (clock_sec(CLOCK_MONOTONIC) - from) * 1e6;
		sw_bans_del(bans, batch, 1, &done, text, sizeof(text));
	}
	qsort(took, P99_BANS, sizeof(took[0]), compare);
	figure("a ban in force once the guard has it, median", took[P99_BANS / 2], "us", NULL, 0,
		0);
	figure("a ban in force once the guard has it, p99", took[P99_BANS * 99 / 100], "us", NULL,
		0, 2);
	sw_bans_free(bans);
}

static bool is_listed(const struct bench *b, uint32_t addr)
{
	struct sw_net host = sw_net_from4(htobe32(addr));

	return find4(&b->view, &host) != NOT_FOUND;
}

/* Sources on no list; those who are banned by chance show as a wrong verdict, so they are left out too. */
static void draw_sources(struct bench *b)
{
	uint32_t *population = malloc(POPULATION * sizeof(*population));
	__be32 key;
	struct sw_ban_val ban;

	assert_non_null(population);
	for (size_t i = 0; i < POPULATION;) {
		population[i] = draw(b);
		key = htobe32(population[i]);
		i += !is_listed(b, population[i]) &&
			bpf_map_lookup_elem(b->rig.maps.fd[SW_MAP_BAN4], &key, &ban) < 0;
	}
	for (size_t i = 0; i < SOURCES; i++) {
		/* of the ranks from 2^e to twice that one falls as often as for any other e: 1/k */
		uint32_t e = draw(b) % 20;

		b->zipf[i] = population[(1U << e) + draw(b) % (1U << e)];
		b->benign[i] = population[i];
	}
	for (size_t i = 0; i < SOURCES;) {
		const struct sw_trail_entry *e =
			&b->list->view.entries4[draw(b) % b->list->view.n4];
		__be32 addr;

		memcpy(&addr, e->net.addr, sizeof(addr));
		b->hit[i] = be32toh(addr);
		i += bpf_map_lookup_elem(b->rig.maps.fd[SW_MAP_BAN4], &addr, &ban) < 0;
	}
	free(population);
}

static double time_of(struct bench *b, int prog_fd, const struct packet *p)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = (__u32)p->len,
		.repeat = REPEAT);
	__u32 slot = 0;
	double from;

	rig_set(b->peer->maps.target, &slot, &prog_fd);
	from = clock_sec(CLOCK_THREAD_CPUTIME_ID);
	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(b->peer->progs.peer_vary), &opts), 0);
	return (clock_sec(CLOCK_THREAD_CPUTIME_ID) - from) / REPEAT * 1e9;
}

static int rounds_of(enum sw_trail_engine engine)
{
	return engine == SW_ENGINE_PACKED ? ROUNDS : ROUNDS / 5;
}

/*
 * What the gate takes over reading and then passing or dropping: the least of many short rounds of
 * either, in turn, as whatever else the machine does only adds.
 */
static double over(struct bench *b, const uint32_t *sources, size_t n, bool is_dropped,
	enum sw_trail_engine engine)
{
	struct packet_spec spec = {.from = "192.0.2.1", .to = "203.0.113.1"};
	int rival = bpf_program__fd(
		is_dropped ? b->peer->progs.peer_parse_drop : b->peer->progs.peer_parse_pass);
	double least_parse = 1e9, least_gate = 1e9;
	struct packet p;

	packet_build(&spec, &p);
	for (__u32 i = 0; i < n; i++) {
		__u32 addr = htobe32(sources[i]);

		rig_set(b->peer->maps.sources, &i, &addr);
	}
	b->peer->bss->source_mask = (__u32)n - 1;
	b->rig.ctl.engine = engine;
	rig_ctl(&b->rig);
	for (int i = 0; i < rounds_of(engine); i++) {
		double parse = time_of(b, rival, &p),
		       gate = time_of(b, rig_prog_fd(&b->rig, RIG_XDP), &p);

		least_parse = SW_MIN(least_parse, parse);
		least_gate = SW_MIN(least_gate, gate);
		ring_buffer__consume(b->rig.ring);
	}
	return least_gate - least_parse;
}

struct bench_case {
	const char *name;
	size_t sources, n; /* offset in struct bench */
	enum sw_reason reason; /* SW_R_COUNT: benign */
	double goal;
};

static const struct bench_case cases[] = {
	{"benign, Zipf, over parse and pass", offsetof(struct bench, zipf), SOURCES, SW_R_COUNT,
		15},
	{"benign, uniform, over parse and pass", offsetof(struct bench, benign), SOURCES,
		SW_R_COUNT, 35},
	{"benign, 64 sources, over parse and pass", offsetof(struct bench, benign), HOT, SW_R_COUNT,
		0},
	{"trail hit, 64 sources, over parse and drop", offsetof(struct bench, hit), HOT,
		SW_R_TRAIL_SRC, 50},
	{"trail hit, uniform, over parse and drop", offsetof(struct bench, hit), SOURCES,
		SW_R_TRAIL_SRC, 0},
	{"banned, 64 sources, over parse and drop", offsetof(struct bench, banned), HOT, SW_R_BAN,
		50},
	{"banned, uniform, over parse and drop", offsetof(struct bench, banned), 1 << 16, SW_R_BAN,
		0},
};

static bool run_case(struct bench *b, const struct bench_case *c)
{
	const uint32_t *sources = (const void *)((const char *)b + c->sources);
	double ns[SW_ENGINE_COUNT];
	__u64 packets = 0;

	rig_zero(b->rig.skel->maps.counters);
	for (enum sw_trail_engine e = 0; e < SW_ENGINE_COUNT; e++) {
		packets += (__u64)rounds_of(e) * REPEAT;
		ns[e] = over(b, sources, c->n, c->reason != SW_R_COUNT, e);
	}
	figure(c->name, ns[SW_ENGINE_PACKED], "ns", "LPM trie", ns[SW_ENGINE_LPM], c->goal);
	for (__u32 r = 0; r < SW_R_COUNT; r++) {
		__u64 want = r == c->reason ? packets : 0;

		if (rig_counter(&b->rig, r).packets == want)
			continue;
		fprintf(stderr, "%s: reason %u: %llu packets, %llu wanted\n", c->name, r,
			rig_counter(&b->rig, r).packets, want);
		return false;
	}
	return true;
}

int main(void)
{
	struct bench *b = calloc(1, sizeof(*b));
	bool is_right = true;

	assert_non_null(b);
	b->random = 88172645463325252ULL;
	b->peer = peer__open_and_load();
	if (!b->peer) {
		fprintf(stderr, "bench_packed: cannot load BPF programs: %s\n", strerror(errno));
		return 1;
	}
	rig_open(&b->rig, 0);
	b->rig.is_deaf = true;
	b->rig.is_packed = true;
	rig_usual(&b->rig);
	b->rig.ctl.token_rate = 10;
	b->rig.ctl.token_burst = 20;
	load_packed(b);
	put_bans(b);
	draw_sources(b);
	figure("2 M entries into the tries, CPU", load_lpm(b), "s", NULL, 0, 0);
	for (size_t i = 0; i < SW_ARRAY_SIZE(cases); i++)
		is_right &= run_case(b, &cases[i]);
	return !is_right;
}
