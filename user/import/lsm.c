// SPDX-License-Identifier: GPL-3.0-or-later
/* Linux Socket Monitor: conf.lsm. Source: the file of version 0.6. */
#include "user/import/import.h"

/* The subject with the shell's name of the host as ours. */
static void put_subject(struct sw_import *im, size_t line, const char *value)
{
	static const char *const names[] = {
		"$HOSTNAME", "${HOSTNAME}", "`hostname`", "$(hostname)"};
	_strbuf_ struct sw_strbuf out = {};

	while (*value) {
		size_t n = 0;

		for (size_t i = 0; i < SW_ARRAY_SIZE(names) && !n; i++) {
			if (!strncmp(value, names[i], strlen(names[i])))
				n = strlen(names[i]);
		}
		if (n) {
			sw_strbuf_puts(&out, "%h");
			value += n;
			continue;
		}
		if (*value == '%')
			sw_strbuf_putc(&out, '%');
		sw_strbuf_putc(&out, *value++);
	}
	sw_import_set(im, line, "alerts.mail.subject", sw_strbuf_get(&out));
}

/* What the program calls itself, and where it and its files lie. */
static bool is_its_own(const struct sw_import_entry *e)
{
	static const char *const names[] = {"APPN", "V", "VER", "VERSION"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(names); i++) {
		if (sw_streq(e->key, names[i]))
			return true;
	}
	return *e->value == '/' || (*e->value == '$' && strchr(e->value, '/'));
}

static void on_entry(void *arg, const struct sw_import_entry *e)
{
	struct sw_import *im = arg;

	if (sw_streq(e->key, "USER") && *e->value) {
		sw_import_set(
			im, sw_import_say(im, e, SW_IMPORT_TAKEN, ""), "alerts.mail.to", e->value);
	} else if (sw_streq(e->key, "USER")) {
		sw_import_say(im, e, SW_IMPORT_LEFT, "it names nobody, so nobody is mailed");
	} else if (sw_streq(e->key, "SUB")) {
		put_subject(im, sw_import_say(im, e, SW_IMPORT_TAKEN, ""), e->value);
	} else if (is_its_own(e)) {
		sw_import_say(im, e, SW_IMPORT_NEEDLESS,
			"its name, a path or a file of its own: the baseline is in the database");
	} else {
		sw_import_say(im, e, SW_IMPORT_LEFT, "neither USER nor SUB nor a path of its own");
	}
}

int sw_import_lsm(struct sw_import *im, const struct sw_import_args *args)
{
	int r = sw_import_read_files(im, args, on_entry, im);

	if (r < 0)
		return r;
	sw_import_set(im,
		sw_import_note(im, "cron", 0, "", SW_IMPORT_TAKEN,
			"what cron compared every ten minutes is told at once, and by alerts.report.schedule: every 10m as it did; 'sockwarden sockets baseline save' is its snapshot"),
		"sockets.alert_new_listeners", "true");
	sw_import_set(im, im->n_lines - 1, "sockets.alert_gone_listeners", "true");
	/* A new listener is of low severity where it is loopback alone: LSM's users were mailed about all. */
	if (sw_import_has(im, "alerts.mail.to"))
		sw_import_set(im, im->n_lines - 1, "alerts.mail.min_severity", "low");
	return im->is_failed ? -ENOMEM : 0;
}
