/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket's server (include/sockwarden/rpc/control.h), in the engine. It owns its peers;
 * verbs are rows that the engine registers. A verb answers at once or keeps the request and answers
 * later; a follower that reads slowly loses items, which are counted and told to it.
 */
#pragma once

#include <jansson.h>

#include "sockwarden/rpc/control.h"
#include "user/base/json.h"
#include "user/io/loop.h"
#include "user/io/msg.h"

struct sw_ctl_server;
struct sw_ctl_request;

enum sw_ctl_need { SW_CTL_READ, SW_CTL_CHANGE };

/*
 * Handles one request. args is borrowed (an object, never NULL). Call exactly one of _reply_end,
 * _fail, or _follow. May block only for as long as a person does not notice (10 ms).
 */
typedef void (*sw_ctl_verb_fn)(struct sw_ctl_request *q, const json_t *args, void *arg);

struct sw_ctl_verb {
	const char *name;
	enum sw_ctl_need need;
	sw_ctl_verb_fn fn;
};

struct sw_ctl_access {
	uid_t web_uid;	  /* may read */
	gid_t reader_gid; /* may read */
	gid_t admin_gid;  /* may change; root always may */
};

/* verbs: rows ended by a NULL name, borrowed; arg goes to every verb. The socket is RUN/control.sock. */
int sw_ctl_server_new(struct sw_loop *l, const char *path, const struct sw_ctl_access *access,
	const struct sw_ctl_verb *verbs, void *arg, struct sw_ctl_server **ret);
void sw_ctl_server_free(struct sw_ctl_server *s);
void sw_ctl_server_freep(struct sw_ctl_server **s);

/* "uid 0 (root)", for records of who did it; borrowed from the request. */
const char *sw_ctl_request_by(const struct sw_ctl_request *q);
uid_t sw_ctl_request_uid(const struct sw_ctl_request *q);
/* The descriptor that came with the request, moved to the caller; -1 when there is none. */
int sw_ctl_request_take_fd(struct sw_ctl_request *q);

/* Begins the reply: a writer inside the open "data" object, "schema_version" already written. */
struct sw_json *sw_ctl_reply_begin(struct sw_ctl_request *q);
void sw_ctl_reply_end(struct sw_ctl_request *q);
/* hint may be NULL: what the caller should do about it. */
void sw_ctl_fail(struct sw_ctl_request *q, enum sw_control_error code, const char *hint, const char *fmt, ...)
	_printf_(4, 5);

/* Keeps the request as a stream: items sent with _item until the peer goes or _stream_end. */
void sw_ctl_follow(struct sw_ctl_request *q);
/* json: one object, without newline. */
void sw_ctl_item(struct sw_ctl_request *q, const char *json, size_t len);
void sw_ctl_stream_end(struct sw_ctl_request *q);
/* Calls fn for every request that follows. */
void sw_ctl_each_follower(struct sw_ctl_server *s, void (*fn)(struct sw_ctl_request *q, void *arg), void *arg);
/* What a follower asked for: the args of its request, kept with it. */
const json_t *sw_ctl_request_args(const struct sw_ctl_request *q);

/* Typed reads of args: absent gives fallback; a wrong type fails the request and returns false. */
bool sw_ctl_arg_string(struct sw_ctl_request *q, const json_t *args, const char *key, const char *fallback,
	const char **ret);
bool sw_ctl_arg_uint(struct sw_ctl_request *q, const json_t *args, const char *key, uint64_t fallback, uint64_t *ret);
bool sw_ctl_arg_bool(struct sw_ctl_request *q, const json_t *args, const char *key, bool fallback, bool *ret);
