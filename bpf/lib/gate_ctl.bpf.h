/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The control word, for every program that judges. Written by the guard alone. */
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
	__type(value, struct sw_gate_ctl);
} gate_ctl SEC(".maps");
