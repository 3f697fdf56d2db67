/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine's side of RUN/guard.sock (include/sockwarden/rpc/guard.h): keeps the connection, says
 * HELLO, comes back when the guard was restarted. Requests are answered in order, but for
 * TRAILS_SWAP. One object, owned by the engine, in its loop's thread.
 */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/io/loop.h"
#include "user/io/msg.h"

struct sw_guard_client;

/* After HELLO. fds[SW_FD_ENGINE_COUNT] move to the callee. Negative drops the connection and tries later. */
typedef int (*sw_guard_connected_fn)(struct sw_guard_client *g, const struct sw_guard_ids *ids, int *fds, void *arg);
/* The guard is gone; requests that waited were answered with -ECONNRESET before. */
typedef void (*sw_guard_lost_fn)(struct sw_guard_client *g, void *arg);
/*
 * A reply to a posted request; descriptors not moved out of fds (set to -1) are closed afterwards.
 * result is -ECONNRESET when the guard went before it answered.
 */
typedef void (*sw_guard_reply_fn)(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg);

int sw_guard_client_new(struct sw_loop *l, const char *path, sw_guard_connected_fn connected, sw_guard_lost_fn lost,
	void *arg, struct sw_guard_client **ret);
void sw_guard_client_free(struct sw_guard_client *g);
void sw_guard_client_freep(struct sw_guard_client **g);
/* Connects now if it is not connected; 0 or -errno (and it goes on trying by itself, 0.1 s to 2 s apart). */
int sw_guard_client_connect(struct sw_guard_client *g);
bool sw_guard_client_is_connected(const struct sw_guard_client *g);

/* The guard's process by the kernel's word; 0 while it is away. */
pid_t sw_guard_client_pid(const struct sw_guard_client *g);

/*
 * Sends and waits for the reply, at most 10 s: for short requests (bans, allow, mode, status).
 * req's version, id and unused parts are filled here; bytes is SW_GUARD_REQUEST_HEAD plus the entries.
 * 0 when the guard answered with result >= 0; else its result; -ENOTCONN, -ETIMEDOUT, -ECONNRESET.
 * ret may be NULL.
 */
int sw_guard_call(struct sw_guard_client *g, struct sw_guard_request *req, size_t bytes, struct sw_guard_reply *ret);
/* The same, with the descriptors that came: the caller's, whatever is returned. */
int sw_guard_call_fds(struct sw_guard_client *g, struct sw_guard_request *req, size_t bytes, struct sw_guard_reply *ret,
	int ret_fds[static SW_GUARD_FDS_MAX], size_t *ret_n);
/*
 * Sends and returns; fn is called with the reply from the loop: for what takes long (TRAILS_SWAP) or
 * brings descriptors (SNAPSHOT). fd -1 for none, else borrowed. fn is called exactly once after 0.
 */
int sw_guard_post(struct sw_guard_client *g, struct sw_guard_request *req, size_t bytes, int fd, sw_guard_reply_fn fn,
	void *arg);
