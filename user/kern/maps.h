/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The gate's maps, typed: the guard writes policy through here and nowhere else. The descriptors are
 * owned by whoever filled the struct (sw_maps_open_pins gives new ones, sw_maps_done closes them).
 */
#pragma once

#include "sockwarden/abi/gate.h"
#include "sockwarden/abi/inspect.h"
#include "sockwarden/abi/sock_policy.h"
#include "sockwarden/model/addr.h"
#include "sockwarden/rpc/trail.h"
#include "user/base/util.h"

enum sw_map {
	SW_MAP_CTL,
	SW_MAP_ALLOW4,
	SW_MAP_ALLOW6,
	SW_MAP_BAN4,
	SW_MAP_BAN6,
	SW_MAP_BANNET4,
	SW_MAP_BANNET6,
	SW_MAP_TRAILS4,
	SW_MAP_TRAILS6,
	SW_MAP_TRAIL_PORTS,
	SW_MAP_COARSE4,
	SW_MAP_COARSE6,
	SW_MAP_MARKS4,
	SW_MAP_MARKS6,
	SW_MAP_OTHERMARKS4,
	SW_MAP_EPOCH,
	SW_MAP_PACKED4,
	SW_MAP_PACKED6,
	SW_MAP_GEO,
	SW_MAP_GEO_HITS,
	SW_MAP_PROBE_CTL,
	SW_MAP_COUNTERS,
	SW_MAP_STATS,
	SW_MAP_EV_PKT,
	SW_MAP_EV_SOCK,
	SW_MAP_INSPECT_CTL,
	SW_MAP_DOMAINS,
	SW_MAP_EV_INSPECT,
	SW_MAP_SHUNNED,
	SW_MAP_SOCK_POLICY,
	SW_MAP_SOCK_RULES,
	SW_MAP_CHAIN,
	SW_MAP_COOKIE,
	SW_MAP_COUNT
};

struct sw_maps {
	int fd[SW_MAP_COUNT];
};

void sw_maps_init(struct sw_maps *m);
void sw_maps_done(struct sw_maps *m);
/*
 * Opens every map from its pin; those of programs that a kernel may refuse are made and pinned when they
 * brought none. 0 or -errno.
 */
int sw_maps_open_pins(struct sw_maps *m, const char *pin_dir);
/* The name of the map and of its pin. */
const char *sw_map_name(enum sw_map map);
/* A new descriptor for another process: read-only, but a ring's is read-write (its reader writes a position). */
int sw_maps_share(const struct sw_maps *m, enum sw_map map);

/*
 * The ban of net: hosts (/32, /128) and /64 in the hashes, the rest in the tries. 1 it is new, 0 it was
 * there already, -E2BIG or -ENOSPC: full.
 */
int sw_maps_ban_put(
	const struct sw_maps *m, const struct sw_net *net, const struct sw_ban_val *val);
int sw_maps_ban_del(const struct sw_maps *m, const struct sw_net *net);
/* What the map holds of net; -ENOENT. For a net that is known to be there: a trie would give what covers it. */
int sw_maps_ban_get(const struct sw_maps *m, const struct sw_net *net, struct sw_ban_val *ret);
/* Calls fn for the network of each ban until it returns negative; the result. */
int sw_maps_ban_each(
	const struct sw_maps *m, int (*fn)(const struct sw_net *net, void *arg), void *arg);
int sw_maps_allow_put(const struct sw_maps *m, const struct sw_net *net, __u32 origins);
/* Calls fn for each allow entry until it returns negative; the result. */
int sw_maps_allow_each(const struct sw_maps *m,
	int (*fn)(const struct sw_net *net, __u32 origins, void *arg), void *arg);

