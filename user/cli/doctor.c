// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/cli/doctor.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>

#include "user/base/clock.h"
#include "user/cli/table.h"
#include "user/conf/conf.h"
#include "user/conf/tree.h"
#include "user/kern/cgroup.h"

enum {
	KERNEL_MAJOR = 6,  /* before 5.19 an unprivileged process may not look a map up; 6.1 is tested */
	KERNEL_MINOR = 1,
	DISK_LOW_MB = 256, /* less is soon used up by the database and the lists */
	DISK_NONE_MB = 16,
	YEAR_MIN = 2025,   /* a clock before this was never set */
};

static const char *const state_words[] = {"ok", "warn", "fail"};

void sw_doctor_add(struct sw_doctor *d, enum sw_doctor_state state, const char *name, const char *fix,
	const char *fmt, ...)
{
	_free_ char *text = NULL;
	json_t *check;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	check = json_pack("{s:s, s:s, s:s, s:s?}", "name", name, "state", state_words[state], "text", text ? text : "",
		"fix", state == SW_DOCTOR_OK ? NULL : fix);
	if (check)
		json_array_append_new(d->checks, check);
	d->worst = SW_MAX(d->worst, state);
}

static void check_kernel(struct sw_doctor *d)
{
	struct utsname u;
	unsigned int major = 0, minor = 0;
	bool is_new;

	uname(&u);
	(void)sscanf(u.release, "%u.%u", &major, &minor);
	is_new = major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR);
	sw_doctor_add(d, is_new ? SW_DOCTOR_OK : SW_DOCTOR_FAIL, "kernel", "boot a kernel of 6.1 or newer",
		is_new ? "%s" : "%s is too old: 6.1 is the oldest that works", u.release);
}

static void check_btf(struct sw_doctor *d)
{
	bool is_there = access("/sys/kernel/btf/vmlinux", R_OK) == 0;

	sw_doctor_add(d, is_there ? SW_DOCTOR_OK : SW_DOCTOR_FAIL, "btf",
		"boot a kernel built with CONFIG_DEBUG_INFO_BTF=y (every distribution's has it)",
		is_there ? "the kernel describes its types" : "/sys/kernel/btf/vmlinux cannot be read");
}

static void check_jit(struct sw_doctor *d)
{
	char text[16];

	if (sw_read_file("/proc/sys/net/core/bpf_jit_enable", text, sizeof(text)) <= 0)
		sw_doctor_add(d, SW_DOCTOR_OK, "jit", NULL, "not to be asked here: most kernels compile BPF always");
	else if (text[0] == '0')
		sw_doctor_add(d, SW_DOCTOR_WARN, "jit", "sysctl net.core.bpf_jit_enable=1",
			"BPF is interpreted: ten times slower per packet");
	else
		sw_doctor_add(d, SW_DOCTOR_OK, "jit", NULL, "BPF is compiled");
}

static void check_lockdown(struct sw_doctor *d)
{
	char text[96];

	if (sw_read_file("/sys/kernel/security/lockdown", text, sizeof(text)) <= 0)
		sw_doctor_add(d, SW_DOCTOR_OK, "lockdown", NULL, "not in force, or not to be asked here");
	else if (strstr(text, "[confidentiality]"))
		sw_doctor_add(d, SW_DOCTOR_WARN, "lockdown", "boot with lockdown=integrity, or without",
			"confidentiality: BPF may not read kernel memory; paths and arguments come from /proc, the socket "
			"policy tells of what a rule with executable or container denies and does not refuse it");
	else
		sw_doctor_add(d, SW_DOCTOR_OK, "lockdown", NULL, "%s",
			strstr(text, "[integrity]") ? "integrity: some hooks may be refused; the next one is taken" : "none");
}

