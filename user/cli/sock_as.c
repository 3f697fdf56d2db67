// SPDX-License-Identifier: GPL-3.0-or-later
/* A row of a table is {"s": socket, "p": the process and descriptor, or absent}. */
#include "user/cli/sock_as.h"

#include <net/if.h>

enum { COMMAND_SHOWN = 9 /* of lsof: its default width */ };

static const struct {
	const char *state, *ss, *netstat;
} states[] = {
	{"established", "ESTAB", "ESTABLISHED"}, {"syn-sent", "SYN-SENT", "SYN_SENT"},
	{"syn-recv", "SYN-RECV", "SYN_RECV"}, {"fin-wait-1", "FIN-WAIT-1", "FIN_WAIT1"},
	{"fin-wait-2", "FIN-WAIT-2", "FIN_WAIT2"}, {"time-wait", "TIME-WAIT", "TIME_WAIT"},
	{"unconnected", "UNCONN", "CLOSE"}, {"close-wait", "CLOSE-WAIT", "CLOSE_WAIT"},
	{"last-ack", "LAST-ACK", "LAST_ACK"}, {"listen", "LISTEN", "LISTEN"}, {"closing", "CLOSING", "CLOSING"},
};

static const json_t *socket_of(const json_t *row)
{
	return json_object_get(row, "s");
}

static const json_t *process_of(const json_t *row)
{
	return json_object_get(row, "p");
}

static bool is_unix(const json_t *s)
{
	return sw_streq(sw_cli_text(s, "protocol"), "unix");
}

/* These tools see an MPTCP socket by the TCP sockets below it. */
const char *sw_sock_protocol(const json_t *s)
{
	const char *word = sw_cli_text(s, "protocol");

	return sw_streq(word, "mptcp") ? "tcp" : word;
}

static bool is_netlink(const json_t *s)
{
	return sw_streq(sw_cli_text(s, "protocol"), "netlink");
}

static const char *state_word(const json_t *s, bool is_ss)
{
	const char *state = sw_cli_text(s, "state");

	for (size_t i = 0; i < SW_ARRAY_SIZE(states); i++)
		if (sw_streq(states[i].state, state))
			return is_ss ? states[i].ss : states[i].netstat;
	return state;
}

static void put(struct sw_strbuf *out, const char *text)
{
	sw_strbuf_safe(out, text, strlen(text));
}

static bool is_any(const char *addr)
{
	return sw_streq(addr, "0.0.0.0") || sw_streq(addr, "::");
}

/* ---- cells that several tables have */

static void cell_comm(const json_t *row, struct sw_strbuf *out)
{
	put(out, sw_cli_text(process_of(row), "comm"));
}

static void cell_comm_short(const json_t *row, struct sw_strbuf *out)
{
	const char *comm = sw_cli_text(process_of(row), "comm");

	sw_strbuf_safe(out, comm, strnlen(comm, COMMAND_SHOWN));
}

static void cell_pid(const json_t *row, struct sw_strbuf *out)
{
	if (process_of(row))
		sw_strbuf_printf(out, "%lld", sw_cli_number(process_of(row), "pid"));
}

static void cell_user(const json_t *row, struct sw_strbuf *out)
{
	const char *user = sw_cli_text(process_of(row), "user");

	if (*user)
		put(out, user);
	else if (process_of(row))
		sw_strbuf_printf(out, "%lld", sw_cli_number(process_of(row), "uid"));
}

static void cell_fd(const json_t *row, struct sw_strbuf *out)
{
	if (json_is_integer(json_object_get(process_of(row), "fd")))
		sw_strbuf_printf(out, "%lld", sw_cli_number(process_of(row), "fd"));
}

static void cell_inode(const json_t *row, struct sw_strbuf *out)
{
	sw_strbuf_printf(out, "%lld", sw_cli_number(socket_of(row), "inode"));
}

static void put_queue(const json_t *row, const char *key, struct sw_strbuf *out)
{
	const json_t *n = json_object_get(socket_of(row), key);

	if (n)
		sw_cli_cell(n, 0, out);
}

static void cell_recv_q(const json_t *row, struct sw_strbuf *out)
{
	put_queue(row, "recv_q", out);
}

