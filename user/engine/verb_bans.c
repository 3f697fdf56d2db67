// SPDX-License-Identifier: GPL-3.0-or-later
/* The verbs ban, unban, bans, allow.* */
#include "user/base/words.h"
#include "user/enforce/enforce.h"
#include "user/engine/backends.h"
#include "user/engine/bans.h"

enum {
	BAN_SEC_MAX = 10 * 365 * 86400, /* ten years; longer is for ever, and says so */
	HISTORY_MAX = 20000,		/* past bans told at once */
};

/* A required argument that is a network; false when the request was failed. */
static bool take_net(struct sw_ctl_request *q, const json_t *args, struct sw_net *ret)
{
	const char *text;

	if (!sw_ctl_arg_string(q, args, "net", NULL, &text))
		return false;
	if (!text) {
		sw_ctl_fail(q, SW_CERR_USAGE, NULL, "an address or network is missing");
		return false;
	}
	if (sw_cidr_parse(text, SIZE_MAX, ret) < 0) {
		sw_ctl_fail(q, SW_CERR_USAGE, "write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32; a name is never looked up",
			"not an address or network: %s", text);
		return false;
	}
	return true;
}

static const char *state_word(enum sw_verdict_state s)
{
	/* removed: the backend holds nothing while observing, or has not come to it yet */
	return s == SW_VERDICT_INSTALLED ? "installed" : s == SW_VERDICT_REMOVED ? "waiting" : "failed";
}

static void write_part(struct sw_engine *e, struct sw_json *j, const struct sw_ban *b, const struct sw_ban_part *part)
{
	char net[SW_NET_TEXT_MAX], at[SW_TIME_TEXT_MAX];
	bool is_forever;
	uint64_t left_sec = sw_policy_left_sec(e->policy, part, &is_forever);

	sw_json_uint(j, "id", part->id);
	sw_json_string(j, "net", sw_cidr_format(net, &b->net));
	sw_json_string(j, "made_at", sw_time_format(at, part->made_wall_sec * (int64_t)SW_SEC_NS));
	if (is_forever) {
		sw_json_null(j, "until_at");
		sw_json_null(j, "left_sec");
	} else {
		sw_json_string(j, "until_at",
			sw_time_format(at, sw_clock_wall_ns(&e->clock) + (int64_t)(left_sec * SW_SEC_NS)));
		sw_json_uint(j, "left_sec", left_sec);
	}
	sw_json_string(j, "reason", part->reason);
	sw_json_string(j, "origin", part->origin);
	sw_json_string(j, "by", part->by);
	sw_json_bool(j, "saved", part->is_saved);
	if (part->via.family)
		sw_json_string(j, "via", sw_cidr_format(net, &part->via));
	else
		sw_json_null(j, "via");
	sw_json_bool(j, "enforceable", !part->via.family || sw_backends_reach_clients(e->config));
}

static void verb_ban(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_ban_request ask = {.origin = "operator", .by = sw_ctl_request_by(q)};
	const struct sw_guard_status *status;
	const struct sw_ban_part *part = NULL;
	const struct sw_ban *b = NULL;
	struct sw_refusal_text text;
	enum sw_refusal refusal;
	struct sw_json *j;
	char net[SW_NET_TEXT_MAX];
	int r;

	if (!take_net(q, args, &ask.net) ||
		!sw_ctl_arg_uint(q, args, "for", e->config->ban_default_sec, &ask.for_sec) ||
		!sw_ctl_arg_string(q, args, "reason", "", &ask.reason) ||
		!sw_ctl_arg_bool(q, args, "wide", false, &ask.is_wide))
		return;
	if (ask.for_sec > BAN_SEC_MAX)
		return sw_ctl_fail(q, SW_CERR_USAGE, "say --for forever", "ten years is the longest ban with an end");
	r = sw_engine_ban(e, &ask, &b, &part, &refusal, &text);
	sw_cidr_format(net, &ask.net);
	if (r == -EPERM && refusal)
		return sw_ctl_fail(q, SW_CERR_REFUSED, *text.hint ? text.hint : NULL, "%s", text.message);
	(void)sw_store_audit(e->store, ask.by, "ban", net, ask.reason);
	if (!part)
		return sw_ctl_fail(q, SW_CERR_INTERNAL, NULL, "no memory for the ban of %s", net);
	if (r < 0)
		return sw_ctl_fail(q, SW_CERR_DEGRADED, "it is decided and tried again by itself; see: sockwarden status",
			"the ban of %s is not in force yet: %s", net, text.message);
	j = sw_ctl_reply_begin(q);
	sw_json_object_begin(j, "ban");
	write_part(e, j, b, part);
	sw_json_string(j, "state", "installed");
	sw_json_stringf(j, "text", "%s is banned%s", net, part->is_saved ? "" : ", but not stored yet: the database does not take it");
	sw_json_object_end(j);
	status = sw_engine_guard_status(e);
	sw_json_bool(j, "enforcing", status && status->is_enforcing);
	sw_ctl_reply_end(q);
}

