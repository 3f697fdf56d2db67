// SPDX-License-Identifier: GPL-3.0-or-later
/* A sealed set as a file: as it is in memory, to be mapped at the next start. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "user/trail/static_hash.h"
#include "user/trail/static_private.h"

enum { IMAGE_MAGIC = 0x73777363 /* "swsc" */, IMAGE_VERSION = 2 };

struct image_head {
	uint32_t magic, version;
	uint64_t size, sum; /* of the file; of all behind this field */
	uint64_t key;
	uint64_t n_slots, n_words, n_more, n_groups, n_strings, n_patterns;
	struct sw_static_stats stats;
	uint64_t near4[1024];
	uint8_t plens[2][SW_STATIC_PLENS], n_plens[2];
	uint8_t pad[4];
};

/* An expression in the file; its text follows, NUL-ended and padded to 8 bytes. */
struct image_pattern {
	uint32_t kind, group, line, len;
};

static uint64_t image_sum(const void *image, size_t len)
{
	enum { FROM = offsetof(struct image_head, sum) + sizeof(uint64_t) };

	return sw_hash_bytes(IMAGE_VERSION, (const char *)image + FROM, len - FROM);
}

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

struct pattern_writer {
	struct sw_strbuf *out;
	enum sw_static_kind kind;
	uint64_t n;
};

static void write_pattern(void *arg, const char *text, uint32_t group, uint32_t line)
{
	static const char zeros[8];
	struct pattern_writer *w = arg;
	const struct image_pattern p = {w->kind, group, line, (uint32_t)strlen(text)};

	sw_strbuf_add(w->out, &p, sizeof(p));
	sw_strbuf_add(w->out, text, p.len + 1);
	sw_strbuf_add(w->out, zeros, padded(p.len + 1) - (p.len + 1));
	w->n++;
}

int sw_static_save(const struct sw_static *s, uint64_t key, int dirfd, const char *name)
{
	struct image_head h = {.magic = IMAGE_MAGIC, .version = IMAGE_VERSION, .key = key};
	static const char zeros[8];
	_strbuf_ struct sw_strbuf out = {};
	struct pattern_writer w = {.out = &out};

	h.n_slots = s->n_slots;
	h.n_words = s->filter_mask + 1;
	h.n_more = s->n_more;
	h.n_groups = s->n_groups;
	h.n_strings = s->strings.len;
	h.stats = s->stats;
	memcpy(h.near4, s->near4, sizeof(h.near4));
	memcpy(h.plens, s->plens, sizeof(h.plens));
	h.n_plens[0] = (uint8_t)s->n_plens[0];
	h.n_plens[1] = (uint8_t)s->n_plens[1];
	sw_strbuf_add(&out, &h, sizeof(h));
	sw_strbuf_add(&out, s->slots, s->n_slots * sizeof(*s->slots));
	sw_strbuf_add(&out, s->filter, h.n_words * sizeof(*s->filter));
	if (s->n_more)
		sw_strbuf_add(&out, s->more, s->n_more * sizeof(*s->more));
	sw_strbuf_add(&out, s->groups, s->n_groups * sizeof(*s->groups));
	sw_strbuf_add(&out, s->strings.text, s->strings.len);
	sw_strbuf_add(&out, zeros, padded(s->strings.len) - s->strings.len);
	w.kind = SW_STATIC_AGENT;
	sw_patterns_each(s->agents, write_pattern, &w);
	w.kind = SW_STATIC_REGEX;
	sw_patterns_each(s->regexes, write_pattern, &w);
	if (out.is_failed)
		return -ENOMEM;
	h.n_patterns = w.n;
	h.size = out.len;
	memcpy(out.text, &h, sizeof(h));
	h.sum = image_sum(out.text, out.len);
	memcpy(out.text, &h, sizeof(h));
	return sw_write_file_atomic(dirfd, name, out.text, out.len, 0640);
}

/* Takes n elements of size off the rest of the file; NULL when they are not there. */
static void *take_part(char **at, const char *end, uint64_t n, size_t size)
{
	char *part = *at;

	if (n > (uint64_t)(end - part) / size || padded(n * size) > (uint64_t)(end - part))
		return NULL;
	*at += padded(n * size);
	return part;
}

static int take_patterns(struct sw_static *s, char *at, const char *end, uint64_t n)
{
	for (; n; n--) {
		const struct image_pattern *p = take_part(&at, end, 1, sizeof(*p));
		const char *text = p ? take_part(&at, end, p->len + 1ull, 1) : NULL;
		int r;

		if (!text || text[p->len] || p->group >= s->n_groups)
			return -EBADMSG;
		r = sw_patterns_restore(p->kind == SW_STATIC_AGENT ? s->agents : s->regexes, text,
			p->len, p->group, p->line);
		if (r < 0)
			return r;
	}
	return at == end ? 0 : -EBADMSG;
}

/* The sum says that the file is as it was written; the rest that it was written by this version. */
static int take_image(struct sw_static *s, uint64_t key)
{
	const struct image_head *h = s->map;
	char *at = (char *)(s->map) + sizeof(*h);
	const char *end = (const char *)s->map + s->map_len;

	if (s->map_len < sizeof(*h) || h->magic != IMAGE_MAGIC || h->version != IMAGE_VERSION ||
		h->size != s->map_len)
		return -EBADMSG;
	if (h->key != key)
		return -ESTALE;
	if (h->sum != image_sum(s->map, s->map_len) || !h->n_slots || !h->n_words ||
		(h->n_words & (h->n_words - 1)) || h->n_plens[0] > SW_STATIC_PLENS || h->n_plens[1] > SW_STATIC_PLENS)
		return -EBADMSG;
	s->slots = take_part(&at, end, s->n_slots = h->n_slots, sizeof(*s->slots));
	s->filter = take_part(&at, end, h->n_words, sizeof(*s->filter));
	s->filter_mask = h->n_words - 1;
	s->more = take_part(&at, end, s->n_more = h->n_more, sizeof(*s->more));
	s->groups = take_part(&at, end, s->n_groups = h->n_groups, sizeof(*s->groups));
	s->strings.text = take_part(&at, end, s->strings.len = h->n_strings, 1);
	if (!s->slots || !s->filter || !s->more || !s->groups || !s->strings.text)
		return -EBADMSG;
	s->stats = h->stats;
	memcpy(s->near4, h->near4, sizeof(s->near4));
	memcpy(s->plens, h->plens, sizeof(s->plens));
	s->n_plens[0] = h->n_plens[0];
	s->n_plens[1] = h->n_plens[1];
	return take_patterns(s, at, end, h->n_patterns);
}

int sw_static_load(int dirfd, const char *name, uint64_t key, struct sw_static **ret)
{
	_cleanup_(sw_static_freep) struct sw_static *s = NULL;
	_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	void *map;
	int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : sw_static_new(&s);

	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return -EBADMSG;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	s->map = map;
	s->map_len = (size_t)st.st_size;
	r = take_image(s, key);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}
