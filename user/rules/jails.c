// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/rules/jails.h"

#include <ctype.h>

#include "user/base/cidr.h"
#include "user/logs/ini.h"

static const struct {
	const char *name;
	enum sw_jail_option_state state;
	const char *why;
} options[] = {
	{"enabled", SW_JAIL_TAKEN, ""},
	{"filter", SW_JAIL_TAKEN, ""},
	{"mode", SW_JAIL_TAKEN, "it is put into the filter"},
	{"logpath", SW_JAIL_TAKEN, ""},
	{"backend", SW_JAIL_TAKEN, "systemd means the journal, all others the files"},
	{"journalmatch", SW_JAIL_TAKEN, ""},
	{"maxretry", SW_JAIL_TAKEN, ""},
	{"findtime", SW_JAIL_TAKEN, ""},
	{"bantime", SW_JAIL_TAKEN, ""},
	{"bantime.increment", SW_JAIL_TAKEN, ""},
	{"bantime.factor", SW_JAIL_TAKEN, ""},
	{"bantime.multipliers", SW_JAIL_TAKEN, ""},
	{"bantime.maxtime", SW_JAIL_TAKEN, ""},
	{"bantime.rndtime", SW_JAIL_TAKEN, ""},
	{"ignoreip", SW_JAIL_TAKEN,
		"addresses and networks; a name is never resolved and left out"},
	{"action", SW_JAIL_NEEDLESS,
		"a ban here is of all ports and protocols; mail is alerts.mail of the configuration; other programs are not run"},
	{"ignoreself", SW_JAIL_NEEDLESS, "own addresses are never banned"},
	{"port", SW_JAIL_NEEDLESS, "a ban is of all ports"},
	{"protocol", SW_JAIL_NEEDLESS, "a ban is of all protocols"},
	{"blocktype", SW_JAIL_NEEDLESS, "what is banned is dropped; a jail that lets in is left out"},
	{"returntype", SW_JAIL_NEEDLESS, "what is banned is dropped; a jail that lets in is left out"},
	{"chain", SW_JAIL_NEEDLESS, "no chain is used: packets are dropped before"},
	{"banaction", SW_JAIL_NEEDLESS, "packets are dropped by our own gate"},
	{"banaction_allports", SW_JAIL_NEEDLESS, "packets are dropped by our own gate"},
	{"usedns", SW_JAIL_NEEDLESS, "a name is never resolved"},
	{"logencoding", SW_JAIL_NEEDLESS, "lines are taken as bytes"},
	{"maxmatches", SW_JAIL_NEEDLESS, "the evidence is bounded as it is"},
	{"dbpurgeage", SW_JAIL_NEEDLESS, "store.max_size bounds the history"},
	{"destemail", SW_JAIL_LEFT, "set alerts.mail.to of the configuration"},
	{"sender", SW_JAIL_LEFT, "set alerts.mail.from of the configuration"},
	{"mta", SW_JAIL_LEFT, "set alerts.mail.smtp or alerts.mail.sendmail of the configuration"},
	{"ignorecommand", SW_JAIL_LEFT, "no program is run for a line"},
	{"ignoreregex", SW_JAIL_LEFT, "put it into the filter's .local file"},
	{"failregex", SW_JAIL_LEFT, "put it into the filter's .local file"},
	{"ignorecache", SW_JAIL_NEEDLESS, "there is no ignorecommand to remember"},
	{"bantime.formula", SW_JAIL_LEFT,
		"factor and multipliers are known, a program of Python is not"},
	{"bantime.overalljails", SW_JAIL_NEEDLESS, "a source's history is of all rules"},
};

enum sw_jail_option_state sw_jail_option(const char *name, const char **ret_why)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(options); i++)
		if (sw_streq(options[i].name, name)) {
			*ret_why = options[i].why;
			return options[i].state;
		}
	*ret_why = "others may be made of it";
	return SW_JAIL_NEEDLESS;
}

struct jails {
	const char *dir;
	struct sw_ini *ini;
	sw_jail_fn fn;
	void *arg;
};

/* One jail being read. */
struct jail {
	const struct jails *all;
	const char *name;
	struct sw_ini_option *vars; /* __name__ */
	struct sw_strbuf rule, why;
	bool is_wrong;
};

static void refuse(struct jail *j, const char *option, const char *what)
{
	sw_strbuf_printf(&j->why, "%s%s: %s", j->why.len ? "; " : "", option, what);
	j->is_wrong = true;
}

/* The option's value, "" when it is not there; the caller's. NULL: told. */
static char *get(struct jail *j, const char *option)
{
	_strbuf_ struct sw_strbuf err = {};
	char *value = NULL;
	int r = sw_ini_get(j->all->ini, j->name, option, j->vars, &value, &err);

	if (r == -ENOENT)
		return strdup("");
	if (r < 0) {
		refuse(j, option, err.len ? sw_strbuf_get(&err) : strerror(-r));
		return NULL;
	}
	return value;
}

