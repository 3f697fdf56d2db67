/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Static trails: what a directory of trail texts or a CSV of the user's says is bad, compiled to one
 * table in memory that is asked of each packet. A trail is kept as a hash of 64 bits of its normal
 * form, with the file and line it came from: the text is the traffic's own. A filter of ten bits a
 * trail, which a processor's cache holds, answers nearly all that is not listed.
 *
 * Add everything, seal once, then only ask. The caller owns the set; results are borrowed from it.
 */
#pragma once

#include "user/trail/static_line.h"

struct sw_static;

struct sw_static_hit {
	enum sw_static_kind kind;
	uint32_t group, line;
	const char *pattern; /* of AGENT and REGEX */
};

/* What is known of a hit. Never NULL. */
struct sw_static_about {
	const char *info, *reference, *citation, *file;
	uint32_t line, list; /* list: as sw_static_set_list said */
};

/* Takes what would be added, in place of the set. group: as sw_static_group's; its number or -errno. */
struct sw_static_sink {
	int64_t (*group)(void *arg, const char *file, const char *info, const char *reference,
		const char *citation);
	int (*add)(void *arg, const struct sw_static_line *l, uint32_t group, uint32_t line);
	void *arg;
};

struct sw_static_stats {
	uint64_t lines, bad, patterns_bad;
	uint64_t kinds[SW_STATIC_COUNT]; /* lines of each kind, before what is there twice is one */
	uint64_t trails; /* after */
	uint64_t bytes; /* of the table and the filter */
	uint64_t files;
};

int sw_static_new(struct sw_static **ret);
void sw_static_free(struct sw_static *s);
void sw_static_freep(struct sw_static **s);

/* ---- filling. A trail that is there already is replaced: the last wins. */

/* A group: trails of one file with one info and citation. Texts are copied; its number, or -ENOMEM. */
int64_t sw_static_group(struct sw_static *s, const char *file, const char *info,
	const char *reference, const char *citation);
/* 0, -EINVAL for a line that is no trail (counted), -ENOMEM. */
int sw_static_add(
	struct sw_static *s, const struct sw_static_line *l, uint32_t group, uint32_t line);
/* From now on groups are of this list. What an exception holds is no hit, but for sw_static_each. */
void sw_static_set_list(struct sw_static *s, uint32_t list, bool is_except);
/* From now on all goes there; borrowed. Such a set is not sealed. */
void sw_static_set_sink(struct sw_static *s, const struct sw_static_sink *sink);
/* Why what was read is refused (-EBADMSG), with file, line and field; "" when it is not. */
const char *sw_static_why(const struct sw_static *s);
void sw_static_set_why(struct sw_static *s, const char *file, uint32_t line, const char *why);
/* Counts a line, whatever it holds. */
void sw_static_count_line(struct sw_static *s);
/* Counts a line that is no trail, and keeps where the first was. */
void sw_static_note_bad(struct sw_static *s, const char *file, uint32_t line, const char *text, size_t len);
/* "FILE line N: 'TEXT'", printable; "" when every line was good. */
const char *sw_static_first_bad(const struct sw_static *s);
int sw_static_seal(struct sw_static *s);

/* ---- asking. family: 4 or 6; addr: in network byte order. ret and further outputs only when true. */

/*
 * The address with its port (0: none), then the address, then the narrowest network that holds it.
 * *ret_net is what matched of it, without the port.
 */
bool sw_static_addr(const struct sw_static *s, unsigned int family, const void *addr, uint16_t port,
	struct sw_static_hit *ret, struct sw_net *ret_net);
/* Will be asked for soon: what the answer needs is fetched meanwhile. */
void sw_static_expect_addr(const struct sw_static *s, unsigned int family, const void *addr);
/* False when nothing that begins with this address is listed: no port, no URL of it. */
bool sw_static_may_addr(const struct sw_static *s, unsigned int family, const void *addr);
/* A name's suffixes as they are looked up. What the answers need is fetched while the caller does other things. */
enum { SW_STATIC_LABELS = 32 }; /* of a name, from the right; no trail has more */
struct sw_static_name {
	const char *name;
	unsigned int n;
	uint64_t hash[SW_STATIC_LABELS];
	uint16_t at[SW_STATIC_LABELS];
};
void sw_static_expect_name(
	const struct sw_static *s, const char *name, size_t len, struct sw_static_name *ret);
bool sw_static_expected(const struct sw_static *s, const struct sw_static_name *n,
	struct sw_static_hit *ret, const char **ret_suffix);
/* An exception decides for the name. */
bool sw_static_is_excepted(const struct sw_static *s, const struct sw_static_name *n);
/* name: lower case, without outer dots. The longest suffix at a label's border; *ret_suffix points into name. */
bool sw_static_domain(const struct sw_static *s, const char *name, size_t len,
	struct sw_static_hit *ret, const char **ret_suffix);
/* URL, PATH, CERT, JA3, JA4 in their normal form. */
bool sw_static_text(const struct sw_static *s, enum sw_static_kind kind, const char *text,
	size_t len, struct sw_static_hit *ret);
/* False when no URL of this host (host, or host:port) is listed: then none needs to be made up. */
bool sw_static_has_host(const struct sw_static *s, const char *host, size_t len);
/* AGENT or REGEX on any text; what was asked lately is remembered. */
bool sw_static_pattern(struct sw_static *s, enum sw_static_kind kind, const char *text, size_t len,
	struct sw_static_hit *ret);
bool sw_static_has_kind(const struct sw_static *s, enum sw_static_kind kind);
/*
 * Every trail of every list that a line touches, for a person to read: what decides of each comes first.
 * A name with all its suffixes, the longest first; a URL with its path and the name of its host; an address with its
 * networks. Expressions are sw_static_pattern's. text: as it is listed; NULL where net is told, and len is
 * the port then.
 */
typedef void (*sw_static_fn)(
	void *arg, const char *text, size_t len, const struct sw_net *net, const struct sw_static_hit *hit);
void sw_static_each(struct sw_static *s, const struct sw_static_line *l, sw_static_fn fn, void *arg);
struct sw_static_about sw_static_about(const struct sw_static *s, const struct sw_static_hit *hit);
const struct sw_static_stats *sw_static_stats(const struct sw_static *s);

/* From now on sw_static_about's list is numbers[list]: they may be others than when it was made. n <= 256. */
void sw_static_renumber(struct sw_static *s, const uint32_t *numbers, size_t n);

/* ---- the file: a sealed set as it is in memory, to be mapped and not parsed again */

/* Writes it as dirfd/name at once. key: of what it was made of; the caller's. 0 or -errno. */
int sw_static_save(const struct sw_static *s, uint64_t key, int dirfd, const char *name);
/* Maps it. -ESTALE: made of something else; -EBADMSG: damaged, or by another version; -errno. */
int sw_static_load(int dirfd, const char *name, uint64_t key, struct sw_static **ret);
