// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/crowdsec.h"

#include "user/base/cidr.h"
#include "user/base/log.h"
#include "user/io/msg.h"
#include "user/net/crowdsec_read.h"
#include "user/net/http_client.h"

struct sw_crowdsec {
	const struct sw_config *config;
	const struct sw_clock *clock;
	struct sw_multi *multi;
	struct sw_source *timer;
	sw_crowdsec_done_fn done;
	void *arg;
	bool has_all; /* the server has told all, and what has changed is enough */
	bool is_asked_anew; /* for all, while a question is on its way */
	unsigned int failures;
	uint64_t refused_until_ns; /* boot time */
	/* the question on its way */
	struct sw_http_client http;
	bool is_whole;
};

uint64_t sw_crowdsec_wait(uint64_t interval_sec, unsigned int failures, long status)
{
	uint64_t sec = interval_sec;

	if (!failures)
		return sec;
	if (status == 401 || status == 403)
		return SW_MAX(sec, (uint64_t)SW_CROWDSEC_REFUSED_SEC);
	for (unsigned int i = 1; i < failures && sec < SW_CROWDSEC_AWAY_SEC; i++)
		sec *= 2;
	return SW_MAX(SW_MIN(sec, (uint64_t)SW_CROWDSEC_AWAY_SEC), interval_sec);
}

static void tell(struct sw_crowdsec *c, struct sw_net_msg *m, int fd)
{
	bool is_asked_anew;
	uint64_t wait;

	m->version = SW_NET_VERSION;
	m->op = SW_NET_CROWDSEC;
	c->failures = m->result < 0 ? c->failures + 1 : 0;
	wait = sw_crowdsec_wait(c->config->crowdsec_interval_sec, c->failures, m->http_status);
	if (m->http_status == 401 || m->http_status == 403)
		c->refused_until_ns = sw_clock_boot_ns(c->clock) + wait * SW_SEC_NS;
	c->has_all = m->result == 0 && !c->is_asked_anew;
	m->fetched_wall_sec = (__u64)sw_clock_wall_sec(c->clock);
	m->next_wall_sec = m->fetched_wall_sec + wait;
	is_asked_anew = c->is_asked_anew && m->result == 0;
	c->is_asked_anew = false;
	if (c->done(m, fd, c->arg) < 0)
		c->has_all = false;
	else
		(void)sw_source_set_timer(c->timer, is_asked_anew ? SW_MSEC_NS : wait * SW_SEC_NS, 0);
}

static void fail(struct sw_crowdsec *c, int result, const char *text)
{
	struct sw_net_msg m = {.result = result};

	sw_strcpy(m.text, sizeof(m.text), text);
	sw_http_client_end(&c->http);
	tell(c, &m, -1);
}

static int make_list(struct sw_crowdsec *c, struct sw_net_msg *m)
{
	const struct sw_strbuf *answer = &c->http.answer;
	_strbuf_ struct sw_strbuf list = {};
	int r = sw_crowdsec_read(sw_strbuf_get(answer), answer->len, c->is_whole, c->config->crowdsec_machine, &list);

	m->bytes = answer->len;
	if (r == -EBADMSG)
		sw_strcpy(m->text, sizeof(m->text), "the answer is not a list of decisions: what was known stays");
	return r < 0 ? r : sw_memfd_sealed("sockwarden-crowdsec", list.text, list.len);
}

static int refused(struct sw_crowdsec *c, CURLcode result, long status, struct sw_net_msg *m)
{
	_strbuf_ struct sw_strbuf text = {};

	if (result != CURLE_OK) {
		int r = sw_http_client_error(&c->http, result, c->config->crowdsec_url, &text);

		sw_strcpy(m->text, sizeof(m->text), sw_strbuf_get(&text));
		return r;
	}
	if (status == 401 || status == 403) {
		snprintf(m->text, sizeof(m->text),
			"the local API refuses the key of crowdsec.key_file (status %ld): cscli bouncers add makes one",
			status);
		return -EACCES;
	}
	snprintf(m->text, sizeof(m->text), "the local API answers with status %ld", status);
	return -EPROTO;
}

