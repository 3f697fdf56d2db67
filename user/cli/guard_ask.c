// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/cli/guard_ask.h"

#include <poll.h>
#include <sys/socket.h>

#include "user/io/msg.h"

enum { WAIT_MS = 10000 }; /* the guard answers at once; attaching to a slow device may hold it up */

/* Sends one request, with a descriptor unless that is -1, and waits for its reply. */
static int exchange(int sock, const struct sw_guard_request *q, int with, struct sw_guard_reply *ret)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};
	int fds[SW_MSG_FDS_MAX];
	ssize_t n;
	int r = sw_msg_send(sock, q, SW_GUARD_REQUEST_HEAD, &with, with >= 0);

	if (r < 0)
		return r;
	do {
		size_t n_fds = SW_ARRAY_SIZE(fds);

		r = poll(&p, 1, WAIT_MS);
		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0 && errno != EINTR)
			return -errno;
		n = sw_msg_recv(sock, ret, sizeof(*ret), fds, &n_fds);
		for (size_t i = 0; i < n_fds; i++)
			sw_close(fds[i]);
	} while (n == -EAGAIN || (n == (ssize_t)sizeof(*ret) && ret->id != q->id));
	if (n < 0)
		return (int)n;
	if (n == 0)
		return -EPIPE;
	return n == (ssize_t)sizeof(*ret) && ret->version == SW_GUARD_VERSION ? 0 : -EBADMSG;
}

static int ask(const struct sw_cli *c, struct sw_guard_request *q, int with, struct sw_guard_reply *ret)
{
	char path[108];
	_close_ int sock = -1;
	const struct sw_guard_request hello = {
		.version = SW_GUARD_VERSION, .op = SW_GUARD_HELLO, .id = 1, .role = SW_ROLE_OPERATOR};
	int r;

	if (!sw_path_join(path, sizeof(path), c->o.paths.run_dir, "guard.sock"))
		return -ENAMETOOLONG;
	sock = sw_unix_connect(path, SOCK_SEQPACKET);
	if (sock < 0)
		return sock;
	r = exchange(sock, &hello, -1, ret);
	if (r < 0)
		return r;
	if (ret->result < 0)
		return 0; /* refused: the reply says why */
	q->version = SW_GUARD_VERSION;
	q->id = 2;
	q->role = SW_ROLE_OPERATOR;
	return exchange(sock, q, with, ret);
}

int sw_cli_guard_status(const struct sw_cli *c, struct sw_guard_reply *ret)
{
	struct sw_guard_request q = {.op = SW_GUARD_STATUS};

	return ask(c, &q, -1, ret);
}

int sw_cli_guard_mode(const struct sw_cli *c, enum sw_mode mode, uint32_t confirm_sec, struct sw_guard_reply *ret)
{
	struct sw_guard_request q = {.op = SW_GUARD_MODE, .mode = mode, .confirm_sec = confirm_sec};

	return ask(c, &q, -1, ret);
}

int sw_cli_guard_chain(const struct sw_cli *c, int prog, struct sw_guard_reply *ret)
{
	struct sw_guard_request q = {.op = prog >= 0 ? SW_GUARD_CHAIN : SW_GUARD_UNCHAIN};

	return ask(c, &q, prog, ret);
}

int sw_cli_guard_result(const struct sw_cli *c, int r, const struct sw_guard_reply *reply)
{
	if (r < 0)
		return sw_cli_not_running(c, r);
	if (reply->result == -EPERM || reply->result == -EACCES)
		return sw_cli_error(SW_EXIT_PERMISSION, "run it as root", "the guard refuses: %.160s",
			reply->text[0] ? reply->text : "that is for root alone");
	if (reply->result == -EINVAL)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "%.160s", reply->text);
	if (reply->result < 0)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "the guard: %.160s",
			reply->text[0] ? reply->text : strerror(-reply->result));
	return SW_EXIT_OK;
}
