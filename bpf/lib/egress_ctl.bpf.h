/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is done with what this host sends: one word, for the hooks of connects and those of packets. */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "lib/pin.bpf.h"
#include "sockwarden/abi/gate.h"

struct {
	SW_PIN
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sw_egress_ctl);
} egress_ctl SEC(".maps");

/* enum sw_egress */
static __always_inline __u32 egress_action(void)
{
	__u32 zero = 0;
	const struct sw_egress_ctl *egress = bpf_map_lookup_elem(&egress_ctl, &zero);

	return egress ? egress->action : SW_EGRESS_DROP;
}
