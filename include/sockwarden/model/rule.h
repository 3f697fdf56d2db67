/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What can be seen in packets and sockets, one row each: what is listed, and behaviour. Of behaviour
 * each row is a setting as well (detect: in the configuration), a row of the manual and of
 * `sockwarden detect list`. Constant.
 */
#pragma once

#include "sockwarden/model/addr.h"

/*  X(id, word, severity, sentence): what a list names; the list says how */
#define SW_TRAIL_RULES(X)                                                                          \
	X(TRAIL_ADDRESS, "trail-address", MEDIUM, "an address of the packet is listed, alone, in a network or with its port") \
	X(TRAIL_DNS, "trail-dns", MEDIUM, "a listed domain is asked for")                          \
	X(TRAIL_ANSWER, "trail-answer", MEDIUM, "a DNS answer leads to a listed domain or address") \
	X(TRAIL_HOST, "trail-host", MEDIUM, "a listed domain or address is the host of an HTTP request") \
	X(TRAIL_URL, "trail-url", MEDIUM, "a listed URL or path is requested")                     \
	X(TRAIL_AGENT, "trail-agent", MEDIUM, "a listed user agent asks")                          \
	X(TRAIL_SNI, "trail-sni", MEDIUM, "a listed domain is the server name of a TLS connection") \
	X(TRAIL_CERT, "trail-certificate", MEDIUM, "a TLS server shows a listed certificate")      \
	X(TRAIL_JA3, "trail-ja3", MEDIUM, "a TLS client has a listed JA3 fingerprint")             \
	X(TRAIL_JA4, "trail-ja4", MEDIUM, "a TLS client has a listed JA4 fingerprint")

/*
 *  X(id, word, kind, severity, enabled, threshold, most, window, unit, sentence)
 *  Told at threshold units within window; most: the greatest threshold that its state can count to.
 */
#define SW_HABIT_RULES(X)                                                                          \
	X(SCAN_VERTICAL, "scan-vertical", "scan", MEDIUM, true, 10, 32, 5m, "ports", "one source tries many TCP ports of one host") \
	X(SCAN_HORIZONTAL, "scan-horizontal", "scan", MEDIUM, true, 20, 32, 5m, "hosts", "one source tries one TCP port of many hosts") \
	X(SCAN_DISTRIBUTED, "scan-distributed", "scan", MEDIUM, true, 20, 32, 5m, "ports", "many sources together try the TCP ports of one host") \
	X(SCAN_FIN, "scan-fin", "scan", MEDIUM, true, 5, 32, 5m, "ports or hosts", "TCP packets with FIN alone") \
	X(SCAN_NULL, "scan-null", "scan", MEDIUM, true, 5, 32, 5m, "ports or hosts", "TCP packets without a flag") \
	X(SCAN_XMAS, "scan-xmas", "scan", MEDIUM, true, 5, 32, 5m, "ports or hosts", "TCP packets with FIN, PSH and URG") \
	X(SCAN_MAIMON, "scan-maimon", "scan", MEDIUM, true, 10, 32, 5m, "ports", "TCP packets with FIN and ACK of no connection") \
	X(SCAN_ACK, "scan-ack", "scan", MEDIUM, true, 10, 32, 5m, "ports", "TCP packets with ACK alone of no connection") \
	X(SCAN_FLAGS, "scan-flags", "scan", MEDIUM, true, 5, 32, 5m, "ports or hosts", "TCP packets with flags that no stack sends together") \
	X(SCAN_FRAGMENT, "scan-fragment", "scan", MEDIUM, true, 5, 32, 5m, "ports or hosts", "TCP fragments too short for their flags, which no stack sends") \
	X(SCAN_UDP, "scan-udp", "scan", MEDIUM, true, 10, 32, 5m, "ports", "one source tries many UDP ports of one host") \
	X(SYN_FLOOD, "syn-flood", "flood", HIGH, true, 1000, 1000000, 10s, "connections", "many half-open connections to one port") \
	X(BRUTE_FORCE, "brute-force", "login", MEDIUM, true, 20, 20, 60s, "connections", "one source opens connection after connection to a login service") \
	X(BEACON, "beacon", "beacon", LOW, false, 12, 12, 1h, "connections", "connections to one place at one pace, longest the window apart") \
	X(DNS_TUNNEL, "dns-tunnel", "dns", MEDIUM, true, 30, 400, 60s, "names", "much is carried in the names asked of one domain") \
	X(DNS_EXHAUSTION, "dns-exhaustion", "dns", MEDIUM, true, 200, 400, 60s, "names", "many names of one domain that do not exist are asked for") \
	X(DNS_NXDOMAIN, "dns-nxdomain", "dns", MEDIUM, true, 100, 400, 5m, "domains", "one client asks for many domains that do not exist") \
	X(DNS_DGA, "dns-dga", "dns", MEDIUM, true, 10, 400, 5m, "domains", "one client asks for many domains that look made by a program") \
	X(DNS_LONG_LABEL, "dns-long-label", "dns", LOW, true, 60, 63, 60s, "bytes", "a label of a name asked for is of the greatest length") \
	X(DNS_SINKHOLE, "dns-sinkhole", "dns", MEDIUM, true, 1, 1000, 60s, "answers", "an answer leads to a sinkhole: the domain asked for was taken from criminals") \
	X(WEB_ATTACK, "web-attack", "web", MEDIUM, true, 1, 1000, 60s, "requests", "a request holds what attacks hold") \
	X(WEB_SCANNER, "web-scanner", "web", MEDIUM, true, 1, 1000, 60s, "requests", "a scanner names itself as the user agent") \
	X(WEB_DOWNLOAD, "web-download", "web", MEDIUM, true, 1, 1000, 60s, "requests", "a program is fetched from a bare address") \
	X(WEB_PROXY, "web-proxy", "web", LOW, true, 1, 1000, 60s, "requests", "a web port is asked to be a proxy") \
	X(WEB_NO_HOST, "web-no-host", "web", LOW, true, 1, 1000, 60s, "requests", "an HTTP/1.1 request has no Host") \
	X(LISTENER_TALKS, "listener-talks", "process", MEDIUM, true, 1, 100, 10s, "connections", "a listener that is new connects elsewhere within the window")

enum sw_rule {
#define SW_RULE_ENUM(id, ...) SW_RULE_##id,
	SW_TRAIL_RULES(SW_RULE_ENUM)
	SW_HABIT_RULES(SW_RULE_ENUM)
#undef SW_RULE_ENUM
	SW_RULE_COUNT
};

enum { SW_RULE_HABITS = SW_RULE_SCAN_VERTICAL, SW_HABITS_COUNT = SW_RULE_COUNT - SW_RULE_HABITS };
