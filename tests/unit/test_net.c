// SPDX-License-Identifier: GPL-3.0-or-later
/* The pure parts of sockwarden-net: URLs, reach, schedule, addresses, gzip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <zlib.h>

#include "user/net/gunzip.h"
#include "user/net/mailer.h"
#include "user/net/schedule.h"
#include "user/base/cidr.h"
#include "user/net/url.h"
#include "user/net/whois.h"

static void keys_in_a_url_are_masked(void **state)
{
	static const char *const rows[][2] = {
		{"https://h.example/list.txt", "https://h.example/list.txt"},
		{"https://u:pw@h.example/list", "https://***@h.example/list"},
		{"https://u:p@w@h.example/", "https://***@h.example/"},
		{"https://h.example/l?auth=abc&x=1", "https://h.example/l?auth=***&x=***"},
		{"https://h.example/l?abcdef", "https://h.example/l?***"},
		{"https://h.example/l?", "https://h.example/l?"},
		{"https://h.example/0123456789abcdef0123/l.txt", "https://h.example/***/l.txt"},
		{"https://h.example/feeds/a-long-name-of-a-list.txt",
			"https://h.example/feeds/a-long-name-of-a-list.txt"},
		{"https://h.example/downloads/collection",
			"https://h.example/downloads/collection"},
		{"https://h.example/\x1b[2J", "https://h.example/\\x1b[2J"},
		{"", ""},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		_strbuf_ struct sw_strbuf b = {};

		sw_url_mask(&b, rows[i][0]);
		if (!sw_streq(sw_strbuf_get(&b), rows[i][1]))
			fail_msg("'%s': got %s, expected %s", rows[i][0], sw_strbuf_get(&b),
				rows[i][1]);
	}
}

static void a_url_inside_a_text_is_masked_wherever_it_stands(void **state)
{
	_strbuf_ struct sw_strbuf b = {};

	sw_url_mask_text(&b, "no https://h/?k=1 and https://h/?k=1.", "https://h/?k=1");
	assert_string_equal(sw_strbuf_get(&b), "no https://h/?k=*** and https://h/?k=***.");
}

static void only_https_with_a_host_is_fetched(void **state)
{
	assert_true(sw_url_is_https("https://h.example/"));
	assert_true(sw_url_is_https("HTTPS://h.example"));
	assert_false(sw_url_is_https("http://h.example/"));
	assert_false(sw_url_is_https("https:///x"));
	assert_false(sw_url_is_https("https://"));
	assert_false(sw_url_is_https("https://h.example/\n"));
	assert_false(sw_url_is_https("file:///etc/passwd"));
}

static void an_addresses_reach_is_known_in_every_spelling(void **state)
{
	static const struct {
		const char *address;
		enum sw_reach reach;
	} rows[] = {
		{"127.0.0.1", SW_REACH_LOOPBACK},
		{"127.9.9.9", SW_REACH_LOOPBACK},
		{"0.0.0.0", SW_REACH_LOOPBACK},
		{"::1", SW_REACH_LOOPBACK},
		{"::ffff:127.0.0.1", SW_REACH_LOOPBACK},
		{"::", SW_REACH_LOOPBACK},
		{"10.1.2.3", SW_REACH_PRIVATE},
		{"172.31.255.255", SW_REACH_PRIVATE},
		{"172.32.0.0", SW_REACH_PUBLIC},
		{"169.254.169.254", SW_REACH_PRIVATE},
		{"::ffff:169.254.169.254", SW_REACH_PRIVATE},
		{"fd00::1", SW_REACH_PRIVATE},
		{"fe80::1", SW_REACH_PRIVATE},
		{"2001:db8::1", SW_REACH_PUBLIC},
		{"203.0.113.1", SW_REACH_PUBLIC},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sockaddr_in a4 = {.sin_family = AF_INET};
		struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
		const struct sockaddr *sa = (const void *)&a6;

		if (inet_pton(AF_INET, rows[i].address, &a4.sin_addr) == 1)
			sa = (const void *)&a4;
		else
			assert_int_equal(inet_pton(AF_INET6, rows[i].address, &a6.sin6_addr), 1);
		if (sw_url_reach(sa) != rows[i].reach)
			fail_msg("%s: got %d, expected %d", rows[i].address, sw_url_reach(sa),
				rows[i].reach);
	}
}

