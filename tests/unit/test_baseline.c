// SPDX-License-Identifier: GPL-3.0-or-later
/* Baselines: what counts as the same listener, and what a difference means. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "tests/lib/sock_world.h"
#include "user/base/cidr.h"
#include "user/detect/listener.h"

static struct sw_baseline_row row(const char *addr, uint16_t port, const char *executable)
{
	struct sw_baseline_row r = {
		.protocol = IPPROTO_TCP, .port = port, .sock_type = SOCK_STREAM, .uid = 33};

	assert_int_equal(sw_cidr_parse(addr, SIZE_MAX, &r.address), 0);
	r.exposure = strncmp(addr, "127.", 4) == 0 ? SW_EXPOSURE_LOOPBACK : SW_EXPOSURE_WORLD;
	snprintf(r.key, sizeof(r.key), "tcp/%s:%u", addr, port);
	sw_strcpy(r.executable, sizeof(r.executable), executable);
	return r;
}

static struct sw_baseline_row ephemeral(const char *executable)
{
	struct sw_baseline_row r = row("0.0.0.0", 0, executable);

	r.is_ephemeral = 1;
	snprintf(r.key, sizeof(r.key), "tcp/0.0.0.0:*");
	return r;
}

static struct sw_baseline_set set_of(const struct sw_baseline_row *rows, size_t n)
{
	struct sw_baseline_set s = {};

	for (size_t i = 0; i < n; i++)
		assert_int_equal(sw_baseline_set_add(&s, &rows[i]), 0);
	assert_int_equal(sw_baseline_set_sort(&s), 0);
	return s;
}

struct told {
	size_t n, of[SW_BASELINE_KIND_COUNT];
	enum sw_baseline_kind first;
};

static int tell(const struct sw_baseline_change *c, void *arg)
{
	struct told *t = arg;

	if (!t->n++)
		t->first = c->kind;
	t->of[c->kind]++;
	return 0;
}

/* What differs between one row before and one now; SW_BASELINE_KIND_COUNT when nothing does. */
static enum sw_baseline_kind change(
	const struct sw_baseline_row *was, const struct sw_baseline_row *is, size_t *ret_n)
{
	struct sw_baseline_set base = set_of(was, was ? 1 : 0), now = set_of(is, is ? 1 : 0);
	struct told t = {.first = SW_BASELINE_KIND_COUNT};
	struct sw_baseline_change c;

	assert_int_equal(sw_baseline_compare(&base, &now, tell, &t), 0);
	if (was)
		assert_int_equal(sw_baseline_is_gone(was, &now, &c), t.of[SW_BASELINE_GONE] != 0);
	sw_baseline_set_done(&base);
	sw_baseline_set_done(&now);
	*ret_n = t.n;
	return t.first;
}

static void a_restart_with_another_process_is_no_change(void **state)
{
	struct sw_baseline_row a = row("0.0.0.0", 80, "/usr/sbin/nginx"), b = a;
	size_t n;

	b.since_wall_sec = 77;
	sw_strcpy(b.unit, sizeof(b.unit), "other.service");
	assert_int_equal(change(&a, &b, &n), SW_BASELINE_KIND_COUNT);
	assert_int_equal(n, 0);
}

static void another_container_of_the_same_image_is_no_change_and_one_of_another_is(void **state)
{
	struct sw_baseline_row a = row("0.0.0.0", 80, "/usr/sbin/nginx"), b;
	size_t n;

	sw_strcpy(a.container, sizeof(a.container), "0123456789ab");
	sw_strcpy(a.image, sizeof(a.image), "nginx:1.25");
	b = a;
	sw_strcpy(b.container, sizeof(b.container), "ba9876543210");
	assert_int_equal(sw_baseline_cmp(&a, &b), 0);
	assert_int_equal(change(&a, &b, &n), SW_BASELINE_KIND_COUNT);
	sw_strcpy(b.image, sizeof(b.image), "miner:latest");
	assert_int_equal(change(&a, &b, &n), SW_BASELINE_EXECUTABLE);
	*a.image = 0; /* saved before images were known: then the container says it */
	assert_int_equal(change(&a, &b, &n), SW_BASELINE_EXECUTABLE);
	sw_strcpy(b.container, sizeof(b.container), "0123456789ab");
	assert_int_equal(change(&a, &b, &n), SW_BASELINE_KIND_COUNT);
}

