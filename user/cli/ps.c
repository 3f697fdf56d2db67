// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * ps: every process as `ps -ef` shows it, untruncated, with what it listens on. /proc is read as the
 * caller; what a process listens on comes from the engine, when it runs.
 */
#include "user/cli/ps.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <time.h>

#include "user/base/clock.h"
#include "user/cli/packages.h"

enum { CMDLINE_MAX = 2 << 20 /* of all arguments: beyond ARG_MAX's usual size */, C_MAX = 99, DAY_SEC = 86400 };

/* ---- one process */

struct stat_line {
	char comm[64];
	char state;
	int ppid;
	unsigned int tty;
	unsigned long long utime, stime, start; /* ticks */
};

static bool read_stat(int pid, struct stat_line *ret)
{
	char path[64], buf[1024], *open, *close;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (sw_read_file(path, buf, sizeof(buf)) <= 0)
		return false;
	open = strchr(buf, '(');
	close = strrchr(buf, ')');
	if (!open || !close || close < open)
		return false;
	snprintf(ret->comm, sizeof(ret->comm), "%.*s", (int)(close - open - 1), open + 1);
	return sscanf(close + 1, " %c %d %*d %*d %u %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu",
		       &ret->state, &ret->ppid, &ret->tty, &ret->utime, &ret->stime, &ret->start) == 6;
}

/* Arguments with spaces between; "" for a kernel thread or a zombie. */
static void read_cmdline(int pid, struct sw_strbuf *out)
{
	char path[64];
	_close_ int fd = -1;
	_free_ char *text = NULL;
	size_t len = 0;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || sw_read_all(fd, CMDLINE_MAX, &text, &len) < 0)
		return;
	while (len && (!text[len - 1] || text[len - 1] == ' '))
		len--;
	for (size_t i = 0; i < len; i++)
		sw_strbuf_putc(out, text[i] ? text[i] : ' ');
}

/* From the device's number: pseudo terminals are 136 to 143, the console and serial lines 4. */
static void put_tty(unsigned int tty, char *buf, size_t size)
{
	unsigned int number_major = (tty >> 8) & 0xfff, number_minor = (tty & 0xff) | ((tty >> 12) & 0xfff00);

	if (number_major >= 136 && number_major <= 143)
		snprintf(buf, size, "pts/%u", (number_major - 136) * 256 + number_minor);
	else if (number_major == 4 && number_minor < 64)
		snprintf(buf, size, "tty%u", number_minor);
	else if (number_major == 4)
		snprintf(buf, size, "ttyS%u", number_minor - 64);
	else
		snprintf(buf, size, "?");
}

/* "09:12" today, "Nov21" this year, else the year: as ps -f. */
static void put_stime(time_t start, time_t now, char *buf, size_t size)
{
	struct tm then, today;

	localtime_r(&start, &then);
	localtime_r(&now, &today);
	if (then.tm_year == today.tm_year && then.tm_yday == today.tm_yday)
		strftime(buf, size, "%H:%M", &then);
	else
		strftime(buf, size, then.tm_year == today.tm_year || now - start < DAY_SEC ? "%b%d" : "%Y", &then);
}

const char *sw_ps_user(uid_t uid, char buf[static SW_PS_USER_MAX])
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		sw_strcpy(buf, SW_PS_USER_MAX, pw->pw_name);
	else
		snprintf(buf, SW_PS_USER_MAX, "%u", uid);
	return buf;
}

/* The program of a process: "" where the caller may not know. */
static void read_exe(int pid, char *buf, size_t size)
{
	static const char gone[] = " (deleted)";
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, buf, size - 1);
	buf[SW_MAX(n, 0)] = 0;
	if (n > (ssize_t)strlen(gone) && sw_streq(buf + n - strlen(gone), gone))
		buf[(size_t)n - strlen(gone)] = 0;
}

const char *sw_ps_comm(int pid, char buf[static SW_PS_NAME_MAX])
{
	struct stat_line st = {};

	read_stat(pid, &st);
	sw_strcpy(buf, SW_PS_NAME_MAX, st.comm);
	return buf;
}

