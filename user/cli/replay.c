// SPDX-License-Identifier: GPL-3.0-or-later
/* replay: a capture through the detection, without a daemon. */
#include "user/replay/replay.h"

#include <arpa/inet.h>
#include <sys/ioctl.h>

#include "user/base/clock.h"
#include "user/base/words.h"
#include "user/cli/form.h"
#include "user/cli/table.h"
#include "user/detect/hits.h"
#include "user/detect/rules.h"
#include "user/trail/static_read.h"

enum { PROGRESS_AFTER_MS = 1000, PROGRESS_EVERY_MS = 200, BAR = 30 };

struct run {
	struct sw_cli *c;
	json_t *rows; /* NULL: printed as they come */
	const struct sw_cli_form *form; /* NULL: our own */
	uint64_t found;
	uint64_t began_ns, drawn_ns;
	bool is_drawing, is_drawn;
};

static const char *addr_text(
	char buf[static INET6_ADDRSTRLEN], unsigned int family, const union sw_flow_addr *a)
{
	return inet_ntop(family == 4 ? AF_INET : AF_INET6, a, buf, INET6_ADDRSTRLEN) ? buf : "?";
}

static void write_port(struct sw_json *j, const char *key, const struct sw_flow *f, uint16_t port)
{
	if (f->sport || f->dport)
		sw_json_uint(j, key, port);
	else
		sw_json_null(j, key);
}

/* One finding, flat; docs/manual.md lists the keys. */
static void write_sight(struct sw_strbuf *out, const struct sw_sight *s)
{
	char time[SW_TIME_TEXT_MAX], addr[INET6_ADDRSTRLEN], word[8];
	const struct sw_flow *f = s->flow;
	struct sw_json j;

	sw_json_init(&j, out);
	sw_json_object_begin(&j, NULL);
	sw_json_string(&j, "time", sw_time_format(time, s->time_ns));
	sw_json_string(&j, "rule", sw_rule_word(s->rule));
	sw_json_string(&j, "kind", s->kind);
	sw_json_string(&j, "trail", s->trail);
	sw_json_string(&j, "info", s->info);
	sw_json_string(&j, "source", addr_text(addr, f->family, &f->saddr));
	write_port(&j, "source_port", f, f->sport);
	sw_json_string(&j, "destination", addr_text(addr, f->family, &f->daddr));
	write_port(&j, "destination_port", f, f->dport);
	sw_json_string(&j, "protocol", sw_protocol_word(f->protocol, word));
	sw_json_uint(&j, "packet", s->packet);
	sw_json_string(&j, "severity", sw_severity_word(sw_rule_severity(s->rule)));
	sw_json_string(&j, "reference", s->reference);
	sw_json_string(&j, "citation", s->citation && *s->citation ? s->citation : NULL);
	sw_json_string(&j, "file", s->file);
	if (s->file)
		sw_json_uint(&j, "line", s->line);
	else
		sw_json_null(&j, "line");
	sw_json_object_end(&j);
}

static void print_form(const struct run *r, const struct sw_strbuf *text)
{
	json_t *row = json_loadb(text->text, text->len, 0, NULL);

	if (row)
		sw_cli_form_print(r->form, row);
	json_decref(row);
}

static void take_sight(void *arg, const struct sw_sight *s)
{
	_strbuf_ struct sw_strbuf out = {};
	struct run *r = arg;

	r->found++;
	write_sight(&out, s);
	if (r->form)
		print_form(r, &out);
	else if (r->rows)
		json_array_append_new(r->rows, json_loadb(out.text, out.len, 0, NULL));
	else
		puts(sw_strbuf_get(&out));
}

static void draw_progress(void *arg, double share, uint64_t packets)
{
	static const struct sw_clock clock = {};
	struct run *r = arg;
	uint64_t now = sw_clock_boot_ns(&clock);
	int full = SW_MIN((int)(share * BAR), BAR);

	if (!r->is_drawing || now - r->began_ns < PROGRESS_AFTER_MS * SW_MSEC_NS ||
		now - r->drawn_ns < PROGRESS_EVERY_MS * SW_MSEC_NS)
		return;
	r->drawn_ns = now;
	r->is_drawn = true;
	if (share < 0) { /* nobody knows how much will come */
		fprintf(stderr, "\r%llu packets", (unsigned long long)packets);
		return;
	}
	fprintf(stderr, "\r[%.*s%*s] %3d %%  %llu packets", full, "##############################",
		BAR - full, "", (int)(share * 100), (unsigned long long)packets);
}

static int read_trails(const struct sw_cli *c, struct sw_static *set)
{
	const struct sw_static_stats *s = sw_static_stats(set);
	char path[1024];

	for (unsigned int i = 0; i < c->o.trails.n; i++) {
		int r = sw_static_read(set, c->o.trails.values[i], path, sizeof(path));

		if (r == -ENODATA)
			return sw_cli_error(
				SW_EXIT_USAGE, NULL, "--trails %s: no trail was found in it", path);
		if (r < 0)
			return sw_cli_error(
				SW_EXIT_USAGE, NULL, "--trails %s: %s", path, strerror(-r));
	}
	if (sw_static_seal(set) < 0)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	if (s->bad + s->patterns_bad)
		sw_cli_say(c,
			"%llu of %llu lines of the trails are nothing known and were left out",
			(unsigned long long)(s->bad + s->patterns_bad),
			(unsigned long long)s->lines);
	return 0;
}

