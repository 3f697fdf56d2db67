/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The guard's socket, RUN/guard.sock: SOCK_SEQPACKET, one request a packet, one reply a packet, in
 * order, but for TRAILS_SWAP, whose reply comes when the trails are in force, after those of later
 * requests; descriptors travel beside them (SCM_RIGHTS). Fixed structs, so that the guard parses nothing.
 *
 * Bytes on the wire: SW_GUARD_REQUEST_HEAD and the entries of a batch, or the whole struct; the reply
 * always comes as the whole struct sw_guard_reply.
 *
 * The guard ends the connections of engine, net and web after a reload of the configuration and when
 * it is replaced: connect again and say HELLO; what it gives may be new.
 *
 * Every peer says HELLO first with its role; the guard checks the peer's uid (SO_PEERCRED) against
 * the role and answers with the descriptors the role gets. A request that the permit table does not
 * grant the role is refused with -EPERM and logged.
 */
#pragma once

#include <stddef.h>

#include "sockwarden/abi/decoy.h"
#include "sockwarden/abi/gate.h"
#include "sockwarden/abi/geo.h"
#include "sockwarden/abi/probe.h"
#include "sockwarden/model/addr.h"

enum { SW_GUARD_VERSION = 8, SW_GUARD_BATCH_MAX = 512, SW_GUARD_FDS_MAX = 32, SW_GUARD_IFACES_MAX = 16 };

enum sw_role {
	SW_ROLE_ENGINE = 1,
	SW_ROLE_NET,
	SW_ROLE_WEB,
	SW_ROLE_OPERATOR, /* the command line: uid 0 may change, group sockwarden may ask for status */
	SW_ROLE_CONFIG,	  /* sockwarden-config: never connects; its sandbox has this name */
	SW_ROLE_COUNT
};

enum sw_guard_op {
	SW_GUARD_HELLO = 1,
	SW_GUARD_STATUS,   /* any role: reply.status */
	SW_GUARD_BAN_PUT,  /* engine: bans[n]; reply.done counts; result is the first error */
	SW_GUARD_BAN_DEL,  /* engine: bans[n], by net */
	SW_GUARD_ALLOW_PUT, /* engine: allows[n]: sets the origins given; 0 origins deletes */
	SW_GUARD_TRAILS_SWAP, /* engine, one descriptor: a sealed image (rpc/trail.h); -EOPNOTSUPP: not packed */
	SW_GUARD_MODE,	   /* engine, operator: mode, confirm_sec (0: at once and for good) */
	SW_GUARD_SNAPSHOT, /* engine: reply carries iterator descriptors, see sw_guard_snapshot */
	SW_GUARD_DECOYS,   /* engine: reply.decoys, and the listeners it names as descriptors */
	SW_GUARD_WATCH_LOGS, /* engine: one descriptor, an inotify instance that OPEN_LOG adds to */
	SW_GUARD_OPEN_LOG, /* engine: log[1]: the files of one configured source, see sw_guard_logs */
	SW_GUARD_VERDICTS, /* engine: bans[n] by net, at most SW_GUARD_VERDICTS_MAX: reply.verdicts */
	/*
	 * engine, one descriptor: a sealed memfd of struct sw_domain_entry (abi/inspect.h), the domains whose
	 * questions are refused when enforcing; replaces those before, soon after the answer; -EBUSY: the ones
	 * before are still on their way in
	 */
	SW_GUARD_DOMAINS,
	SW_GUARD_SENSORS, /* engine: reply.sensors, and their packet sockets as descriptors */
	SW_GUARD_PORTS,	   /* engine: ports, n = 1: what somebody listens on, for the gate */
	SW_GUARD_CUT,	   /* engine: cuts[n]: connections to end when enforcing; reply.done: how many are to be */
	SW_GUARD_ACT, /* engine: act, n = 1: something is done to a process, or taken back */
	SW_GUARD_HELD, /* engine: reply.held: whom something is done to */
	SW_GUARD_SOCK_POLICY, /* engine, one descriptor: a sealed struct sw_sock_policy_image (abi/sock_policy.h) */
	SW_GUARD_CONTAINER, /* engine: container[1]: what a runtime wrote of a container, see sw_guard_container */
	SW_GUARD_CGROUP, /* engine: cgroup[1], the id of a cgroup v2: reply.cgroup, its path */
	SW_GUARD_CHAIN, /* operator, one descriptor: an XDP program that gets what the gate passes at XDP */
	SW_GUARD_UNCHAIN, /* operator: no such program any more */
	SW_GUARD_GEO, /* engine, one descriptor: sealed rules over countries (abi/geo.h); an id of 0: none */
	SW_GUARD_UNHELD, /* engine: reply carries iterator descriptors, see sw_guard_snapshot */
	SW_GUARD_OP_COUNT
};

