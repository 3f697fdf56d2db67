// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The socket programs on a real kernel: attached to a cgroup of the test's own, they watch a child
 * in that cgroup and in a network namespace of its own, and what they tell is held to what it did.
 */
#include "tests/bpf/sock_acts.h"

#include "skel/sock_bind.skel.h"

static void a_listener_is_told_with_port_backlog_options_and_owner(void **state)
{
	const struct sw_sock_event *e, *bind_event;
	struct bench *b = *state;
	struct said s;
	pid_t pid = run(b, act_listen4, &s);

	bind_event = told_port(b, SW_EV_BIND, pid, s.port);
	assert_non_null(bind_event);
	e = told_port(b, SW_EV_LISTEN, pid, s.port);
	assert_non_null(e);
	assert_int_equal(e->cookie, bind_event->cookie);
	assert_int_equal(e->family, AF_INET);
	assert_int_equal(e->type, SOCK_STREAM);
	assert_int_equal(e->protocol, IPPROTO_TCP);
	assert_int_equal(e->state, 10);
	assert_int_equal(e->backlog, 17);
	assert_int_equal(e->options, SW_OPT_REUSEADDR | SW_OPT_REUSEPORT);
	assert_int_equal(e->origin, SW_ORIGIN_SYSCALL);
	assert_int_equal(e->owner.netns, s.netns);
	assert_int_equal(e->owner.uid, getuid());
	assert_true(e->owner.start_ns && e->owner.cgroup_id && e->cookie);
	assert_memory_equal(e->laddr, "\x7f\0\0\1\0\0\0\0", 8);
	assert_non_null(told(b, SW_EV_CLOSE, pid, 0));
	assert_int_equal(told(b, SW_EV_CLOSE, pid, 0)->sock.cookie, e->cookie);
	assert_null(told(b, SW_EV_CLOSE, pid, 1));
}

static void act_listen6(struct said *s)
{
	int fd = bound(AF_INET6, SOCK_STREAM, 0);

	s->port = port_of(fd);
	if (listen(fd, 5) < 0)
		_exit(105);
}

static void a_listener_of_ipv6_is_told_with_its_address(void **state)
{
	static const uint8_t loopback[16] = {[15] = 1};
	const struct sw_sock_event *e, *bind_event;
	struct bench *b = *state;
	struct said s;
	pid_t pid = run(b, act_listen6, &s);

	bind_event = told_port(b, SW_EV_BIND, pid, s.port);
	e = told_port(b, SW_EV_LISTEN, pid, s.port);
	assert_true(e && bind_event);
	assert_int_equal(e->family, AF_INET6);
	assert_memory_equal(e->laddr, loopback, 16);
	assert_memory_equal(bind_event->laddr, loopback, 16);
	assert_true(e->options & SW_OPT_V6ONLY);
}

static void a_listener_that_was_never_bound_is_told_with_the_port_the_kernel_chose(void **state)
{
	struct bench *b = *state;
	const struct sw_sock_event *e;
	struct said s;
	pid_t pid = run(b, act_listen_unbound, &s);

	assert_null(told(b, SW_EV_BIND, pid, 0));
	e = told_port(b, SW_EV_LISTEN, pid, s.port);
	assert_non_null(e);
	assert_int_equal(e->cookie, told(b, SW_EV_LISTEN, pid, 0)->sock.cookie);
}

static void act_listen_shutdown(struct said *s)
{
	int fd = bound(AF_INET, SOCK_STREAM, 0);

	s->port = port_of(fd);
	if (listen(fd, 5) < 0 || shutdown(fd, SHUT_RDWR) < 0)
		_exit(105);
	s->fd = fd;
	raise(SIGSTOP); /* the descriptor is still open when the test looks */
}

static void a_listener_that_is_shut_down_is_told_as_closed_before_its_descriptor_is(void **state)
{
	struct bench *b = *state;
	pid_t pid = run_to_stop(b, act_listen_shutdown);
	const struct sw_sock_event *up = told_port(b, SW_EV_LISTEN, pid, b->said->port);
	const union record *closed = told(b, SW_EV_CLOSE, pid, 0);

	assert_true(up && closed);
	assert_int_equal(closed->sock.cookie, up->cookie);
}

static void a_connection_is_told_asked_made_accepted_and_closed(void **state)
{
	check_connection(*state, act_connect4, AF_INET);
}

