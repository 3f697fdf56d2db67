/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Follows the network devices: attaches the packet program to those that are wanted as they come,
 * keeps up with renames, and takes it off again where carrier or default route are lost soon after
 * attaching. In the guard, which owns it.
 */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/io/loop.h"
#include "user/kern/attach.h"

struct sw_follow;

enum {
	SW_FOLLOW_WATCH_SEC = 10, /* a loss this soon after attaching is taken as our doing */
	SW_FOLLOW_SETTLE_MS = 50, /* netlink speaks in bursts: one look for all of it */
};

/* What to follow. Borrowed; must live until the next _configure. */
struct sw_follow_wish {
	const struct sw_config_iface *patterns; /* n 0: devices with a default route */
	size_t n;
	enum sw_hook hook; /* for devices whose row says auto */
};

int sw_follow_new(struct sw_loop *l, const struct sw_clock *clock, const char *pin_dir,
	const struct sw_gate_progs *progs, struct sw_follow **ret);
/* Lets go without detaching anything. */
void sw_follow_free(struct sw_follow *f);
void sw_follow_freep(struct sw_follow **f);
/* Sets what is wanted and looks at once; devices that are wanted no more are let go. */
int sw_follow_configure(struct sw_follow *f, const struct sw_follow_wish *w);
/* Whether there are trails that tag: behind XDP something must write the marks. */
void sw_follow_set_tagging(struct sw_follow *f, bool is_tagging);
/* The gate on devices at XDP from now on: progs' chain_fd, or where that is -1 its xdp_fd. 0 or -errno of the last. */
int sw_follow_set_chain(struct sw_follow *f, int chain_fd);
/* false takes the program off every device, true attaches again. */
void sw_follow_set_active(struct sw_follow *f, bool is_active);
/* Looks now: for tests, and after netlink told. 0 or -errno. */
int sw_follow_look(struct sw_follow *f);
/* fn is told after each look whether a device that is to have the program has none. */
void sw_follow_tell(struct sw_follow *f, void (*fn)(bool has_bare, void *arg), void *arg);
void sw_follow_status(const struct sw_follow *f, struct sw_guard_status *ret);
