// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What watching sockets costs: CPU time of a bind, listen and close and of a TCP connect cycle with our
 * programs attached to a cgroup of the bench's own, beside none, in turns, and beside Debian's tcplife and
 * tcpstates (libbpf-tools; those of bpfcc-tools need kernel headers) and a bpftrace script that tells of the same acts;
 * and a snapshot of 50,000 sockets with their owners beside `ss -tulpna` and `lsof -i -n -P`. In a network and a mount
 * namespace of its own. A line of JSON a figure; exit 1 when the snapshot misses a socket.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <math.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "skel/floor.skel.h"
#include "skel/sock_cgroup.skel.h"
#include "skel/sock_iter.skel.h"
#include "skel/sock_trace.skel.h"
#include "tests/bench/clock.h"
#include "user/kern/iter.h"
#include "user/sockets/inventory.h"

enum { ROOM = 256 /* for what the bench has open */ };
enum { ROUNDS = 80, OPS = 500, PEER_ROUNDS = 3, PEER_WAIT_SEC = 30 };
enum { LINKS_MAX = 16, PORT = 4000, MAKERS = 10, SOCKETS_EACH = 5000, SNAPSHOTS = 5 };

struct bench {
	char cgroup[300], home[300]; /* ours; where we came from */
	struct sock_cgroup *cg;
	struct sock_trace *tr;
	struct sock_iter *it;
	struct floor *floor;
	struct bpf_link *links[LINKS_MAX];
	size_t n_links;
	struct ring_buffer *ring;
	pthread_t drain;
	_Atomic bool is_ending;
	_Atomic unsigned long records;
	pid_t makers[MAKERS];
};

static int die(const char *what)
{
	fprintf(stderr, "bench_sockets: %s: %s\n", what, strerror(errno));
	return -1;
}

/* value of ours, peer's, and how many times as much ours may be: goal is of value/peer. */
static void figure(const char *name, double value, const char *unit, const char *peer, double peer_value,
	double goal)
{
	printf("{\"bench\":\"sockets\",\"case\":\"%s\",\"value\":%.4g,\"unit\":\"%s\",", name, value, unit);
	printf("\"peer\":\"%s\",\"peer_value\":%.4g,", peer, peer_value);
	printf("\"ratio\":%.3f,\"goal\":%.4g,\"met\":%s}\n", value / peer_value, goal,
		value <= peer_value * goal ? "true" : "false");
	fflush(stdout);
}

/* ---- a place of our own */

static int write_text(const char *path, const char *text)
{
	_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -1 : 0;
}

static int enter_cgroup(const char *dir)
{
	char path[330], pid[16];

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	snprintf(pid, sizeof(pid), "%d", getpid());
	return write_text(path, pid);
}

static int find_cgroup(struct bench *b)
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

static int loopback_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return ioctl(fd, SIOCSIFFLAGS, &ifr);
}

/* ---- our programs */

static int share_maps(struct bpf_object *o, const struct bpf_object *from)
{
	static const char *const names[] = {"ev_sock", "sock_cpu", "sock_slots", "sock_ports", "sock_owner", "stats"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(names); i++)
		if (bpf_map__reuse_fd(bpf_object__find_map_by_name(o, names[i]),
			    bpf_object__find_map_fd_by_name(from, names[i])) < 0)
			return -1;
	return 0;
}

static int on_record(void *arg, void *data, size_t len)
{
	struct bench *b = arg;

	atomic_fetch_add_explicit(&b->records, 1, memory_order_relaxed);
	return 0;
}

/* Takes the records, so that every operation pays for one. */
static void *drain(void *arg)
{
	struct bench *b = arg;

	while (!atomic_load(&b->is_ending)) {
		ring_buffer__consume(b->ring);
		usleep(1000);
	}
	return NULL;
}

