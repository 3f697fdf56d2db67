// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/act.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "skel/isolate.skel.h"
#include "user/base/log.h"
#include "user/kern/bpffs.h"
#include "user/kern/cgroup.h"
#include "user/kern/load.h"

enum { MAGIC = 0x73776864, VERSION = 1, DEPTH_MAX = 8, PROCS_MAX = 65536 }; /* "swhd" */
#define HELD_NAME "guard.held"

struct sw_acts {
	const char *run_dir, *pin_dir;
	int cgroup_fd; /* the root of cgroup v2; negative: none */
	struct sw_guard_held held;
};

struct file {
	__u32 magic, version, size, crc;
	struct sw_guard_held held;
};

/* The process that was asked for, held by its descriptor: its number cannot come to mean another. */
struct target {
	pid_t pid;
	int fd;
	bool is_whole; /* its container, too */
	char cgroup[SW_GUARD_CGROUP_PATH]; /* below the root, with the slash; "" where there is no v2 */
};

/* ---- who is left alone */

bool sw_act_parse_stat(const char *text, uint64_t *ret_start, bool *ret_has_terminal)
{
	const char *at = strrchr(text, ')'); /* a name may hold one too */
	int session, terminal, pid = atoi(text);
	uint64_t start;

	if (!at || sscanf(at + 1, " %*c %*d %*d %d %d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
			    &session, &terminal, &start) != 3)
		return false;
	*ret_start = start;
	*ret_has_terminal = session == pid && terminal != 0;
	return true;
}

bool sw_act_is_protected_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	return !strncmp(name, "sockwarden", 10) || !strncmp(name, "sshd", 4);
}

static bool read_stat(pid_t pid, uint64_t *ret_start, bool *ret_has_terminal)
{
	char path[64], text[1024] = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return sw_read_file(path, text, sizeof(text)) >= 0 && sw_act_parse_stat(text, ret_start, ret_has_terminal);
}

/* NULL, or why it is left alone; one whose executable cannot be told is a kernel's thread, or gone. */
static const char *why_protected(pid_t pid)
{
	char path[64], exe[4096];
	bool has_terminal;
	uint64_t start;
	ssize_t n;

	if (pid <= 1)
		return "it is the init of this host";
	if (pid == getpid())
		return "it is sockwardend itself";
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n < 0)
		return "it has no executable: a thread of the kernel, or gone";
	exe[n] = '\0';
	if (sw_act_is_protected_name(exe))
		return "it is sshd, or sockwarden itself";
	if (!read_stat(pid, &start, &has_terminal))
		return "it is gone";
	return has_terminal ? "it is the shell of a terminal" : NULL;
}

/* ---- cgroups */

static int open_cgroup(const struct sw_acts *h, const char *path)
{
	int fd;

	if (h->cgroup_fd < 0 || path[0] != '/' || !path[1] || strstr(path, "/.."))
		return -ENOENT; /* the root is everybody's */
	fd = openat(h->cgroup_fd, path + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int write_cgroup(const struct sw_acts *h, const char *path, const char *name, const char *value)
{
	_close_ int dir = open_cgroup(h, path), fd = -1;

	if (dir < 0)
		return dir;
	fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return -errno;
	return 0;
}

static const char *why_procs_protected(int dir)
{
	const char *why = NULL;
	_fclose_ FILE *f = NULL;
	int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC), pid;

	f = fd < 0 ? NULL : fdopen(fd, "re");
	if (!f)
		return "its cgroup cannot be read";
	for (unsigned int n = 0; !why && fscanf(f, "%d", &pid) == 1; n++) {
		char path[64], exe[8];

		snprintf(path, sizeof(path), "/proc/%d/exe", pid);
		if (n >= PROCS_MAX || pid <= 1)
			why = "its cgroup holds process 1, or too many";
		else if (readlink(path, exe, sizeof(exe)) >= 0 && why_protected(pid))
			why = "its cgroup holds sshd, the shell of a terminal, or sockwarden itself";
	}
	return why;
}

static const char *why_cgroup_protected(int dir, unsigned int depth)
{
	const char *why = why_procs_protected(dir);
	DIR *d = depth < DEPTH_MAX ? fdopendir(dup(dir)) : NULL;

	if (!d)
		return why ? why : "its cgroup is too deep";
	rewinddir(d);
	for (struct dirent *e = readdir(d); e && !why; e = readdir(d)) {
		_close_ int fd = -1;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		fd = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0)
			why = why_cgroup_protected(fd, depth + 1);
	}
	closedir(d);
	return why;
}

