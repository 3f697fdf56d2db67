// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/http_client.h"

#include <strings.h>

static size_t on_body(char *buf, size_t size, size_t n, void *arg)
{
	struct sw_http_client *h = arg;

	n *= size;
	if (!h->answer_max)
		return n;
	h->is_too_long = h->answer.len + n > h->answer_max;
	if (h->is_too_long)
		return 0; /* less than it was given: libcurl ends the transfer */
	sw_strbuf_add(&h->answer, buf, n);
	return h->answer.is_failed ? 0 : n;
}

static int add_document(struct sw_http_client *h, const struct sw_http_query *q)
{
	CURL *e = h->transfer.easy;
	CURLcode set = CURLE_OK;
	int r = sw_transfer_add_line(&h->transfer, "Content-Type: application/json");

	if (r == 0) /* else libcurl waits for "100 Continue", which few servers say */
		r = sw_transfer_add_line(&h->transfer, "Expect:");
	SW_CURL_SET(set, e, POST, 1L);
	SW_CURL_SET(set, e, POSTFIELDSIZE_LARGE, (curl_off_t)q->json_len);
	SW_CURL_SET(set, e, POSTFIELDS, q->json);
	return r < 0 ? r : set == CURLE_OK ? 0 : -EINVAL;
}

static int set_options(struct sw_http_client *h, const struct sw_http_query *q)
{
	CURL *e = h->transfer.easy;
	CURLcode r = CURLE_OK;

	if (!strncasecmp(q->url, "http:", 5))
		SW_CURL_SET(r, e, PROXY, ""); /* what is said to this host stays on it */
	SW_CURL_SET(r, e, FOLLOWLOCATION, 0L);
	SW_CURL_SET(r, e, HTTPHEADER, h->transfer.lines);
	SW_CURL_SET(r, e, WRITEFUNCTION, on_body);
	SW_CURL_SET(r, e, WRITEDATA, h);
	if (q->method)
		SW_CURL_SET(r, e, CUSTOMREQUEST, q->method);
	if (q->answer_max)
		SW_CURL_SET(r, e, MAXFILESIZE_LARGE, (curl_off_t)q->answer_max);
	if (q->is_rare) {
		SW_CURL_SET(r, e, FORBID_REUSE, 1L);
		SW_CURL_SET(r, e, FRESH_CONNECT, 1L);
	}
	return r == CURLE_OK ? 0 : -EINVAL;
}

int sw_http_client_start(struct sw_http_client *h, const struct sw_http_query *q, struct sw_multi *multi,
	sw_multi_done_fn done, void *arg)
{
	const struct sw_transfer_server server = {
		.url = q->url, .protocols = "http,https", .ca_file = q->ca_file, .timeout_sec = q->timeout_sec};
	int r = sw_transfer_open(&h->transfer, &server);

	h->answer_max = q->answer_max;
	h->is_too_long = false;
	if (r == 0 && q->json)
		r = add_document(h, q);
	if (r == 0)
		r = set_options(h, q);
	return r < 0 ? r : sw_transfer_start(&h->transfer, multi, done, arg);
}

long sw_http_client_status(const struct sw_http_client *h)
{
	long status = 0;

	curl_easy_getinfo(h->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

int sw_http_client_error(const struct sw_http_client *h, CURLcode result, const char *url, struct sw_strbuf *out)
{
	if (!h->is_too_long && result != CURLE_FILESIZE_EXCEEDED)
		return sw_transfer_error(&h->transfer, result, url, out);
	sw_strbuf_puts(out, "the answer is too long");
	return -EFBIG;
}

void sw_http_client_end(struct sw_http_client *h)
{
	sw_transfer_end(&h->transfer);
	sw_strbuf_wipe(&h->answer);
}

void sw_http_client_cancel(struct sw_http_client *h)
{
	sw_transfer_cancel(&h->transfer);
	sw_http_client_end(h);
}
