/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Alerts: findings and decisions to the sinks that the configuration asks for (mail, webhook, command,
 * syslog). Lives in the engine, which owns the object and ticks it; sockwarden-net sends, posts and runs.
 * Nothing here blocks, and memory is bounded: a flood of findings becomes one message with a table and
 * a count of what did not fit.
 */
#pragma once

#include "sockwarden/model/decision.h"
#include "sockwarden/model/finding.h"
#include "sockwarden/rpc/config.h"
#include "user/alert/whois.h"
#include "user/base/clock.h"
#include "user/base/strbuf.h"

struct sw_alert;

/* What leaves by sockwarden-net, as one message at a time each. */
enum sw_alert_outlet { SW_OUTLET_MAIL, SW_OUTLET_WEBHOOK, SW_OUTLET_COMMAND, SW_OUTLET_COUNT };

struct sw_alert_setup {
	const struct sw_clock *clock; /* borrowed for the object's life */
	const struct sw_config *config; /* borrowed for the object's life */
	const char *host; /* NULL: gethostname(2); copied */
	const char *syslog_path; /* NULL: /dev/log; copied */
	/*
	 * Hands one message over, RFC 5322 or JSON by outlet: fd is a sealed memfd, borrowed until the
	 * call returns; id comes back in sw_alert_sent. 0, or -errno when it cannot be handed over now
	 * (tried again later). NULL: neither mail nor webhook nor command.
	 */
	int (*send)(enum sw_alert_outlet outlet, int fd, uint32_t id, void *arg);
	/* Asks whose an address is (whois.h); the answer comes to sw_alert_whois. NULL: nobody is asked. */
	int (*ask_whois)(const struct sw_net *net, uint32_t id, void *arg);
	/* Adds the lines of logs that speak against net, if any, each with a \n, printable. May be NULL. */
	void (*evidence)(const struct sw_net *net, struct sw_strbuf *out, void *arg);
	void *arg;
};

struct sw_alert_delivery {
	uint64_t sent; /* messages done without error */
	uint64_t failed; /* tries that failed */
	uint64_t lost; /* messages given up */
	uint64_t rows_cut; /* alerts told in a message by their number only */
	char error[256]; /* the last failure, "" after a success */
};

struct sw_alert_stats {
	struct sw_alert_delivery delivery[SW_OUTLET_COUNT];
	uint64_t syslog_sent; /* lines */
	uint64_t syslog_failed; /* lines that /dev/log did not take */
	bool is_syslog_absent; /* no line ever found a socket: a host or container without syslog, no fault */
	uint64_t syslog_limited; /* lines held back by the rate limit */
	char syslog_error[96];
};

/* -EINVAL: an address of the configuration holds control bytes. */
int sw_alert_new(const struct sw_alert_setup *setup, struct sw_alert **ret);
/*
 * The configuration's copy that setup borrowed was replaced by this one, and no setting of alerts is
 * another: what has gathered stays.
 */
void sw_alert_set_config(struct sw_alert *a, const struct sw_config *config);
void sw_alert_free(struct sw_alert *a);
void sw_alert_freep(struct sw_alert **a);

/* Both copy what they keep. A sink's own severity limit decides whether it takes the alert. */
void sw_alert_finding(struct sw_alert *a, const struct sw_finding *f);
void sw_alert_decision(struct sw_alert *a, const struct sw_decision *d);

/*
 * A mail of its own beside the alerts, whatever throttle and quiet hours say; body is printable, its lines end in \n.
 * One that has not gone yet gives way to the next. 0, -EDESTADDRREQ there is no mail, -errno.
 */
int sw_alert_letter(struct sw_alert *a, const char *title, const char *body);

/*
 * Sends what is due. Call it after a batch of findings and at the boot time it returned (calling
 * more often is harmless). Boot time of the next due work, 0 when there is none.
 */
uint64_t sw_alert_tick(struct sw_alert *a);

/* What became of a message: result 0 or -errno, text for a person. Unknown ids are ignored. */
void sw_alert_sent(struct sw_alert *a, enum sw_alert_outlet outlet, uint32_t id, int result, const char *text);

void sw_alert_whois(struct sw_alert *a, const struct sw_net_whois *answer);
/* What is known already of net's first address, or NULL. */
const struct sw_whois_entry *sw_alert_whois_of(struct sw_alert *a, const struct sw_net *net);

const struct sw_alert_stats *sw_alert_stats(const struct sw_alert *a);
