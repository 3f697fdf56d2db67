/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The question after scans for benches of the gate: on or off, with one open port. */
#pragma once

#include "sockwarden/abi/probe.h"
#include "tests/bpf/gate_rig.h"

enum { BENCH_SERVICE = 443 };

static inline void bench_set_scans(const struct rig *rig, bool is_on)
{
	static struct sw_probe_ctl ctl;
	__u32 zero = 0;

	ctl = (struct sw_probe_ctl){.is_on = is_on};
	ctl.ports.syn[BENCH_SERVICE >> 3] = ctl.ports.talk[BENCH_SERVICE >> 3] = 1 << (BENCH_SERVICE & 7);
	for (int i = 1; i < SW_PROBE_COUNT; i++)
		ctl.rule[i] = (struct sw_probe_rule){10, 300};
	rig_set(rig->skel->maps.probe_ctl, &zero, &ctl);
}
