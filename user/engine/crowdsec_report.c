// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Queue and batches of what is reported. Only network and number of a ban wait: when its turn comes the rest
 * is read from the policy, so that a ban that was withdrawn or is over meanwhile is not reported.
 */
#include "user/engine/crowdsec_report.h"

#include "user/base/cidr.h"
#include "user/engine/net_peer.h"
#include "user/io/msg.h"
#include "user/policy/policy.h"

enum {
	QUEUE_MAX = 1000,
	BATCH_MAX = 100,
	GATHER_SEC = 2, /* after the first: what comes from one burst is one post */
	EVERY_SEC = 10, /* between posts, and after the first failure */
	AWAY_SEC = 300, /* the longest wait, and that for a machine that is refused */
	ANSWER_SEC = 300, /* for sockwarden-net: two logins and two posts may time out */
	FOREVER_HOURS = 87600, /* there is no "for ever" in CrowdSec: ten years */
};

struct report {
	struct sw_net net;
	uint64_t id; /* of the part */
};

struct sw_crowdsec_report_part {
	struct sw_source *timer;
	struct report queue[QUEUE_MAX]; /* a ring */
	unsigned int first, n;
	struct report batch[BATCH_MAX]; /* what is being posted, or was and failed */
	unsigned int n_batch;
	uint32_t post_id;
	bool is_posting, is_armed;
	unsigned int failures_on_end;
	uint64_t next_boot_ns; /* nothing is posted sooner */
	uint64_t reported, posts, failures, lost, refused;
	int64_t good_wall_sec; /* 0: never */
	char error[256]; /* "": the last post was taken */
};

static bool is_on(const struct sw_engine *e)
{
	return e->crowdsec_report && e->config->crowdsec_url[0] && e->config->crowdsec_machine[0];
}

static void arm(struct sw_engine *e, uint64_t wait_ns)
{
	e->crowdsec_report->is_armed = true;
	(void)sw_source_set_timer(e->crowdsec_report->timer, SW_MAX(wait_ns, (uint64_t)SW_MSEC_NS), 0);
}

/* ---- the queue */

static bool is_enforcing(struct sw_engine *e)
{
	const struct sw_guard_status *s = sw_engine_guard_status(e);

	return s && s->is_enforcing;
}

void sw_crowdsec_report(struct sw_engine *e, const struct sw_decision *d)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;
	uint64_t now_ns, wait_ns = GATHER_SEC * SW_SEC_NS;

	/* what CrowdSec has told is not told back to it */
	if (!is_on(e) || d->kind != SW_DECISION_BAN || sw_streq(d->origin, "crowdsec") || !is_enforcing(e))
		return;
	if (p->n == QUEUE_MAX) {
		p->first = (p->first + 1) % QUEUE_MAX;
		p->n--;
		p->lost++;
	}
	p->queue[(p->first + p->n++) % QUEUE_MAX] = (struct report){d->net, d->id};
	if (p->is_posting || p->is_armed)
		return;
	now_ns = sw_clock_boot_ns(&e->clock);
	arm(e, p->next_boot_ns > now_ns + wait_ns ? p->next_boot_ns - now_ns : wait_ns);
}

static void fill_batch(struct sw_crowdsec_report_part *p)
{
	for (; p->n && p->n_batch < BATCH_MAX; p->n--) {
		p->batch[p->n_batch++] = p->queue[p->first];
		p->first = (p->first + 1) % QUEUE_MAX;
	}
}

/* ---- a batch as CrowdSec's alerts */

static const struct sw_ban_part *part_of(const struct sw_engine *e, const struct report *r)
{
	const struct sw_ban *b = sw_policy_find_ban(e->policy, &r->net);

	for (const struct sw_ban_part *part = b ? b->parts : NULL; part; part = part->next) {
		if (part->id == r->id)
			return part;
	}
	return NULL;
}

