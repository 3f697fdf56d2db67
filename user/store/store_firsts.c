// SPDX-License-Identifier: GPL-3.0-or-later
/* Destinations that programs were seen to talk to, as fingerprints, in the order they were seen. */
#include "user/store/store_private.h"

static int trim(struct sw_store *s, uint32_t max)
{
	int64_t last = sqlite3_last_insert_rowid(s->db);
	int r = 0;
	sqlite3_stmt *st;

	if (last <= max)
		return 0;
	st = store_statement(s, ST_TRIM_FIRSTS, &r);
	if (!st)
		return r;
	sqlite3_bind_int64(st, 1, last - max);
	return store_run(s, st);
}

int sw_store_put_firsts(struct sw_store *s, const uint64_t *fingerprints, size_t n, uint32_t max)
{
	int r = sw_store_begin(s);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r >= 0; i++) {
		sqlite3_stmt *st = store_statement(s, ST_PUT_FIRST, &r);

		if (!st)
			break;
		sqlite3_bind_int64(st, 1, (int64_t)fingerprints[i]);
		r = store_run(s, st);
	}
	if (r >= 0 && n)
		r = trim(s, max);
	return store_finish(s, r);
}

int sw_store_each_first(struct sw_store *s, sw_store_first_fn fn, void *arg)
{
	int r = 0, stop = 0;
	sqlite3_stmt *st = store_statement(s, ST_FIRSTS, &r);

	if (!st)
		return r;
	while (stop >= 0 && (r = sqlite3_step(st)) == SQLITE_ROW)
		stop = fn((uint64_t)sqlite3_column_int64(st, 0), arg);
	r = store_end_rows(s, st, r);
	return stop < 0 ? stop : r;
}
