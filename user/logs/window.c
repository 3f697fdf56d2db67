// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/window.h"

#include "user/logs/f2b.h"

struct line {
	char *text;
	size_t len;
	size_t start; /* in the joined text */
};

struct sw_window {
	unsigned int max, n;
	struct line lines[SW_F2B_MAXLINES_MAX];
	struct sw_strbuf joined, taken;
};

int sw_window_new(struct sw_window **ret, unsigned int max)
{
	struct sw_window *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->max = SW_MIN(max, (unsigned int)SW_F2B_MAXLINES_MAX);
	*ret = w;
	return 0;
}

void sw_window_clear(struct sw_window *w)
{
	for (unsigned int i = 0; i < w->n; i++)
		free(w->lines[i].text);
	w->n = 0;
}

void sw_window_free(struct sw_window *w)
{
	if (!w)
		return;
	sw_window_clear(w);
	sw_strbuf_done(&w->joined);
	sw_strbuf_done(&w->taken);
	free(w);
}

int sw_window_push(struct sw_window *w, const char *line, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, line, len);
	copy[len] = 0;
	if (w->n == w->max) {
		free(w->lines[0].text);
		memmove(w->lines, w->lines + 1, (w->n - 1) * sizeof(w->lines[0]));
		w->n--;
	}
	w->lines[w->n++] = (struct line){.text = copy, .len = len};
	return 0;
}

struct sw_span sw_window_text(struct sw_window *w)
{
	sw_strbuf_reset(&w->joined);
	for (unsigned int i = 0; i < w->n; i++) {
		w->lines[i].start = w->joined.len;
		sw_strbuf_add(&w->joined, w->lines[i].text, w->lines[i].len);
		sw_strbuf_putc(&w->joined, '\n');
	}
	return (struct sw_span){sw_strbuf_get(&w->joined), w->joined.len};
}

/* True when the whole line, its newline too, lies within a part that was skipped. */
static bool is_skipped(
	const struct sw_window *w, const struct line *l, const struct sw_span *skipped, size_t n)
{
	const char *start = w->joined.text + l->start;

	for (size_t i = 0; i < n; i++)
		if (skipped[i].len && start >= skipped[i].text &&
			start + l->len < skipped[i].text + skipped[i].len)
			return true;
	return false;
}

struct sw_span sw_window_take(
	struct sw_window *w, struct sw_span match, const struct sw_span *skipped, size_t n)
{
	size_t from = (size_t)(match.text - w->joined.text),
	       to = from + (match.len ? match.len - 1 : 0);
	unsigned int kept = 0;

	sw_strbuf_reset(&w->taken);
	for (unsigned int i = 0; i < w->n; i++) {
		struct line *l = &w->lines[i];

		if (l->start + l->len < from || l->start > to || is_skipped(w, l, skipped, n)) {
			w->lines[kept++] = *l;
			continue;
		}
		sw_strbuf_add(&w->taken, l->text, l->len);
		sw_strbuf_putc(&w->taken, '\n');
		free(l->text);
	}
	w->n = kept;
	return (struct sw_span){sw_strbuf_get(&w->taken), w->taken.len};
}
