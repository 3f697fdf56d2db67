/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Decoy ports, the privileged half: loads and pins the program that steers connections, attaches it to
 * our network namespace, and opens the listener per protocol and family that the engine serves. In the guard,
 * which owns it. Without a listener the program does nothing, so a guard that ends leaves no port open.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "sockwarden/rpc/guard.h"
#include "user/guard/follow.h"
#include "user/guard/plant.h"

struct sw_decoys;

/* pin_dir and plant are borrowed. */
int sw_decoys_new(const char *pin_dir, struct sw_plant *plant, struct sw_decoys **ret);
/* Closes the listeners, and XDP answers no more; pins stay, for the next guard. */
void sw_decoys_free(struct sw_decoys *d);
void sw_decoys_freep(struct sw_decoys **d);
/*
 * Makes it as c wants, now: on, off, other ports. f: NULL before devices are followed. What fails is logged, and
 * told by _give.
 */
void sw_decoys_configure(struct sw_decoys *d, struct sw_follow *f, const struct sw_config *c);
/* What there is, and its descriptors, borrowed: at most SW_DECOY_SOCKS. */
void sw_decoys_give(const struct sw_decoys *d, struct sw_guard_decoys *ret, int *ret_fds, size_t *ret_n);
/* Detaches what is pinned, and removes its pins. */
void sw_decoys_unpin(const char *pin_dir);