static void a_connection_over_ipv6_is_told_asked_made_accepted_and_closed(void **state)
{
	check_connection(*state, act_connect6, AF_INET6);
}

static void a_refused_connection_is_told_with_its_error(void **state)
{
	struct bench *b = *state;
	const union record *r;
	struct said s;
	pid_t pid = run(b, act_refused, &s);

	assert_int_equal(s.error, -ECONNREFUSED);
	r = told(b, SW_EV_CONNECT_FAILED, pid, 0);
	assert_non_null(r);
	assert_int_equal(r->sock.ret, -ECONNREFUSED);
	assert_int_equal(r->sock.rport, s.port);
}

static void udp_is_told_bound_and_its_first_destination_once(void **state)
{
	const struct sw_sock_event *bind_event, *sent;
	struct bench *b = *state;
	struct said s;
	pid_t pid = run(b, act_udp, &s);

	bind_event = told_port(b, SW_EV_BIND, pid, s.port);
	assert_non_null(bind_event);
	assert_int_equal(bind_event->protocol, IPPROTO_UDP);
	sent = (void *)told(b, SW_EV_CONNECT, pid, 0);
	assert_non_null(sent);
	assert_int_equal(sent->rport, s.port);
	assert_int_equal(sent->state, 7);
	assert_null(told(b, SW_EV_CONNECT, pid, 1));
	assert_non_null(told(b, SW_EV_CLOSE, pid, 1)); /* both */
}

/* What is told begins at the root of the mount namespace; a test in a chroot sees the end of it. */
static void assert_ends_with(const char *text, const char *end_text)
{
	size_t n = strlen(text), m = strlen(end_text);

	assert_true(n >= m);
	assert_string_equal(text + n - m, end_text);
}

static void act_exec(struct said *s)
{
	pid_t pid = fork();

	if (!pid) {
		execl("/bin/sh", "sh", "-c", "exit 3", NULL);
		_exit(1);
	}
	s->fd = pid;
	waitpid(pid, NULL, 0);
}

static void a_program_is_told_with_path_arguments_and_its_end(void **state)
{
	struct bench *b = *state;
	const union record *r;
	char path[PATH_MAX];
	struct said s;
	pid_t pid = run(b, act_exec, &s);

	r = told(b, SW_EV_FORK, s.fd, 0);
	assert_non_null(r);
	assert_int_equal(r->fork.ppid, pid);
	assert_int_equal(r->fork.parent_start_ns, told(b, SW_EV_FORK, pid, 0)->fork.owner.start_ns);
	r = told(b, SW_EV_EXEC, s.fd, 0);
	assert_non_null(r);
	assert_non_null(realpath("/bin/sh", path));
	assert_ends_with(r->exec.path, path);
	assert_int_equal(r->exec.path_len, strlen(r->exec.path));
	assert_false(r->exec.is_path_cut || r->exec.is_deleted);
	assert_int_equal(r->exec.args_len, sizeof("sh\0-c\0exit 3"));
	assert_memory_equal(r->exec.args, "sh\0-c\0exit 3", sizeof("sh\0-c\0exit 3"));
	assert_string_equal(r->exec.comm, "sh");
	assert_int_equal(r->exec.owner.start_ns, told(b, SW_EV_FORK, s.fd, 0)->fork.owner.start_ns);
	r = told(b, SW_EV_EXIT, s.fd, 0);
	assert_non_null(r);
	assert_int_equal(WEXITSTATUS(r->exit.exit_code), 3);
	assert_int_equal(WEXITSTATUS(told(b, SW_EV_EXIT, pid, 0)->exit.exit_code), EXIT_CODE);
}

static void act_exec_memfd(struct said *s)
{
	_free_ char *sh = NULL;
	size_t len;
	int from = open("/bin/true", O_RDONLY | O_CLOEXEC),
	    fd = memfd_create("hidden", MFD_CLOEXEC);
	pid_t pid;

	if (from < 0 || sw_read_all(from, 1 << 24, &sh, &len) < 0 || sw_write_all(fd, sh, len) < 0)
		_exit(108);
	pid = fork();
	if (!pid) {
		char *const argv[] = {(char *)"innocent", NULL}, *const envp[] = {NULL};

		syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
		_exit(1);
	}
	s->fd = pid;
	waitpid(pid, NULL, 0);
}

