/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What mail, webhook and command share. Alerts gather in a table for a few seconds, or until the throttle
 * or quiet hours let the next message go; the table becomes one message, handed to the caller's send and kept
 * until it is reported done. When the table is full the least severe row makes place, so that noise cannot push out
 * what matters; what is pushed out is counted in the message. The sink owns its batch.
 */
#pragma once

#include "user/alert/sink.h"
#include "user/base/strbuf.h"

enum { SW_BATCH_ROWS_MAX = 200 }; /* alerts told one by one in a message; more of them nobody reads */

struct sw_batch_row {
	enum sw_severity severity;
	int64_t first_ns, last_ns;
	uint64_t count, alerts; /* of things; of calls that told of them */
	uint32_t pid;
	char kind[24];
	char title[384];
	char rule[48], subject[64];
	char process[64], executable[256], unit[64], container[64], container_name[64], pod[128];
	char trail[64], feed[64];
};

struct sw_batch;

struct sw_batch_limits {
	enum sw_severity min_severity;
	uint64_t throttle_sec;
};

struct sw_batch_kind {
	const char *name; /* of the memory file that carries a message */
	const char *what; /* for a person: "mail" */
	/* The message; rows are there, the most severe first. Failures are seen in out. */
	void (*build)(const struct sw_batch *b, struct sw_strbuf *out);
	/*
	 * The table is due, rows are sorted: whether something that the message should hold is still to come; it is
	 * waited for a while. May be NULL.
	 */
	bool (*waits)(const struct sw_batch *b);
	struct sw_batch_limits (*limits)(const struct sw_config *c);
	int (*check)(const struct sw_alert_context *c); /* of the configuration: 0 or -errno; may be NULL */
};

struct sw_batch {
	struct sw_alert_context *context;
	const struct sw_batch_kind *kind;
	enum sw_alert_outlet outlet;
	struct sw_batch_limits limits;
	struct sw_batch_row rows[SW_BATCH_ROWS_MAX];
	size_t n_rows;
	uint64_t alerts, cut; /* since the last message: all of them; those without a row */
	uint64_t first_boot_ns; /* of the table's first alert */
	bool was_held; /* the table has waited for quiet hours to end */
	uint64_t last_sent_ns;
	uint64_t waits_until_ns; /* for what the kind waits for; 0: it has not begun to */
	bool has_sent;
	uint32_t next_id;
	int letter; /* a message that goes before the table; -1: none */
	/* the message on its way */
	int fd; /* -1: none */
	uint32_t id;
	bool is_handed_over;
	unsigned int tries;
	uint64_t due_ns; /* the next try, or the end of waiting for the answer */
};

/* "3 alerts: " and the title of the most severe one. */
void sw_batch_title(const struct sw_batch *b, struct sw_strbuf *out);

/* A whole message that goes next; it takes the place of one that waits. 0 or -errno. */
int sw_batch_letter(struct sw_batch *b, const struct sw_strbuf *message);

/* These are a sink's functions (sink.h); sink is the batch. */
int sw_batch_open(const struct sw_alert_sink *s, struct sw_alert_context *c, void **ret);
void sw_batch_close(void *sink);
void sw_batch_take(void *sink, const struct sw_alert_item *i);
uint64_t sw_batch_tick(void *sink);
void sw_batch_sent(void *sink, uint32_t id, int result, const char *text);

#define SW_BATCH_SINK(kind_)                                                                       \
	.batch = &(kind_), .open = sw_batch_open, .close = sw_batch_close, .take = sw_batch_take,   \
	.tick = sw_batch_tick, .sent = sw_batch_sent
