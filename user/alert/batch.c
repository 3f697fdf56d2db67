// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/alert/batch.h"

#include "user/base/words.h"
#include "user/io/msg.h"

enum {
	GATHER_SEC = 3, /* so that a burst's first alert does not travel alone */
	ANSWER_MAX_SEC = 180, /* sockwarden-net gives up earlier; after this it has forgotten the message */
	HANDOVER_SEC = 5, /* wait when nobody takes the message */
	RETRY_FIRST_SEC = 30, /* after a failure; doubled each time */
	RETRY_MAX_SEC = 3600,
	TRIES_MAX = 30, /* about a day */
};

int sw_batch_new(struct sw_alert_context *c, const struct sw_batch_kind *kind, enum sw_severity min_severity,
	uint64_t throttle_sec, struct sw_batch **ret)
{
	struct sw_batch *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->context = c;
	b->kind = kind;
	b->min_severity = min_severity;
	b->throttle_sec = throttle_sec;
	b->fd = -1;
	b->next_id = 1;
	*ret = b;
	return 0;
}

void sw_batch_close(void *sink)
{
	struct sw_batch *b = sink;

	sw_close(b->fd);
	free(b);
}

static struct sw_alert_delivery *delivery(struct sw_batch *b)
{
	return &b->context->stats.delivery[b->kind->outlet];
}

static struct sw_batch_row *find_row(struct sw_batch *b, const struct sw_alert_item *i)
{
	for (size_t n = 0; n < b->n_rows; n++) {
		struct sw_batch_row *r = &b->rows[n];

		if (sw_streq(r->kind, i->kind) && sw_streq(r->rule, i->rule) &&
			sw_streq(r->subject, i->subject) &&
			strncmp(r->title, i->title, sizeof(r->title) - 1) == 0)
			return r;
	}
	return NULL;
}

/* A free row, or the least severe one when the new alert is worth more; NULL else. */
static struct sw_batch_row *make_room(struct sw_batch *b, enum sw_severity severity)
{
	struct sw_batch_row *least = b->rows;

	if (b->n_rows < SW_BATCH_ROWS_MAX)
		return &b->rows[b->n_rows++];
	for (size_t n = 1; n < b->n_rows; n++) {
		if (b->rows[n].severity < least->severity)
			least = &b->rows[n];
	}
	if (least->severity >= severity)
		return NULL;
	b->cut += least->count;
	return least;
}

static void fill_row(struct sw_batch_row *r, const struct sw_alert_item *i)
{
	*r = (struct sw_batch_row){.severity = i->severity,
		.first_ns = i->wall_ns,
		.last_ns = i->wall_ns,
		.count = i->count,
		.pid = i->pid};
#define COPY(field) (void)sw_strcpy(r->field, sizeof(r->field), i->field)
	COPY(kind);
	COPY(title);
	COPY(rule);
	COPY(subject);
	COPY(process);
	COPY(executable);
	COPY(unit);
	COPY(container);
	COPY(trail);
	COPY(feed);
#undef COPY
}

void sw_batch_take(void *sink, const struct sw_alert_item *i)
{
	struct sw_batch *b = sink;
	struct sw_batch_row *r;

	if (i->severity < b->min_severity)
		return;
	if (!b->alerts++)
		b->first_boot_ns = sw_clock_boot_ns(b->context->clock);
	r = find_row(b, i);
	if (r) {
		r->count += i->count;
		r->last_ns = i->wall_ns;
		return;
	}
	r = make_room(b, i->severity);
	if (r)
		fill_row(r, i);
	else
		b->cut += i->count;
}

static int by_severity(const void *left, const void *right)
{
	const struct sw_batch_row *x = left, *y = right;

	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	return (x->first_ns > y->first_ns) - (x->first_ns < y->first_ns);
}

void sw_batch_title(const struct sw_batch *b, struct sw_strbuf *out)
{
	if (b->alerts > 1)
		sw_strbuf_printf(out, "%llu alerts: ", (unsigned long long)b->alerts);
	sw_strbuf_puts(out, b->rows[0].title);
}