/* A listener's backlog is, of MPTCP, that of the TCP socket below. */
static void cell_send_q(const json_t *row, struct sw_strbuf *out)
{
	if (!sw_streq(sw_cli_text(socket_of(row), "protocol"), "mptcp"))
		put_queue(row, "send_q", out);
}

/* netstat shows no backlog: a listener's queues are its connections and nothing. */
static void cell_send_q_netstat(const json_t *row, struct sw_strbuf *out)
{
	if (sw_streq(sw_cli_text(socket_of(row), "state"), "listen"))
		sw_strbuf_putc(out, '0');
	else
		put_queue(row, "send_q", out);
}

static void put_port(const json_t *s, const char *key, struct sw_strbuf *out)
{
	long long port = sw_cli_number(s, key);

	if (port)
		sw_strbuf_printf(out, ":%lld", port);
	else
		sw_strbuf_puts(out, ":*");
}

/* An IPv4 address in an IPv6 socket, as the kernel has it. */
static bool is_mapped(const json_t *s, const char *addr)
{
	return sw_cli_number(s, "family") == 6 && !strchr(addr, ':');
}

/* ---- lsof -i */

static void cell_lsof_fd(const json_t *row, struct sw_strbuf *out)
{
	cell_fd(row, out);
	if (out->len)
		sw_strbuf_putc(out, 'u');
}

static void cell_lsof_type(const json_t *row, struct sw_strbuf *out)
{
	const json_t *s = socket_of(row);

	if (is_unix(s))
		sw_strbuf_puts(out, "unix");
	else if (sw_cli_number(s, "family"))
		sw_strbuf_printf(out, "IPv%lld", sw_cli_number(s, "family"));
	else
		sw_strbuf_puts(out, "pack");
}

static void cell_lsof_size(const json_t *row, struct sw_strbuf *out)
{
	sw_strbuf_puts(out, "0t0");
}

static void cell_lsof_node(const json_t *row, struct sw_strbuf *out)
{
	if (is_unix(socket_of(row))) {
		cell_inode(row, out);
		return;
	}
	for (const char *p = sw_sock_protocol(socket_of(row)); *p; p++)
		sw_strbuf_putc(out, *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p);
}

static void put_lsof_end(const json_t *s, const char *addr_key, const char *port_key, struct sw_strbuf *out)
{
	const char *addr = sw_cli_text(s, addr_key);

	if (is_any(addr) || !*addr)
		sw_strbuf_putc(out, '*');
	else
		sw_strbuf_printf(out, strchr(addr, ':') ? "[%s]" : "%s", addr);
	put_port(s, port_key, out);
}

static void cell_lsof_name(const json_t *row, struct sw_strbuf *out)
{
	const json_t *s = socket_of(row);

	if (is_unix(s)) {
		const char *path = sw_cli_text(s, "path");

		put(out, path);
		sw_strbuf_printf(out, *path ? " type=%s" : "type=%s", sw_cli_text(s, "type"));
		return;
	}
	put_lsof_end(s, "local", "lport", out);
	if (sw_cli_number(s, "rport")) {
		sw_strbuf_puts(out, "->");
		put_lsof_end(s, "remote", "rport", out);
	}
	if (sw_streq(sw_sock_protocol(s), "tcp"))
		sw_strbuf_printf(out, " (%s)", state_word(s, false));
}

static const struct sw_cli_column lsof_columns[] = {
	{"COMMAND", NULL, 0, cell_comm_short},
	{"PID", NULL, SW_COL_RIGHT, cell_pid},
	{"USER", NULL, SW_COL_RIGHT, cell_user},
	{"FD", NULL, SW_COL_RIGHT, cell_lsof_fd},
	{"TYPE", NULL, SW_COL_RIGHT, cell_lsof_type},
	{"DEVICE", NULL, SW_COL_RIGHT, cell_inode},
	{"SIZE/OFF", NULL, SW_COL_RIGHT, cell_lsof_size},
	{"NODE", NULL, SW_COL_RIGHT, cell_lsof_node},
	{"NAME", NULL, 0, cell_lsof_name},
	{},
};

/* ---- socklist */

static void cell_protocol(const json_t *row, struct sw_strbuf *out)
{
	put(out, sw_sock_protocol(socket_of(row)));
}

static void cell_lport(const json_t *row, struct sw_strbuf *out)
{
	sw_strbuf_printf(out, "%lld", sw_cli_number(socket_of(row), "lport"));
}

