/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a threshold that was reached to bans: how long by history, longer for who comes back again and
 * again (recidive), the network when many of it offend (aggregation), and no ban for what anybody can
 * forge. Pure: bans and history are had through its ops, so that weeks run in a test. Each of the three
 * is an origin of its own ("rule:NAME", "recidive", "aggregate"), withdrawn alone.
 */
#pragma once

#include "user/policy/count.h"
#include "user/policy/escalate.h"
#include "user/policy/policy.h"

#define SW_OFFEND_RULE_PREFIX "rule:"
enum { SW_OFFEND_ORIGIN_MAX = 32 /* as struct sw_decision has it */ };

struct sw_offend_config {
	uint64_t default_sec; /* of a rule that says no length; 0: for ever */
	uint64_t
		unproven_sec; /* the longest ban for what a forged packet could have caused; 0: none */
	uint64_t remember_sec; /* earlier bans count so long */
	uint32_t recidive_count; /* bans by rules within the window; 0: off */
	uint64_t recidive_window_sec, recidive_sec;
	uint32_t aggregate_count; /* addresses of one network banned within the window; 0: off */
	uint64_t aggregate_window_sec;
	uint32_t aggregate_plen4, aggregate_plen6;
};

struct sw_offend_ops {
	/* As sw_engine_ban: 0 in force, -EPERM refused, another error: decided and tried again. */
	int (*ban)(void *arg, const struct sw_ban_request *q, enum sw_refusal *refusal,
		struct sw_refusal_text *text);
	bool (*is_banned)(void *arg, const struct sw_net *net, const char *origin);
	/* As sw_store_count_bans. */
	int (*count_bans)(
		void *arg, const struct sw_net *net, const char *origin, int64_t since_wall_sec);
};

struct sw_offence {
	const char *rule; /* its name */
	struct sw_net net;
	struct sw_net via; /* the trusted proxy that it came through; family 0: none */
	struct sw_escalation escalation; /* base_sec is filled here when has_own_length is false */
	bool has_own_length;
	bool is_proven; /* who it names completed a handshake */
	bool is_dry; /* only says what would be done */
	const char *reason;
	int64_t now_sec; /* wall */
	uint32_t chance;
};

enum sw_offend_outcome {
	SW_OFFEND_BANNED,
	SW_OFFEND_WOULD, /* is_dry */
	SW_OFFEND_ALREADY, /* by the same rule, and it lasts */
	SW_OFFEND_UNPROVEN,
	SW_OFFEND_REFUSED, /* refusal and text say why */
	SW_OFFEND_FAILED, /* decided, not in force yet */
};

struct sw_offend_result {
	enum sw_offend_outcome outcome;
	uint64_t for_sec; /* 0: for ever */
	unsigned int before; /* bans of the same rule that counted */
	bool is_recidive;
	bool is_aggregated;
	struct sw_net aggregate;
	enum sw_refusal refusal;
	struct sw_refusal_text text;
};

/* counts holds the networks' counts as well; ops and arg are used only within the call. */
void sw_offend(const struct sw_offend_config *c, struct sw_counts *counts,
	const struct sw_offend_ops *ops, void *arg, const struct sw_offence *o,
	struct sw_offend_result *ret);
/* "rule:NAME", cut to what a decision holds. Returns buf. */
const char *sw_offend_origin(char buf[static SW_OFFEND_ORIGIN_MAX], const char *rule);
