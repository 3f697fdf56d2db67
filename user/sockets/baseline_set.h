/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many rows of a baseline in little memory: packed to the bytes that their texts have, some 120 of a row's 990, and
 * sorted. In the engine; a set owns its memory, rows come out as copies.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sockwarden/model/baseline.h"

enum {
	SW_BASELINE_ROWS_MAX = 262144, /* listeners on one host: each address of one may have every port */
	SW_BASELINE_TEXT_MAX = 128 << 20, /* bytes of a set: what so many take with names of 400 bytes */
};

struct sw_baseline_service; /* baseline_set.c: who offers what, however far it reaches */

struct sw_baseline_set {
	char *text; /* packed rows */
	size_t len, room;
	uint32_t *at; /* where each begins, in their order after _sort */
	size_t n, cap;
	struct sw_baseline_service *services; /* by _sort */
	size_t n_services;
	int64_t taken_wall_sec;
};

/* Empty again. */
void sw_baseline_set_done(struct sw_baseline_set *s);
/* -E2BIG more than the limits, -ENOMEM. */
int sw_baseline_set_add(struct sw_baseline_set *s, const struct sw_baseline_row *row);
/* Puts rows in the order of sw_baseline_cmp, each identity once. Nothing is found before, nothing added after. */
int sw_baseline_set_sort(struct sw_baseline_set *s);
void sw_baseline_set_get(const struct sw_baseline_set *s, size_t i, struct sw_baseline_row *ret);

/* What these return is the number of a row, -1: none. The same identity; any row of that key. */
ssize_t sw_baseline_set_find(const struct sw_baseline_set *s, const struct sw_baseline_row *row);
ssize_t sw_baseline_set_find_key(const struct sw_baseline_set *s, const char *key);
/* The same service by everything but the address, and of those the one that reaches farthest. */
ssize_t sw_baseline_set_find_service(const struct sw_baseline_set *s, const struct sw_baseline_row *row);

/* A row as bytes for a database: valid until the set changes. */
const void *sw_baseline_set_packed(const struct sw_baseline_set *s, size_t i, size_t *ret_len);
/* False: these bytes are no row that sw_baseline_set_packed wrote. */
bool sw_baseline_unpack(const void *data, size_t len, struct sw_baseline_row *ret);

/* Order by identity: key, executable, uid, image or container. 0: the same listener. */
int sw_baseline_cmp(const void *a, const void *b);
/* By image where both have one: a container is another each time it is made. */
bool sw_baseline_is_same_owner(const struct sw_baseline_row *a, const struct sw_baseline_row *b);
