// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * sockwarden-config: the guard's unprivileged child that reads the YAML (standard input) and writes
 * the image of fixed layout into the descriptor it was given. See include/sockwarden/rpc/config.h.
 */
#include "user/base/log.h"
#include "user/base/opt.h"
#include "user/conf/conf.h"
#include "user/conf/image.h"
#include "user/conf/tree.h"
#include "user/io/sandbox.h"
#include "user/rules/compile.h"

enum { EXIT_USAGE = 2, EXIT_CONFIG = 5, EXIT_INTERNAL = 6, NONE = INT32_MAX };

struct options {
	const char *compile;
	bool defaults, help;
	uint64_t out_fd, rules_fd, packs_fd, user_fd;
	const char *packs, *user;
};

static const struct sw_opt options[] = {
	{0, "compile", SW_OPT_STRING, offsetof(struct options, compile), "NAME", "read YAML from standard input; NAME is for messages"},
	{0, "defaults", SW_OPT_FLAG, offsetof(struct options, defaults), NULL, "every setting at its default"},
	{0, "out-fd", SW_OPT_UINT, offsetof(struct options, out_fd), "N", "descriptor the image is written to (3)"},
	{0, "rules-fd", SW_OPT_UINT, offsetof(struct options, rules_fd), "N", "descriptor the image of the rules is written to (none)"},
	{0, "packs-fd", SW_OPT_UINT, offsetof(struct options, packs_fd), "N", "directory of the packaged rules (none)"},
	{0, "packs", SW_OPT_STRING, offsetof(struct options, packs), "NAME", "its name, for messages"},
	{0, "user-packs-fd", SW_OPT_UINT, offsetof(struct options, user_fd), "N", "directory of the user's rules (none)"},
	{0, "user-packs", SW_OPT_STRING, offsetof(struct options, user), "NAME", "its name, for messages"},
	{'h', "help", SW_OPT_FLAG, offsetof(struct options, help), NULL, "this text"},
	{},
};

static int compile(const char *name, struct sw_config *ret)
{
	_strbuf_ struct sw_strbuf errors = {};
	_free_ char *text = NULL;
	size_t len;
	int r = sw_read_all(STDIN_FILENO, SW_CONF_BYTES_MAX + 1, &text, &len);

	if (r == -EFBIG) {
		sw_log_err(0, "%s:1:1: yaml: larger than 1 MiB: this is no configuration", name);
		return EXIT_CONFIG;
	}
	if (r < 0) {
		sw_log_err(r, "%s", name);
		return EXIT_CONFIG;
	}
	r = sw_conf_parse(name, text, len, ret, &errors);
	if (r == -ENOMEM) {
		sw_log_err(r, "%s", name);
		return EXIT_INTERNAL;
	}
	if (r < 0) {
		(void)sw_write_all(STDERR_FILENO, sw_strbuf_get(&errors), errors.len);
		return EXIT_CONFIG;
	}
	return 0;
}

/* Rules that are wrong are told and left out: those of other services are not to fail with them. */
static int compile_rules(const struct options *o, const char *name, const struct sw_config *c)
{
	const struct sw_rules_from from = {.config = c,
		.config_file = name,
		.packs_fd = (int)o->packs_fd,
		.user_fd = (int)o->user_fd,
		.packs_dir = o->packs,
		.user_dir = o->user};
	_strbuf_ struct sw_strbuf errors = {};
	_free_ void *image = NULL;
	size_t size;
	int r = sw_rules_compile(&from, &image, &size, &errors);

	(void)sw_write_all(STDERR_FILENO, sw_strbuf_get(&errors), errors.len);
	if (r >= 0)
		r = sw_write_all((int)o->rules_fd, image, size);
	return r < 0 ? sw_log_err(r, "cannot make the image of the rules") : 0;
}

int main(int argc, char **argv)
{
	struct options o = {.out_fd = 3, .rules_fd = NONE, .packs_fd = NONE, .user_fd = NONE, .packs = "rules",
		.user = "rules.d"};
	const char *name;
	struct sw_config c;
	char err[160];
	int words, r;

	sw_log_init("sockwarden-config", SW_LOG_INFO);
	if (sw_opt_parse(options, &o, argc, argv, &words, err, sizeof(err)) < 0) {
		sw_log_err(0, "%s", err);
		return EXIT_USAGE;
	}
	/* --defaults takes the file's name as a word, so that both are called alike */
	name = o.compile ? o.compile : words ? argv[1] : "defaults";
	if (o.help || words > 1 || !o.defaults == !o.compile || (words && o.compile) || o.out_fd > INT32_MAX ||
		o.rules_fd > INT32_MAX || o.packs_fd > INT32_MAX || o.user_fd > INT32_MAX) {
		printf("usage: sockwarden-config --compile NAME | --defaults [NAME]\n\n");
		sw_opt_help(options, stdout);
		return o.help ? 0 : EXIT_USAGE;
	}
	r = sw_sandbox_enter(SW_ROLE_CONFIG);
	if (r < 0) {
		sw_log_err(r, "cannot shut myself in");
		return EXIT_INTERNAL;
	}
	if (o.defaults)
		sw_conf_defaults(&c);
	else
		r = compile(o.compile, &c);
	if (r)
		return r;
	sw_conf_image_finish(&c);
	r = sw_write_all((int)o.out_fd, &c, sizeof(c));
	if (r < 0) {
		sw_log_err(r, "cannot write the image");
		return EXIT_INTERNAL;
	}
	if (o.rules_fd != NONE && compile_rules(&o, name, &c) < 0)
		return EXIT_INTERNAL;
	return 0;
}
