/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine's side of RUN/net.sock (include/sockwarden/rpc/net.h): one sockwarden-net at a time,
 * checked by uid. Lists that come are handed to the trail part; results are kept for status, the
 * verb "trails.list" and the metrics.
 */
#pragma once

#include "sockwarden/rpc/net.h"
#include "user/alert/alert.h"
#include "user/engine/engine.h"

/* What is known of a configured feed. */
struct sw_feed_state {
	char name[32];
	struct sw_net_msg last; /* op 0: nothing has come yet */
	uint64_t failures; /* fetches, ever */
	uint64_t entries; /* of the last good list */
	uint64_t good_wall_sec; /* last time that it was fetched or unchanged; 0: never */
	struct sw_net host; /* the address it last came from, kept in the database; family 0: none yet */
	bool is_accepted; /* a person has said that the next list may be as different as it likes */
	char error[256]; /* of net or of the trail part; "" when the last one was good */
};

bool sw_net_peer_is_connected(const struct sw_engine *e);
/* fd: sealed memfd, borrowed. 0, -ENOTCONN, -errno. The shape of sw_alert_setup.send with e as arg. */
int sw_net_peer_send(enum sw_alert_outlet outlet, int fd, uint32_t id, void *engine);
/* Asks whose an address is; the answer goes to sw_alerts_whois. 0, -ENOTCONN, -errno. */
int sw_net_peer_ask_whois(struct sw_engine *e, const struct sw_net *net, uint32_t id);
/* Asks for every decision of CrowdSec's, now. */
void sw_net_peer_ask_crowdsec(struct sw_engine *e);
/* Alerts for it; fd: sealed memfd, borrowed. 0, -ENOTCONN, -errno; sw_crowdsec_reported tells what became of them. */
int sw_net_peer_post_crowdsec(struct sw_engine *e, int fd, uint32_t id);
/* Takes back what was decided on net with this scenario; the same. */
int sw_net_peer_withdraw_crowdsec(struct sw_engine *e, const struct sw_net *net, const char *scenario, uint32_t id);
/* NULL for a feed that is not configured. */
const struct sw_feed_state *sw_net_peer_feed(const struct sw_engine *e, const char *name);
/* The i-th configured feed; NULL past the last. */
const struct sw_feed_state *sw_net_peer_feed_at(const struct sw_engine *e, unsigned int i);

/*
 * verb_trails.c: takes a feed's list (fd: sealed memfd, borrowed, not checked yet). 0, or -errno with
 * why (size bytes) for a person: the old list stays.
 */
int sw_trails_take_feed(
	struct sw_engine *e, const struct sw_net_msg *m, int fd, char *why, size_t size);
