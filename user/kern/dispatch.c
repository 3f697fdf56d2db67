// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/kern/dispatch.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "skel/xdp_shared.skel.h"
#include "user/base/log.h"
#include "user/kern/bpffs.h"

#define PINS "/sys/fs/bpf/xdp" /* of libxdp's protocol: dispatch-IFINDEX-ID/progN-prog */
#define GATE "xdp_gate"
#define PRIORITY "10" /* the usual is 50; the lowest is asked first */

enum {
	SLOTS = 10, /* of a dispatcher */
	MAPS_MAX = 64,
	OBJECT_FD = 3, /* the child's */
	LOAD_MS = 60000, /* the verifier's time on a slow machine */
	SAID_MAX = 240,
};

struct gates {
	__u32 id[SLOTS];
	size_t n;
};

/* ---- what is there */

static int prog_info(int fd, struct bpf_prog_info *ret, __u32 *maps)
{
	__u32 len = sizeof(*ret);

	*ret = (struct bpf_prog_info){};
	if (maps) {
		ret->nr_map_ids = MAPS_MAX;
		ret->map_ids = (__u64)(uintptr_t)maps;
	}
	return bpf_obj_get_info_by_fd(fd, ret, &len) < 0 ? -errno : 0;
}

static __u32 xdp_id(__u32 ifindex)
{
	__u32 id = 0;

	return bpf_xdp_query_id((int)ifindex, 0, &id) < 0 ? 0 : id;
}

static void find_gates(__u32 ifindex, struct gates *ret)
{
	__u32 dispatcher = xdp_id(ifindex);

	*ret = (struct gates){};
	for (int i = 0; dispatcher && i < SLOTS; i++) {
		struct bpf_prog_info info;
		char path[SW_PIN_PATH_MAX];
		_close_ int fd = -1;

		snprintf(path, sizeof(path), PINS "/dispatch-%u-%u/prog%d-prog", ifindex, dispatcher, i);
		fd = bpf_obj_get(path);
		if (fd >= 0 && prog_info(fd, &info, NULL) >= 0 && sw_streq(info.name, GATE))
			ret->id[ret->n++] = info.id;
	}
}

static bool has_gate(const struct gates *g, __u32 id)
{
	for (size_t i = 0; i < g->n; i++) {
		if (g->id[i] == id)
			return true;
	}
	return false;
}

/* Whether it reads the maps that the guard writes. */
static bool uses_our_maps(int prog, const char *pin_dir)
{
	__u32 maps[MAPS_MAX], len = sizeof(struct bpf_map_info);
	char path[SW_PIN_PATH_MAX];
	struct bpf_map_info ctl = {};
	struct bpf_prog_info info;
	_close_ int fd = -1;

	if (snprintf(path, sizeof(path), "%s/gate_ctl", pin_dir) >= (int)sizeof(path))
		return false;
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &ctl, &len) < 0 || prog_info(prog, &info, maps) < 0)
		return false;
	for (__u32 i = 0; i < SW_MIN(info.nr_map_ids, (__u32)MAPS_MAX); i++) {
		if (maps[i] == ctl.id)
			return true;
	}
	return false;
}

/* ---- xdp-loader */

static const char *find_loader(void)
{
	static const char *const places[] = {"/usr/sbin/xdp-loader", "/usr/local/sbin/xdp-loader"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(places); i++) {
		if (access(places[i], X_OK) == 0)
			return places[i];
	}
	return NULL;
}

static int spawn(const char *path, char *const *argv, int object, int said, pid_t *ret)
{
	static char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none;
	int r;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none); /* the guard blocks what it reads by descriptor */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, said, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, said, STDERR_FILENO);
	if (object >= 0)
		posix_spawn_file_actions_adddup2(&files, object, OBJECT_FD);
	r = posix_spawn(ret, path, &files, &attr, argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return -r;
}

