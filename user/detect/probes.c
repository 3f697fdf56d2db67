// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/probes.h"

#include <arpa/inet.h>
#include <uthash.h>

#include "sockwarden/pkt/probe.h"
#include "user/base/cidr.h"
#include "user/detect/sight.h"
#include "user/trail/static_hash.h"

struct key {
	struct sw_net source; /* IPv6: the /64; family 0: many */
	__u32 rule;
};

struct row {
	struct key key;
	struct sw_finding f;
	uint64_t last_boot_ns;
	UT_hash_handle hh; /* in the order of their last event */
};

struct sw_probes {
	const struct sw_clock *clock;
	struct sw_rules *rules;
	sw_probes_fn found;
	void *arg;
	struct row *rows;
	struct sw_tries ports, sources; /* of sources that are no scanners by themselves */
	uint64_t minute_ns;
	unsigned int told; /* in that minute */
	struct sw_probes_stats stats;
};

static const enum sw_rule rules_of[SW_PROBE_COUNT] = {
	[SW_PROBE_SYN] = SW_RULE_SCAN_VERTICAL,
	[SW_PROBE_HOSTS] = SW_RULE_SCAN_HORIZONTAL,
	[SW_PROBE_FIN] = SW_RULE_SCAN_FIN,
	[SW_PROBE_NULL] = SW_RULE_SCAN_NULL,
	[SW_PROBE_XMAS] = SW_RULE_SCAN_XMAS,
	[SW_PROBE_FLAGS] = SW_RULE_SCAN_FLAGS,
	[SW_PROBE_FRAGMENT] = SW_RULE_SCAN_FRAGMENT,
	[SW_PROBE_MAIMON] = SW_RULE_SCAN_MAIMON,
	[SW_PROBE_ACK] = SW_RULE_SCAN_ACK,
	[SW_PROBE_UDP] = SW_RULE_SCAN_UDP,
	[SW_PROBE_FLOOD] = SW_RULE_SYN_FLOOD,
};

int sw_probes_new(const struct sw_clock *clock, struct sw_rules *rules, sw_probes_fn found,
	void *arg, struct sw_probes **ret)
{
	struct sw_probes *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->clock = clock;
	p->rules = rules;
	p->found = found;
	p->arg = arg;
	*ret = p;
	return 0;
}

static void drop_row(struct sw_probes *p, struct row *r)
{
	HASH_DEL(p->rows, r);
	free(r);
}

void sw_probes_free(struct sw_probes *p)
{
	if (!p)
		return;
	while (p->rows)
		drop_row(p, p->rows);
	free(p);
}

static struct sw_net source_of(const struct sw_pkt_event *ev)
{
	struct sw_net net;
	__u32 v4;

	if (ev->family == SW_AF_IP6) {
		net = sw_net_from6(ev->saddr);
		return sw_net_trim(&net, 64);
	}
	memcpy(&v4, ev->saddr, sizeof(v4));
	return sw_net_from4(v4);
}

static bool take_token(struct sw_probes *p)
{
	uint64_t now = sw_clock_boot_ns(p->clock);

	if (!p->minute_ns || now - p->minute_ns >= 60 * SW_SEC_NS) {
		p->minute_ns = now;
		p->told = 0;
	}
	return p->told < SW_PROBES_NEW_PER_MIN ? p->told++, true : false;
}

static struct row *find_row(struct sw_probes *p, const struct key *key)
{
	struct row *r;

	HASH_FIND(hh, p->rows, key, sizeof(*key), r);
	return r;
}

/* The row, at the end of the order; one that was silent for long begins anew. */
static struct row *touch_row(struct sw_probes *p, const struct key *key)
{
	struct row *r = find_row(p, key);
	uint64_t now = sw_clock_boot_ns(p->clock);

	if (r)
		HASH_DEL(p->rows, r);
	else if (HASH_COUNT(p->rows) >= SW_PROBES_ROWS_MAX) {
		p->stats.evicted++;
		drop_row(p, p->rows);
	}
	if (!r)
		r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	if (now - r->last_boot_ns >= SW_PROBES_FORGET_SEC * SW_SEC_NS)
		memset(&r->f, 0, sizeof(r->f));
	r->key = *key;
	r->last_boot_ns = now;
	HASH_ADD(hh, p->rows, key, sizeof(r->key), r);
	return r;
}