static void check_capabilities(struct sw_doctor *d)
{
	static const struct {
		int cap;
		const char *name;
	} rows[] = {
		{CAP_BPF, "BPF"}, {CAP_PERFMON, "PERFMON"}, {CAP_NET_ADMIN, "NET_ADMIN"}, {CAP_SYS_ADMIN, "SYS_ADMIN"}};
	_strbuf_ struct sw_strbuf missing = {};
	char text[4096], *at;
	unsigned long long bound = 0;

	if (sw_read_file("/proc/self/status", text, sizeof(text)) <= 0)
		return;
	at = strstr(text, geteuid() == 0 ? "CapEff:" : "CapBnd:");
	if (at)
		bound = strtoull(at + 7, NULL, 16);
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		if (!(bound & 1ull << rows[i].cap))
			sw_strbuf_printf(&missing, "%sCAP_%s", missing.len ? ", " : "", rows[i].name);
	}
	if (missing.len)
		sw_doctor_add(d, SW_DOCTOR_FAIL, "capabilities",
			"in a container: --cap-add BPF,PERFMON,NET_ADMIN,SYS_ADMIN (and host network and PID namespaces)",
			"not to be had here: %s", sw_strbuf_get(&missing));
	else
		sw_doctor_add(d, SW_DOCTOR_OK, "capabilities", NULL, "BPF, PERFMON, NET_ADMIN and SYS_ADMIN can be had");
}

/* The first directory of path that exists. */
static void existing(const char *path, char *buf, size_t size)
{
	char *slash;

	sw_strcpy(buf, size, path);
	while (buf[1] && access(buf, F_OK) < 0 && (slash = strrchr(buf, '/')))
		slash[slash == buf] = 0;
}

static void check_bpffs(struct sw_doctor *d)
{
	char dir[256];
	struct statfs st;

	existing(d->cli->o.paths.bpffs_dir, dir, sizeof(dir));
	if (statfs(dir, &st) == 0 && st.f_type == BPF_FS_MAGIC)
		sw_doctor_add(d, SW_DOCTOR_OK, "bpffs", NULL, "%s is on one", d->cli->o.paths.bpffs_dir);
	else
		sw_doctor_add(d, SW_DOCTOR_WARN, "bpffs", "mount -t bpf bpf /sys/fs/bpf (the daemon does it where it may)",
			"%s is not on a BPF file system: protection would end with the daemon", d->cli->o.paths.bpffs_dir);
}

static void check_cgroup(struct sw_doctor *d)
{
	const char *given = d->cli->o.paths.cgroup_dir;
	_close_ int fd = sw_cgroup_open(given);

	if (fd >= 0)
		sw_doctor_add(d, SW_DOCTOR_OK, "cgroup", NULL, "cgroup v2 is mounted");
	else
		sw_doctor_add(d, SW_DOCTOR_FAIL, "cgroup", "mount -t cgroup2 none /sys/fs/cgroup/unified",
			"no cgroup v2%s%s: the owners of sockets cannot be followed", given ? " at " : "", given ? given : "");
}

static void check_clock(struct sw_doctor *d)
{
	struct timex t = {};
	time_t now = time(NULL);
	struct tm tm;
	int state = adjtimex(&t);

	gmtime_r(&now, &tm);
	if (tm.tm_year + 1900 < YEAR_MIN)
		sw_doctor_add(d, SW_DOCTOR_FAIL, "clock", "set it: timedatectl set-ntp true, or date -s",
			"it says %d: the ends of bans over a restart cannot be right", tm.tm_year + 1900);
	else if (state == TIME_ERROR || t.status & STA_UNSYNC)
		sw_doctor_add(d, SW_DOCTOR_WARN, "clock", "timedatectl set-ntp true, or install chrony",
			"set, but nothing keeps it right");
	else
		sw_doctor_add(d, SW_DOCTOR_OK, "clock", NULL, "set and kept right");
}

static void check_disk(struct sw_doctor *d)
{
	const char *state = d->cli->o.paths.state_dir;
	char dir[256], fix[320];
	struct statvfs st;
	unsigned long long mb;

	existing(state, dir, sizeof(dir));
	if (statvfs(dir, &st) < 0) {
		sw_doctor_add(d, SW_DOCTOR_FAIL, "disk", "choose another place: --state-dir", "%s: %s", dir, strerror(errno));
		return;
	}
	mb = (unsigned long long)st.f_bavail * st.f_frsize >> 20;
	snprintf(fix, sizeof(fix), "make room under %s, or set store.max_size lower", dir);
	if (st.f_flag & ST_RDONLY)
		sw_doctor_add(d, SW_DOCTOR_FAIL, "disk", "choose another place: --state-dir", "%s is read-only", dir);
	else
		sw_doctor_add(d,
			mb < DISK_NONE_MB ? SW_DOCTOR_FAIL : mb < DISK_LOW_MB ? SW_DOCTOR_WARN : SW_DOCTOR_OK,
			"disk", fix, "%llu MiB free for %s", mb, state);
}

