// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/seen.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "user/trail/edit.h"
#include "user/trail/static_hash.h"
#include "user/trail/times.h"

enum { SEEN_MAGIC = 0x73777473 /* "swts" */, SEEN_VERSION = 1, TIME_BITS = 24, TIME_SHIFT = 8, FILE_MAX = 80 };
#define TIME_MASK ((1ull << TIME_BITS) - 1)

struct head {
	uint32_t magic, version;
	uint64_t n, sum;
};

struct sw_trail_seen {
	const struct head *head; /* of the mapping */
	const uint64_t *rows;
	size_t len;
};

struct gathering {
	uint64_t *rows;
	size_t n, cap;
	uint64_t time;
};

static uint64_t key_of(const struct sw_static_line *l)
{
	return sw_trail_key(l) & ~TIME_MASK;
}

static int64_t no_group(
	void *arg, const char *file, const char *info, const char *reference, const char *citation)
{
	return 0;
}

static int gather(void *arg, const struct sw_static_line *l, uint32_t group, uint32_t line)
{
	struct gathering *g = arg;

	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 1024;
		uint64_t *rows = reallocarray(g->rows, cap, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		g->rows = rows;
		g->cap = cap;
	}
	g->rows[g->n++] = key_of(l) | g->time;
	return 0;
}

/* By all but the time, a byte at a time: for two million it takes a tenth of what qsort does. */
static int sort(struct gathering *g)
{
	uint64_t *spare = reallocarray(NULL, SW_MAX(g->n, (size_t)1), sizeof(*spare));

	if (!spare)
		return -ENOMEM;
	for (unsigned int shift = TIME_BITS; shift < 64; shift += 8) {
		size_t count[257] = {0};
		uint64_t *in = g->rows;

		for (size_t i = 0; i < g->n; i++)
			count[(in[i] >> shift & 0xff) + 1]++;
		for (unsigned int i = 0; i < 256; i++)
			count[i + 1] += count[i];
		for (size_t i = 0; i < g->n; i++)
			spare[count[in[i] >> shift & 0xff]++] = in[i];
		g->rows = spare;
		spare = in;
	}
	free(spare);
	return 0;
}

/* One row a trail, with the time that it had. */
static void merge(struct gathering *g, const struct sw_trail_seen *old)
{
	size_t out = 0, n_old = old ? old->head->n : 0, at = 0;

	for (size_t i = 0; i < g->n; i++) {
		uint64_t key = g->rows[i] & ~TIME_MASK;

		if (out && (g->rows[out - 1] & ~TIME_MASK) == key)
			continue;
		while (at < n_old && (old->rows[at] & ~TIME_MASK) < key)
			at++;
		g->rows[out++] = at < n_old && (old->rows[at] & ~TIME_MASK) == key ? old->rows[at] : g->rows[i];
	}
	g->n = out;
}

static bool file_name(char ret[static FILE_MAX], const char *name)
{
	return sw_trail_name_ok(name) && (size_t)snprintf(ret, FILE_MAX, "%s.swts", name) < FILE_MAX;
}

static int write_file(const struct gathering *g, const char *name, int dirfd)
{
	struct head h = {SEEN_MAGIC, SEEN_VERSION, g->n, sw_hash_bytes(SEEN_VERSION, g->rows, g->n * sizeof(*g->rows))};
	size_t len = sizeof(h) + g->n * sizeof(*g->rows);
	_free_ char *whole = malloc(len);
	char file[FILE_MAX];

	if (!whole)
		return -ENOMEM;
	if (!file_name(file, name))
		return -EINVAL;
	memcpy(whole, &h, sizeof(h));
	memcpy(whole + sizeof(h), g->rows, len - sizeof(h));
	return sw_write_file_atomic(dirfd, file, whole, len, 0640);
}

int sw_trail_seen_save(const struct sw_trail_seen *old, const struct sw_trail_list *l, int64_t wall_sec, int dirfd)
{
	struct gathering g = {.time = (uint64_t)wall_sec >> TIME_SHIFT & TIME_MASK};
	const struct sw_static_sink sink = {no_group, gather, &g};
	int r = sw_trail_list_walk(l, &sink);

	if (!r && g.n)
		r = sort(&g);
	if (!r) {
		merge(&g, old);
		r = write_file(&g, l->view.head->name, dirfd);
	}
	free(g.rows);
	return r;
}

int sw_trail_seen_load(int dirfd, const char *name, struct sw_trail_seen **ret)
{
	_close_ int fd = -1;
	struct sw_trail_seen *s;
	const struct head *h;
	char file[FILE_MAX];
	struct stat st;
	void *map;

	if (!file_name(file, name))
		return -EINVAL;
	fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (size_t)st.st_size < sizeof(*h))
		return -EBADMSG;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	h = map;
	s = calloc(1, sizeof(*s));
	if (!s || h->magic != SEEN_MAGIC || h->version != SEEN_VERSION ||
		h->n != ((size_t)st.st_size - sizeof(*h)) / sizeof(uint64_t) ||
		h->sum != sw_hash_bytes(SEEN_VERSION, h + 1, h->n * sizeof(uint64_t))) {
		munmap(map, (size_t)st.st_size);
		free(s);
		return s ? -EBADMSG : -ENOMEM;
	}
	*s = (struct sw_trail_seen){h, (const uint64_t *)(h + 1), (size_t)st.st_size};
	*ret = s;
	return 0;
}

void sw_trail_seen_free(struct sw_trail_seen *s)
{
	if (!s)
		return;
	munmap((void *)(uintptr_t)s->head, s->len);
	free(s);
}

void sw_trail_seen_unlink(int dirfd, const char *name)
{
	char file[FILE_MAX];

	if (file_name(file, name))
		(void)unlinkat(dirfd, file, 0);
}

int64_t sw_trail_seen_first(const struct sw_trail_seen *s, const struct sw_static_line *l)
{
	uint64_t key = key_of(l);
	size_t at = 0, n = s ? s->head->n : 0;

	while (n) {
		bool is_below = (s->rows[at + n / 2] & ~TIME_MASK) < key;

		at += is_below ? n / 2 + 1 : 0;
		n = is_below ? n - n / 2 - 1 : n / 2;
	}
	if (!s || at == s->head->n || (s->rows[at] & ~TIME_MASK) != key)
		return 0;
	return (int64_t)((s->rows[at] & TIME_MASK) << TIME_SHIFT);
}
