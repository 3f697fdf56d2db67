/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs of what trails drop say of every address what the longest entry around it says, and none touches the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/trail_sets.h"
#include "user/trail/drops.h"
#include "user/trail/packed4.h"

enum { SETS = 300, HOSTS = 2000, RUNS_MAX = 4 * TRAIL_SET_MAX };

struct runs {
	struct sw_drop_run at[RUNS_MAX];
	size_t n;
};

static struct sw_geo_key key_of(const struct sw_net *net)
{
	return sw_geo_key_of(net);
}

static void take(struct runs *r, const struct sw_drop_run *run)
{
	assert_true(r->n < RUNS_MAX);
	r->at[r->n++] = *run;
}

static void from_networks(const struct trail_set *s, struct runs *ret)
{
	struct sw_drops d = {};
	struct sw_drop_run run;

	ret->n = 0;
	for (size_t i = s->n; i-- > 0;) { /* backwards: the order that they come in is nobody's */
		struct sw_geo_key key = key_of(&s->entry[i].net);
		unsigned int shift = s->entry[i].net.family == SW_AF_IP4 ? 96 : 0;

		assert_int_equal(
			sw_drops_add(&d, &key, s->entry[i].net.plen + shift, s->entry[i].action == SW_TRAIL_DROP), 0);
	}
	while (sw_drops_sort(&d, 3))
		;
	(void)sw_drops_next(&d, &run);
	sw_drops_rewind(&d);
	while (sw_drops_next(&d, &run))
		take(ret, &run);
	sw_drops_done(&d);
}

static void from_packed(const struct trail_set *s, struct runs *ret)
{
	_cleanup_(sw_packer4_freep) struct sw_packer4 *p = NULL;
	struct sw_drops4 d = {};
	struct sw_drop_run run;
	union sw_packed4 *elements;
	int64_t n;

	ret->n = 0;
	assert_int_equal(sw_packer4_new(&p), 0);
	for (size_t i = 0; i < s->n; i++)
		assert_int_equal(sw_packer4_add(p, &s->entry[i]), 0);
	n = sw_packer4_end(p);
	assert_true(n >= 0);
	elements = calloc((size_t)n + 1, sizeof(*elements));
	if (n)
		sw_packer4_write(p, elements);
	d.elements = elements;
	d.n = (uint64_t)n;
	while (sw_drops4_next(&d, &run))
		take(ret, &run);
	free(elements);
}

static bool has(const struct runs *r, const struct sw_net *host)
{
	struct sw_geo_key key = key_of(host);

	for (size_t i = 0; i < r->n; i++) {
		if (sw_geo_key_cmp(&r->at[i].first, &key) <= 0 && sw_geo_key_cmp(&key, &r->at[i].last) <= 0)
			return true;
	}
	return false;
}

/* In order, with at least one address between two. */
static void check_order(const struct runs *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct sw_geo_key after = r->at[i].last;

		assert_true(sw_geo_key_cmp(&r->at[i].first, &r->at[i].last) <= 0);
		if (++after.low == 0)
			after.high++;
		if (i + 1 < r->n)
			assert_true(sw_geo_key_cmp(&after, &r->at[i + 1].first) < 0);
	}
}

static void check(const struct trail_set *s, const struct runs *r, uint64_t *seed)
{
	check_order(r);
	for (int k = 0; k < HOSTS; k++) {
		struct sw_net host = set_host(seed, s->entry[0].net.family, &s->entry[set_random(seed) % s->n].net);
		bool want = set_decide(s, &host) == SW_TRAIL_DROP;
		char text[SW_NET_TEXT_MAX];

		if (has(r, &host) != want)
			fail_msg("%s: got %d, wanted %d", sw_cidr_format(text, &host), !want, want);
	}
}

static void ipv4_runs_of_both_engines_are_the_same_and_right(void **state)
{
	uint64_t seed = 0xd409;
	struct runs nets, packed;
	struct trail_set s;

	for (int i = 0; i < SETS; i++) {
		set_make(&seed, SW_AF_IP4, &s);
		from_networks(&s, &nets);
		from_packed(&s, &packed);
		check(&s, &nets, &seed);
		assert_int_equal(nets.n, packed.n);
		assert_memory_equal(nets.at, packed.at, nets.n * sizeof(*nets.at));
	}
}

static void ipv6_runs_are_what_the_longest_entry_says(void **state)
{
	uint64_t seed = 0xd609;
	struct runs nets;
	struct trail_set s;

	for (int i = 0; i < SETS; i++) {
		set_make(&seed, SW_AF_IP6, &s);
		from_networks(&s, &nets);
		check(&s, &nets, &seed);
	}
}

static void a_width_is_the_logarithm_of_how_many_there_are(void **state)
{
	static const struct {
		struct sw_drop_run run;
		unsigned int width;
	} cases[] = {
		{{{0, 7}, {0, 7}}, 0},
		{{{0, 7}, {0, 8}}, 1},
		{{{0, 7}, {0, 9}}, 1},
		{{{0, 4}, {0, 7}}, 2},
		{{{0, 0}, {0, UINT64_MAX}}, 64},
		{{{0, UINT64_MAX}, {1, 0}}, 1},
		{{{0, 1}, {0, UINT64_MAX}}, 63},
		{{{4, 0}, {5, UINT64_MAX}}, 65},
		{{{0, 0}, {UINT64_MAX, UINT64_MAX}}, 128},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(cases); i++)
		assert_int_equal(sw_drop_run_width(&cases[i].run), cases[i].width);
}

static void everything_is_one_run(void **state)
{
	struct sw_drops d = {};
	struct sw_drop_run run;

	assert_int_equal(sw_drops_add(&d, &(struct sw_geo_key){}, 0, true), 0);
	assert_false(sw_drops_sort(&d, 100));
	assert_true(sw_drops_next(&d, &run));
	assert_true(!run.first.high && !run.first.low && run.last.high == UINT64_MAX && run.last.low == UINT64_MAX);
	assert_false(sw_drops_next(&d, &run));
	sw_drops_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_runs_of_both_engines_are_the_same_and_right),
		cmocka_unit_test(ipv6_runs_are_what_the_longest_entry_says),
		cmocka_unit_test(a_width_is_the_logarithm_of_how_many_there_are),
		cmocka_unit_test(everything_is_one_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