void sw_ps_set_text(json_t *o, const char *key, const char *text, size_t len)
{
	_strbuf_ struct sw_strbuf safe = {};
	json_t *s = json_stringn(text, len);

	if (!s) { /* not UTF-8 */
		sw_strbuf_safe(&safe, text, len);
		s = json_string(sw_strbuf_get(&safe));
	}
	json_object_set_new(o, key, s);
}

static void set_command(json_t *o, int pid, const struct stat_line *st)
{
	_strbuf_ struct sw_strbuf line = {};

	if (st->state != 'Z')
		read_cmdline(pid, &line);
	if (!line.len) /* as ps shows it */
		sw_strbuf_printf(&line, "[%s]%s", st->comm, st->state == 'Z' ? " <defunct>" : "");
	sw_ps_set_text(o, "command", sw_strbuf_get(&line), line.len);
}

struct moment {
	time_t now;
	double uptime_sec;
	long ticks;
};

static void set_times(json_t *o, const struct stat_line *st, const struct moment *m)
{
	unsigned long long used = (st->utime + st->stime) / (unsigned long long)m->ticks;
	double age = m->uptime_sec - (double)st->start / (double)m->ticks;
	double percent = age > 0 ? 100.0 * (double)(st->utime + st->stime) / (double)m->ticks / age : 0;
	time_t start = m->now - (time_t)SW_MAX(age, 0.0);
	char buf[64];

	json_object_set_new(o, "c", json_integer(percent > C_MAX ? C_MAX : (int)percent));
	put_stime(start, m->now, buf, sizeof(buf));
	json_object_set_new(o, "stime", json_string(buf));
	json_object_set_new(o, "start_at", json_string(sw_time_format(buf, (int64_t)start * (int64_t)SW_SEC_NS)));
	put_tty(st->tty, buf, sizeof(buf));
	json_object_set_new(o, "tty", json_string(buf));
	snprintf(buf, sizeof(buf), "%02llu:%02llu:%02llu", used / 3600, used / 60 % 60, used % 60);
	json_object_set_new(o, "time", json_string(buf));
}

static json_t *process_row(int pid, const struct moment *m)
{
	char path[64], exe[512], user[SW_PS_USER_MAX];
	struct stat_line st;
	struct stat owner;
	json_t *o;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (!read_stat(pid, &st) || stat(path, &owner) < 0)
		return NULL; /* it ended */
	o = json_object();
	json_object_set_new(o, "user", json_string(sw_ps_user(owner.st_uid, user)));
	json_object_set_new(o, "uid", json_integer(owner.st_uid));
	json_object_set_new(o, "pid", json_integer(pid));
	json_object_set_new(o, "ppid", json_integer(st.ppid));
	set_times(o, &st, m);
	set_command(o, pid, &st);
	sw_ps_set_text(o, "comm", st.comm, strlen(st.comm));
	read_exe(pid, exe, sizeof(exe));
	sw_ps_set_text(o, "executable", exe, strlen(exe));
	json_object_set_new(o, "listens", json_array());
	return o;
}

/* ---- all of them */

static int by_pid(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* *ret is the caller's. */
static size_t list_pids(int **ret)
{
	DIR *d = opendir("/proc");
	size_t n = 0, cap = 0;

	*ret = NULL;
	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		if (n == cap) {
			int *more = reallocarray(*ret, cap = cap ? cap * 2 : 512, sizeof(**ret));

			if (!more)
				break;
			*ret = more;
		}
		(*ret)[n++] = atoi(e->d_name);
	}
	if (d)
		closedir(d);
	if (n)
		qsort(*ret, n, sizeof(**ret), by_pid);
	return n;
}

