// SPDX-License-Identifier: GPL-3.0-or-later
/* The socket policy: which rule names a socket, and what a finding of it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>

#include "user/base/cidr.h"
#include "user/detect/sock_policy.h"
#include "user/guard/sock_policy.h"
#include "user/policy/sock_rules.h"
#include "user/policy/sock_table.h"

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
			rows[i].uid, IPPROTO_TCP, rows[i].port, address(rows[i].address)};
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
	struct sw_sock_facts f = {"", "", "", 0, IPPROTO_TCP, 1, address("::")};
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

/* ---- as the kernel has it */

static int find_user(const char *name, uint32_t *ret_uid, void *arg)
{
	if (strcmp(name, "root") != 0)
		return -ENOENT;
	*ret_uid = 0;
	return 0;
}

static struct sw_sock_table table;

static const struct sw_sock_rule *compiled(const struct sw_config_sock_rule *rule, bool is_hybrid, bool can_read_kernel)
{
	const struct sw_sock_table_host host = {.find_user = find_user,
		.own_dir = "/opt/own/",
		.is_hybrid = is_hybrid,
		.can_read_kernel = can_read_kernel};
	static struct sw_config c;

	memset(&c, 0, sizeof(c));
	c.policy_connect.n = 2;
	c.policy_connect.at[1] = *rule;
	assert_int_equal(sw_sock_table_make(&c, &host, &table), 0);
	return &table.image.rules[SW_SOCK_CONNECT][1];
}

static void a_rule_is_compiled_with_all_that_it_names(void **state)
{
	const struct sw_config_sock_rule rule = {.executable = "/usr/bin/\\[ab",
		.user = "root",
		.container = "0123*",
		.ports = "80, 8000-8100",
		.networks = "192.0.2.0/24, 2001:db8::/33",
		.protocol = SW_SOCK_PROTO_UDP,
		.action = SW_SOCK_DENY};
	static const __u8 four[16] = {[10] = 0xff, 0xff, 192, 0, 2, 0};
	static const __u8 mask4[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0};
	static const __u8 mask6[16] = {0xff, 0xff, 0xff, 0xff, 0x80};
	const struct sw_sock_rule *r = compiled(&rule, false, true);

	assert_int_equal(r->flags,
		SW_SOCK_RULE_DENIES | SW_SOCK_RULE_HAS_UID | SW_SOCK_RULE_HAS_UDP | SW_SOCK_RULE_IN_CONTAINER);
	assert_null(table.why[SW_SOCK_CONNECT][1]);
	assert_int_equal(table.image.ctl.state, SW_SOCK_HAS_CONNECT);
	assert_int_equal(table.image.ctl.n[SW_SOCK_CONNECT], 2);
	assert_int_equal(r->uid, 0);
	assert_int_equal(r->n_ports, 2);
	assert_int_equal(r->ports[1].first, 8000);
	assert_int_equal(r->ports[1].last, 8100);
	assert_int_equal(r->n_nets, 2);
	assert_memory_equal(r->nets[0].addr, four, 16);
	assert_memory_equal(r->nets[0].mask, mask4, 16);
	assert_memory_equal(r->nets[1].mask, mask6, 16);
	assert_int_equal(r->n_words, 2); /* twelve bytes and the end */
	assert_memory_equal(r->path, "/usr/bin/[ab", 13);
	assert_memory_equal(&r->last, "\xff\xff\xff\xff\xff\0\0\0", 8);
	assert_memory_equal(r->id, "0123", 4);
	assert_memory_equal(r->id_mask, "\xff\xff\xff\xff\0", 5);
}

