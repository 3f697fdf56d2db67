// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/pages.h"
#include "user/guard/guard.h"

#define LIBEXEC_DEFAULT "/usr/libexec/sockwarden"

enum { EXIT_USAGE = 2 };

struct options {
	struct sw_guard_opts guard;
	bool is_version, is_help;
};

static const struct sw_opt rows[] = {
	SW_PATHS_OPTS(struct options, guard.paths),
	{0, "libexec", SW_OPT_STRING, offsetof(struct options, guard.libexec), "DIR",
		"the other programs (" LIBEXEC_DEFAULT ")"},
	{'i', "interfaces", SW_OPT_STRING, offsetof(struct options, guard.interfaces), "NAMES",
		"devices to watch, patterns by blanks (those with a default route)"},
	{0, "supervise", SW_OPT_FLAG, offsetof(struct options, guard.is_supervising), NULL,
		"start the other programs, and again when they end"},
	{'f', "foreground", SW_OPT_FLAG, offsetof(struct options, guard.is_foreground), NULL,
		"run at this terminal"},
	{0, "follow", SW_OPT_FLAG, offsetof(struct options, guard.is_following), NULL,
		"with --foreground: show the status and then the events"},
	{0, "log-level", SW_OPT_STRING, offsetof(struct options, guard.log_level), "LEVEL",
		"error, warning, notice, info or debug (the configuration's)"},
	{0, "fake-refuse", SW_OPT_STRING, offsetof(struct options, guard.fake_refuse), "NAMES",
		"for tests: socket programs, by commas, that count as refused by the kernel"},
	{0, "version", SW_OPT_FLAG, offsetof(struct options, is_version), NULL,
		"print the version"},
	{'h', "help", SW_OPT_FLAG, offsetof(struct options, is_help), NULL, "print this"},
	{},
};

static const struct {
	const char *word;
	enum sw_log_level level;
} levels[] = {
	{"error", SW_LOG_ERR},
	{"err", SW_LOG_ERR},
	{"warning", SW_LOG_WARNING},
	{"notice", SW_LOG_NOTICE},
	{"info", SW_LOG_INFO},
	{"debug", SW_LOG_DEBUG},
};

static int find_level(const char *word)
{
	if (!word)
		return SW_LOG_INFO;
	for (size_t i = 0; i < SW_ARRAY_SIZE(levels); i++) {
		if (sw_streq(levels[i].word, word))
			return (int)levels[i].level;
	}
	return -EINVAL;
}

/* The other programs run in "/": a relative path would be another there. The text lives as long as we do. */
static bool make_absolute(const char **path)
{
	_free_ char *cwd = NULL;
	char *text;

	if (!*path || (*path)[0] == '/')
		return true;
	cwd = getcwd(NULL, 0);
	if (!cwd || asprintf(&text, "%s/%s", cwd, *path) < 0)
		return false;
	*path = text;
	return true;
}

static bool make_all_absolute(struct sw_guard_opts *g)
{
	return make_absolute(&g->libexec) && make_absolute(&g->paths.run_dir) &&
		make_absolute(&g->paths.state_dir) && make_absolute(&g->paths.bpffs_dir) &&
		make_absolute(&g->paths.cgroup_dir) && make_absolute(&g->paths.config_file) &&
		make_absolute(&g->paths.rules_dir);
}

static int fail_usage(const char *text)
{
	fprintf(stderr, "sockwardend: %s; --help lists the options\n", text);
	return EXIT_USAGE;
}

static int print_help(void)
{
	puts("usage: sockwardend [options]\n\n"
	     "Guards this host's network: loads and pins the packet and socket programs, and hands what they\n"
	     "see to the other programs of sockwarden. Runs in the foreground; a service manager may watch it.\n");
	sw_opt_help(rows, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = {.guard = {.paths = SW_PATHS_DEFAULT, .libexec = LIBEXEC_DEFAULT}};
	char err[256];
	int words, level;

	if (sw_opt_parse(rows, &o, argc, argv, &words, err, sizeof(err)) < 0)
		return fail_usage(err);
	if (words)
		return fail_usage("it takes no words");
	if (o.is_help)
		return print_help();
	if (o.is_version)
		return puts("sockwardend " SW_VERSION) < 0;
	level = find_level(o.guard.log_level);
	if (level < 0)
		return fail_usage("no such log level");
	if (o.guard.is_following && !o.guard.is_foreground)
		return fail_usage("--follow goes with --foreground");
	sw_log_init("sockwardend", (enum sw_log_level)level);
	if (geteuid() != 0) {
		sw_log_err(0, "must be started as root");
		return 4;
	}
	if (!make_all_absolute(&o.guard)) {
		sw_log_err(0, "the current directory cannot be found out");
		return EXIT_FAILURE;
	}
	sw_pages_for_large();
	return sw_guard_run(&o.guard);
}
