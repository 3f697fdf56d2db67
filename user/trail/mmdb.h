/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A database of countries or autonomous systems in the MaxMind DB form, read by libmaxminddb: its
 * networks to a trail list, and an address to its entry. In the engine, which is unprivileged. The
 * file is copied to a sealed memfd first, for a mapping of a file that somebody cuts short would end
 * the process with SIGBUS. A database is immutable.
 */
#pragma once

#include "sockwarden/model/addr.h"
#include "user/trail/parse.h"

enum {
	SW_MMDB_FILE_MAX = 256 << 20, /* bytes of a file; those of cities have a quarter of it */
};

enum sw_mmdb_kind { SW_MMDB_COUNTRY, SW_MMDB_ASN };

struct sw_mmdb;

struct sw_mmdb_about {
	uint32_t value; /* SW_COUNTRY(a, b) of the code, or the number of the autonomous system */
	char name[96]; /* "" when the database has none */
};

/* *ret_why is a constant text when negative. */
int sw_mmdb_open(const char *path, struct sw_mmdb **ret, const char **ret_why);
void sw_mmdb_free(struct sw_mmdb *m);
void sw_mmdb_freep(struct sw_mmdb **m);
/*
 * Calls fn for every network, those of IPv4 first, each family in order, until it returns negative; value 0: the
 * database has none for it. 0, -EBADMSG with why, or what fn returned.
 */
typedef int (*sw_mmdb_fn)(void *arg, const struct sw_net *net, uint32_t value);
int sw_mmdb_each(const struct sw_mmdb *m, enum sw_mmdb_kind kind, sw_mmdb_fn fn, void *arg, const char **ret_why);
/*
 * Adds every network of the value to p. Number of them, or -errno: -EBADMSG a broken database
 * (*ret_why tells), or what the parser said.
 */
int64_t sw_mmdb_walk(const struct sw_mmdb *m, enum sw_mmdb_kind kind, uint32_t value,
	struct sw_trail_parser *p, const char **ret_why);
/* What it says of an address, of a network's first. False: nothing. */
bool sw_mmdb_find(const struct sw_mmdb *m, enum sw_mmdb_kind kind, const struct sw_net *net,
	struct sw_mmdb_about *ret);
