// SPDX-License-Identifier: GPL-3.0-or-later
/* The journal's share of the logs: which files there are, when to read them, where to go on. */
#include <sys/stat.h>

#include "user/engine/logs.h"
#include "user/logs/journal.h"

enum {
	FILES_MAX = 2 * SW_JOURNAL_FILES_MAX, /* looked at, to choose the newest */
	ENTRIES_AT_ONCE = 4096, /* then others get their turn */
	STALE_SEC = 2 * 3600, /* cron alone writes to a log of logins each hour */
};
#define CURSOR_NAME "journal-cursor"

struct journal_file {
	int fd, wd;
	ino_t ino;
	int64_t mtime_sec;
};

struct sw_logs_journal {
	struct sw_journal *journal; /* NULL: no source wants it */
	char *wanted; /* numbers of the sources that read it, as text: to see a change */
	struct journal_file files[FILES_MAX];
	size_t n, n_open;
	int64_t began_sec; /* entries from before are of the past, when there was no cursor */
	bool is_stale; /* files came or went */
	bool is_dirty; /* there may be more to read */
	bool has_moved;
	int error;
};

/* ---- files */

static void on_file(void *ctx, const char *path, int fd, int wd, int error)
{
	struct sw_logs_journal *x = ctx;
	const char *name = strrchr(path, '/');
	struct stat st;

	if (error) {
		x->error = error;
		return;
	}
	if (x->n == FILES_MAX || !name || strncmp(name, "/user-", 6) == 0 || fstat(fd, &st) < 0) {
		sw_close(fd);
		return;
	}
	x->files[x->n++] = (struct journal_file){
		.fd = fd, .wd = wd, .ino = st.st_ino, .mtime_sec = st.st_mtim.tv_sec};
}

static int newest_first(const void *a, const void *b)
{
	const struct journal_file *x = a, *y = b;

	if (x->mtime_sec != y->mtime_sec)
		return x->mtime_sec < y->mtime_sec ? 1 : -1;
	return (x->ino > y->ino) - (x->ino < y->ino);
}

static bool is_among(const struct journal_file *f, const struct journal_file *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (all[i].ino == f->ino)
			return true;
	}
	return false;
}

static bool is_same_set(
	const struct sw_logs_journal *x, const struct journal_file *old, size_t n_old)
{
	for (size_t i = 0; i < x->n; i++) {
		if (!is_among(&x->files[i], old, n_old))
			return false;
	}
	return x->n == n_old;
}

static void open_files(struct sw_engine *e, struct sw_logs_journal *x)
{
	char stored[1024] = "";
	const char *cursor = sw_journal_cursor(x->journal);
	int fds[FILES_MAX], r;

	if (!*cursor && sw_store_get(e->store, CURSOR_NAME, stored, sizeof(stored)) >= 0) {
		cursor = stored;
		x->began_sec = 0;
	}
	for (size_t i = 0; i < x->n; i++)
		fds[i] = x->files[i].fd;
	r = sw_journal_open(x->journal, fds, x->n, cursor,
		sw_clock_wall_sec(&e->clock) - (int64_t)e->logs->back_sec);
	x->error = x->n ? r : x->error;
	x->n_open = r < 0 ? 0 : SW_MIN(x->n, (size_t)SW_JOURNAL_FILES_MAX);
	x->is_dirty = true;
}

static void look_for_files(struct sw_engine *e, struct sw_logs_journal *x, unsigned int source)
{
	_free_ struct journal_file *old = malloc(sizeof(x->files));
	size_t n_old = x->n;

	if (!old)
		return;
	memcpy(old, x->files, sizeof(x->files));
	x->n = 0;
	x->error = 0;
	(void)e->logs->port.each(e, source, false, on_file, x);
	qsort(x->files, x->n, sizeof(x->files[0]), newest_first);
	x->is_stale = false;
	if (x->n_open && is_same_set(x, old, n_old)) {
		for (size_t i = 0; i < x->n; i++)
			sw_close(x->files[i].fd);
		return;
	}
	open_files(e, x);
}

/* ---- sources */

/* When the files that say the same were last written; -1: there are none. */
static int64_t files_written_sec(const struct sw_logs_part *p, const struct sw_log_source *s)
{
	int64_t newest = -1;

	for (size_t i = 0; i < s->n_unless; i++) {
		const char *path = sw_ruleset_source(p->rules, s->unless[i])->path;

		newest = SW_MAX(newest, sw_log_follow_written_sec(p->follow, path));
	}
	return newest;
}

/*
 * Where the file is there that says the same, it is the one that is read; but one that nobody has written to
 * for long may be left over from a syslog daemon that is gone (Debian 12 installs none), so then both are.
 */
static bool is_wanted(const struct sw_engine *e, const struct sw_log_source *s)
{
	return s->kind == SW_LOG_JOURNAL && s->n_rules &&
		files_written_sec(e->logs, s) < sw_clock_wall_sec(&e->clock) - STALE_SEC;
}

bool sw_logs_journal_stands_in(const struct sw_engine *e, const char *pattern)
{
	const struct sw_logs_part *p = e->logs;

	for (size_t i = 0; p->journal && i < sw_ruleset_n_sources(p->rules); i++) {
		const struct sw_log_source *s = sw_ruleset_source(p->rules, i);

		for (size_t k = 0; k < s->n_unless; k++) {
			if (sw_streq(sw_ruleset_source(p->rules, s->unless[k])->path, pattern) && is_wanted(e, s))
				return true;
		}
	}
	return false;
}

