/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses and networks as text, and what they contain. Pure; no resolver: a name is never resolved. */
#pragma once

#include "sockwarden/model/addr.h"
#include "user/base/util.h"

enum { SW_NET_TEXT_MAX = 64 };

/*
 * "192.0.2.7", "192.0.2.0/24", "2001:db8::/32", "[2001:db8::1]", "::ffff:192.0.2.7" (becomes IPv4).
 * Host bits set beyond the prefix are cleared. 0, -EINVAL for anything else, a leading zero in an
 * IPv4 octet and a scope id among it. len: bytes of text, SIZE_MAX for up to its NUL.
 */
int sw_cidr_parse(const char *text, size_t len, struct sw_net *ret);
/* Canonical text, without the prefix for a host. Returns buf. */
const char *sw_cidr_format(char buf[static SW_NET_TEXT_MAX], const struct sw_net *n);
bool sw_net_is_host(const struct sw_net *n);
bool sw_net_eq(const struct sw_net *a, const struct sw_net *b);
/* True when every address of inner is in outer. */
bool sw_net_contains(const struct sw_net *outer, const struct sw_net *inner);
/* The network of plen bits around n; plen is cut to n's own. */
struct sw_net sw_net_trim(const struct sw_net *n, unsigned int plen);
struct sw_net sw_net_from4(__u32 addr_be);
struct sw_net sw_net_from6(const void *addr16);
/* Order by family, address, length: for sort and search. */
int sw_net_cmp(const struct sw_net *a, const struct sw_net *b);
/* How far into the inside an address reaches. */
enum sw_reach { SW_REACH_PUBLIC, SW_REACH_PRIVATE, SW_REACH_LOOPBACK };
enum sw_reach sw_net_reach(const struct sw_net *n);
/* Networks whose addresses nobody on the Internet has: inside, loopback, multicast, reserved. NULL ends it. */
extern const char *const sw_nets_nowhere[];
bool sw_net_is_nowhere(const struct sw_net *n);
/*
 * The host at the beginning of text, up to a port or path, is this one's loopback: an address, written in full,
 * never a name but "localhost", which libcurl itself takes for it.
 */
bool sw_host_is_loopback(const char *text);
unsigned int sw_net_max_plen(const struct sw_net *n);
