/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One question to the guard itself (include/sockwarden/rpc/guard.h), for when the engine is not there. */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/cli/cli.h"

/* STATUS. 0 with ret->result from the guard; -ENOENT, -ECONNREFUSED: no guard; -EACCES; -ETIMEDOUT; -errno. */
int sw_cli_guard_status(const struct sw_cli *c, struct sw_guard_reply *ret);
/* What the guard's answer means for the exit, said when it is no good one; r is of the question. */
int sw_cli_guard_result(const struct sw_cli *c, int r, const struct sw_guard_reply *reply);
/* CHAIN with this program, or UNCHAIN with -1. */
int sw_cli_guard_chain(const struct sw_cli *c, int prog, struct sw_guard_reply *ret);
/* MODE; confirm_sec as in the request. */
int sw_cli_guard_mode(const struct sw_cli *c, enum sw_mode mode, uint32_t confirm_sec, struct sw_guard_reply *ret);
