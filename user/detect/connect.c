// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/connect.h"

#include "user/base/cidr.h"
#include "user/base/strbuf.h"

struct recent {
	uint64_t start_ns, told_ns, count;
	uint32_t tgid;
	struct sw_net peer;
};

struct sw_connects {
	const struct sw_clock *clock;
	struct recent recent[SW_CONNECTS_RECENT];
	size_t next;
};

int sw_connects_new(const struct sw_clock *clock, struct sw_connects **ret)
{
	struct sw_connects *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->clock = clock;
	*ret = c;
	return 0;
}

void sw_connects_free(struct sw_connects *c)
{
	free(c);
}

static struct recent *find(struct sw_connects *c, const struct sw_owner *o, const struct sw_net *peer)
{
	struct recent *r;

	for (size_t i = 0; i < SW_CONNECTS_RECENT; i++) {
		r = &c->recent[i];
		if (r->tgid == o->tgid && r->start_ns == o->start_ns && r->peer.family && sw_net_eq(&r->peer, peer))
			return r;
	}
	r = &c->recent[c->next++ % SW_CONNECTS_RECENT];
	*r = (struct recent){.tgid = o->tgid, .start_ns = o->start_ns, .peer = *peer};
	return r;
}

static void copy_safe(char *dst, size_t size, const char *text)
{
	_strbuf_ struct sw_strbuf safe = {};

	if (text)
		sw_strbuf_safe(&safe, text, strlen(text));
	(void)sw_strcpy(dst, size, sw_strbuf_get(&safe));
}

void sw_connect_name(struct sw_finding *f, const struct sw_connect_process *p)
{
	copy_safe(f->process, sizeof(f->process), p->comm);
	copy_safe(f->executable, sizeof(f->executable), p->executable);
	copy_safe(f->container, sizeof(f->container), p->container);
	copy_safe(f->unit, sizeof(f->unit), p->unit);
	copy_safe(f->container_name, sizeof(f->container_name), p->container_name);
	copy_safe(f->pod, sizeof(f->pod), p->pod);
}

static void fill(struct sw_finding *f, const struct sw_sock_event *ev, const struct sw_net *peer, const char *trail,
	const char *feed, const struct sw_connect_process *p)
{
	char address[SW_NET_TEXT_MAX];

	f->kind = SW_FINDING_TRAIL_CONNECT;
	f->severity = *trail ? SW_SEV_HIGH : SW_SEV_LOW;
	(void)sw_strcpy(f->rule, sizeof(f->rule), *trail ? "trail-connect" : "country-connect");
	f->boot_ns = ev->head.boot_ns;
	f->subject = *peer;
	f->sport = ev->lport;
	f->dport = ev->rport;
	f->protocol = (__u8)ev->protocol;
	f->pid = ev->owner.tgid;
	f->uid = ev->owner.uid;
	sw_connect_name(f, p);
	(void)sw_strcpy(f->trail, sizeof(f->trail), trail);
	(void)sw_strcpy(f->feed, sizeof(f->feed), feed);
	sw_cidr_format(address, peer);
	snprintf(f->title, sizeof(f->title), "%.40s[%u] %.25s %s port %u, %s%.31s",
		*f->process ? f->process : "a process", f->pid,
		ev->ret ? "was refused to connect to" : "connects to", address, f->dport,
		*trail ? "on trail list " : "by ", feed);
}

bool sw_connects_judge(struct sw_connects *c, const struct sw_sock_event *ev, const struct sw_net *peer,
	const char *trail, const char *feed, const struct sw_connect_process *p, struct sw_finding *ret)
{
	struct recent *r = find(c, &ev->owner, peer);
	uint64_t now_ns = sw_clock_boot_ns(c->clock);

	r->count += ev->count ? ev->count : 1;
	if (r->told_ns && now_ns - r->told_ns < SW_CONNECTS_AGAIN_SEC * SW_SEC_NS)
		return false;
	*ret = (struct sw_finding){.count = r->count};
	fill(ret, ev, peer, trail, feed, p);
	r->told_ns = now_ns;
	r->count = 0;
	return true;
}
