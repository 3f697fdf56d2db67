// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/url.h"

#include <ctype.h>
#include <netinet/in.h>
#include <strings.h>

#include "user/base/cidr.h"

enum { KEY_MIN = 16 };

bool sw_url_is_https(const char *url)
{
	if (strncasecmp(url, "https://", 8) != 0 || !url[8] || url[8] == '/')
		return false;
	for (; *url; url++) {
		if ((unsigned char)*url <= 0x20 || *url == 0x7f)
			return false;
	}
	return true;
}

static bool is_key(const char *text, size_t len)
{
	bool has_letter = false, has_digit = false;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (!isalnum(c) && c != '-' && c != '_')
			return false;
		has_letter |= isalpha(c) != 0;
		has_digit |= isdigit(c) != 0;
	}
	return len >= KEY_MIN && has_letter && has_digit;
}

static void mask_path(struct sw_strbuf *out, const char *text, size_t len)
{
	size_t begin = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && text[i] != '/')
			continue;
		if (is_key(text + begin, i - begin))
			sw_strbuf_puts(out, "***");
		else
			sw_strbuf_safe(out, text + begin, i - begin);
		if (i < len)
			sw_strbuf_putc(out, '/');
		begin = i + 1;
	}
}

static void mask_query(struct sw_strbuf *out, const char *text)
{
	bool is_value = false;

	for (; *text; text++) {
		if (*text == '&' || *text == ';' || *text == '#') {
			is_value = false;
			sw_strbuf_putc(out, *text);
		} else if (!is_value) {
			sw_strbuf_safe(out, text, 1);
			if (*text == '=') {
				is_value = true;
				sw_strbuf_puts(out, "***");
			}
		}
	}
}

void sw_url_mask(struct sw_strbuf *out, const char *url)
{
	const char *host = strstr(url, "://"), *path, *query, *at;

	host = host ? host + 3 : url;
	sw_strbuf_safe(out, url, (size_t)(host - url));
	path = host + strcspn(host, "/?#");
	at = memrchr(host, '@', (size_t)(path - host));
	if (at) {
		sw_strbuf_puts(out, "***@");
		host = at + 1;
	}
	sw_strbuf_safe(out, host, (size_t)(path - host));
	query = path + strcspn(path, "?#");
	mask_path(out, path, (size_t)(query - path));
	/* a query without "=" is a key as a whole */
	if (*query == '?' && !strchr(query, '='))
		sw_strbuf_puts(out, query[1] ? "?***" : "?");
	else
		mask_query(out, query);
}

void sw_url_mask_text(struct sw_strbuf *out, const char *text, const char *url)
{
	size_t len = strlen(url);

	while (*text) {
		const char *hit = len ? strstr(text, url) : NULL;

		sw_strbuf_safe(out, text, hit ? (size_t)(hit - text) : strlen(text));
		if (!hit)
			return;
		sw_url_mask(out, url);
		text = hit + len;
	}
}

enum sw_reach sw_url_reach(const struct sockaddr *sa)
{
	struct sw_net host, net;

	if (sa->sa_family == AF_INET) {
		host = sw_net_from4(
			((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr);
	} else if (sa->sa_family == AF_INET6) {
		char text[SW_NET_TEXT_MAX];

		/* by way of the text, where a v4-mapped address becomes IPv4 */
		host = sw_net_from6(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
		if (sw_cidr_parse(sw_cidr_format(text, &host), SIZE_MAX, &net) == 0)
			host = net;
	} else {
		return SW_REACH_LOOPBACK; /* a socket of this host */
	}
	return sw_net_reach(&host);
}
