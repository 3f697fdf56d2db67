// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/alert/alert.h"

#include "user/alert/sink.h"
#include "user/base/cidr.h"
#include "user/base/words.h"

static const struct sw_alert_sink *const sinks[] = {
	&sw_alert_sink_mail, &sw_alert_sink_webhook, &sw_alert_sink_command, &sw_alert_sink_syslog};

struct sw_alert {
	struct sw_alert_context context;
	void *open[SW_ARRAY_SIZE(sinks)]; /* NULL: not wanted */
};

static int fill_context(struct sw_alert_context *c, const struct sw_alert_setup *s)
{
	int n = sw_whens_parse(s->config->quiet_hours, c->quiet, SW_CONFIG_QUIET_MAX);

	if (n < 0)
		return n;
	c->n_quiet = (size_t)n;
	c->clock = s->clock;
	c->config = s->config;
	c->send = s->send;
	c->evidence = s->evidence;
	c->arg = s->arg;
	if (s->ask_whois && s->config->mail_to[0] && s->config->mail_whois) {
		c->whois = calloc(1, sizeof(*c->whois));
		if (!c->whois)
			return -ENOMEM;
		c->whois->clock = s->clock;
		c->whois->ask = s->ask_whois;
		c->whois->arg = s->arg;
	}
	if (!sw_strcpy(c->syslog_path, sizeof(c->syslog_path),
		    s->syslog_path ? s->syslog_path : "/dev/log"))
		return -ENAMETOOLONG;
	if (!s->host && gethostname(c->host, sizeof(c->host) - 1) < 0)
		return -errno;
	if (s->host)
		sw_strcpy(c->host, sizeof(c->host), s->host);
	return 0;
}

int sw_alert_new(const struct sw_alert_setup *setup, struct sw_alert **ret)
{
	_cleanup_(sw_alert_freep) struct sw_alert *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	r = fill_context(&a->context, setup);
	if (r < 0)
		return r;
	for (size_t i = 0; i < SW_ARRAY_SIZE(sinks); i++) {
		if (!sinks[i]->is_wanted(&a->context))
			continue;
		r = sinks[i]->open(sinks[i], &a->context, &a->open[i]);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(a);
	return 0;
}

void sw_alert_set_config(struct sw_alert *a, const struct sw_config *config)
{
	a->context.config = config;
}

void sw_alert_free(struct sw_alert *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < SW_ARRAY_SIZE(sinks); i++) {
		if (a->open[i])
			sinks[i]->close(a->open[i]);
	}
	free(a->context.whois);
	free(a);
}

void sw_alert_freep(struct sw_alert **a)
{
	sw_alert_free(*a);
}

static void give(struct sw_alert *a, const struct sw_alert_item *item)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(sinks); i++) {
		if (a->open[i])
			sinks[i]->take(a->open[i], item);
	}
}

void sw_alert_finding(struct sw_alert *a, const struct sw_finding *f)
{
	char subject[SW_NET_TEXT_MAX] = "";

	if (f->subject.family != SW_AF_NONE)
		sw_cidr_format(subject, &f->subject);
	give(a,
		&(struct sw_alert_item){.severity = f->severity,
			.wall_ns = f->wall_ns,
			.count = SW_MAX(f->count, 1),
			.kind = sw_finding_kind_word(f->kind),
			.title = f->title,
			.rule = f->rule,
			.subject = subject,
			.process = f->process,
			.executable = f->executable,
			.unit = f->unit,
			.container = f->container,
			.container_name = f->container_name,
			.pod = f->pod,
			.trail = f->trail,
			.feed = f->feed,
			.pid = f->pid});
}

int sw_alert_letter(struct sw_alert *a, const char *title, const char *body)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(sinks); i++) {
		if (a->open[i] && sinks[i]->letter)
			return sinks[i]->letter(a->open[i], title, body);
	}
	return -EDESTADDRREQ;
}

static const char *decision_word(enum sw_decision_kind kind)
{
	switch (kind) {
	case SW_DECISION_BAN:
		return "ban";
	case SW_DECISION_UNBAN:
		return "unban";
	case SW_DECISION_ALLOW:
		return "allow";
	case SW_DECISION_DISALLOW:
		return "disallow";
	}
	return "?";
}

/*
 * What a person did is known to that person, and CrowdSec tells of its own; what the program did by
 * itself is worth more.
 */
static enum sw_severity decision_severity(const struct sw_decision *d)
{
	if (d->kind != SW_DECISION_BAN || sw_streq(d->origin, "operator") || sw_streq(d->origin, "crowdsec"))
		return SW_SEV_INFO;
	return SW_SEV_MEDIUM;
}

void sw_alert_decision(struct sw_alert *a, const struct sw_decision *d)
{
	char subject[SW_NET_TEXT_MAX] = "", title[384], length[SW_TIME_TEXT_MAX] = "for ever";
	int64_t left = d->until_wall_sec - d->made_wall_sec;

	if (d->net.family != SW_AF_NONE)
		sw_cidr_format(subject, &d->net);
	if (d->until_wall_sec)
		sw_duration_format(length, left > 0 ? (uint64_t)left : 0);
	snprintf(title, sizeof(title), "%s %s%s%s%s%s by %s", decision_word(d->kind), subject,
		d->kind == SW_DECISION_BAN && d->until_wall_sec ? " for " : "",
		d->kind == SW_DECISION_BAN ? (d->until_wall_sec ? length : " for ever") : "",
		d->reason[0] ? ": " : "", d->reason, d->by[0] ? d->by : d->origin);
	give(a,
		&(struct sw_alert_item){.severity = decision_severity(d),
			.wall_ns = d->made_wall_sec * (int64_t)SW_SEC_NS,
			.count = 1,
			.kind = decision_word(d->kind),
			.title = title,
			.rule = d->origin,
			.subject = subject,
			.process = "",
			.executable = "",
			.unit = "",
			.container = "",
			.container_name = "",
			.pod = "",
			.trail = "",
			.feed = ""});
}

uint64_t sw_alert_tick(struct sw_alert *a)
{
	uint64_t next = 0;

	for (size_t i = 0; i < SW_ARRAY_SIZE(sinks); i++) {
		uint64_t due;

		if (!a->open[i] || !sinks[i]->tick)
			continue;
		due = sinks[i]->tick(a->open[i]);
		if (due && (!next || due < next))
			next = due;
	}
	return next;
}

void sw_alert_sent(struct sw_alert *a, enum sw_alert_outlet outlet, uint32_t id, int result, const char *text)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(sinks); i++) {
		if (a->open[i] && sinks[i]->sent && sinks[i]->outlet == outlet)
			sinks[i]->sent(a->open[i], id, result, text);
	}
}

void sw_alert_whois(struct sw_alert *a, const struct sw_net_whois *answer)
{
	if (a->context.whois)
		sw_whois_answer(a->context.whois, answer);
}

const struct sw_whois_entry *sw_alert_whois_of(struct sw_alert *a, const struct sw_net *net)
{
	return a->context.whois ? sw_whois_look(a->context.whois, net, false) : NULL;
}

const struct sw_alert_stats *sw_alert_stats(const struct sw_alert *a)
{
	return &a->context.stats;
}