static void the_next_fetch_is_within_a_tenth_of_the_refresh_time(void **state)
{
	uint64_t least = UINT64_MAX, most = 0;

	for (uint32_t chance = 0; chance < 20000; chance++) {
		uint64_t s = sw_schedule_next(3600, 0, chance * 2654435761u);

		least = SW_MIN(least, s);
		most = SW_MAX(most, s);
	}
	assert_int_equal(least, 3240);
	assert_int_equal(most, 3960);
	assert_true(sw_schedule_next(1, 0, 0) >= 54); /* nobody is asked every second */
}

static void failures_back_off_up_to_the_refresh_time(void **state)
{
	static const uint64_t want[] = {3600, 60, 120, 240, 480, 960, 1920, 3600, 3600};

	for (unsigned int n = 0; n < SW_ARRAY_SIZE(want); n++) {
		uint64_t s = sw_schedule_next(
			3600, n, (uint32_t)(want[n] * SW_SCHEDULE_JITTER_PERCENT / 100));

		assert_int_equal(s, want[n]);
	}
	assert_int_equal(sw_schedule_next(3600, UINT32_MAX, 360), 3600);
}

static void recipients_are_taken_out_of_their_names(void **state)
{
	char to[4][SW_MAIL_ADDRESS_MAX];

	assert_int_equal(sw_mail_addresses("root", to, 4), 1);
	assert_string_equal(to[0], "root");
	assert_int_equal(sw_mail_addresses("a@x, The Night <b@y> ,c@z", to, 4), 3);
	assert_string_equal(to[1], "b@y");
	assert_string_equal(to[2], "c@z");
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const rows[] = {"", ",", "a@x,,b@y", "-oQ/tmp", "<-t@x>", "a b@x",
		"a@x\r\nRCPT TO:<b>", "<a@x", "a@x,b@x,c@x,d@x,e@x"};
	char to[4][SW_MAIL_ADDRESS_MAX];

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		if (sw_mail_addresses(rows[i], to, 4) != -EINVAL)
			fail_msg("'%s' was taken", rows[i]);
	}
}

/* ---- gzip */

static size_t pack(const char *text, size_t len, unsigned char *buf, size_t size)
{
	z_stream z = {};

	assert_int_equal(
		deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char *)text;
	z.avail_in = (uInt)len;
	z.next_out = buf;
	z.avail_out = (uInt)size;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return size - z.avail_out;
}

static int collect(const char *data, size_t len, void *arg)
{
	sw_strbuf_add(arg, data, len);
	return 0;
}

static void gzip_comes_out_whole_in_pieces_of_any_size(void **state)
{
	static const char text[] = "198.18.0.1\n198.18.0.2\n198.18.0.3\n198.18.0.1\n";
	unsigned char packed[512];
	size_t n = pack(text, sizeof(text) - 1, packed, sizeof(packed));

	memcpy(packed + n, packed, n); /* two members */
	for (size_t step = 1; step <= 2 * n; step++) {
		_cleanup_(sw_gunzip_freep) struct sw_gunzip *g = NULL;
		_strbuf_ struct sw_strbuf out = {};

		assert_int_equal(sw_gunzip_new(collect, &out, &g), 0);
		for (size_t at = 0; at < 2 * n; at += step)
			assert_int_equal(
				sw_gunzip_feed(g, (char *)packed + at, SW_MIN(step, 2 * n - at)),
				0);
		assert_true(sw_gunzip_is_whole(g));
		assert_int_equal(out.len, 2 * (sizeof(text) - 1));
		assert_memory_equal(out.text, text, sizeof(text) - 1);
	}
}