static void on_done(CURL *easy, CURLcode result, void *arg)
{
	struct sw_crowdsec *c = arg;
	struct sw_net_msg m = {};
	const char *ip = NULL;
	_close_ int fd = -1;
	long status = sw_http_client_status(&c->http);

	m.http_status = (__u32)status;
	if (result != CURLE_OK || status != 200) {
		m.result = refused(c, result, status, &m);
	} else {
		if (curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip)
			(void)sw_cidr_parse(ip, SIZE_MAX, &m.host);
		fd = make_list(c, &m);
		m.result = SW_MIN(fd, 0);
	}
	if (m.result < 0 && !m.text[0])
		sw_strcpy(m.text, sizeof(m.text), strerror(-m.result));
	sw_http_client_end(&c->http);
	tell(c, &m, fd);
}

static int add_key(struct sw_crowdsec *c)
{
	char key[SW_CROWDSEC_KEY_MAX], line[SW_CROWDSEC_KEY_MAX + 16];
	int r = sw_secret_read(c->config->crowdsec_key_file, key, sizeof(key));

	if (r == 0) {
		snprintf(line, sizeof(line), "X-Api-Key: %s", key);
		r = sw_transfer_add_line(&c->http.transfer, line);
	}
	explicit_bzero(key, sizeof(key));
	explicit_bzero(line, sizeof(line));
	return r;
}

static void add_filter(struct sw_strbuf *url, const char *name, const char *value)
{
	char *safe = value[0] ? curl_easy_escape(NULL, value, 0) : NULL;

	if (safe)
		sw_strbuf_printf(url, "&%s=%s", name, safe);
	curl_free(safe);
}

void sw_crowdsec_url(struct sw_strbuf *out, const struct sw_config *config, const char *path)
{
	size_t len = strlen(config->crowdsec_url);

	while (len && config->crowdsec_url[len - 1] == '/')
		len--;
	sw_strbuf_add(out, config->crowdsec_url, len);
	sw_strbuf_puts(out, path);
}

static int start(struct sw_crowdsec *c)
{
	const struct sw_config *conf = c->config;
	_strbuf_ struct sw_strbuf url = {};
	struct sw_http_query q = {.ca_file = conf->crowdsec_ca_file,
		.timeout_sec = SW_CROWDSEC_TIMEOUT_SEC,
		.answer_max = SW_CROWDSEC_BYTES_MAX};

	sw_crowdsec_url(&url, conf, "/v1/decisions/stream?startup=");
	sw_strbuf_puts(&url, c->is_whole ? "true" : "false");
	add_filter(&url, "scopes", conf->crowdsec_scopes);
	add_filter(&url, "origins", conf->crowdsec_origins);
	add_filter(&url, "scenarios_containing", conf->crowdsec_containing);
	add_filter(&url, "scenarios_not_containing", conf->crowdsec_not_containing);
	q.url = sw_strbuf_get(&url);
	return url.is_failed ? -ENOMEM : sw_http_client_start(&c->http, &q, c->multi, on_done, c);
}

static void ask(struct sw_crowdsec *c)
{
	char text[320];
	int r = add_key(c);

	if (r < 0) {
		snprintf(text, sizeof(text), "crowdsec.key_file: %s", sw_secret_why(r));
		fail(c, r, text);
		return;
	}
	c->is_whole = !c->has_all;
	r = start(c);
	if (r < 0)
		fail(c, r, strerror(-r));
}

static int on_due(struct sw_source *source, void *arg)
{
	struct sw_crowdsec *c = arg;

	if (!c->http.transfer.easy)
		ask(c);
	return 0;
}

void sw_crowdsec_ask_all(struct sw_crowdsec *c)
{
	uint64_t now_ns;

	if (!c)
		return;
	c->has_all = false;
	if (c->http.transfer.easy) {
		c->is_asked_anew = true;
		return;
	}
	now_ns = sw_clock_boot_ns(c->clock);
	(void)sw_source_set_timer(
		c->timer, c->refused_until_ns > now_ns ? c->refused_until_ns - now_ns : SW_MSEC_NS, 0);
}

int sw_crowdsec_new(struct sw_loop *loop, struct sw_multi *multi, const struct sw_clock *clock,
	const struct sw_config *config, sw_crowdsec_done_fn done, void *arg, struct sw_crowdsec **ret)
{
	struct sw_crowdsec *c;
	int r;

	*ret = NULL;
	if (!config->crowdsec_url[0])
		return 0;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->config = config;
	c->clock = clock;
	c->multi = multi;
	c->done = done;
	c->arg = arg;
	r = sw_loop_add_timer(loop, 0, 0, on_due, c, &c->timer);
	if (r < 0) {
		free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void sw_crowdsec_free(struct sw_crowdsec *c)
{
	if (!c)
		return;
	sw_http_client_cancel(&c->http);
	sw_source_free(c->timer);
	free(c);
}
