// SPDX-License-Identifier: GPL-3.0-or-later
/* CrowdSec's answers as records, and what overlapping decisions come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/base/cidr.h"
#include "user/base/clock.h"
#include "user/net/crowdsec.h"
#include "user/net/crowdsec_session.h"
#include "user/net/crowdsec_read.h"
#include "user/policy/crowd.h"

#define DECISION(id, scope, value, duration) \
	"{\"duration\":\"" duration "\",\"id\":" id ",\"origin\":\"cscli\",\"scenario\":\"manual 'ban'\"," \
	"\"scope\":\"" scope "\",\"type\":\"ban\",\"value\":\"" value "\"}"

static void durations_are_read_as_go_writes_them(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{"0", 0}, {"0s", 0}, {"1ns", 1}, {"-1ns", -1}, {"+2s", 2000000000}, {"1.5ms", 1500000},
		{".5s", 500000000}, {"1.s", 1000000000},
		{"3h59m59.1386s", 14399138600000}, {"-38.86027ms", -38860270}, {"1h0m0s", 3600000000000},
		{"2\xc2\xb5s", 2000}, {"2\xce\xbcs", 2000},
		{"2us", 2000}, {"1m1ms", 60001000000}, {"0.0000000009s", 0}, {"2562047h47m16.854775807s", INT64_MAX},
	};
	static const char *const bad[] = {"", "-", "1", "s", "1x", "1h 2m", " 1h", "1h ", ".s", "1.5", "--1s",
		"1e3s", "h1", "\xc2s", "00"};
	static const char *const far[] = {"2562048h", "99999999999999999999ns", "9223372036854775807h",
		"2562047h47m16.854775808s"};
	int64_t ns;

	for (size_t i = 0; i < SW_ARRAY_SIZE(good); i++) {
		assert_int_equal(sw_go_duration_parse(good[i].text, &ns), 0);
		if (ns != good[i].ns)
			fail_msg("%s: %lld", good[i].text, (long long)ns);
	}
	for (size_t i = 0; i < SW_ARRAY_SIZE(bad); i++) {
		if (sw_go_duration_parse(bad[i], &ns) != -EINVAL)
			fail_msg("'%s' is read", bad[i]);
	}
	for (size_t i = 0; i < SW_ARRAY_SIZE(far); i++) {
		if (sw_go_duration_parse(far[i], &ns) != -ERANGE)
			fail_msg("'%s' is read", far[i]);
	}
}

static const struct sw_net_crowdsec *read_text(const char *text, bool is_whole, struct sw_strbuf *out)
{
	if (sw_crowdsec_read(text, strlen(text), is_whole, "lab", out) < 0)
		return NULL;
	return (const void *)out->text;
}

static const struct sw_net_crowdsec_decision *list_of(const struct sw_net_crowdsec *head)
{
	return (const void *)(head + 1);
}

static void an_answer_becomes_records_what_is_over_first(void **state)
{
	_strbuf_ struct sw_strbuf out = {};
	const struct sw_net_crowdsec *head = read_text(" {\"new\":["
		DECISION("7", "Ip", "198.18.77.1", "3h59m59.1386s") ", "
		DECISION("8", "range", "198.18.78.9/24", "1ms") "],\"links\":{\"a\":[1]},\n\"deleted\": ["
		DECISION("3", "Ip", "2001:db8::1", "-2s") "]}\n",
		false, &out);
	const struct sw_net_crowdsec_decision *d;
	char net[SW_NET_TEXT_MAX];

	assert_non_null(head);
	d = list_of(head);
	assert_int_equal(head->n, 3);
	assert_int_equal(out.len, sizeof(*head) + 3 * sizeof(*d));
	assert_false(head->is_whole);
	assert_int_equal(d[0].id, 3);
	assert_int_equal(d[0].left_sec, 0);
	assert_string_equal(sw_cidr_format(net, &d[0].net), "2001:db8::1");
	assert_int_equal(d[1].left_sec, 14400);
	assert_string_equal(d[1].scenario, "manual 'ban'");
	assert_string_equal(sw_cidr_format(net, &d[2].net), "198.18.78.0/24");
	assert_int_equal(d[2].left_sec, 1);
	assert_int_equal(head->malformed + head->others, 0);
}

#define REPORTED(id, origin, scenario) \
	"{\"id\":" id ",\"origin\":\"" origin "\",\"scenario\":\"" scenario \
	"\",\"scope\":\"Ip\",\"type\":\"ban\",\"value\":\"198.18.77.1\",\"duration\":\"1h\"}"

static void what_this_machine_reported_is_left_but_not_anothers_nor_its_end(void **state)
{
	static const char LIST[] = "{\"new\":["
		REPORTED("1", "sockwarden", "sockwarden/lab/scan") ","
		REPORTED("2", "sockwarden", "sockwarden/lab2/scan") ","
		REPORTED("3", "sockwarden", "sockwarden/la/scan") ","
		REPORTED("4", "cscli", "sockwarden/lab/scan") ","
		REPORTED("5", "sockwarden", "sockwarden/lab") "],"
		"\"deleted\":[" REPORTED("9", "sockwarden", "sockwarden/lab/scan") "]}";
	static const __u64 ids[] = {9, 2, 3, 4, 5};
	_strbuf_ struct sw_strbuf out = {};
	const struct sw_net_crowdsec *head = read_text(LIST, false, &out);

	assert_non_null(head);
	assert_int_equal(head->n, SW_ARRAY_SIZE(ids));
	assert_int_equal(head->others, 1);
	for (size_t i = 0; i < SW_ARRAY_SIZE(ids); i++)
		assert_int_equal(list_of(head)[i].id, ids[i]);
}

static void times_are_read_as_go_writes_them(void **state)
{
	static const char *const bad[] = {"", "2026-11-22", "2026-11-22T05:53:17", "2026-11-22T05:53:17+0100",
		"2026-11-22T05:53:17Zz", "2026-11-22T05:53:17 01:00"};
	int64_t sec;

	assert_int_equal(sw_go_time_parse("1970-01-02T00:00:01Z", &sec), 0);
	assert_int_equal(sec, 86401);
	assert_int_equal(sw_go_time_parse("1970-01-02T01:00:01.123+01:00", &sec), 0);
	assert_int_equal(sec, 86401);
	assert_int_equal(sw_go_time_parse("1970-01-01T23:30:01-00:30", &sec), 0);
	assert_int_equal(sec, 86401);
	for (size_t i = 0; i < SW_ARRAY_SIZE(bad); i++) {
		if (sw_go_time_parse(bad[i], &sec) != -EINVAL)
			fail_msg("'%s' is read", bad[i]);
	}
}

static void nothing_new_is_an_answer(void **state)
{
	_strbuf_ struct sw_strbuf out = {};
	const struct sw_net_crowdsec *head = read_text("{\"deleted\":null,\"new\":null}", true, &out);

	assert_non_null(head);
	assert_int_equal(head->n, 0);
	assert_true(head->is_whole);
}

static void a_decision_that_is_not_understood_is_counted(void **state)
{
	_strbuf_ struct sw_strbuf out = {};
	const struct sw_net_crowdsec *head = read_text("{\"deleted\":null,\"new\":[17,{},null,\"x\",[],"
		DECISION("\"1\"", "Ip", "198.18.77.1", "1h") ","
		DECISION("-1", "Ip", "198.18.77.1", "1h") "," DECISION("1", "Ip", "198.18.77.0/24", "1h") ","
		DECISION("1", "Ip", "host.example", "1h") ","
		DECISION("1", "Ip", "198.18.77.1", "1 hour") "," DECISION("1", "Country", "NO", "1h") ","
		DECISION("1", "Ip", "198.18.77.1", "-1h") ","
		"{\"id\":2,\"scope\":\"IP\",\"type\":\"Ban\",\"value\":\"198.18.77.2\",\"duration\":\"1h\","
		"\"scenario\":\"a\\u001b[31m\\u00e9b\"}]}", true, &out);

	assert_non_null(head);
	assert_int_equal(head->n, 1);
	assert_int_equal(head->malformed, 10);
	assert_int_equal(head->others, 2);
	assert_string_equal(list_of(head)->scenario, "a[31mb");
}

static void what_is_no_answer_is_refused_whole(void **state)
{
	static const char *const bad[] = {"", "{", "{}", "[]", "null", "{\"message\":\"access forbidden\"}",
		"{\"new\":null}", "{\"new\":null,\"deleted\":7}",
		"{\"new\":[" DECISION("1", "Ip", "198.18.77.1", "1h") ",],\"deleted\":null}", "{\"new\":["
		DECISION("1", "Ip", "198.18.77.1", "1h"),
		"{\"new\":[],\"deleted\":[]} x", "{\"new\":[],\"deleted\":[],}", "{\"new\" []}", "<html>", "{1:2}",
		"{\"new\":[] \"deleted\":[]}"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(bad); i++) {
		_strbuf_ struct sw_strbuf out = {};

		if (sw_crowdsec_read(bad[i], strlen(bad[i]), true, "", &out) != -EBADMSG || out.len)
			fail_msg("%s is taken", bad[i]);
	}
}

/* ---- what overlapping decisions come to */

