// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/policy/proxy.h"

#include <ctype.h>
#include <strings.h>

#include "user/base/cidr.h"

bool sw_proxy_is_trusted(const struct sw_proxy_trust *t, const struct sw_net *host)
{
	for (size_t i = 0; i < t->n; i++) {
		if (sw_net_contains(&t->nets[i], host))
			return true;
	}
	return false;
}

struct text {
	const char *at;
	size_t len;
};

static struct text trim(struct text t)
{
	for (; t.len && isspace((unsigned char)t.at[0]); t.at++)
		t.len--;
	while (t.len && isspace((unsigned char)t.at[t.len - 1]))
		t.len--;
	if (t.len >= 2 && t.at[0] == '"' && t.at[t.len - 1] == '"')
		t = (struct text){t.at + 1, t.len - 2};
	return t;
}

/* The value of for= of one element of Forwarded (RFC 7239, 4); the element itself where there is no '='. */
static struct text node_of(struct text element)
{
	struct text rest = element;

	if (!memchr(element.at, '=', element.len))
		return trim(element);
	while (rest.len) {
		const char *end = memchr(rest.at, ';', rest.len);
		struct text pair =
			trim((struct text){rest.at, end ? (size_t)(end - rest.at) : rest.len});
		size_t used = end ? (size_t)(end - rest.at) + 1 : rest.len;

		if (pair.len > 4 && strncasecmp(pair.at, "for=", 4) == 0)
			return trim((struct text){pair.at + 4, pair.len - 4});
		rest.at += used;
		rest.len -= used;
	}
	return (struct text){};
}

/* "192.0.2.7", "192.0.2.7:4711", "[2001:db8::1]:4711", "2001:db8::1". */
static int parse_node(struct text t, struct sw_net *ret)
{
	const char *colon, *close;

	if (!t.len)
		return -EBADMSG;
	colon = memchr(t.at, ':', t.len);
	if (t.at[0] == '[') {
		close = memchr(t.at, ']', t.len);
		if (!close)
			return -EBADMSG;
		t = (struct text){t.at + 1, (size_t)(close - t.at) - 1};
	} else if (colon && !memchr(colon + 1, ':', t.len - (size_t)(colon - t.at) - 1)) {
		t.len = (size_t)(colon - t.at);
	}
	if (sw_cidr_parse(t.at, t.len, ret) < 0 || !sw_net_is_host(ret) || memchr(t.at, '/', t.len))
		return -EBADMSG;
	return 0;
}

/* The last element of list; *list loses it. A quoted comma does not occur in an address. */
static struct text take_last(struct text *list)
{
	size_t at = list->len;
	struct text element;

	while (at && list->at[at - 1] != ',')
		at--;
	element = (struct text){list->at + at, list->len - at};
	list->len = at ? at - 1 : 0;
	return element;
}

int sw_proxy_client(const struct sw_proxy_trust *t, const struct sw_net *peer, const char *header,
	size_t len, struct sw_net *ret)
{
	struct text list = {header, header ? len : 0};
	struct sw_net hop = *peer;

	if (!sw_proxy_is_trusted(t, peer) || !trim(list).len) {
		*ret = *peer;
		return 0;
	}
	for (unsigned int i = 0; i < SW_PROXY_HOPS_MAX && list.len; i++) {
		int r = parse_node(node_of(take_last(&list)), &hop);

		if (r < 0)
			return r;
		if (!sw_proxy_is_trusted(t, &hop))
			break;
	}
	*ret = hop; /* all of them trusted: the one farthest away began it */
	return 1;
}
