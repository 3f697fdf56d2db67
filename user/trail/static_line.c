// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/static_line.h"

#include <ctype.h>

#include "user/base/cidr.h"
#include "user/base/idna.h"

const char *sw_static_kind_word(unsigned int kind)
{
	static const char *const words[] = {
#define KIND_WORD(id, word) word,
		SW_STATIC_KINDS(KIND_WORD)
#undef KIND_WORD
	};

	return kind < SW_ARRAY_SIZE(words) ? words[kind] : "?";
}

static bool all_hex(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!isxdigit((unsigned char)p[i]))
			return false;
	}
	return true;
}

/* "t13d1516h2_8daaf6152771_02713d6af862" */
static bool is_ja4(const char *p, size_t n)
{
	if (n != 36 || p[10] != '_' || p[23] != '_' || !strchr("tqd", tolower((unsigned char)p[0])))
		return false;
	for (size_t i = 1; i < 10; i++) {
		if (!isalnum((unsigned char)p[i]))
			return false;
	}
	return all_hex(p + 11, 12) && all_hex(p + 24, 12);
}

static bool has_regex_sign(const char *p, size_t n)
{
	static const bool is_sign[256] = {['['] = true, [']'] = true, ['('] = true, [')'] = true, ['{'] = true,
		['}'] = true, ['|'] = true, ['^'] = true, ['$'] = true, ['*'] = true, ['\\'] = true};

	for (size_t i = 0; i < n; i++) {
		if (is_sign[(unsigned char)p[i]])
			return true;
		/* ".+" and the like; a '+' elsewhere is of a query */
		if (p[i] == '+' && i && (p[i - 1] == '.' || p[i - 1] == ']'))
			return true;
	}
	return false;
}

static void keep(struct sw_static_line *l, enum sw_static_kind kind, const char *text, size_t len)
{
	l->kind = kind;
	memcpy(l->text, text, len);
	l->text[len] = 0;
	l->len = len;
}

static void keep_lower(
	struct sw_static_line *l, enum sw_static_kind kind, const char *text, size_t len)
{
	keep(l, kind, text, len);
	for (size_t i = 0; i < len; i++)
		l->text[i] = (char)tolower((unsigned char)l->text[i]);
}

static bool read_port(const char *p, size_t n, uint16_t *ret)
{
	unsigned int v = 0;

	if (!n || n > 5)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (unsigned int)(p[i] - '0');
	}
	*ret = (uint16_t)v;
	return v && v <= 65535;
}

/* An address, a network, or an address with a port. */
static bool read_address(struct sw_static_line *l, const char *p, size_t n)
{
	const char *colon;

	if (!isxdigit((unsigned char)p[0]) && p[0] != '[' && p[0] != ':')
		return false;
	if (sw_cidr_parse(p, n, &l->net) == 0) {
		l->kind = sw_net_is_host(&l->net) ? SW_STATIC_IP : SW_STATIC_CIDR;
		return true;
	}
	colon = memrchr(p, ':', n);
	if (!colon || colon == p || !read_port(colon + 1, (size_t)(p + n - colon - 1), &l->port))
		return false;
	if (p[0] != '[' && memchr(p, ':', (size_t)(colon - p)))
		return false;
	if (sw_cidr_parse(p, (size_t)(colon - p), &l->net) < 0 || !sw_net_is_host(&l->net))
		return false;
	l->kind = SW_STATIC_IP_PORT;
	return true;
}

/* A name that ends in a number is none (RFC 3696, 2): it is an address that was mistyped. */
static bool is_domain(const char *p, size_t n)
{
	size_t label = 0;
	bool has_letter = false; /* in the label under way */

	if (!n || n > 253)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == '.') {
			if (!label)
				return false;
			label = 0;
			has_letter = false;
		} else if (isalnum(c) || c == '-' || c == '_') {
			if (++label > 63)
				return false;
			has_letter |= !isdigit(c);
		} else {
			return false;
		}
	}
	return label > 0 && has_letter;
}

