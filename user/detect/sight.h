/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A sight: something bad that was seen in a packet, with the words that name it. Plain values and
 * borrowed texts that live as long as the call they are given to.
 */
#pragma once

#include "sockwarden/model/finding.h"
#include "sockwarden/pkt/flow.h"
#include "user/base/util.h"

/*  X(id, word, kind, severity, sentence): kind is that of heuristics; a trail's is its own */
#define SW_RULES(X)                                                                                \
	X(TRAIL_ADDRESS, "trail-address", NULL, MEDIUM, "an address of the packet is listed, alone, in a network or with its port") \
	X(TRAIL_DNS, "trail-dns", NULL, MEDIUM, "a listed domain is asked for")                                  \
	X(TRAIL_ANSWER, "trail-answer", NULL, MEDIUM, "a DNS answer leads to a listed domain or address")        \
	X(TRAIL_HOST, "trail-host", NULL, MEDIUM, "a listed domain or address is the host of an HTTP request")   \
	X(TRAIL_URL, "trail-url", NULL, MEDIUM, "a listed URL or path is requested")                             \
	X(TRAIL_AGENT, "trail-agent", NULL, MEDIUM, "a listed user agent asks")                                  \
	X(TRAIL_SNI, "trail-sni", NULL, MEDIUM, "a listed domain is the server name of a TLS connection")        \
	X(TRAIL_JA3, "trail-ja3", NULL, MEDIUM, "a TLS client has a listed JA3 fingerprint")                     \
	X(TRAIL_JA4, "trail-ja4", NULL, MEDIUM, "a TLS client has a listed JA4 fingerprint")
enum sw_rule {
#define SW_RULE_ENUM(id, word, kind, severity, sentence) SW_RULE_##id,
	SW_RULES(SW_RULE_ENUM)
#undef SW_RULE_ENUM
	SW_RULE_COUNT
};

struct sw_sight {
	int64_t time_ns; /* wall, of the packet */
	uint64_t packet; /* its number, from 1 */
	enum sw_rule rule;
	const char *kind;
	const char *trail; /* what matched, normalised; of heuristics what they are about */
	const char *info;
	const char *reference, *citation, *file; /* of trails, else NULL */
	uint32_t line;
	const struct sw_flow *flow;
};

const char *sw_rule_word(unsigned int rule);
const char *sw_rule_kind(unsigned int rule); /* NULL: a trail's */
const char *sw_rule_sentence(unsigned int rule);
enum sw_severity sw_rule_severity(unsigned int rule);
