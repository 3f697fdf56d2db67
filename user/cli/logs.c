// SPDX-License-Identifier: GPL-3.0-or-later
/* logs, logs feed */
#include "user/cli/table.h"

enum { FEED_BYTES = 64 * 1024 }; /* at once; a longer line is cut there, as in a file */

static const struct sw_cli_column file_columns[] = {
	{"FILE", "path", SW_COL_FLEX},
	{"SOURCE", "source", SW_COL_WIDE},
	{"LINES", "lines", SW_COL_RIGHT},
	{"STATE", "state"},
	{"ERROR", "error", SW_COL_OPTIONAL},
	{},
};

static const struct sw_cli_column rule_columns[] = {
	{"RULE", "rule"},
	{"HITS", "hits", SW_COL_RIGHT},
	{"DUE", "due", SW_COL_RIGHT},
	{"BANS", "bans", SW_COL_RIGHT},
	{"WOULD BAN", "would_ban", SW_COL_RIGHT},
	{"UNPROVEN", "unproven", SW_COL_RIGHT | SW_COL_WIDE},
	{"PROTECTED", "protected", SW_COL_RIGHT | SW_COL_WIDE},
	{"REFUSED", "refused", SW_COL_RIGHT | SW_COL_WIDE},
	{"LAST", "last_at", SW_COL_TIME},
	{},
};

/* Only what is lost, or was more than there is room for, is worth a line. */
static const struct {
	const char *key, *text;
} losses[] = {
	{"files_unreadable", "files cannot be read"},
	{"files_left_out", "files are too many and not followed"},
	{"files_unwatched", "files are looked at each 10 s only"},
	{"read_errors", "reads failed, or archives are damaged"},
	{"lines_cut", "lines were longer than 64 KiB, and cut"},
	{"back_bytes_left_out", "bytes of the past were too many to read"},
	{"match_limits", "times an expression was given up on, at its limit of steps"},
	{"counters_evicted_near", "counters near their threshold made room for others"},
	{"findings_not_told", "findings were too many in one second to be told"},
	{"refused", "bans were refused"},
};

static void print_losses(const json_t *d)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(losses); i++) {
		if (sw_cli_number(d, losses[i].key))
			printf("lost     %lld %s\n", sw_cli_number(d, losses[i].key),
				losses[i].text);
	}
}

int sw_cli_logs(struct sw_cli *c)
{
	json_t *d = NULL;
	int r = sw_cli_ask(c, "logs", NULL, -1, &d);

	if (r)
		return r;
	if (c->format == SW_CLI_CSV || c->format == SW_CLI_JSONL) {
		sw_cli_print_rows(c, d, "rules", rule_columns, "");
	} else if (!sw_cli_print_json(c, d)) {
		printf("lines    %lld, of which %lld were hits and %lld one too many\n",
			sw_cli_number(d, "lines"), sw_cli_number(d, "hits"),
			sw_cli_number(d, "due"));
		printf("bans     %lld; %lld more by rules that only observe\n",
			sw_cli_number(d, "bans"), sw_cli_number(d, "would_ban"));
		printf("journal  %lld files%s%s\n", sw_cli_number(d, "journal_files"),
			*sw_cli_text(d, "journal_error") ? "; " : "", sw_cli_text(d, "journal_error"));
		print_losses(d);
		putchar('\n');
		if (json_array_size(json_object_get(d, "followed")))
			sw_cli_table(c, json_object_get(d, "followed"), file_columns, 0);
		else
			sw_cli_say(c, "no log that a rule reads is there: sockwarden rules list");
		if (json_array_size(json_object_get(d, "rules"))) {
			putchar('\n');
			sw_cli_table(c, json_object_get(d, "rules"), rule_columns, 0);
		}
	}
	json_decref(d);
	return SW_EXIT_OK;
}

/* ---- standard input */

struct feed {
	struct sw_cli *c;
	uint64_t lines, hits;
	size_t len;
	char buf[FEED_BYTES];
};

/* Hands over the lines of the first n bytes. The exit status. */
static int hand_over(struct feed *f, size_t n)
{
	const char *line = f->buf, *end = f->buf + n;
	struct sw_cli_args a;
	json_t *data = NULL;
	int r;

	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "rule", f->c->words[0]);
	sw_json_array_begin(&a.j, "lines");
	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line)), *stop = newline ? newline : end;

		sw_json_stringn(&a.j, NULL, line, (size_t)(stop - line));
		line = newline ? newline + 1 : end;
	}
	sw_json_array_end(&a.j);
	r = sw_cli_ask(f->c, "logs.feed", sw_cli_args_end(&a), -1, &data);
	sw_strbuf_done(&a.text);
	if (r)
		return r;
	f->lines += (uint64_t)sw_cli_number(data, "lines");
	f->hits += (uint64_t)sw_cli_number(data, "hits");
	json_decref(data);
	f->len -= n;
	memmove(f->buf, f->buf + n, f->len);
	return SW_EXIT_OK;
}

/* What comes is handed over as it comes: whoever pipes a log that grows waits for nothing. */
static int feed_all(struct feed *f)
{
	for (;;) {
		ssize_t n = read(STDIN_FILENO, f->buf + f->len, sizeof(f->buf) - f->len);
		const char *newline;
		int r = SW_EXIT_OK;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sw_cli_error(SW_EXIT_PARTIAL, NULL, "standard input: %s", strerror(errno));
		if (n == 0)
			return f->len ? hand_over(f, f->len) : SW_EXIT_OK;
		for (ssize_t i = 0; i < n; i++) {
			if (!f->buf[f->len + (size_t)i])
				f->buf[f->len + (size_t)i] = ' '; /* JSON's texts hold no NUL here */
		}
		f->len += (size_t)n;
		newline = memrchr(f->buf, '\n', f->len);
		if (newline)
			r = hand_over(f, (size_t)(newline + 1 - f->buf));
		else if (f->len == sizeof(f->buf))
			r = hand_over(f, f->len);
		if (r)
			return r;
	}
}

int sw_cli_logs_feed(struct sw_cli *c)
{
	_free_ struct feed *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return sw_cli_error(SW_EXIT_PARTIAL, NULL, "no memory");
	f->c = c;
	r = hand_over(f, 0); /* a rule that is not there, or off, is told before the first line comes */
	if (!r)
		r = feed_all(f);
	if (!r || f->lines)
		sw_cli_say(c, "%llu lines, %llu of them hits", (unsigned long long)f->lines,
			(unsigned long long)f->hits);
	return r;
}
