// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/ctl/guard_status.h"

static void write_text(struct sw_json *j, const char *key, const char *text, size_t size)
{
	sw_json_stringn(j, key, text, strnlen(text, size));
}
#define WRITE_TEXT(j, key, array) write_text(j, key, array, sizeof(array))

static void write_interface(struct sw_json *j, const struct sw_guard_iface *f)
{
	sw_json_object_begin(j, NULL);
	WRITE_TEXT(j, "name", f->name);
	WRITE_TEXT(j, "hook", f->hook);
	WRITE_TEXT(j, "driver", f->driver);
	WRITE_TEXT(j, "why", f->why);
	WRITE_TEXT(j, "forward", f->forward);
	WRITE_TEXT(j, "tag", f->tag);
	sw_json_uint(j, "put_back", f->put_back);
	if (f->foreign_xdp_id) {
		sw_json_object_begin(j, "foreign_xdp");
		sw_json_uint(j, "id", f->foreign_xdp_id);
		WRITE_TEXT(j, "name", f->foreign_xdp);
		WRITE_TEXT(j, "tag", f->foreign_tag);
		sw_json_uint(j, "uid", f->foreign_uid);
		sw_json_object_end(j);
	}
	sw_json_object_end(j);
}

static void write_chain(struct sw_json *j, const struct sw_guard_chain *c)
{
	sw_json_object_begin(j, "chain");
	sw_json_uint(j, "id", c->id);
	WRITE_TEXT(j, "name", c->name);
	WRITE_TEXT(j, "tag", c->tag);
	sw_json_uint(j, "uid", c->uid);
	sw_json_object_end(j);
}

void sw_ctl_write_guard_status(struct sw_json *j, const struct sw_guard_status *s)
{
	sw_json_array_begin(j, "interfaces");
	for (__u32 i = 0; s && i < SW_MIN(s->n_ifaces, (__u32)SW_GUARD_IFACES_MAX); i++)
		write_interface(j, &s->ifaces[i]);
	sw_json_array_end(j);
	if (s && s->chain.id)
		write_chain(j, &s->chain);
	sw_json_array_begin(j, "processes");
	for (size_t i = 0; s && i < SW_ARRAY_SIZE(s->children); i++) {
		if (!s->children[i].name[0])
			continue;
		sw_json_object_begin(j, NULL);
		WRITE_TEXT(j, "name", s->children[i].name);
		sw_json_uint(j, "pid", s->children[i].pid);
		sw_json_uint(j, "restarts", s->children[i].restarts);
		sw_json_object_end(j);
	}
	sw_json_array_end(j);
}
