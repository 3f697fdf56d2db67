// SPDX-License-Identifier: GPL-3.0-or-later
/* The readers of DNS, HTTP and TLS, and of trail lines: what they read, and every way to cut it short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/proto/dns.h"
#include "user/proto/http.h"
#include "user/proto/md5.h"
#include "user/proto/quic.h"
#include "user/proto/tls.h"
#include "user/trail/static_line.h"

/* Runs fn on each beginning of the bytes, in memory that ends there. */
static void on_each_cut(
	const void *data, size_t len, void (*fn)(const uint8_t *p, size_t n, bool is_whole))
{
	for (size_t n = 0; n <= len; n++) {
		uint8_t *copy = malloc(n ? n : 1);

		assert_non_null(copy);
		memcpy(copy, data, n);
		fn(copy, n, n == len);
		free(copy);
	}
}

/* An answer for www.example.org: a CNAME to a.example.org, then an address. */
static const uint8_t dns[] = "\x12\x34\x81\x80\0\1\0\2\0\0\0\0\3wWw\7example\3ORG\0\0\1\0\1"
			     "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\4\1a\xc0\x10"
			     "\xc0\x2d\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1";

static void read_dns_cut(const uint8_t *p, size_t n, bool is_whole)
{
	struct sw_dns_record r;
	struct sw_dns d;
	int last = 1, records = 0;

	if (sw_dns_read(p, n, &d) < 0) {
		assert_true(n < 33);
		return;
	}
	assert_string_equal(d.qname, "www.example.org");
	while ((last = sw_dns_next(&d, &r)) > 0)
		records++;
	assert_int_equal(last, is_whole ? 0 : -EBADMSG);
	assert_int_equal(records, is_whole ? 2 : n >= 49 ? 1 : 0);
}

static void a_dns_answer_is_read_and_a_cut_one_as_far_as_it_goes(void **state)
{
	struct sw_dns_record r;
	struct sw_dns d;

	assert_int_equal(sw_dns_read(dns, sizeof(dns) - 1, &d), 0);
	assert_true(d.is_answer);
	assert_int_equal(sw_dns_next(&d, &r), 1);
	assert_int_equal(r.type, SW_DNS_CNAME);
	assert_string_equal(r.name, "a.example.org");
	assert_int_equal(sw_dns_next(&d, &r), 1);
	assert_memory_equal(r.data, "\xc0\0\2\1", 4);
	on_each_cut(dns, sizeof(dns) - 1, read_dns_cut);
}

static void a_name_that_points_at_itself_or_forward_is_refused(void **state)
{
	static const uint8_t loop[] = "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1",
			     ahead[] = "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x10\0\1\0\1";
	struct sw_dns d;

	assert_int_equal(sw_dns_read(loop, sizeof(loop) - 1, &d), -EBADMSG);
	assert_int_equal(sw_dns_read(ahead, sizeof(ahead) - 1, &d), -EBADMSG);
}

static const char request[] =
	"POST /a?b=c HTTP/1.1\r\nhOsT:  example.org:80 \r\nUser-Agent: x y\r\nContent-Length: 3\r\n\r\nabc";

static void read_http_cut(const uint8_t *p, size_t n, bool is_whole)
{
	struct sw_http h;
	int r = sw_http_read(p, n, &h);

	assert_int_equal(r, !n ? -EBADMSG : n < 22 ? -EAGAIN : 0);
	if (r == 0) {
		assert_int_equal(h.path.n, 6);
		assert_int_equal(h.is_head_whole, n >= sizeof(request) - 4);
	}
	if (is_whole)
		assert_int_equal(h.body.n, h.content_length);
}

static void a_request_is_read_and_a_cut_one_as_far_as_it_goes(void **state)
{
	struct sw_http h;

	assert_int_equal(sw_http_read((const uint8_t *)request, sizeof(request) - 1, &h), 0);
	assert_memory_equal(h.host.p, "example.org:80", h.host.n);
	assert_memory_equal(h.agent.p, "x y", h.agent.n);
	on_each_cut(request, sizeof(request) - 1, read_http_cut);
}

