// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/conf/schema.h"

#include <inttypes.h>

#include "sockwarden/abi/gate.h"
#include "sockwarden/model/finding.h"
#include "sockwarden/rpc/guard.h"
#include "sockwarden/rpc/rules.h"
#include "user/base/clock.h"

enum {
	HOUR = 3600,
	DAY = 24 * HOUR,
	YEAR = 366 * DAY,
	FIRST_LOG_LEVEL = 3, /* enum sw_log_level begins with errors */
	KEY_PARTS_MAX = 64,
};

static const char *const mode_words[] = {"observe", "enforce"};
static const char *const on_exit_words[] = {"keep", "remove"};
static const char *const level_words[] = {"error", "warning", "notice", "info", "debug"};
static const char *const hook_words[] = {"auto", "native", "tcx", "generic", "dispatcher"};
static const char *const egress_words[] = {"drop", "observe", "off"};
static const char *const firsts_words[] = {"off", "alert"};
static const char *const unix_words[] = {"off", "system", "all"};
static const char *const engine_words[] = {"lpm", "packed"};
static const char *const action_words[] = {"observe", "drop", "except", "tag"};
static const char *const feed_action_words[] = {"observe", "drop", "except", "tag", [SW_FEED_ALLOW] = "allow"};
static const char *const decoy_tcp_words[] = {"off", "listed", "unused", "below"};
static const char *const decoy_preset_words[] = {"none", "portsentry"};
static const char *const decoy_action_words[] = {"alert", "ban"};
static const char *const rule_state_words[] = {"auto", "on", "off"};
static const char *const rule_action_words[] = {"observe", "alert", "ban"};
static const char *const own_state_words[] = {"same", "auto", "on", "off"};
static const char *const own_action_words[] = {"same", "observe", "alert", "ban"};
static const char *const backend_words[] = {"xdp", "nftables", "hosts.deny", "exec"};
static const char *const format_words[] = {"plain", "nginx", "hosts.deny"};
static const char *const sock_action_words[] = {"allow", "observe", "deny"};
static const char *const geo_direction_words[] = {"in", "out"};
static const char *const geo_action_words[] = {"drop", "observe", "allow-only"};
static const char *const sock_then_words[] = {"nothing", "freeze", "kill", "isolate"};
static const char *const sock_protocol_words[] = {"any", "tcp", "udp", "raw", "packet"};
static const char *const severity_words[] = {
#define SEVERITY_WORD(id, word) word,
	SW_SEVERITIES(SEVERITY_WORD)
#undef SEVERITY_WORD
};
/* RFC 5424, table 1, in its order. */
static const char *const facility_words[] = {"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp",
	"cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
	"local5", "local6", "local7"};

#define WORDS(array, first_) &(const struct sw_conf_words){array, SW_ARRAY_SIZE(array), first_}
#define AT(member)	     offsetof(struct sw_config, member), sizeof(((struct sw_config *)0)->member)
#define AT_FEED(member)	     offsetof(struct sw_config_feed, member), sizeof(((struct sw_config_feed *)0)->member)
#define AT_BANNER(member)    offsetof(struct sw_config_banner, member), sizeof(((struct sw_config_banner *)0)->member)
#define AT_RULE(member)	     offsetof(struct sw_config_rule, member), sizeof(((struct sw_config_rule *)0)->member)
#define AT_HABIT(member)     offsetof(struct sw_config_habit, member), sizeof(((struct sw_config_habit *)0)->member)
#define AT_ACTION(member)    offsetof(struct sw_config_action, member), sizeof(((struct sw_config_action *)0)->member)
#define AT_SOCK(member)	     offsetof(struct sw_config_sock_rule, member), sizeof(((struct sw_config_sock_rule *)0)->member)
#define AT_GEO(member)	     offsetof(struct sw_config_geo_rule, member), sizeof(((struct sw_config_geo_rule *)0)->member)
#define AT_IFACE(member)     offsetof(struct sw_config_iface, member), sizeof(((struct sw_config_iface *)0)->member)