static void cell_uid(const json_t *row, struct sw_strbuf *out)
{
	sw_strbuf_printf(out, "%lld", sw_cli_number(socket_of(row), "uid"));
}

static const struct sw_cli_column socklist_columns[] = {
	{"type", NULL, 0, cell_protocol},
	{"port", NULL, SW_COL_RIGHT, cell_lport},
	{"inode", NULL, SW_COL_RIGHT, cell_inode},
	{"uid", NULL, SW_COL_RIGHT, cell_uid},
	{"pid", NULL, SW_COL_RIGHT, cell_pid},
	{"fd", NULL, SW_COL_RIGHT, cell_fd},
	{"name", NULL, 0, cell_comm},
	{},
};

/* ---- sockstat */

static void cell_sockstat_proto(const json_t *row, struct sw_strbuf *out)
{
	const json_t *s = socket_of(row);
	long long family = sw_cli_number(s, "family");

	put(out, is_unix(s) ? sw_cli_text(s, "type") : sw_sock_protocol(s));
	if (family)
		sw_strbuf_printf(out, "%lld", family);
}

static void put_sockstat_end(const json_t *s, const char *addr_key, const char *port_key, struct sw_strbuf *out)
{
	const char *addr = sw_cli_text(s, addr_key);

	put(out, is_any(addr) || !*addr ? "*" : addr);
	put_port(s, port_key, out);
}

static void cell_sockstat_local(const json_t *row, struct sw_strbuf *out)
{
	if (is_unix(socket_of(row)))
		put(out, sw_cli_text(socket_of(row), "path"));
	else
		put_sockstat_end(socket_of(row), "local", "lport", out);
}

static void cell_sockstat_remote(const json_t *row, struct sw_strbuf *out)
{
	if (!is_unix(socket_of(row)))
		put_sockstat_end(socket_of(row), "remote", "rport", out);
}

static const struct sw_cli_column sockstat_columns[] = {
	{"USER", NULL, 0, cell_user},
	{"COMMAND", NULL, 0, cell_comm},
	{"PID", NULL, 0, cell_pid},
	{"FD", NULL, 0, cell_fd},
	{"PROTO", NULL, 0, cell_sockstat_proto},
	{"LOCAL ADDRESS", NULL, 0, cell_sockstat_local},
	{"FOREIGN ADDRESS", NULL, SW_COL_BLANK, cell_sockstat_remote},
	{},
};

/* ---- netstat -an */

static void cell_netstat_proto(const json_t *row, struct sw_strbuf *out)
{
	put(out, sw_sock_protocol(socket_of(row)));
	if (sw_cli_number(socket_of(row), "family") == 6)
		sw_strbuf_putc(out, '6');
}

static void put_netstat_end(const json_t *s, const char *addr_key, const char *port_key, struct sw_strbuf *out)
{
	const char *addr = sw_cli_text(s, addr_key);

	if (!*addr)
		addr = sw_cli_number(s, "family") == 6 ? "::" : "0.0.0.0";
	put(out, addr);
	put_port(s, port_key, out);
}

static void cell_netstat_local(const json_t *row, struct sw_strbuf *out)
{
	const json_t *s = socket_of(row);

	if (is_unix(s))
		put(out, sw_cli_text(s, "path"));
	else
		put_netstat_end(s, "local", "lport", out);
}

static void cell_netstat_remote(const json_t *row, struct sw_strbuf *out)
{
	if (!is_unix(socket_of(row)))
		put_netstat_end(socket_of(row), "remote", "rport", out);
}

static void cell_netstat_state(const json_t *row, struct sw_strbuf *out)
{
	const char *state = sw_cli_text(socket_of(row), "state");

	if (!sw_streq(state, "unconnected"))
		sw_strbuf_puts(out, state_word(socket_of(row), false));
}

/* "812/sshd", of the first process. */
static void cell_netstat_program(const json_t *row, struct sw_strbuf *out)
{
	const json_t *p = json_array_get(json_object_get(socket_of(row), "processes"), 0);

	if (!p)
		return;
	sw_strbuf_printf(out, "%lld/", sw_cli_number(p, "pid"));
	put(out, sw_cli_text(p, "comm"));
}