static int make_journal(struct sw_logs_part *p, const struct sw_journal_source *all, size_t n,
	struct sw_logs_journal **ret)
{
	struct sw_logs_journal *x = calloc(1, sizeof(*x));
	int r;

	if (!x)
		return -ENOMEM;
	r = sw_journal_new(all, n, &x->journal);
	if (r < 0) {
		free(x);
		return r;
	}
	*ret = x;
	return 0;
}

/* Sources that read the journal now; the object is made anew when they are others than before. */
static int choose_sources(struct sw_engine *e, unsigned int *ret_first)
{
	struct sw_logs_part *p = e->logs;
	size_t n = sw_ruleset_n_sources(p->rules), used = 0;
	_free_ struct sw_journal_source *all = calloc(SW_MAX(n, (size_t)1), sizeof(*all));
	_strbuf_ struct sw_strbuf text = {};
	struct sw_logs_journal *fresh;
	int r;

	p->has_stale_file = false;
	for (size_t i = 0; all && i < n; i++) {
		const struct sw_log_source *s = sw_ruleset_source(p->rules, i);

		if (!is_wanted(e, s))
			continue;
		p->has_stale_file |= files_written_sec(p, s) >= 0;
		all[used++] = (struct sw_journal_source){.number = (unsigned int)i,
			.matches = s->journal_matches,
			.n = s->n_journal_matches};
		sw_strbuf_printf(&text, "%zu %s\n", i, s->name);
	}
	if (!used || !all) {
		sw_logs_journal_free(TAKE_PTR(p->journal));
		return -ENOENT;
	}
	*ret_first = all[0].number;
	if (p->journal && sw_streq(p->journal->wanted, sw_strbuf_get(&text)))
		return 0;
	r = make_journal(p, all, used, &fresh);
	if (r < 0)
		return r;
	fresh->wanted = strdup(sw_strbuf_get(&text));
	fresh->began_sec = sw_clock_wall_sec(&e->clock);
	fresh->is_stale = true;
	sw_logs_journal_save(e); /* the new one goes on where the old one was */
	sw_logs_journal_free(p->journal);
	p->journal = fresh;
	return fresh->wanted ? 0 : -ENOMEM;
}

void sw_logs_journal_look(struct sw_engine *e)
{
	unsigned int first;
	int r = choose_sources(e, &first);

	if (r < 0 && r != -ENOENT)
		sw_log_warning(r, "the journal cannot be read, ignoring");
	if (r >= 0)
		look_for_files(e, e->logs->journal, first);
}

/* ---- reading */

/* The file has what is no newer than it; once somebody writes to it again, it has everything. */
static bool is_in_file(const struct sw_engine *e, const struct sw_log_source *s, int64_t time_sec)
{
	return !is_wanted(e, s) || time_sec <= files_written_sec(e->logs, s);
}

static void on_entry(void *arg, unsigned int source, const char *line, size_t len, int64_t time_sec)
{
	struct sw_engine *e = arg;
	const struct sw_logs_part *p = e->logs;

	if (p->has_stale_file && is_in_file(e, sw_ruleset_source(p->rules, source), time_sec))
		return;
	sw_logs_feed(e, source, line, len, time_sec, time_sec < p->journal->began_sec);
}

bool sw_logs_journal_work(struct sw_engine *e)
{
	struct sw_logs_journal *x = e->logs->journal;
	int n;

	if (!x || !x->is_dirty)
		return false;
	n = sw_journal_read(x->journal, ENTRIES_AT_ONCE, on_entry, e);
	x->has_moved |= n > 0;
	x->is_dirty = n == ENTRIES_AT_ONCE;
	x->error = SW_MIN(n, 0);
	return x->is_dirty;
}

bool sw_logs_journal_event(struct sw_logs_part *p, int wd)
{
	struct sw_logs_journal *x = p->journal;

	for (size_t i = 0; x && i < x->n; i++) {
		if (x->files[i].wd != wd)
			continue;
		x->is_dirty = true;
		return true;
	}
	if (x)
		x->is_stale = x->is_dirty = true;
	return false;
}

void sw_logs_journal_poll(struct sw_logs_part *p)
{
	if (p->journal)
		p->journal->is_stale = p->journal->is_dirty = true;
}

bool sw_logs_journal_is_stale(const struct sw_logs_part *p)
{
	return p->journal && p->journal->is_stale;
}

void sw_logs_journal_save(struct sw_engine *e)
{
	struct sw_logs_journal *x = e->logs->journal;

	if (!x || !x->has_moved)
		return;
	x->has_moved = false;
	(void)sw_store_set(e->store, CURSOR_NAME, sw_journal_cursor(x->journal));
}

bool sw_logs_journal_has_moved(const struct sw_logs_part *p)
{
	return p->journal && p->journal->has_moved;
}

size_t sw_logs_journal_files(const struct sw_logs_part *p, int *ret_error)
{
	*ret_error = p->journal ? p->journal->error : 0;
	return p->journal ? p->journal->n_open : 0;
}

void sw_logs_journal_free(struct sw_logs_journal *x)
{
	if (!x)
		return;
	sw_journal_free(x->journal);
	free(x->wanted);
	free(x);
}
