// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/follow.h"

#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "user/logs/follow_private.h"

static void mark_moved(struct sw_log_follow *f)
{
	f->has_moved = true;
}

/* ---- lines */

void log_follow_line(
	struct sw_log_follow *f, unsigned int source, const char *line, size_t len, bool is_back)
{
	size_t zeros = 0;

	while (zeros < len && !line[zeros]) /* the hole that a truncated file's writer leaves */
		zeros++;
	line += zeros;
	len -= zeros;
	if (len && line[len - 1] == '\r')
		len--;
	f->stats.lines++;
	if (len)
		f->port.line(f->port.arg, source, line, len, is_back);
}

size_t log_follow_split(struct sw_log_follow *f, unsigned int source, size_t have, bool is_end,
	bool is_back, bool *is_skipping, uint64_t *lines)
{
	size_t at = 0;

	while (at < have) {
		const char *nl = memchr(f->buf + at, '\n', have - at);
		size_t len = nl ? (size_t)(nl - (f->buf + at)) : have - at;

		if (!nl && !is_end && (at || have < SW_LOG_LINE_MAX))
			break; /* the rest of it comes later */
		if (!*is_skipping) {
			log_follow_line(f, source, f->buf + at, len, is_back);
			(*lines)++;
			f->stats.cut += !nl && !is_end;
		}
		*is_skipping = !nl && !is_end;
		at += len + !!nl;
	}
	f->stats.bytes += at;
	return at;
}

/* ---- one file */

