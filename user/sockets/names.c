// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/sockets/names.h"

#include <ctype.h>

/* How each runtime names the directory of a container: before its id. */
static const struct {
	const char *prefix, *runtime;
} prefixes[] = {
	{"docker-", "docker"},
	{"cri-containerd-", "containerd"},
	{"cri-containerd:", "containerd"},
	{"containerd-", "containerd"},
	{"crio-conmon-", ""}, /* the monitor beside the container: the host's */
	{"libpod-conmon-", ""},
	{"crio-", "crio"},
	{"libpod-", "podman"},
};

enum { ID_DIGITS_MIN = 32, ID_DIGITS_MAX = 64, SEGMENT_MAX = 256 };

/* Digits of an id at the start of text, 0 when it is none: the rest must be the end or a suffix. */
static size_t id_len(const char *text)
{
	size_t n = 0;

	while (isxdigit((unsigned char)text[n]))
		n++;
	if (n < ID_DIGITS_MIN || n > ID_DIGITS_MAX)
		return 0;
	return !text[n] || sw_streq(text + n, ".scope") || sw_streq(text + n, ".service") ? n : 0;
}

static void set_container(struct sw_names *ret, const char *id, const char *runtime)
{
	snprintf(ret->container, sizeof(ret->container), "%.*s", SW_CONTAINER_ID_SHOWN, id);
	snprintf(ret->id, sizeof(ret->id), "%.*s", (int)id_len(id), id);
	snprintf(ret->runtime, sizeof(ret->runtime), "%s", runtime);
}

/* One directory of the path: true when it names a container. */
static bool take_container(const char *name, const char *parent, struct sw_names *ret)
{
	const char *last = strrchr(name, ':');

	for (size_t i = 0; i < SW_ARRAY_SIZE(prefixes); i++) {
		size_t n = strlen(prefixes[i].prefix);

		if (strncmp(name, prefixes[i].prefix, n) != 0)
			continue;
		if (!*prefixes[i].runtime)
			return false;
		if (!id_len(name + n))
			continue;
		set_container(ret, name + n, prefixes[i].runtime);
		return true;
	}
	/* "kubepods-...-podUID.slice:cri-containerd:ID", as containerd writes with the systemd driver */
	if (last && strstr(name, ":cri-containerd:") && id_len(last + 1)) {
		set_container(ret, last + 1, "containerd");
		return true;
	}
	if (!id_len(name))
		return false;
	if (sw_streq(parent, "docker") || sw_streq(parent, "libpod_parent") || sw_streq(parent, "libpod")) {
		set_container(ret, name, sw_streq(parent, "docker") ? "docker" : "podman");
		return true;
	}
	/* "/kubepods/burstable/podUID/ID", the cgroupfs driver */
	if (strncmp(parent, "pod", 3) == 0) {
		set_container(ret, name, "kubernetes");
		return true;
	}
	return false;
}

enum { UID_LEN = 36 };

/*
 * "podUID", "kubepods-burstable-podUID.slice": systemd's driver writes its dashes as underscores. A static pod's is
 * a hash of 32 digits.
 */
static void take_pod(const char *name, struct sw_names *ret)
{
	const char *uid = strncmp(name, "pod", 3) == 0 ? name : strncmp(name, "kubepods", 8) == 0 ? strstr(name, "-pod") : NULL;
	size_t n;

	if (!uid)
		return;
	uid += strcspn(uid, "p") + 3;
	n = strspn(uid, "0123456789abcdef-_");
	if ((n != UID_LEN && n != ID_DIGITS_MIN) || (uid[n] && uid[n] != '.'))
		return;
	for (size_t i = 0; i < n; i++)
		ret->pod_uid[i] = uid[i] == '_' ? '-' : uid[i];
	ret->pod_uid[n] = 0;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	return n > s && sw_streq(name + n - s, suffix);
}

/* Services and scopes, sockets and mounts as they own processes too; slices only group them. */
static bool is_unit(const char *name)
{
	static const char *const suffixes[] = {".service", ".scope", ".socket", ".mount", ".swap"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(suffixes); i++)
		if (has_suffix(name, suffixes[i]))
			return true;
	return false;
}

void sw_names_from_path(const char *path, struct sw_names *ret)
{
	char name[SEGMENT_MAX], parent[SEGMENT_MAX] = "";

	memset(ret, 0, sizeof(*ret));
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n && n < sizeof(name)) {
			memcpy(name, path, n);
			name[n] = 0;
			take_pod(name, ret);
			if (!take_container(name, parent, ret) && is_unit(name) && !*ret->container)
				sw_strcpy(ret->unit, sizeof(ret->unit), name);
			memcpy(parent, name, n + 1);
		}
		path += n;
		path += *path == '/';
	}
}

/* Controllers whose hierarchy systemd and the runtimes place every process in; "" is v2. */
static bool is_telling(const char *controllers, size_t n)
{
	return n == 0 || (n == 4 && memcmp(controllers, "pids", 4) == 0) ||
	       (n == 12 && memcmp(controllers, "name=systemd", 12) == 0);
}

static void take_line(const char *line, size_t len, struct sw_names *ret)
{
	const char *controllers = memchr(line, ':', len), *path;
	struct sw_names found;
	char buf[1024];
	size_t n;

	if (!controllers++)
		return;
	path = memchr(controllers, ':', len - (size_t)(controllers - line));
	if (!path || !is_telling(controllers, (size_t)(path - controllers)))
		return;
	path++;
	n = SW_MIN(len - (size_t)(path - line), sizeof(buf) - 1);
	memcpy(buf, path, n);
	buf[n] = 0;
	sw_names_from_path(buf, &found);
	if (*found.container && !*ret->container) {
		memcpy(ret->container, found.container, sizeof(ret->container));
		memcpy(ret->runtime, found.runtime, sizeof(ret->runtime));
		memcpy(ret->id, found.id, sizeof(ret->id));
	}
	if (*found.pod_uid && !*ret->pod_uid)
		memcpy(ret->pod_uid, found.pod_uid, sizeof(ret->pod_uid));
	if (*found.unit && !*ret->unit)
		memcpy(ret->unit, found.unit, sizeof(ret->unit));
}

void sw_names_from_cgroup(const char *text, struct sw_names *ret)
{
	memset(ret, 0, sizeof(*ret));
	while (*text) {
		size_t n = strcspn(text, "\n");

		take_line(text, n, ret);
		text += n;
		text += *text == '\n';
	}
}
