// SPDX-License-Identifier: GPL-3.0-or-later
/* Decides and keeps the database; see user/engine/engine.h. */
#include "user/base/opt.h"
#include "user/engine/engine.h"

static const struct sw_opt rows[] = {
	SW_PATHS_OPTS(struct sw_engine_options, paths),
	{'v', "verbose", SW_OPT_FLAG, offsetof(struct sw_engine_options, is_verbose), NULL, "say more"},
	{'h', "help", SW_OPT_FLAG, offsetof(struct sw_engine_options, is_help), NULL, "this help"},
	{0, "version", SW_OPT_FLAG, offsetof(struct sw_engine_options, is_version), NULL, "the version"},
	{},
};

int main(int argc, char **argv)
{
	struct sw_engine_options o = {.paths = SW_PATHS_DEFAULT};
	char err[256];
	int words;

	if (sw_opt_parse(rows, &o, argc, argv, &words, err, sizeof(err)) < 0 || words) {
		fprintf(stderr, "sockwarden-engine: %s\n", words ? "takes options only" : err);
		return 2;
	}
	if (o.is_help) {
		puts("usage: sockwarden-engine [options]\nDecides, keeps the database and serves the control socket; started by sockwardend.\n");
		sw_opt_help(rows, stdout);
		return 0;
	}
	if (o.is_version) {
		puts("sockwarden-engine " SW_VERSION);
		return 0;
	}
	sw_log_init("sockwarden-engine", o.is_verbose ? SW_LOG_DEBUG : SW_LOG_INFO);
	return sw_engine_run(&o);
}
