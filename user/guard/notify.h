/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tells the service manager, by its plain protocol (sd_notify(3)): a datagram to NOTIFY_SOCKET. */
#pragma once

#include "user/base/util.h"

/* state: "READY=1", "STOPPING=1", ... 0 also when nobody asked to be told; -errno. */
int sw_notify(const char *state);
/* Interval at which to say WATCHDOG=1, half of what the manager waits; 0: none wanted. */
uint64_t sw_notify_watchdog_ns(void);
