/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets to sights: listed addresses, names, requests and fingerprints in them, and behaviour. Packets
 * are given one by one with the time they were seen at; nothing here asks a clock or allocates without
 * bound, and what was not looked at is counted. Of one flow the same thing is told once a minute.
 */
#pragma once

#include "sockwarden/pkt/flow.h"
#include "user/detect/sight.h"
#include "user/trail/static.h"

struct sw_traffic;

struct sw_traffic_stats {
	uint64_t packets, bytes;
	uint64_t unreadable; /* cut before their addresses, or malformed */
	uint64_t not_ip;
	uint64_t sights;
	uint64_t given_up; /* flows whose beginning was not seen whole */
	uint64_t unread; /* messages and tunnels that are malformed, cut off, or beyond what a reader takes */
	uint64_t dns, requests, hellos, certificates; /* read */
};

typedef void (*sw_sight_fn)(void *arg, const struct sw_sight *sight);

/* What is looked at beside names, requests and hellos. */
enum sw_traffic_look {
	SW_LOOK_ADDRESSES = 1 << 0, /* of the packets themselves */
	SW_LOOK_SCANS = 1 << 1, /* floods and guessing too */
	SW_LOOK_GAPS = 1 << 2, /* which segments of TCP are missing: every packet is given */
	SW_LOOK_ALL = 7,
};

/* set: borrowed, sealed. looks: enum sw_traffic_look, or-ed. */
int sw_traffic_new(struct sw_static *set, unsigned int looks, sw_sight_fn fn, void *arg,
	struct sw_traffic **ret);
/* Another set from now on; borrowed, sealed. */
void sw_traffic_use(struct sw_traffic *t, struct sw_static *set);
/* The rules of behaviour, at their defaults until they are set; borrowed. */
struct sw_rules;
struct sw_rules *sw_traffic_rules(struct sw_traffic *t);
void sw_traffic_free(struct sw_traffic *t);
void sw_traffic_freep(struct sw_traffic **t);

/* A packet whose first byte is what link says; number: from 1. */
struct sw_traffic_packet {
	const uint8_t *data;
	size_t len;
	enum sw_link link;
	int64_t wall_ns;
	uint64_t number;
	bool is_ahead; /* a segment of TCP, and what precedes it has not come; with SW_LOOK_GAPS it is found out */
};

/*
 * Packets in their order. Given together they cost half: what the tables hold of all of them is fetched
 * before the first is judged. At most SW_TRAFFIC_BATCH.
 */
enum { SW_TRAFFIC_BATCH = 32 };
void sw_traffic_packets(struct sw_traffic *t, const struct sw_traffic_packet *v, size_t n);
/* No packet came, and it is so late: tells what a packet of now would have made told. */
void sw_traffic_time(struct sw_traffic *t, int64_t wall_ns);
/* What was waited for will not come: judges what there is. */
void sw_traffic_end(struct sw_traffic *t);
const struct sw_traffic_stats *sw_traffic_stats(struct sw_traffic *t);
