// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Sink: the local syslog socket, a datagram in the form syslog(3) writes. The line is never worth
 * waiting for: what the socket does not take is counted, and said in the next line that it takes.
 */
#include "user/alert/sink.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "user/base/strbuf.h"

enum {
	RATE_PER_SEC = 20, /* lines, so that an attacker does not fill the host's logs through us */
	BURST = 200, /* lines at once */
	TAG_MAX = 64,
};

struct syslog_sink {
	struct sw_alert_context *context;
	int fd; /* -1: not connected */
	uint64_t tokens, refilled_ns;
	uint64_t unsaid; /* lines lost or held back since the last line that said so */
};

/* Our severities in syslog's: info, notice, warning, err, crit. */
static const int levels[SW_SEV_COUNT] = {6, 5, 4, 3, 2};

static bool is_wanted(const struct sw_alert_context *c)
{
	return c->config->syslog_enabled;
}

static int open_sink(const struct sw_alert_sink *sink, struct sw_alert_context *c, void **ret)
{
	struct syslog_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->context = c;
	s->fd = -1;
	s->tokens = BURST;
	s->refilled_ns = sw_clock_boot_ns(c->clock);
	*ret = s;
	return 0;
}

static void close_sink(void *sink)
{
	struct syslog_sink *s = sink;

	sw_close(s->fd);
	free(s);
}

static int connect_log(struct syslog_sink *s)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	memcpy(sa.sun_path, s->context->syslog_path,
		SW_MIN(sizeof(sa.sun_path), sizeof(s->context->syslog_path)));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	s->fd = TAKE_FD(fd);
	return 0;
}

/* The log daemon may have been restarted since: its old socket refuses, so the path is tried once more. */
static int send_line(struct syslog_sink *s, const char *line, size_t len)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		int r = s->fd < 0 ? connect_log(s) : 0;

		if (r < 0)
			return r;
		if (send(s->fd, line, len, MSG_NOSIGNAL) >= 0)
			return 0;
		r = -errno;
		if (r == -EAGAIN || r == -ENOBUFS || attempt)
			return r;
		s->fd = sw_close(s->fd);
	}
	return -ENOTCONN;
}

static bool take_token(struct syslog_sink *s)
{
	uint64_t now = sw_clock_boot_ns(s->context->clock);
	uint64_t add = (now - s->refilled_ns) * RATE_PER_SEC / SW_SEC_NS;

	if (add) {
		s->tokens = SW_MIN(s->tokens + add, (uint64_t)BURST);
		s->refilled_ns = now;
	}
	if (!s->tokens)
		return false;
	s->tokens--;
	return true;
}

static void write_head(struct syslog_sink *s, struct sw_strbuf *b, enum sw_severity severity)
{
	time_t now = (time_t)sw_clock_wall_sec(s->context->clock);
	unsigned int facility = s->context->config->syslog_facility & 31;
	char stamp[TAG_MAX] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S ", &tm);
	sw_strbuf_printf(b,
		"<%u>%ssockwarden[%d]: ", facility << 3 | (unsigned int)levels[severity], stamp,
		(int)getpid());
}

static void add_field(struct sw_strbuf *b, const char *name, const char *value)
{
	if (!value[0])
		return;
	sw_strbuf_printf(b, " %s=", name);
	sw_strbuf_safe(b, value, strlen(value));
}

static void write_item(struct syslog_sink *s, struct sw_strbuf *b, const struct sw_alert_item *i)
{
	write_head(s, b, i->severity);
	sw_strbuf_printf(b, "%s: ", i->kind);
	sw_strbuf_safe(b, i->title, strlen(i->title));
	add_field(b, "address", i->subject);
	add_field(b, "rule", i->rule);
	add_field(b, "trail", i->trail);
	add_field(b, "feed", i->feed);
	add_field(b, "executable", i->executable);
	add_field(b, "unit", i->unit);
	add_field(b, "container", i->container);
	add_field(b, "pod", i->pod);
	if (i->pid)
		sw_strbuf_printf(b, " pid=%u", i->pid);
	if (i->count > 1)
		sw_strbuf_printf(b, " count=%llu", (unsigned long long)i->count);
	if (s->unsaid)
		sw_strbuf_printf(b, " (%llu alerts before this one did not reach this log)",
			(unsigned long long)s->unsaid);
}

static void take(void *sink, const struct sw_alert_item *i)
{
	struct syslog_sink *s = sink;
	struct sw_alert_stats *stats = &s->context->stats;
	_strbuf_ struct sw_strbuf line = {};
	int r;

	if (i->severity < s->context->config->syslog_min_severity ||
		(unsigned int)i->severity >= SW_SEV_COUNT)
		return;
	if (!take_token(s)) {
		stats->syslog_limited++;
		s->unsaid++;
		return;
	}
	write_item(s, &line, i);
	r = line.is_failed ? -ENOMEM : send_line(s, line.text, line.len);
	if (r < 0) {
		stats->syslog_failed++;
		s->unsaid++;
		stats->is_syslog_absent = r == -ENOENT && !stats->syslog_sent;
		stats->syslog_error[0] = 0;
		if (!stats->is_syslog_absent)
			snprintf(stats->syslog_error, sizeof(stats->syslog_error), "%.40s: %.50s",
				s->context->syslog_path, strerror(-r));
		return;
	}
	stats->syslog_sent++;
	stats->is_syslog_absent = false;
	stats->syslog_error[0] = 0;
	s->unsaid = 0;
}

const struct sw_alert_sink sw_alert_sink_syslog = {
	.name = "syslog",
	.is_wanted = is_wanted,
	.open = open_sink,
	.close = close_sink,
	.take = take,
};
