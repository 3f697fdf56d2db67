/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where bans are in force, as the guard tells: in status, in "bans", and as alarms when one fails. */
#pragma once

#include "user/engine/engine.h"

extern const char *const sw_backend_names[SW_BACKEND_COUNT];

/* What the backends but xdp say of n networks; zeros where the guard does not answer. */
void sw_engine_verdicts(
	struct sw_engine *e, const struct sw_net *nets, size_t n, struct sw_guard_verdict *ret);
/* What nftables holds and dropped besides bans, as the guard has it; NULL: it is not used, or the guard is silent. */
const struct sw_guard_nft *sw_backends_nft(struct sw_engine *e);
/* The same as a member "nftables", null where there is nothing to say. */
void sw_backends_write_nft(struct sw_engine *e, struct sw_json *j);
/*
 * Whether a client is refused whose packets come from a proxy: a file of an action that a web server reads, or a
 * command (whether that one reaches the proxy is for who wrote it to know).
 */
bool sw_backends_reach_clients(const struct sw_config *c);
