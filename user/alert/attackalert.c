// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/alert/attackalert.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

enum {
	PRIORITY = 3 << 3 | 5, /* SYSLOG_FACILITY LOG_DAEMON, SYSLOG_LEVEL LOG_NOTICE: portsentry_config.h */
	RATE_PER_SEC = 50,     /* lines, so that an attacker does not fill the host's logs through us */
	BURST = 500,
	LINE_MAX_BYTES = 320,
};

struct sw_attackalert {
	const struct sw_clock *clock;
	struct sockaddr_un to;
	int fd; /* -1: not connected */
	uint64_t tokens, refilled_ns, unwritten;
};

int sw_attackalert_new(const struct sw_clock *clock, const char *path, struct sw_attackalert **ret)
{
	struct sw_attackalert *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->clock = clock;
	a->fd = -1;
	a->tokens = BURST;
	a->refilled_ns = sw_clock_boot_ns(clock);
	a->to.sun_family = AF_UNIX;
	if (!sw_strcpy(a->to.sun_path, sizeof(a->to.sun_path), path)) {
		free(a);
		return -ENAMETOOLONG;
	}
	*ret = a;
	return 0;
}

void sw_attackalert_free(struct sw_attackalert *a)
{
	if (!a)
		return;
	sw_close(a->fd);
	free(a);
}

static int open_log(struct sw_attackalert *a)
{
	a->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->fd < 0)
		return -errno;
	if (connect(a->fd, (struct sockaddr *)&a->to, sizeof(a->to)) == 0)
		return 0;
	a->fd = sw_close(a->fd);
	return -ENOTCONN;
}

/* The log daemon may have been restarted since: tried once more from the path. */
static bool send_line(struct sw_attackalert *a, const char *line)
{
	for (int i = 0; i < 2; i++) {
		if (a->fd < 0 && open_log(a) < 0)
			return false;
		if (send(a->fd, line, strlen(line), MSG_NOSIGNAL) >= 0)
			return true;
		if (errno == EAGAIN || errno == ENOBUFS)
			return false;
		a->fd = sw_close(a->fd);
	}
	return false;
}

static bool take_token(struct sw_attackalert *a)
{
	uint64_t now = sw_clock_boot_ns(a->clock), add = (now - a->refilled_ns) * RATE_PER_SEC / SW_SEC_NS;

	if (add) {
		a->tokens = SW_MIN(a->tokens + add, (uint64_t)BURST);
		a->refilled_ns = now;
	}
	return a->tokens ? a->tokens--, true : false;
}

static void write_line(struct sw_attackalert *a, const char *text)
{
	time_t now = (time_t)sw_clock_wall_sec(a->clock);
	char stamp[32] = "", line[LINE_MAX_BYTES];
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S ", &tm);
	snprintf(line, sizeof(line), "<%d>%sportsentry[%d]: attackalert: %s", PRIORITY, stamp, (int)getpid(), text);
	if (!take_token(a) || !send_line(a, line))
		a->unwritten++;
}

void sw_attackalert_connect(struct sw_attackalert *a, const char *source, bool is_tcp, unsigned int port)
{
	char text[200];

	snprintf(text, sizeof(text), "Connect from host: %s/%s to %s port: %u", source, source,
		is_tcp ? "TCP" : "UDP", port);
	write_line(a, text);
}

void sw_attackalert_blocked(struct sw_attackalert *a, const char *source)
{
	char text[240];

	snprintf(text, sizeof(text), "Host %s has been blocked via dropped route using command: \"sockwarden ban %s\"",
		source, source);
	write_line(a, text);
}

uint64_t sw_attackalert_unwritten(const struct sw_attackalert *a)
{
	return a->unwritten;
}
