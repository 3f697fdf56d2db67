/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The packed engine against the tries, which define what is right, through the whole program by test
 * run; swaps and bans while packets run; marks after a guard was killed.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include "tests/bpf/gate_rig.h"
#include "tests/lib/trail_sets.h"
#include "user/guard/bans.h"

enum { SETS = 40, HOSTS = 700, PORTS = 60, SWAPS = 1000, LANES = 8 };

static void open_packed(struct rig *rig)
{
	rig_open(rig, 0);
	rig->is_packed = true;
	rig_usual(rig);
	rig->ctl.token_rate = 0; /* nothing is told: counters say enough */
	rig_ctl(rig);
}

static int open_rig(void **state)
{
	static struct rig the_rig;

	*state = &the_rig;
	open_packed(&the_rig);
	return 0;
}

static int close_rig(void **state)
{
	rig_close(*state);
	return 0;
}

static void set_engine(struct rig *rig, enum sw_trail_engine engine)
{
	rig->ctl.engine = engine;
	rig_ctl(rig);
}

static void put_address(struct packet *p, const struct sw_net *host, bool is_source)
{
	bool is_six = host->family == SW_AF_IP6;

	memcpy(p->data + 14 + (is_six ? 8 : 12) +
			(is_source               ? 0
					: is_six ? 16
						 : 4),
		host->addr, is_six ? 16 : 4);
}

/* The tries with the set, put in force under the packed generation's feet: the engine's word chooses. */
static void put_tries(struct rig *rig, const struct sw_trail_entry *e, size_t n, __u8 family)
{
	int fd = rig_new_trie(family == SW_AF_IP6, (__u32)n);

	for (size_t i = 0; i < n; i++) {
		struct sw_trail_val value = {.set = e[i].set, .action = (__u8)e[i].action};
		struct sw_lpm6 key;

		rig_lpm_key(&e[i].net, &key);
		assert_int_equal(bpf_map_update_elem(fd, &key, &value, BPF_ANY), 0);
	}
	rig_swap(rig, family == SW_AF_IP6, fd);
	close(fd);
}

static void put_ports(struct packet *p, uint16_t sport, uint16_t dport)
{
	const uint8_t bytes[4] = {sport >> 8, sport & 255, dport >> 8, dport & 255};

	memcpy(p->data + p->l4_off, bytes, sizeof(bytes));
}

/* Some of the set's hosts with a port of a few, in the set and beside it. */
static void choose_ports(struct rig *rig, const struct trail_set *s, __u8 family, uint64_t *seed)
{
	for (rig->n_ports = 0; rig->n_ports < PORTS; rig->n_ports++) {
		struct sw_net near = s->entry[set_random(seed) % s->n].net;

		rig->port[rig->n_ports] = (struct sw_trail_port){
			.net = set_host(seed, family, &near),
			.port = (__u16)(1 + set_random(seed) % 3),
			.action = set_random(seed) % 2 ? SW_TRAIL_DROP : SW_TRAIL_OBSERVE};
	}
}

/* What both engines say of the packet: by the counters, the reason counted and whether it was dropped. */
static void compare_engines(struct rig *rig, const struct sw_trail_entry *e, size_t n, const struct packet *p)
{
	struct sw_counter before[SW_R_COUNT], now;
	int verdict[SW_ENGINE_COUNT], reason[SW_ENGINE_COUNT];

	for (enum sw_trail_engine engine = 0; engine < SW_ENGINE_COUNT; engine++) {
		for (__u32 r = 0; r < SW_R_COUNT; r++)
			before[r] = rig_counter(rig, r);
		set_engine(rig, engine);
		verdict[engine] = rig_run(rig, RIG_XDP, p->data, p->len, 1);
		reason[engine] = -1;
		for (__u32 r = 0; r < SW_R_COUNT; r++) {
			now = rig_counter(rig, r);
			if (now.packets != before[r].packets)
				reason[engine] = (int)r;
		}
	}
	if (verdict[0] == verdict[1] && reason[0] == reason[1])
		return;
	for (size_t i = 0; i < n; i++) {
		char text[SW_NET_TEXT_MAX];

		print_error("%s/%u %u\n", sw_cidr_format(text, &e[i].net), e[i].net.plen, e[i].action);
	}
	fail_msg("lpm: verdict %d reason %d, packed: %d, %d", verdict[0], reason[0], verdict[1],
		reason[1]);
}

