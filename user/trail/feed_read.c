// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/feed_read.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <strings.h>

#include "user/trail/feed_private.h"
#include "user/trail/line.h"

int sw_feed_reader_new(const struct sw_feed_form *form, const struct sw_trail_rules *rules,
	int64_t now_wall_sec, struct sw_feed_reader **ret)
{
	struct sw_trail_rules own = *rules;
	struct sw_feed_reader *r = calloc(1, sizeof(*r));
	int error;

	if (!r)
		return -ENOMEM;
	r->form = *form;
	r->may_be_empty = own.may_be_empty;
	own.may_be_empty = true; /* the reader knows more of why there is nothing */
	own.forgives_times = true;
	error = sw_trail_parser_new(&own, &r->parser);
	if (error < 0) {
		free(r);
		return error;
	}
	r->now_wall_sec = now_wall_sec;
	*ret = r;
	return 0;
}

void sw_feed_reader_free(struct sw_feed_reader *r)
{
	if (!r)
		return;
	sw_trail_parser_free(r->parser);
	sw_strbuf_done(&r->text);
	free(r);
}

void sw_feed_reader_freep(struct sw_feed_reader **r)
{
	sw_feed_reader_free(*r);
}

struct sw_trail_parser *sw_feed_reader_parser(struct sw_feed_reader *r)
{
	return r->parser;
}

const char *sw_feed_reader_why(const struct sw_feed_reader *r)
{
	return r->why[0] ? r->why : sw_trail_parser_report(r->parser)->text;
}

const struct sw_feed_counts *sw_feed_reader_counts(const struct sw_feed_reader *r)
{
	return &r->counts;
}

int feed_refuse(struct sw_feed_reader *r, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	r->result = error;
	return error;
}

struct feed_span feed_strip(const char *text, size_t len)
{
	while (len && (isspace((unsigned char)*text))) {
		text++;
		len--;
	}
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	return (struct feed_span){text, len};
}

void feed_total(struct sw_feed_reader *r, uint64_t n)
{
	r->has_total = true;
	r->total = n;
}

/* ---- values */

static bool is_hash(const char *text, size_t len)
{
	if (len != 32 && len != 40 && len != 64)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

/* MD5 is the fingerprint of a client where the form says so, else that of some file. */
static bool is_wanted_hash(const struct sw_feed_reader *r, size_t len)
{
	return len == 40 || (len == 32 && strcasestr(r->form.value.name, "ja3"));
}

static void count_kind(struct sw_feed_counts *c, const char *text, size_t len)
{
	const char *colon = memrchr(text, ':', len);

	if (memchr(text, '/', len))
		c->urls++;
	else if (colon && colon + 1 < text + len && isdigit((unsigned char)colon[1]))
		c->ports++;
	else
		c->domains++;
}

/* Of the first column of a plain line. */
static size_t column_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && !isspace((unsigned char)text[n]) && text[n] != ',' && text[n] != ';')
		n++;
	return n;
}

int feed_skip(struct sw_feed_reader *r)
{
	return sw_trail_parser_feed(r->parser, "\n", 1);
}

/* A date, or seconds or milliseconds since 1970. */
static int read_time(const struct feed_span *t, __u32 *ret_sec)
{
	enum { SECONDS_DIGITS = 10, MILLISECONDS_DIGITS = 13 };
	uint64_t n = 0;
	size_t i = 0;

	for (; i < t->len && i < MILLISECONDS_DIGITS && isdigit((unsigned char)t->at[i]); i++)
		n = n * 10 + (uint64_t)(t->at[i] - '0');
	if (i < t->len || (i != SECONDS_DIGITS && i != MILLISECONDS_DIGITS))
		return sw_trail_time_read(t->at, t->len, ret_sec);
	n /= i == MILLISECONDS_DIGITS ? 1000 : 1;
	if (!n || n > UINT32_MAX)
		return -EINVAL;
	*ret_sec = (__u32)n;
	return 0;
}

int feed_times(struct sw_feed_reader *r, const struct feed_span times[static SW_FEED_TIMES])
{
	struct sw_trail_when when = {};
	__u32 *const fields[] = {&when.first_sec, &when.last_sec, &when.until_sec};
	const struct feed_span *until = &times[SW_FEED_UNTIL];

	for (unsigned int i = 0; i < SW_FEED_TIMES; i++)
		if (times[i].len && read_time(&times[i], fields[i]) < 0 && i == SW_FEED_UNTIL)
			return -EINVAL;
	r->when = when;
	return until->len && when.until_sec <= r->now_wall_sec;
}

