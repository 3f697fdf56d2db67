/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between ini.c, which answers for values, and ini_file.c, which reads files. */
#pragma once

#include "user/logs/ini.h"

struct sw_ini {
	struct sw_ini_section *sections; /* [DEFAULT] and [KNOWN/name] among them */
};

/* Finds or makes it; NULL: no memory. */
struct sw_ini_section *sw_ini_section_add(struct sw_ini *ini, const char *name);
/* Takes over what a file says; what it replaces goes to [KNOWN/section]. */
int sw_ini_merge(struct sw_ini *ini, const struct sw_ini *file);
