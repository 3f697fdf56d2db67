/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Decoy ports, the half that meets whoever comes: accepts on the listeners that the guard opened,
 * names the source, bans it at once where the configuration says so, and holds or closes the
 * connection. Owned by the engine (e->decoys), in its loop's thread. Files: decoys.c serves,
 * verb_decoys.c answers; hold.h keeps connections, detect/touches.h makes findings.
 */
#pragma once

#include "user/alert/attackalert.h"
#include "user/detect/touches.h"
#include "user/engine/engine.h"
#include "user/engine/hold.h"

struct sw_decoys_part {
	struct sw_guard_decoys facts; /* the guard's word; is_on 0 until it came */
	int fds[SW_DECOY_SOCKS];      /* -1: none */
	struct sw_source *sources[SW_DECOY_SOCKS];
	struct sw_source *tick;
	struct sw_hold *hold;
	struct sw_touches *touches;
	struct sw_attackalert *attackalert; /* NULL: not wanted */
	uint64_t n_tcp, n_udp, bans, refused;
	uint32_t *by_port; /* touches: [protocol is UDP][port]; NULL until the first */
	bool is_ticking;
};

struct sw_decoys_stats {
	uint64_t touches_tcp, touches_udp, held, closed_oldest, bans;
};
struct sw_decoys_stats sw_decoys_stats(const struct sw_engine *e);

/* A handshake that XDP itself answered: SW_R_DECOY. */
void sw_decoys_packet(struct sw_engine *e, const struct sw_pkt_event *ev);

void sw_decoys_verb(struct sw_ctl_request *q, const json_t *args, void *arg);
void sw_decoys_status(struct sw_engine *e, struct sw_json *j);
