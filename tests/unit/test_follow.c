// SPDX-License-Identifier: GPL-3.0-or-later
/* Log files through every rotation: real files, the guard's own opener, real inotify. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include "user/guard/logs.h"
#include "user/logs/follow.h"

enum { NOW = 1700000000 };

struct rig {
	char dir[64], pattern[96];
	struct sw_clock clock;
	struct sw_logs *logs;
	struct sw_log_follow *follow;
	struct sw_strbuf
		got; /* the lines, each with a newline; those of the past with "<" before */
	int inotify;
};

static int each(void *arg, unsigned int source, bool is_past, sw_log_file_fn fn, void *ctx)
{
	struct rig *rig = arg;
	struct sw_guard_log_ask ask = {.pattern = source, .flags = is_past ? SW_GUARD_LOG_PAST : 0};
	struct sw_guard_logs got;

	do {
		int fds[SW_GUARD_LOGS_MAX], r;
		size_t n = 0, at = 0;

		r = sw_logs_open(rig->logs, &ask, &got, fds, &n);
		if (r < 0)
			return r;
		for (__u32 i = 0; i < got.n; i++)
			fn(ctx, got.at[i].path, got.at[i].error ? -1 : fds[at++], got.at[i].wd,
				got.at[i].error);
		ask.first += got.n;
	} while (got.n && ask.first < got.total);
	return 0;
}

static void line(void *arg, unsigned int source, const char *text, size_t len, bool is_back)
{
	struct rig *rig = arg;

	if (is_back)
		sw_strbuf_putc(&rig->got, '<');
	sw_strbuf_add(&rig->got, text, len);
	sw_strbuf_putc(&rig->got, '\n');
}

static void turn(struct rig *rig)
{
	assert_int_equal(sw_log_follow_events(rig->follow, rig->inotify), 0);
	while (sw_log_follow_work(rig->follow))
		;
}

/* A new life, as after a restart; positions: of the one before, or NULL. */
static void start(struct rig *rig, const char *positions, uint64_t back_sec)
{
	const struct sw_log_port port = {.each = each, .line = line, .arg = rig};
	const struct sw_log_follow_source source = {.number = 0, .pattern = rig->pattern};

	assert_int_equal(sw_log_follow_new(&port, &rig->clock, &rig->follow), 0);
	assert_int_equal(sw_logs_watch(rig->logs, &rig->inotify), 0);
	if (positions)
		sw_log_follow_restore(rig->follow, positions);
	assert_int_equal(sw_log_follow_configure(rig->follow, &source, 1, back_sec), 0);
	turn(rig);
}

static void stop(struct rig *rig, struct sw_strbuf *positions)
{
	if (positions) {
		sw_strbuf_reset(positions);
		sw_log_follow_positions(rig->follow, positions);
	}
	sw_log_follow_free(TAKE_PTR(rig->follow));
}

static const char *path_of(const struct rig *rig, const char *name)
{
	static char path[2][160];
	static unsigned int which;

	which = !which;
	snprintf(path[which], sizeof(path[which]), "%s/%s", rig->dir, name);
	return path[which];
}

