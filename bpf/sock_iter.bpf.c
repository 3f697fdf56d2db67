// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every socket and its owners, at once. An iterator over sockets shows the network namespace of the
 * one who makes its descriptor; those over tasks show all, from the initial PID namespace.
 * Records: the sw_it_ structs of sock_event.h, back to back.
 *
 * Essential: it_tcp, it_udp, it_task_file. Optional: it_unix, it_task (names then come from /proc), it_tcp_unheld.
 */
#include "lib/lockdown.bpf.h"
#include "lib/sock_note.bpf.h"
#include "lib/task_path.bpf.h"

#include <bpf/bpf_endian.h>

enum { PROTO_TCP = 6, PROTO_UDP = 17, TYPE_RAW = 3 }; /* of netinet/in.h and sys/socket.h */
enum { UDP_TX_FLOOR = 1 /* the count of a socket that sends nothing */ };

enum { AHEAD = 16 /* descriptors: what they lead to fits a core's nearest cache */ };

/* One reader at a time on a CPU: composed here, because a path does not fit the stack. */
struct task_scratch {
	struct sw_it_task rec;
	char room[TASK_PATH_ROOM];
	__u64 ahead[AHEAD]; /* addresses: here they are numbers to the verifier, which need no state of its each */
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct task_scratch);
} scratch SEC(".maps");

enum { TOLD_SLOTS = 65536 }; /* more sockets than this: some are told twice, which is only slower */

/*
 * What it_task_file told, by the cookie's lower bits: cookies are numbers in a row. Its walk comes first, for a socket
 * that is told with its owner is touched once and not twice: memory is what a snapshot waits for. The walk over all
 * sockets, in no order that memory likes, then tells those alone that no process has.
 */
static __u64 told[TOLD_SLOTS]; /* cookie and number of the walk in a word: half a megabyte */
static __u64 told_walk; /* session of the walk over descriptors that began last */

enum { COOKIE_BITS = 44 }; /* more sockets than a machine makes; the rest tells a million walks apart */

static __always_inline __u64 told_mark(__u64 cookie)
{
	return told_walk << COOKIE_BITS | cookie;
}

static __always_inline bool was_told(__u64 cookie)
{
	return cookie && !(cookie >> COOKIE_BITS) && told[cookie % TOLD_SLOTS] == told_mark(cookie);
}

static __always_inline void set_told(__u64 cookie)
{
	told[cookie % TOLD_SLOTS] = told_mark(cookie);
}

static __always_inline void inet_of(struct sw_it_inet *r, struct sock *sk, struct inet_sock *inet, __u32 uid)
{
	r->type = SW_IT_INET;
	r->len = sizeof(*r);
	r->inode = inode_of(sk);
	r->uid = uid;
	r->family = sk->__sk_common.skc_family;
	r->protocol = sk->sk_protocol;
	r->lport = sk->__sk_common.skc_num;
	r->rport = bpf_ntohs(sk->__sk_common.skc_dport);
	r->state = sk->__sk_common.skc_state;
	r->options = options_of(sk, inet);
	r->netns = sk->__sk_common.skc_net.net->ns.inum;
	r->ifindex = sk->__sk_common.skc_bound_dev_if;
	if (r->family == AF_INET) {
		*(__u32 *)r->laddr = sk->__sk_common.skc_rcv_saddr;
		*(__u32 *)r->raddr = sk->__sk_common.skc_daddr;
	} else {
		copy6(r->laddr, &sk->__sk_common.skc_v6_rcv_saddr);
		copy6(r->raddr, &sk->__sk_common.skc_v6_daddr);
	}
}

/* Read without the socket's lock where a descriptor led to it: what is between two writes counts as nothing. */
static __always_inline __u32 bytes_between(__u32 end, __u32 start)
{
	return (__s32)(end - start) > 0 ? end - start : 0;
}

