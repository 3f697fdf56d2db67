// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "user/base/cidr.h"
#include "user/base/strbuf.h"
#include "user/io/msg.h"
#include "user/trail/list.h"
#include "user/trail/lookup.h"

static const struct sw_trail_rules usual = {.min_plen4 = 8, .min_plen6 = 16};

/* ---- helpers */

static struct sw_trail_list *list_of(const struct sw_trail_rules *rules, const char *text,
	size_t len, const char *name, enum sw_trail_action action)
{
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL;
	struct sw_trail_list *l = NULL;
	const char *why = "";
	int r = sw_trail_parse_mem(rules, text, len, &p), fd;

	if (r < 0)
		fail_msg("'%s': %s", text, sw_trail_parser_report(p)->text);
	fd = sw_trail_list_build(p, name, "/a/file", action, 1700000000);
	assert_true(fd >= 0);
	if (sw_trail_list_open(fd, &l, &why) < 0)
		fail_msg("'%s': %s", text, why);
	close(fd);
	return l;
}

static struct sw_trail_list *list(const char *text, enum sw_trail_action action)
{
	const struct sw_trail_rules lenient = {.may_be_empty = true};

	return list_of(&lenient, text, strlen(text), "a", action);
}

/* "192.0.2.1 198.51.100.0/24": all entries of the view. */
static void show(struct sw_strbuf *b, const struct sw_trail_view *v)
{
	char text[SW_NET_TEXT_MAX];

	for (size_t i = 0; i < v->n4 + v->n6; i++)
		sw_strbuf_printf(
			b, "%s%s", i ? " " : "", sw_cidr_format(text, &v->entries4[i].net));
}

static struct sw_net net(const char *text)
{
	struct sw_net n;

	if (sw_cidr_parse(text, SIZE_MAX, &n) < 0)
		fail_msg("bad network in a test: %s", text);
	return n;
}

/* Reads text in pieces of step bytes; the result and the report. */
static int parse(const char *text, size_t len, size_t step, struct sw_trail_report *ret)
{
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL;
	int r;

	assert_int_equal(sw_trail_parser_new(&usual, &p), 0);
	for (size_t at = 0; at < len; at += step)
		if (sw_trail_parser_feed(p, text + at, SW_MIN(step, len - at)) < 0)
			break;
	r = sw_trail_parser_end(p);
	*ret = *sw_trail_parser_report(p);
	return r;
}

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
		uint64_t entries, skipped, bad;
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
		if (t->entries != rows[i].entries || t->skipped != rows[i].skipped ||
			t->bad != rows[i].bad)
			fail_msg(
				"'%s': got %lu entries, %lu skipped, %lu bad; expected %lu, %lu, %lu",
				rows[i].line, t->entries, t->skipped, t->bad, rows[i].entries,
				rows[i].skipped, rows[i].bad);
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
		{"", 0, -EBADMSG, "no address or network in 0 lines"},
		{"# only\n# comments\n", 0, -EBADMSG, "no address or network in 2 lines"},
		{"a.example\nb.example\n", 0, -EBADMSG,
			"no address or network in 2 lines; 2 domains"},
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
	assert_int_equal(whole.skipped, 1);
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

/* ---- lists and images as bytes */

struct bytes {
	char *at;
	size_t len;
};

static struct bytes bytes_of(const struct sw_trail_list *l)
{
	struct bytes b = {malloc(l->len), l->len};

	assert_non_null(b.at);
	memcpy(b.at, l->map, l->len);
	return b;
}

static void fix_checksum(struct bytes b)
{
	struct sw_trail_head *h = (struct sw_trail_head *)b.at;

	h->crc = sw_crc32(0, h + 1, b.len - sizeof(*h));
}

