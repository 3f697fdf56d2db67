// SPDX-License-Identifier: GPL-3.0-or-later
/* trails add, remove --list, export, stats: a list is fetched as it is, and changed or read here. */
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>

#include "user/base/clock.h"
#include "user/base/words.h"
#include "user/cli/table.h"
#include "user/cli/trails.h"
#include "user/io/msg.h"
#include "user/trail/edit.h"
#include "user/trail/times.h"

#define OWN_LIST "own"
enum {
	TRIES = 20, /* somebody else changes the list at the same time: so often it is read again */
	REASON_MAX = 512,
};

struct fetched {
	struct sw_trail_list *list; /* NULL: there is none of this name */
	json_t *about;
};

static void fetched_done(struct fetched *f)
{
	sw_trail_list_free(f->list);
	json_decref(f->about);
}

static int ask_export(struct sw_cli *c, const char *name, int fd, json_t **ret)
{
	struct sw_cli_args a;
	int r;

	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "name", name);
	r = sw_cli_ask(c, "trails.export", sw_cli_args_end(&a), fd, ret);
	sw_strbuf_done(&a.text);
	return r;
}

/* The engine writes only where memory is ours already: the first answer says how much. */
static int fetch(struct sw_cli *c, const char *name, struct fetched *ret)
{
	_close_ int fd = memfd_create("trail-list", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const char *why = "it changes all the time";
	int r = -EAGAIN;

	for (int i = 0; i < TRIES && r == -EAGAIN; i++) {
		json_t *about = NULL;
		long long bytes;

		r = ask_export(c, name, fd, &about);
		if (r)
			return r;
		json_decref(ret->about);
		ret->about = about;
		if (!sw_cli_true(about, "exists"))
			return SW_EXIT_OK;
		bytes = sw_cli_number(about, "bytes");
		r = -EAGAIN;
		if (ftruncate(fd, bytes) < 0 || fallocate(fd, 0, 0, bytes) < 0) {
			r = -errno;
			why = strerror(errno);
		} else if (sw_cli_true(about, "is_written")) {
			r = sw_memfd_seal(fd, NULL, 0);
			r = r < 0 ? r : sw_trail_list_open(fd, &ret->list, &why);
		}
	}
	return r < 0 ? sw_cli_error(SW_EXIT_DEGRADED, NULL, "list %s: %s", name, why) : SW_EXIT_OK;
}

static int no_list(const char *name)
{
	return sw_cli_error(SW_EXIT_NEGATIVE, "sockwarden trails list", "there is no list '%s'", name);
}

/* ---- add, remove --list */

/* What the text is, as a trail; a sentence where it is none. */
static const char *read_trail(const struct sw_cli *c, const char *text, struct sw_static_line *ret)
{
	size_t n = strlen(text);

	if (n > 2 && text[0] == '*' && text[1] == '.') { /* all below a domain, as every domain is */
		text += 2;
		n -= 2;
	}
	for (const char *p = text; *p; p++)
		if (*p == '#' || (unsigned char)*p < ' ')
			return "'#' and control characters are in no trail";
	sw_static_line_read(text, n, c->o.is_agent, ret);
	if (ret->kind == SW_STATIC_BAD)
		return "it is no address, network, address:port, domain, URL, path, expression or fingerprint";
	return NULL;
}

/* The list as it was read and changed takes the place of what was read; true in ret_outdated: read again. */
static int put_back(struct sw_cli *c, const char *name, const char *action, struct sw_trail_parser *p,
	const struct fetched *old, bool *ret_outdated, json_t **ret)
{
	const char *origin = old->list ? old->list->view.head->origin : "trails added by command";
	struct sw_cli_args a;
	_close_ int fd = -1;
	int r;

	if (p) {
		fd = sw_trail_list_build(
			p, name, origin, (enum sw_trail_action)sw_trail_action_parse(action), time(NULL));
		if (fd < 0)
			return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "list %s: %s", name, strerror(-fd));
	}
	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "name", name);
	sw_json_uint(&a.j, "base", (uint64_t)sw_cli_number(old->about, "base"));
	if (p) {
		sw_json_string(&a.j, "action", action);
		sw_json_bool(&a.j, "sealed", true);
	}
	r = sw_cli_ask(c, p ? "trails.import" : "trails.remove", sw_cli_args_end(&a), fd, ret);
	sw_strbuf_done(&a.text);
	*ret_outdated = !r && sw_cli_true(*ret, "is_outdated");
	return r;
}

