/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mirror ports: a packet socket for each device of the configuration, promiscuous, with a ring that the
 * engine maps and reads. In the guard, which opens and hands over, and reads nothing. Owned by the guard.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "sockwarden/rpc/guard.h"

struct sw_sensors;

int sw_sensors_new(struct sw_sensors **ret);
void sw_sensors_free(struct sw_sensors *s);
/* Opens what is wanted and closes the rest. What fails is logged, and told by _give. */
void sw_sensors_configure(struct sw_sensors *s, const struct sw_config *c);
/* What there is, and its descriptors, borrowed: at most SW_GUARD_SENSORS_MAX. */
void sw_sensors_give(
	const struct sw_sensors *s, struct sw_guard_sensors *ret, int *ret_fds, size_t *ret_n);