static void a_program_in_a_memfd_is_told_as_one_without_a_name(void **state)
{
	struct bench *b = *state;
	const union record *r;
	struct said s;

	run(b, act_exec_memfd, &s);
	r = told(b, SW_EV_EXEC, s.fd, 0);
	assert_non_null(r);
	assert_true(r->exec.is_deleted);
	assert_string_equal(r->exec.path, "/memfd:hidden");
}

/* ---- the iterators */

struct seen {
	uint32_t pid;
	uint16_t port;
	uint32_t inode;
	uint64_t cookie;
	bool has_inet, has_held, has_file, has_task, has_unix;
	int fd;
	uint32_t netns;
};

enum { TWIN = 10 /* from a descriptor to its copy */ };

static bool is_listener(const struct sw_it_inet *r, struct seen *s)
{
	if (r->lport != s->port || r->netns != s->netns || r->state != 10)
		return false;
	assert_int_equal(r->backlog, 17);
	assert_int_equal(r->options, SW_OPT_REUSEADDR | SW_OPT_REUSEPORT);
	assert_int_equal(r->uid, getuid());
	s->inode = r->inode;
	return true;
}

static int see(enum sw_it_type type, union sw_it it, void *arg)
{
	struct seen *s = arg;

	if (type == SW_IT_INET && is_listener(it.inet, s)) {
		s->has_inet = true;
		s->cookie = it.inet->cookie;
	}
	if (type == SW_IT_HELD && is_listener(&it.held->inet, s)) {
		s->has_held = true;
		assert_int_equal(it.held->inet.cookie, s->cookie);
		assert_int_equal(it.held->inet.inode, s->inode);
		assert_int_equal(it.held->owner.tgid, s->pid);
		assert_int_equal(it.held->fd, s->fd);
	}
	if (type == SW_IT_FILE && it.file->owner.tgid == s->pid && (int)it.file->fd == s->fd + TWIN) {
		s->has_file = true;
		assert_int_equal(it.file->cookie, s->cookie);
		assert_int_equal(it.file->owner.netns, s->netns);
	}
	if (type == SW_IT_TASK && it.task->owner.tgid == s->pid) {
		char self[PATH_MAX] = "";

		s->has_task = true;
		assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
		assert_ends_with(it.task->path, self); /* the child has not exec'd */
		assert_int_equal(it.task->ppid, getpid());
	}
	if (type == SW_IT_UNIX && it.ux->is_abstract && it.ux->path_len > 6 &&
		!memcmp(it.ux->path + 1, "sw-sock", 7))
		s->has_unix = true;
	return 0;
}

static void read_all(struct bpf_program *p, struct seen *s)
{
	struct bpf_link *link = bpf_program__attach_iter(p, NULL);
	int fd;

	assert_non_null(link);
	fd = bpf_iter_create(bpf_link__fd(link));
	assert_true(fd >= 0);
	assert_true(sw_iter_read(fd, see, s) >= 0);
	close(fd);
	bpf_link__destroy(link);
}

/* On its way to a process: open, and nobody's. */
static void send_aside(int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} c = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct iovec byte = {.iov_base = (char[1]){0}, .iov_len = 1};
	struct msghdr m = {.msg_iov = &byte, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
	int pair[2];

	memcpy(CMSG_DATA(&c.head), &fd, sizeof(fd));
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0 || sendmsg(pair[0], &m, 0) != 1)
		_exit(106);
}

static void act_listen_and_stop(struct said *s)
{
	s->fd = bound(AF_INET, SOCK_STREAM, 0);
	s->port = port_of(s->fd);
	if (listen(s->fd, 17) < 0 || dup2(s->fd, s->fd + TWIN) < 0)
		_exit(105);
	raise(SIGSTOP);
	send_aside(s->fd);
	close(s->fd);
	close(s->fd + TWIN);
	raise(SIGSTOP);
}

/* A TCP iterator shows the namespace of who opens it, so it is opened there; a helper process does. */
static void read_inside(struct bench *b, pid_t pid, struct seen *s)
{
	struct seen *shared =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char path[64];
	int status, ns;
	pid_t helper;

	*shared = *s;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	helper = fork();
	if (!helper) {
		if (setns(ns, CLONE_NEWNET) < 0)
			_exit(1);
		read_all(b->it->progs.it_tcp, shared);
		_exit(0);
	}
	close(ns);
	waitpid(helper, &status, 0);
	assert_int_equal(status, 0);
	*s = *shared;
	munmap(shared, sizeof(*s));
}

