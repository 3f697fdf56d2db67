/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The memory of who listens and connects where (user/policy/sock_seen.h), from which `policy learn` writes. Owned by
 * the engine (e->seen), in its loop's thread. Called by the watch of sockets.
 */
#pragma once

#include "user/engine/watch.h"

/* A listener that is there now. */
void sw_seen_listener(struct sw_engine *e, const struct sw_sock *s);
/* A record of the socket ring: of connects, what was asked for. */
void sw_seen_event(struct sw_engine *e, const struct sw_event *event);
/* All that listens and is connected now. */
void sw_seen_look(struct sw_engine *e);
