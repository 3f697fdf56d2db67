// SPDX-License-Identifier: GPL-3.0-or-later
/* sockets.list, sockets.diff, baseline.*. */
#include <sys/socket.h>

#include "user/base/cidr.h"
#include "user/engine/watch.h"

enum { STATE_LISTEN = 10 };

static void write_user(struct sw_engine *e, struct sw_json *j, uint32_t uid)
{
	sw_json_uint(j, "uid", uid);
	sw_json_string(j, "user", sw_users_name(e->watch->users, uid));
}

static void write_address(struct sw_json *j, const char *key, const struct sw_net *net)
{
	char text[SW_NET_TEXT_MAX];

	if (net->family == SW_AF_NONE)
		sw_json_null(j, key);
	else
		sw_json_string(j, key, sw_cidr_format(text, net));
}

static const char *unix_type_word(uint8_t type)
{
	return type == SOCK_STREAM ? "stream" : type == SOCK_DGRAM ? "dgram" : "seqpacket";
}

static void write_owners(
	struct sw_engine *e, struct sw_json *j, const struct sw_sock *s, bool with_names)
{
	struct sw_proc_info info, shown = {.container = "", .unit = ""};

	sw_json_array_begin(j, "processes");
	for (unsigned int i = 0; i < s->n_owners; i++) {
		sw_procs_info(e->watch->procs, s->owners[i].proc, with_names, &info);
		if (!i)
			shown = info;
		if (info.is_gone)
			continue;
		sw_json_object_begin(j, NULL);
		sw_json_uint(j, "pid", info.key.tgid);
		sw_json_string(j, "comm", info.comm);
		sw_json_string(j, "name", info.name);
		sw_json_string(j, "user", sw_users_name(e->watch->users, info.uid));
		sw_json_uint(j, "uid", info.uid);
		sw_json_string(j, "executable", info.executable);
		sw_json_bool(j, "deleted", info.is_deleted);
		sw_json_string(j, "command_line", info.cmdline);
		if (s->owners[i].fd >= 0)
			sw_json_int(j, "fd", s->owners[i].fd);
		sw_json_object_end(j);
	}
	sw_json_array_end(j);
	sw_json_string(j, "container", shown.container);
	sw_container_json(j, &shown);
	sw_json_string(j, "unit", shown.unit);
}

static void write_netlink(struct sw_json *j, const struct sw_sock *s)
{
	uint32_t port, groups;

	memcpy(&port, s->laddr, sizeof(port));
	memcpy(&groups, s->raddr, sizeof(groups));
	sw_json_string(j, "netlink", sw_netlink_word(s->protocol));
	sw_json_uint(j, "netlink_number", s->protocol);
	sw_json_uint(j, "netlink_port", port);
	sw_json_uint(j, "netlink_groups", groups);
}

void sw_socket_json(
	struct sw_engine *e, struct sw_json *j, const struct sw_sock *s, bool with_names)
{
	struct sw_net local = sw_sock_address(s), remote = sw_sock_peer(s);
	char netns[SW_NETNS_NAME_MAX];
	uint64_t now = sw_clock_boot_ns(&e->clock);

