// SPDX-License-Identifier: GPL-3.0-or-later
/* Connects of this host's processes, looked up in the trails. Called by watch.c for each socket record. */
#include "user/detect/connect.h"

#include <sys/socket.h>

#include "user/engine/trails.h"
#include "user/engine/watch.h"

static struct sw_net peer_of(const struct sw_sock_event *ev)
{
	__u32 v4;

	if (ev->family == AF_INET6)
		return sw_net_from6(ev->raddr);
	memcpy(&v4, ev->raddr, sizeof(v4));
	return sw_net_from4(v4);
}

void sw_watch_connects(struct sw_engine *e, const struct sw_event *event)
{
	const struct sw_sock_event *ev = event->sock;
	char trail[SW_NET_TEXT_MAX];
	struct sw_proc_info info = {.comm = "", .name = "", .executable = "", .container = "", .unit = ""};
	struct sw_connect_process p;
	struct sw_finding f;
	struct sw_proc *proc;
	const char *list;
	struct sw_net peer;

	if (event->kind != SW_EVENT_SOCK || ev->head.type != SW_EV_CONNECT || !e->connects ||
		(ev->family != AF_INET && ev->family != AF_INET6))
		return;
	peer = peer_of(ev);
	if (!sw_trails_find(e, &peer, &list, trail))
		return;
	proc = sw_procs_hold(e->watch->procs, &ev->owner);
	if (proc)
		sw_procs_info(e->watch->procs, proc, true, &info);
	p = (struct sw_connect_process){info.name, info.executable, info.container, info.unit};
	if (sw_connects_judge(e->connects, ev, &peer, trail, list, &p, &f))
		sw_engine_find(e, &f);
	if (proc)
		sw_procs_release(e->watch->procs, proc);
}

static int init(struct sw_engine *e)
{
	return sw_connects_new(&e->clock, &e->connects);
}

static void done(struct sw_engine *e)
{
	sw_connects_free(TAKE_PTR(e->connects));
}

const struct sw_engine_part sw_part_connects = {.name = "connects", .init = init, .done = done};
