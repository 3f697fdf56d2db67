// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/io/lock.h"

#include <fcntl.h>
#include <sys/file.h>

static pid_t read_holder(int fd)
{
	char text[32] = {};

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}

static int write_holder(int fd)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%d\n", getpid());

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return errno ? -errno : -EIO;
	return 0;
}

int sw_lock_take(const char *path, pid_t *ret_holder)
{
	_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	int r;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return -errno;
		*ret_holder = read_holder(fd);
		return -EBUSY;
	}
	r = write_holder(fd);
	return r < 0 ? r : TAKE_FD(fd);
}
