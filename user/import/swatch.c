// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * swatch 3 and swatchdog: watchfor, ignore, their actions and conditions, with the log in a comment "# logfile PATH".
 * A pipe or exec with a number, and maybe "lock", is the widely used script that takes the address out of this word
 * of the line, counts to three without a window (lock: one is enough), bans for 24 hours and spares private addresses.
 * Source: swatchdog(1).
 */
#include <ctype.h>

#include "user/import/import.h"

enum { SCRIPT_COUNT = 3 };

/* What the rule stands for: the script that bans, else the mail, else what shows on a terminal. */
enum kind { SCRIPT, MAIL, SHOWN, KINDS };

/* The actions of a kind, with their when=; one of them without it acts at any time. */
struct acts {
	bool is_there, has_plain;
	char when[64];
	size_t line; /* that has the when= */
};

struct watch {
	bool is_open;
	size_t line;
	char *regex; /* without its slashes */
	bool is_caseless, goes_on;
	unsigned long word; /* of the line that holds the address; 0: none is known */
	bool is_locking;
	unsigned long count, seconds, throttle;
	struct acts acts[KINDS];
};

struct reader {
	struct sw_import *im;
	const char *file;
	char log[512], name[64];
	unsigned int number; /* of the rule */
	struct sw_strbuf excepts; /* YAML lines: what an earlier line of the file takes */
	bool is_after_left; /* the watchfor above was not taken, and so are its lines */
	struct watch w;
};

static void put_quoted(
	struct sw_strbuf *out, const char *before, const char *text, const char *after)
{
	sw_strbuf_printf(out, "'%s", before);
	for (; *text; text++) {
		if (*text == '\'')
			sw_strbuf_putc(out, '\'');
		sw_strbuf_putc(out, *text);
	}
	sw_strbuf_printf(out, "%s'", after);
}

static void put_match(const struct watch *w, struct sw_strbuf *out)
{
	char after[64] = "";

	if (w->word)
		snprintf(after, sizeof(after), "))\\s*(?:\\S+\\s+){%lu}\\S*?<ADDR>", w->word - 1);
	sw_strbuf_puts(out, "match: [");
	put_quoted(out,
		w->word                  ? (w->is_caseless ? "^(?=.*(?i:" : "^(?=.*(?:")
			: w->is_caseless ? "(?i:"
					 : "(?:",
		w->regex, w->word ? after : ")");
	sw_strbuf_puts(out, "]\n");
}

/* Those whose when= the rule has; NULL: there are none. */
static const struct acts *first_acts(const struct watch *w)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (w->acts[i].is_there)
			return &w->acts[i];
	}
	return NULL;
}

static void put_action(const struct watch *w, struct sw_strbuf *out)
{
	const struct acts *acts = first_acts(w);

	if (w->word && (w->is_locking || (!w->count && w->word)))
		sw_strbuf_printf(out, "threshold: %u\n", w->is_locking ? 1 : SCRIPT_COUNT);
	else if (w->count)
		sw_strbuf_printf(
			out, "threshold: %lu in %lus\n", w->count, w->seconds ? w->seconds : 60);
	else
		sw_strbuf_puts(out, "threshold: 1\n");
	if (w->word)
		sw_strbuf_puts(out,
			"ban_for: 24h\nignore: [127.0.0.1, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]\n");
	else
		sw_strbuf_puts(out, "track: rule\naction: alert\nproven: false\n");
	if (w->throttle)
		sw_strbuf_printf(out, "throttle: %lus\n", w->throttle);
	if (acts && !acts->has_plain)
		sw_strbuf_printf(out, "when: ['%s']\n", acts->when);
}

/* A rule has one when=: that of what it stands for. */
static void tell_lost_hours(struct reader *r)
{
	const struct acts *first = first_acts(&r->w);

	for (size_t i = 0; i < KINDS; i++) {
		const struct acts *a = &r->w.acts[i];
		const struct sw_import_line *l = &r->im->lines[a->line];

		if (a->is_there && *a->when && (a->has_plain || strcmp(a->when, first->when)))
			sw_import_note(r->im, l->file, l->number, l->text, SW_IMPORT_LEFT,
				"its when= is not kept: the rule stands for another action; alerts.quiet.hours keeps mail back");
	}
}