/* The action that the list has, or is to have. */
static int judge_action(const struct sw_cli *c, const char *name, const struct fetched *old, const char **ret)
{
	const char *has = old->list ? sw_cli_text(old->about, "action") : NULL, *kind = sw_cli_text(old->about, "kind");

	*ret = has ? has : c->o.action ? c->o.action : "drop";
	if (kind && *kind && !sw_streq(kind, "import")) /* also of a list that is not read yet */
		return sw_cli_error(SW_EXIT_NEGATIVE, "change it where it comes from", "list %s is not of your own: it is of kind %s",
			name, kind);
	if (has && c->o.action && !sw_streq(has, c->o.action))
		return sw_cli_error(SW_EXIT_NEGATIVE, "a list has one action: put it into another one, with --list NAME",
			"list %s is for %s", name, has);
	return SW_EXIT_OK;
}

static int change_once(struct sw_cli *c, const char *name, struct sw_trail_edit *edit, bool *ret_outdated, json_t **ret)
{
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL;
	_cleanup_(fetched_done) struct fetched old = {};
	const char *action = NULL;
	int r = fetch(c, name, &old);

	if (!r)
		r = judge_action(c, name, &old, &action);
	if (r)
		return r;
	if (!old.list && edit->remove)
		return no_list(name);
	r = sw_trail_list_edit(old.list, edit, &p);
	if (r < 0 && r != -ENODATA)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "list %s: %s", name,
			p && sw_trail_parser_report(p)->text[0] ? sw_trail_parser_report(p)->text : strerror(-r));
	if (edit->remove && !edit->n_removed)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "list %s does not hold '%s'", name, c->words[0]);
	return put_back(c, name, action, r == -ENODATA ? NULL : p, &old, ret_outdated, ret);
}

static int change(struct sw_cli *c, const char *name, struct sw_trail_edit *edit, json_t **ret)
{
	bool is_outdated = true;
	int r = SW_EXIT_OK;

	for (int i = 0; i < TRIES && !r && is_outdated; i++) {
		json_decref(*ret);
		*ret = NULL;
		r = change_once(c, name, edit, &is_outdated, ret);
	}
	if (!r && is_outdated)
		return sw_cli_error(SW_EXIT_NEGATIVE, "try it again", "list %s is changed by others all the time", name);
	return r;
}

/* When the trail is to end, of --for or --until. */
static int read_end(const struct sw_cli *c, int64_t now_wall_sec, __u32 *ret)
{
	const char *until = c->o.until;
	bool has_length = c->o.length_sec != SW_CLI_UNSET;
	int r;

	if (has_length && until)
		return sw_cli_error(SW_EXIT_USAGE, NULL, "--for and --until: a trail has one end");
	*ret = has_length && c->o.length_sec ? (__u32)SW_MIN((uint64_t)now_wall_sec + c->o.length_sec, UINT32_MAX) : 0;
	if (!until)
		return SW_EXIT_OK;
	r = sw_trail_time_read(until, strlen(until), ret);
	if (r < 0 || until[r])
		return sw_cli_error(SW_EXIT_USAGE, "2026-12-31 or 2026-12-31T18:00:00Z", "--until: '%s' is no time", until);
	if (*ret <= now_wall_sec)
		return sw_cli_error(SW_EXIT_USAGE, NULL, "--until: %s has passed", until);
	return SW_EXIT_OK;
}

/* " until TIME" of a trail that ends. */
static const char *say_end(char buf[static SW_TIME_TEXT_MAX + 8], __u32 until_sec)
{
	char at[SW_TIME_TEXT_MAX];

	buf[0] = 0;
	if (until_sec)
		snprintf(buf, SW_TIME_TEXT_MAX + 8, " until %.19sZ",
			sw_time_format(at, until_sec * (int64_t)SW_SEC_NS));
	return buf;
}

