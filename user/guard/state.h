/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one guard leaves for the next in RUN/guard.state, beside the pins: facts that the kernel's
 * maps do not tell. A missing, damaged or foreign file only means that these are not known.
 */
#pragma once

#include "user/guard/swap.h"

struct sw_guard_state {
	__u32 config_mode; /* mode: of the configuration that was in force */
	__u32 pad;
	struct sw_swap_facts trails;
};

int sw_guard_state_load(const char *run_dir, struct sw_guard_state *ret);
int sw_guard_state_save(const char *run_dir, const struct sw_guard_state *s);