static struct sw_net_crowdsec_decision decision(uint64_t id, const char *net, uint64_t left_sec)
{
	struct sw_net_crowdsec_decision d = {.id = id, .left_sec = left_sec};

	assert_int_equal(sw_cidr_parse(net, SIZE_MAX, &d.net), 0);
	return d;
}

static int take(struct sw_crowd *c, bool is_whole, const struct sw_net_crowdsec_decision *d, uint32_t n,
	uint64_t now_sec)
{
	struct sw_net_crowdsec head = {.n = n, .is_whole = is_whole};

	return sw_crowd_take(c, &head, d, now_sec * SW_SEC_NS);
}

struct walk {
	unsigned int n;
	uint64_t now_sec, until_sec; /* of the last */
	bool is_settled;
};

static bool look(void *arg, struct sw_crowd_net *n)
{
	struct walk *w = arg;
	const struct sw_crowd_ref *ref = sw_crowd_longest(n, w->now_sec * SW_SEC_NS);

	w->n++;
	w->until_sec = ref ? ref->until_boot_ns / SW_SEC_NS : 0;
	return w->is_settled;
}

static struct walk changed(struct sw_crowd *c, uint64_t now_sec, bool is_settled)
{
	struct walk w = {.now_sec = now_sec, .is_settled = is_settled};

