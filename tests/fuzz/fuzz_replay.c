/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a capture file, pcap or pcapng, through the reader and the whole detection: it ends, reads no
 * more packets than there are bytes for, and says what is wrong when something is.
 */
#include <sys/mman.h>

#include "user/replay/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int is_so)
{
	if (!is_so)
		abort();
}

static void on_sight(void *arg, const struct sw_sight *s)
{
	must(s->rule < SW_RULE_COUNT && s->trail && s->flow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sw_static *set;
	struct sw_replay_result result;
	struct sw_traffic *t = NULL;
	struct sw_replay o = {};
	char path[64];
	int fd, r;

	if (!set)
		must(sw_static_new(&set) == 0 && sw_static_seal(set) == 0);
	fd = memfd_create("capture", MFD_CLOEXEC);
	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	must(sw_traffic_new(set, SW_LOOK_ALL, on_sight, NULL, &t) == 0);
	o.path = path;
	o.traffic = t;
	r = sw_replay_run(&o, &result);
	must(r == 0 || r == -EBADMSG);
	must(result.packets <= size / 16 && result.clipped <= result.packets);
	must(r == 0 || result.error[0]);
	sw_traffic_free(t);
	close(fd);
	return 0;
}
