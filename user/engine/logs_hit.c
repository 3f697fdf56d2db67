// SPDX-License-Identifier: GPL-3.0-or-later
/* A hit of a rule: counted; and when there are too many, a finding with the lines, and a ban. */
#include <sys/random.h>

#include "user/base/cidr.h"
#include "user/engine/backends.h"
#include "user/engine/bans.h"
#include "user/engine/logs.h"
#include "user/policy/proxy.h"

struct sw_logs_rule *sw_logs_rule_of(struct sw_logs_part *p, const char *name)
{
	struct sw_logs_rule *r;

	HASH_FIND_STR(p->by_name, name, r);
	if (r)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	(void)sw_strcpy(r->name, sizeof(r->name), name);
	r->id = ++p->last_id;
	HASH_ADD_STR(p->by_name, name, r);
	return r;
}

/* ---- a ban */

static int do_ban(void *arg, const struct sw_ban_request *q, enum sw_refusal *refusal,
	struct sw_refusal_text *text)
{
	return sw_engine_ban(arg, q, NULL, NULL, refusal, text);
}

static bool is_banned(void *arg, const struct sw_net *net, const char *origin)
{
	const struct sw_engine *e = arg;

	return sw_policy_part_of(sw_policy_find_ban(e->policy, net), origin);
}

static int count_bans(
	void *arg, const struct sw_net *net, const char *origin, int64_t since_wall_sec)
{
	struct sw_engine *e = arg;

	return sw_store_count_bans(e->store, net, origin, since_wall_sec);
}

static const struct sw_offend_ops offend_ops = {
	.ban = do_ban, .is_banned = is_banned, .count_bans = count_bans};

static struct sw_offend_config offend_config(const struct sw_config *c)
{
	return (struct sw_offend_config){
		.default_sec = c->ban_default_sec,
		.unproven_sec = c->ban_unproven ? SW_LOGS_UNPROVEN_SEC : 0,
		.remember_sec = c->ban_remember_sec,
		.recidive_count = c->recidive_count,
		.recidive_window_sec = c->recidive_window_sec,
		.recidive_sec = c->recidive_sec,
		.aggregate_count = c->aggregate_count,
		.aggregate_window_sec = c->aggregate_window_sec,
		.aggregate_plen4 = c->aggregate_plen4,
		.aggregate_plen6 = c->aggregate_plen6,
	};
}

static struct sw_offence offence_of(struct sw_engine *e, const struct sw_log_rule *r,
	const struct sw_net *net, const struct sw_net *via, const char *reason)
{
	struct sw_offence o = {
		.rule = r->name,
		.net = *net,
		.via = *via,
		.escalation = {.base_sec = r->ban_for_sec == SW_RULES_FOREVER ? 0 : r->ban_for_sec,
			.is_on = r->is_increment,
			.factor = r->factor,
			.multipliers = r->multipliers,
			.n_multipliers = r->n_multipliers,
			.max_sec = r->max_ban_sec,
			.random_sec = r->random_sec},
		.has_own_length = r->ban_for_sec != 0,
		.is_proven = r->is_proven,
		.is_dry = r->action != SW_LOG_BAN,
		.reason = reason,
		.now_sec = sw_clock_wall_sec(&e->clock),
	};

	(void)!getrandom(&o.chance, sizeof(o.chance), GRND_NONBLOCK);
	return o;
}

/* ---- what is said of it */

struct case_file {
	const struct sw_log_rule *rule;
	struct sw_logs_rule *counters;
	const struct sw_log_hit *hit;
	const struct sw_net *net; /* NULL: no address */
	struct sw_net via; /* the proxy that he came through; family 0: none */
	const struct sw_count_due *due;
	struct sw_offend_result result;
	bool is_judged; /* result is filled */
	bool is_quiet;
};

static const char *say_length(char buf[static SW_TIME_TEXT_MAX], uint64_t sec)
{
	if (!sec)
		return "ever";
	return sw_duration_format(buf, sec);
}

