/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's fixed-width types, from vmlinux.h in BPF and from the kernel's headers elsewhere. */
#pragma once

#ifndef __bpf__
#include <linux/types.h>
#endif

#define SW_ABI_VERSION 1 /* raised when the layout of a pinned map or of a record changes */
#define SW_ABI_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " is shared with the kernel side")
