/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For benches of what watching sockets costs: a cgroup of the bench's own, the socket programs attached to it
 * and empty ones at their hooks, a thread that takes the records, the acts that are measured, and the peers
 * that tell of such acts.
 */
#pragma once

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "skel/floor.skel.h"
#include "skel/sock_cgroup.skel.h"
#include "skel/sock_exit.skel.h"
#include "skel/sock_iter.skel.h"
#include "skel/sock_trace.skel.h"
#include "tests/bench/clock.h"
#include "user/base/util.h"

enum { LINKS_MAX = 32, PORT = 4000, PEER_WAIT_SEC = 30 };

struct bench {
	const char *name; /* of the program, as peers cut it */
	char cgroup[300], home[300]; /* ours; where we came from */
	struct sock_cgroup *cg;
	struct sock_trace *tr;
	struct sock_iter *it;
	struct sock_exit *ex; /* of tier A alone: NULL but after load_tier_a() */
	struct floor *floor;
	struct bpf_link *links[LINKS_MAX];
	size_t n_links;
	struct ring_buffer *ring;
	pthread_t drain;
	_Atomic bool is_ending;
	_Atomic unsigned long records;
};

static inline int die(const char *what)
{
	fprintf(stderr, "socket bench: %s: %s\n", what, strerror(errno));
	return -1;
}

/* ---- a place of our own */

static inline int write_text(const char *path, const char *text)
{
	_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -1 : 0;
}

static inline int enter_cgroup(const char *dir)
{
	char path[330], pid[16];

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	snprintf(pid, sizeof(pid), "%d", getpid());
	return write_text(path, pid);
}

static inline int find_cgroup(struct bench *b)
{
	char line[1024], where[200] = "", own[200] = "";
	_fclose_ FILE *mounts = fopen("/proc/self/mountinfo", "re"), *cgroup = fopen("/proc/self/cgroup", "re");

	while (mounts && fgets(line, sizeof(line), mounts))
		if (strstr(line, " - cgroup2 ") && sscanf(line, "%*d %*d %*s %*s %199s", where) == 1)
			break;
	while (cgroup && fgets(line, sizeof(line), cgroup))
		if (sscanf(line, "0::%199s", own) == 1)
			break;
	if (!*where || !*own)
		return -1;
	snprintf(b->cgroup, sizeof(b->cgroup), "%s/sockwarden-bench-%d", where, getpid());
	snprintf(b->home, sizeof(b->home), "%s%s", where, own);
	return mkdir(b->cgroup, 0755);
}

static inline int loopback_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return ioctl(fd, SIOCSIFFLAGS, &ifr);
}

/* ---- our programs */

static inline int share_maps(struct bpf_object *o, const struct bpf_object *from)
{
	static const char *const names[] = {
		"ev_sock", "sock_cpu", "sock_slots", "sock_ports", "sock_owner", "sock_waits", "stats"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(names); i++) {
		struct bpf_map *m = bpf_object__find_map_by_name(o, names[i]);

		if (m && bpf_map__reuse_fd(m, bpf_object__find_map_fd_by_name(from, names[i])) < 0)
			return -1;
	}
	return 0;
}

static inline int on_record(void *arg, void *data, size_t len)
{
	struct bench *b = arg;

	atomic_fetch_add_explicit(&b->records, 1, memory_order_relaxed);
	return 0;
}

/* Takes the records, so that every operation pays for one. */
static inline void *drain(void *arg)
{
	struct bench *b = arg;

	while (!atomic_load(&b->is_ending)) {
		ring_buffer__consume(b->ring);
		usleep(1000);
	}
	return NULL;
}

static inline int load(struct bench *b)
{
	b->cg = sock_cgroup__open_and_load();
	b->tr = sock_trace__open();
	b->it = sock_iter__open();
	b->floor = floor__open_and_load();
	if (!b->cg || !b->tr || !b->it || !b->floor)
		return -1;
	if (share_maps(b->tr->obj, b->cg->obj) < 0 || share_maps(b->it->obj, b->cg->obj) < 0)
		return -1;
	if (sock_trace__load(b->tr) < 0 || sock_iter__load(b->it) < 0)
		return -1;
	b->ring = ring_buffer__new(bpf_map__fd(b->cg->maps.ev_sock), on_record, b, NULL);
	return b->ring && pthread_create(&b->drain, NULL, drain, b) == 0 ? 0 : -1;
}

/* What tier A adds, on a kernel that has BPF trampolines. */
static inline int load_tier_a(struct bench *b)
{
	b->ex = sock_exit__open();
	return !b->ex || share_maps(b->ex->obj, b->cg->obj) < 0 || sock_exit__load(b->ex) < 0 ? -1 : 0;
}

static inline int attach_program(struct bench *b, const struct bpf_program *p)
{
	bool is_traced = bpf_program__type(p) == BPF_PROG_TYPE_TRACING;
	_close_ int cgroup = is_traced ? -1 : open(b->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bpf_link *l = is_traced ? bpf_program__attach(p) : bpf_program__attach_cgroup(p, cgroup);

	if (!l || b->n_links == LINKS_MAX)
		return die(bpf_program__name(p));
	b->links[b->n_links++] = l;
	return 0;
}

static inline int attach_object(struct bench *b, struct bpf_object *o)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, o)
		if (attach_program(b, p) < 0)
			return -1;
	return 0;
}

