// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * audit: what listens, what it is, how far it reaches, whether it is needed, and how to stop it.
 * Listeners of one program on one port are one service; the gravest come first.
 */
#include "user/cli/boot.h"
#include "user/cli/packages.h"
#include "user/cli/services.h"
#include "user/cli/table.h"

enum { UNKNOWN_RISK = SW_RISK_MEDIUM, UNUSED_FACTOR = 2, HIGH_FROM = 12, MEDIUM_FROM = 6 };

static const json_t *process_of(const json_t *socket)
{
	return json_array_get(json_object_get(socket, "processes"), 0);
}

static int reach_of(const char *exposure)
{
	static const char *const words[] = {"unix", "loopback", "lan", "world"};

	for (int i = 0; i < (int)SW_ARRAY_SIZE(words); i++)
		if (sw_streq(words[i], exposure))
			return i;
	return 0;
}

static bool is_client_port(const json_t *s, unsigned int first, unsigned int last)
{
	long long port = sw_cli_number(s, "lport");

	return sw_streq(sw_cli_text(s, "protocol"), "udp") && port >= first && port <= last;
}

/* Listeners with one key are one service. UDP ports that the kernel chose are one for a program. */
static void put_key(const json_t *s, bool is_client, struct sw_strbuf *out)
{
	sw_strbuf_printf(out, "%s/", sw_cli_text(s, "protocol"));
	if (is_client)
		sw_strbuf_putc(out, '*');
	else if (*sw_cli_text(s, "path"))
		sw_strbuf_puts(out, sw_cli_text(s, "path"));
	else
		sw_strbuf_printf(out, "%lld", sw_cli_number(s, "lport"));
	sw_strbuf_printf(out, " %s %s %s", sw_cli_text(process_of(s), "executable"), sw_cli_text(s, "container"),
		sw_cli_text(s, "netns_name"));
}

static void set_text(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, json_string(text));
}

static json_t *new_service(const json_t *s, bool is_client)
{
	const json_t *p = process_of(s);
	json_t *o = json_object();

	set_text(o, "protocol", sw_cli_text(s, "protocol"));
	if (*sw_cli_text(s, "path"))
		set_text(o, "path", sw_cli_text(s, "path"));
	else if (!is_client)
		json_object_set_new(o, "port", json_integer(sw_cli_number(s, "lport")));
	json_object_set_new(o, "client", json_boolean(is_client));
	json_object_set_new(o, "addresses", json_array());
	set_text(o, "exposure", "unix");
	set_text(o, "program", p ? sw_cli_text(p, "name") : sw_cli_number(s, "inode") ? "" : "[kernel]");
	set_text(o, "command", sw_cli_text(p, "command_line"));
	set_text(o, "executable", sw_cli_text(p, "executable"));
	if (p)
		json_object_set_new(o, "pid", json_integer(sw_cli_number(p, "pid")));
	set_text(o, "user", sw_cli_text(s, "user"));
	set_text(o, "cgroup_unit", sw_cli_text(s, "unit"));
	set_text(o, "container", sw_cli_text(s, "container"));
	set_text(o, "netns_name", sw_cli_text(s, "netns_name"));
	json_object_set_new(o, "connections", json_integer(0));
	return o;
}

static void add_address(json_t *service, const json_t *s)
{
	json_t *list = json_object_get(service, "addresses"), *a;
	const char *local = sw_cli_text(s, "local"), *exposure = sw_cli_text(s, "exposure");
	size_t i;

	if (reach_of(exposure) > reach_of(sw_cli_text(service, "exposure")))
		set_text(service, "exposure", exposure);
	if (!*local)
		return;
	json_array_foreach(list, i, a)
		if (sw_streq(json_string_value(a), local))
			return;
	json_array_append_new(list, json_string(local));
}

