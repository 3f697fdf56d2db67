// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * On a cgroup that is isolated: nothing comes to it or leaves it but over loopback. Attached to that cgroup
 * alone, so that nobody else pays, and pinned: it holds until it is released, with or without a daemon.
 */
#include "lib/clock.bpf.h"

enum { REFUSE = 0, PASS = 1, LOOPBACK = 1 /* its index in every network namespace */ };

static __always_inline int judge(const struct __sk_buff *skb)
{
	return skb->ifindex == LOOPBACK ? PASS : REFUSE;
}

SEC("cgroup_skb/egress")
int isolate_out(struct __sk_buff *skb)
{
	return judge(skb);
}

SEC("cgroup_skb/ingress")
int isolate_in(struct __sk_buff *skb)
{
	return judge(skb);
}

char _license[] SEC("license") = "Dual BSD/GPL";