int sw_cli_trails_add(struct sw_cli *c)
{
	const char *name = c->o.list ? c->o.list : OWN_LIST, *reason = c->o.reason ? c->o.reason : "", *why;
	struct sw_static_line line;
	struct sw_trail_edit edit = {
		.add = &line, .file = name, .info = name, .citation = reason, .now_wall_sec = time(NULL)};
	char end[SW_TIME_TEXT_MAX + 8];
	json_t *data = NULL;
	int r;

	why = sw_trail_name_ok(name) ? read_trail(c, c->words[0], &line) : NULL;
	if (!sw_trail_name_ok(name))
		return sw_cli_error(SW_EXIT_USAGE, "1 to 63 of a-z 0-9 . _ -", "--list: '%s' is no name of a list", name);
	if (why)
		return sw_cli_error(SW_EXIT_USAGE, NULL, "'%s': %s", c->words[0], why);
	if (strlen(reason) > REASON_MAX)
		return sw_cli_error(SW_EXIT_USAGE, NULL, "--reason: longer than %d bytes", REASON_MAX);
	r = sw_cli_trails_check_action(c);
	r = r ? r : read_end(c, edit.now_wall_sec, &line.when.until_sec);
	r = r ? r : change(c, name, &edit, &data);
	if (!r && !sw_cli_print_json(c, data)) {
		sw_cli_say(c, "%s %s list %s (%s)%s, %s", c->words[0], edit.was_there ? "was in and stays in" : "is in", name,
			sw_static_kind_word(line.kind), say_end(end, line.when.until_sec),
			sw_cli_true(data, "in_force") ? "in force" : "saved; in force when the guard is back");
		sw_cli_trails_say_protected(c, data);
	}
	json_decref(data);
	return r;
}

int sw_cli_trails_take_out(struct sw_cli *c)
{
	struct sw_static_line line;
	struct sw_trail_edit edit = {.remove = &line, .now_wall_sec = time(NULL)};
	const char *why = read_trail(c, c->words[0], &line);
	json_t *data = NULL;
	int r;

	if (why)
		return sw_cli_error(SW_EXIT_USAGE, NULL, "'%s': %s", c->words[0], why);
	r = change(c, c->o.list, &edit, &data);
	if (!r && !sw_cli_print_json(c, data))
		sw_cli_say(c, "%s is out of list %s%s", c->words[0], c->o.list,
			json_object_get(data, "removed") ? ", which was its last: the list is gone" : "");
	json_decref(data);
	return r;
}

/* ---- export, stats */

int sw_cli_trails_export(struct sw_cli *c)
{
	_cleanup_(fetched_done) struct fetched f = {};
	_strbuf_ struct sw_strbuf out = {};
	int r = fetch(c, c->words[0], &f);

	if (r)
		return r;
	if (!f.list)
		return no_list(c->words[0]);
	r = sw_trail_list_text(f.list, &out);
	if (!r && sw_write_all(STDOUT_FILENO, out.text, out.len) < 0)
		r = -errno;
	return r < 0 ? sw_cli_error(SW_EXIT_NEGATIVE, NULL, "cannot write list %s: %s", c->words[0], strerror(-r))
		     : SW_EXIT_OK;
}

static int64_t count_group(void *arg, const char *file, const char *info, const char *reference, const char *citation)
{
	return 0;
}

static int count_trail(void *arg, const struct sw_static_line *l, uint32_t group, uint32_t line)
{
	((uint64_t *)arg)[l->kind]++;
	return 0;
}

/* Kinds of one list are counted here, where nobody else waits for it. */
static int count_kinds(struct sw_cli *c, json_t *row)
{
	_cleanup_(fetched_done) struct fetched f = {};
	uint64_t kinds[SW_STATIC_COUNT] = {};
	const struct sw_static_sink sink = {count_group, count_trail, kinds};
	int r = fetch(c, sw_cli_text(row, "name"), &f);

	if (r || !f.list) /* gone meanwhile */
		return r;
	if (sw_trail_list_walk(f.list, &sink) < 0)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	for (unsigned int i = 0; i < SW_STATIC_COUNT; i++)
		if (kinds[i])
			json_object_set_new(row, sw_static_kind_word(i), json_integer((json_int_t)kinds[i]));
	return SW_EXIT_OK;
}