static void check_family(struct rig *rig, __u8 family, uint64_t seed)
{
	struct packet_spec spec = {.from = family == SW_AF_IP4 ? "192.0.2.1" : "2001:db8::1",
		.to = family == SW_AF_IP4 ? "192.0.2.2" : "2001:db8::2"};
	struct packet p;

	packet_build(&spec, &p);
	for (int i = 0; i < SETS; i++) {
		struct trail_set s;

		set_make(&seed, family, &s);
		choose_ports(rig, &s, family, &seed);
		rig_put_trails(rig, s.entry, s.n);
		put_tries(rig, s.entry, s.n, family);
		for (int k = 0; k < HOSTS; k++) {
			struct sw_net near = s.entry[set_random(&seed) % s.n].net,
				      host = set_host(&seed, family, &near);

			if (k % 3 == 0)
				host = rig->port[set_random(&seed) % PORTS].net;
			put_address(&p, &host, k % 2);
			put_ports(&p, (uint16_t)(1 + set_random(&seed) % 4),
				(uint16_t)(1 + set_random(&seed) % 4));
			compare_engines(rig, s.entry, s.n, &p);
		}
	}
}

static void ipv4_is_judged_as_by_the_tries(void **state)
{
	check_family(*state, SW_AF_IP4, 0x1234);
}

static void ipv6_is_judged_as_by_the_tries(void **state)
{
	check_family(*state, SW_AF_IP6, 0x4321);
}

/* As many /40 to /47 as are not all marked as /48s, exceptions and others among them. */
static void many_short_ipv6_networks_are_judged_as_by_the_tries(void **state)
{
	enum { MANY = 3000 };
	static const struct packet_spec spec = {.from = "2001:db8::1", .to = "2001:db8::2"};
	static struct sw_trail_entry e[MANY];
	struct rig *rig = *state;
	uint64_t seed = 0x4048;
	struct packet p;
	size_t n = 0;

	for (size_t i = 0; i < MANY; i++) {
		struct sw_net host = set_host(&seed, SW_AF_IP6, i % 8 ? NULL : &e[i / 2].net);
		unsigned int plen = i % 20 ? 40 + (unsigned int)(set_random(&seed) % 8) / 3 : 32 + (unsigned int)i % 97;

		e[i] = (struct sw_trail_entry){.net = sw_net_trim(&host, plen),
			.action = i % 11 ? SW_TRAIL_DROP : (__u32)(set_random(&seed) % SW_TRAIL_ACTION_COUNT)};
	}
	qsort(e, MANY, sizeof(*e), set_compare);
	for (size_t i = 0; i < MANY; i++)
		if (!n || sw_net_cmp(&e[n - 1].net, &e[i].net))
			e[n++] = e[i];
	packet_build(&spec, &p);
	rig_put_trails(rig, e, n);
	put_tries(rig, e, n, SW_AF_IP6);
	for (int k = 0; k < 20 * HOSTS; k++) {
		struct sw_net host = set_host(&seed, SW_AF_IP6, &e[set_random(&seed) % n].net);

		put_address(&p, &host, k % 2);
		compare_engines(rig, e, n, &p);
	}
}

/* The reason counted for one packet, and whether it was dropped. */
static int judged_as(struct rig *rig, const struct packet *p)
{
	__u64 before[SW_R_COUNT];
	int verdict, reason = -1;

	for (__u32 r = 0; r < SW_R_COUNT; r++)
		before[r] = rig_counter(rig, r).packets;
	verdict = rig_run(rig, RIG_XDP, p->data, p->len, 1);
	for (__u32 r = 0; r < SW_R_COUNT; r++)
		if (rig_counter(rig, r).packets != before[r])
			reason = (int)r;
	return reason << 8 | verdict;
}

/* Bans that run, that are over, of networks; allow entries; among the set's own addresses and networks. */
static void put_others(struct rig *rig, const struct trail_set *s, uint64_t *seed)
{
	for (int i = 0; i < 40; i++) {
		struct sw_net near = s->entry[set_random(seed) % s->n].net, host = set_host(seed, SW_AF_IP4, &near),
			      net = sw_net_trim(&host, i % 4 ? 32 : 20 + (unsigned int)(set_random(seed) % 12));
		char text[SW_NET_TEXT_MAX + 4];

		snprintf(text, sizeof(text), "%u.%u.%u.%u/%u", net.addr[0], net.addr[1], net.addr[2], net.addr[3],
			net.plen);
		if (i % 5 == 4)
			rig_allow(rig, text);
		else
			rig_ban(rig, text, i % 5 == 3 ? 1 : 0, 1 + (uint64_t)i);
	}
}

