// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/traffic_private.h"

#include <assert.h>

#include "sockwarden/pkt/probe.h"
#include "sockwarden/pkt/tunnel.h"
#include "user/base/cidr.h"
#include "user/base/idna.h"
#include "user/detect/habits.h"
#include "user/detect/scan.h"
#include "user/proto/quic.h"
#include "user/trail/static_hash.h"

static void take_scan(void *arg, const struct sw_scan_finding *f)
{
	struct sw_traffic *t = arg;
	struct sw_sight s = {.time_ns = f->time_ns,
		.packet = f->packet,
		.rule = f->rule,
		.kind = sw_rule_kind(f->rule),
		.trail = f->about,
		.info = f->info,
		.flow = &f->flow};

	if (!sw_rules_admit_flow(&t->rules, f->rule, &f->flow))
		return;
	t->rules.told[f->rule - SW_RULE_HABITS]++;
	t->stats.sights++;
	t->fn(t->arg, &s);
}

int sw_traffic_new(struct sw_static *set, unsigned int looks, sw_sight_fn fn, void *arg,
	struct sw_traffic **ret)
{
	_cleanup_(sw_traffic_freep) struct sw_traffic *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	sw_rules_defaults(&t->rules);
	t->set = set;
	t->has_addresses = looks & SW_LOOK_ADDRESSES;
	t->has_gaps = looks & SW_LOOK_GAPS;
	t->fn = fn;
	t->arg = arg;
	t->told = calloc(TRAFFIC_TOLD, sizeof(*t->told));
	if (!t->told)
		return -ENOMEM;
	r = sw_heads_new(traffic_head_ended, t, &t->heads);
	if (!r)
		r = sw_gaps_new(&t->gaps);
	if (!r && looks & SW_LOOK_SCANS)
		r = sw_scan_new(&t->rules, take_scan, t, &t->scan);
	if (!r)
		r = sw_habits_new(&t->rules, &t->habits);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}

void sw_traffic_free(struct sw_traffic *t)
{
	if (!t)
		return;
	sw_heads_free(t->heads);
	sw_gaps_free(t->gaps);
	if (t->scan)
		sw_scan_free(t->scan);
	sw_habits_free(t->habits);
	free(t->told);
	free(t->counts);
	free(t);
}

void sw_traffic_use(struct sw_traffic *t, struct sw_static *set)
{
	t->set = set;
}

void sw_traffic_freep(struct sw_traffic **t)
{
	sw_traffic_free(*t);
}

struct sw_rules *sw_traffic_rules(struct sw_traffic *t)
{
	return &t->rules;
}

const struct sw_traffic_stats *sw_traffic_stats(struct sw_traffic *t)
{
	t->stats.given_up = sw_heads_stats(t->heads)->given_up;
	return &t->stats;
}

/* ---- telling */

/* The same for both directions of a flow. */
static uint64_t flow_hash(const struct sw_flow *f)
{
	uint64_t a = sw_hash_bytes(f->sport, &f->saddr, 16),
		 b = sw_hash_bytes(f->dport, &f->daddr, 16);

	return sw_mix64(a + b, f->protocol);
}

static bool was_told(
	struct sw_traffic *t, enum sw_rule rule, const struct sw_flow *flow, const char *text)
{
	uint64_t key = sw_mix64(flow_hash(flow), sw_hash_bytes(rule, text, strlen(text))) | 1;
	struct told *told = &t->told[key >> 20 & (TRAFFIC_TOLD - 1)];
	int64_t sec = traffic_sec(t);

	if (told->key == key && sec - told->sec < TRAFFIC_AGAIN_SEC)
		return true;
	*told = (struct told){key, sec};
	return false;
}

void traffic_tell_trail(struct sw_traffic *t, enum sw_rule rule, const struct sw_flow *flow,
	const struct sw_static_hit *hit, const char *text)
{
	struct sw_static_about about;
	struct sw_sight s;

	if (was_told(t, rule, flow, text))
		return;
	about = sw_static_about(t->set, hit);
	s = (struct sw_sight){.time_ns = t->now_ns,
		.packet = t->packet,
		.rule = rule,
		.kind = sw_static_kind_word(hit->kind),
		.trail = text,
		.info = about.info,
		.reference = about.reference,
		.citation = about.citation,
		.file = about.file,
		.line = about.line,
		.list = about.list,
		.flow = flow};
	t->stats.sights++;
	t->fn(t->arg, &s);
}

/* Counts one more; returns how many there were within the window, and at most a seventh of one before it. */
static uint32_t count_hit(struct hit_count *c, uint64_t key, uint32_t turn)
{
	uint32_t sum = 0;

	if (c->key != key || turn - c->turn >= TRAFFIC_PARTS)
		*c = (struct hit_count){.key = key, .turn = turn};
	while (c->turn != turn)
		c->part[++c->turn % TRAFFIC_PARTS] = 0;
	c->part[turn % TRAFFIC_PARTS]++;
	for (unsigned int i = 0; i < TRAFFIC_PARTS; i++)
		sum += c->part[i];
	return sum;
}

