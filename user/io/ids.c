// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/io/ids.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

struct role_row {
	const char *user;
	size_t uid_at, gid_at;
};

#define ROW(name)                                                                                  \
	{                                                                                          \
		"sockwarden-" #name, offsetof(struct sw_ids, name##_uid),                          \
			offsetof(struct sw_ids, name##_gid)                                        \
	}
static const struct role_row roles[] = {ROW(engine), ROW(net), ROW(web), ROW(config)};

static bool is_running(uid_t id)
{
	DIR *d = opendir("/proc");
	bool found = false;

	if (!d)
		return false;
	for (struct dirent *e = readdir(d); e && !found; e = readdir(d)) {
		struct stat st;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		found = fstatat(dirfd(d), e->d_name, &st, 0) == 0 &&
			(st.st_uid == id || st.st_gid == id);
	}
	closedir(d);
	return found;
}

static bool is_used_here(uid_t id)
{
	return getpwuid(id) || getgrgid(id) || is_running(id);
}

int sw_ids_next_free(uid_t *from, bool (*is_used)(uid_t id), uid_t *ret)
{
	if (!is_used)
		is_used = is_used_here;
	for (uid_t id = SW_MAX(*from, (uid_t)SW_DYNAMIC_ID_MIN); id <= SW_DYNAMIC_ID_MAX; id++) {
		if (is_used(id))
			continue;
		*from = id + 1;
		*ret = id;
		return 0;
	}
	return -EAGAIN;
}

static gid_t group_id(const char *name)
{
	const struct group *g = getgrnam(name);

	return g ? g->gr_gid : (gid_t)-1;
}

static int choose(uid_t *from, uid_t keep, uid_t *ret)
{
	if (keep) {
		*ret = keep;
		return 0;
	}
	return sw_ids_next_free(from, NULL, ret);
}

int sw_ids_find(uid_t state_owner, struct sw_ids *ret)
{
	struct sw_ids ids = {
		.reader_gid = group_id("sockwarden"), .admin_gid = group_id("sockwarden-admin")};
	uid_t from = SW_DYNAMIC_ID_MIN;
	bool is_dynamic_owner = state_owner >= SW_DYNAMIC_ID_MIN &&
		state_owner <= SW_DYNAMIC_ID_MAX && !getpwuid(state_owner) &&
		!getgrgid(state_owner);

	for (size_t i = 0; i < SW_ARRAY_SIZE(roles); i++) {
		uid_t *uid = (uid_t *)((char *)&ids + roles[i].uid_at);
		gid_t *gid = (gid_t *)((char *)&ids + roles[i].gid_at);
		const struct passwd *pw = getpwnam(roles[i].user);
		int r;

		if (pw) {
			*uid = pw->pw_uid;
			*gid = pw->pw_gid;
			continue;
		}
		r = choose(&from, i == 0 && is_dynamic_owner ? state_owner : 0, uid);
		if (r < 0)
			return r;
		if (i == 0 && is_dynamic_owner && *uid >= from)
			from = *uid + 1; /* the others lie behind it: no number twice */
		*gid = *uid;
		ids.is_dynamic = true;
	}
	*ret = ids;
	return 0;
}