/* The watchfor that was open is a rule; later ones do not see its lines unless it says so. */
static void finish(struct reader *r)
{
	_strbuf_ struct sw_strbuf rule = {};
	struct watch *w = &r->w;

	if (!w->is_open)
		return;
	sw_strbuf_printf(&rule, "name: swatch-%s-%u\nenabled: on\n", r->name, ++r->number);
	if (r->log[0]) {
		sw_strbuf_puts(&rule, "files: [");
		put_quoted(&rule, "", r->log, "");
		sw_strbuf_puts(&rule, "]\n");
	} else {
		sw_strbuf_puts(&rule, "files: [/var/log/messages, /var/log/syslog]\n");
	}
	sw_strbuf_puts(&rule, "date: ['{NONE}']\n");
	put_match(w, &rule);
	if (r->excepts.len)
		sw_strbuf_printf(&rule, "except:\n%s", sw_strbuf_get(&r->excepts));
	put_action(w, &rule);
	sw_import_add(r->im, w->line, "rules", sw_strbuf_get(&rule));
	tell_lost_hours(r);
	if (!w->goes_on) {
		sw_strbuf_puts(&r->excepts, "  - ");
		put_quoted(&r->excepts, w->is_caseless ? "(?i:" : "(?:", w->regex, ")");
		sw_strbuf_putc(&r->excepts, '\n');
	}
	free(w->regex);
	*w = (struct watch){};
}

/*
 * "/re/", "/re/i", "m|re|" come as the expression. NULL with why: it is none that stands by itself.
 * swatch hands the text to Perl, so it may be an expression of several, or hold a variable.
 */
static char *read_regex(const char *value, bool *ret_caseless, const char **ret_why)
{
	const char *begin, *end;
	char mark;

	*ret_why = "no /expression/";
	value += strspn(value, "= \t");
	if (*value == 'm' && value[1] && !isalnum((unsigned char)value[1]))
		value++;
	mark = *value;
	if (mark != '/' && mark != '|' && mark != '"' && mark != '!')
		return NULL;
	begin = value + 1;
	end = strrchr(begin, mark);
	if (!end || end == begin || end[1 + strspn(end + 1, "i \t")])
		return NULL;
	for (const char *s = begin; s < end; s++) {
		if (*s == '\\' && s + 1 < end) {
			s++;
		} else if (*s == mark) {
			*ret_why = "more than one expression: make a watchfor of each";
			return NULL;
		} else if (*s == '$' && (isalpha((unsigned char)s[1]) || s[1] == '_' || s[1] == '{')) {
			*ret_why = "it holds a variable of perlcode: write the expression out";
			return NULL;
		}
	}
	*ret_caseless = strchr(end + 1, 'i') != NULL;
	return strndup(begin, (size_t)(end - begin));
}

/* "SECONDS", "M:S", "H:M:S" and "D:H:M:S", to the next comma; 0: it is none. */
static unsigned long read_clock(const char *text)
{
	static const unsigned long most[] = {24, 60, 60};
	unsigned long parts[4] = {}, sum = 0;
	unsigned int n = 0;
	char *end;

	do {
		parts[n] = strtoul(text, &end, 10);
		if (end == text || parts[n++] > 1000000)
			return 0;
		text = end + (*end == ':');
	} while (*end == ':' && n < SW_ARRAY_SIZE(parts));
	if (*end && !strchr(", \t\"", *end))
		return 0;
	for (unsigned int i = 0; i < n; i++)
		sum = sum * (i ? most[i + 3 - n] : 0) + parts[i];
	return sum;
}

