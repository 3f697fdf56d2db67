// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "user/base/cidr.h"
#include "user/store/store.h"

struct fixture {
	char dir[64];
	struct sw_clock clock;
	struct sw_store *store;
	struct sw_store_opened opened;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void)sw_strcpy(f->dir, sizeof(f->dir), "/tmp/sockwarden-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->clock = (struct sw_clock){.is_manual = true,
		.manual_boot_ns = SW_SEC_NS,
		.manual_wall_ns = 1795000000 * (int64_t)SW_SEC_NS};
	assert_int_equal(sw_store_open(f->dir, &f->clock, 64, &f->store, &f->opened), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char path[512];
	DIR *d;

	sw_store_close(f->store);
	d = opendir(f->dir);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void reopen(struct fixture *f)
{
	sw_store_close(TAKE_PTR(f->store));
	assert_int_equal(sw_store_open(f->dir, &f->clock, 64, &f->store, &f->opened), 0);
}

static struct sw_net net(const char *text)
{
	struct sw_net n;

	assert_int_equal(sw_cidr_parse(text, SIZE_MAX, &n), 0);
	return n;
}

static struct sw_store_ban make_ban(uint64_t id, const char *text)
{
	struct sw_store_ban b = {.d = {.id = id,
					 .kind = SW_DECISION_BAN,
					 .net = net(text),
					 .made_wall_sec = 1795000000,
					 .until_wall_sec = 1795003600,
					 .origin = "operator",
					 .reason = "too many \"tries\"\n; DROP TABLE bans",
					 .by = "uid 0 (root)"},
		.until_boot_ns = 3601 * SW_SEC_NS,
		.boot_id = "boot-a"};

	return b;
}

struct found {
	struct sw_store_ban ban[64];
	size_t n;
};

static int keep(const struct sw_store_ban *b, void *arg)
{
	struct found *f = arg;

	assert_true(f->n < SW_ARRAY_SIZE(f->ban));
	f->ban[f->n++] = *b;
	return 0;
}

static void a_ban_comes_back_as_it_was_stored(void **state)
{
	struct fixture *f = *state;
	struct sw_store_ban b = make_ban(sw_store_next_id(f->store), "2001:db8:1::/48");
	struct found found = {};

	assert_true(f->opened.is_new);
	assert_int_equal(sw_cidr_parse("2001:db8:2::7", SIZE_MAX, &b.via), 0);
	assert_int_equal(sw_store_put_ban(f->store, &b), 0);
	reopen(f);
	assert_false(f->opened.is_new);
	assert_int_equal(sw_store_each_open_ban(f->store, keep, &found), 0);
	assert_int_equal(found.n, 1);
	assert_true(sw_net_eq(&found.ban[0].d.net, &b.d.net));
	assert_string_equal(found.ban[0].d.reason, b.d.reason);
	assert_string_equal(found.ban[0].d.by, b.d.by);
	assert_string_equal(found.ban[0].boot_id, b.boot_id);
	assert_int_equal(found.ban[0].until_boot_ns, b.until_boot_ns);
	assert_true(sw_net_eq(&found.ban[0].via, &b.via));
	assert_int_equal(found.ban[0].d.until_wall_sec, b.d.until_wall_sec);
	assert_true(sw_store_next_id(f->store) > b.d.id);
}

static void an_ended_ban_stays_in_the_history(void **state)
{
	struct fixture *f = *state;
	struct sw_store_ban a = make_ban(1, "198.18.0.7"), b = make_ban(2, "198.18.0.0/24"),
			    c = make_ban(3, "198.19.0.1");
	struct sw_net asked = net("198.18.0.7");
	struct found found = {};

	assert_int_equal(sw_store_put_ban(f->store, &a), 0);
	assert_int_equal(sw_store_put_ban(f->store, &b), 0);
	assert_int_equal(sw_store_put_ban(f->store, &c), 0);
	assert_int_equal(sw_store_end_ban(f->store, 1, SW_BAN_WITHDRAWN, "uid 0 (root)"), 0);
	assert_int_equal(sw_store_each_open_ban(f->store, keep, &found), 0);
	assert_int_equal(found.n, 2);
	found.n = 0;
	assert_int_equal(sw_store_ban_history(f->store, &asked, 10, keep, &found), 0);
	assert_int_equal(found.n, 2); /* the network that holds it, and itself; not the stranger */
	assert_int_equal(found.ban[0].d.id, 2);
	assert_int_equal(found.ban[1].end, SW_BAN_WITHDRAWN);
	assert_string_equal(found.ban[1].ended_by, "uid 0 (root)");
	asked = net("198.18.0.0/16");
	found.n = 0;
	assert_int_equal(sw_store_ban_history(f->store, &asked, 1, keep, &found), 0);
	assert_int_equal(found.n, 1);
}

static void bans_made_since_a_time_come_newest_first_and_at_most_so_many(void **state)
{
	struct fixture *f = *state;
	struct sw_store_ban a = make_ban(1, "198.18.0.7"), b = make_ban(2, "2001:db8::/64"),
			    c = make_ban(3, "198.19.0.1");
	struct found found = {};

	b.d.made_wall_sec = a.d.made_wall_sec + 100;
	c.d.made_wall_sec = a.d.made_wall_sec + 200;
	assert_int_equal(sw_store_put_ban(f->store, &a), 0);
	assert_int_equal(sw_store_put_ban(f->store, &b), 0);
	assert_int_equal(sw_store_put_ban(f->store, &c), 0);
	assert_int_equal(sw_store_end_ban(f->store, 3, SW_BAN_EXPIRED, "time"), 0);
	assert_int_equal(sw_store_bans_since(f->store, b.d.made_wall_sec, 10, keep, &found), 0);
	assert_int_equal(found.n, 2);
	assert_int_equal(found.ban[0].d.id, 3);
	assert_int_equal(found.ban[1].d.net.family, SW_AF_IP6);
	found.n = 0;
	assert_int_equal(sw_store_bans_since(f->store, 0, 1, keep, &found), 0);
	assert_int_equal(found.n, 1);
}

static void write_garbage(const struct fixture *f, off_t at, size_t len)
{
	char path[128], garbage[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/sockwarden.db", f->dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	memset(garbage, 0xa5, sizeof(garbage));
	for (size_t done = 0; done < len; done += sizeof(garbage))
		assert_int_equal(pwrite(fd, garbage, sizeof(garbage), at + (off_t)done), sizeof(garbage));
	sw_close(fd);
}

static void a_damaged_database_is_moved_aside_and_a_new_one_works(void **state)
{
	static const struct {
		off_t at;
		size_t len;
	} damage[] = {{0, 4096}, {4096, 40960}};
	struct fixture *f = *state;

	for (size_t i = 0; i < SW_ARRAY_SIZE(damage); i++) {
		struct sw_store_ban b = make_ban(i + 1, "198.18.0.9");
		struct found found = {};
		struct stat st;

		assert_int_equal(sw_store_put_ban(f->store, &b), 0);
		sw_store_close(TAKE_PTR(f->store));
		write_garbage(f, damage[i].at, damage[i].len);
		f->clock.manual_wall_ns += (int64_t)SW_SEC_NS;
		assert_int_equal(sw_store_open(f->dir, &f->clock, 64, &f->store, &f->opened), 0);
		assert_true(f->opened.was_corrupt);
		assert_int_equal(stat(f->opened.moved_to, &st), 0);
		assert_non_null(strstr(f->opened.moved_to, ".corrupt-"));
		assert_true(sw_store_is_on_disk(f->store));
		assert_int_equal(sw_store_each_open_ban(f->store, keep, &found), 0);
		assert_int_equal(found.n, 0);
		assert_int_equal(sw_store_put_ban(f->store, &b), 0);
	}
}

static void sql(const struct fixture *f, const char *text)
{
	char path[128];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/sockwarden.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void a_database_of_the_first_version_keeps_its_bans(void **state)
{
	struct fixture *f = *state;
	struct sw_store_ban b = make_ban(5, "198.18.0.5");
	struct sw_finding finding = {.id = 1, .wall_ns = 1, .title = "x"};
	struct found found = {};

	assert_int_equal(sw_store_put_ban(f->store, &b), 0);
	sw_store_close(TAKE_PTR(f->store));
	sql(f, "DROP TABLE findings; DROP TABLE baselines; DROP TABLE baseline_rows; DROP TABLE evidence;"
		" DROP TABLE firsts; DROP TABLE seen; ALTER TABLE bans DROP COLUMN via; PRAGMA user_version = 1;");
	assert_int_equal(sw_store_open(f->dir, &f->clock, 64, &f->store, &f->opened), 0);
	assert_false(f->opened.was_corrupt);
	assert_int_equal(f->opened.error, 0);
	assert_int_equal(sw_store_each_open_ban(f->store, keep, &found), 0);
	assert_int_equal(found.n, 1);
	assert_int_equal(sw_store_queue_finding(f->store, &finding), 0);
	assert_int_equal(sw_store_flush(f->store), 0);
	assert_int_equal(sw_store_count_findings(f->store), 1);
}

static int keep_finding(const struct sw_finding *f, void *arg)
{
	*(struct sw_finding *)arg = *f;
	return 0;
}

/* As it was before findings knew pods. */
static void a_database_without_pods_keeps_its_findings_and_takes_new_ones(void **state)
{
	struct fixture *f = *state;
	struct sw_finding finding = {
				  .id = 2, .wall_ns = 2, .title = "y", .container_name = "web", .pod = "shop/cart"},
			  got = {};

	sw_store_close(TAKE_PTR(f->store));
	sql(f, "ALTER TABLE findings DROP COLUMN container_name; ALTER TABLE findings DROP COLUMN pod; DROP TABLE seen;"
		" PRAGMA user_version = 5;"
		" INSERT INTO findings VALUES(1,1,1,1,0,0,'r',x'',0,0,0,1,0,0,'','','','','','','x');");
	assert_int_equal(sw_store_open(f->dir, &f->clock, 64, &f->store, &f->opened), 0);
	assert_int_equal(f->opened.error, 0);
	assert_int_equal(sw_store_count_findings(f->store), 1);
	assert_int_equal(sw_store_queue_finding(f->store, &finding), 0);
	assert_int_equal(sw_store_flush(f->store), 0);
	assert_int_equal(sw_store_each_finding(f->store, 1, keep_finding, &got), 0);
	assert_string_equal(got.container_name, "web");
	assert_string_equal(got.pod, "shop/cart");
}

static void note_lines(void *arg, int64_t wall_sec, const char *rule, const char *lines)
{
	strcat(arg, rule);
	strcat(arg, ":");
	strcat(arg, lines);
	strcat(arg, ";");
}

static void evidence_comes_newest_first_and_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct sw_net one = net("198.18.0.5"), other = net("198.18.0.6");
	char text[128] = "";

	assert_int_equal(sw_store_begin(f->store), 0);
	assert_int_equal(sw_store_put_evidence(f->store, &one, "sshd", "gone"), 0);
	for (int i = 0; i < SW_STORE_EVIDENCE_MAX + 512; i++)
		assert_int_equal(sw_store_put_evidence(f->store, &other, "sshd", "x"), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sw_store_put_evidence(f->store, &one, "sshd", i == 1 ? "one" : i ? "two" : "0"), 0);
	assert_int_equal(sw_store_commit(f->store), 0);
	reopen(f);
	assert_int_equal(sw_store_each_evidence(f->store, &one, 2, note_lines, text), 0);
	assert_string_equal(text, "sshd:two;sshd:one;");
	text[0] = '\0';
	assert_int_equal(sw_store_each_evidence(f->store, &one, 9, note_lines, text), 0);
	assert_string_equal(text, "sshd:two;sshd:one;sshd:0;");
}

static void bans_that_ran_are_counted_by_origin_and_time(void **state)
{
	struct fixture *f = *state;
	struct sw_net n = net("198.18.0.5");
	static const char *const origins[] = {"rule:sshd", "rule:sshd", "rule:web", "operator", "rule:sshd"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(origins); i++) {
		struct sw_store_ban b = make_ban(i + 1, "198.18.0.5");

		strcpy(b.d.origin, origins[i]);
		b.d.made_wall_sec += (int64_t)i;
		assert_int_equal(sw_store_put_ban(f->store, &b), 0);
	}
	assert_int_equal(sw_store_end_ban(f->store, 1, SW_BAN_EXPIRED, "policy"), 0);
	assert_int_equal(sw_store_count_bans(f->store, &n, "rule:sshd", 0), 3);
	assert_int_equal(sw_store_count_bans(f->store, &n, "rule:*", 0), 4);
	assert_int_equal(sw_store_count_bans(f->store, &n, "rule:sshd", 1795000001), 2);
	assert_int_equal(sw_store_end_ban(f->store, 5, SW_BAN_WITHDRAWN, "root"), 0);
	assert_int_equal(sw_store_count_bans(f->store, &n, "rule:sshd", 0), 2);
	n = net("198.18.0.0/24");
	assert_int_equal(sw_store_count_bans(f->store, &n, "*", 0), 0);
}

static void a_database_of_a_newer_version_is_left_alone(void **state)
{
	struct fixture *f = *state;

	sw_store_close(TAKE_PTR(f->store));
	sql(f, "PRAGMA user_version = 999;");
	assert_int_equal(sw_store_open(f->dir, &f->clock, 64, &f->store, &f->opened), 0);
	assert_int_equal(f->opened.error, -EPROTO);
	assert_false(f->opened.was_corrupt);
	assert_false(sw_store_is_on_disk(f->store));
	assert_int_equal(sw_store_retry(f->store), -EPROTO);
}

static void next_row(size_t i, struct sw_store_row *ret, void *arg)
{
	*ret = ((struct sw_store_row *)arg)[i];
}

static int count_row(const struct sw_store_row *row, void *arg)
{
	size_t *n = arg;

	assert_int_equal(row->len, 3);
	assert_memory_equal(row->data, "abc", 3);
	(*n)++;
	return 0;
}

static void a_store_in_memory_moves_to_the_disk_when_there_is_one(void **state)
{
	struct fixture *f = *state;
	struct sw_store_row row = {.key = "tcp/0.0.0.0:22", .data = "abc", .len = 3};
	struct sw_finding finding = {.wall_ns = 1, .title = "seen while the disk was away"};
	struct sw_store *lone;
	struct sw_store_opened opened;
	char away[80];
	size_t rows = 0;

	snprintf(away, sizeof(away), "%s/later", f->dir);
	assert_int_equal(sw_store_open(away, &f->clock, 64, &lone, &opened), 0);
	assert_int_equal(opened.error, -EACCES);
	finding.id = sw_store_next_finding_id(lone);
	assert_int_equal(sw_store_queue_finding(lone, &finding), 0);
	assert_int_equal(sw_store_flush(lone), 0);
	assert_int_equal(sw_store_save_baseline(lone, "first", 1, 1, next_row, &row), 0);
	assert_true(sw_store_retry(lone) < 0);
	assert_int_equal(mkdir(away, 0700), 0);
	assert_int_equal(sw_store_retry(lone), 0);
	assert_true(sw_store_is_on_disk(lone));
	sw_store_close(lone);
	assert_int_equal(sw_store_open(away, &f->clock, 64, &lone, &opened), 0);
	assert_int_equal(sw_store_count_findings(lone), 1);
	assert_int_equal(sw_store_read_baseline(lone, "first", NULL, count_row, &rows), 0);
	assert_int_equal(rows, 1);
	sw_store_close(lone);
	snprintf(away, sizeof(away), "%s/later/sockwarden.db", f->dir);
	unlink(away);
	snprintf(away, sizeof(away), "%s/later", f->dir);
	assert_int_equal(rmdir(away), 0);
}

/* A limit of 1 MiB: findings must make room for themselves, and a ban must always find some. */
static void findings_never_fill_the_database(void **state)
{
	struct fixture *f = *state;
	struct sw_store_ban b = make_ban(1, "198.18.0.1");

	sw_store_set_max(f->store, 1);
	for (unsigned int i = 0; i < 20000; i++) {
		struct sw_finding finding = {.id = sw_store_next_finding_id(f->store), .wall_ns = i, .count = i};

		memset(finding.title, 'x', 150);
		assert_int_equal(sw_store_queue_finding(f->store, &finding), 0);
		if (i % 500 == 499)
			assert_int_equal(sw_store_flush(f->store), 0);
	}
	assert_true(sw_store_count_findings(f->store) > 500);
	assert_true(sw_store_count_findings(f->store) < 20000);
	assert_int_equal(sw_store_put_ban(f->store, &b), 0);
}

static void a_full_disk_is_said_and_nothing_is_lost_of_what_was_stored(void **state)
{
	struct fixture *f = *state;
	struct sw_store_ban b;
	struct found found = {};
	int r = 0;

	sw_store_set_max(f->store, 1); /* as a disk that is full: the file cannot grow */
	for (uint64_t id = 1; id < 100000 && r == 0; id++) {
		b = make_ban(id, "198.18.0.1");
		memset(b.d.reason, 'r', sizeof(b.d.reason) - 1);
		r = sw_store_put_ban(f->store, &b);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(sw_store_begin(f->store), 0);
	assert_true(sw_store_put_ban(f->store, &b) < 0);
	(void)sw_store_commit(f->store);
	sw_store_set_max(f->store, 64);
	assert_int_equal(sw_store_put_ban(f->store, &b), 0);
	reopen(f);
	found.n = 0;
	assert_int_equal(sw_store_ban_history(f->store, &b.d.net, 3, keep, &found), 0);
	assert_int_equal(found.n, 3);
	assert_int_equal(found.ban[0].d.id, b.d.id);
}

static int last_title(const struct sw_finding *finding, void *arg)
{
	(void)sw_strcpy(arg, sizeof(finding->title), finding->title);
	return -ECANCELED;
}

static uint64_t file_bytes(const struct fixture *f)
{
	struct stat st;

	assert_int_equal(stat(sw_store_path(f->store), &st), 0);
	return (uint64_t)st.st_size;
}

static void no_ban_waits_for_the_housekeeping_of_those_before(void **state)
{
	struct fixture *f = *state;
	struct sw_store_ban b = make_ban(1, "198.18.0.7");
	uint64_t before;

	sw_store_tidy(f->store);
	before = file_bytes(f);
	for (uint64_t id = 1; id <= 1500; id++) {
		b.d.id = id;
		assert_int_equal(sw_store_put_ban(f->store, &b), 0);
	}
	assert_int_equal(file_bytes(f), before);
	sw_store_tidy(f->store);
	assert_true(file_bytes(f) > before);
	before = file_bytes(f);
	assert_int_equal(sw_store_begin(f->store), 0);
	sw_store_tidy(f->store);
	assert_int_equal(sw_store_commit(f->store), 0);
	assert_int_equal(file_bytes(f), before);
}

static void a_finding_told_again_is_one_row(void **state)
{
	struct fixture *f = *state;
	struct sw_finding finding = {
		.id = sw_store_next_finding_id(f->store), .wall_ns = 5, .count = 1, .title = "one"};
	char title[192] = "";

	assert_int_equal(sw_store_queue_finding(f->store, &finding), 0);
	assert_int_equal(sw_store_flush(f->store), 0);
	finding.count = 2;
	(void)sw_strcpy(finding.title, sizeof(finding.title), "two");
	assert_int_equal(sw_store_queue_finding(f->store, &finding), 0);
	assert_int_equal(sw_store_each_finding(f->store, 10, last_title, title), -ECANCELED);
	assert_string_equal(title, "two");
	assert_int_equal(sw_store_flush(f->store), 0);
	assert_int_equal(sw_store_count_findings(f->store), 1);
}

static void a_baseline_is_replaced_as_a_whole(void **state)
{
	struct fixture *f = *state;
	struct sw_store_row rows[] = {{"a", "abc", 3}, {"b", "abc", 3}, {"c", "abc", 3}};
	int64_t taken = 0;
	size_t n = 0;

	assert_int_equal(sw_store_save_baseline(f->store, "x", 10, 3, next_row, rows), 0);
	assert_int_equal(sw_store_save_baseline(f->store, "x", 11, 2, next_row, rows), 0);
	assert_int_equal(sw_store_read_baseline(f->store, "x", &taken, count_row, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(taken, 11);
	assert_int_equal(sw_store_put_baseline_row(f->store, "x", &rows[2]), 0);
	assert_int_equal(sw_store_delete_baseline_row(f->store, "x", "a"), 0);
	n = 0;
	assert_int_equal(sw_store_read_baseline(f->store, "x", NULL, count_row, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(sw_store_delete_baseline(f->store, "x"), 1);
	assert_int_equal(sw_store_delete_baseline(f->store, "x"), 0);
	assert_int_equal(sw_store_read_baseline(f->store, "x", NULL, count_row, &n), -ENOENT);
}

static void a_second_engine_on_the_same_database_works_in_memory(void **state)
{
	struct fixture *f = *state;
	struct sw_store_opened opened;
	struct sw_store *second;

	assert_int_equal(sw_store_open(f->dir, &f->clock, 64, &second, &opened), 0);
	assert_int_equal(opened.error, -EBUSY);
	assert_false(sw_store_is_on_disk(second));
	sw_store_close(second);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_ban_comes_back_as_it_was_stored),
		T(an_ended_ban_stays_in_the_history),
		T(bans_made_since_a_time_come_newest_first_and_at_most_so_many),
		T(a_damaged_database_is_moved_aside_and_a_new_one_works),
		T(a_database_of_the_first_version_keeps_its_bans),
		T(a_database_without_pods_keeps_its_findings_and_takes_new_ones),
		T(evidence_comes_newest_first_and_is_bounded),
		T(bans_that_ran_are_counted_by_origin_and_time),
		T(a_database_of_a_newer_version_is_left_alone),
		T(a_store_in_memory_moves_to_the_disk_when_there_is_one),
		T(findings_never_fill_the_database),
		T(a_full_disk_is_said_and_nothing_is_lost_of_what_was_stored),
		T(no_ban_waits_for_the_housekeeping_of_those_before),
		T(a_finding_told_again_is_one_row),
		T(a_baseline_is_replaced_as_a_whole),
		T(a_second_engine_on_the_same_database_works_in_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
