/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A socket policy written from what was seen, as a part of the configuration, for people to read first. Pure. */
#pragma once

#include "user/base/strbuf.h"
#include "user/policy/sock_seen.h"

struct sw_learn {
	int64_t since_wall_sec;
	unsigned int client_first, client_last; /* ports that the kernel chooses */
	/* NULL: it has none, and is named by its number. Good until the next call. */
	const char *(*user_name)(uint32_t uid, void *arg);
	void *arg;
	/* what came of it */
	unsigned int rules, left_out; /* rules that a list has no room for */
};

/* Appends "policy:" with its lists. The same of the same memory, whatever its order. 0, -ENOMEM. */
int sw_sock_learn(struct sw_learn *l, struct sw_seen_memory *m, struct sw_strbuf *out);
