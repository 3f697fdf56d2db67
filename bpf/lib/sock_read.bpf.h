/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a task and a socket say of themselves, by typed loads that work under every lockdown. */
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "sockwarden/abi/sock_event.h"

enum { AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, SK_CAN_REUSE = 1 };
enum { SOCK_STREAM = 1, IPPROTO_TCP = 6 };
enum { PF_IO_WORKER = 0x10, PF_KTHREAD = 0x200000 };
enum { INET_FLAGS_FREEBIND = 11, INET_FLAGS_TRANSPARENT = 15 };

extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

/* Since 6.2, as is the helper that is asked for: a look at the kernel's own socket costs a load and not a call. */
static __always_inline bool can_cast(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_cgrp_storage_get);
}

/* Only where can_cast(). sk: a program's context that is a socket, or whatever else it has of one. */
static __always_inline const struct sock *cast_sock(const void *sk)
{
	return bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct sock));
}

/* netns is the process's; a caller that has the socket's own sets it after. */
static __always_inline void owner_of_task(struct sw_owner *o, struct task_struct *t)
{
	o->tgid = t->tgid;
	o->tid = t->pid;
	o->start_ns = t->group_leader->start_boottime;
	o->cgroup_id = t->cgroups->dfl_cgrp->kn->id;
	o->uid = t->cred->uid.val;
	o->gid = t->cred->gid.val;
	o->netns = t->nsproxy->net_ns->ns.inum;
	o->pad = 0;
}

/* 0 when it has no file. Before 6.18 it is three objects away, each of them a miss of the cache. */
static __always_inline __u32 inode_of(const struct sock *sk)
{
	if (bpf_core_field_exists(sk->sk_ino))
		return sk->sk_ino;
	return sk->sk_socket->file->f_inode->i_ino;
}

/* sk as its larger type; NULL where it is not of TCP. */
static __always_inline struct inet_sock *tcp_inet_of(const struct sock *sk)
{
	if (!can_cast())
		return (struct inet_sock *)bpf_skc_to_tcp_sock((void *)sk);
	if (sk->sk_type != SOCK_STREAM || sk->sk_protocol != IPPROTO_TCP)
		return NULL;
	return bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct inet_sock));
}

/* inet: sk as its larger type, or NULL where that is not to be had: then without the last two. */
static __always_inline __u8 options_of(const struct sock *sk, struct inet_sock *inet)
{
	__u8 o = 0;

	if (BPF_CORE_READ_BITFIELD(sk, __sk_common.skc_reuse) == SK_CAN_REUSE)
		o |= SW_OPT_REUSEADDR;
	if (BPF_CORE_READ_BITFIELD(sk, __sk_common.skc_reuseport))
		o |= SW_OPT_REUSEPORT;
	if (BPF_CORE_READ_BITFIELD(sk, __sk_common.skc_ipv6only))
		o |= SW_OPT_V6ONLY;
	if (!inet)
		return o;
	if (bpf_core_field_exists(inet->inet_flags)) {
		if (inet->inet_flags & (1UL << INET_FLAGS_TRANSPARENT))
			o |= SW_OPT_TRANSPARENT;
		if (inet->inet_flags & (1UL << INET_FLAGS_FREEBIND))
			o |= SW_OPT_FREEBIND;
	} else {
		struct inet_sock___old *old = (void *)inet;

		if (BPF_CORE_READ_BITFIELD(old, transparent))
			o |= SW_OPT_TRANSPARENT;
		if (BPF_CORE_READ_BITFIELD(old, freebind))
			o |= SW_OPT_FREEBIND;
	}
	return o;
}

static __always_inline void copy6(__u8 *to, const struct in6_addr *from)
{
	__u32 *a = (__u32 *)to;

	a[0] = from->in6_u.u6_addr32[0];
	a[1] = from->in6_u.u6_addr32[1];
	a[2] = from->in6_u.u6_addr32[2];
	a[3] = from->in6_u.u6_addr32[3];
}
