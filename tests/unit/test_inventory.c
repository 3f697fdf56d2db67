// SPDX-License-Identifier: GPL-3.0-or-later
/* The inventory of sockets: stream, snapshot, and what wins when they meet. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "tests/lib/sock_world.h"
#include "user/sockets/cookies.h"
#include "user/sockets/names.h"

enum { LOOPBACK = 0x7f000001, ANY = 0, LISTEN = 10, SEC = 1000000000 };

struct world {
	struct sw_clock clock;
	struct sw_proc_reader reader;
	struct sw_procs *procs;
	struct sw_inventory *inv;
	unsigned int ups, downs, repairs;
};

static void on_listener(enum sw_sock_change change, const struct sw_sock *s, bool is_repair, void *arg)
{
	struct world *w = arg;

	w->ups += change == SW_SOCK_UP;
	w->downs += change == SW_SOCK_DOWN;
	w->repairs += is_repair;
}

static const struct sw_inventory_ops ops = {.listener = on_listener};

static int begin(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->clock = (struct sw_clock){.is_manual = true, .manual_boot_ns = 1000ull * SEC};
	w->reader = (struct sw_proc_reader){.read = world_read};
	assert_int_equal(sw_procs_new(&w->clock, &w->reader, &w->procs), 0);
	assert_int_equal(sw_inventory_new(&w->clock, w->procs, &ops, w, &w->inv), 0);
	sw_inventory_set_host_netns(w->inv, HOST_NETNS);
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	sw_inventory_free(w->inv);
	sw_procs_free(w->procs);
	free(w);
	return 0;
}

static uint64_t now(struct world *w)
{
	sw_clock_advance(&w->clock, 1000);
	return sw_clock_boot_ns(&w->clock);
}

static void tell(struct world *w, uint8_t type, uint64_t cookie, uint32_t pid, uint32_t addr, uint16_t port)
{
	world_tell_sock(w->inv, world_sock(type, cookie, pid, addr, port, now(w)));
}

/* A snapshot that shows the listeners given as pairs of cookie and process, up to a cookie of 0. */
static void snapshot(struct world *w, const uint64_t (*shown)[2])
{
	now(w);
	sw_inventory_snapshot_begin(w->inv);
	assert_int_equal(sw_inventory_netns(w->inv, HOST_NETNS, ""), 0);
	for (; (*shown)[0]; shown++) {
		struct sw_it_inet r = world_inet((*shown)[0], ANY, 80, LISTEN);
		struct sw_it_file f = world_file((*shown)[0], (uint32_t)(*shown)[1], 3);

		sw_inventory_inet(w->inv, &r);
		if ((*shown)[1])
			sw_inventory_file(w->inv, &f);
	}
	now(w);
	sw_inventory_snapshot_end(w->inv, true);
}

static const uint64_t nothing[][2] = {{0}};
static const uint64_t one_of_7[][2] = {{1, 7}, {0}};
static const uint64_t one_of_nobody[][2] = {{1, 0}, {0}};

static void a_listener_is_told_once_up_and_once_down(void **state)
{
	struct world *w = *state;

	tell(w, SW_EV_BIND, 1, 7, LOOPBACK, 80);
	assert_int_equal(w->ups, 0);
	tell(w, SW_EV_LISTEN, 1, 7, LOOPBACK, 80);
	tell(w, SW_EV_LISTEN, 1, 7, LOOPBACK, 80);
	assert_int_equal(w->ups, 1);
	assert_int_equal(sw_inventory_stats(w->inv).listeners, 1);
	tell(w, SW_EV_CLOSE, 1, 7, 0, 0);
	assert_int_equal(w->downs, 1);
	assert_int_equal(sw_inventory_stats(w->inv).sockets, 0);
}

static void a_listener_without_a_port_is_told_when_the_port_is_known(void **state)
{
	struct world *w = *state;

	tell(w, SW_EV_LISTEN, 1, 7, ANY, 0);
	assert_int_equal(w->ups, 0);
	tell(w, SW_EV_LISTEN, 1, 7, ANY, 40000);
	assert_int_equal(w->ups, 1);
}

