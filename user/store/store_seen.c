// SPDX-License-Identifier: GPL-3.0-or-later
/* Programs that were seen to listen and connect, with their ports as they are in memory. */
#include "user/store/store_private.h"

static void bind_who(sqlite3_stmt *st, const struct sw_seen_who *who)
{
	store_bind_text(st, 1, who->executable);
	sqlite3_bind_int64(st, 2, who->way);
	sqlite3_bind_int64(st, 3, who->uid);
	sqlite3_bind_int64(st, 4, who->is_contained);
	sqlite3_bind_int64(st, 5, who->protocol);
}

int sw_store_put_seen(struct sw_store *s, const struct sw_seen *row)
{
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_PUT_SEEN, &r);

	if (!st)
		return r;
	bind_who(st, &row->who);
	sqlite3_bind_int64(st, 6, row->any_sec);
	sqlite3_bind_blob64(st, 7, row->n ? (const void *)row->ports : "", row->n * sizeof(*row->ports), SQLITE_STATIC);
	return store_run(s, st);
}

int sw_store_delete_seen(struct sw_store *s, const struct sw_seen_who *who)
{
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_DELETE_SEEN, &r);

	if (!st)
		return r;
	bind_who(st, who);
	return store_run(s, st);
}

/* A row that somebody else changed has what fits. */
static void row_of(sqlite3_stmt *st, struct sw_seen_port *ports, struct sw_seen *ret)
{
	size_t bytes = (size_t)sqlite3_column_bytes(st, 6);

	*ret = (struct sw_seen){.who = {.way = (__u8)sqlite3_column_int(st, 1),
					.uid = (__u32)sqlite3_column_int64(st, 2),
					.is_contained = sqlite3_column_int(st, 3) != 0,
					.protocol = (__u8)sqlite3_column_int(st, 4)},
		.any_sec = (__u32)sqlite3_column_int64(st, 5),
		.n = (__u32)SW_MIN(bytes / sizeof(*ports), (size_t)SW_SEEN_PORTS_MAX),
		.ports = ports};
	store_column_text(st, 0, ret->who.executable, sizeof(ret->who.executable));
	if (ret->n)
		memcpy(ports, sqlite3_column_blob(st, 6), ret->n * sizeof(*ports));
}

int sw_store_each_seen(struct sw_store *s, sw_store_seen_fn fn, void *arg)
{
	struct sw_seen_port ports[SW_SEEN_PORTS_MAX];
	int r = 0, stop = 0;
	sqlite3_stmt *st = store_statement(s, ST_SEEN, &r);

	if (!st)
		return r;
	while (stop >= 0 && (r = sqlite3_step(st)) == SQLITE_ROW) {
		struct sw_seen row;

		row_of(st, ports, &row);
		stop = fn(&row, arg);
	}
	r = store_end_rows(s, st, r);
	return stop < 0 ? stop : r;
}
