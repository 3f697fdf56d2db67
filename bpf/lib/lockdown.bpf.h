/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Under lockdown=confidentiality a program that may call bpf_probe_read_kernel does not load. The
 * loader sets this to false there, and what needs the call is left out: an executable's path comes
 * from /proc, and a UNIX socket has no name. Nor is bpf_probe_read_user
 * called there: libbpf takes such a kernel for one that is too old to have it, and puts bpf_probe_read
 * in its place, which is refused. Arguments come from /proc too.
 */
#pragma once

#include "vmlinux.h"

const volatile bool can_read_kernel = true;
