// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/cli/sock_filter.h"

#include <ctype.h>
#include <netdb.h>
#include <strings.h>

enum { PORT_MAX = 65535 };

static int parse_one(const char *text, uint16_t *ret)
{
	const struct servent *s;
	unsigned long n;
	char *end;

	if (isdigit((unsigned char)*text)) {
		n = strtoul(text, &end, 10);
		if (*end || n > PORT_MAX)
			return -EINVAL;
		*ret = (uint16_t)n;
		return 0;
	}
	s = *text ? getservbyname(text, NULL) : NULL;
	if (!s)
		return -EINVAL;
	*ret = (uint16_t)(((s->s_port & 0xff) << 8) | ((s->s_port >> 8) & 0xff)); /* network order */
	return 0;
}

/* "22", "1-1024", "http": a name may hold a dash, a span of numbers begins with a digit. */
static int parse_span(char *text, struct sw_port_spans *ret)
{
	char *dash = isdigit((unsigned char)*text) ? strchr(text, '-') : NULL;
	uint16_t first, last;

	if (ret->n == SW_PORT_SPANS_MAX)
		return -EINVAL;
	if (dash)
		*dash = 0;
	if (parse_one(text, &first) < 0 || parse_one(dash ? dash + 1 : text, &last) < 0 || first > last)
		return -EINVAL;
	ret->at[ret->n].first = first;
	ret->at[ret->n++].last = last;
	return 0;
}

int sw_port_spans_parse(const char *text, struct sw_port_spans *ret)
{
	struct sw_port_spans spans = {};
	char copy[256], *at = copy, *part;

	if (!sw_strcpy(copy, sizeof(copy), text))
		return -EINVAL;
	while ((part = strsep(&at, ",")))
		if (parse_span(part, &spans) < 0)
			return -EINVAL;
	*ret = spans;
	return 0;
}

static int parse_inet(struct sw_sock_filter *f, const char *text)
{
	static const char *const protocols[] = {"tcp", "udp", "udplite", "sctp", "mptcp", "raw"};
	size_t len;

	f->is_inet = true;
	if (*text == '4' || *text == '6')
		f->family = *text++ - '0';
	len = strcspn(text, "@:");
	for (size_t i = 0; len && i < SW_ARRAY_SIZE(protocols); i++)
		if (strlen(protocols[i]) == len && !strncasecmp(text, protocols[i], len))
			sw_strcpy(f->protocol, sizeof(f->protocol), protocols[i]);
	if (len && !*f->protocol)
		return -EINVAL;
	text += len;
	if (*text == '@') {
		f->address = text + 1;
		text += *f->address == '[' ? strcspn(text, "]") : strcspn(text, ":");
		text += *text == ']';
	}
	return *text == ':' ? sw_port_spans_parse(text + 1, &f->inet_ports) : *text ? -EINVAL : 0;
}

int sw_sock_filter_init(struct sw_sock_filter *f, const struct sw_cli_options *o, const char *word,
	const char **ret_bad)
{
	*f = (struct sw_sock_filter){.o = o};
	if (word && (*word != ':' || sw_port_spans_parse(word + 1, &f->ports) < 0)) {
		*ret_bad = word;
		return -EINVAL;
	}
	if (o->inet && parse_inet(f, o->inet) < 0) {
		*ret_bad = o->inet;
		return -EINVAL;
	}
	return 0;
}

static bool is_in_spans(const struct sw_port_spans *spans, long long port)
{
	for (unsigned int i = 0; i < spans->n; i++)
		if (port >= spans->at[i].first && port <= spans->at[i].last)
			return true;
	return false;
}

/* A raw socket has a number of a protocol where others have their port. */
static bool has_port(const struct sw_port_spans *spans, const json_t *s)
{
	long long lport = sw_cli_number(s, "lport"), rport = sw_cli_number(s, "rport");

	if (!spans->n)
		return true;
	return !sw_streq(sw_cli_text(s, "protocol"), "raw") &&
	       ((lport && is_in_spans(spans, lport)) || (rport && is_in_spans(spans, rport)));
}

/* MPTCP is TCP to who asks for that: the other tools show its subflows. */
static bool is_of(const char *wanted, const char *protocol)
{
	return sw_streq(wanted, protocol) || (sw_streq(wanted, "tcp") && sw_streq(protocol, "mptcp"));
}

