// SPDX-License-Identifier: GPL-3.0-or-later
#define PCRE2_CODE_UNIT_WIDTH 8
#include "user/logs/regex.h"

#include <ctype.h>
#include <pcre2.h>

#include "user/logs/recall.h"

struct sw_regex_pool {
	pcre2_compile_context *compile;
	pcre2_match_context *match;
	pcre2_jit_stack *stack;
};

/* One form of an expression. Of the expressions of all logs few are ever tried: the others cost no time and memory. */
struct program {
	pcre2_code *code;
	bool is_tried, has_jit;
};

struct sw_regex {
	struct program bytes; /* for lines of ASCII, and of what is no UTF-8 */
	struct program chars; /* for the others, where \w is a letter of any script; made when one comes */
	struct sw_regex_pool *pool;
	char *text;
	uint32_t options;
	bool is_bytes_only; /* it does not compile as UTF-8 */
	pcre2_match_data *data;
	PCRE2_SIZE *offsets; /* of the groups, in data */
	struct sw_recall *recall; /* NULL: nothing is kept */
	const char *subject; /* of the last match, borrowed until the next */
	const char *names;
	uint32_t n_names, name_size;
	uint32_t n_groups;
};

int sw_regex_pool_new(struct sw_regex_pool **ret)
{
	struct sw_regex_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->compile = pcre2_compile_context_create(NULL);
	p->match = pcre2_match_context_create(NULL);
	p->stack = pcre2_jit_stack_create(32 * 1024, SW_REGEX_STACK_BYTES, NULL);
	if (!p->compile || !p->match || !p->stack) {
		sw_regex_pool_free(p);
		return -ENOMEM;
	}
	pcre2_set_newline(p->compile, PCRE2_NEWLINE_LF);
	pcre2_set_max_pattern_length(p->compile, SW_REGEX_PATTERN_MAX);
	pcre2_set_match_limit(p->match, SW_REGEX_MATCH_LIMIT);
	pcre2_set_heap_limit(p->match, SW_REGEX_HEAP_KIB);
	pcre2_jit_stack_assign(p->match, NULL, p->stack);
	*ret = p;
	return 0;
}

void sw_regex_pool_free(struct sw_regex_pool *p)
{
	if (!p)
		return;
	pcre2_compile_context_free(p->compile);
	pcre2_match_context_free(p->match);
	pcre2_jit_stack_free(p->stack);
	free(p);
}

/* "(?flags)" at p: the letters PCRE2 takes, into out (8 bytes); its length, 0 when it is none. */
static size_t read_flags(const char *p, char *out)
{
	size_t n = 2, kept = 0;

	if (p[0] != '(' || p[1] != '?')
		return 0;
	for (; isalpha((unsigned char)p[n]); n++) {
		if (strchr("imsx", p[n]) && kept < 7)
			out[kept++] = p[n];
		else if (!strchr("uaL", p[n]))
			return 0;
	}
	out[kept] = 0;
	return p[n] == ')' && n > 2 ? n + 1 : 0;
}

/* A class from its '[': Python and PCRE2 agree on it, so it is copied. Its length. */
static size_t class_len(const char *p)
{
	size_t n = 1;

	if (p[n] == '^')
		n++;
	if (p[n] == ']')
		n++;
	while (p[n] && p[n] != ']')
		n += p[n] == '\\' && p[n + 1] ? 2 : 1;
	return p[n] ? n + 1 : n;
}

/* One construct of the pattern at p, rewritten; the bytes it took. */
static size_t rewrite_one(struct sw_strbuf *out, const char *p)
{
	char flags[8];
	size_t len, open = 0;

	if (p[0] == '\\' && p[1]) {
		sw_strbuf_add(out, p[1] == 'Z' ? "\\z" : p, 2);
		return 2;
	}
	if (p[0] == '[') {
		len = class_len(p);
		sw_strbuf_add(out, p, len);
		return len;
	}
	if (p[0] == '{' && p[1] == ',' && isdigit((unsigned char)p[2])) {
		sw_strbuf_puts(out, "{0,");
		return 2;
	}
	if (p[0] == '(' && p[1] == '(')
		open = 1;
	else if (strncmp(p, "(?:(?", 5) == 0)
		open = 3;
	len = read_flags(p + open, flags);
	if (!len) {
		sw_strbuf_putc(out, p[0]);
		return 1;
	}
	if (open)
		sw_strbuf_printf(out, "(?%s:", flags);
	else if (flags[0])
		sw_strbuf_printf(out, "(?%s)", flags);
	return open + len;
}

