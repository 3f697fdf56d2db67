// SPDX-License-Identifier: GPL-3.0-or-later
/* What a mail knows of its addresses: lines of logs, and whois, on a virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alert_world.h"

static void a_mail_and_a_document_hold_the_lines_that_speak_against_an_address(void **state)
{
	struct world *w = *state;

	start_anew(w);
	find(w, 2, SW_SEV_HIGH, "nothing known");
	find(w, 1, SW_SEV_LOW, "guessing");
	run(w, 10);
	mail_is_through(w, 1);
	assert_non_null(strstr(w->text,
		"\r\n  198.18.0.1\r\n    Failed password for \\x1b[2J from 198.18.0.1\r\n    Connection closed\r\n"));
	assert_null(strstr(w->text, "\r\n  198.18.0.2\r\n"));
	use_webhook(w, "");
	find(w, 2, SW_SEV_HIGH, "nothing known");
	find(w, 1, SW_SEV_LOW, "guessing");
	run(w, 10);
	assert_non_null(strstr(w->posted, "\"address\":\"198.18.0.1\",\"rule\":\"trail-hit\","
					  "\"evidence\":[\"Failed password for \\\\x1b[2J from 198.18.0.1\",\"Connection closed\"]}"));
	assert_null(strstr(w->posted, "\"address\":\"198.18.0.2\",\"rule\":\"trail-hit\",\"evidence\""));
}

static void find_address(struct world *w, const char *address, const char *title)
{
	struct sw_finding f = {.kind = SW_FINDING_TRAIL_HIT, .severity = SW_SEV_HIGH, .count = 1};

	f.wall_ns = sw_clock_wall_ns(&w->clock);
	assert_int_equal(sw_cidr_parse(address, SIZE_MAX, &f.subject), 0);
	snprintf(f.title, sizeof(f.title), "%s", title);
	sw_alert_finding(w->alert, &f);
}

static void answer_whois(struct world *w, int result, const char *text, const char *first, const char *last)
{
	struct sw_net_whois a = {.head = {.id = w->asked_id, .result = result}, .net = w->asked_net};
	struct sw_net net;

	snprintf(result < 0 ? a.head.text : a.text, sizeof(a.head.text), "%s", text);
	if (first && sw_cidr_parse(first, SIZE_MAX, &net) == 0)
		memcpy(a.first, net.addr, sizeof(a.first));
	if (last && sw_cidr_parse(last, SIZE_MAX, &net) == 0)
		memcpy(a.last, net.addr, sizeof(a.last));
	sw_alert_whois(w->alert, &a);
}

static void use_whois(struct world *w)
{
	w->config.mail_whois = 1;
	start_anew(w);
}

static void a_mail_waits_for_whois_and_its_network_is_asked_for_once(void **state)
{
	struct world *w = *state;

	use_whois(w);
	find_address(w, "193.0.6.139", "a break-in");
	find_address(w, "193.0.6.139", "a second one");
	run(w, 10);
	assert_int_equal(w->asked, 1);
	assert_int_equal(w->mails, 0);
	answer_whois(w, 0, "netname: RIPE-NCC\nnote: \x1b[2J\n", "193.0.0.0", "193.0.7.255");
	run(w, 1);
	mail_is_through(w, 1);
	assert_non_null(strstr(w->text, "  193.0.6.139\r\n    whois:\r\n    netname: RIPE-NCC\r\n    note: \\x1b[2J\r\n"));
	find_address(w, "193.0.1.1", "a third one");
	run(w, 320);
	assert_int_equal(w->asked, 1);
	mail_is_through(w, 2);
	assert_non_null(strstr(w->text, "  193.0.1.1\r\n    whois:\r\n    netname: RIPE-NCC\r\n"));
	find_address(w, "193.0.8.1", "of another network");
	run(w, 310);
	assert_int_equal(w->asked, 2);
}

static void a_whois_that_fails_or_says_nothing_is_told_and_holds_no_mail_for_long(void **state)
{
	struct world *w = *state;

	use_whois(w);
	find_address(w, "193.0.6.139", "first");
	run(w, 5);
	answer_whois(w, -ENOENT, "whois ended with status 127: /usr/bin/whois: No such file or directory", NULL, NULL);
	run(w, 1);
	mail_is_through(w, 1);
	assert_non_null(strstr(w->text, "    whois is not to be had:\r\n    whois ended with status 127: /usr/bin/whois: No"));
	find_address(w, "2001:67c:2e8::1", "second");
	run(w, 310);
	assert_int_equal(w->asked, 2);
	assert_int_equal(w->mails, 1);
	run(w, 25);
	mail_is_through(w, 2);
	assert_non_null(strstr(w->text, "  2001:67c:2e8::1\r\n    whois:\r\n    no answer in time\r\n"));
	w->whois_answer = -ENOTCONN;
	find_address(w, "194.0.6.139", "third");
	run(w, 310);
	mail_is_through(w, 3);
	assert_non_null(strstr(w->text, "sockwarden-net does not take it"));
}

static void whois_is_asked_for_five_addresses_at_most_and_never_for_private_ones(void **state)
{
	static const char *const never[] = {"10.1.2.3", "192.168.0.1", "127.0.0.1", "198.18.0.1", "203.0.113.9",
		"224.0.0.1", "255.255.255.255", "fe80::1", "fc00::1", "2001:db8::1", "ff02::1", "::1", "100.64.0.1"};
	struct world *w = *state;
	char text[32];

	use_whois(w);
	for (size_t i = 0; i < SW_ARRAY_SIZE(never); i++)
		find_address(w, never[i], "private");
	run(w, 10);
	assert_int_equal(w->asked, 0);
	mail_is_through(w, 1);
	assert_null(strstr(w->text, "whois"));
	start_anew(w);
	for (unsigned int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "193.%u.%u.1", i / 250, i % 250);
		find_address(w, text, "a flood");
	}
	w->whois_answer = -EPERM; /* the engine's: it is on the allow list */
	run(w, 10);
	assert_int_equal(w->asked, 5);
	mail_is_through(w, 2);
	w->whois_answer = 0;
	start_anew(w);
	w->asked = 0;
	for (unsigned int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "193.%u.%u.1", i / 250, i % 250);
		find_address(w, text, "a flood");
	}
	run(w, 10);
	assert_int_equal(w->asked, 5);
	w->config.mail_whois = 0;
	start_anew(w);
	find_address(w, "193.0.6.139", "off");
	run(w, 10);
	assert_int_equal(w->asked, 5);
	assert_int_equal(w->mails, 3);
}

static void an_answer_that_claims_all_addresses_is_kept_for_one(void **state)
{
	struct world *w = *state;

	use_whois(w);
	find_address(w, "193.0.6.139", "first");
	run(w, 5);
	answer_whois(w, 0, "netname: ALL\n", "0.0.0.0", "255.255.255.255");
	run(w, 1);
	mail_is_through(w, 1);
	find_address(w, "8.8.8.8", "second");
	run(w, 310);
	assert_int_equal(w->asked, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_mail_and_a_document_hold_the_lines_that_speak_against_an_address),
		T(a_mail_waits_for_whois_and_its_network_is_asked_for_once),
		T(a_whois_that_fails_or_says_nothing_is_told_and_holds_no_mail_for_long),
		T(whois_is_asked_for_five_addresses_at_most_and_never_for_private_ones),
		T(an_answer_that_claims_all_addresses_is_kept_for_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
