/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a captured frame's packet begins, by the capture's link type. Pure. */
#pragma once

#include "sockwarden/pkt/flow.h"
#include "user/base/util.h"

/* A type of <pcap/dlt.h> whose frames are read. */
bool sw_link_is_known(int type);
/* The packet in a frame; *len: the frame's, then the packet's. NULL when it holds none that is read. */
const uint8_t *sw_link_packet(int type, const uint8_t *frame, size_t *len, enum sw_link *ret_link);
