/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Configuration files in fail2ban's form of INI: sections, values over many lines, [DEFAULT], [INCLUDES] before
 * and after, .local beside each file and NAME.d/ beside the first, %(name)s with %(known/name)s and
 * %(section/name)s, sections for a condition ([Init?family=inet6]). Names of options are in lower case.
 * The caller owns what sw_ini_read gives. Runs in the process of whoever uses the rules, never in the guard.
 * Source: jail.conf(5), filter.d in fail2ban; Python's configparser for quoting and continuation.
 */
#pragma once

#include <uthash.h>

#include "user/base/strbuf.h"

enum {
	SW_INI_FILE_MAX = 1 << 20, /* bytes of one file */
	SW_INI_FILES_MAX = 64, /* with all that is included */
	SW_INI_VALUE_MAX = 256 << 10, /* bytes of a value, interpolated */
	SW_INI_STEPS_MAX = 4096, /* replacements in one value: beyond it they go in a circle */
};

struct sw_ini_option {
	char *name, *value;
	char *place; /* "FILE:LINE" where it begins; NULL: not from a file */
	UT_hash_handle hh;
};

struct sw_ini_section {
	char *name;
	struct sw_ini_option *options; /* in the order of the file */
	UT_hash_handle hh;
};

struct sw_ini;

/* 0; -errno of the file, -EINVAL what is in it, -ELOOP too many files: the sentence is in err. */
int sw_ini_read(struct sw_ini **ret, const char *path, struct sw_strbuf *err);
void sw_ini_free(struct sw_ini *ini);
void sw_ini_freep(struct sw_ini **ini);

/* NULL when there is none. Options of [DEFAULT] are not among those of a section. */
const struct sw_ini_section *sw_ini_section(const struct sw_ini *ini, const char *name);
/* The first section; ->hh.next the others. [DEFAULT] and [KNOWN/name] are among them. */
const struct sw_ini_section *sw_ini_first(const struct sw_ini *ini);
/*
 * The value with %(…)s replaced; vars (may be NULL) go before the section and the defaults. The name may be
 * "section/name" or "known/name". -ENOENT no such option or section; -EINVAL, -ELOOP with a sentence in err.
 */
int sw_ini_get(const struct sw_ini *ini, const char *section, const char *name,
	struct sw_ini_option *vars, char **ret, struct sw_strbuf *err);

/* Where the value that sw_ini_get starts from was written, "FILE:LINE"; NULL: nowhere. */
const char *sw_ini_place(const struct sw_ini *ini, const char *section, const char *name);

/* A map of options: name to value, both copied, and place, which may be NULL. */
int sw_options_put(struct sw_ini_option **map, const char *name, const char *value, const char *place);
int sw_options_set(struct sw_ini_option **map, const char *name, const char *value);
const char *sw_options_get(struct sw_ini_option *map, const char *name);
void sw_options_free(struct sw_ini_option **map);

/* Replaces len bytes of b at pos by text. */
void sw_strbuf_splice(struct sw_strbuf *b, size_t pos, size_t len, const char *text);
