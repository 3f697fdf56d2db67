// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/policy/neverban.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/stat.h>

enum {
	NEWS_MAX = 256,		 /* taken at once of what one reading of the socket brings; the rest a little later */
	NETS_MAX = 4096,	 /* own addresses, or gateways: a host with more is told its first ones */
	RESOLVERS_MAX = 16,
	SETTLE_MS = 100,	 /* after a change: a burst of them is read once */
	REST_MS = 2000,		 /* at least between two readings: a router's table is large */
	RESOLV_CHECK_SEC = 5,
	RESOLV_BYTES_MAX = 16384,
};

struct sw_neverban {
	struct sw_policy *policy;
	const char *resolv_path;
	void (*changed)(void *arg);
	void *arg;
	struct mnl_socket *follow, *ask; /* multicast; requests */
	struct sw_source *on_change, *settle, *resolv_timer;
	uint64_t last_read_ns;
	struct stat resolv_stat;
	uint32_t seq;
	bool is_pending;
};

struct nets {
	struct sw_net *net;
	size_t n, room;
};

static void add_address(struct nets *list, unsigned int family, const void *addr)
{
	__u32 v4;

	if (list->n == list->room)
		return;
	if (family == AF_INET) {
		memcpy(&v4, addr, sizeof(v4));
		list->net[list->n++] = sw_net_from4(v4);
	} else if (family == AF_INET6) {
		list->net[list->n++] = sw_net_from6(addr);
	}
}

static size_t address_bytes(unsigned int family)
{
	return family == AF_INET ? 4 : 16;
}

static int on_address(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr, *best = NULL;

	if (nlh->nlmsg_type != RTM_NEWADDR || (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*ifa)) {
		/* of a point-to-point link IFA_ADDRESS is the peer, IFA_LOCAL ours */
		if (mnl_attr_get_type(attr) == IFA_LOCAL || (mnl_attr_get_type(attr) == IFA_ADDRESS && !best))
			best = attr;
	}
	if (best && mnl_attr_get_payload_len(best) >= address_bytes(ifa->ifa_family))
		add_address(arg, ifa->ifa_family, mnl_attr_get_payload(best));
	return MNL_CB_OK;
}

static void add_gateway(struct nets *list, unsigned int family, const struct nlattr *attr)
{
	const struct rtvia *via;

	if (mnl_attr_get_type(attr) == RTA_GATEWAY && mnl_attr_get_payload_len(attr) >= address_bytes(family)) {
		add_address(list, family, mnl_attr_get_payload(attr));
	} else if (mnl_attr_get_type(attr) == RTA_VIA && mnl_attr_get_payload_len(attr) > sizeof(*via)) {
		via = mnl_attr_get_payload(attr);
		if (mnl_attr_get_payload_len(attr) >= sizeof(*via) + address_bytes(via->rtvia_family))
			add_address(list, via->rtvia_family, via->rtvia_addr);
	}
}

static void add_hops(struct nets *list, unsigned int family, const struct nlattr *multipath)
{
	const char *at = mnl_attr_get_payload(multipath), *end = at + mnl_attr_get_payload_len(multipath);

	while (end - at >= (ptrdiff_t)sizeof(struct rtnexthop)) {
		struct rtnexthop hop;
		const struct nlattr *attr;

		memcpy(&hop, at, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > end - at)
			return;
		mnl_attr_for_each_payload((void *)(at + sizeof(hop)), hop.rtnh_len - sizeof(hop))
			add_gateway(list, family, attr);
		at += MNL_ALIGN(hop.rtnh_len);
	}
}

static int on_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWROUTE || rtm->rtm_dst_len || rtm->rtm_type != RTN_UNICAST ||
		(rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*rtm)) {
		if (mnl_attr_get_type(attr) == RTA_MULTIPATH)
			add_hops(arg, rtm->rtm_family, attr);
		else
			add_gateway(arg, rtm->rtm_family, attr);
	}
	return MNL_CB_OK;
}

