// SPDX-License-Identifier: GPL-3.0-or-later
/* user/base: addresses, durations, text from outside, JSON, options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <time.h>

#include "user/base/cidr.h"
#include "user/base/clock.h"
#include "user/base/json.h"
#include "user/base/opt.h"
#include "user/base/words.h"
#include "user/base/wrap.h"

static void addresses_parse_to_one_canonical_form(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} rows[] = {
		{"192.0.2.7", "192.0.2.7"},
		{"192.0.2.7/32", "192.0.2.7"},
		{"192.0.2.7/24", "192.0.2.0/24"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"2001:DB8:0:0::1", "2001:db8::1"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"2001:db8::1/33", "2001:db8::/33"},
		{"::ffff:198.18.0.1", "198.18.0.1"},
		{"::ffff:198.18.0.0/112", "198.18.0.0/16"},
		{"::/0", "::/0"},
		{"", NULL},
		{"192.0.2", NULL},
		{"192.0.2.256", NULL},
		{"192.0.2.07", NULL},
		{"192.0.2.7/33", NULL},
		{"192.0.2.7/+3", NULL},
		{"192.0.2.7/03", NULL},
		{"192.0.2.7/", NULL},
		{"[192.0.2.7]", NULL},
		{"fe80::1%eth0", NULL},
		{"2001:db8::/129", NULL},
		{"example.com", NULL},
		{" 192.0.2.7", NULL},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		char text[SW_NET_TEXT_MAX];
		struct sw_net n;
		int r = sw_cidr_parse(rows[i].text, SIZE_MAX, &n);
		const char *got = r < 0 ? "refused" : sw_cidr_format(text, &n);
		const char *want = rows[i].want ? rows[i].want : "refused";

		if (!sw_streq(got, want))
			fail_msg("'%s': got %s, expected %s", rows[i].text, got, want);
	}
}

static struct sw_net net(const char *text)
{
	struct sw_net n;

	assert_int_equal(sw_cidr_parse(text, SIZE_MAX, &n), 0);
	return n;
}

static void a_network_contains_what_lies_in_it_and_nothing_else(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool want;
	} rows[] = {
		{"198.18.0.0/15", "198.19.255.255", true},
		{"198.18.0.0/15", "198.20.0.0", false},
		{"198.18.0.0/16", "198.18.0.0/15", false},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true},
		{"2001:db8::/33", "2001:db8:8000::", false},
		{"198.18.0.1", "198.18.0.1", true},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_net outer = net(rows[i].outer), inner = net(rows[i].inner);

		if (sw_net_contains(&outer, &inner) != rows[i].want)
			fail_msg("%s in %s: expected %d", rows[i].inner, rows[i].outer, rows[i].want);
	}
}

static void durations_parse_and_refuse_slips(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* negative: -errno */
	} rows[] = {
		{"90", 90}, {"90s", 90}, {"10m", 600}, {"24h", 86400}, {"7d", 604800},
		{"2w", 1209600}, {"1h30m", 5400}, {"forever", 0}, {"", -EINVAL}, {"0", -EINVAL},
		{"h", -EINVAL}, {"10x", -EINVAL}, {"-5", -EINVAL}, {"11y", -EINVAL},
		{"99999999999999999999", -ERANGE}, {"600w", -ERANGE},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		uint64_t sec = 77;
		int r = sw_duration_parse(rows[i].text, &sec);
		int64_t got = r < 0 ? r : (int64_t)sec;

		if (got != rows[i].want)
			fail_msg("'%s': got %ld, expected %ld", rows[i].text, (long)got, (long)rows[i].want);
	}
}

static void durations_show_their_two_largest_units(void **state)
{
	static const struct {
		uint64_t sec;
		const char *want;
	} rows[] = {
		{0, "0s"}, {59, "59s"}, {60, "1m"}, {5400, "1h30m"}, {86399, "23h59m"}, {187200, "2d4h"}, {86405, "1d"},
	};
	char buf[SW_TIME_TEXT_MAX];

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++)
		assert_string_equal(sw_duration_format(buf, rows[i].sec), rows[i].want);
}

