/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The compiled socket policy on its way from the engine to the kernel. In the guard. */
#pragma once

#include "sockwarden/abi/sock_policy.h"
#include "user/guard/plant.h"

/* Pure: every number of the image leads to an element of its kind. */
bool sw_sock_policy_is_sound(const struct sw_sock_policy_image *image);
/*
 * fd: as SW_GUARD_SOCK_POLICY has it, borrowed. What may be refused is refused before what may not is let go. 0, or
 * -errno with text; when only binds cannot be refused, the rest is in force all the same.
 */
int sw_sock_policy_take(
	struct sw_plant *plant, const struct sw_ladder_opts *o, int fd, char *text, size_t size);
