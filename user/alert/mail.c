// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Sink: mail. Alerts gather in a table for a few seconds, or until the throttle lets the next mail
 * go; the table becomes one message, handed to the caller's send_mail and kept until it is reported
 * done. When the table is full the least severe row makes place, so that noise cannot push out what
 * matters; what is pushed out is counted in the mail.
 */
#include "user/alert/message.h"
#include "user/alert/sink.h"
#include "user/base/words.h"
#include "user/io/msg.h"

enum {
	ROWS_MAX = 200, /* alerts told one by one in a mail; more of them nobody reads */
	GATHER_SEC = 3, /* so that a burst's first alert does not travel alone */
	ANSWER_MAX_SEC =
		180, /* sockwarden-net gives up earlier; after this it has forgotten the mail */
	HANDOVER_SEC = 5, /* wait when nobody takes the message */
	RETRY_FIRST_SEC = 30, /* after a failure; doubled each time */
	RETRY_MAX_SEC = 3600,
	TRIES_MAX = 30, /* about a day */
	TITLE_MAX = 384,
	DETAIL_MAX = 512,
};

struct row {
	enum sw_severity severity;
	int64_t first_ns, last_ns;
	uint64_t count;
	char kind[24];
	char title[TITLE_MAX];
	char rule[48], subject[64];
	char detail[DETAIL_MAX];
};

struct mail_sink {
	struct sw_alert_context *context;
	char from[320];
	struct row rows[ROWS_MAX];
	size_t n_rows;
	uint64_t alerts, cut; /* since the last mail: all of them; those without a row */
	uint64_t first_boot_ns; /* of the table's first alert */
	uint64_t last_mail_ns;
	bool has_mailed;
	uint32_t next_id;
	/* the message on its way */
	int fd; /* -1: none */
	uint32_t id;
	bool is_handed_over;
	unsigned int tries;
	uint64_t due_ns; /* the next try, or the end of waiting for the answer */
};

static bool is_wanted(const struct sw_alert_context *c)
{
	return c->config->mail_to[0] && c->send_mail;
}

static int open_sink(struct sw_alert_context *c, void **ret)
{
	_free_ struct mail_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->context = c;
	s->fd = -1;
	s->next_id = 1;
	if (c->config->mail_from[0])
		sw_strcpy(s->from, sizeof(s->from), c->config->mail_from);
	else
		snprintf(s->from, sizeof(s->from), "sockwarden@%s", c->host);
	if (!sw_message_address_ok(s->from) || !sw_message_address_ok(c->config->mail_to))
		return -EINVAL;
	*ret = TAKE_PTR(s);
	return 0;
}

static void close_sink(void *sink)
{
	struct mail_sink *s = sink;

	sw_close(s->fd);
	free(s);
}

static struct row *find_row(struct mail_sink *s, const struct sw_alert_item *i)
{
	for (size_t n = 0; n < s->n_rows; n++) {
		struct row *r = &s->rows[n];

		if (sw_streq(r->kind, i->kind) && sw_streq(r->rule, i->rule) &&
			sw_streq(r->subject, i->subject) &&
			strncmp(r->title, i->title, sizeof(r->title) - 1) == 0)
			return r;
	}
	return NULL;
}

/* A free row, or the least severe one when the new alert is worth more; NULL else. */
static struct row *make_room(struct mail_sink *s, enum sw_severity severity)
{
	struct row *least = s->rows;

	if (s->n_rows < ROWS_MAX)
		return &s->rows[s->n_rows++];
	for (size_t n = 1; n < s->n_rows; n++) {
		if (s->rows[n].severity < least->severity)
			least = &s->rows[n];
	}
	if (least->severity >= severity)
		return NULL;
	s->cut += least->count;
	return least;
}

static void add_detail(struct sw_strbuf *b, const char *name, const char *value)
{
	if (!value[0])
		return;
	sw_strbuf_printf(b, "%s%s ", b->len ? ", " : "", name);
	sw_strbuf_safe(b, value, strlen(value));
}

