// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/bans.h"

#include "user/enforce/enforce.h"
#include "user/engine/alerts.h"
#include "user/engine/crowdsec_report.h"
#include "user/engine/logs.h"
#include "user/policy/neverban.h"

enum {
	EXPIRE_AT_ONCE = 4096,	   /* parts ended in one turn of the loop */
	SAVE_AT_ONCE = 4096,
	SAVE_EVERY_SEC = 5,	   /* while something is unsaved */
	RECONCILE_SEC = 30,
	RECONCILE_SHARE = 1000,	   /* it rests so many times as long as it took: 0.1 % of a core */
	SEEN_EVERY_SEC = 600,	   /* the wall clock is noted for a start with an unset clock */
	ADMINS_MAX = 16,	   /* addresses armed from that are remembered */
};

/* A ban that is told once it is in force. */
struct untold {
	struct sw_net net;
	uint64_t id;
};

struct sw_bans_part {
	struct sw_source *expiry, *save, *reconcile, *seen;
	struct sw_net *unbanned; /* of the last allow */
	size_t n_unbanned, unbanned_cap;
	struct sw_net armed_from[ADMINS_MAX];
	struct sw_net *sessions;
	size_t n_armed_from, n_sessions;
	int64_t last_seen_wall_sec;
	unsigned int held; /* sw_engine_bans_hold */
	bool is_held_due;  /* something waits for the release */
	struct untold *untold; /* while held */
	size_t n_untold, untold_cap;
	bool is_allowing;
};

/* ---- effects of the policy */

static int save(void *arg, const struct sw_store_ban *row)
{
	struct sw_engine *e = arg;

	return sw_store_put_ban(e->store, row);
}

static int end(void *arg, uint64_t id, enum sw_ban_end how, const char *by)
{
	struct sw_engine *e = arg;

	return sw_store_end_ban(e->store, id, how, by);
}

static void put(void *arg, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id)
{
	struct sw_engine *e = arg;

	sw_enforce_put(e->enforce, net, until_boot_ns, id);
}

static void take_out(void *arg, const struct sw_net *net)
{
	struct sw_engine *e = arg;

	sw_enforce_remove(e->enforce, net);
}

static void allow(void *arg, const struct sw_net *net, uint32_t origins)
{
	struct sw_engine *e = arg;

	sw_enforce_allow(e->enforce, net, origins);
}

static int save_allow(void *arg, const struct sw_allow *a)
{
	struct sw_engine *e = arg;
	struct sw_store_allow row = {.net = a->net, .made_wall_sec = a->made_wall_sec};

	(void)sw_strcpy(row.reason, sizeof(row.reason), a->reason);
	(void)sw_strcpy(row.by, sizeof(row.by), a->by);
	return sw_store_put_allow(e->store, &row);
}

static int delete_allow(void *arg, const struct sw_net *net)
{
	struct sw_engine *e = arg;

	return sw_store_delete_allow(e->store, net);
}

static void note_unbanned(struct sw_bans_part *b, const struct sw_net *net)
{
	if (b->n_unbanned == b->unbanned_cap) {
		size_t cap = b->unbanned_cap ? b->unbanned_cap * 2 : 16;
		struct sw_net *more = realloc(b->unbanned, cap * sizeof(*more));

		if (!more)
			return;
		b->unbanned = more;
		b->unbanned_cap = cap;
	}
	b->unbanned[b->n_unbanned++] = *net;
}

static void tell_alerts(struct sw_engine *e, const struct sw_ban *b, const struct sw_ban_part *part,
	enum sw_decision_kind kind, const char *by)
{
	struct sw_decision d = {.id = part->id,
		.kind = kind,
		.net = b->net,
		.made_wall_sec = sw_clock_wall_sec(&e->clock),
		.until_wall_sec = part->until_wall_sec};

	(void)sw_strcpy(d.origin, sizeof(d.origin), part->origin);
	(void)sw_strcpy(d.reason, sizeof(d.reason), part->reason);
	(void)sw_strcpy(d.by, sizeof(d.by), by);
	sw_alerts_decision(e, &d);
	sw_crowdsec_report(e, &d);
}

