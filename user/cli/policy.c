// SPDX-License-Identifier: GPL-3.0-or-later
/* policy show, check, held, freeze, isolate, kill, release, learn. */
#include <pwd.h>
#include <time.h>

#include "user/base/clock.h"
#include "user/cli/table.h"
#include "user/conf/value.h"

enum {
	LEARNED_MAX = 2 * SW_CONFIG_SOCK_RULES_MAX, /* rules; what is beyond is counted and told */
	PORTS = 65536,
	RULE_PORTS_TEXT = sizeof(((struct sw_config_sock_rule *)0)->ports),
	FINDINGS_ASKED = 1000,
};
#define LEARN_SEC (7ull * 24 * 3600)

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
		return sw_cli_error(SW_EXIT_USAGE, NULL, "'%s' is no number of a process", c->words[0]);
	sw_cli_args_begin(&a);
	sw_json_string(&a.j, "verb", verb);
	sw_json_uint(&a.j, "pid", pid);
	sw_json_bool(&a.j, "container", c->o.is_whole);
	r = sw_cli_ask(c, "policy.act", sw_cli_args_end(&a), -1, &d);
	sw_strbuf_done(&a.text);
	if (r)
		return r;
	if (!sw_cli_print_json(c, d))
		sw_cli_say(c, "process %lu: %s done", pid, verb);
	json_decref(d);
	return SW_EXIT_OK;
}

/* ---- learn */

struct learned {
	bool is_connect, is_contained;
	char executable[128], user[32];
	__u8 ports[PORTS / 8];
};

struct learning {
	struct learned *at;
	size_t n;
	unsigned int left_out;
	unsigned int client_first, client_last;
};

static void set_port(struct learned *l, unsigned int port)
{
	l->ports[port / 8] |= (__u8)(1U << port % 8);
}

static bool has_port(const struct learned *l, unsigned int port)
{
	return port < PORTS && l->ports[port / 8] & 1U << port % 8;
}

/* A path in the words of fnmatch(3). */
static void put_pattern(char *dst, size_t size, const char *path)
{
	size_t n = 0;

	for (; *path && n + 2 < size; path++) {
		if (strchr("*?[\\", *path))
			dst[n++] = '\\';
		dst[n++] = *path;
	}
	dst[*path ? 0 : n] = '\0';
}

/* Findings have only the number. */
static void put_user(struct learned *l, const json_t *row)
{
	const char *user = sw_cli_text(row, "user");
	unsigned int uid = (unsigned int)sw_cli_number(row, "uid");
	const struct passwd *pw = *user ? NULL : getpwuid(uid);

	if (!sw_strcpy(l->user, sizeof(l->user), pw ? pw->pw_name : user) || !*l->user)
		snprintf(l->user, sizeof(l->user), "%u", uid);
}

static struct learned *learned_of(struct learning *g, bool is_connect, const json_t *row)
{
	struct learned want = {
		.is_connect = is_connect, .is_contained = *sw_cli_text(row, "container") != '\0'};

	put_pattern(want.executable, sizeof(want.executable), sw_cli_text(row, "executable"));
	put_user(&want, row);
	if (!*want.executable)
		return NULL; /* it would allow everybody */
	for (size_t i = 0; i < g->n; i++) {
		struct learned *l = &g->at[i];

		if (l->is_connect == is_connect && l->is_contained == want.is_contained &&
			sw_streq(l->executable, want.executable) && sw_streq(l->user, want.user))
			return l;
	}
	if (g->n == LEARNED_MAX)
		return NULL;
	g->at[g->n] = want;
	return &g->at[g->n++];
}

static void learn(
	struct learning *g, bool is_connect, const json_t *row, long long port, bool is_client_port)
{
	struct learned *l = learned_of(g, is_connect, row);

	if (!l || (!is_client_port && (port < 1 || port >= PORTS))) {
		g->left_out++;
		return;
	}
	if (!is_client_port)
		set_port(l, (unsigned int)port);
	else
		for (unsigned int p = g->client_first; p <= g->client_last; p++)
			set_port(l, p);
}

static int learn_now(struct sw_cli *c, struct learning *g)
{
	json_t *d = NULL, *row;
	size_t i;
	int r = sw_cli_ask(c, "policy.sockets", NULL, -1, &d);

	if (r)
		return r;
	g->client_first = (unsigned int)SW_MAX(sw_cli_number(d, "client_first"), 1);
	g->client_last = (unsigned int)SW_MIN(sw_cli_number(d, "client_last"), PORTS - 1);
	json_array_foreach(json_object_get(d, "sockets"), i, row)
		learn(g, sw_streq(sw_cli_text(row, "list"), "connect"), row,
			sw_cli_number(row, "port"), sw_cli_true(row, "ephemeral"));
	json_decref(d);
	return 0;
}

static bool is_inet(const json_t *row)
{
	return sw_streq(sw_cli_text(row, "protocol"), "tcp") ||
		sw_streq(sw_cli_text(row, "protocol"), "udp");
}

