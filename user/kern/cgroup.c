// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/kern/cgroup.h"

#include <fcntl.h>

enum { MOUNTINFO_MAX = 1 << 22 }; /* a container host has thousands of mounts */

/* "36 35 98:0 ROOT MOUNTPOINT OPTIONS [FIELDS...] - TYPE SOURCE SUPER" (proc(5)) */
static bool take_line(char *line, char *buf, size_t size)
{
	char *type = strstr(line, " - cgroup2 "), *at = line;

	if (!type)
		return false;
	*type = '\0';
	for (int field = 0; field < 4 && at; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	if (!at)
		return false;
	at[strcspn(at, " ")] = '\0';
	return sw_strcpy(buf, size, at);
}

int sw_cgroup_parse(const char *mountinfo, char *buf, size_t size)
{
	_free_ char *copy = strdup(mountinfo);
	char *save = NULL;

	if (!copy)
		return -ENOMEM;
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (take_line(line, buf, size))
			return 0;
	}
	return -ENOENT;
}

int sw_cgroup_open(const char *dir)
{
	_close_ int fd = -1;
	_free_ char *text = NULL;
	char found[4096];
	size_t len;
	int r;

	if (!dir) {
		fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		r = sw_read_all(fd, MOUNTINFO_MAX, &text, &len);
		if (r < 0)
			return r;
		r = sw_cgroup_parse(text, found, sizeof(found));
		if (r < 0)
			return r;
		dir = found;
	}
	r = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r < 0 ? -errno : r;
}
