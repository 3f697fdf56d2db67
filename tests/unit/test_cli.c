// SPDX-License-Identifier: GPL-3.0-or-later
/* The command line: its table is sound, and what it prints is aligned, cut and safe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>

#include "user/cli/cli.h"
#include "user/cli/table.h"

/* What fn prints on standard output. */
static char *printed(void (*fn)(const struct sw_cli *c, const json_t *data), const struct sw_cli *c, const json_t *data)
{
	char path[] = "/tmp/sw-cli-XXXXXX", *text = NULL;
	int fd = mkostemp(path, O_CLOEXEC), saved;
	size_t len;

	assert_true(fd >= 0);
	unlink(path);
	fflush(stdout);
	saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(fd, STDOUT_FILENO);
	fn(c, data);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(sw_read_all(fd, 1 << 20, &text, &len), 0);
	close(fd);
	return text;
}

static const char *red_if_high(const char *text)
{
	return sw_streq(text, "high") ? "31" : NULL;
}

static const struct sw_cli_column columns[] = {
	{"NAME", "name"},
	{"COUNT", "count", SW_COL_RIGHT},
	{"AT", "at", SW_COL_TIME},
	{"LEFT", "left", SW_COL_DURATION | SW_COL_OPTIONAL},
	{"SIZE", "size", SW_COL_BYTES | SW_COL_WIDE},
	{"LEVEL", "level", 0, NULL, red_if_high},
	{"TEXT", "text", SW_COL_FLEX},
	{},
};

static void print_rows(const struct sw_cli *c, const json_t *data)
{
	sw_cli_print_rows(c, data, "rows", columns, "none");
}

static json_t *sample(void)
{
	json_t *data = json_loads(
		"{\"schema_version\":1,\"rows\":["
		"{\"name\":\"a\",\"count\":7,\"at\":\"2026-11-22T05:53:17.123456Z\",\"size\":2048,\"level\":\"high\","
		"\"text\":\"plain\"},"
		"{\"name\":\"longer\",\"count\":12345,\"at\":null,\"size\":5,\"level\":\"low\","
		"\"text\":\"\\u001b[31mred\\u202e and long enough to be cut somewhere\"}]}",
		0, NULL);

	assert_non_null(data);
	return data;
}

static void check_printed(const struct sw_cli *c, const char *want)
{
	json_t *data = sample();
	char *got = printed(print_rows, c, data);

	assert_string_equal(got, want);
	free(got);
	json_decref(data);
}

static void a_table_is_aligned_and_safe(void **state)
{
	const struct sw_cli c = {.format = SW_CLI_TABLE};

	check_printed(&c, "NAME    COUNT  AT                   LEVEL  TEXT\n"
			  "a           7  2026-11-22 05:53:17  high   plain\n"
			  "longer  12345  -                    low    "
			  "\\x1b[31mred\\xe2\\x80\\xae and long enough to be cut somewhere\n");
}

static void a_table_fits_the_terminal_by_cutting_what_may_be_cut(void **state)
{
	const struct sw_cli c = {.format = SW_CLI_TABLE, .width = 60, .has_utf8 = true};
	const struct sw_cli ascii = {.format = SW_CLI_TABLE, .width = 60};

	check_printed(&c, "NAME    COUNT  AT                   LEVEL  TEXT\n"
			  "a           7  2026-11-22 05:53:17  high   plain\n"
			  "longer  12345  -                    low    \\x1b[31mred\\xe2\\…\n");
	check_printed(&ascii, "NAME    COUNT  AT                   LEVEL  TEXT\n"
			      "a           7  2026-11-22 05:53:17  high   plain\n"
			      "longer  12345  -                    low    \\x1b[31mred\\xe2\\~\n");
}

static void colours_come_only_where_they_are_wanted(void **state)
{
	const struct sw_cli c = {.format = SW_CLI_TABLE, .has_color = true, .o.no_header = true, .width = 60};

	check_printed(&c, "a           7  2026-11-22 05:53:17  \033[31mhigh\033[0m   plain\n"
			  "longer  12345  -                    low    \\x1b[31mred\\xe2\\~\n");
}