/* Only what is true: a ban that is merely noted blocks nothing. */
static void say_outcome(struct sw_engine *e, const struct case_file *f, struct sw_strbuf *out)
{
	const struct sw_guard_status *s = sw_engine_guard_status(e);
	const struct sw_offend_result *r = &f->result;
	char length[SW_TIME_TEXT_MAX], net[SW_NET_TEXT_MAX];

	if (!f->is_judged)
		return;
	switch (r->outcome) {
	case SW_OFFEND_BANNED:
		sw_strbuf_printf(out, "; %s for %s",
			s && s->is_enforcing ? "banned" : "would be banned (observing)",
			say_length(length, r->for_sec));
		break;
	case SW_OFFEND_UNPROVEN:
		sw_strbuf_puts(out, "; not banned: anybody can forge the source");
		break;
	case SW_OFFEND_REFUSED:
		sw_strbuf_printf(out, "; not banned: %s", r->text.message);
		break;
	case SW_OFFEND_FAILED:
		sw_strbuf_printf(out, "; the ban is not in force yet: %s", r->text.message);
		break;
	case SW_OFFEND_WOULD:
		sw_strbuf_printf(out, "; would be banned for %s (the rule only observes)",
			say_length(length, r->for_sec));
		break;
	case SW_OFFEND_ALREADY:
		break;
	}
	if (r->outcome == SW_OFFEND_BANNED && f->via.family && !sw_backends_reach_clients(e->config))
		sw_strbuf_puts(out, ", not enforceable here: its packets come from the proxy");
	if (r->is_recidive)
		sw_strbuf_puts(out, ", again and again");
	if (r->is_aggregated)
		sw_strbuf_printf(out, ", with its network %s", sw_cidr_format(net, &r->aggregate));
}

static void say_count(
	const struct sw_log_rule *r, const struct sw_count_due *due, struct sw_strbuf *out)
{
	char window[SW_TIME_TEXT_MAX];
	uint64_t took = (uint64_t)SW_MAX(due->last_sec - due->first_sec, (int64_t)0);

	sw_strbuf_printf(out, "%s: ", r->name);
	if (due->hits == 1)
		sw_strbuf_puts(out, "a hit");
	else
		sw_strbuf_printf(out, "%llu hits in %s", (unsigned long long)due->hits,
			sw_duration_format(window, took));
	if (due->forgiven)
		sw_strbuf_printf(out, " (%llu more forgiven: who was tried logged in)",
			(unsigned long long)due->forgiven);
}

/* "sshd: 5 hits in 3s from 192.0.2.1 (user root); banned for 1h". */
static void make_title(struct sw_engine *e, const struct case_file *f, struct sw_strbuf *out)
{
	char net[SW_NET_TEXT_MAX];

	say_count(f->rule, f->due, out);
	if (f->net)
		sw_strbuf_printf(out, " from %s", sw_cidr_format(net, f->net));
	if (f->via.family)
		sw_strbuf_printf(out, " behind %s", sw_cidr_format(net, &f->via));
	if (*f->hit->user) {
		sw_strbuf_puts(out, " (user ");
		sw_strbuf_safe(out, f->hit->user, strnlen(f->hit->user, 32));
		sw_strbuf_puts(out, ")");
	}
	say_outcome(e, f, out);
}

static bool may_tell(struct sw_engine *e)
{
	struct sw_logs_part *p = e->logs;
	int64_t now = sw_clock_wall_sec(&e->clock);

	if (now != p->told_second)
		p->told_now = 0;
	p->told_second = now;
	if (p->told_now++ < SW_LOGS_FINDINGS_PER_SEC)
		return true;
	p->untold++;
	return false;
}

static bool find_later(struct sw_logs_part *p, const struct sw_finding *f)
{
	if (p->n_found == p->found_cap) {
		size_t cap = p->found_cap ? p->found_cap * 2 : 8;
		struct sw_finding *more = realloc(p->found, cap * sizeof(*more));

		if (!more)
			return false;
		p->found = more;
		p->found_cap = cap;
	}
	p->found[p->n_found++] = *f;
	return true;
}

void sw_logs_tell_found(struct sw_engine *e)
{
	for (size_t i = 0; i < e->logs->n_found; i++)
		(void)sw_engine_find(e, &e->logs->found[i]);
	e->logs->n_found = 0;
}

static void tell(struct sw_engine *e, const struct case_file *f)
{
	_strbuf_ struct sw_strbuf title = {};
	struct sw_finding finding = {
		.kind = SW_FINDING_LOG, .severity = f->rule->severity, .count = f->due->hits};

	if (f->is_quiet || !may_tell(e))
		return;
	if (f->rule->action == SW_LOG_OBSERVE)
		finding.severity = SW_MIN(finding.severity, SW_SEV_LOW);
	make_title(e, f, &title);
	(void)sw_strcpy(finding.title, sizeof(finding.title), sw_strbuf_get(&title));
	(void)sw_strcpy(finding.rule, sizeof(finding.rule), f->rule->name);
	finding.wall_ns = f->due->first_sec * (int64_t)SW_SEC_NS;
	finding.last_wall_ns = f->due->last_sec * (int64_t)SW_SEC_NS;
	if (f->net)
		finding.subject = *f->net;
	if (!find_later(e->logs, &finding))
		(void)sw_engine_find(e, &finding);
}

