// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/static_read.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <uthash.h>

#include "user/base/strbuf.h"
#include "user/trail/static_hash.h"
#include "user/trail/times.h"

enum { DIR_FILES_MAX = 65536, CITATION_MAX = 2048 };

/* In the order in which they are read. */
static const struct {
	const char *folder;
	const char *word; /* behind the info */
} classes[] = {{"suspicious", "suspicious"}, {"malicious", "malicious"}, {"", NULL},
	{"malware", "malware"}};

/* ---- texts */

struct reader {
	struct sw_static *s;
	const char *file, *info, *reference;
	struct sw_strbuf citation; /* of the current group */
	bool is_citing; /* the last line was a reference */
	bool is_agent;
	int64_t group; /* -1: begins with the next trail */
	uint32_t line;
};

static bool has_prefix(const char **p, const char *end, const char *prefix)
{
	size_t n = strlen(prefix);

	if ((size_t)(end - *p) < n || strncasecmp(*p, prefix, n) != 0)
		return false;
	*p += n;
	while (*p < end && (**p == ' ' || **p == '\t'))
		(*p)++;
	return true;
}

/* A comment: may be a reference, which begins a group or goes on with one. */
static void read_comment(struct reader *r, const char *p, const char *end)
{
	while (p < end && (*p == '#' || *p == ' ' || *p == '\t'))
		p++;
	if (has_prefix(&p, end, "Kind:")) /* what an exported list says before and behind user agents */
		r->is_agent = has_prefix(&p, end, sw_static_kind_word(SW_STATIC_AGENT));
	if (!has_prefix(&p, end, "Reference:")) {
		r->is_citing = false;
		return;
	}
	if (!r->is_citing || p == end)
		sw_strbuf_reset(&r->citation);
	if (p < end && r->citation.len + (size_t)(end - p) < CITATION_MAX) {
		if (r->citation.len)
			sw_strbuf_putc(&r->citation, ' ');
		sw_strbuf_add(&r->citation, p, (size_t)(end - p));
	}
	r->is_citing = true;
	r->group = -1;
}

static const char *trim(const char **p, const char *end)
{
	while (*p < end && (**p == ' ' || **p == '\t' || **p == '\r'))
		(*p)++;
	while (end > *p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	return end;
}

/* Where a note behind a trail begins: white space and '#'; in a text without user agents a bare '#' too. */
static const char *find_note(const struct reader *r, const char *p, const char *end)
{
	for (const char *q = p; (q = memchr(q, '#', (size_t)(end - q))); q++) {
		if (!r->is_agent || q[-1] == ' ' || q[-1] == '\t')
			return q;
	}
	return end;
}

static int read_line(struct reader *r, const char *p, const char *end)
{
	struct sw_trail_when when = {};
	struct sw_static_line l;
	const char *note;
	char why[128];
	int ret;

	r->line++;
	sw_static_count_line(r->s);
	end = trim(&p, end);
	if (p == end)
		return 0;
	if (*p == '#') {
		read_comment(r, p, end);
		return 0;
	}
	r->is_citing = false;
	note = find_note(r, p, end);
	if (note < end && sw_trail_note_read(note + 1, (size_t)(end - note - 1), &when, why, sizeof(why)) < 0) {
		sw_static_set_why(r->s, r->file, r->line, why);
		return -EBADMSG;
	}
	end = trim(&p, note);
	if (r->group < 0) {
		r->group = sw_static_group(
			r->s, r->file, r->info, r->reference, sw_strbuf_get(&r->citation));
		if (r->group < 0)
			return -ENOMEM;
	}
	sw_static_line_read(p, (size_t)(end - p), r->is_agent, &l);
	if (l.kind == SW_STATIC_BAD) {
		sw_static_note_bad(r->s, r->file, r->line, p, (size_t)(end - p));
		return 0;
	}
	l.when = when;
	ret = sw_static_add(r->s, &l, (uint32_t)r->group, r->line);
	return ret == -ENOMEM ? ret : 0;
}

/* "ua.txt", "user_agents.txt": each line is an expression for user agents. */
static bool is_agent_file(const char *file)
{
	const char *base = strrchr(file, '/');

	base = base ? base + 1 : file;
	return !strncasecmp(base, "ua.", 3) || !strcasecmp(base, "ua") ||
		strcasestr(base, "user_agent") || strcasestr(base, "user-agent") ||
		strcasestr(base, "useragent");
}

int sw_static_read_text(struct sw_static *s, const char *file, const char *info,
	const char *reference, const char *text, size_t len)
{
	struct reader r = {.s = s, .file = file, .info = info, .reference = reference, .group = -1};
	const char *end = text + len, *p = text, *next;
	int ret = 0;

	r.is_agent = is_agent_file(file);
	if (len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3;
	for (; !ret && p < end; p = next) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));

		next = eol ? eol + 1 : end;
		ret = read_line(&r, p, eol ? eol : end);
	}
	if (r.citation.is_failed)
		ret = -ENOMEM;
	sw_strbuf_done(&r.citation);
	return ret;
}