/* clang-format off */
const struct sw_conf_row sw_conf_rows[] = {
	{"mode", SW_CONF_WORD, AT(mode), "observe", 0, 0, WORDS(mode_words, SW_MODE_OBSERVE),
		"What to do at start with what is judged bad: observe tells of it, enforce drops it."},
	{"on_exit", SW_CONF_WORD, AT(on_exit), "keep", 0, 0, WORDS(on_exit_words, SW_ON_EXIT_KEEP),
		"When the daemon is stopped, keep bans and trails in force in the kernel, or remove them."},
	{"log_level", SW_CONF_WORD, AT(log_level), "info", 0, 0, WORDS(level_words, FIRST_LOG_LEVEL),
		"The daemon's own log tells of this and what is worse."},
	{"hook", SW_CONF_WORD, AT(hook), "auto", 0, 0, WORDS(hook_words, SW_HOOK_AUTO),
		"Where packets are judged on a device that says nothing else; auto takes native XDP where the driver keeps its offloads, else tcx; "
		"dispatcher is native XDP beside other programs, by xdp-loader."},
	{"egress", SW_CONF_WORD, AT(egress), "drop", 0, 0, WORDS(egress_words, SW_EGRESS_DROP),
		"What this host's own processes send to listed and banned addresses: drop refuses it when enforcing, observe tells of it."},
	{"interfaces", SW_CONF_IFACES, AT(ifaces), NULL, 0, SW_CONFIG_IFACES_MAX, NULL,
		"Devices to protect, by name or pattern; none given means those that hold a default route.",
		"- eth0\n- pattern: \"wg*\"\n  hook: tcx\n"},
	{"allow", SW_CONF_NETS, AT(allow), NULL, 0, SW_CONFIG_ALLOW_MAX, NULL,
		"Addresses and networks that are never dropped, whatever bans and trails say.",
		"- 192.0.2.10\n- 2001:db8:1::/48\n"},

	{"trusted_proxies", SW_CONF_PROXIES, AT(trusted_proxies), NULL, 0, SW_CONFIG_PROXIES_MAX, NULL,
		"Proxies and gateways that many clients come through: never banned and never dropped, and only of them a forwarded header is believed.",
		"- 192.0.2.80\n- 2001:db8:80::/48\n"},

	{"bans.length", SW_CONF_DURATION, AT(ban_default_sec), "24h", 0, 10ull * YEAR, NULL,
		"How long a ban lasts when nothing else is said."},
	{"bans.widest_ipv4", SW_CONF_U32, AT(ban_min_plen4), "16", 1, 32, NULL,
		"Shortest IPv4 prefix that may be banned without the word --wide."},
	{"bans.widest_ipv6", SW_CONF_U32, AT(ban_min_plen6), "32", 1, 128, NULL,
		"Shortest IPv6 prefix that may be banned without the word --wide."},
	{"bans.per_minute", SW_CONF_U32, AT(ban_max_per_minute), "1000", 1, 1000000, NULL,
		"Automatic bans in one minute; beyond it they are refused and an alarm is raised."},
	{"bans.total", SW_CONF_U32, AT(ban_max_total), "200000", 1, SW_MAX_BANS, NULL,
		"Bans at one time; beyond it new ones are refused and an alarm is raised."},
	{"bans.backends", SW_CONF_FLAGS, AT(ban_backends), NULL, 0, SW_BACKEND_COUNT, WORDS(backend_words, SW_BACKEND_XDP),
		"Where bans are put in force: xdp, which is always there and, when none is given, all that is used while every device can have the packet program; beside it nftables, for devices without the packet program, forwarded and outgoing traffic; hosts.deny, for services with TCP wrappers; exec, the commands and files of 'actions'.",
		"- xdp\n- nftables\n"},
	{"bans.hosts_deny_file", SW_CONF_PATH, AT(hosts_deny_file), "/etc/hosts.deny", 0, 0, NULL,
		"The file in which the backend hosts.deny keeps a marked block; its other lines are left as they are."},
	{"bans.cut_open", SW_CONF_BOOL, AT(ban_cut_open), "false", 0, 0, NULL,
		"When enforcing, a ban also ends the TCP connections of the banned that are open, here and in containers; a decoy's tarpit lets go of him as well."},
	{"bans.trail_sources", SW_CONF_BOOL, AT(ban_trail_hits), "false", 0, 0, NULL,
		"Ban a source that a dropping trail lists for bans.length when it is first seen."},
	{"bans.ipv6_prefix", SW_CONF_U32, AT(ban_ipv6_plen), "64", 32, 128, NULL,
		"IPv6 addresses of rules are counted and banned as networks of this length: one customer has a /64."},
	{"bans.unproven", SW_CONF_BOOL, AT(ban_unproven), "false", 0, 0, NULL,
		"Ban for ten minutes where a rule's lines prove no handshake (UDP); anybody can forge the source and so have others banned."},
	{"bans.remember", SW_CONF_DURATION, AT(ban_remember_sec), "30d", 60, 10ull * YEAR, NULL,
		"How long an ended ban makes the next one of the same rule longer, where the rule says 'increment'."},
	{"bans.recidive.count", SW_CONF_U32, AT(recidive_count), "5", 0, 1000, NULL,
		"Bans by rules within bans.recidive.window after which an address is banned for bans.recidive.length; 0 for never."},
	{"bans.recidive.window", SW_CONF_DURATION, AT(recidive_window_sec), "24h", 60, 10ull * YEAR, NULL,
		"The time in which they are counted."},
	{"bans.recidive.length", SW_CONF_DURATION, AT(recidive_sec), "7d", 0, 10ull * YEAR, NULL, "How long that ban lasts."},
	{"bans.aggregate.count", SW_CONF_U32, AT(aggregate_count), "0", 0, 1000, NULL,
		"Addresses of one network banned by rules within bans.aggregate.window after which the network is banned; 0 for never, else at least 2."},
	{"bans.aggregate.window", SW_CONF_DURATION, AT(aggregate_window_sec), "1h", 60, YEAR, NULL,
		"The time in which they are counted."},
	{"bans.aggregate.ipv4", SW_CONF_U32, AT(aggregate_plen4), "24", 8, 31, NULL,
		"Prefix of that network; bans.widest_ipv4 is kept all the same."},
	{"bans.aggregate.ipv6", SW_CONF_U32, AT(aggregate_plen6), "48", 16, 127, NULL, "The same for IPv6."},

	{"actions", SW_CONF_ACTIONS, AT(actions), NULL, 0, SW_CONFIG_ACTIONS_MAX, NULL,
		"What the backend exec runs and keeps, by name: commands, never by a shell, and a file of the bans. Words of commands may be <ip>, <net>, <family>, <id> and <for> (seconds, 0 for ever).",
		"- name: router\n  user: netops\n  ban: /usr/local/bin/router-block <net>\n  unban: /usr/local/bin/router-unblock <net>\n- name: nginx\n  user: root\n  file: /etc/nginx/sockwarden-deny.conf\n  format: nginx\n  reload: /usr/sbin/nginx -s reload\n"},

	{"crowdsec.url", SW_CONF_HOOK, AT(crowdsec_url), "", 0, 0, NULL,
		"CrowdSec's local API whose bans are ours too, such as http://127.0.0.1:8080; https, or http to this host itself; empty means none."},
	{"crowdsec.key_file", SW_CONF_PATH, AT(crowdsec_key_file), "", 0, 0, NULL,
		"File that holds the key of 'cscli bouncers add' in its first line; read for each question."},
	{"crowdsec.ca_file", SW_CONF_PATH, AT(crowdsec_ca_file), "", 0, 0, NULL,
		"Certificates that the API's is checked against; empty means the system's."},
	{"crowdsec.interval", SW_CONF_DURATION, AT(crowdsec_interval_sec), "10s", 1, DAY, NULL,
		"How often it is asked for what has changed."},
	{"crowdsec.scopes", SW_CONF_TEXT, AT(crowdsec_scopes), "ip,range", 0, 0, NULL,
		"Scopes of decisions that are asked for, with commas between; other scopes than these two are counted and left."},
	{"crowdsec.origins", SW_CONF_TEXT, AT(crowdsec_origins), "", 0, 0, NULL,
		"Origins that are asked for, such as crowdsec,cscli; empty means all."},
	{"crowdsec.scenarios_containing", SW_CONF_TEXT, AT(crowdsec_containing), "", 0, 0, NULL,
		"Only decisions whose scenario contains one of these words, with commas between; empty means all."},
	{"crowdsec.scenarios_not_containing", SW_CONF_TEXT, AT(crowdsec_not_containing), "", 0, 0, NULL,
		"No decisions whose scenario contains one of these words."},
	{"crowdsec.machine", SW_CONF_TEXT, AT(crowdsec_machine), "", 0, 0, NULL,
		"Name of 'cscli machines add', under which the bans that this host decides itself are reported as alerts; empty means none is."},
	{"crowdsec.machine_password_file", SW_CONF_PATH, AT(crowdsec_machine_password_file), "", 0, 0, NULL,
		"File that holds its password in its first line; read for each login."},

	{"events.rate", SW_CONF_U32, AT(event_rate), "1", 0, 100000, NULL,
		"Packet events told for one source per second; what comes beyond is told as a sum."},
	{"events.burst", SW_CONF_U32, AT(event_burst), "5", 1, 100000, NULL,
		"Packet events told for one source at once."},
	{"events.memory", SW_CONF_U32, AT(event_memory), "10000", 100, 1000000, NULL,
		"Events kept in memory for 'sockwarden events' and the page."},

	{"store.max_size", SW_CONF_SIZE_MB, AT(store_max_mb), "1G", 16, 1048576, NULL,
		"Size the database may reach; the oldest history is deleted before it is passed."},

	{"trails.files", SW_CONF_PATHS, AT(trail_files), NULL, 0, SW_CONFIG_FILES_MAX, NULL,
		"Files of addresses and networks, one a line, that are read at start as dropping trails.",
		"- /etc/sockwarden/trails/partners.txt\n"},
	{"trails.directories", SW_CONF_PATHS, AT(trail_dirs), NULL, 0, SW_CONFIG_DIRS_MAX, NULL,
		"Directories of static trails of every kind, read at start and when they change; none given means trails.d beside the configuration.",
		"- /etc/sockwarden/trails.d\n"},
	{"trails.directories_action", SW_CONF_WORD, AT(trail_dirs_action), "observe", 0, 0, WORDS(action_words, SW_TRAIL_OBSERVE),
		"What their addresses and networks are for: observe tells of packets, drop drops them when enforcing, tag marks them then, except excepts from other lists."},
	{"trails.tag_mark", SW_CONF_MARK, AT(trail_mark), "0x5b000000/0xff000000", 0, 0, NULL,
		"The mark that packets get from lists whose action is tag, when enforcing, as VALUE/MASK: nftables, iptables, ip rule and tc can act on it."},
	{"trails.engine", SW_CONF_WORD, AT(trail_engine), "packed", 0, 0, WORDS(engine_words, SW_ENGINE_LPM),
		"How trails are looked up: packed is faster and smaller, lpm are the kernel's own tries, taken too where packed is refused."},
	{"trails.max_entries", SW_CONF_U64, AT(trail_max_entries), "4000000", 1, SW_MAX_TRAILS4 + SW_MAX_TRAILS6, NULL,
		"Entries that all lists may have together."},
	{"trails.widest_ipv4", SW_CONF_U32, AT(trail_min_plen4), "8", 1, 32, NULL,
		"A list with an IPv4 network wider than this prefix is absurd and refused."},
	{"trails.widest_ipv6", SW_CONF_U32, AT(trail_min_plen6), "16", 1, 128, NULL,
		"A list with an IPv6 network wider than this prefix is absurd and refused."},

	{"countries.file", SW_CONF_PATH, AT(country_file), "", 0, 0, NULL,
		"A database of countries in the MaxMind DB form (.mmdb), which you bring; read at start and when it changes."},
	{"countries.asn_file", SW_CONF_PATH, AT(country_asn_file), "", 0, 0, NULL,
		"The same of autonomous systems."},
	{"countries.drop", SW_CONF_COUNTRIES, AT(country_drop), NULL, 0, SW_CONFIG_CODES_MAX, NULL,
		"Countries whose networks are dropped when enforcing, as lists country:CODE.",
		"- KP\n"},
	{"countries.observe", SW_CONF_COUNTRIES, AT(country_observe), NULL, 0, SW_CONFIG_CODES_MAX, NULL,
		"Countries whose packets are told of.",
		"- AQ\n"},
	{"countries.drop_asn", SW_CONF_ASNS, AT(asn_drop), NULL, 0, SW_CONFIG_CODES_MAX, NULL,
		"Autonomous systems whose networks are dropped when enforcing, as lists asn:NUMBER.",
		"- 64500\n"},
	{"countries.observe_asn", SW_CONF_ASNS, AT(asn_observe), NULL, 0, SW_CONFIG_CODES_MAX, NULL,
		"Autonomous systems whose packets are told of.",
		"- 64501\n"},
	{"countries.rules", SW_CONF_GEO_RULES, AT(geo_rules), NULL, 0, SW_CONFIG_GEO_RULES_MAX, NULL,
		"What countries and systems may reach, by port and direction; a rule that drops decides.",
		"- {countries: [NO, SE], ports: tcp/22, action: allow-only}\n- {countries: [KP], systems: [64500], ports: [tcp/1-1023, udp/53]}\n"},

	{"feeds", SW_CONF_FEEDS, AT(feeds), NULL, 0, SW_CONFIG_FEEDS_MAX, NULL,
		"Lists of addresses and networks that are fetched by HTTPS on a schedule.",
		"- name: spamhaus-drop\n- name: blocklist\n  url: https://lists.example.net/addresses.txt\n  refresh: 12h\n  action: drop\n"},

	{"alerts.mail.to", SW_CONF_TEXT, AT(mail_to), "", 0, 0, NULL,
		"Who gets mail about findings and alarms; empty means no mail is sent."},
	{"alerts.mail.from", SW_CONF_TEXT, AT(mail_from), "", 0, 0, NULL,
		"Sender of the mail; empty means sockwarden at the host's name."},
	{"alerts.mail.subject", SW_CONF_TEXT, AT(mail_subject), "[sockwarden] %h: %t", 0, 0, NULL,
		"Subject of the mail; %h is the host's name, %t the title."},
	{"alerts.mail.throttle", SW_CONF_DURATION, AT(mail_throttle_sec), "5m", 1, 7ull * DAY, NULL,
		"At most one mail in this time; what comes meanwhile goes into one table."},
	{"alerts.mail.min_severity", SW_CONF_WORD, AT(mail_min_severity), "medium", 0, 0, WORDS(severity_words, 0),
		"Mail tells of findings of this severity and worse."},
	{"alerts.mail.sendmail", SW_CONF_PATH, AT(sendmail_path), "/usr/sbin/sendmail", 0, 0, NULL,
		"The program that takes mail where no SMTP server is set."},
	{"alerts.mail.whois", SW_CONF_BOOL, AT(mail_whois), "false", 0, 0, NULL,
		"Ask the whois program whose the addresses in a mail are, the five most severe at most; never for private addresses and those on the allow list."},
	{"alerts.mail.whois_program", SW_CONF_PATH, AT(whois_path), "/usr/bin/whois", 0, 0, NULL,
		"The whois program; it gets the address as its only argument."},
	{"alerts.mail.smtp.url", SW_CONF_SMTP, AT(smtp_url), "", 0, 0, NULL,
		"Mail server as smtp://HOST:PORT or smtps://HOST:PORT; empty means the sendmail program."},
	{"alerts.mail.smtp.ca_file", SW_CONF_PATH, AT(smtp_ca_file), "", 0, 0, NULL,
		"Certificates that the mail server's is checked against; empty means the system's."},
	{"alerts.mail.smtp.user", SW_CONF_TEXT, AT(smtp_user), "", 0, 0, NULL,
		"Name to log in to the mail server with; empty means no login."},
	{"alerts.mail.smtp.password_file", SW_CONF_PATH, AT(smtp_password_file), "", 0, 0, NULL,
		"File that holds the password of that login in its first line."},

	{"alerts.webhook.url", SW_CONF_HOOK, AT(webhook_url), "", 0, 0, NULL,
		"Where findings and alarms are posted as JSON; https, or http to this host itself; empty means nowhere."},
	{"alerts.webhook.min_severity", SW_CONF_WORD, AT(webhook_min_severity), "medium", 0, 0, WORDS(severity_words, 0),
		"Findings of this severity and worse are posted."},
	{"alerts.webhook.throttle", SW_CONF_DURATION, AT(webhook_throttle_sec), "1m", 1, 7ull * DAY, NULL,
		"At most one post in this time; what comes meanwhile goes into the next one."},
	{"alerts.webhook.ca_file", SW_CONF_PATH, AT(webhook_ca_file), "", 0, 0, NULL,
		"Certificates that the server's is checked against; empty means the system's."},
	{"alerts.webhook.header_file", SW_CONF_PATH, AT(webhook_header_file), "", 0, 0, NULL,
		"File of headers to send, one a line, such as Authorization: Bearer KEY; read for each post."},
	{"alerts.webhook.template", SW_CONF_TEXT, AT(webhook_template), "", 0, 0, NULL,
		"What is posted instead of the whole document (%j); %h is the host's name, %t the title, %s the severity, %n how many."},

	{"alerts.syslog.enabled", SW_CONF_BOOL, AT(syslog_enabled), "true", 0, 0, NULL,
		"Tell the system log of findings."},
	{"alerts.syslog.min_severity", SW_CONF_WORD, AT(syslog_min_severity), "low", 0, 0, WORDS(severity_words, 0),
		"The system log is told of findings of this severity and worse."},
	{"alerts.syslog.facility", SW_CONF_WORD, AT(syslog_facility), "daemon", 0, 0, WORDS(facility_words, 0),
		"The facility of these lines."},

	{"alerts.command.run", SW_CONF_COMMAND, AT(command_run), "", 0, 0, NULL,
		"A program that is run for findings and alarms, without a shell, the document of the webhook on its standard input; empty means none."},
	{"alerts.command.min_severity", SW_CONF_WORD, AT(command_min_severity), "medium", 0, 0, WORDS(severity_words, 0),
		"It is run for findings of this severity and worse."},
	{"alerts.command.throttle", SW_CONF_DURATION, AT(command_throttle_sec), "1m", 1, 7ull * DAY, NULL,
		"At most one run in this time; what comes meanwhile goes into the next one."},
	{"alerts.command.timeout", SW_CONF_DURATION, AT(command_timeout_sec), "30s", 1, 120, NULL,
		"A run that takes longer is ended, and has failed."},

	{"alerts.quiet.hours", SW_CONF_HOURS, AT(quiet_hours), "", 0, 0, NULL,
		"Days and hours, in local time, in which mail, webhook and command wait; what came is one message when they end."},
	{"alerts.quiet.min_severity", SW_CONF_WORD, AT(quiet_min_severity), "critical", 0, 0, WORDS(severity_words, 0),
		"Findings of this severity and worse go out in quiet hours too."},

	{"alerts.report.schedule", SW_CONF_CALENDAR, AT(report_schedule), "", 0, 0, NULL,
		"When a report is mailed: how sockets differ from the baseline, and bans, findings and losses since the last one; empty means never."},
	{"alerts.report.unchanged", SW_CONF_BOOL, AT(report_unchanged), "false", 0, 0, NULL,
		"Mail it even when nothing has changed since the last one."},

	{"web.enabled", SW_CONF_BOOL, AT(web_enabled), "true", 0, 0, NULL,
		"Serve the page, /healthz, /readyz and /metrics."},
	{"web.address", SW_CONF_ADDRESS, AT(web_address), "127.0.0.1", 0, 0, NULL,
		"Address the page is served on; keep it on loopback unless something with TLS stands in front."},
	{"web.port", SW_CONF_U32, AT(web_port), "8338", 0, 65535, NULL,
		"Port of the page; 0 takes a free one, which 'sockwarden web' tells."},

	{"sockets.alert_new_listeners", SW_CONF_BOOL, AT(alert_new_listeners), "true", 0, 0, NULL,
		"A listening socket that the baseline does not hold is a finding."},
	{"sockets.alert_gone_listeners", SW_CONF_BOOL, AT(alert_gone_listeners), "false", 0, 0, NULL,
		"A listening socket of the baseline that is gone is a finding."},
	{"sockets.unix", SW_CONF_WORD, AT(unix_alerts), "system", 0, 0, WORDS(unix_words, SW_UNIX_OFF),
		"Which UNIX sockets these two are told of: system leaves out those of people (users 1000 to 59999) and of sockets.unix_quiet; lists, baselines and differences hold all."},
	{"sockets.unix_quiet", SW_CONF_TEXT, AT(unix_quiet), "/run/user/* /tmp/* /var/tmp/*", 0, 0, NULL,
		"Patterns of paths, by blanks, whose sockets are a session's and not told with system; an abstract name is compared without its '@'."},
	{"sockets.unix_per_minute", SW_CONF_U32, AT(unix_per_minute), "10", 1, 100000, NULL,
		"Findings about UNIX sockets in one minute; all of one program and user are one finding, and what is beyond is counted and told as a sum."},
	{"sockets.unix_directories", SW_CONF_TEXT, AT(unix_directories), "/run", 0, 0, NULL,
		"Directories, by blanks, that are watched with those below them for new UNIX sockets where no hook of the kernel tells of them."},
	{"sockets.first_destinations", SW_CONF_WORD, AT(first_destinations), "off", 0, 0, WORDS(firsts_words, SW_FIRSTS_OFF),
		"Remember which address, port and protocol each program connects to, by its file and container; alert makes one that is new a finding."},
	{"sockets.first_destinations_learn", SW_CONF_DURATION, AT(first_learn_sec), "1d", 1, 365ull * DAY, NULL,
		"How long destinations are only learnt, from when they are first remembered."},

	{"inspect.dns", SW_CONF_BOOL, AT(inspect_dns), "true", 0, 0, NULL,
		"Look at the names in what this host's sockets ask and hear on port 53."},
	{"inspect.http", SW_CONF_BOOL, AT(inspect_http), "true", 0, 0, NULL,
		"Look at the requests that this host's sockets send and get, each as far as three segments and 4 KiB."},
	{"inspect.tls", SW_CONF_BOOL, AT(inspect_tls), "true", 0, 0, NULL,
		"Look at how TLS connections begin: server name, fingerprints, certificate."},
	{"inspect.quic", SW_CONF_BOOL, AT(inspect_quic), "true", 0, 0, NULL,
		"Look at how QUIC connections begin: server name and fingerprint."},
	{"inspect.ban", SW_CONF_BOOL, AT(inspect_ban), "false", 0, 0, NULL,
		"Ban who sends an attack, a listed request or a scanner's user agent to a service of this host over a TCP connection."},
	{"inspect.ban_for", SW_CONF_DURATION, AT(inspect_ban_sec), "24h", 0, 10ull * YEAR, NULL,
		"How long such a ban lasts; 0 is for ever."},
	{"inspect.cut", SW_CONF_BOOL, AT(inspect_cut), "true", 0, 0, NULL,
		"When enforcing, end the connection in which a process here sends a server name, host, URL, user agent or fingerprint that a dropping list holds, is shown such a certificate, or asks for such a domain."},
	{"inspect.refuse_seconds", SW_CONF_U32, AT(inspect_refuse_sec), "0", 0, 86400, NULL,
		"After such a cut, refuse new connections of this host to that address and port for so long; 0 for not at all, because many names may share one address."},

	{"sensor.interfaces", SW_CONF_TEXT, AT(sensor_ifaces), "", 0, 0, NULL,
		"Devices that a switch mirrors traffic to, names with blanks between, at most four: all that they show is looked into, tunnels included."},

	{"decoys.tcp", SW_CONF_WORD, AT(decoy_tcp), "off", 0, 0, WORDS(decoy_tcp_words, SW_DECOY_TCP_OFF),
		"TCP ports that are answered though nobody serves them: none, those of decoys.tcp_ports, all that nobody listens on, or those of them below decoys.below."},
	{"decoys.preset", SW_CONF_WORD, AT(decoy_preset), "none", 0, 0, WORDS(decoy_preset_words, SW_DECOY_PRESET_NONE),
		"Add PortSentry's classic ports to decoys.tcp_ports and decoys.udp_ports; with decoys.tcp off they are the listed ones."},
	{"decoys.tcp_ports", SW_CONF_PORTS, AT(decoy_tcp_ports), NULL, 0, SW_CONFIG_PORTS_MAX, NULL,
		"The TCP ports of decoys.tcp: listed; a port that a service listens on is left to it, whenever it comes.",
		"- 23\n- 6000-6063\n"},
	{"decoys.below", SW_CONF_U32, AT(decoy_below), "1024", 1, 65536, NULL,
		"With decoys.tcp: below, every TCP port below this one that nobody listens on."},
	{"decoys.udp_ports", SW_CONF_PORTS, AT(decoy_udp_ports), NULL, 0, SW_CONFIG_PORTS_MAX, NULL,
		"UDP ports that are listened on where nobody does; those the kernel gives to clients (ip_local_port_range) are left out.",
		"- 161\n- 1900\n"},
	{"decoys.cookie_ports", SW_CONF_PORTS, AT(decoy_cookie_ports), NULL, 0, SW_CONFIG_PORTS_MAX, NULL,
		"TCP ports that XDP itself answers, with a SYN cookie and no socket, where the gate is at XDP: for floods that no listener would survive. A port that a service listens on is left to it.",
		"- 23\n- 445\n"},
	{"decoys.cookie_rate", SW_CONF_U32, AT(decoy_cookie_rate), "20000", 1, 10000000, NULL,
		"So many answers in a second each CPU gives for decoys.cookie_ports; what is over goes to the kernel."},
	{"decoys.cookie_net_rate", SW_CONF_U32, AT(decoy_cookie_net_rate), "100", 1, 10000000, NULL,
		"So many of them go to one IPv4 /24 or IPv6 /48: a forged source is sent no flood."},
	{"decoys.action", SW_CONF_WORD, AT(decoy_action), "alert", 0, 0, WORDS(decoy_action_words, SW_DECOY_ALERT),
		"What a completed connection to a decoy is for: a finding, or a ban of its source at once as well."},
	{"decoys.ban_for", SW_CONF_DURATION, AT(decoy_ban_sec), "24h", 0, 10ull * YEAR, NULL,
		"How long such a ban lasts."},
	{"decoys.trigger", SW_CONF_U32, AT(decoy_trigger), "0", 0, 1000, NULL,
		"With decoys.action: ban, so many touches of one source are forgiven; the next one bans."},
	{"decoys.udp_bans", SW_CONF_BOOL, AT(decoy_udp_bans), "false", 0, 0, NULL,
		"With decoys.action: ban, ban for a datagram too; anybody can forge its source and so have others banned."},
	{"decoys.tarpit", SW_CONF_BOOL, AT(decoy_tarpit), "false", 0, 0, NULL,
		"Hold connections to a decoy open for up to an hour and answer nothing, instead of closing them."},
	{"decoys.banner", SW_CONF_BANNERS, AT(decoy_banners), NULL, 0, SW_CONFIG_BANNERS_MAX, NULL,
		"The line that a TCP decoy says first, by port.",
		"- port: 22\n  text: SSH-2.0-OpenSSH_9.2p1\n"},
	{"decoys.attackalert", SW_CONF_BOOL, AT(decoy_attackalert), "false", 0, 0, NULL,
		"Write PortSentry's attackalert: lines to the system log as well, for tools that read them."},

	{"rules.journal_files", SW_CONF_TEXT, AT(journal_files), "{/run,/var}/log/journal/*/*.journal", 0, 0, NULL,
		"The journal's files, as a pattern of the shell, for rules that read it; empty means that it is not read."},
	{"rules.enabled", SW_CONF_WORD, AT(rules_state), "auto", 0, 0, WORDS(rule_state_words, SW_RULE_AUTO),
		"Packaged rules over logs: auto turns those on whose log exists, off leaves only those that rules.set turns on."},
	{"rules.action", SW_CONF_WORD, AT(rules_action), "ban", 0, 0, WORDS(rule_action_words, SW_LOG_OBSERVE),
		"The most that a rule may do: tell whom it would ban (a dry run), tell of it, or ban as well (in force only while enforcing)."},
	{"rules.fail2ban", SW_CONF_PATH, AT(rules_fail2ban), "", 0, 0, NULL,
		"Directory of fail2ban's configuration (/etc/fail2ban) whose enabled jails are rules too; empty means none."},
	{"rules.set", SW_CONF_RULES, AT(rules), NULL, 0, SW_CONFIG_RULES_MAX, NULL,
		"What is other than the rule itself says, by the name that 'sockwarden rules list' shows.",
		"- name: sshd\n  threshold: 3 in 10m\n  ban_for: 48h\n- name: nginx-noise\n  action: observe\n- name: apache\n  enabled: off\n"},
	{"detect.scan_action", SW_CONF_WORD, AT(scan_action), "alert", 0, 0, WORDS(decoy_action_words, SW_DECOY_ALERT),
		"What a scan is for: a finding, or a short ban of its source as well; a scan's source can be forged, a decoy's cannot."},
	{"detect.scan_ban_for", SW_CONF_DURATION, AT(scan_ban_sec), "10m", 1, DAY, NULL,
		"How long such a ban lasts."},
	{"detect.dns_zones", SW_CONF_TEXT, AT(dns_zones), "", 0, 0, NULL,
		"Domains below which long and many names are everyday's, names with blanks between: the DNS rules leave them alone."},
#define HABIT_ROW(id, word, kind, severity, on, threshold, most, window, unit, sentence)            \
	{"detect." word, SW_CONF_HABIT, AT(detect[SW_RULE_##id - SW_RULE_HABITS]),                   \
		"{enabled: " #on ", threshold: " #threshold ", window: " #window ", allow: []}", 1, most, NULL, sentence},
	SW_HABIT_RULES(HABIT_ROW)
#undef HABIT_ROW
	{"policy.default", SW_CONF_WORD, AT(policy_default), "allow", 0, 0, WORDS(sock_action_words, SW_SOCK_ALLOW),
		"What holds for a socket that no rule names, where its list has rules: observe makes it a finding, deny refuses it too, while enforcing."},
	{"policy.then", SW_CONF_WORD, AT(policy_then), "nothing", 0, 0, WORDS(sock_then_words, SW_SOCK_THEN_NOTHING),
		"What is done with the process, or its container, that was refused by policy.default: deny."},
	{"policy.listen", SW_CONF_SOCK_RULES, AT(policy_listen), NULL, 0, SW_CONFIG_SOCK_RULES_MAX, NULL,
		"Who may listen on which ports; the first rule that names a listener decides, and what is left out names everything.",
		"- executable: /usr/sbin/sshd\n  user: root\n  ports: \"22\"\n- executable: /usr/sbin/nginx\n  ports: 80, 443, 8000-8100\n- user: www-data\n  action: observe\n"},
	{"policy.connect", SW_CONF_SOCK_RULES, AT(policy_connect), NULL, 0, SW_CONFIG_SOCK_RULES_MAX, NULL,
		"Who may connect where, in the same words; networks are the peer's.",
		"- executable: /usr/lib/apt/*\n  ports: 80, 443\n- user: postgres\n  networks: 192.0.2.0/24, 2001:db8::/32\n"},
	{},
};

const struct sw_conf_row sw_conf_feed_rows[] = {
	{"name", SW_CONF_NAME, AT_FEED(name), NULL, 0, 0, NULL, "The list's name, in events and commands."},
	{"url", SW_CONF_HTTPS, AT_FEED(url), "", 0, 0, NULL,
		"Where it is fetched, https:// only; left out for a feed that 'sockwarden feeds list' names."},
	{"parser", SW_CONF_TEXT, AT_FEED(parser), "plain", 0, 0, NULL,
		"The form it is written in: plain, netset, hosts, csv:COLUMN, tsv:COLUMN, pipe:COLUMN, jsonl:KEY, json:PATH, tor, stix or misp."},
	{"ca_file", SW_CONF_PATH, AT_FEED(ca_file), "", 0, 0, NULL,
		"Certificates that the server's is checked against; empty means the system's."},
	{"refresh", SW_CONF_DURATION, AT_FEED(refresh_sec), "24h", 60, 30ull * DAY, NULL, "How often it is fetched."},
	{"min_entries", SW_CONF_U64, AT_FEED(min_entries), "1", 0, SW_MAX_TRAILS4, NULL,
		"A list with fewer entries is refused and the last good one stays."},
	{"max_entries", SW_CONF_U64, AT_FEED(max_entries), "1000000", 1, SW_MAX_TRAILS4, NULL,
		"A list with more entries is refused and the last good one stays."},
	{"max_change", SW_CONF_U32, AT_FEED(max_change), "30", 1, 100, NULL,
		"Percent of the list that may go or come at once; more waits for 'sockwarden feeds update NAME --accept'."},
	{"max_cover", SW_CONF_U32, AT_FEED(max_cover), "5", 1, 100, NULL,
		"Percent of all addresses that the list may cover; one that covers more is refused."},
	{"max_age", SW_CONF_DURATION, AT_FEED(max_age_sec), "7d", 0, 366ull * DAY, NULL,
		"When nothing good was fetched for so long, its entries leave."},
	{"max_frozen", SW_CONF_DURATION, AT_FEED(max_frozen_sec), "forever", 0, 366ull * DAY, NULL,
		"When what was fetched was the same for so long, its publisher has gone and its entries leave."},
	{"action", SW_CONF_WORD, AT_FEED(action), "drop", 0, 0, WORDS(feed_action_words, SW_TRAIL_OBSERVE),
		"What a hit on this list is for: drop (when enforcing), tag, or observe only; except and allow are for feeds described so."},
	{"may_allow", SW_CONF_BOOL, AT_FEED(may_allow), "false", 0, 0, NULL,
		"Your word that a list of your own may be 'action: allow': nothing stops whom it names. Only here, by no command."},
	{"enabled", SW_CONF_BOOL, AT_FEED(is_enabled), "true", 0, 0, NULL, "False keeps the entry here and fetches nothing."},
	{},
};

const struct sw_conf_row sw_conf_iface_rows[] = {
	{"pattern", SW_CONF_PATTERN, AT_IFACE(pattern), NULL, 0, 0, NULL, "Name of the device, or a pattern as of the shell."},
	{"hook", SW_CONF_WORD, AT_IFACE(hook), "auto", 0, 0, WORDS(hook_words, SW_HOOK_AUTO),
		"Where its packets are judged; left out it is the setting of 'hook'."},
	{},
};

#define COMMAND(member, help_) {#member, SW_CONF_COMMAND, AT_ACTION(member), "", 0, 0, NULL, help_}
const struct sw_conf_row sw_conf_action_rows[] = {
	{"name", SW_CONF_NAME, AT_ACTION(name), NULL, 0, 0, NULL, "The action's name, in logs and commands."},
	{"user", SW_CONF_NAME, AT_ACTION(user), "nobody", 0, 0, NULL,
		"Who the commands run as, without any capability; also for root."},
	{"timeout", SW_CONF_DURATION, AT_ACTION(timeout_sec), "10s", 1, 600, NULL,
		"A command that runs longer is killed and has failed."},
	COMMAND(ban, "Run for each ban."),
	COMMAND(unban, "Run for each ban that ends."),
	COMMAND(start, "Run before the first ban, when enforcing begins."),
	COMMAND(stop, "Run when enforcing ends; without it unban is run for each."),
	COMMAND(check, "Run each minute; when it fails, start and every ban are run again."),
	{"file", SW_CONF_PATH, AT_ACTION(file), "", 0, 0, NULL, "A file that is kept with all bans, replaced whole."},
	{"format", SW_CONF_WORD, AT_ACTION(format), "plain", 0, 0, WORDS(format_words, SW_FORMAT_PLAIN),
		"How the file is written: plain, a network a line (HAProxy's acl -f); nginx, deny lines; hosts.deny, lines of TCP wrappers."},
	COMMAND(reload, "Run after the file changed."),
	{},
};

const struct sw_conf_row sw_conf_banner_rows[] = {
	{"port", SW_CONF_U32, AT_BANNER(port), NULL, 0, 65535, NULL, "The TCP port; 0 is every port that has no banner of its own."},
	{"text", SW_CONF_TEXT, AT_BANNER(text), NULL, 0, 0, NULL, "One line; a line end is added."},
	{},
};

const struct sw_conf_row sw_conf_rule_rows[] = {
	{"name", SW_CONF_NAME, AT_RULE(name), NULL, 0, 0, NULL, "The rule's name."},
	{"enabled", SW_CONF_WORD, AT_RULE(state), "same", 0, 0, WORDS(own_state_words, 0),
		"auto: on where its log exists; same: as rules.enabled says."},
	{"threshold", SW_CONF_TEXT, AT_RULE(threshold), "", 0, 0, NULL,
		"Hits that are too many, such as '5 in 10m', '3' without a window, or 1; empty means the rule's own."},
	{"ban_for", SW_CONF_TEXT, AT_RULE(ban_for), "", 0, 0, NULL, "How long its ban lasts; empty means the rule's own."},
	{"action", SW_CONF_WORD, AT_RULE(action), "same", 0, 0, WORDS(own_action_words, 0),
		"observe only tells whom it would ban, a dry run of this rule; same: the rule's own."},
	{},
};

const struct sw_conf_row sw_conf_habit_rows[] = {
	{"enabled", SW_CONF_BOOL, AT_HABIT(is_on), "true", 0, 0, NULL, "Whether the rule is asked."},
	{"threshold", SW_CONF_U32, AT_HABIT(threshold), "1", 1, 1000000, NULL, "How many it takes, of the rule's own unit."},
	{"window", SW_CONF_DURATION, AT_HABIT(window_sec), "5m", 1, DAY / 4, NULL, "In how much time."},
	{"allow", SW_CONF_NETS, AT_HABIT(allow), NULL, 0, SW_CONFIG_HABIT_ALLOW_MAX, NULL, "Addresses and networks that the rule leaves alone."},
	{},
};

const struct sw_conf_row sw_conf_sock_rule_rows[] = {
	{"executable", SW_CONF_TEXT, AT_SOCK(executable), "", 0, 0, NULL,
		"Path of the program, or a pattern as of the shell; * passes over slashes too."},
	{"user", SW_CONF_TEXT, AT_SOCK(user), "", 0, 0, NULL, "Name or number of the user it runs as."},
	{"container", SW_CONF_TEXT, AT_SOCK(container), "", 0, 0, NULL,
		"First 12 digits of the container's id, or a pattern; host for what runs in none."},
	{"ports", SW_CONF_TEXT, AT_SOCK(ports), "", 0, 0, NULL,
		"Ports and ranges with commas between, at most 16: those listened on, or those of the peer. 0 in policy.listen: a TCP port that the kernel is left to choose."},
	{"networks", SW_CONF_TEXT, AT_SOCK(networks), "", 0, 0, NULL,
		"Addresses and networks with commas between, at most 16: listened on, or of the peer."},
	{"protocol", SW_CONF_WORD, AT_SOCK(protocol), "any", 0, 0, WORDS(sock_protocol_words, SW_SOCK_PROTO_ANY),
		"TCP (and MPTCP) or UDP alone; in policy.listen raw, whose ports are numbers of IP protocols, or packet."},
	{"action", SW_CONF_WORD, AT_SOCK(action), "allow", 0, 0, WORDS(sock_action_words, SW_SOCK_ALLOW),
		"What it is for: allow; observe, which makes it a finding; or deny, which refuses it too, while enforcing."},
	{"then", SW_CONF_WORD, AT_SOCK(then), "nothing", 0, 0, WORDS(sock_then_words, SW_SOCK_THEN_NOTHING),
		"What is done with the process, or its container, that the rule refused: it is stopped, ended, or its cgroup cut off."},
	{},
};

const struct sw_conf_row sw_conf_geo_rule_rows[] = {
	{"countries", SW_CONF_PARTS, AT_GEO(countries), "", 0, 0, NULL, "Codes of two letters (ISO 3166-1), at most 48."},
	{"systems", SW_CONF_PARTS, AT_GEO(systems), "", 0, 0, NULL, "Numbers of autonomous systems, at most 48."},
	{"ports", SW_CONF_PARTS, AT_GEO(ports), "", 0, 0, NULL,
		"Such as tcp/22, udp/53, 8000-8100 or udp, at most 16; empty means everything."},
	{"direction", SW_CONF_WORD, AT_GEO(direction), "in", 0, 0, WORDS(geo_direction_words, SW_GEO_DIRECTION_IN),
		"Who begins: in, they; out, this host or what it forwards."},
	{"action", SW_CONF_WORD, AT_GEO(action), "drop", 0, 0, WORDS(geo_action_words, SW_GEO_DROP),
		"drop; observe, which counts and tells; or allow-only, which drops all others."},
	{},
};

static const struct {
	const char *key, *help;
} sections[] = {
	{"bans", "Bans: their length, and the guards against a ban too many."},
	{"bans.recidive", "Who is banned by rules again and again."},
	{"bans.aggregate", "Networks many of whose addresses are banned."},
	{"crowdsec", "CrowdSec's decisions as bans of ours: sockwarden as a bouncer of its local API, and as a machine that reports to it."},
	{"events", "Events that packets cause: a bucket of tokens per source."},
	{"store", "The database."},
	{"trails", "Trails: lists of what is known to be bad."},
	{"countries", "Countries and autonomous systems, of databases that you bring."},
	{"alerts", "Who is told."},
	{"alerts.mail", "Mail, by an SMTP server or the sendmail program."},
	{"alerts.mail.smtp", "The mail server."},
	{"alerts.webhook", "A server that takes JSON."},
	{"alerts.syslog", "The system log."},
	{"alerts.command", "A program of yours."},
	{"alerts.report", "What is mailed on a schedule."},
	{"alerts.quiet", "Hours in which nobody wants to be woken."},
	{"web", "The page."},
	{"sockets", "What the socket inventory tells of."},
	{"inspect", "Looking into packets: names, requests and how connections begin, of this host's own sockets."},
	{"sensor", "Sensor mode: other hosts' traffic, from mirror ports."},
	{"detect", "Behaviour that is told of, by rule; the manual says what each counts."},
	{"decoys", "Decoy ports: what nobody serves is answered, and who connects gives himself away."},
	{"rules", "Rules over logs."},
	{"policy", "The socket policy: which program, user or container may listen on which ports, and connect where."},
};
/* clang-format on */

const char *sw_conf_section_help(const char *key)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(sections); i++) {
		if (sw_streq(sections[i].key, key))
			return sections[i].help;
	}
	return NULL;
}

const struct sw_conf_row *sw_conf_find(const char *key)
{
	for (const struct sw_conf_row *r = sw_conf_rows; r->key; r++) {
		if (sw_streq(r->key, key))
			return r;
	}
	return NULL;
}

bool sw_conf_is_section(const char *key)
{
	return sw_conf_section_help(key) != NULL;
}

const struct sw_conf_row *sw_conf_element_rows(const struct sw_conf_row *row)
{
	if (row->type == SW_CONF_FEEDS)
		return sw_conf_feed_rows;
	if (row->type == SW_CONF_ACTIONS)
		return sw_conf_action_rows;
	if (row->type == SW_CONF_BANNERS)
		return sw_conf_banner_rows;
	if (row->type == SW_CONF_SOCK_RULES)
		return sw_conf_sock_rule_rows;
	if (row->type == SW_CONF_GEO_RULES)
		return sw_conf_geo_rule_rows;
	if (row->type == SW_CONF_RULES)
		return sw_conf_rule_rows;
	return row->type == SW_CONF_IFACES ? sw_conf_iface_rows : NULL;
}

bool sw_conf_is_list(const struct sw_conf_row *row)
{
	return row->type >= SW_CONF_NETS;
}

/* Copies the part of key right below section, false when key is not below it. */
static bool part_below(const char *key, const char *section, char *buf, size_t size)
{
	size_t n = strlen(section);

	if (n) {
		if (strncmp(key, section, n) || key[n] != '.')
			return false;
		key += n + 1;
	}
	snprintf(buf, size, "%.*s", (int)strcspn(key, "."), key);
	return true;
}

const char *sw_conf_suggest(const char *section, const char *text, char *buf, size_t size)
{
	char parts[KEY_PARTS_MAX][32];
	const char *words[KEY_PARTS_MAX], *near;
	size_t n = 0;

	for (const struct sw_conf_row *r = sw_conf_rows; r->key && n < KEY_PARTS_MAX; r++) {
		if (part_below(r->key, section, parts[n], sizeof(parts[n]))) {
			words[n] = parts[n];
			n++;
		}
	}
	near = sw_nearest(text, words, n);
	if (near) {
		snprintf(buf, size, "%s%s%s", section, *section ? "." : "", near);
		return buf;
	}
	/* the right word in the wrong place: "smtp" at the top level */
	for (size_t i = 0; i < SW_ARRAY_SIZE(sections); i++) {
		const char *dot = strrchr(sections[i].key, '.');

		if (dot && sw_streq(dot + 1, text))
			return sections[i].key;
	}
	for (const struct sw_conf_row *r = sw_conf_rows; r->key; r++) {
		const char *dot = strrchr(r->key, '.');

		if (dot && sw_streq(dot + 1, text))
			return r->key;
	}
	return NULL;
}

static void describe_words(const struct sw_conf_words *w, struct sw_strbuf *out)
{
	for (size_t i = 0; i < w->n; i++)
		sw_strbuf_printf(out, "%s%s", i == 0 ? "" : i + 1 == w->n ? " or " : ", ", w->words[i]);
}

static void describe_duration(const struct sw_conf_row *row, struct sw_strbuf *out)
{
	char min[SW_TIME_TEXT_MAX], max[SW_TIME_TEXT_MAX];

	sw_strbuf_puts(out, "a duration such as 90s, 10m, 24h or 7d");
	if (row->min)
		sw_strbuf_printf(out, ", from %s to %s", sw_duration_format(min, row->min),
			sw_duration_format(max, row->max));
	else
		sw_strbuf_puts(out, ", or forever");
}

void sw_conf_describe_type(const struct sw_conf_row *row, struct sw_strbuf *out)
{
	static const char *const texts[] = {
		[SW_CONF_BOOL] = "true or false",
		[SW_CONF_TEXT] = "a text",
		[SW_CONF_NAME] = "a name of letters, digits, '.', '_' and '-'",
		[SW_CONF_PATH] = "an absolute path",
		[SW_CONF_ADDRESS] = "an IP address",
		[SW_CONF_HTTPS] = "a URL that begins with https://, without a password",
		[SW_CONF_SMTP] = "a URL that begins with smtp:// or smtps://, without a password",
		[SW_CONF_HOOK] = "a URL that begins with https://, or with http:// and an address of this host itself, without a password",
		[SW_CONF_PATTERN] = "the name of a device, or a pattern",
		[SW_CONF_HABIT] = "enabled, threshold, window and allow, in braces or below each other; what is left out keeps its default",
		[SW_CONF_NETS] = "a list of addresses and networks",
		[SW_CONF_PATHS] = "a list of absolute paths",
		[SW_CONF_IFACES] = "a list of devices: names, or {pattern, hook}",
		[SW_CONF_FEEDS] = "a list of feeds",
		[SW_CONF_PORTS] = "a list of ports and ranges such as 6000-6063",
		[SW_CONF_BANNERS] = "a list of {port, text}",
		[SW_CONF_RULES] = "a list of settings of rules",
		[SW_CONF_FLAGS] = "a list of the words ",
		[SW_CONF_PROXIES] = "a list of addresses and networks",
		[SW_CONF_ACTIONS] = "a list of actions",
		[SW_CONF_SOCK_RULES] = "a list of rules over sockets",
		[SW_CONF_GEO_RULES] = "a list of rules over countries",
		[SW_CONF_PARTS] = "words with commas between, or a list of them",
		[SW_CONF_COUNTRIES] = "a list of country codes of two letters",
		[SW_CONF_ASNS] = "a list of numbers of autonomous systems",
		[SW_CONF_COMMAND] = "an absolute path and arguments, divided by blanks",
		[SW_CONF_HOURS] = "days and hours such as '22:00-07:00', 'mon-fri 20:00-08:00' or 'sat,sun', with ';' between several",
		[SW_CONF_MARK] = "a packet mark VALUE/MASK such as 0x5b000000/0xff000000, with no bit outside of the mask and one at least inside",
		[SW_CONF_CALENDAR] = "'hourly', 'daily', 'weekly', 'every 15m', '07:00' or 'mon-fri 06:30'",
	};

	switch (row->type) {
	case SW_CONF_WORD:
		describe_words(row->words, out);
		break;
	case SW_CONF_U32:
	case SW_CONF_U64:
		sw_strbuf_printf(out, "a whole number from %llu to %llu", (unsigned long long)row->min,
			(unsigned long long)row->max);
		break;
	case SW_CONF_DURATION:
		describe_duration(row, out);
		break;
	case SW_CONF_SIZE_MB:
		sw_strbuf_printf(out, "a size such as 512M or 2G, from %lluM to %lluG", (unsigned long long)row->min,
			(unsigned long long)row->max / 1024);
		break;
	default:
		sw_strbuf_puts(out, texts[row->type]);
	}
	if (row->type == SW_CONF_FLAGS)
		describe_words(row->words, out);
	if (sw_conf_is_list(row))
		sw_strbuf_printf(out, ", at most %llu", (unsigned long long)row->max);
}