static const struct sw_cli_column netstat_columns[] = {
	{"Proto", NULL, 0, cell_netstat_proto},
	{"Recv-Q", NULL, SW_COL_RIGHT, cell_recv_q},
	{"Send-Q", NULL, SW_COL_RIGHT, cell_send_q_netstat},
	{"Local Address", NULL, 0, cell_netstat_local},
	{"Foreign Address", NULL, SW_COL_BLANK, cell_netstat_remote},
	{"State", NULL, SW_COL_BLANK, cell_netstat_state},
	{"PID/Program name", NULL, SW_COL_WIDE, cell_netstat_program},
	{},
};

/* ---- ss -tulpnxa */

static void cell_ss_netid(const json_t *row, struct sw_strbuf *out)
{
	static const struct {
		const char *type, *word;
	} words[] = {{"stream", "u_str"}, {"dgram", "u_dgr"}, {"seqpacket", "u_seq"}};
	const json_t *s = socket_of(row);

	if (is_netlink(s)) {
		sw_strbuf_puts(out, "nl");
		return;
	}
	if (!is_unix(s)) {
		put(out, sw_streq(sw_sock_protocol(s), "packet") ? "p_raw" : sw_sock_protocol(s));
		return;
	}
	for (size_t i = 0; i < SW_ARRAY_SIZE(words); i++)
		if (sw_streq(words[i].type, sw_cli_text(s, "type")))
			sw_strbuf_puts(out, words[i].word);
}

static void cell_ss_state(const json_t *row, struct sw_strbuf *out)
{
	/* ss says so of netlink, whatever it listens to */
	sw_strbuf_puts(out, is_netlink(socket_of(row)) ? "UNCONN" : state_word(socket_of(row), true));
}

/* "*" is IPv6's any that takes IPv4 too; brackets are IPv6's; %lo the device it is bound to. */
static void put_ss_end(const json_t *s, const char *addr_key, const char *port_key, struct sw_strbuf *out)
{
	const char *addr = sw_cli_text(s, addr_key);
	unsigned int ifindex = (unsigned int)sw_cli_number(s, "ifindex");
	char name[IF_NAMESIZE];

	if (!*addr)
		addr = sw_cli_number(s, "family") == 6 ? "::" : "0.0.0.0";
	if (sw_streq(addr, "::") && !sw_cli_true(s, "v6only"))
		sw_strbuf_putc(out, '*');
	else if (is_mapped(s, addr))
		sw_strbuf_printf(out, "[::ffff:%s]", addr);
	else
		sw_strbuf_printf(out, strchr(addr, ':') ? "[%s]" : "%s", addr);
	if (ifindex && *addr_key == 'l' && if_indextoname(ifindex, name))
		sw_strbuf_printf(out, "%%%s", name);
	put_port(s, port_key, out);
}

static void cell_ss_local(const json_t *row, struct sw_strbuf *out)
{
	const json_t *s = socket_of(row);
	const char *path = sw_cli_text(s, "path");

	if (is_netlink(s)) {
		sw_strbuf_printf(out, "%lld:%lld", sw_cli_number(s, "netlink_number"),
			sw_cli_number(s, "netlink_port"));
		return;
	}
	if (!is_unix(s)) {
		put_ss_end(s, "local", "lport", out);
		return;
	}
	put(out, *path ? path : "*");
	sw_strbuf_printf(out, " %lld", sw_cli_number(s, "inode"));
}

static void cell_ss_remote(const json_t *row, struct sw_strbuf *out)
{
	if (is_netlink(socket_of(row)))
		sw_strbuf_putc(out, '*');
	else if (is_unix(socket_of(row)))
		sw_strbuf_printf(out, "* %lld", sw_cli_number(socket_of(row), "peer_inode"));
	else
		put_ss_end(socket_of(row), "remote", "rport", out);
}

static void cell_ss_process(const json_t *row, struct sw_strbuf *out)
{
	json_t *p;
	size_t i;

	json_array_foreach(json_object_get(socket_of(row), "processes"), i, p) {
		sw_strbuf_puts(out, i ? ",(\"" : "users:((\"");
		put(out, sw_cli_text(p, "comm"));
		sw_strbuf_printf(out, "\",pid=%lld,fd=%lld)", sw_cli_number(p, "pid"), sw_cli_number(p, "fd"));
	}
	if (out->len)
		sw_strbuf_putc(out, ')');
}

