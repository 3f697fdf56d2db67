/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Findings and bans to mail, webhook and syslog, in the engine's loop. Needs the net part for the first two. */
#pragma once

#include "sockwarden/model/decision.h"
#include "user/alert/alert.h"
#include "user/engine/engine.h"

/* A ban or its end, after it was stored. */
void sw_alerts_decision(struct sw_engine *e, const struct sw_decision *d);
/* A mail of its own, at once: 0, -EDESTADDRREQ no mail is configured, -errno. */
int sw_alerts_letter(struct sw_engine *e, const char *title, const char *body);
void sw_alerts_whois(struct sw_engine *e, const struct sw_net_whois *answer);
void sw_alerts_sent(struct sw_engine *e, enum sw_alert_outlet outlet, uint32_t id, int result, const char *text);
/* NULL while there are no alerts (a bad address in the configuration). */
const struct sw_alert_stats *sw_alerts_stats(const struct sw_engine *e);
