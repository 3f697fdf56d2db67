// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/cli/cli.h"

#define ROW(letter, name, kind, member, value, help)                                               \
	{letter, name, kind, offsetof(struct sw_cli_options, member), value, help}
#define FLAG(letter, name, member, help)	  ROW(letter, name, SW_OPT_FLAG, member, NULL, help)
#define TEXT(letter, name, member, value, help)	  ROW(letter, name, SW_OPT_STRING, member, value, help)
#define NUMBER(letter, name, member, value, help) ROW(letter, name, SW_OPT_UINT, member, value, help)
#define MAYBE(letter, name, member, value, help)	  ROW(letter, name, SW_OPT_MAYBE, member, value, help)
#define LENGTH(letter, name, member, value, help) ROW(letter, name, SW_OPT_DURATION, member, value, help)

/* clang-format off */
const struct sw_opt sw_cli_global_options[] = {
	FLAG('j', "json", json, "print JSON (one line a reply; one line an item of a stream)"),
	FLAG(0, "pretty", pretty, "print JSON over many lines"),
	TEXT('o', "output", output, "FORMAT", "table, wide, json, jsonl or csv"),
	FLAG(0, "no-header", no_header, "tables and CSV without their first line"),
	TEXT(0, "color", color, "WHEN", "auto, always or never (NO_COLOR is heeded)"),
	FLAG('q', "quiet", quiet, "say nothing but data and errors"),
	FLAG('v', "verbose", verbose, "say more"),
	SW_PATHS_OPTS(struct sw_cli_options, paths),
	FLAG('h', "help", help, "this text; after a command, the command's"),
	FLAG(0, "version", version, "the version"),
	{},
};

