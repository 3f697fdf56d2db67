// SPDX-License-Identifier: GPL-3.0-or-later
/* The report: what it is made of, the verb "report", and the mail on the schedule of alerts.report. */
#include "user/alert/report.h"

#include "user/base/calendar.h"
#include "user/base/cidr.h"
#include "user/base/words.h"
#include "user/detect/hits.h"
#include "user/detect/sent.h"
#include "user/engine/alerts.h"
#include "user/engine/watch.h"

enum {
	DAY = 86400, /* what is told where no report was mailed before */
	LOOK_SEC = 600, /* the schedule is looked at again so often: the clock may be set */
	UNSETTLED_SEC = 5, /* after a start the sockets are known soon */
	FINDINGS_MAX = 10000, /* looked through for one report */
	BANS_MAX = 100000,
};

struct sw_report_part {
	struct sw_source *timer;
	struct sw_calendar calendar;
	bool has_calendar;
	int64_t last_wall_sec; /* 0: never */
	uint32_t mark; /* how the sockets differed then */
	uint64_t lost[SW_STAT_COUNT], untold; /* counters as they were then, or at the start */
};

struct gathered {
	struct sw_report r;
	struct sw_baseline_set base, now;
	struct sw_baseline_change *changes;
};

static void gathered_done(struct gathered *g)
{
	sw_baseline_set_done(&g->base);
	sw_baseline_set_done(&g->now);
	free(g->changes);
}

static uint64_t count_untold(struct sw_engine *e)
{
	return sw_hits_stats(e->hits).untold + sw_sent_untold(e->sent);
}

/* A counter that is less than it was began anew. */
static uint64_t grown(uint64_t now, uint64_t then)
{
	return now >= then ? now - then : now;
}

static void gather_losses(struct sw_engine *e, struct sw_report *r)
{
	uint64_t stats[SW_STAT_COUNT];

	if (sw_engine_stats(e, stats) >= 0) {
		for (unsigned int i = 0; i < SW_STAT_COUNT; i++) {
			if (sw_stat_is_loss(i))
				sw_report_loss(r, sw_stat_sentence(i), grown(stats[i], e->report->lost[i]));
		}
	}
	sw_report_loss(r, "hits that came and went without a finding of their own",
		grown(count_untold(e), e->report->untold));
}

static void remember_losses(struct sw_engine *e)
{
	uint64_t stats[SW_STAT_COUNT];

	if (sw_engine_stats(e, stats) >= 0)
		memcpy(e->report->lost, stats, sizeof(stats));
	e->report->untold = count_untold(e);
}

static int gather_finding(const struct sw_finding *f, void *arg)
{
	struct sw_report *r = arg;
	int64_t last = f->last_wall_ns ? f->last_wall_ns : f->wall_ns;

	if (last >= r->since_wall_sec * (int64_t)SW_SEC_NS)
		sw_report_finding(r, f);
	return 0;
}

static int gather_ban(const struct sw_store_ban *b, void *arg)
{
	sw_report_ban(arg, &b->d);
	return 0;
}

/* A thousand are told one by one, in a mail that can be read. */
static int gather_change(const struct sw_baseline_change *c, void *arg)
{
	struct gathered *g = arg;

	if (g->r.n_changes < SW_REPORT_CHANGES) {
		g->changes[g->r.n_changes++] = *c;
		return 0;
	}
	g->r.more_changes++;
	g->r.more_mark = sw_crc32(g->r.more_mark, c->text, strlen(c->text));
	return 0;
}

static void gather_sockets(struct sw_engine *e, struct gathered *g)
{
	int r = sw_baselines_load(e, SW_BASELINE_DEFAULT, &g->base);

	g->r.is_partial = !e->watch->is_settled;
	if (r < 0)
		return;
	g->r.baseline_wall_sec = g->base.taken_wall_sec;
	if (g->r.is_partial || sw_baselines_now(e, &g->now) < 0)
		return;
	g->changes = calloc(SW_REPORT_CHANGES, sizeof(*g->changes));
	g->r.changes = g->changes;
	if (g->changes)
		(void)sw_baseline_compare(&g->base, &g->now, gather_change, g);
}

