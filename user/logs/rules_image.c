// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/rules_image.h"

/* ---- reading */

static uint32_t crc_of(const void *image, size_t size)
{
	const size_t at = offsetof(struct sw_rules_head, crc), after = at + sizeof(__u32);
	const uint32_t zero = 0;
	uint32_t crc = sw_crc32(0, image, at);

	crc = sw_crc32(crc, &zero, sizeof(zero));
	return sw_crc32(crc, (const char *)image + after, size - after);
}

/* Takes an array of n elements off the image; false when they do not fit. */
static bool take(const char **at, const char *end, size_t n, size_t each, const void *ret)
{
	if (n > (size_t)(end - *at) / each)
		return false;
	memcpy((void *)ret, at, sizeof(*at));
	*at += n * each;
	return true;
}

/* Structs with 64-bit members come first: each array begins where its elements may stand. */
static bool cut(struct sw_rules_view *v, const char *image, size_t size)
{
	const struct sw_rules_head *h = v->head;
	const char *at = image + sizeof(*h), *end = image + size;

	return take(&at, end, h->n_rules, sizeof(*v->rules), &v->rules) &&
		take(&at, end, h->n_sources, sizeof(*v->sources), &v->sources) &&
		take(&at, end, h->n_texts, sizeof(*v->texts), &v->texts) &&
		take(&at, end, h->n_nets, sizeof(*v->nets), &v->nets) &&
		take(&at, end, h->n_numbers, sizeof(*v->numbers), &v->numbers) &&
		take(&at, end, h->n_whens, sizeof(*v->whens), &v->whens) &&
		take(&at, end, h->pool_bytes, 1, &v->pool) && at == end && h->pool_bytes &&
		!v->pool[0] && !v->pool[h->pool_bytes - 1];
}

static bool is_part(struct sw_rules_part p, __u32 n)
{
	return p.first <= n && p.n <= n - p.first;
}

static bool is_text(const struct sw_rules_view *v, struct sw_rules_text t)
{
	__u32 size = v->head->pool_bytes;

	return t.at < size && t.len < size - t.at && !v->pool[t.at + t.len] &&
		!memchr(v->pool + t.at, 0, t.len);
}

static bool are_below(const struct sw_rules_view *v, struct sw_rules_part p, __u32 limit)
{
	if (!is_part(p, v->head->n_numbers))
		return false;
	for (__u32 i = 0; i < p.n; i++)
		if (v->numbers[p.first + i] >= limit)
			return false;
	return true;
}

static bool is_source(const struct sw_rules_view *v, const struct sw_rules_source *s)
{
	return s->kind <= SW_LOG_STDIN && is_text(v, s->name) && is_text(v, s->path) &&
		(s->kind != SW_LOG_FILE || sw_rules_text(v, s->path)[0] == '/') &&
		is_part(s->matches, v->head->n_texts) &&
		are_below(v, s->unless, v->head->n_sources);
}

static bool is_rule(const struct sw_rules_view *v, const struct sw_rules_rule *r)
{
	const struct sw_rules_head *h = v->head;

	return is_text(v, r->name) && r->name.len && r->name.len < SW_RULES_NAME_MAX &&
		is_text(v, r->about) && is_text(v, r->origin) && is_text(v, r->exec) &&
		is_text(v, r->prefix) && is_part(r->match, h->n_texts) && r->match.n &&
		is_part(r->except, h->n_texts) && is_part(r->dates, h->n_texts) &&
		is_part(r->success, h->n_texts) &&
		are_below(v, r->sources, h->n_sources) && is_part(r->ignore, h->n_nets) &&
		is_part(r->multipliers, h->n_numbers) && is_part(r->when, h->n_whens) &&
		r->state <= SW_RULE_OFF && r->severity <= 4 && r->action <= SW_LOG_BAN &&
		r->track <= SW_TRACK_RULE && r->count && r->max_lines;
}

static bool are_elements_sound(const struct sw_rules_view *v)
{
	for (__u32 i = 0; i < v->head->n_texts; i++)
		if (!is_text(v, v->texts[i]))
			return false;
	for (__u32 i = 0; i < v->head->n_nets; i++)
		if (!(v->nets[i].family == SW_AF_IP4 && v->nets[i].plen <= 32) &&
			!(v->nets[i].family == SW_AF_IP6 && v->nets[i].plen <= 128))
			return false;
	for (__u32 i = 0; i < v->head->n_whens; i++)
		if (v->whens[i].first_min >= 1440 || v->whens[i].last_min >= 1440)
			return false;
	for (__u32 i = 0; i < v->head->n_sources; i++)
		if (!is_source(v, &v->sources[i]))
			return false;
	for (__u32 i = 0; i < v->head->n_rules; i++)
		if (!is_rule(v, &v->rules[i]))
			return false;
	return true;
}

