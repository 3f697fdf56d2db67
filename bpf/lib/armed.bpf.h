/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether what is judged bad is refused now. */
#pragma once

#include "lib/clock.bpf.h"
#include "lib/gate_ctl.bpf.h"

/* Armed, by whoever, and not past the end of that; NULL: not. */
static __always_inline const struct sw_gate_ctl *armed_ctl(void)
{
	__u32 zero = 0;
	const struct sw_gate_ctl *ctl = bpf_map_lookup_elem(&gate_ctl, &zero);

	if (!ctl || ctl->mode != SW_MODE_ENFORCE)
		return NULL;
	if (ctl->enforce_until_ns && sw_now(ctl->clock_offset_ns) >= ctl->enforce_until_ns)
		return NULL;
	return ctl;
}
