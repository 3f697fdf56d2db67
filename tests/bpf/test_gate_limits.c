/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The gate at its limits: short packets, switches under way, deadlines without user space, full rings,
 * token buckets, and a swap of trails while packets run.
 */
#include <pthread.h>
#include <stdatomic.h>
#include "tests/bpf/one_rig.h"

#define A4     "198.18.0.7"
#define B4     "198.18.1.1"
#define A6     "2001:db8:1:2::7"
#define B6     "2001:db8:9::1"
#define SECOND 1000000000ULL

static const struct packet_spec plain = {.from = A4, .to = B4};

static int open_packed(void **state)
{
	open_rig(state);
	the_rig.is_packed = true;
	rig_usual(&the_rig);
	return 0;
}

static int open_small_ring(void **state)
{
	rig_open(&the_rig, (__u32)sysconf(_SC_PAGESIZE));
	return 0;
}

static const struct packet_spec forms[] = {
	{.from = A4, .to = B4},
	{.from = A4, .to = B4, .option_bytes = 40},
	{.from = A4, .to = B4, .vlan = {7}},
	{.from = A4, .to = B4, .vlan = {7, 8}, .tpid = 0x88a8},
	{.from = A4, .to = B4, .vlan = {1, 2, 3, 4}},
	{.from = A4, .to = B4, .is_pppoe = true},
	{.from = A4, .to = B4, .fragment = PACKET_FIRST},
	{.from = A4, .to = B4, .fragment = PACKET_LATER},
	{.from = A4, .to = B4, .protocol = 17, .payload = 9},
	{.from = A4, .to = B4, .protocol = 1},
	{.from = A6, .to = B6},
	{.from = A6, .to = B6, .vlan = {7, 8}, .is_pppoe = true},
	{.from = A6, .to = B6, .ext = {0, 60, 43, 51}, .n_ext = 4, .ext_units = 3},
	{.from = A6, .to = B6, .ext = {0, 60}, .n_ext = 2, .fragment = PACKET_FIRST},
	{.from = A6, .to = B6, .fragment = PACKET_LATER},
	{.from = A6, .to = B6, .protocol = 17},
	{.from = A6, .to = B6, .protocol = 58},
};

/*
 * Cut before its addresses end a packet passes; after that it is judged by them. The kernel makes no
 * test run shorter than an Ethernet header, and newer ones no skb without a whole IP header: what
 * they refuse, test_pkt reads.
 */
static void cut_everywhere(
	struct rig *rig, const struct packet_spec *spec, enum rig_hook hook, bool is_banned)
{
	struct packet p;

	packet_build(spec, &p);
	for (size_t len = 14; len <= p.len; len++) {
		bool is_read = len >= p.addr_end;
		uint8_t *data = malloc(len);
		int got;

		assert_non_null(data);
		memcpy(data, p.data, len);
		got = rig_run(rig, hook, data, len, 1);
		free(data);
		if (got == -EINVAL && hook != RIG_XDP && !is_read)
			continue;
		if (got != (is_banned && is_read))
			fail_msg("form %zu on %s: %zu of %zu bytes, addresses to %zu: got %d",
				(size_t)(spec - forms), rig_hook_names[hook], len, p.len,
				p.addr_end, got);
	}
}

static void no_packet_is_dropped_before_its_addresses_are_whole(void **state)
{
	struct rig *rig = &the_rig;

	rig_ban(rig, "0.0.0.0/0", 0, 1);
	rig_ban(rig, "::/0", 0, 2);
	for (size_t i = 0; i < SW_ARRAY_SIZE(forms); i++) {
		cut_everywhere(rig, &forms[i], RIG_XDP, true);
		cut_everywhere(rig, &forms[i], RIG_TC, true);
	}
	assert_true(rig_counter(rig, SW_R_UNPARSED).packets > 0);
	assert_int_equal(rig_counter(rig, SW_R_UNPARSED).dropped, 0);
}

static void no_cut_packet_is_dropped_without_a_ban(void **state)
{
	struct rig *rig = &the_rig;

	for (size_t i = 0; i < SW_ARRAY_SIZE(forms); i++) {
		cut_everywhere(rig, &forms[i], RIG_XDP, false);
		cut_everywhere(rig, &forms[i], RIG_TC, false);
	}
	for (__u32 r = 0; r < SW_R_COUNT; r++)
		assert_int_equal(rig_counter(rig, r).dropped, 0);
}

