/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Decoy ports that XDP itself answers: loads the program, tells it the ports and its budget, and puts it into the
 * gate's slot. In the guard, which owns it. It is out of the slot when the guard ends in order; when it is killed
 * the program answers on, until the next guard.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "user/guard/follow.h"
#include "user/guard/plant.h"

/* Makes it as c wants, now. f is NULL before devices are followed. What fails is logged, and told in ret. */
void sw_cookie_configure(struct sw_plant *p, struct sw_follow *f, const char *pin_dir, const struct sw_config *c,
	struct sw_guard_cookie *ret);
/* No port is answered any more. */
void sw_cookie_stop(struct sw_plant *p);
