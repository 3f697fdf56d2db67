/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cgroup v2 root, which may lie beside v1 hierarchies. */
#pragma once

#include "user/base/util.h"

/* Directory of the cgroup v2 mount from mountinfo (its text, for tests), into buf. 0 or -ENOENT, -ENAMETOOLONG. */
int sw_cgroup_parse(const char *mountinfo, char *buf, size_t size);
/* The directory given, or when NULL the one that is mounted: opened. Descriptor or -errno. */
int sw_cgroup_open(const char *dir);
