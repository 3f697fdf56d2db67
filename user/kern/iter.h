/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads an iterator's descriptor to its end: the sw_it_ records of abi/sock_event.h, one by one. */
#pragma once

#include "sockwarden/abi/sock_event.h"
#include "user/base/util.h"

/* One of these, by the record's type. Borrowed until the callback returns. */
union sw_it {
	const struct sw_it_inet *inet;
	const struct sw_it_unix *ux;
	const struct sw_it_file *file;
	const struct sw_it_task *task;
	const struct sw_it_held *held;
};

/* Negative ends the reading with it. */
typedef int (*sw_iter_fn)(enum sw_it_type type, union sw_it it, void *arg);

/*
 * Blocks while the kernel walks (50 ms CPU for 50,000 sockets); an iterator that is at its end gives
 * none. Records read; -EBADMSG for one that is none of ours (what came before was handed out), -errno.
 */
int sw_iter_read(int fd, sw_iter_fn fn, void *arg);
/* The whole records at the start of buf; *ret_used is their bytes. As above. For tests too. */
int sw_iter_decode(const void *buf, size_t len, sw_iter_fn fn, void *arg, size_t *ret_used);