static void a_list_that_is_cut_anywhere_is_refused(void **state)
{
	struct sw_trail_list *l = list("192.0.2.1\n192.0.2.2\n2001:db8::/32\n", SW_TRAIL_DROP);
	struct sw_trail_view v;

	for (size_t len = 0; len < l->len; len++) {
		char *cut = malloc(
			SW_MAX(len, (size_t)1)); /* its own size, so that ASan sees a read beyond */

		memcpy(cut, l->map, len);
		assert_true(sw_trail_check(cut, len, SW_TRAIL_LIST_MAGIC, &v, NULL) < 0);
		free(cut);
	}
	sw_trail_list_free(l);
}

static void a_list_with_any_byte_changed_is_refused(void **state)
{
	struct sw_trail_list *l = list("192.0.2.1\n192.0.2.2\n2001:db8::/32\n", SW_TRAIL_DROP);
	struct bytes b = bytes_of(l);
	struct sw_trail_view v;

	for (size_t i = 0; i < b.len; i++) {
		bool is_free = i >= offsetof(struct sw_trail_head, made_wall_sec) &&
			i < sizeof(struct sw_trail_head);

		b.at[i] ^= 0x10;
		/* time, name and origin may be anything that is a text */
		if (!is_free && sw_trail_check(b.at, b.len, SW_TRAIL_LIST_MAGIC, &v, NULL) == 0)
			fail_msg("byte %zu changed, and the list is taken", i);
		b.at[i] ^= 0x10;
	}
	assert_int_equal(sw_trail_check(b.at, b.len, SW_TRAIL_LIST_MAGIC, &v, NULL), 0);
	assert_true(sw_trail_check(b.at, b.len, SW_TRAIL_IMAGE_MAGIC, &v, NULL) < 0);
	free(b.at);
	sw_trail_list_free(l);
}

#define HEAD(member)                                                                               \
	offsetof(struct sw_trail_head, member), sizeof(((struct sw_trail_head *)0)->member)
#define ENTRY(i, member)                                                                           \
	sizeof(struct sw_trail_head) + (i) * sizeof(struct sw_trail_entry) +                       \
		offsetof(struct sw_trail_entry, member),                                           \
		sizeof(((struct sw_trail_entry *)0)->member)