/* ---- CSV */

struct about_group {
	UT_hash_handle hh;
	uint32_t group;
	char key[]; /* info, NUL, reference */
};

struct csv {
	struct sw_static *s;
	const char *file, *reference;
	struct about_group *groups; /* by info and reference */
	bool has_until; /* its header names a fourth column so */
};

/* The next field of a row from *p, without quotes, into out. False when it does not fit. */
static bool read_field(const char **p, const char *end, char *out, size_t size)
{
	bool is_quoted = *p < end && **p == '"';
	size_t n = 0;

	*p += is_quoted;
	for (; *p < end; (*p)++) {
		if (is_quoted && **p == '"') {
			if (*p + 1 >= end || (*p)[1] != '"') {
				is_quoted = false;
				continue;
			}
			(*p)++;
		} else if (!is_quoted && **p == ',') {
			(*p)++;
			break;
		}
		if (n + 1 >= size)
			return false;
		out[n++] = **p;
	}
	out[n] = 0;
	return true;
}

static int64_t find_group(struct csv *c, const char *info, const char *reference)
{
	size_t len = strlen(info) + 1 + strlen(reference);
	_free_ struct about_group *g = calloc(1, sizeof(*g) + len + 1);
	struct about_group *found;
	int64_t group;

	if (!g)
		return -ENOMEM;
	strcpy(g->key, info);
	strcpy(g->key + strlen(info) + 1, reference);
	HASH_FIND(hh, c->groups, g->key, (unsigned int)len, found);
	if (found)
		return found->group;
	group = sw_static_group(c->s, c->file, info, *reference ? reference : c->reference, "");
	if (group < 0)
		return group;
	g->group = (uint32_t)group;
	HASH_ADD(hh, c->groups, key, (unsigned int)len, g);
	TAKE_PTR(g);
	return group;
}

static int read_row(struct csv *c, const char *p, const char *end, uint32_t line)
{
	char trail[SW_STATIC_TEXT_MAX], info[256], reference[512], until[64];
	const char *row = p, *t = trail, *t_end;
	struct sw_trail_when when = {};
	struct sw_static_line l;
	int64_t group;
	char why[128];
	int r;

	sw_static_count_line(c->s);
	end = trim(&p, end);
	if (p == end || *p == '#')
		return 0;
	if (!read_field(&p, end, trail, sizeof(trail)) ||
		!read_field(&p, end, info, sizeof(info)) ||
		!read_field(&p, end, reference, sizeof(reference)) || !read_field(&p, end, until, sizeof(until))) {
		sw_static_note_bad(c->s, c->file, line, row, (size_t)(end - row));
		return 0;
	}
	if (line == 1 && !strcasecmp(trail, "trail")) {
		c->has_until = !strcasecmp(until, "until");
		return 0;
	}
	if (c->has_until && *until && sw_trail_time_read(until, strlen(until), &when.until_sec) < 0) {
		snprintf(why, sizeof(why), "until: '%.40s' is no time, as 2026-12-31 or 2026-12-31T18:00:00Z", until);
		sw_static_set_why(c->s, c->file, line, why);
		return -EBADMSG;
	}
	group = find_group(c, info, reference);
	if (group < 0)
		return (int)group;
	t_end = trim(&t, trail + strlen(trail));
	sw_static_line_read(t, (size_t)(t_end - t), is_agent_file(c->file), &l);
	if (l.kind == SW_STATIC_BAD) {
		sw_static_note_bad(c->s, c->file, line, row, (size_t)(end - row));
		return 0;
	}
	l.when = when;
	r = sw_static_add(c->s, &l, (uint32_t)group, line);
	return r == -ENOMEM ? r : 0;
}

