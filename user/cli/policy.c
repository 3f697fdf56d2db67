// SPDX-License-Identifier: GPL-3.0-or-later
/* policy show, check, held, freeze, isolate, kill, release, learn. */
#include "user/base/clock.h"
#include "user/cli/table.h"

/* "any" for what names everything. */
static void cell_any(const json_t *row, const char *key, struct sw_strbuf *out)
{
	const char *text = sw_cli_text(row, key);

	sw_strbuf_safe(out, *text ? text : "any", strlen(*text ? text : "any"));
}
#define ANY_CELL(key)                                                                              \
	static void cell_##key(const json_t *row, struct sw_strbuf *out)                           \
	{                                                                                          \
		cell_any(row, #key, out);                                                          \
	}
ANY_CELL(executable)
ANY_CELL(user)
ANY_CELL(container)
ANY_CELL(ports)
ANY_CELL(networks)

/* Rules that the kernel cannot refuse by, with the reason: they are observed. */
static void say_observed(struct sw_cli *c, const json_t *rules)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rules, i, row)
	{
		if (sw_streq(sw_cli_text(row, "action"), "deny") && !sw_cli_true(row, "kernel"))
			sw_cli_say(c, "%s rule %lld can only be observed on this host: %s", sw_cli_text(row, "list"),
				sw_cli_number(row, "rule"), sw_cli_text(row, "why"));
	}
}

int sw_cli_policy_show(struct sw_cli *c)
{
	static const struct sw_cli_column columns[] = {{"LIST", "list"},
		{"RULE", "rule", SW_COL_RIGHT}, {"ACTION", "action"},
		{"EXECUTABLE", NULL, SW_COL_FLEX, cell_executable}, {"USER", NULL, 0, cell_user},
		{"CONTAINER", NULL, 0, cell_container}, {"PROTO", "protocol"}, {"PORTS", NULL, SW_COL_FLEX, cell_ports},
		{"NETWORKS", NULL, SW_COL_FLEX, cell_networks}, {"HITS", "hits", SW_COL_RIGHT}, {}};
	json_t *d = NULL;
	int r = sw_cli_ask(c, "policy.show", NULL, -1, &d);

	if (r)
		return r;
	sw_cli_print_rows(c, d, "rules", columns,
		"no rules: everything is allowed; 'sockwarden policy learn' writes a policy from what is seen");
	if (c->format == SW_CLI_TABLE && json_array_size(json_object_get(d, "rules")))
		sw_cli_say(c, "what no rule names: %s (seen: %lld listeners, %lld connects)",
			sw_cli_text(d, "default"), sw_cli_number(d, "unnamed_listen"),
			sw_cli_number(d, "unnamed_connect"));
	say_observed(c, json_object_get(d, "rules"));
	json_decref(d);
	return SW_EXIT_OK;
}

/* Takes out of the reply what the policy allows. */
static void keep_offences(json_t *sockets)
{
	for (size_t i = json_array_size(sockets); i-- > 0;) {
		if (sw_streq(sw_cli_text(json_array_get(sockets, i), "action"), "allow"))
			json_array_remove(sockets, i);
	}
}

int sw_cli_policy_check(struct sw_cli *c)
{
	static const struct sw_cli_column columns[] = {{"LIST", "list"}, {"ACTION", "action"},
		{"RULE", "rule", SW_COL_RIGHT}, {"PROTO", "protocol"}, {"ADDRESS", "address"},
		{"PORT", "port", SW_COL_RIGHT}, {"PID", "pid", SW_COL_RIGHT},
		{"PROCESS", "process"}, {"USER", "user"},
		{"CONTAINER", "container", SW_COL_OPTIONAL},
		{"EXECUTABLE", "executable", SW_COL_FLEX}, {}};
	json_t *d = NULL, *rules = NULL;
	int r = sw_cli_ask(c, "policy.sockets", NULL, -1, &d);

	if (r)
		return r;
	keep_offences(json_object_get(d, "sockets"));
	sw_cli_print_rows(c, d, "sockets", columns,
		"the policy allows all that listens and is connected now");
	if (!sw_cli_ask_quietly(c, "policy.show", NULL, -1, &rules))
		say_observed(c, json_object_get(rules, "rules"));
	json_decref(rules);
	r = json_array_size(json_object_get(d, "sockets")) ? SW_EXIT_NEGATIVE : SW_EXIT_OK;
	json_decref(d);
	return r;
}