static bool is_true(const char *value)
{
	return !strcasecmp(value, "true") || !strcasecmp(value, "yes") ||
		!strcasecmp(value, "on") || sw_streq(value, "1");
}

/* A value between YAML's single quotes, line breaks as blanks. */
static void put_quoted(struct sw_strbuf *out, const char *text, size_t len)
{
	sw_strbuf_putc(out, '\'');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\'')
			sw_strbuf_putc(out, '\'');
		sw_strbuf_putc(out, (unsigned char)text[i] < ' ' ? ' ' : text[i]);
	}
	sw_strbuf_putc(out, '\'');
}

/* ---- times: "600", "10m", "1d 12h", "1 week" */

static const struct {
	const char *unit;
	int64_t sec;
} units[] = {{"seconds", 1}, {"ss", 1}, {"minutes", 60}, {"mm", 60}, {"hours", 3600}, {"hh", 3600},
	{"days", 86400}, {"dd", 86400}, {"weeks", 604800}, {"ww", 604800}, {"months", 2629746},
	{"mo", 2629746}, {"years", 31556952}, {"yy", 31556952}};

static int64_t unit_of(const char *text, size_t len)
{
	if (!len)
		return 1;
	for (size_t i = 0; i < SW_ARRAY_SIZE(units); i++)
		if (!strncasecmp(units[i].unit, text, len) &&
			!(len == 1 && *text == 'm' && units[i].sec != 60))
			return units[i].sec;
	return 0;
}

/* Seconds; negative for ever. */
static bool read_time(const char *text, int64_t *ret)
{
	int64_t sum = 0;

	if (*text == '-') {
		*ret = -1;
		return isdigit((unsigned char)text[1]);
	}
	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		char *end;
		double n = strtod(text, &end);
		size_t len;
		int64_t unit;

		if (end == text || n < 0 || n > 1e9)
			return false;
		text = end + strspn(end, " ");
		for (len = 0; isalpha((unsigned char)text[len]); len++)
			;
		unit = unit_of(text, len);
		if (!unit)
			return false;
		sum += (int64_t)(n * (double)unit);
		text += len;
	}
	*ret = sum;
	return sum > 0;
}

static void put_time(struct jail *j, const char *option, const char *key)
{
	_free_ char *value = get(j, option);
	int64_t sec;

	if (!value || !*value)
		return;
	if (!read_time(value, &sec))
		refuse(j, option, "no time that is understood");
	else if (sec < 0)
		sw_strbuf_printf(&j->rule, "%s: forever\n", key);
	else
		sw_strbuf_printf(&j->rule, "%s: %llds\n", key, (long long)sec);
}

/* ---- the parts of a jail */

/* "sshd[mode=normal]" to the file's path with its options. */
static void put_filter(struct jail *j, bool is_journal)
{
	_free_ char *value = get(j, "filter");
	_strbuf_ struct sw_strbuf spec = {};
	size_t len;

	if (!value)
		return;
	len = strcspn(value, "[ \n");
	if (!len) {
		refuse(j, "filter", "it has none");
		return;
	}
	if (*value == '/')
		sw_strbuf_add(&spec, value, len);
	else
		sw_strbuf_printf(&spec, "%s/filter.d/%.*s.conf", j->all->dir, (int)len, value);
	sw_strbuf_puts(&spec, value + len);
	if (is_journal && !strstr(value, "logtype"))
		sw_strbuf_puts(&spec, "[logtype=journal]");
	sw_strbuf_puts(&j->rule, "fail2ban: ");
	put_quoted(&j->rule, sw_strbuf_get(&spec), spec.len);
	sw_strbuf_putc(&j->rule, '\n');
}

/* The lines of a value as a list; those that keep() refuses are left out. */
static void put_list(struct jail *j, const char *key, const char *value, const char *breaks,
	bool (*keep)(struct jail *j, const char *text, size_t len))
{
	bool has_one = false;

	for (size_t len; *value; value += len) {
		value += strspn(value, breaks);
		len = strcspn(value, breaks);
		if (!len || !keep(j, value, len))
			continue;
		sw_strbuf_printf(&j->rule, has_one ? ", " : "%s: [", key);
		put_quoted(&j->rule, value, len);
		has_one = true;
	}
	if (has_one)
		sw_strbuf_puts(&j->rule, "]\n");
}

static bool keep_net(struct jail *j, const char *text, size_t len)
{
	struct sw_net net;

	if (sw_cidr_parse(text, len, &net) == 0)
		return true;
	sw_strbuf_printf(&j->why, "%signoreip: '%.*s' is no address or network, left out",
		j->why.len ? "; " : "", (int)SW_MIN(len, 64u), text);
	return false;
}

static bool keep_path(struct jail *j, const char *text, size_t len)
{
	if (*text == '/')
		return true;
	/* "PATH tail" reads from the end, as is done here anyway */
	if (!(len == 4 && !strncmp(text, "tail", 4)) && !(len == 4 && !strncmp(text, "head", 4)))
		refuse(j, "logpath", "a path that is not absolute");
	return false;
}