static void put(const struct rig *rig, const char *name, const void *text, size_t len)
{
	int fd = open(path_of(rig, name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(sw_write_all(fd, text, len), 0);
	sw_close(fd);
}

static void puts_to(const struct rig *rig, const char *name, const char *text)
{
	put(rig, name, text, strlen(text));
}

static void pack(const struct rig *rig, const char *from, const char *to)
{
	char *text;
	size_t len;
	int fd = open(path_of(rig, from), O_RDONLY | O_CLOEXEC);
	gzFile gz = gzopen(path_of(rig, to), "wb");

	assert_int_equal(sw_read_all(fd, 1 << 20, &text, &len), 0);
	assert_int_equal(gzwrite(gz, text, (unsigned int)len), (int)len);
	gzclose(gz);
	free(text);
	sw_close(fd);
	unlink(path_of(rig, from));
}

static void set_age(const struct rig *rig, const char *name, int64_t sec)
{
	const struct timespec t[2] = {{.tv_sec = NOW - sec}, {.tv_sec = NOW - sec}};

	assert_int_equal(utimensat(AT_FDCWD, path_of(rig, name), t, 0), 0);
}

static void rename_to(const struct rig *rig, const char *from, const char *to)
{
	assert_int_equal(rename(path_of(rig, from), path_of(rig, to)), 0);
}

static void expect(struct rig *rig, const char *want, const char *when)
{
	const char *got;
	size_t same = 0;

	turn(rig);
	got = sw_strbuf_get(&rig->got);
	while (got[same] && got[same] == want[same])
		same++;
	if (got[same] || want[same]) {
		same -= SW_MIN(same, (size_t)20);
		fail_msg("%s: from byte %zu on expected\n%.200s\n---- got\n%.200s", when, same,
			want + same, got + same);
	}
	sw_strbuf_reset(&rig->got);
}

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	const char *patterns[] = {rig->pattern};
	const struct sw_logs_wish wish = {.patterns = patterns, .n = 1};

	rig->clock = (struct sw_clock){.is_manual = true,
		.manual_boot_ns = 1000 * SW_SEC_NS,
		.manual_wall_ns = NOW * (int64_t)SW_SEC_NS};
	strcpy(rig->dir, "/tmp/sw-follow-XXXXXX");
	if (!mkdtemp(rig->dir))
		return -1;
	snprintf(rig->pattern, sizeof(rig->pattern), "%s/a.log", rig->dir);
	if (sw_logs_new(&rig->logs) < 0 || sw_logs_configure(rig->logs, &wish) < 0)
		return -1;
	*state = rig;
	return 0;
}

static int take_down(void **state)
{
	struct rig *rig = *state;
	DIR *d = opendir(rig->dir);
	struct dirent *e;

	while ((e = readdir(d)))
		unlink(path_of(rig, e->d_name));
	closedir(d);
	rmdir(rig->dir);
	sw_log_follow_free(rig->follow);
	sw_logs_free(rig->logs);
	sw_strbuf_done(&rig->got);
	free(rig);
	return 0;
}

static void use_pattern(struct rig *rig, const char *pattern)
{
	const char *patterns[] = {rig->pattern};
	const struct sw_logs_wish wish = {.patterns = patterns, .n = 1};

	snprintf(rig->pattern, sizeof(rig->pattern), "%s/%s", rig->dir, pattern);
	assert_int_equal(sw_logs_configure(rig->logs, &wish), 0);
}

static void lines_come_as_they_are_ended(void **state)
{
	static const char odd[] = "\0\0\0behind a hole\nin\0side \xff\xfe\n";
	struct rig *rig = *state;

	start(rig, NULL, 0);
	expect(rig, "", "no file yet");
	puts_to(rig, "a.log", "one\ntwo");
	expect(rig, "one\n", "the file comes with a line and a half");
	puts_to(rig, "a.log", " and a half\r\n\n");
	expect(rig, "two and a half\n", "the other half; an empty line is none");
	put(rig, "a.log", odd, sizeof(odd) - 1);
	turn(rig);
	assert_int_equal(rig->got.len, sizeof(odd) - 4);
	assert_memory_equal(rig->got.text, odd + 3, sizeof(odd) - 4);
}

static void long_lines_come_whole_and_endless_ones_cut(void **state)
{
	struct rig *rig = *state;
	_free_ char *text = malloc(200001);

	memset(text, 'x', 200000);
	text[200000] = '\0';
	start(rig, NULL, 0);
	put(rig, "a.log", text, 10000);
	puts_to(rig, "a.log", "\nnext\n");
	turn(rig);
	assert_int_equal(rig->got.len, 10001 + 5);
	sw_strbuf_reset(&rig->got);
	put(rig, "a.log", text, 200000);
	turn(rig);
	assert_int_equal(rig->got.len, SW_LOG_LINE_MAX + 1);
	sw_strbuf_reset(&rig->got);
	puts_to(rig, "a.log", "rest\nafter\n");
	expect(rig, "after\n", "the line behind the endless one");
	assert_int_equal(sw_log_follow_stats(rig->follow).cut, 1);
}

static void a_renamed_file_is_read_to_its_end_and_on(void **state)
{
	struct rig *rig = *state;

	start(rig, NULL, 0);
	puts_to(rig, "a.log", "1\n2\n");
	expect(rig, "1\n2\n", "before");
	puts_to(rig, "a.log", "3\n");
	rename_to(rig, "a.log", "a.log.1");
	puts_to(rig, "a.log.1", "4\n");
	expect(rig, "3\n4\n", "renamed, no new file yet");
	puts_to(rig, "a.log", "6\n");
	puts_to(rig, "a.log.1", "5\n");
	turn(rig);
	assert_true(sw_streq(rig->got.text, "5\n6\n") || sw_streq(rig->got.text, "6\n5\n"));
	sw_strbuf_reset(&rig->got);
	puts_to(rig, "a.log.1", "7, without end");
	expect(rig, "", "it may go on");
	unlink(path_of(rig, "a.log.1"));
	expect(rig, "7, without end\n", "now it cannot");
	puts_to(rig, "a.log", "8\n");
	expect(rig, "8\n", "the new one goes on");
}

static void a_truncated_file_begins_anew(void **state)
{
	struct rig *rig = *state;

	start(rig, NULL, 0);
	puts_to(rig, "a.log", "first of many\nsecond\n");
	expect(rig, "first of many\nsecond\n", "before");
	assert_int_equal(truncate(path_of(rig, "a.log"), 0), 0);
	puts_to(rig, "a.log", "x\n");
	expect(rig, "x\n", "shorter than before");
	assert_int_equal(truncate(path_of(rig, "a.log"), 0), 0);
	puts_to(rig, "a.log", "longer than it ever was before\n");
	expect(rig, "longer than it ever was before\n", "longer than before, and other");
	assert_int_equal(sw_log_follow_stats(rig->follow).truncations, 2);
}

static void a_hole_as_large_as_the_old_file_is_stepped_over(void **state)
{
	struct rig *rig = *state;
	int fd;

	start(rig, NULL, 0);
	puts_to(rig, "a.log", "old\n");
	expect(rig, "old\n", "before");
	fd = open(path_of(rig, "a.log"), O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "new\n", 4, 1ll << 33), 4);
	sw_close(fd);
	expect(rig, "new\n", "behind 8 GiB of nothing");
	assert_true(sw_log_follow_stats(rig->follow).bytes < 1 << 20);
}

