// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Hooks of the root cgroup: who makes a socket, and what is bound, asked for and released. They see
 * io_uring and 32-bit calls too. They deny nothing but, while armed, a connect or datagram to what a list
 * that drops holds (lib/sock_refuse.bpf.h) or that the socket policy refuses (lib/sock_policy.bpf.h). Attach
 * each to the root of cgroup v2.
 *
 * Essential: on_sock_create, on_post_bind4, on_post_bind6, on_connect4, on_connect6, on_sock_release.
 * Optional: on_sendmsg4, on_sendmsg6 (first destination of a UDP socket).
 */
#include "lib/sock_ctx.bpf.h"
#include "lib/sock_policy.bpf.h"
#include "lib/sock_refuse.bpf.h"
#include "lib/sock_wait.bpf.h"

enum { SOCK_RAW = 3 };

static __always_inline struct sw_sock_event *bound_begin(struct bpf_sock *ctx)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct sock_note *note = note_of(cookie, ctx);
	struct sw_sock_event *e;

	if (!note)
		return NULL;
	note->flags |= SOCK_IS_TOLD;
	e = event_about(SW_EV_BIND, note, cookie, ctx);
	if (e)
		e->options = note->options;
	return e;
}

/* No bind nor connect of a raw socket is seen by any hook here, and it hears without either. */
SEC("cgroup/sock_create")
int on_sock_create(struct bpf_sock *ctx)
{
	struct sw_sock_event *e;

	if (ctx->type != SOCK_RAW)
		return ALLOW;
	e = bound_begin(ctx);
	if (!e)
		return ALLOW;
	e->lport = ctx->protocol; /* as the inventory has it */
	event_commit(&e->head);
	return ALLOW;
}

SEC("cgroup/post_bind4")
int on_post_bind4(struct bpf_sock *ctx)
{
	struct sw_sock_event *e = bound_begin(ctx);

	if (!e)
		return ALLOW;
	e->lport = ctx->src_port;
	*(__u32 *)e->laddr = ctx->src_ip4;
	event_commit(&e->head);
	return ALLOW;
}

SEC("cgroup/post_bind6")
int on_post_bind6(struct bpf_sock *ctx)
{
	struct sw_sock_event *e = bound_begin(ctx);

	if (!e)
		return ALLOW;
	e->lport = ctx->src_port;
	copy6_words(e->laddr, ctx->src_ip6);
	event_commit(&e->head);
	return ALLOW;
}

/* What is asked for: to whom, and whether it is refused. */
struct asked {
	union sw_flow_addr to;
	__u32 flag; /* 0, or the one that is set once a socket's destination was told */
	bool is_refused;
	__u8 policy_rule; /* that refuses it, 0: none */
};

static __always_inline __u32 asked_count(struct bpf_sock_addr *ctx, const struct asked *a, const struct sock_note *note)
{
	const struct same_key key = {
		.start_ns = note->owner.start_ns,
		.tgid = note->owner.tgid,
		.port = ctx->user_port,
		.result = SW_EV_CONNECT | (a->is_refused ? REFUSED_RESULT : 0),
		.addr = {a->to.half[0], a->to.half[1]},
	};

	return told_as(&key, note->owner.cgroup_id);
}

static __always_inline void tell_asked(struct bpf_sock_addr *ctx, const struct asked *a)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct bpf_sock *sk = ctx->sk;
	struct sw_sock_event *e;
	struct sock_note *note;
	__u32 count;

	if (!sk)
		return;
	note = note_of(cookie, sk);
	if (!note || (!a->is_refused && note->flags & a->flag))
		return;
	count = asked_count(ctx, a, note);
	note->flags = count ? note->flags & ~SOCK_IS_SUMMED : note->flags | SOCK_IS_SUMMED;
	if (!a->is_refused)
		note->flags |= a->flag;
	if (!count)
		return;
	note->flags |= SOCK_IS_TOLD;
	e = event_about(SW_EV_CONNECT, note, cookie, ctx);
	if (!e)
		return;
	__builtin_memcpy(e->raddr, &a->to, sizeof(e->raddr));
	e->rport = bpf_ntohs(ctx->user_port);
	e->count = count;
	e->ret = a->is_refused ? -EPERM : 0;
	e->policy_rule = a->policy_rule;
	/* a datagram sent aside leaves the socket without a peer, and so does a refusal */
	e->state = a->flag || a->is_refused ? TCP_CLOSE : 0;
	e->origin = origin_of(current_task());
	event_commit(&e->head);
}

