// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/cli/boot.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { PATH_LEN = 512, LIST_MAX = 16 << 20 /* the largest of dpkg's lists is a few megabytes */ };

static const char *const unit_dirs[] = {"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system", "/lib/systemd/system"};
static const char *const rc_dirs[] = {"/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d", "/etc/rcS.d",
	"/etc/rc.d/rc3.d", "/etc/rc.d/rc5.d"};

const char *sw_boot_word(enum sw_boot boot)
{
	static const char *const words[] = {"unknown", "no", "yes"};

	return words[boot];
}

static bool is_there(const char *root, const char *dir, const char *name)
{
	char path[PATH_LEN];
	struct stat st;

	return snprintf(path, sizeof(path), "%s%s/%s", root, dir, name) < (int)sizeof(path) && lstat(path, &st) == 0;
}

/* "getty@tty1.service" is made from "getty@.service". */
static void template_of(const char *unit, char *ret, size_t size)
{
	const char *at = strchr(unit, '@'), *dot = strrchr(unit, '.');

	if (at && dot && dot > at)
		snprintf(ret, size, "%.*s@%s", (int)(at - unit), unit, dot);
	else
		snprintf(ret, size, "%s", unit);
}

bool sw_boot_has_unit(const char *root, const char *unit)
{
	char name[PATH_LEN / 2];

	template_of(unit, name, sizeof(name));
	for (size_t i = 0; i < SW_ARRAY_SIZE(unit_dirs); i++)
		if (is_there(root, unit_dirs[i], unit) || is_there(root, unit_dirs[i], name))
			return true;
	return false;
}

bool sw_boot_has_script(const char *root, const char *name)
{
	return is_there(root, "/etc/init.d", name) || is_there(root, "/etc/rc.d/init.d", name);
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	return n > s && !strcmp(name + n - s, suffix);
}

struct search {
	const char *root, *dir, *name;
	struct sw_strbuf *why;
};

/* True once is_it is true of an entry of s->dir. */
static bool find_entry(const struct search *s, bool (*is_it)(const struct search *s, const char *entry))
{
	char path[PATH_LEN];
	bool is_found = false;
	DIR *d;

	snprintf(path, sizeof(path), "%s%s", s->root, s->dir);
	d = opendir(path);
	if (!d)
		return false;
	for (struct dirent *e = readdir(d); e && !is_found; e = readdir(d))
		is_found = is_it(s, e->d_name);
	closedir(d);
	return is_found;
}

/* A .wants or .requires directory with a link to the unit. */
static bool has_link(const struct search *s, const char *entry)
{
	char path[PATH_LEN];

	if (!has_suffix(entry, ".wants") && !has_suffix(entry, ".requires"))
		return false;
	if (snprintf(path, sizeof(path), "%s/%s", s->dir, entry) >= (int)sizeof(path))
		return false;
	if (!is_there(s->root, path, s->name))
		return false;
	sw_strbuf_printf(s->why, "%s/%s", path, s->name);
	return true;
}

static bool is_wanted(const char *root, const char *dir, const char *unit, struct sw_strbuf *why)
{
	return find_entry(&(struct search){root, dir, unit, why}, has_link);
}

/* "S01ssh" for ssh. */
static bool is_link_of_script(const struct search *s, const char *entry)
{
	if (entry[0] != 'S' || strlen(entry) <= 3 || strcmp(entry + 3, s->name) != 0)
		return false;
	sw_strbuf_printf(s->why, "%s/%s", s->dir, entry);
	return true;
}

static bool is_linked(const char *root, const char *dir, const char *name, struct sw_strbuf *why)
{
	return find_entry(&(struct search){root, dir, name, why}, is_link_of_script);
}

static bool starts_by_unit(const char *root, const char *unit, struct sw_strbuf *why)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(unit_dirs); i++)
		if (is_wanted(root, unit_dirs[i], unit, why))
			return true;
	return false;
}

enum sw_boot sw_boot_starts(const char *root, const char *unit, struct sw_strbuf *why)
{
	char name[PATH_LEN / 2], socket[PATH_LEN / 2 + 8];
	bool has_unit = sw_boot_has_unit(root, unit);

	snprintf(name, sizeof(name), "%.*s", (int)(strrchr(unit, '.') ? strrchr(unit, '.') - unit : (long)strlen(unit)),
		unit);
	snprintf(socket, sizeof(socket), "%s.socket", name);
	if (starts_by_unit(root, unit, why) || starts_by_unit(root, socket, why))
		return SW_BOOT_YES;
	/* Where a unit is there, systemd does not look at the script of its name. */
	for (size_t i = 0; !has_unit && i < SW_ARRAY_SIZE(rc_dirs); i++)
		if (is_linked(root, rc_dirs[i], name, why))
			return SW_BOOT_YES;
	return has_unit || sw_boot_has_script(root, name) ? SW_BOOT_NO : SW_BOOT_UNKNOWN;
}

/* ---- dpkg */

static bool list_has(const char *text, size_t len, const char *path)
{
	char line[PATH_LEN];
	int n = snprintf(line, sizeof(line), "\n%s\n", path);

	return n > 0 && n < (int)sizeof(line) && memmem(text, len, line, (size_t)n) != NULL;
}

/* With /bin merged into /usr/bin a list may have the other of the two paths. */
static bool has_file(const char *text, size_t len, const char *path)
{
	return list_has(text, len, path) || (!strncmp(path, "/usr/", 5) && list_has(text, len, path + 4));
}

static void look_into(int dir, const char *name, struct sw_packaged *files, size_t n)
{
	_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	_free_ char *text = NULL;
	size_t len;

	if (fd < 0 || sw_read_all(fd, LIST_MAX, &text, &len) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (!files[i].package[0] && has_file(text, len, files[i].path))
			snprintf(files[i].package, sizeof(files[i].package), "%.*s", (int)strcspn(name, ":"), name);
	/* "libc6:amd64.list" and "bash.list": the name ends at the colon or at ".list" */
	for (size_t i = 0; i < n; i++)
		if (has_suffix(files[i].package, ".list"))
			files[i].package[strlen(files[i].package) - 5] = 0;
}

void sw_boot_packages(const char *root, struct sw_packaged *files, size_t n)
{
	char path[PATH_LEN];
	DIR *d;

	if (!n)
		return;
	snprintf(path, sizeof(path), "%s/var/lib/dpkg/info", root);
	d = opendir(path);
	if (!d)
		return;
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (has_suffix(e->d_name, ".list"))
			look_into(dirfd(d), e->d_name, files, n);
	closedir(d);
}
