// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/cli/cli.h"

#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdarg.h>

#include "user/base/log.h"
#include "user/base/wrap.h"
#include "user/cli/table.h"

enum { ROWS_MAX = 64, WORDS_MAX = 8 };

int sw_cli_error(int status, const char *hint, const char *fmt, ...)
{
	_strbuf_ struct sw_strbuf out = {};
	_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	sw_strbuf_puts(&out, "sockwarden: ");
	if (text)
		sw_cli_safe(&out, text, strlen(text));
	if (hint) {
		sw_strbuf_puts(&out, "\n  ");
		sw_cli_safe(&out, hint, strlen(hint));
	}
	fprintf(stderr, "%s\n", sw_strbuf_get(&out));
	return status;
}

void sw_cli_say(const struct sw_cli *c, const char *fmt, ...)
{
	_strbuf_ struct sw_strbuf out = {};
	_free_ char *text = NULL;
	va_list ap;

	if (c->o.quiet)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text)
		sw_cli_safe(&out, text, strlen(text));
	fprintf(stderr, "%s\n", sw_strbuf_get(&out));
}

static const struct sw_opt *find_global(const char *arg)
{
	size_t len = strcspn(arg + 2, "=");

	for (const struct sw_opt *o = sw_cli_global_options; o->name; o++) {
		if (arg[1] == '-' ? strlen(o->name) == len && !strncmp(o->name, arg + 2, len) : o->letter == arg[1])
			return o;
	}
	return NULL;
}

/* The words that stand before any option of a command's own, to find the command by. */
static int first_words(int argc, char **argv, char **ret)
{
	int n = 0;

	for (int i = 1; i < argc && n < WORDS_MAX; i++) {
		const struct sw_opt *o;

		if (sw_streq(argv[i], "--"))
			break;
		if (argv[i][0] != '-' || !argv[i][1]) {
			ret[n++] = argv[i];
			continue;
		}
		o = find_global(argv[i]);
		if (!o && n)
			break; /* the command's option: what follows may be its value */
		if (o && o->kind != SW_OPT_FLAG &&
			!(argv[i][1] == '-' ? strchr(argv[i], '=') != NULL : argv[i][2] != 0))
			i++;
	}
	return n;
}

static int unknown_command(int n, char **words)
{
	const char *near;
	char asked[64], group[64] = "", hint[128];

	sw_strcpy(asked, sizeof(asked), words[0]);
	for (int i = 1; i < n && sw_cli_has_below(asked); i++) {
		sw_strcpy(group, sizeof(group), asked);
		snprintf(asked, sizeof(asked), "%s %s", group, words[i]);
	}
	if (sw_cli_has_below(asked)) {
		snprintf(hint, sizeof(hint), "see: sockwarden help %s", asked);
		return sw_cli_error(SW_EXIT_USAGE, hint, "'%s' wants another word", asked);
	}
	near = sw_cli_nearest(asked);
	if (near)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", near);
	else
		snprintf(hint, sizeof(hint), "see: sockwarden help%s%s", *group ? " " : "", group);
	return sw_cli_error(SW_EXIT_USAGE, hint, "unknown command '%s'", asked);
}

/* `sockwarden sockets baseline --help`: words that name no command, but the beginning of some. */
static bool is_help_of_group(int argc, char **argv, int n, char **words, char *ret, size_t size)
{
	bool is_help = false;

	for (int i = 1; i < argc && !sw_streq(argv[i], "--"); i++)
		is_help |= sw_streq(argv[i], "--help") || sw_streq(argv[i], "-h");
	if (!is_help || n < 1 || n > 2)
		return false;
	snprintf(ret, size, "%s%s%s", words[0], n > 1 ? " " : "", n > 1 ? words[1] : "");
	return sw_cli_has_below(ret);
}

/* A group such as "sockets" or "config" with a second word that is none of its commands. */
static bool is_wrong_second(int n, char **words, int used)
{
	return used == 1 && n >= 2 && words[1][0] != ':' && sw_cli_has_below(words[0]);
}

static int parse_options(struct sw_cli *c, int argc, char **argv, int *ret_words)
{
	struct sw_opt rows[ROWS_MAX] = {};
	char err[200];
	size_t n = 0;

	for (const struct sw_opt *o = c->command ? c->command->options : NULL; o && o->name; o++)
		rows[n++] = *o;
	for (const struct sw_opt *o = sw_cli_global_options; o->name && n < ROWS_MAX - 1; o++)
		rows[n++] = *o;
	if (sw_opt_parse(rows, &c->o, argc, argv, ret_words, err, sizeof(err)) < 0) {
		char hint[96];

		snprintf(hint, sizeof(hint), "see: sockwarden %s%s--help", c->command ? c->command->name : "",
			c->command ? " " : "");
		return sw_cli_error(SW_EXIT_USAGE, hint, "%s", err);
	}
	return 0;
}

