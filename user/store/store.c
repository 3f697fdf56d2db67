// SPDX-License-Identifier: GPL-3.0-or-later
/* Opening, migrating, moving a damaged file aside; the statements; named values and the audit. */
#include "user/store/store_private.h"

#include <sys/stat.h>

/* One entry a version of the schema: user_version counts them. Never change an entry: add one. */
static const char *const migrations[] = {
	"CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE bans(id INTEGER PRIMARY KEY, family INTEGER NOT NULL, plen INTEGER NOT NULL,"
	" addr BLOB NOT NULL, net TEXT NOT NULL, made INTEGER NOT NULL, until INTEGER NOT NULL,"
	" until_boot INTEGER NOT NULL, boot_id TEXT NOT NULL, origin TEXT NOT NULL, reason TEXT NOT NULL,"
	" by TEXT NOT NULL, end INTEGER NOT NULL DEFAULT 0, ended INTEGER NOT NULL DEFAULT 0,"
	" ended_by TEXT NOT NULL DEFAULT '');"
	"CREATE INDEX bans_open ON bans(id) WHERE end = 0;"
	"CREATE INDEX bans_addr ON bans(family, addr);"
	"CREATE INDEX bans_plen ON bans(family, plen);"
	"CREATE TABLE allow(net TEXT PRIMARY KEY, made INTEGER NOT NULL, reason TEXT NOT NULL,"
	" by TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE audit(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, by TEXT NOT NULL,"
	" action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL);",

	"CREATE TABLE findings(id INTEGER PRIMARY KEY, wall INTEGER NOT NULL, last INTEGER NOT NULL,"
	" boot INTEGER NOT NULL, kind INTEGER NOT NULL, severity INTEGER NOT NULL, rule TEXT NOT NULL,"
	" subject BLOB NOT NULL, sport INTEGER NOT NULL, dport INTEGER NOT NULL, protocol INTEGER NOT NULL,"
	" count INTEGER NOT NULL, pid INTEGER NOT NULL, uid INTEGER NOT NULL, process TEXT NOT NULL,"
	" executable TEXT NOT NULL, container TEXT NOT NULL, unit TEXT NOT NULL, trail TEXT NOT NULL,"
	" feed TEXT NOT NULL, title TEXT NOT NULL);"
	"CREATE TABLE baselines(name TEXT PRIMARY KEY, taken INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE baseline_rows(name TEXT NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL,"
	" PRIMARY KEY(name, key)) WITHOUT ROWID;",

	"CREATE TABLE evidence(id INTEGER PRIMARY KEY, net TEXT NOT NULL, wall INTEGER NOT NULL,"
	" rule TEXT NOT NULL, lines TEXT NOT NULL);"
	"CREATE INDEX evidence_net ON evidence(net);",

	"CREATE TABLE firsts(id INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint INTEGER NOT NULL UNIQUE);",

	"ALTER TABLE bans ADD COLUMN via TEXT NOT NULL DEFAULT '';",

	"ALTER TABLE findings ADD COLUMN container_name TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE findings ADD COLUMN pod TEXT NOT NULL DEFAULT '';",

	"CREATE TABLE seen(executable TEXT NOT NULL, way INTEGER NOT NULL, uid INTEGER NOT NULL,"
	" contained INTEGER NOT NULL, protocol INTEGER NOT NULL, any_port INTEGER NOT NULL, ports BLOB NOT NULL,"
	" PRIMARY KEY(executable, way, uid, contained, protocol)) WITHOUT ROWID;",
};

static const char *const statements[ST_COUNT] = {
#define STORE_SQL(id, sql) sql,
	STORE_STATEMENTS(STORE_SQL)
#undef STORE_SQL
};

int store_error(struct sw_store *s, int r)
{
	switch (r & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		s->is_damaged = true;
		return -EUCLEAN;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	default:
		return s->db && sqlite3_system_errno(s->db) == ENOSPC ? -ENOSPC : -EIO;
	}
}

sqlite3_stmt *store_statement(struct sw_store *s, enum store_statement which, int *ret_error)
{
	int r;

	if (!s->statements[which]) {
		r = sqlite3_prepare_v3(
			s->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[which], NULL);
		if (r != SQLITE_OK) {
			*ret_error = store_error(s, r);
			return NULL;
		}
	}
	return s->statements[which];
}

int store_end_rows(struct sw_store *s, sqlite3_stmt *st, int r)
{
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return store_error(s, r);
}

int store_run(struct sw_store *s, sqlite3_stmt *st)
{
	return store_end_rows(s, st, sqlite3_step(st));
}

void store_bind_text(sqlite3_stmt *st, int i, const char *text)
{
	sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC);
}

void store_column_text(sqlite3_stmt *st, int i, char *buf, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	(void)sw_strcpy(buf, size, text ? text : "");
}

