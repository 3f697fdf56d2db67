/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rig of the socket tests: loads and attaches the real programs to a cgroup of the test's own,
 * runs a child in that cgroup and in a network namespace of its own, and keeps what was told.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "skel/sock_cgroup.skel.h"
#include "skel/sock_exit.skel.h"
#include "skel/sock_iter.skel.h"
#include "skel/sock_listen.skel.h"
#include "skel/sock_trace.skel.h"
#include "user/base/util.h"
#include "user/kern/iter.h"
#include "user/kern/ring_decode.h"

enum { RECORDS_MAX = 16384, LINKS_MAX = 32, DEADLINE_MS = 5000, EXIT_CODE = 7 };

/* Records outlive the ring's memory. */
union record {
	struct sw_ev_head head;
	struct sw_sock_event sock;
	struct sw_exec_event exec;
	struct sw_exit_event exit;
	struct sw_fork_event fork;
	struct sw_unix_event ux;
};

/* What the child says of itself, shared with the test. */
struct said {
	uint16_t port, other_port;
	int error, fd;
	uint32_t netns;
	char act[32]; /* the program that a child becomes */
};

struct bench {
	char cgroup[512];
	struct sock_cgroup *cg;
	struct sock_trace *tr;
	struct sock_iter *it;
	struct sock_exit *ex; /* tier A alone */
	struct sock_listen *li; /* a kernel that is locked down alone */
	struct bpf_link *links[LINKS_MAX];
	size_t n_links;
	struct ring_buffer *ring;
	union record *records;
	size_t n, malformed;
	struct sw_seq_watch seq;
	struct said *said;
	pid_t pid; /* of a child that is to be ended, 0 for none */
};

typedef void (*act_fn)(struct said *said);

static void find_cgroup2(char *buf, size_t size)
{
	_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[1024], where[256];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, " - cgroup2 ") ||
			sscanf(line, "%*d %*d %*s %*s %255s", where) != 1)
			continue;
		snprintf(buf, size, "%s/sockwarden-test-%d", where, getpid());
		return;
	}
	fail_msg("cgroup v2 is not mounted");
}

static int take(void *arg, void *data, size_t len)
{
	struct bench *b = arg;
	struct sw_event ev;

	if (sw_ring_decode_sock(data, len, &ev) < 0 || b->n == RECORDS_MAX) {
		b->malformed++;
		return 0;
	}
	sw_seq_note(&b->seq, ((struct sw_ev_head *)data)->cpu, ((struct sw_ev_head *)data)->seq);
	memcpy(&b->records[b->n++], data, SW_MIN(len, sizeof(union record)));
	return 0;
}

static void attach_all(struct bench *b, struct bpf_object *o, int cgroup_fd)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, o)
	{
		struct bpf_link *l = cgroup_fd >= 0 ? bpf_program__attach_cgroup(p, cgroup_fd)
						    : bpf_program__attach(p);

		assert_non_null(l);
		assert_true(b->n_links < LINKS_MAX);
		b->links[b->n_links++] = l;
	}
}

static void share_map(struct bpf_object *o, const char *name, const struct bpf_object *from)
{
	assert_int_equal(bpf_map__reuse_fd(bpf_object__find_map_by_name(o, name),
				 bpf_object__find_map_fd_by_name(from, name)),
		0);
}

static void share_maps(struct bpf_object *o, const struct bpf_object *from)
{
	static const char *const names[] = {
		"ev_sock", "sock_cpu", "sock_slots", "sock_ports", "sock_owner", "sock_waits", "stats"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(names); i++)
		if (bpf_object__find_map_by_name(o, names[i]))
			share_map(o, names[i], from);
}

/* What the loader finds on a kernel. */
struct rig_kernel {
	uint32_t ring_bytes;
	bool has_trampolines;
	bool is_locked_down; /* kernel memory may not be read */
};

/* What tier A adds. */
static void add_tier_a(struct bench *b)
{
	b->ex = sock_exit__open();
	assert_non_null(b->ex);
	share_maps(b->ex->obj, b->cg->obj);
	assert_int_equal(sock_exit__load(b->ex), 0);
	attach_all(b, b->ex->obj, -1);
}

static void add_listen(struct bench *b, int cgroup_fd)
{
	b->li = sock_listen__open();
	assert_non_null(b->li);
	share_maps(b->li->obj, b->cg->obj);
	assert_int_equal(sock_listen__load(b->li), 0);
	attach_all(b, b->li->obj, cgroup_fd);
}

