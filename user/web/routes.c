// SPDX-License-Identifier: GPL-3.0-or-later
/* What each path answers; the table is at the end. */
#include "user/web/http.h"

#include "user/base/json.h"

#include "web_page.h"

const struct sw_asset *sw_asset_find(const char *path)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(sw_web_assets); i++) {
		if (sw_streq(sw_web_assets[i].path, path))
			return &sw_web_assets[i];
	}
	return NULL;
}

static bool is_ok(const json_t *reply)
{
	return json_is_true(json_object_get(reply, "ok"));
}

static const char *message_of(const json_t *reply, const char *why)
{
	const char *text =
		json_string_value(json_object_get(json_object_get(reply, "error"), "message"));

	return text ? text : why ? why : "the engine refused";
}

static void answer_healthz(struct sw_http_request *q, const json_t *reply, const char *why)
{
	q->status = MHD_HTTP_OK;
	sw_strbuf_puts(&q->body, "ok\n");
}

/* ---- /readyz */

static void add_reasons(struct sw_json *j, const json_t *data)
{
	const char *error =
		json_string_value(json_object_get(json_object_get(data, "store"), "error"));
	const char *mode = json_string_value(json_object_get(data, "mode"));
	const json_t *interfaces = json_object_get(data, "interfaces");

	if (!mode || sw_streq(mode, "unknown"))
		sw_json_string(j, NULL, "the guard does not answer");
	else if (json_is_array(interfaces) && !json_array_size(interfaces))
		sw_json_string(j, NULL, "no network device is watched");
	if (error && error[0])
		sw_json_stringf(j, NULL, "the store: %s", error);
}

static void answer_readyz(struct sw_http_request *q, const json_t *reply, const char *why)
{
	_strbuf_ struct sw_strbuf reasons = {};
	struct sw_json j;
	bool is_ready;

	sw_json_init(&j, &reasons);
	sw_json_array_begin(&j, NULL);
	if (is_ok(reply))
		add_reasons(&j, json_object_get(reply, "data"));
	else
		sw_json_string(&j, NULL, message_of(reply, why));
	sw_json_array_end(&j);
	is_ready = sw_streq(sw_strbuf_get(&reasons), "[]");
	q->status = is_ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
	q->type = "application/json";
	sw_strbuf_printf(&q->body, "{\"ready\":%s,\"reasons\":%s}\n", is_ready ? "true" : "false",
		sw_strbuf_get(&reasons));
}

/* ---- /metrics */

static void answer_metrics(struct sw_http_request *q, const json_t *reply, const char *why)
{
	const char *text =
		json_string_value(json_object_get(json_object_get(reply, "data"), "text"));

	q->status = text ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
	if (text)
		q->type = "text/plain; version=0.0.4; charset=utf-8";
	sw_strbuf_puts(&q->body, text ? text : message_of(reply, why));
	if (!text)
		sw_strbuf_putc(&q->body, '\n');
}

/* ---- /login */

static void add_asset(struct sw_http_request *q, const char *path)
{
	const struct sw_asset *a = sw_asset_find(path);

	if (!a)
		return;
	q->type = a->type;
	sw_strbuf_add(&q->body, a->data, a->len);
}

static void answer_login(struct sw_http_request *q, const json_t *reply, const char *why)
{
	const struct sw_http_env *env = sw_http_env(q->http);

	if (is_ok(reply) &&
		sw_secret_make(env->sessions, sw_clock_boot_ns(env->clock), q->cookie) == 0) {
		q->status = MHD_HTTP_SEE_OTHER;
		q->location = "/";
		return;
	}
	q->status = reply ? MHD_HTTP_UNAUTHORIZED : MHD_HTTP_SERVICE_UNAVAILABLE;
	add_asset(q, "/login.html");
}

/* ---- /api */

static unsigned int status_of(const json_t *reply)
{
	static const struct {
		const char *code;
		unsigned int status;
	} rows[] = {
		{"permission", MHD_HTTP_FORBIDDEN},
		{"not-found", MHD_HTTP_NOT_FOUND},
		{"usage", MHD_HTTP_BAD_REQUEST},
		{"not-running", MHD_HTTP_SERVICE_UNAVAILABLE},
	};
	const char *code =
		json_string_value(json_object_get(json_object_get(reply, "error"), "code"));

	for (size_t i = 0; code && i < SW_ARRAY_SIZE(rows); i++) {
		if (sw_streq(rows[i].code, code))
			return rows[i].status;
	}
	return reply ? MHD_HTTP_BAD_GATEWAY : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static void answer_api(struct sw_http_request *q, const json_t *reply, const char *why)
{
	_free_ char *text =
		is_ok(reply) ? json_dumps(json_object_get(reply, "data"), JSON_COMPACT) : NULL;
	struct sw_json j;

	q->type = "application/json";
	if (text) {
		q->status = MHD_HTTP_OK;
		sw_strbuf_puts(&q->body, text);
		return;
	}
	q->status = status_of(reply);
	sw_json_init(&j, &q->body);
	sw_json_object_begin(&j, NULL);
	sw_json_object_begin(&j, "error");
	sw_json_string(&j, "code", reply ? "refused" : "not-running");
	sw_json_string(&j, "message", message_of(reply, why));
	sw_json_object_end(&j);
	sw_json_object_end(&j);
}

static const struct sw_route routes[] = {
	{"/healthz", false, NULL, NULL, answer_healthz},
	{"/readyz", false, "status", NULL, answer_readyz},
	{"/metrics", false, "metrics", NULL, answer_metrics},
	{"/login", false, "web.redeem", NULL, answer_login}, /* http.c adds the token */
	{"/", true, NULL, NULL, answer_healthz}, /* http.c: the page */
	{"/api/events", true, NULL, NULL, answer_healthz}, /* http.c: a stream */
	{"/api/status", true, "status", NULL, answer_api},
	{"/api/listeners", true, "sockets.list", "{\"listening\":true}", answer_api},
	{"/api/bans", true, "bans", NULL, answer_api},
	{"/api/findings", true, "findings", "{\"last\":100}", answer_api},
	{"/api/trails", true, "trails.list", NULL, answer_api},
};

const struct sw_route *sw_route_find(const char *path)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(routes); i++) {
		if (sw_streq(routes[i].path, path))
			return &routes[i];
	}
	return NULL;
}