static void cell_endpoint(
	const json_t *row, struct sw_strbuf *out, const char *addr, const char *port)
{
	const json_t *p = json_object_get(row, port);

	sw_strbuf_puts(out, sw_cli_text(row, addr));
	if (json_is_integer(p))
		sw_strbuf_printf(out, strchr(sw_cli_text(row, addr), ':') ? " %lld" : ":%lld",
			(long long)json_integer_value(p));
}

static void cell_source(const json_t *row, struct sw_strbuf *out)
{
	cell_endpoint(row, out, "source", "source_port");
}

static void cell_destination(const json_t *row, struct sw_strbuf *out)
{
	cell_endpoint(row, out, "destination", "destination_port");
}

static const struct sw_cli_column columns[] = {
	{"TIME", "time", SW_COL_TIME, NULL, NULL},
	{"SEVERITY", "severity", 0, NULL, sw_cli_color_severity},
	{"RULE", "rule", 0, NULL, NULL},
	{"KIND", "kind", SW_COL_OPTIONAL, NULL, NULL},
	{"TRAIL", "trail", SW_COL_FLEX, NULL, NULL},
	{"INFO", "info", SW_COL_FLEX, NULL, NULL},
	{"SOURCE", NULL, 0, cell_source, NULL},
	{"DESTINATION", NULL, 0, cell_destination, NULL},
	{"PROTO", "protocol", 0, NULL, NULL},
	{"PACKET", "packet", SW_COL_RIGHT, NULL, NULL},
	{"REFERENCE", "reference", SW_COL_WIDE, NULL, NULL},
	{"FILE", "file", SW_COL_WIDE, NULL, NULL},
	{"LINE", "line", SW_COL_WIDE | SW_COL_RIGHT, NULL, NULL},
	{},
};

static void say_summary(
	const struct run *r, const struct sw_replay_result *result, struct sw_traffic *traffic)
{
	const struct sw_traffic_stats *s = sw_traffic_stats(traffic);

	sw_cli_say(r->c, "%llu packets, %llu findings", (unsigned long long)result->packets,
		(unsigned long long)r->found);
	if (result->clipped)
		sw_cli_say(r->c, "  of %llu packets the capture kept only a part",
			(unsigned long long)result->clipped);
	if (s->unreadable)
		sw_cli_say(r->c, "  %llu packets could not be read",
			(unsigned long long)s->unreadable);
	if (s->unread)
		sw_cli_say(r->c, "  %llu messages could not be read to their end", (unsigned long long)s->unread);
	if (s->given_up)
		sw_cli_say(r->c, "  of %llu flows the beginning was not seen whole",
			(unsigned long long)s->given_up);
}

static void print_rows(struct run *r, const struct sw_replay_result *result)
{
	json_t *data;

	if (!r->rows)
		return;
	data = json_pack("{s:i, s:I, s:O}", "schema_version", 1, "packets",
		(json_int_t)result->packets, "findings", r->rows);
	if (data)
		sw_cli_print_rows(r->c, data, "findings", columns, "nothing was found");
	json_decref(data);
}

/* The rules as a configuration sets them, where one was named; else nothing of the machine counts. */
static int set_rules(struct run *r, struct sw_traffic *traffic)
{
	_free_ struct sw_config *conf = r->c->has_config ? malloc(sizeof(*conf)) : NULL;
	int status;

	if (!r->c->has_config)
		return 0;
	if (!conf)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	status = sw_cli_config_read(r->c, r->c->o.paths.config_file, false, conf);
	if (!status)
		sw_rules_set(sw_traffic_rules(traffic), conf);
	return status;
}

static int run(struct run *r, struct sw_static *set)
{
	_cleanup_(sw_traffic_freep) struct sw_traffic *traffic = NULL;
	struct sw_replay o = {.path = r->c->words[0], .progress = draw_progress, .arg = r};
	struct sw_replay_result result;
	int status;

	if (sw_traffic_new(set, SW_LOOK_ALL, take_sight, r, &traffic) < 0)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	o.traffic = traffic;
	status = set_rules(r, traffic);
	if (status)
		return status;
	status = sw_replay_run(&o, &result);
	if (r->is_drawn)
		fprintf(stderr, "\r%60s\r", "");
	if (status == 0 || result.packets) {
		print_rows(r, &result);
		say_summary(r, &result, traffic);
	}
	if (status < 0)
		return sw_cli_error(status == -EBADMSG ? SW_EXIT_PARTIAL : SW_EXIT_USAGE, NULL,
			"%s: %s", o.path, result.error);
	return r->found ? SW_EXIT_NEGATIVE : SW_EXIT_OK;
}

int sw_cli_replay(struct sw_cli *c)
{
	static const struct sw_clock clock = {};
	_cleanup_(sw_static_freep) struct sw_static *set = NULL;
	struct run r = {.c = c, .began_ns = sw_clock_boot_ns(&clock)};
	int status;

	if (!sw_cli_form_find(c, &r.form))
		return SW_EXIT_USAGE;
	r.is_drawing = isatty(STDERR_FILENO) && !c->o.quiet;
	if (sw_static_new(&set) < 0)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	status = read_trails(c, set);
	if (status)
		return status;
	if (c->format != SW_CLI_JSONL && !r.form)
		r.rows = json_array();
	status = run(&r, set);
	json_decref(r.rows);
	return status;
}