static int run_simple(struct sw_store *s, enum store_statement which)
{
	int r = 0;
	sqlite3_stmt *st = store_statement(s, which, &r);

	return st ? store_run(s, st) : r;
}

int sw_store_begin(struct sw_store *s)
{
	int r;

	if (s->in_transaction++)
		return 0;
	r = run_simple(s, ST_BEGIN);
	if (r < 0)
		s->in_transaction = 0;
	return r;
}

int sw_store_commit(struct sw_store *s)
{
	int r;

	if (!s->in_transaction || --s->in_transaction)
		return 0;
	r = run_simple(s, ST_COMMIT);
	if (r < 0 && !sqlite3_get_autocommit(s->db))
		(void)run_simple(s, ST_ROLLBACK);
	return r;
}

int store_finish(struct sw_store *s, int r)
{
	if (r >= 0)
		return sw_store_commit(s);
	s->in_transaction = 0;
	if (!sqlite3_get_autocommit(s->db))
		(void)run_simple(s, ST_ROLLBACK);
	return r;
}

static int read_number(struct sw_store *s, const char *sql, int64_t *ret)
{
	sqlite3_stmt *st = NULL;
	int r = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_step(st);
	if (r == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return store_error(s, r);
}

static int migrate(struct sw_store *s)
{
	int64_t version = 0;
	int r = read_number(s, "PRAGMA user_version", &version);

	if (r < 0)
		return r;
	if (version > (int64_t)SW_ARRAY_SIZE(migrations))
		return -EPROTO; /* a newer version made it: it is not ours to change */
	for (size_t i = (size_t)version; i < SW_ARRAY_SIZE(migrations); i++) {
		char *sql = sqlite3_mprintf("BEGIN IMMEDIATE; %s PRAGMA user_version = %d; COMMIT;", migrations[i], (int)i + 1);

		if (!sql)
			return -ENOMEM;
		r = store_error(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
		sqlite3_free(sql);
		if (r < 0) {
			sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
			return r;
		}
	}
	return 0;
}

/* quick_check gives the text "ok", or what is wrong. */
static int check_integrity(struct sw_store *s)
{
	sqlite3_stmt *st = NULL;
	int r = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st, NULL);
	char text[16] = "";

	if (r == SQLITE_OK)
		r = sqlite3_step(st);
	if (r == SQLITE_ROW)
		store_column_text(st, 0, text, sizeof(text));
	sqlite3_finalize(st);
	r = store_error(s, r);
	if (r < 0)
		return r;
	if (sw_streq(text, "ok"))
		return 0;
	s->is_damaged = true;
	return -EUCLEAN;
}

static void close_db(struct sw_store *s)
{
	for (size_t i = 0; i < ST_COUNT; i++) {
		sqlite3_finalize(s->statements[i]);
		s->statements[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
	s->in_transaction = 0;
}

static int read_ids(struct sw_store *s)
{
	int64_t ban = 0, finding = 0;
	int r = read_number(s, "SELECT ifnull(max(id), 0) FROM bans", &ban);

	if (r >= 0)
		r = read_number(s, "SELECT ifnull(max(id), 0) FROM findings", &finding);
	if (r < 0)
		return r;
	s->next_id = SW_MAX(s->next_id, (uint64_t)ban + 1);
	s->next_finding_id = SW_MAX(s->next_finding_id, (uint64_t)finding + 1);
	s->written_finding_id = (uint64_t)finding;
	return 0;
}

/*
 * SQLite would move the log's pages into the file, which waits for the disk, within whatever commit comes next: that
 * of a ban that is to be in force in milliseconds. So it is left to sw_store_tidy, up to a limit.
 */
static int on_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct sw_store *s = arg;

	s->wal_pages = (unsigned int)pages;
	if (s->wal_pages >= WAL_PAGES_MAX)
		(void)sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

void sw_store_tidy(struct sw_store *s)
{
	if (s->wal_pages < WAL_PAGES || s->in_transaction || !s->is_on_disk)
		return;
	(void)sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	s->wal_pages = 0;
}

/*
 * EXCLUSIVE locking keeps the WAL's index in our memory: no shared file to be mapped, which a full
 * disk would turn into SIGBUS, and no second engine on the same database.
 */
static int open_db(struct sw_store *s, const char *path)
{
	static const char setup[] = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
				    "PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;"
				    "PRAGMA journal_size_limit = 4194304; PRAGMA secure_delete = OFF;";
	int r = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

	s->is_damaged = false;
	if (r != SQLITE_OK)
		return store_error(s, r);
	sqlite3_extended_result_codes(s->db, 1);
	s->wal_pages = 0;
	sqlite3_wal_hook(s->db, on_wal, s);
	r = store_error(s, sqlite3_exec(s->db, setup, NULL, NULL, NULL));
	if (r >= 0)
		r = check_integrity(s);
	if (r >= 0)
		r = migrate(s);
	if (r >= 0)
		r = read_ids(s);
	if (r >= 0)
		sw_store_set_max(s, s->max_mb);
	return r;
}

static int move_aside(struct sw_store *s, char *ret_to, size_t size)
{
	static const char *const endings[] = {"-wal", "-shm"};
	char from[sizeof(s->path) + 8], when[SW_TIME_TEXT_MAX];

	sw_time_format(when, sw_clock_wall_ns(s->clock));
	if ((size_t)snprintf(ret_to, size, "%s.corrupt-%s", s->path, when) >= size)
		return -ENAMETOOLONG;
	if (rename(s->path, ret_to) < 0)
		return -errno;
	for (size_t i = 0; i < SW_ARRAY_SIZE(endings); i++) {
		snprintf(from, sizeof(from), "%s%s", s->path, endings[i]);
		unlink(from);
	}
	return 0;
}

static int open_on_disk(struct sw_store *s, struct sw_store_opened *o)
{
	struct stat st;
	int r;

	o->is_new = stat(s->path, &st) < 0 && errno == ENOENT;
	r = open_db(s, s->path);
	if (r == -EUCLEAN) {
		close_db(s);
		r = move_aside(s, o->moved_to, sizeof(o->moved_to));
		if (r < 0)
			return r;
		o->was_corrupt = true;
		r = open_db(s, s->path);
	}
	if (r < 0)
		close_db(s);
	s->is_on_disk = r >= 0;
	return r;
}

/* Numbers given out in memory must not meet those of the disk later: they begin at the time in milliseconds. */
static int open_in_memory(struct sw_store *s)
{
	uint64_t now_ms = (uint64_t)SW_MAX(sw_clock_wall_ns(s->clock), 0) / SW_MSEC_NS;

	s->next_id = SW_MAX(s->next_id, now_ms);
	s->next_finding_id = SW_MAX(s->next_finding_id, now_ms);
	return open_db(s, ":memory:");
}

int sw_store_open(const char *dir, const struct sw_clock *clock, uint32_t max_mb, struct sw_store **ret,
	struct sw_store_opened *ret_opened)
{
	_cleanup_(sw_store_closep) struct sw_store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	*ret_opened = (struct sw_store_opened){};
	s->clock = clock;
	s->dir = dir;
	s->max_mb = max_mb;
	if ((size_t)snprintf(s->path, sizeof(s->path), "%s/sockwarden.db", dir) >= sizeof(s->path))
		return -ENAMETOOLONG;
	r = open_on_disk(s, ret_opened);
	if (r < 0) {
		ret_opened->error = r;
		r = open_in_memory(s);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(s);
	return 0;
}

void sw_store_close(struct sw_store *s)
{
	if (!s)
		return;
	(void)sw_store_flush(s);
	close_db(s);
	free(s->queue);
	free(s);
}

void sw_store_closep(struct sw_store **s)
{
	sw_store_close(*s);
}

/* The tables that only the store knows; bans and allow entries are put again by who holds them. */
static const struct {
	const char *select;
	enum store_statement put;
} copied[] = {
	{"SELECT name, value FROM meta", ST_SET},
	{"SELECT " FINDING_COLUMNS " FROM findings ORDER BY id", ST_PUT_FINDING},
	{"SELECT name, taken FROM baselines", ST_PUT_BASELINE},
	{"SELECT name, key, data FROM baseline_rows", ST_PUT_BASELINE_ROW},
	{"SELECT at, by, action, subject, detail FROM audit ORDER BY id", ST_AUDIT},
};

static int copy_table(struct sw_store *s, sqlite3 *from, const char *select, enum store_statement which)
{
	sqlite3_stmt *st = NULL, *put;
	int error = 0, r = sqlite3_prepare_v2(from, select, -1, &st, NULL);

	put = store_statement(s, which, &error);
	while (put && r == SQLITE_OK && error >= 0 && sqlite3_step(st) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(st); i++)
			sqlite3_bind_value(put, i + 1, sqlite3_column_value(st, i));
		error = store_run(s, put);
	}
	sqlite3_finalize(st);
	return error;
}

static int copy_to_disk(struct sw_store *s, sqlite3 *from)
{
	int r = sw_store_begin(s);

	for (size_t i = 0; i < SW_ARRAY_SIZE(copied) && r >= 0; i++)
		r = copy_table(s, from, copied[i].select, copied[i].put);
	return store_finish(s, r);
}

int sw_store_retry(struct sw_store *s)
{
	struct sw_store_opened o = {};
	sqlite3 *memory;
	int r;

	if (s->is_on_disk && !s->is_damaged)
		return 0;
	if (s->is_on_disk) {
		close_db(s);
		s->is_on_disk = false;
		r = move_aside(s, o.moved_to, sizeof(o.moved_to));
		if (r >= 0)
			r = open_on_disk(s, &o);
		if (r < 0)
			(void)open_in_memory(s);
		return r;
	}
	for (size_t i = 0; i < ST_COUNT; i++) {
		sqlite3_finalize(s->statements[i]);
		s->statements[i] = NULL;
	}
	memory = TAKE_PTR(s->db);
	r = open_on_disk(s, &o);
	if (r < 0) {
		s->db = memory;
		return r;
	}
	r = copy_to_disk(s, memory);
	sqlite3_close(memory);
	return r;
}

uint64_t sw_store_bytes(const struct sw_store *s)
{
	char wal[sizeof(s->path) + 8];
	uint64_t bytes = 0;
	struct stat st;

	if (!s->is_on_disk)
		return 0;
	snprintf(wal, sizeof(wal), "%s-wal", s->path);
	if (stat(s->path, &st) == 0)
		bytes += (uint64_t)st.st_size;
	if (stat(wal, &st) == 0)
		bytes += (uint64_t)st.st_size;
	return bytes;
}

const char *sw_store_path(const struct sw_store *s)
{
	return s->path;
}

bool sw_store_is_on_disk(const struct sw_store *s)
{
	return s->is_on_disk;
}

static int64_t max_pages(struct sw_store *s)
{
	int64_t page_size = 4096;

	(void)read_number(s, "PRAGMA page_size", &page_size);
	return (int64_t)s->max_mb * (1 << 20) / SW_MAX(page_size, 512);
}

void sw_store_set_max(struct sw_store *s, uint32_t max_mb)
{
	char sql[64];

	s->max_mb = max_mb;
	if (!max_mb)
		return;
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %lld", (long long)max_pages(s));
	sqlite3_exec(s->db, sql, NULL, NULL, NULL);
}

static int64_t used_percent(struct sw_store *s)
{
	int64_t pages = 0, is_free = 0;

	if (!s->max_mb || read_number(s, "PRAGMA page_count", &pages) < 0 ||
		read_number(s, "PRAGMA freelist_count", &is_free) < 0)
		return 0;
	return (pages - is_free) * 100 / SW_MAX(max_pages(s), 1);
}

int store_trim(struct sw_store *s)
{
	static const enum store_statement order[] = {ST_TRIM_FINDINGS, ST_TRIM_BANS};
	enum { ROWS_AT_ONCE = 2000, ROUNDS_MAX = 50 };
	size_t what = 0;
	int r = 0;

	for (int i = 0; i < ROUNDS_MAX && what < SW_ARRAY_SIZE(order) && used_percent(s) > TRIM_PERCENT; i++) {
		sqlite3_stmt *st = store_statement(s, order[what], &r);

		if (!st)
			return r;
		sqlite3_bind_int(st, 1, ROWS_AT_ONCE);
		r = store_run(s, st);
		if (r < 0)
			return r;
		if (!sqlite3_changes(s->db))
			what++;
	}
	return 0;
}

uint64_t sw_store_next_id(struct sw_store *s)
{
	return s->next_id++;
}

uint64_t sw_store_next_finding_id(struct sw_store *s)
{
	return s->next_finding_id++;
}

int sw_store_set(struct sw_store *s, const char *name, const char *value)
{
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_SET, &r);

	if (!st)
		return r;
	store_bind_text(st, 1, name);
	store_bind_text(st, 2, value);
	return store_run(s, st);
}

int sw_store_get(struct sw_store *s, const char *name, char *buf, size_t size)
{
	int r = 0, step;
	sqlite3_stmt *st = store_statement(s, ST_GET, &r);

	if (!st)
		return r;
	store_bind_text(st, 1, name);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW)
		store_column_text(st, 0, buf, size);
	r = store_end_rows(s, st, step);
	return r < 0 ? r : step == SQLITE_ROW ? 0 : -ENOENT;
}

int sw_store_audit(struct sw_store *s, const char *by, const char *action, const char *subject, const char *detail)
{
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_AUDIT, &r);
	int64_t id;

	if (!st)
		return r;
	sqlite3_bind_int64(st, 1, sw_clock_wall_sec(s->clock));
	store_bind_text(st, 2, by);
	store_bind_text(st, 3, action);
	store_bind_text(st, 4, subject);
	store_bind_text(st, 5, detail);
	r = store_run(s, st);
	id = sqlite3_last_insert_rowid(s->db);
	if (r < 0 || id % 1000 || id <= AUDIT_MAX)
		return r;
	st = store_statement(s, ST_TRIM_AUDIT, &r);
	if (!st)
		return r;
	sqlite3_bind_int64(st, 1, id - AUDIT_MAX);
	return store_run(s, st);
}
