// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/crowdsec_session.h"

#include <jansson.h>
#include <time.h>

#include "user/base/json.h"
#include "user/net/crowdsec.h"

struct sw_crowdsec_session {
	const struct sw_config *config;
	const struct sw_clock *clock;
	struct sw_multi *multi;
	sw_crowdsec_answer_fn done;
	void *arg;
	struct sw_strbuf token; /* "": not logged in */
	int64_t token_end_wall_sec; /* 0: unknown */
	/* the request on its way */
	struct sw_crowdsec_request request;
	struct sw_strbuf path, login;
	struct sw_http_client http;
	bool is_login, has_logged_in; /* for this request */
};

static void finish(struct sw_crowdsec_session *s, int result, long status, const char *text)
{
	struct sw_strbuf answer = s->http.answer;

	s->http.answer = (struct sw_strbuf){};
	sw_http_client_end(&s->http);
	sw_strbuf_wipe(&s->login);
	s->done(result, status, text, &answer, s->arg);
	sw_strbuf_wipe(&answer);
}

/* ---- login */

int sw_go_time_parse(const char *text, int64_t *ret_wall_sec)
{
	struct tm tm = {};
	const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	unsigned int hours = 0, minutes = 0;
	int64_t offset, sec;
	char sign;
	int n = 0;

	if (!p)
		return -EINVAL;
	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	sec = timegm(&tm);
	if (sw_streq(p, "Z")) {
		*ret_wall_sec = sec;
		return 0;
	}
	if (sscanf(p, "%c%2u:%2u%n", &sign, &hours, &minutes, &n) != 3 || p[n] || (sign != '+' && sign != '-'))
		return -EINVAL;
	offset = hours * 3600 + minutes * 60;
	*ret_wall_sec = sign == '+' ? sec - offset : sec + offset;
	return 0;
}

static bool has_token(const struct sw_crowdsec_session *s)
{
	return s->token.len && (!s->token_end_wall_sec ||
		sw_clock_wall_sec(s->clock) + SW_CROWDSEC_EARLY_SEC < s->token_end_wall_sec);
}

/* The token is a word of a header line: what cannot be one is no token. */
static int take_token(struct sw_crowdsec_session *s)
{
	const struct sw_strbuf *answer = &s->http.answer;
	json_t *json = json_loadb(sw_strbuf_get(answer), answer->len, 0, NULL);
	const char *token = json_string_value(json_object_get(json, "token"));
	const char *until = json_string_value(json_object_get(json, "expire"));
	int r = -EBADMSG;

	sw_strbuf_wipe(&s->token);
	s->token_end_wall_sec = 0;
	if (until)
		(void)sw_go_time_parse(until, &s->token_end_wall_sec);
	if (token && *token && !token[strcspn(token, " \t\r\n")]) {
		sw_strbuf_puts(&s->token, token);
		r = s->token.is_failed ? -ENOMEM : 0;
	}
	json_decref(json);
	return r;
}

static int make_login(struct sw_crowdsec_session *s)
{
	char password[SW_CROWDSEC_PASSWORD_MAX];
	int r = sw_secret_read(s->config->crowdsec_machine_password_file, password, sizeof(password));
	struct sw_json j;

	if (r < 0)
		return r;
	sw_json_init(&j, &s->login);
	sw_json_object_begin(&j, NULL);
	sw_json_string(&j, "machine_id", s->config->crowdsec_machine);
	sw_json_string(&j, "password", password);
	sw_json_array_begin(&j, "scenarios");
	sw_json_array_end(&j);
	sw_json_object_end(&j);
	explicit_bzero(password, sizeof(password));
	return s->login.is_failed ? -ENOMEM : 0;
}

/* ---- one transfer */

static void on_done(CURL *easy, CURLcode result, void *arg);

static int start(struct sw_crowdsec_session *s, const struct sw_crowdsec_request *request)
{
	_strbuf_ struct sw_strbuf url = {};
	struct sw_http_query q = {.method = request->method,
		.ca_file = s->config->crowdsec_ca_file,
		.timeout_sec = SW_CROWDSEC_TIMEOUT_SEC,
		.json = request->json,
		.json_len = request->json_len,
		.answer_max = SW_CROWDSEC_ANSWER_MAX};

	sw_crowdsec_url(&url, s->config, request->path);
	q.url = sw_strbuf_get(&url);
	return url.is_failed ? -ENOMEM : sw_http_client_start(&s->http, &q, s->multi, on_done, s);
}