static void over(void *arg, const struct sw_ban *b, const struct sw_ban_part *part, enum sw_ban_end how, const char *by)
{
	struct sw_engine *e = arg;
	char net[SW_NET_TEXT_MAX];
	struct sw_json *j;

	if (e->bans->is_allowing)
		note_unbanned(e->bans, &b->net);
	if (how == SW_BAN_REPLACED || (how == SW_BAN_EXPIRED && !sw_event_admit(e->events, SW_EVK_UNBAN)))
		return;
	sw_cidr_format(net, &b->net);
	if (how == SW_BAN_EXPIRED)
		j = sw_event_begin(e->events, SW_EVK_UNBAN, "the ban of %s is over", net);
	else
		j = sw_event_begin(e->events, SW_EVK_UNBAN, "the ban of %s was ended (%s) by %s", net, sw_ban_end_word(how), by);
	sw_json_string(j, "net", net);
	sw_json_uint(j, "id", part->id);
	sw_json_string(j, "end", sw_ban_end_word(how));
	sw_json_string(j, "by", by);
	sw_json_string(j, "origin", part->origin);
	sw_json_uint(j, "hits", b->hits);
	sw_event_end(e->events);
	tell_alerts(e, b, part, SW_DECISION_UNBAN, by);
	if (how != SW_BAN_EXPIRED) /* there it ends by itself */
		sw_crowdsec_withdraw(e, &b->net, part->origin);
}

static const struct sw_policy_ops policy_ops = {
	.save = save,
	.end = end,
	.put = put,
	.remove = take_out,
	.allow = allow,
	.over = over,
	.save_allow = save_allow,
	.delete_allow = delete_allow,
};

/* ---- the port of the backends */

static int call_guard(struct sw_engine *e, struct sw_guard_request *req, size_t bytes, char *why, size_t size)
{
	struct sw_guard_reply reply = {};
	int r = sw_guard_call(e->guard, req, bytes, &reply);

	if (r < 0 && why && size)
		(void)sw_strcpy(why, size, *reply.text ? reply.text : strerror(-r));
	return r;
}

static int port_bans(void *arg, enum sw_guard_op op, const struct sw_guard_ban *bans, unsigned int n, char *why,
	size_t size)
{
	struct sw_guard_request req;

	memset(&req, 0, SW_GUARD_REQUEST_HEAD);
	req.op = (__u16)op;
	req.n = n;
	memcpy(req.bans, bans, n * sizeof(*bans));
	return call_guard(arg, &req, SW_GUARD_REQUEST_HEAD + n * sizeof(*bans), why, size);
}

static int port_allows(void *arg, const struct sw_guard_allow *allows, unsigned int n, char *why, size_t size)
{
	struct sw_guard_request req;

	memset(&req, 0, SW_GUARD_REQUEST_HEAD);
	req.op = SW_GUARD_ALLOW_PUT;
	req.n = n;
	memcpy(req.allows, allows, n * sizeof(*allows));
	return call_guard(arg, &req, SW_GUARD_REQUEST_HEAD + n * sizeof(*allows), why, size);
}

/* ---- timers and what follows a change */

static void watch_unsaved(struct sw_engine *e)
{
	unsigned int n = sw_engine_n_unsaved(e);

	if (!n && sw_store_is_on_disk(e->store)) {
		sw_degraded_clear(e, "store");
		return;
	}
	if (n)
		sw_degraded_set(e, "store", SW_SEV_HIGH, "%u decisions are in force but not in the database %s; trying again", n,
			sw_store_path(e->store));
	if (e->bans->save)
		(void)sw_source_set_timer(e->bans->save, SAVE_EVERY_SEC * SW_SEC_NS, 0);
}

static void schedule_expiry(struct sw_engine *e)
{
	uint64_t next_ns = sw_policy_next_expiry(e->policy), now_ns = sw_clock_boot_ns(&e->clock);

	if (e->bans->expiry)
		(void)sw_source_set_timer(
			e->bans->expiry, !next_ns ? 0 : next_ns > now_ns ? next_ns - now_ns : SW_MSEC_NS, 0);
}

