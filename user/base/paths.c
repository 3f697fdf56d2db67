// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/paths.h"

bool sw_path_join(char *buf, size_t size, const char *dir, const char *name)
{
	return snprintf(buf, size, "%s/%s", dir, name) < (int)size;
}
