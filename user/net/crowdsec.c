// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/crowdsec.h"

#include <strings.h>

#include "user/base/cidr.h"
#include "user/base/log.h"
#include "user/io/msg.h"
#include "user/net/crowdsec_read.h"
#include "user/net/url.h"

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
	CURL *easy; /* NULL: none */
	struct curl_slist *headers;
	struct sw_multi_job job;
	struct sw_strbuf body;
	bool is_whole;
	char error[CURL_ERROR_SIZE];
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

static void end(struct sw_crowdsec *c)
{
	if (c->easy)
		curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->headers);
	sw_strbuf_done(&c->body);
	c->easy = NULL;
	c->headers = NULL;
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
	end(c);
	tell(c, &m, -1);
}

static size_t on_body(char *buf, size_t size, size_t n, void *arg)
{
	struct sw_crowdsec *c = arg;

	if (c->body.len + size * n > SW_CROWDSEC_BYTES_MAX)
		return 0;
	sw_strbuf_add(&c->body, buf, size * n);
	return c->body.is_failed ? 0 : size * n;
}

static int make_list(struct sw_crowdsec *c, struct sw_net_msg *m)
{
	_strbuf_ struct sw_strbuf list = {};
	int r = sw_crowdsec_read(sw_strbuf_get(&c->body), c->body.len, c->is_whole, &list);

	m->bytes = c->body.len;
	if (r == -EBADMSG)
		sw_strcpy(m->text, sizeof(m->text), "the answer is not a list of decisions: what was known stays");
	return r < 0 ? r : sw_memfd_sealed("sockwarden-crowdsec", list.text, list.len);
}

static int refused(struct sw_crowdsec *c, CURLcode result, long status, struct sw_net_msg *m)
{
	_strbuf_ struct sw_strbuf text = {};

	if (result != CURLE_OK && c->body.len + CURL_MAX_WRITE_SIZE > SW_CROWDSEC_BYTES_MAX) {
		sw_strcpy(m->text, sizeof(m->text), "the answer is too long");
		return -EFBIG;
	}
	if (result != CURLE_OK) {
		sw_url_mask_text(&text, c->error[0] ? c->error : curl_easy_strerror(result), c->config->crowdsec_url);
		sw_strcpy(m->text, sizeof(m->text), sw_strbuf_get(&text));
		return result == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO;
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
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
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
	end(c);
	tell(c, &m, fd);
}

/* Read for each question, so that a changed key needs no restart. */
static int add_key(struct sw_crowdsec *c)
{
	char key[SW_CROWDSEC_KEY_MAX], line[SW_CROWDSEC_KEY_MAX + 16];
	const char *path = c->config->crowdsec_key_file;
	ssize_t n = path[0] ? sw_read_file(path, key, sizeof(key)) : -ENOENT;
	int r = 0;

	if (n < 0)
		return (int)n;
	key[strcspn(key, "\r\n")] = 0;
	if (!key[0])
		r = -EINVAL;
	snprintf(line, sizeof(line), "X-Api-Key: %s", key);
	if (r == 0)
		c->headers = curl_slist_append(NULL, line);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(line, sizeof(line));
	return r < 0 ? r : c->headers ? 0 : -ENOMEM;
}

static void add_filter(struct sw_crowdsec *c, struct sw_strbuf *url, const char *name, const char *value)
{
	char *safe = value[0] ? curl_easy_escape(c->easy, value, 0) : NULL;

	if (safe)
		sw_strbuf_printf(url, "&%s=%s", name, safe);
	curl_free(safe);
}

static void make_url(struct sw_crowdsec *c, struct sw_strbuf *url)
{
	const struct sw_config *conf = c->config;
	size_t len = strlen(conf->crowdsec_url);

	while (len && conf->crowdsec_url[len - 1] == '/')
		len--;
	sw_strbuf_add(url, conf->crowdsec_url, len);
	sw_strbuf_printf(url, "/v1/decisions/stream?startup=%s", c->is_whole ? "true" : "false");
	add_filter(c, url, "scopes", conf->crowdsec_scopes);
	add_filter(c, url, "origins", conf->crowdsec_origins);
	add_filter(c, url, "scenarios_containing", conf->crowdsec_containing);
	add_filter(c, url, "scenarios_not_containing", conf->crowdsec_not_containing);
}

static int set_options(struct sw_crowdsec *c)
{
	_strbuf_ struct sw_strbuf url = {};
	CURLcode r = CURLE_OK;
	CURL *e = c->easy;

	make_url(c, &url);
#define SET(option, value) (r = r == CURLE_OK ? curl_easy_setopt(e, CURLOPT_##option, value) : r)
	SET(URL, sw_strbuf_get(&url));
	SET(PROTOCOLS_STR, "http,https"); /* http only to this host: so the configuration was checked */
	if (!strncasecmp(c->config->crowdsec_url, "http:", 5))
		SET(PROXY, ""); /* the key stays on this host */
	SET(FOLLOWLOCATION, 0L);
	SET(SSL_VERIFYPEER, 1L);
	SET(SSL_VERIFYHOST, 2L);
	SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (c->config->crowdsec_ca_file[0])
		SET(CAINFO, c->config->crowdsec_ca_file);
	SET(USERAGENT, "sockwarden/" SW_VERSION);
	SET(HTTPHEADER, c->headers);
	SET(WRITEFUNCTION, on_body);
	SET(WRITEDATA, c);
	SET(NOSIGNAL, 1L);
	SET(TIMEOUT, (long)SW_CROWDSEC_TIMEOUT_SEC);
	SET(MAXFILESIZE_LARGE, (curl_off_t)SW_CROWDSEC_BYTES_MAX);
	SET(ERRORBUFFER, c->error);
#undef SET
	return r == CURLE_OK && !url.is_failed ? 0 : -EINVAL;
}

static void ask(struct sw_crowdsec *c)
{
	char text[320];
	int r = add_key(c);

	if (r < 0) {
		snprintf(text, sizeof(text), "crowdsec.key_file: %s",
			r == -EINVAL ? "its first line is empty" : strerror(-r));
		fail(c, r, text);
		return;
	}
	c->error[0] = 0;
	c->is_whole = !c->has_all;
	c->easy = curl_easy_init();
	r = c->easy ? set_options(c) : -ENOMEM;
	c->job = (struct sw_multi_job){.done = on_done, .arg = c};
	if (r == 0)
		r = sw_multi_start(c->multi, c->easy, &c->job);
	if (r < 0)
		fail(c, r, strerror(-r));
}

static int on_due(struct sw_source *source, void *arg)
{
	struct sw_crowdsec *c = arg;

	if (!c->easy)
		ask(c);
	return 0;
}

void sw_crowdsec_ask_all(struct sw_crowdsec *c)
{
	uint64_t now_ns;

	if (!c)
		return;
	c->has_all = false;
	if (c->easy) {
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
	if (c->easy)
		sw_multi_cancel(c->multi, c->easy);
	end(c);
	sw_source_free(c->timer);
	free(c);
}
