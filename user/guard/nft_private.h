/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by nft_wire.c, which writes, and nft_read.c, which reads; nobody else's. */
#pragma once

#include "user/guard/nft_wire.h"

struct nlmsghdr;

/* One element into an open list of a message; left_ms 0: without a timeout. */
void nft_put_elem(struct nlmsghdr *h, const void *key, size_t len, uint64_t left_ms);