int sw_doctor_configuration(struct sw_doctor *d, struct sw_strbuf *errors)
{
	const char *file = d->cli->o.paths.config_file;
	_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
	_free_ char *text = NULL;
	size_t len = 0;
	int r;

	sw_conf_defaults(&d->conf);
	if (fd < 0)
		return -errno;
	r = sw_read_all(fd, SW_CONF_BYTES_MAX + 1, &text, &len);
	return r < 0 ? r : sw_conf_parse(file, text, len, &d->conf, errors);
}

static void check_configuration(struct sw_doctor *d)
{
	const char *file = d->cli->o.paths.config_file;
	_strbuf_ struct sw_strbuf errors = {};
	int r = sw_doctor_configuration(d, &errors);

	if (r == -ENOENT)
		sw_doctor_add(d, SW_DOCTOR_OK, "config", NULL, "%s is not there: every setting is at its default", file);
	else if (r == -EINVAL)
		sw_doctor_add(d, SW_DOCTOR_FAIL, "config", "sockwarden config check tells all of it", "%.*s",
			(int)strcspn(sw_strbuf_get(&errors), "\n"), sw_strbuf_get(&errors));
	else if (r < 0)
		sw_doctor_add(d, SW_DOCTOR_WARN, "config", "run doctor as root", "%s: %s", file, strerror(-r));
	else
		sw_doctor_add(d, SW_DOCTOR_OK, "config", NULL, "%s is good", file);
}

static const struct {
	void (*fn)(struct sw_doctor *d);
} rows[] = {
	{check_kernel},
	{check_btf},
	{check_jit},
	{check_lockdown},
	{check_capabilities},
	{check_bpffs},
	{check_cgroup},
	{check_clock},
	{check_disk},
	{check_configuration},
	{sw_doctor_devices},
	{sw_doctor_daemon},
	{sw_doctor_hooks},
	{sw_doctor_backends},
	{sw_doctor_crowdsec},
	{sw_doctor_crowdsec_reports},
	{sw_doctor_administrator},
	{sw_doctor_cut},
	{sw_doctor_alerts},
};

enum { STATE_WIDTH = 6, NAME_WIDTH = 17, FIX_WIDTH = 5 }; /* the longest of each, and a space */

static const char *color_state(const char *text)
{
	return sw_streq(text, "fail") ? "31" : sw_streq(text, "warn") ? "33" : "32";
}

static void print_check(const struct sw_cli *c, const json_t *check)
{
	const char *state = sw_cli_text(check, "state"), *fix = sw_cli_text(check, "fix");

	sw_cli_put(c, color_state(state), state);
	printf("%-*s%-*s", (int)(STATE_WIDTH - strlen(state)), "", NAME_WIDTH, sw_cli_text(check, "name"));
	sw_cli_put_wrapped(c, sw_cli_text(check, "text"), STATE_WIDTH + NAME_WIDTH);
	if (*fix) {
		printf("%*sfix: ", STATE_WIDTH + NAME_WIDTH, "");
		sw_cli_put_wrapped(c, fix, STATE_WIDTH + NAME_WIDTH + FIX_WIDTH);
	}
}

int sw_cli_doctor(struct sw_cli *c)
{
	static const struct sw_cli_column cols[] = {
		{"STATE", "state"}, {"NAME", "name"}, {"TEXT", "text"}, {"FIX", "fix"}, {}};
	struct sw_doctor d = {.cli = c};
	json_t *data, *check, *coverage;
	size_t i;

	if (c->o.plan)
		return sw_doctor_plan(&d, c->o.plan);
	d.checks = json_array();
	for (i = 0; i < SW_ARRAY_SIZE(rows); i++)
		rows[i].fn(&d);
	coverage = sw_doctor_coverage(&d);
	json_decref(d.status);
	data = json_pack("{s:i, s:s, s:o, s:o}", "schema_version", 1, "state", state_words[d.worst], "checks", d.checks,
		"coverage", coverage);
	if (c->format == SW_CLI_TABLE || c->format == SW_CLI_WIDE) {
		json_array_foreach(d.checks, i, check)
			print_check(c, check);
		sw_doctor_print_coverage(c, coverage);
	} else {
		sw_cli_print_rows(c, data, "checks", cols, "");
	}
	json_decref(data);
	return d.worst == SW_DOCTOR_FAIL ? SW_EXIT_DEGRADED : SW_EXIT_OK;
}