/* A tag before the header makes the packet one that is read whole. */
static void what_a_header_alone_says_is_what_the_whole_packet_says(void **state)
{
	struct packet_spec spec = {.from = "192.0.2.1", .to = "192.0.2.2"};
	struct rig *rig = *state;
	struct packet plain, tagged;
	uint64_t seed = 0x5eed;
	bool seen[SW_R_COUNT] = {};

	packet_build(&spec, &plain);
	spec.vlan[0] = 5;
	packet_build(&spec, &tagged);
	for (int i = 0; i < SETS / 2; i++) {
		struct trail_set s;

		rig_reset(rig);
		rig->ctl.token_rate = 0;
		rig->ctl.mode = i % 4 ? SW_MODE_ENFORCE : SW_MODE_OBSERVE;
		rig_ctl(rig);
		set_make(&seed, SW_AF_IP4, &s);
		choose_ports(rig, &s, SW_AF_IP4, &seed);
		rig_put_trails(rig, s.entry, s.n);
		put_others(rig, &s, &seed);
		for (int k = 0; k < HOSTS; k++) {
			struct sw_net near = s.entry[set_random(&seed) % s.n].net,
				      source = set_host(&seed, SW_AF_IP4, &near),
				      destination = set_host(&seed, SW_AF_IP4, k % 3 ? NULL : &near);
			int want, got;

			put_address(&plain, &source, true);
			put_address(&plain, &destination, false);
			memcpy(tagged.data + tagged.ip_off + 12, plain.data + plain.ip_off + 12, 8);
			got = judged_as(rig, &plain);
			want = judged_as(rig, &tagged);
			if (got != want || judged_as(rig, &plain) != want)
				fail_msg("%u.%u.%u.%u: reason %d verdict %d, of the whole packet %d, %d",
					source.addr[0], source.addr[1], source.addr[2], source.addr[3], got >> 8,
					got & 255, want >> 8, want & 255);
			if (want >= 0)
				seen[want >> 8] = true;
		}
	}
	assert_true(seen[SW_R_BAN] && seen[SW_R_BAN_NET] && seen[SW_R_TRAIL_SRC] && seen[SW_R_TRAIL_DST] &&
		seen[SW_R_TAG_SRC] && seen[SW_R_ALLOWED]);
}

static void allow_wins_over_a_packed_trail(void **state)
{
	struct rig *rig = *state;
	struct packet p;

	packet_build(&(struct packet_spec){.from = "198.18.0.7", .to = "198.18.1.1"}, &p);
	rig_trail(rig, "198.18.0.0/24", SW_TRAIL_DROP, 1);
	assert_int_equal(rig_run(rig, RIG_XDP, p.data, p.len, 1), 1);
	rig_allow(rig, "198.0.0.0/8");
	assert_int_equal(rig_run(rig, RIG_XDP, p.data, p.len, 1), 0);
	assert_int_equal(rig_counter(rig, SW_R_ALLOWED).packets, 1);
}

/* ---- swaps and bans while packets run */

/* Odd and even sets: A is in both, B and C in one each; the packets' two addresses say which. */
static const struct {
	const char *name, *from, *to;
	bool is_dropped;
} streams[] = {
	{"source in both sets", "198.18.0.7", "192.0.2.1", true},
	{"source in one, destination in the other", "198.18.5.9", "198.19.200.1", true},
	{"IPv6 source in one, destination in the other", "2001:db8:5::9", "2001:db8:6::1", true},
	{"an exception in both sets", "198.18.0.8", "192.0.2.1", false},
	{"a banned source that no set has", "198.18.77.1", "192.0.2.1", true},
	{"in no set, in a marked /24", "198.18.5.10", "192.0.2.1", false},
	{"its port in one set, the whole address in the other", "198.18.180.1", "192.0.2.1", true},
	{"its port in one set, the destination's in the other", "198.18.181.1", "198.18.182.1", true},
	{"another port than those of both sets", "198.18.183.1", "192.0.2.1", false},
	{"IPv6 source in both sets", "2001:db8:7::9", "2001:db8:ffff::1", true},
	{"IPv6: its port in one set, the whole address in the other", "2001:db8:180::1", "2001:db8:ffff::1", true},
	{"IPv6: its port in one set, the destination's in the other", "2001:db8:181::1", "2001:db8:182::1", true},
	{"IPv6: in no set, in a marked /64", "2001:db8:4::9", "2001:db8:6::2", false},
};