static bool is_listener(const json_t *s)
{
	const char *protocol = sw_cli_text(s, "protocol"), *state = sw_cli_text(s, "state");

	if (sw_streq(protocol, "unix"))
		return sw_streq(state, "listen");
	if (sw_streq(protocol, "udp"))
		return sw_cli_number(s, "lport") && !sw_cli_number(s, "rport");
	return sw_streq(state, "listen");
}

/* Services by key, in order of the first listener of each. */
static json_t *collect(const json_t *sockets)
{
	json_t *by_key = json_object(), *s;
	unsigned int first = 32768, last = 60999;
	char range[64];
	size_t i;

	if (sw_read_file("/proc/sys/net/ipv4/ip_local_port_range", range, sizeof(range)) > 0)
		sscanf(range, "%u %u", &first, &last);
	json_array_foreach(sockets, i, s) {
		bool is_client = is_client_port(s, first, last);
		_strbuf_ struct sw_strbuf key = {};

		if (!is_listener(s))
			continue;
		put_key(s, is_client, &key);
		if (!json_object_get(by_key, sw_strbuf_get(&key)))
			json_object_set_new(by_key, sw_strbuf_get(&key), new_service(s, is_client));
		add_address(json_object_get(by_key, sw_strbuf_get(&key)), s);
	}
	return by_key;
}

static void put_port_key(const json_t *o, const char *port, struct sw_strbuf *out)
{
	sw_strbuf_printf(out, "%s %lld %s", sw_cli_text(o, "protocol"), sw_cli_number(o, port),
		sw_cli_text(o, "netns_name"));
}

/* How many connections each service has now; by port first, since one may listen on many and have many to each. */
static void count_connections(json_t *by_key, const json_t *sockets)
{
	json_t *by_port = json_object(), *s, *service, *n;
	const char *key;
	size_t i;

	json_array_foreach(sockets, i, s) {
		_strbuf_ struct sw_strbuf port = {};

		if (!sw_cli_number(s, "rport") || sw_streq(sw_cli_text(s, "protocol"), "unix"))
			continue;
		put_port_key(s, "lport", &port);
		n = json_object_get(by_port, sw_strbuf_get(&port));
		if (n)
			json_integer_set(n, json_integer_value(n) + 1);
		else
			json_object_set_new(by_port, sw_strbuf_get(&port), json_integer(1));
	}
	json_object_foreach(by_key, key, service) {
		_strbuf_ struct sw_strbuf port = {};

		put_port_key(service, "port", &port);
		n = json_object_get(by_port, sw_strbuf_get(&port));
		if (n)
			json_object_set(service, "connections", n);
	}
	json_decref(by_port);
}

/* ---- what it is and how to stop it */

struct unit_search {
	const char *root;
	char unit[128];
};

static int find_unit(const char *unit, void *arg)
{
	struct unit_search *u = arg;
	char name[128];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(unit, "."), unit);
	if (!sw_boot_has_unit(u->root, unit) && !sw_boot_has_script(u->root, name))
		return 0;
	sw_strcpy(u->unit, sizeof(u->unit), unit);
	return 1;
}

/* A service's unit: that it runs in, else one of the table that this machine has. Sessions are no services. */
static void choose_unit(const json_t *service, const struct sw_service *known, struct unit_search *ret)
{
	const char *unit = sw_cli_text(service, "cgroup_unit"), *dot = strrchr(unit, '.');

	if (dot && (sw_streq(dot, ".service") || sw_streq(dot, ".socket")) && strncmp(unit, "user@", 5))
		sw_strcpy(ret->unit, sizeof(ret->unit), unit);
	else if (known)
		sw_service_each(known->units, find_unit, ret);
}