static int load(struct bench *b)
{
	b->cg = sock_cgroup__open_and_load();
	b->tr = sock_trace__open();
	b->it = sock_iter__open();
	b->floor = floor__open_and_load();
	if (!b->cg || !b->tr || !b->it || !b->floor)
		return -1;
	if (share_maps(b->tr->obj, b->cg->obj) < 0 || share_maps(b->it->obj, b->cg->obj) < 0)
		return -1;
	b->tr->rodata->has_listen_end = true;
	if (sock_trace__load(b->tr) < 0 || sock_iter__load(b->it) < 0)
		return -1;
	b->ring = ring_buffer__new(bpf_map__fd(b->cg->maps.ev_sock), on_record, b, NULL);
	return b->ring && pthread_create(&b->drain, NULL, drain, b) == 0 ? 0 : -1;
}

static int attach_program(struct bench *b, const struct bpf_program *p)
{
	bool is_traced = bpf_program__type(p) == BPF_PROG_TYPE_TRACING;
	_close_ int cgroup = is_traced ? -1 : open(b->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bpf_link *l = is_traced ? bpf_program__attach(p) : bpf_program__attach_cgroup(p, cgroup);

	if (!l || b->n_links == LINKS_MAX)
		return die(bpf_program__name(p));
	b->links[b->n_links++] = l;
	return 0;
}

static int attach_object(struct bench *b, struct bpf_object *o)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, o)
		if (attach_program(b, p) < 0)
			return -1;
	return 0;
}

static int attach_none(struct bench *b)
{
	return 0;
}

static int attach_empty(struct bench *b)
{
	return attach_object(b, b->floor->obj);
}

static int attach_ours(struct bench *b)
{
	return attach_object(b, b->cg->obj) < 0 ? -1 : attach_object(b, b->tr->obj);
}

static void detach(struct bench *b)
{
	while (b->n_links)
		bpf_link__destroy(b->links[--b->n_links]);
}

/* ---- operations */

static const struct sockaddr_in here = {.sin_family = AF_INET};

static struct sockaddr_in loopback(uint16_t port)
{
	struct sockaddr_in a = here;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons(port);
	return a;
}

static int op_listen(int unused)
{
	const struct sockaddr_in a = loopback(PORT + 1);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	r = bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 16) < 0 ? -1 : 0;
	close(fd);
	return r;
}

/* Both ends, closed by reset so that nothing waits. */
static int op_connect(int listener)
{
	const struct linger reset = {.l_onoff = 1};
	const struct sockaddr_in a = loopback(PORT);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), other, r;

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	r = connect(fd, (const struct sockaddr *)&a, sizeof(a));
	other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(fd);
	close(other);
	return r < 0 || other < 0 ? -1 : 0;
}

static double time_ops(int (*op)(int), int listener)
{
	double start = clock_sec(CLOCK_THREAD_CPUTIME_ID);

	for (int i = 0; i < OPS; i++)
		if (op(listener) < 0)
			return -1;
	return (clock_sec(CLOCK_THREAD_CPUTIME_ID) - start) / OPS * 1e6;
}

static int by_value(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

static double least(const double *v, size_t n)
{
	double min = v[0];

	for (size_t i = 1; i < n; i++)
		min = SW_MIN(min, v[i]);
	return min;
}

/* An operation, and what it costs with nothing attached, with empty programs and with ours: the same hooks. */
struct trial {
	const char *name;
	int (*op)(int);
	int listener;
	double none, empty, ours; /* microseconds of CPU */
};

typedef int (*attach_fn)(struct bench *);

/* In turns, and the least of many short rounds: what else runs on the machine only adds. */
static int try(struct bench *b, struct trial *t)
{
	const attach_fn ways[] = {attach_none, attach_empty, attach_ours};
	double *const costs[] = {&t->none, &t->empty, &t->ours};

	t->none = t->empty = t->ours = HUGE_VAL;
	for (size_t i = 0; i < ROUNDS * SW_ARRAY_SIZE(ways); i++) {
		double cost = -1, *least = costs[i % SW_ARRAY_SIZE(ways)];

		if (ways[i % SW_ARRAY_SIZE(ways)](b) == 0)
			cost = time_ops(t->op, t->listener);
		detach(b);
		if (cost < 0)
			return die(t->name);
		*least = SW_MIN(*least, cost);
	}
	return 0;
}

/* ---- hook by hook: the kernel's own count of each program's runs and time, its two looks at the clock included */

struct asked {
	double runs, ns; /* an operation */
};

static struct asked asked_of(const struct bpf_object *o, const char *hook)
{
	const struct bpf_program *p = bpf_object__find_program_by_name(o, hook);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (!p || bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len) < 0)
		return (struct asked){};
	return (struct asked){(double)info.run_cnt, (double)info.run_time_ns};
}

