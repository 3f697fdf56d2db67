/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CrowdSec's decisions, which sockwarden-net brings, as bans of the origin "crowdsec". */
#pragma once

#include "sockwarden/rpc/net.h"
#include "user/engine/engine.h"

/* An answer; fd: the decisions, borrowed, not checked yet, or -1. True when the API's host has changed. */
bool sw_crowdsec_take(struct sw_engine *e, const struct sw_net_msg *m, int fd);
/* Where the API answers, to be protected; NULL when that is not known, or this host itself. */
const struct sw_net *sw_crowdsec_host(const struct sw_engine *e);