static void log_in(struct sw_crowdsec_session *s)
{
	struct sw_crowdsec_request q = {.path = "/v1/watchers/login"};
	char text[320];
	int r = make_login(s);

	s->is_login = true;
	if (r < 0) {
		snprintf(text, sizeof(text), "crowdsec.machine_password_file: %s", sw_secret_why(r));
		finish(s, r, 0, text);
		return;
	}
	q.json = sw_strbuf_get(&s->login);
	q.json_len = s->login.len;
	r = start(s, &q);
	if (r < 0)
		finish(s, r, 0, strerror(-r));
}

static int add_token(struct sw_crowdsec_session *s)
{
	struct sw_strbuf line = {};
	int r;

	sw_strbuf_printf(&line, "Authorization: Bearer %s", sw_strbuf_get(&s->token));
	r = line.is_failed ? -ENOMEM : sw_transfer_add_line(&s->http.transfer, sw_strbuf_get(&line));
	sw_strbuf_wipe(&line);
	return r;
}

static void send_request(struct sw_crowdsec_session *s)
{
	int r = add_token(s);

	s->is_login = false;
	if (r == 0)
		r = start(s, &s->request);
	if (r < 0)
		finish(s, r, 0, strerror(-r));
}

/* ---- answers */

static void on_login(struct sw_crowdsec_session *s, long status)
{
	char text[160];

	s->has_logged_in = true;
	if (status == 200 && take_token(s) == 0) {
		sw_http_client_end(&s->http);
		sw_strbuf_wipe(&s->login);
		send_request(s);
		return;
	}
	if (status == 401 || status == 403)
		snprintf(text, sizeof(text),
			"the local API refuses crowdsec.machine or its password (status %ld): cscli machines add makes them",
			status);
	else if (status == 200)
		snprintf(text, sizeof(text), "the local API answers the login without a token");
	else
		snprintf(text, sizeof(text), "the local API answers the login with status %ld", status);
	finish(s, status == 401 || status == 403 ? -EACCES : -EPROTO, status, text);
}

static void on_answer(struct sw_crowdsec_session *s, long status)
{
	if (status != 401 && status != 403) {
		finish(s, 0, status, "");
		return;
	}
	sw_strbuf_wipe(&s->token);
	if (s->has_logged_in) {
		finish(s, 0, status, "");
		return;
	}
	sw_http_client_end(&s->http); /* an older token: it may have ended there sooner than it said */
	log_in(s);
}

static void on_done(CURL *easy, CURLcode result, void *arg)
{
	_strbuf_ struct sw_strbuf text = {};
	struct sw_crowdsec_session *s = arg;
	long status = sw_http_client_status(&s->http);
	int r;

	if (result != CURLE_OK) {
		r = sw_http_client_error(&s->http, result, s->config->crowdsec_url, &text);
		finish(s, r, 0, sw_strbuf_get(&text));
	} else if (s->is_login) {
		on_login(s, status);
	} else {
		on_answer(s, status);
	}
}

void sw_crowdsec_session_ask(struct sw_crowdsec_session *s, const struct sw_crowdsec_request *q)
{
	sw_strbuf_reset(&s->path);
	sw_strbuf_puts(&s->path, q->path);
	s->request = *q;
	s->request.path = sw_strbuf_get(&s->path);
	s->has_logged_in = false;
	if (s->path.is_failed)
		finish(s, -ENOMEM, 0, strerror(ENOMEM));
	else if (has_token(s))
		send_request(s);
	else
		log_in(s);
}

int sw_crowdsec_session_new(struct sw_multi *multi, const struct sw_clock *clock, const struct sw_config *config,
	sw_crowdsec_answer_fn done, void *arg, struct sw_crowdsec_session **ret)
{
	struct sw_crowdsec_session *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->config = config;
	s->clock = clock;
	s->multi = multi;
	s->done = done;
	s->arg = arg;
	*ret = s;
	return 0;
}

void sw_crowdsec_session_free(struct sw_crowdsec_session *s)
{
	if (!s)
		return;
	sw_http_client_cancel(&s->http);
	sw_strbuf_wipe(&s->login);
	sw_strbuf_wipe(&s->token);
	sw_strbuf_done(&s->path);
	free(s);
}