/* The least of many rounds of one hook with what is attached. */
static int ask(const struct trial *t, const struct bpf_object *o, const char *hook, struct asked *ret)
{
	*ret = (struct asked){.ns = HUGE_VAL};
	for (int i = 0; i < ROUNDS; i++) {
		struct asked before = asked_of(o, hook), after;

		if (time_ops(t->op, t->listener) < 0)
			return -1;
		after = asked_of(o, hook);
		if (after.ns - before.ns < ret->ns * OPS)
			*ret = (struct asked){(after.runs - before.runs) / OPS, (after.ns - before.ns) / OPS};
	}
	return 0;
}

static int ask_with(struct bench *b, attach_fn attach, const struct trial *t, const struct bpf_object *o,
	const char *hook, struct asked *ret)
{
	int r = attach(b) < 0 ? -1 : ask(t, o, hook, ret);

	detach(b);
	return r;
}

static int bench_hook(struct bench *b, const struct trial *t, const char *hook)
{
	bool is_traced = bpf_object__find_program_by_name(b->tr->obj, hook);
	struct asked empty, ours;

	if (ask_with(b, attach_empty, t, b->floor->obj, hook, &empty) < 0)
		return -1;
	if (ask_with(b, attach_ours, t, is_traced ? b->tr->obj : b->cg->obj, hook, &ours) < 0)
		return -1;
	printf("{\"bench\":\"sockets\",\"case\":\"%s: %s, %.0f runs\",\"value\":%.4g,\"unit\":\"ns\",", t->name, hook,
		ours.runs, ours.ns);
	printf("\"peer\":\"an empty program\",\"peer_value\":%.4g}\n", empty.ns);
	fflush(stdout);
	return 0;
}

static int bench_hooks(struct bench *b, const struct trial *t, const char *bound)
{
	const char *const hooks[] = {"on_sock_create", bound, "on_state", "on_sockops", "on_sock_release"};
	_close_ int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);

	for (size_t i = 0; i < SW_ARRAY_SIZE(hooks); i++)
		if (stats < 0 || bench_hook(b, t, hooks[i]) < 0)
			return die(hooks[i]);
	return 0;
}

static int bench_op(struct bench *b, struct trial *t, double goal, const char *bound)
{
	unsigned long before = atomic_load(&b->records);
	char name[80];

	if (try(b, t) < 0)
		return -1;
	if (atomic_load(&b->records) - before < OPS)
		return die("the programs told nothing");
	figure(t->name, t->ours, "us", "no program", t->none, goal);
	snprintf(name, sizeof(name), "%s, empty programs at our hooks", t->name);
	figure(name, t->empty, "us", "no program", t->none, goal);
	return bench_hooks(b, t, bound);
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

/* Peers find their tracepoints in tracefs; mounted for us alone. */
static int mount_tracing(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
		return -1;
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL); /* there already, or the peers are left out */
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	return 0;
}

static bool has_said(int out, const char *word)
{
	char text[65536];
	ssize_t n = pread(out, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = 0;
	return strstr(text, word) != NULL;
}

/* Starts it and acts until it tells of us: 1; 0 when it is not here or cannot work here. */
static int start_peer(const struct peer *p, int listener, pid_t *ret)
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
		if (has_said(out, "bench_sock")) /* tcpstates cuts it */
			return 1;
		usleep(50000);
	}
	kill(*ret, SIGKILL);
	waitpid(*ret, NULL, 0);
	return 0;
}

struct timed {
	double listen[PEER_ROUNDS], connect[PEER_ROUNDS];
};

static int time_both(struct timed *t, size_t i, int listener)
{
	t->listen[i] = time_ops(op_listen, -1);
	t->connect[i] = time_ops(op_connect, listener);
	return t->listen[i] < 0 || t->connect[i] < 0 ? die("an operation failed") : 0;
}

