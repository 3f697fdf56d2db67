// SPDX-License-Identifier: GPL-3.0-or-later
/* An HTTP request against the trails: its host, the URLs it may stand for, its user agent. */
#include <arpa/inet.h>
#include <ctype.h>

#include "user/base/cidr.h"
#include "user/base/idna.h"
#include "user/detect/traffic_private.h"
#include "user/detect/web.h"
#include "user/trail/static_hash.h"
#include "user/proto/http.h"

enum { PATH_BYTES = 900, HOST_BYTES = 264, HOSTS_MAX = 4 };

/* A host as a URL trail may have it: "example.com", "example.com:8080", "192.0.2.1", "192.0.2.1:8080". */
struct hosts {
	unsigned int n;
	size_t len[HOSTS_MAX];
	char text[HOSTS_MAX][HOST_BYTES];
};

struct request {
	struct sw_traffic *t;
	const struct sw_flow *flow;
	struct hosts hosts;
};

static size_t lower(char *out, size_t size, const char *p, size_t n)
{
	n = SW_MIN(n, size - 1);
	for (size_t i = 0; i < n; i++)
		out[i] = (char)tolower((unsigned char)p[i]);
	out[n] = 0;
	return n;
}

/* Adds a host when a URL of it is listed. */
static void add_host(struct request *r, const char *text, size_t len)
{
	struct hosts *h = &r->hosts;

	if (h->n == HOSTS_MAX || !len || len >= HOST_BYTES ||
		!sw_static_has_host(r->t->set, text, len))
		return;
	memcpy(h->text[h->n], text, len);
	h->len[h->n++] = len;
}

/* Length of a host without its port. */
static size_t without_port(const char *host, size_t len)
{
	const char *colon = memrchr(host, ':', len);

	if (host[0] == '[') {
		const char *bracket = memchr(host, ']', len);

		return bracket ? (size_t)(bracket + 1 - host) : len;
	}
	return colon ? (size_t)(colon - host) : len;
}

/* A Host that is an address is looked up as such, unless it is the packet's own, which has been. */
static void judge_host(struct request *r, const char *host, size_t len)
{
	struct sw_net net;

	if ((isdigit((unsigned char)host[0]) || host[0] == '[') &&
		sw_cidr_parse(host, len, &net) == 0) {
		if (net.family != r->flow->family || memcmp(net.addr, &r->flow->daddr, 16) != 0)
			traffic_judge_addr(
				r->t, SW_RULE_TRAIL_HOST, r->flow, net.family, net.addr, 0);
		return;
	}
	traffic_judge_name(r->t, SW_RULE_TRAIL_HOST, r->flow, host, len);
}

/* The Host in lower case, in its ASCII form. */
static size_t read_host(char out[static HOST_BYTES], struct sw_http_text host)
{
	int r = sw_idna_is_needed(host.p, host.n)
		? sw_idna_to_ascii(host.p, host.n, out, HOST_BYTES)
		: -1;

	return r > 0 ? (size_t)r : lower(out, HOST_BYTES, host.p, host.n);
}

static void read_hosts(struct request *r, const struct sw_http *h)
{
	const struct sw_flow *f = r->flow;
	char host[HOST_BYTES], addr[SW_NET_TEXT_MAX + 8];
	size_t n = read_host(host, h->host), bare;
	const char *p = host;

	if (n) {
		bare = without_port(host, n);
		judge_host(r, host, bare);
		if (n > 4 && !memcmp(p, "www.", 4)) {
			p += 4;
			n -= 4;
			bare -= 4;
		}
		add_host(r, p, n);
		if (bare != n)
			add_host(r, p, bare);
	}
	if (!sw_static_may_addr(r->t->set, f->family, &f->daddr))
		return;
	if (inet_ntop(f->family == 4 ? AF_INET : AF_INET6, &f->daddr, addr, SW_NET_TEXT_MAX)) {
		n = strlen(addr);
		add_host(r, addr, n);
		n += (size_t)snprintf(addr + n, sizeof(addr) - n, ":%u", f->dport);
		add_host(r, addr, n);
	}
}

/* One path a request may stand for, alone and on each host that has URLs listed. */
static void judge_path(struct request *r, const char *path, size_t len)
{
	char url[HOST_BYTES + PATH_BYTES * 2];
	struct sw_static_hit hit;

	while (len > 1 && path[len - 1] == '/' && !memchr(path, '?', len))
		len--;
	if (len > 1 && sw_static_text(r->t->set, SW_STATIC_PATH, path, len, &hit)) {
		snprintf(url, sizeof(url), "%.*s", (int)len, path);
		traffic_tell_trail(r->t, SW_RULE_TRAIL_URL, r->flow, &hit, url);
	}
	for (unsigned int i = 0; i < r->hosts.n; i++) {
		size_t n = r->hosts.len[i];

		memcpy(url, r->hosts.text[i], n);
		memcpy(url + n, path, len);
		n += len;
		url[n] = 0;
		if (sw_static_text(r->t->set, SW_STATIC_URL, url, n, &hit))
			traffic_tell_trail(r->t, SW_RULE_TRAIL_URL, r->flow, &hit, url);
	}
}

/* "/a?x=1&y=2" to "/a?x=&y=". */
static size_t strip_values(const char *path, size_t len, char *out)
{
	bool is_value = false, is_query = false;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		is_query |= path[i] == '?';
		if (path[i] == '&')
			is_value = false;
		if (!is_value)
			out[n++] = path[i];
		if (path[i] == '=' && is_query)
			is_value = true;
	}
	return n;
}