static int wait_for(pid_t pid)
{
	_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int status = -1;

	if (fd < 0 || poll(&p, 1, LOAD_MS) <= 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* The first line tells what went wrong, those after it how the rest fared. */
static void tell_said(int said, const char *verb, const char *device)
{
	char text[SAID_MAX];
	ssize_t n = pread(said, text, sizeof(text) - 1, 0);

	text[SW_MAX(n, 0)] = '\0';
	text[strcspn(text, "\n")] = '\0';
	sw_log_warning(0, "%s: xdp-loader %s: %s", device, verb, *text ? text : "it failed without a word");
}

static int run(char *const *argv, int object, const char *device)
{
	const char *path = find_loader();
	_close_ int said = memfd_create("said", MFD_CLOEXEC);
	pid_t pid;
	int r = path ? 0 : -ENOPKG;

	if (r >= 0 && said < 0)
		r = -errno;
	if (r >= 0)
		r = spawn(path, argv, object, said, &pid);
	if (r < 0)
		return r;
	r = wait_for(pid);
	if (r < 0)
		tell_said(said, argv[1], device);
	return r;
}

static int unload(const char *device, __u32 id)
{
	char text[16];
	char *const argv[] = {"xdp-loader", "unload", (char *)device, "--id", text, NULL};

	snprintf(text, sizeof(text), "%u", id);
	return run(argv, -1, device);
}

static int load(const struct sw_device *d, const char *pin_dir)
{
	char object[32];
	char *const argv[] = {"xdp-loader", "load", "-m", "native", "-n", GATE, "-P", PRIORITY, "-p", (char *)pin_dir,
		(char *)d->name, object, NULL};
	_close_ int fd = memfd_create(GATE, MFD_CLOEXEC);
	size_t size;
	const void *elf = xdp_shared__elf_bytes(&size);

	snprintf(object, sizeof(object), "/proc/self/fd/%d", OBJECT_FD);
	if (fd < 0)
		return -errno;
	if (write(fd, elf, size) != (ssize_t)size)
		return -EIO;
	return run(argv, fd, d->name);
}

/* ---- what came of it */

/* libxdp without a dispatcher: the gate by itself, by no link. That is for us to do, with a link. */
static int undo_single(__u32 ifindex, const char *pin_dir)
{
	_close_ int fd = bpf_prog_get_fd_by_id(xdp_id(ifindex));
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = fd);

	if (fd < 0 || !uses_our_maps(fd, pin_dir))
		return -EIO;
	if (bpf_xdp_detach((int)ifindex, XDP_FLAGS_DRV_MODE, &opts) < 0)
		return -errno;
	return -EPERM;
}

/* One that came with this load, and over the right maps. */
static bool has_come(const struct gates *before, const struct gates *now, const char *pin_dir)
{
	for (size_t i = 0; i < now->n; i++) {
		_close_ int fd = has_gate(before, now->id[i]) ? -1 : bpf_prog_get_fd_by_id(now->id[i]);

		if (fd >= 0 && uses_our_maps(fd, pin_dir))
			return true;
	}
	return false;
}

int sw_dispatch_attach(const struct sw_device *d, const char *pin_dir)
{
	struct gates before, now;
	int r;

	find_gates(d->ifindex, &before);
	r = load(d, pin_dir);
	if (r < 0)
		return r;
	find_gates(d->ifindex, &now);
	if (!has_come(&before, &now, pin_dir))
		return undo_single(d->ifindex, pin_dir);
	for (size_t i = 0; i < before.n; i++)
		(void)unload(d->name, before.id[i]);
	return 0;
}

int sw_dispatch_detach(__u32 ifindex)
{
	char name[IFNAMSIZ];
	struct gates g;
	int r = 0;

	find_gates(ifindex, &g);
	for (size_t i = 0; i < g.n && if_indextoname(ifindex, name); i++) {
		int x = unload(name, g.id[i]);

		if (r >= 0)
			r = x;
	}
	return r;
}

bool sw_dispatch_is_there(__u32 ifindex)
{
	struct gates g;

	find_gates(ifindex, &g);
	return g.n;
}

void sw_dispatch_each(void (*fn)(__u32 ifindex, enum sw_attach hook, void *arg), void *arg)
{
	DIR *d = opendir(PINS);

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		__u32 ifindex, id;

		if (sscanf(e->d_name, "dispatch-%u-%u", &ifindex, &id) == 2 && id == xdp_id(ifindex) &&
			sw_dispatch_is_there(ifindex))
			fn(ifindex, SW_ATTACH_DISPATCHER, arg);
	}
	if (d)
		closedir(d);
}