/* Is it often enough? Most rules tell of the first. DNS habits have counted themselves. */
static bool is_often(struct sw_traffic *t, enum sw_rule rule, const struct sw_flow *flow)
{
	const struct sw_config_habit *set = sw_rule_at(&t->rules, rule);
	uint64_t key = sw_hash_bytes(rule, &flow->saddr, 16) | 1;
	int64_t part_sec = (int64_t)set->window_sec / (TRAFFIC_PARTS - 1) + 1;

	if (set->threshold <= 1 || (rule >= SW_RULE_DNS_TUNNEL && rule <= SW_RULE_DNS_LONG_LABEL))
		return true;
	if (!t->counts)
		t->counts = calloc(TRAFFIC_COUNTS, sizeof(*t->counts));
	if (!t->counts)
		return true;
	return count_hit(&t->counts[key >> 20 & (TRAFFIC_COUNTS - 1)], key,
		       (uint32_t)(traffic_sec(t) / part_sec)) >= set->threshold;
}

void traffic_tell(struct sw_traffic *t, enum sw_rule rule, const struct sw_flow *flow,
	const char *about, const char *info)
{
	struct sw_sight s = {.time_ns = t->now_ns,
		.packet = t->packet,
		.rule = rule,
		.kind = sw_rule_kind(rule),
		.trail = about,
		.info = info,
		.flow = flow};

	if (!sw_rules_admit_flow(&t->rules, rule, flow) || !is_often(t, rule, flow) ||
		was_told(t, rule, flow, about))
		return;
	t->rules.told[rule - SW_RULE_HABITS]++;
	t->stats.sights++;
	t->fn(t->arg, &s);
}

/* ---- addresses and names */

bool traffic_judge_addr(struct sw_traffic *t, enum sw_rule rule, const struct sw_flow *flow,
	unsigned int family, const void *addr, uint16_t port)
{
	char text[SW_NET_TEXT_MAX + 8], net_text[SW_NET_TEXT_MAX];
	struct sw_static_hit hit;
	struct sw_net net;

	if (!sw_static_addr(t->set, family, addr, port, &hit, &net))
		return false;
	sw_cidr_format(net_text, &net);
	if (hit.kind == SW_STATIC_IP_PORT)
		snprintf(text, sizeof(text), family == 6 ? "[%s]:%u" : "%s:%u", net_text, port);
	else
		snprintf(text, sizeof(text), "%s", net_text);
	traffic_tell_trail(t, rule, flow, &hit, text);
	return true;
}

void traffic_judge_name(struct sw_traffic *t, enum sw_rule rule, const struct sw_flow *flow,
	const char *name, size_t len)
{
	char ascii[SW_STATIC_TEXT_MAX];
	struct sw_static_name n;
	int r;

	while (len && name[len - 1] == '.')
		len--;
	if (sw_idna_is_needed(name, len)) {
		r = sw_idna_to_ascii(name, len, ascii, sizeof(ascii));
		name = r > 0 ? ascii : name;
		len = r > 0 ? (size_t)r : len;
	}
	if (!len)
		return;
	sw_static_expect_name(t->set, name, len, &n);
	traffic_judge_expected(t, rule, flow, &n, len);
}

void traffic_judge_expected(struct sw_traffic *t, enum sw_rule rule, const struct sw_flow *flow,
	const struct sw_static_name *n, size_t len)
{
	struct sw_static_hit hit;
	const char *name = n->name, *suffix;

	if (sw_static_expected(t->set, n, &hit, &suffix)) {
		char text[SW_STATIC_TEXT_MAX];

		snprintf(text, sizeof(text), "%.*s", (int)(name + len - suffix), suffix);
		traffic_tell_trail(t, rule, flow, &hit, text);
	} else if (sw_static_has_kind(t->set, SW_STATIC_REGEX) &&
		!sw_static_is_excepted(t->set, n) &&
		sw_static_pattern(t->set, SW_STATIC_REGEX, name, len, &hit)) {
		traffic_tell_trail(t, rule, flow, &hit, hit.pattern);
	}
}

/* ---- packets */

static void judge_scan(struct sw_traffic *t, const struct sw_flow *flow, size_t payload)
{
	if (t->scan)
		sw_scan_packet(t->scan, flow, payload, t->now_ns, t->packet);
}

/* The number of the first byte of data: a SYN, which may bring some (RFC 7413), takes one of its own. */
static uint32_t data_seq(const struct sw_flow *flow, const uint8_t *p)
{
	uint32_t seq = (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7];

	return seq + !!(flow->tcp_flags & SW_TCP_SYN);
}

