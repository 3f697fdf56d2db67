/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file line by line, whatever it holds: NUL bytes, no last newline, lines without end (these come cut). */
#pragma once

#include "user/base/util.h"

enum {
	SW_LINES_BUFFER = 1 << 18
}; /* bytes; a longer line comes cut to this, its rest is skipped */

#define SW_UNPACK_GZIP "zcat"

struct sw_lines;

/* fd is borrowed. */
int sw_lines_new(struct sw_lines **ret, int fd);
void sw_lines_free(struct sw_lines *l);
void sw_lines_freep(struct sw_lines **l);
/* What unpacks the file, by how it begins (gzip, xz, zstd, bzip2), as its lines would be noise. NULL: it is plain. */
const char *sw_lines_unpacker(int fd);
/* 1 a line, without its newline, good until the next call; 0 the end; -errno. */
int sw_lines_next(struct sw_lines *l, const char **ret, size_t *ret_len);
