/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The HTTP server of the page: libmicrohttpd's epoll descriptor in our loop, no threads. A request
 * that needs the engine is suspended until the answer comes. Every response carries the headers that
 * keep a browser from being used against us. Paths are rows in routes.c.
 */
#pragma once

#include <jansson.h>
#include <microhttpd.h>

#include "user/base/strbuf.h"
#include "user/io/loop.h"
#include "user/io/secrets.h"
#include "user/web/stream.h"
#include "user/web/upstream.h"

enum {
	SW_HTTP_CONNECTIONS_MAX = 64,
	SW_SESSION_SEC = 12 * 3600, /* a login of the page */
	SW_HTTP_TIMEOUT_SEC = 30, /* without a byte; event streams beat more often */
	SW_HTTP_MEMORY_BYTES = 32 * 1024, /* for one connection: request line and headers */
};

struct sw_http;

struct sw_asset {
	const char *path, *type, *etag;
	const unsigned char *data;
	size_t len;
	const unsigned char *packed; /* gzip */
	size_t packed_len;
};

/* One request and what will answer it. */
struct sw_http_request {
	struct sw_http *http;
	struct MHD_Connection *connection;
	const struct sw_route *route;
	struct sw_upstream_call *call; /* waiting for the engine */
	bool is_suspended, is_answered;
	unsigned int status;
	const char *type;
	const char *location; /* a redirect's, or NULL */
	char cookie[SW_SECRET_TEXT]; /* a new session's, or "" */
	struct sw_strbuf body;
};

struct sw_route {
	const char *path;
	bool needs_session;
	const char *verb; /* asked of the engine; NULL: answer does all */
	const char *args;
	/* Fills status, type and body. reply: NULL with why when the engine did not answer, or there is no verb. */
	void (*answer)(struct sw_http_request *q, const json_t *reply, const char *why);
};

/* What it serves with; borrowed for its life. */
struct sw_http_env {
	const struct sw_clock *clock;
	struct sw_upstream *upstream;
	struct sw_secrets *sessions;
	struct sw_streams *streams;
};

/* fd: a listening socket, the server's from now on, also on failure. */
int sw_http_new(struct sw_loop *loop, const struct sw_http_env *env, int fd, struct sw_http **ret);
void sw_http_free(struct sw_http *h);
/*
 * What was suspended has been resumed: libmicrohttpd 0.9.75 without its own thread does not notice by
 * itself. NULL is nothing.
 */
void sw_http_wake(struct sw_http *h);
const struct sw_http_env *sw_http_env(const struct sw_http *h);
/* A bound and listening socket. Descriptor or -errno; *ret_port is the port it got. */
int sw_http_listen(const char *address, unsigned int port, unsigned int *ret_port);

/* routes.c: the row of a path, NULL for none. */
const struct sw_route *sw_route_find(const char *path);
/* The asset of a path, NULL for none. */
const struct sw_asset *sw_asset_find(const char *path);
