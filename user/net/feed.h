/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One feed: fetched over HTTPS in pieces, parsed as they come, handed on as a sealed list. Nothing of
 * a feed is trusted: neither its size, its redirects, its compression, nor what it lists. The feed
 * owns its transfer and what it remembers of the last good one (ETag, date, number of entries); that
 * is in memory only, since this process may not write files.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "sockwarden/rpc/net.h"
#include "user/base/clock.h"
#include "user/net/multi.h"

enum {
	SW_FEED_BYTES_MAX =
		256 << 20, /* text of a list, decompressed: twice what 8 M addresses take */
	SW_FEED_REDIRECTS_MAX = 3,
	SW_FEED_CONNECT_SEC = 20,
	SW_FEED_TIMEOUT_SEC = 300,
	SW_FEED_SHRINK_PERCENT =
		50, /* a list that lost more than this since the last time waits for a word */
};

struct sw_feed;

struct sw_feed_env {
	struct sw_loop *loop;
	struct sw_multi *multi;
	const struct sw_clock *clock;
	const struct sw_config *config; /* for the limits on entries */
	uint64_t timeout_sec;
	/*
	 * A fetch has ended: the message says how (id, next_wall_sec are the caller's); fd is the sealed
	 * list when there is one, else -1; borrowed.
	 */
	void (*done)(struct sw_feed *feed, struct sw_net_msg *msg, int fd, void *arg);
	void *arg;
};

/* env and config: borrowed for the feed's life. */
int sw_feed_new(
	const struct sw_feed_env *env, const struct sw_config_feed *config, struct sw_feed **ret);
void sw_feed_free(struct sw_feed *f);
void sw_feed_freep(struct sw_feed **f);
const struct sw_config_feed *sw_feed_config(const struct sw_feed *f);
bool sw_feed_is_busy(const struct sw_feed *f);
/*
 * Begins a fetch; done follows, from the loop or at once when it cannot begin. is_asked: this
 * feed was asked for by its name: the whole list is fetched, and may be shorter than the last. Nothing when it is busy.
 */
void sw_feed_fetch(struct sw_feed *f, bool is_asked);
/* Reads a file in the feed's form instead; fd is borrowed. done follows at once. Nothing when it is busy. */
void sw_feed_read(struct sw_feed *f, int fd);
/* The list did not arrive: fetch the whole one next time. */
void sw_feed_forget(struct sw_feed *f);
