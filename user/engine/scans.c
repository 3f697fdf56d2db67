// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/scans.h"

#include <netinet/in.h>

#include "user/base/words.h"
#include "user/detect/flows.h"
#include "user/detect/probes.h"
#include "user/detect/sight.h"
#include "user/engine/bans.h"
#include "user/engine/watch.h"

enum {
	PORTS = 65536,
	SEND_MS = 50, /* listeners come and go in bursts */
	NETSTAT_SEC = 5,
	NETSTAT_BYTES = 16384,
};

struct sw_scans_part {
	struct sw_rules rules;
	struct sw_probes *probes;
	struct sw_flows *flows;
	struct sw_source *send, *netstat;
	bool is_due;
	uint16_t listeners[2][PORTS]; /* TCP, UDP: how many listen */
	struct sw_guard_ports sent;
	struct sw_guard_request request;
	uint64_t bans;
};

struct sw_rules *sw_scans_rules(struct sw_engine *e)
{
	return &e->scans->rules;
}

/* ---- findings */

/* The source of a scan or of SYNs may be forged, so this is the operator's own wish, and short. */
static void ban_source(struct sw_engine *e, const struct sw_finding *f)
{
	struct sw_ban_request q = {.net = f->subject,
		.for_sec = e->config->scan_ban_sec,
		.origin = "scan",
		.by = "policy",
		.reason = f->title};
	struct sw_refusal_text text;
	enum sw_refusal refusal;

	if (sw_policy_find_ban(e->policy, &q.net))
		return;
	if (sw_engine_ban(e, &q, NULL, NULL, &refusal, &text) == -EPERM)
		sw_log_debug(0, "no ban for a scan: %s", text.message);
	else
		e->scans->bans++;
}

static void on_scan(void *arg, struct sw_finding *f)
{
	struct sw_engine *e = arg;

	sw_engine_find(e, f);
	if (e->config->scan_action == SW_DECOY_BAN && f->subject.family)
		ban_source(e, f);
}

static void on_flow(void *arg, struct sw_finding *f)
{
	sw_engine_find(arg, f);
}

void sw_scans_packet(struct sw_engine *e, const struct sw_pkt_event *ev)
{
	if (e->scans && (ev->reason == SW_R_PROBE || ev->reason == SW_R_SCAN))
		sw_probes_event(e->scans->probes, ev);
}

void sw_scans_socket(struct sw_engine *e, const struct sw_event *ev)
{
	if (e->scans && ev->kind == SW_EVENT_SOCK)
		sw_flows_socket(e->scans->flows, ev->sock);
}

static void found(struct sw_engine *e, const struct sw_finding *f)
{
	if (e->scans && f->kind == SW_FINDING_NEW_LISTENER)
		sw_flows_new_listener(e->scans->flows, f);
}

static int on_netstat(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;
	char text[NETSTAT_BYTES] = "";

	sw_read_file("/proc/net/netstat", text, sizeof(text));
	sw_flows_netstat(e->scans->flows, text);
	return 0;
}

/* ---- ports for the gate */

/* Which row of the counts a listener is in; -1: none, for it is on loopback, elsewhere, or neither TCP nor UDP. */
static int row_of(struct sw_engine *e, const struct sw_sock *s)
{
	if ((s->protocol != IPPROTO_TCP && s->protocol != IPPROTO_UDP) || !s->lport ||
		sw_sock_exposure(s) <= SW_EXPOSURE_LOOPBACK ||
		*sw_inventory_netns_name(e->watch->inv, s->netns))
		return -1;
	return s->protocol == IPPROTO_UDP;
}

static void on_ports(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
	struct sw_engine *e = arg;

	/* asked again with the next change, or when the guard is back */
	if (reply->result < 0 && e->scans)
		memset(&e->scans->sent, 0, sizeof(e->scans->sent));
}

static void send_ports(struct sw_engine *e)
{
	struct sw_scans_part *p = e->scans;
	struct sw_guard_ports *ports = &p->request.ports;

	memset(&p->request, 0, sizeof(p->request));
	for (unsigned int i = 1; i < PORTS; i++) {
		ports->tcp[i >> 3] |= (__u8)(!!p->listeners[0][i] << (i & 7));
		ports->udp[i >> 3] |= (__u8)(!!p->listeners[1][i] << (i & 7));
	}
	if (!memcmp(ports, &p->sent, sizeof(*ports)))
		return;
	p->sent = *ports;
	p->request.op = SW_GUARD_PORTS;
	p->request.n = 1;
	if (sw_guard_post(e->guard, &p->request, SW_GUARD_REQUEST_HEAD + sizeof(*ports), -1,
		    on_ports, e) < 0)
		memset(&p->sent, 0, sizeof(p->sent));
}

static int on_send(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;

	e->scans->is_due = false;
	send_ports(e);
	return 0;
}

static void send_soon(struct sw_engine *e)
{
	if (!e->scans->is_due)
		sw_source_set_timer(e->scans->send, SEND_MS * SW_MSEC_NS, 0);
	e->scans->is_due = true;
}

