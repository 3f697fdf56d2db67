// SPDX-License-Identifier: GPL-3.0-or-later
/* Records of the socket ring as lines of `events`: what a person wants to see pass by. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "sockwarden/abi/sock_policy.h"
#include "user/base/cidr.h"
#include "user/base/words.h"
#include "user/detect/hits.h"
#include "user/engine/watch.h"

/*  By enum sw_ev_type; no verb: not told */
static const struct {
	const char *action, *verb;
	bool has_peer;
} rows[SW_EV_TYPE_COUNT] = {
	[SW_EV_BIND] = {"bind", "binds", false},
	[SW_EV_LISTEN] = {"listen", "listens on", false},
	[SW_EV_CONNECT] = {"connect", "connects to", true},
	[SW_EV_CONNECT_FAILED] = {"connect-failed", "could not connect to", true},
	[SW_EV_ACCEPT] = {"accept", "is connected to by", true},
};

static const char *const origins[] = {"syscall", "io_uring", "compat", "kernel"};

static struct sw_sock as_sock(const struct sw_sock_event *s)
{
	struct sw_sock k = {.family = s->family,
		.protocol = s->protocol,
		.type = s->type,
		.lport = s->lport,
		.rport = s->rport};

	memcpy(k.laddr, s->laddr, sizeof(k.laddr));
	memcpy(k.raddr, s->raddr, sizeof(k.raddr));
	return k;
}

/* TCP's bind says nothing yet, and a listener without a port is told again with it. */
static bool is_told(const struct sw_sock_event *s)
{
	if (!rows[s->head.type].verb || (s->family != AF_INET && s->family != AF_INET6))
		return false;
	if (s->head.type == SW_EV_BIND)
		return s->ret || s->protocol != IPPROTO_TCP;
	return s->head.type != SW_EV_LISTEN || s->lport;
}

static int64_t wall_of(struct sw_engine *e, uint64_t boot_ns)
{
	return sw_clock_wall_ns(&e->clock) - (int64_t)(sw_clock_boot_ns(&e->clock) - boot_ns);
}

static void owner_info(struct sw_engine *e, const struct sw_owner *o, struct sw_proc_info *ret)
{
	struct sw_proc_key key = sw_proc_key_of(o);
	struct sw_proc *proc = sw_procs_find(e->watch->procs, &key);

	*ret = (struct sw_proc_info){.comm = "", .name = "", .executable = ""};
	if (proc)
		sw_procs_info(e->watch->procs, proc, false, ret);
}

/* What we refused has its own words. */
static const char *action_of(const struct sw_sock_event *s, const char **ret_verb)
{
	bool is_bind = s->head.type == SW_EV_BIND;
	bool is_refused = (is_bind || s->head.type == SW_EV_CONNECT) && s->ret;

	*ret_verb = is_refused ? "is refused" : rows[s->head.type].verb;
	if (!is_refused)
		return rows[s->head.type].action;
	return is_bind ? "bind-refused" : "connect-refused";
}

static void write_names(struct sw_json *j, const struct sw_proc_info *info)
{
	if (info->container && *info->container)
		sw_json_string(j, "container", info->container);
	sw_container_json(j, info);
	if (info->unit && *info->unit)
		sw_json_string(j, "unit", info->unit);
}

static void tell_sock(struct sw_engine *e, const struct sw_sock_event *s)
{
	struct sw_sock k = as_sock(s);
	struct sw_net net = rows[s->head.type].has_peer ? sw_sock_peer(&k) : sw_sock_address(&k);
	uint16_t port = rows[s->head.type].has_peer ? s->rport : s->lport;
	char addr[SW_NET_TEXT_MAX], local[SW_NET_TEXT_MAX];
	const char *verb, *action;
	struct sw_proc_info info;
	struct sw_json *j;

	if (!is_told(s) || !sw_event_admit(e->events, SW_EVK_SOCKET))
		return;
	action = action_of(s, &verb);
	owner_info(e, &s->owner, &info);
	sw_cidr_format(addr, &net);
	j = sw_event_begin_at(e->events, SW_EVK_SOCKET, wall_of(e, s->head.boot_ns),
		net.family == SW_AF_IP6 ? "%s[%u] %s %s [%s]:%u" : "%s[%u] %s %s %s:%u",
		*info.name ? info.name : "process", s->owner.tgid, verb,
		sw_sock_protocol_word(&k), addr, port);
	net = sw_sock_address(&k);
	sw_json_string(j, "action", action);
	sw_json_string(j, "protocol", sw_sock_protocol_word(&k));
	sw_json_string(j, "local", sw_cidr_format(local, &net));
	sw_json_uint(j, "lport", s->lport);
	if (rows[s->head.type].has_peer) {
		sw_json_string(j, "remote", addr);
		sw_json_uint(j, "rport", s->rport);
	}
	if (s->head.type != SW_EV_LISTEN && s->count > 1)
		sw_json_uint(j, "count", s->count);
	if (s->ret)
		sw_json_string(j, "error", strerror(-s->ret));
	if (s->policy_rule && s->policy_rule != SW_SOCK_BY_DEFAULT)
		sw_json_uint(j, "rule", s->policy_rule);
	sw_json_uint(j, "pid", s->owner.tgid);
	sw_json_uint(j, "uid", s->owner.uid);
	sw_json_string(j, "comm", info.comm);
	sw_json_string(j, "executable", info.executable);
	write_names(j, &info);
	sw_json_string(j, "origin", s->origin < SW_ARRAY_SIZE(origins) ? origins[s->origin] : "?");
	sw_json_uint(j, "netns", s->owner.netns);
	sw_event_end(e->events);
}

