// SPDX-License-Identifier: GPL-3.0-or-later
/* What one socket of the inventory says of itself. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "user/base/cidr.h"
#include "user/sockets/inventory.h"

enum { STATE_ESTABLISHED = 1, STATE_CLOSE = 7, STATE_LISTEN = 10 };

static bool is_inet(const struct sw_sock *s)
{
	return s->family == AF_INET || s->family == AF_INET6;
}

struct sw_sock sw_sock_unheld(const struct sw_it_inet *r)
{
	struct sw_sock s = {.cookie = r->cookie,
		.netns = r->netns,
		.uid = r->uid,
		.ifindex = r->ifindex,
		.rx_queue = r->rx_queue,
		.tx_queue = r->tx_queue,
		.family = r->family,
		.protocol = r->protocol,
		.lport = r->lport,
		.rport = r->rport,
		.type = SOCK_STREAM,
		.state = r->state,
		.options = r->options};

	memcpy(s.laddr, r->laddr, sizeof(s.laddr));
	memcpy(s.raddr, r->raddr, sizeof(s.raddr));
	return s;
}

bool sw_sock_is_listener(const struct sw_sock *s)
{
	if (s->family == AF_UNIX)
		return !s->is_port_pending && (s->state == STATE_LISTEN ||
			       (s->type == SOCK_DGRAM && s->path && s->state != STATE_ESTABLISHED));
	if (!is_inet(s) || s->type == SOCK_RAW)
		return false;
	if (s->protocol == IPPROTO_UDP || s->protocol == IPPROTO_UDPLITE)
		return s->lport && !s->rport;
	return s->state == STATE_LISTEN && s->lport;
}

struct sw_proc *sw_sock_owner(const struct sw_sock *s)
{
	for (unsigned int i = 0; i < s->n_owners; i++)
		if (!sw_proc_is_gone(s->owners[i].proc))
			return s->owners[i].proc;
	return s->n_owners ? s->owners[0].proc : NULL;
}

bool sw_sock_is_ownerless(const struct sw_sock *s)
{
	const struct sw_proc *p = sw_sock_owner(s);

	return !p || sw_proc_is_gone(p);
}

static struct sw_net net_of(const struct sw_sock *s, const uint8_t addr[16])
{
	__u32 be;

	if (s->family == AF_INET6)
		return sw_net_from6(addr);
	if (s->family != AF_INET)
		return (struct sw_net){.family = SW_AF_NONE};
	memcpy(&be, addr, sizeof(be));
	return sw_net_from4(be);
}

struct sw_net sw_sock_address(const struct sw_sock *s)
{
	return net_of(s, s->laddr);
}

struct sw_net sw_sock_peer(const struct sw_sock *s)
{
	return net_of(s, s->raddr);
}

/* Networks that do not reach beyond the site: RFC 1918, 3927, 6598, 4193, 4291. */
static const struct {
	enum sw_exposure exposure;
	struct sw_net net;
} near_nets[] = {
	{SW_EXPOSURE_LOOPBACK, {.family = SW_AF_IP4, .plen = 8, .addr = {127}}},
	{SW_EXPOSURE_LOOPBACK, {.family = SW_AF_IP6, .plen = 128, .addr = {[15] = 1}}},
	{SW_EXPOSURE_LAN, {.family = SW_AF_IP4, .plen = 8, .addr = {10}}},
	{SW_EXPOSURE_LAN, {.family = SW_AF_IP4, .plen = 12, .addr = {172, 16}}},
	{SW_EXPOSURE_LAN, {.family = SW_AF_IP4, .plen = 16, .addr = {192, 168}}},
	{SW_EXPOSURE_LAN, {.family = SW_AF_IP4, .plen = 16, .addr = {169, 254}}},
	{SW_EXPOSURE_LAN, {.family = SW_AF_IP4, .plen = 10, .addr = {100, 64}}},
	{SW_EXPOSURE_LAN, {.family = SW_AF_IP6, .plen = 7, .addr = {0xfc}}},
	{SW_EXPOSURE_LAN, {.family = SW_AF_IP6, .plen = 10, .addr = {0xfe, 0x80}}},
};