static void count(struct sw_engine *e, const struct sw_sock *s, int by)
{
	int row = row_of(e, s);
	uint16_t *n = row < 0 ? NULL : &e->scans->listeners[row][s->lport];

	if (n && (by > 0 ? *n < UINT16_MAX : *n > 0))
		*n = (uint16_t)(*n + by);
}

void sw_scans_listener(struct sw_engine *e, enum sw_sock_change change, const struct sw_sock *s)
{
	if (!e->scans || row_of(e, s) < 0)
		return;
	count(e, s, change == SW_SOCK_UP ? 1 : -1);
	send_soon(e);
}

static int count_one(const struct sw_sock *s, void *arg)
{
	if (sw_sock_is_listener(s))
		count(arg, s, 1);
	return 0;
}

void sw_scans_settled(struct sw_engine *e)
{
	if (!e->scans)
		return;
	memset(e->scans->listeners, 0, sizeof(e->scans->listeners));
	sw_inventory_each(e->watch->inv, count_one, e);
	send_soon(e);
}

/* ---- the part */

static int connected(struct sw_engine *e)
{
	memset(&e->scans->sent, 0, sizeof(e->scans->sent));
	if (e->watch && e->watch->is_settled)
		send_soon(e);
	return 0;
}

static int init(struct sw_engine *e)
{
	struct sw_scans_part *p = e->scans = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	sw_rules_set(&p->rules, e->config);
	r = sw_probes_new(&e->clock, &p->rules, on_scan, e, &p->probes);
	if (r >= 0)
		r = sw_flows_new(&e->clock, &p->rules, on_flow, e, &p->flows);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, 0, 0, on_send, e, &p->send);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, NETSTAT_SEC * SW_SEC_NS, NETSTAT_SEC * SW_SEC_NS,
			on_netstat, e, &p->netstat);
	return r;
}

static void done(struct sw_engine *e)
{
	struct sw_scans_part *p = TAKE_PTR(e->scans);

	if (!p)
		return;
	sw_source_free(p->send);
	sw_source_free(p->netstat);
	sw_probes_free(p->probes);
	sw_flows_free(p->flows);
	free(p);
}

static void configured(struct sw_engine *e, const struct sw_config *old)
{
	sw_rules_set(&e->scans->rules, e->config);
}

static void status(struct sw_engine *e, struct sw_json *j)
{
	struct sw_probes_stats s = sw_probes_stats(e->scans->probes);

	sw_json_object_begin(j, "scans");
	sw_json_uint(j, "scanners", s.rows);
	sw_json_uint(j, "untold", s.untold);
	sw_json_uint(j, "bans", e->scans->bans);
	sw_json_string(j, "action", e->config->scan_action == SW_DECOY_BAN ? "ban" : "alert");
	sw_json_object_end(j);
}

static void write_rule(struct sw_engine *e, struct sw_json *j, enum sw_rule rule)
{
	const struct sw_rules *rules = &e->scans->rules, *looked = sw_inspect_rules(e);
	unsigned int at = rule - SW_RULE_HABITS;
	const struct sw_config_habit *r = sw_rule_at(rules, rule);
	char text[SW_NET_TEXT_MAX];

	sw_json_object_begin(j, NULL);
	sw_json_string(j, "rule", sw_rule_word(rule));
	sw_json_string(j, "kind", sw_rule_kind(rule));
	sw_json_string(j, "severity", sw_severity_word(sw_rule_severity(rule)));
	sw_json_bool(j, "enabled", r->is_on);
	sw_json_uint(j, "threshold", r->threshold);
	sw_json_string(j, "unit", sw_rule_unit(rule));
	sw_json_uint(j, "window_sec", r->window_sec);
	sw_json_array_begin(j, "allow");
	for (__u32 i = 0; i < r->n_allow; i++)
		sw_json_string(j, NULL, sw_cidr_format(text, &r->allow[i]));
	sw_json_array_end(j);
	sw_json_uint(j, "findings", rules->told[at] + (looked ? looked->told[at] : 0));
	sw_json_uint(j, "spared", rules->spared[at] + (looked ? looked->spared[at] : 0));
	sw_json_string(j, "text", sw_rule_sentence(rule));
	sw_json_object_end(j);
}

static void verb_detect(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_json *j = sw_ctl_reply_begin(q);

	sw_json_array_begin(j, "rules");
	for (unsigned int rule = SW_RULE_HABITS; rule < SW_RULE_COUNT; rule++)
		write_rule(arg, j, rule);
	sw_json_array_end(j);
	sw_ctl_reply_end(q);
}

static const struct sw_ctl_verb verbs[] = {
	{"detect.list", SW_CTL_READ, verb_detect},
	{},
};

const struct sw_engine_part sw_part_scans = {
	.name = "scans",
	.verbs = verbs,
	.init = init,
	.done = done,
	.connected = connected,
	.configured = configured,
	.status = status,
	.found = found,
};