enum sw_guard_ban_flag {
	SW_GUARD_BAN_WIDE = 1 << 0, /* a person said the word: wider than the configuration's floor */
};

struct sw_guard_ban {
	struct sw_net net;
	__u32 flags; /* enum sw_guard_ban_flag, or-ed */
	__u64 until_ns; /* boot time, 0 for ever */
	__u64 id;
};

struct sw_guard_allow {
	struct sw_net net;
	__u32 origins; /* enum sw_allow_origin; replaces what was there; 0 deletes */
};

enum sw_guard_log_flag {
	SW_GUARD_LOG_PAST = 1 << 0, /* the rotated ones beside them (NAME.1, NAME-20260101.gz, ...), not watched */
};

struct sw_guard_log_ask {
	__u32 pattern; /* number of the source among those of the rules */
	__u32 first;   /* of the files it names, in the order of their names */
	__u32 flags;   /* enum sw_guard_log_flag, or-ed */
};

/* A connection that a process here has, for what was said in it. */
struct sw_guard_cut {
	struct sw_net local, peer;
	__u16 lport, rport; /* host byte order */
	__u8 protocol;
	__u8 is_question; /* to a resolver, which the allow list may hold: the name is what is refused, not it */
	__u8 is_listener; /* that the socket policy would have refused, had a hook asked: it has no peer */
	__u8 pad[1];
	__u64 cookie; /* of the socket; 0: not known */
};

/* Bit N: somebody listens on port N of the host's namespace, and not on loopback alone. */
struct sw_guard_ports {
	__u8 tcp[SW_PORT_BYTES], udp[SW_PORT_BYTES];
};

enum { SW_CONTAINER_ID_DIGITS = 64 };
struct sw_guard_container_ask {
	__u32 from; /* number of the file to begin at, of those that may be there */
	char id[SW_CONTAINER_ID_DIGITS]; /* lower case digits, all of them */
};

enum sw_act_verb { SW_ACT_FREEZE = 1, SW_ACT_KILL, SW_ACT_ISOLATE, SW_ACT_RELEASE };

struct sw_guard_act {
	__u32 verb; /* enum sw_act_verb */
	__u32 pid;
	__u64 start_ns; /* of the process, in boot time, as records have it; 0: whoever has the number now */
	char container[64]; /* as its cgroup's path calls it: what is done is done to all of it; "": to the process */
};

struct sw_guard_request {
	__u16 version; /* SW_GUARD_VERSION */
	__u16 op;
	__u32 id;   /* returned in the reply */
	__u32 role; /* HELLO */
	__u32 n;    /* entries in the batch */
	__u32 mode; /* MODE: enum sw_mode */
	__u32 confirm_sec; /* MODE with ENFORCE: enforcement ends by itself after this, checked in BPF; 0: stays */
	union {
		struct sw_guard_ban bans[SW_GUARD_BATCH_MAX];
		struct sw_guard_allow allows[SW_GUARD_BATCH_MAX];
		struct sw_guard_log_ask log[1];
		struct sw_guard_ports ports;
		struct sw_guard_act act;
		struct sw_guard_cut cuts[SW_GUARD_BATCH_MAX];
		struct sw_guard_container_ask container[1];
		__u64 cgroup[1];
	};
};

