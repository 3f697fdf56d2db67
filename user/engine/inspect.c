// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Packets of this host's own sockets, looked into: the ring that the kernel's half (bpf/inspect.bpf.c) fills
 * goes through the same detection as replay, against the trails of every kind; what is seen becomes findings
 * that name the process.
 */
#include <netinet/in.h>

#include "sockwarden/pkt/parse.h"
#include "user/detect/sightings.h"
#include "user/detect/traffic.h"
#include "user/engine/bans.h"
#include "user/engine/scans.h"
#include "user/engine/trails.h"
#include "user/engine/watch.h"
#include "user/kern/ring.h"

enum { RETRY_NS = 200000000 };

struct sw_inspect_part {
	struct sw_ring *ring;
	struct sw_static *none; /* a set that holds nothing, while there is no other */
	struct sw_traffic *traffic;
	struct sw_sightings *sightings;
	struct sw_source *retry; /* gives the guard the domains again */
	uint64_t packets, unread, refused, bans, cuts;
	/* while a record is judged */
	const struct sw_inspect_event *now;
	struct sw_flow flow;
};

/* ---- what is seen */

static bool is_same_flow(const struct sw_flow *a, const struct sw_flow *b)
{
	return a->sport == b->sport && a->dport == b->dport && a->protocol == b->protocol &&
		!memcmp(&a->saddr, &b->saddr, 16) && !memcmp(&a->daddr, &b->daddr, 16);
}

/* A request that hurts whom it is sent to, whoever it pretends to be for. */
static bool is_attack(enum sw_rule rule)
{
	return rule == SW_RULE_TRAIL_URL || rule == SW_RULE_TRAIL_AGENT ||
		rule == SW_RULE_WEB_ATTACK || rule == SW_RULE_WEB_SCANNER;
}

/* Over TCP what was heard of a request proves its source: its handshake was answered. */
static void ban_source(struct sw_engine *e, const struct sw_finding *f)
{
	struct sw_ban_request q = {.net = f->subject,
		.for_sec = e->config->inspect_ban_sec,
		.origin = "inspect",
		.by = "policy",
		.reason = f->title};
	struct sw_refusal_text text;
	enum sw_refusal refusal;
	int r;

	if (q.net.family == SW_AF_IP6)
		q.net = sw_net_trim(&q.net, 64);
	if (sw_policy_find_ban(e->policy, &q.net))
		return;
	r = sw_engine_ban(e, &q, NULL, NULL, &refusal, &text);
	if (r == -EPERM)
		sw_log_debug(0, "no ban for a request: %s", text.message);
	else
		e->inspect->bans++;
}

/* ---- a connection of a process here, for what is said in it */

/* The rule is of what a client says; a certificate is what it is shown. */
static bool is_ours(enum sw_rule rule, bool is_out)
{
	switch (rule) {
	case SW_RULE_TRAIL_DNS:
	case SW_RULE_TRAIL_HOST:
	case SW_RULE_TRAIL_URL:
	case SW_RULE_TRAIL_AGENT:
	case SW_RULE_TRAIL_SNI:
	case SW_RULE_TRAIL_JA3:
	case SW_RULE_TRAIL_JA4:
		return is_out;
	case SW_RULE_TRAIL_CERT:
		return !is_out;
	default:
		return false;
	}
}

static struct sw_net end_of(const struct sw_flow *f, bool is_source)
{
	const union sw_flow_addr *a = is_source ? &f->saddr : &f->daddr;

	return f->family == 6 ? sw_net_from6(a->byte) : sw_net_from4(a->word[0]);
}

static void on_cut(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
	struct sw_engine *e = arg;

	if (reply->result >= 0)
		e->inspect->cuts += reply->done;
}