static int choose_format(struct sw_cli *c)
{
	static const char *const words[] = {"table", "wide", "json", "jsonl", "csv"};
	const char *near;
	char hint[48];

	c->format = c->o.json || c->o.pretty ? SW_CLI_JSON : SW_CLI_TABLE;
	if (!c->o.output)
		return 0;
	for (size_t i = 0; i < SW_ARRAY_SIZE(words); i++) {
		if (sw_streq(words[i], c->o.output)) {
			c->format = (enum sw_cli_format)i;
			return 0;
		}
	}
	near = sw_nearest(c->o.output, words, SW_ARRAY_SIZE(words));
	snprintf(hint, sizeof(hint), "did you mean '%s'?", near ? near : "");
	return sw_cli_error(SW_EXIT_USAGE, near ? hint : NULL, "--output: '%s' is not table, wide, json, jsonl or csv",
		c->o.output);
}

static int choose_color(struct sw_cli *c)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM"), *when = c->o.color ? c->o.color : "auto";

	if (sw_streq(when, "always"))
		c->has_color = true;
	else if (sw_streq(when, "auto"))
		c->has_color = c->is_terminal && !(no && *no) && !(term && sw_streq(term, "dumb"));
	else if (!sw_streq(when, "never"))
		return sw_cli_error(SW_EXIT_USAGE, NULL, "--color: '%s' is not auto, always or never", when);
	return 0;
}

static void look_at_terminal(struct sw_cli *c)
{
	c->is_terminal = isatty(STDOUT_FILENO);
	c->has_utf8 = sw_streq(nl_langinfo(CODESET), "UTF-8");
	c->width = sw_terminal_columns(STDOUT_FILENO);
}

/* Where no rules are at the usual place: those beside this program, installed with another prefix or built here. */
static void find_rules(struct sw_cli *c)
{
	static const char *const beside[] = {"../share/sockwarden/rules", "../feeds/rules"};
	static char path[PATH_MAX];
	char self[PATH_MAX - 64];
	char *slash;
	ssize_t n;

	if (access(c->o.paths.rules_dir, F_OK) == 0)
		return;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return;
	self[n] = 0;
	slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < SW_ARRAY_SIZE(beside); i++) {
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - self), self, beside[i]);
		if (access(path, F_OK) == 0) {
			c->o.paths.rules_dir = path;
			return;
		}
	}
}

static int run_command(struct sw_cli *c)
{
	const struct sw_cli_command *cmd = c->command;
	char hint[96];

	if (c->n_words < cmd->min_words || c->n_words > cmd->max_words) {
		snprintf(hint, sizeof(hint), "see: sockwarden %s --help", cmd->name);
		if (c->n_words < cmd->min_words)
			return sw_cli_error(SW_EXIT_USAGE, hint, "%s wants %s", cmd->name, cmd->usage);
		return sw_cli_error(SW_EXIT_USAGE, hint, "%s: '%s' is one word too many", cmd->name,
			c->words[cmd->max_words]);
	}
	return cmd->fn(c);
}

static int run(int argc, char **argv)
{
	struct sw_cli c = {.o = {.paths = SW_PATHS_DEFAULT, .length_sec = SW_CLI_UNSET, .confirm_sec = SW_CLI_UNSET,
		.last = SW_CLI_UNSET, .pid = SW_CLI_UNSET, .now_sec = SW_CLI_UNSET,
		.since_sec = SW_CLI_UNSET, .interval_sec = SW_CLI_UNSET}};
	const char *usual = c.o.paths.config_file;
	char *words[WORDS_MAX], group[64];
	int n, used = 0, r;

	setlocale(LC_CTYPE, "");
	sw_log_init("sockwarden", SW_LOG_WARNING);
	n = first_words(argc, argv, words);
	c.command = sw_cli_find(n, words, &used);
	if (n && (!c.command || is_wrong_second(n, words, used)))
		return is_help_of_group(argc, argv, n, words, group, sizeof(group)) ? sw_cli_help_group(group) :
										      unknown_command(n, words);
	look_at_terminal(&c);
	r = parse_options(&c, argc, argv, &c.n_words);
	c.has_config = c.o.paths.config_file != usual; /* the pointer: the usual one may be named, too */
	if (!r && sw_streq(c.o.paths.rules_dir, ((struct sw_paths)SW_PATHS_DEFAULT).rules_dir))
		find_rules(&c);
	if (!r)
		r = choose_format(&c);
	if (!r)
		r = choose_color(&c);
	if (r)
		return r;
	if (c.o.version)
		return sw_cli_version(&c);
	if (!c.command) {
		c.words = argv + argc;
		sw_cli_help(&c);
		return c.o.help ? SW_EXIT_OK : SW_EXIT_USAGE;
	}
	if (c.o.help)
		return sw_cli_help_command(c.command);
	c.words = argv + 1 + used;
	c.n_words -= used;
	return run_command(&c);
}

int sw_cli_main(int argc, char **argv)
{
	int r = run(argc, argv);

	/* what was written on the way may have failed before, and then nothing is left to flush */
	if ((fflush(stdout) != 0 || ferror(stdout)) && r == 0)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "cannot write the output: %s", strerror(errno));
	return r;
}