static bool read_cgroup(pid_t pid, char *ret, size_t size)
{
	char path[64], text[8192] = "", *at;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	if (sw_read_file(path, text, sizeof(text)) < 0)
		return false;
	at = !strncmp(text, "0::", 3) ? text : strstr(text, "\n0::");
	if (!at)
		return false;
	at += *at == '\n';
	at[strcspn(at, "\n")] = '\0';
	return sw_strcpy(ret, size, at + 3);
}

/* The container's own cgroup: its processes may have made others below it. */
static bool cut_to_container(char *cgroup, const char *container)
{
	char *at = strstr(cgroup, container);

	if (!at)
		return false;
	at[strcspn(at, "/")] = '\0';
	return true;
}

/* ---- isolation */

static bool link_path(char ret[static SW_PIN_PATH_MAX], const struct sw_acts *h, __u64 cgroup_id, const char *way)
{
	return snprintf(ret, SW_PIN_PATH_MAX, "%s/isolate-%llu-%s", h->pin_dir, (unsigned long long)cgroup_id, way) <
		SW_PIN_PATH_MAX;
}

static void let_traffic(const struct sw_acts *h, __u64 cgroup_id)
{
	static const char *const ways[] = {"isolate_out", "isolate_in"};
	char path[SW_PIN_PATH_MAX];

	for (size_t i = 0; i < SW_ARRAY_SIZE(ways); i++) {
		if (link_path(path, h, cgroup_id, ways[i]))
			unlink(path);
	}
}

static int attach_one(const struct sw_acts *h, const struct bpf_program *p, int cgroup, __u64 cgroup_id)
{
	struct bpf_link *link = bpf_program__attach_cgroup(p, cgroup);
	char path[SW_PIN_PATH_MAX];
	int r;

	if (!link)
		return -errno;
	r = link_path(path, h, cgroup_id, bpf_program__name(p)) ? bpf_link__pin(link, path) : -ENAMETOOLONG;
	bpf_link__destroy(link); /* the pin holds it */
	return r;
}

static int refuse_traffic(const struct sw_acts *h, int cgroup, __u64 cgroup_id)
{
	const struct sw_load_opts opts = {.pin_dir = h->pin_dir};
	struct sw_load_report report = {};
	struct bpf_object *o;
	struct bpf_program *p;
	size_t size;
	const void *elf = isolate__elf_bytes(&size);
	int r = sw_load_object("isolate", elf, size, &opts, &report, &o);

	if (r < 0)
		return r;
	let_traffic(h, cgroup_id); /* what an earlier guard forgot */
	bpf_object__for_each_program(p, o)
	{
		if (r >= 0)
			r = attach_one(h, p, cgroup, cgroup_id);
	}
	if (r < 0)
		let_traffic(h, cgroup_id);
	bpf_object__close(o);
	return r;
}

/* ---- the list */

