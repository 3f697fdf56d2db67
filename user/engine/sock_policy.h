/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The socket policy in the engine: what the configuration's rules (policy:) do not allow becomes a
 * finding. Owned by the engine (e->sock_policy), in its loop's thread. Called by the watch of sockets.
 */
#pragma once

#include "user/engine/watch.h"

/* A listener that is there now. */
void sw_sock_policy_listener(struct sw_engine *e, const struct sw_sock *s);
/* A record of the socket ring: connects are judged. */
void sw_sock_policy_event(struct sw_engine *e, const struct sw_event *event);
/* The first whole snapshot is there: what listened before is judged, too. */
void sw_sock_policy_settled(struct sw_engine *e);
/* After each snapshot: packet sockets, of which no hook need tell. */
void sw_sock_policy_snapshot(struct sw_engine *e);
