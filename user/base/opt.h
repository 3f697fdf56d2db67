/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Options of a program or a verb, from one table: parsing, "did you mean", and the help text come
 * from the rows. "--name value", "--name=value", "-n value"; flags take none; "--" ends options.
 */
#pragma once

#include "user/base/util.h"

/* SW_OPT_MAYBE: a text that may be left out ("" then); what follows is it unless it begins with a dash. */
enum sw_opt_kind { SW_OPT_FLAG, SW_OPT_STRING, SW_OPT_UINT, SW_OPT_DURATION, SW_OPT_MAYBE, SW_OPT_LIST };

/* An option that may be given several times. */
struct sw_opt_list {
	unsigned int n;
	const char *values[16];
};

struct sw_opt {
	char letter;	  /* 0: none */
	const char *name; /* without the dashes */
	enum sw_opt_kind kind;
	/* Into the target struct: bool, const char *, uint64_t, uint64_t seconds, struct sw_opt_list. */
	size_t offset;
	const char *value;   /* the value's name in the help, "SECONDS"; NULL for a flag */
	const char *help;    /* one line */
};

/*
 * Parses argv[1..] into target by the rows (a last row with name NULL). Words that are no options
 * are moved to the front of argv[1..] in order; their number is *ret_words.
 * 0, or -EINVAL with one line of what is wrong in err (size bytes).
 */
int sw_opt_parse(const struct sw_opt *rows, void *target, int argc, char **argv, int *ret_words,
	char *err, size_t size);
/* Prints the rows as a help table. */
void sw_opt_help(const struct sw_opt *rows, FILE *out);