	sw_json_string(j, "protocol", sw_sock_protocol_word(s));
	sw_json_string(j, "state", sw_sock_state_word(s));
	sw_json_uint(j, "family", s->family == AF_INET6 ? 6 : s->family == AF_INET ? 4 : 0);
	write_address(j, "local", &local);
	sw_json_uint(j, "lport", s->lport);
	if (s->rport) {
		write_address(j, "remote", &remote);
		sw_json_uint(j, "rport", s->rport);
	}
	if (s->path)
		sw_json_stringf(j, "path", "%s%s", s->is_abstract ? "@" : "", s->path);
	if (s->family == AF_NETLINK)
		write_netlink(j, s);
	if (s->family == AF_UNIX) {
		sw_json_string(j, "type", unix_type_word(s->type));
		if (s->peer_inode)
			sw_json_uint(j, "peer_inode", s->peer_inode);
	} else {
		sw_json_uint(j, "recv_q", s->rx_queue);
		sw_json_uint(j, "send_q", s->state == STATE_LISTEN ? s->backlog : s->tx_queue);
	}
	if (s->options & SW_OPT_V6ONLY)
		sw_json_bool(j, "v6only", true);
	if (s->ifindex)
		sw_json_uint(j, "ifindex", s->ifindex);
	sw_json_uint(j, "inode", s->inode);
	sw_json_uint(j, "netns", s->netns);
	sw_json_string(j, "netns_name", sw_sock_netns_name(e->watch->inv, s, netns));
	write_user(e, j, s->uid);
	write_owners(e, j, s, with_names);
	if (s->backlog)
		sw_json_uint(j, "backlog", s->backlog);
	sw_json_wall_ns(j, "since_at",
		s->since_ns
			? sw_clock_wall_ns(&e->clock) - (int64_t)(now - SW_MIN(now, s->since_ns))
			: 0);
	sw_json_string(j, "exposure", sw_exposure_word(sw_sock_exposure(s)));
}

void sw_baseline_row_json(struct sw_engine *e, struct sw_json *j, const struct sw_baseline_row *r)
{
	sw_json_string(j, "key", r->key);
	sw_json_string(j, "protocol", sw_baseline_protocol_word(r));
	sw_json_string(j, "state", r->sock_type == SOCK_DGRAM ? "unconnected" : "listen");
	write_address(j, "local", &r->address);
	if (r->is_ephemeral)
		sw_json_null(j, "lport");
	else
		sw_json_uint(j, "lport", r->port);
	if (*r->path)
		sw_json_string(j, "path", r->path);
	write_user(e, j, r->uid);
	sw_json_string(j, "executable", r->executable);
	sw_json_bool(j, "deleted", r->is_deleted);
	sw_json_string(j, "container", r->container);
	if (*r->image)
		sw_json_string(j, "image", r->image);
	sw_json_string(j, "unit", r->unit);
	sw_json_string(j, "netns_name", r->netns);
	sw_json_string(j, "exposure", sw_exposure_word(r->exposure));
	sw_json_wall_ns(j, "since_at", r->since_wall_sec * (int64_t)SW_SEC_NS);
}

/* ---- sockets.list */

struct filter {
	struct sw_engine *e;
	struct sw_json *j;
	bool is_all;
	uint64_t family, port, pid;
	const char *protocol, *netns;
	bool has_user;
	uint32_t uid;
};

static bool has_pid(struct filter *f, const struct sw_sock *s)
{
	struct sw_proc_info info;

	for (unsigned int i = 0; i < s->n_owners; i++) {
		sw_procs_info(f->e->watch->procs, s->owners[i].proc, false, &info);
		if (info.key.tgid == f->pid && !info.is_gone)
			return true;
	}
	return false;
}

static bool is_netns(struct filter *f, const struct sw_sock *s)
{
	char inode[16], name[SW_NETNS_NAME_MAX];

	snprintf(inode, sizeof(inode), "%u", s->netns);
	sw_sock_netns_name(f->e->watch->inv, s, name);
	return sw_streq(f->netns, *name ? name : "host") || sw_streq(f->netns, inode);
}

/* MPTCP is TCP to who asks for that. */
static bool is_protocol(const char *wanted, const struct sw_sock *s)
{
	const char *word = sw_sock_protocol_word(s);

	return sw_streq(wanted, word) || (sw_streq(wanted, "tcp") && sw_streq(word, "mptcp"));
}

static bool passes(struct filter *f, const struct sw_sock *s)
{
	if (!f->is_all && !sw_sock_is_listener(s))
		return false;
	if (f->family && f->family != (s->family == AF_INET ? 4u : s->family == AF_INET6 ? 6u : 0u))
		return false;
	if (f->protocol && !is_protocol(f->protocol, s))
		return false;
	if (f->port && s->lport != f->port && s->rport != f->port)
		return false;
	if (f->has_user && s->uid != f->uid)
		return false;
	if (f->pid && !has_pid(f, s))
		return false;
	return !f->netns || is_netns(f, s);
}

