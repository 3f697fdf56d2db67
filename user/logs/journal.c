// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/journal.h"

#include <systemd/sd-journal.h>

#include "user/base/clock.h"

/* Alternatives of a source are runs of matches that must all hold. */
struct alternative {
	unsigned int source;
	size_t first, n; /* of wanted */
};

struct sw_journal {
	sd_journal *journal; /* NULL: not open */
	int fds[SW_JOURNAL_FILES_MAX];
	size_t n_fds;
	char *matches[SW_JOURNAL_MATCHES_MAX]; /* each once: "FIELD=VALUE" */
	bool holds[SW_JOURNAL_MATCHES_MAX]; /* for the entry that is looked at */
	size_t n_matches;
	struct alternative *alternatives; /* those of one source beside each other */
	size_t n_alternatives;
	size_t *wanted; /* numbers of matches */
	size_t n_wanted;
	char *cursor;
	struct sw_strbuf line;
};

/* ---- matches */

static int find_match(struct sw_journal *j, const char *text, size_t len)
{
	char *copy;

	if (!memchr(text, '=', len) || text[0] == '=')
		return -EINVAL;
	for (size_t i = 0; i < j->n_matches; i++) {
		if (strlen(j->matches[i]) == len && memcmp(j->matches[i], text, len) == 0)
			return (int)i;
	}
	if (j->n_matches == SW_JOURNAL_MATCHES_MAX)
		return -E2BIG;
	copy = strndup(text, len);
	if (!copy)
		return -ENOMEM;
	j->matches[j->n_matches] = copy;
	return (int)j->n_matches++;
}

static int add_alternative(struct sw_journal *j, unsigned int source)
{
	struct alternative *more =
		reallocarray(j->alternatives, j->n_alternatives + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	j->alternatives = more;
	j->alternatives[j->n_alternatives++] =
		(struct alternative){.source = source, .first = j->n_wanted};
	return 0;
}

static int add_wanted(struct sw_journal *j, const char *text, size_t len)
{
	int match = find_match(j, text, len);
	size_t *more;

	if (match < 0)
		return match;
	more = reallocarray(j->wanted, j->n_wanted + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	j->wanted = more;
	j->wanted[j->n_wanted++] = (size_t)match;
	j->alternatives[j->n_alternatives - 1].n++;
	return 0;
}

static int parse_matches(struct sw_journal *j, unsigned int source, const char *text)
{
	int r = add_alternative(j, source);

	while (r >= 0 && *(text += strspn(text, " \t"))) {
		size_t len = strcspn(text, " \t");

		r = len == 1 && *text == '+' ? add_alternative(j, source)
					     : add_wanted(j, text, len);
		text += len;
	}
	return r;
}

int sw_journal_new(const struct sw_journal_source *sources, size_t n, struct sw_journal **ret)
{
	_cleanup_(sw_journal_freep) struct sw_journal *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < sources[i].n; k++) {
			int r = parse_matches(j, sources[i].number, sources[i].matches[k]);

			if (r < 0)
				return r;
		}
	}
	*ret = TAKE_PTR(j);
	return 0;
}

/* ---- files */

static void close_files(struct sw_journal *j)
{
	if (j->journal)
		sd_journal_close(TAKE_PTR(j->journal));
	for (size_t i = 0; i < j->n_fds; i++)
		sw_close(j->fds[i]);
	j->n_fds = 0;
}

/* The kernel of the library looks entries up by these; ours are asked again for each source. */
static int set_filter(struct sw_journal *j)
{
	int r = 0;

	for (size_t i = 0; i < j->n_alternatives && r >= 0; i++) {
		const struct alternative *a = &j->alternatives[i];

		if (!a->n)
			continue;
		r = sd_journal_add_disjunction(j->journal);
		for (size_t k = a->first; k < a->first + a->n && r >= 0; k++)
			r = sd_journal_add_match(j->journal, j->matches[j->wanted[k]], 0);
	}
	return r;
}

static int seek(struct sw_journal *j, const char *cursor, int64_t since_sec)
{
	int r = -EINVAL;

	if (cursor && *cursor)
		r = sd_journal_seek_cursor(j->journal, cursor);
	if (r < 0)
		return sd_journal_seek_realtime_usec(
			j->journal, (uint64_t)SW_MAX(since_sec, (int64_t)0) * 1000000);
	r = sd_journal_next(j->journal);
	if (r > 0 && sd_journal_test_cursor(j->journal, cursor) <= 0)
		r = sd_journal_previous(
			j->journal); /* the entry itself is gone: this one was not read */
	return SW_MIN(r, 0);
}