static void save(const struct sw_acts *h)
{
	struct file f = {.magic = MAGIC, .version = VERSION, .size = sizeof(f), .held = h->held};
	_close_ int dir = open(h->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? -errno : 0;

	f.crc = sw_crc32(0, &f.held, sizeof(f.held));
	if (r >= 0)
		r = sw_write_file_atomic(dir, HELD_NAME, &f, sizeof(f), 0600);
	if (r < 0)
		sw_log_warning(r, "cannot keep " HELD_NAME ", ignoring");
}

static void load(struct sw_acts *h)
{
	_close_ int dir = open(h->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	struct file f;

	fd = dir < 0 ? -1 : openat(dir, HELD_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && read(fd, &f, sizeof(f)) == sizeof(f) && f.magic == MAGIC && f.version == VERSION &&
		f.size == sizeof(f) && sw_crc32(0, &f.held, sizeof(f.held)) == f.crc && f.held.n <= SW_GUARD_HELD_MAX)
		h->held = f.held;
}

static struct sw_guard_held_row *find_row(struct sw_acts *h, __u32 pid)
{
	for (__u32 i = 0; i < h->held.n; i++) {
		if (h->held.at[i].pid == pid)
			return &h->held.at[i];
	}
	return NULL;
}

static void drop_row(struct sw_acts *h, struct sw_guard_held_row *row)
{
	*row = h->held.at[--h->held.n];
	memset(&h->held.at[h->held.n], 0, sizeof(*row));
	save(h);
}

/* ---- the acts */

static __u64 tick_ns(void)
{
	return 1000000000ull / (__u64)sysconf(_SC_CLK_TCK);
}

/* To the tick; 0: it is gone. */
static __u64 start_of(pid_t pid)
{
	bool has_terminal;
	uint64_t start;

	return read_stat(pid, &start, &has_terminal) ? start * tick_ns() : 0;
}

static bool is_process(pid_t pid, __u64 start_ns)
{
	__u64 start = start_of(pid);

	return start && start / tick_ns() == start_ns / tick_ns();
}

/* The descriptor first, then who it is: so what is looked at is what is acted on. */
static int find_target(const struct sw_acts *h, const struct sw_guard_act *a, struct target *ret)
{
	ret->pid = (pid_t)a->pid;
	ret->fd = pidfd_open(ret->pid, 0);
	if (ret->fd < 0)
		return -errno;
	if (a->start_ns && !is_process(ret->pid, a->start_ns))
		return -ESRCH;
	if (!read_cgroup(ret->pid, ret->cgroup, sizeof(ret->cgroup)))
		ret->cgroup[0] = '\0';
	ret->is_whole = a->container[0] != '\0';
	return ret->is_whole && !cut_to_container(ret->cgroup, a->container) ? -ENOENT : 0;
}

static int send_signal(const struct target *t, int signo)
{
	return pidfd_send_signal(t->fd, signo, NULL, 0) < 0 ? -errno : 0;
}

static int do_freeze(struct sw_acts *h, const struct target *t)
{
	return t->is_whole ? write_cgroup(h, t->cgroup, "cgroup.freeze", "1") : send_signal(t, SIGSTOP);
}

static int do_kill(struct sw_acts *h, const struct target *t)
{
	return t->is_whole ? write_cgroup(h, t->cgroup, "cgroup.kill", "1") : send_signal(t, SIGKILL);
}

static int do_isolate(struct sw_acts *h, const struct target *t, __u64 *ret_id)
{
	_close_ int dir = open_cgroup(h, t->cgroup);
	struct stat st;

	if (dir < 0)
		return dir;
	if (fstat(dir, &st) < 0)
		return -errno;
	*ret_id = st.st_ino;
	return refuse_traffic(h, dir, st.st_ino);
}

static const char *why_not(struct sw_acts *h, const struct sw_guard_act *a, const struct target *t)
{
	const char *why = why_protected(t->pid);
	_close_ int dir = -1;

	if (why || (!t->is_whole && a->verb != SW_ACT_ISOLATE))
		return why;
	dir = open_cgroup(h, t->cgroup);
	return dir < 0 ? "it has no cgroup of its own" : why_cgroup_protected(dir, 0);
}

static int begin(struct sw_acts *h, const struct sw_guard_act *a, struct target *t, char *text, size_t size)
{
	struct sw_guard_held_row row = {
		.pid = a->pid, .verb = a->verb, .start_ns = a->start_ns, .is_whole = t->is_whole};
	const char *why;
	int r;

	if (a->verb != SW_ACT_KILL && (find_row(h, a->pid) || h->held.n == SW_GUARD_HELD_MAX)) {
		snprintf(text, size, "it is held already, or too many are");
		return -EBUSY;
	}
	why = why_not(h, a, t);
	if (why) {
		snprintf(text, size, "%s", why);
		return -EPERM;
	}
	r = a->verb == SW_ACT_FREEZE ? do_freeze(h, t)
		: a->verb == SW_ACT_KILL ? do_kill(h, t)
					 : do_isolate(h, t, &row.cgroup_id);
	if (r < 0) {
		snprintf(text, size, "%s", strerror(-r));
		return r;
	}
	sw_log_notice("process %u%s was %s", a->pid, t->is_whole ? " and its container" : "",
		a->verb == SW_ACT_FREEZE ? "frozen" : a->verb == SW_ACT_KILL ? "killed" : "isolated");
	if (a->verb == SW_ACT_KILL)
		return 0;
	memcpy(row.cgroup, t->cgroup, sizeof(row.cgroup));
	if (!row.start_ns)
		row.start_ns = start_of(t->pid);
	h->held.at[h->held.n++] = row;
	save(h);
	return 0;
}

/* What is gone needs no release. */
static int undo(struct sw_acts *h, const struct sw_guard_held_row *row)
{
	struct target t = {.pid = (pid_t)row->pid};
	int r = 0;

	if (row->verb == SW_ACT_ISOLATE) {
		let_traffic(h, row->cgroup_id);
		return 0;
	}
	if (row->is_whole) {
		r = write_cgroup(h, row->cgroup, "cgroup.freeze", "0");
		return r == -ENOENT ? 0 : r;
	}
	t.fd = pidfd_open(t.pid, 0);
	if (t.fd >= 0 && is_process(t.pid, row->start_ns))
		r = send_signal(&t, SIGCONT);
	sw_close(t.fd);
	return r;
}

static int release(struct sw_acts *h, __u32 pid, char *text, size_t size)
{
	struct sw_guard_held_row *row = find_row(h, pid);
	int r = row ? undo(h, row) : -ENOENT;

	if (r < 0) {
		snprintf(text, size, "%s", row ? strerror(-r) : "it is not held");
		return r;
	}
	sw_log_notice("process %u was released", pid);
	drop_row(h, row);
	return 0;
}

int sw_act_do(struct sw_acts *h, const struct sw_guard_act *a, char *text, size_t size)
{
	struct target t = {.fd = -1};
	int r;

	if (a->verb == SW_ACT_RELEASE)
		return release(h, a->pid, text, size);
	if (a->verb < SW_ACT_FREEZE || a->verb > SW_ACT_ISOLATE ||
		!memchr(a->container, '\0', sizeof(a->container))) {
		snprintf(text, size, "no such act");
		return -EINVAL;
	}
	r = find_target(h, a, &t);
	if (r >= 0)
		r = begin(h, a, &t, text, size);
	else
		snprintf(text, size, r == -ENOENT ? "cgroup v2 has no such container" : "the process is gone");
	sw_close(t.fd);
	return r;
}

void sw_act_list(const struct sw_acts *h, struct sw_guard_held *ret)
{
	*ret = h->held;
}

void sw_act_release_all(struct sw_acts *h)
{
	char text[160];

	for (__u32 i = h->held.n; i-- > 0;)
		(void)release(h, h->held.at[i].pid, text, sizeof(text));
}

/* Paths of processes begin at the root, and the directory that is watched may lie below it. */
static int open_root(const char *cgroup_dir)
{
	_close_ int fd = sw_cgroup_open(cgroup_dir);

	while (fd >= 0) {
		int up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct stat here, above;

		if (up < 0 || fstat(fd, &here) < 0 || fstat(up, &above) < 0 || here.st_dev != above.st_dev ||
			here.st_ino == above.st_ino) {
			sw_close(up);
			break;
		}
		sw_close(fd);
		fd = up;
	}
	return TAKE_FD(fd);
}

int sw_act_new(const char *run_dir, const char *pin_dir, const char *cgroup_dir, struct sw_acts **ret)
{
	struct sw_acts *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->run_dir = run_dir;
	h->pin_dir = pin_dir;
	h->cgroup_fd = open_root(cgroup_dir);
	load(h);
	*ret = h;
	return 0;
}

void sw_act_free(struct sw_acts *h)
{
	if (!h)
		return;
	sw_close(h->cgroup_fd);
	free(h);
}
