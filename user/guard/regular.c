// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/regular.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

enum { LINKS_MAX = 8 };

int sw_regular_name(char *buf, size_t size, int fd)
{
	return snprintf(buf, size, "/proc/self/fd/%d", fd) < (int)size ? 0 : -ENAMETOOLONG;
}

/* Puts a link's text in place of its name. */
static int read_link(int fd, const char *rest, char *ret, size_t size)
{
	char target[PATH_MAX], joined[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if ((size_t)snprintf(joined, sizeof(joined), "%s/%s", target, rest) >= sizeof(joined))
		return -ENAMETOOLONG;
	return sw_strcpy(ret, size, joined) ? 0 : -ENAMETOOLONG;
}

int sw_regular_walk(const char *path)
{
	char rest[PATH_MAX];
	unsigned int links = 0;
	_close_ int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (at < 0 || path[0] != '/' || !sw_strcpy(rest, sizeof(rest), path))
		return at < 0 ? -errno : -EINVAL;
	for (;;) {
		char *name = rest + strspn(rest, "/"), *after;
		_close_ int fd = -1;
		struct stat st;

		if (!*name)
			return TAKE_FD(at);
		after = name + strcspn(name, "/");
		if (*after)
			*after++ = '\0';
		fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0)
			return -errno;
		if (S_ISLNK(st.st_mode)) {
			int r = st.st_uid != 0 || ++links > LINKS_MAX
				? -ELOOP
				: read_link(fd, after, rest, sizeof(rest));

			if (r < 0)
				return r;
			if (rest[0] != '/')
				continue;
			sw_close(at);
			at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
			if (at < 0)
				return -errno;
			continue;
		}
		sw_close(at);
		at = TAKE_FD(fd);
		memmove(rest, after, strlen(after) + 1);
	}
}

int sw_regular_open(const char *path)
{
	char self[32];
	_close_ int fd = sw_regular_walk(path);
	struct stat st;
	int out;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENODEV;
	(void)sw_regular_name(self, sizeof(self), fd);
	out = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return out < 0 ? -errno : out;
}
