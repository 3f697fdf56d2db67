// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/policy/sock_learn.h"

#include <netinet/in.h>

#include "sockwarden/rpc/config.h"
#include "user/base/ports.h"
#include "user/conf/value.h"

enum { PORTS = 65536, RULE_PORTS_TEXT = sizeof(((struct sw_config_sock_rule *)0)->ports) };
_Static_assert(SW_SEEN_PATH_MAX == sizeof(((struct sw_config_sock_rule *)0)->executable), "a rule can hold the path");

/* A program, and the ports that it is given. */
struct given {
	struct sw_seen_who who;
	bool is_any;
	__u8 ports[PORTS / 8];
};

struct all {
	const struct sw_learn *l;
	struct given **at;
	size_t n;
};

static int take(const struct sw_seen *s, void *arg)
{
	struct all *a = arg;
	struct given *g = a->n < SW_SEEN_PROGRAMS_MAX ? calloc(1, sizeof(*g)) : NULL;

	if (!g)
		return -ENOMEM;
	g->who = s->who;
	g->is_any = s->any_sec;
	for (uint32_t i = 0; i < s->n; i++) {
		unsigned int port = s->ports[i].port;

		if (port == SW_SEEN_CHOSEN)
			sw_ports_set(g->ports, a->l->client_first, a->l->client_last);
		else
			sw_ports_set(g->ports, port, port);
	}
	a->at[a->n++] = g;
	return 0;
}

static int compare(const void *x, const void *y)
{
	const struct sw_seen_who *a = &(*(struct given *const *)x)->who, *b = &(*(struct given *const *)y)->who;
	int r = strcmp(a->executable, b->executable);

	if (!r)
		r = (a->uid > b->uid) - (a->uid < b->uid);
	if (!r)
		r = (int)a->is_contained - (int)b->is_contained;
	return r ? r : (int)a->protocol - (int)b->protocol;
}

/* The path in the words of fnmatch(3); none when a rule cannot hold it. */
static void put_pattern(char *dst, size_t size, const char *path)
{
	size_t n = 0;

	for (; *path && n + 2 < size; path++) {
		if (strchr("*?[\\", *path))
			dst[n++] = '\\';
		dst[n++] = *path;
	}
	dst[*path ? 0 : n] = '\0';
}

/* As many of the ports from *at on as one rule's text and number of parts hold. */
static void put_ports(const struct given *g, unsigned int *at, struct sw_strbuf *out)
{
	for (unsigned int parts = 0; parts < SW_CONFIG_SOCK_PARTS_MAX && *at < PORTS; (*at)++) {
		unsigned int first = *at;

		if (!sw_ports_has(g->ports, first))
			continue;
		if (out->len + sizeof(", 65535-65535") >= RULE_PORTS_TEXT)
			return;
		while (*at + 1 < PORTS && sw_ports_has(g->ports, *at + 1))
			(*at)++;
		sw_strbuf_printf(out, first == *at ? "%s%u" : "%s%u-%u", parts++ ? ", " : "", first, *at);
	}
}

static void put_rule(const struct sw_learn *l, const struct sw_seen_who *who, const char *ports, struct sw_strbuf *out)
{
	char pattern[sizeof(who->executable)], number[16];
	const char *user = l->user_name ? l->user_name(who->uid, l->arg) : NULL;

	put_pattern(pattern, sizeof(pattern), who->executable);
	snprintf(number, sizeof(number), "%u", who->uid);
	sw_strbuf_puts(out, "    - executable: ");
	sw_conf_put_scalar(out, pattern);
	sw_strbuf_puts(out, "\n      user: ");
	sw_conf_put_scalar(out, user ? user : number);
	sw_strbuf_printf(out, "\n      container: \"%s\"\n      protocol: %s\n", who->is_contained ? "*" : "host",
		who->protocol == IPPROTO_UDP ? "udp" : "tcp");
	if (*ports)
		sw_strbuf_printf(out, "      ports: \"%s\"\n", ports);
}

static void put_program(struct sw_learn *l, const struct given *g, unsigned int *room, struct sw_strbuf *out)
{
	char pattern[sizeof(g->who.executable)];

	put_pattern(pattern, sizeof(pattern), g->who.executable);
	for (unsigned int at = 1; at < PORTS;) {
		_strbuf_ struct sw_strbuf ports = {};

		if (!g->is_any)
			put_ports(g, &at, &ports);
		if (!g->is_any && !ports.len)
			return;
		if (!*room || !*pattern) {
			l->left_out++;
			return;
		}
		--*room;
		l->rules++;
		put_rule(l, &g->who, sw_strbuf_get(&ports), out);
		if (g->is_any)
			return;
	}
}

static void put_list(struct sw_learn *l, const struct all *a, enum sw_sock_way way, struct sw_strbuf *out)
{
	unsigned int before = l->rules, room = SW_CONFIG_SOCK_RULES_MAX;
	_strbuf_ struct sw_strbuf list = {};

	for (size_t i = 0; i < a->n; i++) {
		if (a->at[i]->who.way == way)
			put_program(l, a->at[i], &room, &list);
	}
	sw_strbuf_printf(out, "  %s:%s\n%s", way == SW_SOCK_CONNECT ? "connect" : "listen",
		l->rules == before ? " []" : "", sw_strbuf_get(&list));
	out->is_failed |= list.is_failed;
}

int sw_sock_learn(struct sw_learn *l, struct sw_seen_memory *m, struct sw_strbuf *out)
{
	struct all a = {.l = l, .at = calloc(SW_SEEN_PROGRAMS_MAX, sizeof(*a.at))};
	int r = a.at ? sw_seen_each(m, l->since_wall_sec, take, &a) : -ENOMEM;

	l->rules = l->left_out = 0;
	if (r >= 0) {
		qsort(a.at, a.n, sizeof(*a.at), compare);
		sw_strbuf_puts(out, "policy:\n  default: observe\n");
		put_list(l, &a, SW_SOCK_LISTEN, out);
		put_list(l, &a, SW_SOCK_CONNECT, out);
	}
	while (a.n)
		free(a.at[--a.n]);
	free(a.at);
	return r < 0 ? r : out->is_failed ? -ENOMEM : 0;
}
