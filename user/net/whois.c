// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/whois.h"

#include <ctype.h>
#include <sys/mman.h>

#include "user/base/cidr.h"
#include "user/base/strbuf.h"
#include "user/io/msg.h"
#include "user/net/runner.h"

enum { VALUE_MAX = 96, LINE_MAX = 512 };

struct question {
	struct sw_net net;
	uint32_t id;
};

struct sw_whois {
	struct sw_runner *runner; /* NULL: it is not to be asked */
	sw_whois_done_fn done;
	void *arg;
	struct question queue[SW_WHOIS_QUEUE_MAX]; /* the first is under way */
	unsigned int n_queued;
};

/* Keys of the registries' answers, as each writes them, and what they are called here. */
static const struct {
	const char *key, *name;
	bool is_range;
} keys[] = {
	{"inetnum", "inetnum", true},
	{"inet6num", "inetnum", true},
	{"netrange", "inetnum", true},
	{"cidr", "cidr", false},
	{"netname", "netname", false},
	{"descr", "descr", false},
	{"org-name", "organisation", false},
	{"orgname", "organisation", false},
	{"organization", "organisation", false},
	{"owner", "organisation", false},
	{"country", "country", false},
	{"origin", "origin", false},
	{"originas", "origin", false},
	{"abuse-mailbox", "abuse-mailbox", false},
	{"orgabuseemail", "abuse-mailbox", false},
};

static void set_range(struct sw_net_whois *w, const struct sw_net *first, const struct sw_net *last)
{
	unsigned int bytes = first->family == SW_AF_IP4 ? 4 : 16;

	if (first->family != w->net.family || last->family != w->net.family ||
		memcmp(first->addr, w->net.addr, bytes) > 0 || memcmp(last->addr, w->net.addr, bytes) < 0)
		return; /* not about the address that was asked for */
	memcpy(w->first, first->addr, bytes);
	memcpy(w->last, last->addr, bytes);
}

/* "192.0.2.0 - 192.0.2.255", "2001:db8::/32" */
static void read_range(struct sw_net_whois *w, const char *value)
{
	const char *dash = strstr(value, " - ");
	struct sw_net first, last;

	if (dash) {
		if (sw_cidr_parse(value, (size_t)(dash - value), &first) == 0 &&
			sw_cidr_parse(dash + 3, SIZE_MAX, &last) == 0)
			set_range(w, &first, &last);
		return;
	}
	if (sw_cidr_parse(value, SIZE_MAX, &first) < 0)
		return;
	last = first;
	for (unsigned int bit = first.plen; bit < sw_net_max_plen(&first); bit++)
		last.addr[bit / 8] |= (__u8)(0x80 >> bit % 8);
	set_range(w, &first, &last);
}

static void add_line(struct sw_strbuf *out, const char *name, const char *value)
{
	_strbuf_ struct sw_strbuf safe = {};

	sw_strbuf_safe(&safe, value, strnlen(value, VALUE_MAX));
	if (out->len + strlen(name) + safe.len + 4 < SW_NET_WHOIS_TEXT_MAX)
		sw_strbuf_printf(out, "%s: %s\n", name, sw_strbuf_get(&safe));
}

/* RIPE says it in a comment: % Abuse contact for '193.0.0.0 - 193.0.7.255' is 'abuse@ripe.net' */
static bool read_abuse(const char *line, char *ret, size_t size)
{
	const char *at = strstr(line, "Abuse contact for '"), *is = at ? strstr(at, "' is '") : NULL;

	if (!is)
		return false;
	snprintf(ret, size, "%.*s", (int)strcspn(is + 6, "'"), is + 6);
	return ret[0];
}

/* The row of keys that the line begins with, and its value; -1: none. */
static int read_key(char *line, char **ret_value)
{
	size_t len = strcspn(line, ":");
	char *value = line + len;

	while (isspace((unsigned char)*line)) {
		line++;
		len--;
	}
	if (*value != ':')
		return -1;
	for (value++; isspace((unsigned char)*value); value++)
		;
	for (size_t i = 0; i < SW_ARRAY_SIZE(keys) && *value; i++) {
		if (strlen(keys[i].key) == len && strncasecmp(line, keys[i].key, len) == 0) {
			*ret_value = value;
			return (int)i;
		}
	}
	return -1;
}

struct excerpt {
	struct sw_net_whois *w;
	struct sw_strbuf out;
	bool has[SW_ARRAY_SIZE(keys)];
	unsigned int n;
};

static bool has_name(const struct excerpt *x, const char *name)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(keys); i++) {
		if (x->has[i] && sw_streq(keys[i].name, name))
			return true;
	}
	return false;
}