/* A field of when=: "*", "3" or "1-6"; false: it is none of these. */
static bool read_range(const char *text, size_t len, unsigned int most, unsigned int *ret_first, unsigned int *ret_last)
{
	char buf[16];
	int used = 0;

	if (!len || len >= sizeof(buf))
		return false;
	memcpy(buf, text, len);
	buf[len] = 0;
	if (sw_streq(buf, "*")) {
		*ret_first = 0;
		*ret_last = most;
		return true;
	}
	if (sscanf(buf, "%2u-%2u%n", ret_first, ret_last, &used) != 2 || buf[used]) {
		if (sscanf(buf, "%2u%n", ret_first, &used) != 1 || buf[used])
			return false;
		*ret_last = *ret_first;
	}
	return *ret_first <= *ret_last && *ret_last <= most;
}

/* "1-6:8-17": days of the week from 0, Sunday, and hours, the last one whole. */
static bool read_when(const char *text, char *ret, size_t size)
{
	static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
	size_t n = strcspn(text, ":"), m = text[n] ? strcspn(text + n + 1, ", \t\"") : 0;
	unsigned int d1, d2, h1, h2;

	if (!read_range(text, n, 6, &d1, &d2) || !read_range(text + n + 1, m, 23, &h1, &h2))
		return false;
	if (d1 == d2)
		snprintf(ret, size, "%s %02u:00-%02u:00", days[d1], h1, h2 + 1);
	else
		snprintf(ret, size, "%s-%s %02u:00-%02u:00", days[d1], days[d2], h1, h2 + 1);
	return true;
}

/* The value behind NAME= among options that commas part; NULL: it is not there. */
static const char *find_option(const char *options, const char *name)
{
	size_t n = strlen(name);

	for (const char *s = strcasestr(options, name); s; s = strcasestr(s + 1, name)) {
		if (s[n] == '=' && (s == options || strchr(", \t\"", s[-1])))
			return s + n + 1;
	}
	return NULL;
}

/* "track_by=$1,type=both,count=3,seconds=60" */
static void read_threshold(struct reader *r, const struct sw_import_entry *e)
{
	const char *type = find_option(e->value, "type"), *count = find_option(e->value, "count");
	const char *seconds = find_option(e->value, "seconds");
	unsigned long n = count ? strtoul(count, NULL, 10) : 0, sec = seconds ? strtoul(seconds, NULL, 10) : 0;

	if (!n || !sec) {
		sw_import_say(r->im, e, SW_IMPORT_LEFT, "count= and seconds= are wanted");
		return;
	}
	if (type && !strncasecmp(type, "limit", 5)) {
		r->w.throttle = sec;
		sw_import_say(r->im, e, SW_IMPORT_TAKEN,
			n > 1 ? "told once in this time, not so many times" : "told once in this time");
		return;
	}
	r->w.count = n;
	r->w.seconds = sec;
	sw_import_say(r->im, e, SW_IMPORT_TAKEN,
		"counted by address where one is known, else by rule; track_by is not asked");
}

/* Says the action's line, and keeps its when= for the rule. */
static bool say_action(struct reader *r, const struct sw_import_entry *e, enum kind kind, enum sw_import_state state,
	const char *why)
{
	struct acts *a = &r->w.acts[kind];
	const char *when = find_option(e->value, "when");
	char text[sizeof(a->when)];

	if (when && !read_when(when, text, sizeof(text))) {
		sw_import_say(r->im, e, SW_IMPORT_LEFT, "when= wants DAYS:HOURS, each '*', a number or FIRST-LAST");
		return false;
	}
	a->is_there = true;
	if (when) {
		a->line = sw_import_say(r->im, e, state, why);
		a->has_plain |= *a->when && strcmp(a->when, text); /* two spans: neither is the whole */
		memcpy(a->when, text, sizeof(text));
	} else {
		a->has_plain = true;
		sw_import_say(r->im, e, state, why);
	}
	return true;
}

