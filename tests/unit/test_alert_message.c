// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/alert/message.h"

static void build(struct sw_strbuf *b, const char *title, const char *body)
{
	sw_message_build(&(struct sw_message){.from = "sockwarden@host.example",
				 .to = "root@host.example",
				 .subject = "[%h] 100%% %t",
				 .host = "host.example",
				 .title = title,
				 .body = body,
				 .wall_sec = 1795000000,
				 .id = 7},
		b);
	assert_false(b->is_failed);
}

static void headers_are_those_of_rfc_5322(void **state)
{
	_strbuf_ struct sw_strbuf b = {};

	build(&b, "new listener", "hello\n");
	assert_string_equal(sw_strbuf_get(&b),
		"Date: Wed, 18 Nov 2026 11:06:40 +0000\r\n"
		"From: sockwarden@host.example\r\n"
		"To: root@host.example\r\n"
		"Subject: [host.example] 100% new listener\r\n"
		"Message-ID: <6afd86c0.7@host.example>\r\n"
		"Auto-Submitted: auto-generated\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n"
		"\r\n"
		"hello\r\n");
}

static void an_attackers_line_break_makes_no_header(void **state)
{
	_strbuf_ struct sw_strbuf b = {};

	build(&b, "x\r\nBcc: victim@example.net\r\n\r\nbody", "");
	assert_null(strstr(sw_strbuf_get(&b), "\nBcc"));
	assert_non_null(strstr(sw_strbuf_get(&b),
		"Subject: [host.example] 100% x\\x0d\\x0aBcc: victim@example.net"));
}

static void non_ascii_goes_into_encoded_words_cut_at_characters(void **state)
{
	_strbuf_ struct sw_strbuf b = {};
	char *subject, *end;

	build(&b, "Gerät öffnet Port, 端口 端口 端口 端口 端口 端口 端口 端口", "");
	subject = strstr(sw_strbuf_get(&b), "Subject: ");
	assert_non_null(subject);
	end = strstr(subject, "\r\nMessage-ID");
	assert_non_null(end);
	for (char *p = subject; p < end; p++)
		assert_true((unsigned char)*p < 0x80);
	assert_non_null(
		strstr(subject, "=?UTF-8?Q?=5Bhost.example=5D_100=25_Ger=C3=A4t_=C3=B6ffnet"));
	/* a word never ends inside a character: the byte before "?=" completes one */
	for (char *p = strstr(subject, "?=\r\n "); p; p = strstr(p + 1, "?=\r\n ")) {
		assert_true(p - subject > 3);
		assert_memory_equal(p + 5, "=?UTF-8?Q?", 10);
		assert_memory_not_equal(p + 15, "=8", 2);
		assert_memory_not_equal(p + 15, "=9", 2);
		assert_memory_not_equal(p + 15, "=A", 2);
		assert_memory_not_equal(p + 15, "=B", 2);
	}
}

static void text_that_looks_encoded_is_encoded_itself(void **state)
{
	_strbuf_ struct sw_strbuf b = {};

	build(&b, "=?UTF-8?Q?all_clear?=", "");
	assert_non_null(strstr(sw_strbuf_get(&b), "=3D=3FUTF-8=3FQ=3Fall=5Fclear=3F=3D"));
}

static void a_long_title_is_cut_at_a_character(void **state)
{
	_strbuf_ struct sw_strbuf b = {};
	char title[301];

	for (int i = 0; i < 150; i++)
		memcpy(title + 2 * i, "ä", 2);
	memmove(title + 1, title, 299);
	title[0] = 'x';
	title[299] = 0;
	build(&b, title, "");
	assert_null(strstr(sw_strbuf_get(&b), "xC3"));
	assert_non_null(strstr(sw_strbuf_get(&b), "..."));
}

static void quoted_lines_are_short_and_decode_to_what_went_in(void **state)
{
	_strbuf_ struct sw_strbuf b = {}, back = {};
	char text[600];
	size_t column = 0;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i % 97 == 0 ? '\n' : i % 256);
	text[sizeof(text) - 1] = '\n';
	sw_message_quote(&b, text, sizeof(text));
	for (size_t i = 0; i < b.len; i++) {
		column = b.text[i] == '\n' ? 0 : column + 1;
		assert_true(column <= 77); /* 76 and the CR */
	}
	for (size_t i = 0; i < b.len; i++) {
		if (b.text[i] == '=' && b.text[i + 1] == '\r') {
			i += 2;
		} else if (b.text[i] == '=') {
			char hex[3] = {b.text[i + 1], b.text[i + 2], 0};

			sw_strbuf_putc(&back, (char)strtoul(hex, NULL, 16));
			i += 2;
		} else if (b.text[i] != '\r') {
			sw_strbuf_putc(&back, b.text[i]);
		}
	}
	assert_int_equal(back.len, sizeof(text));
	assert_memory_equal(back.text, text, sizeof(text));
}

static void a_dot_alone_does_not_end_the_message(void **state)
{
	_strbuf_ struct sw_strbuf b = {};

	sw_message_quote(&b, ".\nFrom x\n", 9);
	assert_string_equal(sw_strbuf_get(&b), "=2E\r\n=46rom x\r\n");
}

static void an_address_with_a_line_break_is_refused(void **state)
{
	assert_true(sw_message_address_ok("root@host.example, b@host.example"));
	assert_false(sw_message_address_ok("root\r\nBcc: x"));
	assert_false(sw_message_address_ok(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_those_of_rfc_5322),
		cmocka_unit_test(an_attackers_line_break_makes_no_header),
		cmocka_unit_test(non_ascii_goes_into_encoded_words_cut_at_characters),
		cmocka_unit_test(text_that_looks_encoded_is_encoded_itself),
		cmocka_unit_test(a_long_title_is_cut_at_a_character),
		cmocka_unit_test(quoted_lines_are_short_and_decode_to_what_went_in),
		cmocka_unit_test(a_dot_alone_does_not_end_the_message),
		cmocka_unit_test(an_address_with_a_line_break_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
