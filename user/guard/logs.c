// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/logs.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <sys/inotify.h>

#include "user/base/log.h"
#include "user/guard/regular.h"

enum {
	FILE_EVENTS = IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF,
	DIR_EVENTS = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR,
};

struct sw_logs {
	char **patterns; /* NULL where a source is no file */
	size_t n;
	int inotify; /* -1: nobody watches */
};

/* ---- directories */

/* The nearest directory that is there, so that the coming of those below it is seen. */
static void watch_directory(const struct sw_logs *l, const char *path)
{
	char dir[PATH_MAX], self[32];
	char *slash;

	if (l->inotify < 0 || !sw_strcpy(dir, sizeof(dir), path))
		return;
	while ((slash = strrchr(dir, '/'))) {
		_close_ int fd = -1;

		slash[slash == dir] = '\0';
		fd = sw_regular_walk(dir);
		if (fd >= 0 && sw_regular_name(self, sizeof(self), fd) == 0 &&
			inotify_add_watch(l->inotify, self, DIR_EVENTS) >= 0)
			return;
		if (slash == dir)
			return;
	}
}

/* Directories that are there and fit: a file may come into each. */
static void watch_directories(const struct sw_logs *l, const char *pattern)
{
	char inside[PATH_MAX];
	glob_t g = {};

	(void)glob(pattern, GLOB_BRACE | GLOB_ONLYDIR, NULL, &g);
	for (size_t i = 0; i < g.gl_pathc && i < SW_LOGS_FILES_MAX; i++)
		if ((size_t)snprintf(inside, sizeof(inside), "%s/", g.gl_pathv[i]) < sizeof(inside))
			watch_directory(l, inside);
	globfree(&g);
}

/* What stands before the first component with a sign of a pattern, and behind it each directory that fits so far. */
static void watch_pattern(const struct sw_logs *l, const char *pattern)
{
	char part[PATH_MAX];
	char *slash;

	if (!sw_strcpy(part, sizeof(part), pattern))
		return;
	part[strcspn(part, "*?[{")] = '\0';
	watch_directory(l, part);
	slash = part + strlen(part);
	if (!sw_strcpy(part, sizeof(part), pattern))
		return;
	while ((slash = strchr(slash, '/'))) {
		*slash = '\0';
		watch_directories(l, part);
		*slash++ = '/';
	}
}

/* ---- what is asked */

static int name_files(const char *pattern, bool is_past, glob_t *g)
{
	char text[PATH_MAX];
	int r;

	if ((size_t)snprintf(text, sizeof(text), "%s%s", pattern, is_past ? "[.-]*" : "") >=
		sizeof(text))
		return -ENAMETOOLONG;
	r = glob(text, GLOB_BRACE, NULL, g);
	return r == GLOB_NOSPACE ? -ENOMEM : r == GLOB_NOMATCH || r == 0 ? 0 : -EIO;
}

static void open_one(const struct sw_logs *l, const char *path, bool is_past,
	struct sw_guard_log *ret, int *ret_fds, size_t *ret_n)
{
	char self[32];
	int fd;

	*ret = (struct sw_guard_log){.wd = -1};
	if (!sw_strcpy(ret->path, sizeof(ret->path), path)) {
		ret->error = -ENAMETOOLONG;
		return;
	}
	if (!is_past)
		watch_directory(l, path);
	fd = sw_regular_open(path);
	if (fd < 0) {
		ret->error = fd;
		return;
	}
	if (!is_past && l->inotify >= 0 && sw_regular_name(self, sizeof(self), fd) == 0)
		ret->wd = inotify_add_watch(l->inotify, self, FILE_EVENTS);
	ret_fds[(*ret_n)++] = fd;
}

int sw_logs_open(struct sw_logs *l, const struct sw_guard_log_ask *ask, struct sw_guard_logs *ret,
	int *ret_fds, size_t *ret_n)
{
	bool is_past = ask->flags & SW_GUARD_LOG_PAST;
	const char *pattern = ask->pattern < l->n ? l->patterns[ask->pattern] : NULL;
	glob_t g = {};
	size_t total;
	int r;

	*ret = (struct sw_guard_logs){};
	if (!pattern)
		return -ENOENT;
	if (!is_past)
		watch_pattern(l, pattern);
	r = name_files(pattern, is_past, &g);
	total = SW_MIN(g.gl_pathc, (size_t)SW_LOGS_FILES_MAX);
	ret->total = (__u32)total;
	ret->n_left_out = (__u32)(g.gl_pathc - total);
	for (size_t i = ask->first; r >= 0 && i < total && ret->n < SW_GUARD_LOGS_MAX;
		i++, ret->n++)
		open_one(l, g.gl_pathv[i], is_past, &ret->at[ret->n], ret_fds, ret_n);
	globfree(&g);
	return r;
}

int sw_logs_watch(struct sw_logs *l, int *ret_fd)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return -errno;
	sw_close(l->inotify);
	l->inotify = fd;
	*ret_fd = fd;
	return 0;
}

/* ---- the object */

static void drop_patterns(struct sw_logs *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->patterns[i]);
	free(TAKE_PTR(l->patterns));
	l->n = 0;
}

int sw_logs_configure(struct sw_logs *l, const struct sw_logs_wish *w)
{
	drop_patterns(l);
	if (!w->n)
		return 0;
	l->patterns = calloc(w->n, sizeof(*l->patterns));
	if (!l->patterns)
		return -ENOMEM;
	l->n = w->n;
	for (size_t i = 0; i < w->n; i++) {
		l->patterns[i] = w->patterns[i] ? strdup(w->patterns[i]) : NULL;
		if (w->patterns[i] && !l->patterns[i])
			return -ENOMEM;
	}
	return 0;
}

void sw_logs_permit(struct sw_logs *l, const struct sw_rules_view *rules, const char *journal_files)
{
	struct sw_logs_wish w = {.n = rules->head ? rules->head->n_sources : 0};
	_free_ const char **patterns = calloc(SW_MAX(w.n, (size_t)1), sizeof(*patterns));
	int r = patterns ? 0 : -ENOMEM;

	for (size_t i = 0; patterns && i < w.n; i++) {
		if (rules->sources[i].kind == SW_LOG_FILE)
			patterns[i] = sw_rules_text(rules, rules->sources[i].path);
		else if (rules->sources[i].kind == SW_LOG_JOURNAL)
			patterns[i] = journal_files;
	}
	w.patterns = patterns;
	if (r >= 0)
		r = sw_logs_configure(l, &w);
	if (r < 0)
		sw_log_err(r, "no log files can be followed");
}

int sw_logs_new(struct sw_logs **ret)
{
	struct sw_logs *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->inotify = -1;
	*ret = l;
	return 0;
}

void sw_logs_free(struct sw_logs *l)
{
	if (!l)
		return;
	drop_patterns(l);
	sw_close(l->inotify);
	free(l);
}

void sw_logs_freep(struct sw_logs **l)
{
	sw_logs_free(*l);
}
