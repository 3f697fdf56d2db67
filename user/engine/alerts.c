// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/alerts.h"

#include "user/base/cidr.h"
#include "user/engine/bans.h"
#include "user/engine/logs.h"
#include "user/engine/net_peer.h"

struct sw_alerts {
	struct sw_alert *alert; /* NULL: the configuration is unusable */
	struct sw_source *timer;
	bool has_said_absent;
	bool is_waking; /* the timer is set to now: setting it costs a system call */
};

static const struct {
	const char *key, *fault;
} outlets[SW_OUTLET_COUNT] = {
	[SW_OUTLET_MAIL] = {"mail", "mail does not go out"},
	[SW_OUTLET_WEBHOOK] = {"webhook", "the webhook is not reached"},
	[SW_OUTLET_COMMAND] = {"alert-command", "the alert command fails"},
};

/* Runs what is due, and wakes again when the next is. */
static void tick(struct sw_engine *e)
{
	struct sw_alerts *a = e->alerts;
	uint64_t next, now;

	a->is_waking = false;
	if (!a->alert)
		return;
	next = sw_alert_tick(a->alert);
	now = sw_clock_boot_ns(&e->clock);
	sw_source_set_timer(a->timer, next ? (next > now ? next - now : 1) : 0, 0);
}

static void wake(struct sw_alerts *a)
{
	if (!a->is_waking)
		sw_source_set_timer(a->timer, 1, 0);
	a->is_waking = true;
}

static void say_degraded(struct sw_engine *e)
{
	const struct sw_alert_stats *s = sw_alerts_stats(e);

	if (!s)
		return;
	for (size_t i = 0; i < SW_OUTLET_COUNT; i++) {
		if (s->delivery[i].error[0])
			sw_degraded_set(e, outlets[i].key, SW_SEV_LOW, "%s: %s", outlets[i].fault,
				s->delivery[i].error);
		else
			sw_degraded_clear(e, outlets[i].key);
	}
	if (s->syslog_error[0])
		sw_degraded_set(e, "syslog", SW_SEV_LOW, "syslog does not take lines: %s", s->syslog_error);
	else
		sw_degraded_clear(e, "syslog");
	if (s->is_syslog_absent && !e->alerts->has_said_absent)
		sw_log_notice("there is no syslog here: alerts are findings, and mail where it is configured");
	e->alerts->has_said_absent = s->is_syslog_absent;
}

static int on_timer(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;

	tick(e);
	say_degraded(e);
	return 0;
}

/* Own addresses, gateways and whom the operator trusts are on the allow list. */
static int ask_whois(const struct sw_net *net, uint32_t id, void *arg)
{
	struct sw_engine *e = arg;

	return sw_policy_covering_allow(e->policy, net) ? -EPERM : sw_net_peer_ask_whois(e, net, id);
}

static void evidence(const struct sw_net *net, struct sw_strbuf *out, void *arg)
{
	sw_logs_evidence(arg, net, out);
}

static void open_alert(struct sw_engine *e)
{
	struct sw_alerts *a = e->alerts;
	int r = sw_alert_new(&(struct sw_alert_setup){.clock = &e->clock,
				     .config = e->config,
				     .host = e->host,
				     .send = sw_net_peer_send,
				     .ask_whois = ask_whois,
				     .evidence = evidence,
				     .arg = e},
		&a->alert);

	if (r < 0)
		sw_degraded_set(e, "alerts", SW_SEV_MEDIUM,
			"no alerts go out: recipient or sender is unusable: %s", strerror(-r));
	else
		sw_degraded_clear(e, "alerts");
}

static int init(struct sw_engine *e)
{
	e->alerts = calloc(1, sizeof(*e->alerts));
	if (!e->alerts)
		return -ENOMEM;
	open_alert(e);
	return sw_loop_add_timer(e->loop, 0, 0, on_timer, e, &e->alerts->timer);
}

static void done(struct sw_engine *e)
{
	if (!e->alerts)
		return;
	sw_source_free(e->alerts->timer);
	sw_alert_free(e->alerts->alert);
	free(e->alerts);
	e->alerts = NULL;
}

enum { ALERTS_AT = offsetof(struct sw_config, mail_to), ALERTS_END = offsetof(struct sw_config, web_enabled) };

/* What had gathered for an old recipient is let go: it is in the store. */
static void configured(struct sw_engine *e, const struct sw_config *old)
{
	const char *then = (const char *)old + ALERTS_AT, *now = (const char *)e->config + ALERTS_AT;

	if (e->alerts->alert && memcmp(then, now, ALERTS_END - ALERTS_AT) == 0) {
		sw_alert_set_config(e->alerts->alert, e->config);
		return;
	}
	sw_alert_free(e->alerts->alert);
	e->alerts->alert = NULL;
	open_alert(e);
}

static void found(struct sw_engine *e, const struct sw_finding *f)
{
	if (!e->alerts || !e->alerts->alert)
		return;
	sw_alert_finding(e->alerts->alert, f);
	/* not from here: what is said about a failed sink is a finding itself */
	wake(e->alerts);
}

void sw_alerts_decision(struct sw_engine *e, const struct sw_decision *d)
{
	if (!e->alerts || !e->alerts->alert)
		return;
	sw_alert_decision(e->alerts->alert, d);
	wake(e->alerts);
}

void sw_alerts_whois(struct sw_engine *e, const struct sw_net_whois *answer)
{
	if (!e->alerts || !e->alerts->alert)
		return;
	sw_alert_whois(e->alerts->alert, answer);
	wake(e->alerts);
}

static void why(struct sw_engine *e, const char *subject, const struct sw_net *net, struct sw_json *j)
{
	const struct sw_whois_entry *w =
		net && e->alerts && e->alerts->alert ? sw_alert_whois_of(e->alerts->alert, net) : NULL;
	_strbuf_ struct sw_strbuf text = {};
	char buf[SW_NET_TEXT_MAX];

	if (!w || w->state != SW_WHOIS_KNOWN)
		return;
	sw_strbuf_puts(&text, "whois: ");
	for (const char *p = w->text; *p; p++) {
		if (*p == '\n')
			sw_strbuf_puts(&text, p[1] ? "; " : "");
		else
			sw_strbuf_safe(&text, p, 1);
	}
	sw_json_object_begin(j, NULL);
	sw_json_string(j, "what", "whois");
	sw_json_string(j, "net", sw_cidr_format(buf, &w->net));
	sw_json_string(j, "text", sw_strbuf_get(&text));
	sw_json_object_end(j);
}

int sw_alerts_letter(struct sw_engine *e, const char *title, const char *body)
{
	int r = e->alerts && e->alerts->alert ? sw_alert_letter(e->alerts->alert, title, body) : -EDESTADDRREQ;

	if (r >= 0)
		wake(e->alerts);
	return r;
}

void sw_alerts_sent(struct sw_engine *e, enum sw_alert_outlet outlet, uint32_t id, int result, const char *text)
{
	if (!e->alerts || !e->alerts->alert)
		return;
	sw_alert_sent(e->alerts->alert, outlet, id, result, text);
	wake(e->alerts);
}

const struct sw_alert_stats *sw_alerts_stats(const struct sw_engine *e)
{
	return e->alerts && e->alerts->alert ? sw_alert_stats(e->alerts->alert) : NULL;
}

const struct sw_engine_part sw_part_alerts = {
	.name = "alerts",
	.init = init,
	.done = done,
	.configured = configured,
	.found = found,
	.why = why,
};
