// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What only BPF trampolines show (tier A): UNIX and packet sockets, a second listen(), and who accepts.
 * Beside the programs of tier B, and never about the same act. fentry and fexit rather than LSM: an LSM
 * program is attached and never run where the kernel's lsm= lacks bpf, and does not see the result.
 *
 * All optional: packet_create is to be had only where AF_PACKET is no module.
 */
#include "lib/sock_tell.bpf.h"

#include <bpf/bpf_tracing.h>

enum { SOCK_DGRAM = 2, TCP_CLOSE_STATE = 7 };

static __always_inline struct sock_note *own_note(struct sock *sk)
{
	struct sock_note *note = bpf_sk_storage_get(&sock_owner, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!note) {
		sw_stat_inc(SW_STAT_OWNER_LOST);
		return NULL;
	}
	owner_of_task(&note->owner, current_task());
	note->owner.netns = sk->__sk_common.skc_net.net->ns.inum;
	note->flags |= SOCK_IS_TOLD;
	return note;
}

static __always_inline void path_of(struct sw_unix_event *e, struct unix_sock *us)
{
	struct unix_address *addr = us->addr;
	__u32 len;

	if (!addr || !can_read_kernel)
		return;
	len = addr->len - sizeof(addr->name[0].sun_family);
	if (!len || len > SW_UNIX_PATH_MAX)
		return;
	if (bpf_probe_read_kernel(e->path, len & 127, &addr->name[0].sun_path) < 0)
		return;
	e->path_len = len;
	e->is_abstract = e->path[0] == 0;
}

static __always_inline int tell_unix(struct sock *sk, __u8 state)
{
	struct unix_sock *us = bpf_skc_to_unix_sock(sk);
	struct sock_note *note;
	struct sw_unix_event *e;

	if (!us)
		return 0;
	note = own_note(sk);
	if (!note)
		return 0;
	e = event_begin(SW_EV_UNIX, sizeof(*e));
	if (!e)
		return 0;
	e->owner = note->owner;
	e->cookie = bpf_get_socket_cookie(sk);
	e->type = sk->sk_type;
	e->state = state;
	e->origin = origin_of(current_task());
	e->is_abstract = 0;
	e->path_len = 0;
	e->pad = 0;
	__builtin_memset(e->path, 0, sizeof(e->path));
	path_of(e, us);
	event_commit(&e->head);
	return 0;
}

/* A stream socket waits for others when it listens; a datagram socket as soon as it has a name. */
SEC("fexit/unix_bind")
int BPF_PROG(on_unix_bind, struct socket *so, void *addr, int addr_len, int ret)
{
	return ret || so->sk->sk_type != SOCK_DGRAM ? 0 : tell_unix(so->sk, TCP_CLOSE_STATE);
}

SEC("fexit/unix_listen")
int BPF_PROG(on_unix_listen, struct socket *so, int backlog, int ret)
{
	return ret ? 0 : tell_unix(so->sk, TCP_LISTEN);
}

static __always_inline int tell_end(struct socket *so)
{
	struct sock *sk = so->sk;
	struct sock_note *note;

	if (!sk)
		return 0;
	note = bpf_sk_storage_get(&sock_owner, sk, 0, 0);
	if (!note || note->flags & SOCK_IS_RELEASED)
		return 0;
	note->flags |= SOCK_IS_RELEASED;
	return tell(sk, SW_EV_CLOSE, TCP_CLOSE_STATE, note, 0);
}

SEC("fentry/unix_release")
int BPF_PROG(on_unix_release, struct socket *so)
{
	return tell_end(so);
}

SEC("fexit/packet_create")
int BPF_PROG(on_packet_create, void *net, struct socket *so, int protocol, int kern, int ret)
{
	struct sock *sk = so->sk;
	struct sock_note *note;

	if (ret || kern || !sk)
		return 0;
	note = own_note(sk);
	return note ? tell(sk, SW_EV_BIND, TCP_CLOSE_STATE, note, 0) : 0;
}

SEC("fentry/packet_release")
int BPF_PROG(on_packet_release, struct socket *so)
{
	return tell_end(so);
}

/* The first was told at the change of state, with its port where the kernel chose one. */
SEC("fexit/inet_listen")
int BPF_PROG(on_inet_listen, struct socket *so, int backlog, int ret)
{
	struct sock *sk = so->sk;
	struct sock_note *note;

	if (ret || !sk || is_subflow(sk))
		return 0;
	note = note_of_sock(sk);
	if (!note)
		return 0;
	if (note->flags & SOCK_LISTENS_ANEW) {
		note->flags &= ~SOCK_LISTENS_ANEW;
		if (!(note->flags & SOCK_NEEDS_PORT))
			return 0;
		note->flags &= ~SOCK_NEEDS_PORT;
	}
	return tell(sk, SW_EV_LISTEN, TCP_LISTEN, note, 0);
}

/* A worker accepts what its parent listens for: the end of the connection is then the worker's. */
SEC("fentry/security_sock_graft")
int BPF_PROG(on_sock_graft, struct sock *sk, struct socket *parent)
{
	struct task_struct *t = current_task();
	struct sock_note *note;
	__u32 netns;

	if (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6)
		return 0;
	note = note_of_sock(sk);
	if (!note || note->owner.tgid == t->tgid)
		return 0;
	netns = note->owner.netns;
	owner_of_task(&note->owner, t);
	note->owner.netns = netns;
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