enum sw_exposure sw_sock_exposure(const struct sw_sock *s)
{
	struct sw_net a = sw_sock_address(s);

	if (s->family == AF_UNIX)
		return SW_EXPOSURE_UNIX;
	if (s->family == AF_NETLINK)
		return SW_EXPOSURE_LOOPBACK; /* the kernel, and who is on this host */
	for (size_t i = 0; i < SW_ARRAY_SIZE(near_nets); i++)
		if (sw_net_contains(&near_nets[i].net, &a))
			return near_nets[i].exposure;
	return SW_EXPOSURE_WORLD;
}

const char *sw_transport_word(unsigned int protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_UDPLITE:
		return "udplite";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_MPTCP:
		return "mptcp";
	default:
		return "other";
	}
}

const char *sw_sock_protocol_word(const struct sw_sock *s)
{
	if (s->family == AF_UNIX)
		return "unix";
	if (s->family == AF_PACKET)
		return "packet";
	if (s->family == AF_NETLINK)
		return "netlink";
	if (!is_inet(s))
		return "other";
	if (s->type == SOCK_RAW)
		return "raw";
	return sw_transport_word(s->protocol);
}

/* Words of ss(8); netlink(7) has what each is for. */
const char *sw_netlink_word(unsigned int protocol)
{
	static const char *const words[] = {[0] = "rtnl", [2] = "userskt", [3] = "fw", [4] = "tcpdiag", [5] = "nflog",
		[6] = "xfrm", [7] = "selinux", [8] = "iscsi", [9] = "audit", [10] = "fiblookup", [11] = "connector",
		[12] = "nft", [13] = "ip6fw", [14] = "decnet", [15] = "uevent", [16] = "genl", [18] = "scsitrans",
		[19] = "ecryptfs", [20] = "rdma", [21] = "crypto"};

	return protocol < SW_ARRAY_SIZE(words) && words[protocol] ? words[protocol] : "other";
}

const char *sw_sock_state_word(const struct sw_sock *s)
{
	static const char *const words[] = {
		[1] = "established", [2] = "syn-sent", [3] = "syn-recv", [4] = "fin-wait-1", [5] = "fin-wait-2",
		[6] = "time-wait", [7] = "unconnected", [8] = "close-wait", [9] = "last-ack", [10] = "listen",
		[11] = "closing",
	};

	if (s->state >= SW_ARRAY_SIZE(words) || !words[s->state])
		return "unconnected";
	return words[s->state];
}

const char *sw_exposure_word(unsigned int exposure)
{
	static const char *const words[] = {
#define EXPOSURE_WORD(id, word) word,
		SW_EXPOSURES(EXPOSURE_WORD)
#undef EXPOSURE_WORD
	};

	return exposure < SW_EXPOSURE_COUNT ? words[exposure] : "?";
}

const char *sw_sock_netns_name(struct sw_inventory *inv, const struct sw_sock *s, char buf[static SW_NETNS_NAME_MAX])
{
	const char *name = sw_inventory_netns_name(inv, s->netns);
	struct sw_proc *owner = sw_sock_owner(s);
	struct sw_proc_info info;

	sw_strcpy(buf, SW_NETNS_NAME_MAX, name);
	if (!sw_streq(name, SW_NETNS_UNNAMED) || !owner)
		return buf;
	sw_procs_info(sw_inventory_procs(inv), owner, true, &info);
	if (*info.container)
		snprintf(buf, SW_NETNS_NAME_MAX, "container:%.40s", info.container);
	else if (*info.name)
		snprintf(buf, SW_NETNS_NAME_MAX, "process:%.40s", info.name);
	return buf;
}