static void the_first_snapshot_tells_no_listener_and_the_next_tells_the_differences(void **state)
{
	struct world *w = *state;

	assert_true(sw_inventory_needs_snapshot(w->inv));
	snapshot(w, one_of_7);
	assert_int_equal(w->ups, 0);
	assert_true(sw_inventory_stats(w->inv).is_complete);
	assert_false(sw_inventory_needs_snapshot(w->inv));
	snapshot(w, nothing);
	assert_int_equal(w->downs, 1);
	snapshot(w, one_of_7);
	assert_int_equal(w->ups, 1);
	assert_int_equal(w->repairs, 2);
}

static void a_loss_makes_it_incomplete_until_the_next_snapshot(void **state)
{
	struct world *w = *state;

	snapshot(w, nothing);
	sw_inventory_lost(w->inv, 3);
	assert_false(sw_inventory_stats(w->inv).is_complete);
	assert_true(sw_inventory_needs_snapshot(w->inv));
	snapshot(w, nothing);
	assert_true(sw_inventory_stats(w->inv).is_complete);
	assert_int_equal(sw_inventory_stats(w->inv).lost, 3);
}

static void a_loss_during_a_snapshot_asks_for_another(void **state)
{
	struct world *w = *state;

	sw_inventory_snapshot_begin(w->inv);
	sw_inventory_lost(w->inv, 1);
	sw_inventory_snapshot_end(w->inv, true);
	assert_false(sw_inventory_stats(w->inv).is_complete);
	assert_true(sw_inventory_needs_snapshot(w->inv));
}

static void a_socket_closed_during_a_snapshot_does_not_come_back_by_it(void **state)
{
	struct sw_it_inet r = world_inet(1, ANY, 80, LISTEN);
	struct world *w = *state;

	tell(w, SW_EV_LISTEN, 1, 7, ANY, 80);
	sw_inventory_snapshot_begin(w->inv);
	sw_inventory_netns(w->inv, HOST_NETNS, "");
	tell(w, SW_EV_CLOSE, 1, 7, 0, 0);
	sw_inventory_inet(w->inv, &r);
	sw_inventory_snapshot_end(w->inv, true);
	assert_null(sw_inventory_find(w->inv, 1));
}

static void a_socket_opened_during_a_snapshot_is_not_dropped_by_it(void **state)
{
	struct world *w = *state;

	sw_inventory_snapshot_begin(w->inv);
	sw_inventory_netns(w->inv, HOST_NETNS, "");
	tell(w, SW_EV_LISTEN, 1, 7, ANY, 80);
	sw_inventory_snapshot_end(w->inv, true);
	assert_non_null(sw_inventory_find(w->inv, 1));
	assert_int_equal(w->downs, 0);
}

/* One that was made while the iterators ran is seen by its file alone: a listener without a name could not be told. */
static void a_unix_listener_is_told_when_its_name_is_known(void **state)
{
	struct world *w = *state;
	struct sw_it_file f = world_file(1, 7, 3);
	struct sw_it_unix r = {.type = SW_IT_UNIX, .sock_type = SOCK_STREAM, .state = LISTEN, .netns = HOST_NETNS,
		.inode = 9, .cookie = 1, .path_len = 5, .path = "/run/x"};

	snapshot(w, nothing);
	f.family = AF_UNIX;
	f.sock_type = SOCK_STREAM;
	f.state = LISTEN;
	for (unsigned int has_name = 0; has_name < 2; has_name++) {
		now(w);
		sw_inventory_snapshot_begin(w->inv);
		assert_int_equal(sw_inventory_netns(w->inv, HOST_NETNS, ""), 0);
		if (has_name)
			sw_inventory_unix(w->inv, &r);
		sw_inventory_file(w->inv, &f);
		now(w);
		sw_inventory_snapshot_end(w->inv, true);
		assert_int_equal(w->ups, has_name);
	}
}

