// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/crowdsec_machine.h"

#include <jansson.h>
#include <sys/mman.h>
#include <time.h>

#include "user/base/json.h"
#include "user/base/log.h"
#include "user/io/msg.h"
#include "user/net/crowdsec.h"
#include "user/net/http_client.h"

struct sw_crowdsec_machine {
	const struct sw_config *config;
	const struct sw_clock *clock;
	struct sw_multi *multi;
	sw_crowdsec_posted_fn done;
	void *arg;
	struct sw_strbuf token; /* "": not logged in */
	int64_t token_end_wall_sec; /* 0: unknown */
	/* the post on its way */
	const void *alerts; /* NULL: none */
	size_t len;
	uint32_t id;
	bool is_login, has_logged_in; /* for this post */
	struct sw_http_client http;
	struct sw_strbuf login;
};

static void end_transfer(struct sw_crowdsec_machine *c)
{
	sw_http_client_end(&c->http);
	sw_strbuf_wipe(&c->login);
}

static void end(struct sw_crowdsec_machine *c)
{
	end_transfer(c);
	if (c->alerts)
		munmap((void *)c->alerts, c->len);
	c->alerts = NULL;
}

static void tell(struct sw_crowdsec_machine *c, uint32_t id, int result, long status, const char *text)
{
	struct sw_net_msg m = {.version = SW_NET_VERSION,
		.op = SW_NET_CROWDSEC_POSTED,
		.id = id,
		.result = result,
		.http_status = (__u32)status};

	sw_strcpy(m.text, sizeof(m.text), text);
	c->done(&m, c->arg);
}

