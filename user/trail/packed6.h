/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Compiles IPv6 trails to a packed generation (abi/packed.h): a hash by {network, length} and the
 * marks before it. In the engine; the packer owns what it builds.
 */
#pragma once

#include "sockwarden/abi/packed.h"
#include "sockwarden/rpc/trail.h"
#include "user/base/util.h"
#include "user/trail/marks.h"

struct sw_packer6;

int sw_packer6_new(struct sw_packer6 **ret);
void sw_packer6_free(struct sw_packer6 *p);
void sw_packer6_freep(struct sw_packer6 **p);
/* No network twice; the order does not matter. 0, -ENOMEM, -E2BIG. */
int sw_packer6_add(struct sw_packer6 *p, const struct sw_trail_entry *e);
/* After the last entry: elements of the generation, 0 for an empty one, or -errno. Call once. */
int64_t sw_packer6_end(struct sw_packer6 *p);
/* Writes as many elements as _end said, and SW_MARK_WORDS of marks. */
void sw_packer6_write(const struct sw_packer6 *p, union sw_packed6 *ret, uint64_t *ret_marks);
