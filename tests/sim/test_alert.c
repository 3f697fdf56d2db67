// SPDX-License-Identifier: GPL-3.0-or-later
/* Alerts on a virtual clock: throttle, grouping, retries, and the local syslog socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alert_world.h"

static void a_thousand_findings_give_one_mail(void **state)
{
	struct world *w = *state;

	for (unsigned int i = 0; i < 1000; i++)
		find(w, i, SW_SEV_MEDIUM, "listed address");
	run(w, 10);
	assert_int_equal(w->mails, 1);
	assert_non_null(strstr(w->text, "Subject: [sockwarden] lab: 1000 alerts: listed address"));
	assert_non_null(strstr(w->text, "and 800 more"));
	assert_int_equal(sw_alert_stats(w->alert)->delivery[SW_OUTLET_MAIL].rows_cut, 800);
}

static void what_comes_within_the_throttle_goes_in_the_next_mail(void **state)
{
	struct world *w = *state;

	find(w, 1, SW_SEV_HIGH, "opening");
	run(w, 10);
	assert_int_equal(w->mails, 1);
	sw_alert_sent(w->alert, SW_OUTLET_MAIL, w->last_id, 0, "");
	find(w, 2, SW_SEV_HIGH, "second");
	find(w, 3, SW_SEV_HIGH, "third");
	run(w, 280);
	assert_int_equal(w->mails, 1);
	run(w, 30);
	assert_int_equal(w->mails, 2);
	assert_non_null(strstr(w->text, "second"));
	assert_non_null(strstr(w->text, "third"));
	assert_null(strstr(w->text, "opening"));
}

static void the_same_alert_is_one_row_with_a_count(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 5; i++)
		find(w, 1, SW_SEV_HIGH, "again");
	run(w, 10);
	assert_int_equal(w->mails, 1);
	assert_non_null(strstr(w->text, "again  (5 times)"));
}

static void noise_does_not_push_out_what_is_severe(void **state)
{
	struct world *w = *state;

	for (unsigned int i = 0; i < 500; i++)
		find(w, i, SW_SEV_LOW, "noise");
	find(w, 9999, SW_SEV_CRITICAL, "the one that matters");
	run(w, 10);
	assert_non_null(
		strstr(w->text, "Subject: [sockwarden] lab: 501 alerts: the one that matters"));
}

static void what_is_below_the_severity_is_not_mailed(void **state)
{
	struct world *w = *state;

	find(w, 1, SW_SEV_INFO, "idle talk");
	run(w, 1000);
	assert_int_equal(w->mails, 0);
}

static void a_failed_mail_is_tried_again_and_keeps_its_text(void **state)
{
	struct world *w = *state;

	find(w, 1, SW_SEV_HIGH, "once");
	run(w, 10);
	assert_int_equal(w->mails, 1);
	sw_alert_sent(w->alert, SW_OUTLET_MAIL, w->last_id, -ECONNREFUSED, "mail server refused");
	assert_string_equal(sw_alert_stats(w->alert)->delivery[SW_OUTLET_MAIL].error, "mail server refused");
	run(w, 25);
	assert_int_equal(w->mails, 1);
	run(w, 10);
	assert_int_equal(w->mails, 2);
	assert_non_null(strstr(w->text, "once"));
	sw_alert_sent(w->alert, SW_OUTLET_MAIL, w->last_id, 0, "");
	run(w, 4000);
	assert_int_equal(w->mails, 2);
	assert_int_equal(sw_alert_stats(w->alert)->delivery[SW_OUTLET_MAIL].sent, 1);
	assert_string_equal(sw_alert_stats(w->alert)->delivery[SW_OUTLET_MAIL].error, "");
}

static void a_mail_without_answer_is_tried_again(void **state)
{
	struct world *w = *state;

	find(w, 1, SW_SEV_HIGH, "silence");
	run(w, 10 + 180 + 31);
	assert_int_equal(w->mails, 2);
}

static void a_mail_waits_until_somebody_takes_it(void **state)
{
	struct world *w = *state;

	w->answer = -ENOTCONN;
	find(w, 1, SW_SEV_HIGH, "patience");
	run(w, 100000);
	assert_int_equal(w->mails, 0);
	assert_int_equal(sw_alert_stats(w->alert)->delivery[SW_OUTLET_MAIL].lost, 0);
	w->answer = 0;
	run(w, 6);
	assert_int_equal(w->mails, 1);
}

static void a_mail_that_never_succeeds_is_given_up_and_counted(void **state)
{
	struct world *w = *state;

	find(w, 1, SW_SEV_HIGH, "in vain");
	run(w, 2 * 86400);
	assert_int_equal(sw_alert_stats(w->alert)->delivery[SW_OUTLET_MAIL].lost, 1);
	assert_int_equal(w->mails, 30);
	find(w, 1, SW_SEV_HIGH, "later");
	run(w, 10);
	assert_int_equal(w->mails, 31);
}

static void a_title_cannot_add_a_header_or_a_terminal_escape(void **state)
{
	struct world *w = *state;

	find(w, 1, SW_SEV_HIGH, "x\r\nBcc: y@example.net\r\n\r\n\x1b[2Jz");
	run(w, 10);
	assert_null(strstr(w->text, "\nBcc"));
	assert_null(strchr(w->text, '\x1b'));
}

static void bans_by_the_program_are_told_and_those_by_an_operator_are_not_mailed(void **state)
{
	struct world *w = *state;
	struct sw_decision d = {
		.kind = SW_DECISION_BAN, .made_wall_sec = 1795000000, .until_wall_sec = 1795003600};

	d.net = sw_net_from4(htobe32(0xc6120001u));
	strcpy(d.origin, "operator");
	sw_alert_decision(w->alert, &d);
	run(w, 10);
	assert_int_equal(w->mails, 0);
	strcpy(d.origin, "trail-hit");
	strcpy(d.reason, "on list drop");
	sw_alert_decision(w->alert, &d);
	run(w, 10);
	assert_int_equal(w->mails, 1);
	assert_non_null(strstr(w->text, "ban 198.18.0.1 for 1h: on list drop by trail-hit"));
}

/* It is Wednesday, 11:06:40; the clock goes on to the time of a day from then. */
static void run_until(struct world *w, unsigned int day, unsigned int hour, unsigned int minute)
{
	int64_t to = 1795000000 + (int64_t)day * 86400 + hour * 3600 + minute * 60 - (11 * 3600 + 6 * 60 + 40);

	run(w, (uint64_t)(to - sw_clock_wall_sec(&w->clock)));
}

