// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The table of traps: acts that other tools miss, tell twice or blame on somebody else, each by a
 * program of its own (act_socket), and exactly the records that must come of it. An act that the
 * kernel does not have is a skip, which tests/skips.txt must declare.
 */
#include "tests/bpf/sock_rig.h"
#include "user/kern/ladder.h"

enum { ACT_SKIPPED = 77, TEXT_MAX = 1024, ORIGIN_ANY = 255 };

struct trap {
	const char *name; /* a sentence */
	const char *act;
	const char *told; /* record by record type, in their order of enum sw_ev_type */
	const char *has_port; /* record whose local port must be the act's; "" for none */
	uint8_t origin; /* of that record */
	const char *told_a; /* by tier A, where that is more */
};

/* How the programs find a kernel. */
struct tier {
	const char *group, *name;
	struct rig_kernel kernel;
};

/* A row in a tier. */
struct trial {
	const struct trap *trap;
	const struct tier *tier;
	char name[96];
};

#define ONE_LISTENER "bind listen close"
#define CONNECTION   "bind listen connect connected accept close*3"

static const struct trap traps[] = {
	{"a listener is told once", "listen", ONE_LISTENER, "listen", SW_ORIGIN_SYSCALL},
	{"a listener that was never bound is told with its port", "listen-unbound", "listen close",
		"listen", SW_ORIGIN_SYSCALL},
	{"a second listen is told by tier A alone", "listen-twice", ONE_LISTENER, "listen", SW_ORIGIN_SYSCALL,
		"bind listen*2 close"},
	{"a listener for IPv6 alone is told", "v6only", ONE_LISTENER, "listen", SW_ORIGIN_SYSCALL},
	{"each of a reuseport group is told", "reuseport", "bind*2 listen*2 close*2", "listen",
		SW_ORIGIN_SYSCALL},
	{"a listener under a second descriptor is told once", "dup", ONE_LISTENER, "listen",
		SW_ORIGIN_SYSCALL},
	{"the end is told with the last descriptor", "dup-close", ONE_LISTENER, "listen",
		SW_ORIGIN_SYSCALL},
	{"a UDP socket is told", "udp", "bind close", "bind", SW_ORIGIN_SYSCALL},
	{"three datagrams are one destination", "udp-send", "bind connect close*2", "bind",
		SW_ORIGIN_SYSCALL},
	{"a UDP-Lite socket is told", "udplite", "bind close", "bind", SW_ORIGIN_SYSCALL},
	{"a connection is told at both ends", "connect", CONNECTION, "accept", ORIGIN_ANY},
	{"a fast open is told as a connect", "fastopen", CONNECTION, "accept", ORIGIN_ANY},
	{"a raw socket is told", "raw", "bind close", "", 0},
	{"a packet socket is told by tier A alone", "packet", "", "", 0, "bind close"},
	{"a netlink socket is not told", "netlink", "", "", 0},
	{"a UNIX stream listener is told by tier A alone", "unix-stream", "", "", 0, "close unix"},
	{"an abstract UNIX listener is told by tier A alone", "unix-abstract", "", "", 0,
		"close unix"},
	{"a UNIX datagram socket is told by tier A alone", "unix-dgram", "", "", 0, "close unix"},
	{"a UNIX seqpacket listener is told by tier A alone", "unix-seqpacket", "", "", 0,
		"close unix"},
	{"an MPTCP listener is told", "mptcp", "bind listen close*2", "listen", SW_ORIGIN_SYSCALL},
	{"an SCTP listener is told", "sctp", "listen close", "listen", SW_ORIGIN_SYSCALL},
	{"a listener is inherited over an exec", "exec", ONE_LISTENER, "listen", SW_ORIGIN_SYSCALL},
	{"a listener of another namespace is told", "setns", ONE_LISTENER, "listen",
		SW_ORIGIN_SYSCALL},
	{"a listener by 32-bit calls is told", "int80", ONE_LISTENER, "listen", SW_ORIGIN_COMPAT},
	{"a listener by socketcall is told", "socketcall", ONE_LISTENER, "listen",
		SW_ORIGIN_COMPAT},
	{"a listener by io_uring is told", "uring-listen", ONE_LISTENER, "listen",
		SW_ORIGIN_IO_URING},
	{"a listener without a descriptor is told", "uring-direct", "bind*2 listen close*2",
		"listen", SW_ORIGIN_IO_URING},
	{"a connect by io_uring is told once", "uring-connect", CONNECTION, "connected",
		SW_ORIGIN_IO_URING},
	{"an accept by io_uring is told once", "uring-accept", CONNECTION, "accept", ORIGIN_ANY},
};

static const char *const words[SW_EV_TYPE_COUNT] = {
	[SW_EV_BIND] = "bind",
	[SW_EV_LISTEN] = "listen",
	[SW_EV_CONNECT] = "connect",
	[SW_EV_CONNECTED] = "connected",
	[SW_EV_CONNECT_FAILED] = "failed",
	[SW_EV_ACCEPT] = "accept",
	[SW_EV_CLOSE] = "close",
	[SW_EV_UNIX] = "unix",
};

static void act_program(struct said *s)
{
	char path[PATH_MAX + 32], *slash;
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (n < 0 || dup2(s->fd, STDOUT_FILENO) < 0)
		_exit(110);
	path[n] = 0;
	slash = strrchr(path, '/'); /* build/tests/bpf/test_traps */
	snprintf(slash, 32, "/../netns/act_socket");
	execl(path, "act_socket", s->act, NULL);
	_exit(111);
}

