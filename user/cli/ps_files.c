// SPDX-License-Identifier: GPL-3.0-or-later
/* The files of one process: directories, program, what is mapped, descriptors; sockets by the engine. */
#include "user/cli/ps.h"
#include "user/cli/sock_as.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { TARGET_MAX = 4096, COMMAND_SHOWN = 9 };
static const char deleted_mark[] = " (deleted)";

struct listing {
	int pid;
	char comm[SW_PS_NAME_MAX], user[SW_PS_USER_MAX];
	json_t *rows, *mapped; /* mapped: the files that have a row, by device and node */
	json_t *sockets; /* the engine's, or NULL */
	bool is_refused; /* something may be seen by its user and root only */
	uint64_t exe_inode;
};

static json_t *add_row(struct listing *l, const char *fd, const char *type)
{
	size_t len = strnlen(l->comm, COMMAND_SHOWN);
	json_t *o = json_object();

	while (len && ((unsigned char)l->comm[len] & 0xc0) == 0x80) /* not in the middle of a character */
		len--;
	sw_ps_set_text(o, "command", l->comm, len);
	json_object_set_new(o, "pid", json_integer(l->pid));
	json_object_set_new(o, "user", json_string(l->user));
	json_object_set_new(o, "fd", json_string(fd));
	json_object_set_new(o, "type", json_string(type));
	json_array_append_new(l->rows, o);
	return o;
}

static void set_name(json_t *o, const char *name)
{
	size_t len = strlen(name), mark = strlen(deleted_mark);

	sw_ps_set_text(o, "name", name, len);
	json_object_set_new(o, "deleted", json_boolean(len > mark && sw_streq(name + len - mark, deleted_mark)));
}

static const char *type_word(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "REG";
	case S_IFDIR:
		return "DIR";
	case S_IFCHR:
		return "CHR";
	case S_IFBLK:
		return "BLK";
	case S_IFIFO:
		return "FIFO";
	case S_IFSOCK:
		return "sock";
	default:
		return "unknown";
	}
}

static void set_stat(json_t *o, const struct stat *st)
{
	dev_t dev = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) ? st->st_rdev : st->st_dev;

	json_object_set_new(o, "device", json_sprintf("%u,%u", major(dev), minor(dev)));
	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode))
		json_object_set_new(o, "size", json_sprintf("%lld", (long long)st->st_size));
	else
		json_object_set_new(o, "size", json_string("0t0"));
	json_object_set_new(o, "node", json_sprintf("%llu", (unsigned long long)st->st_ino));
}

/* What a link under /proc/PID leads to; "" when the caller may not know. */
static bool read_target(struct listing *l, const char *path, char *target, struct stat *st)
{
	ssize_t n = readlink(path, target, TARGET_MAX - 1);

	if (n < 0) {
		l->is_refused |= errno == EACCES || errno == EPERM;
		return false;
	}
	target[n] = 0;
	if (stat(path, st) < 0)
		*st = (struct stat){};
	return true;
}

static void add_link(struct listing *l, const char *link, const char *fd)
{
	char path[64], target[TARGET_MAX];
	struct stat st;
	json_t *o;

	snprintf(path, sizeof(path), "/proc/%d/%s", l->pid, link);
	if (!read_target(l, path, target, &st))
		return;
	if (sw_streq(link, "exe"))
		l->exe_inode = st.st_ino;
	o = add_row(l, fd, type_word(st.st_mode));
	set_stat(o, &st);
	set_name(o, target);
}

/* ---- what is mapped */

/* A file is mapped in several parts, and is a row once; a process may map as many as it likes. */
static bool is_told(struct listing *l, const char *node, const char *device)
{
	char key[96];

	snprintf(key, sizeof(key), "%s %s", device, node);
	if (json_object_get(l->mapped, key))
		return true;
	json_object_set_new(l->mapped, key, json_true());
	return false;
}

