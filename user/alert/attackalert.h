/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PortSentry's lines for the system log, in its words, as daemon.notice of "portsentry": what was
 * written to read its log goes on working. A name is never resolved, so the host is its address twice,
 * as PortSentry wrote it with RESOLVE_HOST=0. In the engine, which owns the object.
 */
#pragma once

#include "user/base/clock.h"

struct sw_attackalert;

/* path: of the system log's socket, copied; clock is borrowed. */
int sw_attackalert_new(const struct sw_clock *clock, const char *path, struct sw_attackalert **ret);
void sw_attackalert_free(struct sw_attackalert *a);
/* source: an address as text. At most a few hundred lines at once; what is more is counted, not written. */
void sw_attackalert_connect(struct sw_attackalert *a, const char *source, bool is_tcp, unsigned int port);
void sw_attackalert_blocked(struct sw_attackalert *a, const char *source);
uint64_t sw_attackalert_unwritten(const struct sw_attackalert *a);