static void a_snapshot_broken_off_drops_nothing(void **state)
{
	struct world *w = *state;

	tell(w, SW_EV_LISTEN, 1, 7, ANY, 80);
	now(w);
	sw_inventory_snapshot_begin(w->inv);
	sw_inventory_snapshot_end(w->inv, false);
	assert_non_null(sw_inventory_find(w->inv, 1));
	assert_true(sw_inventory_needs_snapshot(w->inv));
}

static void a_listener_whose_owner_went_asks_who_holds_it_now(void **state)
{
	static const uint64_t one_of_8[][2] = {{1, 8}, {0}};
	struct world *w = *state;

	snapshot(w, nothing);
	tell(w, SW_EV_LISTEN, 1, 7, ANY, 80);
	world_tell_exit(w->inv, world_exit(7));
	assert_true(sw_sock_is_ownerless(sw_inventory_find(w->inv, 1)));
	sw_inventory_tick(w->inv);
	assert_false(sw_inventory_needs_snapshot(w->inv));
	sw_clock_advance(&w->clock, 2ull * SEC);
	sw_inventory_tick(w->inv);
	assert_true(sw_inventory_needs_snapshot(w->inv));
	snapshot(w, one_of_8);
	assert_false(sw_sock_is_ownerless(sw_inventory_find(w->inv, 1)));
}

static void a_file_that_no_process_holds_makes_an_ownerless_listener(void **state)
{
	struct world *w = *state;

	tell(w, SW_EV_LISTEN, 1, 7, ANY, 80);
	snapshot(w, one_of_nobody);
	assert_true(sw_sock_is_ownerless(sw_inventory_find(w->inv, 1)));
}

static void several_processes_may_hold_one_socket(void **state)
{
	struct sw_it_inet r = world_inet(1, ANY, 80, LISTEN);
	struct world *w = *state;
	const struct sw_sock *s;

	sw_inventory_snapshot_begin(w->inv);
	sw_inventory_netns(w->inv, HOST_NETNS, "");
	sw_inventory_inet(w->inv, &r);
	for (uint32_t pid = 5; pid < 9; pid++) {
		struct sw_it_file f = world_file(1, pid, pid);

		sw_inventory_file(w->inv, &f);
		sw_inventory_file(w->inv, &f);
	}
	sw_inventory_snapshot_end(w->inv, true);
	s = sw_inventory_find(w->inv, 1);
	assert_int_equal(s->n_owners, 4);
	for (uint32_t i = 0; i < 4; i++) {
		struct sw_proc_info info;

		sw_procs_info(w->procs, s->owners[i].proc, false, &info);
		assert_int_equal(info.key.tgid, 5 + i);
		assert_int_equal(s->owners[i].fd, 5 + i);
	}
}

static void a_socket_told_with_its_owner_is_as_good_as_told_by_itself_and_by_its_descriptor(void **state)
{
	struct sw_it_held h = {.inet = world_inet(1, ANY, 80, LISTEN), .owner = world_owner(7), .fd = 3};
	struct sw_it_file twin = world_file(1, 7, 4);
	struct world *w = *state;
	const struct sw_sock *s;

	h.inet.backlog = 17;
	for (int i = 0; i < 2; i++) {
		sw_inventory_snapshot_begin(w->inv);
		sw_inventory_netns(w->inv, HOST_NETNS, "");
		sw_inventory_held(w->inv, &h);
		if (!i)
			sw_inventory_file(w->inv, &twin);
		assert_false(sw_inventory_wants_files(w->inv));
		sw_inventory_snapshot_end(w->inv, true);
		s = sw_inventory_find(w->inv, 1);
		assert_non_null(s);
		assert_int_equal(s->lport, 80);
		assert_int_equal(s->backlog, 17);
		assert_int_equal(s->n_owners, i ? 1 : 2); /* the twin was closed between the two */
		assert_int_equal(s->owners[0].fd, 3);
		now(w);
	}
}

