// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/idna.h"

#include <idn2.h>

enum { NAME_MAX_BYTES = 1024 };

bool sw_idna_is_needed(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)name[i] & 0x80)
			return true;
	}
	return false;
}

int sw_idna_to_ascii(const char *name, size_t len, char *out, size_t size)
{
	char text[NAME_MAX_BYTES + 1], *ascii = NULL;
	int r = -ENOSPC;
	size_t n;

	if (len > NAME_MAX_BYTES || memchr(name, 0, len))
		return -EINVAL;
	memcpy(text, name, len);
	text[len] = 0;
	if (idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return -EINVAL;
	n = strlen(ascii);
	if (n < size) {
		memcpy(out, ascii, n + 1);
		r = (int)n;
	}
	idn2_free(ascii);
	return r;
}
