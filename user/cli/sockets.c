// SPDX-License-Identifier: GPL-3.0-or-later
/* sockets list, diff, baseline. */
#include "user/cli/packages.h"
#include "user/cli/sock_as.h"
#include "user/cli/sock_filter.h"

static void put_endpoint(const json_t *row, const char *address, const char *port, struct sw_strbuf *out)
{
	const char *text = sw_cli_text(row, address);
	long long number = sw_cli_number(row, port);

	if (!*text)
		return;
	sw_strbuf_puts(out, strchr(text, ':') ? "[" : "");
	sw_strbuf_safe(out, text, strlen(text));
	sw_strbuf_puts(out, strchr(text, ':') ? "]" : "");
	if (number)
		sw_strbuf_printf(out, ":%lld", number);
	else
		sw_strbuf_puts(out, ":*");
}

static void cell_local(const json_t *row, struct sw_strbuf *out)
{
	const char *path = sw_cli_text(row, "path"), *netlink = sw_cli_text(row, "netlink");

	if (*path)
		sw_strbuf_safe(out, path, strlen(path));
	else if (*netlink)
		sw_strbuf_printf(out, "%s:%lld groups %#llx", netlink, sw_cli_number(row, "netlink_port"),
			(unsigned long long)sw_cli_number(row, "netlink_groups"));
	else
		put_endpoint(row, "local", "lport", out);
}

static void cell_remote(const json_t *row, struct sw_strbuf *out)
{
	if (sw_cli_number(row, "rport"))
		put_endpoint(row, "remote", "rport", out);
}

/* "sshd(812), systemd(1)" */
static void cell_processes(const json_t *row, struct sw_strbuf *out)
{
	long long last = 0;
	json_t *p;
	size_t i;

	json_array_foreach(json_object_get(row, "processes"), i, p) {
		const char *name = sw_cli_text(p, "name");

		if (sw_cli_number(p, "pid") == last)
			continue; /* another descriptor of it */
		sw_strbuf_puts(out, last ? ", " : "");
		last = sw_cli_number(p, "pid");
		sw_strbuf_safe(out, name, strlen(name));
		sw_strbuf_printf(out, "(%lld)", sw_cli_number(p, "pid"));
	}
}

/* Of the first process that has one. */
static void cell_package(const json_t *row, struct sw_strbuf *out)
{
	json_t *p;
	size_t i;

	json_array_foreach(json_object_get(row, "processes"), i, p) {
		const char *package = sw_cli_text(p, "package");

		if (!*package)
			continue;
		sw_strbuf_safe(out, package, strlen(package));
		return;
	}
}

/* "shop/cart-7d9f/web", "web", or the digits of the id. */
static void cell_container(const json_t *row, struct sw_strbuf *out)
{
	static const char *const parts[] = {"namespace", "pod", "container_name"};
	size_t before = out->len;

	for (size_t i = 0; i < SW_ARRAY_SIZE(parts); i++) {
		const char *text = sw_cli_text(row, parts[i]);

		if (!*text)
			continue;
		sw_strbuf_puts(out, out->len > before ? "/" : "");
		sw_strbuf_safe(out, text, strlen(text));
	}
	if (out->len == before)
		sw_strbuf_puts(out, sw_cli_text(row, "container"));
}

static void cell_user(const json_t *row, struct sw_strbuf *out)
{
	const char *user = sw_cli_text(row, "user");

	if (*user)
		sw_strbuf_safe(out, user, strlen(user));
	else if (json_is_integer(json_object_get(row, "uid")))
		sw_strbuf_printf(out, "%lld", sw_cli_number(row, "uid"));
}

static const struct sw_cli_column socket_columns[] = {
	{"PROTO", "protocol"},
	{"STATE", "state"},
	{"LOCAL", NULL, SW_COL_FLEX, cell_local},
	{"REMOTE", NULL, SW_COL_OPTIONAL, cell_remote},
	{"USER", NULL, 0, cell_user},
	{"EXPOSURE", "exposure", SW_COL_OPTIONAL},
	{"NETNS", "netns_name", SW_COL_OPTIONAL},
	{"UNIT", "unit", SW_COL_WIDE},
	{"CONTAINER", NULL, SW_COL_WIDE, cell_container},
	{"IMAGE", "image", SW_COL_WIDE},
	{"PACKAGE", NULL, SW_COL_WIDE, cell_package},
	{"SINCE", "since_at", SW_COL_WIDE | SW_COL_TIME},
	{"INODE", "inode", SW_COL_WIDE | SW_COL_RIGHT},
	{"PROCESSES", NULL, SW_COL_WIDE | SW_COL_FLEX, cell_processes},
	{},
};

