// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/snapshot.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "user/base/log.h"

enum { NETNS_FOUND_MAX = 4096 }; /* a node runs hundreds of pods, not thousands */
#define NAMED_DIR "/run/netns"

struct found {
	__u32 inode;
	char name[60]; /* under /run/netns, or "" */
	char path[96]; /* to open it */
};

struct found_list {
	struct found *at;
	size_t n;
};

static struct found *find_inode(const struct found_list *l, __u32 inode)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->at[i].inode == inode)
			return &l->at[i];
	}
	return NULL;
}

static int note(struct found_list *l, const char *path, const char *name)
{
	struct found *f, *grown;
	struct stat st;

	if (stat(path, &st) < 0 || l->n >= NETNS_FOUND_MAX)
		return 0; /* the process ended, or is a kernel thread's leftover */
	f = find_inode(l, (__u32)st.st_ino);
	if (f) {
		if (!f->name[0])
			sw_strcpy(f->name, sizeof(f->name), name);
		return 0;
	}
	grown = reallocarray(l->at, l->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	l->at = grown;
	f = &l->at[l->n++];
	*f = (struct found){.inode = (__u32)st.st_ino};
	sw_strcpy(f->name, sizeof(f->name), name);
	sw_strcpy(f->path, sizeof(f->path), path);
	return 0;
}

static int note_named(struct found_list *l)
{
	DIR *d = opendir(NAMED_DIR);
	int r = 0;

	if (!d)
		return 0;
	for (struct dirent *e = readdir(d); e && r >= 0; e = readdir(d)) {
		char path[96];

		if (e->d_name[0] != '.' &&
			snprintf(path, sizeof(path), NAMED_DIR "/%s", e->d_name) <
				(int)sizeof(path))
			r = note(l, path, e->d_name);
	}
	closedir(d);
	return r;
}

static int note_processes(struct found_list *l)
{
	DIR *d = opendir("/proc");
	int r = 0;

	if (!d)
		return -errno;
	for (struct dirent *e = readdir(d); e && r >= 0; e = readdir(d)) {
		char path[96];

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		if (snprintf(path, sizeof(path), "/proc/%s/ns/net", e->d_name) < (int)sizeof(path))
			r = note(l, path, "");
	}
	closedir(d);
	return r;
}

static int find_all(struct found_list *l)
{
	int r = note(l, "/proc/self/ns/net", ""); /* ours comes first */

	if (r >= 0)
		r = note_processes(l);
	return r < 0 ? r : note_named(l);
}

static int by_inode(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/*
 * Ours first, then by inode: parts of a snapshot are listed anew each, and what comes and goes meanwhile
 * must not push another one from the part that is to come to the part that was.
 */
static void sort(struct found_list *l)
{
	if (l->n > 2)
		qsort(l->at + 1, l->n - 1, sizeof(*l->at), by_inode);
}

/* Number of the first to give after the one with this inode, 0: the very first. */
static size_t next_after(const struct found_list *l, __u32 inode)
{
	size_t i = !!inode;

	while (inode && i < l->n && l->at[i].inode <= inode)
		i++;
	return i;
}

static int open_null(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int add_iterator(const struct sw_ladder *l, enum sw_iter which, int *fds, size_t *n)
{
	int fd = sw_ladder_iterate(l, which);

	if (fd < 0) {
		sw_log_debug(fd, "iterator %d", which);
		fd = open_null();
	}
	if (fd < 0)
		return fd;
	fds[(*n)++] = fd;
	return 0;
}

/* Of each namespace; ended by SW_ITER_COUNT. */
static const enum sw_iter held[] = {SW_ITER_TCP, SW_ITER_UDP, SW_ITER_UNIX, SW_ITER_COUNT};
static const enum sw_iter unheld[] = {SW_ITER_TCP_UNHELD, SW_ITER_COUNT};

static int add_netns(
	const struct sw_ladder *l, const struct found *f, const enum sw_iter *each, int *fds, size_t *n)
{
	_close_ int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	int r = 0;

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		return -errno;
	for (; *each != SW_ITER_COUNT && r >= 0; each++)
		r = add_iterator(l, *each, fds, n);
	return r;
}

/* A namespace that went since it was listed, or that we may not enter, is left out. */
static int add_part(const struct sw_ladder *l, const struct found_list *all, __u32 after, const enum sw_iter *each,
	struct sw_guard_snapshot *s, int *fds, size_t *n)
{
	size_t i;

	for (i = next_after(all, after); i < all->n && s->n_netns < SW_GUARD_NETNS_MAX; i++) {
		int r = add_netns(l, &all->at[i], each, fds, n);

		/* EINVAL: a name under /run/netns whose namespace is mounted elsewhere, or not at all */
		if (r == -ENOENT || r == -ESRCH || r == -EPERM || r == -EACCES || r == -EINVAL)
			continue;
		if (r < 0)
			return r;
		s->netns[s->n_netns].inode = all->at[i].inode;
		sw_strcpy(s->netns[s->n_netns].name, sizeof(s->netns[0].name), all->at[i].name);
		s->n_netns++;
	}
	s->is_cut = i < all->n;
	return 0;
}

static int add_tasks(const struct sw_ladder *l, struct sw_guard_snapshot *s, int *fds, size_t *n)
{
	int r = add_iterator(l, SW_ITER_TASK, fds, n);

	if (r >= 0)
		r = add_iterator(l, SW_ITER_TASK_FILE, fds, n);
	s->n_tasks = (__u32)*n;
	return r;
}

static int add_again(const struct sw_ladder *l, struct sw_guard_snapshot *s, int *fds, size_t *n)
{
	s->n_again = 1;
	return add_iterator(l, SW_ITER_TASK_FILE, fds, n);
}

static int open_part(const struct sw_ladder *l, __u32 after, const enum sw_iter *each, struct sw_guard_snapshot *s,
	int *fds, size_t *n)
{
	_close_ int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct found_list all = {};
	int r;

	if (home < 0)
		return -errno;
	r = find_all(&all);
	if (r >= 0) {
		sort(&all);
		s->total = (__u32)all.n;
		r = add_part(l, &all, after, each, s, fds, n);
	}
	free(all.at);
	if (setns(home, CLONE_NEWNET) < 0)
		abort(); /* going on in a container's network would attach the gate there */
	return r;
}

int sw_snapshot_open(const struct sw_ladder *l, __u32 after, struct sw_guard_snapshot *ret,
	int *fds, size_t *ret_n)
{
	int r;

	*ret = (struct sw_guard_snapshot){};
	*ret_n = 0;
	r = after ? 0 : add_tasks(l, ret, fds, ret_n);
	if (r >= 0)
		r = open_part(l, after, held, ret, fds, ret_n);
	if (r >= 0 && !ret->is_cut)
		r = add_again(l, ret, fds, ret_n);
	return r;
}

int sw_snapshot_open_unheld(const struct sw_ladder *l, __u32 after, struct sw_guard_snapshot *ret,
	int *fds, size_t *ret_n)
{
	*ret = (struct sw_guard_snapshot){};
	*ret_n = 0;
	return open_part(l, after, unheld, ret, fds, ret_n);
}

int sw_snapshot_each_netns(void (*fn)(void *arg), void *arg)
{
	_close_ int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct found_list all = {};
	int r;

	if (home < 0)
		return -errno;
	r = find_all(&all);
	for (size_t i = 0; i < all.n && r >= 0; i++) {
		_close_ int fd = open(all.at[i].path, O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && setns(fd, CLONE_NEWNET) >= 0)
			fn(arg);
	}
	free(all.at);
	if (setns(home, CLONE_NEWNET) < 0)
		abort(); /* as above */
	return r;
}
