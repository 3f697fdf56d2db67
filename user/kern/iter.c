// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/kern/iter.h"

enum {
	CHUNK = 65536,	  /* bytes asked for at once: seven hundred records */
	RETRIES_MAX = 64, /* -EAGAIN from a walk of a million objects that showed nothing */
};

static size_t size_of(uint16_t type)
{
	switch (type) {
	case SW_IT_INET:
		return sizeof(struct sw_it_inet);
	case SW_IT_UNIX:
		return sizeof(struct sw_it_unix);
	case SW_IT_FILE:
		return sizeof(struct sw_it_file);
	case SW_IT_TASK:
		return sizeof(struct sw_it_task);
	case SW_IT_HELD:
		return sizeof(struct sw_it_held);
	default:
		return 0;
	}
}

static bool is_sane(uint16_t type, union sw_it it)
{
	if (type == SW_IT_UNIX)
		return it.ux->path_len <= SW_UNIX_PATH_MAX;
	if (type == SW_IT_TASK)
		return it.task->path_len < SW_EXEC_PATH_MAX;
	return true;
}

int sw_iter_decode(const void *buf, size_t len, sw_iter_fn fn, void *arg, size_t *ret_used)
{
	size_t used = 0;
	int r, n = 0;

	for (*ret_used = 0; len - used >= 2 * sizeof(uint16_t); n++) {
		const uint16_t *head = (const void *)((const char *)buf + used);
		union sw_it it = {.inet = (const void *)head};
		size_t size = size_of(head[0]);

		if (!size || head[1] != size)
			return -EBADMSG;
		if (len - used < size)
			break;
		if (!is_sane(head[0], it))
			return -EBADMSG;
		r = fn(head[0], it, arg);
		if (r < 0)
			return r;
		used += size;
		*ret_used = used;
	}
	return n;
}

int sw_iter_read(int fd, sw_iter_fn fn, void *arg)
{
	_free_ char *buf = malloc(CHUNK);
	size_t have = 0, used;
	int r, n = 0, retries = 0;

	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t got = read(fd, buf + have, CHUNK - have);

		if (got < 0 && (errno == EINTR || (errno == EAGAIN && retries++ < RETRIES_MAX)))
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return have ? -EBADMSG : n;
		have += (size_t)got;
		r = sw_iter_decode(buf, have, fn, arg, &used);
		if (r < 0)
			return r;
		n += r;
		have -= used;
		memmove(buf, buf + used, have);
	}
}
