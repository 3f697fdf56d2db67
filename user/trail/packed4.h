/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Compiles IPv4 trails to a packed generation (abi/packed.h): networks that contain each other are
 * resolved to what the longest says of each address, so that the packet path asks one bit, and which
 * of three sets, dropped, watched or tagged. In the engine; the packer owns what it builds.
 */
#pragma once

#include "sockwarden/abi/packed.h"
#include "sockwarden/rpc/trail.h"
#include "user/base/util.h"

struct sw_packer4;

int sw_packer4_new(struct sw_packer4 **ret);
void sw_packer4_free(struct sw_packer4 *p);
void sw_packer4_freep(struct sw_packer4 **p);
/* Entries in the order of sw_net_cmp, no network twice. 0 or -ENOMEM. */
int sw_packer4_add(struct sw_packer4 *p, const struct sw_trail_entry *e);
/* After the last entry: elements of the generation, 0 for an empty one, or -ENOMEM. Call once. */
int64_t sw_packer4_end(struct sw_packer4 *p);
/* Writes as many elements as _end said. */
void sw_packer4_write(const struct sw_packer4 *p, union sw_packed4 *ret);
