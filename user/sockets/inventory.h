/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every socket of the host with its owners: a snapshot from the iterators, kept up to date by the
 * stream of socket records, repaired by another snapshot after a loss. In the engine; the inventory
 * owns its sockets and holds the processes that own them. No I/O and no clock of its own.
 *
 * A snapshot is begin, then netns, inet, unix, task and file records in any order, then end. Events
 * may come between: what happened since begin wins over what the iterators saw.
 */
#pragma once

#include "sockwarden/model/baseline.h"
#include "user/sockets/procs.h"

enum {
	SW_INVENTORY_MAX = 262144, /* sockets kept; more are counted, and the inventory says it is not complete */
	SW_INVENTORY_NETNS_MAX = 1024,
	SW_NETNS_NAME_MAX = 60,
};

#define SW_NETNS_UNNAMED "unnamed"

struct sw_sock_owner {
	struct sw_proc *proc;
	int32_t fd; /* -1 when only an event told of it */
};

/* In order of size, so that nothing is padded: a busy host has a hundred thousand. */
struct sw_sock {
	uint64_t cookie;
	uint8_t laddr[16], raddr[16];
	uint32_t netns, uid, inode, ifindex, backlog;
	uint32_t rx_queue, tx_queue; /* bytes as of the last snapshot; of a TCP listener: connections waiting */
	uint32_t peer_inode;	     /* UNIX: the other end */
	uint32_t generation, owners_generation; /* of the snapshot that last saw it */
	uint64_t since_ns; /* boot time of the first event, 0: there before we looked */
	uint64_t event_ns; /* of the last event */
	char *path; /* UNIX, NULL when unbound; may hold any byte but is NUL-ended */
	struct sw_sock_owner *owners; /* &only, or allocated where there are several */
	struct sw_sock_owner only;
	uint16_t n_owners, cap_owners;
	uint16_t path_len;
	uint16_t family, protocol; /* AF_*, IPPROTO_* */
	uint16_t lport, rport;
	uint8_t type, state;	   /* SOCK_*; as TCP states: 1 connected, 7 neither, 10 listening */
	uint8_t options;	   /* enum sw_ev_option */
	bool is_abstract;	   /* UNIX: path without its leading NUL */
	bool is_port_pending;	   /* listens, but the port, or a UNIX socket's name, is not known yet */
	bool is_up_told;
	bool is_nobodys; /* has a file, and no process had that in the last snapshot */
};

enum sw_sock_change { SW_SOCK_UP, SW_SOCK_DOWN };

struct sw_inventory_ops {
	/*
	 * A listener came up or went; s is good until return. is_repair: a snapshot told, not an event.
	 * Not called for what the first snapshot finds.
	 */
	void (*listener)(enum sw_sock_change change, const struct sw_sock *s, bool is_repair, void *arg);
};

struct sw_inventory;
struct sw_inventory_stats {
	uint64_t sockets, listeners, untracked, resyncs, lost;
	bool is_complete;
};

/* procs, clock, ops: borrowed. */
int sw_inventory_new(const struct sw_clock *clock, struct sw_procs *procs,
	const struct sw_inventory_ops *ops, void *arg, struct sw_inventory **ret);
void sw_inventory_free(struct sw_inventory *inv);
void sw_inventory_freep(struct sw_inventory **inv);

/* A record of the ring: sockets and processes alike. */
void sw_inventory_event(struct sw_inventory *inv, const struct sw_event *ev);
/* n records never came: not complete until the next snapshot that begins after now. */
void sw_inventory_lost(struct sw_inventory *inv, uint64_t n);
/* Each second or so: sweeps, and finds out that an owner went and the socket stayed. */
void sw_inventory_tick(struct sw_inventory *inv);
/* A snapshot is due: none yet, a loss, an owner that went while its listener stayed. */
bool sw_inventory_needs_snapshot(const struct sw_inventory *inv);

void sw_inventory_snapshot_begin(struct sw_inventory *inv);
/* A namespace whose sockets follow: those of others are left as they are. */
int sw_inventory_netns(struct sw_inventory *inv, uint32_t inode, const char *name);
void sw_inventory_inet(struct sw_inventory *inv, const struct sw_it_inet *r);
void sw_inventory_unix(struct sw_inventory *inv, const struct sw_it_unix *r);
void sw_inventory_file(struct sw_inventory *inv, const struct sw_it_file *r);
void sw_inventory_held(struct sw_inventory *inv, const struct sw_it_held *r);
void sw_inventory_task(struct sw_inventory *inv, const struct sw_it_task *r);
/*
 * A socket with a file was shown that no process had when descriptors were walked: it may have come since, and another
 * walk over them belongs to this snapshot.
 */
bool sw_inventory_wants_files(const struct sw_inventory *inv);
/*
 * What is gone is dropped, the listeners that differ are told. is_whole false: it was broken off,
 * nothing is dropped.
 */
void sw_inventory_snapshot_end(struct sw_inventory *inv, bool is_whole);

/*
 * A TCP socket that no process can hold: half open, or on its way out after its last descriptor was closed. Nothing
 * tells its end, so the inventory keeps none of them.
 */
bool sw_it_inet_is_unheld(const struct sw_it_inet *r);
/* As a socket for one look at it: nobody's, in no inventory. */
struct sw_sock sw_sock_unheld(const struct sw_it_inet *r);

/* fn: negative ends the walk with it. */
int sw_inventory_each(struct sw_inventory *inv, int (*fn)(const struct sw_sock *s, void *arg), void *arg);
const struct sw_sock *sw_inventory_find(struct sw_inventory *inv, uint64_t cookie);
struct sw_inventory_stats sw_inventory_stats(const struct sw_inventory *inv);
struct sw_procs *sw_inventory_procs(const struct sw_inventory *inv);
/* Which namespace is the host's own; its name is "". */
void sw_inventory_set_host_netns(struct sw_inventory *inv, uint32_t inode);
/* "" for the host's, the name, or "unnamed". */
const char *sw_inventory_netns_name(const struct sw_inventory *inv, uint32_t inode);

/*
 * The namespace of a socket for people: "" the host's, its name, else by who is in it: "container:ID",
 * "process:NAME", "unnamed" where nobody known is. Returns buf.
 */
const char *sw_sock_netns_name(struct sw_inventory *inv, const struct sw_sock *s, char buf[static SW_NETNS_NAME_MAX]);
/* Waits for others: TCP and SCTP in LISTEN, UDP with a port and no peer, UNIX listening or bound datagram. */
bool sw_sock_is_listener(const struct sw_sock *s);
/* No living process holds it. */
bool sw_sock_is_ownerless(const struct sw_sock *s);
/* The owner to name: the first that lives, else the first; NULL when there is none. */
struct sw_proc *sw_sock_owner(const struct sw_sock *s);
struct sw_net sw_sock_address(const struct sw_sock *s);
struct sw_net sw_sock_peer(const struct sw_sock *s);
enum sw_exposure sw_sock_exposure(const struct sw_sock *s);
/* "rtnl", "uevent", ... of a netlink protocol. */
const char *sw_netlink_word(unsigned int protocol);
/* "tcp", "udp", "udplite", "sctp", "mptcp", "raw", "packet", "netlink", "unix", "other". */
const char *sw_sock_protocol_word(const struct sw_sock *s);
/* "tcp" for IPPROTO_TCP, ...; "other" for one that has no word here. */
const char *sw_transport_word(unsigned int protocol);
const char *sw_sock_state_word(const struct sw_sock *s);
const char *sw_exposure_word(unsigned int exposure);
