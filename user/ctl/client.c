// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/ctl/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "user/io/msg.h"

enum {
	READ_CHUNK = 65536,
	REPLY_MAX = 256 << 20, /* a reply line: every socket of a host at its limits, with room */
};

struct sw_ctl_client {
	int fd;
	int64_t last_id;
	struct sw_strbuf in;
	size_t at;	/* where the next line begins */
	size_t scanned; /* up to here there is no newline */
};

int sw_ctl_client_open(const char *path, struct sw_ctl_client **ret)
{
	struct sw_ctl_client *c;
	int fd = sw_unix_connect(path, SOCK_STREAM);

	if (fd < 0)
		return fd;
	c = calloc(1, sizeof(*c));
	if (!c) {
		sw_close(fd);
		return -ENOMEM;
	}
	c->fd = fd;
	*ret = c;
	return 0;
}

void sw_ctl_client_close(struct sw_ctl_client *c)
{
	if (!c)
		return;
	sw_close(c->fd);
	sw_strbuf_done(&c->in);
	free(c);
}

void sw_ctl_client_closep(struct sw_ctl_client **c)
{
	sw_ctl_client_close(*c);
}

int sw_ctl_client_fd(const struct sw_ctl_client *c)
{
	return c->fd;
}

static int wait_for(int fd, short events, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int r = poll(&p, 1, timeout_ms);

	return r < 0 ? -errno : r;
}

static int send_bytes(int sock, const char *buf, size_t len, int fd)
{
	while (len) {
		size_t some = fd >= 0 ? 1 : len; /* the descriptor goes with the first byte */
		ssize_t n;
		int r;

		if (fd >= 0) {
			r = sw_msg_send(sock, buf, some, &fd, 1);
			n = r < 0 ? r : 1;
		} else {
			n = send(sock, buf, some, MSG_NOSIGNAL);
			n = n < 0 ? -errno : n;
		}
		if (n == -EAGAIN) {
			r = wait_for(sock, POLLOUT, -1);
			if (r < 0 && r != -EINTR)
				return r;
			continue;
		}
		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		fd = -1;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

int64_t sw_ctl_client_send(struct sw_ctl_client *c, const char *verb, const char *args_json, int fd)
{
	_strbuf_ struct sw_strbuf out = {};
	struct sw_json j;
	int r;

	sw_json_init(&j, &out);
	sw_json_object_begin(&j, NULL);
	sw_json_int(&j, "id", c->last_id + 1);
	sw_json_string(&j, "verb", verb);
	if (args_json)
		sw_json_raw(&j, "args", args_json);
	sw_json_object_end(&j);
	sw_strbuf_putc(&out, '\n');
	if (out.is_failed)
		return -ENOMEM;
	r = send_bytes(c->fd, out.text, out.len, fd);
	/* a server that turned us away has said why before it closed: the next read has it */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return r;
	return ++c->last_id;
}

/* The next whole line in what was read, parsed: 1, 0 when there is none, -errno. */
static int take_line(struct sw_ctl_client *c, json_t **ret)
{
	const char *line = c->in.text + c->at, *end;
	size_t from = SW_MAX(c->at, c->scanned);
	json_t *root;

	if (c->at >= c->in.len)
		return 0;
	end = memchr(c->in.text + from, '\n', c->in.len - from);
	if (!end) {
		c->scanned = c->in.len;
		return c->in.len - c->at > REPLY_MAX ? -EMSGSIZE : 0;
	}
	root = json_loadb(line, (size_t)(end - line), 0, NULL);
	c->at = c->scanned = (size_t)(end - c->in.text) + 1;
	if (c->at == c->in.len) {
		sw_strbuf_reset(&c->in);
		c->at = c->scanned = 0;
	}
	if (!root)
		return -EBADMSG;
	*ret = root;
	return 1;
}

/* Reads what has arrived: 1 something, 0 nothing, -EPIPE gone, -errno. */
static int read_more(struct sw_ctl_client *c)
{
	char buf[READ_CHUNK];
	ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	if (c->at) {
		sw_strbuf_shift(&c->in, c->at);
		c->scanned -= c->at;
		c->at = 0;
	}
	sw_strbuf_add(&c->in, buf, (size_t)n);
	return c->in.is_failed ? -ENOMEM : 1;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int sw_ctl_client_next(struct sw_ctl_client *c, int timeout_ms, json_t **ret)
{
	int64_t end = timeout_ms > 0 ? now_ms() + timeout_ms : 0;

	for (;;) {
		int64_t left = timeout_ms > 0 ? SW_MAX(end - now_ms(), 0) : timeout_ms;
		int r = take_line(c, ret);

		if (r)
			return r;
		r = read_more(c);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		if (left == 0)
			return 0;
		r = wait_for(c->fd, POLLIN, (int)left);
		if (r < 0)
			return r;
		if (r == 0)
			return 0;
	}
}

int sw_ctl_client_call(struct sw_ctl_client *c, const char *verb, const char *args_json, int fd, json_t **ret)
{
	int64_t id = sw_ctl_client_send(c, verb, args_json, fd);

	if (id < 0)
		return (int)id;
	for (;;) {
		json_t *reply = NULL;
		const json_t *got;
		int r = sw_ctl_client_next(c, -1, &reply);

		if (r == -EINTR)
			continue;
		if (r < 0)
			return r;
		got = json_object_get(reply, "id");
		/* a refusal to a peer whose request was not read names no id */
		if (json_object_get(reply, "ok") && (!json_is_integer(got) || json_integer_value(got) == id)) {
			*ret = reply;
			return 0;
		}
		json_decref(reply);
	}
}
