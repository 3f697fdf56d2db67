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
	/*
	 * attempted: peer set; for UDP also a socket's first sendto, with state 7: it stays without
	 * a peer
	 */
	SW_EV_CONNECT,
	SW_EV_CONNECTED, /* outcome of a connect: ret 0 */
	SW_EV_CONNECT_FAILED, /* outcome of a connect: ret is -errno, or 0 when only the end is known */
	SW_EV_ACCEPT, /* a connection came up on a listener; the owner is the listener's */
	SW_EV_CLOSE, /* the last descriptor is gone, or a listener listens no more */
	SW_EV_EXEC,
	SW_EV_EXIT,
	SW_EV_FORK, /* a process, not a thread: it runs its parent's executable until it execs */
	SW_EV_UNIX, /* a UNIX socket waits for others: listens, or is a datagram socket with a name */
	/*
	 * Packets to a listed or banned destination: backlog is their number since the last record,
	 * state is enum sw_reason, ret is -EPERM when they were refused
	 */
	SW_EV_SENT,
	SW_EV_TYPE_COUNT
};

enum sw_ev_origin {
	SW_ORIGIN_SYSCALL = 0,
	SW_ORIGIN_IO_URING = 1,
	SW_ORIGIN_COMPAT = 2,
	SW_ORIGIN_KERNEL = 3, /* softirq or a kernel thread: current is not the owner */
};

enum sw_ev_option {
	SW_OPT_REUSEADDR = 1 << 0,
	SW_OPT_REUSEPORT = 1 << 1,
	SW_OPT_V6ONLY = 1 << 2,
	SW_OPT_TRANSPARENT = 1 << 3,
	SW_OPT_FREEBIND = 1 << 4,
	SW_OPT_CHOSEN = 1 << 5, /* the kernel chose the port: of a listen() without a bind, or a bind to port 0 */
};

struct sw_ev_head {
	__u8 type; /* enum sw_ev_type */
	__u8 pad;
	__u16 len; /* of the whole record */
	__u32 cpu;
	__u64 seq; /* of this CPU, from 1; a number that never comes is a loss (two may come swapped) */
	__u64 boot_ns;
};
SW_ABI_SIZE(struct sw_ev_head, 24);

/*
 * Who: kept in socket storage at creation or first bind, so that softirq can still name the owner.
 * Names are not here: the process table has them by (tgid, start_ns) from exec and task records.
 */
struct sw_owner {
	__u32 tgid, tid;
	__u64 start_ns; /* start of the thread group's leader in boot time: (tgid, start_ns) names a process for good */
	__u64 cgroup_id;
	__u32 uid, gid; /* as the initial user namespace sees them */
	__u32 netns;    /* inode of the socket's, or where there is no socket the process's, network namespace */
	__u32 pad;
};
SW_ABI_SIZE(struct sw_owner, 40);

struct sw_sock_event {
	struct sw_ev_head head;
	struct sw_owner owner;
	__u64 cookie;  /* socket cookie */
	__s32 ret;     /* 0 or -errno; of a BIND or CONNECT -EPERM: it was refused by us */
	union {
		__u32 backlog; /* LISTEN */
		/* BIND refused, CONNECT, CONNECT_FAILED: how many alike it stands for, itself included; 0: 1 */
		__u32 count;
	};
	__u16 protocol; /* IPPROTO_*; MPTCP needs more than a byte */
	__u8 family;   /* AF_* */
	__u8 type;     /* SOCK_* */
	__u8 state;    /* TCP state after, 0 when it has none */
	__u8 origin;   /* enum sw_ev_origin */
	/* enum sw_ev_option, where the hook can read them: LISTEN, ACCEPT, CONNECTED; of BIND only CHOSEN */
	__u8 options;
	/* BIND, CONNECT with -EPERM: the policy's rule, from 1, or SW_SOCK_BY_DEFAULT; 0: not by the policy */
	__u8 policy_rule;
	__u16 lport, rport;
	__u32 ifindex; /* the device that the socket is bound to, 0 for any */
	__u8 laddr[16], raddr[16];
};
SW_ABI_SIZE(struct sw_sock_event, 128);

struct sw_unix_event {
	struct sw_ev_head head;
	struct sw_owner owner;
	__u64 cookie;
	__u8 type, state, origin; /* SOCK_*; as TCP states; enum sw_ev_origin */
	__u8 is_abstract;	  /* path begins with a NUL */
	__u16 path_len;		  /* bytes of path; 0: not known, or without a name */
	__u16 pad;
	char path[SW_UNIX_PATH_MAX + 20]; /* its room as the verifier sees it */
};
SW_ABI_SIZE(struct sw_unix_event, 208);

