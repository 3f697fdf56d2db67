// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * From a thousand trails to eight million: memory, what it takes to have them in force, and nanoseconds a
 * benign packet, packed and by the kernel's trie. docs/scaling.svg is drawn of these figures.
 */
#include "tests/bench/gate_bench.h"

static const struct {
	const char *name;
	size_t trails;
} sizes[] = {
	{"1,000", 1000},
	{"10,000", 10000},
	{"100,000", 100000},
	{"1,000,000", 1000000},
	{"2,000,000", 2000000},
	{"4,000,000", 4000000},
	{"8,000,000", 8000000},
};

static void tell(struct bench *b, const char *trails, const char *what, const char *unit, double ours, double theirs)
{
	char name[100];

	snprintf(name, sizeof(name), "%s trails, %s", trails, what);
	bench_figure(b, name, ours, unit, "LPM trie", theirs, 0);
}

static bool run_size(struct bench *b, const char *name, size_t trails)
{
	double ns[SW_ENGINE_COUNT], lpm;
	size_t len;
	char *text = feed_make_text(&b->random, trails, &len);
	struct bench_load took = bench_load_packed(b, text, len);

	bench_draw_sources(b);
	lpm = bench_load_lpm(b);
	tell(b, name, "memory", "MiB", bench_mib(b, SW_MAP_PACKED4), bench_mib(b, SW_MAP_TRAILS4));
	tell(b, name, "from list to in force", "s", took.from_list, lpm);
	rig_zero(b->rig.skel->maps.counters);
	for (enum sw_trail_engine e = 0; e < SW_ENGINE_COUNT; e++)
		ns[e] = bench_over4(b, b->zipf, BENCH_SOURCES, false, e);
	tell(b, name, "benign, Zipf, over parse and pass", "ns", ns[SW_ENGINE_PACKED], ns[SW_ENGINE_LPM]);
	bench_unload(b);
	return bench_is_exact(b, name, SW_R_COUNT);
}

int main(void)
{
	struct bench *b = bench_open("scale");
	bool is_right = true;

	if (!b)
		return 1;
	for (size_t i = 0; i < SW_ARRAY_SIZE(sizes); i++)
		is_right &= run_size(b, sizes[i].name, sizes[i].trails);
	bench_close(b);
	return !is_right;
}
