// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/webhook.h"

#include <sys/mman.h>

#include "user/base/log.h"
#include "user/io/msg.h"
#include "user/net/http_client.h"

struct sw_webhook {
	const struct sw_config *config;
	struct sw_multi *multi;
	sw_webhook_done_fn done;
	void *arg;
	/* the post on its way */
	struct sw_http_client http;
	const void *text;
	size_t len;
	uint32_t id;
};

static void end(struct sw_webhook *h)
{
	sw_http_client_end(&h->http);
	if (h->text)
		munmap((void *)h->text, h->len);
	h->text = NULL;
}

static void on_done(CURL *easy, CURLcode result, void *arg)
{
	_strbuf_ struct sw_strbuf text = {};
	struct sw_webhook *h = arg;
	long status = sw_http_client_status(&h->http);
	int r = 0;

	if (result != CURLE_OK) {
		r = sw_http_client_error(&h->http, result, h->config->webhook_url, &text);
	} else if (status < 200 || status > 299) {
		r = -EIO;
		sw_strbuf_printf(&text, "the server answers with status %ld", status);
	}
	end(h);
	h->done(h->id, r, sw_strbuf_get(&text), h->arg);
}

/* Lines without a colon, and comments, are no headers. */
static int add_lines(struct sw_webhook *h, char *text)
{
	char *save = NULL;
	int r = 0;

	for (char *line = strtok_r(text, "\r\n", &save); line && r == 0; line = strtok_r(NULL, "\r\n", &save)) {
		if (line[0] != '#' && strchr(line, ':'))
			r = sw_transfer_add_line(&h->http.transfer, line);
	}
	return r;
}

/* Read for each post, so that a changed key needs no restart. */
static int add_header_file(struct sw_webhook *h)
{
	char text[SW_WEBHOOK_HEADER_BYTES_MAX];
	ssize_t n;
	int r;

	if (!h->config->webhook_header_file[0])
		return 0;
	n = sw_read_file(h->config->webhook_header_file, text, sizeof(text));
	if (n < 0)
		return (int)n;
	r = add_lines(h, text);
	explicit_bzero(text, sizeof(text));
	return r;
}

static int start(struct sw_webhook *h, int fd, const char **ret_why)
{
	struct sw_http_query q = {.url = h->config->webhook_url,
		.ca_file = h->config->webhook_ca_file,
		.timeout_sec = SW_WEBHOOK_TIMEOUT_SEC,
		.is_rare = true};
	int r = sw_memfd_map_sealed(fd, SW_WEBHOOK_BYTES_MAX, &h->text, &h->len);

	if (r < 0)
		return r;
	r = add_header_file(h);
	if (r < 0) {
		*ret_why = "alerts.webhook.header_file cannot be read";
		return r;
	}
	q.json = h->text;
	q.json_len = h->len;
	return sw_http_client_start(&h->http, &q, h->multi, on_done, h);
}

void sw_webhook_send(struct sw_webhook *h, int fd, uint32_t id)
{
	_strbuf_ struct sw_strbuf text = {};
	const char *why = NULL;
	int r = -EBADMSG;

	if (h->text) {
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
	sw_http_client_cancel(&h->http);
	end(h);
	free(h);
}

void sw_webhook_freep(struct sw_webhook **h)
{
	sw_webhook_free(*h);
}