static bool keep_any(struct jail *j, const char *text, size_t len)
{
	return true;
}

static void put_sources(struct jail *j, bool is_journal)
{
	_free_ char *files = get(j, "logpath"), *journal = get(j, "journalmatch");

	if (!files || !journal)
		return;
	if (!is_journal && !*files)
		refuse(j, "logpath", "it has none");
	else if (!is_journal)
		put_list(j, "files", files, " \n", keep_path);
	else if (*journal)
		put_list(j, "journal", journal, "\n", keep_any);
}

static void put_threshold(struct jail *j)
{
	_free_ char *retry = get(j, "maxretry"), *find = get(j, "findtime");
	int64_t sec = 600;
	char *end;
	unsigned long n;

	if (!retry || !find)
		return;
	n = *retry ? strtoul(retry, &end, 10) : 5;
	if (*retry && (*end || !n || n > 1000000))
		refuse(j, "maxretry", "no number from 1");
	else if (*find && (!read_time(find, &sec) || sec < 0))
		refuse(j, "findtime", "no time that is understood");
	else
		sw_strbuf_printf(&j->rule, "threshold: %lu in %llds\n", n, (long long)sec);
}

static void put_increment(struct jail *j)
{
	_free_ char *on = get(j, "bantime.increment"), *factor = get(j, "bantime.factor"),
		    *multipliers = get(j, "bantime.multipliers");

	if (!on || !factor || !multipliers || !is_true(on))
		return;
	sw_strbuf_puts(&j->rule, "increment: true\n");
	/* fail2ban multiplies by two each time, and all of it by its factor */
	if (*multipliers)
		put_list(j, "multipliers", multipliers, " \n", keep_any);
	else if (*factor && !sw_streq(factor, "1"))
		sw_strbuf_printf(&j->why,
			"%sbantime.factor: left out, each ban is twice the one before",
			j->why.len ? "; " : "");
	put_time(j, "bantime.maxtime", "max_ban");
	put_time(j, "bantime.rndtime", "random");
}

/* A jail that lets in whom its filter finds and drops all others (pass2allow-ftp) would ban the wrong ones here. */
static void refuse_admitting(struct jail *j)
{
	_free_ char *type = get(j, "blocktype");

	if (type && (!strncasecmp(type, "RETURN", 6) || !strncasecmp(type, "ACCEPT", 6)))
		refuse(j, "blocktype", "its ban lets in, and what it bans are those who logged in");
}

static void read_jail(struct jail *j)
{
	_free_ char *backend = get(j, "backend"), *ignore = get(j, "ignoreip");
	bool is_journal = backend && !strncmp(backend, "systemd", 7);

	sw_strbuf_puts(&j->rule, "name: ");
	sw_strbuf_puts(&j->rule, j->name);
	sw_strbuf_printf(&j->rule, "\nabout: ");
	put_quoted(&j->rule, "a jail of fail2ban", strlen("a jail of fail2ban"));
	sw_strbuf_puts(&j->rule, "\nenabled: on\n");
	put_filter(j, is_journal);
	put_sources(j, is_journal);
	put_threshold(j);
	put_time(j, "bantime", "ban_for");
	put_increment(j);
	refuse_admitting(j);
	if (ignore)
		put_list(j, "ignore", ignore, " ,\n", keep_net);
}

static int do_jail(const struct jails *all, const struct sw_ini_section *s)
{
	struct jail j = {.all = all, .name = s->name};
	struct sw_jail jail = {.name = s->name};
	_free_ char *enabled = NULL;
	int r = sw_options_set(&j.vars, "__name__", s->name);

	if (!r)
		enabled = get(&j, "enabled");
	if (!r && enabled && is_true(enabled))
		read_jail(&j);
	if (!r && enabled && is_true(enabled)) {
		jail.rule = j.is_wrong ? NULL : sw_strbuf_get(&j.rule);
		jail.why = sw_strbuf_get(&j.why);
		all->fn(all->arg, &jail);
	}
	sw_strbuf_done(&j.rule);
	sw_strbuf_done(&j.why);
	sw_options_free(&j.vars);
	return r;
}

int sw_jails_each(const char *dir, sw_jail_fn fn, void *arg, struct sw_strbuf *err)
{
	struct jails all = {.dir = dir, .fn = fn, .arg = arg};
	_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s/jail.conf", dir) < 0)
		return -ENOMEM;
	r = sw_ini_read(&all.ini, path, err);
	if (r < 0 && !err->len)
		sw_strbuf_printf(err, "%s: %s", path, strerror(-r));
	for (const struct sw_ini_section *s = r < 0 ? NULL : sw_ini_first(all.ini); s && !r;
		s = s->hh.next)
		if (!sw_streq(s->name, "DEFAULT") && !sw_streq(s->name, "INCLUDES") &&
			strncmp(s->name, "KNOWN/", 6))
			r = do_jail(&all, s);
	sw_ini_free(all.ini);
	return r;
}
