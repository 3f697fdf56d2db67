/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why the gate did something with a packet. One row each; counters, events, status, metrics and the
 * manual take their words from here. Benign packets have no reason: they are not counted.
 */
#pragma once

#include "sockwarden/abi/types.h"

/*  X(id, word, sentence) */
#define SW_REASONS(X)                                                                              \
	X(UNPARSED, "unparsed", "could not be read to its end as a packet; passed")                           \
	X(ALLOWED, "allowed", "would have been dropped, but the allow list holds it; passed")      \
	X(BAN, "ban", "the source address is banned")                                              \
	X(BAN_NET, "ban-net", "the source lies in a banned network")                               \
	X(TRAIL_SRC, "trail-src", "the source is listed in a trail")                               \
	X(TRAIL_DST, "trail-dst", "the destination is listed in a trail")                          \
	X(PROBE, "probe", "went to a port where nobody is, or has flags of no connection; passed") \
	X(SCAN, "scan", "made as many probes of one source as make a scan, or SYNs as make a flood; passed") \
	X(BAN_OUT, "ban-out", "a process of this host sends to a banned address")                  \
	X(TRAIL_OUT, "trail-out", "a process of this host sends to an address that is listed in a trail") \
	X(TAG_SRC, "tag-src", "the source is listed in a trail that tags; passed, when enforcing with the mark") \
	X(TAG_DST, "tag-dst", "the destination is listed in a trail that tags; passed, when enforcing with the mark") \
	X(GEO_IN, "country-in", "a rule over countries and systems names where it comes from, and its port") \
	X(GEO_OUT, "country-out", "a rule over countries and systems names where it goes, and its port") \
	X(COOKIE, "cookie", "began a connection to a decoy port that XDP itself answers; answered with a cookie") \
	X(COOKIE_OVER, "cookie-over", "began such a connection, but the answers of this second are spent; passed") \
	X(COOKIE_FAILED, "cookie-failed", "began such a connection, but the kernel made no answer of it; passed") \
	X(DECOY, "decoy", "proves its source at a decoy port that XDP itself answered; taken in silence")

enum sw_reason {
#define SW_REASON_ENUM(id, word, sentence) SW_R_##id,
	SW_REASONS(SW_REASON_ENUM)
#undef SW_REASON_ENUM
	SW_R_COUNT
};

/* A list said it of the packet. */
static inline __attribute__((always_inline)) int sw_reason_is_trail(__u32 reason)
{
	return reason == SW_R_TRAIL_SRC || reason == SW_R_TRAIL_DST || reason == SW_R_TAG_SRC || reason == SW_R_TAG_DST;
}

/* A rule over countries said it; the list's number in its event is the rule's. */
static inline __attribute__((always_inline)) int sw_reason_is_geo(__u32 reason)
{
	return reason == SW_R_GEO_IN || reason == SW_R_GEO_OUT;
}

/* It was said of the address the packet goes to. */
static inline __attribute__((always_inline)) int sw_reason_is_destination(__u32 reason)
{
	return reason == SW_R_TRAIL_DST || reason == SW_R_TAG_DST || reason == SW_R_GEO_OUT;
}

/* What is lost or left out, per CPU; each is shown in status and metrics. */
#define SW_STATS(X)                                                                                \
	X(EV_PKT_SENT, "packet-events-sent", "packet events written to the ring")                  \
	X(EV_PKT_LIMITED, "packet-events-limited", "hits told only as a sum: the source's token bucket was empty") \
	X(EV_PKT_LOST, "packet-events-lost", "packet events lost because the ring was full")       \
	X(EV_SOCK_SENT, "socket-events-sent", "socket events written to the ring")                 \
	X(EV_SOCK_LOST, "socket-events-lost", "socket events lost because the ring was full")      \
	X(EV_SOCK_LIMITED, "socket-events-limited", "connects and accepts told only as a sum: many alike, or many of one cgroup") \
	X(CONNECT_REFUSED, "connects-refused", "connects and datagrams of this host that were refused") \
	X(BIND_REFUSED, "binds-refused", "ports that the socket policy refused to a process") \
	X(OWNER_LOST, "socket-owners-lost", "sockets whose owner could not be stored")             \
	X(INSPECT_SENT, "packets-inspected", "packets given to user space to look into")           \
	X(INSPECT_LOST, "not-inspected", "packets that should have been looked into, lost because the ring was full") \
	X(INSPECT_UNREAD, "inspect-unread", "packets of this host's sockets that could not be read to their payload; passed") \
	X(INSPECT_CUT, "inspect-cut-short", "packets of which only the first part was given to be looked into") \
	X(DOMAIN_HITS, "domain-hits", "questions for domains that are to be refused") \
	X(SHUNNED, "shunned", "packets that begin what was cut a moment ago, refused") \
	X(TAG_AGAIN, "tags-again", "tagged packets judged once more at tc: the driver leaves XDP no room to pass the mark on")

enum sw_stat {
#define SW_STAT_ENUM(id, word, sentence) SW_STAT_##id,
	SW_STATS(SW_STAT_ENUM)
#undef SW_STAT_ENUM
	SW_STAT_COUNT
};