static __always_inline int answer(struct bpf_sock_addr *ctx, const struct asked *a)
{
	tell_asked(ctx, a);
	if (!a->is_refused)
		return ALLOW;
	sw_stat_inc(SW_STAT_CONNECT_REFUSED);
	return REFUSE;
}

static __always_inline int asked4(struct bpf_sock_addr *ctx, __u32 flag)
{
	struct asked a = {.to.word = {ctx->user_ip4}, .flag = flag};

	a.is_refused = is_refused4(a.to.word[0]) || is_geo_refused(ctx, 0, mapped4(a.to.word[0]));
	if (!a.is_refused) {
		a.policy_rule = policy_refuses(SW_SOCK_CONNECT, ctx, 0, mapped4(a.to.word[0]));
		a.is_refused = a.policy_rule != 0;
	}
	return answer(ctx, &a);
}

static __always_inline int asked6(struct bpf_sock_addr *ctx, __u32 flag)
{
	struct asked a = {.flag = flag};

	copy6_words(&a.to, ctx->user_ip6);
	a.is_refused = is_refused6(&a.to) || is_geo_refused(ctx, a.to.half[0], a.to.half[1]);
	if (!a.is_refused) {
		a.policy_rule = policy_refuses(SW_SOCK_CONNECT, ctx, a.to.half[0], a.to.half[1]);
		a.is_refused = a.policy_rule != 0;
	}
	return answer(ctx, &a);
}

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr *ctx)
{
	return asked4(ctx, 0);
}

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr *ctx)
{
	return asked6(ctx, 0);
}

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *ctx)
{
	return asked4(ctx, SOCK_HAS_SENT);
}

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *ctx)
{
	return asked6(ctx, SOCK_HAS_SENT);
}

/*
 * The cookie if the socket was ever asked for one, else 0. The context is the socket itself, and has no
 * member for that.
 */
static __always_inline __u64 cookie_if_any(struct bpf_sock *ctx)
{
	const struct sock *sk = (const struct sock *)ctx;
	__u64 cookie = 0;

	if (can_cast())
		return cookie_of(cast_sock(ctx));
	if (!can_read_kernel)
		return bpf_get_socket_cookie(ctx);
	bpf_probe_read_kernel(&cookie, sizeof(cookie), &sk->__sk_common.skc_cookie);
	return cookie;
}

/*
 * The last descriptor is gone. The address cannot be read here: the cookie says which socket it was.
 * Without one nobody knows the socket. With one and without a note it is older than we are or was never told
 * of, and user space may know it from a snapshot.
 */
SEC("cgroup/sock_release")
int on_sock_release(struct bpf_sock *ctx)
{
	__u64 cookie = cookie_if_any(ctx);
	struct sock_note stranger = {};
	struct sw_sock_event *e;
	struct sock_note *note;
	__u64 at = 0;

	if (!cookie)
		return ALLOW;
	note = note_find(cookie, ctx);
	if (note) {
		if (note->flags & SOCK_IS_RELEASED)
			return ALLOW;
		note->flags |= SOCK_IS_RELEASED;
		if (note->flags & SOCK_NEEDS_PORT)
			wait_end_of(cookie, (__u64)ctx); /* maybe told elsewhere, at a time that is not known here */
		else if (ctx->state == TCP_LISTEN)
			at = end_of_listener(note);
	} else {
		owner_of_task(&stranger.owner, current_task());
		stranger.flags = SOCK_IS_TOLD;
		note = &stranger;
	}
	e = note->flags & SOCK_IS_TOLD ? event_about_at(SW_EV_CLOSE, note, cookie, ctx, at) : NULL;
	if (e) {
		e->origin = origin_of(current_task());
		if (at)
			event_commit_undated(&e->head);
		else
			event_commit(&e->head);
	}
	if (ctx->state != TCP_SYN_SENT) /* else its outcome is still to be told, by the change of state */
		note_end(cookie);
	return ALLOW;
}

char _license[] SEC("license") = "Dual BSD/GPL";
