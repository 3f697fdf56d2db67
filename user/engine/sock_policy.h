/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The socket policy in the engine: what the configuration's rules (policy:) do not allow becomes a
 * finding. Owned by the engine (e->sock_policy), in its loop's thread. Called by the watch of sockets.
 */
#pragma once

#include "user/detect/sock_policy.h"
#include "user/engine/watch.h"

/* A listener that is there now. */
void sw_sock_policy_listener(struct sw_engine *e, const struct sw_sock *s);
/* A record of the socket ring: connects are judged. */
void sw_sock_policy_event(struct sw_engine *e, const struct sw_event *event);
/* The first whole snapshot is there: what listened before is judged, too. */
void sw_sock_policy_settled(struct sw_engine *e);
/* After each snapshot: packet sockets, of which no hook need tell. */
void sw_sock_policy_snapshot(struct sw_engine *e);
/* What rules ask about. The row keeps the texts; false: no listener of TCP or UDP that is one, or a client's port. */
bool sw_sock_listener_facts(struct sw_engine *e, const struct sw_sock *s, struct sw_baseline_row *row,
	struct sw_sock_offence *ret);
/* Of a TCP connection that is up; info keeps the texts. */
bool sw_sock_connection_facts(struct sw_engine *e, const struct sw_sock *s, struct sw_proc_info *info,
	struct sw_sock_offence *ret);
/* Our own programs are not judged: they answer to nobody but the guard. */
bool sw_sock_is_own(const struct sw_engine *e, uint32_t pid, const char *executable);
