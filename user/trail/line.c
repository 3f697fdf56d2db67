// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/line.h"

#include <ctype.h>
#include <endian.h>
#include <inttypes.h>

#include "user/base/cidr.h"

struct span {
	const char *at, *end;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool ends_column(char c)
{
	return is_blank(c) || c == ',' || c == ';' || c == '#' || c == '|';
}

static struct span strip(struct span s)
{
	while (s.at < s.end && is_blank(*s.at))
		s.at++;
	while (s.at < s.end && (is_blank(s.end[-1]) || s.end[-1] == '\r'))
		s.end--;
	return s;
}

static bool is_comment(struct span s)
{
	return s.at == s.end || *s.at == '#' || *s.at == ';' ||
		(*s.at == '/' && s.end - s.at > 1 && s.at[1] == '/');
}

/* Up to three digits without a leading zero, at most max; NULL when there is no such number. */
static const char *scan_number(const char *p, const char *end, unsigned int max, unsigned int *ret)
{
	unsigned int v;

	if (p == end || !is_digit(*p))
		return NULL;
	v = (unsigned int)(*p++ - '0');
	for (int i = 0; v && i < 2 && p < end && is_digit(*p); i++)
		v = v * 10 + (unsigned int)(*p++ - '0');
	if (v > max || (p < end && is_digit(*p)))
		return NULL;
	*ret = v;
	return p;
}

/*
 * The plain case by hand, ten times as fast as inet_pton: a.b.c.d or a.b.c.d/n at the beginning of s.
 * What follows it, or NULL.
 */
static const char *scan_net4(struct span s, struct sw_net *ret)
{
	unsigned int v = 0, plen = 32;
	uint32_t addr = 0, mask, be;
	const char *p = s.at;

	for (int i = 0; i < 4; i++) {
		if (i && (p == s.end || *p++ != '.'))
			return NULL;
		p = scan_number(p, s.end, 255, &v);
		if (!p)
			return NULL;
		addr = addr << 8 | v;
	}
	if (p < s.end && *p == '/' && !(s.end - p > 1 && p[1] == '/')) {
		p = scan_number(p + 1, s.end, 32, &plen);
		if (!p)
			return NULL;
	}
	mask = plen ? UINT32_MAX << (32 - plen) : 0;
	be = htobe32(addr & mask);
	*ret = (struct sw_net){.family = SW_AF_IP4, .plen = (__u8)plen};
	memcpy(ret->addr, &be, sizeof(be));
	return p;
}

static bool parse_net(struct span s, struct sw_net *ret)
{
	const char *end = scan_net4(s, ret);

	return end == s.end || (!end && sw_cidr_parse(s.at, (size_t)(s.end - s.at), ret) == 0);
}

/* Cuts the first column off *s: quoted, or up to a separator. */
static struct span take_column(struct span *s)
{
	struct span c = {s->at, s->at};
	const char *quote = NULL;