static void verb_unban(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	char text[SW_NET_TEXT_MAX], hint[128] = "";
	const struct sw_ban *wider;
	struct sw_json *j;
	struct sw_net net;
	unsigned int n;

	if (!take_net(q, args, &net))
		return;
	n = sw_engine_unban(e, &net, sw_ctl_request_by(q));
	if (!n) {
		wider = sw_policy_covering_ban(e->policy, &net, NULL);
		if (wider)
			snprintf(hint, sizeof(hint), "it lies in %s, which is: sockwarden unban or allow add", sw_cidr_format(text, &wider->net));
		return sw_ctl_fail(q, SW_CERR_NOT_FOUND, *hint ? hint : "sockwarden bans lists them",
			"%s is not banned",
			sw_cidr_format(text, &net));
	}
	(void)sw_store_audit(e->store, sw_ctl_request_by(q), "unban", sw_cidr_format(text, &net), "");
	j = sw_ctl_reply_begin(q);
	sw_json_uint(j, "removed", n);
	sw_ctl_reply_end(q);
}

struct list {
	struct sw_engine *e;
	struct sw_json *j;
	/* with verdicts: of every ban, in the order of the walk */
	struct sw_net *nets;
	struct sw_guard_verdict *verdicts;
	size_t n, at;
};

static void write_verdict(struct sw_json *j, enum sw_backend_id id, enum sw_verdict_state state)
{
	sw_json_object_begin(j, NULL);
	sw_json_string(j, "backend", sw_backend_names[id]);
	sw_json_string(j, "state", state_word(state));
}

static void write_verdicts(struct list *l, const struct sw_ban *b)
{
	const struct sw_guard_verdict *v = l->at < l->n ? &l->verdicts[l->at] : NULL;

	sw_json_array_begin(l->j, "verdicts");
	write_verdict(l->j, SW_BACKEND_XDP, sw_enforce_state(l->e->enforce, b));
	sw_json_object_end(l->j);
	for (unsigned int i = SW_BACKEND_XDP + 1; v && i < SW_BACKEND_COUNT; i++) {
		if (!v->state[i])
			continue;
		write_verdict(l->j, (enum sw_backend_id)i, v->state[i]);
		if (i == SW_BACKEND_NFTABLES)
			sw_json_uint(l->j, "hits", v->nft_hits);
		sw_json_object_end(l->j);
	}
	sw_json_array_end(l->j);
}

static void write_ban(void *arg, const struct sw_ban *b)
{
	struct list *l = arg;
	char at[SW_TIME_TEXT_MAX];

	for (const struct sw_ban_part *part = b->parts; part; part = part->next) {
		sw_json_object_begin(l->j, NULL);
		write_part(l->e, l->j, b, part);
		sw_json_string(l->j, "state", state_word(sw_enforce_state(l->e->enforce, b)));
		sw_json_uint(l->j, "hits", b->hits);
		if (b->last_hit_wall_ns)
			sw_json_string(l->j, "last_hit_at", sw_time_format(at, b->last_hit_wall_ns));
		else
			sw_json_null(l->j, "last_hit_at");
		if (l->nets)
			write_verdicts(l, b);
		sw_json_object_end(l->j);
	}
	l->at++;
}

