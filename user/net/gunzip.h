/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unpacks a gzip stream as it comes, a block at a time, so that a bomb needs no memory. libcurl's own
 * unpacking takes a stream that ends in its middle for whole (7.88); here that is an error.
 */
#pragma once

#include "user/base/util.h"

struct sw_gunzip;

/* One block of what came out; 0 to go on, negative ends it with that result. */
typedef int (*sw_gunzip_fn)(const char *data, size_t len, void *arg);

int sw_gunzip_new(sw_gunzip_fn fn, void *arg, struct sw_gunzip **ret);
void sw_gunzip_free(struct sw_gunzip *g);
void sw_gunzip_freep(struct sw_gunzip **g);
/* 0, -EBADMSG not gzip or damaged, fn's own result, -ENOMEM. */
int sw_gunzip_feed(struct sw_gunzip *g, const char *data, size_t len);
/* True when the stream came to its end and its checksum was right. */
bool sw_gunzip_is_whole(const struct sw_gunzip *g);
