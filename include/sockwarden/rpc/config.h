/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration as the processes get it: one sealed image of fixed layout, made by the
 * unprivileged sockwarden-config from the YAML. Every field has a row in user/conf/schema.c, which
 * holds its key, default, limits and sentence. Texts are NUL-ended.
 *
 * How it is made: the guard opens the file, makes a memfd of sizeof(struct sw_config) bytes, all
 * zero and not yet sealed, and runs, with an own uid and no capability,
 *
 *   sockwarden-config --compile NAME --out-fd 3     the file is standard input; NAME is for messages
 *   sockwarden-config --defaults --out-fd 3         there is no file: every key at its default
 *
 * The child writes the image into descriptor 3 (pwrite or write from the start; crc last) and exits
 * 0; errors go to standard error and exit 5. It seals nothing: the guard does when the child is gone,
 * then checks magic, version, size, crc and every count before it uses or passes on the image.
 */
#pragma once

#include "sockwarden/abi/gate.h"
#include "sockwarden/model/addr.h"
#include "sockwarden/model/rule.h"

enum sw_firsts_mode { SW_FIRSTS_OFF = 0, SW_FIRSTS_ALERT };
enum sw_unix_alerts { SW_UNIX_OFF = 0, SW_UNIX_SYSTEM, SW_UNIX_ALL };

enum {
	SW_CONFIG_MAGIC = 0x73776366, /* "swcf" */
	SW_CONFIG_VERSION = 3,
	SW_CONFIG_ALLOW_MAX = 256,
	SW_CONFIG_IFACES_MAX = 16,
	SW_CONFIG_FEEDS_MAX = 32,
	SW_CONFIG_FILES_MAX = 16,
	SW_CONFIG_DIRS_MAX = 8,
	SW_CONFIG_PORTS_MAX = 128, /* ports and ranges in one list */
	SW_CONFIG_BANNERS_MAX = 16,
	SW_CONFIG_PROXIES_MAX = 128,
	SW_CONFIG_ACTIONS_MAX = 8,
	SW_CONFIG_CODES_MAX = 40, /* of countries or systems in a list; all four leave room for imports */
	SW_CONFIG_GEO_RULES_MAX = 32, /* rules over countries: as many as the kernel's have bits */
	SW_CONFIG_RULES_MAX = 64, /* rules over logs that have settings of their own */
	SW_CONFIG_HABIT_ALLOW_MAX = 8, /* networks that one rule leaves alone */
	SW_CONFIG_SOCK_RULES_MAX = 64, /* rules in one list of the socket policy */
	SW_CONFIG_QUIET_MAX = 8, /* spans of quiet hours */
	SW_CONFIG_SOCK_PARTS_MAX = 16, /* ports and ranges, or networks, that one of them names */
};

enum sw_hook { SW_HOOK_AUTO, SW_HOOK_NATIVE, SW_HOOK_TCX, SW_HOOK_GENERIC, SW_HOOK_DISPATCHER };
enum sw_on_exit { SW_ON_EXIT_KEEP, SW_ON_EXIT_REMOVE };

struct sw_config_iface {
	char pattern[16]; /* name, fnmatch(3) pattern; none given: the devices with a default route */
	__u32 hook;	  /* enum sw_hook */
};

/* Ports first to last, as "23" or "6000-6063". */
struct sw_config_port_range {
	__u16 first, last;
};
struct sw_config_ports {
	__u32 n;
	struct sw_config_port_range at[SW_CONFIG_PORTS_MAX];
};

enum sw_decoy_tcp { SW_DECOY_TCP_OFF, SW_DECOY_TCP_LISTED, SW_DECOY_TCP_UNUSED, SW_DECOY_TCP_BELOW };
enum sw_decoy_preset { SW_DECOY_PRESET_NONE, SW_DECOY_PRESET_PORTSENTRY };
enum sw_decoy_action { SW_DECOY_ALERT, SW_DECOY_BAN };

struct sw_config_banner {
	__u32 port; /* 0: every port that has none of its own */
	char text[192]; /* sent with a line end */
};

struct sw_config_nets {
	__u32 n;
	struct sw_net at[SW_CONFIG_PROXIES_MAX];
};

/* Countries (two letters, the first in bits 8 to 15), or numbers of autonomous systems. */
struct sw_config_codes {
	__u32 n;
	__u32 at[SW_CONFIG_CODES_MAX];
};

