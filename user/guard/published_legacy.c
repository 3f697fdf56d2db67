// SPDX-License-Identifier: GPL-3.0-or-later
/* Legacy iptables' NAT tables, as the kernel gives them: one block of entries of matches and a target. */
#include <netinet/in.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <sys/socket.h>

#include "user/guard/published.h"

enum { TABLE_BYTES_MAX = 64 << 20 };

/* Where the two families differ. */
struct form {
	int family, level, info, entries;
	const char *
		names; /* the file that says which tables are loaded: asking for one would load it */
	size_t entry_bytes, target_at, next_at;
};

static const struct form forms[] = {
	{AF_INET, SOL_IP, IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES, "/proc/net/ip_tables_names",
		sizeof(struct ipt_entry), offsetof(struct ipt_entry, target_offset),
		offsetof(struct ipt_entry, next_offset)},
	{AF_INET6, SOL_IPV6, IP6T_SO_GET_INFO, IP6T_SO_GET_ENTRIES, "/proc/net/ip6_tables_names",
		sizeof(struct ip6t_entry), offsetof(struct ip6t_entry, target_offset),
		offsetof(struct ip6t_entry, next_offset)},
};

static bool has_nat(const struct form *f)
{
	FILE *file = fopen(f->names, "re");
	char line[64];
	bool is_there = false;

	while (file && fgets(line, sizeof(line), file))
		is_there |= sw_streq(line, "nat\n");
	if (file)
		fclose(file);
	return is_there;
}

static void add_ports(struct sw_published *p, unsigned int first, unsigned int last)
{
	for (unsigned int i = first; i <= last && i < 65536; i++)
		p->ports[i >> 3] |= (__u8)(1 << (i & 7));
}

static void see_match(struct sw_published *p, const struct xt_entry_match *m, bool *has_ports)
{
	const struct xt_multiport_v1 *multi = (const void *)m->data;
	const struct xt_udp *u = (const void *)m->data;
	size_t len = m->u.match_size - sizeof(*m);

	if ((sw_streq(m->u.user.name, "tcp") || sw_streq(m->u.user.name, "udp")) &&
		len >= sizeof(*u)) {
		if (!u->dpts[0] && u->dpts[1] == 65535)
			return;
		add_ports(p, u->dpts[0], u->dpts[1]);
		*has_ports = true;
	} else if (sw_streq(m->u.user.name, "multiport") && len >= sizeof(*multi) &&
		multi->flags != XT_MULTIPORT_SOURCE) {
		for (unsigned int i = 0; i < multi->count && i < XT_MULTI_PORTS; i++)
			add_ports(p, multi->ports[i],
				multi->pflags[i] && i + 1 < XT_MULTI_PORTS ? multi->ports[i + 1]
									   : multi->ports[i]);
		*has_ports = true;
	}
}

static void see_entry(
	struct sw_published *p, const struct form *f, const char *entry, size_t target)
{
	const struct xt_entry_target *t = (const void *)(entry + target);
	const char *name = t->u.user.name;
	struct sw_published own = {};
	bool has_ports = false;

	if (sw_streq(name, "SNAT") || sw_streq(name, "MASQUERADE")) {
		p->has_masquerade = true;
		return;
	}
	for (size_t at = f->entry_bytes; at + sizeof(struct xt_entry_match) <= target;) {
		const struct xt_entry_match *m = (const void *)(entry + at);

		if (m->u.match_size < sizeof(*m) || at + m->u.match_size > target)
			break;
		see_match(&own, m, &has_ports);
		at += m->u.match_size;
	}
	/* a jump is a standard target, whose name is empty, with a place to go */
	if (!has_ports || (*name && !sw_streq(name, "DNAT") && !sw_streq(name, "REDIRECT")))
		return;
	p->n_rules++;
	for (unsigned int i = 0; i < SW_PORT_BYTES; i++)
		p->ports[i] |= own.ports[i];
}

static void see_table(struct sw_published *p, const struct form *f, const char *table, size_t size)
{
	for (size_t at = 0; at + f->entry_bytes <= size;) {
		__u16 target, next;

		memcpy(&target, table + at + f->target_at, sizeof(target));
		memcpy(&next, table + at + f->next_at, sizeof(next));
		if (next < target || target < f->entry_bytes || at + next > size ||
			next - target < (int)sizeof(struct xt_entry_target))
			return;
		see_entry(p, f, table + at, target);
		at += next;
	}
}

static int read_table(struct sw_published *p, const struct form *f)
{
	/* the same in both families */
	struct ipt_getinfo info = {.name = "nat"};
	_free_ struct ipt_get_entries *e = NULL;
	_close_ int fd = socket(f->family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	socklen_t len = sizeof(info);

	if (fd < 0 || getsockopt(fd, f->level, f->info, &info, &len) < 0)
		return -errno;
	if (info.size > TABLE_BYTES_MAX)
		return -EFBIG;
	len = (socklen_t)(sizeof(*e) + info.size);
	e = calloc(1, len);
	if (!e)
		return -ENOMEM;
	memcpy(e->name, "nat", 4);
	e->size = info.size;
	if (getsockopt(fd, f->level, f->entries, e, &len) < 0)
		return -errno;
	see_table(p, f, (const char *)e->entrytable, e->size);
	return 0;
}

int sw_published_add_legacy(struct sw_published *p)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(forms); i++) {
		int r = has_nat(&forms[i]) ? read_table(p, &forms[i]) : 0;

		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}
