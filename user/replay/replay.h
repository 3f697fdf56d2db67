/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A capture file through the detection, on the capture's own clock: pcap and pcapng, by libpcap. Needs
 * no privilege and no daemon. What was read before an error counts.
 */
#pragma once

#include "user/detect/traffic.h"

struct sw_replay_result {
	uint64_t packets; /* read */
	uint64_t clipped; /* of which the capture kept only a part */
	char error[320]; /* when the result is negative: what is wrong with the file */
};

struct sw_replay {
	const char *path; /* "-" is standard input */
	struct sw_traffic *traffic;
	/* Called now and then; share: of the file, 0 to 1, or less than 0 when its size is not known. May be NULL. */
	void (*progress)(void *arg, double share, uint64_t packets);
	void *arg;
};

/*
 * Reads the whole file. 0, -ENOENT and the like when it cannot be opened, -EBADMSG when it is no capture,
 * ends in the middle of a packet, or holds a link type that is not read.
 */
int sw_replay_run(const struct sw_replay *o, struct sw_replay_result *ret);
