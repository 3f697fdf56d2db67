/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `sockwarden top` shows: a row for each address or process that events name, sums of the
 * counters over the last interval, and the last events. Pure: the caller brings events, replies and time.
 */
#pragma once

#include <jansson.h>

#include "user/base/strbuf.h"
#include "user/base/util.h"

enum {
	SW_TOP_ROWS = 4096, /* then the row that was seen longest ago makes room */
	SW_TOP_EVENTS = 64,
	SW_TOP_TEXT = 96,
};

enum sw_top_sort { SW_TOP_BY_RATE, SW_TOP_BY_HITS, SW_TOP_BY_LAST, SW_TOP_BY_NAME, SW_TOP_SORTS };

struct sw_top_row {
	char name[SW_TOP_TEXT]; /* an address, a network, or a process that no address stands for */
	char what[SW_TOP_TEXT]; /* the last thing said of it */
	char process[SW_TOP_TEXT];
	uint64_t hits, before; /* packets and touches; what hits was at the last tick */
	double rate; /* of the last interval, 1/s */
	uint64_t last_ns; /* boot time */
	bool is_banned, is_dropped, is_address;
	unsigned int severity; /* 0: no finding; 1 info ... 5 critical */
};

struct sw_top_line {
	char at[16]; /* 12:34:56 */
	char kind[16];
	char text[256];
};

struct sw_top_sums { /* of `status` */
	char mode[16], host[64], version[32];
	bool is_there, is_enforcing;
	int64_t enforce_left_sec;
	uint64_t uptime_sec, judged, dropped, lost, bans, findings, listeners, sockets, degraded,
		entries;
	char first_degraded[160];
	double judged_rate, dropped_rate; /* packets/s since the reply before */
};

struct sw_top {
	struct sw_top_row *rows;
	size_t n;
	struct sw_top_line lines[SW_TOP_EVENTS]; /* a ring */
	uint64_t n_lines;
	struct sw_top_sums sums;
	uint64_t status_ns, tick_ns;
};

int sw_top_new(struct sw_top **ret);
void sw_top_free(struct sw_top *t);
/* An item of the engine's event stream; what it lacks is taken as absent. */
void sw_top_event(struct sw_top *t, const json_t *item, uint64_t now_ns);
/* A reply to `status`; NULL: the engine is away, what was known of it stays. */
void sw_top_status(struct sw_top *t, const json_t *status, uint64_t now_ns);
/* An interval is over: rates are what came within it. */
void sw_top_tick(struct sw_top *t, uint64_t now_ns);
/*
 * The rows that hold filter ("" all; without regard to case) in their name, what is said of them or their
 * process, best first: at most max into ret, borrowed until the next event. Returns how many.
 */
size_t sw_top_view(const struct sw_top *t, enum sw_top_sort sort, const char *filter, size_t max,
	const struct sw_top_row **ret);
/* The event said as the i-th last; NULL when there were fewer. */
const struct sw_top_line *sw_top_last(const struct sw_top *t, size_t i);
const char *sw_top_sort_word(enum sw_top_sort sort);
