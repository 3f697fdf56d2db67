// SPDX-License-Identifier: GPL-3.0-or-later
/* Findings: queued in memory, written together. */
#include "user/store/store_private.h"

static struct sw_finding *queued(struct sw_store *s, size_t i)
{
	return &s->queue[(s->queue_first + i) % QUEUE_MAX];
}

int sw_store_queue_finding(struct sw_store *s, const struct sw_finding *f)
{
	if (!s->queue)
		s->queue = calloc(QUEUE_MAX, sizeof(*s->queue));
	if (!s->queue)
		return -ENOMEM;
	for (size_t i = s->queue_len; i-- > 0;) {
		if (queued(s, i)->id == f->id) {
			*queued(s, i) = *f;
			return 0;
		}
	}
	if (s->queue_len == QUEUE_MAX) {
		s->queue_first = (s->queue_first + 1) % QUEUE_MAX;
		s->queue_len--;
		s->queue_lost++;
	}
	*queued(s, s->queue_len++) = *f;
	return 0;
}

static int put_finding(struct sw_store *s, const struct sw_finding *f)
{
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_PUT_FINDING, &r);

	if (!st)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)f->id);
	sqlite3_bind_int64(st, 2, f->wall_ns);
	sqlite3_bind_int64(st, 3, f->last_wall_ns ? f->last_wall_ns : f->wall_ns);
	sqlite3_bind_int64(st, 4, (int64_t)f->boot_ns);
	sqlite3_bind_int(st, 5, (int)f->kind);
	sqlite3_bind_int(st, 6, (int)f->severity);
	store_bind_text(st, 7, f->rule);
	sqlite3_bind_blob(st, 8, &f->subject, sizeof(f->subject), SQLITE_STATIC);
	sqlite3_bind_int(st, 9, f->sport);
	sqlite3_bind_int(st, 10, f->dport);
	sqlite3_bind_int(st, 11, f->protocol);
	sqlite3_bind_int64(st, 12, (int64_t)f->count);
	sqlite3_bind_int64(st, 13, f->pid);
	sqlite3_bind_int64(st, 14, f->uid);
	store_bind_text(st, 15, f->process);
	store_bind_text(st, 16, f->executable);
	store_bind_text(st, 17, f->container);
	store_bind_text(st, 18, f->unit);
	store_bind_text(st, 19, f->trail);
	store_bind_text(st, 20, f->feed);
	store_bind_text(st, 21, f->title);
	store_bind_text(st, 22, f->container_name);
	store_bind_text(st, 23, f->pod);
	return store_run(s, st);
}

int sw_store_flush(struct sw_store *s)
{
	int r;

	if (!s->queue_len)
		return 0;
	r = store_trim(s);
	if (r >= 0)
		r = sw_store_begin(s);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->queue_len && r >= 0; i++)
		r = put_finding(s, queued(s, i));
	r = store_finish(s, r);
	for (size_t i = 0; i < s->queue_len && r >= 0; i++)
		s->written_finding_id = SW_MAX(s->written_finding_id, (uint64_t)queued(s, i)->id);
	if (r >= 0)
		s->queue_first = s->queue_len = 0;
	return r;
}

static void read_finding(sqlite3_stmt *st, struct sw_finding *f)
{
	const void *subject = sqlite3_column_blob(st, 7);

	*f = (struct sw_finding){
		.id = (__u64)sqlite3_column_int64(st, 0),
		.wall_ns = sqlite3_column_int64(st, 1),
		.last_wall_ns = sqlite3_column_int64(st, 2),
		.boot_ns = (__u64)sqlite3_column_int64(st, 3),
		.kind = (enum sw_finding_kind)sqlite3_column_int(st, 4),
		.severity = (enum sw_severity)sqlite3_column_int(st, 5),
		.sport = (__u16)sqlite3_column_int(st, 8),
		.dport = (__u16)sqlite3_column_int(st, 9),
		.protocol = (__u8)sqlite3_column_int(st, 10),
		.count = (__u64)sqlite3_column_int64(st, 11),
		.pid = (__u32)sqlite3_column_int64(st, 12),
		.uid = (__u32)sqlite3_column_int64(st, 13),
	};
	if (subject && sqlite3_column_bytes(st, 7) == sizeof(f->subject))
		memcpy(&f->subject, subject, sizeof(f->subject));
	store_column_text(st, 6, f->rule, sizeof(f->rule));
	store_column_text(st, 14, f->process, sizeof(f->process));
	store_column_text(st, 15, f->executable, sizeof(f->executable));
	store_column_text(st, 16, f->container, sizeof(f->container));
	store_column_text(st, 17, f->unit, sizeof(f->unit));
	store_column_text(st, 18, f->trail, sizeof(f->trail));
	store_column_text(st, 19, f->feed, sizeof(f->feed));
	store_column_text(st, 20, f->title, sizeof(f->title));
	store_column_text(st, 21, f->container_name, sizeof(f->container_name));
	store_column_text(st, 22, f->pod, sizeof(f->pod));
}

static bool is_queued(struct sw_store *s, uint64_t id)
{
	for (size_t i = 0; i < s->queue_len; i++) {
		if (queued(s, i)->id == id)
			return true;
	}
	return false;
}

int sw_store_each_finding(struct sw_store *s, unsigned int n, sw_store_finding_fn fn, void *arg)
{
	int r = 0, called = 0;
	sqlite3_stmt *st = store_statement(s, ST_FINDINGS, &r);
	struct sw_finding f;

	for (size_t i = s->queue_len; i-- > 0 && n && called >= 0; n--)
		called = fn(queued(s, i), arg);
	if (!st || called < 0 || !n)
		return called < 0 ? called : r;
	sqlite3_bind_int64(st, 1, (int64_t)n + (int64_t)s->queue_len);
	while (called >= 0 && n && (r = sqlite3_step(st)) == SQLITE_ROW) {
		read_finding(st, &f);
		if (is_queued(s, f.id))
			continue;
		called = fn(&f, arg);
		n--;
	}
	r = store_end_rows(s, st, r);
	return called < 0 ? called : r;
}

uint64_t sw_store_count_findings(struct sw_store *s)
{
	int r = 0;
	sqlite3_stmt *st = store_statement(s, ST_COUNT_FINDINGS, &r);
	uint64_t n = 0;

	if (!st)
		return 0;
	r = sqlite3_step(st);
	if (r == SQLITE_ROW)
		n = (uint64_t)sqlite3_column_int64(st, 0);
	(void)store_end_rows(s, st, r);
	for (size_t i = 0; i < s->queue_len; i++)
		n += queued(s, i)->id > s->written_finding_id;
	return n;
}
