/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Thresholds: so many hits within so long, by whatever the key says (a rule with an address, a user, both
 * or neither). Windows slide, by the hits' own time. Pure: time comes in with each hit. The object is the
 * engine's; it is bounded in bytes. When they are used up, the oldest key with no more than one hit makes
 * room, before any that is nearer to its threshold: a flood of new addresses pushes out the flood.
 */
#pragma once

#include "sockwarden/model/addr.h"
#include "user/base/strbuf.h"
#include "user/base/util.h"

enum {
	SW_COUNT_BYTES_MAX = 6 << 20, /* of all keys with their lines */
	SW_COUNT_LINES = 5, /* the newest are kept as evidence */
	SW_COUNT_LINE_MAX = 300, /* bytes of one */
	SW_COUNT_FUTURE_SEC = 60, /* a hit later than now by more is one of now */
};

struct sw_count_rule {
	uint32_t count; /* hits that are one too many; 0 and 1: the first */
	uint64_t window_sec; /* 0: without end */
	uint64_t throttle_sec; /* told at most once in this time; 0: each time */
};

struct sw_count_key {
	uint32_t rule; /* any number, the same for the same rule */
	struct sw_net net; /* family 0: not by address */
	uint64_t user; /* sw_count_hash of the name; 0: not by user */
};
_Static_assert(sizeof(struct sw_count_key) == 32, "compared and hashed as bytes");

struct sw_count_hit {
	struct sw_count_key key;
	int64_t time_sec;
	uint64_t member; /* not 0: hits with the same member within the window are one */
	uint64_t who; /* sw_count_hash of who was tried, for sw_counts_forgive; 0: nobody */
	const char *line;
	size_t len;
};

enum sw_count_result {
	SW_COUNT_LESS,
	SW_COUNT_DUE, /* as many as the rule says: counting begins anew */
	SW_COUNT_QUIET, /* the same, but it was told lately */
	SW_COUNT_OLD, /* longer ago than the window */
};

/* What made it due; texts are good until the next call. */
struct sw_count_due {
	uint64_t hits; /* since it was last due */
	uint64_t forgiven; /* that are not among them */
	int64_t first_sec, last_sec;
	const char *lines[SW_COUNT_LINES]; /* oldest first */
	size_t n_lines;
};

struct sw_count_stats {
	uint64_t evicted; /* keys with one hit that made room */
	uint64_t evicted_near; /* and with more, because there were no others */
	uint64_t old, future;
	size_t keys, bytes;
};

struct sw_counts;

/* seed: a number that nobody outside knows. */
int sw_counts_new(size_t max_bytes, uint64_t seed, struct sw_counts **ret);
void sw_counts_free(struct sw_counts *c);
void sw_counts_freep(struct sw_counts **c);
/* ret is filled when it is DUE or QUIET. Without memory every hit counts alone. */
enum sw_count_result sw_counts_add(struct sw_counts *c, const struct sw_count_rule *rule,
	const struct sw_count_hit *hit, int64_t now_sec, struct sw_count_due *ret);
/* What was due could not be done: the next hit makes it due again. */
void sw_counts_give_back(
	struct sw_counts *c, const struct sw_count_rule *rule, const struct sw_count_key *key);
/*
 * Who was tried has logged in from there: his hits of this key are taken back, and no other's, so that one known
 * password buys no tries at others. Their number. Only hits of rules with a window are known one by one.
 */
unsigned int sw_counts_forgive(struct sw_counts *c, const struct sw_count_key *key, uint64_t who);
/* Forgets every key with this address, or one within; their number. */
unsigned int sw_counts_forget(struct sw_counts *c, const struct sw_net *net);
struct sw_count_stats sw_counts_stats(const struct sw_counts *c);
/*
 * All keys as text, a line each, those nearest to their threshold first, the rest when max bytes are reached left out;
 * their log lines are not in it. name: of a rule's number; NULL: the number itself lasts. Members and users are hashes
 * by the seed: whoever restores needs the same.
 */
void sw_counts_save(const struct sw_counts *c, const char *(*name)(void *arg, uint32_t rule), void *arg, size_t max,
	struct sw_strbuf *out);
/* Into empty counts. number: of a rule's name, 0: it is left out. What is no line of ours is left out. Keys taken. */
unsigned int sw_counts_restore(struct sw_counts *c, uint32_t (*number)(void *arg, const char *name), void *arg,
	const char *text);
/* Never 0. */
uint64_t sw_count_hash(const struct sw_counts *c, const void *data, size_t len);
