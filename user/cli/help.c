// SPDX-License-Identifier: GPL-3.0-or-later
/* help, version, completion: all from the table of commands. */
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

/* ---- completions */

static void put_options(const struct sw_opt *o, const char *separator)
{
	for (; o && o->name; o++) {
		printf("%s--%s", separator, o->name);
		if (o->letter)
			printf("%s-%c", separator, o->letter);
	}
}

/* The words that may follow prefix in the table ("sockets baseline" -> save, list, ...). */
static void put_next_words(const char *prefix)
{
	size_t len = strlen(prefix);
	char last[NAME_MAX_LEN] = "";

	for (const struct sw_cli_command *cmd = sw_cli_commands; cmd->name; cmd++) {
		const char *rest = cmd->name;
		char word[NAME_MAX_LEN];

		if (len) {
			if (strncmp(rest, prefix, len) || rest[len] != ' ')
				continue;
			rest += len + 1;
		}
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(rest, " "), rest);
		if (!sw_streq(word, last))
			printf(" %s", word);
		sw_strcpy(last, sizeof(last), word);
	}
}

/* Calls fn for each prefix of the table that has words below it, once. */
static void each_group(void (*fn)(const char *prefix))
{
	char last[NAME_MAX_LEN] = "", prefix[NAME_MAX_LEN];

	for (const struct sw_cli_command *cmd = sw_cli_commands; cmd->name; cmd++) {
		const char *space = strrchr(cmd->name, ' ');

		if (!space)
			continue;
		snprintf(prefix, sizeof(prefix), "%.*s", (int)(space - cmd->name), cmd->name);
		if (!sw_streq(prefix, last))
			fn(prefix);
		sw_strcpy(last, sizeof(last), prefix);
	}
}

static void bash_group(const char *prefix)
{
	printf("\t\"%s\") words=\"", prefix);
	put_next_words(prefix);
	printf(" \";;\n");
}

static void bash_options(void)
{
	for (const struct sw_cli_command *cmd = sw_cli_commands; cmd->name; cmd++) {
		if (!cmd->options)
			continue;
		printf("\t\"%s\"*) options+=\"", cmd->name);
		put_options(cmd->options, " ");
		printf("\";;\n");
	}
}

static void complete_bash(void)
{
	printf("# bash completion for sockwarden; made by: sockwarden completion bash\n"
	       "_sockwarden() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} path=\"\" words=\"\" options=\"\" w\n"
	       "\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	       "\t\t[[ $w == -* ]] || path+=\"${path:+ }$w\"\n"
	       "\tdone\n"
	       "\tcase \"$path\" in\n"
	       "\t\"\") words=\"");
	put_next_words("");
	printf("\";;\n");
	each_group(bash_group);
	printf("\t\"completion\") words=\"bash zsh fish\";;\n"
	       "\tesac\n"
	       "\toptions=\"");
	put_options(sw_cli_global_options, " ");
	printf("\"\n\tcase \"$path\" in\n");
	bash_options();
	printf("\tesac\n"
	       "\tif [[ $cur == -* ]]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
	       "\telif [[ -n $words ]]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "\telse\n"
	       "\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n"
	       "\tfi\n"
	       "}\n"
	       "complete -F _sockwarden sockwarden\n");
}

/* fish: one line a word; the condition is the first word typed before it. */
static void complete_fish(void)
{
	printf("# fish completion for sockwarden; made by: sockwarden completion fish\n");
	for (const struct sw_cli_command *cmd = sw_cli_commands; cmd->name; cmd++) {
		const char *space = strrchr(cmd->name, ' ');

		if (space)
			printf("complete -c sockwarden -f -n '__fish_seen_subcommand_from %.*s' -a %s -d \"%s\"\n",
				(int)strcspn(cmd->name, " "), cmd->name, space + 1, cmd->summary);
		else
			printf("complete -c sockwarden -f -n __fish_use_subcommand -a %s -d \"%s\"\n", cmd->name, cmd->summary);
	}
}

static void complete_zsh(void)
{
	printf("#compdef sockwarden\n# zsh completion for sockwarden; made by: sockwarden completion zsh\n"
	       "autoload -U +X bashcompinit && bashcompinit\n");
	complete_bash();
}

int sw_cli_completion(struct sw_cli *c)
{
	static const struct {
		const char *shell;
		void (*fn)(void);
	} rows[] = {{"bash", complete_bash}, {"zsh", complete_zsh}, {"fish", complete_fish}};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		if (sw_streq(rows[i].shell, c->words[0])) {
			rows[i].fn();
			return SW_EXIT_OK;
		}
	}
	return sw_cli_error(SW_EXIT_USAGE, NULL, "completion: '%s' is not bash, zsh or fish", c->words[0]);
}
