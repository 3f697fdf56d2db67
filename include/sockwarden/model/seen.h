/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who was seen to listen on which ports, or to connect to which: what a socket policy is learnt from. */
#pragma once

#include "sockwarden/abi/sock_policy.h"

enum {
	SW_SEEN_PORTS_MAX = 256, /* of one program; one that used more is kept as one that uses any */
	SW_SEEN_PROGRAMS_MAX = 1024, /* the one that was not seen for longest makes room */
	SW_SEEN_CHOSEN = 0, /* for a port: one that the kernel chose */
	SW_SEEN_PATH_MAX = 128, /* what a rule of the configuration can hold */
};

struct sw_seen_who {
	__u32 uid;
	__u8 way;	   /* enum sw_sock_way */
	__u8 protocol;	   /* IPPROTO_TCP, IPPROTO_UDP */
	__u8 is_contained; /* in whatever container */
	__u8 pad;
	char executable[SW_SEEN_PATH_MAX]; /* zeros behind it */
};

struct sw_seen_port {
	__u16 port;
	__u16 pad;
	__u32 last_sec; /* wall time, to the hour */
};

/* One program. */
struct sw_seen {
	struct sw_seen_who who;
	__u32 any_sec; /* not 0: it used too many ports to be told one by one, last then; ports has none */
	__u32 n;
	const struct sw_seen_port *ports;
};
