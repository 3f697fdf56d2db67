// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * 200,000 IPv6 trails (four in ten hosts, then /64, /48 and /32, and one in 200 a /40, which takes 256 marks;
 * then one in ten): memory and nanoseconds a packet over reading it, of a benign source and of a listed one,
 * packed and by the kernel's trie.
 */
#include <arpa/inet.h>
#include "tests/bench/gate_bench.h"

enum { NETWORKS = 200000, HOT = 64, LINE = 64 };

struct addr6 {
	uint8_t byte[16];
};

static struct addr6 benign[BENCH_SOURCES], hit[BENCH_SOURCES];

static struct addr6 draw6(struct bench *b)
{
	struct addr6 a;

	for (int i = 0; i < 16; i += 4) {
		uint32_t word = bench_draw(b);

		memcpy(&a.byte[i], &word, 4);
	}
	a.byte[0] = 0x20 | (a.byte[0] & 0x1f); /* global unicast */
	return a;
}

/* One in so many is a /40. */
static char *make_text(struct bench *b, int one_in, size_t *ret_len)
{
	static const unsigned int plens[] = {128, 128, 128, 128, 64, 64, 64, 48, 48, 32};
	char *text = malloc((size_t)NETWORKS * LINE), *p = text, name[INET6_ADDRSTRLEN];

	assert_non_null(text);
	for (int i = 0; i < NETWORKS; i++) {
		struct addr6 a = draw6(b);
		unsigned int plen = i % one_in ? plens[bench_draw(b) % SW_ARRAY_SIZE(plens)] : 40;

		if (i < BENCH_SOURCES)
			hit[i] = a;
		memset(&a.byte[plen / 8], 0, 16 - plen / 8);
		inet_ntop(AF_INET6, &a, name, sizeof(name));
		p += sprintf(p, "%s/%u\n", name, plen);
	}
	*ret_len = (size_t)(p - text);
	return text;
}

static bool is_listed(struct bench *b, const struct addr6 *a)
{
	struct sw_trail_source source = {b->list->view, 0};
	struct sw_net host = {.family = SW_AF_IP6, .plen = 128};
	struct sw_trail_hit found;

	memcpy(host.addr, a, 16);
	return sw_trail_covering(&source, 1, &host, &found, 1);
}

static double over6(struct bench *b, const struct addr6 *sources, __u32 n, bool is_dropped, enum sw_trail_engine engine)
{
	struct packet p;

	packet_build(&(struct packet_spec){.from = "2001:db8::1", .to = "2001:db8:ffff::1"}, &p);
	for (__u32 i = 0; i < n; i++)
		rig_set(b->peer->maps.sources6, &i, &sources[i]);
	b->peer->bss->source_mask = n - 1;
	return bench_over(b, b->peer->progs.peer_vary6, &p, is_dropped, engine);
}

struct bench_case {
	const char *name;
	const struct addr6 *sources;
	__u32 n;
	enum sw_reason reason; /* SW_R_COUNT: benign */
};

static bool run_case(struct bench *b, const struct bench_case *c)
{
	double ns[SW_ENGINE_COUNT];

	rig_zero(b->rig.skel->maps.counters);
	for (enum sw_trail_engine e = 0; e < SW_ENGINE_COUNT; e++)
		ns[e] = over6(b, c->sources, c->n, c->reason != SW_R_COUNT, e);
	bench_figure(b, c->name, ns[SW_ENGINE_PACKED], "ns", "LPM trie", ns[SW_ENGINE_LPM], 0);
	return bench_is_exact(b, c->name, c->reason);
}

static struct bench_load load(struct bench *b, int one_in)
{
	struct bench_load took;
	size_t len;
	char *text = make_text(b, one_in, &len);

	took = bench_load_packed(b, text, len);
	for (size_t i = 0; i < BENCH_SOURCES;) {
		benign[i] = draw6(b);
		i += !is_listed(b, &benign[i]);
	}
	return took;
}

int main(void)
{
	static const struct bench_case cases[] = {
		{"200 k IPv6 trails, benign, uniform, over parse and pass", benign, BENCH_SOURCES, SW_R_COUNT},
		{"200 k IPv6 trails, benign, 64 sources, over parse and pass", benign, HOT, SW_R_COUNT},
		{"200 k IPv6 trails, hit, uniform, over parse and drop", hit, BENCH_SOURCES, SW_R_TRAIL_SRC},
		{"200 k IPv6 trails, hit, 64 sources, over parse and drop", hit, HOT, SW_R_TRAIL_SRC},
	}, wide[] = {
		{"20 k of 200 k IPv6 trails /40, benign, uniform, over parse and pass", benign, BENCH_SOURCES, SW_R_COUNT},
		{"20 k of 200 k IPv6 trails /40, benign, 64 sources, over parse and pass", benign, HOT, SW_R_COUNT},
	};
	struct bench *b = bench_open("six");
	struct bench_load took;
	bool is_right = true;
	double lpm;

	if (!b)
		return 1;
	took = load(b, 200);
	lpm = bench_load_lpm(b);
	bench_figure(b, "200 k IPv6 trails, from list to in force", took.from_list, "s", "LPM trie", lpm, 0);
	bench_figure(b, "200 k IPv6 trails, memory", bench_mib(b, SW_MAP_PACKED6), "MiB", "LPM trie",
		bench_mib(b, SW_MAP_TRAILS6), 0);
	for (size_t i = 0; i < SW_ARRAY_SIZE(cases); i++)
		is_right &= run_case(b, &cases[i]);
	bench_unload(b);
	load(b, 10);
	bench_load_lpm(b);
	for (size_t i = 0; i < SW_ARRAY_SIZE(wide); i++)
		is_right &= run_case(b, &wide[i]);
	bench_close(b);
	return !is_right;
}