/* The table as a sealed message at b->fd; the table is empty afterwards. */
static int build(struct sw_batch *b)
{
	_strbuf_ struct sw_strbuf text = {};
	int fd;

	qsort(b->rows, b->n_rows, sizeof(b->rows[0]), by_severity);
	b->kind->build(b, &text);
	if (text.is_failed)
		return -ENOMEM;
	fd = sw_memfd_sealed(b->kind->name, text.text, text.len);
	if (fd < 0)
		return fd;
	b->fd = fd;
	b->id = b->next_id++;
	b->tries = 0;
	b->is_handed_over = false;
	delivery(b)->rows_cut += b->cut;
	b->n_rows = 0;
	b->alerts = b->cut = 0;
	return 0;
}

static uint64_t table_due(const struct sw_batch *b)
{
	uint64_t due = b->first_boot_ns + GATHER_SEC * SW_SEC_NS;
	uint64_t free_at = b->last_sent_ns + b->throttle_sec * SW_SEC_NS;

	return b->has_sent ? SW_MAX(due, free_at) : due;
}

static void forget_message(struct sw_batch *b)
{
	b->fd = sw_close(b->fd);
	b->is_handed_over = false;
	b->due_ns = 0;
}

static void hand_over(struct sw_batch *b, uint64_t now)
{
	int r = b->context->send(b->kind->outlet, b->fd, b->id, b->context->arg);

	if (r < 0) {
		snprintf(delivery(b)->error, sizeof(delivery(b)->error), "sockwarden-net does not take %s: %s",
			b->kind->what, strerror(-r));
		b->due_ns = now + HANDOVER_SEC * SW_SEC_NS;
		return;
	}
	b->is_handed_over = true;
	b->due_ns = now + ANSWER_MAX_SEC * SW_SEC_NS;
}

static void has_failed(struct sw_batch *b, int result, const char *text)
{
	struct sw_alert_delivery *stats = delivery(b);
	uint64_t wait = RETRY_FIRST_SEC;

	stats->failed++;
	snprintf(stats->error, sizeof(stats->error), "%s",
		text && text[0] ? text : strerror(-result));
	b->is_handed_over = false;
	if (++b->tries >= TRIES_MAX) {
		stats->lost++;
		forget_message(b);
		return;
	}
	for (unsigned int n = 1; n < b->tries && wait < RETRY_MAX_SEC; n++)
		wait *= 2;
	b->due_ns = sw_clock_boot_ns(b->context->clock) +
		SW_MIN(wait, (uint64_t)RETRY_MAX_SEC) * SW_SEC_NS;
}

uint64_t sw_batch_tick(void *sink)
{
	struct sw_batch *b = sink;
	uint64_t now = sw_clock_boot_ns(b->context->clock);

	if (b->fd >= 0 && b->is_handed_over && now >= b->due_ns)
		has_failed(b, -ETIMEDOUT, "sockwarden-net did not answer");
	if (b->fd < 0 && b->alerts && now >= table_due(b)) {
		if (build(b) < 0)
			return now + HANDOVER_SEC * SW_SEC_NS;
		b->has_sent = true;
		b->last_sent_ns = now;
		b->due_ns = now;
	}
	if (b->fd >= 0 && !b->is_handed_over && now >= b->due_ns)
		hand_over(b, now);
	if (b->fd >= 0)
		return b->due_ns;
	return b->alerts ? table_due(b) : 0;
}

void sw_batch_sent(void *sink, uint32_t id, int result, const char *text)
{
	struct sw_batch *b = sink;

	if (b->fd < 0 || !b->is_handed_over || id != b->id)
		return;
	if (result < 0) {
		has_failed(b, result, text);
		return;
	}
	delivery(b)->sent++;
	delivery(b)->error[0] = 0;
	forget_message(b);
}
