/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compiled rules over countries on their way from the engine to the kernel. In the guard. */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/kern/maps.h"
#include "user/trail/geo_view.h"

/*
 * fd: as SW_GUARD_GEO has it, borrowed. Puts the rules in force in place of those before, all at once; an image
 * without rules takes them away. 0, or -errno with text: those before stay.
 */
int sw_geo_take(const struct sw_maps *maps, int fd, char *text, size_t size);
/* What is in force, as the kernel has it: an id of 0 says that nothing is. */
struct sw_guard_geo sw_geo_in_force(const struct sw_maps *maps);