static int dump(struct sw_neverban *n, uint16_t type, unsigned char family, mnl_cb_t fn, struct nets *list)
{
	char buf[16384] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtgenmsg *gen;
	uint32_t seq = ++n->seq;
	ssize_t len;
	int r;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	gen = mnl_nlmsg_put_extra_header(nlh, type == RTM_GETROUTE ? sizeof(struct rtmsg) : sizeof(struct ifaddrmsg));
	gen->rtgen_family = family;
	if (mnl_socket_sendto(n->ask, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		len = mnl_socket_recvfrom(n->ask, buf, sizeof(buf));
		if (len < 0)
			return -errno;
		r = mnl_cb_run(buf, (size_t)len, seq, mnl_socket_get_portid(n->ask), fn, list);
	} while (r > MNL_CB_STOP);
	return r < 0 ? -errno : 0;
}

static int set_origin(struct sw_neverban *n, enum sw_allow_origin origin, uint16_t type, mnl_cb_t fn, struct nets *list)
{
	int r = dump(n, type, AF_INET, fn, list), r6 = dump(n, type, AF_INET6, fn, list);

	if (r < 0 && r6 < 0)
		return r; /* what was known before stays */
	return sw_policy_allow_set(n->policy, origin, list->net, list->n);
}

/* The loopback network is ours whatever is configured on it. */
static void add_loopback(struct nets *list)
{
	list->net[list->n++] = (struct sw_net){.family = SW_AF_IP4, .plen = 8, .addr = {127}};
	list->net[list->n++] = (struct sw_net){.family = SW_AF_IP6, .plen = 128, .addr = {[15] = 1}};
}

size_t sw_resolvers_parse(const char *text, struct sw_net *ret, size_t max)
{
	size_t n = 0;

	while (text && *text && n < max) {
		size_t word = sizeof("nameserver") - 1;

		text += strspn(text, " \t");
		if (strncmp(text, "nameserver", word) == 0 && (text[word] == ' ' || text[word] == '\t')) {
			const char *addr = text + word + strspn(text + word, " \t");

			/* a scope id, "fe80::1%eth0", is no part of the address */
			if (sw_cidr_parse(addr, strcspn(addr, " \t\r\n%#;"), &ret[n]) == 0 && sw_net_is_host(&ret[n]))
				n++;
		}
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return n;
}

static int read_resolvers(struct sw_neverban *n)
{
	struct sw_net nets[RESOLVERS_MAX];
	char text[RESOLV_BYTES_MAX];
	ssize_t len = sw_read_file(n->resolv_path, text, sizeof(text));

	if (len < 0 && len != -ENOENT)
		return (int)len;
	if (stat(n->resolv_path, &n->resolv_stat) < 0)
		n->resolv_stat = (struct stat){};
	return sw_policy_allow_set(
		n->policy, SW_ALLOW_RESOLVER, nets, len < 0 ? 0 : sw_resolvers_parse(text, nets, SW_ARRAY_SIZE(nets)));
}

int sw_neverban_refresh(struct sw_neverban *n)
{
	_free_ struct sw_net *room = calloc(NETS_MAX, sizeof(*room));
	struct nets list = {.net = room, .room = NETS_MAX};
	int own, gateways, resolvers;

	if (!room)
		return -ENOMEM;
	add_loopback(&list);
	own = set_origin(n, SW_ALLOW_OWN, RTM_GETADDR, on_address, &list);
	list.n = 0;
	gateways = set_origin(n, SW_ALLOW_GATEWAY, RTM_GETROUTE, on_route, &list);
	resolvers = read_resolvers(n);
	if (own < 0 || gateways < 0 || resolvers < 0)
		return own < 0 ? own : gateways < 0 ? gateways : resolvers;
	return own + gateways + resolvers;
}

static int on_settled(struct sw_source *s, void *arg)
{
	struct sw_neverban *n = arg;

	n->is_pending = false;
	if (sw_neverban_refresh(n) > 0)
		n->changed(n->arg);
	return 0;
}

struct news {
	struct nets own, gateways;
};

static int on_news(const struct nlmsghdr *nlh, void *arg)
{
	struct news *news = arg;

	return nlh->nlmsg_type == RTM_NEWADDR ? on_address(nlh, &news->own) : on_route(nlh, &news->gateways);
}

static bool allow_more(struct sw_neverban *n, enum sw_allow_origin origin, const struct nets *list)
{
	bool is_changed = false;

	for (size_t i = 0; i < list->n; i++) {
		const struct sw_allow *old = sw_policy_find_allow(n->policy, &list->net[i]);

		if (!old || !(old->origins & origin))
			is_changed |= sw_policy_allow(n->policy, &list->net[i], origin, "policy", "") >= 0;
	}
	return is_changed;
}

/* What came is protected at once: a ban or a list may hold it already. What went is found by reading all. */
static void take_news(struct sw_neverban *n, const char *buf, size_t len)
{
	struct sw_net own[NEWS_MAX], gateways[NEWS_MAX];
	struct news news = {.own = {own, 0, NEWS_MAX}, .gateways = {gateways, 0, NEWS_MAX}};
	bool is_changed;

	(void)mnl_cb_run(buf, len, 0, 0, on_news, &news);
	is_changed = allow_more(n, SW_ALLOW_OWN, &news.own);
	is_changed |= allow_more(n, SW_ALLOW_GATEWAY, &news.gateways);
	if (is_changed)
		n->changed(n->arg);
}

/* Whatever came, and whatever was lost (ENOBUFS): all is read anew, a little later. */
static int on_change(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct sw_neverban *n = arg;
	char buf[16384] __attribute__((aligned(8)));
	uint64_t now_ns = sw_clock_boot_ns(&(struct sw_clock){}), wait_ms = SETTLE_MS;

	for (ssize_t len; (len = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0;)
		take_news(n, buf, (size_t)len);
	if (n->is_pending)
		return 0;
	if (now_ns - n->last_read_ns < REST_MS * SW_MSEC_NS)
		wait_ms = REST_MS;
	n->last_read_ns = now_ns;
	n->is_pending = true;
	return sw_source_set_timer(n->settle, wait_ms * SW_MSEC_NS, 0);
}

static int on_resolv_timer(struct sw_source *s, void *arg)
{
	struct sw_neverban *n = arg;
	struct stat st = {};

	if (stat(n->resolv_path, &st) < 0)
		st = (struct stat){};
	if (st.st_ino == n->resolv_stat.st_ino && st.st_size == n->resolv_stat.st_size &&
		st.st_mtim.tv_sec == n->resolv_stat.st_mtim.tv_sec &&
		st.st_mtim.tv_nsec == n->resolv_stat.st_mtim.tv_nsec)
		return 0;
	if (read_resolvers(n) > 0)
		n->changed(n->arg);
	return 0;
}

static int open_netlink(struct sw_neverban *n)
{
	unsigned int groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;

	n->follow = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	n->ask = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!n->follow || !n->ask || mnl_socket_bind(n->follow, groups, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_bind(n->ask, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return 0;
}

int sw_neverban_new(struct sw_loop *l, struct sw_policy *p, const char *resolv_path,
	void (*changed)(void *arg), void *arg, struct sw_neverban **ret)
{
	_cleanup_(sw_neverban_freep) struct sw_neverban *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->policy = p;
	n->resolv_path = resolv_path;
	n->changed = changed;
	n->arg = arg;
	r = open_netlink(n);
	if (r >= 0)
		r = sw_loop_add_fd(l, mnl_socket_get_fd(n->follow), EPOLLIN, on_change, n, &n->on_change);
	if (r >= 0)
		r = sw_loop_add_timer(l, 0, 0, on_settled, n, &n->settle);
	if (r >= 0)
		r = sw_loop_add_timer(l, RESOLV_CHECK_SEC * SW_SEC_NS, RESOLV_CHECK_SEC * SW_SEC_NS, on_resolv_timer, n,
			&n->resolv_timer);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(n);
	return 0;
}

void sw_neverban_free(struct sw_neverban *n)
{
	if (!n)
		return;
	if (n->on_change)
		sw_source_free(n->on_change);
	if (n->settle)
		sw_source_free(n->settle);
	if (n->resolv_timer)
		sw_source_free(n->resolv_timer);
	if (n->follow)
		mnl_socket_close(n->follow);
	if (n->ask)
		mnl_socket_close(n->ask);
	free(n);
}

void sw_neverban_freep(struct sw_neverban **n)
{
	sw_neverban_free(*n);
}
