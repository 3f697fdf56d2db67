/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Attaches the packet program to a device by one of five hooks, pins the link, takes an earlier
 * guard's link over, and takes it off again. In the guard.
 */
#pragma once

#include "user/base/util.h"
#include "user/kern/device.h"

/* The programs of one gate object; -1 when that one did not load. */
struct sw_gate_progs {
	int xdp_fd, tc_fd;
	int chain_fd; /* in the place of xdp_fd while it is there: the operator's program comes after it */
	int tc_l3_fd; /* for devices whose packets begin with the IP header */
	int tag_fd; /* behind XDP: writes the mark of tagged packets */
	int forward_fd, forward_l3_fd; /* for what leaves by a device and was forwarded */
};

/*
 * Attaches to d by hook. A link of ours that is pinned there already is updated in place where the
 * kernel can, so that no packet passes unjudged; one by another hook goes after the new one is on.
 * pin_dir/link-HOOK-IFINDEX is the pin. *ret_is_adopted may be NULL. 0, -EBUSY: somebody else's
 * program is there, -errno.
 */
int sw_attach_packet(const struct sw_gate_progs *p, const struct sw_device *d, enum sw_attach hook,
	const char *pin_dir, bool *ret_is_adopted);
/*
 * Whether what was attached by hook is there still: somebody may have taken it away.
 */
bool sw_attach_is_there(__u32 ifindex, enum sw_attach hook, const char *pin_dir);
/*
 * At the way out of d, for what the host forwards: by tcx where has_tcx and the kernel takes it, else by
 * clsact; pin_dir/forward-IFINDEX. *ret: which of them. 1: put there, 0: it was there, -errno.
 */
int sw_attach_forward(const struct sw_gate_progs *p, const struct sw_device *d, bool has_tcx, const char *pin_dir,
	enum sw_attach *ret);
/*
 * Behind XDP on d, ahead of other programs of tc: what writes the marks; pin_dir/tag-IFINDEX. As
 * sw_attach_forward.
 */
int sw_attach_tag(const struct sw_gate_progs *p, const struct sw_device *d, bool has_tcx, const char *pin_dir,
	enum sw_attach *ret);
void sw_detach_tag(__u32 ifindex, const char *pin_dir);
/* Native, generic, or under a dispatcher. */
bool sw_attach_is_xdp(enum sw_attach hook);
/* Native or generic by a link of ours: the device's only XDP program. */
bool sw_attach_is_alone(enum sw_attach hook);
/* Takes our program off the device, by whatever hook, and removes the pins. What is not there is fine. */
int sw_detach_packet(__u32 ifindex, const char *pin_dir);
/* True when a program of ours is at ifindex by a pinned link: the XDP program there is ours. */
bool sw_attach_is_own(__u32 ifindex, const char *pin_dir);
/*
 * Removes the pins of devices that are gone, and calls fn for each device that has one.
 * Their number or -errno.
 */
int sw_attach_each_pin(
	const char *pin_dir, void (*fn)(__u32 ifindex, enum sw_attach hook, void *arg), void *arg);