static void a_file_that_vanished_comes_back(void **state)
{
	struct rig *rig = *state;

	puts_to(rig, "a.log", "1\n");
	start(rig, NULL, 3600);
	unlink(path_of(rig, "a.log"));
	turn(rig);
	assert_int_equal(sw_log_follow_stats(rig->follow).files, 0);
	sw_strbuf_reset(&rig->got);
	puts_to(rig, "a.log", "2\n");
	expect(rig, "2\n", "it is back");
}

static void new_files_of_a_pattern_are_found(void **state)
{
	struct rig *rig = *state;

	use_pattern(rig, "*.log");
	start(rig, NULL, 0);
	puts_to(rig, "b.log", "b\n");
	expect(rig, "b\n", "one comes");
	puts_to(rig, "c.txt", "c\n");
	expect(rig, "", "this is none");
	rename_to(rig, "c.txt", "c.log");
	expect(rig, "c\n", "now it is");
	rename_to(rig, "b.log", "d.log");
	puts_to(rig, "d.log", "d\n");
	expect(rig, "d\n", "the same file by another name of the pattern");
	assert_int_equal(sw_log_follow_stats(rig->follow).files, 2);
}

static void a_restart_reads_what_was_written_meanwhile_and_nothing_twice(void **state)
{
	struct rig *rig = *state;
	_strbuf_ struct sw_strbuf at = {};

	puts_to(rig, "a.log", "1\n");
	start(rig, NULL, 0);
	puts_to(rig, "a.log", "2\n");
	turn(rig);
	stop(rig, &at);
	sw_strbuf_reset(&rig->got);
	puts_to(rig, "a.log", "3\n");
	start(rig, at.text, 3600);
	expect(rig, "3\n", "the same file");
	stop(rig, &at);
	puts_to(rig, "a.log", "4\n");
	rename_to(rig, "a.log", "a.log.1");
	pack(rig, "a.log.1", "a.log.2.gz");
	puts_to(rig, "a.log.1", "5\n");
	puts_to(rig, "a.log", "6\n");
	set_age(rig, "a.log.2.gz", -2);
	set_age(rig, "a.log.1", -3);
	start(rig, at.text, 3600);
	expect(rig, "4\n5\n6\n", "rotated twice, once compressed");
	stop(rig, &at);
	assert_int_equal(truncate(path_of(rig, "a.log"), 0), 0);
	puts_to(rig, "a.log", "7\n");
	set_age(rig, "a.log.2.gz", 60);
	set_age(rig, "a.log.1", 30);
	start(rig, at.text, 3600);
	expect(rig, "7\n", "truncated, the older ones were read");
	stop(rig, NULL);
	start(rig, "nonsense\n1 2 3\n\t\n", 3600);
}

