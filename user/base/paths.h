/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where things lie. Every program takes the same options for them, so that a test has its own. */
#pragma once

#include "user/base/opt.h"

struct sw_paths {
	const char *run_dir;   /* sockets and locks */
	const char *state_dir; /* database, trail lists */
	const char *bpffs_dir; /* pins; a directory on a bpffs */
	const char *cgroup_dir; /* cgroup v2 root to attach to; NULL: found in mountinfo */
	const char *config_file;
	const char *rules_dir; /* packaged rules over logs */
};

#define SW_PATHS_DEFAULT                                                                           \
	{                                                                                          \
		.run_dir = "/run/sockwarden", .state_dir = "/var/lib/sockwarden",                  \
		.bpffs_dir = "/sys/fs/bpf/sockwarden", .config_file = "/etc/sockwarden/sockwarden.yaml", \
		.rules_dir = "/usr/share/sockwarden/rules"                                         \
	}

/* Rows for an option table; type is the target struct, member its struct sw_paths. */
#define SW_PATHS_OPTS(type, member)                                                                \
	{0, "run-dir", SW_OPT_STRING, offsetof(type, member.run_dir), "DIR", "sockets and locks (/run/sockwarden)"},      \
	{0, "state-dir", SW_OPT_STRING, offsetof(type, member.state_dir), "DIR", "database and lists (/var/lib/sockwarden)"}, \
	{0, "bpffs", SW_OPT_STRING, offsetof(type, member.bpffs_dir), "DIR", "pins (/sys/fs/bpf/sockwarden)"},            \
	{0, "cgroup", SW_OPT_STRING, offsetof(type, member.cgroup_dir), "DIR", "cgroup v2 to watch (the root)"},          \
	{'c', "config", SW_OPT_STRING, offsetof(type, member.config_file), "FILE", "configuration (/etc/sockwarden/sockwarden.yaml)"}, \
	{0, "rules-dir", SW_OPT_STRING, offsetof(type, member.rules_dir), "DIR", "packaged rules over logs (/usr/share/sockwarden/rules)"}

/* "DIR/name" into buf; false when it does not fit. */
bool sw_path_join(char *buf, size_t size, const char *dir, const char *name);
