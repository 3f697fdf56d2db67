/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A record about a socket that is at hand whole. */
#pragma once

#include "lib/sock_emit.bpf.h"
#include "lib/sock_note.bpf.h"

#include <bpf/bpf_endian.h>

static __always_inline void tuple_of(struct sw_sock_event *e, const struct sock *sk)
{
	e->family = sk->__sk_common.skc_family;
	e->type = sk->sk_type;
	e->protocol = sk->sk_protocol;
	e->ifindex = sk->__sk_common.skc_bound_dev_if;
	e->owner.netns = sk->__sk_common.skc_net.net->ns.inum;
	e->lport = sk->__sk_common.skc_num;
	e->rport = bpf_ntohs(sk->__sk_common.skc_dport);
	if (e->family == AF_INET) {
		*(__u32 *)e->laddr = sk->__sk_common.skc_rcv_saddr;
		*(__u32 *)e->raddr = sk->__sk_common.skc_daddr;
	} else if (e->family == AF_INET6) {
		copy6(e->laddr, &sk->__sk_common.skc_v6_rcv_saddr);
		copy6(e->raddr, &sk->__sk_common.skc_v6_daddr);
	}
}

/* All but the head; ret, and of what is not a listener the count, are the caller's. t: who acts. */
static __always_inline void sock_event_fill(struct sw_sock_event *e, const struct sock *sk, __u8 type, __u8 state,
	const struct sock_note *note, struct task_struct *t)
{
	sock_event_clear(e, note);
	tuple_of(e, sk);
	e->cookie = cookie_of(sk) ? cookie_of(sk) : bpf_get_socket_cookie((void *)sk);
	e->state = state;
	if (type != SW_EV_CLOSE)
		e->options = options_of(sk, tcp_inet_of(sk)) | (note->options & SW_OPT_CHOSEN);
	if (type == SW_EV_LISTEN)
		e->backlog = sk->sk_max_ack_backlog;
	e->origin = type == SW_EV_LISTEN || t->tgid == e->owner.tgid ? origin_of(t) : SW_ORIGIN_KERNEL;
}

/* A note with no owner yet: the socket is older than we are, and a softirq cannot say whose it is. */
static __always_inline int tell_many(const struct sock *sk, __u8 type, __u8 state, struct sock_note *note, __s32 ret,
	__u32 count, struct task_struct *t)
{
	struct sw_sock_event *e;

	note->flags |= SOCK_IS_TOLD;
	e = event_begin(type, sizeof(*e));
	if (!e)
		return 0;
	note->told_low = (__u32)e->head.boot_ns;
	sock_event_fill(e, sk, type, state, note, t);
	e->ret = ret;
	if (type != SW_EV_LISTEN)
		e->count = count;
	event_commit(&e->head);
	return 0;
}

static __always_inline int tell(const struct sock *sk, __u8 type, __u8 state, struct sock_note *note, __s32 ret)
{
	return tell_many(sk, type, state, note, ret, 0, current_task());
}

/* The TCP socket below an MPTCP one, made by the kernel: the one above is told. */
static __always_inline bool is_subflow(const struct sock *sk)
{
	struct tcp_sock *tp = BPF_CORE_READ_BITFIELD(sk, sk_kern_sock) ? bpf_skc_to_tcp_sock((void *)sk) : NULL;

	return tp && bpf_core_field_exists(tp->is_mptcp) && tp->is_mptcp;
}