static void use_quiet_hours(struct world *w, const char *hours)
{
	strcpy(w->config.quiet_hours, hours);
	w->config.quiet_min_severity = SW_SEV_HIGH;
	start_anew(w);
}

static void quiet_hours_keep_a_mail_until_they_end_and_it_is_one(void **state)
{
	struct world *w = *state;

	use_quiet_hours(w, "22:00-07:00");
	find(w, 1, SW_SEV_MEDIUM, "by day");
	run(w, 10);
	mail_is_through(w, 1);
	assert_null(strstr(w->text, "Quiet hours"));
	run_until(w, 0, 22, 1);
	for (unsigned int i = 0; i < 50; i++) {
		find(w, i, SW_SEV_MEDIUM, "by night");
		run(w, 600);
	}
	run_until(w, 1, 6, 59);
	assert_int_equal(w->mails, 1);
	run_until(w, 1, 7, 1);
	mail_is_through(w, 2);
	assert_non_null(strstr(w->text, "Subject: [sockwarden] lab: 50 alerts: by night"));
	assert_non_null(strstr(w->text, "Quiet hours (alerts.quiet) have kept them until now."));
	run_until(w, 1, 20, 0);
	assert_int_equal(w->mails, 2);
}

static void what_is_severe_goes_through_quiet_hours_alone(void **state)
{
	struct world *w = *state;

	use_quiet_hours(w, "22:00-07:00");
	run_until(w, 0, 23, 0);
	find(w, 1, SW_SEV_MEDIUM, "can wait");
	run(w, 60);
	find(w, 2, SW_SEV_HIGH, "house on fire");
	find(w, 2, SW_SEV_HIGH, "house on fire");
	run(w, 60);
	mail_is_through(w, 1);
	assert_non_null(strstr(w->text, "Subject: [sockwarden] lab: 2 alerts: house on fire"));
	assert_null(strstr(w->text, "can wait"));
	assert_null(strstr(w->text, "Quiet hours"));
	find(w, 3, SW_SEV_MEDIUM, "can wait too");
	run_until(w, 1, 6, 59);
	assert_int_equal(w->mails, 1);
	run_until(w, 1, 7, 1);
	mail_is_through(w, 2);
	assert_non_null(strstr(w->text, "lab: 2 alerts: can wait"));
	assert_null(strstr(w->text, "house on fire"));
}