static ssize_t read_at(int fd, void *buf, size_t size, uint64_t offset)
{
	ssize_t n;

	do
		n = pread(fd, buf, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static bool has_head(const struct log_file *file)
{
	char head[SW_LOG_HEAD_MAX];

	return read_at(file->fd, head, file->head_len, 0) == (ssize_t)file->head_len &&
		sw_crc32(0, head, file->head_len) == file->head_crc;
}

static void take_head(struct log_file *file)
{
	char head[SW_LOG_HEAD_MAX];
	ssize_t n = read_at(file->fd, head, sizeof(head), 0);

	if (n <= 0)
		return;
	file->head_len = (uint32_t)n;
	file->head_crc = sw_crc32(0, head, (size_t)n);
}

static void begin_anew(struct log_file *file)
{
	file->offset = 0;
	file->head_len = file->head_crc = 0;
	file->is_skipping = false;
	file->is_back = false;
}

/* A file that was truncated in place is shorter than it was, or, filled again meanwhile, begins otherwise. */
static void check_in_place(struct sw_log_follow *f, struct log_file *file, const struct stat *st)
{
	if ((uint64_t)st->st_size >= file->offset && has_head(file))
		return;
	begin_anew(file);
	f->stats.truncations++;
}

/* A hole can be as large as the file was before: it is stepped over, not read. */
static bool skip_hole(struct log_file *file, const char *buf, size_t n)
{
	off_t data;

	if (n < SW_LOG_LINE_MAX || buf[0] || memcmp(buf, buf + 1, n - 1) != 0)
		return false;
	data = lseek(file->fd, (off_t)file->offset, SEEK_DATA);
	if (data < 0 || (uint64_t)data <= file->offset)
		data = (off_t)(file->offset + n);
	file->offset = (uint64_t)data;
	return true;
}

/* What was there at the first look is read apart from what came since. */
static size_t share(struct log_file *file)
{
	if (file->is_back && file->offset >= file->back_until)
		file->is_back = false;
	return file->is_back ? SW_MIN(file->back_until - file->offset, (uint64_t)SW_LOG_LINE_MAX)
			     : SW_LOG_LINE_MAX;
}

/* True when there is more than one turn's share. */
static bool read_file(struct sw_log_follow *f, struct log_file *file)
{
	uint64_t end = file->offset + SW_LOG_TURN_BYTES;
	struct stat st;

	if (fstat(file->fd, &st) < 0)
		return false;
	check_in_place(f, file, &st);
	file->is_unlinked = st.st_nlink == 0;
	while (file->offset < end) {
		size_t want = share(file);
		ssize_t n = read_at(file->fd, f->buf, want, file->offset);
		size_t used;

		if (n <= 0) {
			f->stats.unreadable += n < 0;
			file->error = (int)SW_MIN(n, 0);
			return false;
		}
		mark_moved(f);
		if (file->head_len < SW_LOG_HEAD_MAX)
			take_head(file);
		if (skip_hole(file, f->buf, (size_t)n))
			continue;
		used = log_follow_split(f, file->source->number, (size_t)n, false, file->is_back,
			&file->is_skipping, &file->lines);
		file->offset += used;
		if (used)
			continue;
		if (!file->is_back)
			return false; /* a line without its end */
		file->is_back = false; /* the line that stood unended at the first look */
	}
	return true;
}

/* What stands behind the last newline of a file that nobody writes to any more. */
static void read_last(struct sw_log_follow *f, struct log_file *file)
{
	ssize_t n;

	while (read_file(f, file))
		;
	n = read_at(file->fd, f->buf, SW_LOG_LINE_MAX, file->offset);
	if (n > 0)
		file->offset += log_follow_split(f, file->source->number, (size_t)n, true, false,
			&file->is_skipping, &file->lines);
}

static void forget_file(struct sw_log_follow *f, struct log_file *file)
{
	struct log_file **link = &f->files;

	while (*link != file)
		link = &(*link)->next;
	*link = file->next;
	f->n_files--;
	sw_close(file->fd);
	free(file->path);
	free(file);
	mark_moved(f);
}

/* ---- what is there */

struct listing {
	struct sw_log_follow *f;
	struct log_source *source;
	bool is_first;
};

static struct log_file *find_inode(
	struct sw_log_follow *f, const struct log_source *s, const struct stat *st)
{
	for (struct log_file *file = f->files; file; file = file->next) {
		if (file->source == s && file->ino == st->st_ino && file->dev == st->st_dev)
			return file;
	}
	return NULL;
}

static void retire(struct sw_log_follow *f, struct log_file *file)
{
	if (file->is_retired)
		return;
	file->is_retired = file->is_dirty = true;
	file->retired_ns = sw_clock_boot_ns(f->clock);
	f->stats.rotations++;
}

static void note_error(struct log_source *s, const char *path, int error)
{
	struct log_error *e = NULL;

	for (size_t i = 0; i < s->n_errors; i++) {
		if (sw_streq(s->errors[i].path, path))
			e = &s->errors[i];
	}
	if (!e && s->n_errors < SW_ARRAY_SIZE(s->errors))
		e = &s->errors[s->n_errors++];
	if (!e)
		return;
	(void)sw_strcpy(e->path, sizeof(e->path), path);
	e->error = error;
}

static int seen_again(struct sw_log_follow *f, struct log_file *file, const char *path, int wd)
{
	if (!sw_streq(file->path, path)) {
		char *copy = strdup(path);

		if (!copy)
			return -ENOMEM;
		free(file->path);
		file->path = copy;
		mark_moved(f);
	}
	file->is_seen = true;
	file->is_retired = false;
	file->wd = wd;
	return 0;
}

/* The oldest whose name is gone makes room. */
static bool make_room(struct sw_log_follow *f)
{
	struct log_file *oldest = NULL;

	if (f->n_files < SW_LOG_FILES_MAX)
		return true;
	for (struct log_file *file = f->files; file; file = file->next) {
		if (file->is_retired && (!oldest || file->retired_ns < oldest->retired_ns))
			oldest = file;
	}
	if (!oldest)
		return false;
	read_last(f, oldest);
	forget_file(f, oldest);
	return true;
}

static void add_file(struct listing *l, const char *path, int fd, int wd, const struct stat *st)
{
	struct sw_log_follow *f = l->f;
	struct log_file *file = make_room(f) ? calloc(1, sizeof(*file)) : NULL;

	if (file)
		file->path = strdup(path);
	if (!file || !file->path) {
		f->left_out_now++;
		free(file);
		sw_close(fd);
		return;
	}
	file->source = l->source;
	file->fd = fd;
	file->wd = wd;
	file->dev = st->st_dev;
	file->ino = st->st_ino;
	file->is_seen = file->is_dirty = true;
	file->is_new = true;
	file->next = f->files;
	f->files = file;
	f->n_files++;
	mark_moved(f);
}

static void on_listed(void *ctx, const char *path, int fd, int wd, int error)
{
	struct listing *l = ctx;
	struct log_file *file;
	struct stat st;

	if (error || fstat(fd, &st) < 0) {
		note_error(l->source, path, error ? error : -errno);
		sw_close(fd);
		return;
	}
	file = find_inode(l->f, l->source, &st);
	if (file) {
		(void)seen_again(l->f, file, path, wd);
		sw_close(fd);
	} else {
		add_file(l, path, fd, wd, &st);
	}
}

/* Files that were there at the first look may have a past; others began just now. */
static void begin_new(struct sw_log_follow *f, const struct log_source *s, bool is_first)
{
	for (struct log_file *file = f->files; file; file = file->next) {
		if (file->source != s || !file->is_new)
			continue;
		file->is_new = false;
		take_head(file);
		log_follow_place(f, file, is_first);
	}
}

static void list_source(struct sw_log_follow *f, struct log_source *s)
{
	struct listing l = {.f = f, .source = s, .is_first = !s->is_listed};
	int r;

	for (struct log_file *file = f->files; file; file = file->next)
		file->is_seen = false;
	s->n_errors = 0;
	r = f->port.each(f->port.arg, s->number, false, on_listed, &l);
	s->error = r;
	if (r < 0) {
		f->is_list_due = true;
		return;
	}
	s->is_listed = true;
	begin_new(f, s, l.is_first);
	for (struct log_file *file = f->files; file; file = file->next) {
		if (file->source == s && !file->is_seen)
			retire(f, file);
	}
}

static void list_all(struct sw_log_follow *f)
{
	uint64_t began_ns = sw_clock_boot_ns(f->clock), now_ns;

	f->is_list_due = false;
	f->left_out_now = 0;
	for (size_t i = 0; i < f->n_sources; i++)
		list_source(f, f->sources[i]);
	f->stats.left_out = f->left_out_now;
	now_ns = sw_clock_boot_ns(f->clock);
	f->next_list_ns = now_ns + (now_ns - began_ns) * SW_LOG_LIST_SHARE;
}

uint64_t sw_log_follow_rest_ns(const struct sw_log_follow *f)
{
	uint64_t now_ns = sw_clock_boot_ns(f->clock);

	return f->is_list_due && f->next_list_ns > now_ns ? f->next_list_ns - now_ns : 0;
}

static bool is_over(const struct sw_log_follow *f, const struct log_file *file)
{
	return file->is_retired &&
		(file->is_unlinked ||
			sw_clock_boot_ns(f->clock) - file->retired_ns >
				SW_LOG_RETIRED_SEC * SW_SEC_NS);
}

bool sw_log_follow_work(struct sw_log_follow *f)
{
	bool has_more = false;
	struct log_file *next;

	if (f->is_list_due && !sw_log_follow_rest_ns(f))
		list_all(f);
	for (struct log_file *file = f->files; file; file = next) {
		next = file->next;
		if (file->is_new)
			continue; /* where to begin is not known yet */
		if (file->is_dirty)
			file->is_dirty = read_file(f, file);
		has_more |= file->is_dirty;
		if (!file->is_dirty && is_over(f, file)) {
			read_last(f, file);
			forget_file(f, file);
		}
	}
	return has_more;
}

/* ---- events */

void sw_log_follow_poll(struct sw_log_follow *f)
{
	f->is_list_due = true;
	for (struct log_file *file = f->files; file; file = file->next)
		file->is_dirty = true;
}

void sw_log_follow_reset_watches(struct sw_log_follow *f)
{
	for (struct log_file *file = f->files; file; file = file->next)
		file->wd = -1;
	sw_log_follow_poll(f);
}

static void take_event(struct sw_log_follow *f, const struct inotify_event *ev)
{
	bool is_known = false;

	if (ev->mask & IN_Q_OVERFLOW) {
		f->stats.overflows++;
		sw_log_follow_poll(f);
		return;
	}
	for (struct log_file *file = f->files; file; file = file->next) {
		if (file->wd != ev->wd)
			continue;
		is_known = file->is_dirty = true;
		if (ev->mask & IN_IGNORED)
			file->wd = -1;
	}
	if (!is_known && f->port.other && f->port.other(f->port.arg, ev->wd))
		return;
	if (!is_known || ev->mask & (IN_MOVE_SELF | IN_DELETE_SELF))
		f->is_list_due = true;
}

int sw_log_follow_events(struct sw_log_follow *f, int inotify_fd)
{
	char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));

	for (;;) {
		ssize_t n = read(inotify_fd, buf, sizeof(buf));

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= n;) {
			const struct inotify_event *ev = (const void *)(buf + at);

			take_event(f, ev);
			at += (ssize_t)(sizeof(*ev) + ev->len);
		}
		if (n < (ssize_t)sizeof(buf) / 2)
			return 0;
	}
}

