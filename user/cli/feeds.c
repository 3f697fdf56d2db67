// SPDX-License-Identifier: GPL-3.0-or-later
/* feeds. */
#include <fcntl.h>

#include "user/cli/table.h"

static const char *color_error(const char *text)
{
	return sw_streq(text, "-") ? NULL : "31";
}

static const char *color_state(const char *text)
{
	return sw_streq(text, "on") ? "32" : NULL;
}

static const struct sw_cli_column columns[] = {
	{"NAME", "name"},
	{"STATE", "state", 0, NULL, color_state},
	{"BY", "by", SW_COL_WIDE},
	{"ACTION", "action"},
	{"IPV4", "entries4", SW_COL_RIGHT},
	{"IPV6", "entries6", SW_COL_RIGHT},
	{"CHANGE", "change", SW_COL_OPTIONAL},
	{"HITS", "hits", SW_COL_RIGHT},
	{"FETCHED", "good_at", SW_COL_TIME | SW_COL_OPTIONAL},
	{"NEXT", "next_at", SW_COL_TIME | SW_COL_OPTIONAL},
	{"CHANGED", "changed_at", SW_COL_TIME | SW_COL_WIDE},
	{"PROTECTED", "protected", SW_COL_RIGHT | SW_COL_WIDE},
	{"DOMAINS", "domains", SW_COL_RIGHT | SW_COL_WIDE},
	{"URLS", "urls", SW_COL_RIGHT | SW_COL_WIDE},
	{"PORTS", "ports", SW_COL_RIGHT | SW_COL_WIDE},
	{"HASHES", "hashes", SW_COL_RIGHT | SW_COL_WIDE},
	{"FORM", "parser", SW_COL_WIDE},
	{"URL", "url", SW_COL_WIDE},
	{"LICENCE", "licence", SW_COL_WIDE},
	{"TITLE", "title", SW_COL_FLEX},
	{"ERROR", "error", SW_COL_FLEX | SW_COL_OPTIONAL, NULL, color_error},
	{},
};

int sw_cli_feeds_list(struct sw_cli *c)
{
	json_t *data = NULL;
	int r = sw_cli_ask(c, "feeds.list", NULL, -1, &data);

	if (r)
		return r;
	sw_cli_print_rows(c, data, "feeds", columns, "no feeds");
	if (c->format == SW_CLI_WIDE)
		sw_cli_say(c,
			"domains, URLs, addresses with a port and hashes are counted; addresses and networks are in force");
	json_decref(data);
	return SW_EXIT_OK;
}

int sw_cli_feeds_update(struct sw_cli *c)
{
	struct sw_cli_args a;
	json_t *data = NULL;
	int r;

	if (c->o.accept && !c->n_words)
		return sw_cli_error(SW_EXIT_USAGE, NULL, "--accept goes with the name of one feed");
	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "name", c->n_words ? c->words[0] : "");
	sw_json_bool(&a.j, "accept", c->o.accept);
	r = sw_cli_ask(c, "feeds.update", sw_cli_args_end(&a), -1, &data);
	sw_strbuf_done(&a.text);
	if (r)
		return r;
	if (!sw_cli_print_json(c, data))
		sw_cli_say(c, "asked; 'sockwarden feeds list' shows the result");
	json_decref(data);
	return SW_EXIT_OK;
}

/* A verb that takes a name, and what is said when it is done. */
static int change(struct sw_cli *c, const char *verb, struct sw_cli_args *a, const char *done)
{
	json_t *data = NULL;
	int r = sw_cli_ask(c, verb, sw_cli_args_end(a), -1, &data);

	sw_strbuf_done(&a->text);
	if (r)
		return r;
	if (!sw_cli_print_json(c, data))
		sw_cli_say(c, "feed %s %s", c->words[0], done);
	json_decref(data);
	return SW_EXIT_OK;
}

static int change_by_name(struct sw_cli *c, const char *verb, const char *done)
{
	struct sw_cli_args a;

	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "name", c->words[0]);
	return change(c, verb, &a, done);
}

