/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * User names from passwd(5), without the name service: the engine may not open its sockets. The maker
 * owns the table; it is read anew when the file has changed. In the engine.
 */
#pragma once

#include "user/base/util.h"

struct sw_users;

/* path: "/etc/passwd"; borrowed. A file that cannot be read is an empty table. */
int sw_users_new(const char *path, struct sw_users **ret);
void sw_users_free(struct sw_users *u);
/* NULL when there is none of that number; good until the next call. */
const char *sw_users_name(struct sw_users *u, uint32_t uid);
/* -ENOENT */
int sw_users_find(struct sw_users *u, const char *name, uint32_t *ret_uid);
