// SPDX-License-Identifier: GPL-3.0-or-later
/* The verbs why and check: what is known of a subject, and what follows from it. */
#include "user/base/words.h"
#include "user/engine/backends.h"
#include "user/engine/bans.h"
#include "user/trail/static_line.h"

enum { HISTORY_MAX = 5 }; /* earlier bans told */

struct why {
	struct sw_engine *e;
	struct sw_json *j;
	const struct sw_net *net;
};

/* A second is enough for a person: "2026-11-22 06:59:46 UTC". */
static const char *say_time(char buf[static SW_TIME_TEXT_MAX], int64_t wall_sec)
{
	sw_time_format(buf, wall_sec * (int64_t)SW_SEC_NS);
	buf[10] = ' ';
	(void)sw_strcpy(buf + 19, SW_TIME_TEXT_MAX - 19, " UTC");
	return buf;
}

static void begin_link(struct why *w, const char *what, const struct sw_net *net)
{
	char text[SW_NET_TEXT_MAX];

	sw_json_object_begin(w->j, NULL);
	sw_json_string(w->j, "what", what);
	sw_json_string(w->j, "net", sw_cidr_format(text, net));
}

static void add_text(struct sw_strbuf *b, const char *before, const char *text)
{
	if (!*text)
		return;
	sw_strbuf_puts(b, before);
	sw_strbuf_safe(b, text, strlen(text));
}

static void add_origin(void *arg, const char *origin)
{
	sw_strbuf_printf(arg, " %s", origin);
}

/* Entries that hold the subject, and for a network those that lie in it. */
static void tell_allow(void *arg, const struct sw_allow *a)
{
	struct why *w = arg;
	_strbuf_ struct sw_strbuf text = {};
	char net[SW_NET_TEXT_MAX];

	if (!sw_net_contains(&a->net, w->net) && !sw_net_contains(w->net, &a->net))
		return;
	sw_strbuf_printf(&text, "%s is allowed:", sw_cidr_format(net, &a->net));
	sw_allow_each_origin(a, add_origin, &text);
	add_text(&text, ", by ", a->by);
	add_text(&text, ": ", a->reason);
	begin_link(w, "allow", &a->net);
	sw_json_string(w->j, "text", sw_strbuf_get(&text));
	sw_json_object_end(w->j);
}

static void tell_part(struct why *w, const struct sw_ban *b, const struct sw_ban_part *part)
{
	_strbuf_ struct sw_strbuf text = {};
	char net[SW_NET_TEXT_MAX], at[SW_TIME_TEXT_MAX], left[SW_TIME_TEXT_MAX];
	bool is_forever;
	uint64_t left_sec = sw_policy_left_sec(w->e->policy, part, &is_forever);

	sw_strbuf_printf(&text, "%s was banned at %s by ", sw_cidr_format(net, &b->net),
		say_time(at, part->made_wall_sec));
	sw_strbuf_safe(&text, part->by, strlen(part->by));
	add_text(&text, ": ", part->reason);
	if (is_forever)
		sw_strbuf_puts(&text, "; for ever");
	else
		sw_strbuf_printf(&text, "; %s left", sw_duration_format(left, left_sec));
	sw_strbuf_printf(&text, "; %llu packets since", (unsigned long long)b->hits);
	if (part->via.family)
		sw_strbuf_printf(&text, "; its packets come from the proxy %s%s", sw_cidr_format(net, &part->via),
			sw_backends_reach_clients(w->e->config) ? "" : ": not enforceable here");
	begin_link(w, "ban", &b->net);
	sw_json_string(w->j, "text", sw_strbuf_get(&text));
	sw_json_uint(w->j, "id", part->id);
	sw_json_string(w->j, "origin", part->origin);
	if (part->via.family)
		sw_json_bool(w->j, "enforceable", sw_backends_reach_clients(w->e->config));
	sw_json_object_end(w->j);
}

static void tell_bans(struct why *w)
{
	const struct sw_ban *b = NULL;

	while ((b = sw_policy_covering_ban(w->e->policy, w->net, b))) {
		for (const struct sw_ban_part *part = b->parts; part; part = part->next)
			tell_part(w, b, part);
		if (!b->net.plen)
			break;
	}
}

static int tell_history(const struct sw_store_ban *row, void *arg)
{
	struct why *w = arg;
	_strbuf_ struct sw_strbuf text = {};
	char net[SW_NET_TEXT_MAX], from[SW_TIME_TEXT_MAX], to[SW_TIME_TEXT_MAX];

	if (row->end == SW_BAN_OPEN)
		return 0;
	sw_strbuf_printf(&text, "%s was banned from %s to %s (%s) by ", sw_cidr_format(net, &row->d.net),
		say_time(from, row->d.made_wall_sec),
		say_time(to, row->ended_wall_sec), sw_ban_end_word(row->end));
	sw_strbuf_safe(&text, row->d.by, strlen(row->d.by));
	add_text(&text, ": ", row->d.reason);
	begin_link(w, "past-ban", &row->d.net);
	sw_json_string(w->j, "text", sw_strbuf_get(&text));
	sw_json_object_end(w->j);
	return 0;
}

static enum sw_listed listed(struct sw_engine *e, const char *subject, const struct sw_net *net,
	struct sw_strbuf *because)
{
	enum sw_listed found = SW_LISTED_NONE;

	for (const struct sw_engine_part *const *part = sw_engine_parts; *part && !found; part++) {
		if ((*part)->listed)
			found = (*part)->listed(e, subject, net, because);
	}
	return found;
}

struct verdict {
	const char *word, *decided_by;
};