/* Sends what the policy asked for; what failed is left to reconciliation. */
static int settle(struct sw_engine *e, char *why, size_t size)
{
	char text[160] = "";
	int r;

	if (e->bans->held) {
		e->bans->is_held_due = true;
		return 0;
	}
	r = sw_enforce_flush(e->enforce, text, sizeof(text));

	if (r == -ENOTCONN || r == -ECONNRESET)
		(void)sw_strcpy(text, sizeof(text), "the guard is away");
	if (r < 0 && e->bans->reconcile)
		(void)sw_source_set_timer(e->bans->reconcile, SW_SEC_NS, 0);
	if (r < 0 && why)
		(void)sw_strcpy(why, size, text);
	schedule_expiry(e);
	watch_unsaved(e);
	return r;
}

static int on_expiry(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;

	(void)sw_store_begin(e->store);
	(void)sw_policy_expire(e->policy, EXPIRE_AT_ONCE);
	(void)sw_store_commit(e->store);
	(void)settle(e, NULL, 0);
	return 0;
}

static int restore_ban(const struct sw_store_ban *row, void *arg)
{
	struct sw_engine *e = arg;
	int r = sw_policy_restore(e->policy, row, e->bans->last_seen_wall_sec);

	return SW_MIN(r, 0);
}

static int restore_allow(const struct sw_store_allow *row, void *arg)
{
	struct sw_engine *e = arg;
	int r = sw_policy_restore_allow(e->policy, row);

	return SW_MIN(r, 0);
}

/*
 * Rows are collected first: what restoring writes (a ban that ended meanwhile) must not meet the
 * statement that reads.
 */
struct rows {
	struct sw_store_ban *row;
	size_t n, cap;
};

