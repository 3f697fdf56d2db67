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

/* ---- how a text must begin */

struct head {
	char text[SW_HEADS_MAX][SW_HEAD_MAX];
	uint8_t len[SW_HEADS_MAX];
	unsigned int n;
	bool is_open; /* more may be known */
};

static const char *skip_one(const char *p);

/* From '(' to behind its ')'. */
static const char *skip_group(const char *p)
{
	p++;
	while (*p && *p != ')')
		p = skip_one(p);
	return *p ? p + 1 : p;
}

static const char *skip_one(const char *p)
{
	if (*p == '(')
		return skip_group(p);
	if (*p == '[')
		return p + skip_class(p);
	return p + (*p == '\\' && p[1] ? 2 : 1);
}

/* Each head goes on with each of the bytes. */
static void go_on(struct head *h, const char *bytes, size_t n)
{
	struct head all = {.is_open = true};

	if (h->n * n > SW_HEADS_MAX) {
		h->is_open = false;
		return;
	}
	for (unsigned int i = 0; i < h->n; i++)
		for (size_t k = 0; k < n; k++) {
			memcpy(all.text[all.n], h->text[i], SW_HEAD_MAX);
			all.len[all.n] = h->len[i];
			if (all.len[all.n] < SW_HEAD_MAX)
				all.text[all.n][all.len[all.n]++] = bytes[k];
			else
				all.is_open = false;
			all.n++;
		}
	*h = all;
}

/* The bytes of a class that lists some few plainly; 0: it does not. */
static size_t class_bytes(const char *p, size_t len, char *ret)
{
	if (len < 3 || len - 2 > SW_HEADS_MAX)
		return 0;
	for (size_t i = 0; i + 2 < len; i++) {
		ret[i] = p[1 + i];
		if (!isalnum((unsigned char)ret[i]))
			return 0;
	}
	return len - 2;
}

static void read_alternatives(struct head *h, const char *p, const char *end);

static void read_group(struct head *h, const char *p, const char *end)
{
	if (p[1] != '?' && p[1] != '*')
		read_alternatives(h, p + 1, end - 1);
	else if (strncmp(p, "(?:", 3) == 0)
		read_alternatives(h, p + 3, end - 1);
	else if (strncmp(p, "(?P<", 4) == 0)
		read_alternatives(h, p + strcspn(p, ">") + 1, end - 1);
	else
		h->is_open = false;
}

/* One atom from p to end, with no quantifier. */
static void read_atom(struct head *h, const char *p, const char *end)
{
	char bytes[SW_HEADS_MAX];
	size_t n;

	if (*p == '(') {
		read_group(h, p, end);
	} else if (*p == '[') {
		n = class_bytes(p, (size_t)(end - p), bytes);
		if (n)
			go_on(h, bytes, n);
		h->is_open &= n > 0;
	} else if (*p == '\\' && end - p == 2 && !isalnum((unsigned char)p[1])) {
		go_on(h, p + 1, 1);
	} else if (strchr("\\.^$*+?{", *p)) {
		h->is_open = false;
	} else {
		go_on(h, p, 1);
	}
}

static void read_sequence(struct head *h, const char *p, const char *end)
{
	while (p < end && h->is_open) {
		const char *next = skip_one(p);
		bool is_optional, is_quantified;
		size_t n = read_quantifier(next, &is_optional, &is_quantified);

		if (is_quantified)
			h->is_open = false;
		else
			read_atom(h, p, next);
		p = next + n;
	}
}

static const char *end_of_alternative(const char *p, const char *end)
{
	while (p < end && *p != '|')
		p = skip_one(p);
	return p;
}

static void read_alternatives(struct head *h, const char *p, const char *end)
{
	struct head all = {.is_open = true};

	for (;; p++) {
		const char *stop = end_of_alternative(p, end);
		struct head one = *h;

		read_sequence(&one, p, stop);
		if (all.n + one.n > SW_HEADS_MAX) {
			h->is_open = false;
			return;
		}
		memcpy(all.text[all.n], one.text, one.n * sizeof(one.text[0]));
		memcpy(all.len + all.n, one.len, one.n);
		all.n += one.n;
		all.is_open &= one.is_open;
		p = stop;
		if (p >= end)
			break;
	}
	*h = all;
}

