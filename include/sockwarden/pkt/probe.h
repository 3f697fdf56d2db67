/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet tries when it belongs to nothing, by its header alone, and how tries are counted: the
 * latest of them with their seconds, so that a window slides. Pure; the gate and the detection of
 * captures share it.
 */
#pragma once

#include "sockwarden/abi/probe.h"
#include "sockwarden/pkt/flow.h"
#include "sockwarden/pkt/wire.h"

enum {
	SW_TCP_FIN = 1,
	SW_TCP_SYN = 2,
	SW_TCP_RST = 4,
	SW_TCP_PSH = 8,
	SW_TCP_ACK = 16,
	SW_TCP_URG = 32,
	SW_TCP_FLAGS = 63, /* ECE and CWR say nothing here: a SYN with them is a SYN */
};

/* TCP by its flags. ACK and FIN-ACK are tries only without a connection, SYN only where nobody answers. */
SW_PKT_INLINE enum sw_probe sw_probe_of_tcp(__u8 tcp_flags)
{
	__u8 flags = tcp_flags & SW_TCP_FLAGS;

	if (flags == SW_TCP_SYN)
		return SW_PROBE_SYN;
	if (flags == SW_TCP_ACK)
		return SW_PROBE_ACK;
	if (flags == (SW_TCP_FIN | SW_TCP_ACK))
		return SW_PROBE_MAIMON;
	if ((flags & (SW_TCP_SYN | SW_TCP_ACK | SW_TCP_RST)) == SW_TCP_ACK ||
		flags == (SW_TCP_SYN | SW_TCP_ACK))
		return SW_PROBE_NONE;
	if ((flags & (SW_TCP_RST | SW_TCP_SYN | SW_TCP_FIN | SW_TCP_URG)) == SW_TCP_RST)
		return SW_PROBE_NONE;
	if (flags == SW_TCP_FIN)
		return SW_PROBE_FIN;
	if (!flags)
		return SW_PROBE_NULL;
	return flags == (SW_TCP_FIN | SW_TCP_PSH | SW_TCP_URG) ? SW_PROBE_XMAS : SW_PROBE_FLAGS;
}

/* ACKs come late to connections that are gone; those of clients go from a service's port to a higher one. */
SW_PKT_INLINE int sw_probe_is_to_service(const struct sw_flow *f)
{
	return f->dport < f->sport && f->sport >= 1024;
}

/* Ports where somebody is asked for a password. */
SW_PKT_INLINE int sw_probe_is_login_port(__u16 port)
{
	return port == 21 || port == 22 || port == 23 || port == 110 || port == 143 ||
		port == 3306 || port == 3389 || port == 5432 || port == 5900;
}

/* Of these, those to which an application opens a connection for each page it makes. */
SW_PKT_INLINE int sw_probe_is_database_port(__u16 port)
{
	return port == 3306 || port == 5432;
}

/* Traceroute's ports, and answers of a service whose question is forgotten. */
SW_PKT_INLINE int sw_probe_is_udp_everyday(const struct sw_flow *f)
{
	return (f->dport >= 33434 && f->dport <= 33534) || (f->sport < 1024 && f->dport >= 1024);
}

SW_PKT_INLINE __u32 sw_tries_age(const struct sw_tries *t, __u32 i, __u32 sec)
{
	return (sec - t->sec[i & (SW_TRIES - 1)]) & 0xffff;
}

/* 1 when a < b, without a branch: the verifier then walks a loop over tries once. Both below 2^31. */
SW_PKT_INLINE __u32 sw_tries_is_less(__u32 a, __u32 b)
{
	__u32 d = a - b;

	SW_PKT_HIDE(d);
	d >>= 31;
	SW_PKT_HIDE(
		d); /* else the compiler makes a mask of its sign, at which newer verifiers part ways */
	return d;
}

/* Notes a try; the oldest makes room. Returns its place; *ret_new: it was not there. */
SW_PKT_INLINE __u32 sw_tries_add(struct sw_tries *t, __u16 item, __u32 sec, __u32 *ret_new)
{
	__u32 n = t->n & 63, oldest = 0, found = 0, at;

	for (__u32 i = 0; i < SW_TRIES; i++) {
		__u32 is_used = sw_tries_is_less(i, n);
		__u32 is_same = sw_tries_is_less(t->item[i] ^ item, 1) & is_used;
		__u32 aged = (sw_tries_age(t, i, sec) << 8 | i) * is_used;
		__u32 is_older = sw_tries_is_less(oldest, aged);

		found += (i + 1) * is_same;
		oldest += (aged - oldest) * is_older;
	}
	*ret_new = sw_tries_is_less(found, 1);
	at = found - 1;
	if (!found && n < SW_TRIES) {
		at = n;
		t->n = n + 1;
	} else if (!found) {
		at = oldest;
	}
	SW_PKT_HIDE(at);
	at &= SW_TRIES - 1;
	t->item[at] = item;
	t->sec[at] = (__u16)sec;
	return at;
}

/* Tries within the window. */
SW_PKT_INLINE __u32 sw_tries_count(const struct sw_tries *t, __u32 sec, __u32 window)
{
	__u32 count = 0, n = t->n & 63;

	window &= 0xffff;
	for (__u32 i = 0; i < SW_TRIES; i++)
		count += sw_tries_is_less(sw_tries_age(t, i, sec), window + 1) &
			sw_tries_is_less(i, n);
	return count;
}
