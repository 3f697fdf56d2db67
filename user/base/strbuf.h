/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A growing text. The owner calls sw_strbuf_done (or declares it _strbuf_). After a failed
 * allocation the buffer keeps what it had, is_failed stays set and later appends do nothing, so a
 * writer checks once at its end.
 */
#pragma once

#include "user/base/util.h"

struct sw_strbuf {
	char *text; /* NUL-ended, or NULL while empty */
	size_t len, cap;
	bool is_failed;
};

void sw_strbuf_add(struct sw_strbuf *b, const void *text, size_t len);
void sw_strbuf_puts(struct sw_strbuf *b, const char *text);
void sw_strbuf_putc(struct sw_strbuf *b, char c);
void sw_strbuf_printf(struct sw_strbuf *b, const char *fmt, ...) _printf_(2, 3);
/*
 * For a writer of many small pieces: room for at least n bytes and the end mark behind the text, NULL after a failed
 * allocation. What was written there counts from sw_strbuf_grow(n) on.
 */
char *sw_strbuf_room(struct sw_strbuf *b, size_t n);
static inline void sw_strbuf_grow(struct sw_strbuf *b, size_t n)
{
	b->len += n;
	b->text[b->len] = 0;
}
/* Text from outside, for a terminal, a log or a mail: control bytes, escapes and invalid UTF-8 come out as \xNN. */
void sw_strbuf_safe(struct sw_strbuf *b, const char *text, size_t len);
/* Drops the first n bytes. */
void sw_strbuf_shift(struct sw_strbuf *b, size_t n);
/* Forgets the text, keeps the memory. */
void sw_strbuf_reset(struct sw_strbuf *b);
void sw_strbuf_done(struct sw_strbuf *b);
/* The same, of a secret. */
void sw_strbuf_wipe(struct sw_strbuf *b);
/* The text, never NULL; borrowed. */
const char *sw_strbuf_get(const struct sw_strbuf *b);
/* Length of the valid UTF-8 sequence at text (1 to 4), 0 when it is none. */
size_t sw_utf8_len(const char *text, size_t len);
#define _strbuf_ _cleanup_(sw_strbuf_done)
