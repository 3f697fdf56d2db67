/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CrowdSec's decisions, which sockwarden-net brings, as bans of the origin "crowdsec". */
#pragma once

#include "sockwarden/rpc/net.h"
#include "user/engine/engine.h"

/* An answer; fd: the decisions, borrowed, not checked yet, or -1. True when the API's host has changed. */
bool sw_crowdsec_take(struct sw_engine *e, const struct sw_net_msg *m, int fd);
struct sw_crowdsec_stats {
	uint64_t decisions, bans, polls, failures;
	int64_t good_wall_sec; /* 0: never */
};
/* False where none is configured. */
bool sw_crowdsec_stats(const struct sw_engine *e, struct sw_crowdsec_stats *ret);
/* Where the API answers, to be protected; NULL when that is not known, or this host itself. */
const struct sw_net *sw_crowdsec_host(const struct sw_engine *e);
