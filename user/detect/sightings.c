// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/sightings.h"

#include "user/base/cidr.h"
#include "user/base/strbuf.h"
#include "user/trail/static_hash.h"

struct row {
	uint64_t key, id, count;
	int64_t first_wall_ns;
	uint64_t last_boot_ns, told_boot_ns;
};

struct sw_sightings {
	const struct sw_clock *clock;
	struct sw_sightings_stats stats;
	double tokens;
	uint64_t tokens_ns;
	struct row rows[SW_SIGHTINGS_ROWS];
};

int sw_sightings_new(const struct sw_clock *clock, struct sw_sightings **ret)
{
	struct sw_sightings *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->clock = clock;
	s->tokens = SW_SIGHTINGS_BURST;
	s->tokens_ns = sw_clock_boot_ns(clock);
	*ret = s;
	return 0;
}

void sw_sightings_free(struct sw_sightings *s)
{
	free(s);
}

static bool is_of_server(enum sw_rule rule)
{
	return rule == SW_RULE_TRAIL_CERT;
}

/* The other side: who sent what came in, and to whom went what went out. */
static struct sw_net peer_of(const struct sw_sighting *o)
{
	const struct sw_flow *f = o->sight->flow;
	const union sw_flow_addr *a = o->is_out ? &f->daddr : &f->saddr;

	return f->family == 6 ? sw_net_from6(a->byte) : sw_net_from4(a->word[0]);
}

static struct row *row_of(struct sw_sightings *s, const struct sw_sighting *o, uint64_t *ret_key)
{
	struct sw_net peer = peer_of(o);
	uint64_t h = sw_mix64(sw_hash_bytes(o->sight->rule, &peer, sizeof(peer)),
		sw_hash_bytes(o->pid, o->sight->trail, strlen(o->sight->trail)));

	*ret_key = h | 1;
	return &s->rows[h >> 20 & (SW_SIGHTINGS_ROWS - 1)];
}

static bool take_token(struct sw_sightings *s)
{
	uint64_t now_ns = sw_clock_boot_ns(s->clock);

	s->tokens += (double)(now_ns - s->tokens_ns) * SW_SIGHTINGS_PER_SEC / (double)SW_SEC_NS;
	s->tokens_ns = now_ns;
	s->tokens = SW_MIN(s->tokens, (double)SW_SIGHTINGS_BURST);
	if (s->tokens < 1)
		return false;
	s->tokens--;
	return true;
}

static bool is_dns(enum sw_rule rule)
{
	const char *kind = sw_rule_kind(rule);

	return rule == SW_RULE_TRAIL_DNS || rule == SW_RULE_TRAIL_ANSWER ||
		(kind && sw_streq(kind, "dns"));
}

/* "dig asked for evil.test: apt test (malware)" */
static void write_title(const struct sw_sighting *o, struct sw_finding *f)
{
	_strbuf_ struct sw_strbuf t = {};
	char peer[SW_NET_TEXT_MAX];
	const char *verb = is_dns(o->sight->rule) ? (o->is_out ? "asked for" : "was led to")
		: o->is_out                       ? "sent"
						  : "got";

	sw_strbuf_printf(&t, "%s %s %.70s",
		*f->process         ? f->process
			: o->is_out ? "a process"
				    : "a service here",
		verb, o->sight->trail);
	if (!is_dns(o->sight->rule))
		sw_strbuf_printf(
			&t, " %s %s", o->is_out ? "to" : "from", sw_cidr_format(peer, &f->subject));
	sw_strbuf_printf(&t, "%s: %s", o->is_refused ? ", which was refused" : "", o->sight->info);
	snprintf(f->title, sizeof(f->title), "%.*s", (int)sizeof(f->title) - 1, sw_strbuf_get(&t));
}

static void fill(const struct row *r, const struct sw_sighting *o, struct sw_finding *f)
{
	const struct sw_sight *s = o->sight;

	*f = (struct sw_finding){
		.id = r->id,
		.wall_ns = r->first_wall_ns,
		.last_wall_ns = s->time_ns,
		.kind = sw_rule_kind(s->rule) ? SW_FINDING_BEHAVIOUR : SW_FINDING_TRAIL_HIT,
		.severity = sw_rule_severity(s->rule),
		.subject = peer_of(o),
		.sport = s->flow->sport,
		.dport = s->flow->dport,
		.protocol = s->flow->protocol,
		.count = r->count,
		.pid = o->pid,
		.uid = o->uid,
	};
	/* A request to a service here is not what the host itself does. */
	if (!o->is_out && !is_dns(s->rule) && !is_of_server(s->rule) && !sw_rule_kind(s->rule))
		f->severity = SW_SEV_LOW;
	(void)sw_strcpy(f->rule, sizeof(f->rule), sw_rule_word(s->rule));
	sw_connect_name(f, &o->by);
	snprintf(f->trail, sizeof(f->trail), "%.63s", s->trail);
	snprintf(f->feed, sizeof(f->feed), "%.63s", o->list);
	write_title(o, f);
}

bool sw_sightings_add(struct sw_sightings *s, const struct sw_sighting *o, struct sw_finding *ret)
{
	uint64_t now_ns = sw_clock_boot_ns(s->clock), key;
	struct row *r = row_of(s, o, &key);

	s->stats.seen++;
	if (r->key != key || now_ns - r->last_boot_ns > SW_SIGHTINGS_FORGET_SEC * SW_SEC_NS)
		*r = (struct row){.key = key, .first_wall_ns = o->sight->time_ns};
	r->last_boot_ns = now_ns;
	r->count++;
	if (!r->id && !take_token(s)) {
		s->stats.untold++;
		return false;
	}
	if (r->id && now_ns - r->told_boot_ns < SW_SIGHTINGS_AGAIN_SEC * SW_SEC_NS)
		return false;
	r->told_boot_ns = now_ns;
	fill(r, o, ret);
	return true;
}

void sw_sightings_told(struct sw_sightings *s, const struct sw_sighting *o, uint64_t id)
{
	uint64_t key;
	struct row *r = row_of(s, o, &key);

	if (r->key != key)
		return;
	s->stats.told += !r->id;
	r->id = id;
}

const struct sw_sightings_stats *sw_sightings_stats(const struct sw_sightings *s)
{
	return &s->stats;
}
