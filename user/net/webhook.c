// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/webhook.h"

#include <sys/mman.h>

#include "user/base/log.h"
#include "user/io/msg.h"
#include "user/net/url.h"

struct sw_webhook {
	const struct sw_config *config;
	struct sw_multi *multi;
	sw_webhook_done_fn done;
	void *arg;
	/* the post on its way */
	CURL *easy; /* NULL: none */
	struct curl_slist *headers;
	struct sw_multi_job job;
	const void *text;
	size_t len;
	uint32_t id;
	char error[CURL_ERROR_SIZE];
};

static void end(struct sw_webhook *h)
{
	if (h->easy)
		curl_easy_cleanup(h->easy);
	curl_slist_free_all(h->headers);
	if (h->text)
		munmap((void *)h->text, h->len);
	h->easy = NULL;
	h->headers = NULL;
	h->text = NULL;
}

/* What the server answers is not read: its status says all. */
static size_t on_body(char *buf, size_t size, size_t n, void *arg)
{
	return size * n;
}

static void on_done(CURL *easy, CURLcode result, void *arg)
{
	_strbuf_ struct sw_strbuf text = {};
	struct sw_webhook *h = arg;
	long status = 0;
	int r = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	if (result != CURLE_OK) {
		r = result == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO;
		sw_url_mask_text(&text, h->error[0] ? h->error : curl_easy_strerror(result), h->config->webhook_url);
	} else if (status < 200 || status > 299) {
		r = -EIO;
		sw_strbuf_printf(&text, "the server answers with status %ld", status);
	}
	end(h);
	h->done(h->id, r, sw_strbuf_get(&text), h->arg);
}

static int add_header(struct sw_webhook *h, const char *line)
{
	struct curl_slist *list = curl_slist_append(h->headers, line);

	if (!list)
		return -ENOMEM;
	h->headers = list;
	return 0;
}

/* Lines without a colon, and comments, are no headers. */
static int add_lines(struct sw_webhook *h, char *text)
{
	char *save = NULL;
	int r = 0;

	for (char *line = strtok_r(text, "\r\n", &save); line && r == 0; line = strtok_r(NULL, "\r\n", &save)) {
		if (line[0] != '#' && strchr(line, ':'))
			r = add_header(h, line);
	}
	return r;
}

/* Read for each post, so that a changed key needs no restart. */
static int set_headers(struct sw_webhook *h)
{
	char text[SW_WEBHOOK_HEADER_BYTES_MAX];
	ssize_t n;
	int r = add_header(h, "Content-Type: application/json");

	if (r == 0) /* else libcurl waits for "100 Continue", which few servers say */
		r = add_header(h, "Expect:");
	if (r < 0 || !h->config->webhook_header_file[0])
		return r;
	n = sw_read_file(h->config->webhook_header_file, text, sizeof(text) - 1);
	if (n < 0)
		return (int)n;
	text[n] = 0;
	r = add_lines(h, text);
	explicit_bzero(text, sizeof(text));
	return r;
}

static int set_options(struct sw_webhook *h)
{
	const struct sw_config *c = h->config;
	CURLcode r = CURLE_OK;
	CURL *e = h->easy;

#define SET(option, value) (r = r == CURLE_OK ? curl_easy_setopt(e, CURLOPT_##option, value) : r)
	SET(URL, c->webhook_url);
	SET(PROTOCOLS_STR, "http,https"); /* http only to this host: so the configuration was checked */
	SET(FOLLOWLOCATION, 0L);
	SET(SSL_VERIFYPEER, 1L);
	SET(SSL_VERIFYHOST, 2L);
	SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (c->webhook_ca_file[0])
		SET(CAINFO, c->webhook_ca_file);
	SET(USERAGENT, "sockwarden/" SW_VERSION);
	SET(HTTPHEADER, h->headers);
	SET(POST, 1L);
	SET(POSTFIELDSIZE_LARGE, (curl_off_t)h->len);
	SET(POSTFIELDS, (const char *)h->text);
	SET(WRITEFUNCTION, on_body);
	SET(NOSIGNAL, 1L);
	SET(TIMEOUT, (long)SW_WEBHOOK_TIMEOUT_SEC);
	SET(FORBID_REUSE, 1L);
	SET(FRESH_CONNECT, 1L);
	SET(ERRORBUFFER, h->error);
#undef SET
	return r == CURLE_OK ? 0 : -EINVAL;
}

static int start(struct sw_webhook *h, int fd, const char **ret_why)
{
	int r = sw_memfd_map_sealed(fd, SW_WEBHOOK_BYTES_MAX, &h->text, &h->len);

	if (r < 0)
		return r;
	h->error[0] = 0;
	h->easy = curl_easy_init();
	if (!h->easy)
		return -ENOMEM;
	r = set_headers(h);
	if (r < 0) {
		*ret_why = "alerts.webhook.header_file cannot be read";
		return r;
	}
	r = set_options(h);
	if (r < 0)
		return r;
	h->job = (struct sw_multi_job){.done = on_done, .arg = h};
	return sw_multi_start(h->multi, h->easy, &h->job);
}

void sw_webhook_send(struct sw_webhook *h, int fd, uint32_t id)
{
	_strbuf_ struct sw_strbuf text = {};
	const char *why = NULL;
	int r = -EBADMSG;

	if (h->easy) {
		h->done(id, -EBUSY, "another post is under way", h->arg);
		return;
	}
	if (!h->config->webhook_url[0]) {
		h->done(id, -EDESTADDRREQ, "no webhook is configured", h->arg);
		return;
	}
	h->id = id;
	if (fd >= 0)
		r = start(h, fd, &why);
	if (r == 0)
		return;
	end(h);
	sw_strbuf_printf(&text, "%s%s%s", why ? why : "", why ? ": " : "", strerror(-r));
	h->done(id, r, sw_strbuf_get(&text), h->arg);
}

int sw_webhook_new(struct sw_multi *multi, const struct sw_config *config, sw_webhook_done_fn done, void *arg,
	struct sw_webhook **ret)
{
	struct sw_webhook *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->config = config;
	h->multi = multi;
	h->done = done;
	h->arg = arg;
	*ret = h;
	return 0;
}

void sw_webhook_free(struct sw_webhook *h)
{
	if (!h)
		return;
	if (h->easy)
		sw_multi_cancel(h->multi, h->easy);
	end(h);
	free(h);
}

void sw_webhook_freep(struct sw_webhook **h)
{
	sw_webhook_free(*h);
}
