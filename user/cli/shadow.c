// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * `sockwarden shadow`: the bans that rules made here beside those of a running fail2ban: the same, those only here,
 * those only there, each with why. Both may be on the same host; while observing nothing of ours is dropped.
 */
#include "user/base/cidr.h"
#include "user/base/clock.h"
#include "user/cli/table.h"
#include "user/import/f2b_bans.h"

enum { SHADOW_SEC = 86400 };

struct shadow {
	const struct sw_cli *c;
	json_t *ours; /* rows of bans.history; one that has a twin there gets its "jail" */
	struct sw_net *nets; /* of ours, read once; family 0: not a rule's */
	json_t *rows;
	int64_t since_sec;
	unsigned int n_same, n_here, n_there;
	int status; /* of an answer that did not come */
};

static bool is_rule(const json_t *row)
{
	return !strncmp(sw_cli_text(row, "origin"), "rule:", 5);
}

static json_t *find_ours(const struct shadow *s, const struct sw_net *net)
{
	for (size_t i = 0; i < json_array_size(s->ours); i++) {
		const struct sw_net *own = &s->nets[i];

		if (own->family && (sw_net_contains(own, net) || sw_net_contains(net, own)))
			return json_array_get(s->ours, i);
	}
	return NULL;
}

static int read_nets(struct shadow *s)
{
	json_t *row;
	size_t i;

	s->nets = calloc(json_array_size(s->ours) + 1, sizeof(*s->nets));
	if (!s->nets)
		return -ENOMEM;
	json_array_foreach(s->ours, i, row) {
		if (!is_rule(row) || sw_cidr_parse(sw_cli_text(row, "net"), SIZE_MAX, &s->nets[i]) < 0)
			s->nets[i] = (struct sw_net){};
	}
	return 0;
}

/* Why it is not banned here: the first word the engine has about the address. */
static void put_why(struct shadow *s, json_t *row, const char *net)
{
	struct sw_cli_args a;
	json_t *data = NULL;
	const json_t *first;
	int r;

	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "subject", net);
	r = sw_cli_ask(s->c, "why", sw_cli_args_end(&a), -1, &data);
	sw_strbuf_done(&a.text);
	if (r)
		s->status = r;
	first = json_array_get(json_object_get(data, "chain"), 0);
	json_object_set_new(row, "why",
		json_string(
			first ? sw_cli_text(first, "text")
			      : "no rule here matched its lines: try 'sockwarden rules test' with the jail's filter and log"));
	json_decref(data);
}

static json_t *add_row(
	struct shadow *s, const char *state, const char *net, const char *jail, int64_t at_sec)
{
	char at[SW_TIME_TEXT_MAX];
	json_t *row = json_pack("{s:s, s:s, s:s}", "state", state, "net", net, "jail", jail);

	if (at_sec)
		json_object_set_new(row, "fail2ban_at",
			json_string(sw_time_format(at, at_sec * (int64_t)SW_SEC_NS)));
	json_array_append_new(s->rows, row);
	return row;
}

static void on_theirs(void *arg, const struct sw_f2b_ban *b)
{
	struct shadow *s = arg;
	char net[SW_NET_TEXT_MAX];
	json_t *ours = find_ours(s, &b->net), *row;

	sw_cidr_format(net, &b->net);
	if (!ours) {
		s->n_there++;
		put_why(s, add_row(s, "only-fail2ban", net, b->jail, b->at_sec), net);
		return;
	}
	s->n_same++;
	json_object_set_new(ours, "jail", json_string(b->jail));
	row = add_row(s, "same", net, b->jail, b->at_sec);
	json_object_set_new(row, "origin", json_string(sw_cli_text(ours, "origin")));
	json_object_set_new(row, "here_at", json_string(sw_cli_text(ours, "made_at")));
	json_object_set_new(row, "why", json_string(sw_cli_text(ours, "reason")));
}

