// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/import/f2b_bans.h"

#include <sqlite3.h>

#include "user/base/cidr.h"

enum { BUSY_MS = 3000 }; /* fail2ban writes a ban in a moment */

static int step_all(sqlite3_stmt *st, void (*fn)(void *arg, const struct sw_f2b_ban *b), void *arg)
{
	int r;

	while ((r = sqlite3_step(st)) == SQLITE_ROW) {
		const char *ip = (const char *)sqlite3_column_text(st, 1);
		struct sw_f2b_ban b = {.jail = (const char *)sqlite3_column_text(st, 0),
			.at_sec = sqlite3_column_int64(st, 2),
			.ban_sec = sqlite3_column_int64(st, 3)};

		if (b.jail && ip && sw_cidr_parse(ip, SIZE_MAX, &b.net) == 0)
			fn(arg, &b);
	}
	return r;
}

int sw_f2b_each_ban(const char *path, int64_t since_sec,
	void (*fn)(void *arg, const struct sw_f2b_ban *b), void *arg, struct sw_strbuf *err)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	int r = access(path, R_OK) < 0 ? -errno : 0;

	if (r < 0) {
		sw_strbuf_printf(err, "%s: %s", path, strerror(-r));
		return r;
	}
	r = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_busy_timeout(db, BUSY_MS);
	if (r == SQLITE_OK)
		r = sqlite3_prepare_v2(db,
			"SELECT jail, ip, timeofban, bantime FROM bans WHERE timeofban >= ?1 ORDER BY timeofban",
			-1, &st, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(st, 1, since_sec);
	if (r == SQLITE_OK)
		r = step_all(st, fn, arg);
	if (r != SQLITE_DONE)
		sw_strbuf_printf(err, "%s: %s", path, db ? sqlite3_errmsg(db) : "out of memory");
	sqlite3_finalize(st);
	sqlite3_close(db);
	return r == SQLITE_DONE ? 0 : -EUCLEAN;
}