static const struct sw_opt event_options[] = {
	FLAG('f', "follow", follow, "go on with what comes, until Ctrl-C"),
	NUMBER('n', "last", last, "N", "how many of the past to begin with"),
	FLAG('a', "all", all, "new processes (exec) too, which are left out unless asked for"),
	TEXT('k', "kind", kind, "KIND,...", "only packet, socket, exec, decoy, finding, ban, unban, mode, trails, feed or system"),
	TEXT(0, "form", form, "FORM", "findings alone, a line each, for other tools: ecs, ocsf, cef, syslog or maltrail"),
	{},
};
static const struct sw_opt top_options[] = {
	LENGTH(0, "interval", interval_sec, "TIME", "how often it counts anew (2s)"),
	NUMBER('n', "last", last, "N", "without a terminal: end after so many lines"),
	{},
};
static const struct sw_opt finding_options[] = {
	NUMBER('n', "last", last, "N", "how many (50)"),
	TEXT(0, "form", form, "FORM", "a line a finding, for other tools: ecs, ocsf, cef, syslog or maltrail"),
	{},
};
static const struct sw_opt socket_options[] = {
	FLAG('t', "tcp", tcp, "TCP"),
	FLAG('u', "udp", udp, "UDP"),
	FLAG('x', "unix", unix_domain, "UNIX sockets"),
	FLAG('w', "raw", raw, "raw sockets"),
	FLAG('0', "packet", packet, "packet sockets"),
	TEXT('f', "family", family, "FAMILY", "as of ss: inet, inet6, unix, link (packet) or netlink"),
	FLAG('l', "listening", listening, "only those that listen (without -a this is so; with it, -a counts)"),
	FLAG('a', "all", all, "connections too"),
	FLAG('n', "numeric", numeric, "numbers, not names (it is always so)"),
	FLAG('p', "processes", processes, "the processes that hold them"),
	FLAG('P', "port-numbers", as_always, "numbers of ports, not names (it is always so)"),
	MAYBE('i', "inet", inet, "SPEC", "as of lsof: [46][PROTOCOL][@ADDR][:PORTS], all parts optional; connections too"),
	FLAG('4', "ipv4", ip4, "IPv4"),
	FLAG('6', "ipv6", ip6, "IPv6"),
	NUMBER(0, "pid", pid, "PID", "of this process"),
	TEXT(0, "user", user, "NAME|UID", "of this user"),
	TEXT(0, "container", container, "NAME", "in this container, by the beginning of its id, its name, pod or image"),
	TEXT(0, "netns", netns, "NAME|INODE", "in this network namespace; host, or all"),
	TEXT(0, "state", state, "STATE,...", "in these states: listen, established, time-wait, ...; connected, all"),
	TEXT(0, "as", as, "TOOL", "the table of lsof, socklist, sockstat, netstat or ss, of the host's own namespace"),
	{},
};
static const struct sw_opt ps_options[] = {
	NUMBER('p', "pid", pid, "PID", "the files of this process, as its number alone does"),
	FLAG('e', "every", as_always, "of every user (it is always so)"),
	FLAG('f', "full", as_always, "all columns (it is always so)"),
	FLAG('a', "all", as_always, "of every terminal (it is always so)"),
	FLAG('x', "without-terminal", as_always, "those without a terminal, too (it is always so)"),
	FLAG('w', "unlimited", as_always, "commands in full (it is always so)"),
	FLAG('n', "numeric", as_always, "addresses as numbers (it is always so)"),
	FLAG('P', "port-numbers", as_always, "ports as numbers (it is always so)"),
	{},
};
static const struct sw_opt audit_options[] = {
	FLAG('a', "all", all, "what only this host reaches, too: loopback, UNIX sockets, ports of clients"),
	{},
};
static const struct sw_opt ban_options[] = {
	LENGTH(0, "for", length_sec, "TIME", "how long: 90s, 10m, 24h, 7d or forever (bans.length of the configuration)"),
	TEXT(0, "reason", reason, "TEXT", "why, for whoever looks at it later"),
	FLAG(0, "wide", wide, "yes, a network wider than bans.widest_* of the configuration"),
	{},
};
static const struct sw_opt allow_options[] = {
	TEXT(0, "reason", reason, "TEXT", "why, for whoever looks at it later"),
	{},
};
static const struct sw_opt import_options[] = {
	TEXT(0, "name", name, "NAME", "the list's name (the file's without its ending)"),
	TEXT(0, "action", action, "WORD", "drop, tag, observe, or except: never a hit here (drop)"),
	{},
};
static const struct sw_opt trails_add_options[] = {
	TEXT(0, "list", list, "NAME", "the list it goes into (own)"),
	TEXT(0, "action", action, "WORD", "of a list that is new: drop, tag, observe, or except (drop)"),
	TEXT(0, "reason", reason, "TEXT", "why, or where it is told of: kept as its citation"),
	LENGTH(0, "for", length_sec, "TIME", "how long: 90s, 10m, 24h, 7d or forever (forever)"),
	TEXT(0, "until", until, "TIME", "until when, in UTC: 2026-12-31, 2026-12-31T18:00:00Z"),
	FLAG(0, "user-agent", is_agent, "the word is an expression for user agents"),
	{},
};
static const struct sw_opt trails_remove_options[] = {
	TEXT(0, "list", list, "NAME", "take one trail out of this list, not a list away"),
	FLAG(0, "user-agent", is_agent, "the trail is an expression for user agents"),
	{},
};
static const struct sw_opt feeds_update_options[] = {
	FLAG(0, "accept", accept, "take the list of this name however much of it has changed"),
	{},
};
static const struct sw_opt feeds_enable_options[] = {
	TEXT(0, "action", action, "WORD", "in place of its own: drop, tag, observe; of crawlers and monitoring services except, or allow: never stopped"),
	{},
};
static const struct sw_opt feeds_add_options[] = {
	TEXT(0, "parser", parser, "FORM", "plain, netset, hosts, csv:COLUMN, tsv:COLUMN, jsonl:KEY, json:PATH, tor, stix, misp (plain)"),
	TEXT(0, "action", action, "WORD", "drop, tag or observe (drop)"),
	TEXT(0, "refresh", refresh, "TIME", "how often it is fetched (24h)"),
	TEXT(0, "ca-file", ca_file, "FILE", "certificates that the server's is checked against (the system's)"),
	{},
};
static const struct sw_opt arm_options[] = {
	LENGTH(0, "confirm", confirm_sec, "TIME", "end by itself after this unless kept: for a try over the network"),
	FLAG(0, "keep", keep, "keep what --confirm began"),
	{},
};
static const struct sw_opt off_options[] = {
	FLAG(0, "observe", observe, "go on judging and telling, only drop nothing"),
	{},
};
static const struct sw_opt rules_test_options[] = {
	TEXT(0, "filter", filter, "PATH[...]", "a filter file of fail2ban, its options in brackets: [mode=aggressive,logtype=short]"),
	TEXT(0, "rule", rule, "NAME", "a rule of ours, as 'rules list' names it"),
	TEXT(0, "file", file, "PACK", "a file of rules; all of its rules, or the one of --rule"),
	TEXT(0, "source", source, "PATH", "every rule that reads this log, by the path 'rules list' shows"),
	TEXT(0, "time-zone", time_zone, "TZ", "the zone of dates that name none, as of tzset(3) (the machine's)"),
	NUMBER(0, "now", now_sec, "SECONDS", "the time that dates without a year are seen from, since 1970 (now)"),
	{},
};
static const struct sw_opt rules_show_options[] = {
	TEXT(0, "file", file, "PACK", "of this file of rules, not of those in force"),
	{},
};
static const struct sw_opt history_options[] = {
	LENGTH(0, "since", since_sec, "TIME", "only those of the last 90m, 24h, 7d (all)"),
	{},
};
static const struct sw_opt report_options[] = {
	LENGTH(0, "since", since_sec, "TIME", "what came in the last 90m, 24h, 7d (since the last mailed one, or 24h)"),
	{},
};
static const struct sw_opt policy_learn_options[] = {
	LENGTH(0, "for", length_sec, "TIME", "how far back findings are read (7d)"),
	{},
};
static const struct sw_opt policy_act_options[] = {
	FLAG(0, "container", is_whole, "the whole container that the process is in"),
	{},
};
static const struct sw_opt shadow_options[] = {
	LENGTH(0, "since", since_sec, "TIME", "the last 90m, 24h, 7d (24h)"),
	TEXT(0, "db", database, "FILE", "fail2ban's database (/var/lib/fail2ban/fail2ban.sqlite3)"),
	{},
};
static const struct sw_opt config_import_options[] = {
	TEXT(0, "write", write, "FILE", "write the configuration to this new file instead of showing it"),
	TEXT(0, "list", list, "FILE", "iptables: write the networks that it drops to this new file, for 'trails import'"),
	ROW(0, "mode", SW_OPT_LIST, modes, "MODE", "how PortSentry is run: tcp, udp, stcp, sudp, atcp, audp; may be given again"),
	{},
};
static const struct sw_opt doctor_options[] = {
	TEXT(0, "plan", plan, "IFACE", "what attaching to this device would do; nothing is attached"),
	{},
};
static const struct sw_opt replay_options[] = {
	ROW(0, "trails", SW_OPT_LIST, trails, "DIR", "a directory of static trails, a text or a CSV; may be given again"),
	TEXT(0, "form", form, "FORM", "a line a finding, for other tools: ecs, ocsf, cef, syslog or maltrail"),
	{},
};