static const char *what_is_wrong(struct sw_rules_view *v, const void *image, size_t size)
{
	const struct sw_rules_head *h = image;

	if (size < sizeof(*h) || size > SW_RULES_SIZE_MAX)
		return "wrong size";
	if (h->magic != SW_RULES_MAGIC)
		return "not an image of rules";
	if (h->version != SW_RULES_VERSION)
		return "made by another version of sockwarden-config";
	if (h->size != size)
		return "wrong size";
	if (h->crc != crc_of(image, size))
		return "wrong checksum";
	if (h->n_rules > SW_RULES_MAX || h->n_sources > SW_RULES_SOURCES_MAX)
		return "a list is longer than its limit";
	v->head = h;
	if (!cut(v, image, size))
		return "wrong counts";
	return are_elements_sound(v) ? NULL : "a value out of its range";
}

int sw_rules_view_open(
	struct sw_rules_view *ret, const void *image, size_t size, const char **ret_why)
{
	struct sw_rules_view v = {};
	const char *why = what_is_wrong(&v, image, size);

	if (why) {
		*ret_why = why;
		return -EBADMSG;
	}
	*ret = v;
	return 0;
}

/* ---- writing */

#define COUNT(buf, type) ((__u32)((buf).len / sizeof(type)))

void sw_rules_writer_init(struct sw_rules_writer *w)
{
	*w = (struct sw_rules_writer){};
	sw_strbuf_putc(&w->pool, 0);
}

void sw_rules_writer_done(struct sw_rules_writer *w)
{
	struct sw_strbuf *all[] = {
		&w->sources, &w->rules, &w->texts, &w->nets, &w->numbers, &w->whens, &w->pool};

	for (size_t i = 0; i < SW_ARRAY_SIZE(all); i++)
		sw_strbuf_done(all[i]);
}

struct sw_rules_text sw_rules_put_text(struct sw_rules_writer *w, const char *text)
{
	struct sw_rules_text t = {.at = (__u32)w->pool.len};

	if (!text || !*text)
		return (struct sw_rules_text){};
	t.len = (__u32)strlen(text);
	sw_strbuf_add(&w->pool, text, t.len + 1);
	return t;
}

struct sw_rules_part sw_rules_put_texts(struct sw_rules_writer *w, char *const *texts, size_t n)
{
	struct sw_rules_part part = {COUNT(w->texts, struct sw_rules_text), (__u32)n};

	for (size_t i = 0; i < n; i++) {
		struct sw_rules_text t = sw_rules_put_text(w, texts[i]);

		sw_strbuf_add(&w->texts, &t, sizeof(t));
	}
	return part;
}

struct sw_rules_part sw_rules_put_numbers(struct sw_rules_writer *w, const __u32 *numbers, size_t n)
{
	struct sw_rules_part part = {COUNT(w->numbers, __u32), (__u32)n};

	if (n)
		sw_strbuf_add(&w->numbers, numbers, n * sizeof(*numbers));
	return part;
}

struct sw_rules_part sw_rules_put_nets(
	struct sw_rules_writer *w, const struct sw_net *nets, size_t n)
{
	struct sw_rules_part part = {COUNT(w->nets, struct sw_net), (__u32)n};

	if (n)
		sw_strbuf_add(&w->nets, nets, n * sizeof(*nets));
	return part;
}

struct sw_rules_part sw_rules_put_whens(
	struct sw_rules_writer *w, const struct sw_rules_when *whens, size_t n)
{
	struct sw_rules_part part = {COUNT(w->whens, struct sw_rules_when), (__u32)n};

	if (n)
		sw_strbuf_add(&w->whens, whens, n * sizeof(*whens));
	return part;
}

const char *sw_rules_writer_text(const struct sw_rules_writer *w, struct sw_rules_text t)
{
	return t.at < w->pool.len ? w->pool.text + t.at : "";
}

static struct sw_rules_source *source_at(struct sw_rules_writer *w, __u32 i)
{
	return (struct sw_rules_source *)(void *)w->sources.text + i;
}

static int add_source(struct sw_rules_writer *w, const struct sw_rules_source *s)
{
	__u32 n = COUNT(w->sources, *s);

	if (n >= SW_RULES_SOURCES_MAX)
		return -ENOSPC;
	sw_strbuf_add(&w->sources, s, sizeof(*s));
	return (int)n;
}

