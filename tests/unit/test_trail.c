// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/trail_lists.h"

/* ---- the text */

static void every_form_of_a_line_is_read(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"192.0.2.1", "192.0.2.1"},
		{"192.0.2.1\n", "192.0.2.1"},
		{"192.0.2.1\r\n198.51.100.1\r\n", "192.0.2.1 198.51.100.1"},
		{"\xef\xbb\xbf"
		 "192.0.2.1\n",
			"192.0.2.1"},
		{"\xef\xbb\xbf# note\n192.0.2.1\n", "192.0.2.1"},
		{"# note\n; note\n// note\n\n   \n\t\r\n192.0.2.1", "192.0.2.1"},
		{"  # note\n  192.0.2.1  \n", "192.0.2.1"},
		{"192.0.2.1 # note", "192.0.2.1"},
		{"192.0.2.1#note", "192.0.2.1"},
		{"192.0.2.1 ; note", "192.0.2.1"},
		{"192.0.2.1;note", "192.0.2.1"},
		{"192.0.2.1 // note", "192.0.2.1"},
		{"192.0.2.1// note", "192.0.2.1"},
		{"192.0.2.0/24// note", "192.0.2.0/24"},
		{"192.0.2.1\tevil\t3\n", "192.0.2.1"},
		{"192.0.2.1,evil,3\n", "192.0.2.1"},
		{"192.0.2.1 evil 3\n", "192.0.2.1"},
		{"192.0.2.1|evil\n", "192.0.2.1"},
		{"\"192.0.2.1\",\"evil\"\n", "192.0.2.1"},
		{"'192.0.2.1', 'evil'\n", "192.0.2.1"},
		{"192.0.2.1 - evil\n", "192.0.2.1"},
		{"192.0.2.0/24 ; SBL1234\n", "192.0.2.0/24"},
		{"192.0.2.77/24\n", "192.0.2.0/24"},
		{"192.0.2.1/32\n", "192.0.2.1"},
		{"192.0.2.0-192.0.2.255\n", "192.0.2.0/24"},
		{"192.0.2.0 - 192.0.2.255\n", "192.0.2.0/24"},
		{"192.0.2.0 -192.0.2.255\n", "192.0.2.0/24"},
		{"192.0.2.0- 192.0.2.255\n", "192.0.2.0/24"},
		{"192.0.2.0-192.0.2.255,evil\n", "192.0.2.0/24"},
		{"192.0.2.1-192.0.2.1", "192.0.2.1"},
		{"192.0.2.1-192.0.2.6", "192.0.2.1 192.0.2.2/31 192.0.2.4/31 192.0.2.6"},
		{"255.255.255.254-255.255.255.255", "255.255.255.254/31"},
		{"2001:db8::-2001:db8::1:0", "2001:db8::/112 2001:db8::1:0"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"},
		{"2001:DB8::1", "2001:db8::1"},
		{"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"[2001:db8::]/32", "2001:db8::/32"},
		{"2001:db8::1/64 note", "2001:db8::/64"},
		{"2001:db8::192.0.2.1", "2001:db8::c000:201"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"::ffff:192.0.2.0/120", "192.0.2.0/24"},
		{"192.0.2.1\n192.0.2.1\n192.0.2.1/32 again\n", "192.0.2.1"},
		{"198.51.100.1\n192.0.2.0/25\n192.0.2.0/24\n2001:db8::1\n2001:db8::/48\n",
			"192.0.2.0/24 192.0.2.0/25 198.51.100.1 2001:db8::/48 2001:db8::1"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_trail_list *l =
			list_of(&usual, rows[i].text, strlen(rows[i].text), "a", SW_TRAIL_DROP);
		_strbuf_ struct sw_strbuf got = {};

		show(&got, &l->view);
		if (!sw_streq(sw_strbuf_get(&got), rows[i].want))
			fail_msg("'%s': got '%s', expected '%s'", rows[i].text, sw_strbuf_get(&got),
				rows[i].want);
		sw_trail_list_free(l);
	}
}

static void every_line_is_counted_as_what_it_is(void **state)
{
	static const struct {
		const char *line;
		uint64_t entries, others, bad;
	} rows[] = {
		{"192.0.2.1:80", 0, 1, 0},
		{"[2001:db8::1]:443", 0, 1, 0},
		{"192.0.2.1:65535 note", 0, 1, 0},
		{"192.0.2.1:65536", 0, 0, 1},
		{"192.0.2.1:0", 0, 0, 1},
		{"192.0.2.1:", 0, 0, 1},
		{"192.0.2.0/24:80", 0, 0, 1},
		{"evil.example", 0, 1, 0},
		{"evil.example.", 0, 1, 0},
		{"*.evil.example", 0, 1, 0},
		{".evil.example", 0, 1, 0},
		{"evil.example:8080", 0, 1, 0},
		{"evil.example/a/b?c", 0, 1, 0},
		{"http://192.0.2.1/x", 0, 1, 0},
		{"/wp-login.php", 0, 1, 0},
		{"192.0.2.1/x.php", 0, 1, 0},
		{"192.0.2.1/", 0, 1, 0},
		{"0.0.0.0 evil.example", 0, 1, 0},
		{"127.0.0.1\tevil.example", 0, 1, 0},
		{"::1 evil.example # hosts", 0, 1, 0},
		{"::1", 1, 0, 0},
		{"evil", 0, 0, 1},
		{"hello, world", 0, 0, 1},
		{"<html>", 0, 0, 1},
		{"1.2.3", 0, 0, 1},
		{"1.2.3.4.5", 0, 0, 1},
		{"1.2.3.256", 0, 0, 1},
		{"01.2.3.4", 0, 0, 1},
		{"1.2.3.0004", 0, 0, 1},
		{"1.2.3.4/33", 0, 0, 1},
		{"1.2.3.4/240", 0, 0, 1},
		{"1.2.3.4/-1", 0, 0, 1},
		{"1.2.3.4/08", 0, 0, 1},
		{"1.2.3.4 /24", 1, 0, 0},
		{"1.2.3.4x", 0, 0, 1},
		{"192.0.2.9-192.0.2.1", 0, 0, 1},
		{"192.0.2.9 - 192.0.2.1", 0, 0, 1},
		{"192.0.2.0/24-192.0.3.0", 0, 0, 1},
		{"192.0.2.1-2001:db8::1", 0, 0, 1},
		{"fe80::1%eth0", 0, 0, 1},
		{"2001:db8::/129", 0, 0, 1},
		{"2001:db8:::1", 0, 0, 1},
		{"[192.0.2.1]", 0, 0, 1},
		{"192.0.2.1\r192.0.2.2", 0, 0, 1},
		{"\"192.0.2.1", 0, 0, 1},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL;
		const struct sw_trail_report *t;

		sw_trail_parse_mem(&usual, rows[i].line, strlen(rows[i].line), &p);
		t = sw_trail_parser_report(p);
		if (t->entries != rows[i].entries || t->others != rows[i].others ||
			t->bad != rows[i].bad)
			fail_msg(
				"'%s': got %lu entries, %lu others, %lu bad; expected %lu, %lu, %lu",
				rows[i].line, t->entries, t->others, t->bad, rows[i].entries,
				rows[i].others, rows[i].bad);
	}
}

static void what_is_not_a_list_is_refused_by_its_line(void **state)
{
	static const struct {
		const char *text;
		size_t len; /* 0: that of the text */
		int result;
		const char *why;
	} rows[] = {
		{"", 0, -EBADMSG, "no trail in 0 lines"},
		{"# only\n# comments\n", 0, -EBADMSG, "no trail in 2 lines"},
		{"192.0.2.1\n# x\n\n0.0.0.0/0\n", 0, -EBADMSG,
			"line 4: 0.0.0.0/0 is wider than /8"},
		{"192.0.2.1\n10.0.0.0/7\n", 0, -EBADMSG, "line 2: 10.0.0.0/7 is wider than /8"},
		{"::/0\n", 0, -EBADMSG, "line 1: ::/0 is wider than /16"},
		{"0.0.0.0-255.255.255.255\n", 0, -EBADMSG, "line 1: 0.0.0.0/0 is wider than /8"},
		{"1.0.0.0-3.255.255.255\n", 0, -EBADMSG, "line 1: 2.0.0.0/7 is wider than /8"},
		{"192.0.2.1\n192.0\0002.1\n", 20, -EBADMSG, "line 2: a NUL byte"},
		{"\xff\xfe"
		 "1\0.\0",
			6, -EBADMSG, "line 1: a NUL byte"},
		{"garbage 'here'\x1b[31m\n", 0, -EBADMSG,
			"line 1: 'garbage ?here??[31m' is not an address"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		size_t len = rows[i].len ? rows[i].len : strlen(rows[i].text);

		for (size_t step = 1; step <= len + 1; step += SW_MAX(len, (size_t)1)) {
			struct sw_trail_report t;
			int r = parse(rows[i].text, len, step, &t);

			if (r != rows[i].result || !strstr(t.text, rows[i].why))
				fail_msg("'%s': got %d '%s', expected %d '%s'", rows[i].text, r,
					t.text, rows[i].result, rows[i].why);
		}
	}
}

/* good lines with bad ones at the end; what it comes to */
static int parse_mix(unsigned int good, unsigned int bad, struct sw_trail_report *ret)
{
	_strbuf_ struct sw_strbuf b = {};

	for (unsigned int i = 0; i < good; i++)
		sw_strbuf_printf(&b, "198.18.%u.%u\n", i / 256, i % 256);
	for (unsigned int i = 0; i < bad; i++)
		sw_strbuf_puts(&b, "?!\n");
	return parse(sw_strbuf_get(&b), b.len, SIZE_MAX / 2, ret);
}

static void a_few_bad_lines_are_forgiven_and_many_are_not(void **state)
{
	static const struct {
		unsigned int good, bad;
		int result;
	} rows[] = {
		{1, 10, 0},
		{1, 11, -EBADMSG},
		{100, 10, 0},
		{100, 11, -EBADMSG},
		{950, 50, 0},
		{949, 51, -EBADMSG},
		{0, 1, -EBADMSG},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_trail_report t;
		int r = parse_mix(rows[i].good, rows[i].bad, &t);

		if (r != rows[i].result || t.bad != rows[i].bad ||
			t.first_bad_line != rows[i].good + 1)
			fail_msg("%u good, %u bad: got %d (%lu bad, first %lu), expected %d",
				rows[i].good, rows[i].bad, r, t.bad, t.first_bad_line,
				rows[i].result);
	}
}

static void a_line_of_4096_bytes_is_read_and_a_longer_one_is_bad(void **state)
{
	for (size_t len = SW_TRAIL_LINE_MAX - 1; len <= SW_TRAIL_LINE_MAX + 2; len++) {
		for (size_t step = 1; step < 9000; step = step * 3 + 1) {
			char text[SW_TRAIL_LINE_MAX + 64];
			struct sw_trail_report t;
			uint64_t is_long = len > SW_TRAIL_LINE_MAX;

			memset(text, 'x', len);
			memcpy(text, "192.0.2.1 ", 10);
			memcpy(text + len, "\n192.0.2.2\n", 11);
			assert_int_equal(parse(text, len + 11, step, &t), 0);
			if (t.lines != 2 || t.entries != 2 - is_long || t.bad != is_long)
				fail_msg(
					"%zu bytes in pieces of %zu: %lu lines, %lu entries, %lu bad",
					len, step, t.lines, t.entries, t.bad);
		}
	}
}

static void pieces_of_any_size_give_the_same(void **state)
{
	static const char text[] =
		"\xef\xbb\xbf# list\r\n192.0.2.1 # a\r\n\r\n2001:db8::/32\r\nevil.example\r\nbad\r\n"
		"198.51.100.0-198.51.100.9\r\n203.0.113.7";
	struct sw_trail_report whole, t;

	assert_int_equal(parse(text, sizeof(text) - 1, sizeof(text), &whole), 0);
	assert_int_equal(whole.lines, 8);
	assert_int_equal(whole.entries, 5);
	assert_int_equal(whole.others, 1);
	assert_int_equal(whole.bad, 1);
	assert_int_equal(whole.first_bad_line, 6);
	for (size_t step = 1; step < sizeof(text); step++) {
		assert_int_equal(parse(text, sizeof(text) - 1, step, &t), 0);
		assert_memory_equal(&t, &whole, sizeof(t));
	}
}

static void more_entries_than_allowed_refuse_the_text(void **state)
{
	const struct sw_trail_rules three = {.max_entries = 3};
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL, *q = NULL;
	static const char text[] = "192.0.2.1\n192.0.2.2\n192.0.2.3\n192.0.2.4\n";

	assert_int_equal(sw_trail_parse_mem(&three, text, 30, &q), 0);
	assert_int_equal(sw_trail_parse_mem(&three, text, sizeof(text) - 1, &p), -E2BIG);
	assert_string_equal(sw_trail_parser_report(p)->text, "line 4: more than 3 entries");
}

static void a_text_without_entries_may_be_allowed(void **state)
{
	struct sw_trail_list *l = list("# nothing yet\n", SW_TRAIL_DROP);

	assert_int_equal(sw_trail_list_count(l), 0);
	sw_trail_list_free(l);
}

static void the_first_line_of_a_network_is_kept_with_it(void **state)
{
	struct sw_trail_list *l =
		list("# x\n192.0.2.9\n192.0.2.1\n2001:db8::1\n192.0.2.1\n2001:db8::1\n",
			SW_TRAIL_OBSERVE);

	assert_int_equal(sw_trail_list_count(l), 3);
	assert_int_equal(l->view.entries4[0].line, 3);
	assert_int_equal(l->view.entries4[1].line, 2);
	assert_int_equal(l->view.entries6[0].line, 4);
	assert_int_equal(l->view.entries6[0].action, SW_TRAIL_OBSERVE);
	assert_string_equal(l->view.head->origin, "/a/file");
	sw_trail_list_free(l);
}

static void a_descriptor_is_read_to_its_end_and_not_beyond_its_limit(void **state)
{
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL, *q = NULL;
	_close_ int fd = sw_memfd_sealed("text", "192.0.2.1\n192.0.2.2", 19);

	lseek(fd, 0, SEEK_SET);
	assert_int_equal(sw_trail_parse_fd(&usual, fd, 18, &q), -EFBIG);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(sw_trail_parse_fd(&usual, fd, 19, &p), 0);
	assert_int_equal(sw_trail_parser_report(p)->entries, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_a_line_is_read),
		cmocka_unit_test(every_line_is_counted_as_what_it_is),
		cmocka_unit_test(what_is_not_a_list_is_refused_by_its_line),
		cmocka_unit_test(a_few_bad_lines_are_forgiven_and_many_are_not),
		cmocka_unit_test(a_line_of_4096_bytes_is_read_and_a_longer_one_is_bad),
		cmocka_unit_test(pieces_of_any_size_give_the_same),
		cmocka_unit_test(more_entries_than_allowed_refuse_the_text),
		cmocka_unit_test(a_text_without_entries_may_be_allowed),
		cmocka_unit_test(the_first_line_of_a_network_is_kept_with_it),
		cmocka_unit_test(a_descriptor_is_read_to_its_end_and_not_beyond_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
