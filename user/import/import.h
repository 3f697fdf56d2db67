/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration of another tool, understood as ours. A reader notes every line that says something:
 * what became of it, and which settings it gives; the render is a configuration file whose comments name
 * the lines. Nothing is run, resolved or changed. Runs in the command line; the caller owns the object.
 */
#pragma once

#include "user/base/strbuf.h"

enum {
	SW_IMPORT_FILES_MAX = 32, /* files given, and files they name */
	SW_IMPORT_BYTES_MAX = 32 << 20, /* of one file: more is no configuration, with the networks of every country */
	SW_IMPORT_LINES_MAX = 1 << 20, /* lines that say something, of all files */
};

enum sw_import_state {
	SW_IMPORT_TAKEN, /* its settings are there */
	SW_IMPORT_ASKED, /* its settings are there, but commented out until a person confirms them */
	SW_IMPORT_NEEDLESS, /* nothing has to be set for it */
	SW_IMPORT_LEFT, /* there is nothing like it here, or it is not understood */
	SW_IMPORT_STATES,
};

struct sw_import_line {
	char *file, *text, *note; /* note: why, for a person; may be "" */
	unsigned int number; /* from 1; 0: the whole file */
	enum sw_import_state state;
};

/* key: value, or an element of the list at key; its value may be lines of YAML. */
struct sw_import_setting {
	char *key; /* dotted, "decoys.tcp" */
	char *value;
	bool is_element;
	size_t line; /* whose it is */
};

struct sw_import {
	struct sw_import_line *lines;
	size_t n_lines, cap_lines;
	struct sw_import_setting *settings;
	size_t n_settings, cap_settings;
	unsigned int counts[SW_IMPORT_STATES];
	struct sw_strbuf list; /* a trail list: networks, one a line with where it was */
	unsigned int n_listed;
	bool is_failed; /* out of memory, or a limit: `error` says which */
	struct sw_strbuf error;
};

void sw_import_done(struct sw_import *im);

/* Notes a line; its index, for the settings it gives. */
size_t sw_import_note(struct sw_import *im, const char *file, unsigned int number, const char *text,
	enum sw_import_state state, const char *fmt, ...) _printf_(6, 7);
/* The value of a key; a later one of the same key replaces it. */
void sw_import_set(struct sw_import *im, size_t line, const char *key, const char *value);
/* One more element of the list at key; the same element twice is one. */
void sw_import_add(struct sw_import *im, size_t line, const char *key, const char *element);
/* One more network of the list that comes beside the configuration. */
void sw_import_list(struct sw_import *im, size_t line, const char *net);
bool sw_import_has(const struct sw_import *im, const char *key);
/* The configuration, as YAML with its comments. tool: for the first line. */
void sw_import_render(const struct sw_import *im, const char *tool, struct sw_strbuf *out);
/* What goes below it, comments alone: the other lines, and the list. */
void sw_import_render_rest(const struct sw_import *im, bool has_list, struct sw_strbuf *out);
/* "taken", "asked", "needless", "left" */
const char *sw_import_state_word(enum sw_import_state s);

/* A line of a file in the form of shell assignments, KEY="value" # comment, or KEY value. */
struct sw_import_entry {
	const char *file;
	unsigned int number;
	const char *section; /* of "[Section]", else "" */
	const char *text; /* the line as it stands */
	const char *key, *value;
};

/* sw_import_note for an entry. */
size_t sw_import_say(struct sw_import *im, const struct sw_import_entry *e,
	enum sw_import_state state, const char *why);
typedef void (*sw_import_entry_fn)(void *arg, const struct sw_import_entry *e);
/* Each assignment of the text; a line that is none is noted as left. */
void sw_import_assignments(
	struct sw_import *im, const char *file, char *text, sw_import_entry_fn fn, void *arg);

struct sw_import_args {
	const char *const *files;
	unsigned int n_files;
	const char *const *modes; /* how the tool's daemon is run: "atcp", "audp" */
	unsigned int n_modes;
};

/*
 * Each line's first word, where it has one before a comment ("#"); n: its length. file and number: for
 * sw_import_note. text is cut up.
 */
typedef void (*sw_import_word_fn)(void *arg, const char *file, unsigned int number, char *word, size_t n);
void sw_import_words(const char *file, char *text, sw_import_word_fn fn, void *arg);

/* The file's text, NUL-ended (NUL bytes become spaces), or -errno. */
int sw_import_read_file(const char *path, char **ret);
/* Each file in turn by sw_import_assignments; 0, or -errno with the sentence in im->error. */
int sw_import_read_files(
	struct sw_import *im, const struct sw_import_args *args, sw_import_entry_fn fn, void *arg);

/* One row a tool. read: 0, or -errno with a sentence in im->error. */
struct sw_import_tool {
	const char *name, *takes,
		*usual; /* usual: the file it has where none is given, may be NULL */
	int (*read)(struct sw_import *im, const struct sw_import_args *args);
	bool is_pack; /* it comes to a file of rules, not to a configuration */
};

extern const struct sw_import_tool sw_import_tools[]; /* ended by a NULL name */

int sw_import_portsentry(struct sw_import *im, const struct sw_import_args *args);
int sw_import_lsm(struct sw_import *im, const struct sw_import_args *args);
int sw_import_maltrail(struct sw_import *im, const struct sw_import_args *args);
int sw_import_fail2ban(struct sw_import *im, const struct sw_import_args *args);
int sw_import_iptables(struct sw_import *im, const struct sw_import_args *args);
int sw_import_swatch(struct sw_import *im, const struct sw_import_args *args);
