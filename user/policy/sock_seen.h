/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The memory of who listened and connected where, by program, user, protocol and port, each with the hour in
 * which it was seen last. Bounded (model/seen.h). Pure, on a clock that is handed in; the object is the
 * engine's, which keeps it in the store.
 */
#pragma once

#include "sockwarden/model/seen.h"
#include "user/base/clock.h"

struct sw_seen_memory;
/* The program was forgotten: others made it room. */
typedef void (*sw_seen_drop_fn)(const struct sw_seen_who *who, void *arg);
/* A negative result ends the walk with it. */
typedef int (*sw_seen_fn)(const struct sw_seen *s, void *arg);

/* drop may be NULL. */
int sw_seen_new(const struct sw_clock *clock, sw_seen_drop_fn drop, void *arg, struct sw_seen_memory **ret);
void sw_seen_free(struct sw_seen_memory *m);
/* A program as it was saved; a second time its ports are joined. 0, -EINVAL, -ENOMEM. */
int sw_seen_load(struct sw_seen_memory *m, const struct sw_seen *s);
/*
 * Fills *ret; -EINVAL: a program without a path, or with one that a rule cannot hold.
 */
int sw_seen_who(enum sw_sock_way way, uint8_t protocol, bool is_contained, uint32_t uid, const char *executable,
	struct sw_seen_who *ret);
/* It uses the port now. port: SW_SEEN_CHOSEN, or of the service. 0, -ENOMEM. */
int sw_seen_note(struct sw_seen_memory *m, const struct sw_seen_who *who, uint16_t port);
/* Programs with what they used since then, in no order. */
int sw_seen_each(struct sw_seen_memory *m, int64_t since_wall_sec, sw_seen_fn fn, void *arg);
bool sw_seen_has_unsaved(const struct sw_seen_memory *m);
/* Those that changed since this was asked last, whole. They count as saved, but for one that fn fails on. */
int sw_seen_each_unsaved(struct sw_seen_memory *m, sw_seen_fn fn, void *arg);
size_t sw_seen_count(const struct sw_seen_memory *m);