/* Something that says how what follows is to be read, or goes into a group from elsewhere. */
static bool is_beyond(const char *pattern)
{
	for (const char *p = strstr(pattern, "(?"); p; p = strstr(p + 2, "(?"))
		if (!p[2] || (!strchr(":=!<>|(", p[2]) && strncmp(p + 2, "P<", 2) != 0 && strncmp(p + 2, "P=", 2) != 0))
			return true;
	return strstr(pattern, "(*") || strstr(pattern, "\\Q") || strstr(pattern, "\\g");
}

void sw_heads_find(struct sw_heads *ret, const char *pattern)
{
	const char *end = pattern + strlen(pattern);
	struct head h = {.n = 1, .is_open = true};

	*ret = (struct sw_heads){};
	if (*pattern != '^' || is_beyond(pattern) || end_of_alternative(pattern, end) != end)
		return;
	read_sequence(&h, pattern + 1, end);
	for (unsigned int i = 0; i < h.n; i++) {
		char mask[SW_HEAD_MAX] = {};

		memset(mask, 0xff, h.len[i]);
		memcpy(&ret->text[i], h.text[i], sizeof(ret->text[i]));
		memcpy(&ret->mask[i], mask, sizeof(ret->mask[i]));
	}
	ret->n = h.n;
}

/* ---- a group that demands a literal */

/* "(?(NAME)LITERAL|" at p: its name and literal. */
static bool read_demand(const char *p, char *ret_name, size_t size, char need[static SW_LITERAL_MAX])
{
	size_t name, n;

	if (strncmp(p, "(?(", 3) != 0 || !isalpha((unsigned char)p[3]))
		return false;
	p += 3;
	name = strcspn(p, ")");
	n = p[name] ? strcspn(p + name + 1, "\\.^$*+?{}[]()|") : 0;
	if (!n || n >= SW_LITERAL_MAX || name >= size || p[name + 1 + n] != '|')
		return false;
	memcpy(ret_name, p, name);
	ret_name[name] = '\0';
	memcpy(need, p + name + 1, n);
	need[n] = '\0';
	return true;
}

/*
 * Finds "(?P<NAME>" from p to end where every way through it is one of the ways that are tried in turn: not where
 * something looks around, or what was taken is never given back.
 */
static const char *find_group(const char *p, const char *end, const char *open)
{
	for (const char *next; p < end; p = next) {
		bool is_optional, is_quantified;
		const char *body = p + 1, *found;
		size_t n;

		next = skip_one(p);
		n = read_quantifier(next, &is_optional, &is_quantified);
		if (*p != '(' || (n > 1 && next[n - 1] == '+'))
			continue;
		if (strncmp(p, open, strlen(open)) == 0)
			return p;
		if (strncmp(p, "(?P<", 4) == 0)
			body = p + strcspn(p, ">") + 1;
		else if (strncmp(p, "(?:", 3) == 0)
			body = p + 3;
		found = *body == '?' ? NULL : find_group(body, next - 1, open);
		if (found)
			return found;
	}
	return NULL;
}

bool sw_literal_bar(struct sw_strbuf *ret, char need[static SW_LITERAL_MAX], const char *pattern)
{
	const char *end = pattern + strlen(pattern), *next, *group;
	bool is_optional, is_quantified;
	char name[40], open[48];

	if (is_beyond(pattern) || end_of_alternative(pattern, end) != end)
		return false;
	for (const char *p = pattern; p < end; p = next) {
		next = skip_one(p);
		if (!read_demand(p, name, sizeof(name), need))
			continue;
		(void)read_quantifier(next, &is_optional, &is_quantified);
		snprintf(open, sizeof(open), "(?P<%s>", name);
		group = is_quantified ? NULL : find_group(pattern, p, open);
		if (!group || strstr(group + 1, open) || strstr(pattern, open) != group)
			continue;
		sw_strbuf_add(ret, pattern, (size_t)(group - pattern) + strlen(open));
		sw_strbuf_puts(ret, "(?!)");
		sw_strbuf_puts(ret, group + strlen(open));
		return true;
	}
	return false;
}

/* By its first byte: for short literals in short texts quicker than memmem(3). */
bool sw_literal_is_in(const char *literal, const char *text, size_t len)
{
	size_t n = strlen(literal);
	const char *end = text + len;

	while ((text = memchr(text, *literal, (size_t)(end - text))) && (size_t)(end - text) >= n) {
		if (memcmp(text, literal, n) == 0)
			return true;
		text++;
	}
	return false;
}
