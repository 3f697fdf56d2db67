// SPDX-License-Identifier: GPL-3.0-or-later
/* `sockwarden import TOOL FILE...`: read here, by the rights of the caller; no daemon is asked, nothing is changed. */
#include <fcntl.h>
#include <sys/stat.h>

#include "user/base/wrap.h"
#include "user/cli/table.h"
#include "user/conf/conf.h"
#include "user/import/import.h"
#include "user/rules/pack.h"

enum { NAME_WIDTH = 12 };

void sw_cli_import_help(void)
{
	printf("Tools:\n");
	for (const struct sw_import_tool *t = sw_import_tools; t->name; t++) {
		_strbuf_ struct sw_strbuf takes = {};

		sw_strbuf_puts(&takes, t->takes);
		if (t->usual)
			sw_strbuf_printf(&takes, " (%s)", t->usual);
		sw_wrap_row(stdout, t->name, NAME_WIDTH, sw_strbuf_get(&takes), sw_terminal_columns(STDOUT_FILENO));
	}
}

static const struct sw_import_tool *find_tool(const char *name)
{
	_strbuf_ struct sw_strbuf hint = {};
	const char *names[16], *near;
	size_t n = 0;

	for (const struct sw_import_tool *t = sw_import_tools; t->name; t++) {
		if (sw_streq(t->name, name))
			return t;
		sw_strbuf_printf(&hint, "%s%s", n ? ", " : "it reads: ", t->name);
		names[n++] = t->name;
	}
	near = sw_nearest(name, names, n);
	if (near) {
		sw_strbuf_reset(&hint);
		sw_strbuf_printf(&hint, "did you mean '%s'?", near);
	}
	sw_cli_error(SW_EXIT_USAGE, sw_strbuf_get(&hint), "import: '%s' is no tool that can be read", name);
	return NULL;
}

/* What was understood has to be a configuration: values came from another program's file. */
static int check(const struct sw_import_tool *t, const struct sw_strbuf *yaml)
{
	_free_ struct sw_config *conf = malloc(sizeof(*conf));
	_strbuf_ struct sw_strbuf errors = {};
	struct sw_rules_writer w;
	const struct sw_pack pack = {
		.file = "what is printed", .is_user = true, .out = &w, .errors = &errors};
	int r = conf ? 0 : -ENOMEM;

	sw_rules_writer_init(&w);
	if (!r && t->is_pack)
		r = sw_pack_read(&pack, yaml->text, yaml->len);
	else if (!r)
		r = sw_conf_parse(pack.file, yaml->text, yaml->len, conf, &errors);
	sw_rules_writer_done(&w);

	if (r == 0)
		return SW_EXIT_OK;
	fputs(sw_strbuf_get(&errors), stderr);
	return sw_cli_error(SW_EXIT_PARTIAL,
		"mend these lines by hand, then: sockwarden config check FILE",
		"a value of the other tool is none here");
}

/* Rules are read without privilege and have to be readable for all, whatever the umask of who imports them. */
static int write_new(const char *path, const struct sw_strbuf *text, bool is_for_all)
{
	_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	int r = fd < 0 ? -errno : sw_write_all(fd, text->text, text->len);

	if (r >= 0 && is_for_all && fchmod(fd, 0644) < 0)
		r = -errno;

	if (r == -EEXIST)
		return sw_cli_error(SW_EXIT_NEGATIVE,
			"give another name: nothing is ever written over", "%s is there already", path);
	if (r < 0)
		return sw_cli_error(r == -EACCES ? SW_EXIT_PERMISSION : SW_EXIT_PARTIAL, NULL,
			"%s: %s", path, strerror(-r));
	return SW_EXIT_OK;
}

static int write_list(const struct sw_cli *c, const struct sw_import *im)
{
	int r;

	if (!im->n_listed)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "no network was taken, and %s is not written", c->o.list);
	r = write_new(c->o.list, &im->list, false);
	if (!r)
		sw_cli_say(c, "written: %s, %u networks; look through it, then: sockwarden trails import %s", c->o.list,
			im->n_listed, c->o.list);
	return r;
}

