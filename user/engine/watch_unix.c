// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * New UNIX sockets where no hook tells of them (tier B has none that does not cost each system call of the machine,
 * tier C none at all): a new file in a watched directory is looked into at once, the kernel's list of the host's own
 * network namespace now and then. Either only asks for a snapshot, which tells what it is and whose. So does the list
 * of packet sockets, of which no hook of these tiers tells either.
 */
#include <dirent.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "user/engine/watch.h"

enum {
	DIRS_MAX = 512,
	INODES_MAX = 65536, /* more sockets that wait are left to the snapshots that are due anyhow */
	PACKETS_MAX = 256, /* a host has a handful; what is beyond is left to the snapshots */
	LOOKS = 3,	    /* after a new file: a socket has its name before it listens */
	LIST_SHARE = 2000,  /* a look at the list takes no more than this part of a core */
};
#define LIST_NS	    (500 * SW_MSEC_NS)
#define LIST_MAX_NS (60 * SW_SEC_NS)
#define SOON_NS	    (5 * SW_MSEC_NS)
#define WAITS_FLAG  0x10000 /* __SO_ACCEPTCON */

struct directory {
	int wd;
	char path[256];
};

struct sw_unix_watch {
	struct sw_engine *e;
	int inotify_fd;
	struct sw_source *events, *look;
	struct directory dirs[DIRS_MAX];
	size_t n_dirs;
	unsigned int looks; /* left, soon after one another */
	uint32_t *waiting; /* inodes of the last look, sorted */
	size_t n_waiting;
	uint32_t packets[PACKETS_MAX]; /* likewise */
	size_t n_packets;
	char configured[sizeof(((struct sw_config *)0)->unix_directories)];
};

static void add_directory(struct sw_unix_watch *u, const char *path)
{
	struct directory *d = &u->dirs[u->n_dirs];
	int wd;

	if (u->n_dirs >= DIRS_MAX || !sw_strcpy(d->path, sizeof(d->path), path))
		return;
	wd = inotify_add_watch(u->inotify_fd, path, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_DONT_FOLLOW);
	if (wd < 0)
		return; /* not there or not ours to read: the kernel's list is left */
	d->wd = wd;
	u->n_dirs++;
}

static void add_with_children(struct sw_unix_watch *u, const char *path)
{
	DIR *d = opendir(path);

	add_directory(u, path);
	if (!d)
		return;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char child[sizeof(u->dirs[0].path)];

		if (e->d_type == DT_DIR && *e->d_name != '.' &&
			snprintf(child, sizeof(child), "%s/%s", path, e->d_name) < (int)sizeof(child))
			add_directory(u, child);
	}
	closedir(d);
}

static void watch_directories(struct sw_unix_watch *u)
{
	char words[sizeof(u->configured)], *save = NULL;

	while (u->n_dirs)
		(void)inotify_rm_watch(u->inotify_fd, u->dirs[--u->n_dirs].wd);
	sw_strcpy(u->configured, sizeof(u->configured), u->e->config->unix_directories);
	sw_strcpy(words, sizeof(words), u->configured);
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		add_with_children(u, w);
}

static void look_soon(struct sw_unix_watch *u)
{
	u->looks = LOOKS;
	(void)sw_source_set_timer(u->look, SOON_NS, 0);
}

/* One directory below a configured one is watched, too: a service makes /run/NAME and its socket in it. */
static bool is_configured(const struct sw_unix_watch *u, const char *path)
{
	size_t n = strlen(path);

	for (const char *at = strstr(u->configured, path); at; at = strstr(at + 1, path))
		if ((at == u->configured || at[-1] == ' ') && (!at[n] || at[n] == ' '))
			return true;
	return false;
}

static void on_created(struct sw_unix_watch *u, const struct inotify_event *ev)
{
	char path[sizeof(u->dirs[0].path)];
	const struct directory *d = NULL;
	struct stat st;

	for (size_t i = 0; i < u->n_dirs && !d; i++)
		if (u->dirs[i].wd == ev->wd)
			d = &u->dirs[i];
	if (!d || !ev->len || snprintf(path, sizeof(path), "%s/%s", d->path, ev->name) >= (int)sizeof(path) ||
		lstat(path, &st) < 0)
		return;
	if (S_ISDIR(st.st_mode) && is_configured(u, d->path))
		add_directory(u, path); /* its socket may be there already */
	else if (!S_ISSOCK(st.st_mode))
		return;
	look_soon(u);
}

static void forget_directory(struct sw_unix_watch *u, int wd)
{
	for (size_t i = 0; i < u->n_dirs; i++)
		if (u->dirs[i].wd == wd)
			u->dirs[i] = u->dirs[--u->n_dirs];
}

