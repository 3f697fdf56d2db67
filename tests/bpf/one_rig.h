/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A gate's rig of the file's own, opened for each of its tests or once for all; their state stays theirs. */
#pragma once

#include "tests/bpf/gate_rig.h"

static struct rig the_rig;

static inline int open_rig(void **state)
{
	rig_open(&the_rig, 0);
	return 0;
}

static inline int close_rig(void **state)
{
	rig_close(&the_rig);
	return 0;
}
