/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bans that this host decides, reported by sockwarden-net to CrowdSec's local API. */
#pragma once

#include "sockwarden/model/decision.h"
#include "sockwarden/rpc/net.h"
#include "user/engine/engine.h"

/* A ban, after it was stored. What is not to be reported is passed over. */
void sw_crowdsec_report(struct sw_engine *e, const struct sw_decision *d);
/* Our ban of that origin was ended before its time. */
void sw_crowdsec_withdraw(struct sw_engine *e, const struct sw_net *net, const char *origin);
/* What became of a post or a withdrawal. */
void sw_crowdsec_reported(struct sw_engine *e, const struct sw_net_msg *m);
/* sockwarden-net is there anew: what it had taken, it has no more. */
void sw_crowdsec_report_again(struct sw_engine *e);
struct sw_crowdsec_report_stats {
	uint64_t reported, withdrawn, refused, lost, posts, failures, waiting;
	int64_t good_wall_sec; /* 0: never */
};
/* False where reports are off. */
bool sw_crowdsec_report_stats(const struct sw_engine *e, struct sw_crowdsec_report_stats *ret);
/* The member "reports" into an open object, where reports are on. */
void sw_crowdsec_report_status(const struct sw_engine *e, struct sw_json *j);
