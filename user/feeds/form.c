// SPDX-License-Identifier: GPL-3.0-or-later
#include <ctype.h>

#include "user/feeds/feeds.h"

static const char *const words[] = {
#define WORD(id, word, help) word,
	SW_FEED_FORMS(WORD)
#undef WORD
};

static const char *const helps[] = {
#define HELP(id, word, help) help,
	SW_FEED_FORMS(HELP)
#undef HELP
};

const char *sw_feed_form_word(unsigned int kind)
{
	return kind < SW_ARRAY_SIZE(words) ? words[kind] : "?";
}

const char *sw_feed_form_help(unsigned int kind)
{
	return kind < SW_ARRAY_SIZE(helps) ? helps[kind] : "?";
}

/* A decimal number of at most nine digits that is the whole of text. */
static bool read_number(const char *text, size_t len, uint64_t *ret)
{
	uint64_t n = 0;

	if (!len || len > 9)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	*ret = n;
	return true;
}

static bool copy_word(char dst[static SW_FEED_WORD_MAX], const char *text, size_t len)
{
	if (!len || len >= SW_FEED_WORD_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isprint((unsigned char)text[i]))
			return false;
	memcpy(dst, text, len);
	dst[len] = 0;
	return true;
}

static bool read_column(const char *text, size_t len, struct sw_feed_column *ret)
{
	uint64_t n = 0;

	if (!read_number(text, len, &n))
		return copy_word(ret->name, text, len);
	ret->number = (unsigned int)n;
	return n >= 1 && n <= 1000;
}

/* "FIRST/LAST/UNTIL", of which each may be empty and those at the end left out. */
static bool read_times(const char *text, size_t len, struct sw_feed_form *f)
{
	const char *end = text + len;

	for (unsigned int i = 0; i < SW_FEED_TIMES; i++) {
		const char *slash = memchr(text, '/', (size_t)(end - text));
		size_t n = (size_t)((slash ? slash : end) - text);

		if (n && !read_column(text, n, &f->times[i]))
			return false;
		if (!slash)
			return len > 0;
		text = slash + 1;
	}
	return false;
}

/* "VALUE", "VALUE/LENGTH", after either "@TIMES", and after all "?FILTER>=N" */
static bool read_columns(const char *text, struct sw_feed_form *f)
{
	const char *filter = strchr(text, '?'), *at_least;
	size_t len = filter ? (size_t)(filter - text) : strlen(text);
	const char *times = memchr(text, '@', len), *slash;

	if (filter) {
		at_least = strstr(++filter, ">=");
		if (!at_least || !read_column(filter, (size_t)(at_least - filter), &f->filter) ||
			!read_number(at_least + 2, strlen(at_least + 2), &f->filter_min))
			return false;
	}
	if (times && !read_times(times + 1, len - (size_t)(times + 1 - text), f))
		return false;
	len = times ? (size_t)(times - text) : len;
	slash = memchr(text, '/', len);
	if (slash && !read_column(slash + 1, len - (size_t)(slash + 1 - text), &f->plen))
		return false;
	return read_column(text, slash ? (size_t)(slash - text) : len, &f->value);
}

static bool read_key(const char *text, struct sw_feed_form *f)
{
	const char *times = strchr(text, '@');
	size_t len = times ? (size_t)(times - text) : strlen(text);
	const char *plus = memchr(text, '+', len);

	if (times && !read_times(times + 1, strlen(times + 1), f))
		return false;
	if (plus && !copy_word(f->trailer, plus + 1, len - (size_t)(plus + 1 - text)))
		return false;
	f->n_paths = 1;
	return copy_word(f->paths[0], text, plus ? (size_t)(plus - text) : len);
}

/* Where the times of "PATH,PATH@TIMES" begin; the @ of a member that is called "@graph" begins a step of a path. */
static const char *find_times(const char *text)
{
	const char *at = strchr(text, '@');

	while (at && (at == text || strchr(".,", at[-1])))
		at = strchr(at + 1, '@');
	return at;
}

/* "PATH,PATH", "PATH,PATH@TIMES", of which the times are members by name. */
static bool read_paths(const char *text, struct sw_feed_form *f)
{
	const char *times = find_times(text), *end = times ? times : text + strlen(text);

	if (times && !read_times(times + 1, strlen(times + 1), f))
		return false;
	for (unsigned int i = 0; i < SW_FEED_TIMES; i++)
		if (f->times[i].number)
			return false;
	while (f->n_paths < SW_FEED_PATHS_MAX) {
		size_t len = SW_MIN(strcspn(text, ","), (size_t)(end - text));

		if (!copy_word(f->paths[f->n_paths++], text, len))
			return false;
		if (text + len == end)
			return true;
		text += len + 1;
	}
	return false;
}

int sw_feed_form_parse(const char *text, struct sw_feed_form *ret, const char **ret_why)
{
	size_t len = strcspn(text, ":");
	const char *rest = text[len] ? text + len + 1 : "";
	struct sw_feed_form f = {.kind = SW_FEED_FORM_COUNT};
	bool is_good;

	for (unsigned int i = 0; i < SW_FEED_FORM_COUNT; i++)
		if (strlen(words[i]) == len && !strncmp(words[i], text, len))
			f.kind = i;
	*ret_why =
		"the form is not known: one of plain, netset, hosts, csv, tsv, pipe, jsonl, json, tor, stix, misp";
	if (f.kind == SW_FEED_FORM_COUNT)
		return -EINVAL;
	switch (f.kind) {
	case SW_FEED_CSV:
	case SW_FEED_TSV:
	case SW_FEED_PIPE:
		*ret_why = "wants a column, as csv:NAME, tsv:2 or csv:NAME?OTHER>=75";
		is_good = read_columns(rest, &f);
		break;
	case SW_FEED_JSONL:
		*ret_why = "wants the key of an entry, as jsonl:cidr or jsonl:cidr+records";
		is_good = read_key(rest, &f);
		break;
	case SW_FEED_JSON:
		*ret_why = "wants paths, as json:prefixes[].ipv4Prefix or json:list[].ip@first_seen/last_seen";
		is_good = read_paths(rest, &f);
		break;
	default:
		*ret_why = "nothing follows this form";
		is_good = !text[len];
	}
	if (!is_good)
		return -EINVAL;
	*ret = f;
	return 0;
}
