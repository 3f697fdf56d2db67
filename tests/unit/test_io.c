// SPDX-License-Identifier: GPL-3.0-or-later
/* user/io: the loop, messages with descriptors, sealed memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "user/io/loop.h"
#include "user/io/msg.h"

struct seen {
	struct sw_loop *loop;
	struct sw_source *other;
	unsigned int n;
};

static int count_timer(struct sw_source *s, void *arg)
{
	struct seen *seen = arg;

	if (++seen->n == 3)
		sw_loop_stop(seen->loop, 42);
	return 0;
}

static void a_timer_repeats_until_the_loop_is_stopped(void **state)
{
	_cleanup_(sw_loop_freep) struct sw_loop *l = NULL;
	struct seen seen = {};

	assert_int_equal(sw_loop_new(&l), 0);
	seen.loop = l;
	assert_int_equal(sw_loop_add_timer(l, SW_MSEC_NS, SW_MSEC_NS, count_timer, &seen, NULL), 0);
	assert_int_equal(sw_loop_run(l), 42);
	assert_int_equal(seen.n, 3);
}

static int free_both(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct seen *seen = arg;

	seen->n++;
	sw_source_free(seen->other);
	sw_source_free(s);
	return 0;
}

static void a_source_may_be_freed_while_events_are_handled(void **state)
{
	_cleanup_(sw_loop_freep) struct sw_loop *l = NULL;
	struct sw_source *a, *b;
	struct seen first = {}, second = {};
	int p[2], q[2];

	assert_int_equal(sw_loop_new(&l), 0);
	assert_int_equal(pipe(p) | pipe(q), 0);
	assert_int_equal(sw_loop_add_fd(l, p[0], EPOLLIN, free_both, &first, &a), 0);
	assert_int_equal(sw_loop_add_fd(l, q[0], EPOLLIN, free_both, &second, &b), 0);
	first.other = b;
	second.other = a;
	assert_int_equal(write(p[1], "x", 1) + write(q[1], "x", 1), 2);
	assert_int_equal(sw_loop_once(l, 0), 1);
	assert_int_equal(sw_loop_once(l, 0), 0);
	assert_int_equal(first.n + second.n, 1);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
	}
}

static int stop_on_signal(struct sw_source *s, int signo, void *arg)
{
	struct seen *seen = arg;

	sw_loop_stop(seen->loop, signo);
	return 0;
}

static void a_signal_arrives_in_the_loop(void **state)
{
	_cleanup_(sw_loop_freep) struct sw_loop *l = NULL;
	struct seen seen = {};

	assert_int_equal(sw_loop_new(&l), 0);
	seen.loop = l;
	assert_int_equal(sw_loop_add_signal(l, SIGUSR1, stop_on_signal, &seen), 0);
	raise(SIGUSR1);
	assert_int_equal(sw_loop_run(l), SIGUSR1);
}

static void a_packet_carries_its_descriptors(void **state)
{
	int pair[2], fds[2] = {-1, -1}, p[2];
	char buf[16];
	size_t n = 2;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(sw_msg_send(pair[0], "hello", 5, p, 2), 0);
	assert_int_equal(sw_msg_recv(pair[1], buf, sizeof(buf), fds, &n), 5);
	assert_int_equal(n, 2);
	assert_int_equal(write(fds[1], "y", 1), 1);
	assert_int_equal(read(p[0], buf, 1), 1);
	assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(p[i]);
		close(pair[i]);
	}
}

static void descriptors_beyond_the_room_are_closed(void **state)
{
	int pair[2], got[1], in[3] = {0, 0, 0};
	size_t n = 1;
	char buf[4];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(sw_msg_send(pair[0], "a", 1, in, 3), 0);
	assert_int_equal(sw_msg_recv(pair[1], buf, sizeof(buf), got, &n), 1);
	assert_int_equal(n, 1);
	assert_int_equal(fcntl(got[0] + 1, F_GETFD), -1);
	close(got[0]);
	n = 1;
	assert_int_equal(sw_msg_send(pair[0], "too long", 8, in, 1), 0);
	assert_int_equal(sw_msg_recv(pair[1], buf, sizeof(buf), got, &n), -EMSGSIZE);
	assert_int_equal(n, 0);
	close(pair[0]);
	close(pair[1]);
}

static void only_sealed_memory_is_mapped(void **state)
{
	const void *map = NULL;
	void *own;
	size_t len = 0;
	int fd = sw_memfd_create("t", 4096, &own);

	assert_true(fd >= 0);
	memcpy(own, "abc", 4);
	assert_int_equal(sw_memfd_map_sealed(fd, 4096, &map, &len), -EPERM);
	assert_int_equal(sw_memfd_seal(fd, own, 4096), 0);
	assert_int_equal(sw_memfd_map_sealed(fd, 4095, &map, &len), -EFBIG);
	assert_int_equal(sw_memfd_map_sealed(fd, 4096, &map, &len), 0);
	assert_string_equal(map, "abc");
	munmap((void *)map, len);
	assert_int_equal(write(fd, "x", 1), -1);
	close(fd);
	fd = sw_memfd_sealed("u", "abc", 3);
	assert_true(fd >= 0);
	assert_int_equal(sw_memfd_map_sealed(fd, 3, &map, &len), 0);
	assert_int_equal(len, 3);
	munmap((void *)map, len);
	close(fd);
}

static void a_living_listener_keeps_its_path_and_a_dead_one_does_not(void **state)
{
	char dir[] = "/tmp/sw-io-XXXXXX", path[64];
	int a, b;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	a = sw_unix_listen(path, SOCK_SEQPACKET, 0600, (uid_t)-1, (gid_t)-1);
	assert_true(a >= 0);
	assert_int_equal(sw_unix_listen(path, SOCK_SEQPACKET, 0600, (uid_t)-1, (gid_t)-1), -EADDRINUSE);
	close(a);
	b = sw_unix_listen(path, SOCK_SEQPACKET, 0600, (uid_t)-1, (gid_t)-1);
	assert_true(b >= 0);
	close(b);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timer_repeats_until_the_loop_is_stopped),
		cmocka_unit_test(a_source_may_be_freed_while_events_are_handled),
		cmocka_unit_test(a_signal_arrives_in_the_loop),
		cmocka_unit_test(a_packet_carries_its_descriptors),
		cmocka_unit_test(descriptors_beyond_the_room_are_closed),
		cmocka_unit_test(only_sealed_memory_is_mapped),
		cmocka_unit_test(a_living_listener_keeps_its_path_and_a_dead_one_does_not),
	};

	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
