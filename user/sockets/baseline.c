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

/* First row of a sorted set that is not before key. */
static size_t lower_bound(const struct sw_baseline_row *rows, size_t n, const char *key)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(rows[mid].key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* By image where both have one: a container is another each time it is made. */
static bool is_same_owner(const struct sw_baseline_row *a, const struct sw_baseline_row *b)
{
	bool is_same = *a->image && *b->image ? sw_streq(a->image, b->image) : sw_streq(a->container, b->container);

	return is_same && a->uid == b->uid && sw_streq(a->executable, b->executable);
}

static const struct sw_baseline_row *find_same(
	const struct sw_baseline_row *rows, size_t n, const struct sw_baseline_row *row)
{
	for (size_t i = lower_bound(rows, n, row->key); i < n && sw_streq(rows[i].key, row->key); i++)
		if (is_same_owner(&rows[i], row))
			return &rows[i];
	return NULL;
}

static const struct sw_baseline_row *find_key(const struct sw_baseline_row *rows, size_t n, const char *key)
{
	size_t i = lower_bound(rows, n, key);

	return i < n && sw_streq(rows[i].key, key) ? &rows[i] : NULL;
}

/* The same service by everything but the address. */
static bool is_same_service(const struct sw_baseline_row *a, const struct sw_baseline_row *b)
{
	return a->protocol == b->protocol && a->protocol && a->port == b->port && a->is_ephemeral == b->is_ephemeral &&
	       is_same_owner(a, b) && sw_streq(a->netns, b->netns);
}

/* A row of base that is the same service with less reach than row. */
static const struct sw_baseline_row *find_narrower(const struct sw_baseline_row *base, size_t n,
	const struct sw_baseline_row *row)
{
	const struct sw_baseline_row *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!is_same_service(&base[i], row))
			continue;
		if (base[i].exposure >= row->exposure)
			return NULL; /* it reached as far before, by another address */
		found = &base[i];
	}
	return found;
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

int sw_baseline_check(const struct sw_baseline_row *base, size_t n_base, const struct sw_baseline_row *row,
	struct sw_baseline_change *ret)
{
	const struct sw_baseline_row *same = find_same(base, n_base, row), *there, *narrower;

	if (same)
		return check_same(same, row, ret);
	there = row->is_ephemeral ? NULL : find_key(base, n_base, row->key);
	if (!*row->executable)
		return differs(ret, SW_BASELINE_OWNERLESS, row, there ? there->executable : "");
	if (row->is_deleted)
		return differs(ret, SW_BASELINE_DELETED, row, there ? there->executable : "");
	narrower = find_narrower(base, n_base, row);
	if (narrower)
		return differs(ret, SW_BASELINE_WIDENED, row, narrower->key);
	if (there)
		return differs(ret,
			there->is_reuseport && row->is_reuseport ? SW_BASELINE_SHARED : SW_BASELINE_EXECUTABLE, row,
			*there->executable ? there->executable : "no process");
	if (*row->container && !*row->netns)
		return differs(ret, SW_BASELINE_HOST_NETWORK, row, "");
	return differs(ret, SW_BASELINE_NEW, row, "");
}

/* A row of base that a change of now already speaks of is not told a second time as gone. */
static bool is_gone(const struct sw_baseline_row *was, const struct sw_baseline_row *now, size_t n_now,
	const struct sw_baseline_change *changes, size_t n)
{
	if (find_same(now, n_now, was))
		return false;
	if (!was->is_ephemeral && find_key(now, n_now, was->key))
		return false;
	for (size_t i = 0; i < n; i++)
		if (changes[i].kind == SW_BASELINE_WIDENED && sw_streq(changes[i].was, was->key))
			return false;
	return true;
}

ssize_t sw_baseline_compare(const struct sw_baseline_row *base, size_t n_base,
	const struct sw_baseline_row *now, size_t n_now, struct sw_baseline_change **ret)
{
	struct sw_baseline_change *changes;
	struct sw_baseline_change c;
	size_t n = 0, cap = 16, of_now = 0;

	changes = calloc(cap, sizeof(*changes));
	if (!changes)
		return -ENOMEM;
	for (size_t i = 0; i < n_now + n_base; i++) {
		const struct sw_baseline_row *row = i < n_now ? &now[i] : &base[i - n_now];

		of_now = i <= n_now ? n : of_now;
		if (i < n_now ? !sw_baseline_check(base, n_base, row, &c) : !is_gone(row, now, n_now, changes, of_now))
			continue;
		if (i >= n_now)
			differs(&c, SW_BASELINE_GONE, row, "");
		if (n == cap) {
			void *more = reallocarray(changes, cap * 2, sizeof(*changes));

			if (!more) {
				free(changes);
				return -ENOMEM;
			}
			changes = more;
			cap *= 2;
		}
		changes[n++] = c;
	}
	*ret = changes;
	return (ssize_t)n;
}
