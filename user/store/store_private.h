/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of user/store share: the object, its statements, and the way errors come out. */
#pragma once

#include <sqlite3.h>

#include "user/base/cidr.h"
#include "user/base/log.h"
#include "user/store/store.h"

enum {
	QUEUE_MAX = 4096,     /* findings that wait for the disk; beyond it the oldest is lost and counted */
	AUDIT_MAX = 100000,   /* rows of who did what */
	WAL_PAGES = 1000,     /* of the write-ahead log, before they are moved into the file */
	WAL_PAGES_MAX = 8000, /* then with the next commit, whoever waits for it: 32 MB */
	TRIM_PERCENT = 80,    /* of the size limit: above it the oldest findings go */
};

/*  X(id, SQL) */
#define STORE_STATEMENTS(X)                                                                        \
	X(BEGIN, "BEGIN IMMEDIATE")                                                                \
	X(COMMIT, "COMMIT")                                                                        \
	X(ROLLBACK, "ROLLBACK")                                                                    \
	X(SET, "INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)")                          \
	X(GET, "SELECT value FROM meta WHERE name = ?1")                                           \
	X(PUT_BAN,                                                                                 \
		"INSERT OR REPLACE INTO bans(id, family, plen, addr, net, made, until, until_boot," \
		" boot_id, origin, reason, by, end, ended, ended_by, via)"                         \
		" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)")                  \
	X(END_BAN, "UPDATE bans SET end = ?2, ended = ?3, ended_by = ?4 WHERE id = ?1 AND end = 0") \
	X(OPEN_BANS, "SELECT " BAN_COLUMNS " FROM bans WHERE end = 0 ORDER BY id")                 \
	X(BAN_HISTORY,                                                                             \
		"SELECT " BAN_COLUMNS " FROM bans WHERE family = ?1 AND"                           \
		" (addr BETWEEN ?2 AND ?3 OR plen < ?4) ORDER BY id DESC")                         \
	X(BANS_SINCE, "SELECT " BAN_COLUMNS " FROM bans WHERE made >= ?1 ORDER BY id DESC LIMIT ?2")  \
	X(COUNT_BANS,                                                                              \
		"SELECT count(*) FROM bans INDEXED BY bans_addr WHERE family = ?1 AND addr = ?2"   \
		" AND plen = ?3 AND made >= ?4 AND origin GLOB ?5 AND end NOT IN (2, 3, 4)")         \
	X(PUT_EVIDENCE, "INSERT INTO evidence(net, wall, rule, lines) VALUES(?1, ?2, ?3, ?4)")     \
	X(TRIM_EVIDENCE, "DELETE FROM evidence WHERE id <= ?1")                                    \
	X(EVIDENCE, "SELECT wall, rule, lines FROM evidence WHERE net = ?1 ORDER BY id DESC LIMIT ?2") \
	X(PUT_FIRST, "INSERT OR REPLACE INTO firsts(fingerprint) VALUES(?1)")                       \
	X(TRIM_FIRSTS, "DELETE FROM firsts WHERE id <= ?1")                                        \
	X(FIRSTS, "SELECT fingerprint FROM firsts ORDER BY id")                                    \
	X(PUT_SEEN,                                                                                \
		"INSERT OR REPLACE INTO seen(executable, way, uid, contained, protocol, any_port, ports)" \
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")                                             \
	X(DELETE_SEEN,                                                                             \
		"DELETE FROM seen WHERE executable = ?1 AND way = ?2 AND uid = ?3 AND contained = ?4" \
		" AND protocol = ?5")                                                              \
	X(SEEN, "SELECT executable, way, uid, contained, protocol, any_port, ports FROM seen")     \
	X(PUT_ALLOW, "INSERT OR REPLACE INTO allow(net, made, reason, by) VALUES(?1,?2,?3,?4)")     \
	X(DELETE_ALLOW, "DELETE FROM allow WHERE net = ?1")                                        \
	X(ALLOW, "SELECT net, made, reason, by FROM allow ORDER BY made, net")                     \
	X(PUT_FINDING,                                                                             \
		"INSERT OR REPLACE INTO findings(id, wall, last, boot, kind, severity, rule, subject," \
		" sport, dport, protocol, count, pid, uid, process, executable, container, unit,"  \
		" trail, feed, title, container_name, pod)"                                        \
		" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23)") \
	X(FINDINGS, "SELECT " FINDING_COLUMNS " FROM findings ORDER BY id DESC LIMIT ?1")          \
	X(COUNT_FINDINGS, "SELECT count(*) FROM findings")                                         \
	X(TRIM_FINDINGS,                                                                           \
		"DELETE FROM findings WHERE id IN (SELECT id FROM findings ORDER BY id LIMIT ?1)") \
	X(TRIM_BANS,                                                                               \
		"DELETE FROM bans WHERE id IN (SELECT id FROM bans WHERE end != 0 ORDER BY id LIMIT ?1)") \
	X(PUT_BASELINE, "INSERT OR REPLACE INTO baselines(name, taken) VALUES(?1, ?2)")            \
	X(DELETE_BASELINE, "DELETE FROM baselines WHERE name = ?1")                                \
	X(DELETE_BASELINE_ROWS, "DELETE FROM baseline_rows WHERE name = ?1")                       \
	X(PUT_BASELINE_ROW, "INSERT OR REPLACE INTO baseline_rows(name, key, data) VALUES(?1,?2,?3)") \
	X(DELETE_BASELINE_ROW, "DELETE FROM baseline_rows WHERE name = ?1 AND key = ?2")           \
	X(BASELINE, "SELECT taken FROM baselines WHERE name = ?1")                                 \
	X(BASELINE_ROWS, "SELECT key, data FROM baseline_rows WHERE name = ?1 ORDER BY key")       \
	X(BASELINES,                                                                               \
		"SELECT name, taken, (SELECT count(*) FROM baseline_rows r WHERE r.name = b.name)" \
		" FROM baselines b ORDER BY taken, name")                                          \
	X(AUDIT, "INSERT INTO audit(at, by, action, subject, detail) VALUES(?1,?2,?3,?4,?5)")       \
	X(TRIM_AUDIT, "DELETE FROM audit WHERE id <= ?1")
