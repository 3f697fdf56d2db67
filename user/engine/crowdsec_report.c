// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Queues and batches of what is reported. Only network and number of a ban wait: when its turn comes the rest
 * is read from the policy, so that a ban that was withdrawn or is over meanwhile is not reported. Withdrawals go
 * first, each alone: a ban that still waits and was made after one is told after it.
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
	char origin[32];
};

struct queue { /* a ring */
	struct report at[QUEUE_MAX];
	unsigned int first, n;
};

struct sw_crowdsec_report_part {
	struct sw_source *timer;
	struct queue bans, withdrawals;
	struct report batch[BATCH_MAX]; /* what is being posted, or was and failed */
	unsigned int n_batch;
	struct report withdrawal; /* the same of one that is taken back */
	bool has_withdrawal;
	enum { RESTING, POSTING, WITHDRAWING } doing;
	uint32_t post_id;
	unsigned int failures_on_end;
	uint64_t next_boot_ns; /* no ban is posted sooner, and after a failure nothing */
	struct sw_crowdsec_report_stats stats;
	char error[256]; /* "": the last post was taken */
};

static bool is_on(const struct sw_engine *e)
{
	return e->crowdsec_report && e->config->crowdsec_url[0] && e->config->crowdsec_machine[0];
}

static unsigned int n_withdrawals(const struct sw_crowdsec_report_part *p)
{
	return p->withdrawals.n + p->has_withdrawal;
}

static unsigned int n_bans(const struct sw_crowdsec_report_part *p)
{
	return p->bans.n + p->n_batch;
}

static void set_timer(struct sw_engine *e, uint64_t due_boot_ns)
{
	uint64_t now_ns = sw_clock_boot_ns(&e->clock), soon_ns = now_ns + SW_MSEC_NS;

	(void)sw_source_set_timer(e->crowdsec_report->timer, SW_MAX(due_boot_ns, soon_ns) - now_ns, 0);
}

/* For what is to be done next; while an answer is awaited the timer is the answer's. */
static void schedule(struct sw_engine *e)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;

	if (p->doing != RESTING)
		return;
	if (n_withdrawals(p) && !p->failures_on_end)
		set_timer(e, 0);
	else if (n_withdrawals(p) || n_bans(p))
		set_timer(e, p->next_boot_ns);
	else
		(void)sw_source_set_timer(p->timer, 0, 0);
}

static void rest(struct sw_engine *e, uint64_t wait_sec)
{
	e->crowdsec_report->doing = RESTING;
	e->crowdsec_report->next_boot_ns = sw_clock_boot_ns(&e->clock) + wait_sec * SW_SEC_NS;
	schedule(e);
}

/* ---- the queues */

static bool is_enforcing(struct sw_engine *e)
{
	const struct sw_guard_status *s = sw_engine_guard_status(e);

	return s && s->is_enforcing;
}

/* What CrowdSec has told is not told back to it. */
static bool is_ours(const char *origin)
{
	return !sw_streq(origin, "crowdsec");
}

static void drop_first(struct queue *q)
{
	q->first = (q->first + 1) % QUEUE_MAX;
	q->n--;
}

static void push(struct sw_crowdsec_report_part *p, struct queue *q, const struct report *r)
{
	if (q->n == QUEUE_MAX) {
		drop_first(q);
		p->stats.lost++;
	}
	q->at[(q->first + q->n++) % QUEUE_MAX] = *r;
}

static struct report report_of(const struct sw_net *net, uint64_t id, const char *origin)
{
	struct report r = {.net = *net, .id = id};

	(void)sw_strcpy(r.origin, sizeof(r.origin), origin);
	return r;
}

void sw_crowdsec_report(struct sw_engine *e, const struct sw_decision *d)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;
	struct report r = report_of(&d->net, d->id, d->origin);

	if (!is_on(e) || d->kind != SW_DECISION_BAN || !is_ours(d->origin) || !is_enforcing(e))
		return;
	if (!n_bans(p))
		p->next_boot_ns = SW_MAX(p->next_boot_ns, sw_clock_boot_ns(&e->clock) + GATHER_SEC * SW_SEC_NS);
	push(p, &p->bans, &r);
	schedule(e);
}

