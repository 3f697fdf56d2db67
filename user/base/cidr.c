// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/cidr.h"

#include <arpa/inet.h>
#include <endian.h>

#include "user/base/digits.h"

static const unsigned char mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

unsigned int sw_net_max_plen(const struct sw_net *n)
{
	return n->family == SW_AF_IP4 ? 32 : 128;
}

static void clear_host_bits(struct sw_net *n)
{
	unsigned int plen = n->plen, high = plen < 64 ? plen : 64, low = plen < 128 ? plen - high : 64;
	uint64_t words[2];

	memcpy(words, n->addr, sizeof(words));
	words[0] &= high ? htobe64(~0ULL << (64 - high)) : 0;
	words[1] &= low ? htobe64(~0ULL << (64 - low)) : 0;
	memcpy(n->addr, words, sizeof(words));
}

/* "24" to 24: digits only, no sign, no leading zero, at most max. */
static int parse_plen(const char *text, unsigned int max)
{
	unsigned int v = 0;
	size_t n = strlen(text);

	if (n == 0 || n > 3 || (n > 1 && text[0] == '0'))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		v = v * 10 + (unsigned int)(*text - '0');
	}
	return v <= max ? (int)v : -EINVAL;
}

int sw_cidr_parse(const char *text, size_t len, struct sw_net *ret)
{
	struct sw_net n = {};
	char buf[SW_NET_TEXT_MAX], *addr = buf, *slash;
	int plen;

	len = strnlen(text, len);
	if (len == 0 || len >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, text, len);
	buf[len] = 0;
	slash = strchr(buf, '/');
	if (slash)
		*slash++ = 0;
	if (addr[0] == '[' && addr[1] && addr[strlen(addr) - 1] == ']') {
		addr[strlen(addr) - 1] = 0;
		addr++;
		if (!strchr(addr, ':'))
			return -EINVAL;
	}
	if (inet_pton(AF_INET, addr, n.addr) == 1)
		n.family = SW_AF_IP4;
	else if (inet_pton(AF_INET6, addr, n.addr) == 1)
		n.family = SW_AF_IP6;
	else
		return -EINVAL;
	plen = slash ? parse_plen(slash, sw_net_max_plen(&n)) : (int)sw_net_max_plen(&n);
	if (plen < 0)
		return plen;
	n.plen = (__u8)plen;
	if (n.family == SW_AF_IP6 && plen >= 96 && !memcmp(n.addr, mapped_prefix, 12)) {
		memmove(n.addr, n.addr + 12, 4);
		memset(n.addr + 4, 0, 12);
		n.family = SW_AF_IP4;
		n.plen = (__u8)(plen - 96);
	}
	clear_host_bits(&n);
	*ret = n;
	return 0;
}

static char *put_ip4(char *to, const unsigned char *addr)
{
	for (unsigned int i = 0; i < 4; i++) {
		to = sw_put_uint(to, addr[i]);
		*to++ = '.';
	}
	return to - 1;
}

/* The longest run of two or more groups of zeros, the first of equal ones: where it starts and ends, 8 for none. */
static unsigned int find_zeros(const uint16_t group[static 8], unsigned int *ret_end)
{
	unsigned int best = 8, longest = 1;

	*ret_end = 8;
	for (unsigned int i = 0, n; i < 8; i += n + 1) {
		for (n = 0; i + n < 8 && !group[i + n]; n++)
			;
		if (n > longest) {
			longest = n;
			best = i;
			*ret_end = i + n;
		}
	}
	return best;
}

/* Source: RFC 5952; an IPv4 address inside (::a.b.c.d, ::ffff:a.b.c.d) is shown as one, as inet_ntop does. */
static char *put_ip6(char *to, const unsigned char *addr)
{
	unsigned int zeros, end;
	uint16_t group[8];

	for (unsigned int i = 0; i < 8; i++)
		group[i] = (uint16_t)(addr[2 * i] << 8 | addr[2 * i + 1]);
	zeros = find_zeros(group, &end);
	for (unsigned int i = 0; i < 8; i++) {
		if (i == zeros) {
			*to++ = ':';
			if (end == 8)
				*to++ = ':';
			i = end - 1;
			continue;
		}
		if (i)
			*to++ = ':';
		if (i == 6 && zeros == 0 && (end == 6 || (end == 5 && group[5] == 0xffff)))
			return put_ip4(to, addr + 12);
		to = sw_put_hex16(to, group[i]);
	}
	return to;
}