/* In it a.log gets text, of which lines are whole; at: where it was left. */
static void first_life(struct rig *rig, const char *text, const char *lines, struct sw_strbuf *at)
{
	puts_to(rig, "a.log", "1\n");
	start(rig, NULL, 0);
	sw_strbuf_reset(&rig->got);
	puts_to(rig, "a.log", text);
	expect(rig, lines, "before");
	stop(rig, at);
}

/* copytruncate: the copy is another file, and begins with what was read of the old one. */
static void copy_and_truncate(const struct rig *rig, const char *from, const char *to)
{
	char *text;
	size_t len;
	int fd = open(path_of(rig, from), O_RDONLY | O_CLOEXEC);

	assert_int_equal(sw_read_all(fd, 1 << 20, &text, &len), 0);
	sw_close(fd);
	(void)unlink(path_of(rig, to));
	put(rig, to, text, len);
	free(text);
	assert_int_equal(truncate(path_of(rig, from), 0), 0);
}

static void a_copy_made_while_nobody_looked_is_read_from_where_it_was_left(void **state)
{
	struct rig *rig = *state;
	_strbuf_ struct sw_strbuf at = {};

	first_life(rig, "2\n", "2\n", &at);
	puts_to(rig, "a.log", "3\n");
	copy_and_truncate(rig, "a.log", "a.log.1");
	puts_to(rig, "a.log", "4 is other\n");
	set_age(rig, "a.log.1", -2);
	set_age(rig, "a.log", -3);
	start(rig, at.text, 3600);
	expect(rig, "3\n4 is other\n", "copied and truncated");
	stop(rig, &at);
	puts_to(rig, "a.log", "5\n");
	copy_and_truncate(rig, "a.log", "a.log-20231114");
	pack(rig, "a.log-20231114", "a.log-20231114.gz");
	puts_to(rig, "a.log", "6\n");
	set_age(rig, "a.log.1", 60);
	set_age(rig, "a.log-20231114.gz", -4);
	set_age(rig, "a.log", -5);
	start(rig, at.text, 3600);
	expect(rig, "5\n6\n", "copied by date, truncated and compressed");
}

static void half_a_line_waits_for_its_end_over_a_restart(void **state)
{
	struct rig *rig = *state;
	_strbuf_ struct sw_strbuf at = {};

	first_life(rig, "2\nhalf", "2\n", &at);
	start(rig, at.text, 3600);
	expect(rig, "", "nothing new");
	stop(rig, &at);
	puts_to(rig, "a.log", " a line\n");
	rename_to(rig, "a.log", "a.log.1");
	puts_to(rig, "a.log", "3\n");
	set_age(rig, "a.log.1", -2);
	set_age(rig, "a.log", -3);
	start(rig, at.text, 3600);
	expect(rig, "half a line\n3\n", "ended in the renamed file");
}

