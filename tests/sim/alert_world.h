/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A world for alerts: a virtual clock, and everything that goes out is kept. */
#pragma once

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "user/alert/alert.h"
#include "user/base/cidr.h"
#include "user/base/strbuf.h"

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

static inline int send_message(enum sw_alert_outlet outlet, int fd, uint32_t id, void *arg)
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

static inline int ask_whois(const struct sw_net *net, uint32_t id, void *arg)
{
	struct world *w = arg;

	w->asked++;
	w->asked_net = *net;
	w->asked_id = id;
	return w->whois_answer;
}

/* Two lines for one address, none for others. */
static inline void evidence(const struct sw_net *net, struct sw_strbuf *out, void *arg)
{
	char text[SW_NET_TEXT_MAX];

	if (sw_streq(sw_cidr_format(text, net), "198.18.0.1"))
		sw_strbuf_puts(out, "Failed password for \\x1b[2J from 198.18.0.1\nConnection closed\n");
}

static inline int open_log(struct world *w)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", w->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
	struct world *w = *state;

	sw_alert_free(w->alert);
	sw_close(w->log_fd);
	unlink(w->path);
	rmdir(w->dir);
	free(w);
	return 0;
}

static inline void find(struct world *w, unsigned int host, enum sw_severity severity, const char *title)
{
	struct sw_finding f = {.kind = SW_FINDING_TRAIL_HIT, .severity = severity, .count = 1};

	f.wall_ns = sw_clock_wall_ns(&w->clock);
	f.subject = sw_net_from4(htobe32(0xc6120000u + host));
	strcpy(f.rule, "trail-hit");
	snprintf(f.title, sizeof(f.title), "%s", title);
	sw_alert_finding(w->alert, &f);
}

/* Runs the clock on, ticking as the engine does: at the times it is told. */
static inline void run(struct world *w, uint64_t sec)
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

static inline void start_anew(struct world *w)
{
	struct sw_alert_setup s = {.host = "lab", .send = send_message, .ask_whois = ask_whois, .arg = w};

	s.evidence = evidence;

	sw_alert_free(w->alert);
	s.clock = &w->clock;
	s.config = &w->config;
	s.syslog_path = w->path;
	assert_int_equal(sw_alert_new(&s, &w->alert), 0);
}

/* The alerts start anew, with a webhook and without mail. */
static inline void use_webhook(struct world *w, const char *template)
{
	w->config.mail_to[0] = 0;
	strcpy(w->config.webhook_url, "https://hook.example/x");
	strcpy(w->config.webhook_template, template);
	w->config.webhook_throttle_sec = 60;
	w->config.webhook_min_severity = SW_SEV_LOW;
	start_anew(w);
}

static inline void mail_is_through(struct world *w, unsigned int mails)
{
	assert_int_equal(w->mails, mails);
	sw_alert_sent(w->alert, SW_OUTLET_MAIL, w->last_id, 0, "");
}
