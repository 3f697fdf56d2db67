/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A socket that the policy does not allow, as a finding. Pure; in the engine. */
#pragma once

#include "sockwarden/model/finding.h"
#include "user/base/util.h"

/* Texts borrowed, "" when unknown. */
struct sw_sock_offence {
	bool is_connect, is_refused;
	bool is_closed; /* the kernel could not be asked: the listener was closed a moment later */
	bool is_raw, is_packet;
	bool is_chosen; /* the kernel chose the port */
	int rule; /* from 0, below 0: no rule names it */
	uint32_t pid, uid;
	uint16_t port;
	uint8_t protocol;
	struct sw_net address; /* the peer's, or listened on */
	const char *process, *executable, *user, *container, *unit;
};

/* Fills *ret (id and times stay 0: the engine's to set). */
void sw_detect_sock_policy(const struct sw_sock_offence *o, struct sw_finding *ret);
