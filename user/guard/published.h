/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ports of this host that are sent on to somewhere else: what NAT rules of nftables (iptables-nft's
 * among them) and of legacy iptables name as a destination port, as Docker and kube-proxy write
 * them. A superset: a port too many hides probes of that port, a port too few would call visitors
 * scanners. In the guard, from the kernel's tables; plain values.
 */
#pragma once

#include "sockwarden/abi/probe.h"
#include "user/base/util.h"

struct sw_published {
	__u8 ports[SW_PORT_BYTES];
	bool has_masquerade; /* sources are rewritten: answers come to ports that no socket here has */
	unsigned int n_rules; /* that name ports */
};

/* Reads the tables of the namespace it runs in. What this kernel does not have is empty; 0 or -errno. */
int sw_published_read(struct sw_published *ret);
/* Legacy iptables' alone, added to *p. 0 also when there is none. */
int sw_published_add_legacy(struct sw_published *p);
