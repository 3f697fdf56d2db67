// SPDX-License-Identifier: GPL-3.0-or-later
#define PCRE2_CODE_UNIT_WIDTH 8
#include "user/trail/static_patterns.h"

#include <pcre2.h>

#include "user/base/strbuf.h"
#include "user/trail/static_hash.h"

enum {
	MATCH_LIMIT = 20000, /* steps of one match: an expression that wants more does not match */
	ALL_MAX = 256, /* expressions compiled together */
};

struct pattern {
	char *text;
	pcre2_code *code; /* NULL: not yet asked */
	uint32_t group, line;
};

struct answer {
	uint64_t hash;
	int32_t index; /* -1: none */
};

struct sw_patterns {
	struct pattern *rows;
	size_t n;
	pcre2_code *all; /* NULL: too many, or not to be had together */
	bool is_restored; /* to be compiled when first asked */
	pcre2_match_data *data;
	pcre2_match_context *context;
	struct answer *cache;
};

int sw_patterns_new(struct sw_patterns **ret)
{
	struct sw_patterns *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->data = pcre2_match_data_create(1, NULL);
	p->context = pcre2_match_context_create(NULL);
	p->cache = calloc(SW_PATTERN_CACHE, sizeof(*p->cache));
	if (!p->data || !p->context || !p->cache) {
		sw_patterns_free(p);
		return -ENOMEM;
	}
	pcre2_set_match_limit(p->context, MATCH_LIMIT);
	*ret = p;
	return 0;
}

void sw_patterns_free(struct sw_patterns *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		pcre2_code_free(p->rows[i].code);
		free(p->rows[i].text);
	}
	pcre2_code_free(p->all);
	pcre2_match_data_free(p->data);
	pcre2_match_context_free(p->context);
	free(p->cache);
	free(p->rows);
	free(p);
}

static pcre2_code *compile(const char *text, size_t len)
{
	PCRE2_SIZE offset;
	int error;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, len,
		PCRE2_CASELESS | PCRE2_NO_AUTO_CAPTURE, &error, &offset, NULL);

	if (code) /* where the JIT may not be had the interpreter matches */
		pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	return code;
}

/* Takes code over, whatever comes of it. */
static int add(struct sw_patterns *p, const char *text, size_t len, pcre2_code *code,
	uint32_t group, uint32_t line)
{
	struct pattern *rows = reallocarray(p->rows, p->n + 1, sizeof(*rows));

	if (rows)
		p->rows = rows;
	if (!rows || !(rows[p->n].text = strndup(text, len))) {
		pcre2_code_free(code);
		return -ENOMEM;
	}
	rows[p->n].code = code;
	rows[p->n].group = group;
	rows[p->n++].line = line;
	return 0;
}

int sw_patterns_add(
	struct sw_patterns *p, const char *text, size_t len, uint32_t group, uint32_t line)
{
	pcre2_code *code;

	if (p->n == SW_PATTERNS_MAX)
		return -ENOSPC;
	code = compile(text, len);
	return code ? add(p, text, len, code, group, line) : -EINVAL;
}

int sw_patterns_restore(
	struct sw_patterns *p, const char *text, size_t len, uint32_t group, uint32_t line)
{
	p->is_restored = true;
	return p->n == SW_PATTERNS_MAX ? -ENOSPC : add(p, text, len, NULL, group, line);
}

void sw_patterns_each(const struct sw_patterns *p,
	void (*fn)(void *arg, const char *text, uint32_t group, uint32_t line), void *arg)
{
	for (size_t i = 0; i < p->n; i++)
		fn(arg, p->rows[i].text, p->rows[i].group, p->rows[i].line);
}

int sw_patterns_seal(struct sw_patterns *p)
{
	_strbuf_ struct sw_strbuf all = {};

	if (p->n < 2 || p->n > ALL_MAX)
		return 0;
	for (size_t i = 0; i < p->n; i++) {
		sw_strbuf_puts(&all, i ? "|(?:" : "(?:");
		sw_strbuf_puts(&all, p->rows[i].text);
		sw_strbuf_puts(&all, ")");
	}
	if (all.is_failed)
		return -ENOMEM;
	p->all = compile(all.text, all.len);
	return 0;
}

static bool matches(struct sw_patterns *p, const pcre2_code *code, const char *text, size_t len)
{
	return pcre2_match(code, (PCRE2_SPTR)text, len, 0, 0, p->data, p->context) >= 0;
}

static int32_t find(struct sw_patterns *p, const char *text, size_t len)
{
	if (p->is_restored) {
		sw_patterns_seal(p);
		p->is_restored = false;
	}
	if (p->all &&
		pcre2_match(p->all, (PCRE2_SPTR)text, len, 0, 0, p->data, p->context) ==
			PCRE2_ERROR_NOMATCH)
		return -1;
	for (size_t i = p->n; i-- > 0;) { /* the last wins */
		if (!p->rows[i].code)
			p->rows[i].code = compile(p->rows[i].text, strlen(p->rows[i].text));
		if (p->rows[i].code && matches(p, p->rows[i].code, text, len))
			return (int32_t)i;
	}
	return -1;
}

bool sw_patterns_match(
	struct sw_patterns *p, const char *text, size_t len, struct sw_static_hit *ret)
{
	uint64_t hash;
	struct answer *a;

	if (!p->n || !len)
		return false;
	hash = sw_hash_bytes(1, text, len) | 1;
	a = &p->cache[hash >> 8 & (SW_PATTERN_CACHE - 1)];
	if (a->hash != hash)
		*a = (struct answer){hash, find(p, text, len)};
	if (a->index < 0)
		return false;
	ret->group = p->rows[a->index].group;
	ret->line = p->rows[a->index].line;
	ret->pattern = p->rows[a->index].text;
	return true;
}

size_t sw_patterns_count(const struct sw_patterns *p)
{
	return p->n;
}