static void every_wrong_field_is_refused_though_the_checksum_is_right(void **state)
{
	/* entries: 192.0.2.0/24, 192.0.2.1, 2001:db8::/32 */
	static const struct {
		const char *what;
		size_t at, size;
		uint64_t value;
		int result;
		const char *why;
	} rows[] = {
		{"magic", HEAD(magic), 0, -EBADMSG, "kind"},
		{"version", HEAD(version), 2, -EPROTONOSUPPORT, "version"},
		{"size", HEAD(size), 1, -EBADMSG, "size"},
		{"huge size", HEAD(size), UINT64_MAX, -EBADMSG, "size"},
		{"no set", HEAD(sets), 0, -EBADMSG, "number of lists"},
		{"two sets", HEAD(sets), 2, -EBADMSG, "number of lists"},
		{"count4 more", HEAD(count4), 3, -EBADMSG, "size"},
		{"count4 less", HEAD(count4), 1, -EBADMSG, "size"},
		{"count4 absurd", HEAD(count4), UINT64_MAX, -EFBIG, "more entries"},
		{"count4 that wraps", HEAD(count4), 1ull << 59, -EFBIG, "more entries"},
		{"count4 beyond the map", HEAD(count4), SW_MAX_TRAILS4 + 1, -EFBIG, "more entries"},
		{"count6 beyond the map", HEAD(count6), SW_MAX_TRAILS6 + 1, -EFBIG, "more entries"},
		{"count6 more", HEAD(count6), 2, -EBADMSG, "size"},
		{"empty name", offsetof(struct sw_trail_head, name), 1, 0, -EBADMSG, "name"},
		{"a path as name", offsetof(struct sw_trail_head, name), 1, '/', -EBADMSG, "name"},
		{"a hidden name", offsetof(struct sw_trail_head, name), 1, '.', -EBADMSG, "name"},
		{"family 6 among 4", ENTRY(0, net.family), 6, -EBADMSG, "not a network"},
		{"family 0", ENTRY(1, net.family), 0, -EBADMSG, "not a network"},
		{"family 4 among 6", ENTRY(2, net.family), 4, -EBADMSG, "not a network"},
		{"length 33", ENTRY(1, net.plen), 33, -EBADMSG, "not a network"},
		{"length 129", ENTRY(2, net.plen), 129, -EBADMSG, "not a network"},
		{"length 255", ENTRY(2, net.plen), 255, -EBADMSG, "not a network"},
		{"padding", ENTRY(0, net.pad[0]), 1, -EBADMSG, "not a network"},
		{"host bits", ENTRY(0, net.addr[3]), 1, -EBADMSG, "not a network"},
		{"bytes behind an IPv4 address", ENTRY(0, net.addr[4]), 1, -EBADMSG,
			"not a network"},
		{"bytes behind an IPv4 host", ENTRY(1, net.addr[4]), 1, -EBADMSG, "not a network"},
		{"the last byte behind an IPv4 host", ENTRY(1, net.addr[15]), 1, -EBADMSG,
			"not a network"},
		{"host bits of IPv6", ENTRY(2, net.addr[15]), 1, -EBADMSG, "not a network"},
		{"another set", ENTRY(0, set), 1, -EBADMSG, "list or action"},
		{"another action", ENTRY(0, action), 3, -EBADMSG, "list or action"},
		{"out of order", ENTRY(0, net.addr[0]), 200, -EBADMSG, "out of order"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_trail_list *l =
			list("192.0.2.0/24\n192.0.2.1\n2001:db8::/32\n", SW_TRAIL_DROP);
		struct bytes b = bytes_of(l);
		struct sw_trail_view v;
		const char *why = "";
		int r;

		memcpy(b.at + rows[i].at, &rows[i].value, rows[i].size);
		fix_checksum(b);
		r = sw_trail_check(b.at, b.len, SW_TRAIL_LIST_MAGIC, &v, &why);
		if (r != rows[i].result || !strstr(why, rows[i].why))
			fail_msg("%s: got %d '%s', expected %d '%s'", rows[i].what, r, why,
				rows[i].result, rows[i].why);
		free(b.at);
		sw_trail_list_free(l);
	}
}

static void a_network_twice_in_a_list_is_refused(void **state)
{
	struct sw_trail_list *l = list("192.0.2.1\n192.0.2.2\n", SW_TRAIL_DROP);
	struct bytes b = bytes_of(l);
	struct sw_trail_entry *e = (struct sw_trail_entry *)(b.at + sizeof(struct sw_trail_head));
	struct sw_trail_view v;

	e[1] = e[0];
	fix_checksum(b);
	assert_int_equal(sw_trail_check(b.at, b.len, SW_TRAIL_LIST_MAGIC, &v, NULL), -EBADMSG);
	free(b.at);
	sw_trail_list_free(l);
}

static void memory_that_is_not_sealed_is_refused(void **state)
{
	struct sw_trail_list *l = list("192.0.2.1\n", SW_TRAIL_DROP), *got = NULL;
	_close_ int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(sw_write_all(fd, l->map, l->len), 0);
	assert_int_equal(sw_trail_list_open(fd, &got, NULL), -EPERM);
	assert_null(got);
	sw_trail_list_free(l);
}

/* ---- names and files */

static void names_are_made_of_what_a_person_gave(void **state)
{
	static const char *const rows[][2] = {
		{"/etc/sockwarden/trails/partners.txt", "partners"},
		{"Bad Hosts.TXT", "bad-hosts"},
		{"../../etc/passwd", "passwd"},
		{".hidden", "hidden"},
		{"", "list"},
		{"/", "list"},
		{"...", "list"},
		{"\xc3\xa4", "list"},
		{"firehol_level1.netset", "firehol_level1"},
		{"a/b", "b"},
		{".txt", "txt"},
	};
	char name[SW_TRAIL_NAME_MAX + 1], longer[300];

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		sw_trail_name_make(name, rows[i][0]);
		if (!sw_streq(name, rows[i][1]) || !sw_trail_name_ok(name))
			fail_msg("'%s': got '%s', expected '%s'", rows[i][0], name, rows[i][1]);
	}
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	sw_trail_name_make(name, longer);
	assert_int_equal(strlen(name), SW_TRAIL_NAME_MAX);
	assert_false(sw_trail_name_ok(longer));
	assert_false(sw_trail_name_ok("A"));
	assert_false(sw_trail_name_ok("a/b"));
	assert_false(sw_trail_name_ok("a b"));
	assert_false(sw_trail_name_ok(".."));
}