static __always_inline void tcp_of(struct sw_it_inet *r, struct tcp_sock *tp, __u64 cookie, __u32 uid)
{
	struct sock *sk = &tp->inet_conn.icsk_inet.sk;

	inet_of(r, sk, &tp->inet_conn.icsk_inet, uid);
	r->cookie = cookie;
	if (r->state == TCP_LISTEN) {
		r->rx_queue = sk->sk_ack_backlog;
		r->backlog = sk->sk_max_ack_backlog;
	} else {
		r->rx_queue = bytes_between(tp->rcv_nxt, tp->copied_seq);
		r->tx_queue = bytes_between(tp->write_seq, tp->snd_una);
	}
}

/* Sockets in full: requests and time-wait have no owner and no descriptor. */
SEC("iter/tcp")
int it_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct sw_it_inet r = {};
	struct tcp_sock *tp;

	if (!skc || was_told(skc->skc_cookie.counter)) /* which the walk has in the cache; little else of it */
		return 0;
	tp = bpf_skc_to_tcp_sock(skc);
	if (!tp)
		return 0;
	if (skc->skc_state == TCP_LISTEN && bpf_core_field_exists(tp->is_mptcp) && tp->is_mptcp)
		return 0; /* a subflow: the MPTCP socket above it is told by it_task_file */
	tcp_of(&r, tp, bpf_get_socket_cookie(tp), ctx->uid);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

/* What of a connection is kept when there is no struct sock: both kinds begin with what all have in common. */
static __always_inline void mini_of(struct sw_it_inet *r, const struct sock_common *skc, __u8 state, __u32 uid)
{
	r->type = SW_IT_INET;
	r->len = sizeof(*r);
	r->cookie = skc->skc_cookie.counter;
	r->uid = uid;
	r->family = skc->skc_family;
	r->protocol = PROTO_TCP;
	r->lport = skc->skc_num;
	r->rport = bpf_ntohs(skc->skc_dport);
	r->state = state;
	r->netns = skc->skc_net.net->ns.inum;
	r->ifindex = skc->skc_bound_dev_if;
	if (r->family == AF_INET) {
		*(__u32 *)r->laddr = skc->skc_rcv_saddr;
		*(__u32 *)r->raddr = skc->skc_daddr;
	} else {
		copy6(r->laddr, &skc->skc_v6_rcv_saddr);
		copy6(r->raddr, &skc->skc_v6_daddr);
	}
}

