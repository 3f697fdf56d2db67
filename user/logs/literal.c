// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/logs/literal.h"

#include <ctype.h>

enum { DEPTH_MAX = 48 };

/* One group that is open, or the whole. */
struct frame {
	struct sw_literals best; /* of the alternative that is read */
	struct sw_literals joined; /* of those before it, each of which may be the one */
	bool is_void; /* looks around or is conditional: says nothing of what is matched */
	bool is_failed; /* an alternative requires nothing */
	char run[SW_LITERAL_MAX];
	unsigned int run_len;
};

struct reader {
	struct frame frames[DEPTH_MAX];
	unsigned int depth; /* of the innermost open group */
	bool from_word, is_lost;
};

unsigned int sw_literal_rarity(char c)
{
	if (c == ' ')
		return 1;
	if (islower((unsigned char)c))
		return strchr("etaoinsr", c) ? 2 : 3;
	return isdigit((unsigned char)c) ? 2 : 4;
}

static unsigned int score_text(const char *text, unsigned int len)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < len; i++)
		sum += sw_literal_rarity(text[i]);
	return sum;
}

static unsigned int score(const struct sw_literals *l)
{
	unsigned int least = 0;

	for (unsigned int i = 0; i < l->n; i++) {
		unsigned int s = score_text(l->text[i], l->len[i]);

		least = i == 0 ? s : SW_MIN(least, s);
	}
	return least;
}

static void offer(struct frame *f, const struct sw_literals *l)
{
	if (l->n && score(l) > score(&f->best))
		f->best = *l;
}

static void end_run(struct reader *r, struct frame *f)
{
	struct sw_literals one = {.n = 1};
	unsigned int skip = 0;

	while (r->from_word && skip < f->run_len && !isalnum((unsigned char)f->run[skip]) &&
		f->run[skip] != '_')
		skip++;
	one.len[0] = (uint8_t)(f->run_len - skip);
	memcpy(one.text[0], f->run + skip, f->run_len - skip);
	f->run_len = 0;
	if (one.len[0] >= SW_LITERAL_MIN)
		offer(f, &one);
}

static void end_alternative(struct reader *r, struct frame *f)
{
	end_run(r, f);
	if (!f->best.n || f->joined.n + f->best.n > SW_LITERALS_MAX)
		f->is_failed = true;
	for (unsigned int i = 0; i < f->best.n && !f->is_failed; i++) {
		memcpy(f->joined.text[f->joined.n], f->best.text[i], SW_LITERAL_MAX);
		f->joined.len[f->joined.n++] = f->best.len[i];
	}
	f->best.n = 0;
}

/* The quantifier at p: its length, and whether what stands before it may be left out. */
static size_t read_quantifier(const char *p, bool *ret_optional, bool *ret_any)
{
	size_t n = 0;

	*ret_optional = false;
	if (*p == '*' || *p == '?') {
		*ret_optional = true;
		n = 1;
	} else if (*p == '+') {
		n = 1;
	} else if (*p == '{' && (isdigit((unsigned char)p[1]) || p[1] == ',')) {
		n = 1 + strspn(p + 1, "0123456789,");
		if (p[n] != '}')
			n = 0;
		else
			*ret_optional = strtoul(p + 1, NULL, 10) == 0, n++;
	}
	*ret_any = n > 0;
	if (n && (p[n] == '?' || p[n] == '+'))
		n++;
	return n;
}

static size_t put_char(struct reader *r, char c, const char *after)
{
	struct frame *f = &r->frames[r->depth];
	bool is_optional, is_quantified;
	size_t n = read_quantifier(after, &is_optional, &is_quantified);

	if (is_optional || f->run_len == SW_LITERAL_MAX)
		end_run(r, f);
	if (!is_optional)
		f->run[f->run_len++] = c;
	if (is_quantified)
		end_run(r, f);
	return n;
}

static size_t skip_class(const char *p)
{
	size_t n = 1;

	n += p[n] == '^';
	n += p[n] == ']';
	while (p[n] && p[n] != ']') {
		if (p[n] == '[' && p[n + 1] == ':' && strstr(p + n, ":]"))
			n = (size_t)(strstr(p + n, ":]") - p) + 2;
		else
			n += p[n] == '\\' && p[n + 1] ? 2 : 1;
	}
	return p[n] ? n + 1 : n;
}

