// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/metrics.h"

#include "user/base/words.h"
#include "user/engine/alerts.h"
#include "user/engine/backends.h"
#include "user/engine/crowdsec.h"
#include "user/engine/crowdsec_report.h"
#include "user/engine/decoys.h"
#include "user/engine/geo.h"
#include "user/engine/logs.h"
#include "user/engine/net_peer.h"

struct sw_metrics {
	uint64_t findings[SW_FINDING_COUNT][SW_SEV_COUNT];
};

static void head(struct sw_strbuf *b, const char *name, const char *type, const char *help)
{
	sw_strbuf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void number(struct sw_strbuf *b, const char *name, uint64_t value)
{
	sw_strbuf_printf(b, "%s %llu\n", name, (unsigned long long)value);
}

static void single(
	struct sw_strbuf *b, const char *name, const char *type, const char *help, uint64_t value)
{
	head(b, name, type, help);
	number(b, name, value);
}

/* Label values are words of ours or names of the configuration; these are quoted as the format asks. */
static void labelled(
	struct sw_strbuf *b, const char *name, const char *label, const char *text, uint64_t value)
{
	sw_strbuf_printf(b, "%s{%s=\"", name, label);
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			sw_strbuf_putc(b, '\\');
		if ((unsigned char)*text >= 0x20)
			sw_strbuf_putc(b, *text);
	}
	sw_strbuf_printf(b, "\"} %llu\n", (unsigned long long)value);
}

static void write_packets(struct sw_engine *e, struct sw_strbuf *b)
{
	struct sw_counter c[SW_R_COUNT];

	if (sw_engine_counters(e, c) < 0)
		return;
	head(b, "sockwarden_packets_total", "counter", "Packets that the gate judged, by reason.");
	for (unsigned int i = 0; i < SW_R_COUNT; i++)
		labelled(b, "sockwarden_packets_total", "reason", sw_reason_word(i), c[i].packets);
	head(b, "sockwarden_packet_bytes_total", "counter",
		"Bytes of the packets that the gate judged, by reason.");
	for (unsigned int i = 0; i < SW_R_COUNT; i++)
		labelled(b, "sockwarden_packet_bytes_total", "reason", sw_reason_word(i),
			c[i].bytes);
	head(b, "sockwarden_dropped_packets_total", "counter",
		"Packets that the gate dropped, by reason.");
	for (unsigned int i = 0; i < SW_R_COUNT; i++)
		labelled(b, "sockwarden_dropped_packets_total", "reason", sw_reason_word(i),
			c[i].dropped);
}

static void write_country_rules(struct sw_engine *e, struct sw_strbuf *b)
{
	struct sw_counter c;
	char number_text[8];

	if (!sw_geo_counter(e, 0, &c))
		return;
	head(b, "sockwarden_country_rule_packets_total", "counter", "Packets that a rule over countries means.");
	for (__u32 i = 0; sw_geo_counter(e, i, &c); i++) {
		snprintf(number_text, sizeof(number_text), "%u", i + 1);
		labelled(b, "sockwarden_country_rule_packets_total", "rule", number_text, c.packets);
	}
	head(b, "sockwarden_country_rule_dropped_total", "counter", "Packets that a rule over countries dropped.");
	for (__u32 i = 0; sw_geo_counter(e, i, &c); i++) {
		snprintf(number_text, sizeof(number_text), "%u", i + 1);
		labelled(b, "sockwarden_country_rule_dropped_total", "rule", number_text, c.dropped);
	}
}

/* Where the packet program is not. */
static void write_nft(struct sw_engine *e, struct sw_strbuf *b)
{
	const struct sw_guard_nft *n = sw_backends_nft(e);
	char number_text[8];
	struct sw_counter c;

	if (!n)
		return;
	head(b, "sockwarden_nftables_trails", "gauge", "Addresses and networks of trails in nftables, and those beyond its limits.");
	labelled(b, "sockwarden_nftables_trails", "state", "held", n->trails_held);
	labelled(b, "sockwarden_nftables_trails", "state", "left-out", n->trails_left_out);
	head(b, "sockwarden_nftables_trail_dropped_total", "counter", "Packets that nftables dropped for a trail.");
	labelled(b, "sockwarden_nftables_trail_dropped_total", "by", "source", n->trails_in.packets);
	labelled(b, "sockwarden_nftables_trail_dropped_total", "by", "destination", n->trails_out.packets);
	if (!sw_geo_counter(e, 0, &c))
		return;
	head(b, "sockwarden_nftables_country_rule_dropped_total", "counter",
		"Packets that nftables dropped for a rule over countries.");
	for (__u32 i = 0; i < SW_GEO_RULES_MAX && sw_geo_counter(e, i, &c); i++) {
		snprintf(number_text, sizeof(number_text), "%u", i + 1);
		labelled(b, "sockwarden_nftables_country_rule_dropped_total", "rule", number_text, n->geo[i].packets);
	}
}

