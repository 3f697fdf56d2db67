// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/touches.h"

#include <netinet/in.h>
#include <uthash.h>

#include "user/base/cidr.h"

enum { RETELL_AT_ONCE = 512 /* rows brought up to date in one tick */ };

struct key {
	struct sw_net source;
	__u8 protocol;
	__u8 pad[3];
};

struct row {
	struct key key;
	struct sw_touch_row r;
	uint64_t last_boot_ns;
	bool is_dirty; /* its finding is behind */
	UT_hash_handle hh; /* in the order of their last touch */
};

/* A bucket of findings for a minute. */
struct bucket {
	uint64_t since_ns;
	unsigned int used, max;
};

struct sw_touches {
	const struct sw_clock *clock;
	sw_touches_fn found;
	void *arg;
	struct row *rows;
	struct bucket proven, unproven;
	struct sw_touches_stats stats;
};

int sw_touches_new(const struct sw_clock *clock, sw_touches_fn found, void *arg, struct sw_touches **ret)
{
	struct sw_touches *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->clock = clock;
	t->found = found;
	t->arg = arg;
	t->proven.max = SW_TOUCH_PROVEN_PER_MIN;
	t->unproven.max = SW_TOUCH_NEW_PER_MIN;
	*ret = t;
	return 0;
}

static void drop_row(struct sw_touches *t, struct row *r)
{
	HASH_DEL(t->rows, r);
	free(r);
}

void sw_touches_free(struct sw_touches *t)
{
	struct row *r, *next;

	if (!t)
		return;
	HASH_ITER(hh, t->rows, r, next)
		drop_row(t, r);
	free(t);
}

void sw_touches_freep(struct sw_touches **t)
{
	sw_touches_free(*t);
}

static bool take(struct sw_touches *t, struct bucket *b)
{
	uint64_t now = sw_clock_boot_ns(t->clock);

	if (now - b->since_ns >= 60 * SW_SEC_NS) {
		b->since_ns = now;
		b->used = 0;
	}
	return b->used < b->max ? b->used++, true : false;
}

static void tell(struct sw_touches *t, struct row *row)
{
	struct sw_touch_row *r = &row->r;
	bool is_tcp = r->protocol == IPPROTO_TCP;
	char source[SW_NET_TEXT_MAX], more[64] = "";
	struct sw_finding f = {.id = r->finding,
		.kind = SW_FINDING_DECOY_TOUCH,
		.severity = is_tcp ? SW_SEV_MEDIUM : SW_SEV_LOW,
		.subject = r->source,
		.dport = r->first_port,
		.protocol = r->protocol,
		.wall_ns = r->first_wall_ns,
		.last_wall_ns = r->last_wall_ns,
		.count = r->count};

	sw_strcpy(f.rule, sizeof(f.rule), is_tcp ? "decoy-tcp" : "decoy-udp");
	if (r->count > 1)
		snprintf(more, sizeof(more), " and %llu times more, last %u", (unsigned long long)r->count - 1,
			r->last_port);
	snprintf(f.title, sizeof(f.title), "%s %s decoy port %s/%u%s%s%s%s", sw_cidr_format(source, &r->source),
		is_tcp ? "connected to" : "sent to", is_tcp ? "tcp" : "udp", r->first_port, more,
		r->said[0] ? ": said \"" : "", r->said, r->said[0] ? "\"" : "");
	row->is_dirty = false;
	t->found(t->arg, &f);
	r->finding = f.id;
}

static struct row *find(struct sw_touches *t, const struct sw_touch *touch)
{
	struct key key = {.source = touch->source, .protocol = touch->protocol};
	struct row *r;

	HASH_FIND(hh, t->rows, &key, sizeof(key), r);
	return r;
}

static struct row *make(struct sw_touches *t, const struct sw_touch *touch)
{
	struct row *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	if (HASH_COUNT(t->rows) >= SW_TOUCH_ROWS_MAX) {
		t->stats.evicted++;
		drop_row(t, t->rows);
	}
	r->key = (struct key){.source = touch->source, .protocol = touch->protocol};
	r->r = (struct sw_touch_row){.source = touch->source,
		.protocol = touch->protocol,
		.first_port = touch->dport,
		.first_wall_ns = sw_clock_wall_ns(t->clock)};
	return r;
}

struct sw_touch_row *sw_touches_add(struct sw_touches *t, const struct sw_touch *touch)
{
	struct bucket *b = touch->protocol == IPPROTO_TCP ? &t->proven : &t->unproven;
	struct row *r = find(t, touch);
	bool is_new = !r;

	if (!r)
		r = make(t, touch);
	else
		HASH_DEL(t->rows, r); /* to the end: it is the newest */
	if (!r)
		return NULL;
	HASH_ADD(hh, t->rows, key, sizeof(r->key), r);
	r->r.count++;
	r->r.last_port = touch->dport;
	r->r.last_wall_ns = sw_clock_wall_ns(t->clock);
	r->last_boot_ns = sw_clock_boot_ns(t->clock);
	if (!is_new)
		r->is_dirty = true;
	else if (take(t, b))
		tell(t, r);
	else
		t->stats.untold++;
	return &r->r;
}

__u64 sw_touches_count(struct sw_touches *t, const struct sw_touch *touch)
{
	const struct row *r = find(t, touch);

	return r ? r->r.count : 0;
}

/* In a title: what is no plain character is a dot. The event has it whole, escaped. */
void sw_touches_heard(struct sw_touches *t, const struct sw_touch *touch, const char *bytes, size_t n)
{
	struct row *r = find(t, touch);
	size_t len = SW_MIN(n, sizeof(r->r.said) - 1);

	if (!r || r->r.said[0] || !n)
		return;
	while (len && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
		len--;
	for (size_t i = 0; i < len; i++) {
		bool is_plain = bytes[i] >= ' ' && bytes[i] <= '~' && bytes[i] != '"' && bytes[i] != '\\';

		r->r.said[i] = is_plain ? bytes[i] : '.';
	}
	r->is_dirty = true;
}

bool sw_touches_tick(struct sw_touches *t)
{
	uint64_t now = sw_clock_boot_ns(t->clock);
	unsigned int told = 0;
	struct row *r, *next;

	HASH_ITER(hh, t->rows, r, next) {
		if (r->is_dirty && r->r.finding && told++ < RETELL_AT_ONCE)
			tell(t, r);
		if (now - r->last_boot_ns > SW_TOUCH_FORGET_SEC * SW_SEC_NS)
			drop_row(t, r);
	}
	return t->rows != NULL;
}

size_t sw_touches_top(const struct sw_touches *t, struct sw_touch_row *ret, size_t max)
{
	size_t n = 0;

	for (const struct row *r = t->rows; r; r = r->hh.next) {
		size_t at = n;

		if (n == max && (!max || ret[n - 1].count >= r->r.count))
			continue;
		at = n < max ? n++ : n - 1;
		for (; at && ret[at - 1].count < r->r.count; at--)
			ret[at] = ret[at - 1];
		ret[at] = r->r;
	}
	return n;
}

struct sw_touches_stats sw_touches_stats(const struct sw_touches *t)
{
	struct sw_touches_stats s = t->stats;

	s.rows = HASH_COUNT(t->rows);
	return s;
}
