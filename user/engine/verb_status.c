// SPDX-License-Identifier: GPL-3.0-or-later
/* The verbs status, events and findings. */
#include "user/base/words.h"
#include "user/ctl/guard_status.h"
#include "user/detect/hits.h"
#include "user/detect/sent.h"
#include "user/engine/alerts.h"
#include "user/engine/bans.h"
#include "user/engine/health.h"

enum { FINDINGS_LAST = 20, FINDINGS_MAX = 10000 };

static void string_if(struct sw_json *j, const char *key, const char *text)
{
	_strbuf_ struct sw_strbuf safe = {};

	if (!*text)
		return;
	sw_strbuf_safe(&safe, text, strlen(text));
	sw_json_string(j, key, sw_strbuf_get(&safe));
}

void sw_finding_json(struct sw_json *j, const struct sw_finding *f)
{
	char text[SW_TIME_TEXT_MAX + SW_NET_TEXT_MAX], protocol[8];

	sw_json_uint(j, "id", f->id);
	sw_json_string(j, "severity", sw_severity_word(f->severity));
	sw_json_string(j, "finding", sw_finding_kind_word(f->kind));
	sw_json_string(j, "rule", f->rule);
	sw_json_string(j, "title", f->title);
	sw_json_string(j, "last_at", sw_time_format(text, f->last_wall_ns ? f->last_wall_ns : f->wall_ns));
	sw_json_uint(j, "count", f->count);
	if (f->subject.family)
		sw_json_string(j, "subject", sw_cidr_format(text, &f->subject));
	if (f->protocol)
		sw_json_string(j, "protocol", sw_protocol_word(f->protocol, protocol));
	if (f->sport)
		sw_json_uint(j, "source_port", f->sport);
	if (f->dport)
		sw_json_uint(j, "destination_port", f->dport);
	if (f->pid) {
		sw_json_uint(j, "pid", f->pid);
		sw_json_uint(j, "uid", f->uid);
	}
	string_if(j, "process", f->process);
	string_if(j, "executable", f->executable);
	string_if(j, "container", f->container);
	string_if(j, "container_name", f->container_name);
	sw_json_pod(j, f->pod);
	string_if(j, "unit", f->unit);
	string_if(j, "trail", f->trail);
	string_if(j, "list", f->feed);
}

static int write_finding(const struct sw_finding *f, void *arg)
{
	struct sw_json *j = arg;
	char at[SW_TIME_TEXT_MAX];

	sw_json_object_begin(j, NULL);
	sw_json_string(j, "at", sw_time_format(at, f->wall_ns));
	sw_json_string(j, "kind", sw_finding_kind_word(f->kind));
	sw_finding_json(j, f);
	sw_json_object_end(j);
	return 0;
}

static void verb_findings(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_json *j;
	uint64_t last;

	if (!sw_ctl_arg_uint(q, args, "last", FINDINGS_LAST, &last))
		return;
	j = sw_ctl_reply_begin(q);
	sw_json_array_begin(j, "findings");
	(void)sw_store_each_finding(e->store, (unsigned int)SW_MIN(last, (uint64_t)FINDINGS_MAX), write_finding, j);
	sw_json_array_end(j);
	sw_ctl_reply_end(q);
}

static void verb_events(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;

	sw_events_verb(e->events, q, args);
}

static void write_guard(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_guard_status *s = sw_engine_guard_status(e);
	char tier[2] = "";

	sw_mode_json(e, j);
	sw_ctl_write_guard_status(j, s);
	tier[0] = s && s->tier ? (char)s->tier : '\0';
	sw_json_string(j, "tier", tier);
	sw_json_string(j, "hooks", s ? s->hooks : "");
	sw_json_bool(j, "adopted", s && s->has_adopted);
}

static void write_loss(struct sw_json *j, const char *name, uint64_t count)
{
	sw_json_object_begin(j, NULL);
	sw_json_string(j, "name", name);
	sw_json_uint(j, "count", count);
	sw_json_object_end(j);
}

static void write_counters(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_alert_stats *alerts = sw_alerts_stats(e);
	struct sw_counter c[SW_R_COUNT];
	uint64_t stats[SW_STAT_COUNT];

	(void)sw_engine_counters(e, c);
	(void)sw_engine_stats(e, stats);
	sw_json_array_begin(j, "counters");
	for (unsigned int i = 0; i < SW_R_COUNT; i++) {
		sw_json_object_begin(j, NULL);
		sw_json_string(j, "reason", sw_reason_word(i));
		sw_json_uint(j, "packets", c[i].packets);
		sw_json_uint(j, "bytes", c[i].bytes);
		sw_json_uint(j, "dropped", c[i].dropped);
		sw_json_object_end(j);
	}
	sw_json_array_end(j);
	sw_json_array_begin(j, "losses");
	for (unsigned int i = 0; i < SW_STAT_COUNT; i++) {
		write_loss(j, sw_stat_word(i), stats[i]);
	}
	write_loss(j, "findings-not-told", sw_hits_stats(e->hits).untold + sw_sent_untold(e->sent));
	write_loss(j, "alerts-not-in-syslog", alerts ? alerts->syslog_failed + alerts->syslog_limited : 0);
	sw_json_array_end(j);
}

static void write_store(struct sw_engine *e, struct sw_json *j)
{
	unsigned int unsaved = sw_engine_n_unsaved(e);

	sw_json_object_begin(j, "store");
	sw_json_string(j, "path", sw_store_path(e->store));
	sw_json_uint(j, "bytes", sw_store_bytes(e->store));
	sw_json_uint(j, "unsaved", unsaved);
	if (!sw_store_is_on_disk(e->store))
		sw_json_string(j, "error", "works in memory only");
	else
		sw_json_string(j, "error", unsaved ? "decisions could not be stored" : "");
	sw_json_object_end(j);
}

static void verb_status(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_json *j = sw_ctl_reply_begin(q);

	write_guard(e, j);
	sw_json_uint(j, "uptime_sec", (sw_clock_boot_ns(&e->clock) - e->started_boot_ns) / SW_SEC_NS);
	sw_json_string(j, "version", SW_VERSION);
	sw_json_string(j, "host", e->host);
	write_counters(e, j);
	sw_json_uint(j, "bans", sw_engine_n_bans(e));
	sw_json_uint(j, "allow", sw_engine_n_allow(e));
	sw_json_uint(j, "allow_feeds", sw_engine_n_listed(e));
	sw_json_uint(j, "findings", sw_store_count_findings(e->store));
	write_store(e, j);
	for (const struct sw_engine_part *const *part = sw_engine_parts; *part; part++) {
		if ((*part)->status)
			(*part)->status(e, j);
	}
	sw_degraded_json(e, j);
	sw_ctl_reply_end(q);
}

static const struct sw_ctl_verb verbs[] = {
	{"status", SW_CTL_READ, verb_status},
	{"events", SW_CTL_READ, verb_events},
	{"findings", SW_CTL_READ, verb_findings},
	{},
};

const struct sw_engine_part sw_part_status = {.name = "status", .verbs = verbs};
