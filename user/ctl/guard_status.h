/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the guard says of itself as members of "status": the same whether the engine or the guard was asked. */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/base/json.h"

/* "interfaces" and "processes"; s may be NULL: both are empty. */
void sw_ctl_write_guard_status(struct sw_json *j, const struct sw_guard_status *s);
