/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between follow.c, which reads what grows, and follow_past.c, which knows where to begin. */
#pragma once

#include <sys/types.h>

#include "user/logs/follow.h"

enum { LOG_ERRORS_MAX = 8 }; /* files of one source that are named because they cannot be read */

struct log_error {
	char path[256];
	int error;
};

struct log_source {
	char *pattern;
	unsigned int number;
	bool is_listed; /* its files were looked at once */
	int error; /* of the last listing as a whole */
	struct log_error errors[LOG_ERRORS_MAX];
	size_t n_errors;
};

struct log_file {
	struct log_file *next;
	struct log_source *source;
	char *path;
	int fd, wd;
	dev_t dev;
	ino_t ino;
	uint64_t offset; /* of the first byte that no line was made of */
	uint32_t head_len, head_crc;
	uint64_t back_until; /* is_back: bytes before it were there at the first look */
	uint64_t lines;
	uint64_t retired_ns;
	int error;
	bool is_dirty, is_seen, is_new, is_skipping, is_back;
	bool is_retired; /* its name is gone, or another file's */
	bool is_unlinked;
};

/* A position of an earlier life. */
struct log_saved {
	struct log_saved *next;
	uint64_t dev, ino, offset;
	uint32_t head_len, head_crc;
	int64_t wall_ns;
	char *pattern, *path;
};

struct sw_log_follow {
	struct sw_log_port port;
	const struct sw_clock *clock;
	struct log_source **sources;
	size_t n_sources;
	struct log_file *files;
	size_t n_files;
	struct log_saved *saved;
	uint64_t back_sec;
	struct sw_log_stats stats;
	unsigned int left_out_now;
	bool is_list_due;
	uint64_t next_list_ns; /* boot time: not before */
	bool has_moved;
	char *buf; /* SW_LOG_LINE_MAX */
};

/*
 * Makes lines of the first have bytes of f->buf; bytes used. What has no end stays unless is_end, or the
 * buffer is full of it. *is_skipping: the rest of a line that was cut is passed over.
 */
size_t log_follow_split(struct sw_log_follow *f, unsigned int source, size_t have, bool is_end,
	bool is_back, bool *is_skipping, uint64_t *lines);
void log_follow_line(
	struct sw_log_follow *f, unsigned int source, const char *line, size_t len, bool is_back);
/* Sets where reading begins, after the rotated files that come before it were read. */
void log_follow_place(struct sw_log_follow *f, struct log_file *file, bool is_first);
void log_follow_drop_saved(struct sw_log_follow *f);