/* What one set alone matches: dropped as soon as a swap to it has returned, and let through after one away. */
static const struct {
	const char *from, *to;
	bool is_odd;
} lone[] = {
	{"198.18.5.9", "192.0.2.1", true},
	{"192.0.2.1", "198.19.200.1", false},
	{"198.18.181.1", "192.0.2.1", true},
	{"192.0.2.1", "198.18.182.1", false},
	{"2001:db8:5::9", "2001:db8:ffff::1", true},
	{"2001:db8:6::1", "2001:db8:ffff::1", false},
	{"2001:db8:181::1", "2001:db8:ffff::1", true},
	{"2001:db8:ffff::1", "2001:db8:182::1", false},
};

/* A gate of its own, whose sets are swapped while packets run through it. */
struct lane {
	struct rig *rig;
	int first; /* the first set it puts: odd or even */
	unsigned long wrong[SW_ARRAY_SIZE(streams)], lone_wrong;
};

struct runner {
	struct lane lane[LANES];
	struct packet packet[SW_ARRAY_SIZE(streams)];
	atomic_bool is_over;
	unsigned long runs;
};

/* One for all lanes: a packet's way that is put aside for another program holds up every grace period. */
static void *run_packets(void *arg)
{
	struct runner *r = arg;

	while (!atomic_load(&r->is_over)) {
		struct lane *lane = &r->lane[r->runs % LANES];
		size_t i = r->runs++ / LANES % SW_ARRAY_SIZE(streams);
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = r->packet[i].data,
			.data_size_in = (__u32)r->packet[i].len,
			.repeat = 1); /* more would wait for a grace period each time */

		lane->wrong[i] += bpf_prog_test_run_opts(rig_prog_fd(lane->rig, RIG_XDP), &opts) ||
			opts.retval != (streams[i].is_dropped ? 1u : 2u);
	}
	return NULL;
}

static void put_set(struct rig *rig, bool is_odd)
{
	static const struct {
		const char *net;
		enum sw_trail_action action;
		int parity; /* 0: in both sets */
	} entries[] = {
		{"198.18.0.0/24", SW_TRAIL_DROP, 0},
		{"198.18.0.8", SW_TRAIL_EXCEPT, 0},
		{"198.18.5.9", SW_TRAIL_DROP, 1},
		{"198.19.200.0/23", SW_TRAIL_DROP, 2},
		{"2001:db8:5::/48", SW_TRAIL_DROP, 1},
		{"2001:db8:6::1", SW_TRAIL_DROP, 2},
		{"203.0.113.7", SW_TRAIL_OBSERVE, 1},
		{"198.18.64.0/18", SW_TRAIL_DROP, 2},
		{"198.18.77.1", SW_TRAIL_EXCEPT, 2},
		{"198.18.180.1", SW_TRAIL_DROP, 2},
		{"2001:db8:7::/48", SW_TRAIL_DROP, 0},
		{"2001:db8:180::1", SW_TRAIL_DROP, 2},
	};
	static const char *const ports[] = {"198.18.180.1", "198.18.181.1", "198.18.183.1", "2001:db8:180::1",
					 "2001:db8:181::1"},
				 *const even_ports[] = {"198.18.182.1", "198.18.183.1", "2001:db8:182::1"};
	struct sw_trail_entry e[SW_ARRAY_SIZE(entries)];
	size_t n = 0;

	for (size_t i = 0; i < SW_ARRAY_SIZE(entries); i++)
		if (!entries[i].parity || (entries[i].parity == 1) == is_odd)
			e[n++] = (struct sw_trail_entry){
				rig_net(entries[i].net), 0, 0, entries[i].action};
	rig->n_ports = 0;
	for (size_t i = 0; i < (is_odd ? SW_ARRAY_SIZE(ports) : SW_ARRAY_SIZE(even_ports)); i++) {
		struct sw_net host = rig_net(is_odd ? ports[i] : even_ports[i]);
		bool is_quiet = host.addr[2] == 183;

		rig->port[rig->n_ports++] = (struct sw_trail_port){.net = host,
			.port = is_quiet ? 4 : is_odd ? 40000 : 443,
			.action = SW_TRAIL_DROP};
	}
	rig_put_trails(rig, e, n);
}