static void gzip_that_ends_early_or_is_damaged_is_noticed(void **state)
{
	static const char text[] = "198.18.0.1\n198.18.0.2\n";
	unsigned char packed[256];
	size_t n = pack(text, sizeof(text) - 1, packed, sizeof(packed));

	for (size_t len = 0; len < n; len++) {
		_cleanup_(sw_gunzip_freep) struct sw_gunzip *g = NULL;
		_strbuf_ struct sw_strbuf out = {};

		assert_int_equal(sw_gunzip_new(collect, &out, &g), 0);
		assert_int_equal(sw_gunzip_feed(g, (char *)packed, len), 0);
		assert_false(sw_gunzip_is_whole(g));
	}
	packed[n - 5] ^= 1; /* the checksum */
	{
		_cleanup_(sw_gunzip_freep) struct sw_gunzip *g = NULL;
		_strbuf_ struct sw_strbuf out = {};

		assert_int_equal(sw_gunzip_new(collect, &out, &g), 0);
		assert_int_equal(sw_gunzip_feed(g, (char *)packed, n), -EBADMSG);
	}
}

static int stop(const char *data, size_t len, void *arg)
{
	*(size_t *)arg += len;
	return *(size_t *)arg > 100000 ? -EFBIG : 0;
}

static void a_bomb_ends_when_its_reader_has_enough(void **state)
{
	_cleanup_(sw_gunzip_freep) struct sw_gunzip *g = NULL;
	_free_ char *zeros = calloc(1, 10 << 20);
	_free_ unsigned char *packed = malloc(1 << 20);
	size_t got = 0, n;

	assert_non_null(zeros);
	assert_non_null(packed);
	n = pack(zeros, 10 << 20, packed, 1 << 20);
	assert_int_equal(sw_gunzip_new(stop, &got, &g), 0);
	assert_int_equal(sw_gunzip_feed(g, (char *)packed, n), -EFBIG);
	assert_true(got < 200000);
}

static void excerpt(const char *asked, const char *answer, struct sw_net_whois *w)
{
	*w = (struct sw_net_whois){};
	assert_int_equal(sw_cidr_parse(asked, SIZE_MAX, &w->net), 0);
	(void)sw_whois_excerpt(answer, strlen(answer), w);
}

static void a_registrys_answer_is_cut_to_what_a_mail_can_use(void **state)
{
	static const struct {
		const char *asked, *answer, *text;
	} rows[] = {
		{"193.0.6.139",
			"% This is the RIPE Database query service.\n% Abuse contact for '193.0.0.0 - 193.0.7.255' is 'abuse@ripe.net'\n\n"
			"inetnum:        193.0.0.0 - 193.0.7.255\nnetname:        RIPE-NCC\ndescr:          RIPE Network Coordination Centre\n"
			"descr:          Amsterdam\ncountry:        NL\nadmin-c:        BRD-RIPE\nremarks:        call us\n\nroute:   193.0.0.0/21\norigin:         AS3333\n",
			"abuse-mailbox: abuse@ripe.net\ninetnum: 193.0.0.0 - 193.0.7.255\nnetname: RIPE-NCC\n"
			"descr: RIPE Network Coordination Centre\ncountry: NL\norigin: AS3333\n"},
		{"8.8.8.8",
			"#\n# ARIN WHOIS data\r\n\r\nNetRange:       8.8.8.0 - 8.8.8.255\r\nCIDR:           8.8.8.0/24\r\nNetName:        GOGL\r\n"
			"Organization:   Google LLC (GOGL)\r\nOrgName:        Google LLC\r\nCountry:        US\r\n\r\nOrgAbuseEmail:  network-abuse@google.com\r\n",
			"inetnum: 8.8.8.0 - 8.8.8.255\ncidr: 8.8.8.0/24\nnetname: GOGL\norganisation: Google LLC (GOGL)\ncountry: US\n"
			"abuse-mailbox: network-abuse@google.com\n"},
		{"193.0.6.139", "netname: \x1b[2J\x07" "evil\ncountry:\tN\xc3\x96\nnetname: second\n",
			"netname: \\x1b[2J\\x07evil\ncountry: N\xc3\x96\n"},
		{"193.0.6.139", "No match for 193.0.6.139\n:\n::\ncountry:\nnetnam\n", ""},
		{"193.0.6.139", "", ""},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_net_whois w;

		excerpt(rows[i].asked, rows[i].answer, &w);
		if (!sw_streq(w.text, rows[i].text))
			fail_msg("%zu: got\n%s, expected\n%s", i, w.text, rows[i].text);
	}
}