static void gather(struct sw_engine *e, int64_t since, struct gathered *g)
{
	g->r.host = e->host;
	g->r.now_wall_sec = sw_clock_wall_sec(&e->clock);
	g->r.since_wall_sec = since ? since : g->r.now_wall_sec - DAY;
	gather_sockets(e, g);
	g->r.bans_in_force = sw_engine_n_bans(e);
	(void)sw_store_bans_since(e->store, g->r.since_wall_sec, BANS_MAX, gather_ban, &g->r);
	(void)sw_store_each_finding(e->store, FINDINGS_MAX, gather_finding, &g->r);
	gather_losses(e, &g->r);
}

/* ---- the verb */

static void write_bans(struct sw_json *j, const struct sw_report *r)
{
	char text[SW_TIME_TEXT_MAX + SW_NET_TEXT_MAX];

	sw_json_array_begin(j, "bans");
	for (size_t i = 0; i < r->n_bans; i++) {
		const struct sw_decision *d = &r->bans[i];

		sw_json_object_begin(j, NULL);
		sw_json_string(j, "net", sw_cidr_format(text, &d->net));
		sw_json_string(j, "made_at", sw_time_format(text, d->made_wall_sec * (int64_t)SW_SEC_NS));
		sw_json_string(j, "origin", d->origin);
		sw_json_string(j, "by", d->by);
		sw_json_string(j, "reason", d->reason);
		sw_json_object_end(j);
	}
	sw_json_array_end(j);
}

static void report(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	_cleanup_(gathered_done) struct gathered g = {};
	_strbuf_ struct sw_strbuf text = {};
	struct sw_engine *e = arg;
	uint64_t since;
	struct sw_json *j;

	if (!sw_ctl_arg_uint(q, args, "since_sec", 0, &since))
		return;
	if (!e->report) {
		sw_ctl_fail(q, SW_CERR_NOT_RUNNING, NULL, "the engine is ending");
		return;
	}
	since = SW_MIN(since, (uint64_t)INT32_MAX * 4);
	gather(e, since ? (int64_t)since : e->report->last_wall_sec, &g);
	j = sw_ctl_reply_begin(q);
	sw_report_json(&g.r, j);
	sw_json_array_begin(j, "changes");
	for (size_t i = 0; i < g.r.n_changes; i++)
		sw_baseline_change_json(e, j, &g.r.changes[i]);
	sw_json_array_end(j);
	sw_json_uint(j, "more_changes", g.r.more_changes);
	write_bans(j, &g.r);
	sw_json_array_begin(j, "findings");
	for (size_t i = 0; i < g.r.n_findings; i++) {
		sw_json_object_begin(j, NULL);
		sw_finding_json(j, &g.r.findings[i]);
		sw_json_object_end(j);
	}
	sw_json_array_end(j);
	sw_report_text(&g.r, &text);
	sw_json_string(j, "text", sw_strbuf_get(&text));
	sw_ctl_reply_end(q);
}

static void verb_report(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	sw_watch_when_fresh(q, args, arg, report);
}

/* ---- the mail */

static void remember(struct sw_engine *e, int64_t wall_sec, uint32_t mark)
{
	struct sw_report_part *p = e->report;
	char text[64];

	p->last_wall_sec = wall_sec;
	p->mark = mark;
	snprintf(text, sizeof(text), "%lld %u", (long long)p->last_wall_sec, p->mark);
	(void)sw_store_set(e->store, "report", text);
	remember_losses(e);
}

static void recall(struct sw_engine *e)
{
	struct sw_report_part *p = e->report;
	long long wall = 0;
	char text[64];

	if (sw_store_get(e->store, "report", text, sizeof(text)) >= 0 &&
		sscanf(text, "%lld %u", &wall, &p->mark) == 2 && wall > 0)
		p->last_wall_sec = wall;
}