static void a_link_that_is_led_elsewhere_is_followed(void **state)
{
	struct rig *rig = *state;
	_strbuf_ struct sw_strbuf at = {};

	puts_to(rig, "day1", "old\n");
	assert_int_equal(symlink("day1", path_of(rig, "a.log")), 0);
	start(rig, NULL, 0);
	sw_strbuf_reset(&rig->got);
	puts_to(rig, "day1", "1\n");
	expect(rig, "1\n", "through the link");
	puts_to(rig, "day2", "2\n");
	assert_int_equal(symlink("day2", path_of(rig, "next")), 0);
	puts_to(rig, "day1", "the last of the day\n");
	rename_to(rig, "next", "a.log");
	turn(rig);
	assert_true(sw_streq(rig->got.text, "the last of the day\n2\n") ||
		sw_streq(rig->got.text, "2\nthe last of the day\n"));
	sw_strbuf_reset(&rig->got);
	stop(rig, &at);
	puts_to(rig, "day2", "3\n");
	start(rig, at.text, 3600);
	expect(rig, "3\n", "after a restart");
	puts_to(rig, "day2", "4\n");
	expect(rig, "4\n", "and on");
}

static void a_directory_that_appears_later_is_found(void **state)
{
	struct rig *rig = *state;

	use_pattern(rig, "app/*/x.log");
	start(rig, NULL, 0);
	assert_int_equal(mkdir(path_of(rig, "app"), 0700), 0);
	turn(rig);
	assert_int_equal(mkdir(path_of(rig, "app/one"), 0700), 0);
	turn(rig);
	puts_to(rig, "app/one/x.log", "1\n");
	expect(rig, "1\n", "step by step");
	assert_int_equal(mkdir(path_of(rig, "app/two"), 0700), 0);
	puts_to(rig, "app/two/x.log", "2\n");
	expect(rig, "2\n", "a directory that came with its file");
	unlink(path_of(rig, "app/two/x.log"));
	rmdir(path_of(rig, "app/two"));
	turn(rig);
	assert_int_equal(mkdir(path_of(rig, "app/two"), 0700), 0);
	puts_to(rig, "app/two/x.log", "3\n");
	expect(rig, "3\n", "it was made anew");
	unlink(path_of(rig, "app/one/x.log"));
	unlink(path_of(rig, "app/two/x.log"));
	rmdir(path_of(rig, "app/one"));
	rmdir(path_of(rig, "app/two"));
	rmdir(path_of(rig, "app"));
}

static void what_is_no_file_is_left_alone_until_it_is_one(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(mkdir(path_of(rig, "a.log"), 0700), 0);
	start(rig, NULL, 0);
	assert_int_equal(sw_log_follow_stats(rig->follow).files, 0);
	assert_int_equal(rmdir(path_of(rig, "a.log")), 0);
	assert_int_equal(mkfifo(path_of(rig, "a.log"), 0600), 0);
	turn(rig);
	assert_int_equal(sw_log_follow_stats(rig->follow).files, 0);
	unlink(path_of(rig, "a.log"));
	puts_to(rig, "a.log", "1\n");
	expect(rig, "1\n", "now it is a file");
}

static void the_first_start_reads_back_as_far_as_asked(void **state)
{
	struct rig *rig = *state;

	puts_to(rig, "a.log.3", "too old\n");
	pack(rig, "a.log.3", "a.log.3.gz");
	puts_to(rig, "a.log.2", "young\nenough");
	pack(rig, "a.log.2", "a.log.2.gz");
	puts_to(rig, "a.log.1", "younger\n");
	puts_to(rig, "a.log", "today\nhalf");
	set_age(rig, "a.log.3.gz", 7200);
	set_age(rig, "a.log.2.gz", 3000);
	set_age(rig, "a.log.1", 2000);
	set_age(rig, "a.log", 10);
	start(rig, NULL, 3600);
	expect(rig, "<young\n<enough\n<younger\n<today\n", "history");
	puts_to(rig, "a.log", " a line\nnew\n");
	expect(rig, "half a line\nnew\n", "from now on");
}

