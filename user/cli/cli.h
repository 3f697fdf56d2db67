/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line `sockwarden`: one table of commands (command.c) gives parsing, help and
 * completions; a handler asks the engine by the control socket, or looks at the host itself, and
 * prints. Data goes to standard output, prose to standard error; the result is the exit status.
 */
#pragma once

#include <jansson.h>

#include "sockwarden/rpc/control.h"
#include "user/base/json.h"
#include "user/base/opt.h"
#include "user/base/paths.h"

enum sw_exit {
	SW_EXIT_OK = 0,
	SW_EXIT_NEGATIVE = 1, /* a negative answer: differences, listed, not found, refused */
	SW_EXIT_USAGE = 2,
	SW_EXIT_NOT_RUNNING = 3,
	SW_EXIT_PERMISSION = 4,
	SW_EXIT_CONFIG = 5,
	SW_EXIT_DEGRADED = 6,
	SW_EXIT_PARTIAL = 7,
};

enum sw_cli_format { SW_CLI_TABLE, SW_CLI_WIDE, SW_CLI_JSON, SW_CLI_JSONL, SW_CLI_CSV };

/* Every option of every command; a command's rows say which it takes. */
struct sw_cli_options {
	struct sw_paths paths;
	bool json, pretty, no_header, quiet, verbose, help, version;
	const char *output, *color;
	bool follow;			/* events */
	uint64_t last;			/* events, findings: how many */
	const char *kind;		/* events */
	const char *form;		/* events, findings, replay */
	bool tcp, udp, unix_domain, listening, all, processes, numeric; /* sockets, letters as of ss(8) */
	bool raw, packet, netlink, ip4, ip6, as_always; /* as_always: letters of ps(1), netstat(8), lsof(8): it is so */
	uint64_t pid;
	const char *user, *netns, *container, *state, *inet, *as, *family;
	uint64_t length_sec;		/* ban --for; SW_CLI_UNSET: not given */
	const char *reason;		/* ban, allow add */
	const char *until;		/* trails add */
	bool wide;			/* ban */
	bool accept;			/* feeds update */
	const char *parser, *refresh, *ca_file; /* feeds add */
	const char *name, *action;	/* trails import */
	const char *list;		/* trails add, trails remove */
	bool is_agent;			/* trails add, trails remove */
	bool is_whole;			/* policy freeze, isolate, kill */
	uint64_t confirm_sec;		/* arm */
	bool keep;			/* arm */
	bool observe;			/* off */
	const char *plan;		/* doctor */
	struct sw_opt_list trails;	/* replay */
	const char *filter, *time_zone; /* rules test */
	const char *rule, *file, *source; /* rules test, rules show */
	struct sw_opt_list modes;	/* import portsentry */
	const char *write;		/* import */
	uint64_t since_sec;		/* shadow, bans history, report; SW_CLI_UNSET: not given */
	const char *database;		/* shadow */
	uint64_t now_sec;		/* rules test */
	uint64_t interval_sec;		/* top; SW_CLI_UNSET: not given */
};
#define SW_CLI_UNSET UINT64_MAX

struct sw_cli;
typedef int (*sw_cli_fn)(struct sw_cli *c);

struct sw_cli_command {
	const char *name;    /* "ban", "sockets list" */
	const char *summary; /* one line */
	const char *usage;   /* the words it takes, "ADDR|CIDR" */
	int min_words, max_words;
	const struct sw_opt *options; /* may be NULL */
	sw_cli_fn fn;
	const char *examples; /* lines, may be NULL */
	const char *same_as;  /* for an alias: the command it stands for */
	void (*more_help)(void); /* a part of its help, after the options; may be NULL */
};

/* One call of the program. */
struct sw_cli {
	const struct sw_cli_command *command;
	struct sw_cli_options o;
	enum sw_cli_format format;
	bool has_color, has_utf8, is_terminal;
	bool has_config; /* --config was given */
	unsigned int width; /* of the terminal; 0: no limit */
	int wait_ms;	    /* for the engine's answer; 0: as long as any verb may take */
	int n_words;
	char **words; /* after the command's own */
};

extern const struct sw_cli_command sw_cli_commands[]; /* ended by a NULL name */
extern const struct sw_opt sw_cli_global_options[];

int sw_cli_main(int argc, char **argv);
/* The command whose name is the first one or two of the words; *ret_used how many. NULL: none. */
const struct sw_cli_command *sw_cli_find(int n, char **words, int *ret_used);
/* True when the command's name begins with the group's words and has one more: "sockets list" below "sockets". */
bool sw_cli_is_below(const struct sw_cli_command *cmd, const char *group);
bool sw_cli_has_below(const char *group);
/* The command's name that looks most like what was typed; NULL: none does. */
const char *sw_cli_nearest(const char *typed);

/* ---- saying things */
/* "sockwarden: TEXT" on standard error, and the hint on a line of its own. Returns status. */
int sw_cli_error(int status, const char *hint, const char *fmt, ...) _printf_(3, 4);
/* A sentence about what was done, on standard error; nothing with -q. */
void sw_cli_say(const struct sw_cli *c, const char *fmt, ...) _printf_(2, 3);

