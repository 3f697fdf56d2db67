/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which feeds are fetched, and how old each is. The set is made of the configuration's feeds, of what
 * "feeds enable" and "feeds disable" said, and of what "feeds add" added; the words are kept in the
 * store. The rule: a word said by command wins over "enabled" of the configuration until it is taken
 * back; what a feed is (URL, form, action, limits) the configuration says first, then "feeds add", then
 * its description. Owned by the engine (e->feeds).
 *
 * A feed's entries leave when nothing good was fetched for its max_age, or when its publisher has
 * served the same for max_frozen: an old list protects from nobody and hurts whoever has the address now.
 */
#pragma once

#include "user/engine/engine.h"
#include "user/engine/trails.h"
#include "user/feeds/feeds.h"

enum {
	SW_FEEDS_WORDS_MAX =
		64 /* feeds that were enabled, disabled or fetched, remembered by name */
};

/* What is remembered of a feed by its name. */
struct sw_feed_memory {
	char name[32];
	int word; /* 1: enabled, -1: disabled, by command; 0: nothing was said */
	int action; /* said by command, plus one; 0: none was */
	int64_t good_wall_sec; /* last time that it was fetched and taken, or unchanged */
	int64_t changed_wall_sec; /* last time that its content was new */
	uint32_t crc; /* of that content */
	bool is_frozen; /* its entries left because it was the same for too long */
	/* of this run */
	uint64_t added, removed; /* at the last change */
	size_t n_protected; /* allow entries that it names */
	char decayed[128]; /* why its entries left; "" when they did not */
};

/* The i-th feed that is fetched; NULL past the last. Borrowed until the set changes. */
const struct sw_config_feed *sw_feeds_at(const struct sw_engine *e, unsigned int i);
const struct sw_config_feed *sw_feeds_find(const struct sw_engine *e, const char *name);
/* NULL: nothing is known of it. */
const struct sw_feed_memory *sw_feeds_memory(const struct sw_engine *e, const char *name);
/* The feed is not fetched, but the configuration, an addition or a description says what it is. */
bool sw_feeds_describe(const struct sw_engine *e, const char *name, struct sw_config_feed *ret);
/* "drop"; of a feed whose networks are allowed "allow". */
const char *sw_feeds_action_word(const struct sw_engine *e, const struct sw_trail_slot *s);
/* Puts on the allow list what feeds of action allow list now, and takes from it what they do not: after any change. */
void sw_feeds_allow(struct sw_engine *e);
/* Networks that a feed of this name may allow beside the others. */
size_t sw_feeds_allow_room(const struct sw_engine *e, const char *name);
bool sw_feeds_is_added(const struct sw_engine *e, const char *name);

/* Fetched, and as it was. */
void sw_feeds_renewed(struct sw_engine *e, const char *name);
/* The end of an operation that puts a feed's list: sw_trail_op.over. */
void sw_feeds_taken(struct sw_engine *e, struct sw_trail_op *op);
/* Removes what has become too old; each minute by itself. */
void sw_feeds_decay(struct sw_engine *e);

/* ---- for verb_feeds.c: 0, or -errno with why; the change is stored and in force. */
/* action: "" leaves what was said of it. */
int sw_feeds_say(struct sw_engine *e, const char *name, bool is_enabled, const char *action, struct sw_strbuf *why);
/* texts: an object of strings with the keys of a feed's settings. */
int sw_feeds_add(struct sw_engine *e, const json_t *texts, struct sw_strbuf *why);
int sw_feeds_remove(struct sw_engine *e, const char *name, struct sw_strbuf *why);

/* Those that were added by command and are not fetched. */
void sw_feeds_each_added(struct sw_engine *e,
	void (*fn)(
		struct sw_engine *e, struct sw_json *j, const struct sw_config_feed *f, bool is_on),
	struct sw_json *j);

/* net_peer.c: the set has changed. */
void sw_net_peer_feeds_changed(struct sw_engine *e);
/*
 * net_peer.c: has net read f once, from fd (borrowed) or, -1, from its URL; verb_feeds.c answers q then.
 * -EBUSY, -ENOTCONN: q is the caller's.
 */
int sw_net_peer_test(
	struct sw_engine *e, const struct sw_config_feed *f, int fd, struct sw_ctl_request *q);
struct sw_net_msg;
void sw_feeds_tested(struct sw_engine *e, struct sw_ctl_request *q, const struct sw_config_feed *f,
	const struct sw_net_msg *m, int fd);
