// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/bans.h"

#include <uthash.h>

#include "user/base/cidr.h"
#include "user/base/words.h"

enum {
	NEVER_BAN =
		SW_ALLOW_OWN | SW_ALLOW_GATEWAY | SW_ALLOW_RESOLVER | SW_ALLOW_ADMIN | SW_ALLOW_FEED |
		SW_ALLOW_PROXY
};

struct allowed {
	struct sw_net net;
	__u32 origins;
	UT_hash_handle hh;
};

struct sw_bans {
	const struct sw_maps *maps;
	struct sw_marks *marks;
	struct sw_backends *backends;
	struct sw_bans_floor floor;
	struct allowed *allowed; /* by net */
};

static int remember(struct sw_bans *b, const struct sw_net *net, __u32 origins)
{
	struct allowed *a;

	origins &= NEVER_BAN; /* each ban is held against all of these: not against what feeds allow */
	HASH_FIND(hh, b->allowed, net, sizeof(*net), a);
	if (!origins) {
		if (a) {
			HASH_DEL(b->allowed, a);
			free(a);
		}
		return 0;
	}
	if (!a) {
		a = calloc(1, sizeof(*a));
		if (!a)
			return -ENOMEM;
		a->net = *net;
		HASH_ADD(hh, b->allowed, net, sizeof(a->net), a);
	}
	a->origins = origins;
	return 0;
}

static int on_allowed(const struct sw_net *net, __u32 origins, void *arg)
{
	return remember(arg, net, origins);
}

int sw_bans_new(const struct sw_maps *maps, struct sw_marks *marks, struct sw_backends *backends,
	struct sw_bans **ret)
{
	_cleanup_(sw_bans_freep) struct sw_bans *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->maps = maps;
	b->marks = marks;
	b->backends = backends;
	r = sw_maps_allow_each(maps, on_allowed, b);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(b);
	return 0;
}

void sw_bans_free(struct sw_bans *b)
{
	struct allowed *a, *next;

	if (!b)
		return;
	HASH_ITER (hh, b->allowed, a, next) {
		HASH_DEL(b->allowed, a);
		free(a);
	}
	free(b);
}

void sw_bans_freep(struct sw_bans **b)
{
	sw_bans_free(*b);
}

void sw_bans_set_floor(struct sw_bans *b, const struct sw_bans_floor *f)
{
	b->floor = *f;
}

static int refuse(int error, char *text, size_t size, const struct sw_net *net, const char *why)
{
	char net_text[SW_NET_TEXT_MAX];

	snprintf(text, size, "%s: %s", sw_cidr_format(net_text, net), why);
	return error;
}

/* Bits beyond the length would make two keys of one network. */
static bool is_network(const struct sw_net *n)
{
	struct sw_net trimmed;

	if ((n->family != SW_AF_IP4 && n->family != SW_AF_IP6) || n->plen > sw_net_max_plen(n) ||
		n->pad[0] || n->pad[1])
		return false;
	trimmed = sw_net_trim(n, n->plen);
	return memcmp(&trimmed, n, sizeof(*n)) == 0;
}

int sw_bans_judge(const struct sw_bans *b, const struct sw_guard_ban *ban, char *text, size_t size)
{
	__u32 floor = ban->net.family == SW_AF_IP4 ? b->floor.min_plen4 : b->floor.min_plen6;
	const struct allowed *a, *next;
	char why[100];

	if (!is_network(&ban->net)) {
		snprintf(text, size, "a ban is not a network");
		return -EINVAL;
	}
	if (ban->flags & ~(__u32)SW_GUARD_BAN_WIDE)
		return refuse(-EINVAL, text, size, &ban->net, "an unknown flag");
	if (ban->net.plen < floor && !(ban->flags & SW_GUARD_BAN_WIDE)) {
		snprintf(why, sizeof(why), "wider than /%u, which needs an explicit word", floor);
		return refuse(-EPERM, text, size, &ban->net, why);
	}
	HASH_ITER (hh, b->allowed, a, next) {
		char net_text[SW_NET_TEXT_MAX];
		__u32 bits = a->origins;

		if (!sw_net_contains(&ban->net, &a->net))
			continue;
		snprintf(why, sizeof(why), "would ban %s, which is never banned (%s)",
			sw_cidr_format(net_text, &a->net), sw_allow_origin_word(bits & -bits));
		return refuse(-EPERM, text, size, &ban->net, why);
	}
	return 0;
}