static inline int attach_none(struct bench *b)
{
	return 0;
}

static inline int attach_empty(struct bench *b)
{
	return attach_object(b, b->floor->obj);
}

static inline int attach_ours(struct bench *b)
{
	return attach_object(b, b->cg->obj) < 0 ? -1 : attach_object(b, b->tr->obj);
}

static inline int attach_tier_a(struct bench *b)
{
	return attach_ours(b) < 0 ? -1 : attach_object(b, b->ex->obj);
}

static inline void detach(struct bench *b)
{
	while (b->n_links)
		bpf_link__destroy(b->links[--b->n_links]);
}

/* ---- operations */

static const struct sockaddr_in here = {.sin_family = AF_INET};

static inline struct sockaddr_in loopback(uint16_t port)
{
	struct sockaddr_in a = here;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons(port);
	return a;
}

static inline int op_listen(int unused)
{
	const struct sockaddr_in a = loopback(PORT + 1);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	r = bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 16) < 0 ? -1 : 0;
	close(fd);
	return r;
}

/* Both ends, closed by reset so that nothing waits. */
static inline int connect_cycle(int listener, const struct sockaddr_in *a)
{
	const struct linger reset = {.l_onoff = 1};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), other, r;

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	r = connect(fd, (const struct sockaddr *)a, sizeof(*a));
	other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(fd);
	close(other);
	return r < 0 || other < 0 ? -1 : 0;
}

/* Ever the same destination: after a few a second our programs tell of a sum. */
static inline int op_connect(int listener)
{
	const struct sockaddr_in a = loopback(PORT);

	return connect_cycle(listener, &a);
}

/* ---- peers: what others attach to tell of such acts */

/* argv[0] found in PATH; sees_listen: it tells of listeners too. Each shows the name of who acts. */
static const struct peer {
	const char *name;
	char *const argv[8];
	bool sees_listen;
} peers[] = {
	{"tcplife", {"stdbuf", "-oL", "/usr/sbin/tcplife"}, false},
	{"tcpstates", {"stdbuf", "-oL", "/usr/sbin/tcpstates"}, true},
	{"bpftrace",
		{"bpftrace", "-B", "line", "-e",
			"tracepoint:syscalls:sys_enter_bind, tracepoint:syscalls:sys_enter_listen, "
			"tracepoint:syscalls:sys_enter_connect { printf(\"%s %d %d %s\\n\", probe, pid, uid, comm); } "
			"tracepoint:sock:inet_sock_set_state /args->newstate == 1 || args->newstate == 7/ "
			"{ printf(\"%d %d %d %s\\n\", args->newstate, args->sport, args->dport, comm); }"},
		true},
};

enum { N_PEERS = SW_ARRAY_SIZE(peers) };

static inline bool has_said(int out, const char *word)
{
	char text[65536];
	ssize_t n = pread(out, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = 0;
	return strstr(text, word) != NULL;
}

/* Starts it and acts until it tells of us: 1; 0 when it is not here or cannot work here. */
static inline int start_peer(const struct bench *b, const struct peer *p, int listener, pid_t *ret)
{
	_close_ int out = memfd_create(p->name, MFD_CLOEXEC);
	double until = clock_sec(CLOCK_MONOTONIC) + PEER_WAIT_SEC;
	int status;

	*ret = fork();
	if (!*ret) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
		execvp(p->argv[0], p->argv);
		_exit(127);
	}
	while (clock_sec(CLOCK_MONOTONIC) < until && waitpid(*ret, &status, WNOHANG) == 0) {
		if (op_connect(listener) < 0)
			return -1;
		if (has_said(out, b->name))
			return 1;
		usleep(50000);
	}
	kill(*ret, SIGKILL);
	waitpid(*ret, NULL, 0);
	return 0;
}

/* ---- begin and end */

/* Peers find their tracepoints in tracefs; mounted for us alone. */
static inline int mount_tracing(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
		return -1;
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL); /* there already, or the peers are left out */
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	return 0;
}

static inline int bench_begin(struct bench *b)
{
	if (find_cgroup(b) < 0 || enter_cgroup(b->cgroup) < 0 || unshare(CLONE_NEWNET) < 0 || loopback_up() < 0 ||
		mount_tracing() < 0)
		return die("a cgroup v2 and namespaces of its own");
	return load(b) < 0 ? die("the socket programs") : 0;
}

static inline void bench_end(struct bench *b)
{
	detach(b);
	b->is_ending = true;
	if (b->drain)
		pthread_join(b->drain, NULL);
	ring_buffer__free(b->ring);
	sock_exit__destroy(b->ex);
	sock_iter__destroy(b->it);
	sock_trace__destroy(b->tr);
	sock_cgroup__destroy(b->cg);
	floor__destroy(b->floor);
	enter_cgroup(b->home);
	rmdir(b->cgroup);
}