/* A question over UDP is refused, or was not; there is nothing to end. */
static void cut(struct sw_engine *e, const struct sw_sighting *o, uint64_t cookie)
{
	const struct sw_flow *f = o->sight->flow;
	bool is_question = o->sight->rule == SW_RULE_TRAIL_DNS;
	struct sw_guard_request req = {.op = SW_GUARD_CUT, .n = 1};

	if (!e->config->inspect_cut || !is_ours(o->sight->rule, o->is_out) ||
		sw_trails_action(e, o->sight->list) != SW_TRAIL_DROP ||
		(is_question && f->protocol != IPPROTO_TCP))
		return;
	req.cuts[0] = (struct sw_guard_cut){.local = end_of(f, o->is_out),
		.peer = end_of(f, !o->is_out),
		.lport = o->is_out ? f->sport : f->dport,
		.rport = o->is_out ? f->dport : f->sport,
		.protocol = f->protocol,
		.is_question = is_question,
		.cookie = cookie};
	(void)sw_guard_post(e->guard, &req, SW_GUARD_REQUEST_HEAD + sizeof(req.cuts[0]), -1, on_cut, e);
}

static void tell(struct sw_engine *e, const struct sw_sighting *o)
{
	struct sw_finding f;
	bool is_new;

	if (!sw_sightings_add(e->inspect->sightings, o, &f))
		return;
	is_new = !f.id;
	sw_engine_find(e, &f);
	if (is_new)
		sw_sightings_told(e->inspect->sightings, o, f.id);
	if (!o->is_out && f.protocol == IPPROTO_TCP && is_attack(o->sight->rule) &&
		e->config->inspect_ban)
		ban_source(e, &f);
}

static void on_sight(void *arg, const struct sw_sight *sight)
{
	struct sw_engine *e = arg;
	struct sw_inspect_part *p = e->inspect;
	/* What was waited for too long is told amid another packet. */
	bool is_now = p->now && is_same_flow(sight->flow, &p->flow);
	struct sw_proc_info info = {};
	char pod[SW_POD_TEXT_MAX];
	struct sw_sighting o = {.sight = sight, .list = sight->info ? sight->info : ""};
	struct sw_proc *proc = NULL;

	if (is_now) {
		o.is_out = p->now->way == SW_WAY_OUT;
		o.is_refused = p->now->is_refused;
		o.pid = p->now->owner.tgid;
		o.uid = p->now->owner.uid;
	}
	if (is_now)
		cut(e, &o, p->now->cookie);
	if (o.pid && e->watch)
		proc = sw_procs_hold(e->watch->procs, &p->now->owner);
	if (proc)
		sw_procs_info(e->watch->procs, proc, true, &info);
	o.by = sw_watch_process(&info, pod);
	tell(e, &o);
	if (proc)
		sw_procs_release(e->watch->procs, proc);
}

/* ---- the ring */

static void on_event(const struct sw_event *event, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_inspect_part *p = e->inspect;
	const struct sw_inspect_event *ev = event->inspect;
	uint64_t now_ns = sw_clock_boot_ns(&e->clock);
	struct sw_traffic_packet packet = {.data = ev->data,
		.len = ev->len,
		.link = SW_LINK_IP,
		.wall_ns = sw_clock_wall_ns(&e->clock) -
			(int64_t)(now_ns - SW_MIN(ev->boot_ns, now_ns)),
		.number = ++p->packets,
		.is_ahead = ev->is_ahead};

	if (sw_pkt_parse(ev->data, ev->data + ev->len, SW_LINK_IP, &p->flow) != SW_PKT_IP) {
		p->unread++;
		return;
	}
	p->refused += ev->is_refused;
	p->now = ev;
	sw_traffic_packets(p->traffic, &packet, 1);
	p->now = NULL;
}

static const struct sw_ring_ops ring_ops = {.event = on_event};

/* ---- domains to refuse, and the trails */

static void on_domains(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
	struct sw_engine *e = arg;

	if (reply->result == -EBUSY)
		(void)sw_source_set_timer(e->inspect->retry, RETRY_NS, 0);
	else if (reply->result < 0 && reply->result != -ECONNRESET)
		sw_log_warning(reply->result, "the domains to refuse are not in force: %s", reply->text);
}

