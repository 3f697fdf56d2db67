// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "user/base/cidr.h"
#include "user/guard/image.h"
#include "user/guard/permit.h"
#include "user/guard/supervise.h"
#include "user/io/ids.h"
#include "user/kern/cgroup.h"
#include "user/kern/device.h"
#include "user/kern/ladder.h"
#include "user/trail/image_check.h"

static const struct hook_case {
	const char *name, *driver;
	bool is_layer3, has_tcx;
	__u32 foreign;
	enum sw_hook want;
	enum sw_attach expected;
} hook_cases[] = {
	{"a NIC that keeps its offloads", "ice", false, true, 0, SW_HOOK_AUTO, SW_ATTACH_NATIVE},
	{"veth", "veth", false, true, 0, SW_HOOK_AUTO, SW_ATTACH_TCX},
	{"veth before 6.6", "veth", false, false, 0, SW_HOOK_AUTO, SW_ATTACH_CLSACT},
	{"virtio", "virtio_net", false, true, 0, SW_HOOK_AUTO, SW_ATTACH_TCX},
	{"a driver nobody knows", "frobnic", false, true, 0, SW_HOOK_AUTO, SW_ATTACH_TCX},
	{"a tunnel", "wireguard", true, true, 0, SW_HOOK_AUTO, SW_ATTACH_TCX},
	{"a tunnel set to native", "wireguard", true, true, 0, SW_HOOK_NATIVE, SW_ATTACH_NONE},
	{"veth set to native", "veth", false, true, 0, SW_HOOK_NATIVE, SW_ATTACH_NATIVE},
	{"veth set to generic", "veth", false, true, 0, SW_HOOK_GENERIC, SW_ATTACH_GENERIC},
	{"a NIC set to tcx before 6.6", "ice", false, false, 0, SW_HOOK_TCX, SW_ATTACH_CLSACT},
	{"somebody's XDP, set to native", "ice", false, true, 42, SW_HOOK_NATIVE, SW_ATTACH_NONE},
	{"somebody's XDP, set to generic", "ice", false, true, 42, SW_HOOK_GENERIC, SW_ATTACH_NONE},
	{"somebody's XDP, auto", "ice", false, true, 42, SW_HOOK_AUTO, SW_ATTACH_TCX},
};

static void every_device_gets_its_hook_and_a_sentence_why(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(hook_cases); i++) {
		const struct hook_case *c = &hook_cases[i];
		struct sw_device d = {
			.name = "x0", .is_layer3 = c->is_layer3, .xdp_prog_id = c->foreign};
		const struct sw_device_host host = {.has_tcx = c->has_tcx};
		struct sw_hook_choice choice = {};

		sw_strcpy(d.driver, sizeof(d.driver), c->driver);
		sw_device_choose(&d, c->want, &host, false, &choice);
		if (choice.hook != c->expected || !choice.why[0] || !choice.risk[0])
			fail_msg("%s: expected %s, got %s (%s)", c->name,
				sw_attach_word(c->expected), sw_attach_word(choice.hook),
				choice.why);
	}
}

static void somebody_elses_program_is_named(void **state)
{
	const struct sw_device d = {
		.name = "x0", .driver = "ice", .xdp_prog_id = 42, .xdp_prog_name = "lb_main"};
	const struct sw_device_host host = {.has_tcx = true};
	struct sw_hook_choice choice;

	sw_device_choose(&d, SW_HOOK_NATIVE, &host, false, &choice);
	assert_non_null(strstr(choice.why, "42"));
	assert_non_null(strstr(choice.why, "lb_main"));
	sw_device_choose(&d, SW_HOOK_NATIVE, &host, true, &choice);
	assert_int_equal(choice.hook, SW_ATTACH_NATIVE);
}