static void what_the_kernel_cannot_tell_is_open_and_says_why(void **state)
{
	static const struct {
		struct sw_config_sock_rule rule;
		bool is_hybrid, can_read_kernel, is_open;
		const char *why;
	} rows[] = {
		{{.executable = "/usr/bin/*"}, false, true, false, NULL},
		{{.executable = "*"}, false, true, false, NULL},
		{{.executable = "/usr/*/x"}, false, true, true, "pattern"},
		{{.executable = "/usr/bin/x?"}, false, true, true, "pattern"},
		{{.executable = "/usr/bin/x"}, false, false, true, "locked down"},
		{{.container = "host"}, false, true, false, NULL},
		{{.container = "host"}, true, true, false, "cgroup v1"},
		{{.container = "host"}, false, false, true, "locked down"},
		{{.container = "0123456789ab"}, false, true, false, NULL},
		{{.container = "0123"}, false, true, true, "12 digits"},
		{{.container = "01[23]*"}, false, true, true, "12 digits"},
		{{.user = "1000"}, false, false, false, NULL},
		{{.user = "nobody-here"}, false, true, false, "no user"},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		const struct sw_sock_rule *r = compiled(&rows[i].rule, rows[i].is_hybrid, rows[i].can_read_kernel);
		const char *why = table.why[SW_SOCK_CONNECT][1];

		if (!!(r->flags & SW_SOCK_RULE_IS_OPEN) != rows[i].is_open || !why != !rows[i].why ||
			(why && !strstr(why, rows[i].why)))
			fail_msg("row %zu: flags %#x, '%s'", i, r->flags, why ? why : "");
	}
	/* a user that is not there names nobody, and not everybody */
	assert_int_equal(table.image.rules[SW_SOCK_CONNECT][1].ports[0].first, 1);
	assert_int_equal(table.image.rules[SW_SOCK_CONNECT][1].ports[0].last, 0);
}

static void only_a_rule_or_a_default_that_denies_makes_the_kernel_ask(void **state)
{
	const struct sw_sock_table_host host = {.find_user = find_user, .own_dir = "", .can_read_kernel = true};
	struct sw_config c = {.policy_default = SW_SOCK_OBSERVE,
		.policy_listen = {.n = 1, .at = {{.action = SW_SOCK_OBSERVE}}}};

	assert_int_equal(sw_sock_table_make(&c, &host, &table), 0);
	assert_int_equal(table.image.ctl.state, 0);
	c.policy_default = SW_SOCK_DENY; /* of a list that has rules */
	assert_int_equal(sw_sock_table_make(&c, &host, &table), 0);
	assert_int_equal(table.image.ctl.state, SW_SOCK_HAS_LISTEN);
	assert_int_equal(table.image.ctl.denies[SW_SOCK_CONNECT], 0);
}

static void raw_and_packet_sockets_and_port_0_are_denied_only_by_rules_that_say_so(void **state)
{
	static const struct sw_config_sock_rules list = {.n = 6,
		.at = {
			{.user = "root", .ports = "22"},
			{.user = "db", .action = SW_SOCK_DENY},
			{.ports = "0", .protocol = SW_SOCK_PROTO_TCP, .action = SW_SOCK_DENY},
			{.ports = "1", .protocol = SW_SOCK_PROTO_RAW},
			{.protocol = SW_SOCK_PROTO_RAW, .action = SW_SOCK_DENY},
			{.protocol = SW_SOCK_PROTO_PACKET, .action = SW_SOCK_DENY},
		}};
	const struct {
		struct sw_sock_facts facts;
		int rule;
		uint32_t action;
	} rows[] = {
		{{"/x", "root", "", 0, IPPROTO_TCP, 40000, address("::"), .is_chosen = true}, 2, SW_SOCK_DENY},
		{{"/x", "root", "", 0, IPPROTO_TCP, 40000, address("::")}, SW_SOCK_NO_RULE, SW_SOCK_DENY},
		{{"/x", "root", "", 0, IPPROTO_TCP, 22, address("::"), .is_chosen = true}, 0, SW_SOCK_ALLOW},
		{{"/x", "db", "", 5, IPPROTO_TCP, 40000, address("::"), .is_chosen = true}, 1, SW_SOCK_DENY},
		{{"/x", "db", "", 5, IPPROTO_ICMP, 1, .kind = SW_SOCK_KIND_RAW}, 3, SW_SOCK_ALLOW},
		{{"/x", "db", "", 5, IPPROTO_TCP, 6, .kind = SW_SOCK_KIND_RAW}, 4, SW_SOCK_DENY},
		{{"/x", "db", "", 5, .kind = SW_SOCK_KIND_PACKET}, 5, SW_SOCK_DENY},
	};
	struct sw_sock_facts packet = {"/x", "db", "", 5, .kind = SW_SOCK_KIND_PACKET};
	const struct sw_sock_table_host host = {.find_user = find_user, .own_dir = "", .can_read_kernel = true};
	struct sw_config c = {.policy_listen = list};
	struct sw_sock_rules *r = NULL;
	int rule;

	assert_int_equal(sw_sock_rules_new(&list, SW_SOCK_DENY, &r), 0);
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		uint32_t action = sw_sock_rules_judge(r, &rows[i].facts, &rule);

		if (action != rows[i].action || rule != rows[i].rule)
			fail_msg("row %zu: got rule %d action %u", i, rule, action);
	}
	assert_true(sw_sock_rules_names_chosen(r, 2));
	assert_false(sw_sock_rules_names_chosen(r, 1)); /* every port, but not in so many words */
	assert_true(sw_sock_rules_names_packets(r));
	sw_sock_rules_free(r);
	assert_int_equal(sw_sock_rules_new(&rules, SW_SOCK_DENY, &r), 0);
	packet.user = "nobody";
	assert_int_equal(sw_sock_rules_judge(r, &packet, &rule), SW_SOCK_ALLOW); /* the default is of ports */
	sw_sock_rules_free(r);
	/* the kernel is asked about both, and a rule of packet sockets names nobody there */
	assert_int_equal(sw_sock_table_make(&c, &host, &table), 0);
	assert_int_equal(table.image.ctl.state, SW_SOCK_HAS_LISTEN | SW_SOCK_HAS_CHOSEN | SW_SOCK_HAS_RAW);
	assert_true(table.image.rules[SW_SOCK_LISTEN][4].flags & SW_SOCK_RULE_HAS_RAW);
	assert_int_equal(table.image.rules[SW_SOCK_LISTEN][5].ports[0].first, 1);
	assert_int_equal(table.image.rules[SW_SOCK_LISTEN][5].ports[0].last, 0);
	assert_non_null(table.why[SW_SOCK_LISTEN][5]);
	assert_null(table.why[SW_SOCK_LISTEN][4]);
}

