// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/proto/http.h"

static const char *const methods[] = {"GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "OPTIONS ",
	"CONNECT ", "PATCH ", "TRACE ", "PROPFIND ", "SEARCH ", "DEBUG ", "MOVE ", "COPY ",
	"MKCOL ", "LOCK ", "TRACK "};

int sw_http_begins(const uint8_t *data, size_t len)
{
	if (!len || data[0] < 'C' || data[0] > 'T')
		return 0;
	for (size_t i = 0; i < SW_ARRAY_SIZE(methods); i++) {
		if (data[0] == (uint8_t)methods[i][0] &&
			!memcmp(data, methods[i], SW_MIN(len, strlen(methods[i]))))
			return 1;
	}
	return 0;
}

/* What is before the path of a URL is user, password, host and port. */
static struct sw_http_text host_of(const char *p, const char *end)
{
	const char *at = memrchr(p, '@', (size_t)(end - p));

	p = at ? at + 1 : p;
	return (struct sw_http_text){p, (size_t)(end - p)};
}

static void split_target(struct sw_http *h)
{
	const char *p = h->target.p, *end = p + h->target.n, *slash;

	if (h->target.n > 7 && !strncasecmp(p, "http://", 7))
		p += 7;
	else if (h->target.n > 8 && !strncasecmp(p, "https://", 8))
		p += 8;
	else if (h->method.n == 7 && !memcmp(h->method.p, "CONNECT", 7)) {
		h->is_proxied = true;
		h->host = h->target;
		return;
	} else {
		if (*p == '/')
			h->path = h->target;
		return;
	}
	h->is_proxied = true;
	slash = memchr(p, '/', (size_t)(end - p));
	h->host = host_of(p, slash ? slash : end);
	if (slash)
		h->path = (struct sw_http_text){slash, (size_t)(end - slash)};
}

static int read_first_line(const char *p, const char *end, struct sw_http *h)
{
	const char *sp = memchr(p, ' ', (size_t)(end - p)), *last;

	if (!sp || sp == p)
		return -EBADMSG;
	h->method = (struct sw_http_text){p, (size_t)(sp - p)};
	for (p = sp + 1; p < end && *p == ' '; p++)
		;
	last = memrchr(p, ' ', (size_t)(end - p));
	if (p == end || !last || end - last < 9 || memcmp(last + 1, "HTTP/", 5))
		return -EBADMSG;
	h->is_11 = last[6] > '1' || (last[6] == '1' && last[8] >= '1');
	h->target = (struct sw_http_text){p, (size_t)(last - p)};
	if (!h->target.n)
		return -EBADMSG;
	split_target(h);
	return 0;
}

static struct sw_http_text trimmed(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct sw_http_text){p, (size_t)(end - p)};
}

static uint64_t read_number(struct sw_http_text t)
{
	uint64_t v = 0;

	for (size_t i = 0; i < t.n && i < 18; i++) {
		if (t.p[i] < '0' || t.p[i] > '9')
			return 0;
		v = v * 10 + (uint64_t)(t.p[i] - '0');
	}
	return v;
}

static void read_header(const char *p, const char *end, struct sw_http *h)
{
	size_t n = (size_t)(end - p);

	switch (*p | 0x20) {
	case 'h':
		if (n < 5 || strncasecmp(p, "host:", 5) != 0)
			return;
		h->has_host_header = true;
		if (!h->host.n)
			h->host = trimmed(p + 5, end);
		return;
	case 'u':
		if (n >= 11 && !strncasecmp(p, "user-agent:", 11))
			h->agent = trimmed(p + 11, end);
		return;
	case 'c':
		if (n >= 15 && !strncasecmp(p, "content-length:", 15))
			h->content_length = read_number(trimmed(p + 15, end));
		return;
	default:
		return;
	}
}

int sw_http_read(const uint8_t *data, size_t len, struct sw_http *ret)
{
	const char *p = (const char *)data, *end = p + len, *eol;
	int r;

	*ret = (struct sw_http){};
	if (!sw_http_begins(data, len))
		return -EBADMSG;
	eol = memchr(p, '\n', len);
	if (!eol)
		return -EAGAIN;
	r = read_first_line(p, eol > p && eol[-1] == '\r' ? eol - 1 : eol, ret);
	if (r < 0)
		return r;
	ret->headers.p = p = eol + 1;
	for (; p < end; p = eol + 1) {
		const char *stop;

		eol = memchr(p, '\n', (size_t)(end - p));
		stop = eol ? eol : end;
		if (stop > p && stop[-1] == '\r')
			stop--;
		ret->headers.n = (size_t)(stop - ret->headers.p);
		if (stop == p && eol) {
			ret->is_head_whole = true;
			ret->body = (struct sw_http_text){eol + 1, (size_t)(end - eol - 1)};
			return 0;
		}
		if (stop > p)
			read_header(p, stop, ret);
		if (!eol)
			break;
	}
	return 0;
}