/* With -p the processes are shown without -o wide, too. */
static void with_processes(struct sw_cli_column *cols)
{
	for (; cols->title; cols++) {
		if (cols->cell == cell_processes)
			cols->flags &= ~(unsigned int)SW_COL_WIDE;
	}
}

/* A container has files of its own, and what was deleted is no package's. */
static void name_packages(const json_t *sockets)
{
	json_t *ours = json_array(), *s, *p;
	size_t i, k;

	json_array_foreach(sockets, i, s) {
		if (*sw_cli_text(s, "container"))
			continue;
		json_array_foreach(json_object_get(s, "processes"), k, p)
			if (!json_is_true(json_object_get(p, "deleted")))
				json_array_append(ours, p);
	}
	sw_cli_name_packages(ours);
	json_decref(ours);
}

/* Protocols in the order of a table; what is in none comes last. */
static int rank_of(const json_t *s)
{
	static const char *const order[] = {
		"tcp", "mptcp", "udp", "udplite", "sctp", "raw", "packet", "unix", "netlink"};
	const char *p = sw_cli_text(s, "protocol");
	size_t i = 0;

	while (i < SW_ARRAY_SIZE(order) && !sw_streq(p, order[i]))
		i++;
	return (int)i;
}

/* A row's place in a table: by protocol, namespace (the host's first), port and address, whatever came first. */
struct place {
	int rank;
	long long lport, rport, inode;
	const char *netns, *local, *path;
	json_t *socket;
};

static struct place place_of(json_t *s)
{
	return (struct place){.rank = rank_of(s),
		.lport = sw_cli_number(s, "lport"),
		.rport = sw_cli_number(s, "rport"),
		.inode = sw_cli_number(s, "inode"),
		.netns = sw_cli_text(s, "netns_name"),
		.local = sw_cli_text(s, "local"),
		.path = sw_cli_text(s, "path"),
		.socket = json_incref(s)};
}

static int compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	long long d = x->rank - y->rank;

	if (!d)
		d = strcmp(x->netns, y->netns);
	if (!d)
		d = x->lport - y->lport;
	if (!d)
		d = strcmp(x->local, y->local);
	if (!d)
		d = strcmp(x->path, y->path);
	if (!d)
		d = x->rport - y->rport;
	if (!d)
		d = x->inode - y->inode;
	return d < 0 ? -1 : d > 0;
}

/* Those that are wanted, in order. Without room for it nothing may be shown: it would be what was not asked for. */
static int sift(const struct sw_sock_filter *f, json_t *sockets)
{
	size_t n = 0, i;
	struct place *at = calloc(json_array_size(sockets) + 1, sizeof(*at));
	json_t *s;

	if (!at)
		return sw_cli_error(SW_EXIT_DEGRADED, NULL, "out of memory");
	json_array_foreach(sockets, i, s)
		if (sw_sock_filter_passes(f, s))
			at[n++] = place_of(s);
	qsort(at, n, sizeof(*at), compare);
	json_array_clear(sockets);
	for (i = 0; i < n; i++)
		json_array_append_new(sockets, at[i].socket); /* no more than it held: this takes no memory */
	free(at);
	return SW_EXIT_OK;
}

/* Connections are asked for by -a, by a state, and by the tools that show them without being asked. */
static bool wants_all(const struct sw_cli_options *o, const struct sw_sock_view *v)
{
	if (o->listening && !o->all)
		return false;
	return o->all || o->state || o->inet || o->raw || o->packet || o->netlink || (v && v->is_all);
}

