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
	int fd; /* the hash that they go into; -1 */
	size_t in_force;
	struct sw_clock clock;
	__u32 refuse_sec;
	__u64 refuse_until_ns;
};

static void write_ctl(struct sw_inspect_guard *g)
{
	struct sw_inspect_ctl c = {};
	int r;

	if (g->is_on) {
		c = g->wish;
		c.has_domains = g->in_force > 1; /* the first is no domain */
		c.refuse_until_ns = g->refuse_until_ns;
	}
	r = sw_maps_inspect_set(g->maps, &c);
	if (r < 0)
		sw_log_warning(r, "cannot say what is looked into, ignoring");
}

static void end(struct sw_inspect_guard *g, int result)
{
	if (!result)
		result = sw_maps_domains_use(g->maps, g->fd);
	munmap((void *)g->rows, g->bytes);
	g->rows = NULL;
	g->fd = sw_close(g->fd);
	if (result < 0) {
		sw_log_err(result,
			"the domains to refuse could not be written: those before stay in force");
		return;
	}
	g->in_force = g->n;
	write_ctl(g);
	sw_log_info("domains that are refused when enforcing: %zu", g->n - 1);
}

static int on_step(struct sw_source *s, void *arg)
{
	struct sw_inspect_guard *g = arg;
	size_t n = SW_MIN(g->n - g->at, (size_t)STEP);
	int r = sw_maps_domains_put(g->fd, g->rows + g->at, (__u32)n);

	g->at += n;
	if (r >= 0 && g->at < g->n)
		return sw_source_set_timer(g->step, 1, 0);
	end(g, r);
	return 0;
}

int sw_inspect_guard_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	struct sw_inspect_guard **ret)
{
	struct sw_inspect_guard *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	g->clock = *clock;
	g->maps = maps;
	g->fd = -1;
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
	sw_close(g->fd);
	sw_source_free(g->step);
	free(g);
}

void sw_inspect_guard_configure(struct sw_inspect_guard *g, const struct sw_config *c, bool is_on)
{
	g->wish.what = (c->inspect_dns ? SW_INSPECT_DNS : 0) |
		(c->inspect_http ? SW_INSPECT_HTTP : 0) | (c->inspect_tls ? SW_INSPECT_TLS : 0) |
		(c->inspect_quic ? SW_INSPECT_QUIC : 0);
	g->refuse_sec = c->inspect_refuse_sec;
	g->is_on = is_on;
	write_ctl(g);
}

void sw_inspect_guard_was_cut(struct sw_inspect_guard *g, const struct sw_guard_cut *cut)
{
	__u64 until_boot_ns = sw_clock_boot_ns(&g->clock) + g->refuse_sec * SW_SEC_NS;
	struct sw_shunned_key key = {
		.port = cut->rport, .family = cut->peer.family, .protocol = cut->protocol};
	int r;

	if (!g->refuse_sec || cut->is_question)
		return;
	memcpy(key.addr, cut->peer.addr, sizeof(key.addr));
	r = sw_maps_shun(g->maps, &key, until_boot_ns);
	if (r < 0) {
		sw_log_warning(r, "where a connection was cut to cannot be refused, ignoring");
		return;
	}
	g->refuse_until_ns = SW_MAX(g->refuse_until_ns, until_boot_ns);
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
	g->fd = sw_maps_domains_new((__u32)g->n);
	if (g->fd < 0) {
		snprintf(text, size, "no map for so many domains");
		r = g->fd;
		munmap((void *)TAKE_PTR(g->rows), bytes);
		return r;
	}
	return sw_source_set_timer(g->step, 1, 0);
}
