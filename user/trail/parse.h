/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text of addresses and networks to trail entries: what people keep in files and what feeds publish.
 * Takes the text in pieces of any size, as they come from a file or a transfer; used by the engine
 * (files) and by sockwarden-net (feeds). The parser owns its entries until they are taken by a list
 * (list.h). Nothing in a text can crash it, hang it, or make it hold more than max_entries entries.
 *
 * A line: the first column (ended by space, tab, comma, semicolon) is an address, a network, or a
 * range "a-b" (also "a - b"), quoted or not, IPv6 in any spelling, bracketed or not; what follows is
 * a note. "#", ";" and "//" begin comments. A byte order mark, CRLF, and blank lines are nothing. A note that
 * begins with "# until: TIME" ends the trail then (times.h); of a trail in two lines the last one's end counts.
 * An address with a port, a domain, a URL, a fingerprint, and a line of a hosts file are trails of
 * another kind, and kept beside the networks.
 * Anything else is a bad line; a text with more than a few of them is not a list and is refused.
 */
#pragma once

#include "sockwarden/abi/gate.h"
#include "sockwarden/rpc/trail.h"
#include "user/base/strbuf.h"
#include "user/trail/line.h"
#include "user/trail/static_line.h"

enum {
	SW_TRAIL_LINE_MAX = 4096, /* bytes of a line; a longer one is bad */
	SW_TRAIL_BAD_LINES_MIN = 10, /* so many bad lines are always forgiven ... */
	SW_TRAIL_BAD_LINES_SHARE = 20, /* ... and one of so many lines: 5 percent */
};

struct sw_trail_rules {
	__u32 min_plen4, min_plen6; /* a network wider than this is absurd: the text is refused */
	__u64 max_entries; /* before duplicates are removed; 0: the maps' own limits alone */
	bool may_be_empty; /* a text without a trail is refused unless set */
	bool nets_only; /* trails of other kinds are counted as skipped, for nothing can be done with them here */
	bool forgives_times; /* a line whose time is none is bad; else the text is refused, as its owner meant an end */
};

struct sw_trail_report {
	uint64_t bytes, lines; /* lines: all of them, blank ones too */
	uint64_t entries; /* networks read, before duplicates are removed */
	uint64_t
		others; /* trails of another kind: domains, URLs, addresses with a port, fingerprints */
	uint64_t skipped; /* of these those that nothing can be done with */
	uint64_t bad; /* lines that are nothing known */
	uint64_t first_bad_line;
	char first_bad[SW_TRAIL_BAD_TEXT_MAX]; /* the same for a person, with the file where it is one of a directory */
	char text[192]; /* when refused: why, with the line; printable whatever the text held */
};

struct sw_trail_parser;

/* rules: copied. */
int sw_trail_parser_new(const struct sw_trail_rules *rules, struct sw_trail_parser **ret);
void sw_trail_parser_free(struct sw_trail_parser *p);
void sw_trail_parser_freep(struct sw_trail_parser **p);
/*
 * Reads more text. 0, or what will be the result for good: -EBADMSG the text is refused (report.text
 * says why), -E2BIG too many entries, -ENOMEM.
 */
int sw_trail_parser_feed(struct sw_trail_parser *p, const char *text, size_t len);
/* Ends the last line and judges the whole; the same results. Call once, before a list is built. */
int sw_trail_parser_end(struct sw_trail_parser *p);
const struct sw_trail_report *sw_trail_parser_report(const struct sw_trail_parser *p);

/* new, feed all of fd up to max_bytes (-EFBIG beyond), end. *ret is set on a refusal too: its report tells. */
int sw_trail_parse_fd(
	const struct sw_trail_rules *rules, int fd, size_t max_bytes, struct sw_trail_parser **ret);
int sw_trail_parse_mem(const struct sw_trail_rules *rules, const char *text, size_t len,
	struct sw_trail_parser **ret);

/* A trail of another kind, in the line that was fed last; what has no normal form is counted as skipped. */
int sw_trail_parser_other(struct sw_trail_parser *p, const char *text, size_t len);
/* Times of the trails of the line that is fed next, where it says none itself. */
void sw_trail_parser_when(struct sw_trail_parser *p, const struct sw_trail_when *when);
/* A trail that somebody else has read: a network or an address with a port is taken, all else not. */
int sw_trail_parser_add(struct sw_trail_parser *p, const struct sw_static_line *l, uint64_t line);
/* Of what somebody else has read so many lines were no trails. */
void sw_trail_parser_bad(struct sw_trail_parser *p, uint64_t n, const char *first);
/* The list's text (rpc/trail.h) is to be this; takes it over. */
void sw_trail_parser_set_text(struct sw_trail_parser *p, struct sw_strbuf *text);
/* The text is refused by whoever reads it: the whole sentence; or what it is about. */
void sw_trail_parser_refuse(struct sw_trail_parser *p, int error, const char *text);
void sw_trail_parser_say(struct sw_trail_parser *p, int error, const char *about);
/* What the source was when it was read (rpc/trail.h). */
void sw_trail_parser_set_key(struct sw_trail_parser *p, uint64_t key);

/*
 * For list.c: sorts, removes duplicates (the first line stays), and sets version, size, the counts, the bytes
 * of text and the key. Then fills out with
 * n4 + n6 entries, IPv4 first, each with the action given, then the ports, the times and the text.
 */
int sw_trail_parser_sort(struct sw_trail_parser *p, struct sw_trail_head *ret);
void sw_trail_parser_fill(
	const struct sw_trail_parser *p, enum sw_trail_action action, struct sw_trail_entry *out);
