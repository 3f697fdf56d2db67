/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packed generations in the making: arrays of exactly the image's size, filled in steps so that the
 * guard answers others meanwhile, put in force by one write each. In the guard; the view is borrowed.
 */
#pragma once

#include "user/guard/marks.h"

struct sw_packed_load {
	const struct sw_packed_view *view;
	int fd4, fd6; /* -1 when that family has no entry */
	void *map4, *map6;
	size_t at4, at6; /* bytes written */
};

/* 0, -EOPNOTSUPP: this kernel has no such maps, -errno. */
int sw_packed_load_init(struct sw_packed_load *l, const struct sw_packed_view *view);
/* Writes up to max bytes of each family; 1 more to do, 0 all written. */
int sw_packed_load_step(struct sw_packed_load *l, size_t max);
/*
 * Puts both in force in place of what was, tries too: the marks of the new first, then the generations,
 * then the engine's word, and the marks of the old go last. On failure what was in force stays.
 */
int sw_packed_load_commit(
	struct sw_packed_load *l, const struct sw_maps *maps, struct sw_marks *marks);
void sw_packed_load_done(struct sw_packed_load *l);

/* The tries are in force: takes the packed generations and their marks away. */
int sw_packed_leave(const struct sw_maps *maps, struct sw_marks *marks);
/* Maps the generation in the slot of map for reading; 1, 0 when there is none, -errno. */
int sw_packed_map_inner(
	const struct sw_maps *maps, enum sw_map map, const void **ret, size_t *ret_bytes);

/*
 * What lies in a slot of an array of maps: _make a new array, mapped for writing; _put puts it in (fd negative:
 * empties the slot) and returns when no packet is judged by the one before; _open gives that in the slot, -1: none.
 */
int sw_inner_make(const char *name, uint64_t elements, size_t size, int *ret_fd, void **ret_map);
int sw_inner_put(int outer, int inner);
int sw_inner_open(int outer);