struct loaded {
	unsigned int good, bad;
	char names[256];
};

static void count_loaded(const char *name, struct sw_trail_list *l, const char *why, void *arg)
{
	struct loaded *n = arg;

	n->good += l != NULL;
	n->bad += why != NULL;
	strcat(strcat(n->names, name), why ? "! " : " ");
	sw_trail_list_free(l);
}

static void corrupt(int dirfd, const char *file)
{
	_close_ int fd = openat(dirfd, file, O_RDWR | O_CLOEXEC);

	assert_int_equal(pwrite(fd, "XXXX", 4, sizeof(struct sw_trail_head) + 8), 4);
}

static void a_damaged_file_is_set_aside_and_the_others_load(void **state)
{
	char dir[] = "/tmp/sockwarden-trail-XXXXXX";
	struct sw_trail_list *l, *got = NULL;
	struct loaded n = {};
	_close_ int dirfd = -1;
	struct stat st;

	assert_non_null(mkdtemp(dir));
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		const char name[] = {(char)('a' + i), 0};

		l = list_of(&usual, "192.0.2.1\n", 10, name, SW_TRAIL_DROP);
		assert_int_equal(sw_trail_list_save(l, dirfd), 0);
		sw_trail_list_free(l);
	}
	assert_int_equal(renameat(dirfd, "c.swtl", dirfd, "d.swtl"), 0); /* holds c, is called d */
	corrupt(dirfd, "b.swtl");
	assert_int_equal(sw_trail_list_load_all(dirfd, count_loaded, &n), 1);
	assert_int_equal(n.good, 1);
	assert_int_equal(n.bad, 2);
	assert_non_null(strstr(n.names, "a "));
	assert_int_equal(fstatat(dirfd, "b.swtl.bad", &st, 0), 0);
	assert_int_equal(fstatat(dirfd, "b.swtl", &st, 0), -1);
	n = (struct loaded){};
	assert_int_equal(sw_trail_list_load_all(dirfd, count_loaded, &n), 1);
	assert_int_equal(n.bad, 0);
	assert_int_equal(sw_trail_list_load(dirfd, "a", &got, NULL), 0);
	assert_int_equal(sw_trail_list_count(got), 1);
	sw_trail_list_free(got);
	assert_true(sw_trail_list_load(dirfd, "../a", &got, NULL) < 0);
	assert_int_equal(sw_trail_list_unlink(dirfd, "a"), 0);
	assert_int_equal(sw_trail_list_unlink(dirfd, "a"), -ENOENT);
	unlinkat(dirfd, "b.swtl.bad", 0);
	unlinkat(dirfd, "d.swtl.bad", 0);
	assert_int_equal(rmdir(dir), 0);
}

/* ---- the image */

/* "192.0.2.1=drop/0": all entries with action and set. */
static void show_image(struct sw_strbuf *b, const struct sw_trail_view *v)
{
	static const char *const words[] = {"observe", "drop", "except"};
	char text[SW_NET_TEXT_MAX];

	for (size_t i = 0; i < v->n4 + v->n6; i++)
		sw_strbuf_printf(b, "%s%s=%s/%u", i ? " " : "",
			sw_cidr_format(text, &v->entries4[i].net), words[v->entries4[i].action],
			v->entries4[i].set);
}