const char *sw_cidr_format(char buf[static SW_NET_TEXT_MAX], const struct sw_net *n)
{
	char *to = n->family == SW_AF_IP4 ? put_ip4(buf, n->addr) : put_ip6(buf, n->addr);

	if (!sw_net_is_host(n)) {
		*to++ = '/';
		to = sw_put_uint(to, n->plen);
	}
	*to = 0;
	return buf;
}

bool sw_net_is_host(const struct sw_net *n)
{
	return n->plen == sw_net_max_plen(n);
}

bool sw_net_eq(const struct sw_net *a, const struct sw_net *b)
{
	return sw_net_cmp(a, b) == 0;
}

bool sw_net_contains(const struct sw_net *outer, const struct sw_net *inner)
{
	struct sw_net cut;

	if (outer->family != inner->family || outer->plen > inner->plen)
		return false;
	cut = sw_net_trim(inner, outer->plen);
	return !memcmp(cut.addr, outer->addr, sizeof(cut.addr));
}

struct sw_net sw_net_trim(const struct sw_net *n, unsigned int plen)
{
	struct sw_net cut = *n;

	if (plen < cut.plen)
		cut.plen = (__u8)plen;
	clear_host_bits(&cut);
	return cut;
}

struct sw_net sw_net_from4(__u32 addr_be)
{
	struct sw_net n = {.family = SW_AF_IP4, .plen = 32};

	memcpy(n.addr, &addr_be, sizeof(addr_be));
	return n;
}

struct sw_net sw_net_from6(const void *addr16)
{
	struct sw_net n = {.family = SW_AF_IP6, .plen = 128};

	memcpy(n.addr, addr16, sizeof(n.addr));
	if (!memcmp(n.addr, mapped_prefix, 12)) {
		__u32 addr_be;

		memcpy(&addr_be, n.addr + 12, 4);
		return sw_net_from4(addr_be);
	}
	return n;
}

int sw_net_cmp(const struct sw_net *a, const struct sw_net *b)
{
	int r;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	r = memcmp(a->addr, b->addr, sizeof(a->addr));
	if (r)
		return r;
	return a->plen == b->plen ? 0 : a->plen < b->plen ? -1 : 1;
}

bool sw_host_is_loopback(const char *text)
{
	size_t n = strcspn(text, text[0] == '[' ? "]" : ":/?#");
	unsigned char ip4[4];
	char name[64];

	if (n >= sizeof(name))
		return false;
	memcpy(name, text, n);
	name[n] = 0;
	return sw_streq(name, "localhost") || sw_streq(name, "[::1") ||
	       (inet_pton(AF_INET, name, ip4) == 1 && ip4[0] == 127);
}

/* Source: the IANA special-purpose registries (RFC 6890), those of them that lead inside. */
static const struct {
	const char *net;
	enum sw_reach reach;
} inside[] = {
	{"127.0.0.0/8", SW_REACH_LOOPBACK},
	{"0.0.0.0/8", SW_REACH_LOOPBACK},
	{"::1", SW_REACH_LOOPBACK},
	{"::", SW_REACH_LOOPBACK},
	{"10.0.0.0/8", SW_REACH_PRIVATE},
	{"172.16.0.0/12", SW_REACH_PRIVATE},
	{"192.168.0.0/16", SW_REACH_PRIVATE},
	{"100.64.0.0/10", SW_REACH_PRIVATE},
	{"169.254.0.0/16", SW_REACH_PRIVATE},
	{"198.18.0.0/15", SW_REACH_PRIVATE},
	{"fc00::/7", SW_REACH_PRIVATE},
	{"fe80::/10", SW_REACH_PRIVATE},
};

enum sw_reach sw_net_reach(const struct sw_net *n)
{
	struct sw_net net;

	for (size_t i = 0; i < SW_ARRAY_SIZE(inside); i++) {
		if (sw_cidr_parse(inside[i].net, SIZE_MAX, &net) == 0 && sw_net_contains(&net, n))
			return inside[i].reach;
	}
	return SW_REACH_PUBLIC;
}

const char *const sw_nets_nowhere[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
	"169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3", "::/127", "fc00::/7",
	"fe80::/10", "ff00::/8", NULL};

bool sw_net_is_nowhere(const struct sw_net *n)
{
	struct sw_net net;

	for (const char *const *at = sw_nets_nowhere; *at; at++)
		if (sw_cidr_parse(*at, SIZE_MAX, &net) == 0 && sw_net_contains(&net, n))
			return true;
	return false;
}
