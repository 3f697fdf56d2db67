/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The report: how the sockets differ from the baseline, and what came since the last one, as a text for
 * mail and terminal and as JSON. Pure; the caller owns what it points to. In the engine.
 */
#pragma once

#include "sockwarden/model/decision.h"
#include "sockwarden/model/finding.h"
#include "user/base/json.h"
#include "user/sockets/baseline.h"

enum {
	SW_REPORT_TOP = 20, /* findings and bans told one by one */
	SW_REPORT_CHANGES = 1000, /* sockets that differ told one by one */
};

struct sw_report_loss {
	const char *name;
	uint64_t count;
};

struct sw_report {
	const char *host;
	int64_t now_wall_sec, since_wall_sec;
	int64_t baseline_wall_sec; /* 0: there is none */
	const struct sw_baseline_change *changes;
	size_t n_changes;
	uint64_t more_changes; /* beyond these */
	uint32_t more_mark;    /* stands for what they say */
	bool is_partial; /* the sockets are not all known yet */
	struct sw_decision bans[SW_REPORT_TOP]; /* made since, the newest first */
	size_t n_bans;
	uint64_t all_bans, bans_in_force;
	struct sw_finding findings[SW_REPORT_TOP]; /* the most severe first */
	size_t n_findings;
	uint64_t all_findings;
	struct sw_report_loss losses[48];
	size_t n_losses;
};

/* Puts f among the top ones, where it belongs; counts it always. */
void sw_report_finding(struct sw_report *r, const struct sw_finding *f);
void sw_report_ban(struct sw_report *r, const struct sw_decision *d);
void sw_report_loss(struct sw_report *r, const char *name, uint64_t count);
/* Stands for how the sockets differ: the same while they differ in the same way. Never 0. */
uint32_t sw_report_mark(const struct sw_report *r);
/* True when nothing came since, and the sockets differ as they did at mark. */
bool sw_report_is_quiet(const struct sw_report *r, uint32_t mark);
/* "2 sockets differ, 3 bans, 12 findings"; for a subject. */
void sw_report_title(const struct sw_report *r, struct sw_strbuf *out);
/* Lines end in \n; printable, whatever came from outside. */
void sw_report_text(const struct sw_report *r, struct sw_strbuf *out);
/* Members into an open object, but for the rows of sockets, findings and bans. */
void sw_report_json(const struct sw_report *r, struct sw_json *j);
