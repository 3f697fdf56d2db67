/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine's event memory: the last config.event_memory events as JSON objects, for the verb
 * "events" and its followers. Owned by the engine. An event is written member by member:
 *
 *	struct sw_json *j = sw_event_begin(e->events, SW_EVK_SOCKET, "sshd listens on 0.0.0.0:22");
 *	sw_json_uint(j, "port", 22);
 *	sw_event_end(e->events);
 *
 * "at", "kind" and "text" are written by begin. Text from outside inside fmt's arguments is made safe.
 */
#pragma once

#include "user/base/clock.h"
#include "user/base/json.h"
#include "user/ctl/server.h"

/*  X(id, word) */
#define SW_EVENT_KINDS(X)                                                                          \
	X(PACKET, "packet")                                                                        \
	X(SOCKET, "socket")                                                                        \
	X(EXEC, "exec")                                                                            \
	X(DECOY, "decoy")                                                                          \
	X(FINDING, "finding")                                                                      \
	X(BAN, "ban")                                                                              \
	X(UNBAN, "unban")                                                                          \
	X(MODE, "mode")                                                                            \
	X(TRAILS, "trails")                                                                        \
	X(FEED, "feed")                                                                            \
	X(SYSTEM, "system")
enum sw_event_word {
#define SW_EVENT_ENUM(id, word) SW_EVK_##id,
	SW_EVENT_KINDS(SW_EVENT_ENUM)
#undef SW_EVENT_ENUM
	SW_EVK_COUNT
};

struct sw_events;

int sw_events_new(const struct sw_clock *clock, uint32_t memory, struct sw_events **ret);
void sw_events_free(struct sw_events *ev);
/* Where followers are; NULL while there is no server. */
void sw_events_set_server(struct sw_events *ev, struct sw_ctl_server *s);
struct sw_json *sw_event_begin(struct sw_events *ev, enum sw_event_word kind, const char *fmt, ...) _printf_(3, 4);
/* As begin, with the fact's own time. */
struct sw_json *sw_event_begin_at(struct sw_events *ev, enum sw_event_word kind, int64_t wall_ns, const char *fmt, ...)
	_printf_(4, 5);
void sw_event_end(struct sw_events *ev);
/*
 * For facts that can come in floods (packet, socket, exec): true when this one may be told now. At
 * most 200 a second of a kind are; the rest are counted and told as one system event a second later.
 */
bool sw_event_admit(struct sw_events *ev, enum sw_event_word kind);
const char *sw_event_kind_word(unsigned int kind);
/* The verb "events". */
void sw_events_verb(struct sw_events *ev, struct sw_ctl_request *q, const json_t *args);
