/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times of single trails: read from texts, kept in lists, and what is over counts for nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <cmocka.h>
#include <fcntl.h>

#include "tests/unit/packed_find.h"
#include "user/base/cidr.h"
#include "user/io/msg.h"
#include "user/trail/edit.h"
#include "user/trail/image.h"
#include "user/trail/lookup.h"

enum { NOON = 1798718400 }; /* 2026-12-31T12:00:00Z */

static const struct {
	const char *text;
	int used; /* -EINVAL: no time */
	uint32_t sec;
} forms[] = {
	{"2026-12-31", 10, NOON - 12 * 3600},
	{"2026-12-31T12:00:00Z", 20, NOON},
	{"2026-12-31 12:00:00", 19, NOON},
	{"2026-12-31 12:00:00 UTC", 23, NOON},
	{"2026-12-31T12:00", 16, NOON},
	{"2026-12-31T12:00:00.123456Z, more", 27, NOON},
	{"2026-12-31T13:00:00+01:00", 25, NOON},
	{"2026-12-31T06:30:00-0530", 24, NOON},
	{"2026-12-31 until then", 10, NOON - 12 * 3600},
	{"1970-01-01T00:00:01Z", 20, 1},
	{"2028-02-29", 10, 1835395200},
	{"2027-02-29", -EINVAL, 0},
	{"2026-06-31", -EINVAL, 0},
	{"2026-13-01", -EINVAL, 0},
	{"2026-12-31T24:00:00Z", -EINVAL, 0},
	{"2026-12-31T12:60:00Z", -EINVAL, 0},
	{"1969-12-31", -EINVAL, 0},
	{"1970-01-01", -EINVAL, 0},
	{"2106-01-01", -EINVAL, 0},
	{"2026-12-3", -EINVAL, 0},
	{"2026-12-311", -EINVAL, 0},
	{"26-12-31", -EINVAL, 0},
	{"tomorrow", -EINVAL, 0},
	{"", -EINVAL, 0},
};

static void a_time_is_read_in_its_forms_and_nothing_else_is_one(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(forms); i++) {
		uint32_t sec = 0;
		int r = sw_trail_time_read(forms[i].text, strlen(forms[i].text), &sec);

		if (r != forms[i].used || sec != forms[i].sec)
			fail_msg("'%s': %d %u, wanted %d %u", forms[i].text, r, sec, forms[i].used, forms[i].sec);
	}
}

/* ---- lists */

static struct sw_trail_list *make_list(const char *text)
{
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL;
	struct sw_trail_list *l = NULL;
	_close_ int fd = -1;
	const char *why = "";

	if (sw_trail_parse_mem(&(struct sw_trail_rules){}, text, strlen(text), &p) < 0)
		fail_msg("%s", sw_trail_parser_report(p)->text);
	fd = sw_trail_list_build(p, "list", "a file", SW_TRAIL_DROP, NOON);
	assert_true(fd >= 0);
	if (sw_trail_list_open(fd, &l, &why) < 0)
		fail_msg("%s", why);
	return l;
}

static const struct sw_trail_times *times_of(const struct sw_trail_list *l, const char *trail)
{
	struct sw_static_line line;

	sw_static_line_read(trail, strlen(trail), false, &line);
	return sw_trail_times_find(&l->view, &line);
}

static const char kinds[] = "192.0.2.1\n"
			    "192.0.2.2 # until: 2026-12-31T12:00:00Z, of ticket 7\n"
			    "192.0.2.3 # a note; until: 2026-01-01 is a part of it\n"
			    "198.18.0.0 - 198.18.2.255 # Until: 2026-12-31 12:00:00\n"
			    "2001:db8::/32 # first: 2026-01-02 last: 2026-03-04 until: 2026-12-31T12:00:00Z\n"
			    "203.0.113.7:443 # until: 2026-12-31T12:00:00Z\n"
			    "evil.example # until: 2026-12-31T12:00:00Z\n"
			    "203.0.113.8 # last: 2026-03-04\n";

