/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A sight: something bad that was seen in a packet, with the words that name it. Plain values and
 * borrowed texts that live as long as the call they are given to.
 */
#pragma once

#include "sockwarden/model/finding.h"
#include "sockwarden/model/rule.h"
#include "sockwarden/pkt/flow.h"
#include "user/base/util.h"

struct sw_sight {
	int64_t time_ns; /* wall, of the packet */
	uint64_t packet; /* its number, from 1 */
	enum sw_rule rule;
	const char *kind;
	const char *trail; /* what matched, normalised; of heuristics what they are about */
	const char *info;
	const char *reference, *citation, *file; /* of trails, else NULL */
	uint32_t line, list; /* list: as sw_static_set_list said */
	const struct sw_flow *flow;
};

const char *sw_rule_word(unsigned int rule);
const char *sw_rule_kind(unsigned int rule); /* NULL: a trail's */
const char *sw_rule_sentence(unsigned int rule);
enum sw_severity sw_rule_severity(unsigned int rule);
