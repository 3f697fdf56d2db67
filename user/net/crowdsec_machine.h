/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tells CrowdSec's local API, as a machine, of bans that this host decides: posts them as alerts, and takes back the
 * decisions of those that are withdrawn. One at a time: the engine has no second one until the first is done.
 */
#pragma once

#include "sockwarden/rpc/net.h"
#include "user/base/clock.h"
#include "user/net/multi.h"

enum {
	SW_CROWDSEC_ALERTS_MAX = 4 << 20, /* a post; the engine's are far smaller */
	SW_CROWDSEC_WITHDRAW_MAX = 100, /* decisions of one network that are taken back at once */
};

struct sw_crowdsec_machine;

/* m: id, result, http_status and text. -EACCES: the machine is refused; -EBADMSG: these alerts are. */
typedef void (*sw_crowdsec_posted_fn)(struct sw_net_msg *m, void *arg);

/* config and clock: borrowed. */
int sw_crowdsec_machine_new(struct sw_multi *multi, const struct sw_clock *clock, const struct sw_config *config,
	sw_crowdsec_posted_fn done, void *arg, struct sw_crowdsec_machine **ret);
void sw_crowdsec_machine_free(struct sw_crowdsec_machine *c);
/* fd: sealed memfd of the alerts, borrowed, or -1. Always told by done, maybe at once. */
void sw_crowdsec_machine_post(struct sw_crowdsec_machine *c, int fd, uint32_t id);
/* Ends the decisions of net that have our origin and this scenario; none is success. Told by done, as a post. */
void sw_crowdsec_machine_withdraw(struct sw_crowdsec_machine *c, const struct sw_net *net, const char *scenario,
	uint32_t id);