static void fill_row(struct row *r, const struct sw_alert_item *i)
{
	_strbuf_ struct sw_strbuf detail = {};

	*r = (struct row){.severity = i->severity,
		.first_ns = i->wall_ns,
		.last_ns = i->wall_ns,
		.count = i->count};
	sw_strcpy(r->kind, sizeof(r->kind), i->kind);
	sw_strcpy(r->title, sizeof(r->title), i->title);
	sw_strcpy(r->rule, sizeof(r->rule), i->rule);
	sw_strcpy(r->subject, sizeof(r->subject), i->subject);
	add_detail(&detail, "address", i->subject);
	add_detail(&detail, "rule", i->rule);
	add_detail(&detail, "trail", i->trail);
	add_detail(&detail, "list", i->feed);
	add_detail(&detail, "process", i->process);
	if (i->pid)
		sw_strbuf_printf(&detail, " (PID %u)", i->pid);
	add_detail(&detail, "executable", i->executable);
	add_detail(&detail, "unit", i->unit);
	add_detail(&detail, "container", i->container);
	sw_strcpy(r->detail, sizeof(r->detail), sw_strbuf_get(&detail));
}

static void take(void *sink, const struct sw_alert_item *i)
{
	struct mail_sink *s = sink;
	struct row *r;

	if (i->severity < s->context->config->mail_min_severity)
		return;
	if (!s->alerts++)
		s->first_boot_ns = sw_clock_boot_ns(s->context->clock);
	r = find_row(s, i);
	if (r) {
		r->count += i->count;
		r->last_ns = i->wall_ns;
		return;
	}
	r = make_room(s, i->severity);
	if (r)
		fill_row(r, i);
	else
		s->cut += i->count;
}

static int by_severity(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	return (x->first_ns > y->first_ns) - (x->first_ns < y->first_ns);
}

static void write_row(struct sw_strbuf *b, const struct row *r)
{
	char time[SW_TIME_TEXT_MAX];

	sw_time_format(time, r->first_ns);
	sw_strbuf_printf(b, "%.19sZ  %-8s  ", time, sw_severity_word(r->severity));
	sw_strbuf_safe(b, r->title, strlen(r->title));
	if (r->count > 1)
		sw_strbuf_printf(b, "  (%llu times)", (unsigned long long)r->count);
	sw_strbuf_printf(b, "\n    %s%s%s\n", r->kind, r->detail[0] ? ": " : "", r->detail);
}

static void write_body(struct mail_sink *s, struct sw_strbuf *b)
{
	sw_strbuf_puts(b, "sockwarden on ");
	sw_strbuf_safe(b, s->context->host, strlen(s->context->host));
	sw_strbuf_printf(b, ": %llu alert%s, the most severe first. Times are UTC.\n\n",
		(unsigned long long)s->alerts, s->alerts == 1 ? "" : "s");
	for (size_t n = 0; n < s->n_rows; n++)
		write_row(b, &s->rows[n]);
	if (s->cut)
		sw_strbuf_printf(b,
			"\nand %llu more, no more severe than these, that did not fit here.\n",
			(unsigned long long)s->cut);
	sw_strbuf_puts(b, "\nOn the host: sockwarden events, sockwarden why ADDRESS\n");
}

static void write_title(struct mail_sink *s, struct sw_strbuf *b)
{
	if (s->alerts > 1)
		sw_strbuf_printf(b, "%llu alerts: ", (unsigned long long)s->alerts);
	sw_strbuf_puts(b, s->rows[0].title);
}

