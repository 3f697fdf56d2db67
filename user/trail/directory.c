// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/directory.h"

#include <inttypes.h>

#include "user/base/cidr.h"
#include "user/base/digits.h"
#include "user/trail/static_read.h"
#include "user/trail/times.h"

/* ---- a directory to a list */

/* A text of a file's as one field of a line. */
static void put_field(struct sw_strbuf *b, const char *text)
{
	sw_strbuf_putc(b, '\t');
	for (; *text; text++)
		sw_strbuf_putc(b, *text == '\t' || *text == '\n' ? ' ' : *text);
}

/* Millions of lines begin with one: no format is read for each. */
static void put_number(struct sw_strbuf *b, uint32_t n)
{
	char digits[16];

	sw_strbuf_add(b, digits, (size_t)(sw_put_uint(digits, n) - digits));
}

int64_t sw_trail_writer_group(
	void *arg, const char *file, const char *info, const char *reference, const char *citation)
{
	struct sw_trail_writer *w = arg;

	sw_strbuf_putc(&w->text, 'F');
	put_field(&w->text, file);
	put_field(&w->text, info);
	put_field(&w->text, reference);
	put_field(&w->text, citation);
	sw_strbuf_putc(&w->text, '\n');
	w->group = w->n_groups++;
	return w->text.is_failed ? -ENOMEM : w->group;
}

void sw_trail_print(const struct sw_static_line *l, struct sw_strbuf *out)
{
	char net[SW_NET_TEXT_MAX];

	if (l->kind == SW_STATIC_IP_PORT)
		sw_strbuf_printf(out, l->net.family == SW_AF_IP6 ? "[%s]:%u" : "%s:%u",
			sw_cidr_format(net, &l->net), l->port);
	else if (l->kind == SW_STATIC_IP || l->kind == SW_STATIC_CIDR)
		sw_strbuf_puts(out, sw_cidr_format(net, &l->net));
	else { /* with its scheme a URL is one whatever signs it has */
		if (l->kind == SW_STATIC_URL)
			sw_strbuf_puts(out, "http://");
		sw_strbuf_add(out, l->text, l->len);
	}
}

int sw_trail_writer_add(void *arg, const struct sw_static_line *l, uint32_t group, uint32_t line)
{
	struct sw_trail_writer *w = arg;

	if (w->text.len > SW_TRAIL_TEXT_BYTES_MAX - SW_STATIC_TEXT_MAX)
		return -EINVAL;
	if (group != w->group) {
		sw_strbuf_printf(&w->text, "G\t%" PRIu32 "\n", group);
		w->group = group;
	}
	if (l->kind == SW_STATIC_AGENT)
		sw_strbuf_putc(&w->text, '~');
	put_number(&w->text, line);
	sw_strbuf_putc(&w->text, '\t');
	sw_trail_print(l, &w->text);
	sw_strbuf_putc(&w->text, '\n');
	if (w->text.is_failed)
		return -ENOMEM;
	return sw_trail_parser_add(w->parser, l, line);
}

int sw_trail_directory_read(
	const char *path, const struct sw_trail_rules *rules, struct sw_trail_parser **ret)
{
	_cleanup_(sw_static_freep) struct sw_static *s = NULL;
	struct sw_trail_writer w = {.group = -1};
	const struct sw_static_sink sink = {sw_trail_writer_group, sw_trail_writer_add, &w};
	struct sw_trail_rules own = *rules;
	char err[256] = "";
	int r = sw_static_new(&s);

	own.may_be_empty = true;
	if (!r)
		r = sw_trail_parser_new(&own, &w.parser);
	if (r < 0)
		return r;
	*ret = w.parser;
	sw_static_set_sink(s, &sink);
	r = sw_static_read(s, path, err, sizeof(err));
	if (r == -EBADMSG && *sw_static_why(s)) {
		sw_trail_parser_refuse(w.parser, r, sw_static_why(s));
		sw_strbuf_done(&w.text);
		return r;
	}
	if (!r)
		r = sw_trail_parser_end(w.parser);
	if (!r)
		sw_trail_parser_set_text(w.parser, &w.text);
	if (!r)
		sw_trail_parser_bad(w.parser, sw_static_stats(s)->bad, sw_static_first_bad(s));
	else
		sw_trail_parser_say(w.parser, r, err);
	sw_strbuf_done(&w.text);
	return r;
}

