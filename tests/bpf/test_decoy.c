// SPDX-License-Identifier: GPL-3.0-or-later
/* Decoy ports in the kernel: real connections between two namespaces of the test's own, to the guard's listener. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/ports.h"
#include "user/guard/decoys.h"
#include "user/kern/bpffs.h"

enum { DEADLINE_MS = 3000, QUIET_MS = 150, CROWD = 40 };

#define HOST4 "198.18.0.1"
#define HOST6 "2001:db8::1"

struct fixture {
	char dir[64], bpffs[96], pin_dir[SW_PIN_PATH_MAX];
	pid_t outside; /* holds the namespace that connections come from */
	int in_ns, out_ns;
	struct sw_plant plant;
	struct sw_decoys *decoys;
	struct sw_config *config;
	int socks[SW_DECOY_SOCKS]; /* the guard's, borrowed; -1: none */
};

static void run(const char *fmt, ...)
{
	char command[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* ---- the two ends */

static pid_t hold_namespace(void)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void wire(struct fixture *f)
{
	char path[64];

	f->outside = hold_namespace();
	f->in_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", f->outside);
	f->out_ns = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(f->in_ns >= 0 && f->out_ns >= 0);
	run("ip link set lo up; ip link add h0 type veth peer name c0 netns %d && ip link set h0 up && "
	    "ip addr add " HOST4 "/24 dev h0 && ip addr add " HOST6 "/64 dev h0 nodad",
		f->outside);
	run("nsenter --net=/proc/%d/ns/net sh -c 'ip link set c0 up && ip addr add 198.18.0.2/24 dev c0 && "
	    "ip addr add 2001:db8::2/64 dev c0 nodad'",
		f->outside);
}

static socklen_t address(struct sockaddr_storage *ret, const char *text, unsigned int port)
{
	struct sockaddr_in *a4 = (void *)ret;
	struct sockaddr_in6 *a6 = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (strchr(text, ':')) {
		a6->sin6_family = AF_INET6;
		a6->sin6_port = htons((uint16_t)port);
		assert_int_equal(inet_pton(AF_INET6, text, &a6->sin6_addr), 1);
		return sizeof(*a6);
	}
	a4->sin_family = AF_INET;
	a4->sin_port = htons((uint16_t)port);
	assert_int_equal(inet_pton(AF_INET, text, &a4->sin_addr), 1);
	return sizeof(*a4);
}

static int socket_in(int ns, int back, int family, int type)
{
	int fd;

	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
	fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(setns(back, CLONE_NEWNET), 0);
	assert_true(fd >= 0);
	return fd;
}

/* A connected socket, or -errno. */
static int connect_from(const struct fixture *f, int ns, const char *to, unsigned int port)
{
	struct sockaddr_storage a;
	socklen_t len = address(&a, to, port);
	int error = 0, fd = socket_in(ns, f->in_ns, a.ss_family, SOCK_STREAM);
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	if (connect(fd, (struct sockaddr *)&a, len) == 0)
		return fd;
	assert_int_equal(errno, EINPROGRESS);
	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	len = sizeof(error);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	if (!error)
		return fd;
	close(fd);
	return -error;
}

static bool is_ready(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

static unsigned int port_of(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
					      : ((const struct sockaddr_in *)a)->sin_port);
}

/* Takes the connection that waits at the listener: its local port. */
static unsigned int take(int listener)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	int fd;

	assert_true(is_ready(listener, DEADLINE_MS));
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return port_of(&a);
}

static int bind_at(const char *at, unsigned int port, int type, bool is_v6only)
{
	struct sockaddr_storage a;
	socklen_t len = address(&a, at, port);
	int on = 1, fd = socket(a.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (is_v6only)
		assert_int_equal(setsockopt(fd, SOL_IPV6, 26 /* IPV6_V6ONLY */, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 64), 0);
	return fd;
}

/* ---- set-up */

static void give(struct fixture *f)
{
	struct sw_guard_decoys facts;
	int fds[SW_DECOY_SOCKS];
	size_t n, at = 0;

	sw_decoys_give(f->decoys, &facts, fds, &n);
	for (size_t i = 0; i < SW_DECOY_SOCKS; i++)
		f->socks[i] = facts.socks >> i & 1 ? fds[at++] : -1;
	assert_int_equal(at, n);
}

static int tcp_of(const struct fixture *f, const char *to)
{
	return f->socks[strchr(to, ':') ? SW_DECOY_TCP6 : SW_DECOY_TCP4];
}

static int udp_of(const struct fixture *f, const char *to)
{
	return f->socks[strchr(to, ':') ? SW_DECOY_UDP6 : SW_DECOY_UDP4];
}

static void configure(struct fixture *f)
{
	sw_decoys_configure(f->decoys, NULL, f->config);
	give(f);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char err[256] = "";

	assert_non_null(f);
	*state = f;
	sw_load_quiet();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	strcpy(f->dir, "/tmp/sw-test-decoy-XXXXXX");
	if (!mkdtemp(f->dir) || mount("bpf", f->dir, "bpf", 0, NULL) < 0)
		return -1;
	snprintf(f->bpffs, sizeof(f->bpffs), "%s/sockwarden", f->dir);
	assert_int_equal(sw_bpffs_prepare(f->bpffs, f->pin_dir, sizeof(f->pin_dir), err, sizeof(err)), 0);
	wire(f);
	f->config = calloc(1, sizeof(*f->config));
	assert_non_null(f->config);
	f->config->decoy_tcp = SW_DECOY_TCP_UNUSED;
	f->config->decoy_udp_ports = (struct sw_config_ports){.n = 2, .at = {{161, 170}, {40000, 40001}}};
	sw_plant_init(&f->plant);
	assert_int_equal(sw_decoys_new(f->pin_dir, &f->plant, &f->decoys), 0);
	configure(f);
	for (size_t i = 0; i < SW_DECOY_SOCKS; i++)
		assert_true(f->socks[i] >= 0);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	sw_decoys_free(f->decoys);
	sw_decoys_unpin(f->pin_dir);
	close(f->in_ns);
	close(f->out_ns);
	kill(f->outside, SIGKILL);
	waitpid(f->outside, NULL, 0);
	sw_bpffs_remove(f->bpffs);
	umount2(f->dir, MNT_DETACH);
	rmdir(f->dir);
	free(f->config);
	free(f);
	return 0;
}

/* ---- TCP */

static void a_connection_to_any_unused_port_reaches_the_one_listener(void **state)
{
	static const unsigned int ports[] = {1, 22, 80, 443, 1023, 1024, 8080, 32768, 50000, 60999, 65535};
	struct fixture *f = *state;

	for (size_t i = 0; i < SW_ARRAY_SIZE(ports) * 2; i++) {
		const char *to = i % 2 ? HOST6 : HOST4;
		int fd = connect_from(f, f->out_ns, to, ports[i / 2]);

		if (fd < 0)
			fail_msg("%s port %u: %s", to, ports[i / 2], strerror(-fd));
		assert_int_equal(take(tcp_of(f, to)), ports[i / 2]);
		close(fd);
	}
}

static const struct {
	const char *at;
	bool is_v6only, has4, has6; /* which packets it serves */
} services[] = {
	{"0.0.0.0", false, true, false},
	{HOST4, false, true, false},
	{"127.0.0.1", false, false, false},
	{"::", false, true, true},
	{"::", true, false, true},
	{HOST6, false, false, true},
	{"::1", false, false, false},
	{"::ffff:" HOST4, false, true, false},
};

static void expect_goes_to(const struct fixture *f, const char *to, unsigned int port, int wanted, const char *what)
{
	int fd = connect_from(f, f->out_ns, to, port);

	if (fd < 0)
		fail_msg("%s: %s: %s", what, to, strerror(-fd));
	if (!is_ready(wanted, DEADLINE_MS))
		fail_msg("%s: the connection to %s went elsewhere", what, to);
	assert_int_equal(take(wanted), port);
	close(fd);
}

static void a_service_that_binds_later_wins_at_once_and_what_it_does_not_serve_stays_decoy(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < SW_ARRAY_SIZE(services); i++) {
		unsigned int port = 2000 + (unsigned int)i;
		int real;

		expect_goes_to(f, HOST4, port, tcp_of(f, HOST4), "before the service");
		expect_goes_to(f, HOST6, port, tcp_of(f, HOST6), "before the service");
		real = bind_at(services[i].at, port, SOCK_STREAM, services[i].is_v6only);
		expect_goes_to(f, HOST4, port, services[i].has4 ? real : tcp_of(f, HOST4), services[i].at);
		expect_goes_to(f, HOST6, port, services[i].has6 ? real : tcp_of(f, HOST6), services[i].at);
		close(real);
		expect_goes_to(f, HOST4, port, tcp_of(f, HOST4), "after the service");
	}
}

static void a_service_that_was_there_first_keeps_its_port(void **state)
{
	struct fixture *f = *state;
	int real;

	f->config->decoy_tcp = SW_DECOY_TCP_OFF;
	f->config->decoy_udp_ports.n = 0;
	configure(f);
	assert_int_equal(f->socks[SW_DECOY_TCP4], -1);
	real = bind_at("0.0.0.0", 22, SOCK_STREAM, false);
	f->config->decoy_tcp = SW_DECOY_TCP_UNUSED;
	configure(f);
	expect_goes_to(f, HOST4, 22, real, "a service from before");
	close(real);
}

static void a_service_can_bind_while_decoy_connections_to_its_port_are_held(void **state)
{
	struct fixture *f = *state;
	int client = connect_from(f, f->out_ns, HOST4, 8443), held, real;

	assert_true(client >= 0 && is_ready(tcp_of(f, HOST4), DEADLINE_MS));
	held = accept4(tcp_of(f, HOST4), NULL, NULL, SOCK_CLOEXEC);
	assert_true(held >= 0);
	real = bind_at("0.0.0.0", 8443, SOCK_STREAM, false);
	expect_goes_to(f, HOST4, 8443, real, "a service beside a held connection");
	close(real);
	close(held);
	close(client);
}

/* More listeners of one port than a bucket holds of others: the last is found as the first. */
static void a_service_of_many_listeners_keeps_its_port(void **state)
{
	struct fixture *f = *state;
	int fds[CROWD];

	for (size_t i = 0; i < CROWD; i++)
		fds[i] = bind_at("0.0.0.0", 9000, SOCK_STREAM, false);
	for (size_t i = 0; i < CROWD; i++) {
		int fd = connect_from(f, f->out_ns, HOST4, 9000);

		assert_true(fd >= 0);
		close(fd);
	}
	assert_false(is_ready(tcp_of(f, HOST4), QUIET_MS));
	for (size_t i = 0; i < CROWD; i++)
		close(fds[i]);
}

static void the_hosts_own_connections_are_refused_as_ever(void **state)
{
	static const char *const own[] = {"127.0.0.1", "::1", HOST4, HOST6};
	struct fixture *f = *state;

	for (size_t i = 0; i < SW_ARRAY_SIZE(own); i++)
		assert_int_equal(connect_from(f, f->in_ns, own[i], 7), -ECONNREFUSED);
}

static void only_listed_ports_answer_when_ports_are_listed(void **state)
{
	struct fixture *f = *state;

	f->config->decoy_tcp = SW_DECOY_TCP_LISTED;
	f->config->decoy_tcp_ports = (struct sw_config_ports){.n = 2, .at = {{23, 23}, {6000, 6002}}};
	configure(f);
	expect_goes_to(f, HOST4, 23, tcp_of(f, HOST4), "listed");
	expect_goes_to(f, HOST6, 6002, tcp_of(f, HOST6), "in a listed range");
	assert_int_equal(connect_from(f, f->out_ns, HOST4, 24), -ECONNREFUSED);
	assert_int_equal(connect_from(f, f->out_ns, HOST4, 6003), -ECONNREFUSED);
}

static void only_ports_below_the_limit_answer_in_mode_below(void **state)
{
	struct fixture *f = *state;

	f->config->decoy_tcp = SW_DECOY_TCP_BELOW;
	f->config->decoy_below = 1024;
	configure(f);
	expect_goes_to(f, HOST4, 1023, tcp_of(f, HOST4), "below");
	assert_int_equal(connect_from(f, f->out_ns, HOST4, 1024), -ECONNREFUSED);
}

static void nothing_answers_once_the_guards_listener_is_closed(void **state)
{
	struct fixture *f = *state;
	char path[SW_PIN_PATH_MAX + 16];

	expect_goes_to(f, HOST4, 80, tcp_of(f, HOST4), "while it is there");
	sw_decoys_free(TAKE_PTR(f->decoys));
	snprintf(path, sizeof(path), "%s/decoy-link", f->pin_dir);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(connect_from(f, f->out_ns, HOST4, 80), -ECONNREFUSED);
}

static __u32 link_id(const struct fixture *f)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char path[SW_PIN_PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/decoy-link", f->pin_dir);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.id;
}

static void the_next_guard_takes_the_link_over_and_off_removes_it(void **state)
{
	struct fixture *f = *state;
	__u32 before = link_id(f);

	assert_true(before);
	sw_decoys_free(f->decoys);
	assert_int_equal(sw_decoys_new(f->pin_dir, &f->plant, &f->decoys), 0);
	configure(f);
	assert_int_equal(link_id(f), before);
	expect_goes_to(f, HOST6, 80, tcp_of(f, HOST6), "after adoption");
	f->config->decoy_tcp = SW_DECOY_TCP_OFF;
	f->config->decoy_udp_ports.n = 0;
	configure(f);
	assert_int_equal(link_id(f), 0);
	assert_false(sw_bpffs_has_pins(f->pin_dir));
	assert_int_equal(connect_from(f, f->out_ns, HOST4, 80), -ECONNREFUSED);
}

/* ---- UDP */

static void send_to(const struct fixture *f, const char *to, unsigned int port)
{
	struct sockaddr_storage a;
	socklen_t len = address(&a, to, port);
	int fd = socket_in(f->out_ns, f->in_ns, a.ss_family, SOCK_DGRAM);

	assert_int_equal(sendto(fd, "hi", 2, 0, (struct sockaddr *)&a, len), 2);
	close(fd);
}

static void a_datagram_to_a_listed_port_arrives_and_to_another_does_not(void **state)
{
	struct fixture *f = *state;
	char buf[16];

	for (int i = 0; i < 2; i++) {
		const char *to = i ? HOST6 : HOST4;

		send_to(f, to, 161);
		assert_true(is_ready(udp_of(f, to), DEADLINE_MS));
		assert_int_equal(recv(udp_of(f, to), buf, sizeof(buf), 0), 2);
		send_to(f, to, 171);
		send_to(f, to, 40000); /* listed, but one that clients get */
		assert_false(is_ready(udp_of(f, to), QUIET_MS));
	}
}

static void a_udp_service_and_a_client_with_a_listed_port_keep_what_is_theirs(void **state)
{
	static const struct {
		const char *at, *to;
		bool is_connected;
	} own[] = {{"0.0.0.0", HOST4, false}, {HOST4, HOST4, false}, {"::", HOST4, false}, {"::", HOST6, false},
		{HOST6, HOST6, false}, {HOST4, HOST4, true}};
	struct fixture *f = *state;
	struct sockaddr_storage a;
	char buf[16];

	for (size_t i = 0; i < SW_ARRAY_SIZE(own); i++) {
		unsigned int port = 162 + (unsigned int)i;
		int fd = bind_at(own[i].at, port, SOCK_DGRAM, false);

		if (own[i].is_connected) { /* to a peer that answers from elsewhere: not ours either */
			socklen_t len = address(&a, "198.18.0.2", 53);

			assert_int_equal(connect(fd, (struct sockaddr *)&a, len), 0);
		}
		send_to(f, own[i].to, port);
		if (!own[i].is_connected) {
			assert_true(is_ready(fd, DEADLINE_MS));
			assert_int_equal(recv(fd, buf, sizeof(buf), 0), 2);
		}
		assert_false(is_ready(udp_of(f, own[i].to), QUIET_MS));
		close(fd);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_connection_to_any_unused_port_reaches_the_one_listener),
		TEST(a_service_that_binds_later_wins_at_once_and_what_it_does_not_serve_stays_decoy),
		TEST(a_service_that_was_there_first_keeps_its_port),
		TEST(a_service_can_bind_while_decoy_connections_to_its_port_are_held),
		TEST(a_service_of_many_listeners_keeps_its_port),
		TEST(the_hosts_own_connections_are_refused_as_ever),
		TEST(only_listed_ports_answer_when_ports_are_listed),
		TEST(only_ports_below_the_limit_answer_in_mode_below),
		TEST(nothing_answers_once_the_guards_listener_is_closed),
		TEST(the_next_guard_takes_the_link_over_and_off_removes_it),
		TEST(a_datagram_to_a_listed_port_arrives_and_to_another_does_not),
		TEST(a_udp_service_and_a_client_with_a_listed_port_keep_what_is_theirs),
	};

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		perror("unshare");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
