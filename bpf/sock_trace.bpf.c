// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tracepoints with types (tp_btf): what becomes of TCP sockets, and which programs start and end.
 *
 * Essential: on_state. Optional: on_exec, on_fork, on_exit (without them names come from snapshots and /proc).
 */
#include "lib/flood.bpf.h"
#include "lib/sock_limit.bpf.h"
#include "lib/sock_tell.bpf.h"
#include "lib/sock_wait.bpf.h"
#include "lib/task_path.bpf.h"

#include <bpf/bpf_tracing.h>

/* Another hook tells of a listener that has no port yet, when listen() is done. Set by the loader. */
const volatile bool has_listen_end = false;

/* The timer of a wait; soon again while the kernel has not chosen, or the one who listens was pushed aside. */
static int look_for_port(void *map, int *key, struct sock_wait *w)
{
	__u64 cookie = w->cookie;
	__u16 port = port_at(w->sk);

	if (!cookie || cookie == WAIT_IS_BUSY)
		return 0;
	if (port)
		wait_end(w, cookie, port);
	else if (w->looks < WAIT_LOOKS_MAX)
		bpf_timer_start(&w->timer, (__u64)WAIT_NS << (++w->looks & 15), 0);
	return 0;
}

/* False: there is no room, and the record goes without a port. */
static __always_inline bool waits_for_port(const struct sock *sk, struct sock_note *note, struct task_struct *t)
{
	__u64 cookie = cookie_of(sk);
	struct sock_wait *w = wait_of(cookie);

	if (!w || __sync_val_compare_and_swap(&w->cookie, 0, WAIT_IS_BUSY))
		return false;
	sock_event_fill(&w->e, sk, SW_EV_LISTEN, TCP_LISTEN, note, t);
	w->sk = (__u64)sk;
	w->looks = 0;
	bpf_timer_init(&w->timer, &sock_waits, CLOCK_BOOTTIME); /* refused where that was done, which serves */
	bpf_timer_set_callback(&w->timer, look_for_port);
	note->flags |= SOCK_IS_TOLD;
	*(volatile __u64 *)&w->cookie = cookie;
	bpf_timer_start(&w->timer, WAIT_NS, 0); /* where not: told with the end */
	return true;
}

/* It ends, and its record may wait: the port that it had, if it got one. */
static __always_inline void end_wait(const struct sock *sk, struct sock_note *note)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	__u16 port = tp ? bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport) : 0;
	struct sock_wait *w = can_read_kernel ? wait_of(cookie_of(sk)) : NULL;

	note->flags &= ~SOCK_NEEDS_PORT;
	if (w && wait_end(w, cookie_of(sk), port) && !port)
		note->flags &= ~SOCK_IS_TOLD; /* listen() failed */
}

static __always_inline int tell_listen(const struct sock *sk, struct sock_note *note, struct task_struct *t)
{
	if (note->flags & SOCK_NEEDS_PORT && (has_listen_end || (can_read_kernel && waits_for_port(sk, note, t))))
		return 0;
	return tell_many(sk, SW_EV_LISTEN, TCP_LISTEN, note, 0, 0, t);
}

/* listen() is called by the owner; who listens matters more than who made the socket. */
static __always_inline int told_listen(const struct sock *sk)
{
	struct task_struct *t = current_task();
	struct sock_note *note;

	if (is_subflow(sk))
		return 0;
	note = note_of_sock(sk);
	if (!note)
		note = note_make(bpf_get_socket_cookie((void *)sk), (void *)sk);
	if (!note)
		return 0;
	owner_of_task(&note->owner, t);
	note->flags = (note->flags & ~(SOCK_IS_RELEASED | SOCK_NEEDS_PORT)) | SOCK_LISTENS_ANEW;
	note->owner.netns = sk->__sk_common.skc_net.net->ns.inum;
	if (!sk->__sk_common.skc_num) {
		note->flags |= SOCK_NEEDS_PORT;
		note->backlog = sk->sk_max_ack_backlog;
		note->options = options_of(sk, tcp_inet_of(sk)) | SW_OPT_CHOSEN;
	}
	return tell_listen(sk, note_listens(sk, note), t);
}

/*
 * An end by itself is told by sock_release, which is not asked of the kernel's own sockets. Left for here: a
 * listener that was shut down, and a connection that no descriptor ever held because its listener went first.
 */
static __always_inline int told_close(const struct sock *sk, int from)
{
	bool is_held = sk->sk_socket;
	struct sock_note *note;
	__u64 cookie = cookie_of(sk);

	if (is_held && from != TCP_LISTEN && !BPF_CORE_READ_BITFIELD(sk, sk_kern_sock))
		return 0;
	note = note_of_sock(sk);
	if (!note)
		return 0;
	note_listens_no_more(sk);
	if (note->flags & SOCK_NEEDS_PORT)
		end_wait(sk, note);
	if (note->flags & SOCK_IS_TOLD && !(note->flags & SOCK_IS_RELEASED) && (from == TCP_LISTEN || !is_held))
		tell(sk, SW_EV_CLOSE, TCP_CLOSE, note, 0);
	if (from != TCP_LISTEN)
		note_end(cookie);
	return 0;
}

