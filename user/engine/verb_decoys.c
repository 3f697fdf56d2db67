// SPDX-License-Identifier: GPL-3.0-or-later
/* The verb "decoys", and its share of "status". */
#include <netinet/in.h>

#include "user/base/cidr.h"
#include "user/base/ports.h"
#include "user/engine/decoys.h"

enum { TOP_PORTS = 20, TOP_SOURCES = 20, PORTS = 65536 };

static const char *const tcp_words[] = {"off", "listed", "unused", "below"};

static void write_counts(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_decoys_part *d = e->decoys;

	sw_json_bool(j, "on", d->facts.is_on);
	sw_json_bool(j, "serving", d->fds[SW_DECOY_TCP4] >= 0);
	sw_json_uint(j, "tcp_ports", d->facts.n_tcp_ports);
	sw_json_uint(j, "udp_ports", d->facts.n_udp_ports);
	sw_json_uint(j, "touches_tcp", d->n_tcp);
	sw_json_uint(j, "touches_udp", d->n_udp);
	sw_json_uint(j, "held", sw_hold_count(d->hold));
}

void sw_decoys_status(struct sw_engine *e, struct sw_json *j)
{
	sw_json_object_begin(j, "decoys");
	write_counts(e, j);
	sw_json_object_end(j);
}

/* The ports of a set as "23" and "6000-6063". */
static void write_ports(struct sw_json *j, const char *key, const __u8 *bits)
{
	sw_json_array_begin(j, key);
	for (unsigned int first = 1; first < PORTS; first++) {
		unsigned int last = first;

		if (!sw_ports_has(bits, first))
			continue;
		while (sw_ports_has(bits, last + 1))
			last++;
		sw_json_stringf(j, NULL, first == last ? "%u" : "%u-%u", first, last);
		first = last;
	}
	sw_json_array_end(j);
}

static void write_setting(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_guard_decoys *f = &e->decoys->facts;
	_free_ struct sw_decoy_ports *ports = malloc(sizeof(*ports));
	enum sw_decoy_tcp mode = sw_decoys_tcp_mode(e->config);

	sw_json_string(j, "tcp", mode < SW_ARRAY_SIZE(tcp_words) ? tcp_words[mode] : "?");
	sw_json_string(j, "action", e->config->decoy_action == SW_DECOY_BAN ? "ban" : "alert");
	sw_json_uint(j, "trigger", e->config->decoy_trigger);
	sw_json_bool(j, "udp_bans", e->config->decoy_udp_bans);
	sw_json_bool(j, "tarpit", e->config->decoy_tarpit);
	sw_json_string(j, "error", f->error ? f->why : "");
	sw_json_uint(j, "udp_left_out", f->n_udp_left_out);
	if (!ports || !f->is_on)
		return;
	sw_decoys_ports(e->config, f->client_first, f->client_last, ports);
	write_ports(j, "tcp_listed", ports->tcp);
	write_ports(j, "udp_listed", ports->udp);
}

static bool is_at_xdp(const struct sw_guard_iface *f)
{
	return sw_streq(f->hook, "native") || sw_streq(f->hook, "generic");
}

/* What XDP itself answers, and the devices where it cannot. */
static void write_cookie(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_guard_cookie *f = &e->decoys->facts.cookie;
	const struct sw_guard_status *s = sw_engine_guard_status(e);
	struct sw_counter c[SW_R_COUNT];

	if (!f->is_on || sw_engine_counters(e, c) < 0)
		return;
	sw_json_object_begin(j, "cookie");
	sw_json_bool(j, "serving", !f->error);
	sw_json_string(j, "error", f->error ? f->why : "");
	sw_json_uint(j, "ports", f->n_ports);
	sw_json_uint(j, "rate", e->config->decoy_cookie_rate);
	sw_json_uint(j, "net_rate", e->config->decoy_cookie_net_rate);
	sw_json_uint(j, "answered", c[SW_R_COOKIE].packets);
	sw_json_uint(j, "over", c[SW_R_COOKIE_OVER].packets);
	sw_json_uint(j, "failed", c[SW_R_COOKIE_FAILED].packets);
	sw_json_array_begin(j, "needs_xdp");
	for (__u32 i = 0; s && i < SW_MIN(s->n_ifaces, (__u32)SW_GUARD_IFACES_MAX); i++) {
		if (!is_at_xdp(&s->ifaces[i]))
			sw_json_stringf(j, NULL, "%s (%s)", s->ifaces[i].name, s->ifaces[i].hook);
	}
	sw_json_array_end(j);
	sw_json_object_end(j);
}

