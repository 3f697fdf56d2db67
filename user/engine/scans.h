/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Behaviour seen live: probes and scans that the gate tells of, what connections give away, and the
 * ports that the gate may take for open. Owned by the engine (e->scans), in its loop's thread.
 */
#pragma once

#include "user/detect/rules.h"
#include "user/engine/engine.h"
#include "user/sockets/inventory.h"

/* A packet event of the gate. */
void sw_scans_packet(struct sw_engine *e, const struct sw_pkt_event *ev);
/* A record of the socket ring. */
void sw_scans_socket(struct sw_engine *e, const struct sw_event *ev);
/* A listener came or went. */
void sw_scans_listener(struct sw_engine *e, enum sw_sock_change change, const struct sw_sock *s);
/* A snapshot is whole: listeners are counted anew. */
void sw_scans_settled(struct sw_engine *e);
/* The rules as they are set, with their counts; borrowed. */
struct sw_rules *sw_scans_rules(struct sw_engine *e);
/* inspect.c: the same of what is looked into, NULL when nothing is. */
struct sw_rules *sw_inspect_rules(struct sw_engine *e);