static void add_only_ours(struct shadow *s)
{
	const json_t *ours;
	json_t *row;
	size_t i;

	json_array_foreach(s->ours, i, ours)
	{
		if (!is_rule(ours) || json_object_get(ours, "jail"))
			continue;
		s->n_here++;
		row = add_row(s, "only-here", sw_cli_text(ours, "net"), "", 0);
		json_object_set_new(row, "origin", json_string(sw_cli_text(ours, "origin")));
		json_object_set_new(row, "here_at", json_string(sw_cli_text(ours, "made_at")));
		json_object_set_new(row, "why", json_string(sw_cli_text(ours, "reason")));
	}
}

static int ask_history(struct sw_cli *c, int64_t since_sec, json_t **ret)
{
	struct sw_cli_args a;
	int r;

	sw_cli_args_begin(&a);
	sw_json_uint(&a.j, "since_sec", (uint64_t)SW_MAX(since_sec, 0));
	r = sw_cli_ask(c, "bans.history", sw_cli_args_end(&a), -1, ret);
	sw_strbuf_done(&a.text);
	return r;
}

static int64_t since_of(const struct sw_cli *c)
{
	struct sw_clock clock = {};
	uint64_t back = c->o.since_sec == SW_CLI_UNSET ? SHADOW_SEC : c->o.since_sec;
	int64_t now = sw_clock_wall_sec(&clock);

	return back && back < (uint64_t)now ? now - (int64_t)back : 0;
}

int sw_cli_shadow(struct sw_cli *c)
{
	static const struct sw_cli_column cols[] = {{"STATE", "state"}, {"ADDRESS", "net"},
		{"JAIL", "jail"}, {"RULE", "origin"}, {"FAIL2BAN", "fail2ban_at", SW_COL_TIME},
		{"HERE", "here_at", SW_COL_TIME}, {"WHY", "why", SW_COL_FLEX}, {}};
	const char *path = c->o.database ? c->o.database : SW_F2B_DATABASE;
	_strbuf_ struct sw_strbuf err = {};
	struct shadow s = {.c = c, .since_sec = since_of(c)};
	json_t *history = NULL, *data;
	int r = ask_history(c, s.since_sec, &history);

	if (r)
		return r;
	s.ours = json_object_get(history, "bans");
	if (read_nets(&s) < 0) {
		json_decref(history);
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	}
	s.rows = json_array();
	r = sw_f2b_each_ban(path, s.since_sec, on_theirs, &s, &err);
	free(s.nets);
	if (r < 0) {
		json_decref(s.rows);
		json_decref(history);
		return sw_cli_error(SW_EXIT_USAGE,
			"fail2ban's dbfile, readable by root: --db FILE names another", "%s",
			sw_strbuf_get(&err));
	}
	add_only_ours(&s);
	data = json_pack("{s:i, s:i, s:i, s:i, s:o}", "schema_version", 1, "same", s.n_same,
		"only_here", s.n_here, "only_fail2ban", s.n_there, "bans", s.rows);
	sw_cli_print_rows(c, data, "bans", cols, "neither banned anybody");
	sw_cli_say(c, "the same: %u; plus, only here: %u; minus, only fail2ban: %u", s.n_same,
		s.n_here, s.n_there);
	json_decref(data);
	json_decref(history);
	if (s.status)
		return s.status;
	return s.n_here || s.n_there ? SW_EXIT_NEGATIVE : SW_EXIT_OK;
}

int sw_cli_bans_history(struct sw_cli *c)
{
	static const struct sw_cli_column cols[] = {{"ADDRESS", "net"},
		{"FROM", "made_at", SW_COL_TIME}, {"TO", "ended_at", SW_COL_TIME}, {"END", "end"},
		{"ORIGIN", "origin"}, {"BY", "by", SW_COL_WIDE}, {"REASON", "reason", SW_COL_FLEX},
		{}};
	json_t *data = NULL;
	int r = ask_history(c, c->o.since_sec == SW_CLI_UNSET ? 0 : since_of(c), &data);

	if (r)
		return r;
	sw_cli_print_rows(c, data, "bans", cols, "nobody was banned");
	json_decref(data);
	return SW_EXIT_OK;
}
