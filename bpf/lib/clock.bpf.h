/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The clock of the BPF programs: boot time, which runs on during suspend, moved by tests only. */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/** Boot time in nanoseconds; offset_ns is sw_gate_ctl.clock_offset_ns, or 0. Costs 35 to 230 ns. */
static __always_inline __u64 sw_now(__u64 offset_ns)
{
	return bpf_ktime_get_boot_ns() + offset_ns;
}
