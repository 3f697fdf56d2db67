/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A client of the control socket, for the command line (blocking) and the page (in a loop).
 */
#pragma once

#include <jansson.h>

#include "sockwarden/rpc/control.h"
#include "user/base/json.h"
#include "user/io/loop.h"

struct sw_ctl_client;

/* -ENOENT or -ECONNREFUSED: not running; -EACCES: not permitted. */
int sw_ctl_client_open(const char *path, struct sw_ctl_client **ret);
void sw_ctl_client_close(struct sw_ctl_client *c);
void sw_ctl_client_closep(struct sw_ctl_client **c);
int sw_ctl_client_fd(const struct sw_ctl_client *c);

/* Sends a request; args_json is an object's text or NULL; fd -1 for none. Its id, or -errno. */
int64_t sw_ctl_client_send(struct sw_ctl_client *c, const char *verb, const char *args_json, int fd);
/*
 * The next line of the peer as parsed JSON (caller's, json_decref), waiting at most timeout_ms (-1:
 * for ever; 0: only what has arrived). 1 got one, 0 timed out, -EPIPE the peer is gone, -errno.
 */
int sw_ctl_client_next(struct sw_ctl_client *c, int timeout_ms, json_t **ret);
/* Sends and waits for the reply: 0 with *ret the whole reply object, ok or not; -errno. */
int sw_ctl_client_call(struct sw_ctl_client *c, const char *verb, const char *args_json, int fd, json_t **ret);
