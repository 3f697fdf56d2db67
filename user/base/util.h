/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Small things that every module uses: ownership visible in the text (cleanup attributes, TAKE_),
 * array sizes, bounds. No state.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(f)	 __attribute__((cleanup(f)))
#define _printf_(a, b)	 __attribute__((format(printf, a, b)))
#define _unused_	 __attribute__((unused))
#define SW_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define SW_MIN(a, b)	 ((a) < (b) ? (a) : (b))
#define SW_MAX(a, b)	 ((a) > (b) ? (a) : (b))

/* Moves a pointer (or descriptor) out of a variable that a cleanup would free. */
#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) take_ = (p);                                                         \
		(p) = NULL;                                                                        \
		take_;                                                                             \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int take_ = (fd);                                                                  \
		(fd) = -1;                                                                         \
		take_;                                                                             \
	})

/* Closes and forgets; keeps errno; -1 and other negative numbers are nothing to close. */
int sw_close(int fd);

static inline void sw_freep(void *p)
{
	free(*(void **)p);
}
static inline void sw_closep(int *fd)
{
	sw_close(*fd);
}
static inline void sw_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}
#define _free_	 _cleanup_(sw_freep)
#define _close_	 _cleanup_(sw_closep)
#define _fclose_ _cleanup_(sw_fclosep)

static inline bool sw_streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Copies with a final NUL; false when dst was too small (dst then holds what fitted). */
bool sw_strcpy(char *dst, size_t size, const char *src);

/* The word of words nearest to text by edit distance, NULL when none is near enough to suggest. */
const char *sw_nearest(const char *text, const char *const *words, size_t n);

/* Reads a whole descriptor up to max bytes into a NUL-ended buffer; -EFBIG beyond, -errno. */
int sw_read_all(int fd, size_t max, char **ret, size_t *ret_len);
/* Reads a small file (as of /proc) into buf with a final NUL; bytes read or -errno. */
ssize_t sw_read_file(const char *path, char *buf, size_t size);
/* Writes all of buf; 0 or -errno. */
int sw_write_all(int fd, const void *buf, size_t len);
/* Replaces path by the content at once (temporary file, fsync, rename); 0 or -errno. */
int sw_write_file_atomic(int dirfd, const char *name, const void *buf, size_t len, unsigned int mode);
/* CRC-32 (IEEE, as zlib's crc32), of buf, continued from crc (0 to begin). */
uint32_t sw_crc32(uint32_t crc, const void *buf, size_t len);
