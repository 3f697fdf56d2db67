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

struct watch {
	bool is_open;
	size_t line;
	char *regex; /* without its slashes */
	bool is_caseless, goes_on;
	unsigned long word; /* of the line that holds the address; 0: none is known */
	bool is_locking;
	unsigned long count, seconds, throttle;
	char when[64];
};

struct reader {
	struct sw_import *im;
	const char *file;
	char log[512], name[64];
	unsigned int number; /* of the rule */
	struct sw_strbuf excepts; /* YAML lines: what an earlier line of the file takes */
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

static void put_action(const struct watch *w, struct sw_strbuf *out)
{
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
	if (w->when[0])
		sw_strbuf_printf(out, "when: ['%s']\n", w->when);
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
	if (!w->goes_on) {
		sw_strbuf_puts(&r->excepts, "  - ");
		put_quoted(&r->excepts, w->is_caseless ? "(?i:" : "(?:", w->regex, ")");
		sw_strbuf_putc(&r->excepts, '\n');
	}
	free(w->regex);
	*w = (struct watch){};
}

/* "/re/", "/re/i", "m|re|" come as the expression; NULL: it is none. */
static char *read_regex(const char *value, bool *ret_caseless)
{
	const char *end;
	char mark;

	value += strspn(value, "= \t");
	if (*value == 'm' && value[1] && !isalnum((unsigned char)value[1]))
		value++;
	mark = *value;
	if (mark != '/' && mark != '|' && mark != '"' && mark != '!')
		return NULL;
	end = strrchr(value + 1, mark);
	if (!end || end == value + 1 || end[1 + strspn(end + 1, "i \t")])
		return NULL;
	*ret_caseless = strchr(end + 1, 'i') != NULL;
	return strndup(value + 1, (size_t)(end - value - 1));
}

static unsigned long read_clock(const char *text)
{
	unsigned int h = 0, m = 0, s = 0;

	if (sscanf(text, "%u:%u:%u", &h, &m, &s) == 3)
		return h * 3600ul + m * 60ul + s;
	return strtoul(text, NULL, 10);
}

/* "when=1-6:8-17": days of the week from 0, Sunday, and hours, the last one whole. */
static bool read_when(struct watch *w, const char *text)
{
	static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	unsigned int d1, d2, h1, h2;

	if (sscanf(text, "%u-%u:%u-%u", &d1, &d2, &h1, &h2) != 4 || d1 > 7 || d2 > 7 || h1 > 23 ||
		h2 > 23)
		return false;
	snprintf(w->when, sizeof(w->when), "%s-%s %02u:00-%02u:00", days[d1], days[d2], h1, h2 + 1);
	return true;
}

/* "track_by=$1,type=both,count=3,seconds=60" */
static void read_threshold(struct reader *r, const struct sw_import_entry *e)
{
	const char *count = strstr(e->value, "count="), *seconds = strstr(e->value, "seconds=");
	bool is_limit = strstr(e->value, "type=limit");

	if (!count || !seconds) {
		sw_import_say(r->im, e, SW_IMPORT_LEFT, "count= and seconds= are wanted");
		return;
	}
	if (is_limit) {
		r->w.throttle = strtoul(seconds + 8, NULL, 10);
	} else {
		r->w.count = strtoul(count + 6, NULL, 10);
		r->w.seconds = strtoul(seconds + 8, NULL, 10);
	}
	sw_import_say(r->im, e, SW_IMPORT_TAKEN,
		is_limit ? "told once in this time"
			 : "counted by address where one is known, else by rule");
}

/* A program with "N" or "N lock" behind it is the script that bans. */
static void read_program(struct reader *r, const struct sw_import_entry *e)
{
	const char *p = e->value + strspn(e->value, "\"'"), *args = p + strcspn(p, " \t\"'");
	char *end;
	unsigned long word;

	args += strspn(args, " \t");
	word = strtoul(args, &end, 10);
	if (end != args && word && word < 100 && strchr(" \t\"'", *end)) {
		r->w.word = word;
		r->w.is_locking = strstr(end, "lock") != NULL;
		sw_import_say(r->im, e, SW_IMPORT_TAKEN,
			"bans for 24 hours itself, private addresses left out; lines are kept as evidence, mail is alerts.mail. Words of a line can be moved by who writes it: a packaged rule is surer");
		return;
	}
	sw_import_say(r->im, e, SW_IMPORT_LEFT,
		"no program is run with words of a line: $1 in a shell ran what a stranger wrote; name an action with exec");
}

static void read_condition(struct reader *r, const struct sw_import_entry *e)
{
	const char *when = strstr(e->value, "when=");

	if (!when)
		return;
	if (!read_when(&r->w, when + 5))
		sw_import_say(r->im, e, SW_IMPORT_LEFT, "when= wants DAY-DAY:HOUR-HOUR");
}

static void on_watchfor(struct reader *r, const struct sw_import_entry *e)
{
	char *regex;

	finish(r);
	regex = read_regex(e->value, &r->w.is_caseless);
	if (!regex) {
		sw_import_say(r->im, e, SW_IMPORT_LEFT, "no /expression/");
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

	finish(r);
	regex = read_regex(e->value, &is_caseless);
	if (!regex) {
		sw_import_say(r->im, e, SW_IMPORT_LEFT, "no /expression/");
		return;
	}
	sw_strbuf_puts(&r->excepts, "  - ");
	put_quoted(&r->excepts, is_caseless ? "(?i:" : "(?:", regex, ")");
	sw_strbuf_putc(&r->excepts, '\n');
	sw_import_say(r->im, e, SW_IMPORT_TAKEN, "an exception of each rule after it");
}

static void on_throttle(struct reader *r, const struct sw_import_entry *e)
{
	r->w.throttle = read_clock(e->value);
	sw_import_say(r->im, e, r->w.throttle ? SW_IMPORT_TAKEN : SW_IMPORT_LEFT,
		r->w.throttle ? "" : "wants HOURS:MINUTES:SECONDS");
}

static void on_continue(struct reader *r, const struct sw_import_entry *e)
{
	r->w.goes_on = true;
	sw_import_say(r->im, e, SW_IMPORT_TAKEN, "");
}

static void on_needless(struct reader *r, const struct sw_import_entry *e)
{
	read_condition(r, e);
	sw_import_say(
		r->im, e, SW_IMPORT_NEEDLESS, "a hit is a finding, shown by 'sockwarden events'");
}

static void on_mail(struct reader *r, const struct sw_import_entry *e)
{
	read_condition(r, e);
	sw_import_say(r->im, e, SW_IMPORT_NEEDLESS,
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

static const struct {
	const char *key;
	void (*read)(struct reader *r, const struct sw_import_entry *e);
	bool is_inside; /* of a watchfor */
} directives[] = {
	{"watchfor", on_watchfor, false},
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
};

static void on_line(struct reader *r, struct sw_import_entry *e)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(directives); i++)
		if (!strcasecmp(directives[i].key, e->key)) {
			if (directives[i].is_inside && !r->w.is_open)
				sw_import_say(
					r->im, e, SW_IMPORT_LEFT, "it stands below no watchfor");
			else
				directives[i].read(r, e);
			return;
		}
	sw_import_say(r->im, e, SW_IMPORT_LEFT, "unknown");
}

static void read_text(struct reader *r, char *text)
{
	unsigned int number = 0;

	for (char *next, *line = text; line; line = next) {
		struct sw_import_entry e = {.file = r->file, .section = "", .number = ++number};
		_free_ char *whole = NULL;
		size_t n;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		line += strspn(line, " \t\r");
		for (n = strlen(line); n && strchr(" \t\r", line[n - 1]); n--)
			line[n - 1] = 0;
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