static void write_decision(const struct sw_engine *e, struct sw_json *j, const struct sw_ban_part *part,
	const char *scope, const char *value, const char *scenario)
{
	bool is_forever;
	uint64_t left_sec = sw_policy_left_sec(e->policy, part, &is_forever);

	sw_json_array_begin(j, "decisions");
	sw_json_object_begin(j, NULL);
	sw_json_string(j, "origin", SW_NET_CROWDSEC_OURS);
	sw_json_string(j, "type", "ban");
	sw_json_string(j, "scope", scope);
	sw_json_string(j, "value", value);
	if (is_forever)
		sw_json_stringf(j, "duration", "%dh", FOREVER_HOURS);
	else
		sw_json_stringf(j, "duration", "%llus", (unsigned long long)SW_MAX(left_sec, (uint64_t)1));
	sw_json_string(j, "scenario", scenario);
	sw_json_bool(j, "simulated", false);
	sw_json_object_end(j);
	sw_json_array_end(j);
}

static void write_alert(const struct sw_engine *e, struct sw_json *j, const struct report *r,
	const struct sw_ban_part *part)
{
	bool is_host = sw_net_is_host(&r->net);
	const char *scope = is_host ? "Ip" : "Range";
	char value[SW_NET_TEXT_MAX], scenario[96], at[SW_TIME_TEXT_MAX];

	sw_cidr_format(value, &r->net);
	snprintf(scenario, sizeof(scenario), "sockwarden/%s", part->origin);
	sw_time_format(at, part->made_wall_sec * (int64_t)SW_SEC_NS);
	sw_json_object_begin(j, NULL);
	sw_json_string(j, "scenario", scenario);
	sw_json_string(j, "scenario_hash", "");
	sw_json_string(j, "scenario_version", SW_VERSION);
	sw_json_stringf(j, "message", "%s is banned by sockwarden on %s%s%s", value, e->host, *part->reason ? ": " : "",
		part->reason);
	sw_json_uint(j, "events_count", 1);
	sw_json_array_begin(j, "events");
	sw_json_array_end(j);
	sw_json_string(j, "start_at", at);
	sw_json_string(j, "stop_at", at);
	sw_json_int(j, "capacity", 0);
	sw_json_string(j, "leakspeed", "0s");
	sw_json_bool(j, "simulated", false);
	sw_json_bool(j, "remediation", true);
	sw_json_object_begin(j, "source");
	sw_json_string(j, "scope", scope);
	sw_json_string(j, "value", value);
	sw_json_string(j, is_host ? "ip" : "range", value);
	sw_json_object_end(j);
	write_decision(e, j, part, scope, value, scenario);
	sw_json_object_end(j);
}

/* What is over or withdrawn by now leaves the batch. */
static void write_batch(struct sw_engine *e, struct sw_strbuf *out)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;
	unsigned int n = 0;
	struct sw_json j;

	sw_json_init(&j, out);
	sw_json_array_begin(&j, NULL);
	for (unsigned int i = 0; i < p->n_batch; i++) {
		const struct sw_ban_part *part = part_of(e, &p->batch[i]);

		if (!part)
			continue;
		write_alert(e, &j, &p->batch[i], part);
		p->batch[n++] = p->batch[i];
	}
	sw_json_array_end(&j);
	p->n_batch = n;
}

/* ---- posts */

static void next(struct sw_engine *e, uint64_t wait_sec)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;

	p->is_posting = p->is_armed = false;
	p->next_boot_ns = sw_clock_boot_ns(&e->clock) + wait_sec * SW_SEC_NS;
	if (p->n_batch || p->n)
		arm(e, wait_sec * SW_SEC_NS);
	else
		(void)sw_source_set_timer(p->timer, 0, 0);
}

static void fail(struct sw_engine *e, int result, const char *text)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;
	uint64_t wait_sec = EVERY_SEC;

	p->failures++;
	(void)sw_strcpy(p->error, sizeof(p->error), text[0] ? text : strerror(-result));
	sw_degraded_set(e, "crowdsec-reports", SW_SEV_LOW, "bans are not reported to CrowdSec: %s", p->error);
	for (unsigned int i = 0; i < p->failures_on_end && wait_sec < AWAY_SEC; i++)
		wait_sec *= 2;
	p->failures_on_end++;
	next(e, result == -EACCES ? AWAY_SEC : SW_MIN(wait_sec, (uint64_t)AWAY_SEC));
}

