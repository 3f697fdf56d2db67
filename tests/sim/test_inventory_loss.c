// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A day of sockets that open and close on a clock of its own, with a ring that loses records: after
 * each repair the inventory is the world again, and the listeners told up and down add up to it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "tests/lib/sock_world.h"

enum { SLOTS = 200, STEPS = 86400, LISTEN = 10 };

struct sim {
	struct sw_clock clock;
	struct sw_proc_reader reader;
	struct sw_procs *procs;
	struct sw_inventory *inv;
	uint64_t cookies[SLOTS]; /* of the listeners that are open, 0 for none */
	uint64_t next_cookie;
	uint32_t random;
	bool is_losing;
	int64_t told; /* ups less downs */
	unsigned int snapshots;
};

static uint32_t draw(struct sim *s, uint32_t below)
{
	s->random = s->random * 1664525u + 1013904223u;
	return (s->random >> 8) % below;
}

static void on_listener(
	enum sw_sock_change change, const struct sw_sock *sock, bool is_repair, void *arg)
{
	((struct sim *)arg)->told += change == SW_SOCK_UP ? 1 : -1;
}

/* A record on its way; a ring that is full loses it, and says so. */
static void emit(struct sim *s, struct sw_sock_event e)
{
	if (s->is_losing)
		sw_inventory_lost(s->inv, 1);
	else
		world_tell_sock(s->inv, e);
}

static void flip(struct sim *s, uint32_t slot)
{
	uint64_t now = sw_clock_boot_ns(&s->clock);
	uint32_t pid = 100 + slot % 20;

	if (s->cookies[slot]) {
		emit(s, world_sock(SW_EV_CLOSE, s->cookies[slot], pid, 0, 0, now));
		s->cookies[slot] = 0;
		return;
	}
	s->cookies[slot] = s->next_cookie++;
	emit(s, world_sock(SW_EV_BIND, s->cookies[slot], pid, 0, (uint16_t)(1000 + slot), now));
	emit(s, world_sock(SW_EV_LISTEN, s->cookies[slot], pid, 0, (uint16_t)(1000 + slot), now));
}

/* The iterators walk while the world goes on: half of it before and half after a change. */
static void repair(struct sim *s)
{
	sw_inventory_snapshot_begin(s->inv);
	sw_inventory_netns(s->inv, HOST_NETNS, "");
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct sw_it_inet r = world_inet(s->cookies[i], 0, (uint16_t)(1000 + i), LISTEN);
		struct sw_it_file f = world_file(s->cookies[i], 100 + i % 20, 3);

		if (i % 50 == 25) {
			sw_clock_advance(&s->clock, 1000);
			flip(s, draw(s, SLOTS));
			r = world_inet(s->cookies[i], 0, (uint16_t)(1000 + i), LISTEN);
			f = world_file(s->cookies[i], 100 + i % 20, 3);
		}
		if (!s->cookies[i])
			continue;
		sw_inventory_inet(s->inv, &r);
		sw_inventory_file(s->inv, &f);
	}
	sw_inventory_snapshot_end(s->inv, true);
	s->snapshots++;
}

static void assert_same(struct sim *s)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < SLOTS; i++) {
		if (!s->cookies[i])
			continue;
		n++;
		assert_non_null(sw_inventory_find(s->inv, s->cookies[i]));
		assert_false(sw_sock_is_ownerless(sw_inventory_find(s->inv, s->cookies[i])));
	}
	assert_int_equal(sw_inventory_stats(s->inv).sockets, n);
	assert_int_equal(sw_inventory_stats(s->inv).listeners, n);
	assert_int_equal(s->told, n);
}

static void a_day_with_losses_ends_each_repair_with_the_truth(void **state)
{
	static const struct sw_inventory_ops ops = {.listener = on_listener};
	struct sim s = {.clock = {.is_manual = true, .manual_boot_ns = 1000000000000ull},
		.next_cookie = 1,
		.random = 42};

	s.reader = (struct sw_proc_reader){.read = world_read};
	assert_int_equal(sw_procs_new(&s.clock, &s.reader, &s.procs), 0);
	assert_int_equal(sw_inventory_new(&s.clock, s.procs, &ops, &s, &s.inv), 0);
	sw_inventory_set_host_netns(s.inv, HOST_NETNS);
	repair(&s); /* of an empty world, but for what opens meanwhile */
	for (unsigned int step = 0; step < STEPS; step++) {
		sw_clock_advance(&s.clock, SW_SEC_NS);
		s.is_losing = draw(&s, 500) == 0;
		flip(&s, draw(&s, SLOTS));
		s.is_losing = false;
		sw_inventory_tick(s.inv);
		if (!sw_inventory_needs_snapshot(s.inv))
			continue;
		assert_false(sw_inventory_stats(s.inv).is_complete);
		sw_clock_advance(&s.clock, 1000);
		repair(&s);
		assert_true(sw_inventory_stats(s.inv).is_complete);
		assert_same(&s);
	}
	assert_same(&s);
	assert_true(s.snapshots > 50);
	sw_inventory_free(s.inv);
	sw_procs_free(s.procs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_with_losses_ends_each_repair_with_the_truth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