int feed_value(struct sw_feed_reader *r, const char *text, size_t len)
{
	struct feed_span v = feed_strip(text, len);
	struct sw_trail_line line;
	int error;

	sw_trail_parser_when(r->parser, &r->when);
	if (v.len >= SW_TRAIL_LINE_MAX || memchr(v.at, '\n', v.len))
		v = (struct feed_span){"!", 1};
	if (is_hash(v.at, v.len)) {
		r->counts.hashes++;
		error = is_wanted_hash(r, v.len) ? sw_trail_parser_other(r->parser, v.at, v.len)
						 : 0;
		return error < 0 ? error : feed_skip(r);
	}
	sw_trail_line_read(v.at, v.len, &line);
	if (line.kind == SW_TRAIL_LINE_OTHER)
		count_kind(&r->counts, v.at, column_len(v.at, v.len));
	/* a column that is empty, or looks like a comment, is not what its header promised */
	if (line.kind == SW_TRAIL_LINE_NOTHING)
		v = (struct feed_span){"!", 1};
	error = sw_trail_parser_feed(r->parser, v.at, v.len);
	return error < 0 ? error : feed_skip(r);
}

/* ---- forms that are lines */

/* A number anywhere in text, after which word follows; false when there is none. */
static bool find_count(const char *text, size_t len, const char *word, uint64_t *ret)
{
	_free_ char *copy = strndup(text, len);
	char *at = copy, *end;
	uint64_t n;

	while (at && *(at += strcspn(at, "0123456789"))) {
		errno = 0;
		n = strtoull(at, &end, 10);
		at = end;
		end += strspn(end, " )");
		if (!errno && !strncasecmp(end, word, strlen(word))) {
			*ret = n;
			return true;
		}
	}
	return false;
}

/* "# Entries : 12 subnets, 345 unique IPs", of FireHOL; "... 345 unique IPs" when it has no networks. */
static void read_netset_comment(struct sw_feed_reader *r, struct feed_span c)
{
	uint64_t n;

	c = feed_strip(c.at + 1, c.len - 1);
	if (c.len < 7 || strncasecmp(c.at, "entries", 7) != 0)
		return;
	if (find_count(c.at, c.len, "subnets", &n) || find_count(c.at, c.len, "unique", &n))
		feed_total(r, n);
}

static int take_plain(struct sw_feed_reader *r, struct feed_span s)
{
	struct sw_trail_line line;
	int error;

	/* the first bytes may be a mark that says that this is UTF-8 */
	if (!r->counts.rows && s.len >= 3 && !memcmp(s.at, "\xef\xbb\xbf", 3))
		s = (struct feed_span){s.at + 3, s.len - 3};
	if (r->form.kind == SW_FEED_NETSET && s.len && *s.at == '#')
		read_netset_comment(r, s);
	sw_trail_line_read(s.at, s.len, &line);
	if (line.kind == SW_TRAIL_LINE_NOTHING)
		return feed_skip(r);
	r->counts.rows++;
	if (line.kind == SW_TRAIL_LINE_OTHER)
		count_kind(&r->counts, s.at, column_len(s.at, s.len));
	if (s.len >= SW_TRAIL_LINE_MAX)
		s = (struct feed_span){"!", 1};
	error = sw_trail_parser_feed(r->parser, s.at, s.len);
	return error < 0 ? error : feed_skip(r);
}

/* "0.0.0.0 a.example b.example # note": names. */
static int take_hosts(struct sw_feed_reader *r, struct feed_span s)
{
	const char *hash = memchr(s.at, '#', s.len);
	unsigned int words = 0;
	int error;

	s = feed_strip(s.at, hash ? (size_t)(hash - s.at) : s.len);
	if (!s.len)
		return feed_skip(r);
	r->counts.rows++;
	while (s.len) {
		size_t n = 0;

		while (n < s.len && !isspace((unsigned char)s.at[n]))
			n++;
		if (words++ > 0) {
			r->counts.domains++;
			error = sw_trail_parser_other(r->parser, s.at, n);
			if (error < 0)
				return error;
		}
		s = feed_strip(s.at + n, s.len - n);
	}
	return words > 1 ? feed_skip(r) : feed_value(r, "!", 1);
}

static int take_tor(struct sw_feed_reader *r, struct feed_span s)
{
	static const char *const others[] = {"ExitNode ", "Published ", "LastStatus "};
	static const char exit[] = "ExitAddress ";
	size_t n = sizeof(exit) - 1;

	if (!s.len || *s.at == '@') /* "@type tordnsel 1.0" */
		return feed_skip(r);
	for (size_t i = 0; i < SW_ARRAY_SIZE(others); i++)
		if (s.len > strlen(others[i]) && !strncmp(s.at, others[i], strlen(others[i])))
			return feed_skip(r);
	r->counts.rows++;
	if (s.len <= n || strncmp(s.at, exit, n) != 0)
		return feed_value(r, "!", 1);
	s = feed_strip(s.at + n, s.len - n);
	for (n = 0; n < s.len && !isspace((unsigned char)s.at[n]);)
		n++;
	return feed_value(r, s.at, n);
}

