/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What children of the socket tests do, and what must be told of a connection. */
#pragma once

#include "tests/bpf/sock_rig.h"

static inline uint16_t port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		_exit(103);
	return ntohs(a.sin6_port); /* at the same place in both families */
}

static inline int bound(int family, int type, uint16_t port)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 a6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
	int fd = socket(family, type | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, family == AF_INET ? (void *)&a4 : (void *)&a6,
		    family == AF_INET ? sizeof(a4) : sizeof(a6)) < 0)
		_exit(104);
	return fd;
}

static inline void act_listen4(struct said *s)
{
	int fd = bound(AF_INET, SOCK_STREAM, 0);

	s->port = port_of(fd);
	if (listen(fd, 17) < 0)
		_exit(105);
}

static inline void act_listen_unbound(struct said *s)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listen(fd, 5) < 0)
		_exit(105);
	s->port = port_of(fd);
}

static inline int connected_to(int family, uint16_t port)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 a6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, family == AF_INET ? (void *)&a4 : (void *)&a6,
		    family == AF_INET ? sizeof(a4) : sizeof(a6)) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

static inline void connect_family(struct said *s, int family)
{
	int l = bound(family, SOCK_STREAM, 0), c, a;

	s->port = port_of(l);
	if (listen(l, 5) < 0)
		_exit(105);
	c = connected_to(family, s->port);
	a = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	if (c < 0 || a < 0)
		_exit(106);
	s->other_port = port_of(c);
	close(c);
	close(a);
	close(l);
}

static inline void act_connect4(struct said *s)
{
	connect_family(s, AF_INET);
}

static inline void act_connect6(struct said *s)
{
	connect_family(s, AF_INET6);
}

static inline void check_connection(struct bench *b, act_fn act, int family)
{
	const struct sw_sock_event *asked, *made, *accepted;
	struct said s;
	pid_t pid = run(b, act, &s);
	size_t closes = 0;

	asked = (void *)told(b, SW_EV_CONNECT, pid, 0);
	made = told_port(b, SW_EV_CONNECTED, pid, s.other_port);
	accepted = told_port(b, SW_EV_ACCEPT, pid, s.port);
	assert_true(asked && made && accepted);
	assert_int_equal(asked->rport, s.port);
	assert_int_equal(asked->family, family);
	assert_int_equal(asked->cookie, made->cookie);
	assert_int_equal(made->ret, 0);
	assert_int_equal(made->rport, s.port);
	assert_int_equal(accepted->rport, s.other_port);
	assert_memory_equal(accepted->raddr, made->laddr, 16);
	assert_int_not_equal(accepted->cookie, made->cookie);
	while (told(b, SW_EV_CLOSE, pid, closes))
		closes++;
	assert_int_equal(closes, 3); /* client, accepted, listener: each once */
}

static inline void act_refused(struct said *s)
{
	int fd = bound(AF_INET, SOCK_STREAM, 0);

	s->port = port_of(fd); /* bound and not listening: nobody else takes it */
	s->error = connected_to(AF_INET, s->port);
}

static inline void act_udp(struct said *s)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int server = bound(AF_INET, SOCK_DGRAM, 0),
	    client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	s->port = port_of(server);
	to.sin_port = htons(s->port);
	for (int i = 0; i < 10; i++)
		if (sendto(client, "x", 1, 0, (void *)&to, sizeof(to)) != 1)
			_exit(107);
}