void sw_regex_rewrite(struct sw_strbuf *out, const char *pattern)
{
	while (*pattern)
		pattern += rewrite_one(out, pattern);
}

static pcre2_code *compile(const struct sw_regex *re, uint32_t options, char err[static SW_REGEX_ERR_MAX])
{
	unsigned char why[120];
	pcre2_code *code;
	PCRE2_SIZE at;
	int r;

	code = pcre2_compile((PCRE2_SPTR)re->text, PCRE2_ZERO_TERMINATED, re->options | options, &r, &at,
		re->pool->compile);
	if (code)
		return code;
	if (pcre2_get_error_message(r, why, sizeof(why)) < 0)
		why[0] = 0;
	snprintf(err, SW_REGEX_ERR_MAX, "%s at '%.40s'", (const char *)why, re->text + SW_MIN(at, strlen(re->text)));
	return NULL;
}

int sw_regex_new(struct sw_regex **ret, struct sw_regex_pool *pool, const char *pattern,
	unsigned int flags, char err[static SW_REGEX_ERR_MAX])
{
	_cleanup_(sw_regex_freep) struct sw_regex *re = NULL;
	_strbuf_ struct sw_strbuf text = {};
	uint32_t count = 0;
	PCRE2_SPTR names = NULL;

	err[0] = 0;
	re = calloc(1, sizeof(*re));
	if (!re)
		return -ENOMEM;
	sw_regex_rewrite(&text, pattern);
	re->pool = pool;
	re->options = PCRE2_NEVER_BACKSLASH_C | (flags & SW_REGEX_MULTILINE ? PCRE2_MULTILINE : 0);
	re->text = strdup(sw_strbuf_get(&text));
	if (text.is_failed || !re->text)
		return -ENOMEM;
	re->bytes.code = compile(re, PCRE2_NEVER_UTF, err);
	if (!re->bytes.code)
		return -EINVAL;
	re->data = pcre2_match_data_create_from_pattern(re->bytes.code, NULL);
	if (!re->data)
		return -ENOMEM;
	re->offsets = pcre2_get_ovector_pointer(re->data);
	pcre2_pattern_info(re->bytes.code, PCRE2_INFO_NAMECOUNT, &re->n_names);
	pcre2_pattern_info(re->bytes.code, PCRE2_INFO_NAMEENTRYSIZE, &re->name_size);
	pcre2_pattern_info(re->bytes.code, PCRE2_INFO_NAMETABLE, &names);
	pcre2_pattern_info(re->bytes.code, PCRE2_INFO_CAPTURECOUNT, &count);
	re->names = (const char *)names;
	re->n_groups = count + 1;
	if (flags & SW_REGEX_RECALL && re->n_groups <= SW_RECALL_GROUPS_MAX) {
		re->recall = sw_recall_new(re->text, re->n_groups);
		if (!re->recall)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(re);
	return 0;
}

void sw_regex_free(struct sw_regex *re)
{
	if (!re)
		return;
	sw_recall_free(re->recall);
	pcre2_match_data_free(re->data);
	pcre2_code_free(re->bytes.code);
	pcre2_code_free(re->chars.code);
	free(re->text);
	free(re);
}

void sw_regex_freep(struct sw_regex **re)
{
	sw_regex_free(*re);
}

/* Eight bytes at a time: it is asked of every text that is tried. */
static bool is_ascii(const char *text, size_t len)
{
	uint64_t any = 0, word;

	for (; len >= sizeof(word); text += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, text, sizeof(word));
		any |= word;
	}
	for (; len; text++, len--)
		any |= (unsigned char)*text;
	return !(any & 0x8080808080808080ull);
}

static bool is_utf8(const char *text, size_t len)
{
	for (size_t n; len; text += n, len -= n) {
		n = sw_utf8_len(text, len);
		if (!n)
			return false;
	}
	return true;
}

/* As Python's re has it: characters where the line is UTF-8, else bytes, of which only ASCII's are letters. */
static struct program *program_for(struct sw_regex *re, const char *subject, size_t len)
{
	char why[SW_REGEX_ERR_MAX];

	if (is_ascii(subject, len) || re->is_bytes_only || !is_utf8(subject, len))
		return &re->bytes;
	if (!re->chars.code)
		re->chars.code = compile(re, PCRE2_UTF | PCRE2_UCP, why);
	re->is_bytes_only = !re->chars.code;
	return re->chars.code ? &re->chars : &re->bytes;
}