static void note_first(int *first, int r, const char *why, char *text, size_t size)
{
	if (*first < 0 || r >= 0)
		return;
	*first = r;
	sw_strcpy(text, size, why);
}

static const char *full_why(int error)
{
	return error == -E2BIG || error == -ENOSPC ? "the kernel's table is full"
						   : strerror(-error);
}

/* The changes of one batch that the maps took, for the backends. Large: only as much as is used is written. */
struct taken {
	size_t n, n_fresh;
	struct sw_guard_ban bans[SW_GUARD_BATCH_MAX], fresh[SW_GUARD_BATCH_MAX];
};

static void take(struct taken *t, const struct sw_guard_ban *ban, bool is_fresh)
{
	if (is_fresh && t->n_fresh < SW_ARRAY_SIZE(t->fresh))
		t->fresh[t->n_fresh++] = *ban;
	else if (!is_fresh && t->n < SW_ARRAY_SIZE(t->bans))
		t->bans[t->n++] = *ban;
}

int sw_bans_put(struct sw_bans *b, const struct sw_guard_ban *bans, __u32 n, __u32 *ret_done,
	char *text, size_t size)
{
	struct taken t;
	int first = 0;

	t.n = t.n_fresh = 0;
	*ret_done = 0;
	for (__u32 i = 0; i < n; i++) {
		struct sw_ban_val val = {.until_ns = bans[i].until_ns, .id = bans[i].id};
		char why[160];
		int r = sw_bans_judge(b, &bans[i], why, sizeof(why));

		if (r >= 0) {
			r = sw_maps_ban_put(b->maps, &bans[i].net, &val);
			if (r > 0) /* in its map first: a mark alone would only cost */
				sw_marks_add(b->marks, &bans[i].net);
			else
				sw_marks_renew(b->marks);
			if (r >= 0)
				take(&t, &bans[i], r > 0);
			if (r < 0)
				refuse(r, why, sizeof(why), &bans[i].net, full_why(r));
		}
		note_first(&first, r, why, text, size);
		*ret_done += r >= 0;
	}
	if (b->backends) {
		sw_backends_put(b->backends, t.bans, t.n, false);
		sw_backends_put(b->backends, t.fresh, t.n_fresh, true);
	}
	return first;
}

int sw_bans_del(struct sw_bans *b, const struct sw_guard_ban *bans, __u32 n, __u32 *ret_done,
	char *text, size_t size)
{
	int first = 0;

	*ret_done = 0;
	if (b->backends) /* before the maps: what a crash leaves is a ban too few there, never one too many */
		sw_backends_del(b->backends, bans, n);
	for (__u32 i = 0; i < n; i++) {
		int r = is_network(&bans[i].net) ? sw_maps_ban_del(b->maps, &bans[i].net) : -EINVAL;
		char why[160] = "";

		if (r >= 0)
			sw_marks_del(b->marks, &bans[i].net);
		if (r == -ENOENT)
			r = 0; /* gone is what was asked for */
		if (r < 0)
			refuse(r, why, sizeof(why), &bans[i].net, strerror(-r));
		note_first(&first, r, why, text, size);
		*ret_done += r >= 0;
	}
	return first;
}

int sw_bans_allow(struct sw_bans *b, const struct sw_guard_allow *allows, __u32 n, __u32 *ret_done,
	char *text, size_t size)
{
	int first = 0;

	*ret_done = 0;
	for (__u32 i = 0; i < n; i++) {
		const struct sw_net *net = &allows[i].net;
		int r = is_network(net) ? sw_maps_allow_put(b->maps, net, allows[i].origins)
					: -EINVAL;
		char why[160] = "";

		if (r >= 0)
			r = remember(b, net, allows[i].origins);
		sw_marks_renew(b->marks);
		if (r < 0)
			refuse(r, why, sizeof(why), net, full_why(r));
		note_first(&first, r, why, text, size);
		*ret_done += r >= 0;
	}
	if (b->backends)
		sw_backends_allow(b->backends, allows, n);
	return first;
}
