// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/cut.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "user/base/cidr.h"
#include "user/base/log.h"
#include "user/guard/snapshot.h"

enum {
	TCP_STATE_ESTABLISHED = 1,
	TCP_STATE_TIME_WAIT = 6,
	TCP_STATE_CLOSE = 7,
	TCP_STATE_LISTEN = 10,
	ALL_STATES = 0xfff,
	/* these have no peer, or no socket any more */
	STATES = ALL_STATES &
		~(1 << TCP_STATE_LISTEN | 1 << TCP_STATE_TIME_WAIT | 1 << TCP_STATE_CLOSE),
	CUT_MAX = 65536, /* connections ended in one pass */
};

struct sw_cut {
	struct sw_clock clock;
	const struct sw_maps *maps;
	struct sw_source *settle;
	struct sw_gate_ctl ctl;
	bool is_wanted, cuts_flows, has_said_why;
	struct sw_net *nets; /* SW_CUT_BANS_MAX */
	size_t n;
	struct sw_source *at_once;
	struct sw_guard_cut flows[SW_CUT_FLOWS_MAX];
	size_t n_flows;
	/* of a pass */
	struct inet_diag_sockid *found;
	__u8 *family;
	size_t n_found, cap;
	unsigned int n_ended;
	uint32_t seq;
};

static bool is_enforcing(const struct sw_cut *c)
{
	return c->ctl.mode == SW_MODE_ENFORCE &&
		(!c->ctl.enforce_until_ns ||
			c->ctl.enforce_until_ns >
				sw_clock_boot_ns(&c->clock) + c->ctl.clock_offset_ns);
}

static struct sw_net peer_of(const struct inet_diag_msg *m)
{
	struct in6_addr a6;

	if (m->idiag_family == AF_INET)
		return sw_net_from4(m->id.idiag_dst[0]);
	memcpy(&a6, m->id.idiag_dst, sizeof(a6));
	return IN6_IS_ADDR_V4MAPPED(&a6) ? sw_net_from4(a6.s6_addr32[3]) : sw_net_from6(&a6);
}

struct allowed {
	struct sw_net peer;
	bool is_allowed;
};

static int on_allow(const struct sw_net *net, __u32 origins, void *arg)
{
	struct allowed *a = arg;

	a->is_allowed |= sw_net_contains(net, &a->peer);
	return a->is_allowed ? -ECANCELED : 0;
}

/* Allow wins here as it does for packets. */
static bool is_allowed(const struct sw_cut *c, const struct sw_net *peer)
{
	struct allowed a = {.peer = *peer};

	(void)sw_maps_allow_each(c->maps, on_allow, &a);
	return a.is_allowed;
}

static bool is_to_end(const struct sw_cut *c, const struct sw_net *peer)
{
	for (size_t i = 0; i < c->n; i++) {
		if (sw_net_contains(&c->nets[i], peer))
			return !is_allowed(c, peer);
	}
	return false;
}

static int on_socket(const struct nlmsghdr *h, void *arg)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
	struct sw_cut *c = arg;
	struct sw_net peer;

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*m))
		return MNL_CB_OK;
	peer = peer_of(m);
	if (c->n_found == CUT_MAX || !is_to_end(c, &peer))
		return MNL_CB_OK;
	if (c->n_found == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		struct inet_diag_sockid *more = realloc(c->found, cap * sizeof(*more));
		__u8 *families = more ? realloc(c->family, cap) : NULL;

		c->found = more ? more : c->found;
		c->family = families ? families : c->family;
		if (!families)
			return MNL_CB_OK;
		c->cap = cap;
	}
	c->family[c->n_found] = m->idiag_family;
	c->found[c->n_found++] = m->id;
	return MNL_CB_OK;
}

static struct nlmsghdr *begin(
	char *buf, uint16_t type, uint16_t flags, uint32_t seq, struct inet_diag_req_v2 **ret)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = seq;
	*ret = mnl_nlmsg_put_extra_header(h, sizeof(**ret));
	(*ret)->sdiag_protocol = IPPROTO_TCP;
	return h;
}