static void take_line(struct excerpt *x, char *line)
{
	char abuse[VALUE_MAX];
	char *value = NULL;
	int key;

	if (line[0] == '%' || line[0] == '#') {
		if (!has_name(x, "abuse-mailbox") && read_abuse(line, abuse, sizeof(abuse))) {
			x->has[SW_ARRAY_SIZE(keys) - 1] = true;
			add_line(&x->out, "abuse-mailbox", abuse);
			x->n++;
		}
		return;
	}
	key = read_key(line, &value);
	if (key < 0 || has_name(x, keys[key].name)) /* the first is the nearest */
		return;
	x->has[key] = true;
	if (keys[key].is_range)
		read_range(x->w, value);
	add_line(&x->out, keys[key].name, value);
	x->n++;
}

unsigned int sw_whois_excerpt(const char *text, size_t len, struct sw_net_whois *ret)
{
	struct excerpt x = {.w = ret};

	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len, keep = SW_MIN(n, (size_t)LINE_MAX - 1);
		char line[LINE_MAX];

		memcpy(line, text, keep);
		while (keep && isspace((unsigned char)line[keep - 1]))
			keep--;
		line[keep] = 0;
		take_line(&x, line);
		text += n;
		len -= n;
		if (len) {
			text++;
			len--;
		}
	}
	(void)sw_strcpy(ret->text, sizeof(ret->text), sw_strbuf_get(&x.out));
	sw_strbuf_done(&x.out);
	return x.n;
}

static void answer(struct sw_whois *w, const struct question *q, int result, const char *text, int output)
{
	struct sw_net_whois a = {.net = q->net, .head = {.id = q->id, .result = result}};
	const void *map;
	size_t len;

	sw_strcpy(a.head.text, sizeof(a.head.text), text);
	if (result == 0 && output >= 0 && sw_memfd_map_sealed(output, SW_WHOIS_OUTPUT_MAX, &map, &len) == 0) {
		(void)sw_whois_excerpt(map, len, &a);
		munmap((void *)map, len);
	}
	if (result == 0 && !a.text[0]) {
		a.head.result = -ENODATA;
		sw_strcpy(a.head.text, sizeof(a.head.text), "whois says nothing of it");
	}
	w->done(&a, w->arg);
}

static void ask_first(struct sw_whois *w);

/* The first is answered and leaves the queue. */
static void end_first(struct sw_whois *w, int result, const char *text, int output)
{
	struct question q = w->queue[0];

	memmove(w->queue, w->queue + 1, --w->n_queued * sizeof(q));
	answer(w, &q, result, text, output);
}

static void on_done(uint32_t id, int result, const char *text, int output, void *arg)
{
	struct sw_whois *w = arg;

	if (!w->n_queued)
		return;
	end_first(w, result, text, output);
	ask_first(w);
}

static void ask_first(struct sw_whois *w)
{
	char text[SW_NET_TEXT_MAX];

	while (w->n_queued) {
		int r = sw_runner_start(w->runner, -1, sw_cidr_format(text, &w->queue[0].net), w->queue[0].id);

		if (r >= 0)
			return;
		end_first(w, r, strerror(-r), -1);
	}
}

void sw_whois_ask(struct sw_whois *w, const struct sw_net *net, uint32_t id)
{
	struct question q = {.net = *net, .id = id};

	if (!w->runner)
		answer(w, &q, -EPERM, "alerts.mail.whois is off", -1);
	else if (!sw_net_is_host(net) || sw_net_reach(net) != SW_REACH_PUBLIC)
		answer(w, &q, -EPERM, "not an address that is asked for", -1);
	else if (w->n_queued == SW_WHOIS_QUEUE_MAX)
		answer(w, &q, -EBUSY, "too many are asked for", -1);
	else {
		w->queue[w->n_queued++] = q;
		if (w->n_queued == 1)
			ask_first(w);
	}
}

int sw_whois_new(struct sw_loop *loop, const struct sw_config *config, sw_whois_done_fn done, void *arg,
	struct sw_whois **ret)
{
	_free_ struct sw_runner_program *p = calloc(1, sizeof(*p));
	_free_ struct sw_whois *w = calloc(1, sizeof(*w));
	int r;

	if (!p || !w)
		return -ENOMEM;
	w->done = done;
	w->arg = arg;
	if (config->mail_to[0] && config->mail_whois) {
		p->name = "whois";
		p->timeout_sec = SW_WHOIS_TIMEOUT_SEC;
		p->output_max = SW_WHOIS_OUTPUT_MAX;
		(void)sw_strcpy(p->words[p->n_words++], sizeof(p->words[0]), config->whois_path);
		r = sw_runner_new(loop, p, on_done, w, &w->runner);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(w);
	return 0;
}

void sw_whois_free(struct sw_whois *w)
{
	if (!w)
		return;
	sw_runner_free(w->runner);
	free(w);
}