/* ---- a list's text to a set */

struct reader {
	struct sw_static *s;
	const char *info, *origin, *name;
	uint32_t *groups; /* of each F its number in the set */
	size_t n_groups, room;
	int64_t group; /* -1: begins with the next trail */
	const struct sw_trail_view *view;
	int64_t now_wall_sec;
};

/* Cuts the next field off a line; it is ended by a NUL in place. */
static char *take_field(char **at)
{
	char *field = *at, *tab = strchr(field, '\t');

	if (tab)
		*tab = 0;
	*at = tab ? tab + 1 : field + strlen(field);
	return field;
}

static int begin_file(struct reader *r, char *at)
{
	const char *file = take_field(&at), *info = take_field(&at), *reference = take_field(&at);

	if (r->n_groups == r->room) {
		size_t room = r->room ? r->room * 2 : 256;
		uint32_t *grown = reallocarray(r->groups, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		r->groups = grown;
		r->room = room;
	}
	r->group = sw_static_group(r->s, file, info, reference, take_field(&at));
	if (r->group < 0)
		return -ENOMEM;
	r->groups[r->n_groups++] = (uint32_t)r->group;
	return 0;
}

static int take_line(struct reader *r, char *line)
{
	bool is_agent = *line == '~';
	const struct sw_trail_times *t;
	struct sw_static_line l;
	char *end;
	unsigned long number;

	if (line[0] == 'F' && line[1] == '\t')
		return begin_file(r, line + 2);
	number = strtoul(line + (line[0] == 'G' && line[1] ? 2 : is_agent), &end, 10);
	if (line[0] == 'G') {
		r->group = number < r->n_groups ? (int64_t)r->groups[number] : -1;
		return 0;
	}
	sw_static_count_line(r->s);
	if (*end != '\t')
		return 0;
	if (r->group < 0)
		r->group = sw_static_group(r->s, r->origin, r->info, r->name, "");
	if (r->group < 0)
		return -ENOMEM;
	sw_static_line_read(end + 1, strlen(end + 1), is_agent, &l);
	t = sw_trail_times_find(r->view, &l);
	if (t && t->until_sec && t->until_sec <= r->now_wall_sec)
		return 0;
	if (t)
		l.when = (struct sw_trail_when){t->first_sec, t->last_sec, t->until_sec};
	return sw_static_add(r->s, &l, (uint32_t)r->group, (uint32_t)number) == -ENOMEM ? -ENOMEM
											: 0;
}

int sw_static_add_list(struct sw_static *s, const struct sw_trail_view *v, uint32_t number,
	const char *info, const char *origin, bool is_except, int64_t now_wall_sec)
{
	struct reader r = {.s = s,
		.info = info,
		.origin = origin,
		.name = v->head->name,
		.group = -1,
		.view = v,
		.now_wall_sec = now_wall_sec};
	const char *end = v->text + v->n_text, *p = v->text, *eol;
	char line[12288]; /* a file's path, info and citation are longer than a trail */
	int ret = 0;

	sw_static_set_list(s, number, is_except);
	for (; !ret && p < end; p = eol + 1) {
		size_t len;

		eol = memchr(p, '\n', (size_t)(end - p));
		if (!eol)
			break;
		len = (size_t)(eol - p);
		if (len >= sizeof(line))
			continue;
		memcpy(line, p, len);
		line[len] = 0;
		ret = take_line(&r, line);
	}
	free(r.groups);
	return ret;
}
