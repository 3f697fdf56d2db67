// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/cli/rules_load.h"

#include <fcntl.h>

#include "user/conf/conf.h"

static void keep_sample(void *arg, const struct sw_pack_sample *s)
{
	struct sw_cli_rules *r = arg;
	struct sw_pack_sample *more = realloc(r->samples, (r->n_samples + 1) * sizeof(*more));

	if (!more)
		return;
	r->samples = more;
	more += r->n_samples;
	*more = (struct sw_pack_sample){.rule = strdup(s->rule),
		.line = strdup(s->line),
		.host = s->host ? strdup(s->host) : NULL,
		.forwarded = s->forwarded ? strdup(s->forwarded) : NULL,
		.file = strdup(s->file),
		.is_journal = s->is_journal,
		.at = s->at};
	if (more->rule && more->line && more->file && !more->host == !s->host)
		r->n_samples++;
}

void sw_cli_rules_done(struct sw_cli_rules *r)
{
	for (size_t i = 0; i < r->n_samples; i++) {
		free((char *)r->samples[i].rule);
		free((char *)r->samples[i].line);
		free((char *)r->samples[i].host);
		free((char *)r->samples[i].forwarded);
		free((char *)r->samples[i].file);
	}
	free(r->samples);
	free(r->image);
	sw_ruleset_free(r->set);
	sw_strbuf_done(&r->errors);
}

static int read_config(const char *file, struct sw_config *ret, struct sw_strbuf *errors)
{
	_close_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_free_ char *text = NULL;
	size_t len;
	int r;

	sw_conf_defaults(ret);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = sw_read_all(fd, SW_CONF_BYTES_MAX + 1, &text, &len);
	return r < 0 ? r : sw_conf_parse(file, text, len, ret, errors);
}

static int load_all(struct sw_cli *c, struct sw_cli_rules *ret)
{
	const char *file = c->o.paths.config_file, *slash = strrchr(file, '/');
	_free_ struct sw_config *conf = malloc(sizeof(*conf));
	_free_ char *user_dir = NULL;
	_close_ int packs = -1, user = -1;
	struct sw_rules_from from = {.config = conf,
		.config_file = file,
		.packs_dir = c->o.paths.rules_dir,
		.sample = keep_sample,
		.arg = ret};
	int r;

	if (!conf ||
		asprintf(&user_dir, "%.*srules.d", slash ? (int)(slash + 1 - file) : 0, file) < 0)
		return -ENOMEM;
	r = read_config(file, conf, &ret->errors);
	if (r < 0)
		return r;
	from.packs_fd = packs = open(from.packs_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	from.user_fd = user = open(user_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	from.user_dir = user_dir;
	return sw_rules_compile(&from, &ret->image, &ret->size, &ret->errors);
}

static int load_pack(const char *file, struct sw_cli_rules *ret)
{
	_close_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct sw_rules_writer w;
	struct sw_pack pack = {.file = file,
		.is_user = true,
		.out = &w,
		.errors = &ret->errors,
		.sample = keep_sample,
		.arg = ret};
	_free_ char *text = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return -errno;
	r = sw_read_all(fd, SW_CONF_BYTES_MAX + 1, &text, &len);
	if (r < 0)
		return r;
	sw_rules_writer_init(&w);
	r = sw_pack_read(&pack, text, len);
	if (r != -ENOMEM)
		r = sw_rules_finish(&w, &ret->image, &ret->size);
	sw_rules_writer_done(&w);
	return r;
}

int sw_cli_rules_load(struct sw_cli *c, const char *file, struct sw_cli_rules *ret)
{
	const char *from = file ? file : c->o.paths.config_file;
	int r = file ? load_pack(file, ret) : load_all(c, ret);

	if (!r)
		r = sw_ruleset_new(&ret->set, ret->image, ret->size, &ret->errors);
	if (r == -EINVAL || r == -EBADMSG) {
		fputs(sw_strbuf_get(&ret->errors), stderr);
		return SW_EXIT_CONFIG;
	}
	if (r < 0)
		return sw_cli_error(r == -EACCES ? SW_EXIT_PERMISSION : SW_EXIT_USAGE, NULL,
			"%s: %s", from, strerror(-r));
	return SW_EXIT_OK;
}

const struct sw_log_rule *sw_cli_rules_find(
	const struct sw_cli_rules *r, const char *name, size_t *ret_i)
{
	const char *names[SW_RULES_MAX], *near;
	size_t n = sw_ruleset_n_rules(r->set);
	char hint[96];

	for (size_t i = 0; i < n; i++) {
		names[i] = sw_ruleset_rule(r->set, i)->name;
		if (sw_streq(names[i], name)) {
			*ret_i = i;
			return sw_ruleset_rule(r->set, i);
		}
	}
	near = sw_nearest(name, names, n);
	snprintf(hint, sizeof(hint), near ? "did you mean '%s'?" : "see: sockwarden rules list",
		near);
	sw_cli_error(SW_EXIT_NEGATIVE, hint, "there is no rule '%s'", name);
	return NULL;
}
