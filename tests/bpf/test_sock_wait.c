// SPDX-License-Identifier: GPL-3.0-or-later
/* Listeners that were never bound (bpf/lib/sock_wait.bpf.h): each told once, with the port that the kernel chose. */
#include "tests/bpf/sock_acts.h"

enum { MANY = 200 };

static void act_listen_and_stay(struct said *s)
{
	act_listen_unbound(s);
	raise(SIGSTOP);
}

static void one_that_stays_is_told_with_its_port(void **state)
{
	struct bench *b = *state;
	pid_t pid = run_to_stop(b, act_listen_and_stay);

	for (int ms = 0; ms < DEADLINE_MS && !told(b, SW_EV_LISTEN, pid, 0); ms++)
		ring_buffer__poll(b->ring, 1);
	assert_non_null(told_port(b, SW_EV_LISTEN, pid, b->said->port));
	assert_null(told(b, SW_EV_LISTEN, pid, 1));
	assert_null(told(b, SW_EV_CLOSE, pid, 0));
}

static void act_listen_and_close(struct said *s)
{
	for (int i = 0; i < MANY; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (listen(fd, 5) < 0)
			_exit(105);
		close(fd);
	}
}

static void act_listen_and_shut_down(struct said *s)
{
	for (int i = 0; i < MANY; i++) {
		int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (listen(fd, 5) < 0 || shutdown(fd, SHUT_RDWR) < 0)
			_exit(105);
		close(fd);
	}
}

/* Each LISTEN has a port and comes before the first CLOSE of its socket, of which there are n_closes. */
static void check_many(struct bench *b, act_fn act, size_t n_closes)
{
	const union record *listens, *closes;
	struct said s;
	pid_t pid;

	b->n = 0;
	pid = run(b, act, &s);
	for (size_t i = 0; i < MANY; i++) {
		listens = told(b, SW_EV_LISTEN, pid, i);
		closes = told(b, SW_EV_CLOSE, pid, i * n_closes);
		assert_true(listens && closes);
		assert_int_equal(listens->sock.cookie, closes->sock.cookie);
		assert_int_not_equal(listens->sock.lport, 0);
		assert_int_equal(listens->sock.backlog, 5);
		assert_true(listens->head.boot_ns < closes->head.boot_ns);
	}
	assert_null(told(b, SW_EV_LISTEN, pid, MANY));
	assert_null(told(b, SW_EV_CLOSE, pid, MANY * n_closes));
}

static void those_that_end_at_once_are_told_once_and_before_their_end(void **state)
{
	check_many(*state, act_listen_and_close, 1);
	check_many(*state, act_listen_and_shut_down, 2); /* that it listens no more, and the descriptor's */
}

/* No port is left to choose. */
static void act_listen_in_vain(struct said *s)
{
	_close_ int range = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
	int first = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (write(range, "40000 40000", 11) != 11 || listen(first, 5) < 0)
		_exit(105);
	s->port = port_of(first);
	s->error = listen(second, 5) < 0 ? errno : 0;
}

static void one_that_fails_is_not_told(void **state)
{
	struct bench *b = *state;
	struct said s;
	pid_t pid = run(b, act_listen_in_vain, &s);

	assert_int_equal(s.error, EADDRINUSE);
	assert_non_null(told_port(b, SW_EV_LISTEN, pid, s.port));
	assert_null(told(b, SW_EV_LISTEN, pid, 1));
	assert_null(told(b, SW_EV_CLOSE, pid, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_that_stays_is_told_with_its_port, begin, end),
		cmocka_unit_test_setup_teardown(
			those_that_end_at_once_are_told_once_and_before_their_end, begin, end),
		cmocka_unit_test_setup_teardown(one_that_fails_is_not_told, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