const struct sw_cli_command sw_cli_commands[] = {
	{"status", "what is in force, what it has seen, what is wrong", "", 0, 0, NULL, sw_cli_status,
		"sockwarden status\nsockwarden status -j --pretty\n"},
	{"top", "who is at it now, and keys to ban, allow and ask why; a line an interval where there is no terminal", "", 0, 0,
		top_options, sw_cli_top, "sockwarden top\nsockwarden top -n 10 --interval 5s | cat\nsockwarden top -o jsonl\n"},
	{"events", "what happened, and what happens", "", 0, 0, event_options, sw_cli_events,
		"sockwarden events --follow\nsockwarden events -n 100 -k ban\n"},
	{"findings", "suspicions, with their evidence", "", 0, 0, finding_options, sw_cli_findings, "sockwarden findings -n 20\n"},
	{"threats", "the same as findings", "", 0, 0, finding_options, sw_cli_findings, NULL, "findings"},
	{"sockets", "the same as sockets list", "[:PORTS]", 0, 1, socket_options, sw_cli_sockets_list, NULL, "sockets list"},
	{"sockets list", "sockets and who holds them", "[:PORTS]", 0, 1, socket_options, sw_cli_sockets_list,
		"sockwarden sockets list -tp\nsockwarden sockets list :1-1024\nsockwarden sockets list -a --user www-data\n"
		"sockwarden sockets list --as lsof -i tcp:25 -n -P\nsockwarden sockets list --as netstat -an\n"},
	{"sockets diff", "what listens now and did not at the baseline, or the other way round", "[NAME]", 0, 1, NULL,
		sw_cli_sockets_diff, "sockwarden sockets diff && echo unchanged\n"},
	{"sockets baseline save", "take what listens now as known", "[NAME]", 0, 1, NULL, sw_cli_baseline_save,
		"sockwarden sockets baseline save before-upgrade\n"},
	{"sockets baseline list", "the baselines there are", "", 0, 0, NULL, sw_cli_baseline_list, NULL},
	{"sockets baseline show", "what a baseline holds", "[NAME]", 0, 1, NULL, sw_cli_baseline_show, NULL},
	{"sockets baseline accept", "take differences into the baseline: one by its key, or all", "[NAME] [KEY]", 0, 2, NULL,
		sw_cli_baseline_accept, "sockwarden sockets baseline accept\n"},
	{"sockets baseline delete", "forget a baseline", "NAME", 1, 1, NULL, sw_cli_baseline_delete, NULL},
	{"ps", "the processes and what each listens on; of one process its files", "[PID]", 0, 1, ps_options, sw_cli_ps,
		"sockwarden ps -ef\nsockwarden ps 522\nsockwarden ps -j --pretty\n"},
	{"audit", "what listens, whether it is needed, how far it reaches, and how to stop it", "", 0, 0, audit_options,
		sw_cli_audit, "sockwarden audit\nsockwarden audit --all -o wide\n"},
	{"policy", "the same as policy show", "", 0, 0, NULL, sw_cli_policy_show, NULL, "policy show"},
	{"policy show", "the rules over who may listen and connect, and how often each named a socket", "", 0, 0, NULL,
		sw_cli_policy_show, "sockwarden policy show\n"},
	{"policy check", "what listens or is connected now and the policy does not allow; exit 1 when there is any", "", 0, 0,
		NULL, sw_cli_policy_check, "sockwarden policy check && echo as it should be\n"},
	{"policy held", "processes and containers that are frozen or isolated", "", 0, 0, NULL, sw_cli_policy_held,
		"sockwarden policy held\n"},
	{"policy freeze", "stop a process until it is released", "PID", 1, 1, policy_act_options, sw_cli_policy_act,
		"sockwarden policy freeze 4242\nsockwarden policy freeze 4242 --container\n"},
	{"policy isolate", "refuse what a process's cgroup sends and gets, but for loopback, until it is released", "PID", 1, 1,
		policy_act_options, sw_cli_policy_act, "sockwarden policy isolate 4242\n"},
	{"policy kill", "end a process at once", "PID", 1, 1, policy_act_options, sw_cli_policy_act,
		"sockwarden policy kill 4242\n"},
	{"policy release", "let go what is frozen or isolated", "PID", 1, 1, NULL, sw_cli_policy_act,
		"sockwarden policy release 4242\n"},
	{"policy learn", "a policy from what was seen, for review, as a part of the configuration", "", 0, 0,
		policy_learn_options, sw_cli_policy_learn, "sockwarden policy learn --for 7d > policy.yaml\n"},
	{"ban", "drop what comes from an address or a network", "ADDR|CIDR", 1, 1, ban_options, sw_cli_ban,
		"sockwarden ban 192.0.2.7\nsockwarden ban 2001:db8::/64 --for 7d --reason 'scans us'\n"},
	{"unban", "end a ban", "ADDR|CIDR", 1, 1, NULL, sw_cli_unban, "sockwarden unban 192.0.2.7\n"},
	{"bans", "the bans in force", "", 0, 0, NULL, sw_cli_bans, "sockwarden bans -o csv\n"},
	{"bans history", "the bans there were, and how each ended", "", 0, 0, history_options, sw_cli_bans_history,
		"sockwarden bans history --since 7d\n"},
	{"report", "how the sockets differ from the baseline, and bans, findings and losses since the last report", "", 0, 0,
		report_options, sw_cli_report, "sockwarden report\nsockwarden report --since 7d\n"},
	{"shadow", "bans of the rules here beside those of a running fail2ban; exit 1 when they differ",
		"", 0, 0, shadow_options, sw_cli_shadow, "sockwarden shadow --since 7d\n"},
	{"allow", "the same as allow list", "", 0, 0, NULL, sw_cli_allow_list, NULL, "allow list"},
	{"allow add", "never drop what comes from an address or a network", "ADDR|CIDR", 1, 1, allow_options, sw_cli_allow_add,
		"sockwarden allow add 198.51.100.0/24 --reason office\n"},
	{"allow remove", "take an entry off the allow list", "ADDR|CIDR", 1, 1, NULL, sw_cli_allow_remove, NULL},
	{"allow list", "what is never dropped, and why", "", 0, 0, NULL, sw_cli_allow_list, NULL},
	{"logs", "log files that are followed, what came of the rules over them, and what was lost", "", 0, 0, NULL, sw_cli_logs,
		"sockwarden logs\nsockwarden logs -j --pretty\n"},
	{"logs feed", "hand lines of standard input to the rules, as if they came from a log that one of them reads", "RULE", 1, 1, NULL,
		sw_cli_logs_feed, "journalctl -D /srv/web1/journal -f -o short-iso | sockwarden logs feed sshd\n"
		"ssh gateway tail -F /var/log/auth.log | sockwarden logs feed sshd\n"},
	{"decoys", "decoy ports: which there are, who touched them, what is held", "", 0, 0, NULL, sw_cli_decoys,
		"sockwarden decoys\nsockwarden decoys -j --pretty\n"},
	{"detect list", "the rules of behaviour: how each is set, and how often it was told of", "", 0, 0, NULL, sw_cli_detect_list,
		"sockwarden detect list\nsockwarden detect list -j --pretty\n"},
	{"why", "why something is dropped, listed or told of", "ADDR|CIDR|TEXT", 1, 1, NULL, sw_cli_why,
		"sockwarden why 192.0.2.7\nsockwarden why http://www.evil.example/x\n"},
	{"check", "exit 1 when an address is listed or banned, or a domain or URL listed, else 0", "ADDR|CIDR|TEXT", 1, 1, NULL, sw_cli_check,
		"sockwarden check 192.0.2.7 || echo bad\nsockwarden check http://www.evil.example/x || echo bad\n"},
	{"trails", "the same as trails list", "", 0, 0, NULL, sw_cli_trails_list, NULL, "trails list"},
	{"trails import", "take a file as a trail list, a directory of static trails as one, another directory file by file", "PATH", 1, 1,
		import_options, sw_cli_trails_import, "sockwarden trails import blocklist.txt --name partners\n"},
	{"trails add", "put a trail of any kind into a list of your own", "TRAIL", 1, 1, trails_add_options, sw_cli_trails_add,
		"sockwarden trails add 192.0.2.7 --reason 'ticket 17'\nsockwarden trails add evil.example --list watch --action observe --for 7d\n"},
	{"trails remove", "remove a list, or with --list one trail of it", "NAME|TRAIL", 1, 1, trails_remove_options,
		sw_cli_trails_remove, "sockwarden trails remove partners\nsockwarden trails remove 192.0.2.7 --list own\n"},
	{"trails export", "a list as a text that imports again, with citations", "NAME", 1, 1, NULL, sw_cli_trails_export,
		"sockwarden trails export own > own.txt\n"},
	{"trails stats", "trails by list and kind, their memory, and how long compiling took; country rules and what they counted", "", 0, 0, NULL, sw_cli_trails_stats, NULL},
	{"trails test", "which lines of a file an import would not take, and why (-v: all lines); nothing changes", "FILE", 1, 1,
		NULL, sw_cli_trails_test, "sockwarden trails test blocklist.txt\n"},
	{"trails list", "the lists, their size and age", "", 0, 0, NULL, sw_cli_trails_list, NULL},
	{"trails search", "which lists hold an address, a network, a domain, a URL or another trail; exit 1 when none", "ADDR|CIDR|TEXT", 1, 1, NULL,
		sw_cli_trails_search, "sockwarden trails search 192.0.2.7\n"},
	{"feeds", "the same as feeds list", "", 0, 0, NULL, sw_cli_feeds_list, NULL, "feeds list"},
	{"feeds list", "the lists that are fetched, and those that could be; -o wide with terms and kinds", "", 0, 0, NULL,
		sw_cli_feeds_list, NULL},
	{"feeds update", "fetch one feed now, or all", "[NAME]", 0, 1, feeds_update_options, sw_cli_feeds_update,
		"sockwarden feeds update spamhaus-drop --accept\n"},
	{"feeds enable", "fetch a feed from now on, whatever the configuration says", "NAME", 1, 1, feeds_enable_options,
		sw_cli_feeds_enable, "sockwarden feeds enable spamhaus-drop\nsockwarden feeds enable googlebot --action allow\n"},
	{"feeds disable", "fetch a feed no more, and let its entries go", "NAME", 1, 1, NULL, sw_cli_feeds_disable, NULL},
	{"feeds test", "fetch a feed, or read a file as one, and say what would be done", "NAME [FILE]", 1, 2, NULL,
		sw_cli_feeds_test, "sockwarden feeds test spamhaus-drop\nsockwarden feeds test tor-exits exit-addresses.txt\n"},
	{"feeds add", "fetch a feed that is in no configuration", "NAME URL", 2, 2, feeds_add_options, sw_cli_feeds_add,
		"sockwarden feeds add partners https://lists.example.net/bad.csv --parser csv:address --action observe\n"},
	{"feeds remove", "forget a feed that was added, and let its entries go", "NAME", 1, 1, NULL, sw_cli_feeds_remove, NULL},
	{"rules", "the same as rules list", "", 0, 0, NULL, sw_cli_rules_list, NULL, "rules list"},
	{"rules list", "the rules over logs: on or off, their threshold, their log; -o wide: where each is written", "", 0, 0,
		NULL, sw_cli_rules_list, "sockwarden rules list -o wide\n"},
	{"rules show", "one rule: its expressions, its logs, what it does", "NAME", 1, 1, rules_show_options,
		sw_cli_rules_show, "sockwarden rules show sshd\n"},
	{"rules lint", "what is wrong or doubtful in the rules, or in a file of them, and their samples", "[PACK]", 0, 1, NULL,
		sw_cli_rules_lint, "sockwarden rules lint /etc/sockwarden/rules.d/shop.yaml\n"},
	{"rules test", "what a rule, a file of rules or a filter of fail2ban makes of a log; nothing is banned", "LOG", 1, 1,
		rules_test_options, sw_cli_rules_test,
		"sockwarden rules test --filter /etc/fail2ban/filter.d/sshd.conf /var/log/auth.log\n"
		"sockwarden rules test --filter 'sshd.conf[mode=aggressive]' -o jsonl - < auth.log\n"
		"sockwarden rules test --rule sshd -v /var/log/auth.log\n"
		"sockwarden rules test --source /var/log/auth.log /var/log/auth.log.1\n"},
	{"import", "what another tool's configuration comes to here, line by line; nothing is changed", "TOOL [FILE...]", 1, 33,
		config_import_options, sw_cli_import,
		"sockwarden import portsentry /etc/portsentry/portsentry.conf --mode atcp --mode audp\n"
		"sockwarden import iptables /etc/iptables/rules.v4 --list dropped.txt\n"
		"sockwarden import lsm conf.lsm --write sockwarden.yaml\nsockwarden import maltrail maltrail.conf -j --pretty\n"
		"sockwarden import fail2ban /etc/fail2ban\n"
		"sockwarden import swatch /etc/swatch/*.conf --write /etc/sockwarden/rules.d/swatch.yaml\n", NULL,
		sw_cli_import_help},
	{"arm", "enforce: from now on what is judged bad is dropped", "", 0, 0, arm_options, sw_cli_arm,
		"sockwarden arm --confirm 60s\nsockwarden arm --keep\n"},
	{"off", "stop dropping and judging; works without the daemon too", "", 0, 0, off_options, sw_cli_off,
		"sockwarden off\nsockwarden off --observe\n"},
	{"chain", "the same as chain show", "", 0, 0, NULL, sw_cli_chain_show, NULL, "chain show"},
	{"chain show", "the XDP program of your own that comes after the gate, and on which devices", "", 0, 0, NULL,
		sw_cli_chain_show, "sockwarden chain show\n"},
	{"chain set", "hand what the gate passes at XDP to a program of your own, by its pin", "PIN", 1, 1, NULL,
		sw_cli_chain_set, "bpftool prog load mine.bpf.o /sys/fs/bpf/mine && sockwarden chain set /sys/fs/bpf/mine\n"},
	{"chain clear", "hand on to no program any more", "", 0, 0, NULL, sw_cli_chain_clear, NULL},
	{"doctor", "is this host fit for it: each answer with its fix", "", 0, 0, doctor_options, sw_cli_doctor,
		"sockwarden doctor\nsockwarden doctor --plan eth0\n"},
	{"replay", "what a capture holds: listed addresses, names and requests, scans; exit 1 when there is any", "FILE", 1, 1,
		replay_options, sw_cli_replay, "sockwarden replay dump.pcap --trails trails/\nsockwarden replay dump.pcapng -o jsonl\n"},
	{"config check", "read the configuration and tell its errors; the daemon is not asked", "[FILE]", 0, 1, NULL,
		sw_cli_config_check, "sockwarden config check /etc/sockwarden/sockwarden.yaml\n"},
	{"config explain", "what a setting or a section is", "KEY", 0, 1, NULL, sw_cli_config_explain,
		"sockwarden config explain bans.length\n"},
	{"config show", "every setting as the configuration gives it", "[FILE]", 0, 1, NULL, sw_cli_config_show, NULL},
	{"config schema", "the JSON Schema of the configuration", "", 0, 0, NULL, sw_cli_config_schema, NULL},
	{"config default", "the default configuration file", "", 0, 0, NULL, sw_cli_config_default,
		"sockwarden config default > /etc/sockwarden/sockwarden.yaml\n"},
	{"web", "a link to the page, good once and for ten minutes", "", 0, 0, NULL, sw_cli_web, "sockwarden web\n"},
	{"completion", "a shell's completions", "bash|zsh|fish", 1, 1, NULL, sw_cli_completion,
		"sockwarden completion bash > /etc/bash_completion.d/sockwarden\n"},
	{"version", "the version", "", 0, 0, NULL, sw_cli_version, NULL},
	{"help", "all commands, or one", "[COMMAND]", 0, 3, NULL, sw_cli_help, NULL},
	{},
};
/* clang-format on */

