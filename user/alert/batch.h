/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What mail and webhook share. Alerts gather in a table for a few seconds, or until the throttle lets the
 * next message go; the table becomes one message, handed to the caller's send and kept until it is
 * reported done. When the table is full the least severe row makes place, so that noise cannot push out
 * what matters; what is pushed out is counted in the message. The sink owns its batch.
 */
#pragma once

#include "user/alert/sink.h"
#include "user/base/strbuf.h"

enum { SW_BATCH_ROWS_MAX = 200 }; /* alerts told one by one in a message; more of them nobody reads */

struct sw_batch_row {
	enum sw_severity severity;
	int64_t first_ns, last_ns;
	uint64_t count;
	uint32_t pid;
	char kind[24];
	char title[384];
	char rule[48], subject[64];
	char process[64], executable[256], unit[64], container[64];
	char trail[64], feed[64];
};

struct sw_batch;

struct sw_batch_kind {
	enum sw_alert_outlet outlet;
	const char *name; /* of the memory file that carries a message */
	const char *what; /* for a person: "mail" */
	/* The message; rows are there, the most severe first. Failures are seen in out. */
	void (*build)(const struct sw_batch *b, struct sw_strbuf *out);
};

struct sw_batch {
	struct sw_alert_context *context;
	const struct sw_batch_kind *kind;
	enum sw_severity min_severity;
	uint64_t throttle_sec;
	struct sw_batch_row rows[SW_BATCH_ROWS_MAX];
	size_t n_rows;
	uint64_t alerts, cut; /* since the last message: all of them; those without a row */
	uint64_t first_boot_ns; /* of the table's first alert */
	uint64_t last_sent_ns;
	bool has_sent;
	uint32_t next_id;
	/* the message on its way */
	int fd; /* -1: none */
	uint32_t id;
	bool is_handed_over;
	unsigned int tries;
	uint64_t due_ns; /* the next try, or the end of waiting for the answer */
};

int sw_batch_new(struct sw_alert_context *c, const struct sw_batch_kind *kind, enum sw_severity min_severity,
	uint64_t throttle_sec, struct sw_batch **ret);
/* "3 alerts: " and the title of the most severe one. */
void sw_batch_title(const struct sw_batch *b, struct sw_strbuf *out);

/* These are a sink's functions (sink.h); sink is the batch. */
void sw_batch_close(void *sink);
void sw_batch_take(void *sink, const struct sw_alert_item *i);
uint64_t sw_batch_tick(void *sink);
void sw_batch_sent(void *sink, uint32_t id, int result, const char *text);