static void without_patterns_devices_with_a_default_route_are_wanted(void **state)
{
	const struct sw_config_iface patterns[] = {
		{.pattern = "eth?"}, {.pattern = "v*", .hook = SW_HOOK_NATIVE}};
	const struct sw_device with4 = {.name = "eth0", .has_default4 = true},
			       with6 = {.name = "eth1", .has_default6 = true},
			       without = {.name = "veth0"},
			       lo = {.name = "lo", .is_loopback = true, .has_default4 = true};
	const struct sw_config_iface *row;

	assert_true(sw_device_is_wanted(&with4, NULL, 0, &row));
	assert_true(sw_device_is_wanted(&with6, NULL, 0, &row));
	assert_false(sw_device_is_wanted(&without, NULL, 0, &row));
	assert_false(sw_device_is_wanted(&lo, NULL, 0, &row));
	assert_true(sw_device_is_wanted(&without, patterns, 2, &row));
	assert_ptr_equal(row, &patterns[1]);
	assert_true(sw_device_is_wanted(&with4, patterns, 2, &row));
	assert_false(sw_device_is_wanted(&lo, patterns, 2, &row));
}

static const struct sw_guard_ids ids = {
	.engine_uid = 100, .net_uid = 101, .web_uid = 102, .reader_gid = 7, .admin_gid = 8};

static const struct role_case {
	uid_t uid;
	bool is_reader;
	enum sw_role role;
	int expected;
} role_cases[] = {
	{100, false, SW_ROLE_ENGINE, 0},
	{101, false, SW_ROLE_ENGINE, -EPERM},
	{0, false, SW_ROLE_ENGINE, -EPERM},
	{101, false, SW_ROLE_NET, 0},
	{102, false, SW_ROLE_WEB, 0},
	{102, false, SW_ROLE_NET, -EPERM},
	{0, false, SW_ROLE_OPERATOR, 0},
	{1000, true, SW_ROLE_OPERATOR, 0},
	{1000, false, SW_ROLE_OPERATOR, -EPERM},
	{0, true, SW_ROLE_CONFIG, -EPERM},
	{0, true, 0, -EPERM},
	{0, true, SW_ROLE_COUNT, -EPERM},
};

static void a_role_is_for_its_user_alone(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(role_cases); i++) {
		const struct role_case *c = &role_cases[i];
		const struct sw_permit_peer p = {.uid = c->uid, .is_reader = c->is_reader};
		int r = sw_permit_role(&p, c->role, &ids);

		if (r != c->expected)
			fail_msg("uid %u role %d: expected %d, got %d", c->uid, c->role,
				c->expected, r);
	}
}

/* What each role may ask for, as text: H S P D A T M N in the order of enum sw_guard_op. */
static const struct op_case {
	uid_t uid;
	unsigned int role; /* 0: before HELLO */
	const char *may;
} op_cases[] = {
	{1000, 0, "H........"},
	{100, SW_ROLE_ENGINE, "HSPDATMNC"},
	{101, SW_ROLE_NET, "HS......."},
	{102, SW_ROLE_WEB, "HS......."},
	{0, SW_ROLE_OPERATOR, "HS....M.."},
	{1000, SW_ROLE_OPERATOR, "HS......."},
};

static void nothing_is_permitted_that_has_no_row(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(op_cases); i++) {
		const struct op_case *c = &op_cases[i];
		const struct sw_permit_peer p = {.uid = c->uid};

		for (unsigned int op = SW_GUARD_HELLO; op < SW_GUARD_OP_COUNT; op++) {
			bool is_expected;

			assert_int_equal(strlen(c->may), SW_GUARD_OP_COUNT - SW_GUARD_HELLO);
			is_expected = c->may[op - SW_GUARD_HELLO] != '.';
			bool is_permitted =
				sw_permit_op(&p, (enum sw_role)c->role, (enum sw_guard_op)op) >= 0;

			if (is_expected != is_permitted)
				fail_msg("uid %u role %u op %s: expected %d, got %d", c->uid,
					c->role, sw_permit_op_name(op), is_expected, is_permitted);
		}
		assert_int_equal(
			sw_permit_op(&p, (enum sw_role)c->role, (enum sw_guard_op)0), -EOPNOTSUPP);
		assert_int_equal(
			sw_permit_op(&p, (enum sw_role)c->role, SW_GUARD_OP_COUNT), -EOPNOTSUPP);
	}
}

