/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One row of a baseline: a listener by its stable identity, so that a restart with another PID is no
 * change. Plain value, no pointers: the inventory makes them, the database keeps them. Unique in a
 * baseline: (key, executable, uid, image), and where no image is known its container.
 */
#pragma once

#include "sockwarden/model/addr.h"

/*  X(id, word): how far off a peer may be */
#define SW_EXPOSURES(X) X(UNIX, "unix") X(LOOPBACK, "loopback") X(LAN, "lan") X(WORLD, "world")
enum sw_exposure {
#define SW_EXPOSURE_ENUM(id, word) SW_EXPOSURE_##id,
	SW_EXPOSURES(SW_EXPOSURE_ENUM)
#undef SW_EXPOSURE_ENUM
	SW_EXPOSURE_COUNT
};

enum {
	SW_BASELINE_KEY_MAX = 256,
	SW_BASELINE_NAME_MAX = 64, /* of a baseline, with its NUL */
};

struct sw_baseline_row {
	/*
	 * "tcp/0.0.0.0:22", "tcp/[::1]:631", "udp/0.0.0.0:*" for a port the kernel chose,
	 * "unix/stream:/run/x.sock", "unix/stream:@abstract", then " netns NAME" outside the host's, where a
	 * container without a name for its own is " netns image:NAME" or " netns container:ID".
	 * Printable ASCII: other bytes as \xNN.
	 */
	char key[SW_BASELINE_KEY_MAX];
	__u16 protocol;	 /* IPPROTO_*, 0 for UNIX */
	__u16 port;	 /* 0 when is_ephemeral and for UNIX */
	__u8 sock_type;	 /* SOCK_* */
	__u8 exposure;	 /* enum sw_exposure */
	__u8 is_ephemeral; /* the kernel chose the port: compared by executable */
	__u8 is_deleted; /* the executable has no name any more, or is a memfd */
	__u32 uid;
	struct sw_net address; /* family 0 for UNIX */
	char path[112];	       /* UNIX, "@" first when abstract */
	char executable[256];  /* "": no process holds the socket */
	char container[64];    /* first 12 digits of the id, "" on the host */
	char unit[64];	       /* systemd unit or scope; told, not compared */
	char netns[64];	       /* name, "" for the host's */
	__s64 since_wall_sec;  /* when it was first seen */
	/* Rows that were stored before these were kept end here, and have zeros. */
	__u32 backlog; /* of a listener that connections wait at; 0: none, or not known */
	__u8 is_reuseport; /* several sockets may share the port */
	__u8 pad[3];
	char image[128]; /* of the container, as its runtime calls it; "" when it is not known */
};
