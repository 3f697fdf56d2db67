// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/kern/device.h"

#include <bpf/bpf.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <time.h>

enum { DEVICES_MAX = 4096, REPLY_BYTES = 32768 }; /* a dump's packets are at most 32 KiB */

struct list {
	struct sw_device *at;
	size_t n;
	int error;
};

static void close_netlink(struct mnl_socket **s)
{
	if (*s)
		mnl_socket_close(*s);
}

static int get_string(const struct nlattr *a, char *dst, size_t size)
{
	if (mnl_attr_validate(a, MNL_TYPE_NUL_STRING) < 0)
		return MNL_CB_OK;
	sw_strcpy(dst, size, mnl_attr_get_str(a));
	return MNL_CB_OK;
}

static void read_xdp(const struct nlattr *nest, struct sw_device *d)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
	{
		switch (mnl_attr_get_type(a)) {
		case IFLA_XDP_PROG_ID:
		case IFLA_XDP_DRV_PROG_ID:
		case IFLA_XDP_SKB_PROG_ID:
		case IFLA_XDP_HW_PROG_ID:
			if (mnl_attr_validate(a, MNL_TYPE_U32) == 0 && !d->xdp_prog_id)
				d->xdp_prog_id = mnl_attr_get_u32(a);
			break;
		}
	}
}

static void read_kind(const struct nlattr *nest, struct sw_device *d)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
	{
		if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
			get_string(a, d->kind, sizeof(d->kind));
	}
}

static bool is_layer3_type(unsigned short type)
{
	switch (type) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return false;
	default:
		return true; /* tunnels, ppp, wireguard, raw ip: no Ethernet header */
	}
}

static int on_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct list *l = arg;
	struct sw_device d = {.ifindex = (__u32)ifi->ifi_index};
	struct sw_device *grown;
	const struct nlattr *a;

	d.is_up = ifi->ifi_flags & IFF_UP;
	d.has_carrier = ifi->ifi_flags & IFF_RUNNING;
	d.is_loopback = ifi->ifi_flags & IFF_LOOPBACK;
	d.is_layer3 = is_layer3_type(ifi->ifi_type);
	mnl_attr_for_each(a, nlh, sizeof(*ifi))
	{
		switch (mnl_attr_get_type(a)) {
		case IFLA_IFNAME:
			get_string(a, d.name, sizeof(d.name));
			break;
		case IFLA_MTU:
			d.mtu = mnl_attr_get_u32(a);
			break;
		case IFLA_NUM_RX_QUEUES:
			d.rx_queues = mnl_attr_get_u32(a);
			break;
		case IFLA_NUM_TX_QUEUES:
			d.tx_queues = mnl_attr_get_u32(a);
			break;
		case IFLA_LINKINFO:
			read_kind(a, &d);
			break;
		case IFLA_XDP:
			read_xdp(a, &d);
			break;
		}
	}
	if (l->n >= DEVICES_MAX)
		return MNL_CB_OK;
	grown = reallocarray(l->at, l->n + 1, sizeof(*l->at));
	if (!grown) {
		l->error = -ENOMEM;
		return MNL_CB_STOP;
	}
	l->at = grown;
	l->at[l->n++] = d;
	return MNL_CB_OK;
}

static void mark_default(struct list *l, __u32 ifindex, unsigned char family)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->at[i].ifindex != ifindex)
			continue;
		if (family == AF_INET)
			l->at[i].has_default4 = true;
		else
			l->at[i].has_default6 = true;
	}
}

static void mark_hops(struct list *l, const struct nlattr *a, unsigned char family)
{
	const struct rtnexthop *h = mnl_attr_get_payload(a);
	int left = mnl_attr_get_payload_len(a);

	while (RTNH_OK(h, left)) {
		mark_default(l, (__u32)h->rtnh_ifindex, family);
		left -= NLMSG_ALIGN(h->rtnh_len);
		h = RTNH_NEXT(h);
	}
}

static int on_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	if (rt->rtm_dst_len || rt->rtm_type != RTN_UNICAST || (rt->rtm_flags & RTM_F_CLONED))
		return MNL_CB_OK;
	mnl_attr_for_each(a, nlh, sizeof(*rt))
	{
		if (mnl_attr_get_type(a) == RTA_OIF)
			mark_default(arg, mnl_attr_get_u32(a), rt->rtm_family);
		else if (mnl_attr_get_type(a) == RTA_MULTIPATH)
			mark_hops(arg, a, rt->rtm_family);
	}
	return MNL_CB_OK;
}