/* One line of maps: "start-end perms offset major:minor inode   path". */
static void add_map(struct listing *l, const char *line)
{
	char range[64], device[32], node[32], path[128];
	unsigned int number_major, number_minor;
	unsigned long long inode;
	struct stat st;
	int at = 0;
	json_t *o;

	if (sscanf(line, "%63s %*s %*s %x:%x %llu %n", range, &number_major, &number_minor, &inode, &at) != 4)
		return;
	if (!inode || inode == l->exe_inode || line[at] != '/')
		return;
	snprintf(device, sizeof(device), "%u,%u", number_major, number_minor);
	snprintf(node, sizeof(node), "%llu", inode);
	if (is_told(l, node, device))
		return;
	o = add_row(l, "mem", "REG");
	json_object_set_new(o, "device", json_string(device));
	snprintf(path, sizeof(path), "/proc/%d/map_files/%s", l->pid, range);
	/* The link is root's alone; the path may be another file by now, then it has no size. */
	if (stat(path, &st) == 0 || (stat(line + at, &st) == 0 && st.st_ino == inode))
		json_object_set_new(o, "size", json_sprintf("%lld", (long long)st.st_size));
	json_object_set_new(o, "node", json_string(node));
	set_name(o, line + at);
}

static void add_maps(struct listing *l)
{
	_fclose_ FILE *f = NULL;
	_free_ char *line = NULL;
	char path[64];
	size_t cap = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", l->pid);
	f = fopen(path, "re");
	if (!f) {
		l->is_refused |= errno == EACCES || errno == EPERM;
		return;
	}
	while (getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		add_map(l, line);
	}
}

/* ---- descriptors */

/* "r", "w" or "u" for both, from the flags of /proc/PID/fdinfo. */
static char mode_of(const struct listing *l, const char *fd)
{
	char path[300], buf[512], *at;
	unsigned int flags = O_RDWR;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", l->pid, fd);
	if (sw_read_file(path, buf, sizeof(buf)) > 0 && (at = strstr(buf, "flags:")))
		flags = (unsigned int)strtoul(at + strlen("flags:"), NULL, 8);
	return (flags & O_ACCMODE) == O_RDONLY ? 'r' : (flags & O_ACCMODE) == O_WRONLY ? 'w' : 'u';
}

static const json_t *socket_of(const struct listing *l, unsigned long long inode)
{
	json_t *s;
	size_t i;

	json_array_foreach(l->sockets, i, s)
		if ((unsigned long long)sw_cli_number(s, "inode") == inode)
			return s;
	return NULL;
}

static void put_end(const json_t *s, const char *addr_key, const char *port_key, struct sw_strbuf *out)
{
	const char *addr = sw_cli_text(s, addr_key);

	if (!*addr || sw_streq(addr, "0.0.0.0") || sw_streq(addr, "::"))
		sw_strbuf_putc(out, '*');
	else
		sw_strbuf_printf(out, strchr(addr, ':') ? "[%s]" : "%s", addr);
	if (sw_cli_number(s, port_key))
		sw_strbuf_printf(out, ":%lld", sw_cli_number(s, port_key));
	else
		sw_strbuf_puts(out, ":*");
}

static void put_state(const json_t *s, struct sw_strbuf *out)
{
	if (!sw_streq(sw_sock_protocol(s), "tcp"))
		return;
	sw_strbuf_puts(out, " (");
	for (const char *p = sw_cli_text(s, "state"); *p; p++)
		sw_strbuf_putc(out, *p == '-' ? '_' : (char)toupper((unsigned char)*p));
	sw_strbuf_putc(out, ')');
}

static void set_socket(json_t *o, const json_t *s, const char *inode)
{
	_strbuf_ struct sw_strbuf name = {};
	const char *protocol = sw_sock_protocol(s);
	bool is_unix = sw_streq(protocol, "unix");

	json_object_set_new(o, "device", json_string(inode));
	json_object_set_new(o, "size", json_string("0t0"));
	if (is_unix) {
		json_object_set_new(o, "type", json_string("unix"));
		json_object_set_new(o, "node", json_string(inode));
		sw_strbuf_printf(&name, *sw_cli_text(s, "path") ? "%s type=%s" : "%stype=%s", sw_cli_text(s, "path"),
			sw_cli_text(s, "type"));
		set_name(o, sw_strbuf_get(&name));
		return;
	}
	if (sw_cli_number(s, "family"))
		json_object_set_new(o, "type", json_sprintf("IPv%lld", sw_cli_number(s, "family")));
	else
		json_object_set_new(o, "type", json_string("pack"));
	for (const char *p = protocol; *p; p++)
		sw_strbuf_putc(&name, (char)toupper((unsigned char)*p));
	json_object_set_new(o, "node", json_string(sw_strbuf_get(&name)));
	sw_strbuf_reset(&name);
	put_end(s, "local", "lport", &name);
	if (sw_cli_number(s, "rport")) {
		sw_strbuf_puts(&name, "->");
		put_end(s, "remote", "rport", &name);
	}
	put_state(s, &name);
	set_name(o, sw_strbuf_get(&name));
}