static json_t *row_of_pid(const json_t *rows, long long pid)
{
	size_t low = 0, high = json_array_size(rows);

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (sw_cli_number(json_array_get(rows, mid), "pid") < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < json_array_size(rows) && sw_cli_number(json_array_get(rows, low), "pid") == pid ?
		json_array_get(rows, low) : NULL;
}

/* "tcp/0.0.0.0:22", "unix//run/x" */
static json_t *listen_text(const json_t *s)
{
	const char *local = sw_cli_text(s, "local"), *protocol = sw_cli_text(s, "protocol");
	bool is_v6 = strchr(local, ':') != NULL;

	if (!*local)
		return json_sprintf("%s/%s", protocol, sw_cli_text(s, "path"));
	return json_sprintf("%s/%s%s%s:%lld", protocol, is_v6 ? "[" : "", local, is_v6 ? "]" : "",
		sw_cli_number(s, "lport"));
}

static void add_listens(json_t *rows, const json_t *sockets)
{
	json_t *s, *p;
	size_t i, k;

	json_array_foreach(sockets, i, s) {
		long long last = 0;

		json_array_foreach(json_object_get(s, "processes"), k, p) {
			json_t *row = row_of_pid(rows, sw_cli_number(p, "pid"));

			if (row && sw_cli_number(p, "pid") != last)
				json_array_append_new(json_object_get(row, "listens"), listen_text(s));
			last = sw_cli_number(p, "pid");
		}
	}
}

static const struct sw_cli_column columns[] = {
	{"UID", "user"},
	{"PID", "pid", SW_COL_RIGHT},
	{"PPID", "ppid", SW_COL_RIGHT},
	{"C", "c", SW_COL_RIGHT},
	{"STIME", "stime"},
	{"TTY", "tty"},
	{"TIME", "time"},
	{"LISTENS", "listens", SW_COL_OPTIONAL},
	{"PACKAGE", "package", SW_COL_WIDE},
	{"CMD", "command"},
	{},
};

/* The path is that file in the root we see: not of a container's, and neither deleted nor replaced. */
static bool runs_our_file(const json_t *row)
{
	struct stat runs, there;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%lld/exe", sw_cli_number(row, "pid"));
	return stat(path, &runs) == 0 && stat(sw_cli_text(row, "executable"), &there) == 0 &&
	       runs.st_dev == there.st_dev && runs.st_ino == there.st_ino;
}

static void name_packages(const json_t *rows)
{
	json_t *ours = json_array(), *row;
	size_t i;

	json_array_foreach(rows, i, row)
		if (runs_our_file(row))
			json_array_append(ours, row);
	sw_cli_name_packages(ours);
	json_decref(ours);
}

static struct moment moment_now(void)
{
	struct moment m = {.now = time(NULL), .ticks = sysconf(_SC_CLK_TCK)};
	char buf[64] = "";

	sw_read_file("/proc/uptime", buf, sizeof(buf));
	m.uptime_sec = strtod(buf, NULL);
	return m;
}

static int list_processes(struct sw_cli *c)
{
	json_t *rows = json_array(), *data = NULL, *out, *row;
	struct moment m = moment_now();
	_free_ int *pids = NULL;
	size_t n = list_pids(&pids);
	int r;

	for (size_t i = 0; i < n; i++) {
		row = process_row(pids[i], &m);
		if (row)
			json_array_append_new(rows, row);
	}
	r = sw_cli_ask_quietly(c, "sockets.list", "{\"listening\":true,\"fresh\":true}", -1, &data);
	if (r == SW_EXIT_OK)
		add_listens(rows, json_object_get(data, "sockets"));
	else
		sw_cli_say(c, "what each listens on is not shown: the daemon is not running, or not for you to ask");
	if (c->format == SW_CLI_WIDE || c->format == SW_CLI_CSV)
		name_packages(rows);
	out = json_pack("{sisosb}", "schema_version", 1, "processes", rows, "listens_known", r == SW_EXIT_OK);
	sw_cli_print_rows(c, out, "processes", columns, "no processes");
	json_decref(out);
	json_decref(data);
	return SW_EXIT_OK;
}

int sw_cli_ps(struct sw_cli *c)
{
	const char *word = c->n_words ? c->words[0] : NULL;
	char *end = NULL;
	long pid = word ? strtol(word, &end, 10) : c->o.pid != SW_CLI_UNSET ? (long)c->o.pid : 0;

	if (word && (*end || pid <= 0))
		return sw_cli_error(SW_EXIT_USAGE, "such as: sockwarden ps 522", "'%s' is not a process's number", word);
	return pid ? sw_ps_files(c, (int)pid) : list_processes(c);
}
