/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What CrowdSec's local API answers to GET /v1/decisions/stream, as plain records. Pure. One decision is
 * in memory as JSON at a time, so that a list of a hundred thousand costs no more than its text.
 */
#pragma once

#include "sockwarden/rpc/net.h"
#include "user/base/strbuf.h"

/*
 * A duration as Go writes it: "3h59m59.1386s", "-1.5ms", "0s". 0, or -EINVAL, and -ERANGE for more than
 * 63 bits of nanoseconds.
 */
int sw_go_duration_parse(const char *text, int64_t *ret_ns);
/*
 * machine: whose reports are not wanted back, "" for none.
 * Fills out with struct sw_net_crowdsec and its decisions. A decision that is not understood is counted;
 * text that is no such answer is -EBADMSG, and nothing of it holds. -ENOMEM.
 */
int sw_crowdsec_read(const char *text, size_t len, bool is_whole, const char *machine, struct sw_strbuf *out);
