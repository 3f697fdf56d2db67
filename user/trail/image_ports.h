/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The addresses with a port of all lists, merged for the image. Of lists that hold the same one, an
 * except wins over a drop, a drop over an observe, and among equals the list given first. What an except
 * decides is left out: that of the same address and port, or one that decides for the address.
 */
#pragma once

#include "user/trail/image.h"

/*
 * *ret: in the order of sw_trail_ports_check, to be freed; NULL when there are none. 0, -E2BIG more than
 * SW_MAX_TRAIL_PORTS, -ENOMEM.
 */
int sw_trail_ports_merge(const struct sw_trail_source *lists, size_t n, struct sw_trail_port **ret,
	size_t *ret_n);