static void map_image(const struct sw_trail_source *s, size_t n, struct sw_trail_view *ret,
	struct sw_trail_image_stats *stats)
{
	_close_ int fd = sw_trail_image_build(s, n, 0, stats);
	const char *why = "";
	const void *map;
	size_t len;

	assert_true(fd >= 0);
	assert_int_equal(sw_memfd_map_sealed(fd, SW_TRAIL_BYTES_MAX, &map, &len), 0);
	if (sw_trail_check(map, len, SW_TRAIL_IMAGE_MAGIC, ret, &why) < 0)
		fail_msg("the image made is refused: %s", why);
}

static void unmap_image(const struct sw_trail_view *v)
{
	munmap((void *)v->head, v->head->size);
}

static void lists_merge_by_the_rules(void **state)
{
	static const struct {
		const char *what, *drop, *observe, *except, *want;
	} rows[] = {
		{"nothing", "", "", "", ""},
		{"one list", "192.0.2.1\n2001:db8::1\n", "", "",
			"192.0.2.1=drop/0 2001:db8::1=drop/0"},
		{"apart", "192.0.2.1\n", "192.0.2.2\n", "", "192.0.2.1=drop/0 192.0.2.2=observe/5"},
		{"drop beats observe", "192.0.2.1\n", "192.0.2.1\n", "", "192.0.2.1=drop/0"},
		{"except beats drop", "192.0.2.1\n", "192.0.2.1\n", "192.0.2.1\n",
			"192.0.2.1=except/9"},
		{"except inside drop", "192.0.2.0/24\n", "", "192.0.2.1\n",
			"192.0.2.0/24=drop/0 192.0.2.1=except/9"},
		{"drop inside except", "192.0.2.1\n", "", "192.0.2.0/24\n",
			"192.0.2.0/24=except/9 192.0.2.1=drop/0"},
		{"observe inside drop protects nobody", "192.0.2.0/24\n", "192.0.2.1\n", "",
			"192.0.2.0/24=drop/0"},
		{"observe inside except inside drop", "192.0.0.0/16\n", "192.0.2.1\n",
			"192.0.2.0/24\n",
			"192.0.0.0/16=drop/0 192.0.2.0/24=except/9 192.0.2.1=observe/5"},
		{"observe beside the drop before it", "192.0.2.0/25\n", "192.0.2.128\n", "",
			"192.0.2.0/25=drop/0 192.0.2.128=observe/5"},
		{"drop inside observe", "192.0.2.1\n", "192.0.2.0/24\n", "",
			"192.0.2.0/24=observe/5 192.0.2.1=drop/0"},
		{"IPv6 likewise", "2001:db8::/32\n", "2001:db8:1::/48\n2001:db9::/48\n",
			"2001:db8:2::/48\n",
			"2001:db8::/32=drop/0 2001:db8:2::/48=except/9 2001:db9::/48=observe/5"},
		{"families do not meet", "0.0.0.0/8\n", "::1\n", "",
			"0.0.0.0/8=drop/0 ::1=observe/5"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_trail_list *l[] = {list(rows[i].drop, SW_TRAIL_DROP),
			list(rows[i].observe, SW_TRAIL_OBSERVE),
			list(rows[i].except, SW_TRAIL_EXCEPT)};
		const struct sw_trail_source s[] = {
			{l[0]->view, 0}, {l[1]->view, 5}, {l[2]->view, 9}};
		_strbuf_ struct sw_strbuf got = {};
		struct sw_trail_view v;

		map_image(s, 3, &v, NULL);
		show_image(&got, &v);
		if (!sw_streq(sw_strbuf_get(&got), rows[i].want))
			fail_msg("%s: got '%s', expected '%s'", rows[i].what, sw_strbuf_get(&got),
				rows[i].want);
		assert_int_equal(v.head->sets, 10);
		unmap_image(&v);
		for (int k = 0; k < 3; k++)
			sw_trail_list_free(l[k]);
	}
}

static void no_lists_make_an_empty_image(void **state)
{
	struct sw_trail_image_stats stats;
	struct sw_trail_view v;

	map_image(NULL, 0, &v, &stats);
	assert_int_equal(v.n4 + v.n6, 0);
	unmap_image(&v);
}

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 32);
}