static void a_list_keeps_the_times_of_trails_of_every_kind(void **state)
{
	static const char *const ending[] = {
		"192.0.2.2", "198.18.0.0/23", "198.18.2.0/24", "2001:db8::/32", "203.0.113.7:443", "evil.example"};
	struct sw_trail_list *l = make_list(kinds);
	uint64_t over;

	assert_int_equal(l->view.head->version, SW_TRAIL_TIMED_VERSION);
	assert_int_equal(l->view.n_times, SW_ARRAY_SIZE(ending) + 1);
	for (size_t i = 0; i < SW_ARRAY_SIZE(ending); i++) {
		assert_non_null(times_of(l, ending[i]));
		assert_int_equal(times_of(l, ending[i])->until_sec, NOON);
	}
	assert_null(times_of(l, "192.0.2.1"));
	assert_null(times_of(l, "192.0.2.3"));
	assert_null(times_of(l, "203.0.113.7:444"));
	assert_int_equal(times_of(l, "2001:db8::/32")->first_sec, 1767312000);
	assert_int_equal(times_of(l, "203.0.113.8")->last_sec, 1772582400);
	assert_int_equal(times_of(l, "203.0.113.8")->until_sec, 0);
	assert_int_equal(sw_trail_times_next(&l->view, NOON - 1, &over), NOON);
	assert_int_equal(over, 0);
	assert_int_equal(sw_trail_times_next(&l->view, NOON, &over), 0);
	assert_int_equal(over, SW_ARRAY_SIZE(ending));
	sw_trail_list_free(l);
	/* a list without times is as it always was */
	l = make_list("192.0.2.1\nevil.example\n");
	assert_int_equal(l->view.head->version, SW_TRAIL_VERSION);
	assert_int_equal(l->view.n_times, 0);
	sw_trail_list_free(l);
}

static void of_a_trail_in_two_lines_the_last_ones_end_counts(void **state)
{
	struct sw_trail_list *l = make_list("192.0.2.1\n192.0.2.1 # until: 2026-12-31\n"
					    "192.0.2.2 # until: 2026-12-31\n192.0.2.2\n"
					    "192.0.2.3 # until: 2027-12-31, first: 2026-02-01\n"
					    "192.0.2.3 # until: 2026-12-31T12:00:00Z, first: 2026-03-01\n");

	assert_int_equal(times_of(l, "192.0.2.1")->until_sec, NOON - 12 * 3600);
	assert_null(times_of(l, "192.0.2.2"));
	assert_int_equal(times_of(l, "192.0.2.3")->until_sec, NOON);
	assert_int_equal(times_of(l, "192.0.2.3")->first_sec, 1769904000);
	sw_trail_list_free(l);
}

static void a_time_that_is_none_refuses_the_text_with_its_line_and_field(void **state)
{
	static const char text[] = "192.0.2.1\n192.0.2.2 # until: next friday\n";
	const struct sw_trail_rules forgiving = {.forgives_times = true};
	struct sw_trail_parser *p = NULL;

	assert_int_equal(sw_trail_parse_mem(&(struct sw_trail_rules){}, text, strlen(text), &p), -EBADMSG);
	assert_string_equal(sw_trail_parser_report(p)->text,
		"line 2: until: 'next' is no time, as 2026-12-31 or 2026-12-31T18:00:00Z");
	sw_trail_parser_free(p);
	/* what a stranger has written is a bad line */
	assert_int_equal(sw_trail_parse_mem(&forgiving, text, strlen(text), &p), 0);
	assert_int_equal(sw_trail_parser_report(p)->bad, 1);
	assert_int_equal(sw_trail_parser_report(p)->first_bad_line, 2);
	sw_trail_parser_free(p);
}

static void damaged_times_are_refused(void **state)
{
	struct sw_trail_list *l = make_list(kinds);
	char *bytes = malloc(l->len);
	size_t at = (size_t)((const char *)l->view.times - (const char *)l->map), len = l->len;
	struct sw_trail_head *h = (void *)bytes;
	struct sw_trail_view v;
	const char *why = "";

	for (int what = 0; what < 4; what++) {
		struct sw_trail_times *t = (void *)(bytes + at);

		memcpy(bytes, l->map, len);
		h->version = what == 0 ? SW_TRAIL_VERSION : SW_TRAIL_TIMED_VERSION;
		h->size = what == 1 ? len - 1 : len;
		if (what == 2)
			t[1].key = t[0].key;
		if (what == 3) /* an entry that leads behind the last row */
			((struct sw_trail_entry *)(h + 1))->set = (__u32)l->view.n_times + 1;
		h->crc = sw_crc32(0, h + 1, h->size - sizeof(*h));
		assert_int_equal(sw_trail_check(bytes, h->size, SW_TRAIL_LIST_MAGIC, &v, &why), -EBADMSG);
	}
	free(bytes);
	sw_trail_list_free(l);
}