static const uint8_t hello[] =
	"\x16\3\1\0\x44\1\0\0\x40\3\3RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR\0\0\4\x0a\x0a\x13\1\1\0"
	"\0\x13\0\0\0\x0f\0\x0d\0\0\x0a"
	"Ab.example";

static void read_tls_cut(const uint8_t *p, size_t n, bool is_whole)
{
	struct sw_tls_hello h;

	assert_int_equal(sw_tls_read_hello(p, n, &h), is_whole ? 0 : n ? -EAGAIN : -EBADMSG);
}

static void a_hello_is_read_and_a_cut_one_waits(void **state)
{
	struct sw_tls_hello h;
	char text[256];

	assert_int_equal(sw_tls_read_hello(hello, sizeof(hello) - 1, &h), 0);
	assert_string_equal(h.sni, "ab.example");
	assert_int_equal(h.ciphers.n, 1); /* the other is GREASE */
	sw_tls_ja3_text(&h, text, sizeof(text));
	assert_string_equal(text, "771,4865,0,,");
	on_each_cut(hello, sizeof(hello) - 1, read_tls_cut);
}

static void md5_is_that_of_the_rfc(void **state)
{
	uint8_t d[16];

	sw_md5("message digest", 14, d);
	assert_memory_equal(
		d, "\xf9\x6b\x69\x7d\x7c\xb7\x93\x8d\x52\x5a\x2f\x31\xaa\xf1\x61\xd0", 16);
	sw_md5("12345678901234567890123456789012345678901234567890123456789012345678901234567890",
		80, d);
	assert_memory_equal(
		d, "\x57\xed\xf4\xa2\x2b\xe3\xc9\x55\xac\x49\xda\x2e\x21\x07\xb6\x7a", 16);
}

static void each_line_is_the_kind_it_looks_like(void **state)
{
	static const struct {
		const char *line;
		enum sw_static_kind kind;
		const char *text;
	} rows[] = {
		{"192.0.2.1", SW_STATIC_IP, ""},
		{"2001:DB8::1", SW_STATIC_IP, ""},
		{"192.0.2.0/24", SW_STATIC_CIDR, ""},
		{"192.0.2.1:80", SW_STATIC_IP_PORT, ""},
		{"[2001:db8::1]:80", SW_STATIC_IP_PORT, ""},
		{"http://192.0.2.1:8080", SW_STATIC_IP_PORT, ""},
		{"Evil.Test.", SW_STATIC_DOMAIN, "evil.test"},
		{".evil.test", SW_STATIC_DOMAIN, "evil.test"},
		{"www.evil.test", SW_STATIC_DOMAIN, "evil.test"},
		{"tld", SW_STATIC_DOMAIN, "tld"},
		{"http://evil.test", SW_STATIC_URL, "evil.test/"},
		{"https://www.evil.test/A/", SW_STATIC_URL, "evil.test/a"},
		{"evil.test/a?b=", SW_STATIC_URL, "evil.test/a?b="},
		{"192.0.2.1/x.sh", SW_STATIC_URL, "192.0.2.1/x.sh"},
		{"/gate.php", SW_STATIC_PATH, "/gate.php"},
		{"/", SW_STATIC_BAD, "/"},
		{"a[0-9]+\\.test", SW_STATIC_REGEX, "a[0-9]+\\.test"},
		{"00112233445566778899AABBCCDDEEFF", SW_STATIC_JA3,
			"00112233445566778899aabbccddeeff"},
		{"00112233445566778899aabbccddeeff00112233", SW_STATIC_CERT,
			"00112233445566778899aabbccddeeff00112233"},
		{"t13d1516h2_8daaf6152771_02713d6af862", SW_STATIC_JA4,
			"t13d1516h2_8daaf6152771_02713d6af862"},
		{"two words", SW_STATIC_BAD, ""},
		{"a..b", SW_STATIC_BAD, ""},
		{"192.0.2.1:99999", SW_STATIC_BAD, ""},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_static_line l;

		sw_static_line_read(rows[i].line, strlen(rows[i].line), false, &l);
		if (l.kind != rows[i].kind || strcmp(l.text, rows[i].text) != 0)
			fail_msg("'%s': got %s '%s'", rows[i].line, sw_static_kind_word(l.kind),
				l.text);
	}
}