static struct sw_config good_config(void)
{
	struct sw_config c = {.magic = SW_CONFIG_MAGIC,
		.version = SW_CONFIG_VERSION,
		.size = sizeof(c),
		.mode = 1,
		.ban_min_plen4 = 16,
		.ban_min_plen6 = 32,
		.n_ifaces = 1};

	sw_strcpy(c.ifaces[0].pattern, sizeof(c.ifaces[0].pattern), "eth*");
	return c;
}

static int check_config(struct sw_config *c)
{
	const char *why = NULL;
	int r;

	c->crc = 0;
	c->crc = sw_crc32(0, c, sizeof(*c));
	r = sw_image_check_config(c, sizeof(*c), &why);
	if (r < 0)
		assert_non_null(why);
	return r;
}

static void a_configuration_image_is_checked_whole(void **state)
{
	struct sw_config c = good_config();
	const char *why;

	assert_int_equal(check_config(&c), 0);
	assert_int_equal(sw_image_check_config(&c, sizeof(c) - 1, &why), -EBADMSG);
	c.web_port ^= 1; /* after the checksum was made */
	assert_int_equal(sw_image_check_config(&c, sizeof(c), &why), -EBADMSG);
	c = good_config();
	c.magic++;
	assert_int_equal(check_config(&c), -EBADMSG);
	c = good_config();
	c.version++;
	assert_int_equal(check_config(&c), -EBADMSG);
	c = good_config();
	c.n_ifaces = SW_CONFIG_IFACES_MAX + 1;
	assert_int_equal(check_config(&c), -EBADMSG);
	c = good_config();
	c.n_allow = ~0u;
	assert_int_equal(check_config(&c), -EBADMSG);
	c = good_config();
	c.mode = 3;
	assert_int_equal(check_config(&c), -EBADMSG);
	c = good_config();
	c.ban_min_plen4 = 33;
	assert_int_equal(check_config(&c), -EBADMSG);
	c = good_config();
	memset(c.ifaces[0].pattern, 'x', sizeof(c.ifaces[0].pattern)); /* without an end */
	assert_int_equal(check_config(&c), -EBADMSG);
}

struct trail_image {
	struct sw_trail_head head;
	struct sw_trail_entry entries[3];
};

static struct trail_image good_trails(void)
{
	struct trail_image i = {.head = {.magic = SW_TRAIL_IMAGE_MAGIC,
					.version = SW_TRAIL_VERSION,
					.size = sizeof(i),
					.sets = 1,
					.count4 = 2,
					.count6 = 1}};

	sw_cidr_parse("198.18.0.0/24", SIZE_MAX, &i.entries[0].net);
	sw_cidr_parse("198.18.1.7", SIZE_MAX, &i.entries[1].net);
	sw_cidr_parse("2001:db8::/48", SIZE_MAX, &i.entries[2].net);
	i.head.crc = sw_crc32(0, i.entries, sizeof(i.entries));
	return i;
}

static int check_trails(const struct trail_image *i, size_t len)
{
	struct sw_trail_view v;

	return sw_trail_check(i, len, SW_TRAIL_IMAGE_MAGIC, &v, NULL);
}

