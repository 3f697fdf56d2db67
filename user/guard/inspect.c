// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/inspect.h"

#include <sys/mman.h>

#include "user/base/log.h"
#include "user/io/msg.h"

enum { STEP = 4096 }; /* entries, a few ms: nobody waits longer for `off` */

struct sw_inspect_guard {
	const struct sw_maps *maps;
	struct sw_source *step;
	struct sw_inspect_ctl wish; /* as configured */
	bool is_on;
	const struct sw_domain_entry *rows; /* going in; NULL: none are. Sealed: they stay sorted */
	size_t n, bytes, at;
	__u64 prune_at;
	size_t in_force;
};

static void write_ctl(struct sw_inspect_guard *g)
{
	struct sw_inspect_ctl c = {};
	int r;

	if (g->is_on) {
		c = g->wish;
		c.has_domains = g->in_force > 1; /* the first is no domain */
	}
	r = sw_maps_inspect_set(g->maps, &c);
	if (r < 0)
		sw_log_warning(r, "cannot say what is looked into, ignoring");
}

static void end(struct sw_inspect_guard *g, int result)
{
	if (result < 0)
		sw_log_warning(result, "the domains to refuse could not all be written");
	munmap((void *)g->rows, g->bytes);
	g->rows = NULL;
	g->in_force = g->n;
	write_ctl(g);
	sw_log_info("domains that are refused when enforcing: %zu", g->n - 1);
}

static bool is_kept(__u64 key, void *arg)
{
	const struct sw_inspect_guard *g = arg;
	size_t low = 0, high = g->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (g->rows[mid].key == key)
			return true;
		if (g->rows[mid].key < key)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* First all that are new, then away with the old: no question passes that both would refuse. */
static int on_step(struct sw_source *s, void *arg)
{
	struct sw_inspect_guard *g = arg;
	size_t n = SW_MIN(g->n - g->at, (size_t)STEP);
	int r;

	if (n) {
		r = sw_maps_domains_put(g->maps, g->rows + g->at, (__u32)n);
		g->at += n;
		r = r < 0 ? r : 1;
	} else {
		r = sw_maps_domains_prune(g->maps, STEP, &g->prune_at, is_kept, g);
	}
	if (r > 0)
		return sw_source_set_timer(g->step, 1, 0);
	end(g, r);
	return 0;
}

int sw_inspect_guard_new(
	struct sw_loop *l, const struct sw_maps *maps, struct sw_inspect_guard **ret)
{
	struct sw_inspect_guard *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	g->maps = maps;
	r = sw_loop_add_timer(l, 0, 0, on_step, g, &g->step);
	if (r < 0) {
		free(g);
		return r;
	}
	*ret = g;
	return 0;
}

void sw_inspect_guard_free(struct sw_inspect_guard *g)
{
	if (!g)
		return;
	if (g->rows)
		munmap((void *)g->rows, g->bytes);
	sw_source_free(g->step);
	free(g);
}

void sw_inspect_guard_configure(struct sw_inspect_guard *g, const struct sw_config *c, bool is_on)
{
	g->wish.what = (c->inspect_dns ? SW_INSPECT_DNS : 0) |
		(c->inspect_http ? SW_INSPECT_HTTP : 0) | (c->inspect_tls ? SW_INSPECT_TLS : 0) |
		(c->inspect_quic ? SW_INSPECT_QUIC : 0);
	g->is_on = is_on;
	write_ctl(g);
}

static bool is_sound(const struct sw_domain_entry *rows, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (rows[i - 1].key >= rows[i].key ||
			(rows[i].val.action != SW_TRAIL_DROP &&
				rows[i].val.action != SW_TRAIL_EXCEPT))
			return false;
	}
	return n && rows[0].key == SW_DOMAIN_MARK;
}

int sw_inspect_guard_domains(struct sw_inspect_guard *g, int fd, char *text, size_t size)
{
	const void *map;
	size_t bytes;
	int r;

	if (g->rows) {
		snprintf(text, size, "the domains before are still on their way in");
		return -EBUSY;
	}
	r = sw_memfd_map_sealed(
		fd, (size_t)(SW_MAX_DOMAINS + 1) * sizeof(struct sw_domain_entry), &map, &bytes);
	if (r < 0) {
		snprintf(text, size, "this is no sealed list of domains");
		return r;
	}
	if (bytes % sizeof(*g->rows) || !is_sound(map, bytes / sizeof(*g->rows))) {
		munmap((void *)map, bytes);
		snprintf(text, size, "the domains are not sorted, or none of this version's");
		return -EINVAL;
	}
	g->rows = map;
	g->bytes = bytes;
	g->n = bytes / sizeof(*g->rows);
	g->at = 0;
	g->prune_at = 0;
	return sw_source_set_timer(g->step, 1, 0);
}
