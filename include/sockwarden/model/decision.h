/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A decision: what is to be done, on whom, until when, why, and who says so. Stored before it is enforced. */
#pragma once

#include "sockwarden/model/addr.h"

enum sw_decision_kind { SW_DECISION_BAN = 1, SW_DECISION_UNBAN, SW_DECISION_ALLOW, SW_DECISION_DISALLOW };

struct sw_decision {
	__u64 id;	     /* by the store; 0 before */
	enum sw_decision_kind kind;
	struct sw_net net;
	__s64 made_wall_sec;
	__s64 until_wall_sec; /* 0: for ever */
	char origin[32];      /* "operator", "trail", a rule's name */
	char reason[192];     /* for a person */
	char by[64];	      /* "uid 0 (root)", "policy" */
};
