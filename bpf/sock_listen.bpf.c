// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The port of a listener that was never bound, where kernel memory may not be read (lockdown=confidentiality) and so
 * nothing can wait for it (lib/sock_wait.bpf.h). Every connection of the machine asks this hook nine times, which
 * is why it is attached nowhere else.
 */
#include "lib/sock_ctx.bpf.h"

/* Runs at the end of listen(): the port that the kernel chose is known here, not at the change of state. */
SEC("sockops")
int on_sockops(struct bpf_sock_ops *ctx)
{
	struct sw_sock_event *e;
	struct sock_note *note;
	struct bpf_sock *sk;
	__u64 cookie;

	if (ctx->op != BPF_SOCK_OPS_TCP_LISTEN_CB)
		return ALLOW;
	sk = ctx->sk;
	if (!sk)
		return ALLOW;
	cookie = bpf_get_socket_cookie(ctx);
	note = note_find(cookie, sk);
	if (!note || !(note->flags & SOCK_NEEDS_PORT))
		return ALLOW;
	note->flags = (note->flags & ~SOCK_NEEDS_PORT) | SOCK_IS_TOLD;
	e = sock_event_begin(SW_EV_LISTEN, note);
	if (!e)
		return ALLOW;
	note->told_low = (__u32)e->head.boot_ns;
	e->cookie = cookie;
	e->family = sk->family;
	e->type = sk->type;
	e->protocol = sk->protocol;
	e->state = TCP_LISTEN;
	e->backlog = note->backlog;
	e->options = note->options;
	e->ifindex = sk->bound_dev_if;
	e->lport = sk->src_port;
	if (sk->family == AF_INET)
		*(__u32 *)e->laddr = sk->src_ip4;
	else
		copy6_words(e->laddr, sk->src_ip6);
	event_commit(&e->head);
	return ALLOW;
}

char _license[] SEC("license") = "Dual BSD/GPL";