static int run_plain(const struct rig *rig, unsigned int repeat)
{
	struct packet p;

	packet_build(&plain, &p);
	return rig_run(rig, RIG_XDP, p.data, p.len, repeat);
}

static void set_mode(struct rig *rig, enum sw_mode mode)
{
	rig->ctl.mode = mode;
	rig_ctl(rig);
}

static void observe_and_enforce_switch_live(void **state)
{
	struct rig *rig = &the_rig;
	struct sw_counter c;

	rig_ban(rig, A4, 0, 1);
	set_mode(rig, SW_MODE_OBSERVE);
	assert_int_equal(run_plain(rig, 1), 0);
	set_mode(rig, SW_MODE_ENFORCE);
	assert_int_equal(run_plain(rig, 1), 1);
	set_mode(rig, SW_MODE_OBSERVE);
	assert_int_equal(run_plain(rig, 1), 0);
	set_mode(rig, SW_MODE_OFF);
	assert_int_equal(run_plain(rig, 1), 0);
	c = rig_counter(rig, SW_R_BAN);
	assert_int_equal(c.packets, 3);
	assert_int_equal(c.dropped, 1);
}

static void enforcing_ends_at_its_deadline_without_user_space(void **state)
{
	struct rig *rig = &the_rig;

	rig_ban(rig, A4, 0, 1);
	rig->ctl.enforce_until_ns = rig_boot_ns() + 60 * SECOND;
	rig_ctl(rig);
	assert_int_equal(run_plain(rig, 1), 1);
	rig->ctl.clock_offset_ns = 58 * SECOND;
	rig_ctl(rig);
	assert_int_equal(run_plain(rig, 1), 1);
	rig->ctl.clock_offset_ns = 60 * SECOND;
	rig_ctl(rig);
	assert_int_equal(run_plain(rig, 1), 0);
	assert_int_equal(rig_counter(rig, SW_R_BAN).packets, 3);
	assert_int_equal(rig_counter(rig, SW_R_BAN).dropped, 2);
}

static void ban_expires_without_user_space(void **state)
{
	struct rig *rig = &the_rig;

	rig_ban(rig, A4, rig_boot_ns() + 60 * SECOND, 1);
	assert_int_equal(run_plain(rig, 1), 1);
	rig->ctl.clock_offset_ns = 60 * SECOND;
	rig_ctl(rig);
	assert_int_equal(run_plain(rig, 1), 0);
	assert_int_equal(rig_counter(rig, SW_R_BAN).packets, 1);
}

static void counters_are_exact_whatever_is_told(void **state)
{
	struct rig *rig = &the_rig;
	struct sw_counter c;
	struct packet p;

	rig_ban(rig, A4, 0, 1);
	rig->ctl.token_burst = 1;
	rig->ctl.token_rate = 1;
	rig_ctl(rig);
	packet_build(&plain, &p);
	assert_int_equal(rig_run(rig, RIG_XDP, p.data, p.len, 5000), 1);
	c = rig_counter(rig, SW_R_BAN);
	assert_int_equal(c.packets, 5000);
	assert_int_equal(c.dropped, 5000);
	assert_int_equal(c.bytes, 5000 * p.len);
	assert_int_equal(
		rig_stat(rig, SW_STAT_EV_PKT_SENT) + rig_stat(rig, SW_STAT_EV_PKT_LIMITED), 5000);
}

static void full_ring_loses_events_and_says_how_many(void **state)
{
	struct rig *rig = &the_rig;
	size_t told;
	__u64 lost;

	rig_ban(rig, A4, 0, 1);
	run_plain(rig, 500);
	lost = rig_stat(rig, SW_STAT_EV_PKT_LOST);
	assert_true(lost > 0);
	told = rig_events(rig);
	assert_int_equal(told, rig_stat(rig, SW_STAT_EV_PKT_SENT));
	assert_int_equal(told + lost, 500);
	run_plain(rig, 1); /* with room again, its event tells what the lost ones could not */
	assert_int_equal(rig_events(rig), 1);
	assert_int_equal(rig->event[0].hits, lost + 1);
}