struct sw_exec_event {
	struct sw_ev_head head;
	struct sw_owner owner; /* after the exec */
	char comm[SW_COMM_MAX];
	__u32 ppid;
	__u16 path_len; /* bytes used of path, without the NUL */
	__u16 args_len; /* bytes used of args */
	__u8 is_args_cut;
	__u8 is_path_cut; /* its beginning is missing */
	__u8 is_deleted;  /* the file has no name any more: removed, or a memfd */
	__u8 pad[5];
	char path[SW_EXEC_PATH_MAX]; /* of the file that runs, in its mount namespace; NUL-ended */
	char args[SW_EXEC_ARGS_MAX]; /* NUL-separated */
};
SW_ABI_SIZE(struct sw_exec_event, 96 + SW_EXEC_PATH_MAX + SW_EXEC_ARGS_MAX);

struct sw_exit_event {
	struct sw_ev_head head;
	struct sw_owner owner;
	__s32 exit_code; /* as wait(2) gives it */
	__u32 pad;
};
SW_ABI_SIZE(struct sw_exit_event, 72);

struct sw_fork_event {
	struct sw_ev_head head;
	struct sw_owner owner; /* the child */
	__u32 ppid;
	__u32 pad;
	__u64 parent_start_ns; /* with ppid the parent's name */
};
SW_ABI_SIZE(struct sw_fork_event, 80);

/*
 * What the iterators write, back to back: one record per socket (tcp, udp, unix), per descriptor that
 * is a socket (task_file), or per process (task). len is a multiple of 8.
 */
enum sw_it_type { SW_IT_INET = 1, SW_IT_UNIX = 2, SW_IT_FILE = 3, SW_IT_TASK = 4, SW_IT_HELD = 5 };

/*
 * Of netlink too: state says whether it listens to groups, the first bytes of laddr are its port number, those of raddr
 * the first 32 groups; in the byte order of the host.
 */
struct sw_it_inet {
	__u16 type, len;
	__u32 inode; /* of the socket file, 0 when there is none */
	__u64 cookie;
	__u32 uid;
	__u32 rx_queue, tx_queue;
	__u16 family, protocol, lport, rport;
	__u8 state, options; /* TCP state; enum sw_ev_option */
	__u8 sock_type;      /* SOCK_RAW where it is one; else 0, the protocol says */
	__u8 pad;
	__u32 backlog;
	__u32 netns;
	__u8 laddr[16], raddr[16];
	__u32 ifindex;
};
SW_ABI_SIZE(struct sw_it_inet, 88);

struct sw_it_unix {
	__u16 type, len;
	__u32 inode;
	__u64 cookie;
	__u32 uid;
	__u32 netns;
	__u16 sock_type; /* SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET */
	__u8 state;	 /* 1 connected, 10 listening, 7 neither (as TCP states) */
	__u8 is_abstract; /* path is without the leading NUL */
	__u16 path_len; /* bytes of path; 0: unbound */
	__u16 pad;
	char path[SW_UNIX_PATH_MAX];
	__u32 peer_inode; /* of the socket at the other end, 0: none, or none that has a file */
};
SW_ABI_SIZE(struct sw_it_unix, 144);

/* One descriptor of a process that is a socket: joins a process with sockets by cookie. */
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
SW_ABI_SIZE(struct sw_it_file, 72);

/*
 * A TCP socket with the process that has it, by the first of its descriptors: as good as an sw_it_inet and an
 * sw_it_file. Further descriptors of it come as sw_it_file.
 */
struct sw_it_held {
	struct sw_it_inet inet; /* type and len are this record's */
	struct sw_owner owner;
	__u32 fd, pad;
};
SW_ABI_SIZE(struct sw_it_held, 136);

/* One process (thread group), for the process table at start. */
struct sw_it_task {
	__u16 type, len;
	__u32 ppid;
	struct sw_owner owner;
	char comm[SW_COMM_MAX];
	__u16 path_len;
	__u8 is_path_cut, is_deleted;
	__u8 is_kernel; /* a kernel thread: no executable */
	__u8 pad[3];
	char path[SW_EXEC_PATH_MAX]; /* of the executable, in its mount namespace; NUL-ended; "" when there is none */
};
SW_ABI_SIZE(struct sw_it_task, 72 + SW_EXEC_PATH_MAX);