int sw_journal_open(struct sw_journal *j, int *fds, size_t n, const char *cursor, int64_t since_sec)
{
	_free_ char *from = cursor ? strdup(cursor) : NULL; /* it may be j's own */
	int r = -ENOENT;

	close_files(j);
	for (size_t i = 0; i < n; i++) {
		if (i < SW_JOURNAL_FILES_MAX)
			j->fds[j->n_fds++] = fds[i];
		else
			sw_close(fds[i]);
	}
	if (j->n_fds)
		r = sd_journal_open_files_fd(&j->journal, j->fds, (unsigned int)j->n_fds, 0);
	if (r >= 0)
		r = sd_journal_set_data_threshold(j->journal, SW_JOURNAL_MESSAGE_MAX);
	if (r >= 0)
		r = set_filter(j);
	if (r >= 0)
		r = seek(j, from, since_sec);
	if (r < 0)
		close_files(j);
	return SW_MIN(r, 0);
}

/* ---- entries */

static bool field(struct sw_journal *j, const char *name, const char **ret, size_t *ret_len)
{
	size_t skip = strlen(name) + 1, len;
	const void *data;

	if (sd_journal_get_data(j->journal, name, &data, &len) < 0 || len < skip)
		return false;
	*ret = (const char *)data + skip;
	*ret_len = len - skip;
	return true;
}

static void add_field(struct sw_journal *j, const char *name, const char *other, const char *before,
	const char *after)
{
	const char *text;
	size_t len;

	if (!field(j, name, &text, &len) && (!other || !field(j, other, &text, &len)))
		return;
	sw_strbuf_puts(&j->line, before);
	sw_strbuf_add(&j->line, text, len);
	sw_strbuf_puts(&j->line, after);
}

/* One line whatever it holds: what stands behind a line end in a message shall not look like a line of its own. */
static void make_line(struct sw_journal *j)
{
	sw_strbuf_reset(&j->line);
	add_field(j, "_HOSTNAME", NULL, "", " ");
	add_field(j, "SYSLOG_IDENTIFIER", "_COMM", "", "");
	add_field(j, "SYSLOG_PID", "_PID", "[", "]");
	sw_strbuf_puts(&j->line, ": ");
	add_field(j, "MESSAGE", NULL, "", "");
	for (size_t i = 0; i < j->line.len; i++) {
		if (j->line.text[i] == '\n' || j->line.text[i] == '\r')
			j->line.text[i] = ' ';
	}
}

static void look(struct sw_journal *j)
{
	for (size_t i = 0; i < j->n_matches; i++) {
		const char *value = strchr(j->matches[i], '=') + 1, *text;
		char name[64];
		size_t len;

		snprintf(name, sizeof(name), "%.*s", (int)(value - 1 - j->matches[i]),
			j->matches[i]);
		j->holds[i] = field(j, name, &text, &len) && len == strlen(value) &&
			memcmp(text, value, len) == 0;
	}
}

static bool is_met(const struct sw_journal *j, const struct alternative *a)
{
	for (size_t k = a->first; k < a->first + a->n; k++) {
		if (!j->holds[j->wanted[k]])
			return false;
	}
	return a->n > 0;
}

static int64_t time_of(struct sw_journal *j)
{
	uint64_t usec = 0;

	(void)sd_journal_get_realtime_usec(j->journal, &usec);
	return (int64_t)(usec / 1000000);
}

static void give(struct sw_journal *j, sw_journal_line_fn fn, void *arg)
{
	int64_t time_sec = time_of(j);

	look(j);
	make_line(j);
	for (size_t i = 0; i < j->n_alternatives; i++) {
		unsigned int source = j->alternatives[i].source;

		if (!is_met(j, &j->alternatives[i]))
			continue;
		fn(arg, source, sw_strbuf_get(&j->line), j->line.len, time_sec);
		while (i + 1 < j->n_alternatives && j->alternatives[i + 1].source == source)
			i++;
	}
}

int sw_journal_read(struct sw_journal *j, unsigned int max, sw_journal_line_fn fn, void *arg)
{
	unsigned int n = 0;
	int r = 0;

	while (j->journal && n < max && (r = sd_journal_next(j->journal)) > 0) {
		give(j, fn, arg);
		n++;
	}
	if (n) {
		char *cursor = NULL;

		if (sd_journal_get_cursor(j->journal, &cursor) >= 0) {
			free(j->cursor);
			j->cursor = cursor;
		}
	}
	return r < 0 ? r : (int)n;
}

const char *sw_journal_cursor(const struct sw_journal *j)
{
	return j->cursor ? j->cursor : "";
}

void sw_journal_free(struct sw_journal *j)
{
	if (!j)
		return;
	close_files(j);
	for (size_t i = 0; i < j->n_matches; i++)
		free(j->matches[i]);
	free(j->alternatives);
	free(j->wanted);
	free(j->cursor);
	sw_strbuf_done(&j->line);
	free(j);
}

void sw_journal_freep(struct sw_journal **j)
{
	sw_journal_free(*j);
}