static int dump(struct mnl_socket *s, __u16 type, unsigned char family, size_t head, mnl_cb_t fn,
	struct list *l)
{
	_free_ char *buf = malloc(REPLY_BYTES);
	unsigned int seq = (unsigned int)type << 8 | family;
	struct nlmsghdr *nlh;
	int r;

	if (!buf)
		return -ENOMEM;
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	*(unsigned char *)mnl_nlmsg_put_extra_header(nlh, head) =
		family; /* first byte of both headers */
	if (mnl_socket_sendto(s, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t n = mnl_socket_recvfrom(s, buf, REPLY_BYTES);

		if (n < 0)
			return -errno;
		r = mnl_cb_run(buf, (size_t)n, seq, mnl_socket_get_portid(s), fn, l);
	} while (r > MNL_CB_STOP);
	if (r < 0)
		return -errno;
	return l->error;
}

static __u32 ask_ethtool(int fd, const char *name, __u32 cmd)
{
	struct ethtool_value v = {.cmd = cmd};
	struct ifreq ifr = {.ifr_data = (void *)&v};

	sw_strcpy(ifr.ifr_name, sizeof(ifr.ifr_name), name);
	return ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? 0 : v.data;
}

static void read_ethtool(int fd, struct sw_device *d)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq ifr = {.ifr_data = (void *)&info};

	sw_strcpy(ifr.ifr_name, sizeof(ifr.ifr_name), d->name);
	if (ioctl(fd, SIOCETHTOOL, &ifr) == 0) {
		info.driver[sizeof(info.driver) - 1] = '\0';
		sw_strcpy(d->driver, sizeof(d->driver), info.driver);
	}
	if (!d->driver[0])
		sw_strcpy(d->driver, sizeof(d->driver), d->kind);
	d->has_gro = ask_ethtool(fd, d->name, ETHTOOL_GGRO);
	d->has_tso = ask_ethtool(fd, d->name, ETHTOOL_GTSO);
	d->has_lro = ask_ethtool(fd, d->name, ETHTOOL_GFLAGS) & ETH_FLAG_LRO;
}

static void name_program(struct sw_device *d)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	_close_ int fd = -1;

	if (!d->xdp_prog_id)
		return;
	fd = bpf_prog_get_fd_by_id(d->xdp_prog_id);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return;
	sw_strcpy(d->xdp_prog_name, sizeof(d->xdp_prog_name), info.name);
	for (size_t i = 0; i < sizeof(info.tag); i++)
		snprintf(d->xdp_prog_tag + 2 * i, sizeof(d->xdp_prog_tag) - 2 * i, "%02x", info.tag[i]);
	d->xdp_prog_uid = info.created_by_uid;
}

static int read_all_links(struct mnl_socket *s, struct list *l)
{
	static const unsigned char families[] = {AF_INET, AF_INET6};
	int r = dump(s, RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), on_link, l);

	for (size_t i = 0; i < SW_ARRAY_SIZE(families) && r >= 0; i++)
		r = dump(s, RTM_GETROUTE, families[i], sizeof(struct rtmsg), on_route, l);
	return r;
}

int sw_device_list(struct sw_device **ret)
{
	_cleanup_(close_netlink) struct mnl_socket *s =
		mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct list l = {};
	int r;

	if (!s || fd < 0 || mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	r = read_all_links(s, &l);
	if (r < 0) {
		free(l.at);
		return r;
	}
	for (size_t i = 0; i < l.n; i++) {
		read_ethtool(fd, &l.at[i]);
		name_program(&l.at[i]);
	}
	*ret = l.at;
	return (int)l.n;
}

int sw_device_find(const char *name, struct sw_device *ret)
{
	_free_ struct sw_device *all = NULL;
	int n = sw_device_list(&all);

	for (int i = 0; i < n; i++) {
		if (sw_streq(all[i].name, name)) {
			*ret = all[i];
			return 0;
		}
	}
	return n < 0 ? n : -ENODEV;
}