static const char *list_args(const struct sw_cli_options *o, const struct sw_sock_view *v,
	const struct sw_port_spans *ports, struct sw_cli_args *a)
{
	bool is_all = wants_all(o, v);
	const char *netns = o->netns ? o->netns : v ? "host" : "all";

	sw_cli_args_begin(a);
	sw_json_bool(&a->j, "fresh", true);
	sw_json_bool(&a->j, "listening", !is_all);
	sw_json_bool(&a->j, "all", is_all);
	if (o->state && sw_sock_states_are_unheld(o->state))
		sw_json_bool(&a->j, "unheld", true);
	if (o->tcp + o->udp + o->unix_domain + o->raw + o->packet + o->netlink == 1)
		sw_json_string(&a->j, "protocol",
			o->tcp            ? "tcp"
				: o->udp     ? "udp"
				: o->raw     ? "raw"
				: o->packet  ? "packet"
				: o->netlink ? "netlink"
					     : "unix");
	if (o->ip4 != o->ip6)
		sw_json_uint(&a->j, "family", o->ip4 ? 4 : 6);
	if (ports->n == 1 && ports->at[0].first == ports->at[0].last)
		sw_json_uint(&a->j, "port", ports->at[0].first);
	if (o->pid != SW_CLI_UNSET)
		sw_json_uint(&a->j, "pid", o->pid);
	if (o->user)
		sw_json_string(&a->j, "user", o->user);
	if (!sw_streq(netns, "all"))
		sw_json_string(&a->j, "netns", netns);
	return sw_cli_args_end(a);
}

static void say_incomplete(const struct sw_cli *c, const json_t *data)
{
	if (json_is_false(json_object_get(data, "complete")))
		sw_cli_say(c, "the inventory is not complete yet: some sockets may be missing");
}

static int find_view(const struct sw_cli *c, const struct sw_sock_view **ret)
{
	const char *near = NULL;
	char hint[48];

	*ret = NULL;
	if (!c->o.as)
		return SW_EXIT_OK;
	*ret = sw_sock_view_find(c->o.as, &near);
	if (*ret)
		return SW_EXIT_OK;
	snprintf(hint, sizeof(hint), "did you mean '%s'?", near ? near : "");
	return sw_cli_error(SW_EXIT_USAGE, near ? hint : NULL, "--as: '%s' is not lsof, socklist, sockstat, netstat or ss",
		c->o.as);
}

/* -f of ss(8) as the letters that it stands for. */
static int take_family(struct sw_cli_options *o)
{
	const struct {
		const char *word;
		bool *flag;
	} families[] = {{"inet", &o->ip4}, {"inet6", &o->ip6}, {"unix", &o->unix_domain}, {"link", &o->packet},
		{"netlink", &o->netlink}};

	for (size_t i = 0; o->family && i < SW_ARRAY_SIZE(families); i++) {
		if (sw_streq(o->family, families[i].word)) {
			*families[i].flag = true;
			return SW_EXIT_OK;
		}
	}
	return !o->family ? SW_EXIT_OK
			  : sw_cli_error(SW_EXIT_USAGE, NULL, "-f: '%s' is not inet, inet6, unix, link or netlink", o->family);
}

int sw_cli_sockets_list(struct sw_cli *c)
{
	struct sw_cli_column cols[SW_ARRAY_SIZE(socket_columns)];
	const struct sw_sock_view *view;
	struct sw_sock_filter filter;
	struct sw_cli_args a;
	const char *bad = "";
	json_t *data = NULL;
	int r = find_view(c, &view);

	if (!r)
		r = take_family(&c->o);
	if (r)
		return r;
	if (sw_sock_filter_init(&filter, &c->o, c->n_words ? c->words[0] : NULL, &bad) < 0)
		return sw_cli_error(SW_EXIT_USAGE, "such as :22, :1-1024,8080, or for -i tcp:25, udp, 6tcp@::1:80",
			"'%s' is not a port such as :22", bad);
	memcpy(cols, socket_columns, sizeof(cols));
	if (c->o.processes)
		with_processes(cols);
	r = sw_cli_ask(c, "sockets.list", list_args(&c->o, view, &filter.ports, &a), -1, &data);
	sw_strbuf_done(&a.text);
	if (r)
		return r;
	r = sift(&filter, json_object_get(data, "sockets"));
	if (r) {
		json_decref(data);
		return r;
	}
	if (!view && (c->o.processes || c->format == SW_CLI_WIDE || c->format == SW_CLI_CSV))
		name_packages(json_object_get(data, "sockets"));
	if (view && c->format != SW_CLI_JSON && c->format != SW_CLI_JSONL)
		sw_sock_view_print(c, view, json_object_get(data, "sockets"));
	else
		sw_cli_print_rows(c, data, "sockets", cols, "no such sockets");
	say_incomplete(c, data);
	json_decref(data);
	return SW_EXIT_OK;
}