static void every_difference_has_its_meaning_and_is_told_once(void **state)
{
	struct sw_baseline_row nginx = row("0.0.0.0", 80, "/usr/sbin/nginx"),
			       local = row("127.0.0.1", 80, "/usr/sbin/nginx");
	struct sw_baseline_row nc = row("0.0.0.0", 80, "/usr/bin/nc"),
			       ownerless = row("0.0.0.0", 80, "");
	struct sw_baseline_row deleted = nginx, root = nginx, contained = nginx, longer = nginx, short_one = nginx;
	struct sw_baseline_row group = nginx, joins = nc, inside = contained, group_longer;
	const struct {
		const struct sw_baseline_row *was, *is;
		enum sw_baseline_kind kind;
	} rows[] = {
		{NULL, &nginx, SW_BASELINE_NEW},
		{&nginx, NULL, SW_BASELINE_GONE},
		{&local, &nginx, SW_BASELINE_WIDENED},
		{&nginx, &local, SW_BASELINE_NEW}, /* and the wide one is gone */
		{&nginx, &nc, SW_BASELINE_EXECUTABLE},
		{&nginx, &root, SW_BASELINE_EXECUTABLE},
		{&nginx, &contained, SW_BASELINE_EXECUTABLE},
		{&nginx, &ownerless, SW_BASELINE_OWNERLESS},
		{NULL, &ownerless, SW_BASELINE_OWNERLESS},
		{&nginx, &deleted, SW_BASELINE_DELETED},
		{NULL, &deleted, SW_BASELINE_DELETED},
		{&short_one, &longer, SW_BASELINE_BACKLOG},
		{&group, &joins, SW_BASELINE_SHARED},
		{&nginx, &joins, SW_BASELINE_EXECUTABLE}, /* the one before shared with nobody */
		{NULL, &contained, SW_BASELINE_HOST_NETWORK},
		{NULL, &inside, SW_BASELINE_NEW}, /* a network of its own */
	};
	size_t none;

	deleted.is_deleted = 1;
	root.uid = 0;
	sw_strcpy(contained.container, sizeof(contained.container), "0123456789ab");
	sw_strcpy(inside.container, sizeof(inside.container), "0123456789ab");
	sw_strcpy(inside.netns, sizeof(inside.netns), "container:0123456789ab");
	short_one.backlog = 16;
	longer.backlog = 128;
	group.is_reuseport = joins.is_reuseport = 1;
	group.backlog = 16;
	group_longer = group;
	group_longer.backlog = 128;
	assert_int_equal(change(&group, &group_longer, &none), SW_BASELINE_KIND_COUNT);
	assert_int_equal(change(&nginx, &longer, &none), SW_BASELINE_KIND_COUNT); /* not known before */
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		size_t n;

		assert_int_equal(change(rows[i].was, rows[i].is, &n), rows[i].kind);
		assert_int_equal(n, i == 3 ? 2 : 1);
	}
}

static void a_port_the_kernel_chose_is_compared_by_executable(void **state)
{
	struct sw_baseline_row a = ephemeral("/usr/bin/rpcbind"), b = ephemeral("/usr/bin/nc");
	size_t n;

	assert_int_equal(change(&a, &a, &n), SW_BASELINE_KIND_COUNT);
	assert_int_equal(change(&a, &b, &n), SW_BASELINE_NEW);
	assert_int_equal(n, 2); /* and the first is gone */
}

static void a_finding_is_graver_the_farther_its_peers_may_be(void **state)
{
	struct sw_baseline_row world = row("0.0.0.0", 4444, "/tmp/x"),
			       local = row("127.0.0.1", 4444, "/tmp/x");
	const struct sw_baseline_set nothing = {};
	struct sw_baseline_change c;
	struct sw_finding f, g;

	assert_int_equal(sw_baseline_check(&nothing, &world, &c), 1);
	sw_detect_listener(&c, 7, "x", false, &f);
	assert_int_equal(sw_baseline_check(&nothing, &local, &c), 1);
	sw_detect_listener(&c, 7, "x\x1b[2J", true, &g);
	assert_int_equal(f.kind, SW_FINDING_NEW_LISTENER);
	assert_true(f.severity > g.severity);
	assert_int_equal(f.dport, 4444);
	assert_string_equal(f.title, "tcp/0.0.0.0:4444 is new: x, uid 33");
	assert_null(strchr(g.process, '\x1b'));
}

