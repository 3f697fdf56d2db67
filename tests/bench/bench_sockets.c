// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What watching sockets costs: CPU time of a bind, listen and close and of a TCP connect cycle with our
 * programs attached to a cgroup of the bench's own, beside none, in turns, and beside Debian's tcplife and
 * tcpstates (libbpf-tools; those of bpfcc-tools need kernel headers) and a bpftrace script that tells of the same acts;
 * and a snapshot of 50,000 sockets with their owners beside `ss -tulpna` and `lsof -i -n -P`. In a network and a mount
 * namespace of its own. A line of JSON a figure; exit 1 when the snapshot misses a socket.
 */
#include <arpa/inet.h>
#include <math.h>
#include <sys/resource.h>

#include "tests/bench/sock_bench.h"
#include "user/kern/iter.h"
#include "user/sockets/inventory.h"

enum { ROOM = 256 /* for what the bench has open */ };
/* A round is 1 to 4 ms, so that many a one is not disturbed; the next five are with the same attached. */
enum { OPS = 100, TURNS = 80, TURN_ROUNDS = 5, PEER_OPS = 500, PEER_ROUNDS = 3 };
/*
 * Of a hook in all fewer accepts than a cgroup's burst of records, after a second that fills it: else the hooks would
 * be seen at what they do while they tell of sums, and the turns at what they do while they tell of each.
 */
enum { HOOK_ROUNDS = 80, HOOK_PAUSE_SEC = 1 };
_Static_assert(HOOK_ROUNDS * OPS <= SW_SOCK_CGROUP_BURST, "each accept is told");
enum { MAKERS = 10, SOCKETS_EACH = 5000, SNAPSHOTS = 5 };

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

static double time_ops(int (*op)(int), int listener, int n)
{
	double start = clock_sec(CLOCK_THREAD_CPUTIME_ID);

	for (int i = 0; i < n; i++)
		if (op(listener) < 0)
			return -1;
	return (clock_sec(CLOCK_THREAD_CPUTIME_ID) - start) / n * 1e6;
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

/* Lowers *least to the least of a turn's rounds. */
static int take_turn(const struct trial *t, double *least)
{
	for (int i = 0; i < TURN_ROUNDS; i++) {
		double cost = time_ops(t->op, t->listener, OPS);

		if (cost < 0)
			return -1;
		*least = SW_MIN(*least, cost);
	}
	return 0;
}

/* In turns, and the least of many short rounds: what else runs on the machine only adds. */
static int try(struct bench *b, struct trial *t)
{
	const attach_fn ways[] = {attach_none, attach_empty, attach_ours};
	double *const costs[] = {&t->none, &t->empty, &t->ours};

	t->none = t->empty = t->ours = HUGE_VAL;
	for (size_t i = 0; i < TURNS * SW_ARRAY_SIZE(ways); i++) {
		size_t way = i % SW_ARRAY_SIZE(ways);
		int r = ways[way](b) < 0 ? -1 : take_turn(t, costs[way]);

		detach(b);
		if (r < 0)
			return die(t->name);
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
	sleep(HOOK_PAUSE_SEC);
	for (int i = 0; i < HOOK_ROUNDS; i++) {
		struct asked before = asked_of(o, hook), after;

		if (time_ops(t->op, t->listener, OPS) < 0)
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
	const char *const hooks[] = {"on_sock_create", bound, "on_state", "on_sock_release"};
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

/* ---- beside peers */

struct timed {
	double listen[PEER_ROUNDS], connect[PEER_ROUNDS];
};

static int time_both(struct timed *t, size_t i, int listener)
{
	t->listen[i] = time_ops(op_listen, -1, PEER_OPS);
	t->connect[i] = time_ops(op_connect, listener, PEER_OPS);
	return t->listen[i] < 0 || t->connect[i] < 0 ? die("an operation failed") : 0;
}

/* One peer and us in turns. */
static int bench_peer(struct bench *b, const struct peer *p, int listener)
{
	struct timed ours, theirs;

	for (size_t i = 0; i < PEER_ROUNDS; i++) {
		pid_t pid;
		int r = start_peer(b, p, listener, &pid);

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

static int start_makers(pid_t makers[static MAKERS])
{
	int ready[2];
	char byte;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	for (int i = 0; i < MAKERS; i++) {
		makers[i] = fork();
		if (!makers[i])
			make_sockets(i, ready[1]);
	}
	close(ready[1]);
	for (int i = 0; i < MAKERS; i++)
		if (read(ready[0], &byte, 1) != 1)
			return die("the sockets to list cannot be made");
	close(ready[0]);
	return 0;
}

static void end_makers(const pid_t makers[static MAKERS])
{
	for (int i = 0; i < MAKERS; i++) {
		if (makers[i] <= 0)
			continue;
		kill(makers[i], SIGKILL);
		waitpid(makers[i], NULL, 0);
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

	start = clock_sec(CLOCK_THREAD_CPUTIME_ID); /* not of the thread that waits for records */
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
	start = clock_sec(CLOCK_THREAD_CPUTIME_ID) - start;
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

static int bench_snapshots(struct bench *b)
{
	pid_t makers[MAKERS] = {};
	int r = start_makers(makers) < 0 ? -1 : bench_snapshot(b);

	end_makers(makers);
	return r;
}

int main(void)
{
	struct bench b = {.name = "bench_sock"};
	int r = bench_begin(&b);

	if (r >= 0)
		r = bench_ops(&b) < 0 || bench_snapshots(&b) < 0 ? -1 : 0;
	bench_end(&b);
	return r < 0;
}
