/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of traffic share: one object, one way to tell. */
#pragma once

#include "user/detect/gaps.h"
#include "user/detect/heads.h"
#include "user/detect/rules.h"
#include "user/detect/traffic.h"

enum {
	TRAFFIC_TOLD = 1
		<< 15, /* what was told lately: a power of two; a collision tells twice at worst */
	TRAFFIC_AGAIN_SEC = 60,
	TRAFFIC_COUNTS = 4096, /* sources counted for such rules: a power of two; a collision begins anew */
	TRAFFIC_AGENTS = 256, /* user agents remembered, a power of two */
};

struct told {
	uint64_t key;
	int64_t sec;
};

struct agent_answer {
	uint64_t hash;
	const char *scanner; /* NULL: none */
};

/* How often one source met one rule, in the parts of its window and the one that begins the next. */
enum { TRAFFIC_PARTS = 8 };
struct hit_count {
	uint64_t key;
	uint32_t turn; /* number of the part that is being filled */
	uint32_t part[TRAFFIC_PARTS];
};

struct sw_traffic {
	struct sw_static *set;
	sw_sight_fn fn;
	void *arg;
	struct sw_heads *heads;
	struct sw_gaps *gaps;
	struct sw_scan *scan; /* NULL: not looked at */
	bool has_addresses, has_gaps; /* looked at */
	struct sw_habits *habits;
	struct sw_rules rules;
	struct hit_count *counts; /* of rules that take more than one */
	struct told *told;
	struct agent_answer agents[TRAFFIC_AGENTS];
	int64_t now_ns; /* of the packet at hand */
	uint64_t packet;
	bool is_ahead; /* the segment at hand */
	struct sw_traffic_stats stats;
};

static inline int64_t traffic_sec(const struct sw_traffic *t)
{
	return t->now_ns / 1000000000;
}

/* Tells of a trail. text: what matched. */
void traffic_tell_trail(struct sw_traffic *t, enum sw_rule rule, const struct sw_flow *flow,
	const struct sw_static_hit *hit, const char *text);
/* Tells of behaviour: about is what it is about, info a word more. */
void traffic_tell(struct sw_traffic *t, enum sw_rule rule, const struct sw_flow *flow,
	const char *about, const char *info);

/* Looks an address and its port up, and tells. */
bool traffic_judge_addr(struct sw_traffic *t, enum sw_rule rule, const struct sw_flow *flow,
	unsigned int family, const void *addr, uint16_t port);
/* Looks a domain up, with the expressions, and tells. name: lower case, as it was. */
void traffic_judge_name(struct sw_traffic *t, enum sw_rule rule, const struct sw_flow *flow,
	const char *name, size_t len);

/* The same in its second half: the name was announced by sw_static_expect_name. */
void traffic_judge_expected(struct sw_traffic *t, enum sw_rule rule, const struct sw_flow *flow,
	const struct sw_static_name *n, size_t len);

void traffic_dns(struct sw_traffic *t, const struct sw_flow *flow, const uint8_t *msg, size_t len);
/* A UDP datagram that begins like QUIC. */
void traffic_quic(
	struct sw_traffic *t, const struct sw_flow *flow, const uint8_t *data, size_t len);
/* TCP payload. */
void traffic_segment(struct sw_traffic *t, const struct sw_flow *flow, uint32_t seq,
	const uint8_t *data, size_t len);
/* For the heads: what there is of one that is given up. */
void traffic_head_ended(void *arg, struct sw_head *s);

struct sw_http;
void traffic_request(struct sw_traffic *t, const struct sw_flow *flow, const struct sw_http *h);