static int on_events(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct sw_unix_watch *u = arg;
	ssize_t got = read(fd, buf, sizeof(buf));

	for (char *p = buf; p < buf + got;) {
		const struct inotify_event *ev = (const struct inotify_event *)p;

		if (ev->mask & IN_Q_OVERFLOW)
			look_soon(u);
		else if (ev->mask & IN_IGNORED)
			forget_directory(u, ev->wd);
		else
			on_created(u, ev);
		p += sizeof(*ev) + ev->len;
	}
	return 0;
}

static int compare_inodes(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* A line of /proc/net/unix: the inode of a socket that waits for others, 0 of another. Source: net/unix/af_unix.c. */
static uint32_t waiting_inode(const char *line)
{
	unsigned int flags, type, state, inode;
	int end = 0;

	if (sscanf(line, "%*[^:]: %*x %*x %x %x %x %u%n", &flags, &type, &state, &inode, &end) != 4)
		return 0;
	return flags & WAITS_FLAG || (type == SOCK_DGRAM && line[end] == ' ') ? inode : 0;
}

/* True when one waits that did not at the last look; at the first one all are new. */
static bool look_at_list(struct sw_unix_watch *u)
{
	_fclose_ FILE *f = fopen("/proc/self/net/unix", "re");
	uint32_t *now = f ? malloc(INODES_MAX * sizeof(*now)) : NULL;
	bool is_new = false;
	char line[512];
	size_t n = 0;

	if (!now)
		return false;
	while (n < INODES_MAX && fgets(line, sizeof(line), f)) {
		uint32_t inode = waiting_inode(line);

		if (!inode)
			continue;
		is_new |= !u->n_waiting || !bsearch(&inode, u->waiting, u->n_waiting, sizeof(*now), compare_inodes);
		now[n++] = inode;
	}
	qsort(now, n, sizeof(*now), compare_inodes);
	free(u->waiting);
	u->waiting = realloc(now, SW_MAX(n, (size_t)1) * sizeof(*now));
	if (!u->waiting)
		u->waiting = now; /* a table is not made smaller */
	u->n_waiting = n;
	return is_new;
}

/* A line of /proc/net/packet: the inode, the last but for blanks. Source: net/packet/af_packet.c. */
static bool look_at_packets(struct sw_unix_watch *u)
{
	_fclose_ FILE *f = fopen("/proc/self/net/packet", "re");
	uint32_t now[PACKETS_MAX], inode;
	bool is_new = false;
	char line[256];
	size_t n = 0;

	while (f && n < PACKETS_MAX && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %*d %*d %*s %*d %*d %*u %*u %u", &inode) != 1)
			continue; /* the titles */
		is_new |= !u->n_packets || !bsearch(&inode, u->packets, u->n_packets, sizeof(inode), compare_inodes);
		now[n++] = inode;
	}
	if (n)
		qsort(now, n, sizeof(*now), compare_inodes);
	memcpy(u->packets, now, n * sizeof(*now));
	u->n_packets = n;
	return is_new;
}

static int on_look(struct sw_source *s, void *arg)
{
	struct sw_unix_watch *u = arg;
	struct sw_watch *w = u->e->watch;
	uint64_t began = sw_watch_cpu_ns(), now = sw_clock_boot_ns(&u->e->clock), next;

	if (!sw_streq(u->configured, u->e->config->unix_directories))
		watch_directories(u);
	w->is_wanted |= look_at_list(u);
	w->is_wanted |= look_at_packets(u);
	next = SW_MIN(SW_MAX((sw_watch_cpu_ns() - began) * LIST_SHARE, LIST_NS), LIST_MAX_NS);
	if (u->looks)
		next = SOON_NS << (LOOKS - u->looks--);
	sw_watch_ask(u->e);
	if (w->is_wanted && w->next_ask_ns > now) /* one was made just now */
		next = SW_MIN(next, w->next_ask_ns - now);
	return sw_source_set_timer(u->look, next, 0);
}

static void end(struct sw_unix_watch *u)
{
	if (u->events)
		sw_source_free(u->events);
	if (u->look)
		sw_source_free(u->look);
	sw_close(u->inotify_fd);
	free(u->waiting);
	free(u);
}

static struct sw_unix_watch *begin(struct sw_engine *e)
{
	struct sw_unix_watch *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->e = e;
	u->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (u->inotify_fd < 0 || sw_loop_add_fd(e->loop, u->inotify_fd, EPOLLIN, on_events, u, &u->events) < 0 ||
		sw_loop_add_timer(e->loop, LIST_NS, 0, on_look, u, &u->look) < 0) {
		end(u);
		return NULL;
	}
	watch_directories(u);
	return u;
}

void sw_watch_unix(struct sw_engine *e, bool on)
{
	struct sw_watch *w = e->watch;

	if (on && !w->unix_watch)
		w->unix_watch = begin(e);
	else if (!on && w->unix_watch)
		end(TAKE_PTR(w->unix_watch));
}