static void what_text_from_outside_holds_stays_printable(void **state)
{
	struct sw_sock s = {.family = AF_UNIX,
		.type = SOCK_STREAM,
		.state = 10,
		.path = (char *)"/run/\x1b[2J\n",
		.path_len = 10};
	struct sw_clock clock = {.is_manual = true};
	struct sw_proc_reader reader = {.read = world_read};
	static const struct sw_inventory_ops none;
	struct sw_inventory *inv;
	struct sw_procs *procs;
	struct sw_baseline_row r;

	assert_int_equal(sw_procs_new(&clock, &reader, &procs), 0);
	assert_int_equal(sw_inventory_new(&clock, procs, &none, NULL, &inv), 0);
	sw_inventory_set_host_netns(inv, 0);
	assert_int_equal(
		sw_baseline_row_of(inv, &s, (struct sw_port_range){32768, 60999}, 0, 0, &r), 1);
	assert_string_equal(r.key, "unix/stream:/run/\\x1b[2J\\x0a");
	sw_inventory_free(inv);
	sw_procs_free(procs);
}

static void rows_of_an_inventory_hold_each_listener_once_with_its_names(void **state)
{
	struct sw_clock clock = {
		.is_manual = true, .manual_boot_ns = 5000000000ull, .manual_wall_ns = 9000000000ll};
	struct sw_proc_reader reader = {.read = world_read};
	static const struct sw_inventory_ops none;
	struct sw_baseline_set set = {};
	struct sw_baseline_row rows[2];
	struct sw_inventory *inv;
	struct sw_procs *procs;

	assert_int_equal(sw_procs_new(&clock, &reader, &procs), 0);
	assert_int_equal(sw_inventory_new(&clock, procs, &none, NULL, &inv), 0);
	sw_inventory_set_host_netns(inv, HOST_NETNS);
	world_tell_exec(inv, world_exec(7, "/usr/sbin/nginx", 1));
	world_tell_sock(inv, world_sock(SW_EV_LISTEN, 1, 7, 0, 80, 2));
	world_tell_sock(inv, world_sock(SW_EV_LISTEN, 2, 7, 0, 80, 3)); /* reuseport */
	world_tell_sock(inv, world_sock(SW_EV_LISTEN, 3, 7, 0x7f000001, 40000, 4));
	world_tell_sock(inv, world_sock(SW_EV_CONNECTED, 4, 7, 0x7f000001, 40001, 4));
	assert_int_equal(sw_baseline_rows(inv, sw_port_range_parse("32768\t60999\n"), 9000000000ll,
				 5000000000ull, &set),
		0);
	assert_int_equal(set.n, 2);
	for (size_t i = 0; i < set.n; i++)
		sw_baseline_set_get(&set, i, &rows[i]);
	assert_string_equal(rows[0].key, "tcp/0.0.0.0:80");
	assert_string_equal(rows[0].executable, "/usr/sbin/nginx");
	assert_string_equal(rows[0].unit, "nginx.service");
	assert_int_equal(rows[0].exposure, SW_EXPOSURE_WORLD);
	assert_string_equal(rows[1].key, "tcp/127.0.0.1:*");
	assert_int_equal(rows[1].exposure, SW_EXPOSURE_LOOPBACK);
	sw_baseline_set_done(&set);
	sw_inventory_free(inv);
	sw_procs_free(procs);
}

