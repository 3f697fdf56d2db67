/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The gate beside other XDP programs on a device, under the dispatcher of libxdp. xdp-loader(8) of the package
 * xdp-tools is asked to put it there and to take it off; what it did is read from the kernel, because where the
 * kernel refuses to replace functions it puts a program there alone and says nothing. In the guard; needs
 * /sys/fs/bpf, where all who use the dispatcher keep its pins.
 */
#pragma once

#include "user/kern/device.h"

/*
 * Puts the gate among the others, ahead of those with the usual priority, over the maps pinned in pin_dir, and
 * takes an older gate of ours off after. 0; -ENOPKG: xdp-loader is missing; -EPERM: the kernel refuses, the
 * device is as before; -EBUSY: a program is there that is under no dispatcher; -ENODEV; -EIO, and the log has
 * what xdp-loader said; -errno.
 */
int sw_dispatch_attach(const struct sw_device *d, const char *pin_dir);
/* Takes every gate of ours out of the device's dispatcher. 0, also when there is none; -errno. */
int sw_dispatch_detach(__u32 ifindex);
bool sw_dispatch_is_there(__u32 ifindex);
/* Calls fn for each device of this network namespace whose dispatcher has a gate of ours. */
void sw_dispatch_each(void (*fn)(__u32 ifindex, enum sw_attach hook, void *arg), void *arg);
