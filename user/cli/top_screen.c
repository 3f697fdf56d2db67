// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/cli/top_screen.h"

#include <string.h>

#include "user/base/clock.h"
#include "user/base/json.h"
#include "user/cli/table.h"

enum {
	HEAD_LINES = 4, /* two of sums, what is wrong, the titles */
	FOOT_LINES = 1,
	EVENTS_SHARE = 4, /* a quarter of the screen at most */
	NAME_WIDTH = 26,
	STATE_WIDTH = 9,
	WHAT_WIDTH = 34,
};

#define RED    "31"
#define GREEN  "32"
#define YELLOW "33"

struct pen {
	const struct sw_cli *c;
	struct sw_strbuf *out;
	unsigned int width, used; /* columns of this line */
};

/* Text from wherever, cut at the end of the line. */
static void put(struct pen *p, const char *sgr, const char *text)
{
	_strbuf_ struct sw_strbuf safe = {}, cut = {};

	if (p->used >= p->width)
		return;
	sw_cli_safe(&safe, text, strlen(text));
	sw_cli_cut(p->c, sw_strbuf_get(&safe), p->width - p->used, &cut);
	if (sgr && p->c->has_color)
		sw_strbuf_printf(p->out, "\033[%sm", sgr);
	sw_strbuf_puts(p->out, sw_strbuf_get(&cut));
	if (sgr && p->c->has_color)
		sw_strbuf_puts(p->out, "\033[0m");
	p->used += (unsigned int)sw_cli_columns(sw_strbuf_get(&cut), cut.len);
}

/* The same in a column of its own, with a space behind it. */
static void put_column(
	struct pen *p, const char *sgr, const char *text, unsigned int width, bool is_right)
{
	_strbuf_ struct sw_strbuf safe = {}, cut = {}, cell = {};
	size_t n;

	sw_cli_safe(&safe, text, strlen(text));
	sw_cli_cut(p->c, sw_strbuf_get(&safe), width, &cut);
	n = sw_cli_columns(sw_strbuf_get(&cut), cut.len);
	sw_strbuf_printf(&cell, "%*s%s%*s ", is_right ? (int)(width - n) : 0, "",
		sw_strbuf_get(&cut), is_right ? 0 : (int)(width - n), "");
	put(p, sgr, sw_strbuf_get(&cell));
}

static void putf(struct pen *p, const char *sgr, const char *fmt, ...) _printf_(3, 4);
static void putf(struct pen *p, const char *sgr, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(p, sgr, text);
}

static void end_line(struct pen *p)
{
	sw_strbuf_puts(p->out, "\033[K\r\n");
	p->used = 0;
}

/* "1234", "12.3k", "4.5M": five columns at most. */
static const char *short_number(char buf[static 16], double n)
{
	static const char units[] = {'k', 'M', 'G', 'T'};
	size_t i = 0;

	if (n < 9999.5) {
		snprintf(buf, 16, n > 0 && n < 9.95 ? "%.1f" : "%.0f", n);
		return buf;
	}
	for (n /= 1000; n >= 999.5 && i + 1 < sizeof(units); n /= 1000)
		i++;
	snprintf(buf, 16, n < 99.95 ? "%.1f%c" : "%.0f%c", n, units[i]);
	return buf;
}

static const char *whole(char buf[static 16], uint64_t n)
{
	if (n > 9999)
		return short_number(buf, (double)n);
	snprintf(buf, 16, "%llu", (unsigned long long)n);
	return buf;
}

/* ---- the head */

static void draw_mode(struct pen *p, const struct sw_top_sums *s)
{
	char text[SW_TIME_TEXT_MAX];

	if (!s->is_there)
		put(p, RED, "the daemon does not answer");
	else if (s->is_enforcing && s->enforce_left_sec > 0)
		putf(p, GREEN, "enforcing for %s more",
			sw_duration_format(text, (uint64_t)s->enforce_left_sec));
	else if (s->is_enforcing)
		put(p, GREEN, "enforcing");
	else
		putf(p, YELLOW, "%s: nothing is dropped", *s->mode ? s->mode : "off");
}

static void draw_sum(struct pen *p, const char *what, const char *value, const char *sgr)
{
	putf(p, NULL, "%s ", what);
	putf(p, sgr ? sgr : "1", "%s", value);
	put(p, NULL, "  ");
}

