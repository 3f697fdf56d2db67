// SPDX-License-Identifier: GPL-3.0-or-later
/* Connects and packets of this host's processes to what is listed. Called by watch.c for each socket record. */
#include "user/detect/connect.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "user/detect/sent.h"
#include "user/engine/geo.h"
#include "user/engine/trails.h"
#include "user/engine/watch.h"

struct sw_net sw_event_peer(const struct sw_sock_event *ev)
{
	__u32 v4;

	if (ev->family == AF_INET6)
		return sw_net_from6(ev->raddr);
	memcpy(&v4, ev->raddr, sizeof(v4));
	return sw_net_from4(v4);
}

void sw_watch_with_process(struct sw_engine *e, const struct sw_sock_event *ev, const struct sw_net *peer,
	const char *trail, const char *list, sw_watch_process_fn fn)
{
	struct sw_proc_info info = {};
	char pod[SW_POD_TEXT_MAX];
	struct sw_proc *proc = ev->owner.tgid ? sw_procs_hold(e->watch->procs, &ev->owner) : NULL;
	struct sw_connect_process p;

	if (proc)
		sw_procs_info(e->watch->procs, proc, true, &info);
	p = sw_watch_process(&info, pod);
	fn(e, ev, peer, trail, list, &p);
	if (proc)
		sw_procs_release(e->watch->procs, proc);
}

static void judge_connect(struct sw_engine *e, const struct sw_sock_event *ev, const struct sw_net *peer,
	const char *trail, const char *list, const struct sw_connect_process *p)
{
	struct sw_finding f;

	if (sw_connects_judge(e->connects, ev, peer, trail, list, p, &f))
		sw_engine_find(e, &f);
}

static void judge_sent(struct sw_engine *e, const struct sw_sock_event *ev, const struct sw_net *peer,
	const char *trail, const char *list, const struct sw_connect_process *p)
{
	struct sw_finding *f = sw_sent_judge(e->sent, ev, peer, trail, list, p);

	if (f)
		(void)sw_engine_find(e, f);
}

/* Once a packet of a process was told, what the process asked for says nothing more. */
static void on_sent(struct sw_engine *e, const struct sw_sock_event *ev)
{
	const char *list = "";
	char trail[SW_NET_TEXT_MAX] = "", rule[SW_GEO_TEXT_MAX];
	struct sw_net peer = sw_event_peer(ev);

	if (ev->state == SW_R_TRAIL_OUT && sw_trails_find(e, &peer, &list, trail)) {
		sw_trails_hit(e, sw_trails_set_of(e, &peer), &peer, ev->backlog);
	} else if (ev->state == SW_R_TRAIL_OUT) {
		__u32 set = sw_trails_port_set(e, &peer, ev->rport);

		list = sw_trails_name(e, set);
		sw_cidr_format(trail, &peer);
		sw_trails_hit(e, set, &peer, ev->backlog);
	} else if (ev->state == SW_R_GEO_OUT) {
		sw_geo_name(rule, sw_geo_rule_out(e, (__u8)ev->protocol, ev->rport, &peer));
		list = rule;
	}
	sw_watch_with_process(e, ev, &peer, trail, list, judge_sent);
}

/* A datagram socket that is given a peer has sent nothing: where packets are looked at, they tell. */
static bool is_told_by_packets(struct sw_engine *e, const struct sw_sock_event *ev)
{
	return ev->protocol == IPPROTO_UDP && !ev->ret && sw_engine_sees_egress(e);
}

bool sw_engine_sees_egress(struct sw_engine *e)
{
	const struct sw_guard_status *s = sw_engine_guard_status(e);

	return s && e->config->egress != SW_EGRESS_OFF && strstr(s->hooks, "on_egress") &&
		!strstr(s->hooks, "-on_egress");
}

/* No packet comes of a connect that is refused, so that none tells of it. */
static void on_geo_refused(struct sw_engine *e, const struct sw_sock_event *ev, const struct sw_net *peer)
{
	__u8 protocol = ev->protocol == IPPROTO_UDP ? IPPROTO_UDP : IPPROTO_TCP;
	char rule[SW_GEO_TEXT_MAX];

	sw_geo_name(rule, sw_geo_rule_out(e, protocol, ev->rport, peer));
	if (*rule)
		sw_watch_with_process(e, ev, peer, "", rule, judge_connect);
}

void sw_watch_connects(struct sw_engine *e, const struct sw_event *event)
{
	const struct sw_sock_event *ev = event->sock;
	char trail[SW_NET_TEXT_MAX];
	const char *list;
	struct sw_net peer;

	if (!e->connects || (event->kind != SW_EVENT_SOCK && event->kind != SW_EVENT_SENT) ||
		(ev->family != AF_INET && ev->family != AF_INET6))
		return;
	if (event->kind == SW_EVENT_SENT) {
		on_sent(e, ev);
		return;
	}
	peer = sw_event_peer(ev);
	if (ev->head.type == SW_EV_CONNECT)
		sw_watch_first(e, ev, &peer);
	if (ev->head.type != SW_EV_CONNECT)
		return;
	if (sw_trails_find(e, &peer, &list, trail) && !is_told_by_packets(e, ev))
		sw_watch_with_process(e, ev, &peer, trail, list, judge_connect);
	else if (ev->ret == -EPERM && !ev->policy_rule)
		on_geo_refused(e, ev, &peer);
}

static void status(struct sw_engine *e, struct sw_json *j)
{
	static const char *const words[] = {"drop", "observe", "off"};

	sw_json_object_begin(j, "egress");
	sw_json_string(j, "action", words[SW_MIN(e->config->egress, (__u32)SW_EGRESS_OFF)]);
	sw_json_bool(j, "attached", sw_engine_sees_egress(e));
	sw_json_object_end(j);
}

static int init(struct sw_engine *e)
{
	int r = sw_connects_new(&e->clock, &e->connects);

	return r < 0 ? r : sw_sent_new(&e->clock, &e->sent);
}

static void done(struct sw_engine *e)
{
	sw_connects_free(TAKE_PTR(e->connects));
	sw_sent_free(TAKE_PTR(e->sent));
}

const struct sw_engine_part sw_part_connects = {.name = "connects", .init = init, .done = done, .status = status};
