/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one table of the configuration: every key with its type, default, limits and sentence. From
 * its rows come parsing, defaults, `config explain`, the commented default file and the JSON Schema.
 * Adding a setting is adding a field to struct sw_config and a row here. Constant; nothing to own.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "user/base/strbuf.h"

enum sw_conf_type {
	SW_CONF_WORD,	  /* one of words; __u32 */
	SW_CONF_BOOL,	  /* true or false; __u32 */
	SW_CONF_U32,	  /* whole number from min to max */
	SW_CONF_U64,
	SW_CONF_DURATION, /* "24h"; __u64 seconds, from min to max; 0 is for ever and wants min 0 */
	SW_CONF_SIZE_MB,  /* "512M", "2G"; __u32 MiB */
	SW_CONF_TEXT,	  /* char[size] */
	SW_CONF_NAME,	  /* char[size]: letters, digits, '.', '_' and '-' */
	SW_CONF_PATH,	  /* char[size]: absolute, or empty */
	SW_CONF_ADDRESS,  /* char[size]: an IP address */
	SW_CONF_HTTPS,	  /* char[size]: https://HOST... */
	SW_CONF_SMTP,	  /* char[size]: smtp:// or smtps://, or empty */
	SW_CONF_HOOK,	  /* char[size]: https://, http:// to loopback, or empty */
	SW_CONF_PATTERN,  /* char[size]: interface name or fnmatch pattern */
	SW_CONF_HABIT,	  /* struct sw_config_habit: {enabled, threshold, window, allow}; max is of the threshold */
	SW_CONF_COMMAND,  /* char[size]: an absolute path and arguments, or empty */
	SW_CONF_HOURS,	  /* char[size]: days and hours (user/base/when.h), or empty */
	SW_CONF_MARK,	  /* VALUE/MASK; struct sw_config_mark */
	SW_CONF_CALENDAR, /* char[size]: when it is done again (user/base/calendar.h), or empty */
	SW_CONF_PARTS,	  /* char[size]: words with commas between, or a list of them */
	SW_CONF_NETS,	  /* lists: of networks, */
	SW_CONF_PATHS,	  /* of absolute paths, */
	SW_CONF_IFACES,	  /* of interfaces, */
	SW_CONF_FEEDS,	  /* of feeds, */
	SW_CONF_PORTS,	  /* of ports and ranges of them, */
	SW_CONF_BANNERS,  /* of banners, */
	SW_CONF_RULES,	  /* of settings of rules, */
	SW_CONF_FLAGS,	  /* of words; __u32, a set of 1 << the word's value, */
	SW_CONF_PROXIES,  /* of networks; struct sw_config_nets, */
	SW_CONF_ACTIONS,  /* of actions, */
	SW_CONF_SOCK_RULES, /* of rules over sockets; struct sw_config_sock_rules, */
	SW_CONF_COUNTRIES, /* of country codes; struct sw_config_codes, */
	SW_CONF_ASNS,	  /* of numbers of autonomous systems; the same */
	SW_CONF_GEO_RULES, /* of rules over countries; struct sw_config_geo_rule */
};

struct sw_conf_words {
	const char *const *words;
	size_t n;
	__u32 first; /* value of the first word; the others follow */
};

struct sw_conf_row {
	const char *key;  /* "bans.length" */
	enum sw_conf_type type;
	size_t offset, size; /* in struct sw_config, or in the list's element for a sub-row */
	const char *fallback; /* as one would write it; NULL: must be given (sub-rows), or an empty list */
	__u64 min, max;
	const struct sw_conf_words *words;
	const char *help;    /* one sentence */
	const char *example; /* for lists: lines of YAML under the key */
};

/* Rows ended by a NULL key, sections together, in the order of the default file. */
extern const struct sw_conf_row sw_conf_rows[];
extern const struct sw_conf_row sw_conf_feed_rows[];
extern const struct sw_conf_row sw_conf_iface_rows[];
extern const struct sw_conf_row sw_conf_banner_rows[];
extern const struct sw_conf_row sw_conf_action_rows[];
extern const struct sw_conf_row sw_conf_rule_rows[];
extern const struct sw_conf_row sw_conf_habit_rows[];
extern const struct sw_conf_row sw_conf_sock_rule_rows[];
extern const struct sw_conf_row sw_conf_geo_rule_rows[];

/* A section's sentence ("bans"), NULL when key is none. */
const char *sw_conf_section_help(const char *key);
/* The row of exactly this key, or NULL. */
const struct sw_conf_row *sw_conf_find(const char *key);
/* True when rows lie below key ("alerts.mail"). */
bool sw_conf_is_section(const char *key);
/* The rows of a list's elements, NULL when they are plain texts. */
const struct sw_conf_row *sw_conf_element_rows(const struct sw_conf_row *row);
bool sw_conf_is_list(const struct sw_conf_row *row);
/* The key most like text to suggest, full path, or NULL. Section "": top level. */
const char *sw_conf_suggest(const char *section, const char *text, char *buf, size_t size);
/* "a duration such as ...", "a whole number from 1 to 9", "one of a, b". */
void sw_conf_describe_type(const struct sw_conf_row *row, struct sw_strbuf *out);
