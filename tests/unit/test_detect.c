// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/base/cidr.h"
#include "user/detect/connect.h"
#include "user/detect/hits.h"

struct fixture {
	struct sw_clock clock;
	struct sw_hits *hits;
	unsigned int new_findings, updates, drops;
	struct sw_finding last;
	uint64_t next_id;
};

static enum sw_trail_action trail(void *arg, uint32_t set, const struct sw_net *net, struct sw_finding *f)
{
	(void)sw_strcpy(f->feed, sizeof(f->feed), set == 1 ? "bad" : "watched");
	return set == 1 ? SW_TRAIL_DROP : SW_TRAIL_OBSERVE;
}

static void found(void *arg, struct sw_finding *f, bool is_drop)
{
	struct fixture *x = arg;

	if (f->id) {
		x->updates++;
	} else {
		f->id = ++x->next_id;
		x->new_findings++;
	}
	x->drops += is_drop;
	x->last = *f;
}

static const struct sw_hits_ops ops = {.trail = trail, .found = found};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->clock = (struct sw_clock){.is_manual = true, .manual_boot_ns = 1000 * SW_SEC_NS};
	f->clock.manual_wall_ns = 1795000000 * (int64_t)SW_SEC_NS;
	assert_int_equal(sw_hits_new(&f->clock, &ops, f, &f->hits), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	sw_hits_free(f->hits);
	free(f);
	return 0;
}

static struct sw_pkt_event hit(struct fixture *f, uint32_t source, enum sw_reason reason, uint32_t packets)
{
	struct sw_pkt_event ev = {.boot_ns = sw_clock_boot_ns(&f->clock),
		.hits = packets,
		.reason = (__u8)reason,
		.family = SW_AF_IP4,
		.protocol = 6,
		.dport = 22,
		.is_dropped = 1,
		.saddr = {198, (__u8)(source >> 16), (__u8)(source >> 8), (__u8)source},
		.daddr = {198, 18, 0, 1}};

	return ev;
}

static void one_source_is_one_finding_told_again_each_minute(void **state)
{
	struct fixture *f = *state;

	for (int second = 0; second < 121; second++) {
		struct sw_pkt_event ev = hit(f, 7, SW_R_BAN, 10);

		assert_true(sw_hits_add(f->hits, &ev));
		assert_true(sw_hits_tick(f->hits));
		sw_clock_advance(&f->clock, SW_SEC_NS);
	}
	assert_int_equal(f->new_findings, 1);
	assert_int_equal(f->updates, 2);
	assert_int_equal(f->last.count, 1210);
	assert_int_equal(f->last.kind, SW_FINDING_BAN_HIT);
	assert_int_equal(f->last.last_wall_ns - f->last.wall_ns, 120 * (int64_t)SW_SEC_NS);
	sw_clock_advance(&f->clock, SW_HITS_FORGET_SEC * SW_SEC_NS);
	assert_false(sw_hits_tick(f->hits)); /* the table is empty: no more ticks */
}

static void a_flood_of_forged_sources_makes_few_findings_and_a_bounded_table(void **state)
{
	struct fixture *f = *state;
	struct sw_hits_stats stats;

	for (uint32_t source = 0; source < 300000; source++) {
		struct sw_pkt_event ev = hit(f, source, SW_R_TRAIL_SRC, 1);

		sw_hits_add(f->hits, &ev);
		if (source % 30000 == 29999) {
			sw_clock_advance(&f->clock, SW_SEC_NS);
			sw_hits_tick(f->hits);
		}
	}
	stats = sw_hits_stats(f->hits);
	assert_int_equal(stats.rows, SW_HITS_ROWS_MAX);
	assert_true(f->new_findings <= SW_HITS_NEW_BURST + 10 * SW_HITS_NEW_PER_SEC);
	assert_int_equal(stats.evicted, 300000 - SW_HITS_ROWS_MAX);
	assert_true(stats.untold >= stats.evicted - f->new_findings);
}

static void a_source_that_waited_for_its_turn_is_told_later(void **state)
{
	struct fixture *f = *state;

	for (uint32_t source = 0; source < SW_HITS_NEW_BURST + 5; source++) {
		struct sw_pkt_event ev = hit(f, source, SW_R_BAN, 1);

		sw_hits_add(f->hits, &ev);
	}
	assert_int_equal(f->new_findings, SW_HITS_NEW_BURST);
	sw_clock_advance(&f->clock, SW_SEC_NS);
	sw_hits_tick(f->hits);
	assert_int_equal(f->new_findings, SW_HITS_NEW_BURST + 5);
}

