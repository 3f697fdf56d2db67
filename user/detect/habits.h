/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Habits of DNS clients: what many names together give away, in windows of two halves and tables of
 * fixed size. Reverse zones, block lists asked by reversed address and zones
 * that are asked by digest or domain are everyday's and not counted.
 * Pure; the caller owns it and gives the time.
 */
#pragma once

#include "sockwarden/pkt/flow.h"
#include "user/detect/rules.h"
#include "user/detect/sight.h"
#include "user/proto/dns.h"

enum {
	SW_HABITS_ROWS = 8192, /* clients and domains: 2 MiB */
	SW_HABITS_TUNNEL_BYTES = 4096, /* in the labels below one domain, ... */
	SW_HABITS_TUNNEL_LENGTH = 30, /* so many a name on average */
	SW_HABITS_AGAIN_SEC = 600,
};

struct sw_habits;

struct sw_habit {
	enum sw_rule rule;
	char about[SW_DNS_NAME_MAX], info[96];
};

/* rules: borrowed. */
int sw_habits_new(struct sw_rules *rules, struct sw_habits **ret);
void sw_habits_free(struct sw_habits *h);
/* What its name alone tells of a message. */
struct sw_habits_look {
	size_t at; /* where the registered domain begins */
	uint64_t key;
	bool is_everyday;
};
/* A message that will be given next: what it needs is fetched meanwhile. */
struct sw_habits_look sw_habits_expect(
	const struct sw_habits *h, const struct sw_flow *f, const struct sw_dns *d);
/*
 * A message that was read, and what sw_habits_expect() made of it. The habits that are now due go to ret;
 * returns how many.
 */
enum { SW_HABITS_AT_ONCE = 4 };
unsigned int sw_habits_dns(struct sw_habits *h, const struct sw_flow *f, const struct sw_dns *d,
	const struct sw_habits_look *look, int64_t sec,
	struct sw_habit ret[static SW_HABITS_AT_ONCE]);
/* Where the domain begins that somebody registered: its last two labels, three below "co.uk" and the like. */
size_t sw_habits_registered(const char *name, size_t len);
/* True of a label that looks made by a program. */
bool sw_habits_is_dga(const char *label, size_t len);
