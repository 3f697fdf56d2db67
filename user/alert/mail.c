// SPDX-License-Identifier: GPL-3.0-or-later
/* Sink: mail. The batch's table as text, in one RFC 5322 message. */
#include "user/alert/batch.h"
#include "user/alert/message.h"
#include "user/base/words.h"

enum {
	SENDER_MAX = 320,
	LETTER_ID = 1 << 30, /* so that its Message-ID is not that of the table sent next */
};

static bool is_wanted(const struct sw_alert_context *c)
{
	return c->config->mail_to[0] && c->send;
}

static const char *sender(const struct sw_alert_context *c, char buf[static SENDER_MAX])
{
	if (c->config->mail_from[0])
		return c->config->mail_from;
	snprintf(buf, SENDER_MAX, "sockwarden@%s", c->host);
	return buf;
}

static void add_detail(struct sw_strbuf *b, const char *name, const char *value)
{
	if (!value[0])
		return;
	sw_strbuf_printf(b, "%s%s ", b->len ? ", " : "", name);
	sw_strbuf_safe(b, value, strlen(value));
}

static void write_detail(struct sw_strbuf *detail, const struct sw_batch_row *r)
{
	add_detail(detail, "address", r->subject);
	add_detail(detail, "rule", r->rule);
	add_detail(detail, "trail", r->trail);
	add_detail(detail, "list", r->feed);
	add_detail(detail, "process", r->process);
	if (r->pid)
		sw_strbuf_printf(detail, " (PID %u)", r->pid);
	add_detail(detail, "executable", r->executable);
	add_detail(detail, "unit", r->unit);
	add_detail(detail, "container", r->container);
}

static void write_row(struct sw_strbuf *b, const struct sw_batch_row *r)
{
	_strbuf_ struct sw_strbuf detail = {};
	char time[SW_TIME_TEXT_MAX];

	write_detail(&detail, r);
	sw_time_format(time, r->first_ns);
	sw_strbuf_printf(b, "%.19sZ  %-8s  ", time, sw_severity_word(r->severity));
	sw_strbuf_safe(b, r->title, strlen(r->title));
	if (r->count > 1)
		sw_strbuf_printf(b, "  (%llu times)", (unsigned long long)r->count);
	sw_strbuf_printf(b, "\n    %s%s%s\n", r->kind, detail.len ? ": " : "",
		sw_strbuf_get(&detail));
}

static void write_body(const struct sw_batch *s, struct sw_strbuf *b)
{
	sw_strbuf_puts(b, "sockwarden on ");
	sw_strbuf_safe(b, s->context->host, strlen(s->context->host));
	sw_strbuf_printf(b, ": %llu alert%s, the most severe first. Times are UTC.\n\n",
		(unsigned long long)s->alerts, s->alerts == 1 ? "" : "s");
	if (s->was_held)
		sw_strbuf_puts(b, "Quiet hours (alerts.quiet) have kept them until now.\n\n");
	for (size_t n = 0; n < s->n_rows; n++)
		write_row(b, &s->rows[n]);
	if (s->cut)
		sw_strbuf_printf(b,
			"\nand %llu more, no more severe than these, that did not fit here.\n",
			(unsigned long long)s->cut);
	sw_strbuf_puts(b, "\nOn the host: sockwarden events, sockwarden why ADDRESS\n");
}

static void write_message(const struct sw_batch *b, const char *title, const char *body, uint32_t id,
	struct sw_strbuf *out)
{
	const struct sw_alert_context *c = b->context;
	char from[SENDER_MAX];

	sw_message_build(&(struct sw_message){.from = sender(c, from),
				 .to = c->config->mail_to,
				 .subject = c->config->mail_subject[0] ? c->config->mail_subject
								       : "[sockwarden] %h: %t",
				 .host = c->host,
				 .title = title,
				 .body = body,
				 .wall_sec = sw_clock_wall_sec(c->clock),
				 .id = id},
		out);
}

static void build(const struct sw_batch *b, struct sw_strbuf *out)
{
	_strbuf_ struct sw_strbuf body = {}, title = {};

	write_body(b, &body);
	sw_batch_title(b, &title);
	write_message(b, sw_strbuf_get(&title), sw_strbuf_get(&body), b->next_id, out);
	out->is_failed |= body.is_failed || title.is_failed;
}

static int letter(void *sink, const char *title, const char *body)
{
	_strbuf_ struct sw_strbuf message = {};
	struct sw_batch *b = sink;

	write_message(b, title, body, b->next_id | LETTER_ID, &message);
	return sw_batch_letter(b, &message);
}

static int check(const struct sw_alert_context *c)
{
	char from[SENDER_MAX];

	return sw_message_address_ok(sender(c, from)) && sw_message_address_ok(c->config->mail_to) ? 0 : -EINVAL;
}

static struct sw_batch_limits limits(const struct sw_config *c)
{
	return (struct sw_batch_limits){c->mail_min_severity, c->mail_throttle_sec};
}

static const struct sw_batch_kind kind = {
	.name = "sockwarden-mail",
	.what = "mail",
	.build = build,
	.limits = limits,
	.check = check,
};

const struct sw_alert_sink sw_alert_sink_mail = {
	.outlet = SW_OUTLET_MAIL,
	.name = "mail",
	.is_wanted = is_wanted,
	SW_BATCH_SINK(kind),
	.letter = letter,
};
