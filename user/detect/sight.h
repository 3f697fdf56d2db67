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
	X(TRAIL_CERT, "trail-certificate", NULL, MEDIUM, "a TLS server shows a listed certificate")                \
	X(TRAIL_JA3, "trail-ja3", NULL, MEDIUM, "a TLS client has a listed JA3 fingerprint")                     \
	X(TRAIL_JA4, "trail-ja4", NULL, MEDIUM, "a TLS client has a listed JA4 fingerprint")                     \
	X(SCAN_VERTICAL, "scan-vertical", "scan", MEDIUM, "one source tries many TCP ports of one host")         \
	X(SCAN_HORIZONTAL, "scan-horizontal", "scan", MEDIUM, "one source tries one TCP port of many hosts")     \
	X(SCAN_DISTRIBUTED, "scan-distributed", "scan", MEDIUM, "many sources together try the TCP ports of one host") \
	X(SCAN_FIN, "scan-fin", "scan", MEDIUM, "TCP packets with FIN alone")                                    \
	X(SCAN_NULL, "scan-null", "scan", MEDIUM, "TCP packets without a flag")                                  \
	X(SCAN_XMAS, "scan-xmas", "scan", MEDIUM, "TCP packets with FIN, PSH and URG")                           \
	X(SCAN_MAIMON, "scan-maimon", "scan", MEDIUM, "TCP packets with FIN and ACK of no connection")           \
	X(SCAN_ACK, "scan-ack", "scan", MEDIUM, "TCP packets with ACK alone of no connection")                   \
	X(SCAN_FLAGS, "scan-flags", "scan", MEDIUM, "TCP packets with flags that no stack sends together")       \
	X(SCAN_UDP, "scan-udp", "scan", MEDIUM, "one source tries many UDP ports of one host")                   \
	X(SYN_FLOOD, "syn-flood", "flood", HIGH, "many half-open connections to one port")                       \
	X(BRUTE_FORCE, "brute-force", "login", MEDIUM, "one source opens connection after connection to a login service") \
	X(DNS_TUNNEL, "dns-tunnel", "dns", MEDIUM, "much is carried in the names asked of one domain")           \
	X(DNS_EXHAUSTION, "dns-exhaustion", "dns", MEDIUM, "many names of one domain that do not exist are asked for") \
	X(DNS_NXDOMAIN, "dns-nxdomain", "dns", MEDIUM, "one client asks for many domains that do not exist")     \
	X(DNS_DGA, "dns-dga", "dns", MEDIUM, "one client asks for many domains that look made by a program")     \
	X(DNS_LONG_LABEL, "dns-long-label", "dns", LOW, "a label of a name asked for is of the greatest length") \
	X(WEB_ATTACK, "web-attack", "web", MEDIUM, "a request holds what attacks hold")                          \
	X(WEB_SCANNER, "web-scanner", "web", MEDIUM, "a scanner names itself as the user agent")                 \
	X(WEB_DOWNLOAD, "web-download", "web", MEDIUM, "a program is fetched from a bare address")               \
	X(WEB_PROXY, "web-proxy", "web", LOW, "a web port is asked to be a proxy")                               \
	X(WEB_NO_HOST, "web-no-host", "web", LOW, "an HTTP/1.1 request has no Host")
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
