// SPDX-License-Identifier: GPL-3.0-or-later
/* Alerts on a virtual clock: throttle, grouping, retries, and the local syslog socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "user/alert/alert.h"
#include "user/base/strbuf.h"
#include "user/base/cidr.h"

struct world {
	struct sw_clock clock;
	struct sw_config config;
	struct sw_alert *alert;
	unsigned int mails, posts, runs, asked;
	struct sw_net asked_net;
	uint32_t asked_id;
	int whois_answer; /* what ask_whois returns */
	uint32_t last_id;
	int answer; /* what send_mail returns */
	char text[256 * 1024], posted[256 * 1024];
	uint32_t post_id;
	char dir[32], path[64];
	int log_fd;
};

static int send_message(enum sw_alert_outlet outlet, int fd, uint32_t id, void *arg)
{
	struct world *w = arg;
	ssize_t n;

	if (w->answer < 0)
		return w->answer;
	n = pread(fd, outlet == SW_OUTLET_MAIL ? w->text : w->posted, sizeof(w->text) - 1, 0);
	assert_true(n > 0);
	if (outlet != SW_OUTLET_MAIL) {
		w->posted[n] = 0;
		*(outlet == SW_OUTLET_WEBHOOK ? &w->posts : &w->runs) += 1;
		w->post_id = id;
		return 0;
	}
	w->text[n] = 0;
	w->mails++;
	w->last_id = id;
	return 0;
}

static int ask_whois(const struct sw_net *net, uint32_t id, void *arg)
{
	struct world *w = arg;

	w->asked++;
	w->asked_net = *net;
	w->asked_id = id;
	return w->whois_answer;
}

static int open_log(struct world *w)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", w->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct sw_alert_setup s = {.host = "lab", .send = send_message, .arg = w};

	assert_non_null(w);
	strcpy(w->dir, "/tmp/sw-alert-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/log", w->dir);
	w->clock = (struct sw_clock){.is_manual = true,
		.manual_boot_ns = SW_SEC_NS,
		.manual_wall_ns = 1795000000 * (int64_t)SW_SEC_NS};
	strcpy(w->config.mail_to, "root@example.org");
	w->config.mail_throttle_sec = 300;
	w->config.mail_min_severity = SW_SEV_LOW;
	w->config.syslog_enabled = 1;
	w->config.syslog_facility = 3;
	w->config.syslog_min_severity = SW_SEV_MEDIUM;
	w->log_fd = open_log(w);
	s.clock = &w->clock;
	s.config = &w->config;
	s.syslog_path = w->path;
	assert_int_equal(sw_alert_new(&s, &w->alert), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	sw_alert_free(w->alert);
	sw_close(w->log_fd);
	unlink(w->path);
	rmdir(w->dir);
	free(w);
	return 0;
}

static void find(struct world *w, unsigned int host, enum sw_severity severity, const char *title)
{
	struct sw_finding f = {.kind = SW_FINDING_TRAIL_HIT, .severity = severity, .count = 1};

	f.wall_ns = sw_clock_wall_ns(&w->clock);
	f.subject = sw_net_from4(htobe32(0xc6120000u + host));
	strcpy(f.rule, "trail-hit");
	snprintf(f.title, sizeof(f.title), "%s", title);
	sw_alert_finding(w->alert, &f);
}

/* Runs the clock on, ticking as the engine does: at the times it is told. */
static void run(struct world *w, uint64_t sec)
{
	uint64_t end = w->clock.manual_boot_ns + sec * SW_SEC_NS;

	for (;;) {
		uint64_t next = sw_alert_tick(w->alert);

		if (!next || next > end)
			break;
		if (next > w->clock.manual_boot_ns)
			sw_clock_advance(&w->clock, next - w->clock.manual_boot_ns);
		else
			sw_clock_advance(&w->clock, 1);
	}
	if (w->clock.manual_boot_ns < end)
		sw_clock_advance(&w->clock, end - w->clock.manual_boot_ns);
}

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

static void start_anew(struct world *w)
{
	struct sw_alert_setup s = {.host = "lab", .send = send_message, .ask_whois = ask_whois, .arg = w};

	sw_alert_free(w->alert);
	s.clock = &w->clock;
	s.config = &w->config;
	s.syslog_path = w->path;
	assert_int_equal(sw_alert_new(&s, &w->alert), 0);
}

/* The alerts start anew, with a webhook and without mail. */
static void use_webhook(struct world *w, const char *template)
{
	w->config.mail_to[0] = 0;
	strcpy(w->config.webhook_url, "https://hook.example/x");
	strcpy(w->config.webhook_template, template);
	w->config.webhook_throttle_sec = 60;
	w->config.webhook_min_severity = SW_SEV_LOW;
	start_anew(w);
}

/* It is Wednesday, 11:06:40; the clock goes on to the time of a day from then. */
static void run_until(struct world *w, unsigned int day, unsigned int hour, unsigned int minute)
{
	int64_t to = 1795000000 + (int64_t)day * 86400 + hour * 3600 + minute * 60 - (11 * 3600 + 6 * 60 + 40);

	run(w, (uint64_t)(to - sw_clock_wall_sec(&w->clock)));
}

static void mail_is_through(struct world *w, unsigned int mails)
{
	assert_int_equal(w->mails, mails);
	sw_alert_sent(w->alert, SW_OUTLET_MAIL, w->last_id, 0, "");
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
	assert_non_null(strstr(w->text, "Whose they are, by whois:"));
	assert_non_null(strstr(w->text, "  193.0.6.139\r\n    netname: RIPE-NCC\r\n    note: \\x1b[2J\r\n"));
	find_address(w, "193.0.1.1", "a third one");
	run(w, 320);
	assert_int_equal(w->asked, 1);
	mail_is_through(w, 2);
	assert_non_null(strstr(w->text, "  193.0.1.1\r\n    netname: RIPE-NCC\r\n"));
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
	assert_non_null(strstr(w->text, "    not to be had:\r\n    whois ended with status 127: /usr/bin/whois: No"));
	find_address(w, "2001:67c:2e8::1", "second");
	run(w, 310);
	assert_int_equal(w->asked, 2);
	assert_int_equal(w->mails, 1);
	run(w, 25);
	mail_is_through(w, 2);
	assert_non_null(strstr(w->text, "  2001:67c:2e8::1\r\n    no answer in time\r\n"));
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
		T(a_mail_waits_for_whois_and_its_network_is_asked_for_once),
		T(a_whois_that_fails_or_says_nothing_is_told_and_holds_no_mail_for_long),
		T(whois_is_asked_for_five_addresses_at_most_and_never_for_private_ones),
		T(an_answer_that_claims_all_addresses_is_kept_for_one),
		T(syslog_gets_one_datagram_with_priority_and_escaped_text),
		T(syslog_is_found_again_after_its_restart_and_told_what_it_missed),
		T(a_host_without_syslog_is_no_fault_but_what_it_missed_is_counted),
		T(a_flood_is_held_back_from_syslog_and_counted),
		T(a_recipient_with_a_line_break_is_refused),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