static void sshd_and_our_own_programs_are_protected(void **state)
{
	const struct sw_config_sock_rule any = {.action = SW_SOCK_DENY};
	bool has_sshd = false, has_own = false;

	compiled(&any, false, true);
	for (unsigned int i = 0; i < table.image.ctl.n_protected; i++) {
		const struct sw_sock_rule *r = &table.image.protected[i];

		assert_true(r->flags & SW_SOCK_RULE_IN_HOST);
		has_sshd |= !memcmp(r->path, "/usr/sbin/sshd", 15) && r->flags & SW_SOCK_RULE_HAS_UID;
		has_own |= !memcmp(r->path, "/opt/own/sockwarden", 19);
	}
	assert_true(has_sshd && has_own);
}

static void an_image_whose_numbers_lead_astray_is_refused(void **state)
{
	const struct sw_config_sock_rule any = {.action = SW_SOCK_DENY};
	struct sw_sock_policy_image *image = &table.image;

	compiled(&any, false, true);
	assert_true(sw_sock_policy_is_sound(image));
	image->rules[SW_SOCK_CONNECT][1].n_words = SW_SOCK_PATH_WORDS + 1;
	assert_false(sw_sock_policy_is_sound(image));
	image->rules[SW_SOCK_CONNECT][1].n_words = 0;
	image->rules[SW_SOCK_CONNECT][0].n_nets = SW_SOCK_PARTS + 1;
	assert_false(sw_sock_policy_is_sound(image));
	image->rules[SW_SOCK_CONNECT][0].n_nets = 0;
	image->ctl.n[SW_SOCK_LISTEN] = SW_SOCK_RULES_MAX + 1;
	assert_false(sw_sock_policy_is_sound(image));
	image->ctl.n[SW_SOCK_LISTEN] = 0;
	image->ctl.n_protected = SW_SOCK_PROTECTED_MAX + 1;
	assert_false(sw_sock_policy_is_sound(image));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_rule_that_names_a_socket_decides),
		cmocka_unit_test(a_list_without_rules_judges_nothing),
		cmocka_unit_test(a_finding_names_process_user_container_and_rule),
		cmocka_unit_test(a_rule_is_compiled_with_all_that_it_names),
		cmocka_unit_test(what_the_kernel_cannot_tell_is_open_and_says_why),
		cmocka_unit_test(only_a_rule_or_a_default_that_denies_makes_the_kernel_ask),
		cmocka_unit_test(raw_and_packet_sockets_and_port_0_are_denied_only_by_rules_that_say_so),
		cmocka_unit_test(sshd_and_our_own_programs_are_protected),
		cmocka_unit_test(an_image_whose_numbers_lead_astray_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