/*
 * Bytes of a request or a reply on the wire: a batch sends only the entries it has. Use these, never
 * sizeof, and zero the struct first.
 */
#define SW_GUARD_REQUEST_HEAD offsetof(struct sw_guard_request, bans)

/* HELLO's reply: who runs as what, so that the engine can check its own peers. */
struct sw_guard_ids {
	__u32 engine_uid, net_uid, web_uid;
	__u32 reader_gid; /* group sockwarden */
	__u32 admin_gid;  /* group sockwarden-admin */
};

/* Descriptors of the engine's HELLO reply, in this order. Maps are read-only, rings read-write. */
enum sw_guard_fd {
	SW_FD_CONFIG, /* sealed sw_config image (rpc/config.h); the only one for NET and WEB */
	SW_FD_EV_PKT,
	SW_FD_EV_SOCK,
	SW_FD_COUNTERS,
	SW_FD_STATS,
	SW_FD_BAN4,
	SW_FD_BAN6,
	SW_FD_BANNET4,
	SW_FD_BANNET6,
	SW_FD_ALLOW4,
	SW_FD_ALLOW6,
	SW_FD_EV_INSPECT,
	SW_FD_GEO_HITS,
	SW_FD_RULES, /* sealed image of the rules over logs (rpc/rules.h) */
	SW_FD_ENGINE_COUNT
};

/* One attached device. */
struct sw_guard_iface {
	char name[16];
	__u32 ifindex;
	char hook[12];	  /* "native", "tcx", "clsact", "generic", "none" */
	char driver[24];
	char why[100];	  /* why this hook, or why none */
	__u32 foreign_xdp_id; /* somebody else's XDP program on it, as last told by netlink; 0: none */
	char foreign_xdp[16]; /* its name, "" when it has none */
	char foreign_tag[20]; /* digits of the kernel's hash over its instructions */
	__u32 foreign_uid;    /* who loaded it */
	char forward[12];     /* what looks at what is forwarded out of it: "tcx", "clsact", "none" */
	char tag[12];	      /* what writes the marks of tagged packets: as forward; "": nothing is tagged */
	__u32 put_back;	      /* how often somebody took a program of ours away, and it was put back */
};

/* The operator's own program, which gets what the gate passes on devices at XDP. */
struct sw_guard_chain {
	__u32 id; /* the kernel's; 0: none */
	__u32 uid; /* who loaded it */
	char name[16];
	char tag[20]; /* digits of the kernel's hash over its instructions */
};

/* Where a ban is put in force. */
enum sw_backend_id {
	SW_BACKEND_XDP, /* the packet program's maps: always, and what the others are put right by */
	SW_BACKEND_NFTABLES,
	SW_BACKEND_HOSTS_DENY,
	SW_BACKEND_EXEC,
	SW_BACKEND_COUNT
};

struct sw_guard_backend {
	__u32 is_on; /* the configuration wants it */
	__s32 error; /* why it does not do its work, -errno; 0: it does */
	__u32 entries; /* bans that it holds */
	__u32 repairs; /* times that what somebody else took away was put back */
	char why[96]; /* of the error, or of the last repair */
};

struct sw_guard_hits {
	__u64 packets, bytes;
};

/* What nftables has besides bans. */
struct sw_guard_nft {
	__u32 is_fallback; /* it is used because a device has no packet program, the configuration does not name it */
	__u32 is_loading; /* trails or rules over countries are on their way in; those before hold */
	__u64 trails_held, trails_left_out; /* addresses, runs of them, and with a port; beyond its limits */
	struct sw_guard_hits trails_in, trails_out; /* dropped there for the source, for the destination */
	struct sw_guard_hits geo[SW_GEO_RULES_MAX]; /* dropped there by a rule over countries */
};