static void draw_head(struct pen *p, const struct sw_top *t, const struct sw_top_screen *screen)
{
	const struct sw_top_sums *s = &t->sums;
	char text[SW_TIME_TEXT_MAX], n[16];

	putf(p, "1", "sockwarden %s", s->version);
	putf(p, NULL, "%s%s, up %s  ", *s->host ? " on " : "", s->host,
		sw_duration_format(text, s->uptime_sec));
	draw_mode(p, s);
	if (screen->is_paused)
		put(p, YELLOW, "  paused");
	end_line(p);
	draw_sum(p, "judged/s", short_number(n, s->judged_rate), NULL);
	draw_sum(
		p, "dropped/s", short_number(n, s->dropped_rate), s->dropped_rate > 0 ? RED : NULL);
	draw_sum(p, "dropped", whole(n, s->dropped), NULL);
	draw_sum(p, "bans", whole(n, s->bans), NULL);
	draw_sum(p, "trails", whole(n, s->entries), NULL);
	draw_sum(p, "findings", whole(n, s->findings), NULL);
	draw_sum(p, "listeners", whole(n, s->listeners), NULL);
	draw_sum(p, "sockets", whole(n, s->sockets), NULL);
	draw_sum(p, "lost", whole(n, s->lost), s->lost ? YELLOW : NULL);
	end_line(p);
	if (s->degraded)
		putf(p, RED, "degraded: %s%s", s->first_degraded,
			s->degraded > 1 ? " (and more: sockwarden status)" : "");
	end_line(p);
}

/* ---- rows */

static void title(struct pen *p, const struct sw_top_screen *s, enum sw_top_sort sort,
	const char *text, unsigned int width, bool is_right)
{
	put_column(p, s->sort == sort ? "7;1" : "7", text, width, is_right);
}

static void draw_titles(struct pen *p, const struct sw_top_screen *s)
{
	title(p, s, SW_TOP_BY_NAME, "WHO", NAME_WIDTH, false);
	title(p, s, SW_TOP_BY_HITS, "HITS", 7, true);
	title(p, s, SW_TOP_BY_RATE, "HITS/S", 7, true);
	title(p, s, SW_TOP_BY_LAST, "LAST", 7, true);
	title(p, s, SW_TOP_SORTS, "STATE", STATE_WIDTH, false);
	title(p, s, SW_TOP_SORTS, "FOR", WHAT_WIDTH, false);
	title(p, s, SW_TOP_SORTS, "PROCESS", p->width > p->used + 1 ? p->width - p->used - 1 : 0, false);
	end_line(p);
}

static const char *state_of(const struct sw_top_row *r)
{
	return r->is_banned ? "banned" : r->is_dropped ? "dropped" : "";
}

static const char *color_of(const struct sw_top_row *r)
{
	return r->severity >= 4 ? RED : r->severity == 3 ? YELLOW : NULL;
}

static void draw_row(struct pen *p, const struct sw_top_row *r, uint64_t now_ns, bool is_selected)
{
	char text[SW_TIME_TEXT_MAX], n[16];
	uint64_t ago = now_ns > r->last_ns ? (now_ns - r->last_ns) / SW_SEC_NS : 0;
	const char *sgr = is_selected ? "7" : NULL;

	put_column(p, sgr, r->name, NAME_WIDTH, false);
	put_column(p, sgr, whole(n, r->hits), 7, true);
	put_column(p, sgr, r->rate > 0 ? short_number(n, r->rate) : "", 7, true);
	put_column(p, sgr, sw_duration_format(text, ago), 7, true);
	put_column(p,
		sgr                                     ? sgr
			: r->is_banned || r->is_dropped ? RED
							: NULL,
		state_of(r), STATE_WIDTH, false);
	put_column(p, sgr ? sgr : color_of(r), r->what, WHAT_WIDTH, false);
	put(p, sgr, r->process);
	end_line(p);
}

/* The selected row stays on the screen, and is one that there is. */
static void settle(struct sw_top_screen *s, size_t n, size_t room)
{
	s->selected = n ? SW_MIN(s->selected, n - 1) : 0;
	if (s->selected < s->top)
		s->top = s->selected;
	if (room && s->selected >= s->top + room)
		s->top = s->selected - room + 1;
}

static void draw_rows(struct pen *p, const struct sw_top *t, struct sw_top_screen *s,
	uint64_t now_ns, size_t room)
{
	const struct sw_top_row *rows[SW_TOP_ROWS];
	size_t n = sw_top_view(t, s->sort, s->filter, SW_TOP_ROWS, rows), i = 0;

	settle(s, n, room);
	s->is_address = n && rows[s->selected]->is_address;
	snprintf(s->name, sizeof(s->name), "%s", n ? rows[s->selected]->name : "");
	for (; i < room && s->top + i < n; i++)
		draw_row(p, rows[s->top + i], now_ns, s->top + i == s->selected);
	if (!n && room) {
		put(p, NULL,
			*s->filter ? "nothing is like the filter"
				   : "nothing bad was seen since top began");
		end_line(p);
		i = 1;
	}
	for (; i < room; i++)
		end_line(p);
}

