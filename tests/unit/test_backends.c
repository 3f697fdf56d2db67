// SPDX-License-Identifier: GPL-3.0-or-later
/* What backends make of bans, as text: files, commands; and whose request came through proxies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "user/base/cidr.h"
#include "user/guard/actions.h"
#include "user/guard/files.h"
#include "user/policy/proxy.h"

static struct sw_net net(const char *text)
{
	struct sw_net n;

	if (sw_cidr_parse(text, SIZE_MAX, &n) < 0)
		fail_msg("%s is no network", text);
	return n;
}

static const struct render_case {
	enum sw_action_format format;
	const char *expected;
} render_cases[] = {
	{SW_FORMAT_PLAIN, "192.0.2.7\n198.51.100.0/24\n2001:db8::/64\n"},
	{SW_FORMAT_NGINX,
		"allow 198.51.100.9;\ndeny 192.0.2.7;\ndeny 198.51.100.0/24;\ndeny 2001:db8::/64;\n"},
	{SW_FORMAT_HOSTS_DENY,
		"ALL: 192.0.2.7\nALL: 198.51.100.0/255.255.255.0 EXCEPT 198.51.100.9\nALL: [2001:db8::]/64\n"},
};

static void a_file_is_written_as_its_reader_wants_it_and_allow_wins(void **state)
{
	const struct sw_net nets[] = {net("192.0.2.7"), net("198.51.100.0/24"),
		net("2001:db8::/64")},
			    allow = net("198.51.100.9");

	for (size_t i = 0; i < SW_ARRAY_SIZE(render_cases); i++) {
		_strbuf_ struct sw_strbuf out = {};

		sw_files_render(render_cases[i].format, nets, SW_ARRAY_SIZE(nets), &allow, 1, &out);
		assert_string_equal(sw_strbuf_get(&out), render_cases[i].expected);
	}
}

#define BEGIN "# sockwarden: begin. Written by sockwarden; what is changed here is put back.\n"
#define END   "# sockwarden: end\n"

static const struct splice_case {
	const char *text, *lines, *expected; /* expected NULL: refused */
} splice_cases[] = {
	{"", "x\n", BEGIN "x\n" END},
	{"a", "x\n", "a\n" BEGIN "x\n" END},
	{"a\nb\n", "", "a\nb\n"},
	{"a\n" BEGIN "old\n" END "b", "x\n", "a\n" BEGIN "x\n" END "b"},
	{"a\n" BEGIN "old\n" END "b\n", "", "a\nb\n"},
	{"# sockwarden: begin\nold\n" END "\n\nALL: PARANOID\n", "x\n",
		BEGIN "x\n" END "\n\nALL: PARANOID\n"},
	{BEGIN "1\n" END "a\n" BEGIN "2\n" END, "x\n", BEGIN "x\n" END "a\n"},
	{"a\n" BEGIN "old\n", "x\n", NULL},
	{"a\n" END, "x\n", NULL},
};

static void other_peoples_lines_are_kept_and_a_broken_block_is_left_alone(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(splice_cases); i++) {
		const struct splice_case *c = &splice_cases[i];
		_strbuf_ struct sw_strbuf out = {};
		int r = sw_files_splice(c->text, strlen(c->text), c->lines, &out);

		if (!c->expected && r != -EBADMSG)
			fail_msg("'%s': not refused", c->text);
		if (c->expected && (r < 0 || !sw_streq(sw_strbuf_get(&out), c->expected)))
			fail_msg("'%s': expected '%s', got '%s' (%d)", c->text, c->expected,
				sw_strbuf_get(&out), r);
	}
}

static const struct argv_case {
	const char *command, *net, *expected; /* words, each in []; NULL: refused */
} argv_cases[] = {
	{"/bin/x ban <ip>", "192.0.2.7", "[/bin/x][ban][192.0.2.7]"},
	{"/bin/x --src=<net> <family>", "2001:db8::/64", "[/bin/x][--src=2001:db8::/64][6]"},
	{"  /bin/x\t<ip>/<id>/<for> ", "192.0.2.0/24", "[/bin/x][192.0.2.0/7/60]"},
	{"/bin/x ; rm $(<what> <ip", "192.0.2.7", "[/bin/x][;][rm][$(<what>][<ip]"},
	{"   ", "192.0.2.7", NULL},
};