static void a_flood_in_quiet_hours_is_counted_in_the_mail_after_them(void **state)
{
	struct world *w = *state;

	use_quiet_hours(w, "22:00-07:00");
	run_until(w, 0, 23, 0);
	for (unsigned int i = 0; i < 1000; i++)
		find(w, i, SW_SEV_MEDIUM, "noise");
	find(w, 1, SW_SEV_HIGH, "through it");
	run(w, 10);
	mail_is_through(w, 1);
	assert_null(strstr(w->text, "did not fit"));
	assert_non_null(strstr(w->text, "lab: through it"));
	run_until(w, 1, 7, 1);
	mail_is_through(w, 2);
	assert_non_null(strstr(w->text, "lab: 1000 alerts: noise"));
	assert_non_null(strstr(w->text, "and 801 more"));
}

static void a_clock_that_is_set_forward_ends_quiet_hours(void **state)
{
	struct world *w = *state;

	use_quiet_hours(w, "22:00-07:00");
	run_until(w, 0, 23, 0);
	find(w, 1, SW_SEV_MEDIUM, "waits");
	run(w, 60);
	w->clock.manual_wall_ns += 9 * 3600 * (int64_t)SW_SEC_NS;
	for (int i = 0; i < 60 && !w->mails; i++)
		run(w, 10);
	assert_int_equal(w->mails, 1);
}

static void a_new_configuration_with_the_same_alerts_keeps_what_has_gathered(void **state)
{
	struct world *w = *state;
	struct sw_config *copy = malloc(sizeof(*copy));

	find(w, 1, SW_SEV_MEDIUM, "gathered");
	*copy = w->config;
	sw_alert_set_config(w->alert, copy);
	run(w, 10);
	assert_int_equal(w->mails, 1);
	sw_alert_set_config(w->alert, &w->config);
	free(copy);
}

static void the_command_gets_the_document_and_mail_none_of_its_answers(void **state)
{
	struct world *w = *state;
	const struct sw_alert_delivery *s;

	w->config.mail_to[0] = 0;
	strcpy(w->config.command_run, "/bin/true");
	w->config.command_throttle_sec = 60;
	start_anew(w);
	s = &sw_alert_stats(w->alert)->delivery[SW_OUTLET_COMMAND];
	for (unsigned int i = 0; i < 1000; i++)
		find(w, i, SW_SEV_MEDIUM, "$(reboot)");
	run(w, 10);
	assert_int_equal(w->runs, 1);
	assert_non_null(strstr(w->posted, "\"title\":\"1000 alerts: $(reboot)\",\"alerts\":1000,\"left_out\":800,"));
	sw_alert_sent(w->alert, SW_OUTLET_MAIL, w->post_id, 0, "");
	assert_int_equal(s->sent, 0);
	sw_alert_sent(w->alert, SW_OUTLET_COMMAND, w->post_id, -EIO, "command ended with status 1");
	assert_string_equal(s->error, "command ended with status 1");
	run(w, 40);
	assert_int_equal(w->runs, 2);
}

static void a_thousand_findings_give_one_post(void **state)
{
	struct world *w = *state;

	use_webhook(w, "");
	for (unsigned int i = 0; i < 1000; i++)
		find(w, i, SW_SEV_MEDIUM, "listed \"address\"");
	run(w, 10);
	assert_int_equal(w->posts, 1);
	assert_int_equal(w->mails, 0);
	assert_memory_equal(w->posted, "{\"schema_version\":1,\"host\":\"lab\",", 33);
	assert_non_null(strstr(w->posted, "\"severity\":\"medium\",\"title\":\"1000 alerts: listed \\\"address\\\"\","
					  "\"alerts\":1000,\"left_out\":800,\"findings\":[{"));
	assert_non_null(strstr(w->posted, "\"address\":\"198.18.0.199\""));
	assert_null(strstr(w->posted, "\"address\":\"198.18.0.200\""));
	assert_int_equal(sw_alert_stats(w->alert)->delivery[SW_OUTLET_WEBHOOK].rows_cut, 800);
	find(w, 1, SW_SEV_HIGH, "within the throttle");
	sw_alert_sent(w->alert, SW_OUTLET_WEBHOOK, w->post_id, 0, "");
	run(w, 40);
	assert_int_equal(w->posts, 1);
	run(w, 20);
	assert_int_equal(w->posts, 2);
}

static void a_failed_post_is_tried_again_and_mail_does_not_answer_for_it(void **state)
{
	struct world *w = *state;
	const struct sw_alert_delivery *s;

	use_webhook(w, "");
	s = &sw_alert_stats(w->alert)->delivery[SW_OUTLET_WEBHOOK];
	find(w, 1, SW_SEV_HIGH, "once");
	run(w, 10);
	sw_alert_sent(w->alert, SW_OUTLET_MAIL, w->post_id, 0, "");
	assert_int_equal(s->sent, 0);
	sw_alert_sent(w->alert, SW_OUTLET_WEBHOOK, w->post_id, -EIO, "status 500");
	assert_string_equal(s->error, "status 500");
	run(w, 35);
	assert_int_equal(w->posts, 2);
	assert_non_null(strstr(w->posted, "\"title\":\"once\""));
	sw_alert_sent(w->alert, SW_OUTLET_WEBHOOK, w->post_id, 0, "");
	assert_int_equal(s->sent, 1);
	assert_string_equal(s->error, "");
}

