// SPDX-License-Identifier: GPL-3.0-or-later
/* What a rule over logs was due for, and how often an address was banned before. */
#include "user/store/store_private.h"

enum { TRIM_EVERY = 256 };

int sw_store_count_bans(
	struct sw_store *s, const struct sw_net *net, const char *origin, int64_t since_wall_sec)
{
	int r = 0, n = 0;
	sqlite3_stmt *st = store_statement(s, ST_COUNT_BANS, &r);

	if (!st)
		return r;
	sqlite3_bind_int(st, 1, net->family);
	sqlite3_bind_blob(st, 2, net->addr, sizeof(net->addr), SQLITE_STATIC);
	sqlite3_bind_int(st, 3, net->plen);
	sqlite3_bind_int64(st, 4, since_wall_sec);
	store_bind_text(st, 5, origin);
	r = sqlite3_step(st);
	if (r == SQLITE_ROW)
		n = sqlite3_column_int(st, 0);
	r = store_end_rows(s, st, r);
	return r < 0 ? r : n;
}

static int trim(struct sw_store *s)
{
	int64_t last = sqlite3_last_insert_rowid(s->db);
	int r = 0;
	sqlite3_stmt *st;

	if (last % TRIM_EVERY || last <= SW_STORE_EVIDENCE_MAX)
		return 0;
	st = store_statement(s, ST_TRIM_EVIDENCE, &r);
	if (!st)
		return r;
	sqlite3_bind_int64(st, 1, last - SW_STORE_EVIDENCE_MAX);
	return store_run(s, st);
}

int sw_store_put_evidence(
	struct sw_store *s, const struct sw_net *net, const char *rule, const char *lines)
{
	char text[SW_NET_TEXT_MAX];
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_PUT_EVIDENCE, &r);

	if (!st)
		return r;
	store_bind_text(st, 1, sw_cidr_format(text, net));
	sqlite3_bind_int64(st, 2, sw_clock_wall_sec(s->clock));
	store_bind_text(st, 3, rule);
	store_bind_text(st, 4, lines);
	r = store_run(s, st);
	return r < 0 ? r : trim(s);
}

int sw_store_each_evidence(struct sw_store *s, const struct sw_net *net, unsigned int n,
	sw_store_evidence_fn fn, void *arg)
{
	char text[SW_NET_TEXT_MAX];
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_EVIDENCE, &r);

	if (!st)
		return r;
	store_bind_text(st, 1, sw_cidr_format(text, net));
	sqlite3_bind_int64(st, 2, n);
	while ((r = sqlite3_step(st)) == SQLITE_ROW) {
		const char *rule = (const char *)sqlite3_column_text(st, 1);
		const char *lines = (const char *)sqlite3_column_text(st, 2);

		if (rule && lines)
			fn(arg, sqlite3_column_int64(st, 0), rule, lines);
	}
	return store_end_rows(s, st, r);
}
