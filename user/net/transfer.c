// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/transfer.h"

#include "user/net/url.h"

int sw_transfer_open(struct sw_transfer *t, const struct sw_transfer_server *s)
{
	CURL *e = curl_easy_init();
	CURLcode r = CURLE_OK;

	if (!e)
		return -ENOMEM;
	t->easy = e;
	t->error[0] = 0;
	SW_CURL_SET(r, e, URL, s->url);
	SW_CURL_SET(r, e, PROTOCOLS_STR, s->protocols);
	SW_CURL_SET(r, e, SSL_VERIFYPEER, 1L);
	SW_CURL_SET(r, e, SSL_VERIFYHOST, 2L);
	SW_CURL_SET(r, e, SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (s->ca_file[0])
		SW_CURL_SET(r, e, CAINFO, s->ca_file);
	SW_CURL_SET(r, e, USERAGENT, "sockwarden/" SW_VERSION);
	SW_CURL_SET(r, e, NOSIGNAL, 1L);
	SW_CURL_SET(r, e, TIMEOUT, (long)s->timeout_sec);
	SW_CURL_SET(r, e, ERRORBUFFER, t->error);
	return r == CURLE_OK ? 0 : -EINVAL;
}

int sw_transfer_add_line(struct sw_transfer *t, const char *line)
{
	struct curl_slist *list = curl_slist_append(t->lines, line);

	if (!list)
		return -ENOMEM;
	t->lines = list;
	return 0;
}

int sw_transfer_start(struct sw_transfer *t, struct sw_multi *multi, sw_multi_done_fn done, void *arg)
{
	int r;

	t->job = (struct sw_multi_job){.done = done, .arg = arg};
	r = sw_multi_start(multi, t->easy, &t->job);
	if (r == 0)
		t->multi = multi;
	return r;
}

void sw_transfer_end(struct sw_transfer *t)
{
	if (t->easy)
		curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->lines);
	t->multi = NULL;
	t->easy = NULL;
	t->lines = NULL;
}

void sw_transfer_cancel(struct sw_transfer *t)
{
	if (t->multi)
		sw_multi_cancel(t->multi, t->easy);
	sw_transfer_end(t);
}

int sw_transfer_error(const struct sw_transfer *t, CURLcode result, const char *url, struct sw_strbuf *out)
{
	sw_url_mask_text(out, t->error[0] ? t->error : curl_easy_strerror(result), url);
	return result == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO;
}

int sw_secret_read(const char *path, char *buf, size_t size)
{
	ssize_t n = path[0] ? sw_read_file(path, buf, size) : -ENOENT;

	if (n < 0)
		return (int)n;
	buf[strcspn(buf, "\r\n")] = 0;
	return buf[0] ? 0 : -ENODATA;
}

const char *sw_secret_why(int error)
{
	return error == -ENODATA ? "its first line is empty" : strerror(-error);
}