static void write_stats(struct sw_engine *e, struct sw_strbuf *b)
{
	uint64_t stats[SW_STAT_COUNT];

	if (sw_engine_stats(e, stats) < 0)
		return;
	head(b, "sockwarden_kernel_records_total", "counter",
		"Records between kernel and engine, by what became of them.");
	for (unsigned int i = 0; i < SW_STAT_COUNT; i++)
		labelled(b, "sockwarden_kernel_records_total", "kind", sw_stat_word(i), stats[i]);
}

static void write_guard(struct sw_engine *e, struct sw_strbuf *b)
{
	const struct sw_guard_status *g = sw_engine_guard_status(e);

	single(b, "sockwarden_guard_connected", "gauge", "Whether the guard answers.", g != NULL);
	if (!g)
		return;
	head(b, "sockwarden_mode", "gauge",
		"The mode that is set: 1 for the one, 0 for the others.");
	for (unsigned int m = SW_MODE_OFF; m <= SW_MODE_ENFORCE; m++)
		labelled(b, "sockwarden_mode", "mode", sw_mode_word(m), g->mode == m);
	single(b, "sockwarden_enforcing", "gauge", "Whether packets are being dropped now.",
		g->is_enforcing != 0);
	single(b, "sockwarden_interfaces", "gauge", "Devices that the gate is attached to.",
		g->n_ifaces);
	head(b, "sockwarden_trail_entries", "gauge", "Trail entries in force, by family.");
	labelled(b, "sockwarden_trail_entries", "family", "ipv4", g->trails4);
	labelled(b, "sockwarden_trail_entries", "family", "ipv6", g->trails6);
	head(b, "sockwarden_process_up", "gauge", "Whether the guard runs the process.");
	for (size_t i = 0; i < SW_ARRAY_SIZE(g->children) && g->children[i].name[0]; i++)
		labelled(b, "sockwarden_process_up", "process", g->children[i].name,
			g->children[i].pid != 0);
	head(b, "sockwarden_process_restarts_total", "counter",
		"Restarts of the process by the guard.");
	for (size_t i = 0; i < SW_ARRAY_SIZE(g->children) && g->children[i].name[0]; i++)
		labelled(b, "sockwarden_process_restarts_total", "process", g->children[i].name,
			g->children[i].restarts);
}

static void write_findings(struct sw_engine *e, struct sw_strbuf *b)
{
	head(b, "sockwarden_findings_total", "counter", "Findings since the engine's start.");
	for (unsigned int k = 0; k < SW_FINDING_COUNT; k++) {
		for (unsigned int s = 0; s < SW_SEV_COUNT; s++) {
			if (!e->metrics->findings[k][s])
				continue;
			sw_strbuf_printf(b,
				"sockwarden_findings_total{kind=\"%s\",severity=\"%s\"} %llu\n",
				sw_finding_kind_word(k), sw_severity_word(s),
				(unsigned long long)e->metrics->findings[k][s]);
		}
	}
}

static void write_feeds(struct sw_engine *e, struct sw_strbuf *b)
{
	const struct sw_feed_state *f;

	single(b, "sockwarden_net_connected", "gauge", "Whether sockwarden-net answers.",
		sw_net_peer_is_connected(e));
	head(b, "sockwarden_feed_entries", "gauge", "Entries of a feed's last good list.");
	for (unsigned int i = 0; (f = sw_net_peer_feed_at(e, i)); i++)
		labelled(b, "sockwarden_feed_entries", "feed", f->name, f->entries);
	head(b, "sockwarden_feed_last_success_timestamp_seconds", "gauge",
		"When a feed was last good, 0 for never.");
	for (unsigned int i = 0; (f = sw_net_peer_feed_at(e, i)); i++)
		labelled(b, "sockwarden_feed_last_success_timestamp_seconds", "feed", f->name,
			f->good_wall_sec);
	head(b, "sockwarden_feed_failures_total", "counter",
		"Fetches of a feed that failed or were refused.");
	for (unsigned int i = 0; (f = sw_net_peer_feed_at(e, i)); i++)
		labelled(b, "sockwarden_feed_failures_total", "feed", f->name, f->failures);
}

