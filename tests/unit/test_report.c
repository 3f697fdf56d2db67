// SPDX-License-Identifier: GPL-3.0-or-later
/* The report's text: what it tells, in which order, and when there is nothing to tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>

#include "user/alert/report.h"
#include "user/base/cidr.h"
#include "user/base/clock.h"

enum { NOW = 1795000000 }; /* 2026-11-18 11:06:40 UTC */

static struct sw_baseline_change change(enum sw_baseline_kind kind, const char *key, const char *executable,
	const char *text, __u16 protocol)
{
	struct sw_baseline_change c = {.kind = kind};

	snprintf(c.row.key, sizeof(c.row.key), "%s", key);
	snprintf(c.row.executable, sizeof(c.row.executable), "%s", executable);
	snprintf(c.text, sizeof(c.text), "%s", text);
	c.row.protocol = protocol;
	return c;
}

static struct sw_report *new_report(void)
{
	struct sw_report *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->host = "lab";
	r->now_wall_sec = NOW;
	r->since_wall_sec = NOW - 86400;
	r->baseline_wall_sec = NOW - 10 * 86400;
	return r;
}

static void add_finding(struct sw_report *r, enum sw_severity severity, const char *title, int64_t sec_ago)
{
	struct sw_finding f = {.severity = severity, .count = 1, .wall_ns = (NOW - sec_ago) * (int64_t)SW_SEC_NS};

	snprintf(f.title, sizeof(f.title), "%s", title);
	sw_report_finding(r, &f);
}

static void the_text_has_network_then_unix_with_their_programs(void **state)
{
	struct sw_baseline_change changes[] = {
		change(SW_BASELINE_NEW, "tcp/0.0.0.0:8080", "/usr/bin/py\x1b[2J", "tcp/0.0.0.0:8080 is new: py, uid 0", IPPROTO_TCP),
		change(SW_BASELINE_NEW, "unix/stream:/run/x", "/usr/bin/x", "unix/stream:/run/x is new: x, uid 7", 0),
		change(SW_BASELINE_GONE, "tcp/0.0.0.0:25", "/usr/sbin/exim4", "tcp/0.0.0.0:25 is not listened on any more",
			IPPROTO_TCP),
	};
	_strbuf_ struct sw_strbuf text = {}, title = {};
	struct sw_report *r = new_report();
	struct sw_decision d = {.made_wall_sec = NOW - 60};

	r->changes = changes;
	r->n_changes = SW_ARRAY_SIZE(changes);
	d.net = sw_net_from4(htobe32(0xc6120001u));
	strcpy(d.origin, "sshd");
	strcpy(d.reason, "5 in 10m\nSubject: x");
	sw_report_ban(r, &d);
	r->bans_in_force = 4;
	add_finding(r, SW_SEV_LOW, "a scan", 30);
	add_finding(r, SW_SEV_HIGH, "a\rlistener", 300);
	sw_report_loss(r, "socket events lost because the ring was full", 9);
	sw_report_loss(r, "none of these", 0);
	sw_report_title(r, &title);
	assert_string_equal(sw_strbuf_get(&title), "report: 3 sockets differ, 1 ban, 2 findings, losses");
	sw_report_text(r, &text);
	assert_string_equal(sw_strbuf_get(&text),
		"sockwarden on lab: report of 2026-11-18 11:06:40, since 2026-11-17 11:06:40. Times are UTC.\n"
		"\n"
		"Sockets: 3 differ from the baseline of 2026-11-08 11:06:40\n"
		"  network\n"
		"    new                tcp/0.0.0.0:8080 is new: py, uid 0\n"
		"                       /usr/bin/py\\x1b[2J\n"
		"    gone               tcp/0.0.0.0:25 is not listened on any more\n"
		"                       /usr/sbin/exim4\n"
		"  UNIX\n"
		"    new                unix/stream:/run/x is new: x, uid 7\n"
		"                       /usr/bin/x\n"
		"\n"
		"Bans: 1 made since, 4 in force.\n"
		"    2026-11-18 11:05:40  198.18.0.1          sshd: 5 in 10m\\x0aSubject: x\n"
		"\n"
		"Findings: 2, the most severe first.\n"
		"    2026-11-18 11:01:40  high      a\\x0dlistener\n"
		"    2026-11-18 11:06:10  low       a scan\n"
		"\n"
		"Lost, and so not seen or not told:\n"
		"    socket events lost because the ring was full: 9\n"
		"\n"
		"On the host: sockwarden sockets diff, sockets baseline accept, bans history, findings\n");
	free(r);
}