static void assert_hex(const uint8_t *p, size_t n, const char *hex)
{
	char text[65] = "";

	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", p[i]);
	assert_string_equal(text, hex);
}

/* RFC 9001, A.1, and RFC 9369, A.1. */
static void quic_keys_are_those_of_the_rfcs(void **state)
{
	static const uint8_t id[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
	struct sw_quic_keys k;

	assert_true(sw_quic_keys(1, id, sizeof(id), &k));
	assert_hex(k.key, 16, "1f369613dd76d5467730efcbe3b1a22d");
	assert_hex(k.iv, 12, "fa044b2f42a3fd3b46fb255c");
	assert_hex(k.hp, 16, "9f50449e04a0e810283a1e9933adedd2");
	assert_true(sw_quic_keys(0x6b3343cf, id, sizeof(id), &k));
	assert_hex(k.key, 16, "8b1a0bc121284290a29e0971b5cd045d");
	assert_hex(k.iv, 12, "91f73e2351d8fa91660e909f");
	assert_hex(k.hp, 16, "45b95e15235d6f45a6b19cbcb0294ba9");
	assert_false(sw_quic_keys(2, id, sizeof(id), &k));
}

static void frames_that_reach_beyond_their_packet_end_the_reading(void **state)
{
	static const struct {
		const char *what;
		uint8_t data[12];
		size_t len;
		int first, second;
	} rows[] = {
		{"padding", {0, 0, 1, 0}, 4, 0, 0},
		{"a piece", {6, 0, 2, 'a', 'b', 0}, 6, 1, 0},
		{"an acknowledgement before it", {2, 1, 0, 1, 0, 0, 0, 6, 0, 1, 'a'}, 11, 1, 0},
		{"longer than what there is", {6, 0, 9, 'a'}, 4, -EBADMSG, -EBADMSG},
		{"a cut number", {6, 0x80}, 2, -EBADMSG, -EBADMSG},
		{"too many ranges", {2, 0, 0, 0x7f, 0xff}, 5, -EBADMSG, -EBADMSG},
		{"the end", {0x1c, 0, 0, 0}, 4, 0, 0},
	};
	struct sw_quic_crypto c;
	struct sw_quic q;

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		int r;

		memcpy(q.data, rows[i].data, rows[i].len);
		q.len = rows[i].len;
		q.at = 0;
		r = sw_quic_next(&q, &c);
		if (r != rows[i].first)
			fail_msg("%s: got %d", rows[i].what, r);
		r = r > 0 ? sw_quic_next(&q, &c) : r;
		if (rows[i].first > 0 && r != rows[i].second)
			fail_msg("%s, second: got %d", rows[i].what, r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dns_answer_is_read_and_a_cut_one_as_far_as_it_goes),
		cmocka_unit_test(a_name_that_points_at_itself_or_forward_is_refused),
		cmocka_unit_test(a_request_is_read_and_a_cut_one_as_far_as_it_goes),
		cmocka_unit_test(a_hello_is_read_and_a_cut_one_waits),
		cmocka_unit_test(quic_keys_are_those_of_the_rfcs),
		cmocka_unit_test(frames_that_reach_beyond_their_packet_end_the_reading),
		cmocka_unit_test(md5_is_that_of_the_rfc),
		cmocka_unit_test(each_line_is_the_kind_it_looks_like),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