static void iterators_show_a_listener_its_owner_and_the_owners_executable(void **state)
{
	struct bench *b = *state;
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0sw-sock-test"};
	_close_ int ux = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid = run_to_stop(b, act_listen_and_stop);
	struct seen s = {.pid = (uint32_t)pid,
		.port = b->said->port,
		.fd = b->said->fd,
		.netns = b->said->netns};

	assert_int_equal(bind(ux, (void *)&name, sizeof(name.sun_family) + 13), 0);
	read_inside(b, pid, &s);
	read_all(b->it->progs.it_unix, &s);
	read_all(b->it->progs.it_task, &s);
	read_all(b->it->progs.it_task_file, &s);
	assert_true(s.has_inet);
	assert_true(s.has_held);
	assert_true(s.has_file);
	assert_true(s.has_task);
	assert_true(s.has_unix);
}

static void a_process_that_ended_and_was_not_waited_for_is_in_no_snapshot(void **state)
{
	struct bench *b = *state;
	pid_t pid = run_to_stop(b, act_listen_and_stop);
	struct seen s = {.pid = (uint32_t)pid, .port = b->said->port, .fd = b->said->fd, .netns = b->said->netns};
	siginfo_t info;

	read_all(b->it->progs.it_task, &s);
	assert_true(s.has_task);
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	s.has_task = false;
	read_all(b->it->progs.it_task, &s);
	assert_false(s.has_task);
}

static void a_socket_is_told_once_in_a_snapshot_and_without_an_owner_when_it_has_none(void **state)
{
	struct bench *b = *state;
	pid_t pid = run_to_stop(b, act_listen_and_stop);
	struct seen s = {.pid = (uint32_t)pid, .port = b->said->port, .fd = b->said->fd, .netns = b->said->netns};
	int status;

	read_inside(b, pid, &s);
	assert_true(s.has_inet);
	read_all(b->it->progs.it_task_file, &s);
	assert_true(s.has_held);
	s.has_inet = s.has_held = s.has_file = false;
	read_inside(b, pid, &s);
	assert_false(s.has_inet);
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	read_all(b->it->progs.it_task_file, &s);
	assert_false(s.has_held);
	assert_false(s.has_file);
	read_inside(b, pid, &s);
	assert_true(s.has_inet);
}

/* The cookie of the descriptor that was told last, and how many UNIX sockets were told after theirs. */
struct in_order {
	uint64_t file;
	unsigned int n;
};

static int see_order(enum sw_it_type type, union sw_it it, void *arg)
{
	struct in_order *o = arg;

	if (type == SW_IT_FILE)
		o->file = it.file->cookie;
	if (type != SW_IT_UNIX)
		return 0;
	o->n++;
	assert_int_equal(it.ux->cookie, o->file);
	return 0;
}

/* Else each snapshot takes it for one that came after the descriptors were walked, and walks them again. */
static void a_unix_socket_is_told_after_who_has_it(void **state)
{
	struct bench *b = *state;
	struct in_order o = {};
	struct bpf_link *l = bpf_program__attach_iter(b->it->progs.it_task_file, NULL);
	_close_ int fd = bpf_iter_create(bpf_link__fd(l));
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_true(sw_iter_read(fd, see_order, &o) > 0);
	assert_true(o.n >= 2);
	close(pair[0]);
	close(pair[1]);
	bpf_link__destroy(l);
}

/* ---- loss */

static void act_flood(struct said *s)
{
	for (int i = 0; i < 500; i++)
		close(bound(AF_INET, SOCK_DGRAM, 0));
}

static uint64_t stat_sum(struct bench *b, uint32_t stat)
{
	int cpus = libbpf_num_possible_cpus();
	_free_ uint64_t *values = calloc((size_t)cpus, sizeof(*values));
	uint64_t sum = 0;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(b->cg->maps.stats), &stat, values), 0);
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	return sum;
}

