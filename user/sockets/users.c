// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/sockets/users.h"

#include <pwd.h>
#include <sys/stat.h>

enum { USERS_MAX = 65536 /* lines of passwd(5) looked at */ };

struct user {
	uint32_t uid;
	char name[33]; /* useradd(8): at most 32 bytes */
};

struct sw_users {
	const char *path;
	struct timespec changed;
	struct user *rows;
	size_t n, cap;
};

int sw_users_new(const char *path, struct sw_users **ret)
{
	struct sw_users *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->path = path;
	*ret = u;
	return 0;
}

void sw_users_free(struct sw_users *u)
{
	if (!u)
		return;
	free(u->rows);
	free(u);
}

static bool add(struct sw_users *u, const struct passwd *pw)
{
	if (u->n == u->cap) {
		size_t cap = u->cap ? u->cap * 2 : 64;
		void *more = cap <= USERS_MAX ? reallocarray(u->rows, cap, sizeof(*u->rows)) : NULL;

		if (!more)
			return false;
		u->rows = more;
		u->cap = cap;
	}
	u->rows[u->n].uid = pw->pw_uid;
	sw_strcpy(u->rows[u->n].name, sizeof(u->rows[u->n].name), pw->pw_name);
	u->n++;
	return true;
}

static void refresh(struct sw_users *u)
{
	_fclose_ FILE *f = NULL;
	struct passwd *pw;
	struct stat st;

	if (stat(u->path, &st) < 0)
		return;
	if (u->n && st.st_mtim.tv_sec == u->changed.tv_sec && st.st_mtim.tv_nsec == u->changed.tv_nsec)
		return;
	f = fopen(u->path, "re");
	if (!f)
		return;
	u->n = 0;
	u->changed = st.st_mtim;
	while ((pw = fgetpwent(f)))
		if (!add(u, pw))
			break;
}

const char *sw_users_name(struct sw_users *u, uint32_t uid)
{
	refresh(u);
	for (size_t i = 0; i < u->n; i++)
		if (u->rows[i].uid == uid)
			return u->rows[i].name;
	return NULL;
}

int sw_users_find(struct sw_users *u, const char *name, uint32_t *ret_uid)
{
	refresh(u);
	for (size_t i = 0; i < u->n; i++)
		if (sw_streq(u->rows[i].name, name)) {
			*ret_uid = u->rows[i].uid;
			return 0;
		}
	return -ENOENT;
}