/* A host without the baseline has only what is there now. */
static void learn_baseline(struct sw_cli *c, struct learning *g)
{
	json_t *d = NULL, *row;
	size_t i;

	if (sw_cli_ask_quietly(c, "baseline.show", NULL, -1, &d))
		return;
	json_array_foreach(json_object_get(d, "sockets"), i, row)
	{
		bool is_client_port = json_is_null(json_object_get(row, "lport"));

		if (is_inet(row) &&
			!(is_client_port && sw_streq(sw_cli_text(row, "protocol"), "udp")))
			learn(g, false, row, sw_cli_number(row, "lport"), is_client_port);
	}
	json_decref(d);
}

/* What was told of in that time, of listeners and connects: the stored history. */
static int learn_findings(struct sw_cli *c, struct learning *g, uint64_t sec)
{
	char since[SW_TIME_TEXT_MAX];
	struct sw_cli_args a;
	json_t *d = NULL, *row;
	size_t i;
	int r;

	sw_time_format(since, ((int64_t)time(NULL) - (int64_t)sec) * (int64_t)SW_SEC_NS);
	sw_cli_args_begin(&a);
	sw_json_uint(&a.j, "last", FINDINGS_ASKED);
	r = sw_cli_ask(c, "findings", sw_cli_args_end(&a), -1, &d);
	sw_strbuf_done(&a.text);
	if (r)
		return r;
	json_array_foreach(json_object_get(d, "findings"), i, row)
	{
		bool is_connect = sw_streq(sw_cli_text(row, "rule"), "policy-connect");
		bool is_listen = sw_streq(sw_cli_text(row, "kind"), "new-listener") ||
			sw_streq(sw_cli_text(row, "rule"), "policy-listen");

		if ((is_connect || is_listen) && sw_cli_number(row, "destination_port") &&
			strcmp(sw_cli_text(row, "last_at"), since) >= 0)
			learn(g, is_connect, row, sw_cli_number(row, "destination_port"), false);
	}
	json_decref(d);
	return 0;
}

/* As many of the ports from *at on as one rule's text and number of parts hold. */
static void put_ports(const struct learned *l, unsigned int *at, struct sw_strbuf *out)
{
	for (unsigned int parts = 0; parts < SW_CONFIG_SOCK_PARTS_MAX && *at < PORTS; (*at)++) {
		unsigned int first = *at;

		if (!has_port(l, first))
			continue;
		if (out->len + sizeof(", 65535-65535") >= RULE_PORTS_TEXT)
			return;
		while (has_port(l, *at + 1))
			(*at)++;
		sw_strbuf_printf(
			out, first == *at ? "%s%u" : "%s%u-%u", parts++ ? ", " : "", first, *at);
	}
}

static void print_list(const struct learning *g, bool is_connect)
{
	_strbuf_ struct sw_strbuf out = {};

	for (size_t i = 0; i < g->n; i++) {
		const struct learned *l = &g->at[i];

		for (unsigned int at = 1; l->is_connect == is_connect && at < PORTS;) {
			_strbuf_ struct sw_strbuf ports = {};

			put_ports(l, &at, &ports);
			if (!ports.len)
				break;
			sw_strbuf_puts(&out, "    - executable: ");
			sw_conf_put_scalar(&out, l->executable);
			sw_strbuf_puts(&out, "\n      user: ");
			sw_conf_put_scalar(&out, l->user);
			sw_strbuf_printf(&out, "\n      container: \"%s\"\n      ports: \"%s\"\n",
				l->is_contained ? "*" : "host", sw_strbuf_get(&ports));
		}
	}
	printf("  %s:%s\n%s", is_connect ? "connect" : "listen", out.len ? "" : " []",
		sw_strbuf_get(&out));
}

int sw_cli_policy_learn(struct sw_cli *c)
{
	uint64_t sec = c->o.length_sec == SW_CLI_UNSET ? LEARN_SEC : c->o.length_sec;
	_free_ struct learned *at = calloc(LEARNED_MAX, sizeof(*at));
	struct learning g = {.at = at};
	char text[SW_TIME_TEXT_MAX];
	int r;

	if (!at)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "there is no memory");
	r = learn_now(c, &g);
	if (!r) {
		learn_baseline(c, &g);
		r = learn_findings(c, &g, sec ? sec : LEARN_SEC);
	}
	if (r)
		return r;
	printf("# What listens and is connected now, what the baseline holds, and what was told of in %s.\n"
	       "# To be read before it is used: whatever was there is allowed by it, good or bad.\n"
	       "policy:\n  default: observe\n",
		sw_duration_format(text, sec ? sec : LEARN_SEC));
	print_list(&g, false);
	print_list(&g, true);
	if (g.left_out)
		sw_cli_say(c,
			"%u sockets are left out: their program is not known, or there are too many",
			g.left_out);
	return SW_EXIT_OK;
}
