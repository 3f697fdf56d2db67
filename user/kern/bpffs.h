/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The directory of pins: DIR on a bpffs, and below it v1 (SW_ABI_VERSION), so that a guard with
 * another layout of maps starts its own set instead of misreading this one.
 */
#pragma once

#include "user/base/util.h"

enum { SW_PIN_PATH_MAX = 512 };

/*
 * Makes DIR and DIR/v1. Mounts a bpffs at /sys/fs/bpf when DIR is to lie there and none is. err
 * (size bytes) gets a line for a person on failure. *ret_pin_dir is DIR/v1. 0, -ENODEV: not on a bpffs.
 */
int sw_bpffs_prepare(const char *dir, char *ret_pin_dir, size_t pin_size, char *err, size_t size);
/* Removes every pin under DIR, then DIR; what is not there is fine. 0 or the first -errno. */
int sw_bpffs_remove(const char *dir);
/* True when pin_dir holds anything: an earlier guard's. */
bool sw_bpffs_has_pins(const char *pin_dir);