static int collect(const struct sw_store_ban *row, void *arg)
{
	struct rows *all = arg;

	if (all->n == all->cap) {
		size_t cap = all->cap ? all->cap * 2 : 1024;
		struct sw_store_ban *more = realloc(all->row, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		all->row = more;
		all->cap = cap;
	}
	all->row[all->n++] = *row;
	return 0;
}

static int restore(struct sw_engine *e)
{
	struct rows all = {};
	int r = sw_store_each_allow(e->store, restore_allow, e);

	if (r >= 0)
		r = sw_store_each_open_ban(e->store, collect, &all);
	(void)sw_store_begin(e->store);
	for (size_t i = 0; i < all.n && r >= 0; i++)
		r = restore_ban(&all.row[i], e);
	(void)sw_store_commit(e->store);
	free(all.row);
	return r;
}

void sw_engine_save_unsaved(struct sw_engine *e)
{
	bool was_on_disk = sw_store_is_on_disk(e->store);
	int r = sw_store_retry(e->store);

	if (r >= 0 && !was_on_disk) {
		sw_policy_mark_unsaved(e->policy);
		r = restore(e); /* what the file has that we never saw */
	}
	if (r >= 0 && sw_engine_n_unsaved(e)) {
		(void)sw_store_begin(e->store);
		(void)sw_policy_save_unsaved(e->policy, SAVE_AT_ONCE);
		if (sw_store_commit(e->store) < 0)
			sw_policy_mark_unsaved(e->policy);
	}
	if (r == -EUCLEAN)
		sw_policy_mark_unsaved(e->policy);
	(void)settle(e, NULL, 0);
}

static int on_save(struct sw_source *s, void *arg)
{
	sw_engine_save_unsaved(arg);
	return 0;
}

static void note_seen(struct sw_engine *e)
{
	char text[32];
	int64_t now_sec = sw_clock_wall_sec(&e->clock);

	if (now_sec < e->bans->last_seen_wall_sec)
		return; /* the clock is not set yet */
	e->bans->last_seen_wall_sec = now_sec;
	snprintf(text, sizeof(text), "%lld", (long long)now_sec);
	(void)sw_store_set(e->store, "last_seen", text);
}

static int on_seen(struct sw_source *s, void *arg)
{
	note_seen(arg);
	return 0;
}

static void say_reconciled(struct sw_engine *e, const struct sw_enforce_report *r)
{
	unsigned int n = r->bans_put + r->bans_removed + r->allows_put + r->allows_removed;
	struct sw_json *j;

	if (!n)
		return;
	sw_log_notice("the kernel differed from the decisions: %u bans put, %u removed; %u allow entries put, %u removed",
		r->bans_put, r->bans_removed, r->allows_put, r->allows_removed);
	j = sw_event_begin(e->events, SW_EVK_SYSTEM,
		"the kernel differed from the decisions: %u bans put, %u removed; %u allow entries put, %u removed", r->bans_put,
		r->bans_removed, r->allows_put, r->allows_removed);
	sw_json_uint(j, "bans_put", r->bans_put);
	sw_json_uint(j, "bans_removed", r->bans_removed);
	sw_json_uint(j, "allows_put", r->allows_put);
	sw_json_uint(j, "allows_removed", r->allows_removed);
	sw_event_end(e->events);
}

void sw_engine_reconcile(struct sw_engine *e)
{
	uint64_t from_ns = sw_clock_boot_ns(&e->clock), took_ns;
	struct sw_enforce_report report;
	int r;

	if (!sw_guard_client_is_connected(e->guard))
		return;
	if (sw_policy_clock_was_set(e->policy))
		sw_log_notice("the wall clock is set: ends of bans were put right");
	r = sw_enforce_reconcile(e->enforce, &report);
	if (r < 0)
		sw_degraded_set(e, "enforce", SW_SEV_HIGH, "not every decision is in force: %s; trying again", strerror(-r));
	else
		sw_degraded_clear(e, "enforce");
	say_reconciled(e, &report);
	took_ns = sw_clock_boot_ns(&e->clock) - from_ns;
	(void)sw_source_set_timer(e->bans->reconcile, SW_MAX(RECONCILE_SEC * SW_SEC_NS, took_ns * RECONCILE_SHARE), 0);
	schedule_expiry(e);
}

static int on_reconcile(struct sw_source *s, void *arg)
{
	sw_engine_reconcile(arg);
	return 0;
}

static void on_neverban(void *arg)
{
	(void)settle(arg, NULL, 0);
}

/* ---- what others call */

static void say_ban(struct sw_engine *e, const struct sw_ban *b, const struct sw_ban_part *part)
{
	char net[SW_NET_TEXT_MAX], until[SW_TIME_TEXT_MAX], left[SW_TIME_TEXT_MAX];
	bool is_forever;
	uint64_t left_sec = sw_policy_left_sec(e->policy, part, &is_forever);
	struct sw_json *j;

	sw_cidr_format(net, &b->net);
	j = sw_event_begin(e->events, SW_EVK_BAN, "%s is banned %s%s by %s%s%s", net, is_forever ? "for ever" : "for ",
		is_forever ? "" : sw_duration_format(left, left_sec), part->by, *part->reason ? ": " : "", part->reason);
	sw_json_string(j, "net", net);
	sw_json_uint(j, "id", part->id);
	if (!is_forever) {
		sw_json_string(j, "until_at", sw_time_format(until, part->until_wall_sec * (int64_t)SW_SEC_NS));
		sw_json_uint(j, "left_sec", left_sec);
	}
	sw_json_string(j, "origin", part->origin);
	sw_json_string(j, "by", part->by);
	sw_json_string(j, "reason", part->reason);
	sw_event_end(e->events);
	tell_alerts(e, b, part, SW_DECISION_BAN, part->by);
}

/* A cap that is reached is an alarm: something bans more than anybody meant. */
static void say_refused(struct sw_engine *e, enum sw_refusal refusal, const struct sw_refusal_text *text)
{
	if (refusal == SW_REFUSED_RATE || refusal == SW_REFUSED_TOTAL)
		sw_degraded_set(e, "ban-cap", SW_SEV_HIGH, "bans are refused: %s", text->message);
	else if (!refusal)
		sw_degraded_clear(e, "ban-cap");
}

static bool say_later(struct sw_bans_part *p, const struct sw_net *net, uint64_t id)
{
	if (!p->held)
		return false;
	if (p->n_untold == p->untold_cap) {
		size_t cap = p->untold_cap ? p->untold_cap * 2 : 16;
		struct untold *more = realloc(p->untold, cap * sizeof(*more));

		if (!more)
			return false;
		p->untold = more;
		p->untold_cap = cap;
	}
	p->untold[p->n_untold++] = (struct untold){*net, id};
	return true;
}

static void say_untold(struct sw_engine *e)
{
	struct sw_bans_part *p = e->bans;

	for (size_t i = 0; i < p->n_untold; i++) {
		const struct sw_ban *b = sw_policy_find_ban(e->policy, &p->untold[i].net);

		for (const struct sw_ban_part *part = b ? b->parts : NULL; part; part = part->next)
			if (part->id == p->untold[i].id)
				say_ban(e, b, part);
	}
	p->n_untold = 0;
}

int sw_engine_ban(struct sw_engine *e, const struct sw_ban_request *q, const struct sw_ban **ret_ban,
	const struct sw_ban_part **ret_part, enum sw_refusal *refusal, struct sw_refusal_text *text)
{
	const struct sw_ban *b = NULL;
	const struct sw_ban_part *part = NULL;
	uint64_t id = sw_store_next_id(e->store);
	int r;

	*text = (struct sw_refusal_text){};
	r = sw_policy_ban(e->policy, q, id, &b, &part, refusal, text);
	say_refused(e, *refusal, text);
	if (r < 0)
		return r;
	r = settle(e, text->message, sizeof(text->message));
	if (part->id == id && !say_later(e->bans, &b->net, id))
		say_ban(e, b, part);
	if (ret_ban)
		*ret_ban = b;
	if (ret_part)
		*ret_part = part;
	return r;
}

void sw_engine_bans_hold(struct sw_engine *e)
{
	if (!e->bans->held++)
		(void)sw_store_begin(e->store);
}

void sw_engine_bans_release(struct sw_engine *e)
{
	char text[160] = "";

	if (--e->bans->held)
		return;
	if (sw_store_commit(e->store) < 0)
		sw_policy_mark_unsaved(e->policy);
	if (!e->bans->is_held_due)
		return;
	e->bans->is_held_due = false;
	if (settle(e, text, sizeof(text)) < 0)
		sw_log_warning(0, "bans are decided, but not in force yet: %s", text);
	say_untold(e);
}

unsigned int sw_engine_unban(struct sw_engine *e, const struct sw_net *net, const char *by)
{
	unsigned int n = sw_policy_withdraw(e->policy, net, NULL, by);

	sw_logs_forgive(e, net);
	if (n)
		(void)settle(e, NULL, 0);
	return n;
}

unsigned int sw_engine_withdraw(struct sw_engine *e, const struct sw_net *net, const char *origin, const char *by)
{
	unsigned int n = sw_policy_withdraw(e->policy, net, origin, by);

	if (n)
		(void)settle(e, NULL, 0);
	return n;
}

int sw_engine_allow(struct sw_engine *e, const struct sw_net *net, const char *by, const char *reason,
	struct sw_engine_unbanned *ret)
{
	int r, one;

	e->bans->n_unbanned = 0;
	e->bans->is_allowing = true;
	r = sw_policy_allow(e->policy, net, SW_ALLOW_OPERATOR, by, reason);
	e->bans->is_allowing = false;
	sw_logs_forgive(e, net);
	one = settle(e, NULL, 0);
	*ret = (struct sw_engine_unbanned){e->bans->unbanned, e->bans->n_unbanned};
	return r < 0 ? r : one;
}

int sw_engine_disallow(struct sw_engine *e, const struct sw_net *net)
{
	int r = sw_policy_disallow(e->policy, net, SW_ALLOW_OPERATOR);

	(void)settle(e, NULL, 0);
	return r;
}

static void apply_admins(struct sw_engine *e)
{
	size_t n = e->bans->n_sessions + e->bans->n_armed_from;
	_free_ struct sw_net *all = calloc(SW_MAX(n, (size_t)1), sizeof(*all));

	if (!all)
		return;
	if (e->bans->n_sessions)
		memcpy(all, e->bans->sessions, e->bans->n_sessions * sizeof(*all));
	memcpy(all + e->bans->n_sessions, e->bans->armed_from, e->bans->n_armed_from * sizeof(*all));
	if (sw_policy_allow_set(e->policy, SW_ALLOW_ADMIN, all, n) != 0)
		(void)settle(e, NULL, 0);
}

void sw_engine_set_admins(struct sw_engine *e, const struct sw_net *nets, size_t n)
{
	struct sw_net *copy = NULL;

	if (n == e->bans->n_sessions && (!n || memcmp(nets, e->bans->sessions, n * sizeof(*nets)) == 0))
		return;
	if (n) {
		copy = malloc(n * sizeof(*copy));
		if (!copy)
			return;
		memcpy(copy, nets, n * sizeof(*copy));
	}
	free(e->bans->sessions);
	e->bans->sessions = copy;
	e->bans->n_sessions = n;
	apply_admins(e);
}

void sw_engine_set_feed_hosts(struct sw_engine *e, const struct sw_net *nets, size_t n)
{
	if (sw_policy_allow_set(e->policy, SW_ALLOW_FEED, nets, n) != 0)
		(void)settle(e, NULL, 0);
}

int sw_engine_set_listed(struct sw_engine *e, const struct sw_allow_listed *rows, size_t n, struct sw_allow_change *ret)
{
	int r = sw_policy_allow_listed(e->policy, rows, n, ret);

	(void)settle(e, NULL, 0);
	return r;
}

static void store_armed_from(struct sw_engine *e)
{
	_strbuf_ struct sw_strbuf text = {};
	char net[SW_NET_TEXT_MAX];

	for (size_t i = 0; i < e->bans->n_armed_from; i++)
		sw_strbuf_printf(&text, "%s ", sw_cidr_format(net, &e->bans->armed_from[i]));
	(void)sw_store_set(e->store, "armed_from", sw_strbuf_get(&text));
}

void sw_engine_add_admin(struct sw_engine *e, const struct sw_net *net)
{
	struct sw_bans_part *b = e->bans;

	for (size_t i = 0; i < b->n_armed_from; i++) {
		if (sw_net_eq(&b->armed_from[i], net))
			return;
	}
	if (b->n_armed_from == ADMINS_MAX) {
		memmove(&b->armed_from[0], &b->armed_from[1], (ADMINS_MAX - 1) * sizeof(b->armed_from[0]));
		b->n_armed_from--;
	}
	b->armed_from[b->n_armed_from++] = *net;
	store_armed_from(e);
	apply_admins(e);
}

/* ---- the part */

static void apply_config(struct sw_engine *e)
{
	const struct sw_config *c = e->config;
	struct sw_policy_limits limits = {.min_plen4 = c->ban_min_plen4,
		.min_plen6 = c->ban_min_plen6,
		.max_per_minute = c->ban_max_per_minute,
		.max_total = c->ban_max_total};

	sw_policy_set_limits(e->policy, &limits);
	sw_store_set_max(e->store, c->store_max_mb);
	(void)sw_policy_allow_set(e->policy, SW_ALLOW_CONFIG, c->allow, SW_MIN(c->n_allow, (__u32)SW_CONFIG_ALLOW_MAX));
	(void)sw_policy_allow_set(e->policy, SW_ALLOW_PROXY, c->trusted_proxies.at,
		SW_MIN(c->trusted_proxies.n, (__u32)SW_CONFIG_PROXIES_MAX));
}

static int recover_ban(void *arg, const struct sw_net *net, uint64_t until_boot_ns, uint64_t id)
{
	struct sw_engine *e = arg;
	int r = sw_policy_recover(e->policy, net, until_boot_ns, sw_store_next_id(e->store));

	return SW_MIN(r, 0);
}

static int recover_allow(void *arg, const struct sw_net *net, uint32_t origins)
{
	struct sw_engine *e = arg;

	if (origins & SW_ALLOW_OPERATOR)
		(void)sw_policy_allow(e->policy, net, SW_ALLOW_OPERATOR, "policy", "found in the kernel; its row in the database was lost");
	return 0;
}

/* The database is new: what an earlier life of ours left in the kernel is all there is. */
static void recover(struct sw_engine *e)
{
	int r = sw_enforce_each_allow_in_kernel(e->enforce, recover_allow, e);

	(void)sw_store_begin(e->store);
	if (r >= 0)
		r = sw_enforce_each_in_kernel(e->enforce, recover_ban, e);
	(void)sw_store_commit(e->store);
	if (r < 0)
		sw_log_err(r, "the bans in the kernel could not be read back");
	else if (sw_policy_n_bans(e->policy))
		sw_log_notice("%u bans were read back from the kernel", sw_policy_n_bans(e->policy));
}

static void read_meta(struct sw_engine *e)
{
	char text[ADMINS_MAX * SW_NET_TEXT_MAX];
	char *word, *rest = text;

	if (sw_store_get(e->store, "last_seen", text, sizeof(text)) >= 0)
		e->bans->last_seen_wall_sec = strtoll(text, NULL, 10);
	if (sw_store_get(e->store, "armed_from", text, sizeof(text)) < 0)
		return;
	while ((word = strsep(&rest, " ")) && e->bans->n_armed_from < ADMINS_MAX) {
		if (sw_cidr_parse(word, SIZE_MAX, &e->bans->armed_from[e->bans->n_armed_from]) >= 0)
			e->bans->n_armed_from++;
	}
}

static int make_parts(struct sw_engine *e)
{
	struct sw_enforce_port port = {.bans = port_bans, .allows = port_allows, .maps = e->fds, .arg = e};
	char boot_id[40] = "";
	int r;

	(void)sw_read_file("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id));
	boot_id[strcspn(boot_id, "\n")] = '\0';
	r = sw_policy_new(&e->clock, boot_id, &policy_ops, e, &e->policy);
	if (r >= 0)
		r = sw_enforce_new(e->policy, &port, &e->enforce);
	if (r >= 0)
		r = sw_neverban_new(e->loop, e->policy, "/etc/resolv.conf", on_neverban, e, &e->neverban);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, 0, 0, on_expiry, e, &e->bans->expiry);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, 0, 0, on_save, e, &e->bans->save);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, 0, 0, on_reconcile, e, &e->bans->reconcile);
	if (r >= 0)
		r = sw_loop_add_timer(
			e->loop, SEEN_EVERY_SEC * SW_SEC_NS, SEEN_EVERY_SEC * SW_SEC_NS, on_seen, e, &e->bans->seen);
	return r;
}