static const struct sw_cli_column ss_columns[] = {
	{"Netid", NULL, 0, cell_ss_netid},
	{"State", NULL, 0, cell_ss_state},
	{"Recv-Q", NULL, 0, cell_recv_q},
	{"Send-Q", NULL, 0, cell_send_q},
	{"Local Address:Port", NULL, 0, cell_ss_local},
	{"Peer Address:Port", NULL, 0, cell_ss_remote},
	{"Process", NULL, SW_COL_WIDE | SW_COL_BLANK, cell_ss_process},
	{},
};

/* ---- the views */

static const struct sw_sock_view views[] = {
	{"lsof", lsof_columns, .is_by_descriptor = true, .is_inet = true, .is_all = true},
	{"socklist", socklist_columns, .is_by_descriptor = true, .is_inet = true, .is_all = true},
	{"sockstat", sockstat_columns, .is_by_descriptor = true, .is_all = true},
	{"netstat", netstat_columns},
	{"ss", ss_columns},
	{},
};

const struct sw_sock_view *sw_sock_view_find(const char *name, const char **ret_near)
{
	const char *words[SW_ARRAY_SIZE(views)];
	size_t n = 0;

	for (const struct sw_sock_view *v = views; v->name; v++) {
		if (sw_streq(v->name, name))
			return v;
		words[n++] = v->name;
	}
	*ret_near = sw_nearest(name, words, n);
	return NULL;
}

/* Made and not used: it has no port, and the tools whose tables these are do not see it either. */
static bool is_unused(const json_t *s)
{
	const char *p = sw_sock_protocol(s);

	return (sw_streq(p, "tcp") || sw_streq(p, "udp")) && !sw_cli_number(s, "lport");
}

static bool is_shown(const struct sw_cli *c, const struct sw_sock_view *v, const json_t *s)
{
	return !is_unused(s) && (!v->is_inet || c->o.unix_domain || !is_unix(s));
}

static void expand(const struct sw_sock_view *v, json_t *s, json_t *rows)
{
	json_t *processes = json_object_get(s, "processes"), *p;
	size_t i;

	if (!v->is_by_descriptor || !json_array_size(processes)) {
		json_array_append_new(rows, json_pack("{sO}", "s", s));
		return;
	}
	json_array_foreach(processes, i, p)
		json_array_append_new(rows, json_pack("{sOsO}", "s", s, "p", p));
}

static int by_process(const void *a, const void *b)
{
	const json_t *x = process_of(*(json_t *const *)a), *y = process_of(*(json_t *const *)b);
	long long d = sw_cli_number(x, "pid") - sw_cli_number(y, "pid");

	if (!d)
		d = sw_cli_number(x, "fd") - sw_cli_number(y, "fd");
	return d < 0 ? -1 : d > 0;
}

static json_t *sorted(json_t *rows)
{
	size_t n = json_array_size(rows), i;
	json_t **at = calloc(n + 1, sizeof(*at)), *out = json_array(), *row;

	if (at) {
		json_array_foreach(rows, i, row)
			at[i] = row;
		qsort(at, n, sizeof(*at), by_process);
		for (i = 0; i < n; i++)
			json_array_append(out, at[i]);
		free(at);
	}
	json_decref(rows);
	return out;
}

static void with_wide(struct sw_cli_column *cols)
{
	for (; cols->title; cols++)
		cols->flags &= ~(unsigned int)SW_COL_WIDE;
}

void sw_sock_view_print(const struct sw_cli *c, const struct sw_sock_view *v, const json_t *sockets)
{
	struct sw_cli_column cols[SW_ARRAY_SIZE(lsof_columns)] = {};
	json_t *rows = json_array(), *s, *data;
	size_t i;

	for (i = 0; v->columns[i].title; i++)
		cols[i] = v->columns[i];
	if (c->o.processes)
		with_wide(cols);
	json_array_foreach(sockets, i, s)
		if (is_shown(c, v, s))
			expand(v, s, rows);
	if (v->is_by_descriptor)
		rows = sorted(rows);
	data = json_pack("{so}", "rows", rows);
	sw_cli_print_rows(c, data, "rows", cols, "no such sockets");
	json_decref(data);
}