static void an_answers_range_counts_only_when_the_address_is_in_it(void **state)
{
	static const struct {
		const char *asked, *answer, *first, *last;
	} rows[] = {
		{"193.0.6.139", "inetnum: 193.0.0.0 - 193.0.7.255\n", "193.0.0.0", "193.0.7.255"},
		{"2001:67c:2e8::1", "inet6num: 2001:67c:2e8::/48\n", "2001:67c:2e8::", "2001:67c:2e8:ffff:ffff:ffff:ffff:ffff"},
		{"193.0.6.139", "inetnum: 10.0.0.0 - 10.0.0.255\n", NULL, NULL},
		{"193.0.6.139", "inetnum: 193.0.7.0 - 193.0.0.0\n", NULL, NULL},
		{"193.0.6.139", "inetnum: all - of it\n", NULL, NULL},
		{"2001:67c:2e8::1", "inetnum: 0.0.0.0 - 255.255.255.255\n", NULL, NULL},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_net first = {}, last = {};
		struct sw_net_whois w;

		excerpt(rows[i].asked, rows[i].answer, &w);
		if (rows[i].first) {
			assert_int_equal(sw_cidr_parse(rows[i].first, SIZE_MAX, &first), 0);
			assert_int_equal(sw_cidr_parse(rows[i].last, SIZE_MAX, &last), 0);
		}
		if (memcmp(w.first, first.addr, 16) != 0 || memcmp(w.last, last.addr, 16) != 0)
			fail_msg("%zu: %s", i, rows[i].answer);
	}
}

static void a_flood_of_text_stays_within_an_excerpt(void **state)
{
	size_t len = 1 << 16;
	char *text = malloc(len + 1);
	struct sw_net_whois w;

	assert_non_null(text);
	for (size_t i = 0; i < len; i++)
		text[i] = "netname: \x01\x02\x03\x04"[i % 13];
	text[len] = 0;
	excerpt("193.0.6.139", text, &w);
	assert_true(strlen(w.text) < 500);
	for (size_t i = 0; i + 30 < len; i += 30)
		memcpy(text + i, i % 60 ? "\nabuse-mailbox: aaaaaaaaaaaaaa" : "\ncountry: bbbbbbbbbbbbbbbbbbbb", 30);
	excerpt("193.0.6.139", text, &w);
	assert_string_equal(w.text, "country: bbbbbbbbbbbbbbbbbbbb\nabuse-mailbox: aaaaaaaaaaaaaa\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_registrys_answer_is_cut_to_what_a_mail_can_use),
		cmocka_unit_test(an_answers_range_counts_only_when_the_address_is_in_it),
		cmocka_unit_test(a_flood_of_text_stays_within_an_excerpt),
		cmocka_unit_test(keys_in_a_url_are_masked),
		cmocka_unit_test(a_url_inside_a_text_is_masked_wherever_it_stands),
		cmocka_unit_test(only_https_with_a_host_is_fetched),
		cmocka_unit_test(an_addresses_reach_is_known_in_every_spelling),
		cmocka_unit_test(the_next_fetch_is_within_a_tenth_of_the_refresh_time),
		cmocka_unit_test(failures_back_off_up_to_the_refresh_time),
		cmocka_unit_test(recipients_are_taken_out_of_their_names),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(gzip_comes_out_whole_in_pieces_of_any_size),
		cmocka_unit_test(gzip_that_ends_early_or_is_damaged_is_noticed),
		cmocka_unit_test(a_bomb_ends_when_its_reader_has_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