/* One ban at the backends but xdp, which the engine reads itself. */
enum { SW_GUARD_VERDICTS_MAX = 128 };
struct sw_guard_verdict {
	__u8 state[SW_BACKEND_COUNT]; /* enum sw_verdict_state; 0: the backend is not used */
	__u32 pad;
	__u64 nft_hits; /* packets that nftables dropped */
};

/* The rules over countries that are in force. */
struct sw_guard_geo {
	__u32 id; /* 0: there are none */
	__u32 n_nets; /* bounds of networks that they know */
};

enum sw_sock_tier { SW_TIER_NONE = 0, SW_TIER_A = 'A', SW_TIER_B = 'B', SW_TIER_C = 'C' };

struct sw_guard_status {
	__u32 mode;	/* as set */
	__u32 is_enforcing; /* as in force now: the deadline is looked at */
	__u64 enforce_until_ns;
	__u64 started_boot_ns;
	__u64 trails4, trails6; /* entries in force */
	__u64 trails_swapped_ns; /* boot time of the last swap, 0: none yet */
	__u32 trail_crc; /* of the image in force */
	__u32 tier;	/* enum sw_sock_tier */
	__u32 has_adopted; /* pins of an earlier guard were taken over */
	__u32 trail_engine; /* enum sw_trail_engine that is in force */
	struct sw_guard_geo geo;
	__u32 n_ifaces;
	struct sw_guard_iface ifaces[SW_GUARD_IFACES_MAX];
	struct sw_guard_chain chain;
	char hooks[512]; /* socket hooks attached, "name name -name(reason) ..." */
	struct {
		char name[16];	/* "engine", "net", "web" */
		__u32 pid;	/* 0: not running */
		__u32 restarts;
	} children[4];
	struct sw_guard_backend backends[SW_BACKEND_COUNT];
	struct sw_guard_nft nft;
};

/*
 * SNAPSHOT's reply: n_tasks + 3 * n_netns + n_again descriptors, in this order: one task and one task_file
 * iterator for all; for each of n_netns namespaces one tcp, one udp and one unix iterator; task_file once more.
 * Read each to its end: the sw_it_ records of abi/sock_event.h (task: sw_it_task, one a process). netns[i] is the
 * inode of namespace i; a name is its place under /run/netns or "". An iterator that this kernel
 * refused is a descriptor of /dev/null: it ends at once.
 * More namespaces than SW_GUARD_NETNS_MAX: is_cut is 1, and ask again with mode = inode of the last one
 * given; the iterators over tasks come only with the first part (mode 0), the one to read again with the last.
 *
 * UNHELD's reply is the same with one descriptor for each namespace and none else: TCP connections that no process
 * holds and no snapshot shows, among others without a file, as sw_it_inet.
 */
enum { SW_GUARD_NETNS_MAX = 8 };
struct sw_guard_snapshot {
	__u32 n_netns, is_cut;
	__u32 total;
	__u32 n_tasks; /* 2: task and task_file are the first descriptors; else 0 */
	__u32 n_again; /* 1: task_file once more is the last, to be read when sockets without an owner came; else 0 */
	struct {
		__u32 inode;
		char name[60];
	} netns[SW_GUARD_NETNS_MAX];
};

struct sw_guard_cookie {
	__u32 is_on;   /* the configuration wants decoys that XDP itself answers */
	__s32 error;   /* why they are not answered although it does, -errno */
	__u32 n_ports;
	char why[96];
};

/*
 * DECOYS' reply: the descriptors are those of socks, in the order of enum sw_decoy_sock: listeners, and
 * UDP sockets that give the address that was asked for with each datagram (IP_RECVORIGDSTADDR,
 * IPV6_RECVORIGDSTADDR). All are bound to a port of loopback that nobody is told.
 */