static void judge_query(struct request *r, const char *path, size_t len)
{
	char stripped[PATH_BYTES];
	const char *equal = memchr(path, '=', len), *slash;
	size_t n;

	judge_path(r, path, len);
	if (!equal)
		return;
	judge_path(r, path, (size_t)(equal + 1 - path));
	n = strip_values(path, len, stripped);
	judge_path(r, stripped, n);
	slash = memrchr(stripped, '/', n);
	if (slash && slash != stripped)
		judge_path(r, slash, n - (size_t)(slash - stripped));
}

static void judge_paths(struct request *r, const struct sw_http *h)
{
	char path[PATH_BYTES * 2];
	size_t n = lower(path, PATH_BYTES, h->path.p, h->path.n), bare, body;
	const char *query, *slash;

	if (!n)
		return;
	query = memchr(path, '?', n);
	bare = query ? (size_t)(query - path) : n;
	if (query)
		judge_query(r, path, n);
	judge_path(r, path, bare);
	if (bare > 1)
		judge_path(r, path, 1); /* the host alone */
	slash = memrchr(path, '/', bare);
	if (slash && slash != path) {
		judge_path(r, slash, bare - (size_t)(slash - path));
		judge_path(r, path, (size_t)(slash - path));
	}
	if (!query && h->body.n && bare < PATH_BYTES / 2) {
		path[bare] = '?';
		body = lower(path + bare + 1, PATH_BYTES - bare - 1, h->body.p, h->body.n);
		judge_query(r, path, bare + 1 + body);
	}
}

/* Expressions are for names, which were judged; here they see host and path as one. */
static void judge_pattern(struct request *r, const struct sw_http *h)
{
	char url[HOST_BYTES + PATH_BYTES];
	struct sw_static_hit hit, of_host;
	size_t n;

	if (!sw_static_has_kind(r->t->set, SW_STATIC_REGEX))
		return;
	n = lower(url, HOST_BYTES, h->host.p, h->host.n);
	if (n && sw_static_pattern(r->t->set, SW_STATIC_REGEX, url, without_port(url, n), &of_host))
		return;
	n += lower(url + n, PATH_BYTES, h->path.p, h->path.n);
	if (sw_static_pattern(r->t->set, SW_STATIC_REGEX, url, n, &hit))
		traffic_tell_trail(r->t, SW_RULE_TRAIL_URL, r->flow, &hit, hit.pattern);
}

/* A scanner's name; the answer for an agent is remembered, for they repeat. */
static const char *find_scanner(struct sw_traffic *t, struct sw_http_text agent)
{
	uint64_t hash = sw_hash_bytes(4, agent.p, agent.n) | 1;
	struct agent_answer *a = &t->agents[hash >> 8 & (TRAFFIC_AGENTS - 1)];

	if (a->hash != hash)
		*a = (struct agent_answer){hash, sw_web_scanner(agent)};
	return a->scanner;
}

/* What a request gives away without a list. */
static void judge_behaviour(
	struct sw_traffic *t, const struct sw_flow *flow, const struct sw_http *h)
{
	const struct sw_web_attack *attack = sw_web_attack(h);
	const char *word = h->agent.n ? find_scanner(t, h->agent) : NULL;
	char text[HOST_BYTES + PATH_BYTES];
	struct sw_net net;

	if (attack)
		traffic_tell(t, SW_RULE_WEB_ATTACK, flow, attack->token, attack->what);
	if (word)
		traffic_tell(t, SW_RULE_WEB_SCANNER, flow, word, "a scanner's user agent");
	if (h->is_proxied && (flow->dport == 80 || flow->dport == 443)) {
		snprintf(text, sizeof(text), "%.*s", (int)SW_MIN(h->target.n, 512), h->target.p);
		traffic_tell(t, SW_RULE_WEB_PROXY, flow, text, "a request for elsewhere");
	}
	if (h->is_11 && h->is_head_whole && !h->has_host_header && !h->is_proxied)
		traffic_tell(t, SW_RULE_WEB_NO_HOST, flow, "HTTP/1.1", "a request without a host");
	if (!sw_web_is_program(h->path) || h->is_proxied || sw_web_is_inside(flow->family, &flow->daddr))
		return;
	if (!h->host.n || sw_cidr_parse(h->host.p, without_port(h->host.p, h->host.n), &net) == 0) {
		snprintf(text, sizeof(text), "%.*s%.*s", (int)SW_MIN(h->host.n, HOST_BYTES - 1),
			h->host.n ? h->host.p : "", (int)SW_MIN(h->path.n, 512), h->path.p);
		traffic_tell(t, SW_RULE_WEB_DOWNLOAD, flow, text, "a program from a bare address");
	}
}

void traffic_request(struct sw_traffic *t, const struct sw_flow *flow, const struct sw_http *h)
{
	struct request r; /* filled one by one: the hosts' room is large */
	struct sw_static_hit hit;

	r.t = t;
	r.flow = flow;
	r.hosts.n = 0;
	t->stats.requests++;
	read_hosts(&r, h);
	if (sw_static_has_kind(t->set, SW_STATIC_PATH) || r.hosts.n)
		judge_paths(&r, h);
	judge_pattern(&r, h);
	if (h->agent.n && sw_static_pattern(t->set, SW_STATIC_AGENT, h->agent.p, h->agent.n, &hit))
		traffic_tell_trail(t, SW_RULE_TRAIL_AGENT, flow, &hit, hit.pattern);
	judge_behaviour(t, flow, h);
}