/* Asks a verb of baselines with name, and key where there is a second word. */
static int ask_baseline(struct sw_cli *c, const char *verb, json_t **ret)
{
	struct sw_cli_args a;
	int r;

	sw_cli_args_begin(&a);
	if (c->n_words > 0)
		sw_json_string(&a.j, "name", c->words[0]);
	if (c->n_words > 1)
		sw_json_string(&a.j, "key", c->words[1]);
	r = sw_cli_ask(c, verb, sw_cli_args_end(&a), -1, ret);
	sw_strbuf_done(&a.text);
	return r;
}

static const char *color_change(const char *text)
{
	if (sw_streq(text, "new") || sw_streq(text, "added"))
		return "31";
	return sw_streq(text, "changed") ? "33" : "36";
}

static void cell_change_local(const json_t *row, struct sw_strbuf *out)
{
	cell_local(json_object_get(row, "socket"), out);
}

static void cell_change_protocol(const json_t *row, struct sw_strbuf *out)
{
	sw_cli_cell(json_object_get(json_object_get(row, "socket"), "protocol"), 0, out);
}

static void cell_change_key(const json_t *row, struct sw_strbuf *out)
{
	const json_t *key = json_object_get(row, "key");

	sw_cli_cell(key ? key : json_object_get(json_object_get(row, "socket"), "key"), 0, out);
}

static const struct sw_cli_column change_columns[] = {
	{"CHANGE", "change", 0, NULL, color_change},
	{"PROTO", NULL, 0, cell_change_protocol},
	{"LOCAL", NULL, SW_COL_FLEX, cell_change_local},
	{"WHAT", "text", SW_COL_FLEX},
	{"KEY", NULL, SW_COL_WIDE, cell_change_key},
	{},
};

int sw_cli_sockets_diff(struct sw_cli *c)
{
	json_t *data = NULL;
	int r = ask_baseline(c, "sockets.diff", &data);

	if (r)
		return r;
	sw_cli_print_rows(c, data, "changes", change_columns, "nothing has changed since the baseline");
	say_incomplete(c, data);
	r = json_array_size(json_object_get(data, "changes")) ? SW_EXIT_NEGATIVE : SW_EXIT_OK;
	json_decref(data);
	return r;
}

int sw_cli_baseline_save(struct sw_cli *c)
{
	json_t *data = NULL;
	int r = ask_baseline(c, "baseline.save", &data);

	if (r)
		return r;
	if (!sw_cli_print_json(c, data))
		sw_cli_say(c, "baseline %s holds %lld sockets", sw_cli_text(data, "name"), sw_cli_number(data, "sockets"));
	json_decref(data);
	return SW_EXIT_OK;
}

static const struct sw_cli_column baseline_columns[] = {
	{"NAME", "name"},
	{"TAKEN", "taken_at", SW_COL_TIME},
	{"SOCKETS", "sockets", SW_COL_RIGHT},
	{},
};

int sw_cli_baseline_list(struct sw_cli *c)
{
	json_t *data = NULL;
	int r = sw_cli_ask(c, "baseline.list", NULL, -1, &data);

	if (r)
		return r;
	sw_cli_print_rows(c, data, "baselines", baseline_columns, "no baselines: sockwarden sockets baseline save takes one");
	json_decref(data);
	return SW_EXIT_OK;
}

int sw_cli_baseline_show(struct sw_cli *c)
{
	json_t *data = NULL;
	int r = ask_baseline(c, "baseline.show", &data);

	if (r)
		return r;
	sw_cli_print_rows(c, data, "sockets", socket_columns, "an empty baseline");
	json_decref(data);
	return SW_EXIT_OK;
}

int sw_cli_baseline_accept(struct sw_cli *c)
{
	json_t *data = NULL;
	int r = ask_baseline(c, "baseline.accept", &data);

	if (r)
		return r;
	if (!sw_cli_print_json(c, data))
		sw_cli_say(c, sw_cli_number(data, "accepted") == 1 ? "%lld difference accepted"
								      : "%lld differences accepted",
			sw_cli_number(data, "accepted"));
	json_decref(data);
	return SW_EXIT_OK;
}

int sw_cli_baseline_delete(struct sw_cli *c)
{
	json_t *data = NULL;
	int r = ask_baseline(c, "baseline.delete", &data);

	if (r)
		return r;
	r = sw_cli_is_yes(data, "deleted") ? SW_EXIT_OK : SW_EXIT_NEGATIVE;
	if (!sw_cli_print_json(c, data))
		sw_cli_say(c, "baseline %s %s", c->words[0], r ? "is not there" : "is deleted");
	json_decref(data);
	return r;
}