static int ask(struct mnl_socket *s, const struct nlmsghdr *h, mnl_cb_t fn, void *arg)
{
	char buf[32768];

	if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(s, buf, sizeof(buf));
		int r = n < 0 ? -1
			      : mnl_cb_run(buf, (size_t)n, h->nlmsg_seq, mnl_socket_get_portid(s),
					fn, arg);

		if (r < 0)
			return -errno;
		if (r == MNL_CB_STOP)
			return 0;
	}
}

static int end_found(struct sw_cut *c, struct mnl_socket *s)
{
	int error = 0;

	for (size_t i = 0; i < c->n_found; i++) {
		struct inet_diag_req_v2 *q;
		char buf[256];
		struct nlmsghdr *h = begin(buf, SOCK_DESTROY, NLM_F_ACK, c->seq++, &q);
		int r;

		q->sdiag_family = c->family[i];
		q->idiag_states = ALL_STATES;
		q->id = c->found[i];
		r = ask(s, h, on_socket, c);
		c->n_ended += r >= 0;
		if (r < 0 && r != -ENOENT) /* it ended by itself */
			error = r;
	}
	return error;
}

static void say_why(struct sw_cut *c, const char *key, int r)
{
	if (r >= 0 || c->has_said_why)
		return;
	c->has_said_why = true;
	sw_log_warning(r == -EOPNOTSUPP ? 0 : r, "%s: open connections cannot be ended%s", key,
		r == -EOPNOTSUPP ? ": this kernel has no CONFIG_INET_DIAG_DESTROY" : "");
}

static void cut_here(void *arg)
{
	static const __u8 families[] = {AF_INET, AF_INET6};
	struct sw_cut *c = arg;
	struct mnl_socket *s = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	int r = s && mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) >= 0 ? 0 : -errno;

	c->n_found = 0;
	for (size_t i = 0; i < SW_ARRAY_SIZE(families) && r >= 0; i++) {
		struct inet_diag_req_v2 *q;
		char buf[256];
		struct nlmsghdr *h = begin(buf, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, c->seq++, &q);

		q->sdiag_family = families[i];
		q->idiag_states = STATES;
		r = ask(s, h, on_socket, c);
	}
	if (r >= 0)
		r = end_found(c, s);
	if (s)
		mnl_socket_close(s);
	say_why(c, "bans.cut_open", r);
}

/* ---- single connections */

/* What the kernel finds by a flow. */
struct probe {
	bool has_peer;
};

static int on_found(const struct nlmsghdr *h, void *arg)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
	struct probe *p = arg;

	p->has_peer |= mnl_nlmsg_get_payload_len(h) >= sizeof(*m) && m->id.idiag_dport;
	return MNL_CB_OK;
}

static void fill_flow(struct inet_diag_req_v2 *q, const struct sw_guard_cut *f)
{
	q->sdiag_family = f->peer.family == SW_AF_IP6 ? AF_INET6 : AF_INET;
	q->sdiag_protocol = f->protocol;
	q->idiag_states = ALL_STATES;
	q->id.idiag_sport = htons(f->lport);
	q->id.idiag_dport = htons(f->rport);
	memcpy(q->id.idiag_src, f->local.addr, 16);
	memcpy(q->id.idiag_dst, f->peer.addr, 16);
	q->id.idiag_cookie[0] = f->cookie ? (__u32)f->cookie : INET_DIAG_NOCOOKIE;
	q->id.idiag_cookie[1] = f->cookie ? (__u32)(f->cookie >> 32) : INET_DIAG_NOCOOKIE;
}

static int ask_flow(struct sw_cut *c, struct mnl_socket *s, const struct sw_guard_cut *f, uint16_t type)
{
	struct inet_diag_req_v2 *q;
	struct probe p = {};
	char buf[256];
	struct nlmsghdr *h = begin(buf, type, NLM_F_ACK, c->seq++, &q);
	int r;

	fill_flow(q, f);
	r = ask(s, h, on_found, &p);
	return r < 0 ? r : p.has_peer;
}

/* A UDP socket that talks to many is not ended for one of them. */
static int end_flow(struct sw_cut *c, struct mnl_socket *s, const struct sw_guard_cut *f)
{
	int r = f->protocol == IPPROTO_UDP ? ask_flow(c, s, f, SOCK_DIAG_BY_FAMILY) : 1;

	if (r == 0)
		return -ENOENT;
	return r < 0 ? r : ask_flow(c, s, f, SOCK_DESTROY);
}

