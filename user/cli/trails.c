// SPDX-License-Identifier: GPL-3.0-or-later
/* trails. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "user/base/cidr.h"
#include "user/base/words.h"
#include "user/cli/table.h"
#include "user/cli/trails.h"
#include "user/trail/edit.h"
#include "user/trail/static_read.h"

enum { LIST_NAME_MAX = 64, PROTECTED_SHOWN = 5 };

/* The list's name from a path: its last part without the ending. */
static void name_of(const char *path, char *buf, size_t size)
{
	const char *slash = strrchr(path, '/');
	char *dot;

	sw_strcpy(buf, size, slash ? slash + 1 : path);
	dot = strrchr(buf, '.');
	if (dot && dot != buf)
		*dot = 0;
}

/* What the allow list keeps passing although the new list names it: the first few, and how many. */
void sw_cli_trails_say_protected(const struct sw_cli *c, const json_t *data)
{
	const json_t *rows = json_object_get(data, "protected");
	long long n = sw_cli_number(data, "n_protected");

	if (!n)
		return;
	sw_cli_say(c, "  %lld protected networks are named by it and go on to pass (sockwarden allow list):", n);
	for (size_t i = 0; i < SW_MIN(json_array_size(rows), (size_t)PROTECTED_SHOWN); i++) {
		const json_t *p = json_array_get(rows, i);

		sw_cli_say(c, "    %s: %s of line %lld", sw_cli_text(p, "net"), sw_cli_text(p, "entry"),
			sw_cli_number(p, "line"));
	}
}

/* "NAME: 12 IPv4 and 3 IPv6 entries in force", and below what a person should know of the text. */
static void say_list(const struct sw_cli *c, const json_t *data)
{
	const json_t *list = json_object_get(data, "list");
	long long skipped = sw_cli_number(list, "skipped"), bad = sw_cli_number(list, "bad_lines"),
		  others = sw_cli_number(list, "others");

	sw_cli_say(c, "%s: %lld IPv4 and %lld IPv6 entries %s", sw_cli_text(list, "name"),
		sw_cli_number(list, "entries4"), sw_cli_number(list, "entries6"),
		sw_cli_true(data, "in_force") ? "in force" : "saved; in force when the guard is back");
	if (others)
		sw_cli_say(c, "  and %lld of other kinds: domains, URLs, addresses with a port, fingerprints", others);
	if (skipped)
		sw_cli_say(c, "  skipped as trails that nothing can be done with: %lld", skipped);
	if (bad)
		sw_cli_say(c, "  skipped as no trail at all: %lld, the first in line %lld; sockwarden trails test FILE tells all of them",
			bad, sw_cli_number(list, "first_bad_line"));
	sw_cli_trails_say_protected(c, data);
}

/* fd: a text, or a list that is sealed already. */
static int send_list(struct sw_cli *c, const char *name, const char *action, int fd, bool is_sealed)
{
	struct sw_cli_args a;
	json_t *data = NULL;
	int r;

	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "name", name);
	sw_json_string(&a.j, "action", action);
	sw_json_bool(&a.j, "sealed", is_sealed);
	r = sw_cli_ask(c, "trails.import", sw_cli_args_end(&a), fd, &data);
	sw_strbuf_done(&a.text);
	if (r)
		return r;
	if (!sw_cli_print_json(c, data))
		say_list(c, data);
	json_decref(data);
	return SW_EXIT_OK;
}

static int import_file(struct sw_cli *c, int dirfd, const char *file, const char *shown)
{
	_close_ int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char name[LIST_NAME_MAX];

	if (fd < 0)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "%s: %s", shown, strerror(errno));
	name_of(file, name, sizeof(name));
	return send_list(
		c, c->o.name ? c->o.name : name, c->o.action ? c->o.action : "drop", fd, false);
}

/*
 * A directory of static trails, or a CSV of trail,info,reference, becomes one list, with files, lines
 * and citations. It is read here, by who may read it.
 */