/* What user space looks into, and whether there are domains to compare questions with. */
int sw_maps_inspect_set(const struct sw_maps *m, const struct sw_inspect_ctl *c);
int sw_maps_shun(const struct sw_maps *m, const struct sw_shunned_key *key, __u64 until_boot_ns);
/* A hash for n domains that nobody asks yet: a descriptor, or -errno. */
int sw_maps_domains_new(__u32 n);
/* Writes n entries into it; 0 or -errno. */
int sw_maps_domains_put(int fd, const struct sw_domain_entry *entries, __u32 n);
/* Puts it in force in place of the one before. */
int sw_maps_domains_use(const struct sw_maps *m, int fd);

/* Puts the policy in force, all at once: written beside the one before. 0, -errno and that one stays. */
int sw_maps_sock_policy_set(const struct sw_maps *m, const struct sw_sock_policy_image *image);

int sw_maps_ctl_get(const struct sw_maps *m, struct sw_gate_ctl *ret);
/*
 * Written so that a packet between the two writes is never judged by the new mode with the old end:
 * first everything but the mode, then the mode; ending enforcement goes the other way round.
 */
int sw_maps_ctl_set(const struct sw_maps *m, const struct sw_gate_ctl *c);

/* What is done with what this host sends (enum sw_egress). 0; -ENOENT: the program did not load; -errno. */
int sw_maps_egress_set(const char *pin_dir, __u32 action);

/*
 * Trail tries in the making: two maps exactly as large as the image, filled in steps so that the
 * guard answers others meanwhile, put in force at once by _commit. The image is borrowed.
 */
struct sw_trail_load {
	const struct sw_trail_entry *entries;
	__u64 count4, count6, at;
	int fd4, fd6; /* -1 when that family has no entry */
	bool is_single; /* batches fail here: some kernels give ENOMEM on many cores; one by one then */
};
int sw_trail_load_init(
	struct sw_trail_load *l, const struct sw_trail_entry *entries, __u64 count4, __u64 count6);
/* Writes up to max entries; 1 more to do, 0 all written, -errno. */
int sw_trail_load_step(struct sw_trail_load *l, __u32 max);
/* Puts both in force. On failure what was in force stays. */
int sw_trail_load_commit(struct sw_trail_load *l, const struct sw_maps *m);
void sw_trail_load_done(struct sw_trail_load *l);

/*
 * Addresses with a port in the making: a hash exactly as large as there are, filled in steps. It is asked
 * beside the one in force from _join on; _settle takes the old one away, or _leave the new one, when the
 * rest of its generation is in force or was refused. So no packet is judged by neither. Ports are borrowed.
 */
struct sw_ports_load {
	const struct sw_trail_port *ports;
	__u64 n, at;
	__u32 slot; /* of the new one */
	int fd; /* -1 when there are none */
};
int sw_ports_load_init(struct sw_ports_load *l, const struct sw_trail_port *ports, __u64 n);
/* Writes up to max; 1 more to do, 0 all written, -errno. */
int sw_ports_load_step(struct sw_ports_load *l, __u32 max);
int sw_ports_load_join(struct sw_ports_load *l, const struct sw_maps *m);
void sw_ports_load_settle(const struct sw_ports_load *l, const struct sw_maps *m);
void sw_ports_load_leave(const struct sw_ports_load *l, const struct sw_maps *m);
void sw_ports_load_done(struct sw_ports_load *l);
/* Kernel id of the hash in force; 0 for none, or when a guard was killed between two of them. */
__u32 sw_maps_ports_id(const struct sw_maps *m);
/* Calls fn for the host of each that a program may ask for, once for each port. 0 or -errno. */
int sw_maps_ports_each(
	const struct sw_maps *m, void (*fn)(const struct sw_net *net, void *arg), void *arg);

/* Kernel id of what is in the slot of trails4, trails6, packed4 or packed6; 0 for none. */
__u32 sw_maps_trail_id(const struct sw_maps *m, enum sw_map map);
/* Before the first image there are none, and either engine is right. */
bool sw_maps_has_trails(const struct sw_maps *m);
