/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whose request it was that came through proxies. Anybody may write a forwarded header; what a trusted
 * proxy appended to it is true. So it is read from the right: the first hop that is not a trusted proxy is
 * the client, and what stands left of it is only what that client says. Pure.
 */
#pragma once

#include "sockwarden/model/addr.h"
#include "user/base/util.h"

enum {
	SW_PROXY_HOPS_MAX = 32
}; /* hops that are looked at; a longer chain is cut at the client's end */

struct sw_proxy_trust {
	const struct sw_net *nets; /* the configuration's trusted_proxies */
	size_t n;
};

bool sw_proxy_is_trusted(const struct sw_proxy_trust *t, const struct sw_net *host);
/*
 * peer: who connected. header: the value of X-Forwarded-For ("A, B") or of Forwarded ("for=A;proto=https, for=B"), more
 * headers of the name joined by ", "; NULL or empty: none. 1: *ret is a client behind a trusted proxy; 0: *ret is the
 * peer itself: it is no trusted proxy, or there is no header; -EBADMSG: the hop that would be the client is no address
 * ("unknown", a name, garbage): nobody may be blamed for it.
 */
int sw_proxy_client(const struct sw_proxy_trust *t, const struct sw_net *peer, const char *header,
	size_t len, struct sw_net *ret);