static void one_source_is_told_of_within_its_tokens(void **state)
{
	struct rig *rig = &the_rig;

	rig_ban(rig, A4, 0, 1);
	rig->ctl.token_rate = 1;
	rig->ctl.token_burst = 3;
	rig_ctl(rig);
	run_plain(rig, 100);
	assert_int_equal(rig_events(rig), 3);
	assert_int_equal(rig_stat(rig, SW_STAT_EV_PKT_LIMITED), 97);
	rig->ctl.clock_offset_ns = 2 * SECOND; /* earns two, and a part of a third */
	rig_ctl(rig);
	run_plain(rig, 10);
	assert_int_equal(rig_events(rig), 2);
	assert_int_equal(rig->event[0].hits, 98);
	assert_int_equal(rig->event[1].hits, 1);
	rig->ctl.clock_offset_ns = 3600 * SECOND; /* never more than the burst */
	rig_ctl(rig);
	run_plain(rig, 10);
	assert_int_equal(rig_events(rig), 3);
	assert_int_equal(rig->event[0].hits, 9);
}

static void no_tokens_means_no_events(void **state)
{
	struct rig *rig = &the_rig;

	rig_ban(rig, A4, 0, 1);
	rig->ctl.token_rate = 0;
	rig_ctl(rig);
	run_plain(rig, 10);
	assert_int_equal(rig_events(rig), 0);
	assert_int_equal(rig_counter(rig, SW_R_BAN).dropped, 10);
}

static void one_noisy_source_does_not_silence_another(void **state)
{
	struct packet_spec other = {.from = "198.18.0.9", .to = B4};
	struct rig *rig = &the_rig;
	struct packet p;

	rig_ban(rig, "198.18.0.0/24", 0, 1);
	rig->ctl.token_rate = 1;
	rig->ctl.token_burst = 2;
	rig_ctl(rig);
	run_plain(rig, 1000);
	packet_build(&other, &p);
	rig_run(rig, RIG_XDP, p.data, p.len, 1);
	assert_int_equal(rig_events(rig), 3);
	assert_int_equal(rig->event[2].saddr[3], 9);
}

/* The CPU's own bucket holds what forged sources cost, each of which has a bucket of its own. */
static void forged_sources_are_told_of_within_the_limit_of_the_cpu(void **state)
{
	struct rig *rig = &the_rig;
	struct packet p;
	uint64_t from = rig_boot_ns(), most;

	rig_ban(rig, "0.0.0.0/0", 0, 1);
	packet_build(&plain, &p);
	for (unsigned int i = 0; i < 20000; i++) {
		memcpy(p.data + 14 + 12, &i, 4);
		rig_run(rig, RIG_XDP, p.data, p.len, 1);
		if (i % 4096 == 0)
			rig_events(rig);
	}
	most = SW_EV_PKT_CPU_BURST + (rig_boot_ns() - from) * SW_EV_PKT_CPU_RATE / SECOND + 1;
	assert_true(rig_stat(rig, SW_STAT_EV_PKT_SENT) <= most);
	assert_true(rig_stat(rig, SW_STAT_EV_PKT_SENT) >= SW_EV_PKT_CPU_BURST);
	assert_int_equal(rig_counter(rig, SW_R_BAN_NET).dropped, 20000);
}

static __u64 untold_hits(const struct rig *rig)
{
	struct bpf_map *recent = rig->skel->maps.recent;
	size_t n = (size_t)libbpf_num_possible_cpus();
	struct sw_recent *of_cpu = calloc(n, sizeof(*of_cpu));
	__u64 sum = 0;

	assert_non_null(of_cpu);
	for (__u32 i = 0; i < SW_RECENT_SLOTS; i++) {
		assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(recent), &i, of_cpu), 0);
		for (size_t cpu = 0; cpu < n; cpu++)
			sum += of_cpu[cpu].hits;
	}
	free(of_cpu);
	return sum;
}

