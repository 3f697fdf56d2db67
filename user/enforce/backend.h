/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backend: one way of putting decisions in force. Rows are in enforce.c; each is idempotent. */
#pragma once

#include "user/enforce/enforce.h"

struct sw_backend {
	const char *name;
	int (*put_bans)(const struct sw_enforce_port *port, const struct sw_guard_ban *b,
		unsigned int n, char *why, size_t size);
	int (*remove_bans)(const struct sw_enforce_port *port, const struct sw_guard_ban *b,
		unsigned int n, char *why, size_t size);
	int (*set_allows)(const struct sw_enforce_port *port, const struct sw_guard_allow *a,
		unsigned int n, char *why, size_t size);
	int (*reconcile)(const struct sw_enforce_port *port, struct sw_policy *policy,
		struct sw_enforce_report *report);
	enum sw_verdict_state (*state)(const struct sw_enforce_port *port, const struct sw_ban *b);
};

extern const struct sw_backend sw_backend_xdp; /* xdp.c */

/* xdp.c: entries of the kernel's maps, for recovery. */
int sw_xdp_each_ban(const struct sw_enforce_port *port,
	int (*fn)(void *arg, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id), void *arg);
int sw_xdp_each_allow(const struct sw_enforce_port *port,
	int (*fn)(void *arg, const struct sw_net *net, uint32_t origins), void *arg);
