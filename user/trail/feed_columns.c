// SPDX-License-Identifier: GPL-3.0-or-later
/* Feeds in columns: by comma with quotes (RFC 4180, and ", " as abuse.ch writes it), by tab, by "|". */
#include <inttypes.h>
#include <strings.h>

#include "user/trail/feed_private.h"

/* The columns of a line, unquoted into room of the line's own size. */
struct columns {
	struct feed_span col[FEED_COLUMNS_MAX];
	unsigned int n; /* those beyond the last are not kept, and no form asks for them */
	bool is_bad; /* a quote without its end */
	char *room;
};

/* A quoted column at s ("" inside is "); moves s behind it. */
static void take_quoted(struct feed_span *s, struct columns *c, struct feed_span *ret)
{
	char *out = c->room;
	size_t i = 1;

	for (; i < s->len; i++) {
		if (s->at[i] == '"' && (i + 1 >= s->len || s->at[i + 1] != '"'))
			break;
		i += s->at[i] == '"';
		*out++ = s->at[i];
	}
	c->is_bad |= i >= s->len;
	i = SW_MIN(i + 1, s->len);
	*ret = (struct feed_span){c->room, (size_t)(out - c->room)};
	c->room = out;
	*s = (struct feed_span){s->at + i, s->len - i};
}

static void split(const char *line, size_t len, char by, char *room, struct columns *ret)
{
	struct feed_span s = {line, len}, one;
	const char *sep;

	*ret = (struct columns){.room = room};
	for (bool more = true; more && !ret->is_bad;) {
		struct feed_span rest = feed_strip(s.at, s.len);

		if (by == ',' && rest.len && *rest.at == '"') {
			s = rest;
			take_quoted(&s, ret, &one);
			sep = memchr(s.at, by, s.len);
			/* after its end a column has nothing but blanks */
			ret->is_bad |= feed_strip(s.at, sep ? (size_t)(sep - s.at) : s.len).len > 0;
		} else {
			sep = memchr(s.at, by, s.len);
			one = feed_strip(s.at, sep ? (size_t)(sep - s.at) : s.len);
		}
		if (ret->n < FEED_COLUMNS_MAX)
			ret->col[ret->n++] = one;
		more = sep != NULL;
		if (sep)
			s = (struct feed_span){sep + 1, s.len - (size_t)(sep + 1 - s.at)};
	}
}

/* The number of a column that the form asks for; 0 when the header has no such name. */
static unsigned int place(const struct sw_feed_column *want, const struct columns *c)
{
	if (!want->name[0])
		return want->number;
	for (unsigned int i = 0; i < c->n; i++)
		if (c->col[i].len == strlen(want->name) &&
			!strncasecmp(c->col[i].at, want->name, c->col[i].len))
			return i + 1;
	return 0;
}

static bool is_asked(const struct sw_feed_column *want)
{
	return want->name[0] || want->number;
}

static bool goes_by_names(const struct sw_feed_form *f)
{
	return f->value.name[0] || f->plen.name[0] || f->filter.name[0];
}

static bool take_header(struct sw_feed_reader *r, const struct columns *c)
{
	const struct sw_feed_form *f = &r->form;

	r->value_at = place(&f->value, c);
	r->plen_at = place(&f->plen, c);
	r->filter_at = place(&f->filter, c);
	for (unsigned int i = 0; i < SW_FEED_TIMES; i++) /* a list without them is good all the same */
		r->times_at[i] = place(&f->times[i], c);
	r->has_header = r->value_at && (!is_asked(&f->plen) || r->plen_at) &&
		(!is_asked(&f->filter) || r->filter_at);
	return r->has_header;
}

/* "# END (12 entries)", as abuse.ch ends its lists. */
static void read_end(struct sw_feed_reader *r, struct feed_span s)
{
	uint64_t n = 0;
	size_t i = 3;

	if (s.len < 4 || strncmp(s.at, "END", 3) != 0)
		return;
	while (i < s.len && (s.at[i] == ' ' || s.at[i] == '('))
		i++;
	if (i == s.len || s.at[i] < '0' || s.at[i] > '9')
		return;
	for (; i < s.len && s.at[i] >= '0' && s.at[i] <= '9' && n < UINT32_MAX; i++)
		n = n * 10 + (uint64_t)(s.at[i] - '0');
	while (i < s.len && (s.at[i] == ' ' || s.at[i] == ')'))
		i++;
	if (s.len - i >= 7 && !strncmp(s.at + i, "entries", 7))
		feed_total(r, n);
}

static bool is_below(struct feed_span s, uint64_t min)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9' || n > UINT32_MAX)
			return s.at[i] != '.' || n < min; /* a fraction does not count */
		n = n * 10 + (uint64_t)(s.at[i] - '0');
	}
	return !s.len || n < min;
}

static int take_times(struct sw_feed_reader *r, const struct columns *c)
{
	struct feed_span times[SW_FEED_TIMES] = {};

	for (unsigned int i = 0; i < SW_FEED_TIMES; i++)
		if (r->times_at[i] && r->times_at[i] <= c->n)
			times[i] = c->col[r->times_at[i] - 1];
	return feed_times(r, times);
}

static int take_row(struct sw_feed_reader *r, const struct columns *c)
{
	char text[160];
	struct feed_span v, plen;
	int is_over;

	r->counts.rows++;
	if (c->is_bad || r->value_at > c->n || r->plen_at > c->n || r->filter_at > c->n)
		return feed_value(r, "!", 1);
	if (r->filter_at && is_below(c->col[r->filter_at - 1], r->form.filter_min)) {
		r->counts.filtered++;
		return feed_skip(r);
	}
	is_over = take_times(r, c);
	if (is_over < 0)
		return feed_value(r, "!", 1);
	if (is_over) {
		r->counts.filtered++;
		return feed_skip(r);
	}
	v = c->col[r->value_at - 1];
	if (!r->plen_at)
		return feed_value(r, v.at, v.len);
	plen = c->col[r->plen_at - 1];
	if (v.len + plen.len + 2 > sizeof(text))
		return feed_value(r, "!", 1);
	snprintf(text, sizeof(text), "%.*s/%.*s", (int)v.len, v.at, (int)plen.len, plen.at);
	return feed_value(r, text, strlen(text));
}

int feed_columns_line(struct sw_feed_reader *r, const char *line, size_t len)
{
	static const char by[] = {[SW_FEED_CSV] = ',', [SW_FEED_TSV] = '\t', [SW_FEED_PIPE] = '|'};
	_free_ char *room = malloc(len + 1);
	struct feed_span s = feed_strip(line, len);
	bool is_comment = s.len && *s.at == '#';
	struct columns c;

	if (!room)
		return feed_refuse(r, -ENOMEM, "out of memory");
	if (!r->has_header && !goes_by_names(&r->form))
		take_header(r, &(struct columns){});
	if (!s.len)
		return feed_skip(r);
	if (is_comment) {
		s = feed_strip(s.at + 1, s.len - 1);
		read_end(r, s);
		if (r->has_header)
			return feed_skip(r);
	} else if (r->has_header) {
		s = (struct feed_span){line, len}; /* a first column may be empty */
	}
	split(s.at, s.len, by[r->form.kind], room, &c);
	if (r->has_header)
		return take_row(r, &c);
	if (!take_header(r, &c) && !is_comment)
		return feed_refuse(r, -EBADMSG, "no column '%s' in its header",
			r->form.value.name[0]            ? r->form.value.name
				: r->form.filter.name[0] ? r->form.filter.name
							 : r->form.plen.name);
	return feed_skip(r);
}