/* The table as a sealed message at s->fd; the table is empty afterwards. */
static int build(struct mail_sink *s)
{
	_strbuf_ struct sw_strbuf body = {}, title = {}, text = {};
	int fd;

	qsort(s->rows, s->n_rows, sizeof(s->rows[0]), by_severity);
	write_body(s, &body);
	write_title(s, &title);
	sw_message_build(&(struct sw_message){.from = s->from,
				 .to = s->context->config->mail_to,
				 .subject = s->context->config->mail_subject[0]
					 ? s->context->config->mail_subject
					 : "[sockwarden] %h: %t",
				 .host = s->context->host,
				 .title = sw_strbuf_get(&title),
				 .body = sw_strbuf_get(&body),
				 .wall_sec = sw_clock_wall_sec(s->context->clock),
				 .id = s->next_id},
		&text);
	if (body.is_failed || title.is_failed || text.is_failed)
		return -ENOMEM;
	fd = sw_memfd_sealed("sockwarden-mail", text.text, text.len);
	if (fd < 0)
		return fd;
	s->fd = fd;
	s->id = s->next_id++;
	s->tries = 0;
	s->is_handed_over = false;
	s->context->stats.mail_rows_cut += s->cut;
	s->n_rows = 0;
	s->alerts = s->cut = 0;
	return 0;
}

static uint64_t table_due(const struct mail_sink *s)
{
	uint64_t due = s->first_boot_ns + GATHER_SEC * SW_SEC_NS;
	uint64_t free_at = s->last_mail_ns + s->context->config->mail_throttle_sec * SW_SEC_NS;

	return s->has_mailed ? SW_MAX(due, free_at) : due;
}

static void forget_message(struct mail_sink *s)
{
	s->fd = sw_close(s->fd);
	s->is_handed_over = false;
	s->due_ns = 0;
}

static void hand_over(struct mail_sink *s, uint64_t now)
{
	int r = s->context->send_mail(s->fd, s->id, s->context->arg);

	if (r < 0) {
		snprintf(s->context->stats.mail_error, sizeof(s->context->stats.mail_error),
			"sockwarden-net does not take mail: %s", strerror(-r));
		s->due_ns = now + HANDOVER_SEC * SW_SEC_NS;
		return;
	}
	s->is_handed_over = true;
	s->due_ns = now + ANSWER_MAX_SEC * SW_SEC_NS;
}

static void has_failed(struct mail_sink *s, int result, const char *text)
{
	struct sw_alert_stats *stats = &s->context->stats;
	uint64_t wait = RETRY_FIRST_SEC;

	stats->mails_failed++;
	snprintf(stats->mail_error, sizeof(stats->mail_error), "%s",
		text && text[0] ? text : strerror(-result));
	s->is_handed_over = false;
	if (++s->tries >= TRIES_MAX) {
		stats->mails_lost++;
		forget_message(s);
		return;
	}
	for (unsigned int n = 1; n < s->tries && wait < RETRY_MAX_SEC; n++)
		wait *= 2;
	s->due_ns = sw_clock_boot_ns(s->context->clock) +
		SW_MIN(wait, (uint64_t)RETRY_MAX_SEC) * SW_SEC_NS;
}

static uint64_t tick(void *sink)
{
	struct mail_sink *s = sink;
	uint64_t now = sw_clock_boot_ns(s->context->clock);

	if (s->fd >= 0 && s->is_handed_over && now >= s->due_ns)
		has_failed(s, -ETIMEDOUT, "sockwarden-net did not answer");
	if (s->fd < 0 && s->alerts && now >= table_due(s)) {
		if (build(s) < 0)
			return now + HANDOVER_SEC * SW_SEC_NS;
		s->has_mailed = true;
		s->last_mail_ns = now;
		s->due_ns = now;
	}
	if (s->fd >= 0 && !s->is_handed_over && now >= s->due_ns)
		hand_over(s, now);
	if (s->fd >= 0)
		return s->due_ns;
	return s->alerts ? table_due(s) : 0;
}

static void mail_done(void *sink, uint32_t id, int result, const char *text)
{
	struct mail_sink *s = sink;

	if (s->fd < 0 || !s->is_handed_over || id != s->id)
		return;
	if (result < 0) {
		has_failed(s, result, text);
		return;
	}
	s->context->stats.mails_sent++;
	s->context->stats.mail_error[0] = 0;
	forget_message(s);
}

const struct sw_alert_sink sw_alert_sink_mail = {
	.name = "mail",
	.is_wanted = is_wanted,
	.open = open_sink,
	.close = close_sink,
	.take = take,
	.tick = tick,
	.mail_done = mail_done,
};
