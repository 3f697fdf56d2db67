/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Posts alerts to CrowdSec's local API, as a machine does: it logs in with crowdsec.machine and the password
 * of crowdsec.machine_password_file, and keeps the token until it ends or is refused. One post at a time: the
 * engine has no second one until the first is done.
 */
#pragma once

#include "sockwarden/rpc/net.h"
#include "user/base/clock.h"
#include "user/net/multi.h"

enum {
	SW_CROWDSEC_ALERTS_MAX = 4 << 20, /* a post; the engine's are far smaller */
	SW_CROWDSEC_ANSWER_MAX = 64 << 10,
	SW_CROWDSEC_PASSWORD_MAX = 256,
	SW_CROWDSEC_EARLY_SEC = 60, /* so long before its end a token is not used any more */
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
/* A time as Go writes it, "2026-11-22T05:53:17.1+01:00", to seconds since 1970. 0 or -EINVAL. */
int sw_go_time_parse(const char *text, int64_t *ret_wall_sec);
