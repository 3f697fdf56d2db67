// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Ports that the socket policy refuses, at bind and before anything is bound, and raw sockets, as they are made.
 * Attached to the root of cgroup v2 only while the policy has a rule that refuses one: else a bind would pay for a
 * program that says yes. A bind that leaves the port to the kernel is mostly a client's, and is asked about only
 * where a rule names it.
 */
#include "lib/sock_ctx.bpf.h"
#include "lib/sock_policy.bpf.h"

#include "sockwarden/pkt/flow.h"

static __always_inline void tell_refused(struct bpf_sock_addr *ctx, const union sw_flow_addr *at, __u8 rule)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct bpf_sock *sk = ctx->sk;
	struct sock_note *note = sk ? note_of(cookie, sk) : NULL;
	struct same_key key = {.port = ctx->user_port, .result = SW_EV_BIND | REFUSED_RESULT};
	struct sw_sock_event *e;
	__u32 count;

	if (!note)
		return;
	key.start_ns = note->owner.start_ns;
	key.tgid = note->owner.tgid;
	key.addr[0] = at->half[0];
	key.addr[1] = at->half[1];
	count = told_as(&key, note->owner.cgroup_id);
	if (!count)
		return;
	e = event_about(SW_EV_BIND, note, cookie, ctx);
	if (!e)
		return;
	owner_of_task(&e->owner, current_task()); /* who binds, whoever made the socket */
	__builtin_memcpy(e->laddr, at, sizeof(e->laddr));
	e->lport = bpf_ntohs(ctx->user_port);
	e->count = count;
	e->ret = -EPERM;
	e->policy_rule = rule;
	e->origin = origin_of(current_task());
	event_commit(&e->head);
}

static __always_inline int refused(struct bpf_sock_addr *ctx, const union sw_flow_addr *at, __u8 rule)
{
	sw_stat_inc(SW_STAT_BIND_REFUSED);
	tell_refused(ctx, at, rule);
	return REFUSE;
}

/* Of TCP: a datagram socket without a port of its own is a client's. */
static __always_inline bool is_chosen_judged(struct bpf_sock_addr *ctx)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct bpf_sock *sk = ctx->sk;
	struct sock_note *note;

	if (!(policy_ctl().state & SW_SOCK_HAS_CHOSEN) || policy_protocol(ctx->protocol) != SW_SOCK_RULE_HAS_TCP)
		return false;
	note = sk ? note_of(cookie, sk) : NULL;
	if (note)
		note->options |= SW_OPT_CHOSEN; /* for user space to judge by, while nothing is refused */
	return true;
}

SEC("cgroup/bind4")
int on_bind4(struct bpf_sock_addr *ctx)
{
	union sw_flow_addr at = {.word = {ctx->user_ip4}};
	__u8 rule;

	if (!ctx->user_port && !is_chosen_judged(ctx))
		return ALLOW;
	rule = policy_refuses(SW_SOCK_LISTEN, ctx, 0, mapped4(at.word[0]));
	return rule ? refused(ctx, &at, rule) : ALLOW;
}

SEC("cgroup/bind6")
int on_bind6(struct bpf_sock_addr *ctx)
{
	union sw_flow_addr at = {};
	__u8 rule;

	if (!ctx->user_port && !is_chosen_judged(ctx))
		return ALLOW;
	copy6_words(&at, ctx->user_ip6);
	rule = policy_refuses(SW_SOCK_LISTEN, ctx, at.half[0], at.half[1]);
	return rule ? refused(ctx, &at, rule) : ALLOW;
}

/* The program that watches has told of it before we are asked: its end is told, too. */
static __always_inline void tell_no_raw(struct bpf_sock *ctx, __u8 rule)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct sock_note *note = note_of(cookie, ctx);
	struct sw_sock_event *e;

	if (!note)
		return;
	e = event_about(SW_EV_BIND, note, cookie, ctx);
	if (e) {
		e->lport = ctx->protocol;
		e->ret = -EPERM;
		e->policy_rule = rule;
		e->origin = origin_of(current_task());
		event_commit(&e->head);
	}
	e = event_about(SW_EV_CLOSE, note, cookie, ctx);
	if (e)
		event_commit(&e->head);
	note_end(cookie);
}

SEC("cgroup/sock_create")
int on_raw_create(struct bpf_sock *ctx)
{
	enum { SOCK_RAW = 3 };
	__u8 rule;

	if (ctx->type != SOCK_RAW)
		return ALLOW;
	rule = policy_refuses_raw(ctx->protocol);
	if (!rule)
		return ALLOW;
	sw_stat_inc(SW_STAT_BIND_REFUSED);
	tell_no_raw(ctx, rule);
	return REFUSE;
}

char _license[] SEC("license") = "Dual BSD/GPL";
