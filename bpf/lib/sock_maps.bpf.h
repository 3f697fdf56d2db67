/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps of the socket side. The objects must share them (the loader reuses the pins by name): ev_sock,
 * sock_cpu, sock_slots, sock_ports, sock_owner, and stats of stats.bpf.h.
 */
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "lib/stats.bpf.h"
#include "sockwarden/abi/sock_event.h"

enum sock_flag {
	SOCK_IS_TOLD = 1 << 0,	   /* user space has heard of it: its end must be told */
	SOCK_IS_RELEASED = 1 << 1, /* its end was told */
	SOCK_HAS_SENT = 1 << 2,	   /* UDP: its first destination was told */
	SOCK_NEEDS_PORT = 1 << 3,  /* listens, and its port was not yet known when that was told */
	SOCK_IS_SUMMED = 1 << 5, /* its connect was told only as part of a sum: its outcome and end are not told */
	SOCK_LISTENS_ANEW = 1 << 4, /* the listen() that made it a listener is under way */
};

/* A note on a socket (lib/sock_note.bpf.h). */
struct sock_note {
	struct sw_owner owner;
	__u16 flags; /* enum sock_flag */
	__u8 options; /* of a listener that needs its port: where that is told they cannot be read */
	__u8 pad;
	__u32 backlog; /* likewise */
	__u32 told_low; /* lower half of the time of the last record about it */
	__u32 listens; /* of a note in a slot: in which of sock_ports, from 1; 0: in none */
};

struct sock_slot {
	__u64 cookie; /* 0: free */
	struct sock_note note;
};
_Static_assert(sizeof(struct sock_slot) == 64, "a line of the cache");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SW_SOCK_SLOTS);
	__type(key, __u32);
	__type(value, struct sock_slot);
} sock_slots SEC(".maps");

/* The first listener of a port in its namespace. */
struct sock_port {
	__u64 cookie; /* 0: free */
	__u64 addr[2]; /* as in the socket; zeros: any */
	__u32 netns;
	__u16 port, family;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SW_SOCK_PORT_SLOTS);
	__type(key, __u32);
	__type(value, struct sock_port);
} sock_ports SEC(".maps");

/* Notes that found no slot. An accepted socket gets a copy of its listener's. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct sock_note);
} sock_owner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SW_EV_SOCK_BYTES);
} ev_sock SEC(".maps");

struct sock_cpu {
	__u64 seq;     /* of the last record begun on this CPU */
	__u64 told_ns; /* boot time of the last record about a socket of this CPU */
	__u64 waiting; /* records about processes since a wake-up of this CPU */
	__u64 tick, tick_ns; /* the last of the kernel's in which the clock was read here, and what it said */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sock_cpu);
} sock_cpu SEC(".maps");