/* Sources that share a slot push each other out: what they had not told yet goes with them. */
static void hits_of_a_source_that_makes_room_are_told(void **state)
{
	struct rig *rig = &the_rig;
	struct packet p;
	__u64 hits = 0, evicted = 0;

	rig_ban(rig, "0.0.0.0/0", 0, 1);
	rig->ctl.token_rate = 1;
	rig->ctl.token_burst = 1;
	rig_ctl(rig);
	packet_build(&plain, &p);
	for (unsigned int i = 0; i < 4500; i++) {
		memcpy(p.data + 14 + 12, &(unsigned int){1 + i / 3}, 4);
		rig_run(rig, RIG_XDP, p.data, p.len, 1);
	}
	assert_true(rig_events(rig) > 0);
	for (size_t i = 0; i < rig->n_events; i++) {
		hits += rig->event[i].hits;
		evicted += rig->event[i].daddr[0] == 0;
	}
	assert_true(evicted > 0);
	assert_int_equal(hits + untold_hits(rig), 4500);
	assert_int_equal(rig_counter(rig, SW_R_BAN_NET).packets, 4500);
}

struct swapper {
	struct rig *rig;
	atomic_bool is_done;
	unsigned int swaps;
};

static void *swap_on(void *arg)
{
	struct swapper *s = arg;

	while (!atomic_load(&s->is_done)) {
		int fd = rig_new_trie(false, 16);

		rig_list(fd, s->swaps % 2 ? A4 : "198.18.0.0/24", SW_TRAIL_DROP, s->swaps);
		rig_swap(s->rig, false, fd);
		close(fd);
		s->swaps++;
	}
	return NULL;
}

static void every_packet_is_judged_by_one_set_of_trails_or_the_next(void **state)
{
	struct swapper s = {.rig = &the_rig};
	struct rig *rig = &the_rig;
	uint64_t until = rig_boot_ns() + SECOND / 2;
	__u64 packets = 0;
	pthread_t thread;

	rig_trail(rig, A4, SW_TRAIL_DROP, 0);
	assert_int_equal(pthread_create(&thread, NULL, swap_on, &s), 0);
	while (rig_boot_ns() < until) {
		assert_int_equal(run_plain(rig, 2000), 1);
		packets += 2000;
		rig_events(rig);
	}
	atomic_store(&s.is_done, true);
	pthread_join(thread, NULL);
	assert_true(s.swaps > 2);
	assert_int_equal(rig_counter(rig, SW_R_TRAIL_SRC).dropped, packets);
}

static void empty_slots_and_lists_are_safe(void **state)
{
	struct rig *rig = &the_rig;
	int empty4 = rig_new_trie(false, 1), empty6 = rig_new_trie(true, 1);
	struct packet six;

	packet_build(&(struct packet_spec){.from = A6, .to = B6}, &six);
	assert_int_equal(run_plain(rig, 1), 0);
	rig_swap(rig, false, empty4);
	rig_swap(rig, true, empty6);
	assert_int_equal(run_plain(rig, 1), 0);
	assert_int_equal(rig_run(rig, RIG_XDP, six.data, six.len, 1), 0);
	close(empty4);
	close(empty6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)
#define TEST_BOTH(name)                                                                            \
	TEST(name),                                                                                \
	{                                                                                          \
#name ", packed", name, open_packed, close_rig, NULL                               \
	}
#define TEST_SMALL(name) cmocka_unit_test_setup_teardown(name, open_small_ring, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(no_packet_is_dropped_before_its_addresses_are_whole),
		TEST_BOTH(no_cut_packet_is_dropped_without_a_ban),
		TEST_BOTH(observe_and_enforce_switch_live),
		TEST_BOTH(enforcing_ends_at_its_deadline_without_user_space),
		TEST_BOTH(ban_expires_without_user_space),
		TEST_BOTH(counters_are_exact_whatever_is_told),
		TEST_SMALL(full_ring_loses_events_and_says_how_many),
		TEST_BOTH(one_source_is_told_of_within_its_tokens),
		TEST_BOTH(no_tokens_means_no_events),
		TEST_BOTH(one_noisy_source_does_not_silence_another),
		TEST(forged_sources_are_told_of_within_the_limit_of_the_cpu),
		TEST_BOTH(hits_of_a_source_that_makes_room_are_told),
		TEST(every_packet_is_judged_by_one_set_of_trails_or_the_next),
		TEST(empty_slots_and_lists_are_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