static int send_report(struct sw_engine *e)
{
	_cleanup_(gathered_done) struct gathered g = {};
	_strbuf_ struct sw_strbuf text = {}, title = {};
	int r;

	gather(e, e->report->last_wall_sec, &g);
	if (sw_report_is_quiet(&g.r, e->report->mark) && !e->config->report_unchanged) {
		sw_log_info("report: nothing has changed, no mail");
		remember(e, g.r.now_wall_sec, sw_report_mark(&g.r));
		return 0;
	}
	sw_report_title(&g.r, &title);
	sw_report_text(&g.r, &text);
	r = text.is_failed || title.is_failed
		? -ENOMEM
		: sw_alerts_letter(e, sw_strbuf_get(&title), sw_strbuf_get(&text));
	if (r < 0) {
		sw_degraded_set(e, "report", SW_SEV_LOW, "the report is not mailed: %s",
			r == -EDESTADDRREQ ? "alerts.mail.to is empty" : strerror(-r));
		return r;
	}
	sw_degraded_clear(e, "report");
	remember(e, g.r.now_wall_sec, sw_report_mark(&g.r));
	return 0;
}

static int64_t next_due(struct sw_engine *e)
{
	return sw_calendar_next(&e->report->calendar, e->report->last_wall_sec);
}

static void look_again(struct sw_engine *e, int64_t sec)
{
	sw_source_set_timer(e->report->timer, (uint64_t)SW_MAX(1, SW_MIN(sec, (int64_t)LOOK_SEC)) * SW_SEC_NS, 0);
}

/* Late is due, too: a report that fell into a time without us is sent when the sockets are known again. */
static int on_timer(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_report_part *p = e->report;
	int64_t now = sw_clock_wall_sec(&e->clock);

	if (!p->has_calendar)
		return 0;
	if (p->last_wall_sec > now)
		p->last_wall_sec = now; /* the clock was set back */
	if (now < next_due(e)) {
		look_again(e, next_due(e) - now);
	} else if (!e->watch->is_settled) {
		look_again(e, UNSETTLED_SEC);
	} else {
		look_again(e, send_report(e) < 0 ? LOOK_SEC : next_due(e) - now);
	}
	return 0;
}

/* The first one comes at the next time that the schedule names, not at once. */
static void set_schedule(struct sw_engine *e)
{
	struct sw_report_part *p = e->report;

	p->has_calendar = e->config->report_schedule[0] &&
		sw_calendar_parse(e->config->report_schedule, &p->calendar) == 0;
	sw_degraded_clear(e, "report");
	if (!p->has_calendar)
		return;
	if (!p->last_wall_sec)
		remember(e, sw_clock_wall_sec(&e->clock), 0);
	if (!e->config->mail_to[0])
		sw_degraded_set(e, "report", SW_SEV_LOW,
			"alerts.report.schedule is set, but alerts.mail.to is empty: nobody gets the report");
	look_again(e, 1);
}

static int init(struct sw_engine *e)
{
	int r;

	e->report = calloc(1, sizeof(*e->report));
	if (!e->report)
		return -ENOMEM;
	recall(e);
	r = sw_loop_add_timer(e->loop, 0, 0, on_timer, e, &e->report->timer);
	if (r >= 0)
		set_schedule(e);
	return r;
}

static void done(struct sw_engine *e)
{
	if (!e->report)
		return;
	sw_source_free(e->report->timer);
	free(e->report);
	e->report = NULL;
}

static void configured(struct sw_engine *e, const struct sw_config *old)
{
	if (!sw_streq(old->report_schedule, e->config->report_schedule) || !sw_streq(old->mail_to, e->config->mail_to))
		set_schedule(e);
}

static const struct sw_ctl_verb verbs[] = {
	{"report", SW_CTL_READ, verb_report},
	{},
};

const struct sw_engine_part sw_part_report = {
	.name = "report",
	.verbs = verbs,
	.init = init,
	.done = done,
	.configured = configured,
};
