/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Debian packages of programs, into rows that are shown. One walk over dpkg's lists for all of them. */
#pragma once

#include <jansson.h>

/* Sets "package" in each object of rows whose "executable" is a file of one; others are left as they are. */
void sw_cli_name_packages(json_t *rows);
