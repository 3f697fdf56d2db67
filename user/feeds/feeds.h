/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known of public feeds: one const table, a row each, with where it is, in which form, what an
 * entry means, how sure it is, how often its publisher wants to be asked and on which terms. It holds
 * descriptions only, never a publisher's data, and nothing is fetched because it stands here: the
 * operator turns a feed on by name. Constant; nothing to own. Used by every process but the guard.
 */
#pragma once

#include "sockwarden/abi/gate.h"
#include "user/base/util.h"

enum sw_feed_flags {
	SW_FEED_RECOMMENDED = 1 << 0, /* precise, free, and safe to drop */
	SW_FEED_TAG = 1 << 1, /* says what an address is, not that it is bad: never made to drop by default */
	SW_FEED_OWN_KEY = 1 << 2, /* the URL holds the operator's own key: it must be given */
	SW_FEED_MAY_ALLOW = 1 << 3, /* whom the operator may want let in: what its publisher alone can send from */
};

/* Feeds with their own limits; 0 takes the default of the setting of that name under feeds[]. */
struct sw_feed_desc {
	const char *name; /* that of the list */
	const char *title;
	const char *url; /* NULL: SW_FEED_OWN_KEY */
	const char *parser; /* sw_feed_form_parse */
	const char *meaning; /* of an entry, a sentence */
	unsigned int confidence; /* percent: that an entry means it now */
	enum sw_trail_action action;
	unsigned int flags;
	uint64_t refresh_sec, refresh_min_sec; /* ours, and the publisher's shortest */
	uint64_t min_entries, max_entries;
	uint64_t max_age_sec; /* no good fetch for so long: its entries leave */
	uint64_t max_frozen_sec; /* the same content for so long: its entries leave; 0 never */
	unsigned int max_change; /* percent that may change at once */
	const char *licence; /* in words, with the terms that matter */
	const char *home; /* page that says so */
};

extern const struct sw_feed_desc sw_feed_table[]; /* ended by a NULL name */
const struct sw_feed_desc *sw_feed_desc_find(const char *name); /* NULL: none */
/* The name most like text, or NULL. */
const char *sw_feed_desc_suggest(const char *text);

/* ---- forms: how a feed is written. X(id, word, what follows the word) */
#define SW_FEED_FORMS(X)                                                                           \
	X(PLAIN, "plain", "an address, network or range a line; # ; and // begin comments")        \
	X(NETSET, "netset", "FireHOL: as plain, and the header's \"Entries\" must match")          \
	X(HOSTS, "hosts", "a hosts file: the names of a line are its entries")                     \
	X(CSV, "csv", "columns by comma, quoted or not: csv:NAME, csv:2, csv:NAME?OTHER>=75, csv:NAME@FIRST/LAST/UNTIL") \
	X(TSV, "tsv", "columns by tab: tsv:1, tsv:1/3 (address/length), tsv:1?2>=3")               \
	X(PIPE, "pipe", "columns by |, blanks around them: pipe:2")                                \
	X(JSONL, "jsonl", "a JSON object a line: jsonl:KEY, jsonl:KEY+COUNT (COUNT of the trailer must match), KEY@FIRST/LAST/UNTIL") \
	X(JSON, "json", "one JSON document: json:PATH,PATH as prefixes[].ipv4Prefix, PATH@FIRST/LAST/UNTIL of the same element") \
	X(TOR, "tor", "Tor exit-addresses: blocks of ExitNode, Published, LastStatus, ExitAddress") \
	X(STIX, "stix", "a STIX 2.1 bundle or TAXII 2.1 answer: patterns of equality")             \
	X(MISP, "misp", "a MISP event or a list of them: attributes with to_ids")
enum sw_feed_form_kind {
#define SW_FEED_FORM_ENUM(id, word, help) SW_FEED_##id,
	SW_FEED_FORMS(SW_FEED_FORM_ENUM)
#undef SW_FEED_FORM_ENUM
		SW_FEED_FORM_COUNT
};

enum {
	SW_FEED_PATHS_MAX = 4, /* paths that one JSON document is read by */
	SW_FEED_WORD_MAX = 48, /* of a column, key or path */
	SW_FEED_PARSER_MAX = 128, /* of a form as text */
};

struct sw_feed_column {
	char name[SW_FEED_WORD_MAX]; /* "": by number */
	unsigned int number; /* from 1; 0: by name, or none */
};

/* Columns or keys of an entry's own times: seen first, seen last, its end. */
enum sw_feed_time { SW_FEED_FIRST, SW_FEED_LAST, SW_FEED_UNTIL, SW_FEED_TIMES };

struct sw_feed_form {
	enum sw_feed_form_kind kind;
	struct sw_feed_column times[SW_FEED_TIMES]; /* of "@FIRST/LAST/UNTIL" */
	struct sw_feed_column value;
	struct sw_feed_column plen; /* of "1/3" */
	struct sw_feed_column filter; /* of "?NAME>=N" */
	uint64_t filter_min;
	char paths[SW_FEED_PATHS_MAX][SW_FEED_WORD_MAX]; /* JSON; JSONL: the key */
	unsigned int n_paths;
	char trailer[SW_FEED_WORD_MAX]; /* JSONL: member of the last line that counts the others */
};

/* Reads "csv:dst_ip". 0, or -EINVAL with a sentence for a person. */
int sw_feed_form_parse(const char *text, struct sw_feed_form *ret, const char **ret_why);
const char *sw_feed_form_word(unsigned int kind);
const char *sw_feed_form_help(unsigned int kind);