static void send_domains(struct sw_engine *e)
{
	struct sw_guard_request req = {.op = SW_GUARD_DOMAINS};
	int fd = sw_trails_domains(e);

	if (fd >= 0)
		(void)sw_guard_post(e->guard, &req, SW_GUARD_REQUEST_HEAD, fd, on_domains, e);
}

static int on_retry(struct sw_source *s, void *arg)
{
	send_domains(arg);
	return 0;
}

static void compiled(struct sw_engine *e, struct sw_static *set)
{
	if (!e->inspect)
		return;
	sw_traffic_use(e->inspect->traffic, set ? set : e->inspect->none);
	send_domains(e);
}

/* ---- the part */

static int init(struct sw_engine *e)
{
	struct sw_inspect_part *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	e->inspect = p;
	r = sw_static_new(&p->none);
	if (r >= 0)
		r = sw_static_seal(p->none);
	if (r >= 0)
		r = sw_sightings_new(&e->clock, &p->sightings);
	if (r >= 0)
		r = sw_traffic_new(p->none, 0, on_sight, e, &p->traffic);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, 0, 0, on_retry, e, &p->retry);
	if (r >= 0)
		compiled(e, sw_trails_static(e));
	if (r >= 0)
		sw_rules_set(sw_traffic_rules(p->traffic), e->config);
	return r;
}

static void lost(struct sw_engine *e)
{
	sw_ring_free(TAKE_PTR(e->inspect->ring));
}

static int connected(struct sw_engine *e)
{
	int r;

	lost(e);
	r = sw_ring_new(e->loop, SW_RING_INSPECT, e->fds[SW_FD_EV_INSPECT], &ring_ops, e,
		&e->inspect->ring);
	if (r < 0)
		sw_degraded_set(e, "inspect-ring", SW_SEV_MEDIUM,
			"packets cannot be looked into: %s", strerror(-r));
	else
		sw_degraded_clear(e, "inspect-ring");
	send_domains(e);
	return 0;
}

static void configured(struct sw_engine *e, const struct sw_config *old)
{
	sw_rules_set(sw_traffic_rules(e->inspect->traffic), e->config);
}

struct sw_rules *sw_inspect_rules(struct sw_engine *e)
{
	return e->inspect ? sw_traffic_rules(e->inspect->traffic) : NULL;
}

static void done(struct sw_engine *e)
{
	struct sw_inspect_part *p = e->inspect;

	if (!p)
		return;
	lost(e);
	sw_traffic_free(p->traffic);
	sw_sightings_free(p->sightings);
	sw_static_free(p->none);
	free(TAKE_PTR(e->inspect));
}

static void status(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_inspect_part *p = e->inspect;
	const struct sw_traffic_stats *t = sw_traffic_stats(p->traffic);
	uint64_t stats[SW_STAT_COUNT];

	(void)sw_engine_stats(e, stats);
	sw_json_object_begin(j, "inspect");
	sw_json_uint(j, "packets", p->packets);
	sw_json_uint(j, "not_inspected", stats[SW_STAT_INSPECT_LOST]);
	sw_json_uint(j, "unread", p->unread + t->unread + stats[SW_STAT_INSPECT_UNREAD]);
	sw_json_uint(j, "cut_short", stats[SW_STAT_INSPECT_CUT]);
	sw_json_uint(j, "dns", t->dns);
	sw_json_uint(j, "requests", t->requests);
	sw_json_uint(j, "hellos", t->hellos);
	sw_json_uint(j, "certificates", t->certificates);
	sw_json_uint(j, "given_up", t->given_up);
	sw_json_uint(j, "findings", sw_sightings_stats(p->sightings)->told);
	sw_json_uint(j, "refused", p->refused);
	sw_json_uint(j, "bans", p->bans);
	sw_json_uint(j, "cuts", p->cuts);
	sw_json_object_end(j);
}

const struct sw_engine_part sw_part_inspect = {
	.name = "inspect",
	.init = init,
	.done = done,
	.connected = connected,
	.lost = lost,
	.configured = configured,
	.status = status,
	.compiled = compiled,
};