static void keep_lines(struct sw_engine *e, const struct case_file *f)
{
	_strbuf_ struct sw_strbuf lines = {};

	if (!f->net)
		return;
	for (size_t i = 0; i < f->due->n_lines; i++) {
		sw_strbuf_safe(&lines, f->due->lines[i], strlen(f->due->lines[i]));
		sw_strbuf_putc(&lines, '\n');
	}
	if (lines.len && !lines.is_failed)
		(void)sw_store_put_evidence(e->store, f->net, f->rule->name, lines.text);
}

/* ---- the decision */

static void judge(struct sw_engine *e, struct case_file *f)
{
	const struct sw_offend_config c = offend_config(e->config);
	_strbuf_ struct sw_strbuf reason = {};
	struct sw_offence o;

	say_count(f->rule, f->due, &reason);
	if (f->due->n_lines) {
		const char *line = f->due->lines[f->due->n_lines - 1];

		sw_strbuf_puts(&reason, ", the last: ");
		sw_strbuf_safe(&reason, line, strlen(line));
	}
	o = offence_of(e, f->rule, f->net, &f->via, sw_strbuf_get(&reason));
	sw_offend(&c, e->logs->counts, &offend_ops, e, &o, &f->result);
	f->is_judged = true;
}

static void count_outcome(struct sw_engine *e, const struct case_file *f,
	const struct sw_count_rule *rule, const struct sw_count_key *key)
{
	struct sw_logs_rule *n = f->counters;

	switch (f->result.outcome) {
	case SW_OFFEND_BANNED:
	case SW_OFFEND_FAILED:
		n->bans++;
		break;
	case SW_OFFEND_WOULD:
		n->would++;
		break;
	case SW_OFFEND_UNPROVEN:
		n->unproven++;
		break;
	case SW_OFFEND_REFUSED:
		if (f->result.refusal == SW_REFUSED_PROTECTED)
			n->protected ++;
		else
			n->refused++;
		if (f->result.refusal == SW_REFUSED_RATE || f->result.refusal == SW_REFUSED_TOTAL)
			sw_counts_give_back(e->logs->counts, rule, key);
		break;
	case SW_OFFEND_ALREADY:
		break;
	}
}

static struct sw_net banned_net(const struct sw_engine *e, const struct sw_net *host)
{
	return host->family == SW_AF_IP6 ? sw_net_trim(host, e->config->ban_ipv6_plen) : *host;
}

/* Hits of old lines count while a window holds them; without a window, or a time, they are not known to be young. */
static bool is_too_old(struct sw_logs_part *p, const struct sw_log_hit *h, int64_t now_sec)
{
	if (!p->is_back || (h->rule->window_sec && h->time_sec < now_sec))
		return false;
	p->back_hits++;
	return true;
}

/* Whom the line is of; behind a trusted proxy the hop of its header. False: it is to be held against nobody. */
static bool find_client(struct sw_engine *e, const struct sw_log_hit *h, struct sw_net *ret, struct sw_net *ret_via)
{
	const struct sw_config *c = e->config;
	const struct sw_proxy_trust trust = {
		c->trusted_proxies.at, SW_MIN(c->trusted_proxies.n, (__u32)SW_CONFIG_PROXIES_MAX)};
	int r;

	*ret = h->host;
	if (!h->forwarded)
		return true;
	r = sw_proxy_client(&trust, &h->host, h->forwarded, h->forwarded_len, ret);
	if (r == 1)
		*ret_via = h->host;
	return r >= 0 && !sw_log_rule_ignores(h->rule, ret);
}

/* A rule that only observes tells as often as it would have banned. */
static uint64_t throttle_of(const struct sw_config *c, const struct sw_log_rule *r)
{
	uint64_t ban_sec = r->ban_for_sec ? r->ban_for_sec : c->ban_default_sec;

	if (r->action != SW_LOG_OBSERVE)
		return r->throttle_sec;
	return SW_MAX(r->throttle_sec, SW_MIN(ban_sec, (uint64_t)SW_LOGS_DRY_SEC));
}

static uint64_t who_of(struct sw_logs_part *p, const struct sw_log_hit *h)
{
	return *h->user ? sw_count_hash(p->counts, h->user, strlen(h->user)) : 0;
}