static void a_socket_that_came_after_the_descriptors_were_walked_has_them_walked_again(void **state)
{
	struct sw_it_inet r = world_inet(1, ANY, 80, LISTEN), queued = world_inet(2, ANY, 80, 1);
	struct sw_it_file f = world_file(1, 7, 3);
	struct world *w = *state;

	queued.inode = 0; /* not accepted yet: it has no file, and no process can have it */
	sw_inventory_snapshot_begin(w->inv);
	sw_inventory_netns(w->inv, HOST_NETNS, "");
	sw_inventory_inet(w->inv, &queued);
	assert_false(sw_inventory_wants_files(w->inv));
	sw_inventory_inet(w->inv, &r);
	assert_true(sw_inventory_wants_files(w->inv));
	sw_inventory_file(w->inv, &f);
	sw_inventory_snapshot_end(w->inv, true);
	assert_false(sw_sock_is_ownerless(sw_inventory_find(w->inv, 1)));
	sw_inventory_snapshot_begin(w->inv);
	assert_false(sw_inventory_wants_files(w->inv));
	sw_inventory_file(w->inv, &f);
	sw_inventory_inet(w->inv, &r);
	assert_false(sw_inventory_wants_files(w->inv));
}

/* A socket in a table of io_uring's stays there, and would double what each snapshot takes. */
static void a_socket_that_nobody_had_before_either_has_no_descriptors_walked_again(void **state)
{
	struct sw_it_inet r = world_inet(1, ANY, 80, LISTEN);
	struct sw_it_file f = world_file(1, 7, 3);
	struct world *w = *state;

	for (int i = 0; i < 4; i++) {
		sw_inventory_snapshot_begin(w->inv);
		sw_inventory_netns(w->inv, HOST_NETNS, "");
		if (i == 2)
			sw_inventory_file(w->inv, &f); /* a process got it */
		sw_inventory_inet(w->inv, &r);
		assert_int_equal(sw_inventory_wants_files(w->inv), i == 0 || i == 3);
		sw_inventory_snapshot_end(w->inv, true);
		assert_int_equal(sw_sock_is_ownerless(sw_inventory_find(w->inv, 1)), i != 2);
	}
}

static void a_number_used_again_is_another_process(void **state)
{
	struct sw_exec_event a, b;
	struct sw_proc_info info;
	struct world *w = *state;
	struct sw_proc_key key;

	a = world_exec(7, "/usr/bin/old", now(w));
	b = world_exec(7, "/usr/bin/new", now(w));
	b.owner.start_ns += SEC;
	world_tell_exec(w->inv, a);
	world_tell_exec(w->inv, b);
	key = sw_proc_key_of(&a.owner);
	sw_procs_info(w->procs, sw_procs_find(w->procs, &key), false, &info);
	assert_string_equal(info.executable, "/usr/bin/old");
	key = sw_proc_key_of(&b.owner);
	sw_procs_info(w->procs, sw_procs_find(w->procs, &key), true, &info);
	assert_string_equal(info.executable, "/usr/bin/new");
	assert_string_equal(info.unit, ""); /* /proc shows the first one's start: nothing is taken from it */
}

static void a_fork_runs_its_parents_executable(void **state)
{
	struct world *w = *state;
	struct sw_fork_event f = {.owner = world_owner(8), .ppid = 7, .parent_start_ns = world_owner(7).start_ns};
	struct sw_proc_key key = sw_proc_key_of(&f.owner);
	struct sw_proc_info info;

	world_tell_exec(w->inv, world_exec(7, "/usr/sbin/nginx", now(w)));
	sw_inventory_event(w->inv, &(struct sw_event){.kind = SW_EVENT_FORK, .fork = &f});
	sw_procs_info(w->procs, sw_procs_find(w->procs, &key), true, &info);
	assert_string_equal(info.executable, "/usr/sbin/nginx");
	assert_string_equal(info.comm, "nginx");
	assert_string_equal(info.unit, "nginx.service");
}

