/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets of ports, and which ports the configuration makes decoys. Pure. */
#pragma once

#include "sockwarden/abi/decoy.h"
#include "sockwarden/rpc/config.h"
#include "user/base/util.h"

/* Bit N of bits[SW_DECOY_PORT_BYTES]. */
void sw_ports_set(__u8 *bits, unsigned int first, unsigned int last);
bool sw_ports_has(const __u8 *bits, unsigned int port);
unsigned int sw_ports_count(const __u8 *bits);

/* Adds those of a list. */
void sw_ports_list(const struct sw_config_ports *list, __u8 *bits);

bool sw_decoys_are_wanted(const struct sw_config *c);
/* The mode of TCP with the preset reckoned in. */
enum sw_decoy_tcp sw_decoys_tcp_mode(const struct sw_config *c);
/*
 * The ports of both protocols; UDP ports from client_first to client_last are left out, because the
 * kernel gives them to clients, whose answers would be taken. Returns how many UDP ports were.
 */
unsigned int sw_decoys_ports(const struct sw_config *c, unsigned int client_first, unsigned int client_last,
	struct sw_decoy_ports *ret);
