/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Under lockdown=confidentiality a program that may call bpf_probe_read_kernel does not load. The
 * loader sets this to false there, and what needs the call is left out: io_uring is not told apart,
 * and an executable's path comes from /proc.
 */
#pragma once

#include "vmlinux.h"

const volatile bool can_read_kernel = true;