static void wall_time_is_utc_with_microseconds(void **state)
{
	char buf[SW_TIME_TEXT_MAX];

	assert_string_equal(sw_time_format(buf, 1124013600123456789), "2005-08-14T10:00:00.123456Z");
	assert_string_equal(sw_time_format(buf, -1), "1969-12-31T23:59:59.999999Z");
}

enum { MANY = 1000000 };

/* The same numbers in every run: a difference that was seen once is seen again. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static void every_time_is_printed_as_strftime_prints_it(void **state)
{
	char got[SW_TIME_TEXT_MAX], want[SW_TIME_TEXT_MAX], day[SW_TIME_TEXT_MAX];
	uint64_t seed = 1;

	for (int i = -106751; i < MANY; i++) { /* every day there is in 64 bits of ns, then any moment */
		int64_t ns = i < 106751 ? i * 86400 * (int64_t)SW_SEC_NS : (int64_t)next_random(&seed);
		int64_t frac = ns % (int64_t)SW_SEC_NS;
		time_t sec = ns / (int64_t)SW_SEC_NS - (frac < 0);
		struct tm tm;

		assert_non_null(gmtime_r(&sec, &tm));
		strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(want, sizeof(want), "%s.%06dZ", day, (int)(frac + (frac < 0) * (int64_t)SW_SEC_NS) / 1000);
		if (strcmp(sw_time_format(got, ns), want) != 0)
			fail_msg("%" PRId64 " ns: got %s, expected %s", ns, got, want);
	}
}

/* Groups of zeros, short groups and addresses of IPv4 inside, far more often than chance makes them. */
static void random_address(struct sw_net *n, uint64_t *seed)
{
	uint64_t shape = next_random(seed);

	*n = (struct sw_net){.family = shape & 1 ? SW_AF_IP6 : SW_AF_IP4};
	for (unsigned int i = 0; i < sw_net_max_plen(n) / 16; i++) {
		uint16_t group = (uint16_t)next_random(seed);
		unsigned int kind = (unsigned int)(shape >> (8 + 4 * i) & 0xf);

		group = kind < 7 ? 0 : kind == 7 ? 0xffff : kind < 12 ? (uint16_t)(group >> (kind - 8) * 4) : group;
		n->addr[2 * i] = (__u8)(group >> 8);
		n->addr[2 * i + 1] = (__u8)group;
	}
	n->plen = (__u8)(shape & 6 ? sw_net_max_plen(n) : (shape >> 1) % (sw_net_max_plen(n) + 1));
}

static void every_address_is_printed_as_inet_ntop_prints_it(void **state)
{
	char got[SW_NET_TEXT_MAX], want[SW_NET_TEXT_MAX];
	uint64_t seed = 2;

	for (unsigned int i = 0; i < MANY; i++) {
		struct sw_net n;
		size_t len;

		random_address(&n, &seed);
		assert_non_null(inet_ntop(n.family == SW_AF_IP4 ? AF_INET : AF_INET6, n.addr, want, sizeof(want)));
		len = strlen(want);
		if (!sw_net_is_host(&n))
			snprintf(want + len, sizeof(want) - len, "/%u", n.plen);
		if (strcmp(sw_cidr_format(got, &n), want) != 0)
			fail_msg("got %s, expected %s", got, want);
	}
}

static void every_number_in_json_is_printed_as_printf_prints_it(void **state)
{
	_strbuf_ struct sw_strbuf b = {};
	uint64_t seed = 3;
	char want[64];

	for (unsigned int i = 0; i < MANY; i++) {
		uint64_t v = next_random(&seed) >> i % 64;
		struct sw_json j;

		v = i % 128 ? v : (uint64_t)INT64_MIN;
		sw_strbuf_reset(&b);
		sw_json_init(&j, &b);
		sw_json_uint(&j, NULL, v);
		sw_json_int(&j, NULL, (int64_t)v);
		snprintf(want, sizeof(want), "%" PRIu64 ",%" PRId64, v, (int64_t)v);
		if (strcmp(sw_strbuf_get(&b), want) != 0)
			fail_msg("got %s, expected %s", sw_strbuf_get(&b), want);
	}
}

