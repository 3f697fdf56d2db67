/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The systemd journal, from descriptors that somebody with the right to open them hands over: entries in
 * order, each given to the sources whose matches it meets, as the line that syslog would have written but
 * for the date ("HOST NAME[PID]: MESSAGE"). Reading goes on at a cursor, over restarts and over the
 * journal's own rotation. Belongs to one thread. Source: sd-journal(3), journalmatch in jail.conf(5).
 */
#pragma once

#include "user/base/strbuf.h"

enum {
	SW_JOURNAL_FILES_MAX = 128, /* the newest are read */
	SW_JOURNAL_MATCHES_MAX = 512, /* different ones in all sources */
	SW_JOURNAL_MESSAGE_MAX = 65536,
};

struct sw_journal;

struct sw_journal_source {
	unsigned int number;
	const char *const
		*matches; /* any of them: "FIELD=VALUE FIELD=VALUE", "+" between alternatives */
	size_t n;
};

typedef void (*sw_journal_line_fn)(
	void *arg, unsigned int source, const char *line, size_t len, int64_t time_sec);

/* sources are copied. -EINVAL: a match that is none; -E2BIG. */
int sw_journal_new(const struct sw_journal_source *sources, size_t n, struct sw_journal **ret);
void sw_journal_free(struct sw_journal *j);
void sw_journal_freep(struct sw_journal **j);
/*
 * Reads from these files from now on (the descriptors are taken, whatever comes of it); they may be those
 * of before and more. Begins behind cursor; without one ("" or unknown there) at entries of since_sec.
 */
int sw_journal_open(
	struct sw_journal *j, int *fds, size_t n, const char *cursor, int64_t since_sec);
/* At most max entries; their number, -errno. */
int sw_journal_read(struct sw_journal *j, unsigned int max, sw_journal_line_fn fn, void *arg);
/* Of the entry that was read last; "" before the first. */
const char *sw_journal_cursor(const struct sw_journal *j);