/* Something that is no literal and no group, of n bytes; its quantifier too. */
static size_t skip_atom(struct reader *r, const char *p, size_t n)
{
	bool is_optional, is_quantified;

	end_run(r, &r->frames[r->depth]);
	return n + read_quantifier(p + n, &is_optional, &is_quantified);
}

/* What stands after '(': how long it is, and whether the group says anything. 0 in *ret_group: it is no group. */
static size_t read_open(struct reader *r, const char *p, bool *ret_group, bool *ret_void)
{
	size_t n;

	*ret_group = true;
	*ret_void = false;
	if (p[1] != '?')
		return 1;
	if (p[2] == 'P' && p[3] == '<')
		return strcspn(p, ">") + 1;
	if (p[2] == ':' || p[2] == '>' || p[2] == '|')
		return 3;
	if (p[2] == '<' && p[3] != '=' && p[3] != '!')
		return strcspn(p, ">") + 1;
	*ret_void = true;
	if (p[2] == '=' || p[2] == '!' || p[2] == '<')
		return p[2] == '<' ? 4 : 3;
	if (p[2] == '(')
		return strcspn(p, ")") + 1;
	*ret_group = false;
	if (p[2] == '#' || (p[2] == 'P' && p[3] == '='))
		return strcspn(p, ")") + 1;
	for (n = 2; isalpha((unsigned char)p[n]) || p[n] == '-'; n++)
		r->is_lost |= p[n] == 'x'; /* white space is none then */
	if (p[n] == ')')
		return n + 1;
	*ret_group = true;
	*ret_void = false;
	r->is_lost |= p[n] != ':';
	return n + 1;
}

static size_t open_group(struct reader *r, const char *p)
{
	bool is_group, is_void;
	size_t n = read_open(r, p, &is_group, &is_void);

	if (!is_group)
		return skip_atom(r, p, SW_MIN(n, strlen(p)));
	end_run(r, &r->frames[r->depth]);
	if (r->depth + 1 == DEPTH_MAX) {
		r->is_lost = true;
		return 1;
	}
	r->depth++;
	memset(&r->frames[r->depth], 0, sizeof(r->frames[0]));
	r->frames[r->depth].is_void = is_void;
	return SW_MIN(n, strlen(p));
}

static size_t close_group(struct reader *r, const char *p)
{
	struct frame *f = &r->frames[r->depth];
	bool is_optional, is_quantified;
	size_t n = 1 + read_quantifier(p + 1, &is_optional, &is_quantified);

	if (!r->depth) {
		r->is_lost = true;
		return 1;
	}
	end_alternative(r, f);
	r->depth--;
	if (!f->is_failed && !f->is_void && !is_optional)
		offer(&r->frames[r->depth], &f->joined);
	return n;
}

static size_t read_escape(struct reader *r, const char *p)
{
	size_t n = 2;

	if (!p[1]) {
		r->is_lost = true;
		return 1;
	}
	if (!isalnum((unsigned char)p[1]))
		return 2 + put_char(r, p[1], p + 2);
	while (isdigit((unsigned char)p[1]) && isdigit((unsigned char)p[n]))
		n++;
	if (!isdigit((unsigned char)p[1]) && !strchr("dDwWsSbBAZznrtfvaehHR", p[1]))
		r->is_lost = true; /* \x, \p, \Q and the like: what follows is not what it seems */
	return skip_atom(r, p, n);
}

static size_t read_one(struct reader *r, const char *p)
{
	switch (*p) {
	case '\\':
		return read_escape(r, p);
	case '[':
		return skip_atom(r, p, skip_class(p));
	case '(':
		return open_group(r, p);
	case ')':
		return close_group(r, p);
	case '|':
		end_alternative(r, &r->frames[r->depth]);
		return 1;
	case '.':
	case '^':
	case '$':
	case '*':
	case '+':
	case '?':
		return skip_atom(r, p, 1);
	default:
		return 1 + put_char(r, *p, p + 1);
	}
}

bool sw_literals_find(struct sw_literals *ret, const char *pattern, bool from_word)
{
	_free_ struct reader *r = calloc(1, sizeof(*r));

	if (!r)
		return false;
	r->from_word = from_word;
	while (*pattern && !r->is_lost)
		pattern += read_one(r, pattern);
	if (r->is_lost || r->depth)
		return false;
	end_alternative(r, &r->frames[0]);
	if (r->frames[0].is_failed)
		return false;
	*ret = r->frames[0].joined;
	return true;
}