/* A text as JSON, a byte at a time, the slow way. */
static void quote_slowly(struct sw_strbuf *out, const char *text, size_t len)
{
	sw_strbuf_puts(out, "\"");
	for (size_t i = 0, n; i < len; i += n ? n : 1) {
		n = sw_utf8_len(text + i, len - i);
		if (!n)
			sw_strbuf_puts(out, "\\ufffd");
		else if (text[i] == '"' || text[i] == '\\')
			sw_strbuf_printf(out, "\\%c", text[i]);
		else if (text[i] == '\n')
			sw_strbuf_puts(out, "\\n");
		else if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			sw_strbuf_printf(out, "\\u%04x", text[i]);
		else
			sw_strbuf_add(out, text + i, n);
	}
	sw_strbuf_puts(out, "\"");
}

static void every_text_is_quoted_as_byte_by_byte(void **state)
{
	_strbuf_ struct sw_strbuf got = {}, want = {};
	uint64_t seed = 4;
	char text[64];

	for (unsigned int i = 0; i < MANY / 4; i++) {
		size_t len = next_random(&seed) % sizeof(text);
		struct sw_json j;

		for (size_t k = 0; k < len; k++) {
			uint64_t r = next_random(&seed);

			text[k] = (char)(r % 16 ? 'a' + r % 26 : r >> 32);
		}
		sw_strbuf_reset(&got);
		sw_strbuf_reset(&want);
		sw_json_init(&j, &got);
		sw_json_stringn(&j, NULL, text, len);
		quote_slowly(&want, text, len);
		assert_int_equal(got.len, strlen(sw_strbuf_get(&got)));
		assert_string_equal(sw_strbuf_get(&got), sw_strbuf_get(&want));
	}
}

static void text_from_outside_cannot_move_the_terminal(void **state)
{
	static const struct {
		const char *text, *want;
		size_t len;
	} rows[] = {
		{"plain \xc3\xa4", "plain \xc3\xa4", 8},
		{"a\x1b[2Jb", "a\\x1b[2Jb", 6},
		{"line\nline", "line\\x0aline", 9},
		{"\xff\xfe", "\\xff\\xfe", 2},
		{"\xc2\x9b" "0m", "\\xc2\\x9b0m", 4},
		{"\xe2\x80\xae" "evil", "\\xe2\\x80\\xaeevil", 7},
		{"back\\slash", "back\\x5cslash", 10},
		{"\0x", "\\x00x", 2},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80", 3},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		_strbuf_ struct sw_strbuf b = {};

		sw_strbuf_safe(&b, rows[i].text, rows[i].len);
		assert_string_equal(sw_strbuf_get(&b), rows[i].want);
	}
}

static void json_is_valid_whatever_the_text(void **state)
{
	_strbuf_ struct sw_strbuf b = {};
	struct sw_json j;
	json_t *parsed;

	sw_json_init(&j, &b);
	sw_json_object_begin(&j, NULL);
	sw_json_stringn(&j, "bad", "a\xff\"\\\n\x01\x7f", 7);
	sw_json_array_begin(&j, "list");
	sw_json_uint(&j, NULL, UINT64_MAX);
	sw_json_int(&j, NULL, INT64_MIN);
	sw_json_object_begin(&j, NULL);
	sw_json_object_end(&j);
	sw_json_array_end(&j);
	sw_json_string(&j, "null", NULL);
	sw_json_double(&j, "nan", (double)NAN);
	sw_json_bool(&j, "yes", true);
	sw_json_object_end(&j);
	assert_false(b.is_failed);
	assert_string_equal(sw_strbuf_get(&b),
		"{\"bad\":\"a\\ufffd\\\"\\\\\\n\\u0001\\u007f\",\"list\":[18446744073709551615,-9223372036854775808,{}],"
		"\"null\":null,\"nan\":null,\"yes\":true}");
	parsed = json_loads(sw_strbuf_get(&b), JSON_DECODE_INT_AS_REAL, NULL);
	assert_non_null(parsed);
	json_decref(parsed);
}

