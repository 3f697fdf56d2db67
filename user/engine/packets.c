// SPDX-License-Identifier: GPL-3.0-or-later
/* Packet events: told one by one as far as a person can read, summed up as findings, counted for bans. */
#include "user/base/words.h"
#include "user/detect/hits.h"
#include "user/engine/geo.h"
#include "user/engine/bans.h"
#include "user/engine/decoys.h"
#include "user/engine/scans.h"
#include "user/engine/trails.h"
#include "user/kern/ring.h"

enum { TICK_SEC = 1 };

struct sw_packets {
	struct sw_ring *ring;
	struct sw_source *tick;
	bool is_ticking;
};

static const char *interface_name(struct sw_engine *e, uint32_t ifindex)
{
	const struct sw_guard_status *s = sw_engine_guard_status(e);

	for (uint32_t i = 0; s && i < s->n_ifaces; i++) {
		if (s->ifaces[i].ifindex == ifindex)
			return s->ifaces[i].name;
	}
	return "";
}

static struct sw_net address(const struct sw_pkt_event *ev, const __u8 *addr)
{
	__u32 v4;

	if (ev->family == SW_AF_IP6)
		return sw_net_from6(addr);
	memcpy(&v4, addr, sizeof(v4));
	return sw_net_from4(v4);
}

static void format_end(
	char *buf, size_t size, const struct sw_pkt_event *ev, const __u8 *addr, unsigned int port)
{
	char text[SW_NET_TEXT_MAX];
	struct sw_net net = address(ev, addr);

	sw_cidr_format(text, &net);
	if (!port)
		(void)sw_strcpy(buf, size, text);
	else
		snprintf(buf, size, net.family == SW_AF_IP6 ? "[%s]:%u" : "%s:%u", text, port);
}

static void tell(struct sw_engine *e, const struct sw_pkt_event *ev)
{
	char from[SW_NET_TEXT_MAX + 16] = "?", to[SW_NET_TEXT_MAX + 16] = "?", protocol[8],
				    text[SW_NET_TEXT_MAX];
	const char *dev = interface_name(e, ev->ifindex),
		   *word = sw_protocol_word(ev->protocol, protocol);
	bool is_trail = sw_reason_is_trail(ev->reason),
	     is_tag = ev->reason == SW_R_TAG_SRC || ev->reason == SW_R_TAG_DST;
	const char *list = is_trail ? sw_trails_name(e, ev->trail_set) : "";
	char rule[SW_GEO_TEXT_MAX] = "";
	struct sw_net net;
	struct sw_json *j;

	if (sw_reason_is_geo(ev->reason)) {
		sw_geo_name(rule, ev->trail_set + 1);
		list = rule;
	}
	if (ev->family) {
		format_end(from, sizeof(from), ev, ev->saddr, ev->sport);
		format_end(to, sizeof(to), ev, ev->daddr, ev->dport);
	}
	j = sw_event_begin(e->events, SW_EVK_PACKET, "%s: %s to %s %s%s%s, %s%s%s, %u packet%s",
		ev->is_dropped ? "dropped" : is_tag ? "tagged" : "passed", from, to, word, *dev ? " on " : "", dev,
		sw_reason_word(ev->reason), *list ? " " : "", list, ev->hits,
		ev->hits == 1 ? "" : "s");
	sw_json_string(j, "reason", sw_reason_word(ev->reason));
	sw_json_bool(j, "dropped", ev->is_dropped);
	sw_json_uint(j, "packets", ev->hits);
	sw_json_string(j, "interface", dev);
	if (ev->family) {
		net = address(ev, ev->saddr);
		sw_json_string(j, "source", sw_cidr_format(text, &net));
		net = address(ev, ev->daddr);
		sw_json_string(j, "destination", sw_cidr_format(text, &net));
		sw_json_uint(j, "source_port", ev->sport);
		sw_json_uint(j, "destination_port", ev->dport);
		sw_json_string(j, "protocol", word);
	}
	if (ev->ban_id)
		sw_json_uint(j, "ban_id", ev->ban_id);
	if (*list)
		sw_json_string(j, sw_reason_is_geo(ev->reason) ? "rule" : "trail", list);
	sw_event_end(e->events);
}

/* The packed engine says that an address is listed, and not by whom: one list of several is looked up. */
static __u32 set_of(struct sw_engine *e, const struct sw_pkt_event *ev)
{
	struct sw_net net;

	if (ev->trail_set != SW_TRAIL_SET_ASK || !ev->family)
		return ev->trail_set;
	net = address(ev, sw_reason_is_destination(ev->reason) ? ev->daddr : ev->saddr);
	return sw_trails_set_of(e, &net);
}

