/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of made-up sockets and processes, and a made-up /proc, for tests of the inventory. */
#pragma once

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "user/sockets/inventory.h"

enum { HOST_NETNS = 4026531840u };

static inline struct sw_owner world_owner(uint32_t pid)
{
	return (struct sw_owner){.tgid = pid,
		.tid = pid,
		.start_ns = pid * 10000000ull,
		.uid = 1000,
		.netns = HOST_NETNS};
}

/* addr: IPv4 in host byte order. */
static inline struct sw_sock_event world_sock(
	uint8_t type, uint64_t cookie, uint32_t pid, uint32_t addr, uint16_t port, uint64_t boot_ns)
{
	struct sw_sock_event e = {
		.head = {.type = type, .len = sizeof(e), .boot_ns = boot_ns},
		.owner = world_owner(pid),
		.cookie = cookie,
		.family = AF_INET,
		.type = SOCK_STREAM,
		.protocol = IPPROTO_TCP,
		.lport = port,
	};
	uint32_t be = htonl(addr);

	memcpy(e.laddr, &be, sizeof(be));
	return e;
}

static inline struct sw_it_inet world_inet(
	uint64_t cookie, uint32_t addr, uint16_t port, uint8_t state)
{
	struct sw_it_inet r = {.type = SW_IT_INET,
		.len = sizeof(r),
		.cookie = cookie,
		.inode = (uint32_t)cookie,
		.uid = 1000,
		.family = AF_INET,
		.protocol = IPPROTO_TCP,
		.lport = port,
		.state = state,
		.netns = HOST_NETNS};
	uint32_t be = htonl(addr);

	memcpy(r.laddr, &be, sizeof(be));
	return r;
}

static inline struct sw_it_file world_file(uint64_t cookie, uint32_t pid, uint32_t fd)
{
	return (struct sw_it_file){.type = SW_IT_FILE,
		.len = sizeof(struct sw_it_file),
		.inode = (uint32_t)cookie,
		.cookie = cookie,
		.owner = world_owner(pid),
		.fd = fd,
		.family = AF_INET,
		.sock_type = SOCK_STREAM,
		.protocol = IPPROTO_TCP,
		.netns = HOST_NETNS};
}

static inline struct sw_exec_event world_exec(uint32_t pid, const char *path, uint64_t boot_ns)
{
	struct sw_exec_event e = {
		.head = {.type = SW_EV_EXEC, .len = sizeof(e), .boot_ns = boot_ns},
		.owner = world_owner(pid)};
	const char *slash = strrchr(path, '/');

	e.path_len = (uint16_t)strlen(path);
	memcpy(e.path, path, e.path_len);
	strncpy(e.comm, slash ? slash + 1 : path, sizeof(e.comm) - 1);
	return e;
}

static inline struct sw_exit_event world_exit(uint32_t pid)
{
	return (struct sw_exit_event){
		.head = {.type = SW_EV_EXIT, .len = sizeof(struct sw_exit_event)},
		.owner = world_owner(pid)};
}

static inline void world_tell_sock(struct sw_inventory *inv, struct sw_sock_event e)
{
	sw_inventory_event(inv,
		&(struct sw_event){.kind = SW_EVENT_SOCK, .boot_ns = e.head.boot_ns, .sock = &e});
}

static inline void world_tell_exec(struct sw_inventory *inv, struct sw_exec_event e)
{
	sw_inventory_event(inv,
		&(struct sw_event){.kind = SW_EVENT_EXEC, .boot_ns = e.head.boot_ns, .exec = &e});
}

static inline void world_tell_exit(struct sw_inventory *inv, struct sw_exit_event e)
{
	sw_inventory_event(inv, &(struct sw_event){.kind = SW_EVENT_EXIT, .exit = &e});
}

/* /proc of a world where every process is in nginx.service. */
static inline ssize_t world_read(void *arg, uint32_t pid, const char *file, char *buf, size_t size)
{
	if (!strcmp(file, "stat"))
		return snprintf(
			buf, size, "%u (x) S 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 %u 0", pid, pid);
	if (!strcmp(file, "cgroup"))
		return snprintf(buf, size, "0::/system.slice/nginx.service\n");
	if (!strcmp(file, "comm"))
		return snprintf(buf, size, "p%u\n", pid);
	return -ENOENT;
}
