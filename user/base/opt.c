// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/opt.h"

#include "user/base/clock.h"
#include "user/base/wrap.h"

enum { OPT_ROWS_MAX = 64, LEFT_WIDTH = 32 };

static const struct sw_opt *find_letter(const struct sw_opt *rows, char c)
{
	for (; rows->name; rows++) {
		if (rows->letter == c)
			return rows;
	}
	return NULL;
}

static const struct sw_opt *find_name(const struct sw_opt *rows, const char *name, size_t len)
{
	for (; rows->name; rows++) {
		if (strlen(rows->name) == len && !strncmp(rows->name, name, len))
			return rows;
	}
	return NULL;
}

static int unknown(const struct sw_opt *rows, const char *arg, char *err, size_t size)
{
	const char *words[OPT_ROWS_MAX], *near;
	char name[64];
	size_t n = 0;

	for (; rows->name && n < OPT_ROWS_MAX; rows++)
		words[n++] = rows->name;
	sw_strcpy(name, sizeof(name), arg + strspn(arg, "-"));
	name[strcspn(name, "=")] = 0;
	near = sw_nearest(name, words, n);
	if (near)
		snprintf(err, size, "unknown option '%s': did you mean --%s?", arg, near);
	else
		snprintf(err, size, "unknown option '%s'", arg);
	return -EINVAL;
}

static int parse_uint(const char *text, uint64_t *ret)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return *end || errno ? -EINVAL : 0;
}

static int store_more(const struct sw_opt *o, struct sw_opt_list *list, const char *value, char *err, size_t size)
{
	if (list->n == SW_ARRAY_SIZE(list->values)) {
		snprintf(err, size, "--%s: at most %zu of them", o->name, SW_ARRAY_SIZE(list->values));
		return -E2BIG;
	}
	list->values[list->n++] = value;
	return 0;
}

static int store(const struct sw_opt *o, void *target, const char *value, char *err, size_t size)
{
	char *field = (char *)target + o->offset;
	uint64_t number;
	int r = 0;

	switch (o->kind) {
	case SW_OPT_FLAG:
		*(bool *)field = true;
		return 0;
	case SW_OPT_STRING:
	case SW_OPT_MAYBE:
		*(const char **)field = value;
		return 0;
	case SW_OPT_LIST:
		return store_more(o, (struct sw_opt_list *)field, value, err, size);
	case SW_OPT_UINT:
		r = parse_uint(value, &number);
		break;
	case SW_OPT_DURATION:
		r = sw_duration_parse(value, &number);
		break;
	}
	if (r < 0) {
		snprintf(err, size, "--%s: '%s' is not a %s", o->name, value,
			o->kind == SW_OPT_UINT ? "whole number" : "duration such as 90s, 10m, 24h, 7d or forever");
		return r;
	}
	*(uint64_t *)field = number;
	return 0;
}

int sw_opt_parse(const struct sw_opt *rows, void *target, int argc, char **argv, int *ret_words, char *err, size_t size)
{
	int words = 0;

	for (int i = 1; i < argc; i++) {
		char *arg = argv[i], *value = NULL;
		const struct sw_opt *o;
		int r;

		if (arg[0] != '-' || !arg[1]) {
			argv[1 + words++] = arg;
			continue;
		}
		if (sw_streq(arg, "--")) {
			for (i++; i < argc; i++)
				argv[1 + words++] = argv[i];
			break;
		}
		if (arg[1] == '-') {
			size_t len = strcspn(arg + 2, "=");

			o = find_name(rows, arg + 2, len);
			if (arg[2 + len])
				value = arg + 2 + len + 1;
		} else {
			o = find_letter(rows, arg[1]);
			if (o && arg[2] && o->kind == SW_OPT_FLAG) {
				/* bundled flags, "-jq": take one, look at the rest again */
				*(bool *)((char *)target + o->offset) = true;
				memmove(arg + 1, arg + 2, strlen(arg + 2) + 1);
				i--;
				continue;
			}
			if (arg[2])
				value = arg + 2;
		}
		if (!o)
			return unknown(rows, arg, err, size);
		if (o->kind == SW_OPT_FLAG && value) {
			snprintf(err, size, "--%s takes no value", o->name);
			return -EINVAL;
		}
		if (o->kind != SW_OPT_FLAG && !value) {
			if (o->kind == SW_OPT_MAYBE && (i + 1 >= argc || argv[i + 1][0] == '-')) {
				*(const char **)((char *)target + o->offset) = "";
				continue;
			}
			if (i + 1 >= argc) {
				snprintf(err, size, "--%s wants %s", o->name, o->value);
				return -EINVAL;
			}
			value = argv[++i];
		}
		r = store(o, target, value, err, size);
		if (r < 0)
			return r;
	}
	*ret_words = words;
	return 0;
}

void sw_opt_help(const struct sw_opt *rows, FILE *out)
{
	unsigned int columns = sw_terminal_columns(fileno(out));

	for (; rows->name; rows++) {
		char left[64];

		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", rows->letter ? '-' : ' ',
			rows->letter ? rows->letter : ' ', rows->letter ? "," : " ", rows->name,
			rows->value ? " " : "", rows->value ? rows->value : "");
		sw_wrap_row(out, left, LEFT_WIDTH, rows->help, columns);
	}
}