static void draw_events(struct pen *p, const struct sw_top *t, size_t room)
{
	for (size_t i = room; i-- > 0;) {
		const struct sw_top_line *l = sw_top_last(t, i);

		if (l) {
			putf(p, "2", "%s ", l->at);
			put_column(p,
				sw_streq(l->kind, "ban")               ? RED
					: sw_streq(l->kind, "finding") ? YELLOW
								       : NULL,
				l->kind, 8, false);
			put(p, NULL, l->text);
		}
		end_line(p);
	}
}

static void draw_foot(struct pen *p, const struct sw_top_screen *s)
{
	if (*s->prompt) {
		put(p, "1", s->prompt);
	} else {
		putf(p, NULL,
			"q quit  s sort (%s)  / filter%s%s  b ban  u unban  a allow  enter why  p pause",
			sw_top_sort_word(s->sort), *s->filter ? ": " : "", s->filter);
	}
	sw_strbuf_puts(p->out, "\033[K");
}

void sw_top_draw(const struct sw_cli *c, const struct sw_top *t, struct sw_top_screen *s,
	uint64_t now_ns, struct sw_strbuf *out)
{
	struct pen p = {.c = c, .out = out, .width = s->width};
	size_t body = s->height > HEAD_LINES + FOOT_LINES ? s->height - HEAD_LINES - FOOT_LINES : 0;
	size_t events = SW_MIN(body / EVENTS_SHARE, (size_t)SW_TOP_EVENTS);

	sw_strbuf_puts(out, "\033[H");
	draw_head(&p, t, s);
	draw_titles(&p, s);
	draw_rows(&p, t, s, now_ns, body - events);
	draw_events(&p, t, events);
	draw_foot(&p, s);
}

/* ---- without a terminal */

void sw_top_line(const struct sw_top *t, struct sw_strbuf *out)
{
	const struct sw_top_sums *s = &t->sums;
	const struct sw_top_row *first;

	sw_strbuf_printf(out,
		"%s judged/s %.0f dropped/s %.0f bans %llu findings %llu listeners %llu lost %llu",
		!s->is_there              ? "away"
			: s->is_enforcing ? "enforce"
					  : s->mode,
		s->judged_rate, s->dropped_rate, (unsigned long long)s->bans,
		(unsigned long long)s->findings, (unsigned long long)s->listeners,
		(unsigned long long)s->lost);
	if (!sw_top_view(t, SW_TOP_BY_RATE, "", 1, &first) || first->rate <= 0)
		return;
	sw_strbuf_puts(out, " most ");
	sw_cli_safe(out, first->name, strlen(first->name));
	sw_strbuf_printf(out, " %.1f/s ", first->rate);
	sw_cli_safe(out, first->what, strlen(first->what));
}

void sw_top_json(const struct sw_top *t, const char *at, struct sw_strbuf *out)
{
	const struct sw_top_sums *s = &t->sums;
	const struct sw_top_row *rows[10];
	size_t n = sw_top_view(t, SW_TOP_BY_RATE, "", SW_ARRAY_SIZE(rows), rows);
	struct sw_json j;

	sw_json_init(&j, out);
	sw_json_object_begin(&j, NULL);
	sw_json_string(&j, "at", at);
	sw_json_bool(&j, "answers", s->is_there);
	sw_json_string(&j, "mode", s->mode);
	sw_json_bool(&j, "enforcing", s->is_enforcing);
	sw_json_uint(&j, "judged_per_sec", (uint64_t)(s->judged_rate + 0.5));
	sw_json_uint(&j, "dropped_per_sec", (uint64_t)(s->dropped_rate + 0.5));
	sw_json_uint(&j, "dropped", s->dropped);
	sw_json_uint(&j, "bans", s->bans);
	sw_json_uint(&j, "findings", s->findings);
	sw_json_uint(&j, "listeners", s->listeners);
	sw_json_uint(&j, "lost", s->lost);
	sw_json_array_begin(&j, "top");
	for (size_t i = 0; i < n; i++) {
		sw_json_object_begin(&j, NULL);
		sw_json_string(&j, "who", rows[i]->name);
		sw_json_uint(&j, "hits", rows[i]->hits);
		sw_json_double(&j, "hits_per_sec", rows[i]->rate);
		sw_json_bool(&j, "banned", rows[i]->is_banned);
		sw_json_bool(&j, "dropped", rows[i]->is_dropped);
		sw_json_string(&j, "for", rows[i]->what);
		sw_json_string(&j, "process", rows[i]->process);
		sw_json_object_end(&j);
	}
	sw_json_array_end(&j);
	sw_json_object_end(&j);
}
