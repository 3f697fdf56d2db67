// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/web/host.h"

#include <strings.h>

#include "user/base/cidr.h"

static bool port_ok(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n >= 1 && n <= 5 && !text[n];
}

bool sw_host_ok(const char *host)
{
	size_t len;
	struct sw_net net;

	if (!host)
		return false;
	len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	if (len > strlen(host) || (host[len] && (host[len] != ':' || !port_ok(host + len + 1))))
		return false;
	if (len == 9 && strncasecmp(host, "localhost", 9) == 0)
		return true;
	return !memchr(host, '/', len) && sw_cidr_parse(host, len, &net) == 0 &&
		(host[0] == '[') == (net.family == SW_AF_IP6 || memchr(host, ':', len));
}