	sw_crowd_each_changed(c, look, &w);
	return w;
}

static void the_longest_decision_of_a_network_is_wanted(void **state)
{
	struct sw_net_crowdsec_decision d[] = {decision(1, "198.18.77.1", 3600), decision(2, "198.18.77.1", 100),
		decision(2, "198.18.77.1", 100)};
	struct sw_net_crowdsec_decision over = decision(1, "198.18.77.1", 0), last = decision(2, "198.18.77.1", 0);
	struct sw_crowd *c;

	assert_int_equal(sw_crowd_new(&c), 0);
	assert_int_equal(take(c, true, d, 3, 1000), 0);
	assert_int_equal(sw_crowd_n_decisions(c), 2);
	assert_int_equal(changed(c, 1000, false).until_sec, 4600);
	assert_int_equal(changed(c, 1000, true).n, 1); /* what was not settled comes again */
	assert_int_equal(changed(c, 1000, true).n, 0);
	assert_int_equal(take(c, false, &over, 1, 1010), 1); /* another is left: in doubt */
	assert_int_equal(changed(c, 1010, true).until_sec, 1100);
	assert_int_equal(take(c, false, &last, 1, 1020), 0);
	assert_int_equal(changed(c, 1020, true).until_sec, 0);
	assert_int_equal(sw_crowd_n_nets(c), 0);
	sw_crowd_free(c);
}