/* One peer and us in turns. */
static int bench_peer(struct bench *b, const struct peer *p, int listener)
{
	struct timed ours, theirs;

	for (size_t i = 0; i < PEER_ROUNDS; i++) {
		pid_t pid;
		int r = start_peer(p, listener, &pid);

		if (r <= 0)
			return r < 0 ? die(p->name) : printf("no %s here\n", p->name);
		r = time_both(&theirs, i, listener);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (r < 0 || attach_ours(b) < 0)
			return -1;
		r = time_both(&ours, i, listener);
		detach(b);
		if (r < 0)
			return -1;
	}
	if (p->sees_listen)
		figure("bind, listen, close, beside a peer", least(ours.listen, PEER_ROUNDS), "us", p->name,
			least(theirs.listen, PEER_ROUNDS), 1);
	figure("connect cycle on loopback, beside a peer", least(ours.connect, PEER_ROUNDS), "us", p->name,
		least(theirs.connect, PEER_ROUNDS), 1);
	return 0;
}

static int bench_ops(struct bench *b)
{
	const struct sockaddr_in a = loopback(PORT);
	_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct trial bound = {"bind, listen, close", op_listen, -1};
	struct trial cycle = {"connect cycle on loopback", op_connect, listener};

	if (bind(listener, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 128) < 0)
		return die("listen");
	if (bench_op(b, &bound, 1.12, "on_post_bind4") < 0 || bench_op(b, &cycle, 1.05, "on_connect4") < 0)
		return -1;
	for (size_t i = 0; i < N_PEERS; i++)
		if (bench_peer(b, &peers[i], listener) < 0)
			return -1;
	return 0;
}

/* ---- snapshots */

/* A process with sockets: listeners, each on an address of its own. */
static void make_sockets(int maker, int ready)
{
	struct rlimit most = {SOCKETS_EACH + ROOM, SOCKETS_EACH + ROOM};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setrlimit(RLIMIT_NOFILE, &most) < 0)
		_exit(1);
	for (int i = 0; i < SOCKETS_EACH; i++) {
		struct sockaddr_in a = loopback((uint16_t)(10000 + i));
		int fd = socket(AF_INET, i % 10 ? SOCK_STREAM : SOCK_DGRAM, 0);

		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)maker + 1);
		if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || (i % 10 && listen(fd, 1) < 0))
			_exit(1);
	}
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static int start_makers(struct bench *b)
{
	int ready[2];
	char byte;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	for (int i = 0; i < MAKERS; i++) {
		b->makers[i] = fork();
		if (!b->makers[i])
			make_sockets(i, ready[1]);
	}
	close(ready[1]);
	for (int i = 0; i < MAKERS; i++)
		if (read(ready[0], &byte, 1) != 1)
			return die("the sockets to list cannot be made");
	close(ready[0]);
	return 0;
}

static void end_makers(struct bench *b)
{
	for (int i = 0; i < MAKERS; i++) {
		if (b->makers[i] <= 0)
			continue;
		kill(b->makers[i], SIGKILL);
		waitpid(b->makers[i], NULL, 0);
	}
}

static int take(enum sw_it_type type, union sw_it it, void *arg)
{
	if (type == SW_IT_INET)
		sw_inventory_inet(arg, it.inet);
	else if (type == SW_IT_UNIX)
		sw_inventory_unix(arg, it.ux);
	else if (type == SW_IT_FILE)
		sw_inventory_file(arg, it.file);
	else if (type == SW_IT_HELD)
		sw_inventory_held(arg, it.held);
	else
		sw_inventory_task(arg, it.task);
	return 0;
}

static int iterate(const struct bpf_program *p, struct sw_inventory *inv)
{
	struct bpf_link *l = bpf_program__attach_iter(p, NULL);
	_close_ int fd = l ? bpf_iter_create(bpf_link__fd(l)) : -1;
	int r = fd < 0 ? -1 : sw_iter_read(fd, take, inv);

	bpf_link__destroy(l);
	return r;
}