/* Networks that crowd, so that they nest and repeat; IPv6 every fourth. */
static struct sw_net random_net(uint64_t *rnd)
{
	struct sw_net n = {.family = SW_AF_IP4, .plen = (__u8)(next_random(rnd) % 33)};

	if (next_random(rnd) % 4 == 0) {
		n.family = SW_AF_IP6;
		n.plen = (__u8)(next_random(rnd) % 129);
	}
	for (unsigned int i = 0; i < (n.family == SW_AF_IP4 ? 4 : 16); i++)
		n.addr[i] = next_random(rnd) % 3 ? 0 : (__u8)next_random(rnd);
	return sw_net_trim(&n, n.plen);
}

/*
 * The rules said once more, slowly: of all entries around host, from the widest to the narrowest; at a
 * length the greater action; an observe under a drop is as if it were not there. -1: none.
 */
static int naive_action(const struct sw_trail_source *s, size_t n, const struct sw_net *host)
{
	int last = -1;

	for (int plen = 0; plen <= host->plen; plen++) {
		int best = -1;

		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < s[i].view.n4 + s[i].view.n6; k++) {
				const struct sw_trail_entry *e = &s[i].view.entries4[k];

				if (e->net.plen == plen && sw_net_contains(&e->net, host))
					best = SW_MAX(best, (int)e->action);
			}
		if (best >= 0 && !(best == SW_TRAIL_OBSERVE && last == SW_TRAIL_DROP))
			last = best;
	}
	return last;
}

/* What the kernel's trie does with the image: the longest network decides. */
static int trie_action(const struct sw_trail_view *v, const struct sw_net *host)
{
	int best = -1, plen = -1;

	for (size_t i = 0; i < v->n4 + v->n6; i++)
		if (v->entries4[i].net.plen > plen && sw_net_contains(&v->entries4[i].net, host)) {
			plen = v->entries4[i].net.plen;
			best = (int)v->entries4[i].action;
		}
	return best;
}

static void compare_round(uint64_t *rnd)
{
	enum { LISTS = 6, NETS = 40, HOSTS = 60 };
	struct sw_trail_list *l[LISTS];
	struct sw_trail_source s[LISTS];
	struct sw_trail_view v;
	struct sw_trail_hit hit;

	for (unsigned int i = 0; i < LISTS; i++) {
		_strbuf_ struct sw_strbuf text = {};
		char buf[SW_NET_TEXT_MAX];

		for (int k = 0; k < NETS; k++) {
			struct sw_net n = random_net(rnd);

			sw_strbuf_printf(&text, "%s\n", sw_cidr_format(buf, &n));
		}
		l[i] = list(sw_strbuf_get(&text), (enum sw_trail_action)(i % 3));
		s[i] = (struct sw_trail_source){l[i]->view, i};
	}
	map_image(s, LISTS, &v, NULL);
	for (int i = 0; i < HOSTS; i++) {
		struct sw_net host = random_net(rnd);
		bool is_found;
		int want, got;

		host.plen = (__u8)sw_net_max_plen(&host);
		want = naive_action(s, LISTS, &host);
		got = trie_action(&v, &host);
		is_found = sw_trail_decide(s, LISTS, &host, &hit);
		if (got != want || (is_found ? (int)hit.entry->action : -1) != want)
			fail_msg("%s: image %d, look-up %d, expected %d",
				sw_cidr_format((char[SW_NET_TEXT_MAX]){}, &host), got,
				is_found ? (int)hit.entry->action : -1, want);
	}
	unmap_image(&v);
	for (int i = 0; i < LISTS; i++)
		sw_trail_list_free(l[i]);
}