static void ipv6_sources_of_one_network_are_one_attacker(void **state)
{
	struct fixture *f = *state;
	char text[SW_NET_TEXT_MAX];

	for (unsigned int i = 0; i < 1000; i++) {
		struct sw_pkt_event ev = {.boot_ns = sw_clock_boot_ns(&f->clock),
			.hits = 1,
			.reason = SW_R_TRAIL_SRC,
			.trail_set = 1,
			.family = SW_AF_IP6,
			.saddr = {0x20, 0x01, 0x0d, 0xb8, [14] = (__u8)(i >> 8), [15] = (__u8)i}};

		sw_hits_add(f->hits, &ev);
	}
	assert_int_equal(f->new_findings, 1);
	assert_string_equal(sw_cidr_format(text, &f->last.subject), "2001:db8::");
	assert_int_equal(f->drops, 1);
	sw_clock_advance(&f->clock, SW_HITS_AGAIN_SEC * SW_SEC_NS);
	sw_hits_tick(f->hits);
	assert_string_equal(sw_cidr_format(text, &f->last.subject), "2001:db8::/64");
	assert_int_equal(f->last.count, 1000);
}

static void what_passes_by_the_allow_list_or_is_unreadable_is_no_finding(void **state)
{
	struct fixture *f = *state;
	struct sw_pkt_event allowed = hit(f, 1, SW_R_ALLOWED, 1), unparsed = hit(f, 2, SW_R_UNPARSED, 1);
	struct sw_pkt_event nobody = {.reason = SW_R_BAN, .hits = 1};

	assert_false(sw_hits_add(f->hits, &allowed));
	assert_false(sw_hits_add(f->hits, &unparsed));
	assert_false(sw_hits_add(f->hits, &nobody));
	assert_int_equal(f->new_findings, 0);
}

static void a_connect_is_told_once_a_minute_for_a_process_and_an_address(void **state)
{
	struct sw_clock clock = {.is_manual = true, .manual_boot_ns = SW_SEC_NS};
	struct sw_connect_process p = {.comm = "evil\x1b[2J", .executable = "/tmp/x", .container = "", .unit = ""};
	struct sw_sock_event ev = {.head.type = SW_EV_CONNECT, .owner = {.tgid = 42, .start_ns = 7, .uid = 33}};
	struct sw_connects *c;
	struct sw_finding f;
	struct sw_net peer;

	ev.rport = 443;
	assert_int_equal(sw_cidr_parse("198.18.0.66", SIZE_MAX, &peer), 0);
	assert_int_equal(sw_connects_new(&clock, &c), 0);
	assert_true(sw_connects_judge(c, &ev, &peer, "198.18.0.0/24", "bad", &p, &f));
	assert_int_equal(f.kind, SW_FINDING_TRAIL_CONNECT);
	assert_int_equal(f.pid, 42);
	assert_non_null(strstr(f.title, "198.18.0.66 port 443, on trail list bad"));
	assert_null(strchr(f.title, '\x1b'));
	for (int i = 0; i < 9; i++)
		assert_false(sw_connects_judge(c, &ev, &peer, "198.18.0.0/24", "bad", &p, &f));
	ev.owner.start_ns = 8; /* the same number, another process */
	assert_true(sw_connects_judge(c, &ev, &peer, "198.18.0.0/24", "bad", &p, &f));
	ev.owner.start_ns = 7;
	sw_clock_advance(&clock, SW_CONNECTS_AGAIN_SEC * SW_SEC_NS);
	assert_true(sw_connects_judge(c, &ev, &peer, "198.18.0.0/24", "bad", &p, &f));
	assert_int_equal(f.count, 10);
	sw_connects_free(c);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(one_source_is_one_finding_told_again_each_minute),
		T(a_flood_of_forged_sources_makes_few_findings_and_a_bounded_table),
		T(a_source_that_waited_for_its_turn_is_told_later),
		T(ipv6_sources_of_one_network_are_one_attacker),
		T(what_passes_by_the_allow_list_or_is_unreadable_is_no_finding),
		cmocka_unit_test(a_connect_is_told_once_a_minute_for_a_process_and_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
