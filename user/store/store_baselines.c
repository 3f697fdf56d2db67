// SPDX-License-Identifier: GPL-3.0-or-later
/* Baselines: named sets of keyed rows. */
#include "user/store/store_private.h"

static int run_by_name(struct sw_store *s, enum store_statement which, const char *name)
{
	int r = 0;
	sqlite3_stmt *st = store_statement(s, which, &r);

	if (!st)
		return r;
	store_bind_text(st, 1, name);
	r = store_run(s, st);
	return r < 0 ? r : sqlite3_changes(s->db) > 0;
}

int sw_store_put_baseline_row(struct sw_store *s, const char *name, const struct sw_store_row *row)
{
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_PUT_BASELINE_ROW, &r);

	if (!st)
		return r;
	store_bind_text(st, 1, name);
	store_bind_text(st, 2, row->key);
	sqlite3_bind_blob64(st, 3, row->data ? row->data : "", row->len, SQLITE_STATIC);
	return store_run(s, st);
}

static int put_baseline(struct sw_store *s, const char *name, int64_t taken_wall_sec)
{
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_PUT_BASELINE, &r);

	if (!st)
		return r;
	store_bind_text(st, 1, name);
	sqlite3_bind_int64(st, 2, taken_wall_sec);
	return store_run(s, st);
}

int sw_store_save_baseline(struct sw_store *s, const char *name, int64_t taken_wall_sec, size_t n,
	sw_store_next_row_fn next, void *arg)
{
	int r = sw_store_begin(s);

	if (r < 0)
		return r;
	r = run_by_name(s, ST_DELETE_BASELINE_ROWS, name);
	if (r >= 0)
		r = put_baseline(s, name, taken_wall_sec);
	for (size_t i = 0; i < n && r >= 0; i++) {
		struct sw_store_row row = {};

		next(i, &row, arg);
		r = sw_store_put_baseline_row(s, name, &row);
	}
	return store_finish(s, r);
}

int sw_store_delete_baseline_row(struct sw_store *s, const char *name, const char *key)
{
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_DELETE_BASELINE_ROW, &r);

	if (!st)
		return r;
	store_bind_text(st, 1, name);
	store_bind_text(st, 2, key);
	return store_run(s, st);
}

int sw_store_delete_baseline(struct sw_store *s, const char *name)
{
	int r = sw_store_begin(s), deleted = 0;

	if (r < 0)
		return r;
	r = run_by_name(s, ST_DELETE_BASELINE_ROWS, name);
	if (r >= 0)
		r = deleted = run_by_name(s, ST_DELETE_BASELINE, name);
	r = store_finish(s, r);
	return r < 0 ? r : deleted;
}

int sw_store_read_baseline(struct sw_store *s, const char *name, int64_t *ret_taken, sw_store_row_fn fn, void *arg)
{
	int r = 0, step, called = 0;
	sqlite3_stmt *st = store_statement(s, ST_BASELINE, &r);

	if (!st)
		return r;
	store_bind_text(st, 1, name);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW && ret_taken)
		*ret_taken = sqlite3_column_int64(st, 0);
	r = store_end_rows(s, st, step);
	if (r < 0 || step != SQLITE_ROW)
		return r < 0 ? r : -ENOENT;
	st = store_statement(s, ST_BASELINE_ROWS, &r);
	if (!st || !fn)
		return r;
	store_bind_text(st, 1, name);
	while (called >= 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
		struct sw_store_row row = {
			.key = (const char *)sqlite3_column_text(st, 0),
			.data = sqlite3_column_blob(st, 1),
			.len = (size_t)sqlite3_column_bytes(st, 1),
		};

		if (row.key)
			called = fn(&row, arg);
	}
	r = store_end_rows(s, st, step);
	return called < 0 ? called : r;
}

int sw_store_each_baseline(struct sw_store *s, sw_store_baseline_fn fn, void *arg)
{
	int r = 0, called = 0;
	sqlite3_stmt *st = store_statement(s, ST_BASELINES, &r);

	if (!st)
		return r;
	while (called >= 0 && (r = sqlite3_step(st)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(st, 0);

		if (name)
			called = fn(name, sqlite3_column_int64(st, 1), (uint64_t)sqlite3_column_int64(st, 2), arg);
	}
	r = store_end_rows(s, st, r);
	return called < 0 ? called : r;
}