static void a_trail_image_is_checked_whole(void **state)
{
	struct trail_image i = good_trails();

	assert_int_equal(check_trails(&i, sizeof(i)), 0);
	for (size_t n = 0; n < sizeof(i); n++)
		assert_int_equal(check_trails(&i, n), -EBADMSG);
	i.entries[2].action = SW_TRAIL_DROP;
	assert_int_equal(check_trails(&i, sizeof(i)), -EBADMSG);
	i = good_trails();
	i.head.count4 = 3;
	assert_int_equal(check_trails(&i, sizeof(i)), -EBADMSG);
	i = good_trails();
	i.head.count4 = ~0ull - 1; /* with count6 it would wrap to the right sum */
	i.head.count6 = 5;
	assert_int_equal(check_trails(&i, sizeof(i)), -EFBIG);
	i = good_trails();
	i.head.magic = SW_TRAIL_LIST_MAGIC;
	assert_int_equal(check_trails(&i, sizeof(i)), -EBADMSG);
}

static void the_pause_before_a_restart_grows_and_is_forgotten(void **state)
{
	uint64_t pause = 0, sum = 0;

	for (int i = 0; i < 12; i++) {
		pause = sw_supervise_pause_ms(pause, SW_SEC_NS);
		sum += pause;
	}
	assert_int_equal(pause, SW_RESTART_MAX_MS);
	assert_true(sum > 60000);
	assert_int_equal(
		sw_supervise_pause_ms(pause, SW_RESTART_GOOD_SEC * SW_SEC_NS), SW_RESTART_FIRST_MS);
}

static void a_program_is_refused_by_its_whole_name(void **state)
{
	assert_true(sw_ladder_is_listed("a,on_bind,c", "on_bind"));
	assert_true(sw_ladder_is_listed("on_bind", "on_bind"));
	assert_false(sw_ladder_is_listed("on_bind4", "on_bind"));
	assert_false(sw_ladder_is_listed("a,b", "on_bind"));
	assert_false(sw_ladder_is_listed(NULL, "on_bind"));
	assert_false(sw_ladder_is_listed(",,", "on_bind"));
}

static void cgroup_v2_is_found_beside_v1(void **state)
{
	char dir[64];

	assert_int_equal(
		sw_cgroup_parse(
			"30 25 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"
			"31 30 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
			"32 30 0:28 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n",
			dir, sizeof(dir)),
		0);
	assert_string_equal(dir, "/sys/fs/cgroup/unified");
	assert_int_equal(
		sw_cgroup_parse("30 25 0:26 / / rw - ext4 /dev/x rw\n", dir, sizeof(dir)), -ENOENT);
	assert_int_equal(sw_cgroup_parse("", dir, sizeof(dir)), -ENOENT);
}

static bool is_low(uid_t id)
{
	return id < SW_DYNAMIC_ID_MIN + 3;
}

static bool is_all(uid_t id)
{
	return true;
}

static void a_dynamic_id_is_one_that_nobody_has(void **state)
{
	uid_t from = SW_DYNAMIC_ID_MIN, first = 0, second = 0;

	assert_int_equal(sw_ids_next_free(&from, is_low, &first), 0);
	assert_int_equal(first, SW_DYNAMIC_ID_MIN + 3);
	assert_int_equal(sw_ids_next_free(&from, is_low, &second), 0);
	assert_int_equal(second, first + 1);
	from = 0;
	assert_int_equal(sw_ids_next_free(&from, is_all, &first), -EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_device_gets_its_hook_and_a_sentence_why),
		cmocka_unit_test(somebody_elses_program_is_named),
		cmocka_unit_test(without_patterns_devices_with_a_default_route_are_wanted),
		cmocka_unit_test(a_role_is_for_its_user_alone),
		cmocka_unit_test(nothing_is_permitted_that_has_no_row),
		cmocka_unit_test(a_configuration_image_is_checked_whole),
		cmocka_unit_test(a_trail_image_is_checked_whole),
		cmocka_unit_test(the_pause_before_a_restart_grows_and_is_forgotten),
		cmocka_unit_test(a_program_is_refused_by_its_whole_name),
		cmocka_unit_test(cgroup_v2_is_found_beside_v1),
		cmocka_unit_test(a_dynamic_id_is_one_that_nobody_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