/* ---- what is over */

static size_t count_image(const struct sw_trail_list *l, int64_t now, enum sw_trail_engine engine)
{
	const struct sw_trail_source s = {l->view, 3, now};
	struct sw_trail_image_stats stats;
	_close_ int fd = sw_trail_image_build(&s, 1, engine, now, &stats);

	assert_true(fd >= 0);
	return stats.n4 + stats.n6 + stats.n_ports;
}

static void an_image_leaves_out_what_is_over(void **state)
{
	struct sw_trail_list *l = make_list(kinds);

	for (enum sw_trail_engine e = 0; e < SW_ENGINE_COUNT; e++) {
		assert_int_equal(count_image(l, 0, e), 8);
		assert_int_equal(count_image(l, NOON - 1, e), 8);
		assert_int_equal(count_image(l, NOON, e), 3);
	}
	sw_trail_list_free(l);
	l = make_list("192.0.2.2 # until: 2026-12-31\n");
	for (enum sw_trail_engine e = 0; e < SW_ENGINE_COUNT; e++)
		assert_int_equal(count_image(l, NOON, e), 0);
	sw_trail_list_free(l);
}

static void a_look_up_finds_nothing_that_is_over(void **state)
{
	struct sw_trail_list *l = make_list("192.0.2.0/24\n192.0.2.2 # until: 2026-12-31T12:00:00Z\n");
	struct sw_trail_source s = {l->view, 0, NOON - 1};
	struct sw_net host, wide;
	struct sw_trail_hit hit[4];

	assert_int_equal(sw_cidr_parse("192.0.2.2", SIZE_MAX, &host), 0);
	assert_int_equal(sw_cidr_parse("192.0.0.0/16", SIZE_MAX, &wide), 0);
	assert_int_equal(sw_trail_covering(&s, 1, &host, hit, 4), 2);
	assert_int_equal(sw_trail_within(&s, 1, &wide, hit, 4), 2);
	assert_true(sw_trail_decide(&s, 1, &host, hit));
	assert_int_equal(hit->entry->net.plen, 32);
	s.now_wall_sec = NOON;
	assert_int_equal(sw_trail_covering(&s, 1, &host, hit, 4), 1);
	assert_int_equal(sw_trail_within(&s, 1, &wide, hit, 4), 1);
	assert_true(sw_trail_decide(&s, 1, &host, hit));
	assert_int_equal(hit->entry->net.plen, 24);
	sw_trail_list_free(l);
}

/* ---- directories, changes and texts */

static struct sw_trail_parser *read_named(const char *name, const char *text, int want)
{
	char dir[] = "/tmp/sw-times-XXXXXX", path[128];
	struct sw_trail_parser *p = NULL;
	_close_ int dirfd = -1;
	int r;

	assert_non_null(mkdtemp(dir));
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(sw_write_file_atomic(dirfd, name, text, strlen(text), 0600), 0);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	r = sw_trail_directory_read(dir, &(struct sw_trail_rules){}, &p);
	if (r != want)
		fail_msg("%s: %d, wanted %d: %s", name, r, want, sw_trail_parser_report(p)->text);
	if (r < 0 && !strstr(sw_trail_parser_report(p)->text, path))
		fail_msg("'%s' does not name %s", sw_trail_parser_report(p)->text, path);
	unlink(path);
	rmdir(dir);
	return p;
}

static struct sw_trail_list *list_of(struct sw_trail_parser *p)
{
	_close_ int fd = sw_trail_list_build(p, "list", "a file", SW_TRAIL_DROP, NOON);
	struct sw_trail_list *l = NULL;

	assert_true(fd >= 0);
	assert_int_equal(sw_trail_list_open(fd, &l, NULL), 0);
	sw_trail_parser_free(p);
	return l;
}