void sw_crowdsec_withdraw(struct sw_engine *e, const struct sw_net *net, const char *origin)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;
	struct report r = report_of(net, 0, origin);

	if (!is_on(e) || !is_ours(origin))
		return;
	push(p, &p->withdrawals, &r);
	schedule(e);
}

static void fill_batch(struct sw_crowdsec_report_part *p)
{
	for (; p->bans.n && p->n_batch < BATCH_MAX; drop_first(&p->bans))
		p->batch[p->n_batch++] = p->bans.at[p->bans.first];
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

enum { SCENARIO_MAX = 128 };

/* Of a decision: it names the machine, net.h says what for. */
static const char *format_scenario(char text[static SCENARIO_MAX], const struct sw_engine *e, const char *origin)
{
	snprintf(text, SCENARIO_MAX, "%s/%s/%s", SW_NET_CROWDSEC_OURS, e->config->crowdsec_machine, origin);
	return text;
}

static void write_decision(const struct sw_engine *e, struct sw_json *j, const struct sw_ban_part *part,
	const char *scope, const char *value)
{
	char scenario[SCENARIO_MAX];
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
	sw_json_string(j, "scenario", format_scenario(scenario, e, part->origin));
	sw_json_bool(j, "simulated", false);
	sw_json_object_end(j);
	sw_json_array_end(j);
}

/* The server counts a decision's length from stop_at on: it is now. */
static void write_alert(const struct sw_engine *e, struct sw_json *j, const struct report *r,
	const struct sw_ban_part *part)
{
	bool is_host = sw_net_is_host(&r->net);
	const char *scope = is_host ? "Ip" : "Range";
	char value[SW_NET_TEXT_MAX], at[SW_TIME_TEXT_MAX];

	sw_cidr_format(value, &r->net);
	sw_time_format(at, part->made_wall_sec * (int64_t)SW_SEC_NS);
	sw_json_object_begin(j, NULL);
	sw_json_stringf(j, "scenario", "%s/%s", SW_NET_CROWDSEC_OURS, part->origin);
	sw_json_string(j, "scenario_hash", "");
	sw_json_string(j, "scenario_version", SW_VERSION);
	sw_json_stringf(j, "message", "%s is banned by sockwarden on %s%s%s", value, e->host, *part->reason ? ": " : "",
		part->reason);
	sw_json_uint(j, "events_count", 1);
	sw_json_array_begin(j, "events");
	sw_json_array_end(j);
	sw_json_string(j, "start_at", at);
	sw_time_format(at, sw_clock_wall_sec(&e->clock) * (int64_t)SW_SEC_NS);
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
	write_decision(e, j, part, scope, value);
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

static void fail(struct sw_engine *e, int result, const char *text)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;
	uint64_t wait_sec = EVERY_SEC;

	p->stats.failures++;
	(void)sw_strcpy(p->error, sizeof(p->error), text[0] ? text : strerror(-result));
	sw_degraded_set(e, "crowdsec-reports", SW_SEV_LOW, "bans are not reported to CrowdSec: %s", p->error);
	for (unsigned int i = 0; i < p->failures_on_end && wait_sec < AWAY_SEC; i++)
		wait_sec *= 2;
	p->failures_on_end++;
	rest(e, result == -EACCES ? AWAY_SEC : SW_MIN(wait_sec, (uint64_t)AWAY_SEC));
}

/* r: of the message to sockwarden-net. */
static void await_answer(struct sw_engine *e, int r, int doing)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;

	if (r < 0) {
		fail(e, r, r == -ENOTCONN ? "sockwarden-net is away" : "");
		return;
	}
	p->doing = doing;
	p->stats.posts += doing == POSTING;
	set_timer(e, sw_clock_boot_ns(&e->clock) + ANSWER_SEC * SW_SEC_NS);
}

static void post(struct sw_engine *e)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;
	_strbuf_ struct sw_strbuf text = {};
	_close_ int fd = -1;

	fill_batch(p);
	write_batch(e, &text);
	if (!p->n_batch) {
		rest(e, GATHER_SEC);
		return;
	}
	fd = text.is_failed ? -ENOMEM : sw_memfd_sealed("sockwarden-alerts", text.text, text.len);
	await_answer(e, fd < 0 ? fd : sw_net_peer_post_crowdsec(e, fd, ++p->post_id), POSTING);
}

