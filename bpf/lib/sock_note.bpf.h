/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Notes on sockets: whose one is, and what of it was told. A note is made by the first act that is told of a
 * socket. It lives in a slot that the socket's cookie names, or where that is taken in the socket's own
 * storage: two allocations and their end past a grace period cost more than all else we do to a socket.
 *
 * A socket that was accepted finds its listener by the port; one whose port or slot another listener has is
 * kept in storage, of which an accepted socket gets a copy.
 */
#pragma once

#include "lib/sock_maps.bpf.h"
#include "lib/sock_read.bpf.h"

static __always_inline struct sock_slot *slot_of(__u64 cookie)
{
	__u32 key = cookie & (SW_SOCK_SLOTS - 1); /* cookies count up: neighbours in time do not meet */

	return bpf_map_lookup_elem(&sock_slots, &key);
}

static __always_inline struct sock_note *note_in_slot(__u64 cookie)
{
	struct sock_slot *s = slot_of(cookie);

	return s && cookie && s->cookie == cookie ? &s->note : NULL;
}

/* sk: whatever the program has of the socket that the cookie is of. */
static __always_inline struct sock_note *note_find(__u64 cookie, void *sk)
{
	struct sock_note *note = note_in_slot(cookie);

	if (!note && (!can_cast() || cast_sock(sk)->sk_bpf_storage))
		note = bpf_sk_storage_get(&sock_owner, sk, 0, 0);
	barrier_var(note); /* else clang computes addresses in it before it is known that there is one */
	return note;
}

static __always_inline struct sock_note *note_in_storage(void *sk)
{
	struct sock_note *note = bpf_sk_storage_get(&sock_owner, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!note)
		sw_stat_inc(SW_STAT_OWNER_LOST);
	return note;
}

/* On a socket that has none; its owner is the caller's to fill in. */
static __always_inline struct sock_note *note_make(__u64 cookie, void *sk)
{
	struct sock_slot *s = slot_of(cookie);

	if (!s || __sync_val_compare_and_swap(&s->cookie, 0, cookie))
		return note_in_storage(sk);
	s->note.flags = 0;
	s->note.options = 0;
	s->note.backlog = 0;
	s->note.listens = 0;
	return &s->note;
}

static __always_inline void leave_port(struct sock_slot *s)
{
	__u32 key = s->note.listens - 1;
	struct sock_port *p = s->note.listens ? bpf_map_lookup_elem(&sock_ports, &key) : NULL;

	if (p && p->cookie == s->cookie)
		*(volatile __u64 *)&p->cookie = 0;
	s->note.listens = 0;
}

/* The end of the socket, or of what it is noted for; storage ends by itself. */
static __always_inline void note_end(__u64 cookie)
{
	struct sock_slot *s = slot_of(cookie);

	if (!s || s->cookie != cookie)
		return;
	leave_port(s);
	*(volatile __u64 *)&s->cookie = 0;
}

/* ---- of a socket that is at hand whole */

static __always_inline __u64 cookie_of(const struct sock *sk)
{
	return sk->__sk_common.skc_cookie.counter;
}

static __always_inline struct sock_note *note_of_sock(const struct sock *sk)
{
	struct sock_note *note = note_in_slot(cookie_of(sk));

	if (note || !sk->sk_bpf_storage)
		return note;
	return bpf_sk_storage_get(&sock_owner, (void *)sk, 0, 0);
}

static __always_inline void addr_of(const struct sock *sk, __u64 *addr)
{
	if (sk->__sk_common.skc_family == AF_INET6)
		copy6((__u8 *)addr, &sk->__sk_common.skc_v6_rcv_saddr);
	else
		addr[0] = sk->__sk_common.skc_rcv_saddr;
}

static __always_inline __u32 port_key(const struct sock *sk)
{
	return (sk->__sk_common.skc_num ^ sk->__sk_common.skc_net.net->ns.inum * 31) & (SW_SOCK_PORT_SLOTS - 1);
}

static __always_inline bool take_port(const struct sock *sk, struct sock_slot *s)
{
	__u32 key = port_key(sk);
	struct sock_port *p = bpf_map_lookup_elem(&sock_ports, &key);

	if (!p || !sk->__sk_common.skc_num || __sync_val_compare_and_swap(&p->cookie, 0, s->cookie))
		return false;
	p->addr[0] = p->addr[1] = 0;
	addr_of(sk, p->addr);
	p->netns = sk->__sk_common.skc_net.net->ns.inum;
	p->port = sk->__sk_common.skc_num;
	p->family = sk->__sk_common.skc_family;
	s->note.listens = key + 1;
	return true;
}

/*
 * From here on it listens, and what it accepts must find its note. One without a port yet, or whose port
 * another has, keeps the note in storage, for the kernel to copy. Where the note then is.
 */
static __always_inline struct sock_note *note_listens(const struct sock *sk, struct sock_note *note)
{
	__u64 cookie = cookie_of(sk);
	struct sock_slot *s = slot_of(cookie);
	struct sock_note *own;

	if (!s || s->cookie != cookie || s->note.listens || take_port(sk, s))
		return note;
	own = note_in_storage((void *)sk);
	if (!own)
		return note;
	*own = *note;
	own->listens = 0;
	note_end(cookie);
	return own;
}

static __always_inline void note_listens_no_more(const struct sock *sk)
{
	__u64 cookie = cookie_of(sk);
	struct sock_slot *s = slot_of(cookie);

	if (s && cookie && s->cookie == cookie)
		leave_port(s);
}

/* The note of the listener that a connection came to; NULL where it is not known, or of another socket. */
static __always_inline struct sock_note *note_of_listener(const struct sock *sk)
{
	__u32 key = port_key(sk);
	struct sock_port *p = bpf_map_lookup_elem(&sock_ports, &key);
	__u64 addr[2] = {};

	if (!p || p->port != sk->__sk_common.skc_num || p->family != sk->__sk_common.skc_family ||
		p->netns != sk->__sk_common.skc_net.net->ns.inum)
		return NULL;
	addr_of(sk, addr);
	if ((p->addr[0] | p->addr[1]) && (p->addr[0] != addr[0] || p->addr[1] != addr[1]))
		return NULL;
	return note_in_slot(p->cookie);
}

/* Of which the owner is sk's: its own, or its listener's. */
static __always_inline struct sock_note *note_about(const struct sock *sk)
{
	struct sock_note *note = note_of_sock(sk);

	return note ? note : note_of_listener(sk);
}

static __always_inline struct sock_note *note_of_packet(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk ? bpf_sk_fullsock(skb->sk) : NULL;
	struct tcp_sock *tcp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;

	if (tcp)
		return note_about((struct sock *)tcp);
	return sk ? note_find(bpf_get_socket_cookie(skb), sk) : NULL;
}

/* A softirq cannot say whose the socket is; NULL: nor can anybody. */
static __always_inline struct sock_note *note_made_for(const struct sock *sk, const struct sock_note *whose)
{
	struct sock_note *note = note_make(bpf_get_socket_cookie((void *)sk), (void *)sk);

	if (note && whose)
		note->owner = whose->owner;
	else if (note)
		__builtin_memset(&note->owner, 0, sizeof(note->owner));
	return note;
}
