/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Decoys: the ports that nobody serves and that are answered all the same. Maps of bpf/decoy.bpf.c,
 * pinned by their names: decoy_ports (the guard writes it) and decoy_socks (the guard puts its
 * listeners there; the kernel takes them out when they are closed).
 */
#pragma once

#include "sockwarden/abi/types.h"

enum { SW_DECOY_PORT_BYTES = 65536 / 8 };

/* decoy_ports: array of one. Bit N of a family of ports: port N is a decoy unless somebody listens there. */
struct sw_decoy_ports {
	__u8 tcp[SW_DECOY_PORT_BYTES];
	__u8 udp[SW_DECOY_PORT_BYTES];
};

/* decoy_socks: sockmap. One a family: a socket bound to ::1 would take IPv6 alone. */
enum sw_decoy_sock { SW_DECOY_TCP4, SW_DECOY_TCP6, SW_DECOY_UDP4, SW_DECOY_UDP6, SW_DECOY_SOCKS };
