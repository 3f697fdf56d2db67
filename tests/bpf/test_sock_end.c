// SPDX-License-Identifier: GPL-3.0-or-later
/* The end of a listener, whose record has the time of the kernel's tick where it can (bpf/lib/sock_emit.bpf.h). */
#include "tests/bpf/sock_acts.h"

/* What a child says of the ends of its listeners: in boot time, before and after. */
enum { ENDS = 200, SLEEPS = 40, LISTENER_PORT = 4001 };
struct ends {
	uint64_t before[ENDS], after[ENDS];
	_Atomic unsigned int n, begun, seen;
};
static struct ends *ends; /* shared with the child */

static void share_ends(void)
{
	ends = mmap(NULL, sizeof(*ends), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(ends, MAP_FAILED);
}

static void end_listener(int fd)
{
	ends->before[ends->n] = boot_ns();
	close(fd);
	ends->after[ends->n] = boot_ns();
	ends->n++;
}

static void on_cpu(unsigned int nth)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(nth % (unsigned int)n, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		_exit(110);
}

/* Every other one ends on another CPU than the one on which it began. */
static void act_listen_in_turns(struct said *s)
{
	for (unsigned int i = 0; i < ENDS; i++) {
		int fd;

		on_cpu(i);
		fd = bound(AF_INET, SOCK_STREAM, LISTENER_PORT);
		if (fd < 0 || listen(fd, 1) < 0)
			_exit(111);
		on_cpu(i + i / 2 % 2);
		end_listener(fd);
	}
}

static void a_listener_ends_after_all_that_was_told_of_it_and_a_tick_too_early_at_most(void **state)
{
	struct bench *b = *state;
	struct timespec tick;
	struct said s;
	pid_t pid;

	share_ends();
	assert_int_equal(clock_getres(CLOCK_MONOTONIC_COARSE, &tick), 0);
	pid = run(b, act_listen_in_turns, &s);
	for (size_t i = 0; i < ENDS; i++) {
		const union record *up = told(b, SW_EV_LISTEN, pid, i), *down = told(b, SW_EV_CLOSE, pid, i);

		assert_true(up && down);
		assert_int_equal(up->sock.cookie, down->sock.cookie);
		assert_in_range(down->head.boot_ns, up->head.boot_ns, ends->after[i]);
		assert_true(down->head.boot_ns + 2 * (uint64_t)tick.tv_nsec >= ends->before[i]);
	}
	munmap(ends, sizeof(*ends));
}

static void act_listen_and_sleep(struct said *s)
{
	const struct timespec sleep = {.tv_nsec = 2500000}; /* the reader has seen that it listens, and sleeps */

	for (unsigned int i = 0; i < SLEEPS; i++) {
		int fd = bound(AF_INET, SOCK_STREAM, LISTENER_PORT);

		if (fd < 0 || listen(fd, 1) < 0)
			_exit(112);
		ends->begun++;
		nanosleep(&sleep, NULL);
		end_listener(fd);
		while (ends->seen < ends->n)
			usleep(1000);
	}
}

/* Often in the tick in which it began, whose time its record then has: that is no sign that it was but now. */
static void a_listeners_end_wakes_a_reader_that_sleeps(void **state)
{
	struct bench *b = *state;
	struct pollfd p = {.fd = ring_buffer__epoll_fd(b->ring), .events = POLLIN};
	unsigned int proofs = 0, woken = 0;

	share_ends();
	start(b, act_listen_and_sleep);
	for (unsigned int i = 0; i < SLEEPS; i++) {
		uint64_t read_ns;

		while (ends->begun == i)
			usleep(100);
		read_to_quiet(b, &p);
		read_ns = boot_ns();
		while (ends->n == i)
			usleep(100);
		if (read_ns < ends->before[i]) { /* else we came too late to sleep */
			woken += poll(&p, 1, 0) == 1;
			proofs++;
		}
		ends->seen++;
	}
	/* what a process of another CPU did may wait unread before it: no sign then of a reader awake */
	assert_true(proofs && woken * 4 >= proofs * 3);
	munmap(ends, sizeof(*ends));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_listener_ends_after_all_that_was_told_of_it_and_a_tick_too_early_at_most, begin, end),
		cmocka_unit_test_setup_teardown(a_listeners_end_wakes_a_reader_that_sleeps, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