size_t sw_static_url_normal(char *url, size_t len)
{
	for (size_t i = 0; i < len; i++)
		url[i] = (char)tolower((unsigned char)url[i]);
	if (len > 4 && !memcmp(url, "www.", 4)) {
		memmove(url, url + 4, len - 4);
		len -= 4;
	}
	while (len > 1 && url[len - 1] == '/' && memchr(url, '/', len - 1) &&
		!memchr(url, '?', len))
		len--;
	return len;
}

static void read_url(struct sw_static_line *l, const char *p, size_t n, bool has_scheme)
{
	char ascii[SW_STATIC_TEXT_MAX];
	const char *slash = memchr(p, '/', n);
	size_t host = slash ? (size_t)(slash - p) : n;
	int r;

	if (n + 1 >= SW_STATIC_TEXT_MAX)
		return;
	if (sw_idna_is_needed(p, host)) {
		r = sw_idna_to_ascii(p, host, ascii, sizeof(ascii));
		if (r < 0 || (size_t)r + n - host + 1 >= sizeof(ascii))
			return;
		memcpy(ascii + r, p + host, n - host);
		n = (size_t)r + n - host;
		p = ascii;
	}
	keep(l, SW_STATIC_URL, p, n);
	if (has_scheme && !memchr(p, '/', n))
		l->text[l->len++] = '/';
	l->len = sw_static_url_normal(l->text, l->len);
	l->text[l->len] = 0;
	if (l->text[0] != '/')
		return;
	l->kind = l->len > 1 ? SW_STATIC_PATH : SW_STATIC_BAD;
}

static void read_domain(struct sw_static_line *l, const char *p, size_t n)
{
	char ascii[SW_STATIC_TEXT_MAX];

	if (sw_idna_is_needed(p, n)) {
		int r = sw_idna_to_ascii(p, n, ascii, sizeof(ascii));

		if (r < 0)
			return;
		p = ascii;
		n = (size_t)r;
	}
	if (is_domain(p, n))
		keep_lower(l, SW_STATIC_DOMAIN, p, n);
}

void sw_static_line_read(const char *p, size_t n, bool is_agent, struct sw_static_line *ret)
{
	const char *scheme;

	ret->kind = SW_STATIC_BAD;
	ret->when = (struct sw_trail_when){};
	ret->port = 0;
	ret->len = 0;
	ret->text[0] = 0;
	if (!n || n >= SW_STATIC_TEXT_MAX || memchr(p, 0, n))
		return;
	if (is_agent)
		return keep(ret, SW_STATIC_AGENT, p, n);
	if (memchr(p, ' ', n) || memchr(p, '\t', n))
		return;
	scheme = memchr(p, ':', SW_MIN(n, (size_t)10));
	if (scheme && (size_t)(p + n - scheme) >= 3 && !memcmp(scheme, "://", 3) && isalpha((unsigned char)p[0])) {
		n -= (size_t)(scheme + 3 - p);
		p = scheme + 3;
		if (n && !read_address(ret, p, n))
			read_url(ret, p, n, true);
		return;
	}
	if (read_address(ret, p, n))
		return;
	if (n == 32 && all_hex(p, n))
		return keep_lower(ret, SW_STATIC_JA3, p, n);
	if (n == 40 && all_hex(p, n))
		return keep_lower(ret, SW_STATIC_CERT, p, n);
	if (is_ja4(p, n))
		return keep_lower(ret, SW_STATIC_JA4, p, n);
	if (has_regex_sign(p, n))
		return keep(ret, SW_STATIC_REGEX, p, n);
	if (memchr(p, '/', n))
		return read_url(ret, p, n, false);
	while (n && *p == '.') {
		p++;
		n--;
	}
	while (n && p[n - 1] == '.')
		n--;
	if (n > 4 && !strncasecmp(p, "www.", 4)) {
		p += 4;
		n -= 4;
	}
	read_domain(ret, p, n);
}
