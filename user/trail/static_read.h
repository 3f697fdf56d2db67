/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads static trails: a directory with malware/, malicious/ and suspicious/ of *.txt and files of its
 * own beside them, one text, or one CSV of trail,info,reference. "#" begins a comment; "# Reference: X"
 * is the citation of what follows (several lines are a list, an empty one ends it), "# Aliases: a, b"
 * is of the file. Later files win: suspicious, malicious, the directory's own, malware; in each those
 * with "history" in their name last. A note "# until: TIME", and a fourth column that a CSV's header calls
 * "until", end a trail (times.h); a time that is none refuses all (-EBADMSG, sw_static_why).
 */
#pragma once

#include "user/trail/static.h"

enum {
	SW_STATIC_FILE_MAX = 1 << 29
}; /* bytes of a file: 512 MiB, five times the largest CSV known */

/*
 * Adds what path holds; to be sealed by the caller. 0, or -errno with the path it is about in err.
 * Lines that are no trails are counted, not errors; -ENODATA when no trail was found at all.
 */
int sw_static_read(struct sw_static *s, const char *path, char *err, size_t err_size);
/* What path holds, by names, sizes, times and inodes; nothing is read. 0 or -errno. */
int sw_static_fingerprint(const char *path, uint64_t *ret);
/* True when path is a directory with one of the folders malware, malicious, suspicious. */
bool sw_static_is_directory(const char *path);
/* The lines of one text that is in memory already, as of the file of that name and info. */
int sw_static_read_text(struct sw_static *s, const char *file, const char *info,
	const char *reference, const char *text, size_t len);
/* Rows of a CSV that is in memory already. */
int sw_static_read_csv(
	struct sw_static *s, const char *file, const char *reference, const char *text, size_t len);
