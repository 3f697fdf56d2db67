// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/io/link.h"

#include <sys/socket.h>

struct sw_link {
	struct sw_loop *loop;
	const char *path;
	const struct sw_link_calls *calls;
	void *arg;
	struct sw_source *source, *timer;
	int fd, error;
	uint64_t retry_ms;
	char packet[SW_LINK_PACKET_MAX];
};

static void plan_retry(struct sw_link *l)
{
	sw_source_set_timer(l->timer, l->retry_ms * SW_MSEC_NS, 0);
	l->retry_ms = SW_MIN(l->retry_ms * 2, (uint64_t)SW_LINK_RETRY_MAX_MS);
}

static void drop(struct sw_link *l, int err)
{
	bool was_connected = l->fd >= 0;

	sw_source_free(TAKE_PTR(l->source));
	l->fd = sw_close(l->fd);
	l->error = err < 0 ? err : -ENOTCONN;
	plan_retry(l);
	if (was_connected && l->calls->lost)
		l->calls->lost(l, err, l->arg);
}

static int on_packet(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct sw_link *l = arg;
	_close_ int got = -1;
	size_t n_fds = 1;
	ssize_t n = sw_msg_recv(fd, l->packet, sizeof(l->packet), &got, &n_fds);
	int r;

	if (!n_fds)
		got = -1;
	if (n == -EAGAIN)
		return 0;
	if (n <= 0) {
		drop(l, (int)n);
		return 0;
	}
	l->retry_ms = SW_LINK_RETRY_MIN_MS; /* it talks: the next loss is a new one */
	r = l->calls->packet(l, l->packet, (size_t)n, &got, l->arg);
	if (r < 0)
		drop(l, r);
	return 0;
}

static int try_connect(struct sw_link *l)
{
	_close_ int fd = sw_unix_connect(l->path, SOCK_SEQPACKET);
	int r;

	if (fd < 0)
		return fd;
	r = sw_loop_add_fd(l->loop, fd, EPOLLIN, on_packet, l, &l->source);
	if (r < 0)
		return r;
	l->fd = TAKE_FD(fd);
	l->error = 0;
	return l->calls->connected(l, l->arg);
}

static int on_retry(struct sw_source *s, void *arg)
{
	struct sw_link *l = arg;
	int r = try_connect(l);

	if (r < 0)
		drop(l, r);
	return 0;
}

int sw_link_new(struct sw_loop *loop, const char *path, const struct sw_link_calls *calls,
	void *arg, struct sw_link **ret)
{
	struct sw_link *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	*l = (struct sw_link){.loop = loop,
		.path = path,
		.calls = calls,
		.arg = arg,
		.fd = -1,
		.error = -ENOTCONN};
	l->retry_ms = SW_LINK_RETRY_MIN_MS;
	r = sw_loop_add_timer(loop, 1, 0, on_retry, l, &l->timer);
	if (r < 0) {
		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void sw_link_free(struct sw_link *l)
{
	if (!l)
		return;
	sw_source_free(l->source);
	sw_source_free(l->timer);
	sw_close(l->fd);
	free(l);
}

void sw_link_freep(struct sw_link **l)
{
	sw_link_free(*l);
}

bool sw_link_is_connected(const struct sw_link *l)
{
	return l->fd >= 0;
}

int sw_link_send(struct sw_link *l, const void *buf, size_t len, int fd)
{
	if (l->fd < 0)
		return -ENOTCONN;
	return sw_msg_send(l->fd, buf, len, &fd, fd >= 0);
}

int sw_link_error(const struct sw_link *l)
{
	return l->error;
}