static int list_one(const struct sw_sock *s, void *arg)
{
	struct filter *f = arg;

	if (!passes(f, s))
		return 0;
	sw_json_object_begin(f->j, NULL);
	sw_socket_json(f->e, f->j, s, true);
	sw_json_object_end(f->j);
	return 0;
}

static bool read_user(struct sw_ctl_request *q, struct filter *f, const char *user)
{
	char *end;

	if (!user)
		return true;
	f->has_user = true;
	if (sw_users_find(f->e->watch->users, user, &f->uid) >= 0)
		return true;
	f->uid = (uint32_t)strtoul(user, &end, 10);
	if (*user && !*end)
		return true;
	sw_ctl_fail(q, SW_CERR_USAGE, "a name of /etc/passwd, or a number",
		"there is no user '%.32s'", user);
	return false;
}

/* What was read of connections that no process holds. */
struct unheld {
	const struct sw_it_inet *rows;
	size_t n;
	bool is_whole;
};

static void list_unheld(struct filter *f, const struct unheld *u)
{
	for (size_t i = 0; i < u->n; i++) {
		struct sw_sock s = sw_sock_unheld(&u->rows[i]);

		/* it ended between two looks: the inventory had it before */
		if (!s.cookie || !sw_inventory_find(f->e->watch->inv, s.cookie))
			list_one(&s, f);
	}
}

static void list_with(struct sw_ctl_request *q, const json_t *args, struct sw_engine *e, const struct unheld *u)
{
	struct filter f = {.e = e};
	bool listening = false;
	const char *user = NULL;

	if (!sw_ctl_arg_bool(q, args, "listening", false, &listening) ||
		!sw_ctl_arg_bool(q, args, "all", false, &f.is_all) ||
		!sw_ctl_arg_uint(q, args, "family", 0, &f.family) ||
		!sw_ctl_arg_string(q, args, "protocol", NULL, &f.protocol) ||
		!sw_ctl_arg_uint(q, args, "port", 0, &f.port) ||
		!sw_ctl_arg_uint(q, args, "pid", 0, &f.pid) ||
		!sw_ctl_arg_string(q, args, "user", NULL, &user) ||
		!sw_ctl_arg_string(q, args, "netns", NULL, &f.netns) || !read_user(q, &f, user))
		return;
	f.is_all = f.is_all && !listening;
	f.j = sw_ctl_reply_begin(q);
	sw_json_array_begin(f.j, "sockets");
	sw_inventory_each(f.e->watch->inv, list_one, &f);
	if (f.is_all)
		list_unheld(&f, u);
	sw_json_array_end(f.j);
	sw_json_bool(f.j, "complete", u->is_whole && sw_inventory_stats(f.e->watch->inv).is_complete);
	sw_ctl_reply_end(q);
}

/* A list that waits for them. */
struct widened {
	struct sw_ctl_request *q;
	json_t *args;
};

static void on_unheld(struct sw_engine *e, const struct sw_it_inet *rows, size_t n, int result, void *arg)
{
	struct widened *w = arg;

	if (e->watch)
		list_with(w->q, w->args, e, &(struct unheld){rows, n, result >= 0});
	else
		sw_ctl_fail(w->q, SW_CERR_NOT_RUNNING, NULL, "the engine is ending");
	json_decref(w->args);
	free(w);
}

static void list(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct widened *w;
	bool wants = false;

	if (!sw_ctl_arg_bool(q, args, "unheld", false, &wants))
		return;
	w = wants ? calloc(1, sizeof(*w)) : NULL;
	if (w)
		*w = (struct widened){.q = q, .args = json_deep_copy(args)};
	if (w && w->args && sw_watch_unheld(arg, on_unheld, w) >= 0)
		return;
	if (w)
		json_decref(w->args);
	free(w);
	list_with(q, args, arg, &(struct unheld){.is_whole = !wants});
}