static void write_alerts(struct sw_engine *e, struct sw_strbuf *b)
{
	const struct sw_alert_stats *s = sw_alerts_stats(e);

	if (!s)
		return;
	head(b, "sockwarden_alerts_total", "counter",
		"Messages and lines of the alert sinks, by what became of them.");
	for (size_t i = 0; i < SW_OUTLET_COUNT; i++) {
		static const char *const outcomes[SW_OUTLET_COUNT][3] = {
			[SW_OUTLET_MAIL] = {"mail-sent", "mail-failed", "mail-lost"},
			[SW_OUTLET_WEBHOOK] = {"webhook-sent", "webhook-failed", "webhook-lost"},
			[SW_OUTLET_COMMAND] = {"command-run", "command-failed", "command-lost"},
		};

		labelled(b, "sockwarden_alerts_total", "outcome", outcomes[i][0], s->delivery[i].sent);
		labelled(b, "sockwarden_alerts_total", "outcome", outcomes[i][1], s->delivery[i].failed);
		labelled(b, "sockwarden_alerts_total", "outcome", outcomes[i][2], s->delivery[i].lost);
	}
	labelled(b, "sockwarden_alerts_total", "outcome", "syslog-sent", s->syslog_sent);
	labelled(b, "sockwarden_alerts_total", "outcome", "syslog-failed", s->syslog_failed);
	labelled(b, "sockwarden_alerts_total", "outcome", "syslog-limited", s->syslog_limited);
}

static void write_decoys(struct sw_engine *e, struct sw_strbuf *b)
{
	struct sw_decoys_stats s = sw_decoys_stats(e);

	head(b, "sockwarden_decoy_touches_total", "counter", "Connections and datagrams to decoy ports.");
	labelled(b, "sockwarden_decoy_touches_total", "protocol", "tcp", s.touches_tcp);
	labelled(b, "sockwarden_decoy_touches_total", "protocol", "udp", s.touches_udp);
	single(b, "sockwarden_decoy_held", "gauge", "Connections to decoys that are held.", s.held);
	single(b, "sockwarden_decoy_closed_oldest_total", "counter",
		"Held connections that were closed because there were too many.", s.closed_oldest);
	single(b, "sockwarden_decoy_bans_total", "counter", "Bans for a touch of a decoy.", s.bans);
}

static void write_logs(struct sw_engine *e, struct sw_strbuf *b)
{
	static const char losses[] = "sockwarden_log_losses_total";
	const struct sw_logs_totals t = sw_logs_totals(e);

	single(b, "sockwarden_log_files", "gauge", "Log files that are followed.", t.follow.files);
	single(b, "sockwarden_log_lines_total", "counter", "Log lines that went through the rules.", t.lines);
	single(b, "sockwarden_log_hits_total", "counter", "Hits of rules over logs.", t.hits);
	single(b, "sockwarden_log_due_total", "counter", "Times that a rule's threshold was reached.", t.due);
	single(b, "sockwarden_log_bans_total", "counter", "Bans by rules over logs.", t.bans);
	head(b, losses, "counter", "What was lost or left out on the way from logs to bans.");
	labelled(b, losses, "kind", "read-error", t.follow.unreadable);
	labelled(b, losses, "kind", "line-cut", t.follow.cut);
	labelled(b, losses, "kind", "match-limit", t.rules.limits);
	labelled(b, losses, "kind", "counter-evicted", t.counts.evicted);
	labelled(b, losses, "kind", "counter-evicted-near", t.counts.evicted_near);
	labelled(b, losses, "kind", "finding-not-told", t.untold);
}

