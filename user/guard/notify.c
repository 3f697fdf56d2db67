// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

int sw_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	_close_ int fd = -1;
	socklen_t len;

	if (!path || (path[0] != '/' && path[0] != '@'))
		return 0;
	if (!sw_strcpy(sa.sun_path, sizeof(sa.sun_path), path))
		return -ENAMETOOLONG;
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	return sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sa, len) < 0
		? -errno
		: 0;
}

uint64_t sw_notify_watchdog_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!usec || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	return strtoull(usec, NULL, 10) * 1000 / 2;
}