/* What it_tcp leaves out, and what has no file: read by no snapshot, but for who asks for such states. */
SEC("iter/tcp")
int it_tcp_unheld(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct tcp_timewait_sock *tw;
	struct sw_it_inet r = {};
	struct tcp_sock *tp;

	if (!skc)
		return 0;
	tp = bpf_skc_to_tcp_sock(skc);
	if (tp) {
		if (inode_of(&tp->inet_conn.icsk_inet.sk))
			return 0;
		tcp_of(&r, tp, bpf_get_socket_cookie(tp), ctx->uid);
	} else if (skc->skc_state == TCP_NEW_SYN_RECV) {
		mini_of(&r, skc, TCP_SYN_RECV, ctx->uid);
	} else {
		tw = bpf_skc_to_tcp_timewait_sock(skc);
		if (!tw)
			return 0;
		mini_of(&r, skc, tw->tw_sk.tw_substate, ctx->uid);
	}
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

SEC("iter/udp")
int it_udp(struct bpf_iter__udp *ctx)
{
	struct udp_sock *up = ctx->udp_sk;
	struct sw_it_inet r = {};

	if (!up)
		return 0;
	inet_of(&r, &up->inet.sk, &up->inet, ctx->uid);
	r.cookie = bpf_get_socket_cookie(up);
	r.rx_queue = up->inet.sk.sk_backlog.rmem_alloc.counter;
	r.tx_queue = up->inet.sk.sk_wmem_alloc.refs.counter - UDP_TX_FLOOR;
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

static __always_inline void unix_path(struct sw_it_unix *r, struct unix_sock *us)
{
	struct unix_address *addr = us->addr;
	__u32 len;

	if (!addr || !can_read_kernel)
		return;
	len = addr->len - sizeof(addr->name[0].sun_family);
	if (!len || len > SW_UNIX_PATH_MAX)
		return;
	if (bpf_probe_read_kernel(r->path, len & 127, &addr->name[0].sun_path) < 0)
		return;
	r->path_len = len;
	r->is_abstract = r->path[0] == 0;
}

static __always_inline void tell_unix(struct seq_file *seq, struct unix_sock *us, __u32 uid)
{
	struct sw_it_unix r = {};

	r.type = SW_IT_UNIX;
	r.len = sizeof(r);
	r.inode = inode_of(&us->sk);
	r.cookie = bpf_get_socket_cookie(us);
	r.uid = uid;
	r.netns = us->sk.__sk_common.skc_net.net->ns.inum;
	r.sock_type = us->sk.sk_type;
	r.state = us->sk.__sk_common.skc_state;
	unix_path(&r, us);
	if (us->peer)
		r.peer_inode = inode_of(us->peer);
	bpf_seq_write(seq, &r, sizeof(r));
}

/*
 * Not all of them: where a read ends within a bucket of the kernel's table, what is left of that bucket is skipped
 * (seen on 6.18, about one in 227). What a process holds is told by it_task_file, too.
 */
SEC("iter/unix")
int it_unix(struct bpf_iter__unix *ctx)
{
	struct unix_sock *us = ctx->unix_sk;

	barrier_var(us); /* loaded once: what 6.1 saw tested is this load's value */
	if (us)
		tell_unix(ctx->meta->seq, us, ctx->uid);
	return 0;
}

/* A walk over all descriptors has ended: what comes after gets its note by what it does. */
static bool is_all_noted;

/* Leaves a note on a socket that is older than we are: what its listener accepts then has an owner. */
static __always_inline void note_owner(struct sock *sk, const struct sw_owner *o)
{
	struct sock_note *note;

	if (note_of_sock(sk))
		return;
	note = bpf_sk_storage_get(&sock_owner, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!note)
		return;
	note->owner = *o;
	note->owner.netns = sk->__sk_common.skc_net.net->ns.inum;
	note->flags = SOCK_IS_TOLD;
}

/*
 * No iterator walks raw sockets, nor UDP-Lite's and SCTP's: what is to know of them is told with the
 * descriptor. A port of a raw socket is its protocol, as ss(8) shows it.
 */
static __always_inline bool has_no_iterator(const struct sock *sk)
{
	if (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6)
		return false;
	return sk->sk_type == TYPE_RAW || (sk->sk_protocol != PROTO_TCP && sk->sk_protocol != PROTO_UDP);
}

static __always_inline void tell_inet(struct seq_file *seq, struct sock *sk, const struct sw_it_file *f)
{
	struct sw_it_inet r = {};

	r.type = SW_IT_INET;
	r.len = sizeof(r);
	r.inode = f->inode;
	r.cookie = f->cookie;
	r.uid = f->owner.uid;
	r.family = f->family;
	r.protocol = f->protocol;
	r.sock_type = (__u8)f->sock_type;
	r.lport = sk->__sk_common.skc_num;
	r.rport = bpf_ntohs(sk->__sk_common.skc_dport);
	r.state = f->state;
	r.netns = f->netns;
	r.ifindex = sk->__sk_common.skc_bound_dev_if;
	r.rx_queue = sk->sk_backlog.rmem_alloc.counter;
	r.tx_queue = sk->sk_wmem_alloc.refs.counter - UDP_TX_FLOOR;
	if (r.family == AF_INET) {
		*(__u32 *)r.laddr = sk->__sk_common.skc_rcv_saddr;
		*(__u32 *)r.raddr = sk->__sk_common.skc_daddr;
	} else {
		copy6(r.laddr, &sk->__sk_common.skc_v6_rcv_saddr);
		copy6(r.raddr, &sk->__sk_common.skc_v6_daddr);
	}
	bpf_seq_write(seq, &r, sizeof(r));
}

/* Its own iterator would walk each namespace anew, and shows the kernel's own ends besides. */
static __always_inline void tell_netlink(struct seq_file *seq, struct sock *sk, const struct sw_it_file *f)
{
	struct netlink_sock *nl = (struct netlink_sock *)sk;
	enum { CLOSE = 7, LISTEN = 10 }; /* as of TCP */
	struct sw_it_inet r = {};
	unsigned long groups = 0;

	r.type = SW_IT_INET;
	r.len = sizeof(r);
	r.inode = f->inode;
	r.cookie = f->cookie;
	r.uid = f->owner.uid;
	r.family = f->family;
	r.protocol = f->protocol;
	r.sock_type = (__u8)f->sock_type;
	r.netns = f->netns;
	r.state = CLOSE;
	r.rx_queue = sk->sk_backlog.rmem_alloc.counter;
	if (can_read_kernel) {
		*(__u32 *)r.laddr = BPF_CORE_READ(nl, portid);
		r.state = BPF_CORE_READ(nl, subscriptions) ? LISTEN : CLOSE;
		if (BPF_CORE_READ(nl, ngroups))
			bpf_probe_read_kernel(&groups, sizeof(groups), BPF_CORE_READ(nl, groups));
		*(__u32 *)r.raddr = (__u32)groups;
	}
	bpf_seq_write(seq, &r, sizeof(r));
}

/* As it_tcp tells it, with who holds it; not one that is bound to nothing and waits for nothing. */
static __always_inline bool tell_tcp(struct seq_file *seq, struct sock *sk, const struct sw_it_file *f)
{
	struct sw_it_held r = {.owner = f->owner, .fd = f->fd};
	struct tcp_sock *tp;

	if (!sk->__sk_common.skc_node.pprev || was_told(f->cookie))
		return false;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return false;
	tcp_of(&r.inet, tp, f->cookie, sk->sk_uid.val);
	r.inet.type = SW_IT_HELD;
	r.inet.len = sizeof(r);
	if (bpf_seq_write(seq, &r, sizeof(r)) == 0)
		set_told(f->cookie); /* else the walk comes back to it */
	return true;
}

/* Where the kernel has no such cast, the walk does without a look ahead. */
#define typed(type, address) ((struct type *)bpf_rdonly_cast((void *)(address), bpf_core_type_id_kernel(struct type)))

/* Loads it and forgets it. */
#define touch(value)                           \
	({                                     \
		__u64 loaded = (__u64)(value); \
		asm volatile("" ::"r"(loaded)); \
	})

static const struct file_operations *socket_operations; /* by which the file of a socket is told */

static __always_inline void touch_file(const struct file *f)
{
	if (bpf_core_field_exists(f->f_ref))
		touch(f->f_ref.refcnt.counter);
}

/* One field of each line of the cache that the walks read. */
static __always_inline void touch_sock(const struct tcp_sock *tp)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;

	touch(sk->__sk_common.skc_daddr);
	touch(sk->__sk_common.skc_cookie.counter);
	touch(sk->sk_max_ack_backlog);
	if (bpf_core_field_exists(tp->inet_conn.icsk_inet.inet_flags))
		touch(tp->inet_conn.icsk_inet.inet_flags);
	if (sk->sk_protocol != PROTO_TCP || sk->__sk_common.skc_state == TCP_LISTEN)
		return;
	touch(tp->copied_seq);
	touch(tp->write_seq);
	touch(tp->rcv_nxt);
}

/*
 * A descriptor leads to a file, that to a struct socket, and that to the sock: each a wait for memory that must end
 * before the next begins, and so the half of what a snapshot took. The next descriptors are followed together here,
 * step by step, so that the waits of a step run beside each other. No more than a hint: nothing is held, what was
 * closed meanwhile reads as whatever is there now, and nothing that was read is told.
 */
static __always_inline void look_ahead(struct task_struct *t, __u32 fd)
{
	struct fdtable *fdt = t->files->fdt;
	__u32 zero = 0;
	struct task_scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	volatile __u64 *at;
	int i;

	if (!can_read_kernel || !can_cast() || !s || fd + AHEAD > fdt->max_fds)
		return;
	if (bpf_probe_read_kernel(s->ahead, sizeof(s->ahead), fdt->fd + fd) < 0)
		return;
	at = s->ahead;
#pragma unroll
	for (i = 0; i < AHEAD; i++) {
		struct file *f = typed(file, at[i]);

		if (!f)
			continue;
		touch_file(f);
		at[i] = f->f_op == socket_operations ? (__u64)f->private_data : 0;
	}
#pragma unroll
	for (i = 0; i < AHEAD; i++)
		if (at[i])
			at[i] = (__u64)typed(socket, at[i])->sk;
#pragma unroll
	for (i = 0; i < AHEAD; i++)
		if (at[i])
			touch_sock(typed(tcp_sock, at[i]));
}

SEC("iter/task_file")
int it_task_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *t = ctx->task;
	struct file *file = ctx->file;
	struct sw_it_file r = {};
	struct unix_sock *us;
	struct socket *so;
	struct sock *sk;

	told_walk = ctx->meta->session_id;
	if (!t || !file) {
		is_all_noted = true;
		return 0;
	}
	if (ctx->fd % AHEAD == 0)
		look_ahead(t, ctx->fd);
	so = bpf_sock_from_file(file);
	if (!so)
		return 0;
	socket_operations = file->f_op;
	sk = so->sk;
	if (!sk)
		return 0;
	r.type = SW_IT_FILE;
	r.len = sizeof(r);
	r.cookie = bpf_get_socket_cookie(sk);
	owner_of_task(&r.owner, t);
	r.fd = ctx->fd;
	r.family = sk->__sk_common.skc_family;
	r.protocol = sk->sk_protocol;
	if (!is_all_noted && (r.family == AF_INET || r.family == AF_INET6))
		note_owner(sk, &r.owner);
	if (r.protocol == PROTO_TCP && tell_tcp(ctx->meta->seq, sk, &r))
		return 0;
	r.inode = inode_of(sk);
	r.sock_type = sk->sk_type;
	r.state = sk->__sk_common.skc_state;
	r.netns = sk->__sk_common.skc_net.net->ns.inum;
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r)); /* first: what is known to have an owner needs no other walk */
	if (has_no_iterator(sk))
		tell_inet(ctx->meta->seq, sk, &r);
	if (r.family == AF_NETLINK)
		tell_netlink(ctx->meta->seq, sk, &r);
	us = r.family == AF_UNIX ? bpf_skc_to_unix_sock(sk) : NULL;
	if (us)
		tell_unix(ctx->meta->seq, us, sk->sk_uid.val);
	return 0;
}

SEC("iter/task")
int it_task(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct task_scratch *s;
	struct task_path p;
	__u32 zero = 0;
	int i;

	if (!t || t->pid != t->tgid || !t->signal->live.counter)
		return 0; /* a thread; or a process that only waits to be waited for, and holds nothing any more */
	s = bpf_map_lookup_elem(&scratch, &zero);
	if (!s)
		return 0;
	__builtin_memset(&s->rec, 0, sizeof(s->rec));
	s->rec.type = SW_IT_TASK;
	s->rec.len = sizeof(s->rec);
	s->rec.ppid = t->real_parent->tgid;
	owner_of_task(&s->rec.owner, t);
#pragma unroll
	for (i = 0; i < SW_COMM_MAX; i++)
		s->rec.comm[i] = t->comm[i];
	s->rec.is_kernel = !!(t->flags & PF_KTHREAD);
	if (!s->rec.is_kernel) {
		p = task_path_read(t->mm->exe_file, s->rec.path);
		s->rec.path_len = p.len;
		s->rec.is_path_cut = p.is_cut;
		s->rec.is_deleted = p.is_deleted;
	}
	bpf_seq_write(ctx->meta->seq, &s->rec, sizeof(s->rec));
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