static void withdraw(struct sw_engine *e)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;
	char scenario[SCENARIO_MAX];

	if (!p->has_withdrawal) {
		p->withdrawal = p->withdrawals.at[p->withdrawals.first];
		p->has_withdrawal = true;
		drop_first(&p->withdrawals);
	}
	format_scenario(scenario, e, p->withdrawal.origin);
	await_answer(e, sw_net_peer_withdraw_crowdsec(e, &p->withdrawal.net, scenario, ++p->post_id), WITHDRAWING);
}

static int on_timer(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_crowdsec_report_part *p = e->crowdsec_report;

	if (!is_on(e))
		return 0;
	if (p->doing != RESTING)
		fail(e, -ETIMEDOUT, "sockwarden-net does not answer");
	else if (n_withdrawals(p))
		withdraw(e);
	else
		post(e);
	return 0;
}

/* What was asked for is done, or would be refused again. How many bans it was of. */
static unsigned int settle(struct sw_crowdsec_report_part *p)
{
	unsigned int n = p->doing == WITHDRAWING ? 1 : p->n_batch;

	if (p->doing == WITHDRAWING)
		p->has_withdrawal = false;
	else
		p->n_batch = 0;
	return n;
}

static void take_success(struct sw_engine *e, uint64_t n_deleted)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;
	bool is_withdrawal = p->doing == WITHDRAWING;
	unsigned int n = settle(p);

	if (!is_withdrawal)
		p->stats.reported += n;
	else if (n_deleted) /* else it was never reported, or CrowdSec itself has ended it */
		p->stats.withdrawn += n;
	p->failures_on_end = 0;
	p->error[0] = 0;
	p->stats.good_wall_sec = sw_clock_wall_sec(&e->clock);
	sw_degraded_clear(e, "crowdsec-reports");
	p->doing = RESTING;
	if (!is_withdrawal)
		rest(e, EVERY_SEC);
	else
		schedule(e);
}

void sw_crowdsec_reported(struct sw_engine *e, const struct sw_net_msg *m)
{
	struct sw_crowdsec_report_part *p = e->crowdsec_report;

	if (!is_on(e) || p->doing == RESTING || m->id != p->post_id)
		return;
	if (m->result == -EBADMSG)
		p->stats.refused += settle(p);
	if (m->result < 0)
		fail(e, m->result, m->text);
	else
		take_success(e, m->entries);
}

void sw_crowdsec_report_again(struct sw_engine *e)
{
	if (is_on(e) && (n_bans(e->crowdsec_report) || n_withdrawals(e->crowdsec_report)))
		rest(e, GATHER_SEC);
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
	p->bans.n = p->withdrawals.n = p->n_batch = 0;
	p->has_withdrawal = false;
	rest(e, 0);
	p->error[0] = 0;
	sw_degraded_clear(e, "crowdsec-reports");
}

void sw_crowdsec_report_status(const struct sw_engine *e, struct sw_json *j)
{
	const struct sw_crowdsec_report_part *p = e->crowdsec_report;

	if (!is_on(e))
		return;
	sw_json_object_begin(j, "reports");
	sw_json_wall_sec(j, "last_good_at", p->stats.good_wall_sec);
	sw_json_string(j, "error", p->error[0] ? p->error : NULL);
	sw_json_uint(j, "reported", p->stats.reported);
	sw_json_uint(j, "withdrawn", p->stats.withdrawn);
	sw_json_uint(j, "waiting", n_bans(p) + n_withdrawals(p));
	sw_json_uint(j, "lost", p->stats.lost);
	sw_json_uint(j, "refused", p->stats.refused);
	sw_json_uint(j, "posts", p->stats.posts);
	sw_json_uint(j, "failures", p->stats.failures);
	sw_json_object_end(j);
}

bool sw_crowdsec_report_stats(const struct sw_engine *e, struct sw_crowdsec_report_stats *ret)
{
	if (!is_on(e))
		return false;
	*ret = e->crowdsec_report->stats;
	ret->waiting = n_bans(e->crowdsec_report) + n_withdrawals(e->crowdsec_report);
	return true;
}

const struct sw_engine_part sw_part_crowdsec_report = {
	.name = "crowdsec-report",
	.init = init,
	.done = done,
	.configured = configured,
};
