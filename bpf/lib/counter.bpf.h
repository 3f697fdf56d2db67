/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counters where two tasks may be at once on one CPU, so that the row of a CPU is not its own. */
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "sockwarden/abi/gate.h"

/* c may be NULL. */
static __always_inline void add_to_counter(struct sw_counter *c, __u32 len, bool is_dropped)
{
	if (!c)
		return;
	__sync_fetch_and_add(&c->packets, 1);
	__sync_fetch_and_add(&c->bytes, len);
	if (is_dropped)
		__sync_fetch_and_add(&c->dropped, 1);
}