struct target {
	bool json, quiet;
	const char *name;
	uint64_t count, wait_sec;
};
static const struct sw_opt rows[] = {
	{'j', "json", SW_OPT_FLAG, offsetof(struct target, json), NULL, "JSON"},
	{'q', "quiet", SW_OPT_FLAG, offsetof(struct target, quiet), NULL, "quiet"},
	{'n', "name", SW_OPT_STRING, offsetof(struct target, name), "NAME", "a name"},
	{0, "count", SW_OPT_UINT, offsetof(struct target, count), "N", "a count"},
	{0, "for", SW_OPT_DURATION, offsetof(struct target, wait_sec), "TIME", "how long"},
	{},
};

/* Splits words at spaces into argv after a program name; the text is written to. */
static int split(char *text, char **argv)
{
	int argc = 1;

	argv[0] = text; /* not looked at */
	for (char *save = NULL, *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return argc;
}

static void options_parse_in_every_spelling(void **state)
{
	char text[] = "-jq word --name=abc --count 7 --for 24h -- -not-an-option", *argv[16], err[128];
	struct target t = {};
	int words, argc = split(text, argv);

	assert_int_equal(sw_opt_parse(rows, &t, argc, argv, &words, err, sizeof(err)), 0);
	assert_true(t.json && t.quiet);
	assert_string_equal(t.name, "abc");
	assert_int_equal(t.count, 7);
	assert_int_equal(t.wait_sec, 86400);
	assert_int_equal(words, 2);
	assert_string_equal(argv[1], "word");
	assert_string_equal(argv[2], "-not-an-option");
}

static void a_wrong_option_is_said_with_the_nearest_right_one(void **state)
{
	static const struct {
		const char *args, *want;
	} wrong[] = {
		{"--nmae x", "unknown option '--nmae': did you mean --name?"},
		{"--zzzzzzzz", "unknown option '--zzzzzzzz'"},
		{"--count x", "--count: 'x' is not a whole number"},
		{"--count", "--count wants N"},
		{"--json=1", "--json takes no value"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(wrong); i++) {
		char text[64], *argv[16], err[128];
		struct target t = {};
		int words, argc;

		sw_strcpy(text, sizeof(text), wrong[i].args);
		argc = split(text, argv);
		assert_int_equal(sw_opt_parse(rows, &t, argc, argv, &words, err, sizeof(err)), -EINVAL);
		assert_string_equal(err, wrong[i].want);
	}
}

static void every_enum_has_its_word(void **state)
{
	for (unsigned int i = 0; i < SW_R_COUNT; i++)
		assert_string_not_equal(sw_reason_word(i), "?");
	for (unsigned int i = 0; i < SW_STAT_COUNT; i++)
		assert_string_not_equal(sw_stat_sentence(i), "?");
	assert_string_equal(sw_reason_word(SW_R_COUNT), "?");
	assert_int_equal(sw_mode_parse("enforce"), SW_MODE_ENFORCE);
	assert_int_equal(sw_mode_parse("nonsense"), -EINVAL);
}

static void a_file_is_replaced_whole(void **state)
{
	char dir[] = "/tmp/sw-base-XXXXXX", path[64], got[16];
	int fd;

	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_DIRECTORY | O_RDONLY);
	assert_int_equal(sw_write_file_atomic(fd, "f", "one", 3, 0600), 0);
	assert_int_equal(sw_write_file_atomic(fd, "f", "two", 3, 0600), 0);
	snprintf(path, sizeof(path), "%s/f", dir);
	assert_int_equal(sw_read_file(path, got, sizeof(got)), 3);
	assert_string_equal(got, "two");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	close(fd);
}

static void the_checksum_is_the_usual_crc32(void **state)
{
	assert_int_equal(sw_crc32(0, "123456789", 9), 0xcbf43926);
	assert_int_equal(sw_crc32(sw_crc32(0, "12345", 5), "6789", 4), 0xcbf43926);
}

static void the_checksum_of_a_long_buffer_is_that_of_its_pieces(void **state)
{
	static unsigned char buf[70001];
	uint32_t pieces = 0;

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (unsigned char)(i * 31 + i / 255);
	for (size_t at = 0; at < sizeof(buf); at += 1000)
		pieces = sw_crc32(pieces, buf + at, SW_MIN(sizeof(buf) - at, (size_t)1000));
	assert_int_equal(sw_crc32(0, buf, sizeof(buf)), pieces);
	/* not at the beginning of a word, and continued */
	assert_int_equal(sw_crc32(sw_crc32(0, buf, 3), buf + 3, sizeof(buf) - 3), pieces);
}

static void only_a_whole_address_or_localhost_is_loopback(void **state)
{
	static const char *const yes[] = {"127.0.0.1", "127.9.8.7:25", "localhost", "localhost:25/x", "[::1]:25",
		"[::1]"};
	static const char *const no[] = {"127.evil.example", "127.0.0.1.evil.example:25", "128.0.0.1", "127.1", "",
		"[::2]", "localhost.evil.example", "[::1.evil]", "0.0.0.0", "LOCALHOSTS"};

	for (size_t i = 0; i < SW_ARRAY_SIZE(yes); i++) {
		if (!sw_host_is_loopback(yes[i]))
			fail_msg("'%s' was not taken", yes[i]);
	}
	for (size_t i = 0; i < SW_ARRAY_SIZE(no); i++) {
		if (sw_host_is_loopback(no[i]))
			fail_msg("'%s' was taken", no[i]);
	}
}

static void what_is_wrapped_stays_whole_and_within_its_columns(void **state)
{
	static const struct {
		unsigned int columns;
		const char *want;
	} widths[] = {
		{0, "  left       one two three four five six seven\n"},
		{200, "  left       one two three four five six seven\n"},
		{46, "  left       one two three four five six seven\n"},
		{45, "  left       one two three four five six\n             seven\n"},
		{41, "  left       one two three four five six\n             seven\n"},
		{40, "  left\n      one two three four five six seven\n"},
		{20, "  left\n      one two three\n      four five six\n      seven\n"},
		{8, "  left\n      one\n      two\n      three\n      four\n      five\n      six\n      seven\n"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(widths); i++) {
		_free_ char *got = NULL;
		size_t len;
		FILE *f = open_memstream(&got, &len);

		assert_non_null(f);
		sw_wrap_row(f, "left", 10, "one two three four five six seven", widths[i].columns);
		fclose(f);
		if (strcmp(got, widths[i].want) != 0)
			fail_msg("%u columns: got\n%swanted\n%s", widths[i].columns, got, widths[i].want);
	}
}

static void lines_that_are_laid_out_go_on_below_their_last_column(void **state)
{
	static const char lines[] = "head\n  a.key      words of its own that go on and on\n\n  \u00e4\u00e4\u00e4 words in UTF-8 of 31 columns\n";
	static const char want[] = "head\n  a.key      words of its own that go on\n             and on\n\n"
				   "  \u00e4\u00e4\u00e4 words in UTF-8 of 31 columns\n";
	_free_ char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);

	assert_non_null(f);
	sw_wrap_lines(f, lines, 41);
	fclose(f);
	assert_string_equal(got, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_whole_address_or_localhost_is_loopback),
		cmocka_unit_test(addresses_parse_to_one_canonical_form),
		cmocka_unit_test(a_network_contains_what_lies_in_it_and_nothing_else),
		cmocka_unit_test(durations_parse_and_refuse_slips),
		cmocka_unit_test(durations_show_their_two_largest_units),
		cmocka_unit_test(wall_time_is_utc_with_microseconds),
		cmocka_unit_test(text_from_outside_cannot_move_the_terminal),
		cmocka_unit_test(every_time_is_printed_as_strftime_prints_it),
		cmocka_unit_test(every_address_is_printed_as_inet_ntop_prints_it),
		cmocka_unit_test(every_number_in_json_is_printed_as_printf_prints_it),
		cmocka_unit_test(every_text_is_quoted_as_byte_by_byte),
		cmocka_unit_test(json_is_valid_whatever_the_text),
		cmocka_unit_test(options_parse_in_every_spelling),
		cmocka_unit_test(a_wrong_option_is_said_with_the_nearest_right_one),
		cmocka_unit_test(every_enum_has_its_word),
		cmocka_unit_test(what_is_wrapped_stays_whole_and_within_its_columns),
		cmocka_unit_test(lines_that_are_laid_out_go_on_below_their_last_column),
		cmocka_unit_test(a_file_is_replaced_whole),
		cmocka_unit_test(the_checksum_is_the_usual_crc32),
		cmocka_unit_test(the_checksum_of_a_long_buffer_is_that_of_its_pieces),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
