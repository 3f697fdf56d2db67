// SPDX-License-Identifier: GPL-3.0-or-later
/* config: read here, by the caller's rights; the daemon is not asked. */
#include <fcntl.h>

#include "user/base/wrap.h"
#include "user/cli/rules_load.h"
#include "user/cli/table.h"
#include "user/conf/conf.h"
#include "user/conf/tree.h"

int sw_cli_config_read(struct sw_cli *c, const char *file, bool may_lack, struct sw_config *ret)
{
	_strbuf_ struct sw_strbuf errors = {};
	_close_ int fd = sw_streq(file, "-") ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
	_free_ char *text = NULL;
	size_t len;
	int r;

	if (fd < 0 && errno == ENOENT && may_lack) {
		sw_cli_say(c, "%s is not there: every setting is at its default", file);
		sw_conf_defaults(ret);
		return SW_EXIT_OK;
	}
	if (fd < 0)
		return sw_cli_error(errno == EACCES ? SW_EXIT_PERMISSION : SW_EXIT_CONFIG, NULL, "%s: %s", file,
			strerror(errno));
	r = sw_read_all(fd, SW_CONF_BYTES_MAX + 1, &text, &len);
	if (r == -EFBIG)
		return sw_cli_error(SW_EXIT_CONFIG, NULL, "%s: larger than 1 MiB: this is no configuration", file);
	if (r < 0)
		return sw_cli_error(SW_EXIT_CONFIG, NULL, "%s: %s", file, strerror(-r));
	r = sw_conf_parse(file, text, len, ret, &errors);
	if (r == -ENOMEM)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	if (r < 0) {
		fputs(sw_strbuf_get(&errors), stderr);
		return SW_EXIT_CONFIG;
	}
	return SW_EXIT_OK;
}

/* Reads the file named, or the one of --config, or where may_lack defaults; errors are said. The exit status. */
static int load(struct sw_cli *c, bool may_lack, struct sw_config *ret, const char **ret_file)
{
	*ret_file = c->n_words ? c->words[0] : c->o.paths.config_file;
	return sw_cli_config_read(c, *ret_file, may_lack && !c->n_words, ret);
}

/* The rules over logs that go with the file; packages that are not installed are none to miss. */
static int check_rules(struct sw_cli *c, const char *file)
{
	_cleanup_(sw_cli_rules_done) struct sw_cli_rules rules = {};
	int r;

	if (access(c->o.paths.rules_dir, F_OK) < 0)
		return SW_EXIT_OK;
	c->o.paths.config_file = file;
	r = sw_cli_rules_load(c, NULL, &rules);
	if (r || !rules.errors.len)
		return r;
	fputs(sw_strbuf_get(&rules.errors), stderr);
	return SW_EXIT_CONFIG;
}

int sw_cli_config_check(struct sw_cli *c)
{
	_free_ struct sw_config *conf = malloc(sizeof(*conf));
	const char *file;
	int r;

	if (!conf)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	r = load(c, !c->has_config, conf, &file); /* a file that is named is to be there: else a slip is called good */
	if (!r && !sw_streq(file, "-"))
		r = check_rules(c, file);
	if (r)
		return r;
	if (sw_streq(file, "-") || access(file, F_OK) == 0) /* else it was said that it is not there */
		sw_cli_say(c, "%s: good", file);
	return SW_EXIT_OK;
}

int sw_cli_config_show(struct sw_cli *c)
{
	_free_ struct sw_config *conf = malloc(sizeof(*conf));
	_strbuf_ struct sw_strbuf out = {};
	const char *file;
	int r;

	if (!conf)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	r = load(c, true, conf, &file);
	if (r)
		return r;
	sw_conf_render(conf, &out);
	fputs(sw_strbuf_get(&out), stdout);
	return SW_EXIT_OK;
}

static void put_row(struct sw_json *j, const struct sw_conf_row *row)
{
	_strbuf_ struct sw_strbuf type = {};

	sw_conf_describe_type(row, &type);
	sw_json_object_begin(j, NULL);
	sw_json_string(j, "key", row->key);
	sw_json_string(j, "takes", sw_strbuf_get(&type));
	sw_json_string(j, "default", row->fallback);
	sw_json_string(j, "help", row->help);
	sw_json_object_end(j);
}

/* The rows of key, or below it, or all, as JSON. */
static json_t *rows_json(const char *key)
{
	_strbuf_ struct sw_strbuf out = {};
	struct sw_json j;
	size_t n = key ? strlen(key) : 0;

	sw_json_init(&j, &out);
	sw_json_object_begin(&j, NULL);
	sw_json_uint(&j, "schema_version", 1);
	sw_json_array_begin(&j, "settings");
	for (const struct sw_conf_row *row = sw_conf_rows; row->key; row++) {
		if (!key || sw_streq(row->key, key) || (!strncmp(row->key, key, n) && row->key[n] == '.'))
			put_row(&j, row);
	}
	sw_json_array_end(&j);
	sw_json_object_end(&j);
	return json_loads(sw_strbuf_get(&out), 0, NULL);
}

int sw_cli_config_explain(struct sw_cli *c)
{
	static const struct sw_cli_column cols[] = {{"KEY", "key"}, {"DEFAULT", "default"},
		{"TAKES", "takes", SW_COL_WIDE}, {"WHAT", "help", SW_COL_FLEX}, {}};
	_strbuf_ struct sw_strbuf out = {};
	const char *key = c->n_words ? c->words[0] : NULL;
	char hint[128];
	json_t *rows;

	if (key && sw_conf_explain(key, &out) < 0) {
		snprintf(hint, sizeof(hint), "did you mean '%s'?", sw_strbuf_get(&out));
		return sw_cli_error(SW_EXIT_USAGE, out.len ? hint : "see: sockwarden config explain", "there is no setting '%s'",
			key);
	}
	if (key && (c->format == SW_CLI_TABLE || c->format == SW_CLI_WIDE)) {
		sw_wrap_lines(stdout, sw_strbuf_get(&out), c->width);
		return SW_EXIT_OK;
	}
	rows = rows_json(key);
	sw_cli_print_rows(c, rows, "settings", cols, "");
	json_decref(rows);
	return SW_EXIT_OK;
}

int sw_cli_config_schema(struct sw_cli *c)
{
	_strbuf_ struct sw_strbuf out = {};
	json_t *root;

	sw_conf_render_schema(&out);
	if (!c->o.pretty) {
		fputs(sw_strbuf_get(&out), stdout);
		return SW_EXIT_OK;
	}
	root = json_loads(sw_strbuf_get(&out), 0, NULL);
	sw_cli_print_json(c, root);
	json_decref(root);
	return SW_EXIT_OK;
}

int sw_cli_config_default(struct sw_cli *c)
{
	_strbuf_ struct sw_strbuf out = {};

	sw_conf_render_default(&out);
	fputs(sw_strbuf_get(&out), stdout);
	return SW_EXIT_OK;
}
