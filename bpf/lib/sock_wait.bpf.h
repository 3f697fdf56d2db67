/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * listen() of a socket that was never bound: the kernel chooses the port right after the change of state, the last
 * that a tracepoint says of it. A hook of sockops would say the port and is asked nine times by every connection
 * of the machine, so the record waits here instead: a timer looks for the port a moment later, and a socket that
 * ends before has its record sent by who tells of the end. Only where kernel memory may be read.
 */
#pragma once

#include "lib/sock_emit.bpf.h"
#include "lib/sock_note.bpf.h"

enum { SOCK_WAITS = 64, WAIT_NS = 20000, WAIT_LOOKS_MAX = 12 };
enum { CLOCK_BOOTTIME = 7 };

#define WAIT_IS_BUSY (~0ULL)

struct sock_wait {
	struct bpf_timer timer;
	__u64 cookie; /* 0: free; WAIT_IS_BUSY: being filled or sent */
	__u64 sk; /* an address to look at, and no more: the socket may be gone */
	__u32 looks, pad;
	struct sw_sock_event e;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SOCK_WAITS);
	__type(key, __u32);
	__type(value, struct sock_wait);
} sock_waits SEC(".maps");

static __always_inline struct sock_wait *wait_of(__u64 cookie)
{
	__u32 key = cookie & (SOCK_WAITS - 1);

	return bpf_map_lookup_elem(&sock_waits, &key);
}

/* 0: none was chosen yet, or the address is nobody's now. */
static __always_inline __u16 port_at(__u64 sk)
{
	__u16 port = 0;

	bpf_probe_read_kernel(&port, sizeof(port), &((struct sock *)sk)->__sk_common.skc_num);
	return port;
}

/*
 * Sends what waits, by one alone of those who would; false: nothing does. Without a port listen() failed. Its room is
 * taken before it is claimed: who comes too late for that then tells of the end behind it, and not before.
 */
static __always_inline bool wait_end(struct sock_wait *w, __u64 cookie, __u16 port)
{
	struct sw_sock_event *room = bpf_ringbuf_reserve(&ev_sock, sizeof(*room), 0), *e;

	if (!cookie || !port || __sync_val_compare_and_swap(&w->cookie, cookie, WAIT_IS_BUSY) != cookie) {
		if (room)
			bpf_ringbuf_discard(room, BPF_RB_NO_WAKEUP);
		return cookie && !port && __sync_val_compare_and_swap(&w->cookie, cookie, 0) == cookie;
	}
	e = event_head(&room->head, SW_EV_LISTEN, sizeof(*e), 0);
	if (e) {
		__builtin_memcpy(&e->owner, &w->e.owner, sizeof(*e) - sizeof(e->head));
		e->lport = port;
		event_commit(&e->head);
	}
	*(volatile __u64 *)&w->cookie = 0;
	return true;
}

static __always_inline void wait_end_of(__u64 cookie, __u64 sk)
{
	struct sock_wait *w = can_read_kernel ? wait_of(cookie) : NULL;

	if (w && w->cookie == cookie)
		wait_end(w, cookie, port_at(sk));
}
