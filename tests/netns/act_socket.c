// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * One act on a socket, for the tests of what is seen of it: act_socket ACT [hold]. Writes facts, one
 * a line: "port N", the local port of what listens or is bound; "other N", of the client; "skip WHY"
 * where the kernel has no such thing. With hold, writes "held" and keeps all open until its standard
 * input ends. Exit status: 0, 77 for a skip, else the act failed. Wants a network namespace of its own.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/netns/act_uring.h"

enum { SKIP = 77, FAILED = 99, BACKLOG = 17, BACKLOG_AGAIN = 23 };
enum { NR32_SOCKET = 359, NR32_BIND = 361, NR32_LISTEN = 363, NR32_SOCKETCALL = 102 };
enum { CALL_SOCKET = 1, CALL_BIND = 2, CALL_LISTEN = 4 };

static bool is_to_hold;

static _Noreturn void fail(const char *what)
{
	printf("failed %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(FAILED);
}

static _Noreturn void skip(const char *why)
{
	printf("skip %s\n", why);
	fflush(stdout);
	_exit(SKIP);
}

static int must(int r, const char *what)
{
	if (r < 0)
		fail(what);
	return r;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);

	must(getsockname(fd, (struct sockaddr *)&a, &len), "getsockname");
	return ntohs(a.sin6_port); /* at the same place in both families */
}

static void say_port(const char *word, uint16_t port)
{
	printf("%s %u\n", word, port);
}

static struct sockaddr_in here(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int made(int family, int type, int protocol)
{
	return must(socket(family, type, protocol), "socket");
}

static int bound(int type, int protocol, uint16_t port)
{
	struct sockaddr_in a = here(port);
	int fd = made(AF_INET, type, protocol);

	must(bind(fd, (struct sockaddr *)&a, sizeof(a)), "bind");
	return fd;
}

static int listening(void)
{
	int fd = bound(SOCK_STREAM, 0, 0);

	must(listen(fd, BACKLOG), "listen");
	say_port("port", port_of(fd));
	return fd;
}

/* ---- plain */

static void act_listen(void)
{
	listening();
}

static void act_listen_unbound(void)
{
	int fd = made(AF_INET, SOCK_STREAM, 0);

	must(listen(fd, BACKLOG), "listen");
	say_port("port", port_of(fd));
}

static void act_listen_twice(void)
{
	must(listen(listening(), BACKLOG_AGAIN), "listen again");
}

static void act_v6only(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	int fd = made(AF_INET6, SOCK_STREAM, 0), one = 1;

	must(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)), "IPV6_V6ONLY");
	must(bind(fd, (struct sockaddr *)&a, sizeof(a)), "bind");
	must(listen(fd, BACKLOG), "listen");
	say_port("port", port_of(fd));
}

static void act_reuseport(void)
{
	struct sockaddr_in a = here(0);
	int one = 1;

	for (int i = 0; i < 2; i++) {
		int fd = made(AF_INET, SOCK_STREAM, 0);

		must(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), "SO_REUSEPORT");
		must(bind(fd, (struct sockaddr *)&a, sizeof(a)), "bind");
		must(listen(fd, BACKLOG), "listen");
		a.sin_port = htons(port_of(fd));
	}
	say_port("port", ntohs(a.sin_port));
}

static void act_dup_close(void)
{
	int fd = listening(), other = must(dup(fd), "dup");

	close(fd);
	printf("between\n");
	close(other);
}

/* The listener goes on by its second descriptor. */
static void act_dup(void)
{
	int fd = listening();

	must(dup(fd), "dup");
	close(fd);
}

static void act_udp(void)
{
	say_port("port", port_of(bound(SOCK_DGRAM, 0, 0)));
}

static void act_udplite(void)
{
	struct sockaddr_in a = here(0);
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);

	if (fd < 0)
		skip("no UDP-Lite in this kernel");
	must(bind(fd, (struct sockaddr *)&a, sizeof(a)), "bind");
	say_port("port", port_of(fd));
}

static void act_udp_send(void)
{
	struct sockaddr_in to;
	int server = bound(SOCK_DGRAM, 0, 0), fd = made(AF_INET, SOCK_DGRAM, 0);

	to = here(port_of(server));
	say_port("port", port_of(server));
	for (int i = 0; i < 3; i++)
		must((int)sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), "sendto");
	say_port("other", port_of(fd));
}

static void finish_connection(int listener, int client)
{
	must(accept(listener, NULL, NULL), "accept");
	say_port("other", port_of(client));
}

