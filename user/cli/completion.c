// SPDX-License-Identifier: GPL-3.0-or-later
/* completion: what a shell offers, from the tables of commands and options. */
#include "user/cli/cli.h"
#include "user/import/import.h"

enum { NAME_MAX_LEN = 64, WORDS_IN_NAME = 3 };

/* Options whose values are words; of the others a file's name is offered. */
static const struct {
	const char *name, *words;
} values[] = {
	{"output", "table wide json jsonl csv"},
	{"color", "auto always never"},
	{"form", "ecs ocsf cef syslog maltrail"},
};

static const char *words_of(const char *option)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(values); i++) {
		if (sw_streq(values[i].name, option))
			return values[i].words;
	}
	return NULL;
}

/* A value that may be left out is not waited for. */
static bool has_value(const struct sw_opt *o)
{
	return o->kind != SW_OPT_FLAG && o->kind != SW_OPT_MAYBE;
}

static void put_options(const struct sw_opt *o, const char *separator)
{
	for (; o && o->name; o++) {
		printf("%s--%s", separator, o->name);
		if (o->letter)
			printf("%s-%c", separator, o->letter);
	}
}

/*
 * Every option that a value follows, of all commands: a word after one is no word of the command. Letters only of the
 * options that all commands have; one may be a flag elsewhere (-f).
 */
static void put_all_with_value(char separator)
{
	bool is_first = true;

	for (const struct sw_opt *o = sw_cli_global_options; o->name; o++) {
		if (!has_value(o))
			continue;
		if (!is_first)
			putchar(separator);
		is_first = false;
		printf("--%s", o->name);
		if (o->letter)
			printf("%c-%c", separator, o->letter);
	}
	for (const struct sw_cli_command *cmd = sw_cli_commands; cmd->name; cmd++) {
		for (const struct sw_opt *o = cmd->same_as ? NULL : cmd->options; o && o->name; o++) {
			if (has_value(o))
				printf("%c--%s", separator, o->name);
		}
	}
}

static int count_words(const char *name)
{
	int n = 1;

	for (; *name; name++)
		n += *name == ' ';
	return n;
}

/* Each word that may follow prefix in the table ("sockets" -> list, diff, baseline), with what it is. */
static void each_next_word(const char *prefix, void (*fn)(const char *prefix, const char *word, const char *about))
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
			fn(prefix, word, strchr(rest, ' ') ? "" : cmd->summary);
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

/* ---- bash and zsh */

static void bash_word(const char *prefix, const char *word, const char *about)
{
	printf(" %s", word);
}

static void bash_group(const char *prefix)
{
	printf("\t\"%s\") words=\"", prefix);
	each_next_word(prefix, bash_word);
	printf("\" ;;\n");
}

/* The longest names first, since those of `sockets` alone would match what stands below it, too. */
static void bash_options(void)
{
	for (int n = WORDS_IN_NAME; n > 0; n--) {
		for (const struct sw_cli_command *cmd = sw_cli_commands; cmd->name; cmd++) {
			if (count_words(cmd->name) != n || (!cmd->options && n == 1))
				continue;
			printf("\t\"%s\"|\"%s \"*) options+=\"", cmd->name, cmd->name);
			put_options(cmd->options, " ");
			printf("\" ;;\n");
		}
	}
}

static void bash_values(void)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(values); i++) {
		printf("\t\t--%s", values[i].name);
		if (sw_streq(values[i].name, "output"))
			printf("|-o");
		printf(") words=\"%s\" ;;\n", values[i].words);
	}
}