/* A login from an address takes back what the same user failed at from there. */
static void forgive(struct sw_engine *e, const struct sw_log_hit *h, struct sw_logs_rule *counters)
{
	struct sw_count_key key = {.rule = counters->id};
	struct sw_net net, via = {};
	unsigned int n;

	if (!h->has_host || h->rule->track == SW_TRACK_RULE || !find_client(e, h, &net, &via))
		return;
	if (h->rule->track != SW_TRACK_USER)
		key.net = banned_net(e, &net);
	if (h->rule->track != SW_TRACK_HOST)
		key.user = who_of(e->logs, h);
	n = sw_counts_forgive(e->logs->counts, &key, who_of(e->logs, h));
	counters->forgiven += n;
	if (n)
		e->logs->is_counts_moved = true;
}

/* Fills in whom the hit counts for. False: nobody, it is held against none. */
static bool find_who(struct sw_engine *e, struct case_file *f, struct sw_net *net, struct sw_count_hit *hit)
{
	enum sw_log_track track = f->rule->track;
	bool by_host = track == SW_TRACK_HOST || track == SW_TRACK_BOTH;

	if (by_host && !f->hit->has_host)
		return false;
	if (f->hit->has_host) {
		if (!find_client(e, f->hit, net, &f->via))
			return false;
		*net = banned_net(e, net);
		f->net = net;
	}
	hit->key.rule = f->counters->id;
	if (by_host)
		hit->key.net = *net;
	hit->who = who_of(e->logs, f->hit);
	if (track == SW_TRACK_USER || track == SW_TRACK_BOTH)
		hit->key.user = sw_count_hash(e->logs->counts, f->hit->user, strlen(f->hit->user));
	return true;
}

/* The threshold is reached. */
static void act(struct sw_engine *e, struct case_file *f, const struct sw_count_rule *rule,
	const struct sw_count_key *key)
{
	f->counters->due++;
	e->logs->is_due = true;
	if (f->net && f->rule->action != SW_LOG_ALERT)
		judge(e, f);
	if (f->is_judged)
		count_outcome(e, f, rule, key);
	if (f->is_judged && f->result.outcome == SW_OFFEND_ALREADY)
		return;
	keep_lines(e, f);
	tell(e, f);
}

static void on_hit(void *arg, const struct sw_log_hit *h)
{
	struct sw_engine *e = arg;
	struct sw_logs_part *p = e->logs;
	const struct sw_count_rule rule = {.count = h->rule->count,
		.window_sec = h->rule->window_sec,
		.throttle_sec = throttle_of(e->config, h->rule)};
	struct case_file f = {.rule = h->rule, .hit = h, .counters = sw_logs_rule_of(p, h->rule->name)};
	struct sw_count_hit hit = {.time_sec = h->time_sec, .line = h->line, .len = h->line_len};
	int64_t now_sec = sw_clock_wall_sec(&e->clock);
	enum sw_count_result result;
	struct sw_count_due due;
	struct sw_net net;

	if (!f.counters)
		return;
	if (h->is_success) {
		forgive(e, h, f.counters);
		return;
	}
	f.counters->hits++;
	f.counters->last_sec = h->time_sec;
	if (is_too_old(p, h, now_sec) || !find_who(e, &f, &net, &hit))
		return;
	p->is_counts_moved = true;
	result = sw_counts_add(p->counts, &rule, &hit, now_sec, &due);
	if (result != SW_COUNT_DUE && result != SW_COUNT_QUIET)
		return;
	f.due = &due;
	f.is_quiet = result == SW_COUNT_QUIET;
	act(e, &f, &rule, &hit.key);
}

void sw_logs_feed(struct sw_engine *e, size_t source, const char *line, size_t len,
	int64_t time_sec, bool is_back)
{
	struct sw_logs_part *p = e->logs;
	int r;

	p->lines++;
	p->is_back = is_back;
	r = sw_ruleset_feed(p->rules, source, line, len, time_sec, on_hit, e);
	if (r < 0)
		(void)sw_strcpy(p->error, sizeof(p->error),
			r == -ENOMEM ? "out of memory" : sw_ruleset_error(p->rules));
}

void sw_logs_forgive(struct sw_engine *e, const struct sw_net *net)
{
	if (e->logs && sw_counts_forget(e->logs->counts, net)) {
		e->logs->is_counts_moved = true;
		sw_logs_want_save(e->logs);
	}
}