static void finish(struct sw_crowdsec_machine *c, int result, long status, const char *text)
{
	end(c);
	tell(c, c->id, result, status, text);
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

static bool has_token(const struct sw_crowdsec_machine *c)
{
	return c->token.len && (!c->token_end_wall_sec ||
		sw_clock_wall_sec(c->clock) + SW_CROWDSEC_EARLY_SEC < c->token_end_wall_sec);
}

/* The token is a word of a header line: what cannot be one is no token. */
static int take_token(struct sw_crowdsec_machine *c)
{
	json_t *json = json_loadb(sw_strbuf_get(&c->http.answer), c->http.answer.len, 0, NULL);
	const char *token = json_string_value(json_object_get(json, "token"));
	const char *until = json_string_value(json_object_get(json, "expire"));
	int r = -EBADMSG;

	sw_strbuf_wipe(&c->token);
	c->token_end_wall_sec = 0;
	if (until)
		(void)sw_go_time_parse(until, &c->token_end_wall_sec);
	if (token && *token && !token[strcspn(token, " \t\r\n")]) {
		sw_strbuf_puts(&c->token, token);
		r = c->token.is_failed ? -ENOMEM : 0;
	}
	json_decref(json);
	return r;
}

static int make_login(struct sw_crowdsec_machine *c)
{
	char password[SW_CROWDSEC_PASSWORD_MAX];
	int r = sw_secret_read(c->config->crowdsec_machine_password_file, password, sizeof(password));
	struct sw_json j;

	if (r < 0)
		return r;
	sw_json_init(&j, &c->login);
	sw_json_object_begin(&j, NULL);
	sw_json_string(&j, "machine_id", c->config->crowdsec_machine);
	sw_json_string(&j, "password", password);
	sw_json_array_begin(&j, "scenarios");
	sw_json_array_end(&j);
	sw_json_object_end(&j);
	explicit_bzero(password, sizeof(password));
	return c->login.is_failed ? -ENOMEM : 0;
}

/* ---- one transfer */

static int add_token(struct sw_crowdsec_machine *c)
{
	struct sw_strbuf line = {};
	int r;

	sw_strbuf_printf(&line, "Authorization: Bearer %s", sw_strbuf_get(&c->token));
	r = line.is_failed ? -ENOMEM : sw_transfer_add_line(&c->http.transfer, sw_strbuf_get(&line));
	sw_strbuf_wipe(&line);
	return r;
}

static void on_done(CURL *easy, CURLcode result, void *arg);

static int start_post(struct sw_crowdsec_machine *c, const char *path, const char *json, size_t len)
{
	_strbuf_ struct sw_strbuf url = {};
	struct sw_http_query q = {.ca_file = c->config->crowdsec_ca_file,
		.timeout_sec = SW_CROWDSEC_TIMEOUT_SEC,
		.json = json,
		.json_len = len,
		.answer_max = SW_CROWDSEC_ANSWER_MAX};

	sw_crowdsec_url(&url, c->config, path);
	q.url = sw_strbuf_get(&url);
	return url.is_failed ? -ENOMEM : sw_http_client_start(&c->http, &q, c->multi, on_done, c);
}

static void log_in(struct sw_crowdsec_machine *c)
{
	char text[320];
	int r;

	end_transfer(c);
	c->is_login = true;
	r = make_login(c);
	if (r < 0) {
		snprintf(text, sizeof(text), "crowdsec.machine_password_file: %s", sw_secret_why(r));
		finish(c, r, 0, text);
		return;
	}
	r = start_post(c, "/v1/watchers/login", sw_strbuf_get(&c->login), c->login.len);
	if (r < 0)
		finish(c, r, 0, strerror(-r));
}

static void send_alerts(struct sw_crowdsec_machine *c)
{
	int r;

	end_transfer(c);
	c->is_login = false;
	r = add_token(c);
	if (r == 0)
		r = start_post(c, "/v1/alerts", c->alerts, c->len);
	if (r < 0)
		finish(c, r, 0, strerror(-r));
}

/* ---- answers */

static void on_login(struct sw_crowdsec_machine *c, long status)
{
	char text[160];

	c->has_logged_in = true;
	if (status == 200 && take_token(c) == 0) {
		send_alerts(c);
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
	finish(c, status == 401 || status == 403 ? -EACCES : -EPROTO, status, text);
}

static void on_alerts(struct sw_crowdsec_machine *c, long status)
{
	char text[96];

	if (status == 200 || status == 201) {
		finish(c, 0, status, "");
		return;
	}
	if (status == 401 || status == 403) {
		sw_strbuf_wipe(&c->token);
		if (!c->has_logged_in) { /* an older one: it may have ended there sooner than it said */
			log_in(c);
			return;
		}
	}
	snprintf(text, sizeof(text), "the local API answers the alerts with status %ld", status);
	if (status == 401 || status == 403)
		finish(c, -EACCES, status, text);
	else
		finish(c, status == 400 || status == 413 || status == 422 ? -EBADMSG : -EPROTO, status, text);
}

static void on_done(CURL *easy, CURLcode result, void *arg)
{
	_strbuf_ struct sw_strbuf text = {};
	struct sw_crowdsec_machine *c = arg;
	long status = sw_http_client_status(&c->http);
	int r;

	if (result != CURLE_OK) {
		r = sw_http_client_error(&c->http, result, c->config->crowdsec_url, &text);
		finish(c, r, 0, sw_strbuf_get(&text));
	} else if (c->is_login) {
		on_login(c, status);
	} else {
		on_alerts(c, status);
	}
}

void sw_crowdsec_machine_post(struct sw_crowdsec_machine *c, int fd, uint32_t id)
{
	int r;

	if (c->alerts) {
		tell(c, id, -EBUSY, 0, "another post is under way");
		return;
	}
	c->id = id;
	c->has_logged_in = false;
	if (!c->config->crowdsec_url[0] || !c->config->crowdsec_machine[0])
		r = -EDESTADDRREQ;
	else
		r = fd >= 0 ? sw_memfd_map_sealed(fd, SW_CROWDSEC_ALERTS_MAX, &c->alerts, &c->len) : -EBADF;
	if (r < 0)
		finish(c, r, 0, strerror(-r));
	else if (has_token(c))
		send_alerts(c);
	else
		log_in(c);
}

int sw_crowdsec_machine_new(struct sw_multi *multi, const struct sw_clock *clock, const struct sw_config *config,
	sw_crowdsec_posted_fn done, void *arg, struct sw_crowdsec_machine **ret)
{
	struct sw_crowdsec_machine *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->config = config;
	c->clock = clock;
	c->multi = multi;
	c->done = done;
	c->arg = arg;
	*ret = c;
	return 0;
}

void sw_crowdsec_machine_free(struct sw_crowdsec_machine *c)
{
	if (!c)
		return;
	sw_http_client_cancel(&c->http);
	end(c);
	sw_strbuf_wipe(&c->token);
	free(c);
}