static void a_title_does_not_end_the_string_of_a_template(void **state)
{
	struct world *w = *state;

	use_webhook(w, "{\"text\":\"%h %s %n: %t, 100%%\"}");
	find(w, 1, SW_SEV_HIGH, "x\", \"y\": \"%j\n");
	run(w, 10);
	assert_string_equal(w->posted, "{\"text\":\"lab high 1: x\\\", \\\"y\\\": \\\"%j\\n, 100%\"}");
}

static void a_letter_goes_at_once_whatever_throttle_and_quiet_hours_say(void **state)
{
	struct world *w = *state;

	use_quiet_hours(w, "00:00-24:00");
	assert_int_equal(sw_alert_letter(w->alert, "report: x\r\nBcc: y", "first\n"), 0);
	assert_int_equal(sw_alert_letter(w->alert, "report: two", "second\n"), 0);
	find(w, 1, SW_SEV_MEDIUM, "waits");
	run(w, 10);
	mail_is_through(w, 1); /* the first gave way */
	assert_non_null(strstr(w->text, "Subject: [sockwarden] lab: report: two\r\n"));
	assert_non_null(strstr(w->text, "second"));
	assert_int_equal(sw_alert_letter(w->alert, "report: x\r\nBcc: y", "third\n"), 0);
	run(w, 10);
	assert_int_equal(w->mails, 2);
	assert_null(strstr(w->text, "\nBcc"));
	sw_alert_sent(w->alert, SW_OUTLET_MAIL, w->last_id, -EIO, "refused");
	run(w, 40);
	mail_is_through(w, 3);
	assert_non_null(strstr(w->text, "third"));
	w->config.mail_to[0] = 0;
	start_anew(w);
	assert_int_equal(sw_alert_letter(w->alert, "x", "y"), -EDESTADDRREQ);
}

static ssize_t next_line(struct world *w, char *buf, size_t size)
{
	ssize_t n = recv(w->log_fd, buf, size - 1, 0);

	buf[n > 0 ? n : 0] = 0;
	return n;
}

static void syslog_gets_one_datagram_with_priority_and_escaped_text(void **state)
{
	struct world *w = *state;
	char line[2048];

	find(w, 1, SW_SEV_HIGH, "scan\n<0>fake");
	find(w, 1, SW_SEV_LOW, "too low");
	assert_true(next_line(w, line, sizeof(line)) > 0);
	assert_memory_equal(line, "<27>", 4); /* daemon.err */
	assert_non_null(strstr(line, "sockwarden["));
	assert_non_null(strstr(line, "trail-hit: scan\\x0a<0>fake address=198.18.0.1"));
	assert_true(next_line(w, line, sizeof(line)) < 0);
}

/* The mail's lines as they were before they were cut to 76 characters. */
static void join_lines(char *text)
{
	for (char *at = text; (at = strstr(at, "=\r\n"));)
		memmove(at, at + 3, strlen(at + 3) + 1);
}

static void mail_post_and_syslog_say_whose_container_and_pod_it_was(void **state)
{
	struct world *w = *state;
	struct sw_finding f = {.kind = SW_FINDING_TRAIL_CONNECT,
		.severity = SW_SEV_HIGH,
		.count = 1,
		.process = "curl",
		.title = "curl",
		.container = "0123456789ab",
		.container_name = "web-1",
		.pod = "shop/web-7d4f"};
	char line[2048];

	f.wall_ns = sw_clock_wall_ns(&w->clock);
	sw_alert_finding(w->alert, &f);
	assert_true(next_line(w, line, sizeof(line)) > 0);
	assert_non_null(strstr(line, " container=0123456789ab pod=shop/web-7d4f"));
	run(w, 10);
	join_lines(w->text);
	assert_non_null(strstr(w->text, "container 0123456789ab, container name web-1, pod shop/web-7d4f"));
	use_webhook(w, "");
	sw_alert_finding(w->alert, &f);
	run(w, 10);
	assert_non_null(strstr(w->posted, "\"container\":\"0123456789ab\",\"container_name\":\"web-1\","
					  "\"pod\":\"web-7d4f\",\"namespace\":\"shop\""));
}

