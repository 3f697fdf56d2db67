// SPDX-License-Identifier: GPL-3.0-or-later
#include <ctype.h>

#include "user/logs/f2b.h"

#define IP4  "(?:::f{4,6}:)?(?P<ip4>\\d{1,3}(?:\\.\\d{1,3}){3})"
#define IP6  "(?P<ip6>(?:[[:xdigit:]]{1,4}::?|::){1,7}(?:[[:xdigit:]]{1,4}|(?<=:):))"
#define DNS  "(?P<dns>[\\w\\-.^_]*\\w)"
#define CIDR "(?P<cidr>\\d+)"
#define ADDR "\\[?(?:" IP4 "|" IP6 ")\\]?"

enum { NAME_MAX_LEN = 30, OPEN_MAX = 64 };

static const struct {
	const char *tag, *regex;
} rows[] = {
	{"HOST", "(?:" ADDR "|" DNS ")"},
	{"ADDR", ADDR},
	{"F-ADDR/", ADDR},
	{"IP4", IP4},
	{"F-IP4/", IP4},
	{"IP6", IP6},
	{"F-IP6/", IP6},
	{"DNS", DNS},
	{"F-DNS/", DNS},
	{"CIDR", CIDR},
	{"F-CIDR/", CIDR},
	{"SUBNET", "\\[?(?:" IP4 "|" IP6 ")(?:/" CIDR ")?\\]?"},
	{"F-SUBNET/", "\\[?(?:" IP4 "|" IP6 ")(?:/" CIDR ")?\\]?"},
	{"F-ID/", "(?P<fid>\\S+)"},
	{"F-PORT/", "(?P<fport>\\w+)"},
};

struct tags {
	char open[OPEN_MAX][NAME_MAX_LEN + 1]; /* names that were opened, once each */
	size_t n_open;
	unsigned int n_skip;
};

static bool was_opened(const struct tags *t, const char *name)
{
	for (size_t i = 0; i < t->n_open; i++)
		if (sw_streq(t->open[i], name))
			return true;
	return false;
}

static void open_group(struct tags *t, struct sw_strbuf *out, const char *name)
{
	char group[NAME_MAX_LEN + 1];
	size_t i;

	if (!was_opened(t, name) && t->n_open < OPEN_MAX)
		sw_strcpy(t->open[t->n_open++], sizeof(t->open[0]), name);
	for (i = 0; name[i]; i++)
		group[i] = name[i] == '-' ? '_' : (char)tolower((unsigned char)name[i]);
	group[i] = 0;
	if (sw_streq(group, "id") || sw_streq(group, "port"))
		sw_strbuf_printf(out, "(?P<f%s>", group);
	else
		sw_strbuf_printf(out, "(?P<%s>", group);
}

/* Writes what the tag stands for; false when it is none and stays as it is. */
static bool put_tag(struct tags *t, struct sw_strbuf *out, const char *tag)
{
	bool is_end = tag[0] == '/';
	const char *name = tag + is_end;

	if (sw_streq(tag, "SKIPLINES")) {
		sw_strbuf_printf(out, "\\n(?P<skiplines%u>(?:(?:.*\\n)*?))", t->n_skip++);
		return true;
	}
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++)
		if (sw_streq(rows[i].tag, tag)) {
			sw_strbuf_puts(out, rows[i].regex);
			return true;
		}
	if (strncmp(name, "F-", 2) != 0 || !name[2])
		return false;
	name += 2;
	if (name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")])
		return false;
	if (!is_end)
		open_group(t, out, name);
	else if (was_opened(t, name))
		sw_strbuf_putc(out, ')');
	else
		return false;
	return true;
}

void sw_f2b_tags(struct sw_strbuf *out, const char *regex)
{
	struct tags t = {};

	while (*regex) {
		char tag[NAME_MAX_LEN + 4];
		size_t len = 0;

		if (*regex == '<')
			len = strcspn(regex + 1, "<> ");
		if (*regex == '<' && len && len < NAME_MAX_LEN && regex[len + 1] == '>') {
			memcpy(tag, regex + 1, len);
			tag[len] = 0;
			if (put_tag(&t, out, tag)) {
				regex += len + 2;
				continue;
			}
		}
		sw_strbuf_putc(out, *regex++);
	}
}
