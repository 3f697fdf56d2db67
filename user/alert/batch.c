// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/alert/batch.h"

#include "user/base/words.h"
#include "user/io/msg.h"

enum {
	GATHER_SEC = 3, /* so that a burst's first alert does not travel alone */
	ANSWER_MAX_SEC = 180, /* sockwarden-net gives up earlier; after this it has forgotten the message */
	QUIET_LOOK_SEC = 600, /* quiet hours are looked at again so often: the clock may be set */
	WAIT_MAX_SEC = 25, /* for what a message waits for (whois) */
	HANDOVER_SEC = 5, /* wait when nobody takes the message */
	RETRY_FIRST_SEC = 30, /* after a failure; doubled each time */
	RETRY_MAX_SEC = 3600,
	TRIES_MAX = 30, /* about a day */
};

int sw_batch_open(const struct sw_alert_sink *s, struct sw_alert_context *c, void **ret)
{
	int r = s->batch->check ? s->batch->check(c) : 0;
	struct sw_batch *b;

	if (r < 0)
		return r;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->context = c;
	b->kind = s->batch;
	b->outlet = s->outlet;
	b->limits = s->batch->limits(c->config);
	b->fd = b->letter = -1;
	b->next_id = 1;
	*ret = b;
	return 0;
}

void sw_batch_close(void *sink)
{
	struct sw_batch *b = sink;

	sw_close(b->fd);
	sw_close(b->letter);
	free(b);
}

static struct sw_alert_delivery *delivery(struct sw_batch *b)
{
	return &b->context->stats.delivery[b->outlet];
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
		.alerts = 1,
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
	COPY(container_name);
	COPY(pod);
	COPY(trail);
	COPY(feed);
#undef COPY
}

void sw_batch_take(void *sink, const struct sw_alert_item *i)
{
	struct sw_batch *b = sink;
	struct sw_batch_row *r;

	if (i->severity < b->limits.min_severity)
		return;
	if (!b->alerts++)
		b->first_boot_ns = sw_clock_boot_ns(b->context->clock);
	r = find_row(b, i);
	if (r) {
		r->count += i->count;
		r->alerts++;
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

static bool is_quiet(const struct sw_batch *b)
{
	return sw_whens_have(b->context->quiet, b->context->n_quiet, sw_clock_wall_sec(b->context->clock));
}

/* True for what goes out in quiet hours too. */
static bool is_loud(const struct sw_batch *b, const struct sw_batch_row *r)
{
	return r->severity >= b->context->config->quiet_min_severity;
}

/* The rows that stay for quiet hours to end are no part of b while a message is built: how many there are. */
static size_t set_aside(struct sw_batch *b)
{
	size_t all = b->n_rows;

	b->alerts = 0;
	for (b->n_rows = 0; b->n_rows < all && is_loud(b, &b->rows[b->n_rows]); b->n_rows++)
		b->alerts += b->rows[b->n_rows].alerts;
	return all - b->n_rows;
}

static int seal(struct sw_batch *b)
{
	_strbuf_ struct sw_strbuf text = {};

	b->kind->build(b, &text);
	return text.is_failed ? -ENOMEM : sw_memfd_sealed(b->kind->name, text.text, text.len);
}

static void set_out(struct sw_batch *b, int fd)
{
	b->fd = fd;
	b->id = b->next_id++;
	b->tries = 0;
	b->is_handed_over = false;
}

/* The table as a sealed message at b->fd; it is empty afterwards, but for what quiet hours keep. */
static int build(struct sw_batch *b)
{
	uint64_t alerts = b->alerts, cut = b->cut;
	bool was_held = b->was_held, is_part = is_quiet(b);
	size_t n_kept = 0;
	int fd;

	if (is_part) {
		n_kept = set_aside(b);
		b->cut = 0;
		b->was_held = false;
	}
	fd = seal(b);
	if (fd >= 0) {
		set_out(b, fd);
		delivery(b)->rows_cut += b->cut;
		alerts -= b->alerts;
		cut -= b->cut;
		memmove(b->rows, b->rows + b->n_rows, n_kept * sizeof(b->rows[0]));
		b->n_rows = n_kept;
	} else {
		b->n_rows += n_kept;
	}
	b->alerts = alerts;
	b->cut = cut;
	b->was_held = was_held && b->alerts;
	b->waits_until_ns = 0;
	return SW_MIN(fd, 0);
}

/* When the table may go: boot time; later asked again where quiet hours have not ended by then. */
static uint64_t table_due(struct sw_batch *b, uint64_t now)
{
	uint64_t due = b->first_boot_ns + GATHER_SEC * SW_SEC_NS, quiet_sec;
	uint64_t free_at = b->last_sent_ns + b->limits.throttle_sec * SW_SEC_NS;

	if (b->has_sent)
		due = SW_MAX(due, free_at);
	for (size_t n = 0; n < b->n_rows; n++) {
		if (is_loud(b, &b->rows[n]))
			return due;
	}
	quiet_sec = sw_whens_left(b->context->quiet, b->context->n_quiet,
		sw_clock_wall_sec(b->context->clock), QUIET_LOOK_SEC);
	if (!quiet_sec)
		return due;
	b->was_held = true;
	return SW_MAX(due, now + quiet_sec * SW_SEC_NS);
}

static void forget_message(struct sw_batch *b)
{
	b->fd = sw_close(b->fd);
	b->is_handed_over = false;
	b->due_ns = 0;
}

static void hand_over(struct sw_batch *b, uint64_t now)
{
	int r = b->context->send(b->outlet, b->fd, b->id, b->context->arg);

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

int sw_batch_letter(struct sw_batch *b, const struct sw_strbuf *message)
{
	int fd = message->is_failed ? -ENOMEM : sw_memfd_sealed(b->kind->name, message->text, message->len);

	if (fd < 0)
		return fd;
	sw_close(b->letter);
	b->letter = fd;
	return 0;
}

/* Sorts the table that is due; boot time until when it waits all the same, 0: it may go. */
static uint64_t wait_until(struct sw_batch *b, uint64_t now)
{
	qsort(b->rows, b->n_rows, sizeof(b->rows[0]), by_severity);
	if (!b->kind->waits || !b->kind->waits(b))
		return 0;
	if (!b->waits_until_ns)
		b->waits_until_ns = now + WAIT_MAX_SEC * SW_SEC_NS;
	return b->waits_until_ns > now ? b->waits_until_ns : 0;
}

uint64_t sw_batch_tick(void *sink)
{
	struct sw_batch *b = sink;
	uint64_t now = sw_clock_boot_ns(b->context->clock);

	if (b->fd >= 0 && b->is_handed_over && now >= b->due_ns)
		has_failed(b, -ETIMEDOUT, "sockwarden-net did not answer");
	if (b->fd < 0 && b->letter >= 0) {
		set_out(b, TAKE_FD(b->letter));
		b->due_ns = now;
	}
	if (b->fd < 0 && b->alerts && now >= table_due(b, now)) {
		uint64_t later = wait_until(b, now);

		if (later)
			return later;
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
	return b->alerts ? table_due(b, now) : 0;
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