/* True when the command's name begins with, or is, the words; *ret_used words of the name. */
static bool is_named(const char *name, int n, char **words, int *ret_used)
{
	int used = 0;

	while (*name) {
		size_t len = strcspn(name, " ");

		if (used >= n || strlen(words[used]) != len || strncmp(words[used], name, len))
			return false;
		used++;
		name += len + (name[len] == ' ');
	}
	*ret_used = used;
	return true;
}

const struct sw_cli_command *sw_cli_find(int n, char **words, int *ret_used)
{
	const struct sw_cli_command *best = NULL;
	int used, most = 0;

	for (const struct sw_cli_command *cmd = sw_cli_commands; cmd->name; cmd++) {
		if (is_named(cmd->name, n, words, &used) && used > most) {
			best = cmd;
			most = used;
		}
	}
	*ret_used = most;
	return best;
}

bool sw_cli_is_below(const struct sw_cli_command *cmd, const char *group)
{
	size_t len = strlen(group);

	return !strncmp(cmd->name, group, len) && cmd->name[len] == ' ';
}

bool sw_cli_has_below(const char *group)
{
	for (const struct sw_cli_command *cmd = sw_cli_commands; cmd->name; cmd++) {
		if (sw_cli_is_below(cmd, group))
			return true;
	}
	return false;
}

const char *sw_cli_nearest(const char *typed)
{
	const char *names[SW_ARRAY_SIZE(sw_cli_commands)];
	size_t n = 0;

	while (sw_cli_commands[n].name) {
		names[n] = sw_cli_commands[n].name;
		n++;
	}
	return sw_nearest(typed, names, n);
}