static int init(struct sw_engine *e)
{
	int r;

	e->bans = calloc(1, sizeof(*e->bans));
	if (!e->bans)
		return -ENOMEM;
	r = make_parts(e);
	if (r < 0)
		return sw_log_err(r, "bans cannot be kept");
	read_meta(e);
	apply_config(e);
	r = sw_neverban_refresh(e->neverban);
	if (r < 0)
		sw_degraded_set(e, "never-ban", SW_SEV_HIGH, "own addresses, gateways or resolvers could not all be read: %s",
			strerror(-r));
	apply_admins(e);
	sw_engine_keep_listed(e);
	if (e->is_store_new)
		recover(e);
	r = restore(e);
	if (r < 0)
		sw_log_err(r, "not every stored decision could be read");
	sw_log_info("%u bans and %u allow entries are known", sw_policy_n_bans(e->policy), sw_policy_n_allow(e->policy));
	note_seen(e);
	sw_engine_save_unsaved(e);
	return 0;
}

static void done(struct sw_engine *e)
{
	if (!e->bans)
		return;
	if (e->policy && e->store) {
		note_seen(e);
		(void)sw_policy_save_unsaved(e->policy, UINT32_MAX);
	}
	sw_neverban_free(TAKE_PTR(e->neverban));
	sw_enforce_free(TAKE_PTR(e->enforce));
	sw_policy_free(TAKE_PTR(e->policy));
	free(e->bans->unbanned);
	free(e->bans->untold);
	free(e->bans->sessions);
	free(TAKE_PTR(e->bans));
}

static int connected(struct sw_engine *e)
{
	sw_engine_reconcile(e);
	return 0;
}

static void configured(struct sw_engine *e, const struct sw_config *old)
{
	apply_config(e);
	(void)settle(e, NULL, 0);
}

const struct sw_engine_part sw_part_bans = {
	.name = "bans",
	.verbs = sw_ban_verbs,
	.init = init,
	.done = done,
	.connected = connected,
	.configured = configured,
};