static void of_ten_thousand_the_most_severe_are_told_and_the_rest_counted(void **state)
{
	_strbuf_ struct sw_strbuf text = {};
	struct sw_report *r = new_report();
	struct sw_decision d = {};

	for (int i = 0; i < 10000; i++)
		add_finding(r, i == 5000 ? SW_SEV_CRITICAL : i % 3, i == 5000 ? "the one" : "noise", i);
	for (int i = 0; i < 1000; i++)
		sw_report_ban(r, &d);
	assert_int_equal(r->n_findings, SW_REPORT_TOP);
	assert_string_equal(r->findings[0].title, "the one");
	for (int i = 1; i < SW_REPORT_TOP; i++) {
		assert_int_equal(r->findings[i].severity, 2);
		assert_true(i == 1 || r->findings[i].wall_ns < r->findings[i - 1].wall_ns);
	}
	sw_report_text(r, &text);
	assert_non_null(strstr(sw_strbuf_get(&text), "Findings: 10000, the most severe first."));
	assert_non_null(strstr(sw_strbuf_get(&text), "    and 9980 more\n"));
	assert_non_null(strstr(sw_strbuf_get(&text), "    and 980 more\n"));
	free(r);
}

static void a_report_is_quiet_when_nothing_came_and_the_sockets_differ_as_before(void **state)
{
	struct sw_baseline_change changes[] = {
		change(SW_BASELINE_NEW, "tcp/0.0.0.0:8080", "/x", "tcp/0.0.0.0:8080 is new", IPPROTO_TCP),
		change(SW_BASELINE_NEW, "tcp/0.0.0.0:8081", "/x", "tcp/0.0.0.0:8081 is new", IPPROTO_TCP),
	};
	_strbuf_ struct sw_strbuf title = {};
	struct sw_report *r = new_report();
	uint32_t none = sw_report_mark(r), one;

	assert_true(sw_report_is_quiet(r, 0)); /* the first one ever */
	assert_true(sw_report_is_quiet(r, none));
	sw_report_title(r, &title);
	assert_string_equal(sw_strbuf_get(&title), "report: nothing has changed");
	r->changes = changes;
	r->n_changes = 1;
	assert_false(sw_report_is_quiet(r, 0));
	assert_false(sw_report_is_quiet(r, none));
	one = sw_report_mark(r);
	assert_true(sw_report_is_quiet(r, one));
	r->n_changes = 2;
	assert_false(sw_report_is_quiet(r, one));
	r->changes = changes + 1;
	r->n_changes = 1;
	assert_false(sw_report_is_quiet(r, one));
	r->n_changes = 0;
	assert_false(sw_report_is_quiet(r, one));
	r->changes = changes;
	r->n_changes = 1;
	add_finding(r, SW_SEV_INFO, "x", 1);
	assert_false(sw_report_is_quiet(r, one));
	free(r);
	r = new_report();
	sw_report_loss(r, "lost", 1);
	assert_false(sw_report_is_quiet(r, none));
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_has_network_then_unix_with_their_programs),
		cmocka_unit_test(of_ten_thousand_the_most_severe_are_told_and_the_rest_counted),
		cmocka_unit_test(a_report_is_quiet_when_nothing_came_and_the_sockets_differ_as_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