struct sw_guard_decoys {
	__u32 is_on;  /* the configuration wants decoys */
	__s32 error;  /* why they are not served although it does, -errno */
	__u32 socks; /* set of 1 << enum sw_decoy_sock */
	__u32 n_tcp_ports, n_udp_ports;
	__u16 client_first, client_last; /* UDP decoys in this range were left out: clients get these ports */
	__u32 n_udp_left_out;
	char why[128];
	struct sw_guard_cookie cookie;
};

/*
 * OPEN_LOG's reply: for each of at[0..n) without an error a descriptor, in order. wd is its watch in the
 * instance of WATCH_LOGS, -1 without one; a watch that is none of these is a directory's: files came or
 * went, ask again. More than first + n are there when total says so.
 */
enum { SW_GUARD_LOGS_MAX = 16, SW_GUARD_LOG_PATH = 224 };
struct sw_guard_log {
	__s32 wd;
	__s32 error; /* -errno: why it is not among the descriptors */
	char path[SW_GUARD_LOG_PATH];
};
struct sw_guard_logs {
	__u32 n, total;
	__u32 n_left_out; /* beyond what one source may name */
	struct sw_guard_log at[SW_GUARD_LOGS_MAX];
};

/*
 * SENSORS' reply: packet sockets (TPACKET_V3) on mirror ports, bound and promiscuous, each with a ring of
 * SW_SENSOR_BLOCKS of SW_SENSOR_BLOCK_BYTES to be mapped.
 */
enum {
	SW_GUARD_SENSORS_MAX = 4,
	SW_SENSOR_BLOCK_BYTES = 1 << 18,
	SW_SENSOR_BLOCKS = 32, /* 8 MiB a port */
	SW_SENSOR_RETIRE_MS = 20, /* a block that is not full is given so late */
};
struct sw_guard_sensors {
	__u32 n;
	char name[SW_GUARD_SENSORS_MAX][16];
};

/* What a file about a container holds. */
enum sw_container_form {
	SW_CONTAINER_DOCKER, /* config.v2.json of Docker */
	SW_CONTAINER_BUNDLE, /* config.json of an OCI bundle, as containerd, CRI-O and podman write it */
	SW_CONTAINER_STORE,  /* containers.json of containers/storage: all of them */
};

/* CONTAINER's reply, with one descriptor. -ENOENT: there is none from that number on. */
struct sw_guard_container {
	__u32 number; /* of the file; ask again from the next one for more */
	__u32 form; /* enum sw_container_form */
};

struct sw_guard_cgroup {
	char path[1024];
};

/* HELD's reply. */
enum { SW_GUARD_HELD_MAX = 32, SW_GUARD_CGROUP_PATH = 224 };
struct sw_guard_held_row {
	__u32 verb; /* FREEZE or ISOLATE */
	__u32 pid;
	__u64 start_ns;
	__u64 cgroup_id; /* ISOLATE */
	__u32 is_whole, pad;
	char cgroup[SW_GUARD_CGROUP_PATH]; /* below the root of cgroup v2, with the slash */
};
struct sw_guard_held {
	__u32 n, pad;
	struct sw_guard_held_row at[SW_GUARD_HELD_MAX];
};

struct sw_guard_reply {
	__u16 version;
	__u16 op;
	__u32 id;
	__s32 result; /* 0 or -errno */
	__u32 done;   /* entries of the batch that are in force */
	char text[160]; /* for a person, when result is negative */
	union {
		struct sw_guard_ids ids; /* HELLO */
		struct sw_guard_status status;
		struct sw_guard_snapshot snapshot;
		struct sw_guard_decoys decoys;
		struct sw_guard_sensors sensors;
		struct sw_guard_logs logs;
		struct sw_guard_held held;
		struct sw_guard_verdict verdicts[SW_GUARD_VERDICTS_MAX];
		struct sw_guard_container container;
		struct sw_guard_cgroup cgroup;
	};
};
