/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A verdict: what is installed where, and what it has hit since. */
#pragma once

#include "sockwarden/model/addr.h"

enum sw_verdict_state {
	SW_VERDICT_INSTALLED = 1,
	SW_VERDICT_REFUSED, /* by a guard rule: never-ban, prefix floor, cap */
	SW_VERDICT_FAILED,  /* the backend failed; retried by reconciliation */
	SW_VERDICT_REMOVED,
};

struct sw_verdict {
	__u64 decision_id;
	struct sw_net net;
	enum sw_verdict_state state;
	int error;	  /* -errno for FAILED */
	char backend[16]; /* "xdp" */
	char text[128];	  /* why refused or failed */
	__u64 hits;	  /* packets since, as far as told by events */
	__s64 last_hit_wall_ns;
};