static void write_crowdsec(struct sw_engine *e, struct sw_strbuf *b)
{
	struct sw_crowdsec_stats s;

	if (!sw_crowdsec_stats(e, &s))
		return;
	single(b, "sockwarden_crowdsec_decisions", "gauge", "Decisions of CrowdSec in force.", s.decisions);
	single(b, "sockwarden_crowdsec_bans", "gauge", "Bans here that come of them.", s.bans);
	single(b, "sockwarden_crowdsec_last_success_timestamp_seconds", "gauge",
		"When CrowdSec's local API last gave a good answer, 0 for never.", (uint64_t)s.good_wall_sec);
	single(b, "sockwarden_crowdsec_polls_total", "counter", "Answers and failures of CrowdSec's local API.", s.polls);
	single(b, "sockwarden_crowdsec_failures_total", "counter", "Those without a good answer.", s.failures);
}

static void write_crowdsec_reports(struct sw_engine *e, struct sw_strbuf *b)
{
	static const char total[] = "sockwarden_crowdsec_reports_total";
	struct sw_crowdsec_report_stats s;

	if (!sw_crowdsec_report_stats(e, &s))
		return;
	head(b, total, "counter", "Bans of this host on their way to CrowdSec, by what became of them.");
	labelled(b, total, "outcome", "reported", s.reported);
	labelled(b, total, "outcome", "withdrawn", s.withdrawn);
	labelled(b, total, "outcome", "refused", s.refused);
	labelled(b, total, "outcome", "lost", s.lost);
	single(b, "sockwarden_crowdsec_reports_waiting", "gauge", "Reports and withdrawals that wait.", s.waiting);
	single(b, "sockwarden_crowdsec_report_failures_total", "counter", "Posts and withdrawals that failed.", s.failures);
	single(b, "sockwarden_crowdsec_report_last_success_timestamp_seconds", "gauge",
		"When one was last taken, 0 for never.", (uint64_t)s.good_wall_sec);
}

void sw_metrics_write(struct sw_engine *e, struct sw_strbuf *out)
{
	uint64_t up = (sw_clock_boot_ns(&e->clock) - e->started_boot_ns) / SW_SEC_NS;

	head(out, "sockwarden_build_info", "gauge", "The version, as a label.");
	labelled(out, "sockwarden_build_info", "version", SW_VERSION, 1);
	single(out, "sockwarden_start_time_seconds", "gauge",
		"When the engine started, in seconds since 1970.",
		(uint64_t)sw_clock_wall_sec(&e->clock) - up);
	single(out, "sockwarden_bans", "gauge", "Bans in force.", sw_engine_n_bans(e));
	single(out, "sockwarden_allow_entries", "gauge", "Entries of the allow list.",
		sw_engine_n_allow(e));
	single(out, "sockwarden_allow_feed_entries", "gauge", "Entries of the allow list that feeds hold.",
		sw_engine_n_listed(e));
	single(out, "sockwarden_degraded", "gauge",
		"Things that are wrong now; sockwarden status names them.", sw_degraded_count(e));
	write_guard(e, out);
	write_packets(e, out);
	write_country_rules(e, out);
	write_nft(e, out);
	write_stats(e, out);
	write_findings(e, out);
	write_feeds(e, out);
	write_alerts(e, out);
	write_crowdsec(e, out);
	write_crowdsec_reports(e, out);
	write_decoys(e, out);
	write_logs(e, out);
}

static void metrics(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	_strbuf_ struct sw_strbuf text = {};

	sw_metrics_write(arg, &text);
	if (text.is_failed) {
		sw_ctl_fail(q, SW_CERR_INTERNAL, NULL, "out of memory");
		return;
	}
	sw_json_stringn(sw_ctl_reply_begin(q), "text", text.text, text.len);
	sw_ctl_reply_end(q);
}

static int init(struct sw_engine *e)
{
	e->metrics = calloc(1, sizeof(*e->metrics));
	return e->metrics ? 0 : -ENOMEM;
}

static void done(struct sw_engine *e)
{
	free(TAKE_PTR(e->metrics));
}

static void found(struct sw_engine *e, const struct sw_finding *f)
{
	if (e->metrics && (unsigned int)f->kind < SW_FINDING_COUNT &&
		(unsigned int)f->severity < SW_SEV_COUNT)
		e->metrics->findings[f->kind][f->severity]++;
}

static const struct sw_ctl_verb verbs[] = {
	{"metrics", SW_CTL_READ, metrics},
	{},
};

const struct sw_engine_part sw_part_metrics = {
	.name = "metrics",
	.verbs = verbs,
	.init = init,
	.done = done,
	.found = found,
};
