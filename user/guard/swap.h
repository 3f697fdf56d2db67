/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Puts a trail image in force: checks it, fills tries or packed arrays of exactly its size in steps of
 * the loop, so that `off` is answered meanwhile, and swaps them in whole. The kind of the image says
 * which engine answers from then on. Whatever fails, the old trails stay.
 */
#pragma once

#include "user/io/loop.h"
#include "user/guard/marks.h"
#include "user/kern/maps.h"

struct sw_swap;

/* What is in force; kept in RUN across restarts of the guard, because the kernel's tries do not say. */
struct sw_swap_facts {
	__u64 trails4, trails6;
	__u64 swapped_ns; /* boot time, 0: none yet */
	__u32 crc;
	__u32 id4, id6; /* kernel ids of the tries or arrays: an answer for others is stale */
	__u32 engine; /* enum sw_trail_engine */
	__u32 id_ports, pad; /* of the hash of addresses with a port */
	__u64 n_tagged; /* entries whose action is to tag */
};

/* result 0 or -errno, text why; called once for each begin that gave 0. */
typedef void (*sw_swap_done_fn)(int result, const char *text, void *arg);

/* is_packed_refused, for tests: as on a kernel without mmapable inner arrays. */
int sw_swap_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	struct sw_marks *marks, bool is_packed_refused, struct sw_swap **ret);
void sw_swap_free(struct sw_swap *s);
void sw_swap_freep(struct sw_swap **s);
/* fd: the image, borrowed. 0: begun; -EBUSY: another is going on; -errno with text: refused. */
int sw_swap_begin(
	struct sw_swap *s, int fd, sw_swap_done_fn fn, void *arg, char *text, size_t size);
/* Forgets who asked (fn is not called); the work goes on. */
void sw_swap_forget(struct sw_swap *s, const void *arg);
const struct sw_swap_facts *sw_swap_facts(const struct sw_swap *s);
/* Takes the facts of an earlier guard over, if they are of the tries in force. */
void sw_swap_adopt(struct sw_swap *s, const struct sw_swap_facts *facts);