static void tell_exec(struct sw_engine *e, const struct sw_exec_event *x)
{
	struct sw_proc_info info;
	struct sw_json *j;

	if (!sw_event_admit(e->events, SW_EVK_EXEC))
		return;
	owner_info(e, &x->owner, &info);
	j = sw_event_begin_at(e->events, SW_EVK_EXEC, wall_of(e, x->head.boot_ns), "%s[%u] runs %s",
		*info.name ? info.name : "process", x->owner.tgid,
		info.cmdline && *info.cmdline ? info.cmdline : info.executable);
	sw_json_uint(j, "pid", x->owner.tgid);
	sw_json_uint(j, "ppid", x->ppid);
	sw_json_uint(j, "uid", x->owner.uid);
	sw_json_string(j, "comm", info.comm);
	sw_json_string(j, "executable", info.executable);
	write_names(j, &info);
	sw_json_bool(j, "deleted", info.is_deleted);
	sw_event_end(e->events);
}

/* Packets of a process to what is listed: the same kind of line as those that come in. */
static void tell_sent(struct sw_engine *e, const struct sw_sock_event *s)
{
	struct sw_sock k = as_sock(s);
	struct sw_net net = sw_sock_peer(&k);
	char addr[SW_NET_TEXT_MAX], local[SW_NET_TEXT_MAX], protocol[8], port[16] = "";
	struct sw_proc_info info;
	struct sw_json *j;

	if (!sw_event_admit(e->events, SW_EVK_PACKET))
		return;
	owner_info(e, &s->owner, &info);
	if (s->rport)
		snprintf(port, sizeof(port), " port %u", s->rport);
	j = sw_event_begin_at(e->events, SW_EVK_PACKET, wall_of(e, s->head.boot_ns),
		"%s: %s[%u] to %s%s %s, %s, %u packet%s", s->ret ? "refused" : "sent",
		*info.name ? info.name : "process", s->owner.tgid, sw_cidr_format(addr, &net), port,
		sw_protocol_word(s->protocol, protocol), sw_reason_word(s->state), s->backlog,
		s->backlog == 1 ? "" : "s");
	net = sw_sock_address(&k);
	sw_json_string(j, "reason", sw_reason_word(s->state));
	sw_json_bool(j, "dropped", s->ret != 0);
	sw_json_uint(j, "packets", s->backlog);
	sw_json_string(j, "source", sw_cidr_format(local, &net));
	sw_json_string(j, "destination", addr);
	sw_json_uint(j, "source_port", s->lport);
	sw_json_uint(j, "destination_port", s->rport);
	sw_json_string(j, "protocol", sw_protocol_word(s->protocol, protocol));
	sw_json_uint(j, "pid", s->owner.tgid);
	sw_json_uint(j, "uid", s->owner.uid);
	sw_json_string(j, "comm", info.comm);
	sw_json_string(j, "executable", info.executable);
	write_names(j, &info);
	sw_event_end(e->events);
}

void sw_watch_tell(struct sw_engine *e, const struct sw_event *ev)
{
	if (ev->kind == SW_EVENT_SOCK)
		tell_sock(e, ev->sock);
	else if (ev->kind == SW_EVENT_SENT)
		tell_sent(e, ev->sock);
	else if (ev->kind == SW_EVENT_EXEC)
		tell_exec(e, ev->exec);
}
