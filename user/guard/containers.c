// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/containers.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <unistd.h>

#include "user/guard/regular.h"

/* %s: the id. What says most comes first; a pattern stands for containerd's namespaces. */
static const struct {
	const char *path;
	enum sw_container_form form;
} files[] = {
	{"/var/lib/docker/containers/%s/config.v2.json", SW_CONTAINER_DOCKER},
	{"/run/containerd/io.containerd.runtime.v2.task/*/%s/config.json", SW_CONTAINER_BUNDLE},
	{"/run/k3s/containerd/io.containerd.runtime.v2.task/*/%s/config.json", SW_CONTAINER_BUNDLE},
	{"/run/containers/storage/overlay-containers/%s/userdata/config.json", SW_CONTAINER_BUNDLE},
	{"/var/lib/containers/storage/overlay-containers/%s/userdata/config.json", SW_CONTAINER_BUNDLE},
	{"/var/lib/containers/storage/overlay-containers/containers.json", SW_CONTAINER_STORE},
};

static bool is_id(const char id[SW_CONTAINER_ID_DIGITS])
{
	for (size_t i = 0; i < SW_CONTAINER_ID_DIGITS; i++)
		if (!(id[i] >= '0' && id[i] <= '9') && !(id[i] >= 'a' && id[i] <= 'f'))
			return false;
	return true;
}

/* The path of file i for id, which holds no sign of a pattern; a formed one comes before its wildcard is looked up. */
static int open_file(size_t i, const char *id)
{
	const char *at = strstr(files[i].path, "%s");
	char path[PATH_MAX];
	glob_t g = {};
	int r;

	snprintf(path, sizeof(path), "%.*s%s%s", (int)(at ? at - files[i].path : INT_MAX), files[i].path, at ? id : "",
		at ? at + 2 : "");
	if (!strchr(path, '*'))
		return sw_regular_open(path);
	r = glob(path, GLOB_NOSORT, NULL, &g);
	r = r == 0 && g.gl_pathc ? sw_regular_open(g.gl_pathv[0]) : r == GLOB_NOSPACE ? -ENOMEM : -ENOENT;
	globfree(&g);
	return r;
}

int sw_containers_open(const struct sw_guard_container_ask *ask, struct sw_guard_container *ret, int *ret_fd)
{
	char id[SW_CONTAINER_ID_DIGITS + 1] = "";

	if (!is_id(ask->id))
		return -EINVAL;
	memcpy(id, ask->id, SW_CONTAINER_ID_DIGITS);
	for (size_t i = ask->from; i < SW_ARRAY_SIZE(files); i++) {
		int fd = open_file(i, id);

		if (fd < 0)
			continue;
		*ret = (struct sw_guard_container){.number = (__u32)i, .form = files[i].form};
		*ret_fd = fd;
		return 0;
	}
	return -ENOENT;
}

/* A handle of the kernel's file systems of this kind is the 64 bits of the id (kernfs_encode_fh). */
enum { KERNFS_ID = 0xfe };

int sw_containers_cgroup(int cgroup_fd, __u64 id, struct sw_guard_cgroup *ret)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + sizeof(id)];
	} u = {.h = {.handle_bytes = sizeof(id), .handle_type = KERNFS_ID}};
	_close_ int fd = -1;
	char self[32];
	ssize_t n;

	memcpy(u.h.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(cgroup_fd, &u.h, O_PATH | O_CLOEXEC);
	if (fd < 0 || sw_regular_name(self, sizeof(self), fd) < 0)
		return fd < 0 ? -errno : -ENAMETOOLONG;
	n = readlink(self, ret->path, sizeof(ret->path) - 1);
	if (n < 0)
		return -errno;
	ret->path[n] = '\0';
	return 0;
}
