// SPDX-License-Identifier: GPL-3.0-or-later
/* Sink: mail. The batch's table as text, in one RFC 5322 message. */
#include "user/alert/batch.h"
#include "user/alert/message.h"
#include "user/base/cidr.h"
#include "user/base/words.h"

enum {
	SENDER_MAX = 320,
	ADDRESSES_MAX = 5, /* of the most severe rows: those that a mail knows more of */
	LINES_MAX = 12, /* of what is known of one */
	LINE_MAX = 400,
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
	add_detail(detail, "container name", r->container_name);
	add_detail(detail, "pod", r->pod);
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

/* The addresses of the most severe rows, each once. */
static size_t find_addresses(const struct sw_batch *b, struct sw_net ret[static ADDRESSES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_rows && n < ADDRESSES_MAX; i++) {
		bool is_new = sw_cidr_parse(b->rows[i].subject, SIZE_MAX, &ret[n]) == 0;

		for (size_t k = 0; is_new && k < n; k++)
			is_new = !sw_net_eq(&ret[k], &ret[n]);
		n += is_new;
	}
	return n;
}

static bool waits(const struct sw_batch *b)
{
	struct sw_net nets[ADDRESSES_MAX];
	bool is_waiting = false;
	size_t n = b->context->whois ? find_addresses(b, nets) : 0;

	for (size_t i = 0; i < n; i++) {
		const struct sw_whois_entry *e = sw_whois_look(b->context->whois, &nets[i], true);

		is_waiting |= e && e->state == SW_WHOIS_WAITING;
	}
	return is_waiting;
}

/* What was cleaned before it came here, cleaned once more: but a backslash stays one. */
static void put_cleaned(struct sw_strbuf *out, const char *text, size_t len)
{
	const char *end = text + len, *next;

	for (; text < end; text = next + (next < end)) {
		next = memchr(text, '\\', (size_t)(end - text));
		next = next ? next : end;
		sw_strbuf_safe(out, text, (size_t)(next - text));
		if (next < end)
			sw_strbuf_putc(out, '\\');
	}
}

/* At most so many lines. */
static void write_lines(const char *text, unsigned int most, struct sw_strbuf *out)
{
	for (const char *end; *text && most--; text = end + (*end == '\n')) {
		end = text + strcspn(text, "\n");
		sw_strbuf_puts(out, "    ");
		put_cleaned(out, text, SW_MIN((size_t)(end - text), (size_t)LINE_MAX));
		sw_strbuf_putc(out, '\n');
	}
}

static void write_whois(const struct sw_batch *b, const struct sw_net *net, struct sw_strbuf *out)
{
	const struct sw_whois_entry *e = b->context->whois ? sw_whois_look(b->context->whois, net, false) : NULL;

	if (!e)
		return;
	sw_strbuf_puts(out, e->state == SW_WHOIS_FAILED ? "    whois is not to be had:\n" : "    whois:\n");
	write_lines(e->state == SW_WHOIS_WAITING ? "no answer in time" : e->text, LINES_MAX, out);
}

static void write_addresses(const struct sw_batch *b, struct sw_strbuf *out)
{
	struct sw_net nets[ADDRESSES_MAX];
	size_t n = find_addresses(b, nets);
	char text[SW_NET_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		_strbuf_ struct sw_strbuf lines = {}, known = {};

		if (b->context->evidence)
			b->context->evidence(&nets[i], &lines, b->context->arg);
		write_lines(sw_strbuf_get(&lines), LINES_MAX, &known);
		write_whois(b, &nets[i], &known);
		if (known.len)
			sw_strbuf_printf(out, "\n  %s\n%s", sw_cidr_format(text, &nets[i]), sw_strbuf_get(&known));
		out->is_failed |= lines.is_failed || known.is_failed;
	}
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
	write_addresses(s, b);
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
	.waits = waits,
};

const struct sw_alert_sink sw_alert_sink_mail = {
	.outlet = SW_OUTLET_MAIL,
	.name = "mail",
	.is_wanted = is_wanted,
	SW_BATCH_SINK(kind),
	.letter = letter,
};
