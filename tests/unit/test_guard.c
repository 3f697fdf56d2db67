// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/libbpf.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "skel/xdp_shared.skel.h"
#include "user/base/cidr.h"
#include "user/guard/image.h"
#include "user/guard/logs.h"
#include "user/guard/containers.h"
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
	{"veth set to dispatcher", "veth", false, true, 0, SW_HOOK_DISPATCHER, SW_ATTACH_DISPATCHER},
	{"a tunnel set to dispatcher", "wireguard", true, true, 0, SW_HOOK_DISPATCHER, SW_ATTACH_NONE},
	{"somebody's XDP alone, set to dispatcher", "ice", false, true, 42, SW_HOOK_DISPATCHER, SW_ATTACH_NONE},
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

static void beside_a_dispatcher_there_is_room_and_native_says_so(void **state)
{
	const struct sw_device d = {
		.name = "x0", .driver = "ice", .xdp_prog_id = 42, .xdp_prog_name = "xdp_dispatcher"};
	const struct sw_device_host host = {.has_tcx = true};
	struct sw_hook_choice choice;

	sw_device_choose(&d, SW_HOOK_NATIVE, &host, false, &choice);
	assert_int_equal(choice.hook, SW_ATTACH_NONE);
	assert_non_null(strstr(choice.why, "hook: dispatcher"));
	sw_device_choose(&d, SW_HOOK_DISPATCHER, &host, false, &choice);
	assert_int_equal(choice.hook, SW_ATTACH_DISPATCHER);
}