/* Runs the act to its end; what it said is in text. */
static pid_t act(struct bench *b, const struct trap *t, char text[static TEXT_MAX])
{
	int status, fd = memfd_create("said", 0);
	pid_t pid;
	ssize_t n;

	assert_true(fd >= 0);
	b->said->fd = fd;
	snprintf(b->said->act, sizeof(b->said->act), "%s", t->act);
	start(b, act_program);
	pid = b->pid;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	b->pid = 0;
	n = pread(fd, text, TEXT_MAX - 1, 0);
	close(fd);
	assert_true(n >= 0 && WIFEXITED(status));
	text[n] = 0;
	if (WEXITSTATUS(status) == ACT_SKIPPED) {
		print_message("%s", text);
		skip();
	}
	if (WEXITSTATUS(status) != 0)
		fail_msg("%s ended with %d: %s", t->act, WEXITSTATUS(status), text);
	assert_true(ring_buffer__consume(b->ring) >= 0);
	assert_int_equal(b->malformed, 0);
	return pid;
}

static uint16_t said_port(const char *text, const char *word)
{
	unsigned int port;
	const char *at = strstr(text, word);

	assert_non_null(at);
	assert_int_equal(sscanf(at + strlen(word), " %u", &port), 1);
	return (uint16_t)port;
}

static void what_was_told(const struct bench *b, pid_t pid, char *buf, size_t size)
{
	size_t len = 0;

	*buf = 0;
	for (uint8_t type = 0; type < SW_EV_TYPE_COUNT; type++) {
		size_t n = 0;

		while (words[type] && told(b, type, pid, n))
			n++;
		if (n == 1)
			len += (size_t)snprintf(
				buf + len, size - len, "%s%s", len ? " " : "", words[type]);
		else if (n)
			len += (size_t)snprintf(
				buf + len, size - len, "%s%s*%zu", len ? " " : "", words[type], n);
	}
}

static void check_port(const struct bench *b, const struct trap *t, pid_t pid, const char *text)
{
	const struct sw_sock_event *e;
	uint8_t type = 0;

	if (!*t->has_port)
		return;
	while (!words[type] || strcmp(words[type], t->has_port) != 0)
		type++;
	e = told_port(b, type, pid, said_port(text, type == SW_EV_CONNECTED ? "other" : "port"));
	if (!e)
		fail_msg("%s: no %s with the port of: %s", t->act, t->has_port, text);
	if (t->origin != ORIGIN_ANY && e->origin != t->origin)
		fail_msg("%s: %s: origin %u, expected %u", t->act, t->has_port, e->origin,
			t->origin);
	if (type == SW_EV_LISTEN && !strcmp(t->act, "setns"))
		assert_int_not_equal(e->owner.netns, b->said->netns);
	else
		assert_int_equal(e->owner.netns, b->said->netns);
}

/* Loading is what takes time: once for a tier. */
static void *tier_bench;
static const struct tier *tier_now;

static int begin_tier(void **state)
{
	return begin_on(&tier_bench, &tier_now->kernel);
}

static int end_tier(void **state)
{
	return end(&tier_bench);
}

static void each(void **state)
{
	const struct trial *trial = *state;
	const struct trap *t = trial->trap;
	const char *expected = trial->tier->kernel.has_trampolines && t->told_a ? t->told_a : t->told;
	char got[256], text[TEXT_MAX];
	struct bench *b = tier_bench;
	pid_t pid;

	b->n = 0;
	pid = act(b, t, text);
	for (int ms = 0; ms < DEADLINE_MS; ms++) { /* the end of a ring comes after its process's */
		what_was_told(b, pid, got, sizeof(got));
		if (!strcmp(got, expected))
			break;
		ring_buffer__poll(b->ring, 1);
		assert_true(ring_buffer__consume(b->ring) >= 0);
	}
	if (strcmp(got, expected) != 0)
		fail_msg("%s: told \"%s\", expected \"%s\"", t->act, got, expected);
	check_port(b, t, pid, text);
}

static void every_row_of_tier_a(void **state)
{
	print_message("this kernel refuses BPF trampolines\n");
	skip();
}

static int run_tier(const struct tier *tier)
{
	struct trial trials[SW_ARRAY_SIZE(traps)];
	struct CMUnitTest tests[SW_ARRAY_SIZE(traps)];

	tier_now = tier;
	for (size_t i = 0; i < SW_ARRAY_SIZE(traps); i++) {
		trials[i] = (struct trial){.trap = &traps[i], .tier = tier};
		snprintf(trials[i].name, sizeof(trials[i].name), "%s: %s", tier->name, traps[i].name);
		tests[i] = (struct CMUnitTest){
			.name = trials[i].name, .test_func = each, .initial_state = &trials[i]};
	}
	return _cmocka_run_group_tests(tier->group, tests, SW_ARRAY_SIZE(tests), begin_tier, end_tier);
}

int main(void)
{
	static const struct tier tiers[] = {
		{"traps_b", "tier B", {.ring_bytes = SW_EV_SOCK_BYTES}},
		{"traps_locked", "tier B locked down", {.ring_bytes = SW_EV_SOCK_BYTES, .is_locked_down = true}},
		{"traps_a", "tier A", {.ring_bytes = SW_EV_SOCK_BYTES, .has_trampolines = true}},
	};
	const struct CMUnitTest none[] = {cmocka_unit_test(every_row_of_tier_a)};
	int failed = 0;

	for (size_t i = 0; i < SW_ARRAY_SIZE(tiers); i++)
		if (!tiers[i].kernel.has_trampolines || sw_ladder_probe_trampoline() == 0)
			failed += run_tier(&tiers[i]);
		else
			failed += cmocka_run_group_tests(none, NULL, NULL);
	return failed;
}