static void a_full_ring_counts_what_it_loses_and_the_numbers_show_it(void **state)
{
	struct bench *b = *state;
	struct said s;
	uint64_t lost;

	run(b, act_flood, &s);
	lost = stat_sum(b, SW_STAT_EV_SOCK_LOST);
	assert_true(lost >= 500);
	/* With room again, the next record of every CPU shows the gap. */
	for (int cpu = 0; cpu < 2; cpu++)
		run(b, act_listen4, &s);
	assert_true(b->seq.missing > 0);
	assert_true((uint64_t)b->seq.missing <= stat_sum(b, SW_STAT_EV_SOCK_LOST));
	assert_true(stat_sum(b, SW_STAT_EV_SOCK_SENT) >= b->n);
}

/* ---- time and traces */

static void a_listen_wakes_the_reader_at_once(void **state)
{
	struct bench *b = *state;
	struct pollfd p = {.fd = ring_buffer__epoll_fd(b->ring), .events = POLLIN};
	const struct sw_sock_event *e = NULL;
	uint64_t deadline = boot_ns() + DEADLINE_MS * 1000000ull, seen_ns = 0;
	bool has_some = false;

	start(b, act_listen_and_stop);
	while (!e && boot_ns() < deadline) {
		poll(&p, 1, has_some ? 2 : 100); /* as user/kern/ring.c: what follows its bind sends no wake-up */
		has_some = ring_buffer__consume(b->ring) > 0;
		seen_ns = boot_ns();
		e = b->said->port ? told_port(b, SW_EV_LISTEN, b->pid, b->said->port) : NULL;
	}
	assert_non_null(e);
	assert_in_range(seen_ns - e->head.boot_ns, 0, 50000000);
}

static pid_t end_at_once(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

/* The rest of the machine may wake us too: one quiet try of many is the proof, and a wake-up in every one. */
static void processes_wake_the_reader_only_when_they_are_many(void **state)
{
	enum { TRIES = 100, QUIET_MS = 20, MANY = 64 /* with two records each, enough */, TRIES_MANY = 20 };
	struct bench *b = *state;
	struct pollfd p = {.fd = ring_buffer__epoll_fd(b->ring), .events = POLLIN};
	unsigned int quiet = 0, n, i;
	cpu_set_t all, one;

	for (n = 0; n < TRIES && !quiet; n++) {
		pid_t pid;

		read_to_quiet(b, &p);
		pid = end_at_once();
		quiet = poll(&p, 1, QUIET_MS) == 0;
		assert_true(ring_buffer__consume(b->ring) >= 0);
		assert_non_null(told(b, SW_EV_EXIT, pid, 0));
	}
	assert_true(quiet);
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	for (n = 0; n < TRIES_MANY; n++) {
		read_to_quiet(b, &p);
		for (i = 0; i < MANY; i++)
			end_at_once();
		assert_int_equal(poll(&p, 1, 0), 1);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

static uint32_t prog_id(struct bpf_program *p)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len), 0);
	return info.id;
}

static void unloading_leaves_no_program_behind(void **state)
{
	struct bench *b = *state;
	uint32_t ids[] = {prog_id(b->cg->progs.on_post_bind4), prog_id(b->tr->progs.on_state),
		prog_id(b->it->progs.it_tcp)};
	uint64_t deadline = boot_ns() + DEADLINE_MS * 1000000ull;

	assert_int_equal(end(state), 0);
	for (size_t i = 0; i < SW_ARRAY_SIZE(ids); i++) {
		int fd;

		/* The kernel frees a program a grace period after the last hold on it. */
		while ((fd = bpf_prog_get_fd_by_id(ids[i])) >= 0) {
			close(fd);
			assert_true(boot_ns() < deadline);
			poll(NULL, 0, 5);
		}
	}
}

/* Where a helper is, from the base that calls in a dump are counted from; 0 when that is not told. */
static int32_t offset_of(const char *name)
{
	_fclose_ FILE *f = fopen("/proc/kallsyms", "re");
	unsigned long long at, helper = 0, base = 0;
	char line[512], symbol[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %*c %255s", &at, symbol) != 2)
			continue;
		if (sw_streq(symbol, name))
			helper = at;
		if (sw_streq(symbol, "__bpf_call_base"))
			base = at;
	}
	return helper && base ? (int32_t)(helper - base) : 0;
}

