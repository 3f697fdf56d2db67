// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/crowdsec_machine.h"

#include <jansson.h>
#include <strings.h>
#include <sys/mman.h>
#include <time.h>

#include "user/base/json.h"
#include "user/base/log.h"
#include "user/io/msg.h"
#include "user/net/crowdsec.h"
#include "user/net/url.h"

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
	CURL *easy;
	struct curl_slist *headers;
	struct sw_multi_job job;
	struct sw_strbuf login, answer;
	char error[CURL_ERROR_SIZE];
};

static void wipe(struct sw_strbuf *b)
{
	if (b->text)
		explicit_bzero(b->text, b->len);
	sw_strbuf_done(b);
}

static void end_transfer(struct sw_crowdsec_machine *c)
{
	if (c->easy)
		curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->headers);
	wipe(&c->login);
	wipe(&c->answer);
	c->easy = NULL;
	c->headers = NULL;
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
	json_t *json = json_loadb(sw_strbuf_get(&c->answer), c->answer.len, 0, NULL);
	const char *token = json_string_value(json_object_get(json, "token"));
	const char *until = json_string_value(json_object_get(json, "expire"));
	int r = -EBADMSG;

	wipe(&c->token);
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

/* Read for each login, so that a changed password needs no restart. */
static int make_login(struct sw_crowdsec_machine *c)
{
	char password[SW_CROWDSEC_PASSWORD_MAX];
	ssize_t n = sw_read_file(c->config->crowdsec_machine_password_file, password, sizeof(password));
	struct sw_json j;

	if (n < 0)
		return (int)n;
	password[strcspn(password, "\r\n")] = 0;
	if (!password[0])
		return -EINVAL;
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

static size_t on_body(char *buf, size_t size, size_t n, void *arg)
{
	struct sw_crowdsec_machine *c = arg;

	if (c->answer.len + size * n > SW_CROWDSEC_ANSWER_MAX)
		return 0;
	sw_strbuf_add(&c->answer, buf, size * n);
	return c->answer.is_failed ? 0 : size * n;
}

static int add_header(struct sw_crowdsec_machine *c, const char *line)
{
	struct curl_slist *list = curl_slist_append(c->headers, line);

	if (!list)
		return -ENOMEM;
	c->headers = list;
	return 0;
}

static int set_headers(struct sw_crowdsec_machine *c)
{
	struct sw_strbuf line = {};
	int r = add_header(c, "Content-Type: application/json");

	if (r == 0) /* else libcurl waits for "100 Continue" */
		r = add_header(c, "Expect:");
	if (r < 0 || c->is_login)
		return r;
	sw_strbuf_printf(&line, "Authorization: Bearer %s", sw_strbuf_get(&c->token));
	r = line.is_failed ? -ENOMEM : add_header(c, sw_strbuf_get(&line));
	wipe(&line);
	return r;
}

static int set_options(struct sw_crowdsec_machine *c)
{
	const char *base = c->config->crowdsec_url;
	_strbuf_ struct sw_strbuf url = {};
	size_t len = strlen(base);
	CURLcode r = CURLE_OK;
	CURL *e = c->easy;

	while (len && base[len - 1] == '/')
		len--;
	sw_strbuf_add(&url, base, len);
	sw_strbuf_puts(&url, c->is_login ? "/v1/watchers/login" : "/v1/alerts");
#define SET(option, value) (r = r == CURLE_OK ? curl_easy_setopt(e, CURLOPT_##option, value) : r)
	SET(URL, sw_strbuf_get(&url));
	SET(PROTOCOLS_STR, "http,https"); /* http only to this host: so the configuration was checked */
	if (!strncasecmp(base, "http:", 5))
		SET(PROXY, ""); /* the password stays on this host */
	SET(FOLLOWLOCATION, 0L);
	SET(SSL_VERIFYPEER, 1L);
	SET(SSL_VERIFYHOST, 2L);
	SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (c->config->crowdsec_ca_file[0])
		SET(CAINFO, c->config->crowdsec_ca_file);
	SET(USERAGENT, "sockwarden/" SW_VERSION);
	SET(HTTPHEADER, c->headers);
	SET(POST, 1L);
	SET(POSTFIELDSIZE_LARGE, (curl_off_t)(c->is_login ? c->login.len : c->len));
	SET(POSTFIELDS, c->is_login ? sw_strbuf_get(&c->login) : (const char *)c->alerts);
	SET(WRITEFUNCTION, on_body);
	SET(WRITEDATA, c);
	SET(NOSIGNAL, 1L);
	SET(TIMEOUT, (long)SW_CROWDSEC_TIMEOUT_SEC);
	SET(ERRORBUFFER, c->error);
#undef SET
	return r == CURLE_OK && !url.is_failed ? 0 : -EINVAL;
}

static void on_done(CURL *easy, CURLcode result, void *arg);

static void start(struct sw_crowdsec_machine *c, bool is_login)
{
	char text[320];
	int r;

	end_transfer(c);
	c->is_login = is_login;
	c->error[0] = 0;
	r = is_login ? make_login(c) : 0;
	if (r < 0) {
		snprintf(text, sizeof(text), "crowdsec.machine_password_file: %s",
			r == -EINVAL ? "its first line is empty" : strerror(-r));
		finish(c, r, 0, text);
		return;
	}
	c->easy = curl_easy_init();
	r = c->easy ? set_headers(c) : -ENOMEM;
	if (r == 0)
		r = set_options(c);
	c->job = (struct sw_multi_job){.done = on_done, .arg = c};
	if (r == 0)
		r = sw_multi_start(c->multi, c->easy, &c->job);
	if (r < 0)
		finish(c, r, 0, strerror(-r));
}

/* ---- answers */

static void on_login(struct sw_crowdsec_machine *c, long status)
{
	char text[160];

	c->has_logged_in = true;
	if (status == 200 && take_token(c) == 0) {
		start(c, false);
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
		wipe(&c->token);
		if (!c->has_logged_in) { /* an older one: it may have ended there sooner than it said */
			start(c, true);
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
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	if (result != CURLE_OK) {
		sw_url_mask_text(&text, c->error[0] ? c->error : curl_easy_strerror(result), c->config->crowdsec_url);
		finish(c, result == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO, 0, sw_strbuf_get(&text));
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
	else
		start(c, !has_token(c));
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
	if (c->easy)
		sw_multi_cancel(c->multi, c->easy);
	end(c);
	wipe(&c->token);
	free(c);
}