static void act_connect(void)
{
	int l = listening(), fd = made(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = here(port_of(l));

	must(connect(fd, (struct sockaddr *)&a, sizeof(a)), "connect");
	finish_connection(l, fd);
}

static void act_fastopen(void)
{
	int l = listening(), fd = made(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = here(port_of(l));

	must((int)sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&a, sizeof(a)), "sendto");
	finish_connection(l, fd);
}

/* ---- other families */

static void act_raw(void)
{
	made(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static void act_packet(void)
{
	made(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
}

static void act_netlink(void)
{
	struct sockaddr_nl a = {.nl_family = AF_NETLINK};
	int fd = made(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	must(bind(fd, (struct sockaddr *)&a, sizeof(a)), "bind");
}

/* An abstract name leaves nothing in the file system; path: a name there, removed at once. */
static void unix_listener(int type, bool is_path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = made(AF_UNIX, type, 0), n;

	n = snprintf(a.sun_path + !is_path, sizeof(a.sun_path) - 1, "%ssw-act-%d",
		is_path ? "/tmp/" : "", getpid());
	must(bind(fd, (struct sockaddr *)&a,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1)),
		"bind");
	if (is_path)
		unlink(a.sun_path);
	if (type != SOCK_DGRAM)
		must(listen(fd, BACKLOG), "listen");
}

static void act_unix_stream(void)
{
	unix_listener(SOCK_STREAM, true);
}

static void act_unix_abstract(void)
{
	unix_listener(SOCK_STREAM, false);
}

static void act_unix_dgram(void)
{
	unix_listener(SOCK_DGRAM, true);
}

static void act_unix_seqpacket(void)
{
	unix_listener(SOCK_SEQPACKET, true);
}

static void listen_with(int type, int protocol, const char *why_not)
{
	struct sockaddr_in a = here(0);
	int fd = socket(AF_INET, type, protocol);

	if (fd < 0)
		skip(why_not);
	must(bind(fd, (struct sockaddr *)&a, sizeof(a)), "bind");
	must(listen(fd, BACKLOG), "listen");
	say_port("port", port_of(fd));
}

static void act_mptcp(void)
{
	listen_with(SOCK_STREAM, IPPROTO_MPTCP, "no MPTCP in this kernel");
}

static void act_sctp(void)
{
	listen_with(SOCK_STREAM, IPPROTO_SCTP, "no SCTP in this kernel");
}

/* ---- by other doors */

static void act_exec(void)
{
	char fd[16];

	snprintf(fd, sizeof(fd), "%d", listening());
	fflush(stdout);
	execl("/proc/self/exe", "act_socket", "inherited", fd, is_to_hold ? "hold" : NULL, NULL);
	fail("exec");
}

static void act_setns(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int home = must(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "own namespace"), fd;

	must(unshare(CLONE_NEWNET), "unshare");
	fd = bound(SOCK_STREAM, 0, 0);
	must(ioctl(fd, SIOCSIFFLAGS, &ifr), "lo up");
	must(setns(home, CLONE_NEWNET), "setns");
	must(listen(fd, BACKLOG), "listen"); /* from here, on a socket of there */
	say_port("port", port_of(fd));
}

#ifdef __x86_64__
static sigjmp_buf no_int80;

static void on_segv(int signo)
{
	siglongjmp(no_int80, 1);
}

static int int80(int nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "0"((long)nr), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	errno = r < 0 ? (int)-r : 0;
	return r < 0 ? -1 : (int)r;
}

/* What 32 bits can point to. */
static void *low_memory(void)
{
	void *p = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	signal(SIGSEGV, on_segv);
	if (sigsetjmp(no_int80, 1))
		skip("no 32-bit system calls in this kernel");
	return p;
}

static void act_int80(void)
{
	struct sockaddr_in *a = low_memory();
	int fd = int80(NR32_SOCKET, AF_INET, SOCK_STREAM, 0);

	if (fd < 0 && errno == ENOSYS)
		skip("no 32-bit system calls in this kernel");
	*a = here(0);
	must(fd, "socket");
	must(int80(NR32_BIND, fd, (long)a, sizeof(*a)), "bind");
	must(int80(NR32_LISTEN, fd, BACKLOG, 0), "listen");
	say_port("port", port_of(fd));
}

static int socketcall(uint32_t *args, int call, uint32_t a, uint32_t b, uint32_t c)
{
	args[0] = a;
	args[1] = b;
	args[2] = c;
	return int80(NR32_SOCKETCALL, call, (long)args, 0);
}

static void act_socketcall(void)
{
	struct sockaddr_in *a = low_memory();
	uint32_t *args = (uint32_t *)(a + 1);
	int fd = socketcall(args, CALL_SOCKET, AF_INET, SOCK_STREAM, 0);

	if (fd < 0 && errno == ENOSYS)
		skip("no 32-bit system calls in this kernel");
	*a = here(0);
	must(fd, "socket");
	must(socketcall(args, CALL_BIND, (uint32_t)fd, (uint32_t)(uintptr_t)a, sizeof(*a)), "bind");
	must(socketcall(args, CALL_LISTEN, (uint32_t)fd, BACKLOG, 0), "listen");
	say_port("port", port_of(fd));
}
#else
static void act_int80(void)
{
	skip("no int 0x80 on this architecture");
}

static void act_socketcall(void)
{
	skip("no int 0x80 on this architecture");
}
#endif

/* ---- io_uring */

static void ring_open(struct uring *u)
{
	if (uring_open(u) < 0)
		skip("no io_uring in this kernel");
}

static int ring_must(int r, const char *what)
{
	if (r < 0) {
		errno = -r;
		fail(what);
	}
	return r;
}

static void ring_listen(struct uring *u, int fd, uint8_t flags, uint16_t port)
{
	struct sockaddr_in a = here(port);
	struct io_uring_sqe sqe = {.opcode = URING_BIND,
		.fd = fd,
		.flags = flags,
		.addr = (uintptr_t)&a,
		.off = sizeof(a)};
	int r = uring_do(u, &sqe);

	if (r == -EINVAL)
		skip("no bind in this kernel's io_uring");
	ring_must(r, "bind");
	sqe = (struct io_uring_sqe){
		.opcode = URING_LISTEN, .fd = fd, .flags = flags, .len = BACKLOG};
	ring_must(uring_do(u, &sqe), "listen");
}

static void act_uring_listen(void)
{
	int fd = made(AF_INET, SOCK_STREAM, 0);
	struct uring u;

	ring_open(&u);
	ring_listen(&u, fd, 0, 0);
	say_port("port", port_of(fd));
}

/* A socket in the ring's own table: no process has a descriptor of it. */
static void act_uring_direct(void)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_SOCKET, .fd = AF_INET, .off = SOCK_STREAM, .file_index = 1};
	int none = -1, probe = bound(SOCK_STREAM, 0, 0);
	uint16_t port = port_of(probe);
	struct uring u;

	close(probe);
	ring_open(&u);
	must((int)syscall(SYS_io_uring_register, u.fd, IORING_REGISTER_FILES, &none, 1),
		"the ring's table");
	if (uring_do(&u, &sqe) == -EINVAL)
		skip("no direct sockets in this kernel's io_uring");
	ring_listen(&u, 0, IOSQE_FIXED_FILE, port);
	say_port("port", port);
}

static void act_uring_connect(void)
{
	int l = listening(), fd = made(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = here(port_of(l));
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_CONNECT, .fd = fd, .addr = (uintptr_t)&a, .off = sizeof(a)};
	struct uring u;

	ring_open(&u);
	ring_must(uring_do(&u, &sqe), "connect");
	finish_connection(l, fd);
}

static void act_uring_accept(void)
{
	int l = listening(), fd = made(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = here(port_of(l));
	struct io_uring_sqe sqe = {.opcode = IORING_OP_ACCEPT, .fd = l};
	struct uring u;

	ring_open(&u);
	ring_must(uring_submit(&u, &sqe, 0), "accept");
	must(connect(fd, (struct sockaddr *)&a, sizeof(a)), "connect");
	say_port("other", port_of(fd));
	ring_must(uring_reap(&u), "accept");
}

static const struct {
	const char *name;
	void (*fn)(void);
} acts[] = {
	{"listen", act_listen},
	{"listen-unbound", act_listen_unbound},
	{"listen-twice", act_listen_twice},
	{"v6only", act_v6only},
	{"reuseport", act_reuseport},
	{"dup", act_dup},
	{"dup-close", act_dup_close},
	{"udp", act_udp},
	{"udp-send", act_udp_send},
	{"udplite", act_udplite},
	{"connect", act_connect},
	{"fastopen", act_fastopen},
	{"raw", act_raw},
	{"packet", act_packet},
	{"netlink", act_netlink},
	{"unix-stream", act_unix_stream},
	{"unix-abstract", act_unix_abstract},
	{"unix-dgram", act_unix_dgram},
	{"unix-seqpacket", act_unix_seqpacket},
	{"mptcp", act_mptcp},
	{"sctp", act_sctp},
	{"exec", act_exec},
	{"setns", act_setns},
	{"int80", act_int80},
	{"socketcall", act_socketcall},
	{"uring-listen", act_uring_listen},
	{"uring-direct", act_uring_direct},
	{"uring-connect", act_uring_connect},
	{"uring-accept", act_uring_accept},
};

static int finish(void)
{
	char byte;

	if (is_to_hold) {
		printf("held\n");
		fflush(stdout);
		while (read(STDIN_FILENO, &byte, 1) > 0)
			;
	}
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	is_to_hold = argc > 2 && !strcmp(argv[argc - 1], "hold");
	if (argc > 2 && !strcmp(argv[1], "inherited")) {
		say_port("inherited", port_of(atoi(argv[2])));
		return finish();
	}
	for (size_t i = 0; argc > 1 && i < sizeof(acts) / sizeof(*acts); i++) {
		if (strcmp(argv[1], acts[i].name) != 0)
			continue;
		acts[i].fn();
		return finish();
	}
	fprintf(stderr, "usage: act_socket ACT [hold]\n");
	return 2;
}