static void put_stop(const char *root, const json_t *service, const char *unit, struct sw_strbuf *out)
{
	const char *container = sw_cli_text(service, "container");
	char name[128];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(unit, "."), unit);
	if (*container)
		sw_strbuf_printf(out, "stop container %s", container);
	else if (*unit && sw_boot_has_unit(root, unit) && access("/run/systemd/system", F_OK) == 0)
		sw_strbuf_printf(out, "systemctl disable --now %s", unit);
	else if (*unit && sw_boot_has_script(root, name))
		sw_strbuf_printf(out, access("/usr/sbin/update-rc.d", X_OK) == 0 ?
			"service %s stop; update-rc.d %s disable" : "service %s stop; chkconfig %s off", name, name);
	else if (sw_cli_number(service, "pid") > 1)
		sw_strbuf_printf(out, "kill %lld", sw_cli_number(service, "pid"));
}

static void judge(json_t *service, const struct sw_service *known)
{
	int reach = reach_of(sw_cli_text(service, "exposure")), risk = known ? (int)known->risk : UNKNOWN_RISK;
	int score = reach * risk * (sw_cli_number(service, "connections") ? 1 : UNUSED_FACTOR);

	if (sw_cli_true(service, "client"))
		score = 0; /* the port of a client that waits for answers */
	json_object_set_new(service, "score", json_integer(score));
	set_text(service, "rank", score >= HIGH_FROM ? "high" : score >= MEDIUM_FROM ? "medium" : "low");
}

static void put_why(const json_t *service, const struct sw_service *known, struct sw_strbuf *out)
{
	static const char ever[] = "ever";

	if (sw_cli_true(service, "client"))
		sw_strbuf_puts(out, "ports of a client, chosen by the kernel: nothing to stop");
	else if (known && !strncmp(known->not_needed, ever, strlen(ever)))
		sw_strbuf_printf(out, "never needed%s", known->not_needed + strlen(ever));
	else if (known)
		sw_strbuf_printf(out, "not needed if %s", known->not_needed);
	else
		sw_strbuf_puts(out, "not in the table of known services: find out who wants it");
}

/* By the name of its file, then by what it is called: a script runs in an interpreter. */
static const struct sw_service *find_known(const json_t *service, const char *program, bool *ret_is_sure)
{
	const char *protocol = sw_cli_text(service, "protocol"), *slash = strrchr(sw_cli_text(service, "executable"), '/');
	unsigned int port = (unsigned int)sw_cli_number(service, "port");
	const struct sw_service *known =
		sw_service_find(sw_streq(program, "[kernel]") ? "" : program, protocol, port, ret_is_sure);

	return known || !slash ? known : sw_service_find(slash + 1, protocol, port, ret_is_sure);
}

static void explain(json_t *service)
{
	const char *root = "", *program = sw_cli_text(service, "program");
	bool is_sure = false, is_client = sw_cli_true(service, "client");
	const struct sw_service *known = find_known(service, program, &is_sure);
	_strbuf_ struct sw_strbuf stop = {}, starts = {}, why = {};
	struct unit_search unit = {.root = root};
	enum sw_boot boot = SW_BOOT_UNKNOWN;

	choose_unit(service, known, &unit);
	if (*unit.unit && !*sw_cli_text(service, "container"))
		boot = sw_boot_starts(root, unit.unit, &starts);
	put_why(service, known, &why);
	if (!is_client)
		put_stop(root, service, unit.unit, &stop);
	set_text(service, "service", known ? known->name : "");
	set_text(service, "purpose", known ? known->purpose : "");
	set_text(service, "known_by", !known ? "" : is_sure ? "program" : "port");
	set_text(service, "risk", sw_risk_word(known ? known->risk : UNKNOWN_RISK));
	set_text(service, "why", sw_strbuf_get(&why));
	set_text(service, "unit", unit.unit);
	set_text(service, "stop", sw_strbuf_get(&stop));
	set_text(service, "boot", sw_boot_word(boot));
	set_text(service, "boot_by", sw_strbuf_get(&starts));
	judge(service, known);
	json_object_del(service, "cgroup_unit");
}

