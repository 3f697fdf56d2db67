/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Waking the reader of a ring. A wake-up for every record costs both sides more than the record does,
 * so a record wakes the reader only when this CPU has not done so for SW_WAKE_NS; a reader that was
 * woken polls for longer than that before it sleeps again.
 */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define SW_WAKE_NS 1000000ULL

/** The flags for bpf_ringbuf_submit() at now_ns; *last_ns is this CPU's, and is kept. */
static __always_inline __u64 sw_wake_flags(__u64 *last_ns, __u64 now_ns)
{
	if (now_ns - *last_ns <= SW_WAKE_NS)
		return BPF_RB_NO_WAKEUP;
	*last_ns = now_ns;
	return BPF_RB_FORCE_WAKEUP;
}
