/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may ask the guard for what: const rows. What has no row is refused. Pure. */
#pragma once

#include <sys/types.h>

#include "sockwarden/rpc/guard.h"
#include "user/base/util.h"

/* Who the peer is by the kernel's word, and who is who here. */
struct sw_permit_peer {
	uid_t uid;
	bool is_reader; /* in group sockwarden or sockwarden-admin */
};

/* May this peer take the role? 0 or -EPERM. */
int sw_permit_role(
	const struct sw_permit_peer *p, enum sw_role role, const struct sw_guard_ids *ids);
/* May the role (0: none said yet) ask for op? 0, -EPERM, -EOPNOTSUPP for an unknown op. */
int sw_permit_op(const struct sw_permit_peer *p, enum sw_role role, enum sw_guard_op op);
/* "HELLO", for the log. */
const char *sw_permit_op_name(unsigned int op);
/* Entries that a batch may carry, and descriptors that must come with op. */
unsigned int sw_permit_fds(enum sw_guard_op op);
/* Bytes that a request of op with n entries has; 0: any from the head on. */
size_t sw_permit_size(enum sw_guard_op op, __u32 n);
