// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/privs.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

#include "user/base/util.h"

static const struct {
	unsigned int cap;
	const char *use;
} kept[] = {
	{CAP_BPF, "trail tries, map entries, links"},
	{CAP_PERFMON, "programs that read kernel memory, attached again after a reload"},
	{CAP_NET_ADMIN, "the packet program on devices that come"},
	{CAP_NET_RAW, "packet sockets on mirror ports, after a reload"},
	{CAP_SYS_ADMIN, "setns(2) for a snapshot; a map's second descriptor by its id"},
	{CAP_SYS_PTRACE, "/proc/PID/ns/net of other users' processes"},
	{CAP_KILL, "ends children, which are other users"},
	{CAP_SETUID, "starts children again"},
	{CAP_SETGID, "the same"},
	{CAP_DAC_READ_SEARCH, "the configuration and the programs, wherever they lie; a cgroup by its id"},
};

int sw_privs_drop(void)
{
	bool can_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) > 0;

	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < SW_ARRAY_SIZE(kept); i++) {
		/* what we do not have (a container) cannot be kept; what needs it says so itself */
		if (prctl(PR_CAPBSET_READ, kept[i].cap, 0, 0, 0) != 1)
			continue;
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
			kept[i].cap);
	}
	/* a unit bounds us without giving us the right to do so */
	if (capng_apply(can_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}
