// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/io/config_link.h"

#include <sys/mman.h>

#include "user/base/paths.h"

enum { PATH_SIZE = 256 };

struct sw_config_link {
	struct sw_loop *loop;
	struct sw_link *link;
	enum sw_role role;
	sw_config_link_fn fn;
	void *arg;
	const struct sw_config *config; /* mapped, or NULL */
	char path[PATH_SIZE];
	char error[200];
};

static bool has_end(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

#define HAS_END(c, member) has_end((c)->member, sizeof((c)->member))

static bool texts_end(const struct sw_config *c)
{
	for (size_t i = 0; i < c->n_feeds; i++) {
		const struct sw_config_feed *f = &c->feeds[i];

		if (!HAS_END(f, name) || !HAS_END(f, url) || !HAS_END(f, ca_file))
			return false;
	}
	return HAS_END(c, mail_to) && HAS_END(c, mail_from) && HAS_END(c, mail_subject) && HAS_END(c, smtp_url) &&
	       HAS_END(c, smtp_ca_file) && HAS_END(c, smtp_user) && HAS_END(c, smtp_password_file) &&
	       HAS_END(c, sendmail_path) && HAS_END(c, web_address);
}

bool sw_config_image_ok(const void *image, size_t len)
{
	const struct sw_config *c = image;
	const __u32 none = 0;
	uint32_t crc;

	if (len < sizeof(*c) || c->magic != SW_CONFIG_MAGIC || c->version != SW_CONFIG_VERSION || c->size != sizeof(*c))
		return false;
	crc = sw_crc32(0, c, offsetof(struct sw_config, crc));
	crc = sw_crc32(crc, &none, sizeof(none));
	crc = sw_crc32(crc, &c->crc + 1, sizeof(*c) - offsetof(struct sw_config, crc) - sizeof(none));
	return crc == c->crc && c->n_feeds <= SW_CONFIG_FEEDS_MAX && texts_end(c);
}

static int say_hello(struct sw_link *l, void *arg)
{
	struct sw_config_link *c = arg;
	_free_ struct sw_guard_request *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->version = SW_GUARD_VERSION;
	q->op = SW_GUARD_HELLO;
	q->role = c->role;
	return sw_link_send(l, q, SW_GUARD_REQUEST_HEAD, -1);
}

static int refuse(struct sw_config_link *c, int r, const char *why)
{
	snprintf(c->error, sizeof(c->error), "%s", why);
	return r;
}

static void unmap(const struct sw_config *config)
{
	if (config)
		munmap((void *)config, sizeof(*config));
}

static int take_image(struct sw_config_link *c, int fd)
{
	const struct sw_config *old = c->config;
	const void *map;
	size_t len;
	int r = sw_memfd_map_sealed(fd, sizeof(struct sw_config), &map, &len);

	if (r < 0)
		return refuse(c, r, "the guard's configuration image is not sealed or too large");
	if (!sw_config_image_ok(map, len)) {
		munmap((void *)map, len);
		return refuse(c, -EBADMSG, "the guard's configuration image is of another version, or damaged");
	}
	c->error[0] = 0;
	if (old && memcmp(old, map, sizeof(*old)) == 0) {
		munmap((void *)map, len);
		return 0;
	}
	c->config = map;
	r = c->fn(c->config, c->arg);
	unmap(old);
	if (r < 0)
		sw_loop_stop(c->loop, r);
	return 0;
}

static int on_reply(struct sw_link *l, const void *buf, size_t len, int *fd, void *arg)
{
	struct sw_config_link *c = arg;
	const struct sw_guard_reply *reply = buf;

	if (len < offsetof(struct sw_guard_reply, ids) || reply->version != SW_GUARD_VERSION)
		return refuse(c, -EPROTO, "the guard speaks another version");
	if (reply->op != SW_GUARD_HELLO)
		return 0;
	if (reply->result < 0) {
		snprintf(c->error, sizeof(c->error), "the guard refused: %.160s", reply->text);
		return reply->result;
	}
	return take_image(c, *fd);
}

static const struct sw_link_calls calls = {.connected = say_hello, .packet = on_reply};

int sw_config_link_new(struct sw_loop *loop, const char *run_dir, enum sw_role role, sw_config_link_fn fn, void *arg,
	struct sw_config_link **ret)
{
	_cleanup_(sw_config_link_freep) struct sw_config_link *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->role = role;
	c->fn = fn;
	c->arg = arg;
	if (!sw_path_join(c->path, sizeof(c->path), run_dir, "guard.sock"))
		return -ENAMETOOLONG;
	r = sw_link_new(loop, c->path, &calls, c, &c->link);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

void sw_config_link_free(struct sw_config_link *c)
{
	if (!c)
		return;
	sw_link_free(c->link);
	unmap(c->config);
	free(c);
}

void sw_config_link_freep(struct sw_config_link **c)
{
	sw_config_link_free(*c);
}

const char *sw_config_link_error(const struct sw_config_link *c)
{
	if (c->config || c->error[0])
		return c->error;
	return sw_link_is_connected(c->link) ? "the guard has not answered" : "the guard is not there";
}
