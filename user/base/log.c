// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/log.h"

#include <stdarg.h>
#include <sys/uio.h>

static struct {
	const char *program;
	enum sw_log_level level;
	bool has_priority;
} state = {.program = "sockwarden", .level = SW_LOG_INFO};

void sw_log_init(const char *program, enum sw_log_level level)
{
	state.program = program;
	state.level = level;
	state.has_priority = getenv("JOURNAL_STREAM") != NULL;
}

void sw_log_set_level(enum sw_log_level level)
{
	state.level = level;
}

int sw_log_full(enum sw_log_level level, int err, const char *fmt, ...)
{
	char line[2048];
	size_t n = 0, at;
	va_list ap;
	int r;

	if (level > state.level)
		return err;
	if (state.has_priority)
		n += (size_t)snprintf(line, sizeof(line), "<%d>", level);
	n += (size_t)snprintf(line + n, sizeof(line) - n, "%s: ", state.program);
	at = n;
	va_start(ap, fmt);
	r = vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	if (r > 0)
		n = SW_MIN(n + (size_t)r, sizeof(line) - 1);
	if (err < 0) {
		r = snprintf(line + n, sizeof(line) - n, ": %s", strerror(-err));
		n = SW_MIN(n + (size_t)r, sizeof(line) - 1);
	}
	for (size_t i = at; i < n; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	n = SW_MIN(n, sizeof(line) - 2);
	line[n++] = '\n';
	(void)!write(STDERR_FILENO, line, n);
	return err;
}
