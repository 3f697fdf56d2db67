/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opens regular files for others, by a path that leads through no link but root's. In the guard, which
 * reads none of them.
 */
#pragma once

#include "user/base/util.h"

/* O_PATH descriptor of path, through links of root alone. -errno. */
int sw_regular_walk(const char *path);
/* The file at path to be read; -EISDIR, -ENODEV: it is no file. */
int sw_regular_open(const char *path);
/* A name of what the descriptor is on, whatever its path means in the next moment. 0 or -ENAMETOOLONG. */
int sw_regular_name(char *buf, size_t size, int fd);