static void put_scan_title(struct sw_finding *f, const struct key *key, unsigned int n, uint64_t window_sec)
{
	char who[SW_NET_TEXT_MAX], window[SW_TIME_TEXT_MAX];

	snprintf(f->title, sizeof(f->title), "%s: %u%s %s in %s: %s",
		key->source.family ? sw_cidr_format(who, &key->source) : "many sources", n,
		n >= SW_TRIES ? " or more" : "", sw_rule_unit(key->rule),
		sw_duration_format(window, window_sec), sw_rule_sentence(key->rule));
}

static void put_flood_title(struct sw_finding *f, const struct sw_pkt_event *ev, unsigned int n, uint64_t window_sec)
{
	char who[SW_NET_TEXT_MAX], window[SW_TIME_TEXT_MAX], to[INET6_ADDRSTRLEN] = "";

	inet_ntop(ev->family == SW_AF_IP6 ? AF_INET6 : AF_INET, ev->daddr, to, sizeof(to));
	snprintf(f->title, sizeof(f->title), "%s: %u half-open connections in %s, the latest to %s port %u",
		sw_cidr_format(who, &f->subject), n, sw_duration_format(window, window_sec), to, ev->dport);
}

static void tell(
	struct sw_probes *p, const struct key *key, const struct sw_pkt_event *ev, unsigned int n)
{
	const struct sw_config_habit *rule = sw_rule_at(p->rules, key->rule);
	struct row *r = touch_row(p, key);
	struct sw_finding *f = r ? &r->f : NULL;

	if (!f)
		return;
	f->count += ev->hits;
	if (!f->id && !take_token(p)) {
		p->stats.untold++;
		return;
	}
	if (!f->id) {
		f->kind = key->rule == SW_RULE_SYN_FLOOD ? SW_FINDING_BEHAVIOUR : SW_FINDING_SCAN;
		f->severity = sw_rule_severity(key->rule);
		f->subject = key->source;
		f->protocol = ev->protocol;
		f->wall_ns = sw_clock_wall_ns(p->clock);
		f->boot_ns = ev->boot_ns;
		sw_strcpy(f->rule, sizeof(f->rule), sw_rule_word(key->rule));
		p->rules->told[key->rule - SW_RULE_HABITS]++;
	}
	f->dport = ev->dport;
	f->last_wall_ns = sw_clock_wall_ns(p->clock);
	if (key->rule == SW_RULE_SYN_FLOOD)
		put_flood_title(f, ev, n, rule->window_sec);
	else
		put_scan_title(f, key, n, rule->window_sec);
	p->found(p->arg, f);
}

/* A try of somebody who is no scanner by himself; many such together may be. */
static void add_shared(
	struct sw_probes *p, const struct sw_net *source, const struct sw_pkt_event *ev)
{
	const struct sw_config_habit *rule = sw_rule_at(p->rules, SW_RULE_SCAN_DISTRIBUTED);
	struct key own = {.source = *source, .rule = SW_RULE_SCAN_VERTICAL},
		   shared = {.rule = SW_RULE_SCAN_DISTRIBUTED};
	uint32_t sec = (uint32_t)(sw_clock_boot_ns(p->clock) / SW_SEC_NS), is_new, n;

	if (!ev->dport || find_row(p, &own) ||
		!sw_rules_admit_net(p->rules, SW_RULE_SCAN_DISTRIBUTED, source))
		return;
	sw_tries_add(&p->ports, ev->dport, sec, &is_new);
	sw_tries_add(&p->sources, (uint16_t)(sw_hash_bytes(7, source, sizeof(*source)) >> 20), sec,
		&is_new);
	n = sw_tries_count(&p->ports, sec, (uint32_t)rule->window_sec);
	if (n < rule->threshold ||
		sw_tries_count(&p->sources, sec, (uint32_t)rule->window_sec) < SW_PROBES_SOURCES)
		return;
	tell(p, &shared, ev, n);
}

void sw_probes_event(struct sw_probes *p, const struct sw_pkt_event *ev)
{
	unsigned int probe = SW_PROBE_OF(ev->trail_set);
	struct key key = {};

	if (!ev->family || !probe || probe >= SW_PROBE_COUNT)
		return;
	key.source = source_of(ev);
	key.rule = rules_of[probe];
	if (ev->reason == SW_R_PROBE && probe == SW_PROBE_SYN)
		add_shared(p, &key.source, ev);
	if (ev->reason == SW_R_SCAN && sw_rules_admit_net(p->rules, key.rule, &key.source))
		tell(p, &key, ev, SW_PROBE_COUNT_OF(ev->trail_set));
}

struct sw_probes_stats sw_probes_stats(const struct sw_probes *p)
{
	struct sw_probes_stats s = p->stats;

	s.rows = HASH_COUNT(p->rows);
	return s;
}