static int import_static(struct sw_cli *c, const char *path, const char *as, const char *fallback)
{
	const char *action = c->o.action ? c->o.action : fallback;
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL;
	const struct sw_trail_rules rules = {};
	char name[SW_TRAIL_NAME_MAX + 1], origin[256], *real = realpath(path, NULL);
	_close_ int fd = -1;
	int r;

	sw_trail_name_make(name, c->o.name ? c->o.name : as ? as : real ? real : path);
	snprintf(origin, sizeof(origin), "imported from %s", real ? real : path);
	free(real);
	r = sw_trail_directory_read(path, &rules, &p);
	if (r < 0)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "%s",
			p && sw_trail_parser_report(p)->text[0] ? sw_trail_parser_report(p)->text
								: strerror(-r));
	fd = sw_trail_list_build(
		p, name, origin, (enum sw_trail_action)sw_trail_action_parse(action), time(NULL));
	if (fd < 0)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "%s: %s", path, strerror(-fd));
	return send_list(c, name, action, fd, true);
}

bool sw_cli_trails_is_csv(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && !strcasecmp(path + n - 4, ".csv");
}

static int is_plain_file(const struct dirent *e)
{
	return e->d_name[0] != '.' && (e->d_type == DT_REG || e->d_type == DT_LNK || e->d_type == DT_UNKNOWN);
}

static int import_directory(struct sw_cli *c, int dirfd, const char *path)
{
	struct dirent **entries = NULL;
	int n = scandirat(dirfd, ".", &entries, is_plain_file, alphasort), good = 0, r = SW_EXIT_OK;

	if (n < 0)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "%s: %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		_free_ char *shown = NULL;
		int k;

		if (asprintf(&shown, "%s/%s", path, entries[i]->d_name) < 0)
			shown = NULL;
		k = r == SW_EXIT_NOT_RUNNING || r == SW_EXIT_PERMISSION ? r :
			import_file(c, dirfd, entries[i]->d_name, shown ? shown : path);
		good += k == SW_EXIT_OK;
		r = k ? k : r;
		free(entries[i]);
	}
	free(entries);
	if (!n)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "%s: no files in it", path);
	return r && good ? SW_EXIT_PARTIAL : r;
}

int sw_cli_trails_check_action(const struct sw_cli *c)
{
	static const char *const actions[] = {"drop", "tag", "observe", "except"};
	bool is_known = !c->o.action;
	const char *near;

	for (size_t i = 0; c->o.action && i < SW_ARRAY_SIZE(actions); i++)
		is_known |= sw_streq(c->o.action, actions[i]);
	if (is_known)
		return SW_EXIT_OK;
	near = sw_nearest(c->o.action, actions, SW_ARRAY_SIZE(actions));
	return sw_cli_error(SW_EXIT_USAGE, NULL, "--action: '%s' is not drop, tag, observe or except%s%s%s", c->o.action,
		near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

bool sw_cli_trails_is_export(int fd, char *name, size_t name_size, char *action, size_t action_size)
{
	char head[256] = "", *comma, *end;
	const size_t sign = strlen(SW_TRAIL_EXPORT_SIGN);

	if (pread(fd, head, sizeof(head) - 1, 0) <= (ssize_t)sign || memcmp(head, SW_TRAIL_EXPORT_SIGN, sign) != 0)
		return false;
	comma = strstr(head + sign, ", action ");
	end = comma ? strchr(comma, '\n') : NULL;
	if (!end)
		return false;
	*comma = *end = 0;
	comma += strlen(", action ");
	if (sw_trail_action_parse(comma) < 0 || !sw_trail_name_ok(head + sign))
		return false;
	sw_strcpy(name, name_size, head + sign);
	sw_strcpy(action, action_size, comma);
	return true;
}

int sw_cli_trails_import(struct sw_cli *c)
{
	char name[SW_TRAIL_NAME_MAX + 1], action[16];
	const char *path = c->words[0];
	_close_ int fd = -1;
	struct stat st;
	int r = sw_cli_trails_check_action(c);

	if (r)
		return r;
	if (stat(path, &st) < 0)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode) ? sw_static_is_directory(path) : sw_cli_trails_is_csv(path))
		return import_static(c, path, NULL, "observe");
	if (S_ISREG(st.st_mode)) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd >= 0 && sw_cli_trails_is_export(fd, name, sizeof(name), action, sizeof(action)))
			return import_static(c, path, name, action);
		fd = sw_close(fd);
	}
	if (!S_ISDIR(st.st_mode))
		return import_file(c, AT_FDCWD, path, path);
	if (c->o.name)
		return sw_cli_error(SW_EXIT_USAGE, NULL, "--name goes with one file, and %s is a directory", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "%s: %s", path, strerror(errno));
	return import_directory(c, fd, path);
}