static void collect_net(void *arg, const struct sw_ban *b)
{
	struct list *l = arg;

	if (l->at < l->n)
		l->nets[l->at++] = b->net;
}

/* Asking each backend for each ban: 100,000 of them take half a second, so only who wants it pays. */
static void ask_verdicts(struct list *l)
{
	l->n = sw_policy_n_bans(l->e->policy);
	l->nets = calloc(SW_MAX(l->n, (size_t)1), sizeof(*l->nets));
	l->verdicts = calloc(SW_MAX(l->n, (size_t)1), sizeof(*l->verdicts));
	if (!l->nets || !l->verdicts)
		l->n = 0;
	sw_policy_each_ban(l->e->policy, collect_net, l);
	sw_engine_verdicts(l->e, l->nets, l->at, l->verdicts);
	l->at = 0;
}

static void verb_bans(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct list l = {.e = arg};
	bool has_verdicts;

	if (!sw_ctl_arg_bool(q, args, "verdicts", false, &has_verdicts))
		return;
	if (has_verdicts)
		ask_verdicts(&l);
	l.j = sw_ctl_reply_begin(q);
	sw_json_array_begin(l.j, "bans");
	sw_policy_each_ban(l.e->policy, write_ban, &l);
	sw_json_array_end(l.j);
	sw_ctl_reply_end(q);
	free(l.nets);
	free(l.verdicts);
}

static int write_past(const struct sw_store_ban *b, void *arg)
{
	struct sw_json *j = arg;
	char text[SW_TIME_TEXT_MAX + SW_NET_TEXT_MAX];

	sw_json_object_begin(j, NULL);
	sw_json_uint(j, "id", b->d.id);
	sw_json_string(j, "net", sw_cidr_format(text, &b->d.net));
	sw_json_string(j, "made_at", sw_time_format(text, b->d.made_wall_sec * (int64_t)SW_SEC_NS));
	if (b->end == SW_BAN_OPEN)
		sw_json_null(j, "ended_at");
	else
		sw_json_string(j, "ended_at", sw_time_format(text, b->ended_wall_sec * (int64_t)SW_SEC_NS));
	sw_json_string(j, "end", sw_ban_end_word(b->end));
	sw_json_string(j, "ended_by", b->ended_by);
	sw_json_string(j, "origin", b->d.origin);
	sw_json_string(j, "by", b->d.by);
	sw_json_string(j, "reason", b->d.reason);
	sw_json_object_end(j);
	return 0;
}

static void verb_bans_history(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	uint64_t since_sec, n;
	struct sw_json *j;

	if (!sw_ctl_arg_uint(q, args, "since_sec", 0, &since_sec) || !sw_ctl_arg_uint(q, args, "n", HISTORY_MAX, &n))
		return;
	j = sw_ctl_reply_begin(q);
	sw_json_array_begin(j, "bans");
	(void)sw_store_bans_since(e->store, (int64_t)SW_MIN(since_sec, (uint64_t)INT64_MAX),
		(unsigned int)SW_MIN(n, (uint64_t)HISTORY_MAX), write_past, j);
	sw_json_array_end(j);
	sw_ctl_reply_end(q);
}

static void write_origin(void *arg, const char *origin)
{
	sw_json_string(arg, NULL, origin);
}

static void write_allow(struct sw_json *j, const struct sw_allow *a)
{
	char text[SW_TIME_TEXT_MAX + SW_NET_TEXT_MAX];

	sw_json_string(j, "net", sw_cidr_format(text, &a->net));
	sw_json_array_begin(j, "origins");
	sw_allow_each_origin(a, write_origin, j);
	sw_json_array_end(j);
	sw_json_string(j, "reason", a->reason);
	sw_json_string(j, "by", a->by);
	sw_json_string(j, "made_at", sw_time_format(text, a->made_wall_sec * (int64_t)SW_SEC_NS));
}