#define KIND_COLUMN(id, word) {word, word, SW_COL_RIGHT | SW_COL_OPTIONAL},
static const struct sw_cli_column stats_columns[] = {
	{"LIST", "name"},
	{"ACTION", "action"},
	SW_STATIC_KINDS(KIND_COLUMN)
	{"MEMORY", "bytes", SW_COL_RIGHT | SW_COL_BYTES},
	{"HITS", "hits", SW_COL_RIGHT},
	{},
};

static const struct sw_cli_column top_columns[] = {
	{"TRAIL", "net"},
	{"LIST", "list", SW_COL_FLEX},
	{"HITS", "hits", SW_COL_RIGHT},
	{"LAST", "last_at", SW_COL_TIME},
	{},
};

static const struct sw_cli_column country_columns[] = {
	{"COUNTRY RULE", "rule"},
	{"MEANS", "text", SW_COL_FLEX},
	{"PACKETS", "packets", SW_COL_RIGHT},
	{"DROPPED", "dropped", SW_COL_RIGHT},
	{"BY NFTABLES", "nftables_dropped", SW_COL_RIGHT | SW_COL_OPTIONAL},
	{},
};

/* Where the packet program is not, these hold. */
static void print_nft(struct sw_cli *c, const json_t *nft)
{
	const json_t *in = json_object_get(nft, "dropped_by_source"), *out = json_object_get(nft, "dropped_by_destination");

	if (!json_is_object(nft))
		return;
	sw_cli_say(c, "nftables: %lld addresses and networks of trails, %lld more than it takes; dropped %lld packets for their source, %lld for their destination%s",
		sw_cli_number(nft, "trails_held"), sw_cli_number(nft, "trails_left_out"), sw_cli_number(in, "packets"),
		sw_cli_number(out, "packets"), sw_cli_true(nft, "is_loading") ? "; others are on their way in" : "");
}

static void print_country_rules(struct sw_cli *c, json_t *data)
{
	if (!json_array_size(json_object_get(data, "country_rules")))
		return;
	putchar('\n');
	sw_cli_print_rows(c, data, "country_rules", country_columns, "");
}

static void print_top(struct sw_cli *c, json_t *data)
{
	if (!json_array_size(json_object_get(data, "top")))
		return;
	putchar('\n');
	sw_cli_print_rows(c, data, "top", top_columns, "");
	if (!sw_cli_true(data, "top_is_exact"))
		sw_cli_say(c, "more trails were hit than are counted one by one: these counts are lower bounds");
}

int sw_cli_trails_stats(struct sw_cli *c)
{
	json_t *data = NULL, *row, *compiled;
	size_t i;
	int r = sw_cli_ask(c, "trails.stats", NULL, -1, &data);

	if (r)
		return r;
	json_array_foreach(json_object_get(data, "lists"), i, row) {
		r = count_kinds(c, row);
		if (r)
			break;
	}
	if (!r) {
		compiled = json_object_get(data, "compiled");
		sw_cli_print_rows(c, data, "lists", stats_columns, "no trails: sockwarden trails import PATH adds one");
		if (c->format == SW_CLI_TABLE || c->format == SW_CLI_WIDE) {
			print_country_rules(c, data);
			print_top(c, data);
		}
		print_nft(c, json_object_get(data, "nftables"));
		if (sw_cli_number(compiled, "trails"))
			sw_cli_say(c, "compiled: %lld trails of other kinds and of directories in %lld KiB, %s in %.1f ms",
				sw_cli_number(compiled, "trails"), sw_cli_number(compiled, "bytes") >> 10,
				sw_cli_true(compiled, "is_mapped") ? "mapped from the last run" : "made",
				json_number_value(json_object_get(compiled, "ms")));
	}
	json_decref(data);
	return r;
}