enum sw_geo_action { SW_GEO_DROP, SW_GEO_OBSERVE, SW_GEO_ALLOW_ONLY };
enum sw_geo_direction { SW_GEO_DIRECTION_IN, SW_GEO_DIRECTION_OUT };

/* A rule over countries and autonomous systems; texts as sw_geo_rule_parse() reads them. */
struct sw_config_geo_rule {
	char countries[192]; /* "KP, RU" */
	char systems[192];   /* "64500, AS64501" */
	char ports[128];     /* "tcp/22, udp/53, 8000-8100"; "": everything */
	__u32 direction;     /* enum sw_geo_direction */
	__u32 action;	     /* enum sw_geo_action */
};

enum sw_action_format { SW_FORMAT_PLAIN, SW_FORMAT_NGINX, SW_FORMAT_HOSTS_DENY };

/* What an operator lets run, and a file that is kept with the bans. Commands: words by blanks, "": none. */
struct sw_config_action {
	char name[32];
	char user[32];
	char start[256], stop[256], ban[256], unban[256], check[256];
	char file[256], reload[256];
	__u32 format; /* enum sw_action_format of file */
	__u32 pad;
	__u64 timeout_sec;
};

/* A feed's action, beside enum sw_trail_action: its networks are on the allow list. */
enum { SW_FEED_ALLOW = SW_TRAIL_ACTION_COUNT };
struct sw_config_feed {
	char name[32];
	char url[512];	   /* https:// only, unless is_insecure */
	char ca_file[256]; /* "": the system's */
	char parser[128]; /* the form it is written in (user/feeds/feeds.h) */
	__u64 refresh_sec;
	__u64 min_entries, max_entries;
	__u64 max_age_sec; /* entries leave when nothing good came for so long; 0: never */
	__u64 max_frozen_sec; /* ... when what came was the same for so long; 0: never */
	__u32 max_change; /* percent of the list that may go or come at once without a word */
	__u32 max_cover; /* percent of the address space that it may cover */
	__u32 action; /* enum sw_trail_action, or SW_FEED_ALLOW */
	__u32 is_enabled;
	__u32 may_allow, pad; /* a feed that no description knows: its owner's word that it may */
};

/* The action of the entries that a feed's list holds: what is allowed is taken out of trails, too. */
static inline enum sw_trail_action sw_feed_trail_action(const struct sw_config_feed *f)
{
	return f->action == SW_FEED_ALLOW ? SW_TRAIL_EXCEPT : (enum sw_trail_action)f->action;
}

/* What a rule over logs does other than it says itself; 0 in a word, "" in a text: the same. */
struct sw_config_rule {
	char name[48];
	char threshold[48], ban_for[24];
	__u32 state;  /* enum sw_rule_state (rpc/rules.h), plus 1 */
	__u32 action; /* enum sw_log_action, plus 1 */
	__u32 line;   /* of the file, for messages */
};

/* A rule of behaviour (model/rule.h). */
struct sw_config_habit {
	__u32 is_on;
	__u32 threshold; /* told at so many ... */
	__u64 window_sec; /* ... in this time */
	__u32 n_allow, pad;
	struct sw_net allow[SW_CONFIG_HABIT_ALLOW_MAX]; /* whom it leaves alone */
};

/* What the socket policy does: a rule's action, and the answer to what no rule names. */
enum sw_sock_action { SW_SOCK_ALLOW, SW_SOCK_OBSERVE, SW_SOCK_DENY };

enum sw_sock_protocol {
	SW_SOCK_PROTO_ANY,
	SW_SOCK_PROTO_TCP,
	SW_SOCK_PROTO_UDP,
	SW_SOCK_PROTO_RAW, /* ports: numbers of IP protocols */
	SW_SOCK_PROTO_PACKET,
};
/* What is done with who was refused. */
enum sw_sock_then { SW_SOCK_THEN_NOTHING, SW_SOCK_THEN_FREEZE, SW_SOCK_THEN_KILL, SW_SOCK_THEN_ISOLATE };

