// SPDX-License-Identifier: GPL-3.0-or-later
/* fail2ban: the directory of its jails. What is written into .local files and jail.d is told line by line. */
#include <glob.h>

#include "user/import/import.h"
#include "user/rules/jails.h"

static void on_option(void *arg, const struct sw_import_entry *e)
{
	static const enum sw_import_state states[] = {
		[SW_JAIL_TAKEN] = SW_IMPORT_TAKEN,
		[SW_JAIL_NEEDLESS] = SW_IMPORT_NEEDLESS,
		[SW_JAIL_LEFT] = SW_IMPORT_LEFT,
	};
	const char *why;
	enum sw_jail_option_state s = sw_jail_option(e->key, &why);

	sw_import_say(arg, e, states[s], why);
}

/* "[sshd]" and "key = value", dots in keys; what is indented goes on with the value above it. */
static void read_options(struct sw_import *im, const char *file, char *text)
{
	char section[64] = "";
	unsigned int number = 0;

	for (char *next, *line = text; line; line = next) {
		_free_ char *whole = NULL;
		struct sw_import_entry e = {.file = file, .section = section, .number = ++number};
		char *equals;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (!*line || strchr("#; \t\r", *line))
			continue;
		if (*line == '[') {
			snprintf(section, sizeof(section), "%.*s", (int)strcspn(line + 1, "]"),
				line + 1);
			continue;
		}
		whole = strdup(line);
		equals = strpbrk(line, "=:");
		if (!whole || !equals)
			continue;
		e.text = whole;
		e.value = equals + 1 + strspn(equals + 1, " \t");
		while (equals > line && strchr(" \t", equals[-1]))
			equals--;
		*equals = 0;
		e.key = line;
		on_option(im, &e);
	}
}

/* The files a person writes; jail.conf is the package's own. */
static void read_own_files(struct sw_import *im, const char *dir)
{
	static const char *const patterns[] = {"jail.d/*.conf", "jail.local", "jail.d/*.local"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(patterns); i++) {
		_free_ char *pattern = NULL;
		glob_t found = {};

		if (asprintf(&pattern, "%s/%s", dir, patterns[i]) < 0)
			return;
		(void)glob(pattern, 0, NULL, &found);
		for (size_t k = 0; k < found.gl_pathc; k++) {
			_free_ char *text = NULL;

			if (sw_import_read_file(found.gl_pathv[k], &text) >= 0)
				read_options(im, found.gl_pathv[k], text);
		}
		globfree(&found);
	}
}

struct taking {
	struct sw_import *im;
	const char *dir;
};

static void on_jail(void *arg, const struct sw_jail *jail)
{
	const struct taking *t = arg;
	char name[80];
	size_t line;

	snprintf(name, sizeof(name), "[%.70s]", jail->name);
	line = sw_import_note(t->im, t->dir, 0, name, jail->rule ? SW_IMPORT_TAKEN : SW_IMPORT_LEFT,
		"%s", jail->why);
	if (jail->rule)
		sw_import_add(t->im, line, "rules", jail->rule);
}

int sw_import_fail2ban(struct sw_import *im, const struct sw_import_args *args)
{
	for (unsigned int i = 0; i < args->n_files; i++) {
		struct taking t = {im, args->files[i]};
		int r = sw_jails_each(args->files[i], on_jail, &t, &im->error);

		if (r < 0)
			return r;
		read_own_files(im, args->files[i]);
	}
	return im->is_failed ? -ENOMEM : 0;
}
