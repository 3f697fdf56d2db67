// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/kern/bpffs.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "sockwarden/abi/types.h"

#define BPFFS_USUAL "/sys/fs/bpf"

static bool is_bpffs(const char *path)
{
	struct statfs st;

	return statfs(path, &st) == 0 && (unsigned int)st.f_type == BPF_FS_MAGIC;
}

/* The nearest directory above (or at) path that exists, into buf. */
static void find_existing(const char *path, char *buf, size_t size)
{
	struct stat st;

	sw_strcpy(buf, size, path);
	while (stat(buf, &st) < 0) {
		char *slash = strrchr(buf, '/');

		if (!slash || slash == buf) {
			sw_strcpy(buf, size, slash ? "/" : ".");
			return;
		}
		*slash = '\0';
	}
}

static bool is_usual(const char *dir)
{
	size_t n = strlen(BPFFS_USUAL);

	return strncmp(dir, BPFFS_USUAL, n) == 0 && (dir[n] == '/' || dir[n] == '\0');
}

static int make_dirs(const char *dir)
{
	char path[SW_PIN_PATH_MAX];

	if (!sw_strcpy(path, sizeof(path), dir))
		return -ENAMETOOLONG;
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int sw_bpffs_prepare(const char *dir, char *ret_pin_dir, size_t pin_size, char *err, size_t size)
{
	char near[SW_PIN_PATH_MAX], pins[SW_PIN_PATH_MAX];
	int r;

	if (snprintf(pins, sizeof(pins), "%s/v%d", dir, SW_ABI_VERSION) >=
		(int)SW_MIN(sizeof(pins), pin_size)) {
		snprintf(err, size, "the directory for pins has too long a name");
		return -ENAMETOOLONG;
	}
	find_existing(dir, near, sizeof(near));
	if (!is_bpffs(near) && is_usual(dir) &&
		mount("bpf", BPFFS_USUAL, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700") <
			0) {
		r = -errno;
		snprintf(err, size, "no BPF file system at %s and none can be mounted: %s",
			BPFFS_USUAL, strerror(-r));
		return r;
	}
	find_existing(dir, near, sizeof(near));
	if (!is_bpffs(near)) {
		snprintf(err, size,
			"%s is not on a BPF file system; mount one: mount -t bpf bpf %s", dir,
			near);
		return -ENODEV;
	}
	r = make_dirs(pins);
	if (r < 0) {
		snprintf(err, size, "cannot make %s: %s", pins, strerror(-r));
		return r;
	}
	return sw_strcpy(ret_pin_dir, pin_size, pins) ? 0 : -ENAMETOOLONG;
}

/* Pins lie at most two levels deep: DIR/v1/name. */
static int empty_dir(const char *path, unsigned int depth)
{
	DIR *d = opendir(path);
	int r = 0;

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char child[SW_PIN_PATH_MAX];
		struct stat st;
		int x = 0;

		if (sw_streq(e->d_name, ".") || sw_streq(e->d_name, ".."))
			continue;
		if (snprintf(child, sizeof(child), "%s/%s", path, e->d_name) >=
				(int)sizeof(child) ||
			fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode)) {
			if (depth > 0)
				x = empty_dir(child, depth - 1);
			if (rmdir(child) < 0 && x == 0)
				x = -errno;
		} else if (unlink(child) < 0) {
			x = -errno;
		}
		if (r == 0)
			r = x;
	}
	closedir(d);
	return r;
}

int sw_bpffs_remove(const char *dir)
{
	int r = empty_dir(dir, 1);

	if (rmdir(dir) < 0 && errno != ENOENT && errno != EBUSY && r == 0)
		r = -errno;
	return r;
}

bool sw_bpffs_has_pins(const char *pin_dir)
{
	DIR *d = opendir(pin_dir);
	bool found = false;

	if (!d)
		return false;
	for (struct dirent *e = readdir(d); e && !found; e = readdir(d))
		found = e->d_name[0] != '.';
	closedir(d);
	return found;
}