static void syslog_is_found_again_after_its_restart_and_told_what_it_missed(void **state)
{
	struct world *w = *state;
	char line[2048];

	find(w, 1, SW_SEV_HIGH, "one");
	assert_true(next_line(w, line, sizeof(line)) > 0);
	close(w->log_fd);
	unlink(w->path);
	find(w, 2, SW_SEV_HIGH, "two");
	assert_int_equal(sw_alert_stats(w->alert)->syslog_failed, 1);
	assert_non_null(strstr(sw_alert_stats(w->alert)->syslog_error, "No such file"));
	w->log_fd = open_log(w);
	find(w, 3, SW_SEV_HIGH, "three");
	assert_true(next_line(w, line, sizeof(line)) > 0);
	assert_non_null(strstr(line, "three"));
	assert_non_null(strstr(line, "(1 alerts before this one did not reach this log)"));
	assert_int_equal(sw_alert_stats(w->alert)->syslog_sent, 2);
}

static void a_host_without_syslog_is_no_fault_but_what_it_missed_is_counted(void **state)
{
	struct world *w = *state;

	close(w->log_fd);
	unlink(w->path);
	w->log_fd = -1;
	find(w, 1, SW_SEV_HIGH, "one");
	assert_int_equal(sw_alert_stats(w->alert)->syslog_failed, 1);
	assert_true(sw_alert_stats(w->alert)->is_syslog_absent);
	assert_string_equal(sw_alert_stats(w->alert)->syslog_error, "");
}

static void a_flood_is_held_back_from_syslog_and_counted(void **state)
{
	struct world *w = *state;
	const struct sw_alert_stats *s = sw_alert_stats(w->alert);
	char line[2048];

	for (unsigned int i = 0; i < 1000; i++) {
		find(w, i, SW_SEV_HIGH, "flood");
		while (next_line(w, line, sizeof(line)) > 0)
			;
	}
	assert_int_equal(s->syslog_sent, 200);
	assert_int_equal(s->syslog_limited, 800);
	sw_clock_advance(&w->clock, SW_SEC_NS);
	find(w, 1, SW_SEV_HIGH, "after");
	assert_true(next_line(w, line, sizeof(line)) > 0);
	assert_non_null(strstr(line, "(800 alerts before this one"));
}

static void a_recipient_with_a_line_break_is_refused(void **state)
{
	struct world *w = *state;
	struct sw_alert *other = NULL;
	struct sw_alert_setup s = {
		.clock = &w->clock, .config = &w->config, .host = "lab", .send = send_message};

	strcpy(w->config.mail_to, "root\nBcc: x");
	assert_int_equal(sw_alert_new(&s, &other), -EINVAL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_thousand_findings_give_one_mail),
		T(what_comes_within_the_throttle_goes_in_the_next_mail),
		T(the_same_alert_is_one_row_with_a_count),
		T(noise_does_not_push_out_what_is_severe),
		T(what_is_below_the_severity_is_not_mailed),
		T(a_failed_mail_is_tried_again_and_keeps_its_text),
		T(a_mail_without_answer_is_tried_again),
		T(a_mail_waits_until_somebody_takes_it),
		T(a_mail_that_never_succeeds_is_given_up_and_counted),
		T(a_title_cannot_add_a_header_or_a_terminal_escape),
		T(bans_by_the_program_are_told_and_those_by_an_operator_are_not_mailed),
		T(a_thousand_findings_give_one_post),
		T(a_failed_post_is_tried_again_and_mail_does_not_answer_for_it),
		T(a_title_does_not_end_the_string_of_a_template),
		T(quiet_hours_keep_a_mail_until_they_end_and_it_is_one),
		T(what_is_severe_goes_through_quiet_hours_alone),
		T(a_flood_in_quiet_hours_is_counted_in_the_mail_after_them),
		T(a_clock_that_is_set_forward_ends_quiet_hours),
		T(a_new_configuration_with_the_same_alerts_keeps_what_has_gathered),
		T(the_command_gets_the_document_and_mail_none_of_its_answers),
		T(a_letter_goes_at_once_whatever_throttle_and_quiet_hours_say),
		T(syslog_gets_one_datagram_with_priority_and_escaped_text),
		T(mail_post_and_syslog_say_whose_container_and_pod_it_was),
		T(syslog_is_found_again_after_its_restart_and_told_what_it_missed),
		T(a_host_without_syslog_is_no_fault_but_what_it_missed_is_counted),
		T(a_flood_is_held_back_from_syslog_and_counted),
		T(a_recipient_with_a_line_break_is_refused),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