/* One without would be the program's own: it would never hear of what the guard writes. */
static void every_map_of_the_gate_that_others_load_asks_for_its_pin(void **state)
{
	size_t size;
	const void *elf = xdp_shared__elf_bytes(&size);
	struct bpf_object *o = bpf_object__open_mem(elf, size, NULL);
	struct bpf_map *m;
	int n = 0;

	assert_non_null(o);
	bpf_object__for_each_map(m, o)
	{
		if (bpf_map__is_internal(m))
			continue;
		n++;
		if (!bpf_map__pin_path(m))
			fail_msg("%s has no SW_PIN", bpf_map__name(m));
	}
	assert_true(n > 20);
	bpf_object__close(o);
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

/*
 * What each role may ask for, as text: H S P D A T M N C W L V D O P U A H K R G I J E F in the
 * order of enum sw_guard_op.
 */
static const struct op_case {
	uid_t uid;
	unsigned int role; /* 0: before HELLO */
	const char *may;
} op_cases[] = {
	{1000, 0, "H........................"},
	{100, SW_ROLE_ENGINE, "HSPDATMNCWLVDOPUAHKRG..EF"},
	{101, SW_ROLE_NET, "HS......................."},
	{102, SW_ROLE_WEB, "HS......................."},
	{0, SW_ROLE_OPERATOR, "HS....M..............IJ.."},
	{1000, SW_ROLE_OPERATOR, "HS......................."},
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

static void what_is_no_containers_id_opens_nothing(void **state)
{
	static const char *const bad[] = {
		"../../../../../../../../../../../../../../../../../etc/passwd.....",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde*",
		"0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde",
	};
	struct sw_guard_container_ask ask;
	struct sw_guard_container ret;
	int fd = -1;

	for (size_t i = 0; i < SW_ARRAY_SIZE(bad); i++) {
		ask = (struct sw_guard_container_ask){};
		memcpy(ask.id, bad[i], SW_MIN(strlen(bad[i]), sizeof(ask.id)));
		assert_int_equal(sw_containers_open(&ask, &ret, &fd), -EINVAL);
	}
	memset(ask.id, 'f', sizeof(ask.id));
	assert_int_equal(sw_containers_open(&ask, &ret, &fd), -ENOENT);
	ask.from = UINT32_MAX;
	assert_int_equal(sw_containers_open(&ask, &ret, &fd), -ENOENT);
	assert_int_equal(fd, -1);
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

/* ---- log files */

static const char log_dir[] = "/tmp/sw-logs-XXXXXX";

static void put_file(const char *dir, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void empty_dir(const char *dir)
{
	static const char *const names[] = {
		"a.log", "b.log", "a.log.1", "a.log-20260101.gz", "fifo.log", "link.log", "his.log", "far"};
	char path[128];

	for (size_t i = 0; i < SW_ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* What the source gives: names and errors in one text; descriptors are closed. */
static const char *ask_logs(struct sw_logs *l, __u32 pattern, __u32 flags, const char *dir, char *text, size_t size)
{
	const struct sw_guard_log_ask ask = {.pattern = pattern, .flags = flags};
	struct sw_guard_logs got;
	int fds[SW_GUARD_LOGS_MAX], r;
	size_t n = 0, len = 0;

	r = sw_logs_open(l, &ask, &got, fds, &n);
	text[0] = '\0';
	if (r < 0)
		snprintf(text, size, "%s", strerror(-r));
	for (__u32 i = 0; r >= 0 && i < got.n; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%s%s%s", len ? " " : "",
			got.at[i].path + strlen(dir) + 1, got.at[i].error ? ":" : "", got.at[i].error ? strerrorname_np(-got.at[i].error) : "");
	for (size_t i = 0; i < n; i++)
		sw_close(fds[i]);
	return text;
}

static void only_configured_regular_files_are_opened_and_no_links_of_others(void **state)
{
	_cleanup_(sw_logs_freep) struct sw_logs *l = NULL;
	char dir[sizeof(log_dir)], path[128], pattern[128], one[128], linked[128], text[512];
	const char *patterns[] = {pattern, NULL, one, linked};
	const struct sw_logs_wish wish = {.patterns = patterns, .n = SW_ARRAY_SIZE(patterns)};

	memcpy(dir, log_dir, sizeof(dir));
	assert_non_null(mkdtemp(dir));
	snprintf(pattern, sizeof(pattern), "%s/*.log", dir);
	snprintf(one, sizeof(one), "%s/a.log", dir);
	snprintf(linked, sizeof(linked), "%s/far/passwd", dir);
	put_file(dir, "a.log", "a\n");
	put_file(dir, "a.log.1", "older\n");
	put_file(dir, "a.log-20260101.gz", "oldest\n");
	put_file(dir, "b.log", "b\n");
	snprintf(path, sizeof(path), "%s/fifo.log", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/link.log", dir);
	assert_int_equal(symlink("b.log", path), 0);
	snprintf(path, sizeof(path), "%s/his.log", dir);
	assert_int_equal(symlink("/etc/shadow", path), 0);
	snprintf(path, sizeof(path), "%s/far", dir);
	assert_int_equal(symlink("/etc", path), 0);
	assert_int_equal(sw_logs_new(&l), 0);
	assert_string_equal(ask_logs(l, 0, 0, dir, text, sizeof(text)), strerror(ENOENT));
	assert_int_equal(sw_logs_configure(l, &wish), 0);
	if (geteuid() == 0) { /* root's own links are followed, anybody else's are not */
		assert_int_equal(lchown(path, 65534, 65534), 0);
		snprintf(path, sizeof(path), "%s/his.log", dir);
		assert_int_equal(lchown(path, 65534, 65534), 0);
		assert_string_equal(ask_logs(l, 0, 0, dir, text, sizeof(text)),
			"a.log b.log fifo.log:ENODEV his.log:ELOOP link.log");
		assert_string_equal(ask_logs(l, 3, 0, dir, text, sizeof(text)), "far/passwd:ELOOP");
	}
	assert_string_equal(ask_logs(l, 1, 0, dir, text, sizeof(text)), strerror(ENOENT));
	assert_string_equal(ask_logs(l, 4, 0, dir, text, sizeof(text)), strerror(ENOENT));
	assert_string_equal(ask_logs(l, 2, 0, dir, text, sizeof(text)), "a.log");
	assert_string_equal(ask_logs(l, 2, SW_GUARD_LOG_PAST, dir, text, sizeof(text)), "a.log-20260101.gz a.log.1");
	empty_dir(dir);
}

static void a_log_that_comes_and_one_that_grows_are_told(void **state)
{
	_cleanup_(sw_logs_freep) struct sw_logs *l = NULL;
	char dir[sizeof(log_dir)], one[128], text[256];
	const char *patterns[] = {one};
	const struct sw_logs_wish wish = {.patterns = patterns, .n = 1};
	const struct sw_guard_log_ask ask = {};
	struct sw_guard_logs got;
	struct inotify_event *ev;
	char events[4096];
	int fd = -1, fds[SW_GUARD_LOGS_MAX];
	size_t n = 0;

	memcpy(dir, log_dir, sizeof(dir));
	assert_non_null(mkdtemp(dir));
	snprintf(one, sizeof(one), "%s/deeper/a.log", dir);
	assert_int_equal(sw_logs_new(&l), 0);
	assert_int_equal(sw_logs_configure(l, &wish), 0);
	assert_int_equal(sw_logs_watch(l, &fd), 0);
	assert_string_equal(ask_logs(l, 0, 0, dir, text, sizeof(text)), "");
	snprintf(text, sizeof(text), "%s/deeper", dir);
	assert_int_equal(mkdir(text, 0700), 0);
	assert_true(read(fd, events, sizeof(events)) > 0);
	assert_int_equal(sw_logs_open(l, &ask, &got, fds, &n), 0);
	put_file(text, "a.log", "");
	assert_true(read(fd, events, sizeof(events)) > 0);
	assert_int_equal(sw_logs_open(l, &ask, &got, fds, &n), 0);
	assert_int_equal(n, 1);
	assert_true(got.at[0].wd > 0);
	put_file(text, "a.log", "grows\n");
	assert_true(read(fd, events, sizeof(events)) > 0);
	ev = (struct inotify_event *)events;
	assert_int_equal(ev->wd, got.at[0].wd);
	sw_close(fds[0]);
	empty_dir(text);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_device_gets_its_hook_and_a_sentence_why),
		cmocka_unit_test(somebody_elses_program_is_named),
		cmocka_unit_test(every_map_of_the_gate_that_others_load_asks_for_its_pin),
		cmocka_unit_test(beside_a_dispatcher_there_is_room_and_native_says_so),
		cmocka_unit_test(without_patterns_devices_with_a_default_route_are_wanted),
		cmocka_unit_test(a_role_is_for_its_user_alone),
		cmocka_unit_test(nothing_is_permitted_that_has_no_row),
		cmocka_unit_test(what_is_no_containers_id_opens_nothing),
		cmocka_unit_test(a_configuration_image_is_checked_whole),
		cmocka_unit_test(a_trail_image_is_checked_whole),
		cmocka_unit_test(the_pause_before_a_restart_grows_and_is_forgotten),
		cmocka_unit_test(a_program_is_refused_by_its_whole_name),
		cmocka_unit_test(cgroup_v2_is_found_beside_v1),
		cmocka_unit_test(a_dynamic_id_is_one_that_nobody_has),
		cmocka_unit_test(only_configured_regular_files_are_opened_and_no_links_of_others),
		cmocka_unit_test(a_log_that_comes_and_one_that_grows_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