/* ---- the object */

static void free_source(struct log_source *s)
{
	free(s->pattern);
	free(s);
}

static void drop_source(struct sw_log_follow *f, struct log_source *s)
{
	struct log_file *next;

	for (struct log_file *file = f->files; file; file = next) {
		next = file->next;
		if (file->source == s)
			forget_file(f, file);
	}
	free_source(s);
}

static struct log_source *take_source(struct log_source **all, size_t n, const char *pattern)
{
	for (size_t i = 0; i < n; i++) {
		if (all[i] && sw_streq(all[i]->pattern, pattern))
			return TAKE_PTR(all[i]);
	}
	return NULL;
}

static struct log_source *new_source(const char *pattern)
{
	struct log_source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->pattern = strdup(pattern);
	if (s->pattern)
		return s;
	free(s);
	return NULL;
}

int sw_log_follow_configure(struct sw_log_follow *f, const struct sw_log_follow_source *sources,
	size_t n, uint64_t back_sec)
{
	struct log_source **old = f->sources;
	size_t n_old = f->n_sources;
	int r = 0;

	f->sources = calloc(SW_MAX(n, (size_t)1), sizeof(struct log_source *));
	f->n_sources = 0;
	f->back_sec = back_sec;
	for (size_t i = 0; f->sources && i < n; i++) {
		struct log_source *s = take_source(old, n_old, sources[i].pattern);

		if (!s)
			s = new_source(sources[i].pattern);
		if (!s) {
			r = -ENOMEM;
			break;
		}
		s->number = sources[i].number;
		f->sources[f->n_sources++] = s;
	}
	for (size_t i = 0; i < n_old; i++) {
		if (old[i])
			drop_source(f, old[i]);
	}
	free(old);
	sw_log_follow_poll(f);
	return f->sources ? r : -ENOMEM;
}