static void add_descriptor(struct listing *l, const char *number)
{
	char path[300], target[TARGET_MAX], fd[32];
	unsigned long long inode;
	const json_t *s = NULL;
	struct stat st;
	json_t *o;

	snprintf(path, sizeof(path), "/proc/%d/fd/%s", l->pid, number);
	if (!read_target(l, path, target, &st))
		return;
	snprintf(fd, sizeof(fd), "%.20s%c", number, mode_of(l, number));
	o = add_row(l, fd, type_word(st.st_mode));
	if (sscanf(target, "socket:[%llu]", &inode) == 1 && (s = socket_of(l, inode))) {
		snprintf(fd, sizeof(fd), "%llu", inode);
		set_socket(o, s, fd);
		return;
	}
	set_stat(o, &st);
	if (!strncmp(target, "anon_inode:", 11))
		json_object_set_new(o, "type", json_string("a_inode"));
	set_name(o, S_ISFIFO(st.st_mode) && !strncmp(target, "pipe:", 5) ? "pipe" :
			!strncmp(target, "anon_inode:", 11) ? target + 11 : target);
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	return atoi((*a)->d_name) - atoi((*b)->d_name);
}

static int is_number(const struct dirent *e)
{
	return isdigit((unsigned char)e->d_name[0]);
}

static void add_descriptors(struct listing *l)
{
	struct dirent **names = NULL;
	char path[64];
	int n;

	snprintf(path, sizeof(path), "/proc/%d/fd", l->pid);
	n = scandir(path, &names, is_number, by_number);
	l->is_refused |= n < 0 && (errno == EACCES || errno == EPERM);
	for (int i = 0; i < n; i++) {
		add_descriptor(l, names[i]->d_name);
		free(names[i]);
	}
	free(names);
}

/* ---- the list */

static const struct sw_cli_column columns[] = {
	{"COMMAND", "command"},
	{"PID", "pid", SW_COL_RIGHT},
	{"USER", "user", SW_COL_RIGHT},
	{"FD", "fd", SW_COL_RIGHT},
	{"TYPE", "type", SW_COL_RIGHT},
	{"DEVICE", "device", SW_COL_RIGHT},
	{"SIZE/OFF", "size", SW_COL_RIGHT},
	{"NODE", "node", SW_COL_RIGHT},
	{"NAME", "name"},
	{},
};

static json_t *ask_sockets(struct sw_cli *c, int pid)
{
	json_t *data = NULL;
	char args[96];

	snprintf(args, sizeof(args), "{\"all\":true,\"fresh\":true,\"pid\":%d}", pid);
	if (sw_cli_ask_quietly(c, "sockets.list", args, -1, &data) != SW_EXIT_OK) {
		sw_cli_say(c, "sockets have no addresses here: the daemon is not running, or not for you to ask");
		return NULL;
	}
	return data;
}

int sw_ps_files(struct sw_cli *c, int pid)
{
	struct listing l = {.pid = pid};
	json_t *data, *out;
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (stat(path, &st) < 0)
		return sw_cli_error(SW_EXIT_NEGATIVE, NULL, "there is no process %d", pid);
	sw_ps_comm(pid, l.comm);
	sw_ps_user(st.st_uid, l.user);
	l.rows = json_array();
	l.mapped = json_object();
	data = ask_sockets(c, pid);
	l.sockets = json_object_get(data, "sockets");
	add_link(&l, "cwd", "cwd");
	add_link(&l, "root", "rtd");
	add_link(&l, "exe", "txt");
	add_maps(&l);
	add_descriptors(&l);
	if (l.is_refused)
		sw_cli_say(c, "only its user and root may see all files of process %d", pid);
	out = json_pack("{sisosb}", "schema_version", 1, "files", l.rows, "complete", !l.is_refused);
	sw_cli_print_rows(c, out, "files", columns, "it has no files that you may see");
	json_decref(out);
	json_decref(data);
	json_decref(l.mapped);
	return SW_EXIT_OK;
}
