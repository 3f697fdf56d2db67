// SPDX-License-Identifier: GPL-3.0-or-later
/* Where reading begins at a start: saved positions, and the rotated files that come before the one of today. */
#include <inttypes.h>
#include <sys/stat.h>
#include <zlib.h>

#include "user/logs/follow_private.h"
#include "user/logs/lines.h"

enum { PAST_MAX = 64, SAVED_MAX = SW_LOG_FILES_MAX * 2 };

/* ---- positions as text: a line "dev ino offset head_len head_crc wall_ns pattern TAB path" each */

void log_follow_drop_saved(struct sw_log_follow *f)
{
	while (f->saved) {
		struct log_saved *s = f->saved;

		f->saved = s->next;
		free(s->pattern);
		free(s->path);
		free(s);
	}
}

static struct log_saved *parse_saved(char *line)
{
	struct log_saved s = {}, *copy;
	char *tab = strchr(line, '\t');
	int n = 0;

	if (!tab ||
		sscanf(line,
			"%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu32 " %" SCNu32 " %" SCNd64
			" %n",
			&s.dev, &s.ino, &s.offset, &s.head_len, &s.head_crc, &s.wall_ns, &n) != 6 ||
		!n || s.head_len > SW_LOG_HEAD_MAX || s.offset > INT64_MAX || line + n > tab)
		return NULL;
	*tab = '\0';
	copy = malloc(sizeof(*copy));
	if (!copy)
		return NULL;
	*copy = s;
	copy->pattern = strdup(line + n);
	copy->path = strdup(tab + 1);
	if (copy->pattern && copy->path)
		return copy;
	free(copy->pattern);
	free(copy->path);
	free(copy);
	return NULL;
}

void sw_log_follow_restore(struct sw_log_follow *f, const char *text)
{
	_free_ char *copy = strdup(text);
	char *rest = copy, *line;
	size_t n = 0;

	log_follow_drop_saved(f);
	while (rest && (line = strsep(&rest, "\n")) && n < SAVED_MAX) {
		struct log_saved *s = parse_saved(line);

		if (!s)
			continue;
		s->next = f->saved;
		f->saved = s;
		n++;
	}
}

static bool is_plain(const char *text)
{
	return !text[strcspn(text, "\t\n")];
}

void sw_log_follow_positions(const struct sw_log_follow *f, struct sw_strbuf *out)
{
	long long now = (long long)sw_clock_wall_ns(f->clock);

	for (const struct log_file *file = f->files; file; file = file->next) {
		if (file->is_retired || !is_plain(file->path) || !is_plain(file->source->pattern))
			continue;
		sw_strbuf_printf(out, "%llu %llu %llu %u %u %lld %s\t%s\n",
			(unsigned long long)file->dev, (unsigned long long)file->ino,
			(unsigned long long)file->offset, file->head_len, file->head_crc, now,
			file->source->pattern, file->path);
	}
	((struct sw_log_follow *)f)->has_moved = false;
}

/* ---- a file's first bytes */

/* Plain or compressed, as zlib finds it. NULL: no memory. */
static gzFile open_gz(int fd)
{
	int copy = dup(fd);
	gzFile gz = NULL;

	if (copy >= 0 && lseek(copy, 0, SEEK_SET) == 0)
		gz = gzdopen(copy, "rb");
	if (!gz)
		sw_close(copy);
	return gz;
}

static bool begins_as(int fd, const struct log_saved *s)
{
	char head[SW_LOG_HEAD_MAX];
	gzFile gz = open_gz(fd);
	int n;

	if (!gz)
		return false;
	n = gzread(gz, head, s->head_len);
	gzclose(gz);
	return n == (int)s->head_len && sw_crc32(0, head, s->head_len) == s->head_crc;
}

/* ---- the rotated files beside one */

struct past {
	int fd;
	int64_t mtime_ns;
};

struct gather {
	struct sw_log_follow *f;
	const struct log_file *of;
	int64_t from_ns; /* those that were written to before are left alone */
	struct past past[PAST_MAX];
	size_t n;
};

static void on_past(void *ctx, const char *path, int fd, int wd, int error)
{
	struct gather *g = ctx;
	size_t len = strlen(g->of->path);
	int64_t mtime_ns;
	struct stat st;

	if (error)
		return;
	if (strncmp(path, g->of->path, len) != 0 || !strchr(".-", path[len]) || g->n == PAST_MAX ||
		fstat(fd, &st) < 0) {
		sw_close(fd);
		return;
	}
	mtime_ns = st.st_mtim.tv_sec * (int64_t)SW_SEC_NS + st.st_mtim.tv_nsec;
	if (mtime_ns < g->from_ns || st.st_ino == g->of->ino)
		sw_close(fd);
	else
		g->past[g->n++] = (struct past){.fd = fd, .mtime_ns = mtime_ns};
}