int sw_rules_put_file(struct sw_rules_writer *w, const char *path)
{
	struct sw_rules_source s = {.kind = SW_LOG_FILE};

	for (__u32 i = 0; i < COUNT(w->sources, s); i++)
		if (source_at(w, i)->kind == SW_LOG_FILE &&
			sw_streq(sw_rules_writer_text(w, source_at(w, i)->path), path))
			return (int)i;
	s.name = s.path = sw_rules_put_text(w, path);
	return add_source(w, &s);
}

/* The same journal with the same matches, in place of the same files. */
static bool is_same_journal(struct sw_rules_writer *w, const struct sw_rules_source *s,
	const char *name, const __u32 *unless, size_t n_unless)
{
	const __u32 *numbers = (const void *)w->numbers.text;

	return s->kind == SW_LOG_JOURNAL && sw_streq(sw_rules_writer_text(w, s->name), name) &&
		s->unless.n == n_unless &&
		(!n_unless ||
			!memcmp(numbers + s->unless.first, unless, n_unless * sizeof(*unless)));
}

int sw_rules_put_journal(struct sw_rules_writer *w, char *const *matches, size_t n,
	const __u32 *unless, size_t n_unless)
{
	struct sw_rules_source s = {.kind = SW_LOG_JOURNAL};
	_strbuf_ struct sw_strbuf name = {};

	sw_strbuf_puts(&name, "journal");
	for (size_t i = 0; i < n; i++)
		sw_strbuf_printf(&name, "%s%s", i ? " + " : " ", matches[i]);
	for (__u32 i = 0; i < COUNT(w->sources, s); i++)
		if (is_same_journal(w, source_at(w, i), sw_strbuf_get(&name), unless, n_unless))
			return (int)i;
	s.name = sw_rules_put_text(w, sw_strbuf_get(&name));
	s.matches = sw_rules_put_texts(w, matches, n);
	s.unless = sw_rules_put_numbers(w, unless, n_unless);
	return add_source(w, &s);
}

size_t sw_rules_count(const struct sw_rules_writer *w)
{
	return COUNT(w->rules, struct sw_rules_rule);
}

struct sw_rules_rule *sw_rules_at(struct sw_rules_writer *w, size_t i)
{
	return (struct sw_rules_rule *)(void *)w->rules.text + i;
}

struct sw_rules_rule *sw_rules_find(struct sw_rules_writer *w, const char *name)
{
	for (size_t i = 0; i < sw_rules_count(w); i++)
		if (sw_streq(sw_rules_writer_text(w, sw_rules_at(w, i)->name), name))
			return sw_rules_at(w, i);
	return NULL;
}

int sw_rules_put_rule(struct sw_rules_writer *w, const struct sw_rules_rule *r)
{
	struct sw_rules_rule *old = sw_rules_find(w, sw_rules_writer_text(w, r->name));

	if (old) {
		*old = *r;
		return 0;
	}
	if (sw_rules_count(w) >= SW_RULES_MAX)
		return -ENOSPC;
	sw_strbuf_add(&w->rules, r, sizeof(*r));
	return 0;
}

int sw_rules_finish(struct sw_rules_writer *w, void **ret, size_t *ret_size)
{
	struct sw_rules_head head = {
		.magic = SW_RULES_MAGIC,
		.version = SW_RULES_VERSION,
		.n_sources = COUNT(w->sources, struct sw_rules_source),
		.n_rules = COUNT(w->rules, struct sw_rules_rule),
		.n_texts = COUNT(w->texts, struct sw_rules_text),
		.n_nets = COUNT(w->nets, struct sw_net),
		.n_numbers = COUNT(w->numbers, __u32),
		.n_whens = COUNT(w->whens, struct sw_rules_when),
		.pool_bytes = (__u32)w->pool.len,
		.n_left_out = w->n_left_out,
	};
	const struct sw_strbuf *all[] = {
		&w->rules, &w->sources, &w->texts, &w->nets, &w->numbers, &w->whens, &w->pool};
	_strbuf_ struct sw_strbuf image = {};
	struct sw_rules_head *h;

	sw_strbuf_add(&image, &head, sizeof(head));
	for (size_t i = 0; i < SW_ARRAY_SIZE(all); i++) {
		image.is_failed |= all[i]->is_failed;
		if (all[i]->len)
			sw_strbuf_add(&image, all[i]->text, all[i]->len);
	}
	if (image.is_failed)
		return -ENOMEM;
	if (image.len > SW_RULES_SIZE_MAX)
		return -EFBIG;
	h = (struct sw_rules_head *)(void *)image.text;
	h->size = (__u32)image.len;
	h->crc = crc_of(image.text, image.len);
	*ret_size = image.len;
	*ret = TAKE_PTR(image.text);
	return 0;
}