static void image_and_look_up_decide_as_a_slow_search_does(void **state)
{
	uint64_t rnd = 20261122;

	for (int round = 0; round < 40; round++)
		compare_round(&rnd);
}

/* ---- look-up */

static void a_look_up_finds_what_is_around_and_what_is_within(void **state)
{
	struct sw_trail_list *a = list(
		"192.0.0.0/16\n192.0.2.0/24\n192.0.2.0/25\n192.0.2.1\n192.0.2.200\n192.0.3.1\n",
		SW_TRAIL_DROP);
	struct sw_trail_list *b = list("192.0.2.0/24\n2001:db8::/32\n", SW_TRAIL_EXCEPT);
	const struct sw_trail_source s[] = {{a->view, 0}, {b->view, 1}};
	static const struct {
		const char *net;
		size_t around, within;
	} rows[] = {
		{"192.0.2.1", 5, 0},
		{"192.0.2.0/24", 3, 3},
		{"192.0.2.0/25", 4, 1},
		{"192.0.2.128/25", 3, 1},
		{"192.0.0.0/16", 1, 6},
		{"192.0.0.0/15", 0, 7},
		{"0.0.0.0/0", 0, 7},
		{"198.51.100.1", 0, 0},
		{"2001:db8::1", 1, 0},
		{"::/0", 0, 1},
		{"255.255.255.255", 0, 0},
		{"192.0.3.1", 2, 0},
	};
	struct sw_trail_hit hits[16];

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_net n = net(rows[i].net);
		size_t around = sw_trail_covering(s, 2, &n, hits, 16),
		       within = sw_trail_within(s, 2, &n, hits, 16);

		if (around != rows[i].around || within != rows[i].within)
			fail_msg("%s: got %zu around, %zu within; expected %zu, %zu", rows[i].net,
				around, within, rows[i].around, rows[i].within);
		assert_int_equal(sw_trail_within(s, 2, &n, hits, 2),
			within); /* counts on when there is no room */
	}
	sw_trail_list_free(a);
	sw_trail_list_free(b);
}

static void the_longest_network_is_told_first(void **state)
{
	struct sw_trail_list *l = list("192.0.0.0/16\n192.0.2.0/24\n192.0.2.1\n", SW_TRAIL_DROP);
	const struct sw_trail_source s = {l->view, 0};
	struct sw_trail_hit hits[2];
	struct sw_net n = net("192.0.2.1");

	assert_int_equal(sw_trail_covering(&s, 1, &n, hits, 2), 3);
	assert_int_equal(hits[0].entry->net.plen, 32);
	assert_int_equal(hits[1].entry->net.plen, 24);
	sw_trail_list_free(l);
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
		cmocka_unit_test(a_list_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(a_list_with_any_byte_changed_is_refused),
		cmocka_unit_test(every_wrong_field_is_refused_though_the_checksum_is_right),
		cmocka_unit_test(a_network_twice_in_a_list_is_refused),
		cmocka_unit_test(memory_that_is_not_sealed_is_refused),
		cmocka_unit_test(names_are_made_of_what_a_person_gave),
		cmocka_unit_test(a_damaged_file_is_set_aside_and_the_others_load),
		cmocka_unit_test(lists_merge_by_the_rules),
		cmocka_unit_test(no_lists_make_an_empty_image),
		cmocka_unit_test(image_and_look_up_decide_as_a_slow_search_does),
		cmocka_unit_test(a_look_up_finds_what_is_around_and_what_is_within),
		cmocka_unit_test(the_longest_network_is_told_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
