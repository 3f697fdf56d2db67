// SPDX-License-Identifier: GPL-3.0-or-later
/* Sinks: webhook and command. The batch's table as a JSON document, or what alerts.webhook.template makes of it. */
#include "user/alert/batch.h"
#include "user/base/cidr.h"
#include "user/base/json.h"
#include "user/base/words.h"

enum {
	SCHEMA_VERSION = 1,
	EVIDENCE_ROWS = 20, /* the most severe: those whose lines of logs are in the document */
};

static bool is_wanted(const struct sw_alert_context *c)
{
	return c->config->webhook_url[0] && c->send;
}

static void write_evidence(const struct sw_alert_context *c, const char *subject, struct sw_json *j)
{
	_strbuf_ struct sw_strbuf lines = {};
	struct sw_net net;

	if (!c->evidence || sw_cidr_parse(subject, SIZE_MAX, &net) < 0)
		return;
	c->evidence(&net, &lines, c->arg);
	if (!lines.len)
		return;
	sw_json_array_begin(j, "evidence");
	for (const char *line = sw_strbuf_get(&lines), *end; *line; line = end + (*end == '\n')) {
		end = line + strcspn(line, "\n");
		sw_json_stringn(j, NULL, line, (size_t)(end - line));
	}
	sw_json_array_end(j);
}

static void write_row(
	const struct sw_alert_context *c, const struct sw_batch_row *r, bool has_evidence, struct sw_json *j)
{
	sw_json_object_begin(j, NULL);
	sw_json_string(j, "severity", sw_severity_word(r->severity));
	sw_json_string(j, "kind", r->kind);
	sw_json_string(j, "title", r->title);
	sw_json_uint(j, "count", r->count);
	sw_json_wall_ns(j, "first", r->first_ns);
	sw_json_wall_ns(j, "last", r->last_ns);
	sw_json_string_if(j, "address", r->subject);
	sw_json_string_if(j, "rule", r->rule);
	sw_json_string_if(j, "trail", r->trail);
	sw_json_string_if(j, "list", r->feed);
	sw_json_string_if(j, "process", r->process);
	if (r->pid)
		sw_json_uint(j, "pid", r->pid);
	sw_json_string_if(j, "executable", r->executable);
	sw_json_string_if(j, "unit", r->unit);
	sw_json_string_if(j, "container", r->container);
	sw_json_string_if(j, "container_name", r->container_name);
	sw_json_pod(j, r->pod);
	if (has_evidence)
		write_evidence(c, r->subject, j);
	sw_json_object_end(j);
}

static void write_document(const struct sw_batch *b, const char *title, struct sw_strbuf *out)
{
	struct sw_json j;

	sw_json_init(&j, out);
	sw_json_object_begin(&j, NULL);
	sw_json_uint(&j, "schema_version", SCHEMA_VERSION);
	sw_json_string(&j, "host", b->context->host);
	sw_json_wall_ns(&j, "time", sw_clock_wall_ns(b->context->clock));
	sw_json_string(&j, "severity", sw_severity_word(b->rows[0].severity));
	sw_json_string(&j, "title", title);
	sw_json_uint(&j, "alerts", b->alerts);
	sw_json_uint(&j, "left_out", b->cut);
	if (b->was_held)
		sw_json_bool(&j, "after_quiet_hours", true);
	sw_json_array_begin(&j, "findings");
	for (size_t n = 0; n < b->n_rows; n++)
		write_row(b->context, &b->rows[n], n < EVIDENCE_ROWS, &j);
	sw_json_array_end(&j);
	sw_json_object_end(&j);
}

/* As it stands between the quotes of a JSON string, so that no title ends the template's own. */
static void put_escaped(struct sw_strbuf *out, const char *text)
{
	_strbuf_ struct sw_strbuf quoted = {};
	struct sw_json j;

	sw_json_init(&j, &quoted);
	sw_json_string(&j, NULL, text);
	if (quoted.is_failed || quoted.len < 2)
		out->is_failed = true;
	else
		sw_strbuf_add(out, quoted.text + 1, quoted.len - 2);
}

static void expand(const struct sw_batch *b, const char *title, struct sw_strbuf *out)
{
	for (const char *p = b->context->config->webhook_template; *p; p++) {
		if (*p != '%' || !p[1]) {
			sw_strbuf_putc(out, *p);
			continue;
		}
		switch (*++p) {
		case 'h':
			put_escaped(out, b->context->host);
			break;
		case 't':
			put_escaped(out, title);
			break;
		case 's':
			put_escaped(out, sw_severity_word(b->rows[0].severity));
			break;
		case 'n':
			sw_strbuf_printf(out, "%llu", (unsigned long long)b->alerts);
			break;
		case 'j':
			write_document(b, title, out);
			break;
		case '%':
			sw_strbuf_putc(out, '%');
			break;
		default:
			sw_strbuf_putc(out, '%');
			sw_strbuf_putc(out, *p);
		}
	}
}

static void build(const struct sw_batch *b, struct sw_strbuf *out)
{
	_strbuf_ struct sw_strbuf title = {};

	sw_batch_title(b, &title);
	if (b->context->config->webhook_template[0])
		expand(b, sw_strbuf_get(&title), out);
	else
		write_document(b, sw_strbuf_get(&title), out);
	out->is_failed |= title.is_failed;
}

static struct sw_batch_limits limits(const struct sw_config *c)
{
	return (struct sw_batch_limits){c->webhook_min_severity, c->webhook_throttle_sec};
}

static const struct sw_batch_kind kind = {
	.name = "sockwarden-webhook",
	.what = "posts",
	.build = build,
	.limits = limits,
};

const struct sw_alert_sink sw_alert_sink_webhook = {
	.outlet = SW_OUTLET_WEBHOOK,
	.name = "webhook",
	.is_wanted = is_wanted,
	SW_BATCH_SINK(kind),
};

/* ---- the command gets the same document, on its standard input */

static bool is_command_wanted(const struct sw_alert_context *c)
{
	return c->config->command_run[0] && c->send;
}

static void build_command(const struct sw_batch *b, struct sw_strbuf *out)
{
	_strbuf_ struct sw_strbuf title = {};

	sw_batch_title(b, &title);
	write_document(b, sw_strbuf_get(&title), out);
	sw_strbuf_putc(out, '\n');
	out->is_failed |= title.is_failed;
}

static struct sw_batch_limits command_limits(const struct sw_config *c)
{
	return (struct sw_batch_limits){c->command_min_severity, c->command_throttle_sec};
}

static const struct sw_batch_kind command_kind = {
	.name = "sockwarden-command",
	.what = "the command's input",
	.build = build_command,
	.limits = command_limits,
};

const struct sw_alert_sink sw_alert_sink_command = {
	.outlet = SW_OUTLET_COMMAND,
	.name = "command",
	.is_wanted = is_command_wanted,
	SW_BATCH_SINK(command_kind),
};