static void texts_and_csvs_of_a_directory_say_when_trails_end(void **state)
{
	struct sw_trail_list *l = list_of(read_named("a.txt",
		"# Reference: x\n192.0.2.2 # until: 2026-12-31T12:00:00Z\nevil.example # until: 2026-12-31T12:00:00Z\n", 0));
	struct sw_trail_parser *p;

	assert_int_equal(times_of(l, "192.0.2.2")->until_sec, NOON);
	assert_int_equal(times_of(l, "evil.example")->until_sec, NOON);
	sw_trail_list_free(l);
	l = list_of(read_named("a.csv",
		"trail,info,reference,until\n192.0.2.2,i,r,2026-12-31T12:00:00Z\nevil.example,i,r,\"2026-12-31T12:00:00Z\"\n"
		"good.example,i,r,\nfine.example,i,r\n",
		0));
	assert_int_equal(times_of(l, "192.0.2.2")->until_sec, NOON);
	assert_int_equal(times_of(l, "evil.example")->until_sec, NOON);
	assert_null(times_of(l, "good.example"));
	assert_null(times_of(l, "fine.example"));
	sw_trail_list_free(l);
	/* a fourth column of another meaning is none of ours */
	sw_trail_list_free(list_of(read_named("a.csv", "192.0.2.2,i,r,soon\n", 0)));
	p = read_named("a.csv", "trail,info,reference,until\n192.0.2.2,i,r,soon\n", -EBADMSG);
	assert_non_null(strstr(sw_trail_parser_report(p)->text, "line 2: until: 'soon' is no time"));
	sw_trail_parser_free(p);
	p = read_named("a.txt", "192.0.2.2\nevil.example # until: soon\n", -EBADMSG);
	assert_non_null(strstr(sw_trail_parser_report(p)->text, "line 2: until: 'soon' is no time"));
	sw_trail_parser_free(p);
}

static struct sw_trail_list *edited(const struct sw_trail_list *old, const char *trail, uint32_t until, int64_t now)
{
	struct sw_static_line line;
	struct sw_trail_edit edit = {.add = &line, .file = "own", .info = "own", .citation = "", .now_wall_sec = now};
	struct sw_trail_parser *p = NULL;

	sw_static_line_read(trail, strlen(trail), false, &line);
	line.when.until_sec = until;
	assert_int_equal(sw_trail_list_edit(old, &edit, &p), 0);
	return list_of(p);
}

static void a_change_keeps_ends_and_takes_out_what_is_over(void **state)
{
	struct sw_trail_list *a = edited(NULL, "192.0.2.2", NOON, 1), *b = edited(a, "evil.example", NOON + 9, 1),
			     *c = edited(b, "192.0.2.9", 0, NOON), *d = edited(c, "evil.example", 0, NOON);
	_strbuf_ struct sw_strbuf text = {};

	assert_int_equal(times_of(b, "192.0.2.2")->until_sec, NOON);
	assert_int_equal(times_of(c, "evil.example")->until_sec, NOON + 9);
	assert_int_equal(sw_trail_list_total(c), 2);
	assert_int_equal(sw_trail_list_count(c), 1);
	assert_null(times_of(d, "evil.example")); /* added again without an end it has none */
	assert_int_equal(sw_trail_list_text(b, &text), 0);
	assert_non_null(strstr(sw_strbuf_get(&text), "\n192.0.2.2 # until: 2026-12-31T12:00:00Z\n"));
	assert_non_null(strstr(sw_strbuf_get(&text), "\nevil.example # until: 2026-12-31T12:00:09Z\n"));
	sw_trail_list_free(a);
	a = list_of(read_named("a.txt", sw_strbuf_get(&text), 0));
	assert_int_equal(times_of(a, "evil.example")->until_sec, NOON + 9);
	sw_trail_list_free(a);
	sw_trail_list_free(b);
	sw_trail_list_free(c);
	sw_trail_list_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_read_in_its_forms_and_nothing_else_is_one),
		cmocka_unit_test(a_list_keeps_the_times_of_trails_of_every_kind),
		cmocka_unit_test(of_a_trail_in_two_lines_the_last_ones_end_counts),
		cmocka_unit_test(a_time_that_is_none_refuses_the_text_with_its_line_and_field),
		cmocka_unit_test(damaged_times_are_refused),
		cmocka_unit_test(an_image_leaves_out_what_is_over),
		cmocka_unit_test(a_look_up_finds_nothing_that_is_over),
		cmocka_unit_test(texts_and_csvs_of_a_directory_say_when_trails_end),
		cmocka_unit_test(a_change_keeps_ends_and_takes_out_what_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