static void post(struct sw_engine *e)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;
	_strbuf_ struct sw_strbuf text = {};
	_close_ int fd = -1;
	int r;

	fill_batch(p);
	write_batch(e, &text);
	if (!p->n_batch) {
		next(e, GATHER_SEC);
		return;
	}
	fd = text.is_failed ? -ENOMEM : sw_memfd_sealed("sockwarden-alerts", text.text, text.len);
	r = fd < 0 ? fd : sw_net_peer_post_crowdsec(e, fd, ++p->post_id);
	if (r < 0) {
		fail(e, r, r == -ENOTCONN ? "sockwarden-net is away" : "");
		return;
	}
	p->posts++;
	p->is_posting = true;
	arm(e, ANSWER_SEC * SW_SEC_NS);
}

static int on_timer(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;

	e->crowdsec_report->is_armed = false;
	if (!is_on(e))
		return 0;
	if (e->crowdsec_report->is_posting)
		fail(e, -ETIMEDOUT, "sockwarden-net does not answer");
	else
		post(e);
	return 0;
}

void sw_crowdsec_reported(struct sw_engine *e, const struct sw_net_msg *m)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;

	if (!is_on(e) || !p->is_posting || m->id != p->post_id)
		return;
	if (m->result == -EBADMSG) { /* the same would be refused again */
		p->refused += p->n_batch;
		p->n_batch = 0;
	}
	if (m->result < 0) {
		fail(e, m->result, m->text);
		return;
	}
	p->reported += p->n_batch;
	p->n_batch = 0;
	p->failures_on_end = 0;
	p->error[0] = 0;
	p->good_wall_sec = sw_clock_wall_sec(&e->clock);
	sw_degraded_clear(e, "crowdsec-reports");
	next(e, EVERY_SEC);
}

void sw_crowdsec_report_again(struct sw_engine *e)
{
	if (is_on(e) && (e->crowdsec_report->n_batch || e->crowdsec_report->n))
		next(e, GATHER_SEC);
}

/* ---- the part */

static int init(struct sw_engine *e)
{
	e->crowdsec_report = calloc(1, sizeof(*e->crowdsec_report));
	if (!e->crowdsec_report)
		return -ENOMEM;
	return sw_loop_add_timer(e->loop, 0, 0, on_timer, e, &e->crowdsec_report->timer);
}

static void done(struct sw_engine *e)
{
	if (!e->crowdsec_report)
		return;
	sw_source_free(e->crowdsec_report->timer);
	free(TAKE_PTR(e->crowdsec_report));
}

static void configured(struct sw_engine *e, const struct sw_config *old)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;

	if (is_on(e))
		return;
	p->n = p->n_batch = 0;
	next(e, 0);
	p->error[0] = 0;
	sw_degraded_clear(e, "crowdsec-reports");
}

void sw_crowdsec_report_status(const struct sw_engine *e, struct sw_json *j)
{
	const struct sw_crowdsec_report_part *p = e->crowdsec_report;

	if (!is_on(e))
		return;
	sw_json_object_begin(j, "reports");
	sw_json_wall_sec(j, "last_good_at", p->good_wall_sec);
	sw_json_string(j, "error", p->error[0] ? p->error : NULL);
	sw_json_uint(j, "reported", p->reported);
	sw_json_uint(j, "waiting", p->n + p->n_batch);
	sw_json_uint(j, "lost", p->lost);
	sw_json_uint(j, "refused", p->refused);
	sw_json_uint(j, "posts", p->posts);
	sw_json_uint(j, "failures", p->failures);
	sw_json_object_end(j);
}

const struct sw_engine_part sw_part_crowdsec_report = {
	.name = "crowdsec-report",
	.init = init,
	.done = done,
	.configured = configured,
};