/* A connect that was told tells how it ended; of those that were not, each failure stands for itself. */
static __always_inline int tell_outcome(const struct sock *sk, int to, struct sock_note *note)
{
	struct same_key key = {
		.start_ns = note->owner.start_ns,
		.tgid = note->owner.tgid,
		.port = sk->__sk_common.skc_dport,
		.result = SW_EV_CONNECT_FAILED,
	};
	__u32 count;

	if (to == TCP_ESTABLISHED)
		return note->flags & SOCK_IS_SUMMED ? 0 : tell(sk, SW_EV_CONNECTED, to, note, 0);
	if (sk->__sk_common.skc_family == AF_INET6)
		copy6((__u8 *)key.addr, &sk->__sk_common.skc_v6_daddr);
	else
		key.addr[0] = sk->__sk_common.skc_daddr;
	count = told_as(&key, note->owner.cgroup_id);
	return count ? tell_many(sk, SW_EV_CONNECT_FAILED, to, note, -sk->sk_err, count, current_task()) : 0;
}

static __always_inline int told_outcome(const struct sock *sk, int to)
{
	struct sock_note *note = note_of_sock(sk);
	int r;

	if (!note && to == TCP_ESTABLISHED)
		note = note_made_for(sk, NULL);
	if (!note)
		return 0;
	r = tell_outcome(sk, to, note);
	if (note->flags & SOCK_IS_RELEASED)
		note_end(cookie_of(sk));
	return r;
}

/* The peer of a connection that came, as the gate saw its SYN: IPv4 also where the socket is of IPv6. */
static __always_inline __u64 peer_key(const struct sock *sk)
{
	union sw_flow_addr peer = {};
	__u8 family = 6;

	if (sk->__sk_common.skc_family == AF_INET6)
		copy6(peer.byte, &sk->__sk_common.skc_v6_daddr);
	if (sk->__sk_common.skc_family == AF_INET ||
		(!peer.half[0] && peer.word[2] == bpf_htonl(0xffff))) {
		peer.half[1] = 0;
		sw_pkt_put4(&peer, sk->__sk_common.skc_daddr);
		family = 4;
	}
	return source_key(family, &peer, SW_PROBE_FLOOD);
}

static __always_inline int told_accept(const struct sock *sk)
{
	struct sock_note *note = note_of_sock(sk), *from = note ? note : note_of_listener(sk);

	if (!has_token(from ? from->owner.cgroup_id : 0, tick_now())) {
		if (note)
			note->flags &= ~SOCK_IS_TOLD;
		return 0;
	}
	if (!note)
		note = note_made_for(sk, from);
	return note ? tell(sk, SW_EV_ACCEPT, TCP_ESTABLISHED, note, 0) : 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, const struct sock *sk, int from, int to)
{
	if (from == to)
		return 0;
	if (to == TCP_LISTEN)
		return told_listen(sk);
	if (from == TCP_SYN_SENT && (to == TCP_ESTABLISHED || to == TCP_CLOSE))
		return told_outcome(sk, to);
	if (from == TCP_SYN_RECV && to == TCP_ESTABLISHED) {
		note_completed(peer_key(sk));
		return told_accept(sk);
	}
	return to == TCP_CLOSE ? told_close(sk, from) : 0;
}

static __always_inline void args_of(struct sw_exec_event *e, struct task_struct *t)
{
	unsigned long start = t->mm->arg_start, end = t->mm->arg_end;
	__u32 len = end - start;

	if (end <= start || !can_read_kernel)
		return;
	e->is_args_cut = end - start > SW_EXEC_ARGS_MAX;
	if (len > SW_EXEC_ARGS_MAX)
		len = SW_EXEC_ARGS_MAX;
	if (bpf_probe_read_user(e->args, len, (void *)start) == 0)
		e->args_len = len;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *t, int old_pid, struct linux_binprm *bprm)
{
	struct sw_exec_event *e = event_begin(SW_EV_EXEC, sizeof(*e));
	struct task_path p;

	if (!e)
		return 0;
	owner_of_task(&e->owner, t);
	e->ppid = t->real_parent->tgid;
	e->args_len = 0;
	e->is_args_cut = 0;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	_Static_assert(SW_EXEC_ARGS_MAX >= 256, "the path is composed with the arguments' room behind it");
	p = task_path_read(bprm->file, e->path);
	e->path_len = p.len;
	e->is_path_cut = p.is_cut;
	e->is_deleted = p.is_deleted;
	__builtin_memset(e->pad, 0, sizeof(e->pad));
	args_of(e, t);
	event_commit_lazily(&e->head);
	return 0;
}

/* A daemon's parent is often gone when it listens: whose executable it runs is known only here. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *t)
{
	struct sw_fork_event *e;

	if (t->pid != t->tgid)
		return 0; /* a thread */
	e = event_begin(SW_EV_FORK, sizeof(*e));
	if (!e)
		return 0;
	owner_of_task(&e->owner, t);
	e->ppid = parent->tgid;
	e->pad = 0;
	e->parent_start_ns = parent->group_leader->start_boottime;
	event_commit_lazily(&e->head);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *t)
{
	struct sw_exit_event *e;

	if (t->signal->live.counter != 0)
		return 0; /* threads are left */
	e = event_begin(SW_EV_EXIT, sizeof(*e));
	if (!e)
		return 0;
	owner_of_task(&e->owner, t);
	e->exit_code = t->signal->group_exit_code ? t->signal->group_exit_code : t->exit_code;
	e->pad = 0;
	event_commit_lazily(&e->head);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
