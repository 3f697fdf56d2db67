// SPDX-License-Identifier: GPL-3.0-or-later
/* ban, unban, bans, allow, why, check. */
#include "user/base/cidr.h"
#include "user/base/clock.h"
#include "user/cli/table.h"

/* The word as a network in canonical form, or the exit status of what was said against it. */
static int want_net(const char *word, char text[static SW_NET_TEXT_MAX])
{
	struct sw_net net;

	if (sw_cidr_parse(word, SIZE_MAX, &net) < 0)
		return sw_cli_error(SW_EXIT_USAGE, "names are not resolved: give an address such as 192.0.2.7 or 2001:db8::/64",
			"'%s' is not an address or a network", word);
	sw_cidr_format(text, &net);
	return 0;
}

/* Asks a verb that takes a network and perhaps more; fills data. */
static int ask_net(struct sw_cli *c, const char *verb, json_t **ret)
{
	struct sw_cli_args a;
	char net[SW_NET_TEXT_MAX];
	int r = want_net(c->words[0], net);

	if (r)
		return r;
	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "net", net);
	if (c->o.reason)
		sw_json_string(&a.j, "reason", c->o.reason);
	if (c->o.length_sec != SW_CLI_UNSET)
		sw_json_uint(&a.j, "for", c->o.length_sec);
	if (c->o.wide)
		sw_json_bool(&a.j, "wide", true);
	r = sw_cli_ask(c, verb, sw_cli_args_end(&a), -1, ret);
	sw_strbuf_done(&a.text);
	return r;
}

static void cell_left(const json_t *row, struct sw_strbuf *out)
{
	char buf[SW_TIME_TEXT_MAX];
	const json_t *left = json_object_get(row, "left_sec");

	if (json_is_integer(left) && !json_is_null(json_object_get(row, "until_at")) && *sw_cli_text(row, "until_at"))
		sw_strbuf_puts(out, sw_duration_format(buf, (uint64_t)SW_MAX(json_integer_value(left), 0)));
	else
		sw_strbuf_puts(out, "forever");
}

int sw_cli_ban(struct sw_cli *c)
{
	_strbuf_ struct sw_strbuf left = {};
	json_t *data = NULL;
	const json_t *ban;
	int r = ask_net(c, "ban", &data);

	if (r)
		return r;
	ban = json_object_get(data, "ban");
	cell_left(ban, &left);
	if (!sw_cli_print_json(c, data)) {
		bool is_forever = sw_streq(sw_strbuf_get(&left), "forever");

		sw_cli_say(c, "banned %s %s%s", sw_cli_text(ban, "net"), is_forever ? "" : "for ",
			sw_strbuf_get(&left));
		if (json_is_false(json_object_get(ban, "saved")))
			sw_cli_say(c, "  in force, but not stored: it ends with a restart; see sockwarden status");
		if (json_is_false(json_object_get(data, "enforcing")))
			sw_cli_say(c, "  not enforcing now: its packets are counted, and dropped once armed: sockwarden arm --confirm 60s");
	}
	json_decref(data);
	return SW_EXIT_OK;
}

static int remove_net(struct sw_cli *c, const char *verb, const char *done, const char *none)
{
	json_t *data = NULL;
	int r = ask_net(c, verb, &data);

	if (r)
		return r;
	r = sw_cli_is_yes(data, "removed") ? SW_EXIT_OK : SW_EXIT_NEGATIVE;
	if (!sw_cli_print_json(c, data))
		sw_cli_say(c, "%s %s", c->words[0], r ? none : done);
	json_decref(data);
	return r;
}

int sw_cli_unban(struct sw_cli *c)
{
	return remove_net(c, "unban", "is no longer banned", "was not banned");
}

/* "xdp, nftables: 12 hits, hosts.deny: failed" */
static void cell_verdicts(const json_t *row, struct sw_strbuf *out)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(row, "verdicts"), i, v) {
		const char *state = sw_cli_text(v, "state");
		long long hits = sw_cli_number(v, "hits");

		sw_strbuf_printf(out, "%s%s", i ? ", " : "", sw_cli_text(v, "backend"));
		if (!sw_streq(state, "installed"))
			sw_strbuf_printf(out, ": %s", state);
		else if (hits)
			sw_strbuf_printf(out, ": %lld hits", hits);
	}
}

/* "198.51.100.2", "198.51.100.2: not enforceable here" */
static void cell_via(const json_t *row, struct sw_strbuf *out)
{
	sw_strbuf_puts(out, sw_cli_text(row, "via"));
	if (json_is_false(json_object_get(row, "enforceable")))
		sw_strbuf_puts(out, ": not enforceable here");
}