static int begin_on(void **state, const struct rig_kernel *k)
{
	struct bench *b = calloc(1, sizeof(*b));
	_close_ int fd = -1;

	assert_non_null(b);
	*state = b;
	b->said = mmap(
		NULL, sizeof(*b->said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(b->said, MAP_FAILED);
	b->records = calloc(RECORDS_MAX, sizeof(*b->records));
	assert_non_null(b->records);
	find_cgroup2(b->cgroup, sizeof(b->cgroup));
	assert_int_equal(mkdir(b->cgroup, 0755), 0);
	fd = open(b->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b->cg = sock_cgroup__open();
	assert_non_null(b->cg);
	bpf_map__set_max_entries(b->cg->maps.ev_sock, k->ring_bytes);
	b->cg->rodata->can_read_kernel = !k->is_locked_down;
	assert_int_equal(sock_cgroup__load(b->cg), 0);
	b->tr = sock_trace__open();
	b->it = sock_iter__open();
	assert_true(b->tr && b->it);
	share_maps(b->tr->obj, b->cg->obj);
	share_maps(b->it->obj, b->cg->obj);
	b->tr->rodata->has_listen_end = k->has_trampolines || k->is_locked_down;
	b->tr->rodata->can_read_kernel = !k->is_locked_down;
	assert_int_equal(sock_trace__load(b->tr), 0);
	assert_int_equal(sock_iter__load(b->it), 0);
	attach_all(b, b->cg->obj, fd);
	attach_all(b, b->tr->obj, -1);
	if (k->has_trampolines)
		add_tier_a(b);
	if (k->is_locked_down)
		add_listen(b, fd);
	b->ring = ring_buffer__new(bpf_map__fd(b->cg->maps.ev_sock), take, b, NULL);
	assert_non_null(b->ring);
	return 0;
}

static inline int begin(void **state)
{
	return begin_on(state, &(struct rig_kernel){.ring_bytes = SW_EV_SOCK_BYTES});
}

static inline int begin_tiny(void **state)
{
	return begin_on(state, &(struct rig_kernel){.ring_bytes = 4096});
}

static void end_child(struct bench *b)
{
	if (!b->pid)
		return;
	kill(b->pid, SIGKILL);
	waitpid(b->pid, NULL, 0);
	b->pid = 0;
}

static int end(void **state)
{
	struct bench *b = *state;
	int r;

	if (!b)
		return 0;
	*state = NULL;
	end_child(b);
	for (size_t i = 0; i < b->n_links; i++)
		bpf_link__destroy(b->links[i]);
	ring_buffer__free(b->ring);
	sock_cgroup__destroy(b->cg);
	sock_trace__destroy(b->tr);
	sock_iter__destroy(b->it);
	sock_exit__destroy(b->ex);
	sock_listen__destroy(b->li);
	r = rmdir(b->cgroup);
	munmap(b->said, sizeof(*b->said));
	free(b->records);
	free(b);
	return r;
}

static void lo_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		_exit(101);
}

/* The child: in the cgroup and a namespace of its own before it acts. */
static void run_child(const struct bench *b, act_fn act)
{
	struct said *said = b->said;
	char path[600], pid[16];
	struct stat st;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/cgroup.procs", b->cgroup);
	snprintf(pid, sizeof(pid), "%d", getpid());
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, pid, strlen(pid)) < 0 || unshare(CLONE_NEWNET) < 0)
		_exit(100);
	close(fd);
	if (stat("/proc/self/ns/net", &st) < 0)
		_exit(102);
	said->netns = (uint32_t)st.st_ino;
	lo_up();
	act(said);
	_exit(EXIT_CODE);
}

static void start(struct bench *b, act_fn act)
{
	b->pid = fork();
	assert_true(b->pid >= 0);
	if (!b->pid)
		run_child(b, act);
}

/* Runs act to its end and reads what was told; its pid. */
static inline pid_t run(struct bench *b, act_fn act, struct said *ret)
{
	pid_t pid;
	int status;

	start(b, act);
	pid = b->pid;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	b->pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_CODE);
	assert_true(ring_buffer__consume(b->ring) >= 0);
	*ret = *b->said;
	assert_int_equal(b->malformed, 0);
	return pid;
}

/* Runs act until it stops itself, its descriptors open. */
static inline pid_t run_to_stop(struct bench *b, act_fn act)
{
	int status;

	start(b, act);
	assert_int_equal(waitpid(b->pid, &status, WUNTRACED), b->pid);
	assert_true(WIFSTOPPED(status));
	assert_true(ring_buffer__consume(b->ring) >= 0);
	return b->pid;
}

static inline uint64_t boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static inline void read_to_quiet(struct bench *b, struct pollfd *p)
{
	do {
		b->n = 0;
		assert_true(ring_buffer__consume(b->ring) >= 0);
	} while (poll(p, 1, 0) > 0);
}

/* The nth record of a type by the process; NULL when there is none. */
static const union record *told(const struct bench *b, uint8_t type, pid_t pid, size_t nth)
{
	for (size_t i = 0; i < b->n; i++) {
		const union record *r = &b->records[i];

		if (r->head.type == type && r->sock.owner.tgid == (uint32_t)pid && nth-- == 0)
			return r;
	}
	return NULL;
}

/* The same by the socket's own port, which leaves out what others on the machine do. */
static const struct sw_sock_event *told_port(
	const struct bench *b, uint8_t type, pid_t pid, uint16_t lport)
{
	const union record *r;

	for (size_t i = 0; (r = told(b, type, pid, i)); i++)
		if (r->sock.lport == lport)
			return &r->sock;
	return NULL;
}
