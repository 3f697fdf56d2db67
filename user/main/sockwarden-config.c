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

enum { EXIT_USAGE = 2, EXIT_CONFIG = 5, EXIT_INTERNAL = 6 };

struct options {
	const char *compile;
	bool defaults, help;
	uint64_t out_fd;
};

static const struct sw_opt options[] = {
	{0, "compile", SW_OPT_STRING, offsetof(struct options, compile), "NAME", "read YAML from standard input; NAME is for messages"},
	{0, "defaults", SW_OPT_FLAG, offsetof(struct options, defaults), NULL, "every setting at its default"},
	{0, "out-fd", SW_OPT_UINT, offsetof(struct options, out_fd), "N", "descriptor the image is written to (3)"},
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

int main(int argc, char **argv)
{
	struct options o = {.out_fd = 3};
	struct sw_config c;
	char err[160];
	int words, r;

	sw_log_init("sockwarden-config", SW_LOG_INFO);
	if (sw_opt_parse(options, &o, argc, argv, &words, err, sizeof(err)) < 0) {
		sw_log_err(0, "%s", err);
		return EXIT_USAGE;
	}
	if (o.help || words || !o.defaults == !o.compile || o.out_fd > INT32_MAX) {
		printf("usage: sockwarden-config --compile NAME | --defaults\n\n");
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
	return 0;
}
