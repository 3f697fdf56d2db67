/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The unprivileged processes' cage: a list of system calls per role (const rows); every other call
 * fails with EPERM. The guard does not use this module (it may not link libseccomp).
 */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/base/util.h"

/*
 * Gives up every capability, sets no_new_privs, and installs the role's filter for this and all later
 * threads. Call it when descriptors are open and libraries are initialised, before anything from
 * outside is read. 0 or -errno.
 */
int sw_sandbox_enter(enum sw_role role);
