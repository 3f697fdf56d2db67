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

/* Boot time; what is read is kept for the rest of the tick. A softirq that comes between is a tick out at most. */
static __always_inline __u64 clock_now(struct sock_cpu *c)
{
	__u64 now = bpf_ktime_get_boot_ns();

	if (c) {
		c->tick_ns = now;
		c->tick = bpf_jiffies64();
	}
	return now;
}

/* Boot time, good to a tick of the kernel: a look at the clock costs more than all else that is done with it. */
static __always_inline __u64 tick_now(void)
{
	struct sock_cpu *c = this_cpu();

	return c && c->tick == bpf_jiffies64() ? c->tick_ns : clock_now(c);
}

/*
 * When a listener ended, good to a tick: nobody measures how long one lasted that was so short. Never before what was
 * told of it last, maybe on another CPU. 0: the clock was not read in this tick, or before that.
 */
static __always_inline __u64 end_of_listener(const struct sock_note *note)
{
	struct sock_cpu *c = this_cpu();

	if (!c || c->tick != bpf_jiffies64() || (__s32)((__u32)c->tick_ns - note->told_low) < 0)
		return 0;
	return c->tick_ns;
}

/*
 * h: room in the ring, or NULL. Without room a number is taken all the same: the gap tells of the loss. Atomic,
 * because a softirq may come between. at: its time, 0: now.
 */
static __always_inline void *event_head(struct sw_ev_head *h, __u8 type, __u16 len, __u64 at)
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
	h->boot_ns = at ? at : clock_now(c);
	return h;
}

static __always_inline void *event_begin_at(__u8 type, __u16 len, __u64 at)
{
	return event_head(bpf_ringbuf_reserve(&ev_sock, len, 0), type, len, at);
}

static __always_inline void *event_begin(__u8 type, __u16 len)
{
	return event_begin_at(type, len, 0);
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
		if (h->boot_ns - c->told_ns >= QUIET_NS)
			flags = BPF_RB_FORCE_WAKEUP;
		c->waiting = 0; /* woken or polling, it takes those along */
		c->told_ns = h->boot_ns;
	}
	bpf_ringbuf_submit(h, flags);
	sw_stat_inc(SW_STAT_EV_SOCK_SENT);
}

/*
 * Of a record whose time is that of another: it cannot say how long the quiet was. So the kernel wakes who has read all
 * that came before it; behind records that wait for a wake-up it brings one itself.
 */
static __always_inline void event_commit_undated(struct sw_ev_head *h)
{
	struct sock_cpu *c = this_cpu();
	__u64 flags = c && c->waiting ? BPF_RB_FORCE_WAKEUP : 0;

	if (c)
		c->waiting = 0;
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

static __always_inline struct sw_sock_event *sock_event_begin_at(__u8 type, const struct sock_note *note, __u64 at)
{
	struct sw_sock_event *e = event_begin_at(type, sizeof(*e), at);

	if (e)
		sock_event_clear(e, note);
	return e;
}

static __always_inline struct sw_sock_event *sock_event_begin(__u8 type, const struct sock_note *note)
{
	return sock_event_begin_at(type, note, 0);
}