/* In the order in which the gate asks, but allow, which it asks last and which wins. */
static struct verdict judge(struct why *w, const char *subject, struct sw_strbuf *because)
{
	enum { OPERATORS = SW_ALLOW_OPERATOR | SW_ALLOW_CONFIG | SW_ALLOW_LIST };
	const struct sw_allow *a = w->net ? sw_policy_covering_allow(w->e->policy, w->net) : NULL;
	char text[SW_NET_TEXT_MAX];

	if (a && a->origins & OPERATORS) {
		sw_strbuf_printf(because, "%s is on the allow list", sw_cidr_format(text, &a->net));
		if (!(a->origins & (SW_ALLOW_OPERATOR | SW_ALLOW_CONFIG))) {
			sw_strbuf_puts(because, " by");
			sw_allow_each_origin(a, add_origin, because);
		}
		sw_strbuf_puts(because, ", which wins over every ban and every list at any length");
		return (struct verdict){"allowed", "allow"};
	}
	if (a) {
		sw_strbuf_printf(because, "%s is never to be banned, which wins over every ban and every list at any length",
			sw_cidr_format(text, &a->net));
		return (struct verdict){"allowed", "never-ban"};
	}
	if (w->net && sw_policy_covering_ban(w->e->policy, w->net, NULL)) {
		sw_strbuf_puts(because, "bans are asked before lists, and no exception of a list is one from a ban");
		return (struct verdict){"banned", "ban"};
	}
	switch (listed(w->e, subject, w->net, because)) {
	case SW_LISTED_TRAIL:
		return (struct verdict){"listed", "longest-match"};
	case SW_LISTED_EXCEPT:
		return (struct verdict){"none", "except"};
	case SW_LISTED_NONE:
		break;
	}
	return (struct verdict){"none", "none"};
}

/* Observing, a ban is counted and drops nothing: whoever asks why must not be told otherwise. */
static void tell_mode(struct why *w)
{
	const struct sw_guard_status *s = sw_engine_guard_status(w->e);

	if (s && s->is_enforcing)
		return;
	begin_link(w, "mode", w->net);
	sw_json_string(w->j, "text",
		s ? "nothing is dropped now: the mode is observe or off" : "the guard is away: what was in force stays in force");
	sw_json_object_end(w->j);
}

static void verb_why(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct why w = {.e = e};
	_strbuf_ struct sw_strbuf because = {};
	struct verdict verdict;
	const char *subject;
	struct sw_net net;
	size_t before;

	if (!sw_ctl_arg_string(q, args, "subject", NULL, &subject))
		return;
	if (!subject || !*subject)
		return sw_ctl_fail(q, SW_CERR_USAGE, NULL, "a subject is missing: an address, a network, a port, a domain");
	if (sw_cidr_parse(subject, SIZE_MAX, &net) >= 0)
		w.net = &net;
	w.j = sw_ctl_reply_begin(q);
	verdict = judge(&w, subject, &because);
	sw_json_string(w.j, "subject", subject);
	sw_json_string(w.j, "verdict", verdict.word);
	sw_json_string(w.j, "decided_by", verdict.decided_by);
	sw_json_string(w.j, "because", sw_strbuf_get(&because));
	sw_json_array_begin(w.j, "chain");
	before = w.j->out->len;
	if (w.net) {
		sw_policy_each_allow(e->policy, tell_allow, &w);
		tell_bans(&w);
	}
	for (const struct sw_engine_part *const *part = sw_engine_parts; *part; part++) {
		if ((*part)->why)
			(*part)->why(e, subject, w.net, w.j);
	}
	if (w.net) {
		(void)sw_store_ban_history(e->store, w.net, HISTORY_MAX, tell_history, &w);
		if (w.j->out->len != before && !sw_streq(verdict.word, "none") && !sw_streq(verdict.word, "allowed"))
			tell_mode(&w);
	}
	sw_json_array_end(w.j);
	sw_ctl_reply_end(q);
}

/* Whether a text that is no network is another kind of trail: "not listed" of a mistyped address would be wrong. */
static bool is_other_trail(const char *text)
{
	struct sw_static_line l;

	sw_static_line_read(text, strlen(text), false, &l);
	return l.kind != SW_STATIC_BAD;
}

static void verb_check(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	const char *text, *net_text;
	struct sw_json *j;
	struct sw_net net;
	bool is_net;

	if (!sw_ctl_arg_string(q, args, "subject", NULL, &text) || !sw_ctl_arg_string(q, args, "net", text, &net_text))
		return;
	is_net = net_text && sw_cidr_parse(net_text, SIZE_MAX, &net) >= 0;
	if (!net_text || (!is_net && !is_other_trail(net_text)))
		return sw_ctl_fail(q, SW_CERR_USAGE, "give an address, a network, an address with a port, a domain, a URL or a fingerprint",
			"not a subject: %s", net_text ? net_text : "(missing)");
	j = sw_ctl_reply_begin(q);
	sw_json_bool(j, "listed", listed(e, net_text, is_net ? &net : NULL, NULL) == SW_LISTED_TRAIL);
	sw_json_bool(j, "banned", is_net && sw_policy_covering_ban(e->policy, &net, NULL));
	sw_json_bool(j, "allowed", is_net && sw_policy_covering_allow(e->policy, &net));
	sw_ctl_reply_end(q);
}

static const struct sw_ctl_verb verbs[] = {
	{"why", SW_CTL_READ, verb_why},
	{"check", SW_CTL_READ, verb_check},
	{},
};

const struct sw_engine_part sw_part_why = {.name = "why", .verbs = verbs};