/* A rule of the socket policy: it names what all of its texts name; "" names everything. */
struct sw_config_sock_rule {
	char executable[128]; /* fnmatch(3) pattern of the path */
	char user[32];	      /* name or uid */
	char container[32];   /* fnmatch(3) pattern of the id's first 12 digits; "host": in none */
	char ports[96];	      /* "22, 8000-8100"; 0: what the kernel is left to choose */
	char networks[192];   /* "192.0.2.0/24, 2001:db8::/32": of the peer, or listened on */
	__u32 action;	      /* enum sw_sock_action */
	__u32 protocol;	      /* enum sw_sock_protocol */
	__u32 then;	      /* enum sw_sock_then: with SW_SOCK_DENY, while enforcing */
	__u32 pad;
};
struct sw_config_sock_rules {
	__u32 n, pad;
	struct sw_config_sock_rule at[SW_CONFIG_SOCK_RULES_MAX];
};

/* Of a packet: its mark becomes value in the bits of mask, and stays in the others. */
struct sw_config_mark {
	__u32 value, mask;
};

struct sw_config {
	__u32 magic, version, size, crc; /* crc-32 of the image with this field 0 */
	__u32 mode;    /* enum sw_mode: OBSERVE or ENFORCE at start */
	__u32 on_exit; /* enum sw_on_exit */
	__u32 log_level; /* enum sw_log_level */
	__u32 hook;    /* enum sw_hook for devices without their own */
	__u32 egress; /* enum sw_egress */
	__u32 n_ifaces, n_allow, n_feeds, n_trail_files;
	struct sw_config_iface ifaces[SW_CONFIG_IFACES_MAX];
	struct sw_net allow[SW_CONFIG_ALLOW_MAX];
	/* bans */
	__u64 ban_default_sec;
	__u32 ban_min_plen4, ban_min_plen6; /* no wider without an explicit word */
	__u32 ban_max_per_minute, ban_max_total;
	__u32 ban_backends; /* set of 1 << enum sw_backend_id; xdp is always among them */
	__u32 ban_ipv6_plen; /* of an automatic ban, and of what is counted */
	__u32 ban_unproven;  /* 1: ten minutes for what anybody can forge */
	__u64 ban_remember_sec;
	__u64 recidive_window_sec, recidive_sec;
	__u64 aggregate_window_sec;
	__u32 recidive_count, aggregate_count; /* 0: off */
	__u32 aggregate_plen4, aggregate_plen6;
	__u32 ban_cut_open; /* end the open TCP connections of who is banned */
	char hosts_deny_file[256];
	struct sw_config_nets trusted_proxies;
	__u32 n_actions;
	struct sw_config_action actions[SW_CONFIG_ACTIONS_MAX];
	__u32 ban_trail_hits; /* 1: a source on a drop trail is banned for ban_default_sec too */
	/* CrowdSec */
	char crowdsec_url[512]; /* https://, or http:// to this host itself; "": off */
	char crowdsec_key_file[256], crowdsec_ca_file[256];
	__u64 crowdsec_interval_sec;
	char crowdsec_scopes[128], crowdsec_origins[256]; /* words with commas between, "": all */
	char crowdsec_containing[256], crowdsec_not_containing[256]; /* the same, of scenarios */
	char crowdsec_machine[64], crowdsec_machine_password_file[256]; /* "": bans are not reported */
	/* events */
	__u32 event_rate, event_burst; /* packet events per source: per second, at once */
	__u32 event_memory; /* events kept in the engine's memory */
	__u32 store_max_mb; /* size the database may reach */
	/* trails */
	__u32 trail_engine; /* enum sw_trail_engine */
	struct sw_config_mark trail_mark; /* of tagged packets */
	char trail_files[SW_CONFIG_FILES_MAX][256];
	__u32 n_trail_dirs, trail_dirs_action; /* enum sw_trail_action */
	char trail_dirs[SW_CONFIG_DIRS_MAX][256];
	__u64 trail_max_entries;
	char country_file[256], country_asn_file[256]; /* MaxMind DB; "": none */
	struct sw_config_codes country_drop, country_observe, asn_drop, asn_observe;
	__u32 n_geo_rules, pad_geo;
	struct sw_config_geo_rule geo_rules[SW_CONFIG_GEO_RULES_MAX];
	__u32 trail_min_plen4, trail_min_plen6; /* a wider network in a list is absurd: the file is refused */
	struct sw_config_feed feeds[SW_CONFIG_FEEDS_MAX];
	/* alerts */
	char mail_to[256];   /* "": no mail */
	char mail_from[256]; /* "": sockwarden@hostname */
	char mail_subject[128]; /* %h is the host name, %t the title */
	char smtp_url[256];  /* smtp://host:port, smtps://; "": sendmail */
	char smtp_ca_file[256];
	char smtp_user[128], smtp_password_file[256];
	char sendmail_path[256];
	__u64 mail_throttle_sec; /* at most one mail in this time; what comes meanwhile goes in one table */
	__u32 mail_min_severity; /* enum sw_severity */
	char webhook_url[512]; /* https://, or http:// to this host itself; "": none */
	char webhook_ca_file[256];
	char webhook_header_file[256]; /* "Name: value" a line, sent with each post */
	char webhook_template[512]; /* "": the whole document */
	__u64 webhook_throttle_sec;
	__u32 webhook_min_severity;
	__u32 command_min_severity;
	char command_run[256]; /* words by blanks; "": none */
	__u64 command_throttle_sec, command_timeout_sec;
	char quiet_hours[128]; /* of user/base/when.h, ';' between; "": none */
	__u32 quiet_min_severity; /* what goes out all the same */
	__u32 mail_whois;
	char whois_path[256];
	char report_schedule[64]; /* of user/base/calendar.h; "": none */
	__u32 report_unchanged; /* mail it though nothing has changed */
	__u32 pad_report;
	__u32 syslog_enabled, syslog_min_severity, syslog_facility;
	/* page */
	__u32 web_enabled, web_port;
	char web_address[64]; /* loopback unless TLS comes in front */
	/* sockets */
	__u32 alert_new_listeners;
	__u32 alert_gone_listeners;
	__u32 first_destinations; /* enum sw_firsts_mode */
	__u32 unix_alerts;	  /* enum sw_unix_alerts */
	__u32 unix_per_minute;
	char unix_quiet[512];	    /* fnmatch patterns by blanks */
	char unix_directories[256]; /* absolute paths by blanks */
	__u64 first_learn_sec;
	/* looking into packets */
	__u32 inspect_dns, inspect_http, inspect_tls, inspect_quic;
	__u32 inspect_ban;
	__u64 inspect_ban_sec;
	__u32 inspect_cut;
	__u32 inspect_refuse_sec; /* after a cut; 0: no refusal */
	char sensor_ifaces[64]; /* names by blanks */
	/* decoys */
	__u32 decoy_tcp;    /* enum sw_decoy_tcp */
	__u32 decoy_preset; /* enum sw_decoy_preset */
	__u32 decoy_below;
	__u32 decoy_action; /* enum sw_decoy_action */
	__u64 decoy_ban_sec;
	__u32 decoy_udp_bans; /* a datagram alone may ban: its source can be forged */
	__u32 decoy_tarpit;
	__u32 decoy_attackalert;
	__u32 decoy_trigger; /* touches of one source that are forgiven before a ban */
	__u32 decoy_cookie_rate; /* answers of XDP itself in a second, of one CPU */
	__u32 decoy_cookie_net_rate; /* of them, to one network */
	__u32 decoy_pad;
	__u32 n_decoy_banners;
	struct sw_config_ports decoy_tcp_ports, decoy_udp_ports, decoy_cookie_ports;
	struct sw_config_banner decoy_banners[SW_CONFIG_BANNERS_MAX];
	char journal_files[256]; /* pattern; "": none are opened */
	/* rules over logs; they themselves come in an image of their own (rpc/rules.h) */
	__u32 rules_state;  /* enum sw_rule_state */
	__u32 rules_action; /* enum sw_log_action: the most that a rule may do */
	char rules_fail2ban[256];
	__u32 n_rules;
	struct sw_config_rule rules[SW_CONFIG_RULES_MAX];
	/* detection of behaviour */
	__u32 scan_action; /* enum sw_decoy_action: a scan is a finding, or a short ban as well */
	__u64 scan_ban_sec;
	char dns_zones[1024]; /* names by blanks */
	struct sw_config_habit detect[SW_HABITS_COUNT]; /* by rule, from SW_RULE_HABITS on */
	/* socket policy: the first rule that names a socket decides */
	__u32 policy_default; /* enum sw_sock_action, of a list that has rules */
	__u32 policy_then; /* enum sw_sock_then, of the default */
	struct sw_config_sock_rules policy_listen, policy_connect;
};