static void complete_bash(void)
{
	printf("# bash completion for sockwarden; made by: sockwarden completion bash\n"
	       "_sockwarden() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} path=\"\" words=\"\" options=\"\" w option=\"\"\n"
	       "\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	       "\t\t[[ $w == = ]] && continue\n"
	       "\t\tif [[ -n $option ]]; then option=\"\"; continue; fi\n"
	       "\t\tcase \"$w\" in\n\t\t");
	put_all_with_value('|');
	printf(") option=$w ;;\n"
	       "\t\t-*) ;;\n"
	       "\t\t*) path+=\"${path:+ }$w\" ;;\n"
	       "\t\tesac\n"
	       "\tdone\n"
	       "\tif [[ -n $option ]]; then\n"
	       "\t\t[[ $cur == = ]] && cur=\"\"\n"
	       "\t\tcase \"$option\" in\n");
	bash_values();
	printf("\t\tesac\n"
	       "\t\tif [[ -n $words ]]; then COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"));"
	       " else COMPREPLY=($(compgen -f -- \"$cur\")); fi\n"
	       "\t\treturn\n"
	       "\tfi\n"
	       "\tif [[ $path == help || $path == \"help \"* ]]; then path=${path#help}; path=${path# }; fi\n"
	       "\tcase \"$path\" in\n"
	       "\t\"\") words=\"");
	each_next_word("", bash_word);
	printf("\" ;;\n");
	each_group(bash_group);
	printf("\t\"completion\") words=\"bash zsh fish\" ;;\n"
	       "\t\"import\") words=\"");
	for (const struct sw_import_tool *t = sw_import_tools; t->name; t++)
		printf(" %s", t->name);
	printf("\" ;;\n\tesac\n\toptions=\"");
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

static void complete_zsh(void)
{
	printf("#compdef sockwarden\n# zsh completion for sockwarden; made by: sockwarden completion zsh\n"
	       "autoload -U +X bashcompinit && bashcompinit\n");
	complete_bash();
}

/* ---- fish */

/* Within double quotes of fish. */
static void fish_quote(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (strchr("\"$\\", *text))
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

static void fish_row(const char *condition, const char *of, const char *word, const char *about)
{
	printf("complete -c sockwarden -f -n '%s \"%s\"' -a %s", condition, of, word);
	if (*about) {
		printf(" -d ");
		fish_quote(about);
	}
	putchar('\n');
}

static void fish_word(const char *prefix, const char *word, const char *about)
{
	fish_row("__sockwarden_at", prefix, word, about);
}

static void fish_group(const char *prefix)
{
	each_next_word(prefix, fish_word);
}

static void fish_options(const char *condition, const struct sw_opt *o)
{
	for (; o && o->name; o++) {
		const char *words = words_of(o->name);

		printf("complete -c sockwarden%s -l %s", condition, o->name);
		if (o->letter)
			printf(" -s %c", o->letter);
		if (words)
			printf(" -x -a \"%s\"", words);
		else if (has_value(o))
			printf(" -r");
		printf(" -d ");
		fish_quote(o->help);
		putchar('\n');
	}
}

static void complete_fish(void)
{
	printf("# fish completion for sockwarden; made by: sockwarden completion fish\n"
	       "function __sockwarden_path\n"
	       "\tset -l path\n"
	       "\tset -l is_value 0\n"
	       "\tfor w in (commandline -opc)[2..-1]\n"
	       "\t\tif test $is_value = 1\n"
	       "\t\t\tset is_value 0\n"
	       "\t\t\tcontinue\n"
	       "\t\tend\n"
	       "\t\tswitch $w\n"
	       "\t\tcase ");
	put_all_with_value(' ');
	printf("\n\t\t\tset is_value 1\n"
	       "\t\tcase '-*'\n"
	       "\t\tcase '*'\n"
	       "\t\t\tset -a path $w\n"
	       "\t\tend\n"
	       "\tend\n"
	       "\techo \"$path\"\n"
	       "end\n"
	       "function __sockwarden_at\n"
	       "\tset -l path (__sockwarden_path)\n"
	       "\ttest \"$path\" = \"$argv\"; or test \"$path\" = (string trim \"help $argv\")\n"
	       "end\n"
	       "function __sockwarden_in\n"
	       "\tset -l path (__sockwarden_path)\n"
	       "\ttest \"$path\" = \"$argv\"; or string match -q -- \"$argv *\" \"$path\"\n"
	       "end\n");
	each_next_word("", fish_word);
	each_group(fish_group);
	for (const struct sw_import_tool *t = sw_import_tools; t->name; t++)
		fish_row("__sockwarden_at", "import", t->name, t->takes);
	fish_row("__sockwarden_at", "completion", "\"bash zsh fish\"", "");
	fish_options("", sw_cli_global_options);
	for (const struct sw_cli_command *cmd = sw_cli_commands; cmd->name; cmd++) {
		char condition[NAME_MAX_LEN + 32];

		snprintf(condition, sizeof(condition), " -n '%s \"%s\"'",
			sw_cli_has_below(cmd->name) ? "__sockwarden_at" : "__sockwarden_in", cmd->name);
		fish_options(condition, cmd->options);
	}
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