static unsigned long count_lone_wrong(struct rig *rig, bool is_odd)
{
	unsigned long n = 0;

	for (size_t i = 0; i < SW_ARRAY_SIZE(lone); i++) {
		struct packet p;

		packet_build(&(struct packet_spec){.from = lone[i].from, .to = lone[i].to}, &p);
		n += rig_run(rig, RIG_XDP, p.data, p.len, 1) != (lone[i].is_odd == is_odd);
	}
	return n;
}

static void *swap_sets(void *arg)
{
	struct lane *lane = arg;
	struct sw_net neighbour = rig_net("198.18.77.2");

	for (int i = lane->first; i < lane->first + SWAPS / LANES; i++) {
		put_set(lane->rig, i % 2);
		lane->lone_wrong += count_lone_wrong(lane->rig, i % 2);
		/* a ban of a neighbour comes and goes, and takes no mark with it that another needs */
		sw_marks_add(lane->rig->marks, &neighbour);
		sw_marks_del(lane->rig->marks, &neighbour);
	}
	return NULL;
}

static void open_lane(struct lane *lane, int number)
{
	*lane = (struct lane){.rig = calloc(1, sizeof(*lane->rig)), .first = number};
	assert_non_null(lane->rig);
	open_packed(lane->rig);
	put_set(lane->rig, true);
	rig_ban(lane->rig, "198.18.77.1", 0, 1);
}

static void close_lane(struct lane *lane)
{
	rig_close(lane->rig);
	free(lane->rig);
	assert_int_equal(lane->lone_wrong, 0);
	for (size_t i = 0; i < SW_ARRAY_SIZE(streams); i++)
		if (lane->wrong[i])
			fail_msg("%s: %lu wrong", streams[i].name, lane->wrong[i]);
}

/* A swap waits for four grace periods of the kernel and does little else: in lanes they pass at the same time. */
static void through_a_thousand_swaps_no_packet_is_judged_by_neither_set(void **state)
{
	static struct runner r;
	pthread_t packets, swaps[LANES];
	cpu_set_t all;

	for (size_t i = 0; i < SW_ARRAY_SIZE(streams); i++)
		packet_build(&(struct packet_spec){.from = streams[i].from, .to = streams[i].to}, &r.packet[i]);
	for (int i = 0; i < LANES; i++)
		open_lane(&r.lane[i], i);
	memset(&all, 0xff, sizeof(all)); /* a CPU of its own for the packets, where there is one */
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(pthread_create(&packets, NULL, run_packets, &r), 0);
	for (int i = 0; i < LANES; i++)
		assert_int_equal(pthread_create(&swaps[i], NULL, swap_sets, &r.lane[i]), 0);
	for (int i = 0; i < LANES; i++)
		pthread_join(swaps[i], NULL);
	atomic_store(&r.is_over, true);
	pthread_join(packets, NULL);
	print_message("%lu packets through %d swaps\n", r.runs, SWAPS);
	assert_true(r.runs > 10 * SWAPS);
	for (int i = 0; i < LANES; i++)
		close_lane(&r.lane[i]);
}

/* ---- marks */

static struct sw_guard_ban ban_of(const char *net)
{
	return (struct sw_guard_ban){.net = rig_net(net), .flags = SW_GUARD_BAN_WIDE, .id = 1};
}

static int run_from(struct rig *rig, const char *from)
{
	struct packet p;

	packet_build(&(struct packet_spec){.from = from,
			     .to = strchr(from, ':') ? "2001:db8:ffff::1" : "192.0.2.1"},
		&p);
	return rig_run(rig, RIG_XDP, p.data, p.len, 1);
}