static void cut_flows_here(void *arg)
{
	struct sw_cut *c = arg;
	struct mnl_socket *s = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	int error = s && mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) >= 0 ? 0 : -errno;

	for (size_t i = 0; i < c->n_flows && error != -EOPNOTSUPP && s; i++) {
		int r = end_flow(c, s, &c->flows[i]);

		c->n_ended += r >= 0;
		error = r < 0 && r != -ENOENT ? r : error;
	}
	if (s)
		mnl_socket_close(s);
	say_why(c, "inspect.cut", error);
}

static int on_at_once(struct sw_source *src, void *arg)
{
	struct sw_cut *c = arg;

	c->n_ended = 0;
	(void)sw_snapshot_each_netns(cut_flows_here, c);
	if (c->n_ended)
		sw_log_notice("closed for what was said in it, or by the socket policy: %u", c->n_ended);
	c->n_flows = 0;
	return 0;
}

bool sw_cut_flow(struct sw_cut *c, const struct sw_guard_cut *flow)
{
	bool is_wanted = flow->is_listener
		? flow->protocol == IPPROTO_TCP && flow->cookie
		: c->cuts_flows && (flow->protocol == IPPROTO_TCP || flow->protocol == IPPROTO_UDP) &&
			(flow->is_question || !is_allowed(c, &flow->peer));

	if (!is_wanted || !is_enforcing(c) || c->n_flows == SW_CUT_FLOWS_MAX)
		return false;
	c->flows[c->n_flows++] = *flow;
	return sw_source_set_timer(c->at_once, 1, 0) >= 0;
}

static int on_settle(struct sw_source *src, void *arg)
{
	struct sw_cut *c = arg;

	c->n_ended = 0;
	if (c->n && is_enforcing(c))
		(void)sw_snapshot_each_netns(cut_here, c);
	c->n = 0;
	free(TAKE_PTR(c->found));
	free(TAKE_PTR(c->family));
	c->cap = 0;
	if (c->n_ended)
		sw_log_notice("%u open connections of banned peers were ended", c->n_ended);
	return 0;
}

int sw_cut_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	struct sw_cut **ret)
{
	_cleanup_(sw_cut_freep) struct sw_cut *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->clock = *clock;
	c->maps = maps;
	c->seq = 1;
	c->nets = calloc(SW_CUT_BANS_MAX, sizeof(*c->nets));
	if (!c->nets)
		return -ENOMEM;
	r = sw_loop_add_timer(l, 0, 0, on_settle, c, &c->settle);
	if (r >= 0)
		r = sw_loop_add_timer(l, 0, 0, on_at_once, c, &c->at_once);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

void sw_cut_free(struct sw_cut *c)
{
	if (!c)
		return;
	sw_source_free(c->settle);
	sw_source_free(c->at_once);
	free(c->nets);
	free(c);
}

void sw_cut_freep(struct sw_cut **c)
{
	sw_cut_free(*c);
}

static int on_ban(const struct sw_net *net, void *arg)
{
	struct sw_cut *c = arg;

	if (c->n < SW_CUT_BANS_MAX)
		c->nets[c->n++] = *net;
	return 0;
}

void sw_cut_configure(struct sw_cut *c, const struct sw_config *conf, const struct sw_gate_ctl *ctl)
{
	bool was_enforcing = is_enforcing(c);

	c->is_wanted = conf->ban_cut_open;
	c->cuts_flows = conf->inspect_cut;
	c->ctl = *ctl;
	if (was_enforcing || !c->is_wanted || !is_enforcing(c))
		return;
	c->n = 0; /* armed now: what was banned while observing */
	(void)sw_maps_ban_each(c->maps, on_ban, c);
	sw_source_set_timer(c->settle, SW_CUT_SETTLE_MS * SW_MSEC_NS, 0);
}

void sw_cut_put(struct sw_cut *c, const struct sw_guard_ban *bans, size_t n)
{
	if (!c->is_wanted || !is_enforcing(c) || !n)
		return;
	for (size_t i = 0; i < n && c->n < SW_CUT_BANS_MAX; i++)
		c->nets[c->n++] = bans[i].net;
	sw_source_set_timer(c->settle, SW_CUT_SETTLE_MS * SW_MSEC_NS, 0);
}