/* A program with "N" or "N lock" behind it is the script that bans. */
static void read_program(struct reader *r, const struct sw_import_entry *e)
{
	const char *p = e->value + strspn(e->value, "\"'"), *args = p + strcspn(p, " \t\"',");
	unsigned long word;
	char *end;

	args += strspn(args, " \t");
	word = strtoul(args, &end, 10);
	if (end != args && word && word < 100 && strchr(" \t\"',", *end)) {
		if (!say_action(r, e, SCRIPT, SW_IMPORT_TAKEN,
			    "bans for 24 hours itself, private addresses left out; lines are kept as evidence, mail is alerts.mail. Words of a line can be moved by who writes it: a packaged rule is surer"))
			return;
		r->w.word = word;
		end += strspn(end, " \t");
		r->w.is_locking = !strncmp(end, "lock", 4) && !isalnum((unsigned char)end[4]);
		return;
	}
	sw_import_say(r->im, e, SW_IMPORT_LEFT,
		"no program is run with words of a line: $1 in a shell ran what a stranger wrote; name an action with exec");
}

static void on_watchfor(struct reader *r, const struct sw_import_entry *e)
{
	const char *why;
	char *regex;

	finish(r);
	r->is_after_left = false;
	regex = read_regex(e->value, &r->w.is_caseless, &why);
	if (!regex) {
		r->is_after_left = true;
		sw_import_say(r->im, e, SW_IMPORT_LEFT, why);
		return;
	}
	r->w.regex = regex;
	r->w.is_open = true;
	r->w.line = sw_import_say(r->im, e, SW_IMPORT_TAKEN,
		r->log[0] ? "" : "no '# logfile PATH' says which log: look at files");
}

static void on_ignore(struct reader *r, const struct sw_import_entry *e)
{
	bool is_caseless = false;
	_free_ char *regex = NULL;
	const char *why;

	finish(r);
	regex = read_regex(e->value, &is_caseless, &why);
	if (!regex) {
		sw_import_say(r->im, e, SW_IMPORT_LEFT, why);
		return;
	}
	sw_strbuf_puts(&r->excepts, "  - ");
	put_quoted(&r->excepts, is_caseless ? "(?i:" : "(?:", regex, ")");
	sw_strbuf_putc(&r->excepts, '\n');
	sw_import_say(r->im, e, SW_IMPORT_TAKEN, "an exception of each rule after it");
}

/* "00:05:00,key=log", or the older "threshold=3,delay=00:05:00,key=log"; so many are told at first, as with limit. */
static void on_throttle(struct reader *r, const struct sw_import_entry *e)
{
	const char *delay = find_option(e->value, "delay");

	r->w.throttle = read_clock(delay ? delay : e->value);
	sw_import_say(r->im, e, r->w.throttle ? SW_IMPORT_TAKEN : SW_IMPORT_LEFT,
		r->w.throttle ? "told once in this time; each line counts all the same" : "wants HOURS:MINUTES:SECONDS");
}

static void on_continue(struct reader *r, const struct sw_import_entry *e)
{
	r->w.goes_on = true;
	sw_import_say(r->im, e, SW_IMPORT_TAKEN, "");
}

static void on_needless(struct reader *r, const struct sw_import_entry *e)
{
	say_action(r, e, SHOWN, SW_IMPORT_NEEDLESS, "a hit is a finding, shown by 'sockwarden events'");
}

static void on_mail(struct reader *r, const struct sw_import_entry *e)
{
	say_action(r, e, MAIL, SW_IMPORT_NEEDLESS,
		"findings are mailed to alerts.mail.to of the configuration, with their lines");
}

static void on_quit(struct reader *r, const struct sw_import_entry *e)
{
	sw_import_say(r->im, e, SW_IMPORT_TAKEN, "as it is without 'continue'");
}

static void on_write(struct reader *r, const struct sw_import_entry *e)
{
	sw_import_say(r->im, e, SW_IMPORT_LEFT, "nothing is written to terminals");
}

static void on_include(struct reader *r, const struct sw_import_entry *e)
{
	sw_import_say(r->im, e, SW_IMPORT_LEFT, "give that file too: each file is read by itself");
}

static void on_perlcode(struct reader *r, const struct sw_import_entry *e)
{
	sw_import_say(r->im, e, SW_IMPORT_LEFT, "no Perl is run");
}