static const struct sw_cli_column ban_columns[] = {
	{"ADDRESS", "net"},
	{"LEFT", NULL, SW_COL_RIGHT, cell_left},
	{"ORIGIN", "origin"},
	{"HITS", "hits", SW_COL_RIGHT},
	{"LAST HIT", "last_hit_at", SW_COL_TIME | SW_COL_OPTIONAL},
	{"BEHIND", "via", SW_COL_OPTIONAL, cell_via},
	{"STATE", "state", SW_COL_WIDE},
	{"IN FORCE BY", NULL, SW_COL_WIDE, cell_verdicts},
	{"ID", "id", SW_COL_WIDE | SW_COL_RIGHT},
	{"UNTIL", "until_at", SW_COL_WIDE | SW_COL_TIME},
	{"BY", "by", SW_COL_WIDE},
	{"REASON", "reason", SW_COL_FLEX},
	{},
};

int sw_cli_bans(struct sw_cli *c)
{
	struct sw_cli_args a;
	json_t *data = NULL;
	int r;

	sw_cli_args_begin(&a);
	if (c->format != SW_CLI_TABLE)
		sw_json_bool(&a.j, "verdicts", true);
	r = sw_cli_ask(c, "bans", sw_cli_args_end(&a), -1, &data);
	sw_strbuf_done(&a.text);
	if (r)
		return r;
	sw_cli_print_rows(c, data, "bans", ban_columns, "no bans");
	json_decref(data);
	return SW_EXIT_OK;
}

int sw_cli_allow_add(struct sw_cli *c)
{
	json_t *data = NULL, *net;
	int r = ask_net(c, "allow.add", &data);
	size_t i;

	if (r)
		return r;
	if (!sw_cli_print_json(c, data)) {
		sw_cli_say(c, "%s is allowed: nothing from it is dropped",
			sw_cli_text(json_object_get(data, "allow"), "net"));
		json_array_foreach(json_object_get(data, "unbanned"), i, net)
			sw_cli_say(c, "  the ban of %s ended with it",
				json_is_string(net) ? json_string_value(net) : sw_cli_text(net, "net"));
	}
	json_decref(data);
	return SW_EXIT_OK;
}

int sw_cli_allow_remove(struct sw_cli *c)
{
	return remove_net(c, "allow.remove", "is no longer on the operator's allow list", "is not on the operator's allow list");
}

static const struct sw_cli_column allow_columns[] = {
	{"ADDRESS", "net"},
	{"FROM", "origins"},
	{"SINCE", "made_at", SW_COL_TIME | SW_COL_OPTIONAL},
	{"REASON", "reason", SW_COL_FLEX},
	{},
};

int sw_cli_allow_list(struct sw_cli *c)
{
	json_t *data = NULL;
	int r = sw_cli_ask(c, "allow.list", NULL, -1, &data);

	if (r)
		return r;
	sw_cli_print_rows(c, data, "allow", allow_columns, "the allow list is empty");
	json_decref(data);
	return SW_EXIT_OK;
}

static const struct sw_cli_column chain_columns[] = {
	{"WHAT", "what"},
	{"ADDRESS", "net"},
	{"WHY", "text", SW_COL_FLEX},
	{},
};

/* Asks a verb about whatever the word is. */
static int ask_subject(struct sw_cli *c, const char *verb, json_t **ret)
{
	struct sw_cli_args a;
	int r;

	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "subject", c->words[0]);
	r = sw_cli_ask(c, verb, sw_cli_args_end(&a), -1, ret);
	sw_strbuf_done(&a.text);
	return r;
}

int sw_cli_why(struct sw_cli *c)
{
	json_t *data = NULL;
	int r = ask_subject(c, "why", &data);
	bool is_known;

	if (r)
		return r;
	is_known = json_array_size(json_object_get(data, "chain")) > 0;
	if (c->format == SW_CLI_TABLE || c->format == SW_CLI_WIDE) {
		sw_cli_put(c, "1", sw_cli_text(data, "subject"));
		fputs(": ", stdout);
		sw_cli_put(c, NULL, sw_cli_text(data, "verdict"));
		if (*sw_cli_text(data, "because") || !is_known) {
			fputs(": ", stdout);
			sw_cli_put(c, NULL, is_known ? sw_cli_text(data, "because") : "no ban, list, rule or finding names it");
		}
		putchar('\n');
	}
	if (is_known || (c->format != SW_CLI_TABLE && c->format != SW_CLI_WIDE))
		sw_cli_print_rows(c, data, "chain", chain_columns, "");
	json_decref(data);
	return SW_EXIT_OK;
}

int sw_cli_check(struct sw_cli *c)
{
	json_t *data = NULL;
	bool is_listed, is_banned, is_allowed;
	int r = ask_subject(c, "check", &data);

	if (r)
		return r;
	is_listed = sw_cli_true(data, "listed");
	is_banned = sw_cli_true(data, "banned");
	is_allowed = sw_cli_true(data, "allowed");
	if (!sw_cli_print_json(c, data) && !c->o.quiet) {
		sw_cli_put(c, NULL, c->words[0]);
		printf(": %s%s%s%s\n", is_banned ? "banned" : "", is_banned && is_listed ? ", " : "",
			is_listed ? "listed in a trail" : is_banned ? "" : "neither banned nor listed",
			is_allowed ? "; allowed, so never dropped" : "");
	}
	json_decref(data);
	return is_listed || is_banned ? SW_EXIT_NEGATIVE : SW_EXIT_OK;
}