static void write_row(struct sw_json *j, unsigned int at, uint32_t touches)
{
	sw_json_object_begin(j, NULL);
	sw_json_string(j, "protocol", at < PORTS ? "tcp" : "udp");
	sw_json_uint(j, "port", at % PORTS);
	sw_json_uint(j, "touches", touches);
	sw_json_object_end(j);
}

static void write_by_port(const struct sw_decoys_part *d, struct sw_json *j)
{
	unsigned int top[TOP_PORTS];
	size_t n = 0;

	for (unsigned int i = 0; d->by_port && i < 2 * PORTS; i++) {
		size_t at;

		if (!d->by_port[i] || (n == TOP_PORTS && d->by_port[top[n - 1]] >= d->by_port[i]))
			continue;
		at = n < TOP_PORTS ? n++ : n - 1;
		for (; at && d->by_port[top[at - 1]] < d->by_port[i]; at--)
			top[at] = top[at - 1];
		top[at] = i;
	}
	sw_json_array_begin(j, "ports");
	for (size_t i = 0; i < n; i++)
		write_row(j, top[i], d->by_port[top[i]]);
	sw_json_array_end(j);
}

static void write_source(struct sw_json *j, const struct sw_touch_row *r)
{
	char source[SW_NET_TEXT_MAX], time[SW_TIME_TEXT_MAX];

	sw_json_object_begin(j, NULL);
	sw_json_string(j, "source", sw_cidr_format(source, &r->source));
	sw_json_string(j, "protocol", r->protocol == IPPROTO_TCP ? "tcp" : "udp");
	sw_json_uint(j, "touches", r->count);
	sw_json_uint(j, "first_port", r->first_port);
	sw_json_uint(j, "last_port", r->last_port);
	sw_json_string(j, "last", sw_time_format(time, r->last_wall_ns));
	sw_json_bool(j, "banned", r->is_banned);
	sw_json_string(j, "said", r->said);
	sw_json_uint(j, "finding", r->finding);
	sw_json_object_end(j);
}

static void write_sources(const struct sw_decoys_part *d, struct sw_json *j)
{
	struct sw_touch_row top[TOP_SOURCES];
	size_t n = sw_touches_top(d->touches, top, SW_ARRAY_SIZE(top));

	sw_json_array_begin(j, "sources");
	for (size_t i = 0; i < n; i++)
		write_source(j, &top[i]);
	sw_json_array_end(j);
}

void sw_decoys_verb(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	const struct sw_decoys_part *d = e->decoys;
	struct sw_touches_stats s = sw_touches_stats(d->touches);
	struct sw_json *j = sw_ctl_reply_begin(q);

	write_counts(e, j);
	write_setting(e, j);
	sw_json_uint(j, "held_max", sw_hold_max(d->hold));
	sw_json_uint(j, "closed_oldest", sw_hold_evicted(d->hold));
	sw_json_uint(j, "bans", d->bans);
	sw_json_uint(j, "bans_refused", d->refused);
	sw_json_uint(j, "sources_known", s.rows);
	sw_json_uint(j, "findings_not_told", s.untold);
	sw_json_uint(j, "attackalert_not_written", d->attackalert ? sw_attackalert_unwritten(d->attackalert) : 0);
	write_cookie(e, j);
	write_by_port(d, j);
	write_sources(d, j);
	sw_ctl_reply_end(q);
}