static void verb_allow_add(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_engine_unbanned unbanned;
	const struct sw_allow *a;
	char text[SW_NET_TEXT_MAX];
	const char *reason;
	struct sw_json *j;
	struct sw_net net;
	int r;

	if (!take_net(q, args, &net) || !sw_ctl_arg_string(q, args, "reason", "", &reason))
		return;
	r = sw_engine_allow(e, &net, sw_ctl_request_by(q), reason, &unbanned);
	a = sw_policy_find_allow(e->policy, &net);
	sw_cidr_format(text, &net);
	if (!a)
		return sw_ctl_fail(q, SW_CERR_REFUSED, "allow networks in place of addresses", "%s was not added: %s", text, strerror(-r));
	(void)sw_store_audit(e->store, sw_ctl_request_by(q), "allow", text, reason);
	if (r < 0)
		return sw_ctl_fail(q, SW_CERR_DEGRADED, "it is kept and tried again by itself; see: sockwarden status",
			"%s is allowed, but not in force yet: %s", text, strerror(-r));
	j = sw_ctl_reply_begin(q);
	sw_json_object_begin(j, "allow");
	write_allow(j, a);
	sw_json_object_end(j);
	sw_json_array_begin(j, "unbanned");
	for (size_t i = 0; i < unbanned.n; i++)
		sw_json_string(j, NULL, sw_cidr_format(text, &unbanned.nets[i]));
	sw_json_array_end(j);
	sw_ctl_reply_end(q);
}

static void verb_allow_remove(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	char text[SW_NET_TEXT_MAX];
	const struct sw_allow *a;
	struct sw_json *j;
	struct sw_net net;

	if (!take_net(q, args, &net))
		return;
	sw_cidr_format(text, &net);
	a = sw_policy_find_allow(e->policy, &net);
	if (!a)
		return sw_ctl_fail(q, SW_CERR_NOT_FOUND, "sockwarden allow list shows them", "%s is not on the allow list", text);
	if (!(a->origins & SW_ALLOW_OPERATOR) && a->feeds && *a->feeds)
		return sw_ctl_fail(q, SW_CERR_REFUSED, "sockwarden feeds enable NAME --action except, or feeds disable NAME",
			"%s is allowed by what a feed lists: %s", text, a->feeds);
	if (!(a->origins & SW_ALLOW_OPERATOR))
		return sw_ctl_fail(q, SW_CERR_REFUSED,
			a->origins & SW_ALLOW_CONFIG ? "it is under allow: in the configuration"
						     : "the never-ban set follows the host's own addresses, gateways, resolvers and administrators",
			"%s was not added by an operator", text);
	(void)sw_engine_disallow(e, &net);
	(void)sw_store_audit(e->store, sw_ctl_request_by(q), "disallow", text, "");
	j = sw_ctl_reply_begin(q);
	sw_json_uint(j, "removed", 1);
	sw_ctl_reply_end(q);
}

static void write_allow_row(void *arg, const struct sw_allow *a)
{
	struct list *l = arg;

	sw_json_object_begin(l->j, NULL);
	write_allow(l->j, a);
	sw_json_object_end(l->j);
}

static void verb_allow_list(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct list l = {.e = arg, .j = sw_ctl_reply_begin(q)};

	sw_json_array_begin(l.j, "allow");
	sw_policy_each_allow(l.e->policy, write_allow_row, &l);
	sw_json_array_end(l.j);
	sw_ctl_reply_end(q);
}

const struct sw_ctl_verb sw_ban_verbs[] = {
	{"ban", SW_CTL_CHANGE, verb_ban},
	{"unban", SW_CTL_CHANGE, verb_unban},
	{"bans", SW_CTL_READ, verb_bans},
	{"bans.history", SW_CTL_READ, verb_bans_history},
	{"allow.add", SW_CTL_CHANGE, verb_allow_add},
	{"allow.remove", SW_CTL_CHANGE, verb_allow_remove},
	{"allow.list", SW_CTL_READ, verb_allow_list},
	{},
};