static void a_damaged_archive_is_counted_and_the_rest_is_read(void **state)
{
	static const char damaged[] = "\x1f\x8b\x08\x00garbage all over the place";
	struct rig *rig = *state;

	put(rig, "a.log.1.gz", damaged, sizeof(damaged) - 1);
	puts_to(rig, "a.log", "today\n");
	set_age(rig, "a.log.1.gz", 20);
	set_age(rig, "a.log", 10);
	start(rig, NULL, 3600);
	expect(rig, "<today\n", "the archive is damaged");
	assert_int_equal(sw_log_follow_stats(rig->follow).unreadable, 1);
}

static void an_archive_of_another_kind_is_counted_and_no_line(void **state)
{
	static const char xz[] = "\xfd" "7zXZ\0noise\nthat has\nnewlines\n";
	struct rig *rig = *state;

	put(rig, "a.log.1.xz", xz, sizeof(xz) - 1);
	puts_to(rig, "a.log", "today\n");
	set_age(rig, "a.log.1.xz", 20);
	set_age(rig, "a.log", 10);
	start(rig, NULL, 3600);
	expect(rig, "<today\n", "the archive is xz's");
	assert_int_equal(sw_log_follow_stats(rig->follow).unreadable, 1);
}

/* Any order of writing, rotating and restarting: each line once. */
static void no_line_is_lost_or_doubled_whatever_happens(void **state)
{
	struct rig *rig = *state;
	_strbuf_ struct sw_strbuf want = {};
	unsigned int seed = 11, written = 0;
	char text[64];

	start(rig, NULL, 0);
	for (int step = 0; step < 3000; step++) {
		seed = seed * 1664525 + 1013904223;
		switch (seed >> 8 & 15) {
		case 0:
			turn(rig); /* a file that comes and goes between two looks was never there */
			unlink(path_of(rig, "a.log.2"));
			(void)rename(path_of(rig, "a.log.1"), path_of(rig, "a.log.2"));
			(void)rename(path_of(rig, "a.log"), path_of(rig, "a.log.1"));
			turn(rig);
			break;
		case 1:
			turn(rig); /* who copies and truncates loses what was not read by then */
			(void)!truncate(path_of(rig, "a.log"), 0);
			break;
		case 2: {
			_strbuf_ struct sw_strbuf at = {};

			turn(rig);
			stop(rig, &at);
			sw_clock_advance(&rig->clock, SW_SEC_NS);
			start(rig, at.text ? at.text : "", 0);
			break;
		}
		case 3:
			turn(rig);
			break;
		default:
			snprintf(text, sizeof(text), "line %u\n", written++);
			sw_strbuf_puts(&want, text);
			puts_to(rig, "a.log", text);
		}
	}
	expect(rig, sw_strbuf_get(&want), "3000 steps");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
		TEST(lines_come_as_they_are_ended),
		TEST(long_lines_come_whole_and_endless_ones_cut),
		TEST(a_renamed_file_is_read_to_its_end_and_on),
		TEST(a_truncated_file_begins_anew),
		TEST(a_hole_as_large_as_the_old_file_is_stepped_over),
		TEST(a_file_that_vanished_comes_back),
		TEST(new_files_of_a_pattern_are_found),
		TEST(a_restart_reads_what_was_written_meanwhile_and_nothing_twice),
		TEST(a_copy_made_while_nobody_looked_is_read_from_where_it_was_left),
		TEST(half_a_line_waits_for_its_end_over_a_restart),
		TEST(a_link_that_is_led_elsewhere_is_followed),
		TEST(a_directory_that_appears_later_is_found),
		TEST(what_is_no_file_is_left_alone_until_it_is_one),
		TEST(the_first_start_reads_back_as_far_as_asked),
		TEST(a_damaged_archive_is_counted_and_the_rest_is_read),
		TEST(an_archive_of_another_kind_is_counted_and_no_line),
		TEST(no_line_is_lost_or_doubled_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