int sw_static_read_csv(
	struct sw_static *s, const char *file, const char *reference, const char *text, size_t len)
{
	struct csv c = {s, file, reference, NULL};
	struct about_group *g, *tmp;
	const char *end = text + len, *p = text, *next;
	uint32_t line = 0;
	int r = 0;

	if (len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3;
	for (; !r && p < end; p = next) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));

		next = eol ? eol + 1 : end;
		r = read_row(&c, p, eol ? eol : end, ++line);
	}
	HASH_ITER (hh, c.groups, g, tmp) {
		HASH_DEL(c.groups, g);
		free(g);
	}
	return r;
}

/* ---- files and folders */

static bool ends_with(const char *name, const char *ending)
{
	size_t n = strlen(name), m = strlen(ending);

	return n > m && !strcasecmp(name + n - m, ending);
}

/* "apt_x.txt" of malware to "apt x (malware)". */
static void make_info(char *out, size_t size, const char *file, const char *word)
{
	const char *base = strrchr(file, '/'), *dot;
	int len;

	base = base ? base + 1 : file;
	dot = strrchr(base, '.');
	len = dot ? (int)(dot - base) : (int)strlen(base);
	snprintf(out, size, "%.*s%s%s%s", len, base, word ? " (" : "", word ? word : "",
		word ? ")" : "");
	for (char *p = out; *p; p++)
		*p = *p == '_' ? ' ' : *p;
}

static int read_file(struct sw_static *s, int dirfd, const char *name, const char *file,
	const char *word, const char *reference)
{
	_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	_free_ char *text = NULL;
	char info[256];
	size_t len;
	int r;

	if (fd < 0)
		return -errno;
	r = sw_read_all(fd, SW_STATIC_FILE_MAX, &text, &len);
	if (r < 0)
		return r;
	if (ends_with(name, ".csv"))
		return sw_static_read_csv(s, file, reference, text, len);
	make_info(info, sizeof(info), name, word);
	return sw_static_read_text(s, file, info, reference, text, len);
}

static int by_history(const struct dirent **a, const struct dirent **b)
{
	bool ha = strcasestr((*a)->d_name, "history"), hb = strcasestr((*b)->d_name, "history");

	return ha != hb ? (int)ha - (int)hb : strcmp((*a)->d_name, (*b)->d_name);
}

static int is_trail_file(const struct dirent *e)
{
	return e->d_name[0] != '.' &&
		(ends_with(e->d_name, ".txt") || ends_with(e->d_name, ".csv"));
}

typedef int (*file_fn)(
	void *arg, int dirfd, const char *name, const char *file, const struct stat *st);

/* Every trail file of a folder, in order. */
static int each_file(const char *path, file_fn fn, void *arg, char *err, size_t err_size)
{
	_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **names = NULL;
	int n, r = 0;

	if (fd < 0)
		return -errno;
	n = scandirat(fd, ".", &names, is_trail_file, by_history);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		char file[PATH_MAX + 260];
		struct stat st;

		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (!r && fstatat(fd, names[i]->d_name, &st, 0) == 0 && S_ISREG(st.st_mode)) {
			r = fn(arg, fd, names[i]->d_name, file, &st);
			if (r < 0)
				snprintf(err, err_size, "%s", file);
		}
		free(names[i]);
	}
	free(names);
	return r;
}

