// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/cli/table.h"

#include "user/base/clock.h"
#include "user/base/wrap.h"

enum { GAP = 2, FLEX_MIN = 12, COLUMNS_MAX = 24 };

const char *sw_cli_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

long long sw_cli_number(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

bool sw_cli_is_yes(const json_t *o, const char *key)
{
	return sw_cli_true(o, key) || sw_cli_number(o, key) > 0 || *sw_cli_text(o, key);
}

bool sw_cli_true(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

const char *sw_cli_color_severity(const char *text)
{
	if (sw_streq(text, "critical") || sw_streq(text, "high"))
		return "31";
	return sw_streq(text, "medium") ? "33" : NULL;
}

void sw_cli_safe(struct sw_strbuf *out, const char *text, size_t len)
{
	while (len) {
		const char *slash = memchr(text, '\\', len);
		size_t n = slash ? (size_t)(slash - text) : len;

		sw_strbuf_safe(out, text, n);
		if (slash) {
			sw_strbuf_putc(out, '\\');
			n++;
		}
		text += n;
		len -= n;
	}
}

size_t sw_cli_columns(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

static void put_bytes(struct sw_strbuf *out, json_int_t n)
{
	static const char units[] = "BKMGTP";
	double v = (double)n;
	size_t u = 0;

	for (; v >= 1024 && u < sizeof(units) - 2; u++)
		v /= 1024;
	sw_strbuf_printf(out, u && v < 10 ? "%.1f%c" : "%.0f%c", v, units[u]);
}

/* "2026-11-22T05:53:17.123456Z" to "2026-11-22 05:53:17". */
static void put_time(struct sw_strbuf *out, const char *text)
{
	if (strlen(text) < 19 || text[10] != 'T') {
		sw_strbuf_safe(out, text, strlen(text));
		return;
	}
	sw_strbuf_safe(out, text, 10);
	sw_strbuf_putc(out, ' ');
	sw_strbuf_safe(out, text + 11, 8);
}

static void put_list(struct sw_strbuf *out, const json_t *list)
{
	size_t i;
	json_t *v;

	if (!json_array_size(list))
		sw_strbuf_putc(out, '-');
	json_array_foreach(list, i, v) {
		sw_strbuf_puts(out, i ? ", " : "");
		if (json_is_array(v) || json_is_object(v))
			sw_strbuf_puts(out, "...");
		else
			sw_cli_cell(v, 0, out);
	}
}

void sw_cli_cell(const json_t *value, unsigned int flags, struct sw_strbuf *out)
{
	char buf[SW_TIME_TEXT_MAX];

	if (json_is_string(value) && !*json_string_value(value))
		sw_strbuf_putc(out, '-');
	else if (json_is_string(value) && flags & SW_COL_TIME)
		put_time(out, json_string_value(value));
	else if (json_is_string(value))
		sw_cli_safe(out, json_string_value(value), json_string_length(value));
	else if (json_is_integer(value) && flags & SW_COL_DURATION)
		sw_strbuf_puts(out, sw_duration_format(buf, (uint64_t)SW_MAX(json_integer_value(value), 0)));
	else if (json_is_integer(value) && flags & SW_COL_BYTES)
		put_bytes(out, json_integer_value(value));
	else if (json_is_integer(value))
		sw_strbuf_printf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		sw_strbuf_printf(out, "%g", json_real_value(value));
	else if (json_is_boolean(value))
		sw_strbuf_puts(out, json_is_true(value) ? "yes" : "no");
	else if (json_is_array(value))
		put_list(out, value);
	else
		sw_strbuf_putc(out, '-');
}

void sw_cli_put(const struct sw_cli *c, const char *sgr, const char *text)
{
	_strbuf_ struct sw_strbuf out = {};

	sw_cli_safe(&out, text, strlen(text));
	if (sgr && c->has_color)
		printf("\033[%sm%s\033[0m", sgr, sw_strbuf_get(&out));
	else
		fputs(sw_strbuf_get(&out), stdout);
}

void sw_cli_put_wrapped(const struct sw_cli *c, const char *text, unsigned int indent)
{
	_strbuf_ struct sw_strbuf out = {};

	sw_cli_safe(&out, text, strlen(text));
	sw_wrap(stdout, sw_strbuf_get(&out), indent, indent, c->width > 2 * indent ? c->width : 0);
}

void sw_cli_print_item(const json_t *item)
{
	json_dumpf(item, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
	putchar('\n');
	fflush(stdout);
}

bool sw_cli_print_json(const struct sw_cli *c, const json_t *data)
{
	if (c->format != SW_CLI_JSON && c->format != SW_CLI_JSONL)
		return false;
	json_dumpf(data, stdout, c->o.pretty && c->format == SW_CLI_JSON ? JSON_INDENT(2) : JSON_COMPACT);
	putchar('\n');
	return true;
}

/* ---- tables */

struct grid {
	const struct sw_cli_column *cols[COLUMNS_MAX];
	size_t width[COLUMNS_MAX];
	size_t n_cols, n_rows;
	struct sw_strbuf *cells; /* n_rows * n_cols */
};

static void grid_done(struct grid *g)
{
	for (size_t i = 0; g->cells && i < g->n_rows * g->n_cols; i++)
		sw_strbuf_done(&g->cells[i]);
	free(g->cells);
}

static void put_cell(const struct sw_cli_column *col, const json_t *row, struct sw_strbuf *out)
{
	if (col->cell)
		col->cell(row, out);
	else
		sw_cli_cell(json_object_get(row, col->key), col->flags, out);
	if (!out->len && !(col->flags & SW_COL_BLANK))
		sw_strbuf_putc(out, '-');
}

static bool has_any(const struct sw_cli_column *col, const json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		_strbuf_ struct sw_strbuf cell = {};

		put_cell(col, row, &cell);
		if (!sw_streq(sw_strbuf_get(&cell), "-"))
			return true;
	}
	return false;
}

static int grid_fill(struct grid *g, const struct sw_cli_column *cols, const json_t *rows, bool is_wide, bool is_csv)
{
	json_t *row;
	size_t i;

	for (; cols->title && g->n_cols < COLUMNS_MAX; cols++) {
		if (cols->flags & SW_COL_WIDE && !is_wide)
			continue;
		if (cols->flags & SW_COL_OPTIONAL && !is_csv && !has_any(cols, rows))
			continue;
		g->width[g->n_cols] = strlen(cols->title);
		g->cols[g->n_cols++] = cols;
	}
	g->n_rows = json_array_size(rows);
	g->cells = calloc(g->n_rows * g->n_cols + 1, sizeof(*g->cells));
	if (!g->cells)
		return -ENOMEM;
	json_array_foreach(rows, i, row) {
		for (size_t k = 0; k < g->n_cols; k++) {
			struct sw_strbuf *cell = &g->cells[i * g->n_cols + k];

			put_cell(g->cols[k], row, cell);
			g->width[k] = SW_MAX(g->width[k], sw_cli_columns(sw_strbuf_get(cell), cell->len));
		}
	}
	return 0;
}

/* Takes what is too much from the flexible columns, the widest first. */
static void grid_fit(struct grid *g, size_t room)
{
	for (;;) {
		size_t sum = 0, widest = SIZE_MAX;

		for (size_t k = 0; k < g->n_cols; k++) {
			sum += g->width[k] + (k ? GAP : 0);
			if (g->cols[k]->flags & SW_COL_FLEX && g->width[k] > FLEX_MIN &&
				(widest == SIZE_MAX || g->width[k] > g->width[widest]))
				widest = k;
		}
		if (sum <= room || widest == SIZE_MAX)
			return;
		g->width[widest]--;
	}
}

void sw_cli_cut(const struct sw_cli *c, const char *text, size_t width, struct sw_strbuf *out)
{
	size_t at = 0;

	if (sw_cli_columns(text, strlen(text)) <= width) {
		sw_strbuf_puts(out, text);
		return;
	}
	for (size_t n = 0; n + 1 < width && text[at]; n++) {
		size_t len = sw_utf8_len(text + at, strlen(text + at));

		at += len ? len : 1;
	}
	sw_strbuf_add(out, text, at);
	sw_strbuf_puts(out, c->has_utf8 ? "\u2026" : "~");
}

static void put_field(const struct sw_cli *c, const struct grid *g, size_t k, const char *text, const char *sgr,
	struct sw_strbuf *line)
{
	_strbuf_ struct sw_strbuf cut = {};
	size_t pad, is_last = k + 1 == g->n_cols;

	sw_cli_cut(c, text, g->width[k], &cut);
	pad = g->width[k] - SW_MIN(g->width[k], sw_cli_columns(sw_strbuf_get(&cut), cut.len));
	if (g->cols[k]->flags & SW_COL_RIGHT)
		sw_strbuf_printf(line, "%*s", (int)pad, "");
	if (sgr && c->has_color)
		sw_strbuf_printf(line, "\033[%sm%s\033[0m", sgr, sw_strbuf_get(&cut));
	else
		sw_strbuf_puts(line, sw_strbuf_get(&cut));
	if (!(g->cols[k]->flags & SW_COL_RIGHT) && !is_last)
		sw_strbuf_printf(line, "%*s", (int)pad, "");
	if (!is_last)
		sw_strbuf_printf(line, "%*s", GAP, "");
}

static void print_line(unsigned int indent, const struct sw_strbuf *line)
{
	printf("%*s%s\n", (int)indent, "", sw_strbuf_get(line));
}

void sw_cli_table(const struct sw_cli *c, const json_t *rows, const struct sw_cli_column *cols, unsigned int indent)
{
	_cleanup_(grid_done) struct grid g = {};

	if (grid_fill(&g, cols, rows, c->format == SW_CLI_WIDE, false) < 0)
		return;
	if (c->width > indent && c->format != SW_CLI_WIDE)
		grid_fit(&g, c->width - indent);
	if (!c->o.no_header) {
		_strbuf_ struct sw_strbuf line = {};

		for (size_t k = 0; k < g.n_cols; k++)
			put_field(c, &g, k, g.cols[k]->title, "1", &line);
		print_line(indent, &line);
	}
	for (size_t i = 0; i < g.n_rows; i++) {
		_strbuf_ struct sw_strbuf line = {};

		for (size_t k = 0; k < g.n_cols; k++) {
			const char *text = sw_strbuf_get(&g.cells[i * g.n_cols + k]);

			put_field(c, &g, k, text, g.cols[k]->color ? g.cols[k]->color(text) : NULL, &line);
		}
		print_line(indent, &line);
	}
}

/* A cell that a spreadsheet would take for a formula gets a quote before it (CWE-1236). */
static void put_csv(struct sw_strbuf *out, const char *text)
{
	bool is_quoted = strpbrk(text, ",\"\r\n") != NULL, is_formula = *text && strchr("=+-@", *text) && text[1];

	if (is_quoted)
		sw_strbuf_putc(out, '"');
	if (is_formula)
		sw_strbuf_putc(out, '\'');
	for (; *text; text++) {
		if (*text == '"')
			sw_strbuf_putc(out, '"');
		sw_strbuf_putc(out, *text);
	}
	if (is_quoted)
		sw_strbuf_putc(out, '"');
}

static void print_csv(const struct sw_cli *c, const json_t *rows, const struct sw_cli_column *cols)
{
	_cleanup_(grid_done) struct grid g = {};

	if (grid_fill(&g, cols, rows, true, true) < 0)
		return;
	for (size_t i = c->o.no_header ? 1 : 0; i <= g.n_rows; i++) {
		_strbuf_ struct sw_strbuf line = {};

		for (size_t k = 0; k < g.n_cols; k++) {
			const char *text = i ? sw_strbuf_get(&g.cells[(i - 1) * g.n_cols + k]) : g.cols[k]->title;

			sw_strbuf_puts(&line, k ? "," : "");
			put_csv(&line, sw_streq(text, "-") ? "" : text);
		}
		print_line(0, &line);
	}
}

void sw_cli_print_rows(const struct sw_cli *c, const json_t *data, const char *key, const struct sw_cli_column *cols,
	const char *none)
{
	const json_t *rows = json_object_get(data, key);
	json_t *row;
	size_t i;

	switch (c->format) {
	case SW_CLI_JSON:
		sw_cli_print_json(c, data);
		break;
	case SW_CLI_JSONL:
		json_array_foreach(rows, i, row)
			sw_cli_print_item(row);
		break;
	case SW_CLI_CSV:
		print_csv(c, rows, cols);
		break;
	default:
		if (json_array_size(rows))
			sw_cli_table(c, rows, cols, 0);
		else
			sw_cli_say(c, "%s", none);
	}
}