struct counted {
	size_t n, owned;
};

static int count_one(const struct sw_sock *s, void *arg)
{
	struct counted *c = arg;

	c->n += sw_sock_is_listener(s);
	c->owned += sw_sock_is_listener(s) && s->n_owners > 0;
	return 0;
}

/* CPU seconds to know every socket and who holds it; -1 when one is missing. */
static double snapshot(struct bench *b)
{
	static const struct sw_inventory_ops ops;
	struct sw_clock clock = {};
	struct sw_procs *procs = NULL;
	struct sw_inventory *inv = NULL;
	struct counted c = {};
	double start;
	int r;

	start = clock_sec(CLOCK_PROCESS_CPUTIME_ID);
	r = sw_procs_new(&clock, &sw_proc_reader_system, &procs);
	if (r >= 0)
		r = sw_inventory_new(&clock, procs, &ops, NULL, &inv);
	if (r < 0)
		return -1;
	sw_inventory_snapshot_begin(inv);
	r = iterate(b->it->progs.it_task, inv);
	r = r < 0 ? r : iterate(b->it->progs.it_task_file, inv);
	r = r < 0 ? r : iterate(b->it->progs.it_tcp, inv);
	r = r < 0 ? r : iterate(b->it->progs.it_udp, inv);
	r = r < 0 ? r : iterate(b->it->progs.it_unix, inv);
	if (r >= 0 && sw_inventory_wants_files(inv))
		r = iterate(b->it->progs.it_task_file, inv);
	sw_inventory_snapshot_end(inv, r >= 0);
	start = clock_sec(CLOCK_PROCESS_CPUTIME_ID) - start;
	sw_inventory_each(inv, count_one, &c);
	sw_inventory_free(inv);
	sw_procs_free(procs);
	return r < 0 || c.owned < (size_t)MAKERS * SOCKETS_EACH ? -1 : start;
}

/* CPU seconds of a command, its output thrown away. */
static double command(char *const argv[])
{
	struct rusage use;
	int status, null;
	pid_t pid = fork();

	if (!pid) {
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &use) != pid || (WIFEXITED(status) && WEXITSTATUS(status) == 127))
		return -1;
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static int bench_snapshot(struct bench *b)
{
	char *ss[] = {"ss", "-tulpna", NULL}, *lsof[] = {"lsof", "-i", "-n", "-P", NULL};
	double ours[SNAPSHOTS], of_ss, of_lsof, value;

	if (start_makers(b) < 0)
		return -1;
	for (int i = 0; i < SNAPSHOTS; i++) {
		ours[i] = snapshot(b);
		if (ours[i] < 0)
			return die("the snapshot misses sockets");
	}
	of_ss = command(ss);
	of_lsof = command(lsof);
	value = median(ours, SNAPSHOTS) * 1e3;
	if (of_ss > 0)
		figure("snapshot of 50 k sockets with owners", value, "ms", "ss -tulpna", of_ss * 1e3, 1.0 / 30);
	if (of_lsof > 0)
		figure("snapshot of 50 k sockets with owners", value, "ms", "lsof -i -n -P", of_lsof * 1e3, 1.0 / 20);
	return 0;
}

int main(void)
{
	struct bench b = {};
	int r = -1;

	if (find_cgroup(&b) < 0 || enter_cgroup(b.cgroup) < 0 || unshare(CLONE_NEWNET) < 0 || loopback_up() < 0 ||
		mount_tracing() < 0)
		die("a cgroup v2 and namespaces of its own");
	else if (load(&b) < 0)
		die("the socket programs");
	else
		r = bench_ops(&b) < 0 || bench_snapshot(&b) < 0 ? -1 : 0;
	end_makers(&b);
	detach(&b);
	b.is_ending = true;
	if (b.drain)
		pthread_join(b.drain, NULL);
	ring_buffer__free(b.ring);
	sock_iter__destroy(b.it);
	sock_trace__destroy(b.tr);
	sock_cgroup__destroy(b.cg);
	floor__destroy(b.floor);
	enter_cgroup(b.home);
	rmdir(b.cgroup);
	return r < 0;
}