bool sw_static_is_directory(const char *path)
{
	char folder[PATH_MAX];

	for (size_t i = 0; i < SW_ARRAY_SIZE(classes); i++) {
		snprintf(folder, sizeof(folder), "%s/%s/", path, classes[i].folder);
		if (classes[i].word && access(folder, F_OK) == 0)
			return true;
	}
	return false;
}

struct walk {
	struct sw_static *s;
	const char *word, *reference; /* of the folder under way */
	uint64_t hash;
};

static int read_one(void *arg, int dirfd, const char *name, const char *file, const struct stat *st)
{
	struct walk *w = arg;

	return read_file(w->s, dirfd, name, file, w->word, w->reference);
}

static int hash_one(void *arg, int dirfd, const char *name, const char *file, const struct stat *st)
{
	struct walk *w = arg;
	const uint64_t facts[] = {(uint64_t)st->st_size, (uint64_t)st->st_ino,
		(uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec,
		(uint64_t)st->st_ctim.tv_sec, (uint64_t)st->st_ctim.tv_nsec};

	w->hash = sw_hash_bytes(w->hash, file, strlen(file));
	w->hash = sw_hash_bytes(w->hash, facts, sizeof(facts));
	return 0;
}

static int each_folder(struct walk *w, const char *path, file_fn fn, char *err, size_t err_size)
{
	size_t len = strlen(path); /* without slashes behind it: the files are named from here */
	char folder[PATH_MAX];

	while (len > 1 && path[len - 1] == '/')
		len--;
	w->reference = sw_static_is_directory(path) ? "(static)" : "(custom)";
	for (size_t i = 0; i < SW_ARRAY_SIZE(classes); i++) {
		int r;

		snprintf(folder, sizeof(folder), "%.*s%s%s", (int)len, path, classes[i].word ? "/" : "",
			classes[i].folder);
		snprintf(err, err_size, "%s", folder);
		w->word = classes[i].word;
		r = each_file(folder, fn, w, err, err_size);
		if (r < 0 && (r != -ENOENT || !classes[i].word))
			return r;
	}
	return 0;
}

int sw_static_fingerprint(const char *path, uint64_t *ret)
{
	struct walk w = {.hash = 1};
	char err[PATH_MAX];
	struct stat st;
	int r = stat(path, &st) < 0 ? -errno : 0;

	if (!r && S_ISDIR(st.st_mode))
		r = each_folder(&w, path, hash_one, err, sizeof(err));
	else if (!r)
		r = hash_one(&w, AT_FDCWD, path, path, &st);
	if (r < 0)
		return r;
	*ret = w.hash | 1; /* never 0, which is unknown */
	return 0;
}

int sw_static_read(struct sw_static *s, const char *path, char *err, size_t err_size)
{
	const struct sw_static_stats *stats = sw_static_stats(s);
	uint64_t before = 0, after = 0;
	struct walk w = {.s = s};
	struct stat st;
	int r;

	snprintf(err, err_size, "%s", path);
	if (stat(path, &st) < 0)
		return -errno;
	for (size_t i = 0; i < SW_STATIC_COUNT; i++)
		before += stats->kinds[i];
	if (S_ISDIR(st.st_mode))
		r = each_folder(&w, path, read_one, err, err_size);
	else
		r = read_file(s, AT_FDCWD, path, path, NULL, "(custom)");
	if (r < 0)
		return r;
	for (size_t i = 0; i < SW_STATIC_COUNT; i++)
		after += stats->kinds[i];
	snprintf(err, err_size, "%s", path);
	return after > before ? 0 : -ENODATA;
}