int sw_cli_policy_held(struct sw_cli *c)
{
	static const struct sw_cli_column columns[] = {{"PID", "pid", SW_COL_RIGHT}, {"IS", "verb"},
		{"CGROUP", "cgroup", SW_COL_FLEX}, {}};
	json_t *d = NULL;
	int r = sw_cli_ask(c, "policy.held", NULL, -1, &d);

	if (r)
		return r;
	sw_cli_print_rows(c, d, "held", columns, "nothing is frozen or isolated");
	json_decref(d);
	return SW_EXIT_OK;
}

/* With the way back, where there is one. */
static void say_done(const struct sw_cli *c, const char *verb, unsigned long pid)
{
	const char *what = c->o.is_whole ? "the container of process" : "process";
	bool is_freeze = sw_streq(verb, "freeze");

	if (is_freeze || sw_streq(verb, "isolate"))
		sw_cli_say(c, "%s %lu is %s; back: sockwarden policy release %lu", what, pid,
			is_freeze ? "frozen" : "isolated", pid);
	else
		sw_cli_say(c, "%s %lu is %s", what, pid, sw_streq(verb, "kill") ? "killed" : "released");
}

int sw_cli_policy_act(struct sw_cli *c)
{
	const char *verb = strrchr(c->command->name, ' ') + 1;
	unsigned long pid;
	struct sw_cli_args a;
	json_t *d = NULL;
	char *end;
	int r;

	pid = strtoul(c->words[0], &end, 10);
	if (*end || !pid || pid > INT32_MAX)
		return sw_cli_error(SW_EXIT_USAGE, "sockwarden ps shows the numbers of processes", "'%s' is no number of a process",
			c->words[0]);
	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "verb", verb);
	sw_json_uint(&a.j, "pid", pid);
	sw_json_bool(&a.j, "container", c->o.is_whole);
	r = sw_cli_ask(c, "policy.act", sw_cli_args_end(&a), -1, &d);
	sw_strbuf_done(&a.text);
	if (r)
		return r;
	if (!sw_cli_print_json(c, d))
		say_done(c, verb, pid);
	json_decref(d);
	return SW_EXIT_OK;
}

/* ---- learn */

static void print_policy(const struct sw_cli *c, const json_t *d)
{
	char text[SW_TIME_TEXT_MAX];
	long long out = sw_cli_number(d, "rules_left_out"), unknown = sw_cli_number(d, "unknown");

	printf("# Who listened and connected in %s, and what the baseline 'default' holds.\n"
	       "# To be read before it is used: whatever was there is allowed by it, good or bad.\n%s",
		sw_duration_format(text, (uint64_t)sw_cli_number(d, "sec")), sw_cli_text(d, "policy"));
	if (out)
		sw_cli_say(c, "%lld rules are left out: a list has no room for them", out);
	if (unknown)
		sw_cli_say(c, "%lld sockets are left out: their program is not known", unknown);
}

int sw_cli_policy_learn(struct sw_cli *c)
{
	struct sw_cli_args a;
	json_t *d = NULL;
	int r;

	sw_cli_args_begin(&a);
	if (c->o.length_sec != SW_CLI_UNSET && c->o.length_sec)
		sw_json_uint(&a.j, "sec", c->o.length_sec);
	r = sw_cli_ask(c, "policy.learn", sw_cli_args_end(&a), -1, &d);
	sw_strbuf_done(&a.text);
	if (r)
		return r;
	if (!sw_cli_print_json(c, d))
		print_policy(c, d);
	json_decref(d);
	return SW_EXIT_OK;
}
