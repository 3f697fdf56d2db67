// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/sock_policy.h"

#include "user/base/cidr.h"
#include "user/base/strbuf.h"

static void copy_safe(char *dst, size_t size, const char *text)
{
	_strbuf_ struct sw_strbuf safe = {};

	sw_strbuf_safe(&safe, text, strlen(text));
	(void)sw_strcpy(dst, size, sw_strbuf_get(&safe));
}

static void put_deed(const struct sw_sock_offence *o, struct sw_strbuf *out)
{
	char address[SW_NET_TEXT_MAX];
	const char *const verbs[2][2] = {{"listens on", "was refused to listen on"},
		{"connects to", "was refused to connect to"}};

	if (o->is_raw || o->is_packet) {
		sw_strbuf_puts(out, o->is_refused ? "was refused a " : "has a ");
		sw_strbuf_puts(out, o->is_packet ? "packet socket, " : "raw socket");
		if (o->is_raw)
			sw_strbuf_printf(out, " of IP protocol %u, ", o->port);
	} else {
		sw_strbuf_puts(out, verbs[o->is_connect][o->is_refused]);
		if (o->address.family)
			sw_strbuf_printf(out, " %s", sw_cidr_format(address, &o->address));
		if (o->port)
			sw_strbuf_printf(out, " port %u, ", o->port);
		else
			sw_strbuf_puts(out, " a port of the kernel's choice, ");
		if (o->is_closed)
			sw_strbuf_puts(out, "and was closed, ");
	}
	if (o->rule < 0)
		sw_strbuf_printf(out, "which no rule of policy.%s allows",
			o->is_connect ? "connect" : "listen");
	else
		sw_strbuf_printf(out, "by rule %d of policy.%s", o->rule + 1,
			o->is_connect ? "connect" : "listen");
}

void sw_detect_sock_policy(const struct sw_sock_offence *o, struct sw_finding *ret)
{
	const char *slash = strrchr(o->executable, '/');
	_strbuf_ struct sw_strbuf deed = {};
	char user[33];

	*ret = (struct sw_finding){.kind = SW_FINDING_POLICY,
		.severity = SW_SEV_MEDIUM,
		.dport = o->port,
		.protocol = o->protocol,
		.pid = o->pid,
		.uid = o->uid,
		.count = 1};
	if (o->is_connect)
		ret->subject = o->address;
	(void)sw_strcpy(
		ret->rule, sizeof(ret->rule), o->is_connect ? "policy-connect" : "policy-listen");
	copy_safe(ret->process, sizeof(ret->process),
		*o->process     ? o->process
			: slash ? slash + 1
				: o->executable);
	copy_safe(ret->executable, sizeof(ret->executable), o->executable);
	copy_safe(ret->container, sizeof(ret->container), o->container);
	copy_safe(ret->unit, sizeof(ret->unit), o->unit);
	copy_safe(user, sizeof(user), o->user);
	put_deed(o, &deed);
	snprintf(ret->title, sizeof(ret->title), "%.32s[%u] of user %.20s%s%.12s %.100s",
		*ret->process ? ret->process : "a process", o->pid, *user ? user : "?",
		*o->container ? " in container " : "", ret->container, sw_strbuf_get(&deed));
}
