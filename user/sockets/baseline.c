// SPDX-License-Identifier: GPL-3.0-or-later
/* What differs between rows. */
#include "user/sockets/baseline.h"

#include "user/base/strbuf.h"
#include "user/sockets/inventory.h"

static const char *const kind_words[] = {
#define KIND_WORD(id, word) word,
	SW_BASELINE_CHANGES(KIND_WORD)
#undef KIND_WORD
};

const char *sw_baseline_kind_word(unsigned int kind)
{
	return kind < SW_BASELINE_KIND_COUNT ? kind_words[kind] : "?";
}

const char *sw_baseline_protocol_word(const struct sw_baseline_row *r)
{
	return r->protocol ? sw_transport_word(r->protocol) : "unix";
}

/* The row of base that is the same service with less reach than row; -1: none, or it reached as far before. */
static ssize_t find_narrower(const struct sw_baseline_set *base, const struct sw_baseline_row *row,
	struct sw_baseline_row *ret)
{
	ssize_t i = sw_baseline_set_find_service(base, row);

	if (i < 0)
		return -1;
	sw_baseline_set_get(base, (size_t)i, ret);
	return ret->exposure < row->exposure ? i : -1;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void say(struct sw_baseline_change *c)
{
	static const char *const what[SW_BASELINE_KIND_COUNT] = {
		[SW_BASELINE_OWNERLESS] = "is listened on, and no process holds the socket",
		[SW_BASELINE_DELETED] = "is listened on by a program whose file has no name any more",
		[SW_BASELINE_WIDENED] = "can be reached from farther than before",
		[SW_BASELINE_SHARED] = "is shared by another program than before",
		[SW_BASELINE_HOST_NETWORK] = "is new, on the host's network by a container",
		[SW_BASELINE_BACKLOG] = "has another backlog",
		[SW_BASELINE_EXECUTABLE] = "is listened on by something else than before",
		[SW_BASELINE_NEW] = "is new",
		[SW_BASELINE_GONE] = "is not listened on any more",
	};
	_strbuf_ struct sw_strbuf b = {0};

	sw_strbuf_printf(&b, "%s %s", c->row.key, what[c->kind]);
	if (*c->row.executable && c->kind != SW_BASELINE_GONE) {
		sw_strbuf_puts(&b, ": ");
		sw_strbuf_safe(&b, base_name(c->row.executable), strlen(base_name(c->row.executable)));
		sw_strbuf_printf(&b, ", uid %u", c->row.uid);
	}
	if (*c->row.unit)
		sw_strbuf_printf(&b, ", unit %s", c->row.unit);
	if (*c->row.container)
		sw_strbuf_printf(&b, ", container %s", c->row.container);
	if (*c->row.image) {
		sw_strbuf_puts(&b, " of ");
		sw_strbuf_safe(&b, c->row.image, strlen(c->row.image));
	}
	if (*c->was) {
		sw_strbuf_puts(&b, " (was ");
		sw_strbuf_safe(&b, c->was, strlen(c->was));
		sw_strbuf_putc(&b, ')');
	}
	sw_strcpy(c->text, sizeof(c->text), sw_strbuf_get(&b));
}

static int differs(struct sw_baseline_change *ret, enum sw_baseline_kind kind, const struct sw_baseline_row *row,
	const char *was)
{
	memset(ret, 0, sizeof(*ret));
	ret->kind = kind;
	ret->row = *row;
	sw_strcpy(ret->was, sizeof(ret->was), was);
	say(ret);
	return 1;
}

/* A group of SO_REUSEPORT is one row: whose backlog that has is chance. */
static int check_same(const struct sw_baseline_row *was, const struct sw_baseline_row *row,
	struct sw_baseline_change *ret)
{
	char text[40];

