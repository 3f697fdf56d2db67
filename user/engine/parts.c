// SPDX-License-Identifier: GPL-3.0-or-later
/* The parts of the engine, in the order they start. */
#include "user/engine/engine.h"

const struct sw_engine_part *const sw_engine_parts[] = {
	NULL,
};
