// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/conf/link.h"

#include "user/base/paths.h"
#include "user/conf/image.h"

enum { PATH_SIZE = 256 };

struct sw_conf_link {
	struct sw_loop *loop;
	struct sw_link *link;
	enum sw_role role;
	sw_conf_link_fn fn;
	void *arg;
	struct sw_config config;
	bool has_config;
	char path[PATH_SIZE];
	char error[200];
};

static int say_hello(struct sw_link *l, void *arg)
{
	struct sw_conf_link *c = arg;
	_free_ struct sw_guard_request *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->version = SW_GUARD_VERSION;
	q->op = SW_GUARD_HELLO;
	q->role = c->role;
	return sw_link_send(l, q, SW_GUARD_REQUEST_HEAD, -1);
}

static int refuse(struct sw_conf_link *c, int r, const char *why)
{
	snprintf(c->error, sizeof(c->error), "%s", why);
	return r;
}

static int take_image(struct sw_conf_link *c, int fd)
{
	_free_ struct sw_config *image = malloc(sizeof(*image));
	const char *why = "it is not sealed";
	int r;

	if (!image)
		return -ENOMEM;
	r = sw_conf_image_read(fd, true, image, &why);
	if (r < 0) {
		snprintf(
			c->error, sizeof(c->error), "the guard's configuration image: %.150s", why);
		return r;
	}
	c->error[0] = 0;
	if (c->has_config && memcmp(&c->config, image, sizeof(*image)) == 0)
		return 0;
	c->config = *image;
	c->has_config = true;
	r = c->fn(&c->config, c->arg);
	if (r < 0)
		sw_loop_stop(c->loop, r);
	return 0;
}

static int on_reply(struct sw_link *l, const void *buf, size_t len, int *fd, void *arg)
{
	struct sw_conf_link *c = arg;
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

int sw_conf_link_new(struct sw_loop *loop, const char *run_dir, enum sw_role role,
	sw_conf_link_fn fn, void *arg, struct sw_conf_link **ret)
{
	_cleanup_(sw_conf_link_freep) struct sw_conf_link *c = calloc(1, sizeof(*c));
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

void sw_conf_link_free(struct sw_conf_link *c)
{
	if (!c)
		return;
	sw_link_free(c->link);
	free(c);
}

void sw_conf_link_freep(struct sw_conf_link **c)
{
	sw_conf_link_free(*c);
}

const char *sw_conf_link_error(const struct sw_conf_link *c)
{
	if (c->has_config || c->error[0])
		return c->error;
	return sw_link_is_connected(c->link) ? "the guard has not answered"
					     : "the guard is not there";
}
