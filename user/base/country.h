/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Country codes of two letters (ISO 3166-1) and numbers of autonomous systems as text. Pure. */
#pragma once

#include "user/base/util.h"

/* A code as a number: its two letters. */
#define SW_COUNTRY(a, b) ((uint32_t)(a) << 8 | (uint32_t)(b))

/* Two letters of either case, assigned or not; 0: it is none. */
uint32_t sw_country_parse(const char *text);
void sw_country_format(char ret[static 3], uint32_t code);
/* Whether the code is assigned, or one of those that databases use beside (XK, EU, AP). */
bool sw_country_is_known(uint32_t code);
/* What somebody means who wrote an unknown code, as "UK" for "GB"; NULL: no idea. */
const char *sw_country_suggest(const char *text, char ret[static 3]);
/* "64500" or "AS64500"; 0: it is none. */
uint32_t sw_asn_parse(const char *text);