static void a_command_is_cut_at_blanks_and_no_shell_ever_sees_it(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(argv_cases); i++) {
		const struct argv_case *c = &argv_cases[i];
		const struct sw_action_subject s = {.net = net(c->net), .id = 7, .for_sec = 60};
		_strbuf_ struct sw_strbuf got = {};
		char buf[512], *argv[SW_ACTION_WORDS_MAX + 1];
		int n = sw_action_argv(c->command, &s, buf, sizeof(buf), argv);

		for (int k = 0; k < n; k++)
			sw_strbuf_printf(&got, "[%s]", argv[k]);
		if (!sw_streq(sw_strbuf_get(&got), c->expected ? c->expected : "") ||
			(n < 0) != !c->expected)
			fail_msg("'%s': expected %s, got %s", c->command, c->expected,
				sw_strbuf_get(&got));
		if (n > 0)
			assert_null(argv[n]);
	}
}

static const struct proxy_case {
	const char *peer, *header, *client;
	int result;
} proxy_cases[] = {
	{"192.0.2.80", "203.0.113.9", "203.0.113.9", 1},
	{"192.0.2.80", "198.51.100.1, 203.0.113.9", "203.0.113.9",
		1}, /* what the client forged stands left */
	{"192.0.2.80", "203.0.113.9, 192.0.2.81", "203.0.113.9", 1},
	{"192.0.2.80", "203.0.113.9,192.0.2.81 , 192.0.2.82", "203.0.113.9", 1},
	{"192.0.2.80", "192.0.2.81", "192.0.2.81", 1},
	{"203.0.113.9", "198.51.100.1", "203.0.113.9",
		0}, /* nobody we trust: the header is his own */
	{"192.0.2.80", "", "192.0.2.80", 0},
	{"192.0.2.80", "unknown", NULL, -EBADMSG},
	{"192.0.2.80", "198.51.100.1, _hidden", NULL, -EBADMSG},
	{"192.0.2.80", "198.51.100.0/24", NULL, -EBADMSG},
	{"192.0.2.80", "203.0.113.9:4711", "203.0.113.9", 1},
	{"192.0.2.80", "[2001:db8::9]:4711", "2001:db8::9", 1},
	{"192.0.2.80", "2001:db8::9", "2001:db8::9", 1},
	{"192.0.2.80", "::ffff:203.0.113.9", "203.0.113.9", 1},
	{"192.0.2.80", "for=198.51.100.1, for=203.0.113.9;proto=https;by=192.0.2.80", "203.0.113.9",
		1},
	{"192.0.2.80", "proto=https; For=\"[2001:db8::9]:4711\"", "2001:db8::9", 1},
	{"192.0.2.80", "proto=https", NULL, -EBADMSG},
	{"192.0.2.80", "203.0.113.9,", NULL, -EBADMSG},
	{"2001:db8:80::1", "203.0.113.9", "203.0.113.9", 1},
};

static void the_client_is_the_rightmost_hop_that_nobody_trusts(void **state)
{
	const struct sw_net nets[] = {net("192.0.2.80/29"), net("2001:db8:80::/48")};
	const struct sw_proxy_trust trust = {nets, SW_ARRAY_SIZE(nets)};

	for (size_t i = 0; i < SW_ARRAY_SIZE(proxy_cases); i++) {
		const struct proxy_case *c = &proxy_cases[i];
		struct sw_net peer = net(c->peer), got = {}, expected = {};
		/* exactly as long as the text, so that a read behind it is seen */
		char *header = malloc(strlen(c->header) + 1);
		int r;

		assert_non_null(header);
		memcpy(header, c->header, strlen(c->header));
		header = realloc(header, SW_MAX(strlen(c->header), (size_t)1));
		r = sw_proxy_client(&trust, &peer, header, strlen(c->header), &got);
		free(header);
		if (c->client)
			expected = net(c->client);
		if (r != c->result || (r >= 0 && !sw_net_eq(&got, &expected)))
			fail_msg("'%s' of %s: expected %s (%d), got %d", c->header, c->peer,
				c->client, c->result, r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_written_as_its_reader_wants_it_and_allow_wins),
		cmocka_unit_test(other_peoples_lines_are_kept_and_a_broken_block_is_left_alone),
		cmocka_unit_test(a_command_is_cut_at_blanks_and_no_shell_ever_sees_it),
		cmocka_unit_test(the_client_is_the_rightmost_hop_that_nobody_trusts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