/* A request that waits for a snapshot. */
struct waiting {
	struct sw_ctl_request *q;
	json_t *args;
	sw_ctl_verb_fn fn;
};

static void on_fresh(struct sw_engine *e, void *arg)
{
	struct waiting *w = arg;

	if (e->watch)
		w->fn(w->q, w->args, e);
	else
		sw_ctl_fail(w->q, SW_CERR_NOT_RUNNING, NULL, "the engine is ending");
	json_decref(w->args);
	free(w);
}

void sw_watch_when_fresh(struct sw_ctl_request *q, const json_t *args, struct sw_engine *e, sw_ctl_verb_fn fn)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (w)
		*w = (struct waiting){.q = q, .args = json_deep_copy(args), .fn = fn};
	if (w && w->args && sw_watch_fresh(e, on_fresh, w) >= 0)
		return;
	if (w)
		json_decref(w->args);
	free(w);
	fn(q, args, e);
}

static void verb_list(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	bool is_fresh = false;

	if (!sw_ctl_arg_bool(q, args, "fresh", false, &is_fresh))
		return;
	if (is_fresh)
		sw_watch_when_fresh(q, args, arg, list);
	else
		list(q, args, arg);
}

/* ---- baselines */

static bool read_name(struct sw_ctl_request *q, const json_t *args, const char **ret)
{
	if (!sw_ctl_arg_string(q, args, "name", SW_BASELINE_DEFAULT, ret))
		return false;
	if (**ret && strlen(*ret) < SW_BASELINE_NAME_MAX &&
		strspn(*ret, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
			strlen(*ret))
		return true;
	sw_ctl_fail(q, SW_CERR_USAGE, "letters, digits and . _ - , at most 63",
		"not a name for a baseline");
	return false;
}

/* True where r is no error; else the request fails with what it means. */
static bool is_well(struct sw_ctl_request *q, const char *name, int r)
{
	if (r >= 0)
		return true;
	if (r == -ENOENT)
		sw_ctl_fail(q, SW_CERR_NOT_FOUND, "sockwarden sockets baseline list",
			"there is no baseline '%s'", name);
	else if (r == -E2BIG)
		sw_ctl_fail(q, SW_CERR_REFUSED, NULL, "there are more than the %d listeners that a baseline can hold",
			SW_BASELINE_ROWS_MAX);
	else
		sw_ctl_fail(q, SW_CERR_INTERNAL, NULL, "baseline '%s': %s", name, strerror(-r));
	return false;
}

/* A baseline of half a host would call the other half new. */
static bool is_complete(struct sw_ctl_request *q, struct sw_engine *e)
{
	if (e->watch->is_settled)
		return true;
	sw_ctl_fail(q, SW_CERR_PARTIAL, "try again in a moment; see: sockwarden status",
		"the inventory is not complete yet");
	return false;
}

static void changed(struct sw_engine *e, struct sw_ctl_request *q, const char *action,
	const char *name, const char *detail)
{
	sw_store_audit(e->store, sw_ctl_request_by(q), action, name, detail);
	if (sw_streq(name, SW_BASELINE_DEFAULT))
		sw_baselines_reload(e);
}

static void save(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	_cleanup_(sw_baseline_set_done) struct sw_baseline_set now = {0};
	struct sw_engine *e = arg;
	struct sw_json *j;
	const char *name;
	int r;

	if (!read_name(q, args, &name) || !is_complete(q, e))
		return;
	r = sw_baselines_now(e, &now);
	if (r >= 0)
		r = sw_baselines_save(e, name, &now);
	if (!is_well(q, name, r))
		return;
	changed(e, q, "baseline.save", name, "");
	j = sw_ctl_reply_begin(q);
	sw_json_string(j, "name", name);
	sw_json_uint(j, "sockets", now.n);
	sw_ctl_reply_end(q);
}

static int list_baseline(const char *name, int64_t taken, uint64_t n, void *arg)
{
	struct sw_json *j = arg;

	sw_json_object_begin(j, NULL);
	sw_json_string(j, "name", name);
	sw_json_wall_sec(j, "taken_at", taken);
	sw_json_uint(j, "sockets", n);
	sw_json_object_end(j);
	return 0;
}

static void verb_baselines(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_json *j = sw_ctl_reply_begin(q);

	sw_json_array_begin(j, "baselines");
	sw_store_each_baseline(e->store, list_baseline, j);
	sw_json_array_end(j);
	sw_ctl_reply_end(q);
}

static void verb_show(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	_cleanup_(sw_baseline_set_done) struct sw_baseline_set set = {0};
	struct sw_engine *e = arg;
	struct sw_json *j;
	const char *name;

	if (!read_name(q, args, &name) || !is_well(q, name, sw_baselines_load(e, name, &set)))
		return;
	j = sw_ctl_reply_begin(q);
	sw_json_string(j, "name", name);
	sw_json_wall_ns(j, "taken_at", set.taken_wall_sec * (int64_t)SW_SEC_NS);
	sw_json_array_begin(j, "sockets");
	for (size_t i = 0; i < set.n; i++) {
		struct sw_baseline_row row;

		sw_baseline_set_get(&set, i, &row);
		sw_json_object_begin(j, NULL);
		sw_baseline_row_json(e, j, &row);
		sw_json_object_end(j);
	}
	sw_json_array_end(j);
	sw_ctl_reply_end(q);
}

/* Loads name and what is there now; fails the request where it cannot. */
static bool load_both(struct sw_ctl_request *q, struct sw_engine *e, const char *name, struct sw_baseline_set *base,
	struct sw_baseline_set *now)
{
	int r = sw_baselines_load(e, name, base);

	if (r >= 0)
		r = sw_baselines_now(e, now);
	return is_well(q, name, r);
}

void sw_baseline_change_json(struct sw_engine *e, struct sw_json *j, const struct sw_baseline_change *c)
{
	sw_json_object_begin(j, NULL);
	sw_json_string(j, "change", sw_baseline_kind_word(c->kind));
	sw_json_string(j, "key", c->row.key);
	sw_json_object_begin(j, "socket");
	sw_baseline_row_json(e, j, &c->row);
	sw_json_object_end(j);
	sw_json_string(j, "was", *c->was ? c->was : NULL);
	sw_json_string(j, "text", c->text);
	sw_json_object_end(j);
}

struct writing {
	struct sw_engine *e;
	struct sw_json *j;
};

static int write_change(const struct sw_baseline_change *c, void *arg)
{
	struct writing *w = arg;

	sw_baseline_change_json(w->e, w->j, c);
	return 0;
}

static void diff(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	_cleanup_(sw_baseline_set_done) struct sw_baseline_set base = {0}, now = {0};
	struct writing w = {.e = arg};
	struct sw_engine *e = arg;
	const char *name;

	if (!read_name(q, args, &name) || !is_complete(q, e) || !load_both(q, e, name, &base, &now))
		return;
	w.j = sw_ctl_reply_begin(q);
	sw_json_string(w.j, "baseline", name);
	sw_json_wall_ns(w.j, "taken_at", base.taken_wall_sec * (int64_t)SW_SEC_NS);
	sw_json_array_begin(w.j, "changes");
	(void)sw_baseline_compare(&base, &now, write_change, &w);
	sw_json_array_end(w.j);
	sw_json_bool(w.j, "complete", sw_inventory_stats(e->watch->inv).is_complete);
	sw_ctl_reply_end(q);
}

/* What is accepted: the differences that speak of a key, or all where it is NULL. */
struct accepting {
	const char *key;
	size_t n;
	/* keys that were narrower before, one after the other: they would be called gone from now on */
	struct sw_strbuf narrower;
};

static int accept_change(const struct sw_baseline_change *c, void *arg)
{
	struct accepting *a = arg;

	if (a->key && !sw_streq(c->row.key, a->key))
		return 0;
	a->n++;
	if (a->key && c->kind == SW_BASELINE_WIDENED)
		sw_strbuf_add(&a->narrower, c->was, strlen(c->was) + 1);
	return 0;
}

static bool was_narrower(const struct accepting *a, const char *key)
{
	for (size_t i = 0; i < a->narrower.len; i += strlen(a->narrower.text + i) + 1)
		if (sw_streq(a->narrower.text + i, key))
			return true;
	return false;
}

/* base with the rows of key as they are now; all of them where key is NULL. The result is *ret's. */
static int merge(const struct sw_baseline_set *base, const struct sw_baseline_set *now, const struct accepting *a,
	struct sw_baseline_set *ret)
{
	struct sw_baseline_row row;
	int r = 0;

	for (size_t i = 0; a->key && i < base->n && r >= 0; i++) {
		sw_baseline_set_get(base, i, &row);
		if (!sw_streq(row.key, a->key) && !was_narrower(a, row.key))
			r = sw_baseline_set_add(ret, &row);
	}
	for (size_t i = 0; i < now->n && r >= 0; i++) {
		sw_baseline_set_get(now, i, &row);
		if (!a->key || sw_streq(row.key, a->key))
			r = sw_baseline_set_add(ret, &row);
	}
	ret->taken_wall_sec = now->taken_wall_sec;
	return r;
}

static void accept_changes(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	_cleanup_(sw_baseline_set_done) struct sw_baseline_set base = {0}, now = {0}, next = {0};
	struct sw_engine *e = arg;
	struct accepting a = {};
	const char *name;
	struct sw_json *j;
	int r;

	if (!read_name(q, args, &name) || !sw_ctl_arg_string(q, args, "key", NULL, &a.key) || !is_complete(q, e) ||
		!load_both(q, e, name, &base, &now))
		return;
	r = sw_baseline_compare(&base, &now, accept_change, &a);
	if (r >= 0 && a.key && !a.n)
		return sw_ctl_fail(q, SW_CERR_NOT_FOUND, "sockwarden sockets diff -o wide",
			"nothing differs at '%.200s'", a.key);
	if (r >= 0)
		r = merge(&base, &now, &a, &next);
	sw_strbuf_done(&a.narrower);
	if (r >= 0)
		r = sw_baselines_save(e, name, &next);
	if (!is_well(q, name, r))
		return;
	changed(e, q, "baseline.accept", name, a.key ? a.key : "all");
	j = sw_ctl_reply_begin(q);
	sw_json_uint(j, "accepted", a.n);
	sw_ctl_reply_end(q);
}

static void verb_delete(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_json *j;
	const char *name;
	int r;

	if (!read_name(q, args, &name))
		return;
	r = sw_store_delete_baseline(e->store, name);
	if (!is_well(q, name, r ? r : -ENOENT))
		return;
	changed(e, q, "baseline.delete", name, "");
	j = sw_ctl_reply_begin(q);
	sw_json_string(j, "deleted", name);
	sw_ctl_reply_end(q);
}

static void verb_save(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	sw_watch_when_fresh(q, args, arg, save);
}

static void verb_diff(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	sw_watch_when_fresh(q, args, arg, diff);
}

static void verb_accept(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	sw_watch_when_fresh(q, args, arg, accept_changes);
}

const struct sw_ctl_verb sw_socket_verbs[] = {
	{"sockets.list", SW_CTL_READ, verb_list},
	{"sockets.diff", SW_CTL_READ, verb_diff},
	{"baseline.save", SW_CTL_CHANGE, verb_save},
	{"baseline.list", SW_CTL_READ, verb_baselines},
	{"baseline.show", SW_CTL_READ, verb_show},
	{"baseline.accept", SW_CTL_CHANGE, verb_accept},
	{"baseline.delete", SW_CTL_CHANGE, verb_delete},
	{},
};