static int match(struct sw_regex *re, const char *subject, size_t len)
{
	struct program *p = program_for(re, subject, len);
	int r = PCRE2_ERROR_JIT_STACKLIMIT;

	if (!p->is_tried) {
		p->is_tried = true;
		p->has_jit = pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE) == 0;
	}
	if (p->has_jit)
		r = pcre2_jit_match(p->code, (PCRE2_SPTR)subject, len, 0, 0, re->data, re->pool->match);
	/* The machine's stack was too small for this line: the interpreter keeps its own on the bounded heap. */
	if (r == PCRE2_ERROR_JIT_STACKLIMIT)
		r = pcre2_match(p->code, (PCRE2_SPTR)subject, len, 0, PCRE2_NO_JIT | PCRE2_NO_UTF_CHECK, re->data,
			re->pool->match);
	if (r == PCRE2_ERROR_NOMATCH)
		return 0;
	if (r < 0)
		return -ELOOP;
	re->subject = subject;
	return 1;
}

/*
 * How many of the first bytes decide: a text cut behind them, of which more might come, must do for a whole match.
 * PCRE2 says so by not saying "partial", which it does as soon as it looks at the end. Source: pcre2partial(3).
 */
static void learn(struct sw_regex *re, const char *subject, size_t len)
{
	/* not kept: the interpreter leaves 20 KB in it */
	pcre2_match_data *probe = pcre2_match_data_create_from_pattern(re->bytes.code, NULL);
	size_t end = 0, size = 2 * re->n_groups * sizeof(*re->offsets);
	int r = probe ? PCRE2_ERROR_PARTIAL : PCRE2_ERROR_NOMEMORY;

	for (uint32_t i = 0; i < 2 * re->n_groups; i++)
		if (re->offsets[i] != PCRE2_UNSET)
			end = SW_MAX(end, re->offsets[i]);
	for (size_t step = 1; r == PCRE2_ERROR_PARTIAL; step *= 2) {
		end += step;
		if (end > SW_MIN(len, (size_t)SW_RECALL_TEXT_MAX))
			break;
		r = pcre2_match(re->bytes.code, (PCRE2_SPTR)subject, end, 0,
			PCRE2_NO_JIT | PCRE2_PARTIAL_HARD, probe, re->pool->match);
	}
	/* Of ASCII alone, which both forms of the expression read alike. */
	if (r > 0 && is_ascii(subject, end) &&
		memcmp(pcre2_get_ovector_pointer(probe), re->offsets, size) == 0)
		sw_recall_learn(re->recall, subject, end, re->offsets);
	pcre2_match_data_free(probe);
}

int sw_regex_match(struct sw_regex *re, const char *subject, size_t len)
{
	int r;

	if (re->recall && sw_recall_find(re->recall, subject, len, re->offsets)) {
		re->subject = subject;
		return 1;
	}
	r = match(re, subject, len);
	if (r == 1 && re->recall && sw_recall_wants(re->recall))
		learn(re, subject, len);
	return r;
}

void sw_regex_plainly(struct sw_regex *re)
{
	sw_recall_free(TAKE_PTR(re->recall));
}

int sw_regex_group(const struct sw_regex *re, const char *name)
{
	int group;

	for (unsigned int i = 0; i < re->n_names; i++)
		if (sw_streq(sw_regex_name(re, i, &group), name))
			return group;
	return -1;
}

const char *sw_regex_name(const struct sw_regex *re, unsigned int i, int *ret)
{
	const unsigned char *row;

	if (i >= re->n_names)
		return NULL;
	row = (const unsigned char *)re->names + (size_t)i * re->name_size;
	*ret = row[0] << 8 | row[1];
	return (const char *)row + 2;
}

struct sw_span sw_regex_span(const struct sw_regex *re, int group)
{
	const PCRE2_SIZE *v = re->offsets;

	if (group < 0 || (uint32_t)group >= re->n_groups || v[2 * group] == PCRE2_UNSET)
		return (struct sw_span){};
	return (struct sw_span){re->subject + v[2 * group], v[2 * group + 1] - v[2 * group]};
}

void sw_regex_take(const struct sw_regex *re, const struct sw_regex_take *takes, size_t n, struct sw_span *ret)
{
	for (size_t i = 0; i < n; i++)
		ret[takes[i].place] = sw_regex_span(re, takes[i].group);
}