static const struct {
	const char *key;
	void (*read)(struct reader *r, const struct sw_import_entry *e);
	bool is_inside; /* of a watchfor */
} directives[] = {
	{"watchfor", on_watchfor, false},
	{"waitfor", on_watchfor, false},
	{"ignore", on_ignore, false},
	{"throttle", on_throttle, true},
	{"threshold", read_threshold, true},
	{"pipe", read_program, true},
	{"exec", read_program, true},
	{"mail", on_mail, true},
	{"echo", on_needless, true},
	{"bell", on_needless, true},
	{"write", on_write, true},
	{"continue", on_continue, true},
	{"quit", on_quit, true},
	{"include", on_include, false},
	{"perlcode", on_perlcode, false},
};

static void on_line(struct reader *r, struct sw_import_entry *e)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(directives); i++)
		if (!strcasecmp(directives[i].key, e->key)) {
			if (directives[i].is_inside && !r->w.is_open)
				sw_import_say(r->im, e, SW_IMPORT_LEFT,
					r->is_after_left ? "the watchfor above it was not taken"
							 : "it stands below no watchfor");
			else
				directives[i].read(r, e);
			return;
		}
	sw_import_say(r->im, e, SW_IMPORT_LEFT, "no directive of swatch has this name");
}

/* Blanks around the line go. */
static char *strip(char *line)
{
	size_t n;

	line += strspn(line, " \t\r");
	for (n = strlen(line); n && strchr(" \t\r", line[n - 1]); n--)
		;
	line[n] = 0;
	return line;
}

/* The next line without the blanks around it; one that ends in a backslash goes on with the line after it. */
static char *next_line(char **text, unsigned int *number)
{
	char *line = *text, *next = strchr(line, '\n'), *end;

	*text = next ? next + 1 : NULL;
	if (next)
		*next = 0;
	++*number;
	line = strip(line);
	if (*line == '#')
		return line;
	for (end = line + strlen(line); *text && end > line && end[-1] == '\\'; end += strlen(end)) {
		char *more = *text;

		next = strchr(more, '\n');
		*text = next ? next + 1 : NULL;
		if (next)
			*next = 0;
		++*number;
		more = strip(more);
		end--; /* over the backslash; what is moved down lies behind it in the same text */
		memmove(end, more, strlen(more) + 1);
	}
	return line;
}

static void read_text(struct reader *r, char *text)
{
	unsigned int number = 0;

	while (text) {
		unsigned int first = number + 1;
		char *line = next_line(&text, &number);
		struct sw_import_entry e = {.file = r->file, .section = "", .number = first};
		_free_ char *whole = NULL;
		size_t n;

		if (sscanf(line, "# logfile %511s", r->log) == 1 || !*line || *line == '#')
			continue;
		whole = strdup(line);
		if (!whole)
			return;
		e.text = whole;
		e.key = line;
		line += strcspn(line, "= \t");
		n = strspn(line, "= \t");
		e.value = line + n;
		*line = 0;
		on_line(r, &e);
	}
	finish(r);
}

int sw_import_swatch(struct sw_import *im, const struct sw_import_args *args)
{
	for (unsigned int i = 0; i < args->n_files; i++) {
		struct reader r = {.im = im, .file = args->files[i]};
		const char *slash = strrchr(r.file, '/');
		_free_ char *text = NULL;
		int k = sw_import_read_file(r.file, &text);

		if (k < 0) {
			sw_strbuf_printf(&im->error, "%s: %s", r.file, strerror(-k));
			return k;
		}
		snprintf(r.name, sizeof(r.name), "%.24s", slash ? slash + 1 : r.file);
		for (char *c = r.name; *c; c++)
			if (*c == '.' || !isalnum((unsigned char)*c))
				*c = *c == '.' ? 0 : '-';
		read_text(&r, text);
		sw_strbuf_done(&r.excepts);
	}
	return im->is_failed ? -ENOMEM : 0;
}