static void processes_that_are_gone_and_hold_nothing_are_forgotten(void **state)
{
	struct world *w = *state;

	tell(w, SW_EV_LISTEN, 1, 7, ANY, 80);
	world_tell_exec(w->inv, world_exec(8, "/bin/true", now(w)));
	world_tell_exit(w->inv, world_exit(7));
	world_tell_exit(w->inv, world_exit(8));
	assert_int_equal(sw_procs_count(w->procs), 2);
	sw_clock_advance(&w->clock, 60ull * SEC);
	sw_inventory_tick(w->inv);
	assert_int_equal(sw_procs_count(w->procs), 1); /* 7 still names its socket's owner */
	tell(w, SW_EV_CLOSE, 1, 7, 0, 0);
	sw_clock_advance(&w->clock, 60ull * SEC);
	sw_inventory_tick(w->inv);
	assert_int_equal(sw_procs_count(w->procs), 0);
}

static void control_groups_name_containers_and_units(void **state)
{
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	static const struct {
		const char *text, *container, *runtime, *unit;
	} rows[] = {
		{"0::/system.slice/ssh.service\n", "", "", "ssh.service"},
		{"0::/user.slice/user-0.slice/session-3.scope\n", "", "", "session-3.scope"},
		{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service\n", "", "", "foo.service"},
		{"0::/system.slice/docker-" ID ".scope\n", "0123456789ab", "docker", ""},
		{"12:pids:/docker/" ID "\n0::/\n", "0123456789ab", "docker", ""},
		{"0::/machine.slice/libpod-" ID ".scope/container\n", "0123456789ab", "podman", ""},
		{"0::/machine.slice/libpod-conmon-" ID ".scope\n", "", "", "libpod-conmon-" ID ".scope"},
		{"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope\n", "0123456789ab", "containerd", ""},
		{"0::/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope\n", "0123456789ab", "crio", ""},
		{"0::/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:" ID "\n", "0123456789ab",
			"containerd", "containerd.service"},
		{"3:cpu:/wrong.service\n1:name=systemd:/kubepods/burstable/pod12/" ID "\n", "0123456789ab", "kubernetes", ""},
		{"", "", "", ""},
		{"garbage\n::\n0:", "", "", ""},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		struct sw_names n;

		sw_names_from_cgroup(rows[i].text, &n);
		assert_string_equal(n.container, rows[i].container);
		assert_string_equal(n.runtime, rows[i].runtime);
		assert_memory_equal(n.unit, rows[i].unit, SW_MIN(strlen(rows[i].unit) + 1, sizeof(n.unit) - 1));
	}
}

static void a_listener_whose_backlog_changes_is_told_again_without_having_gone(void **state)
{
	struct world *w = *state;
	struct sw_sock_event e = world_sock(SW_EV_LISTEN, 1, 10, ANY, 80, now(w));

	e.backlog = 16;
	world_tell_sock(w->inv, e);
	world_tell_sock(w->inv, e);
	assert_int_equal(w->ups, 1);
	e.backlog = 128;
	world_tell_sock(w->inv, e);
	assert_int_equal(w->ups, 2);
	assert_int_equal(w->downs, 0);
	assert_int_equal(sw_inventory_stats(w->inv).listeners, 1);
}

/* Against an array by cookie: numbers in a row and far apart, so that searches run into each other. */
static void cookies_are_found_until_they_are_removed(void **state)
{
	enum { N = 5000, STEPS = 60000 };
	struct sw_cookies c = {0};
	static void *model[N];
	uint32_t seed = 1;
	size_t n = 0;

	for (int i = 0; i < STEPS; i++) {
		size_t at;
		uint64_t cookie;

		seed = seed * 1664525 + 1013904223;
		at = (seed >> 8) % N;
		cookie = at % 2 ? at + 1 : (uint64_t)(at + 1) << 32;
		assert_ptr_equal(sw_cookies_find(&c, cookie), model[at]);
		if (model[at]) {
			sw_cookies_remove(&c, cookie);
			model[at] = NULL;
			n--;
		} else {
			model[at] = &model[at];
			assert_int_equal(sw_cookies_add(&c, cookie, model[at]), 0);
			n++;
		}
		assert_int_equal(c.n, n);
	}
	for (size_t at = 0; at < N; at++)
		assert_ptr_equal(sw_cookies_find(&c, at % 2 ? at + 1 : (uint64_t)(at + 1) << 32), model[at]);
	assert_null(sw_cookies_find(&c, 0));
	sw_cookies_done(&c);
}

static ssize_t read_at_tick(void *arg, uint32_t pid, const char *file, char *buf, size_t size)
{
	const unsigned long long *tick = arg;

	if (strcmp(file, "stat"))
		return world_read(NULL, pid, file, buf, size);
	return snprintf(buf, size, "%u (x) S 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 %llu 0", pid, *tick);
}

/* The kernel drops what is left of the tick: neither the one before nor the one after is the same process. */
static void what_proc_tells_of_another_start_is_of_another_process(void **state)
{
	static const struct {
		uint64_t start_ns;
		unsigned long long tick;
		bool is_same;
	} rows[] = {
		{5000000000, 500, true}, {5000000000, 499, false}, {5000000000, 501, false},
		{5009999999, 500, true}, {5009999999, 501, false}, {5009999999, 499, false},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		unsigned long long tick = rows[i].tick;
		struct sw_proc_reader reader = {.read = read_at_tick, .arg = &tick};
		struct sw_clock clock = {.is_manual = true, .manual_boot_ns = 1000ull * SEC};
		struct sw_owner owner = {.start_ns = rows[i].start_ns, .tgid = 7};
		struct sw_proc_info info;
		struct sw_procs *procs;

		assert_int_equal(sw_procs_new(&clock, &reader, &procs), 0);
		sw_procs_info(procs, sw_procs_hold(procs, &owner), true, &info);
		if (!strcmp(info.unit, "nginx.service") != rows[i].is_same)
			fail_msg("row %zu: unit '%s'", i, info.unit);
		sw_procs_free(procs);
	}
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_are_found_until_they_are_removed),
		test(a_listener_is_told_once_up_and_once_down),
		test(a_listener_whose_backlog_changes_is_told_again_without_having_gone),
		test(a_listener_without_a_port_is_told_when_the_port_is_known),
		test(the_first_snapshot_tells_no_listener_and_the_next_tells_the_differences),
		test(a_loss_makes_it_incomplete_until_the_next_snapshot),
		test(a_loss_during_a_snapshot_asks_for_another),
		test(a_socket_closed_during_a_snapshot_does_not_come_back_by_it),
		test(a_socket_opened_during_a_snapshot_is_not_dropped_by_it),
		test(a_unix_listener_is_told_when_its_name_is_known),
		test(a_snapshot_broken_off_drops_nothing),
		test(a_listener_whose_owner_went_asks_who_holds_it_now),
		test(a_file_that_no_process_holds_makes_an_ownerless_listener),
		test(several_processes_may_hold_one_socket),
		test(a_socket_told_with_its_owner_is_as_good_as_told_by_itself_and_by_its_descriptor),
		test(a_socket_that_came_after_the_descriptors_were_walked_has_them_walked_again),
		test(a_socket_that_nobody_had_before_either_has_no_descriptors_walked_again),
		test(a_number_used_again_is_another_process),
		cmocka_unit_test(what_proc_tells_of_another_start_is_of_another_process),
		test(a_fork_runs_its_parents_executable),
		test(processes_that_are_gone_and_hold_nothing_are_forgotten),
		cmocka_unit_test(control_groups_name_containers_and_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