	if (s->at < s->end && (*s->at == '"' || *s->at == '\''))
		quote = memchr(s->at + 1, *s->at, (size_t)(s->end - s->at - 1));
	if (quote) {
		c = strip((struct span){s->at + 1, quote});
		s->at = quote + 1;
		return c;
	}
	while (c.end < s->end && !ends_column(*c.end))
		c.end++;
	s->at = c.end;
	return c;
}

static bool is_port(struct span s)
{
	unsigned int v = 0;

	if (s.at == s.end || s.end - s.at > 5)
		return false;
	for (; s.at < s.end; s.at++) {
		if (!is_digit(*s.at))
			return false;
		v = v * 10 + (unsigned int)(*s.at - '0');
	}
	return v > 0 && v < 65536;
}

/* a.b.c.d:port, [v6]:port */
static bool is_address_port(struct span c)
{
	const char *colon = memrchr(c.at, ':', (size_t)(c.end - c.at));
	struct sw_net n;

	if (!colon || !is_port((struct span){colon + 1, c.end}))
		return false;
	if (c.at < colon && *c.at != '[' && memchr(c.at, ':', (size_t)(colon - c.at)))
		return false;
	return parse_net((struct span){c.at, colon}, &n) && sw_net_is_host(&n);
}

static bool is_label_char(unsigned char c)
{
	return is_digit((char)c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
		c == '_' || c >= 0x80; /* a name in UTF-8 */
}

/* Two labels or more, the last of which begins with a letter: else a mistyped address would pass for a name. */
static bool is_domain(struct span c)
{
	size_t labels = 0, len = 0;
	bool is_numeric = true;

	if (c.at < c.end && c.end[-1] == '.')
		c.end--;
	if (c.end - c.at > 253)
		return false;
	for (; c.at < c.end; c.at++) {
		if (*c.at == '.' && len) {
			labels++;
			len = 0;
		} else if (is_label_char((unsigned char)*c.at) && ++len <= 63) {
			is_numeric = len == 1 ? is_digit(*c.at) : is_numeric;
		} else {
			return false;
		}
	}
	return labels && len && !is_numeric;
}

/* scheme://, host/path, /path, *.domain, .domain, domain:port */
static bool is_other_trail(struct span c)
{
	const char *slash, *colon;

	if (is_address_port(c) || memmem(c.at, (size_t)(c.end - c.at), "://", 3))
		return true;
	if (c.end - c.at > 2 && c.at[0] == '*' && c.at[1] == '.')
		c.at += 2;
	else if (c.end - c.at > 1 && (c.at[0] == '.' || c.at[0] == '/'))
		c.at += c.at[0] == '.';
	slash = memchr(c.at, '/', (size_t)(c.end - c.at));
	if (slash) {
		struct span host = {c.at, slash};
		struct sw_net n;

		/* "192.0.2.0/240" is a slip of the pen and not the path "240" of a host */
		if (parse_net(host, &n))
			return slash + 1 == c.end || (!is_digit(slash[1]) && slash[1] != '-');
		return slash == c.at ? c.end - c.at > 1 : is_domain(host) || is_address_port(host);
	}
	colon = memchr(c.at, ':', (size_t)(c.end - c.at));
	if (colon && is_port((struct span){colon + 1, c.end}))
		c.end = colon;
	return is_domain(c);
}

/* "0.0.0.0 bad.example": a line of a hosts file names a domain, and its address is nobody's. */
static bool is_hosts_line(const struct sw_net *n, struct span rest, struct span *ret_name)
{
	static const struct sw_net any6 = {.family = SW_AF_IP6, .plen = 127}; /* :: and ::1 */
	bool is_sink = n->family == SW_AF_IP4 ? n->addr[0] == 127 || n->addr[0] == 0
					      : sw_net_contains(&any6, n);

	if (!is_sink || rest.at == rest.end || !is_blank(*rest.at))
		return false;
	rest = strip(rest);
	*ret_name = take_column(&rest);
	return is_domain(*ret_name);
}

static enum sw_trail_line_kind other(struct span c, struct sw_trail_line *ret)
{
	ret->text = c.at;
	ret->len = (size_t)(c.end - c.at);
	return SW_TRAIL_LINE_OTHER;
}

/* A fingerprint of TLS: MD5 or SHA-1 in hex. */
static bool is_fingerprint(struct span c)
{
	if (c.end - c.at != 32 && c.end - c.at != 40)
		return false;
	for (; c.at < c.end; c.at++) {
		if (!isxdigit((unsigned char)*c.at))
			return false;
	}
	return true;
}

/* Reads "- b" or "-b" after an address; false when that is not what follows. */
static bool take_range_end(struct span *rest, struct span *ret)
{
	struct span s = strip(*rest);

	if (s.at == s.end || *s.at != '-')
		return false;
	s.at++;
	s = strip(s);
	*ret = take_column(&s);
	*rest = s;
	return ret->at < ret->end;
}

static bool make_range(struct span from, struct span last, struct sw_trail_line *ret)
{
	if (!parse_net(from, &ret->net) || !parse_net(last, &ret->last))
		return false;
	return ret->net.family == ret->last.family && sw_net_is_host(&ret->net) &&
		sw_net_is_host(&ret->last) &&
		memcmp(ret->net.addr, ret->last.addr, sizeof(ret->net.addr)) <= 0;
}

static enum sw_trail_line_kind read_column(
	struct span c, struct span rest, struct sw_trail_line *ret)
{
	const char *cut = memchr(c.at, '-', (size_t)(c.end - c.at));
	struct span last, name;

	if (parse_net(c, &ret->net)) {
		if (is_hosts_line(&ret->net, rest, &name))
			return other(name, ret);
		/* "a - b": a dash that no address follows is a note */
		if (!take_range_end(&rest, &last) || !parse_net(last, &ret->last))
			return SW_TRAIL_LINE_NET;
		return make_range(c, last, ret) ? SW_TRAIL_LINE_RANGE : SW_TRAIL_LINE_BAD;
	}
	if (cut && cut + 1 == c.end) { /* "a- b" */
		rest = strip(rest);
		last = take_column(&rest);
	} else if (cut) {
		last = (struct span){cut + 1, c.end};
	}
	if (cut && make_range((struct span){c.at, cut}, last, ret))
		return SW_TRAIL_LINE_RANGE;
	/* "192.0.2.1// note" */
	cut = memmem(c.at, (size_t)(c.end - c.at), "//", 2);
	if (cut && parse_net((struct span){c.at, cut}, &ret->net))
		return SW_TRAIL_LINE_NET;
	if (is_other_trail(c) || is_fingerprint(c))
		return other(c, ret);
	return SW_TRAIL_LINE_BAD;
}

void sw_trail_line_read(const char *line, size_t len, struct sw_trail_line *ret)
{
	struct span rest = {line, line + len}, column;
	const char *end = scan_net4(rest, &ret->net);

	ret->kind = SW_TRAIL_LINE_NET;
	if (end == rest.end) /* nearly every line of a large list */
		return;
	rest = strip(rest);
	ret->kind = SW_TRAIL_LINE_NOTHING;
	if (is_comment(rest))
		return;
	/* a carriage return inside joins lines of which all but the first would be lost unseen */
	ret->kind = SW_TRAIL_LINE_BAD;
	if (memchr(rest.at, '\r', (size_t)(rest.end - rest.at)))
		return;
	column = take_column(&rest);
	ret->kind = read_column(column, rest, ret);
}

static void set_host_bits(struct sw_net *n, unsigned int plen)
{
	for (unsigned int i = plen; i < sw_net_max_plen(n); i++)
		n->addr[i / 8] |= (__u8)(0x80 >> (i % 8));
}

/* Adds one to the host address n; 0 when it ran over. */
static int increment(struct sw_net *n)
{
	for (int i = (int)sw_net_max_plen(n) / 8 - 1; i >= 0; i--)
		if (++n->addr[i])
			return 1;
	return 0;
}

int sw_trail_range_next(struct sw_net *from, const struct sw_net *last, struct sw_net *ret)
{
	struct sw_net best = *from, top;

	/* widen while the network still begins at from and does not reach beyond last */
	while (best.plen > 0) {
		struct sw_net wider = sw_net_trim(from, best.plen - 1u);

		top = wider;
		set_host_bits(&top, wider.plen);
		if (memcmp(wider.addr, from->addr, sizeof(wider.addr)) != 0 ||
			memcmp(top.addr, last->addr, sizeof(top.addr)) > 0)
			break;
		best = wider;
	}
	top = best;
	set_host_bits(&top, best.plen);
	*ret = best;
	if (memcmp(top.addr, last->addr, sizeof(top.addr)) >= 0)
		return 0;
	top.plen = (__u8)sw_net_max_plen(&top);
	*from = top;
	return increment(from);
}

void sw_trail_bad_text(char ret[static SW_TRAIL_BAD_SHOWN + 1], const char *line, size_t len)
{
	size_t n;

	while (len && isspace((unsigned char)line[len - 1]))
		len--;
	n = SW_MIN(len, (size_t)SW_TRAIL_BAD_SHOWN);
	for (size_t i = 0; i < n; i++)
		ret[i] = line[i] >= ' ' && line[i] < 127 && line[i] != '\'' ? line[i] : '?';
	ret[n] = 0;
}

void sw_trail_bad_say(
	char ret[static SW_TRAIL_BAD_TEXT_MAX], const char *file, uint64_t number, const char *line, size_t len)
{
	enum { FILE_SHOWN = 100 };
	char text[SW_TRAIL_BAD_SHOWN + 1];
	size_t n = file ? strlen(file) : 0;

	sw_trail_bad_text(text, line, len);
	snprintf(ret, SW_TRAIL_BAD_TEXT_MAX, "%s%s%sline %" PRIu64 ": '%s'", n > FILE_SHOWN ? "..." : "",
		file ? file + (n > FILE_SHOWN ? n - FILE_SHOWN : 0) : "", file ? " " : "", number, text);
	for (char *p = ret; *p; p++) /* a file may be called anything */
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
}
