/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who acts, and a record about it. */
#pragma once

#include "lib/lockdown.bpf.h"
#include "lib/sock_maps.bpf.h"
#include "lib/sock_read.bpf.h"

enum { QUIET_NS = 1000000 }; /* below the reader's poll: a record sooner than this after another is polled for */
enum { WAITING_MAX = 64 }; /* records about processes that wait for a wake-up: of 128 CPUs half a ring */
enum { TS_COMPAT = 2 };
enum { NR_IO_URING_ENTER = 426 }; /* the same number on every architecture */

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task_btf();
}

/*
 * How current came here. Read from the task itself: a probe on io_uring's submission would be paid by
 * every request of every ring, and would not see its worker threads.
 */
static __always_inline __u8 origin_of(struct task_struct *t)
{
	void *regs;
	long nr = -1;

	if (t->flags & PF_KTHREAD)
		return SW_ORIGIN_KERNEL;
	if (t->flags & PF_IO_WORKER)
		return SW_ORIGIN_IO_URING;
	if (bpf_core_field_exists(((struct task_struct___x86 *)0)->thread_info.status) &&
	    (((struct task_struct___x86 *)t)->thread_info.status & TS_COMPAT))
		return SW_ORIGIN_COMPAT;
	if (!bpf_core_field_exists(t->io_uring) || !t->io_uring)
		return SW_ORIGIN_SYSCALL; /* has no ring: the kernel is not called for its registers */
	regs = (void *)bpf_task_pt_regs(t);
	if (bpf_core_field_exists(((struct pt_regs___x86 *)0)->orig_ax))
		nr = (long)((struct pt_regs___x86 *)regs)->orig_ax;
	else if (bpf_core_field_exists(((struct pt_regs___a64 *)0)->syscallno))
		nr = ((struct pt_regs___a64 *)regs)->syscallno;
	return nr == NR_IO_URING_ENTER ? SW_ORIGIN_IO_URING : SW_ORIGIN_SYSCALL;
}

static __always_inline struct sock_cpu *this_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&sock_cpu, &zero);
}

/*
 * h: room in the ring, or NULL. Without room a number is taken all the same: the gap tells of the loss. Atomic,
 * because a softirq may come between.
 */
static __always_inline void *event_head(struct sw_ev_head *h, __u8 type, __u16 len)
{
	struct sock_cpu *c = this_cpu();
	__u64 seq = c ? __sync_fetch_and_add(&c->seq, 1) + 1 : 0;

	if (!h) {
		sw_stat_inc(SW_STAT_EV_SOCK_LOST);
		return NULL;
	}
	h->type = type;
	h->pad = 0;
	h->len = len;
	h->cpu = bpf_get_smp_processor_id();
	h->seq = seq;
	h->boot_ns = bpf_ktime_get_boot_ns();
	return h;
}

static __always_inline void *event_begin(__u8 type, __u16 len)
{
	return event_head(bpf_ringbuf_reserve(&ev_sock, len, 0), type, len);
}

/*
 * A wake-up costs 3 to 13 us, so only the first record after a quiet while sends one: user space polls
 * each 2 ms until a poll finds nothing, and that is after a longer quiet than ours.
 */
static __always_inline void event_commit(struct sw_ev_head *h)
{
	struct sock_cpu *c = this_cpu();
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (c) {
		if (h->boot_ns - c->told_ns >= QUIET_NS) {
			flags = BPF_RB_FORCE_WAKEUP;
			c->waiting = 0;
		}
		c->told_ns = h->boot_ns;
	}
	bpf_ringbuf_submit(h, flags);
	sw_stat_inc(SW_STAT_EV_SOCK_SENT);
}

/*
 * What processes do is news only once one of them does something to a socket, and that record comes after and
 * wakes: till then theirs wait for the reader's own look each half second, or until they are many.
 */
static __always_inline void event_commit_lazily(struct sw_ev_head *h)
{
	struct sock_cpu *c = this_cpu();
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (c && ++c->waiting >= WAITING_MAX) {
		flags = BPF_RB_FORCE_WAKEUP;
		c->waiting = 0;
	}
	bpf_ringbuf_submit(h, flags);
	sw_stat_inc(SW_STAT_EV_SOCK_SENT);
}

/* All that comes after the head. */
static __always_inline void sock_event_clear(struct sw_sock_event *e, const struct sock_note *note)
{
	enum { AFTER_OWNER = sizeof(struct sw_sock_event) - sizeof(struct sw_ev_head) - sizeof(struct sw_owner) };
	__u64 *words;
	int i;

	e->owner = note->owner;
#pragma unroll
	for (words = (__u64 *)(&e->owner + 1), i = 0; i < AFTER_OWNER / sizeof(*words); i++)
		words[i] = 0;
}

static __always_inline struct sw_sock_event *sock_event_begin(__u8 type, const struct sock_note *note)
{
	struct sw_sock_event *e = event_begin(type, sizeof(*e));

	if (e)
		sock_event_clear(e, note);
	return e;
}
