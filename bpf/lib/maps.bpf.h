/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The gate's maps, by the names of their pins. The guard alone writes what decides (the programs hold
 * it read-only); the programs alone write what counts.
 */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "lib/pin.bpf.h"
#include "sockwarden/abi/geo.h"
#include "sockwarden/abi/packed.h"
#include "lib/gate_ctl.bpf.h"
#include "lib/stats.bpf.h"

#define SW_MAP_LPM(name, key_type, value_type, entries)                                            \
	struct {                                                                                   \
		SW_PIN                                                                             \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);                                               \
		__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);                          \
		__uint(max_entries, entries);                                                      \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

/* Not preallocated: 100 k bans cost what they use, and an idle host nothing. */
#define SW_MAP_HASH(name, key_type, value_type, entries)                                           \
	struct {                                                                                   \
		SW_PIN                                                                             \
		__uint(type, BPF_MAP_TYPE_HASH);                                                   \
		__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);                          \
		__uint(max_entries, entries);                                                      \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

/* One slot; an empty one means that there are no trails. The guard makes the inner tries itself. */
#define SW_MAP_TRAILS(name, key_type)                                                              \
	struct {                                                                                   \
		SW_PIN                                                                             \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                          \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__array(                                                                           \
			values, struct {                                                           \
				__uint(type, BPF_MAP_TYPE_LPM_TRIE);                               \
				__uint(map_flags, BPF_F_NO_PREALLOC);                              \
				__uint(max_entries, 1);                                            \
				__uint(key_size, sizeof(key_type));                                \
				__uint(value_size, sizeof(struct sw_trail_val));                   \
			});                                                                        \
	} name SEC(".maps")

SW_MAP_LPM(allow4, struct sw_lpm4, struct sw_allow_val, SW_MAX_ALLOW);
SW_MAP_LPM(allow6, struct sw_lpm6, struct sw_allow_val, SW_MAX_ALLOW);
SW_MAP_HASH(ban4, __be32, struct sw_ban_val, SW_MAX_BANS);
SW_MAP_HASH(ban6, struct sw_ban6_key, struct sw_ban_val, SW_MAX_BANS);
SW_MAP_LPM(bannet4, struct sw_lpm4, struct sw_ban_val, SW_MAX_BAN_NETS);
SW_MAP_LPM(bannet6, struct sw_lpm6, struct sw_ban_val, SW_MAX_BAN_NETS);
SW_MAP_TRAILS(trails4, struct sw_lpm4);
SW_MAP_TRAILS(trails6, struct sw_lpm6);

/* Two slots, so that a swap takes nothing away before all of what comes is there. */
struct {
	SW_PIN
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SW_TRAIL_PORT_SLOTS);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_HASH);
			__uint(map_flags, BPF_F_NO_PREALLOC);
			__uint(max_entries, 1);
			__uint(key_size, sizeof(struct sw_port_key));
			__uint(value_size, sizeof(struct sw_trail_val));
		});
} trail_ports SEC(".maps");

/*
 * Written by the guard through a mapping, which a map that is read-only for programs refuses; no
 * program of ours writes them. Elements and not one large value: a value over 4 MiB needs 6.0.
 */
#define SW_MAP_MARKS(name, words)                                                                  \
	struct {                                                                                   \
		SW_PIN                                                                             \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__uint(max_entries, words);                                                        \
		__type(key, __u32);                                                                \
		__type(value, __u64);                                                              \
	} name SEC(".maps")

struct {
	SW_PIN
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} epoch SEC(".maps");

/* One slot; the guard makes the inner arrays, each exactly as large as its generation. */
#define SW_MAP_PACKED(name, element)                                                               \
	struct {                                                                                   \
		SW_PIN                                                                             \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                          \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__array(                                                                           \
			values, struct {                                                           \
				__uint(type, BPF_MAP_TYPE_ARRAY);                                  \
				__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);               \
				__uint(max_entries, 1);                                            \
				__uint(key_size, sizeof(__u32));                                   \
				__uint(value_size, sizeof(element));                               \
			});                                                                        \
	} name SEC(".maps")

SW_MAP_MARKS(coarse4, SW_COARSE_WORDS);
SW_MAP_MARKS(coarse6, SW_COARSE_WORDS);
SW_MAP_MARKS(marks4, SW_MARK_WORDS);
SW_MAP_MARKS(othermarks4, SW_MARK_WORDS);
SW_MAP_MARKS(marks6, SW_MARK_WORDS);
SW_MAP_PACKED(packed4, union sw_packed4);
SW_MAP_PACKED(packed6, union sw_packed6);
SW_MAP_PACKED(geo, union sw_geo);

struct {
	SW_PIN
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SW_R_COUNT);
	__type(key, __u32);
	__type(value, struct sw_counter);
} counters SEC(".maps");

struct {
	SW_PIN
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SW_GEO_RULES_MAX);
	__type(key, __u32);
	__type(value, struct sw_counter);
} geo_hits SEC(".maps");

struct {
	SW_PIN
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SW_RECENT_SLOTS + 1);
	__type(key, __u32);
	__type(value, struct sw_recent);
} recent SEC(".maps");

struct {
	SW_PIN
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SW_EV_PKT_BYTES);
} ev_pkt SEC(".maps");

/* One slot, for an XDP program of the operator's. While its pin is there it outlives the guard. */
struct {
	SW_PIN
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} chain SEC(".maps");

/* One slot, for cookie.bpf.c, where decoys are answered by XDP itself; it hands on to chain what it does not answer. */
struct {
	SW_PIN
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} cookie SEC(".maps");
