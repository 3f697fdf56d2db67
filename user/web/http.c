// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/web/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "user/base/json.h"
#include "user/web/host.h"

enum { BACKLOG = 64 };

struct sw_http {
	struct sw_loop *loop;
	const struct sw_http_env *env;
	struct MHD_Daemon *daemon;
	struct sw_source *source, *timer;
};

/* Source: OWASP's secure headers; the page has no inline script or style, and loads nothing from elsewhere. */
static const char *const headers[][2] = {
	{"Content-Security-Policy",
		"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"X-Frame-Options", "DENY"},
};

static enum MHD_Result queue(struct sw_http_request *q, unsigned int status, struct MHD_Response *r)
{
	enum MHD_Result result;

	if (!r)
		return MHD_NO; /* the connection is closed */
	for (size_t i = 0; i < SW_ARRAY_SIZE(headers); i++)
		MHD_add_response_header(r, headers[i][0], headers[i][1]);
	result = MHD_queue_response(q->connection, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result send_answer(struct sw_http_request *q)
{
	struct MHD_Response *r;
	char cookie[128];

	if (q->body.is_failed)
		return MHD_NO;
	r = MHD_create_response_from_buffer(
		q->body.len, (void *)sw_strbuf_get(&q->body), MHD_RESPMEM_MUST_COPY);
	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", q->type ? q->type : "text/plain; charset=utf-8");
	MHD_add_response_header(r, "Cache-Control", "no-store");
	if (q->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	if (q->location)
		MHD_add_response_header(r, "Location", q->location);
	if (q->cookie[0]) {
		snprintf(cookie, sizeof(cookie),
			"sockwarden=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d", q->cookie,
			SW_SESSION_SEC);
		MHD_add_response_header(r, "Set-Cookie", cookie);
	}
	return queue(q, q->status, r);
}

static enum MHD_Result send_text(struct sw_http_request *q, unsigned int status, const char *text)
{
	q->status = status;
	sw_strbuf_puts(&q->body, text);
	return send_answer(q);
}

static const char *header_of(struct sw_http_request *q, const char *name)
{
	return MHD_lookup_connection_value(q->connection, MHD_HEADER_KIND, name);
}

static bool takes_gzip(struct sw_http_request *q)
{
	const char *accepted = header_of(q, "Accept-Encoding");

	return accepted && strstr(accepted, "gzip") && !strstr(accepted, "gzip;q=0");
}

static enum MHD_Result send_asset(
	struct sw_http_request *q, unsigned int status, const struct sw_asset *a)
{
	const char *known = header_of(q, "If-None-Match");
	bool is_packed = takes_gzip(q), is_known;
	const unsigned char *data;
	struct MHD_Response *r;

	if (!a)
		return MHD_NO;
	is_known = status == MHD_HTTP_OK && known && strstr(known, a->etag);
	data = is_packed ? a->packed : a->data;
	r = MHD_create_response_from_buffer(is_known ? 0
			: is_packed                  ? a->packed_len
						     : a->len,
		(void *)data, MHD_RESPMEM_PERSISTENT);
	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", a->type);
	MHD_add_response_header(r, "Vary", "Accept-Encoding");
	MHD_add_response_header(r, "ETag", a->etag);
	MHD_add_response_header(
		r, "Cache-Control", "no-cache"); /* asked for each time, sent once */
	if (is_packed && !is_known)
		MHD_add_response_header(r, "Content-Encoding", "gzip");
	return queue(q, is_known ? MHD_HTTP_NOT_MODIFIED : status, r);
}

static bool has_session(struct sw_http_request *q)
{
	const struct sw_http_env *env = q->http->env;
	const char *cookie =
		MHD_lookup_connection_value(q->connection, MHD_COOKIE_KIND, "sockwarden");

	return sw_secret_is_good(env->sessions, sw_clock_boot_ns(env->clock), cookie);
}

static enum MHD_Result send_stream(struct sw_http_request *q)
{
	struct MHD_Response *r = sw_stream_open(q->http->env->streams, q->connection);

	if (!r)
		return send_text(q, MHD_HTTP_SERVICE_UNAVAILABLE, "too many pages are open\n");
	MHD_add_response_header(r, "Content-Type", "text/event-stream");
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_add_response_header(r, "X-Accel-Buffering", "no");
	return queue(q, MHD_HTTP_OK, r);
}

static void on_reply(const json_t *reply, const char *why, void *arg)
{
	struct sw_http_request *q = arg;

	q->call = NULL;
	q->route->answer(q, reply, why);
	q->is_answered = true;
	if (q->is_suspended) {
		q->is_suspended = false;
		MHD_resume_connection(q->connection);
		sw_http_wake(q->http);
	}
}

/* The token goes to the engine as JSON text, whatever it holds. */
static const char *make_args(struct sw_http_request *q, struct sw_strbuf *buf)
{
	const char *token =
		MHD_lookup_connection_value(q->connection, MHD_GET_ARGUMENT_KIND, "token");
	struct sw_json j;

	if (q->route->args || !sw_streq(q->route->path, "/login"))
		return q->route->args;
	sw_json_init(&j, buf);
	sw_json_object_begin(&j, NULL);
	sw_json_string(&j, "token", token ? token : "");
	sw_json_object_end(&j);
	return sw_strbuf_get(buf);
}

static enum MHD_Result ask(struct sw_http_request *q)
{
	_strbuf_ struct sw_strbuf args = {};
	int r = sw_upstream_ask(
		q->http->env->upstream, q->route->verb, make_args(q, &args), on_reply, q, &q->call);

	if (r < 0) {
		on_reply(NULL, r == -ENOTCONN ? "the engine is not running" : strerror(-r), q);
		return send_answer(q);
	}
	q->is_suspended = true;
	MHD_suspend_connection(q->connection);
	return MHD_YES;
}

static enum MHD_Result refuse_session(struct sw_http_request *q)
{
	if (sw_streq(q->route->path, "/"))
		return send_asset(q, MHD_HTTP_UNAUTHORIZED, sw_asset_find("/login.html"));
	q->type = "application/json";
	return send_text(q, MHD_HTTP_UNAUTHORIZED,
		"{\"error\":{\"code\":\"permission\",\"message\":\"log in with the link that sockwarden web prints\"}}\n");
}

static enum MHD_Result dispatch(struct sw_http_request *q, const char *path, const char *method)
{
	const struct sw_asset *asset = sw_asset_find(path);

	if (!sw_host_ok(header_of(q, "Host")))
		return send_text(q, MHD_HTTP_MISDIRECTED_REQUEST,
			"this host is asked by its address or as localhost\n");
	if (!sw_streq(method, "GET") && !sw_streq(method, "HEAD"))
		return send_text(q, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	q->route = sw_route_find(path);
	if (q->route && q->route->needs_session && !has_session(q))
		return refuse_session(q);
	if (q->route && sw_streq(path, "/"))
		return send_asset(q, MHD_HTTP_OK, sw_asset_find("/index.html"));
	if (q->route && sw_streq(path, "/api/events"))
		return send_stream(q);
	if (q->route && q->route->verb)
		return ask(q);
	if (q->route) {
		q->route->answer(q, NULL, NULL);
		return send_answer(q);
	}
	if (asset && !strstr(asset->path, ".html"))
		return send_asset(q, MHD_HTTP_OK, asset);
	return send_text(q, MHD_HTTP_NOT_FOUND, "there is nothing here\n");
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **request)
{
	struct sw_http_request *q = *request;

	if (!q) {
		q = calloc(1, sizeof(*q));
		if (!q)
			return MHD_NO;
		q->http = arg;
		q->connection = connection;
		*request = q;
		return MHD_YES;
	}
	if (*upload_size) { /* nothing here reads a body */
		*upload_size = 0;
		return MHD_YES;
	}
	return q->is_answered ? send_answer(q) : dispatch(q, path, method);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **request,
	enum MHD_RequestTerminationCode how)
{
	struct sw_http_request *q = *request;

	if (!q)
		return;
	sw_upstream_cancel(q->call);
	sw_strbuf_done(&q->body);
	free(q);
	*request = NULL;
}

/* ---- the server in the loop */

static void plan(struct sw_http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(h->daemon, &ms) == MHD_YES)
		sw_source_set_timer(h->timer, ms ? ms * SW_MSEC_NS : 1, 0);
	else
		sw_source_set_timer(h->timer, 0, 0);
}

static int on_ready(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct sw_http *h = arg;

	MHD_run(h->daemon);
	plan(h);
	return 0;
}

static int on_timer(struct sw_source *s, void *arg)
{
	return on_ready(s, -1, 0, arg);
}

static int start(struct sw_http *h, int fd)
{
	const union MHD_DaemonInfo *info;
	int r;

	h->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		on_request, h, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)SW_HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned int)SW_HTTP_TIMEOUT_SEC, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)SW_HTTP_MEMORY_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
	if (!h->daemon) {
		sw_close(fd);
		return -EIO;
	}
	info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -ENOSYS;
	r = sw_loop_add_timer(h->loop, 1, 0, on_timer, h, &h->timer);
	if (r < 0)
		return r;
	return sw_loop_add_fd(h->loop, info->epoll_fd, EPOLLIN, on_ready, h, &h->source);
}

void sw_http_wake(struct sw_http *h)
{
	if (h && h->timer)
		sw_source_set_timer(h->timer, 1, 0);
}

int sw_http_new(struct sw_loop *loop, const struct sw_http_env *env, int fd, struct sw_http **ret)
{
	struct sw_http *h = calloc(1, sizeof(*h));
	int r;

	if (!h) {
		sw_close(fd);
		return -ENOMEM;
	}
	h->loop = loop;
	h->env = env;
	r = start(h, fd);
	if (r < 0) {
		sw_http_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void sw_http_free(struct sw_http *h)
{
	if (!h)
		return;
	sw_source_free(h->source);
	sw_source_free(h->timer);
	if (h->daemon)
		MHD_stop_daemon(h->daemon); /* closes the listening socket */
	free(h);
}

const struct sw_http_env *sw_http_env(const struct sw_http *h)
{
	return h->env;
}

static socklen_t fill_address(struct sockaddr_storage *ss, const char *address, unsigned int port)
{
	struct sockaddr_in *in4 = (void *)ss;
	struct sockaddr_in6 *in6 = (void *)ss;

	*ss = (struct sockaddr_storage){};
	if (inet_pton(AF_INET, address, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons((uint16_t)port);
		return sizeof(*in4);
	}
	if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		return sizeof(*in6);
	}
	return 0;
}

int sw_http_listen(const char *address, unsigned int port, unsigned int *ret_port)
{
	struct sockaddr_storage ss;
	socklen_t len = fill_address(&ss, address, port);
	const int on = 1;
	_close_ int fd = -1;

	if (!len)
		return -EINVAL;
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(fd, (struct sockaddr *)&ss, len) < 0 || listen(fd, BACKLOG) < 0 ||
		getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	*ret_port =
		ntohs(ss.ss_family == AF_INET ? ((struct sockaddr_in *)(void *)&ss)->sin_port
					      : ((struct sockaddr_in6 *)(void *)&ss)->sin6_port);
	return TAKE_FD(fd);
}
