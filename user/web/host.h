/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The Host header against DNS rebinding. Pure. A page of a stranger's name that resolves to this host
 * comes with that name; addresses and "localhost" cannot be made to point elsewhere.
 */
#pragma once

#include "user/base/util.h"

/* True for an address (IPv6 in brackets) or localhost, with or without a port. NULL: false. */
bool sw_host_ok(const char *host);
