// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/prepare.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "user/base/log.h"
#include "user/io/lock.h"

enum { PATH_BYTES = 4096, STATE_DEPTH = 2 /* STATE/trails/list */ };

int sw_prepare_signals(void)
{
	static const int ours[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < SW_ARRAY_SIZE(ours); i++)
		sigaddset(&set, ours[i]);
	signal(SIGPIPE, SIG_IGN);
	return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}

bool sw_prepare_is_interrupted(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
		(sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

static int make_parents(const char *path)
{
	char copy[PATH_BYTES];

	if (!sw_strcpy(copy, sizeof(copy), path))
		return -ENAMETOOLONG;
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return 0;
}

static int make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	_close_ int fd = -1;
	int r = make_parents(path);

	if (r < 0)
		return r;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
		return -errno;
	return 0;
}

int sw_prepare_lock(const char *run_dir)
{
	char path[PATH_BYTES];
	pid_t holder = 0;
	int r = make_parents(run_dir);

	if (r >= 0 && mkdir(run_dir, 0755) < 0 && errno != EEXIST)
		r = -errno;
	if (r < 0)
		return sw_log_err(r, "cannot make %s", run_dir);
	if (!sw_path_join(path, sizeof(path), run_dir, "guard.lock"))
		return -ENAMETOOLONG;
	r = sw_lock_take(path, &holder);
	if (r == -EBUSY)
		sw_log_err(0,
			"already running as pid %d, which holds %s; stop it, or give --run-dir, --state-dir and --bpffs of your own",
			holder, path);
	else if (r < 0)
		sw_log_err(r, "cannot lock %s", path);
	return r;
}

/*
 * What an engine of another number left becomes the new one's. The directory was never anybody
 * else's, but links are not followed and files with a second name are left alone all the same.
 */
static void give_dir(int fd, uid_t uid, gid_t gid, unsigned int depth)
{
	DIR *d = fdopendir(fd);

	if (!d) {
		sw_close(fd);
		return;
	}
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		struct stat st;
		int sub;

		if (e->d_name[0] == '.' ||
			fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!S_ISDIR(st.st_mode) && !(S_ISREG(st.st_mode) && st.st_nlink == 1))
			continue;
		if (fchownat(dirfd(d), e->d_name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
			sw_log_warning(-errno,
				"cannot give %s in the state directory to the engine, ignoring",
				e->d_name);
		if (!S_ISDIR(st.st_mode) || !depth)
			continue;
		sub = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			give_dir(sub, uid, gid, depth - 1);
	}
	closedir(d);
}

static int prepare_state_dir(const char *dir, uid_t owner_before, const struct sw_ids *ids)
{
	int fd, r = make_dir(dir, 0700, ids->engine_uid, ids->engine_gid);

	if (r < 0)
		return sw_log_err(r, "cannot make %s", dir);
	if (owner_before == ids->engine_uid)
		return 0;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		give_dir(fd, ids->engine_uid, ids->engine_gid, STATE_DEPTH);
	return 0;
}

int sw_prepare_ids(const struct sw_paths *paths, struct sw_ids *ret)
{
	struct stat st;
	int r;

	if (stat(paths->state_dir, &st) < 0)
		st.st_uid = 0;
	r = sw_ids_find(st.st_uid, ret);
	if (r < 0)
		return sw_log_err(r, "no unused user id");
	r = prepare_state_dir(paths->state_dir, st.st_uid, ret);
	if (r < 0)
		return r;
	/* sticky, and its group's the engine's: it makes its sockets there and can touch nobody else's */
	r = make_dir(paths->run_dir, 01775, 0, ret->engine_gid);
	return r < 0 ? sw_log_err(r, "cannot set %s up", paths->run_dir) : 0;
}
