// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/kern/ring_decode.h"

void sw_seq_note(struct sw_seq_watch *w, uint32_t cpu, uint64_t seq)
{
	uint64_t *next = &w->next[cpu % SW_MAX_CPUS];

	if (!*next || seq == *next) {
		*next = seq + 1;
	} else if (seq > *next) {
		w->missing += (int64_t)(seq - *next);
		*next = seq + 1;
	} else if (w->missing > 0) {
		w->missing--; /* late, not lost */
	}
}

uint64_t sw_seq_lost(struct sw_seq_watch *w)
{
	int64_t sure = SW_MIN(w->missing, w->missing_before);
	int64_t fresh = sure - w->told;

	w->missing_before = w->missing;
	if (fresh <= 0)
		return 0;
	w->told = sure;
	return (uint64_t)fresh;
}

static const struct {
	enum sw_event_kind kind;
	size_t size;
} sock_rows[SW_EV_TYPE_COUNT] = {
	[SW_EV_BIND] = {SW_EVENT_SOCK, sizeof(struct sw_sock_event)},
	[SW_EV_LISTEN] = {SW_EVENT_SOCK, sizeof(struct sw_sock_event)},
	[SW_EV_CONNECT] = {SW_EVENT_SOCK, sizeof(struct sw_sock_event)},
	[SW_EV_CONNECTED] = {SW_EVENT_SOCK, sizeof(struct sw_sock_event)},
	[SW_EV_CONNECT_FAILED] = {SW_EVENT_SOCK, sizeof(struct sw_sock_event)},
	[SW_EV_ACCEPT] = {SW_EVENT_SOCK, sizeof(struct sw_sock_event)},
	[SW_EV_CLOSE] = {SW_EVENT_SOCK, sizeof(struct sw_sock_event)},
	[SW_EV_SENT] = {SW_EVENT_SENT, sizeof(struct sw_sock_event)},
	[SW_EV_EXEC] = {SW_EVENT_EXEC, sizeof(struct sw_exec_event)},
	[SW_EV_EXIT] = {SW_EVENT_EXIT, sizeof(struct sw_exit_event)},
	[SW_EV_FORK] = {SW_EVENT_FORK, sizeof(struct sw_fork_event)},
	[SW_EV_UNIX] = {SW_EVENT_UNIX, sizeof(struct sw_unix_event)},
};

int sw_ring_decode_sock(const void *data, size_t len, struct sw_event *ret)
{
	const struct sw_ev_head *h = data;

	if (len < sizeof(*h) || h->type >= SW_EV_TYPE_COUNT || !sock_rows[h->type].size)
		return -EBADMSG;
	if (len < sock_rows[h->type].size || h->len != sock_rows[h->type].size)
		return -EBADMSG;
	*ret = (struct sw_event){.kind = sock_rows[h->type].kind, .boot_ns = h->boot_ns};
	switch (ret->kind) {
	case SW_EVENT_EXEC:
		ret->exec = data;
		if (ret->exec->path_len >= SW_EXEC_PATH_MAX || ret->exec->args_len > SW_EXEC_ARGS_MAX)
			return -EBADMSG;
		break;
	case SW_EVENT_EXIT:
		ret->exit = data;
		break;
	case SW_EVENT_FORK:
		ret->fork = data;
		break;
	case SW_EVENT_UNIX:
		ret->ux = data;
		if (ret->ux->path_len > SW_UNIX_PATH_MAX)
			return -EBADMSG;
		break;
	default:
		ret->sock = data;
	}
	return 0;
}

int sw_ring_decode_pkt(const void *data, size_t len, struct sw_event *ret)
{
	const struct sw_pkt_event *p = data;

	if (len < sizeof(*p))
		return -EBADMSG;
	*ret = (struct sw_event){.kind = SW_EVENT_PKT, .boot_ns = p->boot_ns, .pkt = p};
	return 0;
}

int sw_ring_decode_inspect(const void *data, size_t len, struct sw_event *ret)
{
	const struct sw_inspect_event *p = data;

	if (len < sizeof(*p) || p->len > len - sizeof(*p) || p->way > SW_WAY_OUT)
		return -EBADMSG;
	*ret = (struct sw_event){.kind = SW_EVENT_INSPECT, .boot_ns = p->boot_ns, .inspect = p};
	return 0;
}
