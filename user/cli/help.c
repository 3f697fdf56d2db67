// SPDX-License-Identifier: GPL-3.0-or-later
/* help and version: from the table of commands. */
#include "user/base/wrap.h"
#include "user/cli/cli.h"

enum { NAME_MAX_LEN = 64, LEFT_WIDTH = 34, PROSE_COLUMNS = 100 };

int sw_cli_version(struct sw_cli *c)
{
	if (c->format == SW_CLI_JSON || c->format == SW_CLI_JSONL)
		printf("{\"schema_version\":1,\"version\":\"%s\"}\n", SW_VERSION);
	else
		printf("sockwarden %s\n", SW_VERSION);
	return SW_EXIT_OK;
}

/* Where `help` shows a command, by its first word; a command in none of them is shown nowhere, and a test fails. */
static const struct {
	const char *title, *words;
} sections[] = {
	{"What goes on", "status top events findings why check report"},
	{"Drop or let pass", "arm off ban unban bans allow"},
	{"Sockets and processes", "sockets ps audit policy"},
	{"Packets", "detect decoys chain replay"},
	{"Lists of what is bad", "trails feeds"},
	{"Logs", "logs rules shadow import"},
	{"The program", "doctor config web completion version help"},
};

static bool is_word_of(const char *words, const char *name)
{
	size_t len = strcspn(name, " ");

	for (const char *w = words; *w; w += strcspn(w, " ") + (w[strcspn(w, " ")] == ' ')) {
		if (strcspn(w, " ") == len && !strncmp(w, name, len))
			return true;
	}
	return false;
}

static void list_command(const struct sw_cli_command *cmd)
{
	char left[NAME_MAX_LEN];

	snprintf(left, sizeof(left), "%s%s%s", cmd->name, *cmd->usage ? " " : "", cmd->usage);
	sw_wrap_row(stdout, left, LEFT_WIDTH, cmd->summary, sw_terminal_columns(STDOUT_FILENO));
}

/* The commands that stand below a group; false when there are none. */
static bool list_below(const char *group)
{
	bool is_first = true;

	for (const struct sw_cli_command *cmd = sw_cli_commands; cmd->name; cmd++) {
		if (!sw_cli_is_below(cmd, group))
			continue;
		if (is_first)
			printf("Commands:\n");
		is_first = false;
		list_command(cmd);
	}
	return !is_first;
}

int sw_cli_help_command(const struct sw_cli_command *cmd)
{
	printf("usage: sockwarden %s%s%s%s\n", cmd->name, cmd->options ? " [OPTIONS]" : "",
		*cmd->usage ? " " : "", cmd->usage);
	if (sw_cli_has_below(cmd->name))
		printf("       sockwarden %s COMMAND ...\n", cmd->name);
	printf("\n  ");
	sw_wrap(stdout, cmd->summary, 2, 2, sw_terminal_columns(STDOUT_FILENO));
	if (cmd->options) {
		printf("\nOptions:\n");
		sw_opt_help(cmd->options, stdout);
	}
	if (cmd->more_help) {
		printf("\n");
		cmd->more_help();
	}
	if (sw_cli_has_below(cmd->name)) {
		printf("\n");
		list_below(cmd->name);
	}
	printf("\nEverywhere:\n");
	sw_opt_help(sw_cli_global_options, stdout);
	if (cmd->examples) {
		printf("\nExamples:\n");
		for (const char *l = cmd->examples; *l; l += strcspn(l, "\n") + 1)
			printf("  %.*s\n", (int)strcspn(l, "\n"), l);
	}
	return SW_EXIT_OK;
}

int sw_cli_help_group(const char *group)
{
	printf("usage: sockwarden %s COMMAND ...\n\n", group);
	list_below(group);
	printf("\nOptions of one: sockwarden %s COMMAND --help\n", group);
	return SW_EXIT_OK;
}

static int help_of(struct sw_cli *c)
{
	int used = 0;
	const struct sw_cli_command *cmd = sw_cli_find(c->n_words, c->words, &used);
	char asked[NAME_MAX_LEN], hint[NAME_MAX_LEN + 32];
	const char *near;

	if (cmd && used == c->n_words)
		return sw_cli_help_command(cmd);
	snprintf(asked, sizeof(asked), "%s%s%s", c->words[0], c->n_words > 1 ? " " : "", c->n_words > 1 ? c->words[1] : "");
	if (c->n_words <= 2 && sw_cli_has_below(asked))
		return sw_cli_help_group(asked);
	near = sw_cli_nearest(asked);
	snprintf(hint, sizeof(hint), "did you mean '%s'?", near ? near : "");
	return sw_cli_error(SW_EXIT_USAGE, near ? hint : "see: sockwarden help", "there is no command '%s'", asked);
}

int sw_cli_help(struct sw_cli *c)
{
	unsigned int columns = sw_terminal_columns(STDOUT_FILENO);

	if (c->n_words && c->command)
		return help_of(c);
	if (!columns)
		columns = PROSE_COLUMNS; /* a row of a command stays one line, for whoever reads them with grep */
	puts("usage: sockwarden [OPTIONS] COMMAND ...\n");
	sw_wrap(stdout, "Watches every socket of this host and every packet that comes to it, and drops the bad.", 0, 0,
		columns);
	for (size_t i = 0; i < SW_ARRAY_SIZE(sections); i++) {
		printf("\n%s:\n", sections[i].title);
		for (const struct sw_cli_command *cmd = sw_cli_commands; cmd->name; cmd++) {
			if (!cmd->same_as && is_word_of(sections[i].words, cmd->name))
				list_command(cmd);
		}
	}
	printf("\nOptions, everywhere:\n");
	sw_opt_help(sw_cli_global_options, stdout);
	putchar('\n');
	sw_wrap(stdout,
		"Exit status: 0 well, 1 a negative answer, 2 usage, 3 daemon not running, 4 permission,"
		" 5 configuration invalid, 6 degraded, 7 partial.",
		0, 0, columns);
	return SW_EXIT_OK;
}
