// SPDX-License-Identifier: GPL-3.0-or-later
/* Fetches feeds and sends mail; see user/net/net.h. */
#include "user/base/log.h"
#include "user/base/opt.h"
#include "user/net/feed.h"
#include "user/net/net.h"

static const struct sw_opt rows[] = {
	SW_PATHS_OPTS(struct sw_net_options, paths),
	{0, "fetch-timeout", SW_OPT_DURATION, offsetof(struct sw_net_options, fetch_timeout_sec),
		"TIME", "longest time for one feed (5m)"},
	{'v', "verbose", SW_OPT_FLAG, offsetof(struct sw_net_options, is_verbose), NULL,
		"say more"},
	{'h', "help", SW_OPT_FLAG, offsetof(struct sw_net_options, is_help), NULL, "this help"},
	{0, "version", SW_OPT_FLAG, offsetof(struct sw_net_options, is_version), NULL,
		"the version"},
	{},
};

int main(int argc, char **argv)
{
	struct sw_net_options o = {
		.paths = SW_PATHS_DEFAULT, .fetch_timeout_sec = SW_FEED_TIMEOUT_SEC};
	char err[256];
	int words;

	if (sw_opt_parse(rows, &o, argc, argv, &words, err, sizeof(err)) < 0 || words) {
		fprintf(stderr, "sockwarden-net: %s\n", words ? "takes options only" : err);
		return 2;
	}
	if (o.is_help) {
		puts("usage: sockwarden-net [options]\nFetches feeds and sends mail for sockwarden-engine; started by sockwardend.\n");
		sw_opt_help(rows, stdout);
		return 0;
	}
	if (o.is_version) {
		puts("sockwarden-net " SW_VERSION);
		return 0;
	}
	sw_log_init("sockwarden-net", o.is_verbose ? SW_LOG_DEBUG : SW_LOG_INFO);
	return sw_net_run(&o);
}
