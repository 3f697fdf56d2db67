/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sockwarden-web's connection to the engine: asks verbs of control.sock without blocking, follows the
 * events, comes back when the engine was restarted. One object in the process's loop.
 */
#pragma once

#include <jansson.h>

#include "user/io/loop.h"

enum {
	SW_UPSTREAM_CALLS_MAX = 48, /* waiting at once; more are refused */
	SW_UPSTREAM_TIMEOUT_SEC = 10, /* for one answer */
};

struct sw_upstream;
struct sw_upstream_call;

/* reply: the whole object, borrowed; NULL with why when there is none. Called exactly once, unless cancelled. */
typedef void (*sw_upstream_fn)(const json_t *reply, const char *why, void *arg);

struct sw_upstream_calls {
	void (*event)(const json_t *item, void *arg);
	/* The engine came (after the connection is made) or went. */
	void (*changed)(bool is_connected, void *arg);
};

/* run_dir, calls: borrowed. */
int sw_upstream_new(struct sw_loop *loop, const char *run_dir,
	const struct sw_upstream_calls *calls, void *arg, struct sw_upstream **ret);
/* Answers what waits (why: it is ending) and frees. */
void sw_upstream_free(struct sw_upstream *u);
void sw_upstream_freep(struct sw_upstream **u);
bool sw_upstream_is_connected(const struct sw_upstream *u);
/*
 * Asks; args_json as sw_ctl_client_send's. *ret is valid until fn is called, for cancel; fn is not
 * called from here. 0, -ENOTCONN, -EBUSY, -errno.
 */
int sw_upstream_ask(struct sw_upstream *u, const char *verb, const char *args_json,
	sw_upstream_fn fn, void *arg, struct sw_upstream_call **ret);
/* fn will not be called any more. NULL is nothing. */
void sw_upstream_cancel(struct sw_upstream_call *c);
