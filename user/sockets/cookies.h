/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Socket cookies to what is known of them: one flat table with open addressing, because a snapshot
 * asks it twice for each socket of the host and a miss of the cache is what that costs. In the
 * engine; the table owns its slots, the values are the caller's.
 */
#pragma once

#include "user/base/util.h"

struct sw_cookie_slot {
	uint64_t cookie; /* 0: empty; the kernel gives none 0 */
	void *value;
};

/* Zero is an empty table. */
struct sw_cookies {
	struct sw_cookie_slot *slots;
	size_t n, cap; /* cap: 0 or a power of two */
};

void sw_cookies_done(struct sw_cookies *c);
/* NULL when there is none. */
void *sw_cookies_find(const struct sw_cookies *c, uint64_t cookie);
/* cookie: not 0 and not yet in it; value: not NULL. 0, -ENOMEM. */
int sw_cookies_add(struct sw_cookies *c, uint64_t cookie, void *value);
void sw_cookies_remove(struct sw_cookies *c, uint64_t cookie);