static void wide_shows_more_and_csv_quotes_and_defuses(void **state)
{
	const struct sw_cli wide = {.format = SW_CLI_WIDE, .o.no_header = true, .width = 20};
	const struct sw_cli csv = {.format = SW_CLI_CSV};
	json_t *data = json_loads("{\"rows\":[{\"name\":\"=1+1\",\"text\":\"a,\\\"b\\\"\"},"
				  "{\"name\":\"-\",\"text\":\"@x\"}]}",
		0, NULL);
	char *got;

	check_printed(&wide, "a           7  2026-11-22 05:53:17  2.0K  high   plain\n"
			     "longer  12345  -                    5B    low    "
			     "\\x1b[31mred\\xe2\\x80\\xae and long enough to be cut somewhere\n");
	got = printed(print_rows, &csv, data);
	assert_string_equal(got, "NAME,COUNT,AT,LEFT,SIZE,LEVEL,TEXT\n'=1+1,,,,,,\"a,\"\"b\"\"\"\n,,,,,,'@x\n");
	free(got);
	json_decref(data);
}

static void json_is_the_reply_itself_and_json_lines_are_its_rows(void **state)
{
	const struct sw_cli json = {.format = SW_CLI_JSON}, lines = {.format = SW_CLI_JSONL};
	json_t *data = sample(), *back;
	char *got = printed(print_rows, &json, data), *line;

	back = json_loads(got, 0, NULL);
	assert_true(json_equal(back, data));
	assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1);
	json_decref(back);
	free(got);
	got = printed(print_rows, &lines, data);
	line = strchr(got, '\n');
	assert_non_null(line);
	*line = 0;
	back = json_loads(got, 0, NULL);
	assert_true(json_equal(back, json_array_get(json_object_get(data, "rows"), 0)));
	json_decref(back);
	free(got);
	json_decref(data);
}

static const struct sw_opt *same_option(const struct sw_opt *rows, const struct sw_opt *o)
{
	for (; rows && rows->name; rows++) {
		if (rows != o && (sw_streq(rows->name, o->name) || (o->letter && rows->letter == o->letter)))
			return rows;
	}
	return NULL;
}

static void every_command_is_whole_and_its_options_are_its_own(void **state)
{
	for (const struct sw_cli_command *c = sw_cli_commands; c->name; c++) {
		assert_non_null(c->fn);
		assert_true(c->min_words <= c->max_words);
		assert_true(strlen(c->summary) > 0);
		assert_true((c->max_words > 0) == (*c->usage != 0));
		for (const struct sw_cli_command *other = c + 1; other->name; other++)
			assert_string_not_equal(c->name, other->name);
		for (const struct sw_opt *o = c->options; o && o->name; o++) {
			if (same_option(c->options, o) || same_option(sw_cli_global_options, o))
				fail_msg("%s: option --%s is there twice", c->name, o->name);
			assert_true((o->kind == SW_OPT_FLAG) == (o->value == NULL));
		}
		if (c->same_as) {
			char text[64], *words[4];
			int n = 0, used;

			sw_strcpy(text, sizeof(text), c->same_as);
			for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
				words[n++] = w;
			assert_int_equal(sw_cli_find(n, words, &used)->fn == c->fn, 1);
		}
	}
}

static void the_longest_name_that_fits_is_the_command(void **state)
{
	static const struct {
		const char *words[4];
		const char *name;
		int used;
	} rows[] = {
		{{"sockets", "list"}, "sockets list", 2},
		{{"sockets", ":22"}, "sockets", 1},
		{{"sockets", "baseline", "save", "x"}, "sockets baseline save", 3},
		{{"allow", "add", "192.0.2.1"}, "allow add", 2},
		{{"allow"}, "allow", 1},
		{{"config", "check"}, "config check", 2},
		{{"config"}, NULL, 0},
		{{"sock"}, NULL, 0},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		const struct sw_cli_command *cmd;
		int n = 0, used;

		while (n < 4 && rows[i].words[n])
			n++;
		cmd = sw_cli_find(n, (char **)rows[i].words, &used);
		assert_int_equal(used, rows[i].used);
		if (rows[i].name)
			assert_string_equal(cmd->name, rows[i].name);
		else
			assert_null(cmd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_aligned_and_safe),
		cmocka_unit_test(a_table_fits_the_terminal_by_cutting_what_may_be_cut),
		cmocka_unit_test(colours_come_only_where_they_are_wanted),
		cmocka_unit_test(wide_shows_more_and_csv_quotes_and_defuses),
		cmocka_unit_test(json_is_the_reply_itself_and_json_lines_are_its_rows),
		cmocka_unit_test(every_command_is_whole_and_its_options_are_its_own),
		cmocka_unit_test(the_longest_name_that_fits_is_the_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
