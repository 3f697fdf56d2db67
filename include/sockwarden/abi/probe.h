/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Scans and floods of this host, seen by the gate: maps probe_ctl (the guard writes it), probes (the gate's
 * own) and syns (the gate counts up, the socket programs down), pinned by their names.
 */
#pragma once

#include "sockwarden/abi/types.h"

enum {
	SW_PORT_BYTES = 65536 / 8,
	SW_PROBE_SETS = 4096, /* of rows: a power of two, 2.6 MiB in all */
	SW_PROBE_WAYS = 4, /* rows in a set; the one with the fewest tries makes room: a flood hides no scanner */
	SW_PROBE_TELL_SEC = 10, /* a scan that goes on is told so often */
};

enum sw_probe {
	SW_PROBE_NONE,
	SW_PROBE_SYN, /* one source, many ports of one host */
	SW_PROBE_HOSTS, /* one source, one port of many hosts: what SYNs are counted as too */
	SW_PROBE_FIN,
	SW_PROBE_NULL,
	SW_PROBE_XMAS,
	SW_PROBE_FLAGS,
	SW_PROBE_FRAGMENT,
	SW_PROBE_MAIMON,
	SW_PROBE_ACK,
	SW_PROBE_UDP,
	SW_PROBE_FLOOD, /* one source, SYNs to open ports of which no connection comes */
	SW_PROBE_COUNT
};

enum { SW_TRIES = 32 }; /* the latest that are kept: a power of two */

/* Different things that were tried, each with the second of its latest try. */
struct sw_tries {
	__u32 n;
	__u16 item[SW_TRIES], sec[SW_TRIES];
};
SW_ABI_SIZE(struct sw_tries, 132);

/*
 * probe_ctl: array of one. Bit N of a set: port N is nobody's business, the gate asks nothing more.
 * Where a bit is clear the kernel's own tables of sockets are asked, so that a bit that lags behind
 * costs time and raises nothing.
 */
struct sw_probe_ports {
	__u8 syn[SW_PORT_BYTES]; /* somebody listens there, or it is sent on (DNAT) */
	__u8 talk[SW_PORT_BYTES]; /* that, and what this host's clients and masqueraded ones may have */
	__u8 udp[SW_PORT_BYTES]; /* the same */
};

struct sw_probe_rule {
	__u32 threshold; /* 0: not asked */
	__u32 window_sec;
};

struct sw_probe_ctl {
	struct sw_probe_ports ports;
	struct sw_probe_rule rule[SW_PROBE_COUNT]; /* by enum sw_probe */
	__u32 is_on; /* 0: nothing is asked at all */
	__u32 pad;
};
SW_ABI_SIZE(struct sw_probe_ctl, 3 * 8192 + SW_PROBE_COUNT * 8 + 8);

/* One source and kind; of HOSTS the port too. */
struct sw_probe_row {
	__u64 key; /* hash, 0: free */
	__u32 last_sec, told_sec;
	__u32 packets; /* since it was told last */
	struct sw_tries tries;
};
SW_ABI_SIZE(struct sw_probe_row, 152);

/* probes: array of SW_PROBE_SETS. */
struct sw_probe_set {
#ifdef __bpf__
	struct bpf_spin_lock lock;
#else
	__u32 lock;
#endif
	__u32 pad;
	struct sw_probe_row row[SW_PROBE_WAYS];
};
SW_ABI_SIZE(struct sw_probe_set, 8 + SW_PROBE_WAYS * 152);

enum {
	SW_SYN_SETS = 2048, /* of rows: a power of two, 1.2 MiB in all */
	SW_SYN_WAYS = 4, /* rows in a set; the one with the fewest half-open connections makes room */
	SW_SYN_PARTS = 16, /* of a window at most, by which it slides: a power of two */
};

/* What began in one part of a window, less what was completed meanwhile: below 0 where more was. */
struct sw_syn_part {
	__u32 at; /* number of the part since boot */
	__s32 open;
};

/* One source. */
struct sw_syn_row {
	__u64 key; /* hash, 0: free */
	__u32 at; /* the part of the latest SYN */
	__u32 told_sec;
	__u32 packets; /* since it was told last */
	__u32 open; /* within the window as of the latest SYN */
	struct sw_syn_part part[SW_SYN_PARTS];
};
SW_ABI_SIZE(struct sw_syn_row, 24 + SW_SYN_PARTS * 8);

/* syns: array of SW_SYN_SETS. */
struct sw_syn_set {
#ifdef __bpf__
	struct bpf_spin_lock lock; /* of rows; completed connections are counted without it */
#else
	__u32 lock;
#endif
	__u32 pad;
	struct sw_syn_row row[SW_SYN_WAYS];
};
SW_ABI_SIZE(struct sw_syn_set, 8 + SW_SYN_WAYS * (24 + SW_SYN_PARTS * 8));

/* In trail_set of a packet event whose reason is PROBE or SCAN. */
#define SW_PROBE_OF(set)    ((set) & 0xff)
#define SW_PROBE_COUNT_OF(set) ((set) >> 8)