static int older_first(const void *a, const void *b)
{
	int64_t x = ((const struct past *)a)->mtime_ns, y = ((const struct past *)b)->mtime_ns;

	return (x > y) - (x < y);
}

/* By another program than zlib knows the way of. */
static bool is_foreign(int fd)
{
	const char *unpacker = sw_lines_unpacker(fd);

	return unpacker && !sw_streq(unpacker, SW_UNPACK_GZIP);
}

/* Lines of one rotated file behind the first skip bytes of its text. */
static void read_past(struct sw_log_follow *f, const struct log_file *of, int fd, uint64_t skip,
	uint64_t *budget, bool is_back)
{
	gzFile gz = is_foreign(fd) ? NULL : open_gz(fd);
	bool is_skipping = false;
	uint64_t lines = 0;
	size_t have = 0;
	int n = 0;

	if (!gz || (skip && gzseek(gz, (z_off_t)skip, SEEK_SET) < 0)) {
		f->stats.unreadable++;
		if (gz)
			gzclose(gz);
		return;
	}
	while (*budget &&
		(n = gzread(gz, f->buf + have, (unsigned int)(SW_LOG_LINE_MAX - have))) > 0) {
		size_t used;

		have += (size_t)n;
		*budget -= SW_MIN(*budget, (uint64_t)n);
		used = log_follow_split(
			f, of->source->number, have, false, is_back, &is_skipping, &lines);
		have -= used;
		memmove(f->buf, f->buf + used, have);
	}
	if (n < 0)
		f->stats.unreadable++;
	if (n > 0)
		f->stats.back_left_out++;
	(void)log_follow_split(f, of->source->number, have, true, is_back, &is_skipping, &lines);
	gzclose(gz);
}

static void gather_past(struct sw_log_follow *f, struct gather *g)
{
	(void)f->port.each(f->port.arg, g->of->source->number, true, on_past, g);
	qsort(g->past, g->n, sizeof(g->past[0]), older_first);
}

/*
 * saved: the file that was read before, which may have another name now and be compressed: it is read
 * on, and whatever is newer. Without it nothing is known but the time.
 */
static void read_all_past(struct sw_log_follow *f, struct gather *g, const struct log_saved *saved)
{
	uint64_t budget = SW_LOG_BACK_MAX, skip = 0;
	size_t first = 0;

	for (size_t i = 0; saved && i < g->n; i++) {
		if (!begins_as(g->past[i].fd, saved))
			continue;
		first = i;
		skip = saved->offset;
	}
	for (size_t i = 0; i < g->n; i++) {
		if (i >= first)
			read_past(f, g->of, g->past[i].fd, i == first ? skip : 0, &budget, !saved);
		sw_close(g->past[i].fd);
	}
}

/* ---- where to begin */

static const struct log_saved *find_saved(
	const struct sw_log_follow *f, const struct log_file *file)
{
	for (const struct log_saved *s = f->saved; s; s = s->next) {
		if (sw_streq(s->path, file->path) && sw_streq(s->pattern, file->source->pattern))
			return s;
	}
	return NULL;
}

static bool is_same(const struct log_file *file, const struct log_saved *s, const struct stat *st)
{
	return s->dev == file->dev && s->ino == file->ino && (uint64_t)st->st_size >= s->offset &&
		begins_as(file->fd, s);
}

static void resume(struct log_file *file, const struct log_saved *s)
{
	file->offset = s->offset;
	file->head_len = s->head_len;
	file->head_crc = s->head_crc;
}

/* Never followed here: as far back as a rule's memory goes, and no further than is quickly read. */
static void begin_in_past(struct sw_log_follow *f, struct log_file *file, const struct stat *st)
{
	uint64_t size = (uint64_t)st->st_size;

	file->is_back = true;
	file->back_until = size;
	if (st->st_mtim.tv_sec < sw_clock_wall_sec(f->clock) - (int64_t)f->back_sec) {
		file->offset = size; /* nothing in it is young enough */
	} else if (size > SW_LOG_BACK_MAX) {
		file->offset = size - SW_LOG_BACK_MAX;
		file->is_skipping = true; /* it begins within a line */
		f->stats.back_left_out += file->offset;
	}
}

void log_follow_place(struct sw_log_follow *f, struct log_file *file, bool is_first)
{
	const struct log_saved *saved = is_first ? find_saved(f, file) : NULL;
	struct gather g = {.f = f, .of = file};
	struct stat st;

	if (!is_first || fstat(file->fd, &st) < 0)
		return; /* it began just now: all of it is new */
	if (saved && is_same(file, saved, &st)) {
		resume(file, saved);
		return;
	}
	g.from_ns = saved ? saved->wall_ns
			  : sw_clock_wall_ns(f->clock) - (int64_t)(f->back_sec * SW_SEC_NS);
	gather_past(f, &g);
	read_all_past(f, &g, saved);
	if (!saved)
		begin_in_past(f, file, &st);
}