/* The same row comes out of its packed bytes, and bytes that are cut or are something else are refused. */
static void a_packed_row_comes_back_whole_or_not_at_all(void **state)
{
	struct sw_baseline_row a = row("127.0.0.1", 80, "/usr/sbin/nginx"), b;
	struct sw_baseline_set s;
	char long_name[sizeof(a.image)];
	const char *packed;
	size_t len;

	memset(long_name, 'i', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = 0;
	sw_strcpy(a.image, sizeof(a.image), long_name);
	sw_strcpy(a.path, sizeof(a.path), "@x");
	sw_strcpy(a.unit, sizeof(a.unit), "nginx.service");
	sw_strcpy(a.netns, sizeof(a.netns), "blue");
	sw_strcpy(a.container, sizeof(a.container), "0123456789ab");
	a.is_reuseport = a.is_deleted = a.is_ephemeral = 1;
	a.backlog = 4096;
	a.since_wall_sec = 1700000000;
	s = set_of(&a, 1);
	packed = sw_baseline_set_packed(&s, 0, &len);
	assert_true(len < 300);
	assert_true(sw_baseline_unpack(packed, len, &b));
	assert_memory_equal(&a, &b, sizeof(a));
	for (size_t cut = 0; cut < len; cut++)
		assert_false(sw_baseline_unpack(packed, cut, &b));
	assert_false(sw_baseline_unpack(&a, sizeof(a), &b));
	sw_baseline_set_done(&s);
}

static void a_service_that_reached_as_far_by_another_address_is_not_called_wider(void **state)
{
	struct sw_baseline_row was[] = {row("127.0.0.1", 80, "/usr/sbin/nginx"),
		row("198.18.0.1", 80, "/usr/sbin/nginx"), row("127.0.0.2", 80, "/usr/sbin/nginx")};
	struct sw_baseline_row is = row("0.0.0.0", 80, "/usr/sbin/nginx");
	struct sw_baseline_set base = set_of(was, SW_ARRAY_SIZE(was));
	struct sw_baseline_change c;

	assert_int_equal(sw_baseline_check(&base, &is, &c), 1);
	assert_int_equal(c.kind, SW_BASELINE_NEW);
	sw_baseline_set_done(&base);
}

enum { MANY = 100000 };

/* 50,000 addresses of one service that was on loopback, which is the slowest to tell apart, and as many new ones. */
static void a_hundred_thousand_listeners_are_compared_in_little_memory(void **state)
{
	struct sw_baseline_row r = row("127.0.0.1", 80, "/usr/sbin/nginx");
	struct sw_baseline_set base = {}, now = {};
	struct told t = {};

	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(r.key, sizeof(r.key), "tcp/127.0.%u.%u:80", i / 256, i % 256);
		r.exposure = SW_EXPOSURE_LOOPBACK;
		assert_int_equal(sw_baseline_set_add(&base, &r), 0);
		if (i % 2) {
			snprintf(r.key, sizeof(r.key), "tcp/198.18.%u.%u:80", i / 256, i % 256);
			r.exposure = SW_EXPOSURE_WORLD;
		}
		assert_int_equal(sw_baseline_set_add(&now, &r), 0);
		assert_int_equal(sw_baseline_set_add(&now, &r), 0); /* each is there twice */
	}
	assert_int_equal(sw_baseline_set_sort(&base), 0);
	assert_int_equal(sw_baseline_set_sort(&now), 0);
	assert_int_equal(now.n, MANY);
	assert_int_equal(sw_baseline_compare(&base, &now, tell, &t), 0);
	assert_int_equal(t.of[SW_BASELINE_WIDENED], MANY / 2);
	assert_int_equal(t.of[SW_BASELINE_GONE], MANY / 2);
	assert_int_equal(t.n, MANY);
	assert_true(base.room + base.cap * sizeof(*base.at) + base.n * 16 < 32u << 20);
	sw_baseline_set_done(&base);
	sw_baseline_set_done(&now);
}

static void a_baseline_takes_so_many_rows_and_no_more(void **state)
{
	struct sw_baseline_row r = row("127.0.0.1", 80, "/x");
	struct sw_baseline_set s = {};

	for (unsigned int i = 0; i < SW_BASELINE_ROWS_MAX; i++)
		assert_int_equal(sw_baseline_set_add(&s, &r), 0);
	assert_int_equal(sw_baseline_set_add(&s, &r), -E2BIG);
	sw_baseline_set_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restart_with_another_process_is_no_change),
		cmocka_unit_test(another_container_of_the_same_image_is_no_change_and_one_of_another_is),
		cmocka_unit_test(every_difference_has_its_meaning_and_is_told_once),
		cmocka_unit_test(a_port_the_kernel_chose_is_compared_by_executable),
		cmocka_unit_test(a_finding_is_graver_the_farther_its_peers_may_be),
		cmocka_unit_test(what_text_from_outside_holds_stays_printable),
		cmocka_unit_test(rows_of_an_inventory_hold_each_listener_once_with_its_names),
		cmocka_unit_test(a_service_that_reached_as_far_by_another_address_is_not_called_wider),
		cmocka_unit_test(a_packed_row_comes_back_whole_or_not_at_all),
		cmocka_unit_test(a_hundred_thousand_listeners_are_compared_in_little_memory),
		cmocka_unit_test(a_baseline_takes_so_many_rows_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