int sw_cli_trails_remove(struct sw_cli *c)
{
	struct sw_cli_args a;
	json_t *data = NULL;
	int r;

	if (c->o.list)
		return sw_cli_trails_take_out(c);
	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "name", c->words[0]);
	r = sw_cli_ask(c, "trails.remove", sw_cli_args_end(&a), -1, &data);
	sw_strbuf_done(&a.text);
	if (r)
		return r;
	r = sw_cli_is_yes(data, "removed") ? SW_EXIT_OK : SW_EXIT_NEGATIVE;
	if (!sw_cli_print_json(c, data))
		sw_cli_say(c, "the list '%s' %s", c->words[0], r ? "is not there" : "is removed");
	json_decref(data);
	return r;
}

static const char *color_error(const char *text)
{
	return sw_streq(text, "-") ? NULL : "31";
}

static const struct sw_cli_column list_columns[] = {
	{"NAME", "name"},
	{"KIND", "kind", SW_COL_OPTIONAL},
	{"ACTION", "action"},
	{"IPV4", "entries4", SW_COL_RIGHT},
	{"IPV6", "entries6", SW_COL_RIGHT},
	{"OTHERS", "others", SW_COL_RIGHT},
	{"COVER %", "cover_percent", SW_COL_RIGHT | SW_COL_OPTIONAL},
	{"MADE", "made_at", SW_COL_TIME},
	{"STATE", "state", SW_COL_OPTIONAL},
	{"NEXT", "next_at", SW_COL_TIME | SW_COL_OPTIONAL},
	{"NEXT END", "next_end", SW_COL_TIME | SW_COL_OPTIONAL},
	{"ORIGIN", "origin", SW_COL_FLEX},
	{"BAD LINES", "bad_lines", SW_COL_RIGHT | SW_COL_OPTIONAL},
	{"FIRST OF THEM", "first_bad", SW_COL_FLEX | SW_COL_OPTIONAL},
	{"ERROR", "error", SW_COL_FLEX | SW_COL_OPTIONAL, NULL, color_error},
	{},
};

int sw_cli_trails_list(struct sw_cli *c)
{
	json_t *data = NULL;
	int r = sw_cli_ask(c, "trails.list", NULL, -1, &data);

	if (r)
		return r;
	sw_cli_print_rows(c, data, "lists", list_columns, "no trails: sockwarden trails import PATH adds one");
	json_decref(data);
	return SW_EXIT_OK;
}

static const struct sw_cli_column hit_columns[] = {
	{"TRAIL", "net"},
	{"LIST", "list"},
	{"ACTION", "action"},
	{"LINE", "line", SW_COL_RIGHT},
	{"ORIGIN", "origin", SW_COL_FLEX},
	{"INFO", "info", SW_COL_FLEX | SW_COL_OPTIONAL},
	{"CITATION", "citation", SW_COL_FLEX | SW_COL_OPTIONAL},
	{"CONFIDENCE", "confidence", SW_COL_RIGHT | SW_COL_OPTIONAL},
	{"SINCE", "first_seen", SW_COL_TIME | SW_COL_OPTIONAL},
	{"LAST SEEN", "last_seen", SW_COL_TIME | SW_COL_OPTIONAL | SW_COL_WIDE},
	{"EXPIRES", "expires", SW_COL_TIME | SW_COL_OPTIONAL},
	{},
};

int sw_cli_trails_search(struct sw_cli *c)
{
	struct sw_cli_args a;
	struct sw_net net;
	char text[SW_NET_TEXT_MAX];
	json_t *data = NULL;
	int r;

	sw_cli_args_begin(&a);
	if (sw_cidr_parse(c->words[0], SIZE_MAX, &net) == 0)
		sw_json_string(&a.j, "net", sw_cidr_format(text, &net));
	else
		sw_json_string(&a.j, "text", c->words[0]);
	r = sw_cli_ask(c, "trails.search", sw_cli_args_end(&a), -1, &data);
	sw_strbuf_done(&a.text);
	if (r)
		return r;
	sw_cli_print_rows(c, data, "hits", hit_columns, "no list holds it");
	r = json_array_size(json_object_get(data, "hits")) ? SW_EXIT_OK : SW_EXIT_NEGATIVE;
	json_decref(data);
	return r;
}