static void an_end_that_does_not_fit_wants_the_whole(void **state)
{
	struct sw_net_crowdsec_decision d = decision(1, "198.18.77.1", 3600), other = decision(9, "198.18.77.1", 0);
	struct sw_net_crowdsec_decision nobody = decision(9, "198.18.77.9", 0);
	struct sw_crowd *c;

	assert_int_equal(sw_crowd_new(&c), 0);
	assert_int_equal(take(c, false, &d, 1, 1000), 1); /* a change of what was never told */
	assert_int_equal(sw_crowd_n_nets(c), 0);
	assert_int_equal(take(c, true, &d, 1, 1000), 0);
	(void)changed(c, 1000, true);
	assert_int_equal(take(c, false, &nobody, 1, 1000), 0);
	assert_int_equal(take(c, false, &other, 1, 1000), 1);
	assert_int_equal(changed(c, 1000, true).n, 0);
	assert_int_equal(take(c, true, NULL, 0, 1000), 0);
	assert_int_equal(changed(c, 1000, true).n, 1);
	assert_int_equal(sw_crowd_n_nets(c), 0);
	sw_crowd_free(c);
}

static void what_ended_by_its_time_is_forgotten(void **state)
{
	struct sw_net_crowdsec_decision d[] = {decision(1, "198.18.77.1", 10), decision(2, "198.18.77.2", 20)};
	struct sw_net_crowdsec_decision bad = decision(3, "198.18.77.3", 10);
	struct sw_crowd *c;

	assert_int_equal(sw_crowd_new(&c), 0);
	assert_int_equal(take(c, true, d, 2, 1000), 0);
	(void)changed(c, 1000, true);
	sw_crowd_expire(c, 1015 * SW_SEC_NS);
	assert_null(sw_crowd_find(c, &d[0].net));
	assert_non_null(sw_crowd_find(c, &d[1].net));
	bad.net.plen = 33;
	assert_int_equal(take(c, true, &bad, 1, 1000), -EBADMSG);
	assert_non_null(sw_crowd_find(c, &d[1].net));
	sw_crowd_free(c);
}

static void a_server_that_is_away_is_asked_less_often_and_a_bad_key_seldom(void **state)
{
	assert_int_equal(sw_crowdsec_wait(10, 0, 200), 10);
	assert_int_equal(sw_crowdsec_wait(10, 1, 0), 10);
	assert_int_equal(sw_crowdsec_wait(10, 2, 0), 20);
	assert_int_equal(sw_crowdsec_wait(10, 60, 500), 60);
	assert_int_equal(sw_crowdsec_wait(3600, 60, 500), 3600);
	assert_int_equal(sw_crowdsec_wait(10, 1, 403), 300);
	assert_int_equal(sw_crowdsec_wait(3600, 1, 401), 3600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read_as_go_writes_them),
		cmocka_unit_test(an_answer_becomes_records_what_is_over_first),
		cmocka_unit_test(what_this_machine_reported_is_left_but_not_anothers_nor_its_end),
		cmocka_unit_test(times_are_read_as_go_writes_them),
		cmocka_unit_test(nothing_new_is_an_answer),
		cmocka_unit_test(a_decision_that_is_not_understood_is_counted),
		cmocka_unit_test(what_is_no_answer_is_refused_whole),
		cmocka_unit_test(the_longest_decision_of_a_network_is_wanted),
		cmocka_unit_test(an_end_that_does_not_fit_wants_the_whole),
		cmocka_unit_test(what_ended_by_its_time_is_forgotten),
		cmocka_unit_test(a_server_that_is_away_is_asked_less_often_and_a_bad_key_seldom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