static void check_no_call(struct bpf_object *o, int32_t helper)
{
	static struct bpf_insn insns[65536];
	struct bpf_program *p;

	bpf_object__for_each_program(p, o)
	{
		struct bpf_prog_info info = {.xlated_prog_insns = (uintptr_t)insns, .xlated_prog_len = sizeof(insns)};
		__u32 len = sizeof(info);

		assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len), 0);
		assert_true(info.xlated_prog_len && info.xlated_prog_len < sizeof(insns));
		for (size_t i = 0; i < info.xlated_prog_len / sizeof(*insns); i++)
			if (insns[i].code == (BPF_JMP | BPF_CALL) && !insns[i].src_reg && insns[i].imm == helper)
				fail_msg("%s calls it", bpf_program__name(p));
	}
}

/* lockdown=confidentiality refuses a program in which one can be reached (lib/lockdown.bpf.h). */
static void no_program_reads_kernel_memory_where_it_may_not(void **state)
{
	static const char *const calls[] = {
		"bpf_probe_read_kernel", "bpf_probe_read_kernel_str", "bpf_probe_read_user"};
	struct sock_bind *bind = sock_bind__open();
	struct sock_cgroup *cg = sock_cgroup__open();
	struct sock_trace *tr = sock_trace__open();
	struct sock_iter *it = sock_iter__open();

	assert_true(cg && tr && it && bind);
	cg->rodata->can_read_kernel = false;
	bind->rodata->can_read_kernel = false;
	tr->rodata->can_read_kernel = false;
	it->rodata->can_read_kernel = false;
	assert_int_equal(sock_cgroup__load(cg), 0);
	assert_int_equal(sock_bind__load(bind), 0);
	assert_int_equal(sock_trace__load(tr), 0);
	assert_int_equal(sock_iter__load(it), 0);
	for (size_t i = 0; i < SW_ARRAY_SIZE(calls); i++) {
		int32_t call = offset_of(calls[i]);

		assert_int_not_equal(call, 0);
		check_no_call(cg->obj, call);
		check_no_call(bind->obj, call);
		check_no_call(tr->obj, call);
		check_no_call(it->obj, call);
	}
	sock_iter__destroy(it);
	sock_trace__destroy(tr);
	sock_bind__destroy(bind);
	sock_cgroup__destroy(cg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_listener_is_told_with_port_backlog_options_and_owner, begin, end),
		cmocka_unit_test_setup_teardown(
			a_listener_of_ipv6_is_told_with_its_address, begin, end),
		cmocka_unit_test_setup_teardown(
			a_listener_that_was_never_bound_is_told_with_the_port_the_kernel_chose,
			begin, end),
		cmocka_unit_test_setup_teardown(
			a_listener_that_is_shut_down_is_told_as_closed_before_its_descriptor_is,
			begin, end),
		cmocka_unit_test_setup_teardown(
			a_connection_is_told_asked_made_accepted_and_closed, begin, end),
		cmocka_unit_test_setup_teardown(
			a_connection_over_ipv6_is_told_asked_made_accepted_and_closed, begin, end),
		cmocka_unit_test_setup_teardown(
			a_refused_connection_is_told_with_its_error, begin, end),
		cmocka_unit_test_setup_teardown(
			udp_is_told_bound_and_its_first_destination_once, begin, end),
		cmocka_unit_test_setup_teardown(
			a_program_is_told_with_path_arguments_and_its_end, begin, end),
		cmocka_unit_test_setup_teardown(
			a_program_in_a_memfd_is_told_as_one_without_a_name, begin, end),
		cmocka_unit_test_setup_teardown(
			iterators_show_a_listener_its_owner_and_the_owners_executable, begin, end),
		cmocka_unit_test_setup_teardown(
			a_process_that_ended_and_was_not_waited_for_is_in_no_snapshot, begin, end),
		cmocka_unit_test_setup_teardown(
			a_socket_is_told_once_in_a_snapshot_and_without_an_owner_when_it_has_none, begin, end),
		cmocka_unit_test_setup_teardown(a_unix_socket_is_told_after_who_has_it, begin, end),
		cmocka_unit_test_setup_teardown(
			a_full_ring_counts_what_it_loses_and_the_numbers_show_it, begin_tiny, end),
		cmocka_unit_test_setup_teardown(a_listen_wakes_the_reader_at_once, begin, end),
		cmocka_unit_test_setup_teardown(processes_wake_the_reader_only_when_they_are_many, begin, end),
		cmocka_unit_test(no_program_reads_kernel_memory_where_it_may_not),
		cmocka_unit_test_setup_teardown(unloading_leaves_no_program_behind, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
