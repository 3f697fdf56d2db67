// SPDX-License-Identifier: GPL-3.0-or-later
/* The socket policy: which rule names a socket, and what a finding of it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/base/cidr.h"
#include "user/detect/sock_policy.h"
#include "user/policy/sock_rules.h"

static struct sw_net address(const char *text)
{
	struct sw_net net;

	assert_int_equal(sw_cidr_parse(text, SIZE_MAX, &net), 0);
	return net;
}

static const struct sw_config_sock_rules rules = {.n = 5,
	.at = {
		{.executable = "/usr/sbin/sshd", .user = "root", .ports = "22"},
		{.executable = "/opt/*/bin/web", .ports = "80, 443,8000-8100"},
		{.user = "1000", .container = "host", .action = SW_SOCK_OBSERVE},
		{.container = "abc*"},
		{.user = "db", .networks = "192.0.2.0/24, 2001:db8::/32"},
	}};

static void the_first_rule_that_names_a_socket_decides(void **state)
{
	static const struct {
		const char *executable, *user, *container;
		uint32_t uid;
		uint16_t port;
		const char *address;
		int rule;
		uint32_t action;
	} rows[] = {
		{"/usr/sbin/sshd", "root", "", 0, 22, "0.0.0.0", 0, SW_SOCK_ALLOW},
		{"/usr/sbin/sshd", "root", "", 0, 23, "0.0.0.0", SW_SOCK_NO_RULE, SW_SOCK_OBSERVE},
		{"/usr/sbin/sshd2", "root", "", 0, 22, "0.0.0.0", SW_SOCK_NO_RULE, SW_SOCK_OBSERVE},
		{"/opt/x/bin/web", "www", "", 33, 8100, "::", 1, SW_SOCK_ALLOW},
		{"/opt/x/bin/web", "www", "", 33, 8101, "::", SW_SOCK_NO_RULE, SW_SOCK_OBSERVE},
		{"/opt/x/bin/web", "me", "", 1000, 443, "::", 1, SW_SOCK_ALLOW},
		{"/bin/nc", "me", "", 1000, 443, "::", 2, SW_SOCK_OBSERVE},
		{"/bin/nc", "me", "abcdef012345", 1000, 443, "::", 3, SW_SOCK_ALLOW},
		{"/bin/nc", "me", "0bcdef012345", 1000, 443, "::", SW_SOCK_NO_RULE,
			SW_SOCK_OBSERVE},
		{"", "db", "", 5, 1, "192.0.2.9", 4, SW_SOCK_ALLOW},
		{"", "db", "", 5, 1, "2001:db8:1::9", 4, SW_SOCK_ALLOW},
		{"", "db", "", 5, 1, "198.51.100.1", SW_SOCK_NO_RULE, SW_SOCK_OBSERVE},
	};
	struct sw_sock_rules *r = NULL;

	assert_int_equal(sw_sock_rules_new(&rules, SW_SOCK_OBSERVE, &r), 0);
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_sock_facts f = {rows[i].executable, rows[i].user, rows[i].container,
			rows[i].uid, rows[i].port, address(rows[i].address)};
		uint32_t action;
		int rule;

		action = sw_sock_rules_judge(r, &f, &rule);
		if (action != rows[i].action || rule != rows[i].rule)
			fail_msg("row %zu: got rule %d action %u, expected %d %u", i, rule, action,
				rows[i].rule, rows[i].action);
	}
	sw_sock_rules_free(r);
}

static void a_list_without_rules_judges_nothing(void **state)
{
	const struct sw_config_sock_rules none = {};
	struct sw_sock_facts f = {"", "", "", 0, 1, address("::")};
	struct sw_sock_rules *r = NULL;
	int rule = 7;

	assert_int_equal(sw_sock_rules_new(&none, SW_SOCK_OBSERVE, &r), 0);
	assert_int_equal(sw_sock_rules_judge(r, &f, &rule), SW_SOCK_ALLOW);
	assert_int_equal(rule, SW_SOCK_NO_RULE);
	sw_sock_rules_free(r);
}

static void a_finding_names_process_user_container_and_rule(void **state)
{
	struct sw_sock_offence o = {.rule = 2,
		.pid = 42,
		.uid = 33,
		.port = 8080,
		.protocol = 6,
		.address = address("0.0.0.0"),
		.process = "nc",
		.executable = "/bin/nc",
		.user = "www",
		.container = "abcdef012345",
		.unit = ""};
	struct sw_finding f;

	sw_detect_sock_policy(&o, &f);
	assert_string_equal(f.rule, "policy-listen");
	assert_string_equal(f.title,
		"nc[42] of user www in container abcdef012345 listens on 0.0.0.0 port 8080, by rule 3 of policy.listen");
	assert_int_equal(f.severity, SW_SEV_MEDIUM);
	assert_int_equal(f.subject.family, 0);
	o.is_connect = true;
	o.rule = -1;
	o.container = "";
	o.address = address("192.0.2.1");
	sw_detect_sock_policy(&o, &f);
	assert_string_equal(f.rule, "policy-connect");
	assert_string_equal(f.title,
		"nc[42] of user www connects to 192.0.2.1 port 8080, which no rule of policy.connect allows");
	assert_int_equal(f.subject.family, SW_AF_IP4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_rule_that_names_a_socket_decides),
		cmocka_unit_test(a_list_without_rules_judges_nothing),
		cmocka_unit_test(a_finding_names_process_user_container_and_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
