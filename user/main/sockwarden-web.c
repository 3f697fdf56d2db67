// SPDX-License-Identifier: GPL-3.0-or-later
/* Serves the page, the metrics and the probes; see user/web/web.h. */
#include "user/base/log.h"
#include "user/base/opt.h"
#include "user/web/web.h"

static const struct sw_opt rows[] = {
	SW_PATHS_OPTS(struct sw_web_options, paths),
	{'v', "verbose", SW_OPT_FLAG, offsetof(struct sw_web_options, is_verbose), NULL,
		"say more"},
	{'h', "help", SW_OPT_FLAG, offsetof(struct sw_web_options, is_help), NULL, "this help"},
	{0, "version", SW_OPT_FLAG, offsetof(struct sw_web_options, is_version), NULL,
		"the version"},
	{},
};

int main(int argc, char **argv)
{
	struct sw_web_options o = {.paths = SW_PATHS_DEFAULT};
	char err[256];
	int words;

	if (sw_opt_parse(rows, &o, argc, argv, &words, err, sizeof(err)) < 0 || words) {
		fprintf(stderr, "sockwarden-web: %s\n", words ? "takes options only" : err);
		return 2;
	}
	if (o.is_help) {
		puts("usage: sockwarden-web [options]\nServes the page, /metrics, /healthz and /readyz; started by sockwardend.\n");
		sw_opt_help(rows, stdout);
		return 0;
	}
	if (o.is_version) {
		puts("sockwarden-web " SW_VERSION);
		return 0;
	}
	sw_log_init("sockwarden-web", o.is_verbose ? SW_LOG_DEBUG : SW_LOG_INFO);
	return sw_web_run(&o);
}