static bool is_protocol(const struct sw_cli_options *o, const char *p)
{
	if (!o->tcp && !o->udp && !o->unix_domain && !o->raw && !o->packet && !o->netlink)
		return strcmp(p, "netlink") != 0; /* plumbing: told when asked for */
	return (o->tcp && is_of("tcp", p)) || (o->udp && sw_streq(p, "udp")) ||
	       (o->unix_domain && sw_streq(p, "unix")) || (o->raw && sw_streq(p, "raw")) ||
	       (o->packet && sw_streq(p, "packet")) || (o->netlink && sw_streq(p, "netlink"));
}

/* The words of ss(8) and netstat(8), too; a list by commas. */
static bool is_state(const char *wanted, const char *state)
{
	static const struct {
		const char *word, *state;
	} same[] = {{"estab", "established"}, {"unconn", "unconnected"}, {"listening", "listen"},
		{"syn_sent", "syn-sent"}, {"syn_recv", "syn-recv"}, {"close_wait", "close-wait"},
		{"last_ack", "last-ack"}, {"time_wait", "time-wait"},
		{"fin_wait1", "fin-wait-1"}, {"fin_wait2", "fin-wait-2"}};

	while (*wanted) {
		size_t len = strcspn(wanted, ",");

		if (strlen(state) == len && !strncasecmp(wanted, state, len))
			return true;
		if (len == 3 && !strncasecmp(wanted, "all", len))
			return true;
		if (len == 9 && !strncasecmp(wanted, "connected", len) && strcmp(state, "listen") &&
			strcmp(state, "unconnected"))
			return true;
		for (size_t i = 0; i < SW_ARRAY_SIZE(same); i++)
			if (strlen(same[i].word) == len && !strncasecmp(wanted, same[i].word, len) &&
				sw_streq(same[i].state, state))
				return true;
		wanted += len + (wanted[len] == ',');
	}
	return false;
}

bool sw_sock_states_are_unheld(const char *states)
{
	static const char *const unheld[] = {
		"syn-recv", "fin-wait-1", "fin-wait-2", "time-wait", "last-ack", "closing"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(unheld); i++)
		if (is_state(states, unheld[i]))
			return true;
	return false;
}

static bool has_address(const char *wanted, const json_t *s)
{
	size_t len = *wanted == '[' ? strcspn(++wanted, "]") : strcspn(wanted, ":");
	const char *local = sw_cli_text(s, "local"), *remote = sw_cli_text(s, "remote");

	return (strlen(local) == len && !strncasecmp(local, wanted, len)) ||
	       (strlen(remote) == len && !strncasecmp(remote, wanted, len));
}

static bool passes_inet(const struct sw_sock_filter *f, const json_t *s)
{
	long long family = sw_cli_number(s, "family");

	if (!f->is_inet)
		return true;
	if (!family || (f->family && family != f->family))
		return false;
	if (*f->protocol && !is_of(f->protocol, sw_cli_text(s, "protocol")))
		return false;
	return (!f->address || has_address(f->address, s)) && has_port(&f->inet_ports, s);
}

/* "nginx", "library/nginx" and "nginx:1.25" are docker.io/library/nginx:1.25: from a slash on, to a tag or the end. */
static bool is_image(const char *wanted, const char *image)
{
	size_t len = strlen(wanted);

	for (const char *at = image; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (!strncmp(at, wanted, len) && (!at[len] || at[len] == ':' || at[len] == '@'))
			return true;
	}
	return false;
}

static bool is_container(const char *wanted, const json_t *s)
{
	const char *id = sw_cli_text(s, "container");

	if (!*id || !*wanted)
		return false;
	return !strncmp(id, wanted, SW_MIN(strlen(wanted), strlen(id))) ||
	       sw_streq(sw_cli_text(s, "container_name"), wanted) || sw_streq(sw_cli_text(s, "pod"), wanted) ||
	       is_image(wanted, sw_cli_text(s, "image"));
}

bool sw_sock_filter_passes(const struct sw_sock_filter *f, const json_t *s)
{
	if (!is_protocol(f->o, sw_cli_text(s, "protocol")) || !has_port(&f->ports, s) || !passes_inet(f, s))
		return false;
	if (f->o->state && !is_state(f->o->state, sw_cli_text(s, "state")))
		return false;
	return !f->o->container || is_container(f->o->container, s);
}
