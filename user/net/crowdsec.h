/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asks CrowdSec's local API for its decisions, as a bouncer does: first for all, then for what has
 * changed. The server forgets what it has told, so after any failure it is asked for all again. No
 * redirect is followed: it would carry the key elsewhere.
 */
#pragma once

#include "sockwarden/rpc/net.h"
#include "user/base/clock.h"
#include "user/base/strbuf.h"
#include "user/net/multi.h"

enum {
	SW_CROWDSEC_BYTES_MAX = 64 << 20, /* an answer; a decision has some 250 */
	SW_CROWDSEC_TIMEOUT_SEC = 60,
	SW_CROWDSEC_KEY_MAX = 256,
	SW_CROWDSEC_AWAY_SEC = 60, /* the longest wait for a server that does not answer */
	SW_CROWDSEC_REFUSED_SEC = 300, /* a key that was refused is refused again */
};

struct sw_crowdsec;

/*
 * m: result and text, with next_wall_sec; fd: the decisions, borrowed, -1 where result is negative. Negative when
 * nobody takes it: nothing is asked until the next sw_crowdsec_ask_all.
 */
typedef int (*sw_crowdsec_done_fn)(struct sw_net_msg *m, int fd, void *arg);

/* config and clock: borrowed. *ret NULL where none is configured. */
int sw_crowdsec_new(struct sw_loop *loop, struct sw_multi *multi, const struct sw_clock *clock,
	const struct sw_config *config, sw_crowdsec_done_fn done, void *arg, struct sw_crowdsec **ret);
void sw_crowdsec_free(struct sw_crowdsec *c);
/* Asks for every decision, at once unless a key was refused just now. c may be NULL. */
void sw_crowdsec_ask_all(struct sw_crowdsec *c);
/* The address of something of the local API; path: from "/v1". */
void sw_crowdsec_url(struct sw_strbuf *out, const struct sw_config *config, const char *path);
/* Seconds to the next question, after so many failures without a good answer; status: HTTP's, of the last one. */
uint64_t sw_crowdsec_wait(uint64_t interval_sec, unsigned int failures, long status);