static void on_event(const struct sw_event *event, void *arg)
{
	struct sw_engine *e = arg;
	const struct sw_pkt_event *ev = event->pkt;
	struct sw_pkt_event named;

	if (event->kind != SW_EVENT_PKT)
		return;
	named = *ev;
	named.trail_set = set_of(e, ev);
	ev = &named;
	if ((ev->reason == SW_R_BAN || ev->reason == SW_R_BAN_NET) && ev->family) {
		struct sw_net src = address(ev, ev->saddr);

		sw_policy_hit(e->policy, &src, ev->hits, sw_clock_wall_ns(&e->clock));
	}
	if (sw_reason_is_trail(ev->reason) && ev->family) {
		struct sw_net net = address(ev, sw_reason_is_destination(ev->reason) ? ev->daddr : ev->saddr);

		sw_trails_hit(e, ev->trail_set, &net, ev->hits);
	}
	if (ev->reason == SW_R_DECOY && ev->dport)
		sw_decoys_packet(e, ev);
	sw_scans_packet(e, ev);
	if (sw_hits_add(e->hits, ev) && !e->packets->is_ticking) {
		e->packets->is_ticking = true;
		(void)sw_source_set_timer(
			e->packets->tick, TICK_SEC * SW_SEC_NS, TICK_SEC * SW_SEC_NS);
	}
	if (sw_event_admit(e->events, SW_EVK_PACKET))
		tell(e, ev);
}

static int on_tick(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;

	if (sw_hits_tick(e->hits))
		return 0;
	e->packets->is_ticking = false;
	return sw_source_set_timer(s, 0, 0);
}

static enum sw_trail_action trail_of(
	void *arg, uint32_t set, const struct sw_net *net, struct sw_finding *f)
{
	struct sw_engine *e = arg;
	struct sw_trail_source sources[SW_TRAIL_SETS_MAX];
	size_t n = e->trails ? sw_trails_sources(e->trails, sw_clock_wall_sec(&e->clock), sources) : 0;
	char text[SW_NET_TEXT_MAX];
	struct sw_trail_hit hit;

	(void)sw_strcpy(f->feed, sizeof(f->feed), sw_trails_name(e, set));
	if (!n || !sw_trail_decide(sources, n, net, &hit))
		return SW_TRAIL_OBSERVE;
	(void)sw_strcpy(f->trail, sizeof(f->trail), sw_cidr_format(text, &hit.entry->net));
	return (enum sw_trail_action)hit.entry->action;
}

/* bans.trail_hits: a source on a list whose action is to drop is banned too. */
static void ban_source(struct sw_engine *e, const struct sw_finding *f)
{
	struct sw_ban_request q = {
		.net = f->subject,
		.for_sec = e->config->ban_default_sec,
		.origin = "trail",
		.by = "policy",
		.reason = f->title,
	};
	struct sw_refusal_text text;
	enum sw_refusal refusal;

	if (q.net.family == SW_AF_IP6)
		q.net = sw_net_trim(&q.net, 64);
	if (sw_policy_find_ban(e->policy, &q.net))
		return;
	if (sw_engine_ban(e, &q, NULL, NULL, &refusal, &text) == -EPERM)
		sw_log_debug(0, "no ban for a trail hit: %s", text.message);
}

static void on_found(void *arg, struct sw_finding *f, bool is_drop)
{
	struct sw_engine *e = arg;

	sw_engine_find(e, f);
	if (is_drop && e->config->ban_trail_hits && sw_streq(f->rule, "trail-source"))
		ban_source(e, f);
}

static const struct sw_hits_ops hits_ops = {.trail = trail_of, .found = on_found};
static const struct sw_ring_ops ring_ops = {.event = on_event};

static int init(struct sw_engine *e)
{
	int r;

	e->packets = calloc(1, sizeof(*e->packets));
	if (!e->packets)
		return -ENOMEM;
	r = sw_hits_new(&e->clock, &hits_ops, e, &e->hits);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, 0, 0, on_tick, e, &e->packets->tick);
	return r;
}

static void lost(struct sw_engine *e)
{
	sw_ring_free(TAKE_PTR(e->packets->ring));
}

static int connected(struct sw_engine *e)
{
	int r;

	sw_ring_free(TAKE_PTR(e->packets->ring));
	r = sw_ring_new(
		e->loop, SW_RING_PKT, e->fds[SW_FD_EV_PKT], &ring_ops, e, &e->packets->ring);
	if (r < 0)
		sw_degraded_set(e, "packet-ring", SW_SEV_HIGH, "packet events cannot be read: %s",
			strerror(-r));
	else
		sw_degraded_clear(e, "packet-ring");
	return 0;
}

static void done(struct sw_engine *e)
{
	if (!e->packets)
		return;
	lost(e);
	sw_hits_free(TAKE_PTR(e->hits));
	free(TAKE_PTR(e->packets));
}

const struct sw_engine_part sw_part_packets = {
	.name = "packets",
	.init = init,
	.done = done,
	.connected = connected,
	.lost = lost,
};
