// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/progname.h"

#include "user/base/util.h"

static bool is_interpreter(const char *name)
{
	static const char *const words[] = {
		"python", "perl", "ruby", "php", "node", "java", "bash", "dash", "sh", "busybox", "lua", "tclsh"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(words); i++) {
		size_t n = strlen(words[i]);

		/* "python3.11" too, but not "shadowd" */
		if (!strncmp(name, words[i], n) && strspn(name + n, "0123456789.") == strlen(name + n))
			return true;
	}
	return false;
}

const char *sw_program_name(const char *executable, const char *comm)
{
	const char *slash = strrchr(executable, '/'), *name = slash ? slash + 1 : executable;

	return *name && !(*comm && is_interpreter(name)) ? name : comm;
}
