// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/ports.h"

#include <bpf/bpf.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>

#include "sockwarden/abi/probe.h"
#include "user/base/log.h"
#include "user/guard/published.h"

enum { EVENT_BYTES = 32768, MASQUERADED_FIRST = 1024 };

struct sw_ports {
	const struct sw_maps *maps;
	struct mnl_socket *netlink;
	struct sw_source *events, *settle;
	struct sw_published published;
	struct sw_guard_ports listeners;
	struct sw_probe_ctl ctl;
	bool sees_completed;
};

static const struct {
	enum sw_probe probe;
	enum sw_rule rule;
} rules[] = {
	{SW_PROBE_SYN, SW_RULE_SCAN_VERTICAL},
	{SW_PROBE_HOSTS, SW_RULE_SCAN_HORIZONTAL},
	{SW_PROBE_FIN, SW_RULE_SCAN_FIN},
	{SW_PROBE_NULL, SW_RULE_SCAN_NULL},
	{SW_PROBE_XMAS, SW_RULE_SCAN_XMAS},
	{SW_PROBE_FLAGS, SW_RULE_SCAN_FLAGS},
	{SW_PROBE_FRAGMENT, SW_RULE_SCAN_FRAGMENT},
	{SW_PROBE_MAIMON, SW_RULE_SCAN_MAIMON},
	{SW_PROBE_ACK, SW_RULE_SCAN_ACK},
	{SW_PROBE_UDP, SW_RULE_SCAN_UDP},
	{SW_PROBE_FLOOD, SW_RULE_SYN_FLOOD},
};

static void set_range(__u8 *ports, unsigned int first, unsigned int last)
{
	for (unsigned int i = first; i <= last && i < 65536; i++)
		ports[i >> 3] |= (__u8)(1 << (i & 7));
}

static void client_range(unsigned int *first, unsigned int *last)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

	*first = 32768;
	*last = 60999;
	if (f && fscanf(f, "%5u %5u", first, last) != 2) {
		*first = 32768;
		*last = 60999;
	}
	if (f)
		fclose(f);
}

static int put(struct sw_ports *p)
{
	struct sw_probe_ports *o = &p->ctl.ports;
	unsigned int first, last;

	client_range(&first, &last);
	for (unsigned int i = 0; i < SW_PORT_BYTES; i++) {
		o->syn[i] = p->listeners.tcp[i] | p->published.ports[i];
		o->talk[i] = o->syn[i];
		o->udp[i] = p->listeners.udp[i] | p->published.ports[i];
	}
	set_range(o->talk, first, last);
	set_range(o->udp, first, last);
	if (p->published.has_masquerade) {
		set_range(o->talk, MASQUERADED_FIRST, 65535);
		set_range(o->udp, MASQUERADED_FIRST, 65535);
	}
	return bpf_map_update_elem(p->maps->fd[SW_MAP_PROBE_CTL], &(__u32){0}, &p->ctl, BPF_ANY);
}

static void read_published(struct sw_ports *p)
{
	int r = sw_published_read(&p->published);

	if (r < 0)
		sw_log_warning(r,
			"NAT rules cannot be read, ports that they send on may count as closed, ignoring");
	r = put(p);
	if (r < 0)
		sw_log_warning(r, "probe_ctl cannot be written, ignoring");
}

static int on_settled(struct sw_source *s, void *arg)
{
	read_published(arg);
	return 0;
}

/* What came is not read: that something came is enough, and so is that something was missed. */
static int on_netlink(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct sw_ports *p = arg;
	char buf[EVENT_BYTES];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		;
	return sw_source_set_timer(
		p->settle, SW_PORTS_SETTLE_MS * SW_MSEC_NS, SW_PORTS_LEGACY_SEC * SW_SEC_NS);
}

static int follow(struct sw_ports *p, struct sw_loop *l)
{
	int group = NFNLGRP_NFTABLES;

	p->netlink = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!p->netlink || mnl_socket_bind(p->netlink, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_setsockopt(p->netlink, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) <
			0)
		return -errno;
	return sw_loop_add_fd(l, mnl_socket_get_fd(p->netlink), EPOLLIN, on_netlink, p, &p->events);
}

void sw_ports_configure(struct sw_ports *p, const struct sw_config *c)
{
	bool is_on = false;

	for (size_t i = 0; i < SW_ARRAY_SIZE(rules); i++) {
		const struct sw_config_habit *r = &c->detect[rules[i].rule - SW_RULE_HABITS];

		p->ctl.rule[rules[i].probe] =
			(struct sw_probe_rule){.threshold = r->is_on ? r->threshold : 0,
				.window_sec = (__u32)r->window_sec};
		is_on |= r->is_on;
	}
	if (!p->sees_completed) /* everybody would count as half-open */
		p->ctl.rule[SW_PROBE_FLOOD].threshold = 0;
	is_on |= c->detect[SW_RULE_SCAN_DISTRIBUTED - SW_RULE_HABITS].is_on;
	p->ctl.is_on = is_on;
	read_published(p);
}

int sw_ports_listeners(struct sw_ports *p, const struct sw_guard_ports *g)
{
	p->listeners = *g;
	return put(p) < 0 ? -errno : 0;
}

int sw_ports_new(struct sw_loop *l, const struct sw_maps *maps, const struct sw_config *c,
	bool sees_completed, struct sw_ports **ret)
{
	struct sw_ports *p = calloc(1, sizeof(*p));
	struct sw_probe_ctl *before;
	int r;

	if (!p)
		return -ENOMEM;
	p->maps = maps;
	p->sees_completed = sees_completed;
	before = &p->ctl;
	/* what an earlier guard left stands until the engine speaks */
	if (bpf_map_lookup_elem(maps->fd[SW_MAP_PROBE_CTL], &(__u32){0}, before) == 0) {
		memcpy(p->listeners.tcp, before->ports.syn, SW_PORT_BYTES);
		memcpy(p->listeners.udp, before->ports.udp, SW_PORT_BYTES);
	}
	r = sw_loop_add_timer(l, SW_PORTS_LEGACY_SEC * SW_SEC_NS, SW_PORTS_LEGACY_SEC * SW_SEC_NS,
		on_settled, p, &p->settle);
	if (r < 0) {
		sw_ports_free(p);
		return r;
	}
	r = follow(p, l);
	if (r < 0)
		sw_log_notice(
			"changes of NAT rules are not told by this kernel: they are read each %d s (%s)",
			SW_PORTS_LEGACY_SEC, strerror(-r));
	sw_ports_configure(p, c);
	*ret = p;
	return 0;
}

void sw_ports_free(struct sw_ports *p)
{
	if (!p)
		return;
	sw_source_free(p->events);
	sw_source_free(p->settle);
	if (p->netlink)
		mnl_socket_close(p->netlink);
	free(p);
}