static int write_configuration(const struct sw_cli *c, const struct sw_strbuf *yaml, bool is_pack)
{
	int r = write_new(c->o.write, yaml, is_pack);

	if (r)
		return r;
	sw_cli_say(c,
		is_pack ? "written: %s; look through it, then: sockwarden rules lint %s"
			: "written: %s; look through it, then: sockwarden config check %s",
		c->o.write, c->o.write);
	return SW_EXIT_OK;
}

static void print_json(const struct sw_cli *c, const struct sw_import *im,
	const struct sw_import_tool *t, const struct sw_strbuf *yaml)
{
	_strbuf_ struct sw_strbuf out = {};
	struct sw_json j;
	json_t *root;

	sw_json_init(&j, &out);
	sw_json_object_begin(&j, NULL);
	sw_json_uint(&j, "schema_version", 1);
	sw_json_string(&j, "tool", t->name);
	sw_json_array_begin(&j, "lines");
	for (size_t i = 0; i < im->n_lines; i++) {
		const struct sw_import_line *l = &im->lines[i];

		sw_json_object_begin(&j, NULL);
		sw_json_string(&j, "file", l->file);
		sw_json_uint(&j, "line", l->number);
		sw_json_string(&j, "text", l->text);
		sw_json_string(&j, "state", sw_import_state_word(l->state));
		sw_json_string(&j, "note", l->note);
		sw_json_object_end(&j);
	}
	sw_json_array_end(&j);
	sw_json_string(&j, "configuration", sw_strbuf_get(yaml));
	sw_json_string(&j, "list", sw_strbuf_get(&im->list));
	sw_json_object_end(&j);
	root = json_loads(sw_strbuf_get(&out), 0, NULL);
	sw_cli_print_json(c, root);
	json_decref(root);
}

static int show(const struct sw_cli *c, const struct sw_import *im, const struct sw_import_tool *t)
{
	_strbuf_ struct sw_strbuf yaml = {};
	int r, status;

	sw_import_render(im, t->name, &yaml);
	status = check(t, &yaml);
	sw_import_render_rest(im, !c->o.list, &yaml);
	if (yaml.is_failed)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	if (c->format == SW_CLI_JSON || c->format == SW_CLI_JSONL)
		print_json(c, im, t, &yaml);
	else if (!c->o.write)
		fputs(sw_strbuf_get(&yaml), stdout);
	r = c->o.write ? write_configuration(c, &yaml, t->is_pack) : SW_EXIT_OK;
	if (!r && c->o.list)
		r = write_list(c, im);
	if (r)
		return r;
	sw_cli_say(c, "%u lines taken, %u wait for your word, %u need nothing, %u not taken",
		im->counts[SW_IMPORT_TAKEN], im->counts[SW_IMPORT_ASKED],
		im->counts[SW_IMPORT_NEEDLESS], im->counts[SW_IMPORT_LEFT]);
	return status ? status : im->counts[SW_IMPORT_LEFT] ? SW_EXIT_PARTIAL : SW_EXIT_OK;
}

int sw_cli_import(struct sw_cli *c)
{
	const struct sw_import_tool *t = find_tool(c->words[0]);
	struct sw_import im = {};
	struct sw_import_args args = {.modes = c->o.modes.values, .n_modes = c->o.modes.n};
	int r;

	if (!t)
		return SW_EXIT_USAGE;
	args.files = c->n_words > 1 ? (const char *const *)c->words + 1 : &t->usual;
	args.n_files = c->n_words > 1 ? (unsigned int)c->n_words - 1 : t->usual != NULL;
	if (!args.n_files)
		return sw_cli_error(
			SW_EXIT_USAGE, t->takes, "import %s: which file? It reads:", t->name);
	r = t->read(&im, &args);
	if (r < 0)
		r = sw_cli_error(r == -EACCES ? SW_EXIT_PERMISSION : SW_EXIT_USAGE, NULL,
			"import %s: %s", t->name,
			im.error.len ? sw_strbuf_get(&im.error) : strerror(-r));
	else
		r = show(c, &im, t);
	sw_import_done(&im);
	return r;
}