/* ---- asking the engine (ask.c) */
struct sw_cli_args {
	struct sw_strbuf text;
	struct sw_json j;
};
void sw_cli_args_begin(struct sw_cli_args *a);
/* The object's text; sw_strbuf_done(&a->text) is the caller's. */
const char *sw_cli_args_end(struct sw_cli_args *a);
/* A connection of the caller's own: 0, -errno. */
struct sw_ctl_client;
int sw_cli_client(const struct sw_cli *c, struct sw_ctl_client **ret);
/* Asks and gives the reply's data (caller's); else says what is wrong and gives the exit status. */
int sw_cli_ask(const struct sw_cli *c, const char *verb, const char *args, int fd, json_t **ret);
/* The same without a word about a daemon that is not there: only SW_EXIT_NOT_RUNNING. */
int sw_cli_ask_quietly(const struct sw_cli *c, const char *verb, const char *args, int fd, json_t **ret);
/* Asks for a stream: fn for each item; ends with the stream. fn's result other than 0 ends it too. */
int sw_cli_stream(const struct sw_cli *c, const char *verb, const char *args,
	int (*fn)(const struct sw_cli *c, const json_t *item, void *arg), void *arg);
/* Says that the daemon is not running and how to start it. */
int sw_cli_not_running(const struct sw_cli *c, int error);

/* A configuration (config.c): errors are said; may_lack: defaults where there is no file. The exit status. */
struct sw_config;
int sw_cli_config_read(struct sw_cli *c, const char *file, bool may_lack, struct sw_config *ret);

/* All that a reply to `status` says was lost (status.c). */
uint64_t sw_cli_losses(const json_t *status);

/* ---- handlers, one per row */
int sw_cli_status(struct sw_cli *c);
int sw_cli_top(struct sw_cli *c);
int sw_cli_events(struct sw_cli *c);
int sw_cli_findings(struct sw_cli *c);
int sw_cli_sockets_list(struct sw_cli *c);
int sw_cli_sockets_diff(struct sw_cli *c);
int sw_cli_baseline_save(struct sw_cli *c);
int sw_cli_baseline_list(struct sw_cli *c);
int sw_cli_baseline_show(struct sw_cli *c);
int sw_cli_baseline_accept(struct sw_cli *c);
int sw_cli_baseline_delete(struct sw_cli *c);
int sw_cli_policy_show(struct sw_cli *c);
int sw_cli_policy_check(struct sw_cli *c);
int sw_cli_policy_learn(struct sw_cli *c);
int sw_cli_policy_held(struct sw_cli *c);
int sw_cli_policy_act(struct sw_cli *c);
int sw_cli_ps(struct sw_cli *c);
int sw_cli_audit(struct sw_cli *c);
int sw_cli_ban(struct sw_cli *c);
int sw_cli_unban(struct sw_cli *c);
int sw_cli_bans(struct sw_cli *c);
int sw_cli_bans_history(struct sw_cli *c);
int sw_cli_report(struct sw_cli *c);
int sw_cli_shadow(struct sw_cli *c);
int sw_cli_allow_add(struct sw_cli *c);
int sw_cli_allow_remove(struct sw_cli *c);
int sw_cli_allow_list(struct sw_cli *c);
int sw_cli_decoys(struct sw_cli *c);
int sw_cli_logs(struct sw_cli *c);
int sw_cli_logs_feed(struct sw_cli *c);
int sw_cli_detect_list(struct sw_cli *c);
int sw_cli_why(struct sw_cli *c);
int sw_cli_check(struct sw_cli *c);
int sw_cli_trails_import(struct sw_cli *c);
int sw_cli_trails_add(struct sw_cli *c);
int sw_cli_trails_export(struct sw_cli *c);
int sw_cli_trails_stats(struct sw_cli *c);
int sw_cli_trails_test(struct sw_cli *c);
int sw_cli_trails_remove(struct sw_cli *c);
int sw_cli_trails_list(struct sw_cli *c);
int sw_cli_trails_search(struct sw_cli *c);
int sw_cli_feeds_list(struct sw_cli *c);
int sw_cli_feeds_update(struct sw_cli *c);
int sw_cli_feeds_enable(struct sw_cli *c);
int sw_cli_feeds_disable(struct sw_cli *c);
int sw_cli_feeds_add(struct sw_cli *c);
int sw_cli_feeds_remove(struct sw_cli *c);
int sw_cli_feeds_test(struct sw_cli *c);
int sw_cli_arm(struct sw_cli *c);
int sw_cli_off(struct sw_cli *c);
int sw_cli_chain_show(struct sw_cli *c);
int sw_cli_chain_set(struct sw_cli *c);
int sw_cli_chain_clear(struct sw_cli *c);
int sw_cli_doctor(struct sw_cli *c);
int sw_cli_replay(struct sw_cli *c);
int sw_cli_rules_test(struct sw_cli *c);
int sw_cli_rules_list(struct sw_cli *c);
int sw_cli_rules_show(struct sw_cli *c);
int sw_cli_rules_lint(struct sw_cli *c);
int sw_cli_import(struct sw_cli *c);
/* The tools, each with what is read of it. */
void sw_cli_import_help(void);
int sw_cli_config_check(struct sw_cli *c);
int sw_cli_config_explain(struct sw_cli *c);
int sw_cli_config_show(struct sw_cli *c);
int sw_cli_config_schema(struct sw_cli *c);
int sw_cli_config_default(struct sw_cli *c);
int sw_cli_web(struct sw_cli *c);
int sw_cli_completion(struct sw_cli *c);
int sw_cli_version(struct sw_cli *c);
int sw_cli_help(struct sw_cli *c);
/* --help of one command, on standard output. */
int sw_cli_help_command(const struct sw_cli_command *cmd);
/* What stands below words that are no command by themselves. */
int sw_cli_help_group(const char *group);
