/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads a feed in the form that its publisher writes (user/feeds/feeds.h) and hands its addresses and
 * networks to a trail parser (parse.h), which judges and sorts them. Takes the text in pieces of any
 * size. Lives in sockwarden-net and in tests; owns its parser. Nothing in a text can crash it, hang
 * it, or make it hold more than SW_FEED_DOCUMENT_MAX bytes beside the parser's entries.
 *
 * A text that says itself how many entries it has (Spamhaus' last line, FireHOL's header, abuse.ch's
 * END) and has another number is cut off, and refused. Domains, URLs, addresses with a port and hashes
 * are counted by kind, and kept as trails of their kind where there is one.
 */
#pragma once

#include "user/feeds/feeds.h"
#include "user/trail/parse.h"

enum {
	SW_FEED_LINE_MAX = 65536, /* bytes of a line; a longer one is bad */
	SW_FEED_DOCUMENT_MAX = 64 << 20, /* bytes of a JSON document, which is read whole */
};

struct sw_feed_counts {
	uint64_t rows; /* lines or elements that are data */
	uint64_t filtered; /* left out by the form's own condition, revoked, or out of date */
	uint64_t domains, urls, ports, hashes;
	uint64_t others; /* patterns that are more than an equality */
};

struct sw_feed_reader;

/* form, rules: copied. now_wall_sec: entries that ended before are left out, where the form says when. */
int sw_feed_reader_new(const struct sw_feed_form *form, const struct sw_trail_rules *rules,
	int64_t now_wall_sec, struct sw_feed_reader **ret);
void sw_feed_reader_free(struct sw_feed_reader *r);
void sw_feed_reader_freep(struct sw_feed_reader **r);
/* As sw_trail_parser_feed and _end, with the same results; the parser's report has the reason. */
int sw_feed_reader_feed(struct sw_feed_reader *r, const char *text, size_t len);
int sw_feed_reader_end(struct sw_feed_reader *r);
/* For sw_trail_list_build and the report; borrowed. */
struct sw_trail_parser *sw_feed_reader_parser(struct sw_feed_reader *r);
/* Why it was refused, for a person; "" when it was not. */
const char *sw_feed_reader_why(const struct sw_feed_reader *r);
const struct sw_feed_counts *sw_feed_reader_counts(const struct sw_feed_reader *r);