static int take_line(struct sw_feed_reader *r, const char *line, size_t len)
{
	struct feed_span s = feed_strip(line, len);

	switch (r->form.kind) {
	case SW_FEED_HOSTS:
		return take_hosts(r, s);
	case SW_FEED_CSV:
	case SW_FEED_TSV:
	case SW_FEED_PIPE:
		return feed_columns_line(r, line, len && line[len - 1] == '\r' ? len - 1 : len);
	case SW_FEED_JSONL:
		return s.len ? feed_json_line(r, s.at, s.len) : feed_skip(r);
	case SW_FEED_TOR:
		return take_tor(r, s);
	default:
		return take_plain(r, s);
	}
}

static int end_line(struct sw_feed_reader *r, const char *text, size_t len)
{
	int error;

	if (!r->text.len && !r->is_long && len <= SW_FEED_LINE_MAX)
		return take_line(r, text, len);
	r->is_long |= r->text.len + len > SW_FEED_LINE_MAX;
	if (r->is_long) {
		r->counts.rows++;
		error = feed_value(r, "!", 1);
	} else {
		sw_strbuf_add(&r->text, text, len);
		error = r->text.is_failed ? feed_refuse(r, -ENOMEM, "out of memory")
					  : take_line(r, sw_strbuf_get(&r->text), r->text.len);
	}
	r->is_long = false;
	sw_strbuf_reset(&r->text);
	return error;
}

static void carry(struct sw_feed_reader *r, const char *text, size_t len)
{
	if (r->is_long || r->text.len + len > SW_FEED_LINE_MAX)
		r->is_long = true;
	else
		sw_strbuf_add(&r->text, text, len);
}

static int feed_lines(struct sw_feed_reader *r, const char *text, size_t len)
{
	const char *end = text + len, *eol;
	int error = 0;

	while (!error && text < end) {
		eol = memchr(text, '\n', (size_t)(end - text));
		if (!eol) {
			carry(r, text, (size_t)(end - text));
			break;
		}
		error = end_line(r, text, (size_t)(eol - text));
		text = eol + 1;
	}
	return error;
}

static bool is_document(const struct sw_feed_reader *r)
{
	return r->form.kind == SW_FEED_JSON || r->form.kind == SW_FEED_STIX ||
		r->form.kind == SW_FEED_MISP;
}

int sw_feed_reader_feed(struct sw_feed_reader *r, const char *text, size_t len)
{
	int error;

	if (r->result < 0 || !len)
		return r->result;
	if (memchr(text, 0, len))
		return feed_refuse(r, -EBADMSG, "after line %" PRIu64 ": a NUL byte: this is not a text",
			sw_trail_parser_report(r->parser)->lines);
	if (!is_document(r)) {
		error = feed_lines(r, text, len);
	} else if (r->text.len + len > SW_FEED_DOCUMENT_MAX) {
		error = feed_refuse(
			r, -EFBIG, "a document larger than %d MB", SW_FEED_DOCUMENT_MAX >> 20);
	} else {
		sw_strbuf_add(&r->text, text, len);
		error = r->text.is_failed ? feed_refuse(r, -ENOMEM, "out of memory") : 0;
	}
	if (error < 0)
		r->result = error;
	return error;
}

/* ---- the end */

static int judge(struct sw_feed_reader *r)
{
	const struct sw_trail_report *t = sw_trail_parser_report(r->parser);
	const struct sw_feed_counts *c = &r->counts;

	if (r->form.kind == SW_FEED_JSONL && r->form.trailer[0] && !r->has_total)
		return feed_refuse(r, -EBADMSG,
			"it ends without its last line, which counts the entries: it was cut off");
	if (r->has_total && r->total != c->rows)
		return feed_refuse(r, -EBADMSG,
			"it says that it has %" PRIu64 " entries and has %" PRIu64
			": it was cut off",
			r->total, c->rows);
	if ((r->form.kind == SW_FEED_CSV || r->form.kind == SW_FEED_TSV ||
		    r->form.kind == SW_FEED_PIPE) &&
		!r->has_header)
		return feed_refuse(r, -EBADMSG, "no header, and the columns go by its names");
	if (!t->entries && t->others == t->skipped && !r->may_be_empty)
		return feed_refuse(r, -EBADMSG,
			"no trail in %" PRIu64 " rows; %" PRIu64 " hashes of files", c->rows,
			c->hashes);
	return 0;
}

int sw_feed_reader_end(struct sw_feed_reader *r)
{
	int error = r->result;

	if (!error && is_document(r))
		error = feed_json_document(r);
	else if (!error && (r->text.len || r->is_long))
		error = end_line(r, "", 0);
	if (!error)
		error = sw_trail_parser_end(r->parser);
	if (!error)
		error = judge(r);
	if (error < 0)
		r->result = error;
	return error;
}
