// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/lines.h"

struct sw_lines {
	int fd;
	bool is_end, is_skipping; /* skipping: the rest of a line that was cut */
	size_t start, end;
	char buf[SW_LINES_BUFFER];
};

int sw_lines_new(struct sw_lines **ret, int fd)
{
	struct sw_lines *l = malloc(sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->fd = fd;
	l->is_end = l->is_skipping = false;
	l->start = l->end = 0;
	*ret = l;
	return 0;
}

void sw_lines_free(struct sw_lines *l)
{
	free(l);
}

void sw_lines_freep(struct sw_lines **l)
{
	free(*l);
}

/* Reads more behind what is there. */
static int fill(struct sw_lines *l)
{
	ssize_t n;

	if (l->start) {
		memmove(l->buf, l->buf + l->start, l->end - l->start);
		l->end -= l->start;
		l->start = 0;
	}
	do {
		n = read(l->fd, l->buf + l->end, sizeof(l->buf) - l->end);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	l->is_end = n == 0;
	l->end += (size_t)n;
	return 0;
}

/* What is there, as a line or as what is skipped. True when *ret is a line. */
static bool give(struct sw_lines *l, size_t len, bool is_whole, const char **ret, size_t *ret_len)
{
	bool was_skipping = l->is_skipping;

	*ret = l->buf + l->start;
	*ret_len = len;
	l->start += len + is_whole;
	l->is_skipping = !is_whole && !l->is_end;
	return !was_skipping;
}

const char *sw_lines_unpacker(int fd)
{
	static const struct {
		const char *begin, *program;
	} kinds[] = {{"\x1f\x8b", SW_UNPACK_GZIP},
		{"\xfd" "7zXZ", "xzcat"}, {"\x28\xb5\x2f\xfd", "zstdcat"}, {"BZh", "bzcat"}};
	char begin[6] = "";

	if (pread(fd, begin, sizeof(begin) - 1, 0) <= 0)
		return NULL;
	for (size_t i = 0; i < SW_ARRAY_SIZE(kinds); i++)
		if (strncmp(begin, kinds[i].begin, strlen(kinds[i].begin)) == 0)
			return kinds[i].program;
	return NULL;
}

int sw_lines_next(struct sw_lines *l, const char **ret, size_t *ret_len)
{
	size_t seen = 0;

	for (;;) {
		size_t have = l->end - l->start;
		const char *nl =
			have > seen ? memchr(l->buf + l->start + seen, '\n', have - seen) : NULL;
		int r;

		if (nl || have == sizeof(l->buf) || (l->is_end && have)) {
			size_t len = nl ? (size_t)(nl - (l->buf + l->start)) : have;

			seen = 0;
			if (give(l, len, nl != NULL, ret, ret_len))
				return 1;
			continue;
		}
		if (l->is_end)
			return 0;
		seen = have;
		r = fill(l);
		if (r < 0)
			return r;
	}
}
