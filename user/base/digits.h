/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers as digits, for the texts that are written a million times a second: addresses, times, JSON. Each writes at
 * `to` without an end mark and returns the place behind. Anything else is printed with printf.
 */
#pragma once

#include "user/base/util.h"

enum { SW_UINT_DIGITS_MAX = 20 };

static inline char *sw_put_uint(char *to, uint64_t value)
{
	char digits[SW_UINT_DIGITS_MAX];
	size_t at = sizeof(digits), n;

	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	n = sizeof(digits) - at;
	for (size_t i = 0; i < n; i++)
		to[i] = digits[at + i];
	return to + n;
}

/* With zeros in front up to a width; a value that needs more is cut. */
static inline char *sw_put_padded(char *to, unsigned int value, unsigned int width)
{
	for (unsigned int i = width; i > 0; value /= 10)
		to[--i] = (char)('0' + value % 10);
	return to + width;
}

/* Without zeros in front. */
static inline char *sw_put_hex16(char *to, uint16_t value)
{
	static const char digits[] = "0123456789abcdef";

	for (int shift = value > 0xfff ? 12 : value > 0xff ? 8 : value > 0xf ? 4 : 0; shift >= 0; shift -= 4)
		*to++ = digits[value >> shift & 0xf];
	return to;
}
