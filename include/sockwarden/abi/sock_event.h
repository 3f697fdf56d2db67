/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records of ev_sock: a fixed record for what happens to a socket, and one with text for exec. Every
 * record begins with sw_ev_head. Addresses are in network byte order, IPv4 in the first four bytes;
 * ports are in host byte order.
 */
#pragma once

#include "sockwarden/abi/limits.h"
#include "sockwarden/abi/types.h"

enum sw_ev_type {
	SW_EV_BIND = 1,
	SW_EV_LISTEN,
	SW_EV_CONNECT, /* attempted: peer set */
	SW_EV_CONNECTED, /* outcome of a connect: ret 0 */
	SW_EV_CONNECT_FAILED, /* outcome of a connect: ret is -errno, or 0 when only the end is known */
	SW_EV_ACCEPT,
	SW_EV_CLOSE,
	SW_EV_EXEC,
	SW_EV_EXIT,
	SW_EV_TYPE_COUNT
};

enum sw_ev_origin {
	SW_ORIGIN_SYSCALL = 0,
	SW_ORIGIN_IO_URING = 1,
	SW_ORIGIN_COMPAT = 2,
	SW_ORIGIN_KERNEL = 3, /* softirq or a kernel thread: current is not the owner */
};

struct sw_ev_head {
	__u8 type; /* enum sw_ev_type */
	__u8 pad;
	__u16 len; /* of the whole record */
	__u32 cpu;
	__u64 seq; /* of this CPU, from 1; a gap is a loss */
	__u64 boot_ns;
};
SW_ABI_SIZE(struct sw_ev_head, 24);

/* Who: kept in socket storage at creation or first bind, so that softirq can still name the owner. */
struct sw_owner {
	__u32 tgid, tid;
	__u64 start_ns; /* task start in boot time: (tgid, start_ns) names a process for good */
	__u64 cgroup_id;
	__u32 uid, gid;
	__u32 netns; /* inode */
	char comm[SW_COMM_MAX];
	__u32 pad;
};
SW_ABI_SIZE(struct sw_owner, 56);

struct sw_sock_event {
	struct sw_ev_head head;
	struct sw_owner owner;
	__u64 cookie; /* socket cookie */
	__s32 ret;    /* 0 or -errno */
	__u32 backlog;
	__u16 family; /* AF_* */
	__u16 type;   /* SOCK_* */
	__u16 protocol; /* IPPROTO_* */
	__u8 state;	/* TCP state after, 0 when it has none */
	__u8 origin;	/* enum sw_ev_origin */
	__u8 options; /* bit 0 reuseaddr, 1 reuseport, 2 v6only, 3 transparent, 4 freebind */
	__u8 pad[3];
	__u16 lport, rport;
	__u8 laddr[16], raddr[16];
	__u64 reserved;
};
SW_ABI_SIZE(struct sw_sock_event, 152);

struct sw_exec_event {
	struct sw_ev_head head;
	struct sw_owner owner; /* after the exec */
	__u32 ppid;
	__u16 path_len; /* bytes used of path, without the NUL */
	__u16 args_len; /* bytes used of args */
	__u8 is_args_cut;
	__u8 pad[7];
	char path[SW_EXEC_PATH_MAX]; /* as given to exec; made absolute by user space */
	char args[SW_EXEC_ARGS_MAX]; /* NUL-separated */
};

struct sw_exit_event {
	struct sw_ev_head head;
	struct sw_owner owner;
	__s32 exit_code; /* as wait(2) gives it */
	__u32 pad;
};

/*
 * What the iterators write, back to back, one record per socket (tcp, udp, unix) or per descriptor
 * (task_file). len is a multiple of 8.
 */
enum sw_it_type { SW_IT_INET = 1, SW_IT_UNIX = 2, SW_IT_FILE = 3 };

struct sw_it_inet {
	__u16 type, len;
	__u32 inode; /* of the socket file, 0 when there is none */
	__u64 cookie; /* 0 when the kernel has not numbered it */
	__u32 uid;
	__u32 rx_queue, tx_queue;
	__u16 family, protocol, lport, rport;
	__u8 state, options;
	__u8 pad[2];
	__u32 backlog;
	__u32 netns;
	__u8 laddr[16], raddr[16];
};

struct sw_it_unix {
	__u16 type, len;
	__u32 inode;
	__u64 cookie;
	__u32 uid;
	__u32 netns;
	__u16 sock_type; /* SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET */
	__u8 state;	 /* 1 connected, 10 listening, 7 neither (as TCP states) */
	__u8 is_abstract;
	__u16 path_len; /* bytes of path; 0: unbound */
	__u16 pad;
	char path[SW_UNIX_PATH_MAX];
	__u8 pad2[4];
};

/* One descriptor of a process that is a socket: joins a process with sockets by inode or cookie. */
struct sw_it_file {
	__u16 type, len;
	__u32 inode;
	__u64 cookie;
	struct sw_owner owner;
	__u32 fd;
	__u16 family, sock_type, protocol;
	__u8 state, pad;
	__u32 netns; /* of the socket */
};