	if (row->is_deleted && !was->is_deleted)
		return differs(ret, SW_BASELINE_DELETED, row, "");
	if (!was->backlog || !row->backlog || was->backlog == row->backlog || row->is_ephemeral || row->is_reuseport)
		return 0;
	snprintf(text, sizeof(text), "%u, now %u", was->backlog, row->backlog);
	return differs(ret, SW_BASELINE_BACKLOG, row, text);
}

/* Also says which row of base the change speaks of as a narrower one, -1: none. */
static int check(const struct sw_baseline_set *base, const struct sw_baseline_row *row, struct sw_baseline_change *ret,
	ssize_t *ret_narrower)
{
	struct sw_baseline_row was = {.executable = ""}, narrower;
	ssize_t i = sw_baseline_set_find(base, row);
	bool is_there;

	*ret_narrower = -1;
	if (i >= 0) {
		sw_baseline_set_get(base, (size_t)i, &was);
		return check_same(&was, row, ret);
	}
	i = row->is_ephemeral ? -1 : sw_baseline_set_find_key(base, row->key);
	is_there = i >= 0;
	if (is_there)
		sw_baseline_set_get(base, (size_t)i, &was);
	if (!*row->executable)
		return differs(ret, SW_BASELINE_OWNERLESS, row, was.executable);
	if (row->is_deleted)
		return differs(ret, SW_BASELINE_DELETED, row, was.executable);
	*ret_narrower = find_narrower(base, row, &narrower);
	if (*ret_narrower >= 0)
		return differs(ret, SW_BASELINE_WIDENED, row, narrower.key);
	if (is_there)
		return differs(ret,
			was.is_reuseport && row->is_reuseport ? SW_BASELINE_SHARED : SW_BASELINE_EXECUTABLE, row,
			*was.executable ? was.executable : "no process");
	if (*row->container && !*row->netns)
		return differs(ret, SW_BASELINE_HOST_NETWORK, row, "");
	return differs(ret, SW_BASELINE_NEW, row, "");
}

int sw_baseline_check(const struct sw_baseline_set *base, const struct sw_baseline_row *row,
	struct sw_baseline_change *ret)
{
	ssize_t narrower;

	return check(base, row, ret, &narrower);
}

/* Neither it nor another owner at the same place is there. */
static bool is_missing(const struct sw_baseline_row *was, const struct sw_baseline_set *now)
{
	return sw_baseline_set_find(now, was) < 0 &&
	       (was->is_ephemeral || sw_baseline_set_find_key(now, was->key) < 0);
}

bool sw_baseline_is_gone(const struct sw_baseline_row *was, const struct sw_baseline_set *now,
	struct sw_baseline_change *ret)
{
	struct sw_baseline_row wide;
	ssize_t i;

	if (!is_missing(was, now))
		return false;
	i = sw_baseline_set_find_service(now, was);
	if (i >= 0) {
		sw_baseline_set_get(now, (size_t)i, &wide);
		if (wide.exposure > was->exposure && !wide.is_deleted)
			return false; /* its scope is wider: that is told */
	}
	return differs(ret, SW_BASELINE_GONE, was, "");
}

int sw_baseline_compare(const struct sw_baseline_set *base, const struct sw_baseline_set *now, sw_baseline_change_fn fn,
	void *arg)
{
	_free_ uint8_t *widened = calloc(base->n / 8 + 1, 1); /* told once, as what they are now */
	struct sw_baseline_change c;
	struct sw_baseline_row row;
	ssize_t narrower;
	int r = widened ? 0 : -ENOMEM;

	for (size_t i = 0; i < now->n && r >= 0; i++) {
		sw_baseline_set_get(now, i, &row);
		if (!check(base, &row, &c, &narrower))
			continue;
		if (narrower >= 0)
			widened[narrower / 8] |= (uint8_t)(1U << narrower % 8);
		r = fn(&c, arg);
	}
	for (size_t i = 0; i < base->n && r >= 0; i++) {
		sw_baseline_set_get(base, i, &row);
		if (widened[i / 8] & 1U << i % 8 || !is_missing(&row, now))
			continue;
		differs(&c, SW_BASELINE_GONE, &row, "");
		r = fn(&c, arg);
	}
	return r < 0 ? r : 0;
}