int sw_log_follow_new(
	const struct sw_log_port *port, const struct sw_clock *clock, struct sw_log_follow **ret)
{
	_cleanup_(sw_log_follow_freep) struct sw_log_follow *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->port = *port;
	f->clock = clock;
	f->buf = malloc(SW_LOG_LINE_MAX);
	if (!f->buf)
		return -ENOMEM;
	*ret = TAKE_PTR(f);
	return 0;
}

void sw_log_follow_free(struct sw_log_follow *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_sources; i++)
		drop_source(f, f->sources[i]);
	free(f->sources);
	log_follow_drop_saved(f);
	free(f->buf);
	free(f);
}

void sw_log_follow_freep(struct sw_log_follow **f)
{
	sw_log_follow_free(*f);
}

bool sw_log_follow_has_moved(const struct sw_log_follow *f)
{
	return f->has_moved;
}

int64_t sw_log_follow_written_sec(const struct sw_log_follow *f, const char *pattern)
{
	int64_t newest = -1;
	struct stat st;

	for (const struct log_file *file = f->files; file; file = file->next) {
		if (file->is_retired || !sw_streq(file->source->pattern, pattern))
			continue;
		newest = SW_MAX(newest, fstat(file->fd, &st) < 0 ? (int64_t)0 : (int64_t)st.st_mtim.tv_sec);
	}
	return newest;
}

struct sw_log_stats sw_log_follow_stats(const struct sw_log_follow *f)
{
	struct sw_log_stats s = f->stats;

	for (const struct log_file *file = f->files; file; file = file->next) {
		s.files += !file->is_retired;
		s.retired += file->is_retired;
		s.unwatched += !file->is_retired && file->wd < 0;
	}
	return s;
}

void sw_log_follow_each(const struct sw_log_follow *f, sw_log_follow_fn fn, void *arg)
{
	for (const struct log_file *file = f->files; file; file = file->next)
		fn(arg, file->source->pattern, file->path, file->lines, file->is_retired,
			file->error);
	for (size_t i = 0; i < f->n_sources; i++) {
		const struct log_source *s = f->sources[i];

		for (size_t k = 0; k < s->n_errors; k++)
			fn(arg, s->pattern, s->errors[k].path, 0, false, s->errors[k].error);
		if (s->error)
			fn(arg, s->pattern, "", 0, false, s->error);
	}
}