#define BAN_COLUMNS                                                                                \
	"id, family, plen, addr, made, until, until_boot, boot_id, origin, reason, by, end, ended, ended_by, via"
#define FINDING_COLUMNS                                                                            \
	"id, wall, last, boot, kind, severity, rule, subject, sport, dport, protocol, count, pid," \
	" uid, process, executable, container, unit, trail, feed, title, container_name, pod"

enum store_statement {
#define STORE_ENUM(id, sql) ST_##id,
	STORE_STATEMENTS(STORE_ENUM)
#undef STORE_ENUM
	ST_COUNT
};

struct sw_store {
	sqlite3 *db;
	const struct sw_clock *clock;
	const char *dir;
	char path[256];
	uint32_t max_mb;
	bool is_on_disk, is_damaged;
	unsigned int in_transaction;
	unsigned int wal_pages; /* in the write-ahead log, not yet in the file */
	sqlite3_stmt *statements[ST_COUNT];
	uint64_t next_id, next_finding_id;
	struct sw_finding *queue; /* ring of QUEUE_MAX, made at the first finding */
	size_t queue_first, queue_len;
	uint64_t queue_lost;
	uint64_t written_finding_id; /* the highest that is in the database */
};

/* A statement ready for binding, prepared at its first use; NULL with *ret_error set. */
sqlite3_stmt *store_statement(struct sw_store *s, enum store_statement which, int *ret_error);
/* Runs a statement that gives no rows and resets it; 0 or -errno. */
int store_run(struct sw_store *s, sqlite3_stmt *st);
/* Resets after reading rows; r is sqlite3_step's last result. 0 or -errno. */
int store_end_rows(struct sw_store *s, sqlite3_stmt *st, int r);
/* Ends a transaction that went well (r >= 0: commits) or not (rolls back and returns r). */
int store_finish(struct sw_store *s, int r);
int store_error(struct sw_store *s, int r);
void store_bind_text(sqlite3_stmt *st, int i, const char *text);
void store_column_text(sqlite3_stmt *st, int i, char *buf, size_t size);
/* Frees space for new rows when the file is near its limit. */
int store_trim(struct sw_store *s);
