/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules over logs as the processes get them: one sealed, flat image that sockwarden-config makes of
 * the rule packs (feeds/rules, /etc/sockwarden/rules.d), of fail2ban's filters and jails, and of the section `rules` of
 * the configuration. Made into a memfd of no size that the guard hands over beside the configuration's:
 *
 *   sockwarden-config --compile NAME --out-fd 3 --rules-fd 4 [--packs-fd N] [--user-packs-fd N]
 *
 * and sealed by the guard. The head, then arrays of fixed structs in the order of the head's counts, then the pool
 * of texts. Whoever reads it checks it whole first (user/logs/rules_image.h).
 */
#pragma once

#include "sockwarden/model/addr.h"

enum {
	SW_RULES_MAGIC = 0x73777275, /* "swru" */
	SW_RULES_VERSION = 2,
	SW_RULES_SIZE_MAX = 16 << 20, /* bytes of an image; all of fail2ban's filters are 600 KiB */
	SW_RULES_MAX = 512, /* rules in one image */
	SW_RULES_SOURCES_MAX = 1024, /* files and journal matches of all rules */
	SW_RULES_NAME_MAX = 48, /* bytes of a rule's name, with its NUL */
};

enum sw_log_track { SW_TRACK_HOST, SW_TRACK_USER, SW_TRACK_BOTH, SW_TRACK_RULE };
enum sw_log_action { SW_LOG_OBSERVE, SW_LOG_ALERT, SW_LOG_BAN };
enum sw_log_source_kind { SW_LOG_FILE, SW_LOG_JOURNAL, SW_LOG_STDIN };
/* AUTO: on where one of its sources exists. */
enum sw_rule_state { SW_RULE_AUTO, SW_RULE_ON, SW_RULE_OFF };

enum sw_rule_flag {
	SW_RULE_PROVEN = 1
		<< 0, /* a line of a TCP service: the handshake was completed, the source is no forgery */
	SW_RULE_INCREMENT = 1 << 1, /* the next ban of the same is longer */
	SW_RULE_FROM_USER =
		1 << 2, /* of rules.d, of the configuration or of fail2ban; not packaged */
};

#define SW_RULES_FOREVER (~0ull) /* as a length of bans */

/* A text of the pool, NUL-ended there; at 0 with len 0: none. */
struct sw_rules_text {
	__u32 at, len;
};
/* Elements first to first + n of the array that the member's comment names. */
struct sw_rules_part {
	__u32 first, n;
};

struct sw_rules_source {
	__u32 kind; /* enum sw_log_source_kind */
	struct sw_rules_text name, path;
	struct sw_rules_part
		matches; /* texts: journal matches, or-ed; "+" within one as fail2ban's journalmatch */
	struct sw_rules_part
		unless; /* numbers: file sources; followed only where none of them exists */
};

/* Minutes of the day from first to last, on the days whose bit is set (0: Sunday), in local time. */
struct sw_rules_when {
	__u32 days;
	__u32 first_min, last_min;
};

struct sw_rules_rule {
	struct sw_rules_text name, about;
	struct sw_rules_text origin; /* "FILE:LINE" that it was read from */
	struct sw_rules_text exec; /* name of an action of the configuration; none: no action */
	struct sw_rules_text
		prefix; /* what every line must match first; <F-CONTENT> is what is left of it */
	struct sw_rules_part match, except, dates; /* texts: expressions; date patterns */
	struct sw_rules_part success; /* texts: expressions; a login that forgives the user's failures from there */
	struct sw_rules_part sources; /* numbers: of the sources */
	struct sw_rules_part ignore; /* nets: never a hit */
	struct sw_rules_part multipliers; /* numbers */
	struct sw_rules_part when; /* whens; none: always */
	__u32 state; /* enum sw_rule_state */
	__u32 flags; /* enum sw_rule_flag, or-ed */
	__u32 severity; /* enum sw_severity */
	__u32 action; /* enum sw_log_action */
	__u32 track; /* enum sw_log_track */
	__u32 count; /* hits in window that are one too many; 1: the first */
	__u32 max_lines; /* lines that one expression may span */
	__u32 factor_milli; /* of the increment, in thousandths */
	__u64 window_sec; /* 0: without end */
	__u64 ban_sec; /* 0: the configuration's bans.length; SW_RULES_FOREVER */
	__u64 max_ban_sec; /* 0: no maximum */
	__u64 random_sec;
	__u64 throttle_sec;
};

struct sw_rules_head {
	__u32 magic, version, size, crc; /* crc-32 of the image with this field 0 */
	__u32 n_sources, n_rules, n_texts, n_nets, n_numbers, n_whens;
	__u32 pool_bytes;
	__u32 n_left_out; /* rules and files that were not valid; each was told when the image was made */
};
