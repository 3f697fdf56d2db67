/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The socket policy as the kernel asks it (abi/sock_policy.h), from the configuration. What the kernel cannot
 * tell makes a rule open: it refuses nothing that would not be refused without it. Pure; in the engine.
 */
#pragma once

#include "sockwarden/abi/sock_policy.h"
#include "sockwarden/rpc/config.h"
#include "user/base/util.h"

struct sw_sock_table_host {
	int (*find_user)(const char *name, uint32_t *ret_uid, void *arg); /* -ENOENT */
	void *arg;
	const char *own_dir; /* of our programs, with the slash; "" when unknown */
	bool is_hybrid; /* cgroup v1 hierarchies that name containers, beside v2 */
	bool can_read_kernel; /* no lockdown=confidentiality: programs may ask for paths and directories */
};

struct sw_sock_table {
	struct sw_sock_policy_image image;
	/* Why the kernel cannot tell whether a rule names a socket; NULL: it can. */
	const char *why[SW_SOCK_WAYS][SW_SOCK_RULES_MAX];
};

/* 0, -EINVAL for a list that the configuration's maker would not have passed. */
int sw_sock_table_make(
	const struct sw_config *c, const struct sw_sock_table_host *host, struct sw_sock_table *ret);
