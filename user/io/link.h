/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A SOCK_SEQPACKET connection to another process of ours that comes back by itself when that process
 * was restarted. Belongs to one loop; the owner frees it. Used by sockwarden-net and sockwarden-web.
 */
#pragma once

#include "user/io/loop.h"
#include "user/io/msg.h"

enum {
	SW_LINK_PACKET_MAX = 64 * 1024, /* larger ones end the connection */
	SW_LINK_RETRY_MIN_MS = 100, /* between tries to connect, doubled ... */
	SW_LINK_RETRY_MAX_MS = 2000, /* ... up to this */
};

struct sw_link;

struct sw_link_calls {
	/* Connected; negative drops the connection and tries later. */
	int (*connected)(struct sw_link *l, void *arg);
	/* One packet. *fd is a descriptor that came with it (-1: none); set to -1 to keep it. Negative drops. */
	int (*packet)(struct sw_link *l, const void *buf, size_t len, int *fd, void *arg);
	/* The connection went, err says why (0: the peer closed it). May be NULL. */
	void (*lost)(struct sw_link *l, int err, void *arg);
};

/* path and calls: borrowed. Tries to connect at once, from the loop. */
int sw_link_new(struct sw_loop *loop, const char *path, const struct sw_link_calls *calls,
	void *arg, struct sw_link **ret);
void sw_link_free(struct sw_link *l);
void sw_link_freep(struct sw_link **l);
bool sw_link_is_connected(const struct sw_link *l);
/* fd -1: none, else borrowed. 0, -ENOTCONN, -EAGAIN the peer does not read, -errno. */
int sw_link_send(struct sw_link *l, const void *buf, size_t len, int fd);
/* The result of the last try to connect: 0 or -errno. */
int sw_link_error(const struct sw_link *l);