/* The words of a map of marks, mapped: asking for each takes a call to the kernel. */
static const __u64 *map_marks(const struct rig *rig, enum sw_map map, size_t words)
{
	void *at = mmap(NULL, words * sizeof(__u64), PROT_READ, MAP_SHARED, rig->maps.fd[map], 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

static void unmap_marks(const __u64 *at, size_t words)
{
	munmap((void *)(uintptr_t)at, words * sizeof(*at));
}

static unsigned long count_marks(const struct rig *rig, enum sw_map map)
{
	const __u64 *words = map_marks(rig, map, SW_MARK_WORDS);
	unsigned long n = 0;

	for (__u32 i = 0; i < SW_MARK_WORDS; i++)
		n += (unsigned long)__builtin_popcountll(words[i]);
	unmap_marks(words, SW_MARK_WORDS);
	return n;
}

/* A coarse bit is set where any of its marks is, and nowhere else. */
static void check_coarse(const struct rig *rig, enum sw_map marks, enum sw_map coarse)
{
	const __u64 *fine = map_marks(rig, marks, SW_MARK_WORDS), *few = map_marks(rig, coarse, SW_COARSE_WORDS);

	for (__u32 at = 0; at < SW_COARSE_WORDS; at++) {
		__u64 want = 0;

		for (__u32 i = at * SW_COARSE_MARKS / 64; i < (at + 1) * SW_COARSE_MARKS / 64; i++)
			for (__u64 word = fine[i]; word; word &= word - 1)
				want |= sw_coarse_bits(i * 64 + (__u32)__builtin_ctzll(word));
		if (few[at] != want)
			fail_msg("coarse word %u: %llx, not %llx", at, few[at], want);
	}
	unmap_marks(fine, SW_MARK_WORDS);
	unmap_marks(few, SW_COARSE_WORDS);
}

static const struct {
	const char *net, *inside, *beside;
} bans[] = {
	{"198.18.3.4", "198.18.3.4", "198.18.3.5"},
	{"198.18.3.128/25", "198.18.3.200", "198.18.3.100"},
	{"198.18.4.0/22", "198.18.7.255", "198.18.8.0"},
	{"198.18.0.0/16", "198.18.99.1", "198.19.0.0"},
	{"64.0.0.0/3", "95.1.2.3", "96.0.0.0"},
	{"0.0.0.0/0", "9.9.9.9", NULL},
	{"2001:db8::7", "2001:db8::7", "2001:db8::8"},
	{"2001:db8:0:1::/64", "2001:db8:0:1:ffff::1", "2001:db8:0:2::1"},
	{"2001:db8:7::/50", "2001:db8:7:3fff::1", "2001:db8:7:4000::1"},
	{"2001:db8:100::/40", "2001:db8:1ff::1", "2001:db8:200::1"},
	{"2001:db8::/35", "2001:db8:1fff::1", "2001:db8:2000::1"},
	{"2001:d00::/24", "2001:dff::1", "2001:e00::1"},
	{"2000::/15", "2001::1", "2002::1"},
	{"::/0", "fe80::1", NULL},
};

static void a_ban_of_any_length_drops_and_its_end_leaves_no_mark(void **state)
{
	struct rig *rig = *state;
	struct sw_bans *b = NULL;
	char text[160];
	__u32 done;

	assert_int_equal(sw_bans_new(&rig->maps, rig->marks, NULL, &b), 0);
	for (size_t i = 0; i < SW_ARRAY_SIZE(bans); i++) {
		struct sw_guard_ban ban = ban_of(bans[i].net), neighbour = ban_of("198.18.3.77");

		for (int round = 0; round < 2; round++) /* the same ban again counts once */
			assert_int_equal(sw_bans_put(b, &ban, 1, &done, text, sizeof(text)), 0);
		if (run_from(rig, bans[i].inside) != 1)
			fail_msg("%s does not drop %s", bans[i].net, bans[i].inside);
		if (bans[i].beside && run_from(rig, bans[i].beside) != 0)
			fail_msg("%s drops %s", bans[i].net, bans[i].beside);
		assert_int_equal(sw_bans_put(b, &neighbour, 1, &done, text, sizeof(text)), 0);
		assert_int_equal(sw_bans_del(b, &ban, 1, &done, text, sizeof(text)), 0);
		if (run_from(rig, bans[i].inside) != 0)
			fail_msg("%s still drops", bans[i].net);
		assert_int_equal(run_from(rig, "198.18.3.77"), 1);
		assert_int_equal(sw_bans_del(b, &neighbour, 1, &done, text, sizeof(text)), 0);
		assert_int_equal(sw_bans_del(b, &neighbour, 1, &done, text, sizeof(text)), 0);
		if (count_marks(rig, SW_MAP_MARKS4) || count_marks(rig, SW_MAP_MARKS6) ||
			count_marks(rig, SW_MAP_OTHERMARKS4))
			fail_msg("%s leaves %lu and %lu marks", bans[i].net,
				count_marks(rig, SW_MAP_MARKS4), count_marks(rig, SW_MAP_MARKS6));
	}
	check_coarse(rig, SW_MAP_MARKS4, SW_MAP_COARSE4);
	check_coarse(rig, SW_MAP_MARKS6, SW_MAP_COARSE6);
	sw_bans_free(b);
}

/* ---- a verdict that is kept for a moment */

enum { FLOOD = 50 };

/* So many packets of a flood, each counted for this reason, dropped or not. */
static void check_flood(struct rig *rig, const struct packet *p, enum sw_reason reason, bool is_dropped)
{
	struct sw_counter before = rig_counter(rig, reason), now;

	for (int i = 0; i < FLOOD; i++) /* not by repeat: at its end a run waits for longer than a verdict is kept */
		assert_int_equal(rig_run(rig, RIG_XDP, p->data, p->len, 1), is_dropped);
	now = rig_counter(rig, reason);
	assert_int_equal(now.packets - before.packets, FLOOD);
	assert_int_equal(now.bytes - before.bytes, FLOOD * p->len);
	assert_int_equal(now.dropped - before.dropped, is_dropped ? FLOOD : 0);
}

static void a_kept_verdict_ends_with_what_it_came_from(void **state)
{
	static const char *const sources[] = {"198.18.3.4", "2001:db8:0:1::7"};
	struct rig *rig = *state;
	struct sw_bans *b = NULL;
	struct packet p;
	char text[160];
	__u32 done;

	assert_int_equal(sw_bans_new(&rig->maps, rig->marks, NULL, &b), 0);
	for (size_t i = 0; i < SW_ARRAY_SIZE(sources); i++) {
		struct sw_guard_ban ban = ban_of(sources[i]);

		packet_build(&(struct packet_spec){.from = sources[i], .to = i ? "2001:db8:ffff::1" : "192.0.2.1"}, &p);
		assert_int_equal(sw_bans_put(b, &ban, 1, &done, text, sizeof(text)), 0);
		check_flood(rig, &p, SW_R_BAN, true);
		assert_int_equal(sw_bans_del(b, &ban, 1, &done, text, sizeof(text)), 0);
		assert_int_equal(rig_run(rig, RIG_XDP, p.data, p.len, 1), 0);
		rig_trail(rig, sources[i], SW_TRAIL_DROP, 1);
		check_flood(rig, &p, SW_R_TRAIL_SRC, true);
		rig->ctl.mode = SW_MODE_OBSERVE;
		rig_ctl(rig);
		check_flood(rig, &p, SW_R_TRAIL_SRC, false);
		rig->ctl.mode = SW_MODE_ENFORCE;
		rig_ctl(rig);
		check_flood(rig, &p, SW_R_TRAIL_SRC, true);
		rig_allow(rig, sources[i]);
		check_flood(rig, &p, SW_R_ALLOWED, false);
	}
	sw_bans_free(b);
}

static void a_kept_verdict_ends_with_the_ban(void **state)
{
	struct rig *rig = *state;
	struct packet p;

	packet_build(&(struct packet_spec){.from = "198.18.3.4", .to = "192.0.2.1"}, &p);
	rig_ban(rig, "198.18.3.4", rig_boot_ns() + 3600 * 1000000000ULL, 1);
	check_flood(rig, &p, SW_R_BAN, true);
	rig->ctl.clock_offset_ns = 3601 * 1000000000ULL;
	rig_ctl(rig);
	assert_int_equal(rig_run(rig, RIG_XDP, p.data, p.len, 1), 0);
}

/* Their bits in the others' marks are of one word, and many are the same bit. */
static void bans_of_one_word_end_without_each_other(void **state)
{
	enum { N = 300, WORD = 0xc6120000 /* 198.18.0.0/18 */ };
	static struct sw_guard_ban ban[N];
	struct rig *rig = *state;
	struct sw_bans *b = NULL;
	struct packet p;
	char text[160];
	__u32 done;

	rig_port(rig, "198.18.9.9", 4444, SW_TRAIL_DROP, 1);
	packet_build(&(struct packet_spec){.from = "192.0.2.7", .to = "192.0.2.1"}, &p);
	assert_int_equal(sw_bans_new(&rig->maps, rig->marks, NULL, &b), 0);
	for (__u32 i = 0; i < N; i++) { /* 64 /24s, up to five hosts in each */
		ban[i].net = sw_net_from4(htobe32(WORD + (i % 64 << 8) + 16 + i / 64));
		ban[i].id = i + 1;
		assert_int_equal(sw_bans_put(b, &ban[i], 1, &done, text, sizeof(text)), 0);
	}
	for (__u32 i = 0; i < N; i++) {
		assert_int_equal(sw_bans_del(b, &ban[i], 1, &done, text, sizeof(text)), 0);
		for (__u32 k = i % 10; k < N; k += 10) { /* this one, and some of those before and after */
			put_address(&p, &ban[k].net, true);
			assert_int_equal(rig_run(rig, RIG_XDP, p.data, p.len, 1), k > i);
		}
	}
	assert_int_equal(count_marks(rig, SW_MAP_OTHERMARKS4), 1);
	put_address(&p, &(struct sw_net){.addr = {198, 18, 9, 9}, .family = SW_AF_IP4, .plen = 32}, true);
	put_ports(&p, 4444, 443);
	assert_int_equal(rig_run(rig, RIG_XDP, p.data, p.len, 1), 1);
	sw_bans_free(b);
}

static void a_verdict_on_a_port_is_not_kept_for_the_address(void **state)
{
	struct rig *rig = *state;
	struct packet p;

	packet_build(&(struct packet_spec){.from = "198.18.3.4", .to = "192.0.2.1"}, &p);
	rig_port(rig, "198.18.3.4", 4444, SW_TRAIL_DROP, 1);
	put_ports(&p, 4444, 443);
	check_flood(rig, &p, SW_R_TRAIL_SRC, true);
	put_ports(&p, 4445, 443);
	assert_int_equal(rig_run(rig, RIG_XDP, p.data, p.len, 1), 0);
}

static void a_guard_that_adopts_marks_what_the_killed_one_did_not(void **state)
{
	struct rig *rig = *state;
	struct sw_net net = rig_net("198.18.3.4");
	const struct sw_ban_val val = {.id = 5};
	unsigned long marks4, marks6, others;

	put_set(rig, true);
	check_coarse(rig, SW_MAP_MARKS4, SW_MAP_COARSE4);
	check_coarse(rig, SW_MAP_MARKS6, SW_MAP_COARSE6);
	marks4 = count_marks(rig, SW_MAP_MARKS4);
	marks6 = count_marks(rig, SW_MAP_MARKS6);
	others = count_marks(rig, SW_MAP_OTHERMARKS4);
	assert_int_not_equal(others, 0); /* of the ports */
	/* killed between the map and the mark; and another's mark is left over */
	assert_int_equal(sw_maps_ban_put(&rig->maps, &net, &val), 1);
	assert_int_equal(run_from(rig, "198.18.3.4"), 0);
	assert_int_equal(bpf_map_update_elem(rig->maps.fd[SW_MAP_MARKS6], &(__u32){7},
				 &(__u64){~0ULL}, BPF_ANY),
		0);
	sw_marks_free(rig->marks);
	assert_int_equal(sw_marks_new(&rig->maps, &rig->marks), 0);
	assert_int_equal(run_from(rig, "198.18.3.4"), 1);
	assert_int_equal(run_from(rig, "198.18.5.9"),
		1); /* the trails of the generation are still in force */
	assert_int_equal(run_from(rig, "2001:db8:5::9"), 1);
	assert_int_equal(run_from(rig, "198.18.181.1"), 1); /* by its port */
	assert_int_equal(count_marks(rig, SW_MAP_MARKS4), marks4 + 1);
	assert_int_equal(count_marks(rig, SW_MAP_OTHERMARKS4), others + 1);
	assert_int_equal(count_marks(rig, SW_MAP_MARKS6), marks6);
	assert_int_equal(sw_maps_ban_del(&rig->maps, &net), 0);
	sw_marks_del(rig->marks, &net);
	assert_int_equal(count_marks(rig, SW_MAP_MARKS4), marks4);
	assert_int_equal(count_marks(rig, SW_MAP_OTHERMARKS4), others);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ipv4_is_judged_as_by_the_tries),
		TEST(ipv6_is_judged_as_by_the_tries),
		TEST(many_short_ipv6_networks_are_judged_as_by_the_tries),
		TEST(what_a_header_alone_says_is_what_the_whole_packet_says),
		TEST(allow_wins_over_a_packed_trail),
		TEST(through_a_thousand_swaps_no_packet_is_judged_by_neither_set),
		TEST(a_ban_of_any_length_drops_and_its_end_leaves_no_mark),
		TEST(a_kept_verdict_ends_with_what_it_came_from),
		TEST(a_kept_verdict_ends_with_the_ban),
		TEST(bans_of_one_word_end_without_each_other),
		TEST(a_verdict_on_a_port_is_not_kept_for_the_address),
		TEST(a_guard_that_adopts_marks_what_the_killed_one_did_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