int sw_cli_feeds_enable(struct sw_cli *c)
{
	struct sw_cli_args a;

	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "name", c->words[0]);
	if (c->o.action)
		sw_json_string(&a.j, "action", c->o.action);
	return change(c, "feeds.enable", &a, "is fetched from now on, also after a restart");
}

int sw_cli_feeds_disable(struct sw_cli *c)
{
	return change_by_name(c, "feeds.disable", "is fetched no more, and its entries have left");
}

int sw_cli_feeds_remove(struct sw_cli *c)
{
	return change_by_name(c, "feeds.remove", "is forgotten, and its entries have left");
}

int sw_cli_feeds_add(struct sw_cli *c)
{
	struct sw_cli_args a;

	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "name", c->words[0]);
	sw_json_string(&a.j, "url", c->words[1]);
	if (c->o.parser)
		sw_json_string(&a.j, "parser", c->o.parser);
	if (c->o.action)
		sw_json_string(&a.j, "action", c->o.action);
	if (c->o.refresh)
		sw_json_string(&a.j, "refresh", c->o.refresh);
	if (c->o.ca_file)
		sw_json_string(&a.j, "ca_file", c->o.ca_file);
	return change(c, "feeds.add", &a, "is fetched from now on, also after a restart");
}

static void say_kinds(const struct sw_cli *c, const json_t *d)
{
	static const struct {
		const char *key, *words;
	} kinds[] = {{"domains", "domains"}, {"urls", "URLs"}, {"ports", "addresses with a port"},
		{"hashes", "hashes"}, {"filtered", "left out by the form's condition"},
		{"bad_lines", "lines that are nothing known"}};

	for (size_t i = 0; i < SW_ARRAY_SIZE(kinds); i++)
		if (sw_cli_number(d, kinds[i].key))
			sw_cli_say(c, "  %lld %s: counted, not taken",
				sw_cli_number(d, kinds[i].key), kinds[i].words);
}

static void say_test(const struct sw_cli *c, const json_t *d)
{
	const json_t *protected = json_object_get(d, "protected");
	const char *verdict = sw_cli_text(d, "verdict");

	sw_cli_say(c, "%s (%s): %lld IPv4 and %lld IPv6 entries, %.4g %% of all addresses",
		sw_cli_text(d, "name"), sw_cli_text(d, "action"), sw_cli_number(d, "entries4"),
		sw_cli_number(d, "entries6"),
		json_number_value(json_object_get(d, "cover_percent")));
	say_kinds(c, d);
	if (sw_cli_is_yes(d, "is_new"))
		sw_cli_say(c, "  there is no list of this name yet");
	else
		sw_cli_say(c, "  %lld would come and %lld would go", sw_cli_number(d, "added"),
			sw_cli_number(d, "removed"));
	for (size_t i = 0; i < json_array_size(protected); i++)
		sw_cli_say(c, "  it names %s, which is never blocked",
			json_string_value(json_array_get(protected, i)));
	sw_cli_say(c, "  %s; nothing was changed",
		verdict && *verdict && !sw_streq(verdict, "-") ? verdict : "it would be taken");
}

int sw_cli_feeds_test(struct sw_cli *c)
{
	_close_ int fd = -1;
	struct sw_cli_args a;
	json_t *data = NULL;
	int r;

	if (c->n_words == 2) {
		fd = open(c->words[1], O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0)
			return sw_cli_error(
				SW_EXIT_NEGATIVE, NULL, "%s: %s", c->words[1], strerror(errno));
	}
	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "name", c->words[0]);
	r = sw_cli_ask(c, "feeds.test", sw_cli_args_end(&a), fd, &data);
	sw_strbuf_done(&a.text);
	if (r)
		return r;
	r = json_is_string(json_object_get(data, "verdict")) ? SW_EXIT_NEGATIVE : SW_EXIT_OK;
	if (!sw_cli_print_json(c, data))
		say_test(c, data);
	json_decref(data);
	return r;
}
