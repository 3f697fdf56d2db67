/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Alerts: findings and decisions to the sinks that the configuration asks for (mail, syslog). Lives
 * in the engine, which owns the object and ticks it; the mail itself is sent by sockwarden-net.
 * Nothing here blocks, and memory is bounded: a flood of findings becomes one mail with a table and
 * a count of what did not fit.
 */
#pragma once

#include "sockwarden/model/decision.h"
#include "sockwarden/model/finding.h"
#include "sockwarden/rpc/config.h"
#include "user/base/clock.h"

struct sw_alert;

struct sw_alert_setup {
	const struct sw_clock *clock; /* borrowed for the object's life */
	const struct sw_config *config; /* borrowed for the object's life */
	const char *host; /* NULL: gethostname(2); copied */
	const char *syslog_path; /* NULL: /dev/log; copied */
	/*
	 * Hands one RFC 5322 message over: fd is a sealed memfd, borrowed until the call returns; id
	 * comes back in sw_alert_mail_done. 0, or -errno when it cannot be handed over now (tried
	 * again later). NULL: no mail.
	 */
	int (*send_mail)(int fd, uint32_t id, void *arg);
	void *arg;
};

struct sw_alert_stats {
	uint64_t mails_sent; /* done without error */
	uint64_t mails_failed; /* tries that failed */
	uint64_t mails_lost; /* messages given up */
	uint64_t mail_rows_cut; /* alerts told in a mail by their number only */
	uint64_t syslog_sent; /* lines */
	uint64_t syslog_failed; /* lines that /dev/log did not take */
	bool is_syslog_absent; /* no line ever found a socket: a host or container without syslog, no fault */
	uint64_t syslog_limited; /* lines held back by the rate limit */
	char mail_error[256]; /* the last failure, "" after a success */
	char syslog_error[96];
};

/* -EINVAL: an address of the configuration holds control bytes. */
int sw_alert_new(const struct sw_alert_setup *setup, struct sw_alert **ret);
void sw_alert_free(struct sw_alert *a);
void sw_alert_freep(struct sw_alert **a);

/* Both copy what they keep. A sink's own severity limit decides whether it takes the alert. */
void sw_alert_finding(struct sw_alert *a, const struct sw_finding *f);
void sw_alert_decision(struct sw_alert *a, const struct sw_decision *d);

/*
 * Sends what is due. Call it after a batch of findings and at the boot time it returned (calling
 * more often is harmless). Boot time of the next due work, 0 when there is none.
 */
uint64_t sw_alert_tick(struct sw_alert *a);

/* What became of a message: result 0 or -errno, text for a person. Unknown ids are ignored. */
void sw_alert_mail_done(struct sw_alert *a, uint32_t id, int result, const char *text);

const struct sw_alert_stats *sw_alert_stats(const struct sw_alert *a);