static void judge_tcp(struct sw_traffic *t, const struct sw_flow *flow, const struct sw_carried *c)
{
	const uint8_t *p = c->l4;
	size_t header, have = (size_t)(c->end - p);

	header = have < 20 ? SIZE_MAX : (size_t)(p[12] >> 4) * 4;
	if (t->has_gaps && have >= 20 && flow->tcp_flags & SW_TCP_SYN)
		sw_gaps_begin(t->gaps, flow, data_seq(flow, p));
	if (header < 20 || header >= have) {
		judge_scan(t, flow, 0);
		return;
	}
	judge_scan(t, flow, have - header);
	if (flow->tcp_flags & SW_TCP_RST)
		return;
	if (t->has_gaps)
		t->is_ahead = sw_gaps_see(t->gaps, flow, data_seq(flow, p), have - header);
	traffic_segment(t, flow, data_seq(flow, p), p + header, have - header);
}

static bool is_dns_port(uint16_t port)
{
	return port == 53 || port == 5353 || port == 5355;
}

static void judge_udp(struct sw_traffic *t, const struct sw_flow *flow, const struct sw_carried *c)
{
	const uint8_t *payload = c->l4 + 8;
	size_t len;

	judge_scan(t, flow, 0);
	if (c->end - c->l4 < 8)
		return;
	len = (size_t)(c->end - payload);
	if (is_dns_port(flow->dport) || is_dns_port(flow->sport))
		traffic_dns(t, flow, payload, len);
	else if (sw_quic_begins(payload, len))
		traffic_quic(t, flow, payload, len);
}

static void judge(struct sw_traffic *t, const struct sw_flow *flow, const struct sw_carried *c)
{
	if (t->has_addresses &&
		!traffic_judge_addr(
			t, SW_RULE_TRAIL_ADDRESS, flow, flow->family, &flow->saddr, flow->sport))
		traffic_judge_addr(
			t, SW_RULE_TRAIL_ADDRESS, flow, flow->family, &flow->daddr, flow->dport);
	if (flow->is_tiny)
		judge_scan(t, flow, 0);
	if (!flow->l4_off)
		return;
	if (flow->protocol == SW_IP_TCP)
		judge_tcp(t, flow, c);
	else if (flow->protocol == SW_IP_UDP)
		judge_udp(t, flow, c);
}

/* A packet as far as it was read before its turn. */
struct ahead {
	struct sw_flow flow;
	enum sw_pkt_result result;
};

static void judge_packet(
	struct sw_traffic *t, const struct sw_traffic_packet *p, const struct ahead *a)
{
	const uint8_t *data = p->data, *end = data + p->len;
	enum sw_pkt_result result = a->result;
	enum sw_link link = p->link;
	struct sw_flow flow = a->flow;

	t->now_ns = p->wall_ns;
	t->packet = p->number;
	t->is_ahead = p->is_ahead;
	t->stats.packets++;
	t->stats.bytes += p->len;
	for (unsigned int i = 0; i < SW_MAX_TUNNELS && data; i++) {
		struct sw_carried c;

		if (i)
			result = sw_pkt_parse(data, end, link, &flow);
		if (result != SW_PKT_IP) {
			t->stats.not_ip += result == SW_PKT_NOT_IP;
			t->stats.unreadable += result != SW_PKT_NOT_IP;
			return;
		}
		c = sw_pkt_carried(data, end, link, &flow);
		judge(t, &flow, &c);
		data = sw_tunnel_inner(&flow, &c, &link);
		end = c.end;
	}
	t->stats.unread += data != NULL; /* tunnels deeper than are looked into */
}

void sw_traffic_packets(struct sw_traffic *t, const struct sw_traffic_packet *v, size_t n)
{
	struct ahead ahead[SW_TRAFFIC_BATCH];

	assert(n <= SW_TRAFFIC_BATCH);
	for (size_t i = 0; i < n; i++) {
		struct ahead *a = &ahead[i];

		a->result = sw_pkt_parse(v[i].data, v[i].data + v[i].len, v[i].link, &a->flow);
		if (a->result != SW_PKT_IP)
			continue;
		if (t->has_addresses) {
			sw_static_expect_addr(t->set, a->flow.family, &a->flow.saddr);
			sw_static_expect_addr(t->set, a->flow.family, &a->flow.daddr);
		}
		if (t->scan)
			sw_scan_expect(t->scan, &a->flow);
	}
	for (size_t i = 0; t->scan && i < n; i++) {
		if (ahead[i].result == SW_PKT_IP)
			sw_scan_expect_rows(t->scan, &ahead[i].flow);
	}
	for (size_t i = 0; i < n; i++)
		judge_packet(t, &v[i], &ahead[i]);
}

void sw_traffic_time(struct sw_traffic *t, int64_t wall_ns)
{
	if (t->scan)
		sw_scan_time(t->scan, wall_ns);
}

void sw_traffic_end(struct sw_traffic *t)
{
	sw_heads_flush(t->heads);
	if (t->scan)
		sw_scan_end(t->scan);
}
