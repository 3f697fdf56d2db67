/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a sink is: a row of functions in alert.c's table, and the one form in which alerts come to
 * it. Texts of an item are as they came; a sink escapes for its own outlet.
 */
#pragma once

#include "user/alert/alert.h"
#include "user/base/when.h"

struct sw_alert_item {
	enum sw_severity severity;
	int64_t wall_ns;
	uint64_t count;
	const char *kind; /* a word of ours */
	const char *title; /* one line; may hold an attacker's text */
	const char *rule;
	const char *subject; /* canonical address or "" */
	const char *process, *executable, *unit, *container, *container_name;
	const char *pod; /* namespace/name */
	const char *trail, *feed;
	uint32_t pid;
};

struct sw_alert_context {
	const struct sw_clock *clock;
	const struct sw_config *config;
	char host[256];
	char syslog_path[108];
	struct sw_rules_when quiet[SW_CONFIG_QUIET_MAX];
	size_t n_quiet;
	int (*send)(enum sw_alert_outlet outlet, int fd, uint32_t id, void *arg);
	void (*evidence)(const struct sw_net *net, struct sw_strbuf *out, void *arg);
	void *arg;
	struct sw_whois_cache *whois; /* NULL: nobody is asked */
	struct sw_alert_stats stats;
};

struct sw_batch_kind;

struct sw_alert_sink {
	const char *name;
	enum sw_alert_outlet outlet; /* of one that has sent */
	const struct sw_batch_kind *batch; /* of one that is a batch (batch.h) */
	bool (*is_wanted)(const struct sw_alert_context *c);
	int (*open)(const struct sw_alert_sink *s, struct sw_alert_context *c, void **ret); /* the sink's own object */
	void (*close)(void *sink);
	void (*take)(void *sink, const struct sw_alert_item *i);
	uint64_t (*tick)(void *sink); /* boot time of the next due work, 0: none; may be NULL */
	void (*sent)(void *sink, uint32_t id, int result, const char *text); /* may be NULL */
	int (*letter)(void *sink, const char *title, const char *body); /* may be NULL */
};

extern const struct sw_alert_sink sw_alert_sink_command;
extern const struct sw_alert_sink sw_alert_sink_mail;
extern const struct sw_alert_sink sw_alert_sink_syslog;
extern const struct sw_alert_sink sw_alert_sink_webhook;