/* A container has files of its own. */
static void name_packages(json_t *services)
{
	json_t *ours = json_array(), *s;
	size_t i;

	json_array_foreach(services, i, s)
		if (!*sw_cli_text(s, "container"))
			json_array_append(ours, s);
	sw_cli_name_packages(ours);
	json_decref(ours);
}

/* ---- the list */

static int by_score(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	long long d = sw_cli_number(y, "score") - sw_cli_number(x, "score");

	if (!d)
		d = strcmp(sw_cli_text(x, "protocol"), sw_cli_text(y, "protocol"));
	if (!d)
		d = sw_cli_number(x, "port") - sw_cli_number(y, "port");
	return d < 0 ? -1 : d > 0;
}

/* Without --all only what others can reach. */
static json_t *ranked(const struct sw_cli *c, json_t *by_key)
{
	size_t n = json_object_size(by_key), used = 0;
	json_t **at = calloc(n + 1, sizeof(*at)), *out = json_array(), *service;
	const char *key;

	json_object_foreach(by_key, key, service) {
		explain(service);
		if (at && (c->o.all || (reach_of(sw_cli_text(service, "exposure")) > 1 && !sw_cli_true(service, "client"))))
			at[used++] = service;
	}
	if (at && used)
		qsort(at, used, sizeof(*at), by_score);
	for (size_t i = 0; i < used; i++)
		json_array_append(out, at[i]);
	free(at);
	name_packages(out);
	return out;
}

static void cell_port(const json_t *row, struct sw_strbuf *out)
{
	sw_strbuf_printf(out, "%s/", sw_cli_text(row, "protocol"));
	if (*sw_cli_text(row, "path"))
		sw_strbuf_safe(out, sw_cli_text(row, "path"), strlen(sw_cli_text(row, "path")));
	else if (sw_cli_true(row, "client"))
		sw_strbuf_putc(out, '*');
	else
		sw_strbuf_printf(out, "%lld", sw_cli_number(row, "port"));
}

static const struct sw_cli_column columns[] = {
	{"RANK", "rank", 0, NULL, sw_cli_color_severity},
	{"PORT", NULL, 0, cell_port},
	{"REACH", "exposure"},
	{"SERVICE", "service"},
	{"PROGRAM", "program"},
	{"USED", "connections", SW_COL_RIGHT},
	{"BOOT", "boot"},
	{"WHY", "why", SW_COL_FLEX},
	{"STOP", "stop", SW_COL_FLEX},
	{"IN", "netns_name", SW_COL_OPTIONAL},
	{"PURPOSE", "purpose", SW_COL_WIDE},
	{"ADDRESSES", "addresses", SW_COL_WIDE},
	{"USER", "user", SW_COL_WIDE},
	{"PID", "pid", SW_COL_WIDE | SW_COL_RIGHT},
	{"UNIT", "unit", SW_COL_WIDE},
	{"BOOT BY", "boot_by", SW_COL_WIDE},
	{"PACKAGE", "package", SW_COL_WIDE},
	{"CONTAINER", "container", SW_COL_WIDE},
	{},
};

int sw_cli_audit(struct sw_cli *c)
{
	json_t *data = NULL, *sockets, *by_key, *out;
	int r = sw_cli_ask(c, "sockets.list", "{\"all\":true,\"fresh\":true}", -1, &data);

	if (r)
		return r;
	sockets = json_object_get(data, "sockets");
	by_key = collect(sockets);
	count_connections(by_key, sockets);
	out = json_pack("{sisoso}", "schema_version", 1, "services", ranked(c, by_key), "complete",
		json_boolean(!json_is_false(json_object_get(data, "complete"))));
	sw_cli_print_rows(c, out, "services", columns,
		c->o.all ? "nothing listens" : "nothing listens that others can reach; --all shows the rest");
	json_decref(out);
	json_decref(by_key);
	json_decref(data);
	return SW_EXIT_OK;
}
