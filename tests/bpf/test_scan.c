/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scans in the gate: whole programs by test run, sockets of a namespace of the test's own, a clock moved by hand. */
#include "tests/bpf/gate_rig.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "sockwarden/abi/probe.h"

#define ATTACKER4 "198.18.0.7"
#define ATTACKER6 "2001:db8:1:2::7"
#define OWN4      "198.18.1.1"
#define OWN6      "2001:db8:9::1"
#define SECOND    1000000000ULL

static struct rig the_rig;

static void own(const char *text)
{
	struct sw_net net = rig_net(text);
	struct sw_allow_val value = {.origins = SW_ALLOW_OWN};
	struct sw_lpm6 key;

	rig_lpm_key(&net, &key);
	rig_set(net.family == SW_AF_IP4 ? the_rig.skel->maps.allow4 : the_rig.skel->maps.allow6,
		&key, &value);
}

static struct sw_probe_ctl ctl;

static void set_ctl(void)
{
	rig_set(the_rig.skel->maps.probe_ctl, &(__u32){0}, &ctl);
}

static void forget(void)
{
	static const struct sw_probe_set zero;

	for (__u32 i = 0; i < SW_PROBE_SETS; i++)
		rig_set(the_rig.skel->maps.probes, &i, &zero);
}

static void begin(void)
{
	rig_reset(&the_rig);
	forget();
	ctl = (struct sw_probe_ctl){.is_on = 1};
	for (int i = 1; i < SW_PROBE_COUNT; i++)
		ctl.rule[i] = (struct sw_probe_rule){i == SW_PROBE_HOSTS ? 20 : 10, 300};
	for (int i = SW_PROBE_FIN; i <= SW_PROBE_FRAGMENT; i++)
		ctl.rule[i].threshold = 5;
	set_ctl();
	own(OWN4);
	own(OWN6);
}

static void send_spec(const struct packet_spec *spec)
{
	struct packet p;

	packet_build(spec, &p);
	assert_int_equal(rig_run(&the_rig, RIG_XDP, p.data, p.len, 1), 0);
}

static void syn(const char *from, const char *to, uint16_t dport)
{
	send_spec(&(struct packet_spec){.from = from, .to = to, .sport = 40000, .dport = dport});
}

/* How many scans were told since the last call, and of which kind the last was. */
static unsigned int scans(enum sw_probe *ret_kind, unsigned int *ret_n)
{
	unsigned int n = 0;

	rig_events(&the_rig);
	for (size_t i = 0; i < the_rig.n_events; i++) {
		if (the_rig.event[i].reason != SW_R_SCAN)
			continue;
		n++;
		if (ret_kind)
			*ret_kind = (enum sw_probe)SW_PROBE_OF(the_rig.event[i].trail_set);
		if (ret_n)
			*ret_n = SW_PROBE_COUNT_OF(the_rig.event[i].trail_set);
	}
	return n;
}

static uint64_t probes(void)
{
	return rig_counter(&the_rig, SW_R_PROBE).packets;
}

static void wait_virtually(uint64_t ns)
{
	the_rig.ctl.clock_offset_ns += ns;
	rig_ctl(&the_rig);
}

static void a_vertical_scan_is_told_at_its_tenth_probe(void **state)
{
	static const struct {
		const char *from, *to;
	} ways[] = {{ATTACKER4, OWN4}, {ATTACKER6, OWN6}};

	for (size_t w = 0; w < SW_ARRAY_SIZE(ways); w++) {
		enum sw_probe kind = SW_PROBE_NONE;
		unsigned int n = 0;

		begin();
		for (uint16_t port = 1; port < 10; port++)
			syn(ways[w].from, ways[w].to, port);
		assert_int_equal(scans(NULL, NULL), 0);
		syn(ways[w].from, ways[w].to, 10);
		assert_int_equal(scans(&kind, &n), 1);
		assert_int_equal(kind, SW_PROBE_SYN);
		assert_int_equal(n, 10);
		assert_int_equal(probes(), 10);
		for (uint16_t port = 11; port < 1000; port++)
			syn(ways[w].from, ways[w].to, port);
		assert_int_equal(scans(NULL, NULL), 0); /* not for each packet */
		wait_virtually(SW_PROBE_TELL_SEC * SECOND);
		syn(ways[w].from, ways[w].to, 1000);
		assert_int_equal(scans(NULL, NULL), 1);
	}
}

static void one_probe_in_five_seconds_is_told_within_thirty(void **state)
{
	unsigned int sent = 0;

	begin();
	while (!scans(NULL, NULL)) {
		syn(ATTACKER4, OWN4, (uint16_t)(100 + sent++));
		wait_virtually(5 * SECOND);
		assert_true(sent <= 30);
	}
	assert_int_equal(sent, 10);
}

static void a_window_slides_over_any_edge(void **state)
{
	/* nine tries just before a minute, an hour or five minutes are full, one just after */
	static const unsigned int edges[] = {60, 300, 3600};

	for (size_t e = 0; e < SW_ARRAY_SIZE(edges); e++) {
		uint64_t now, wait;

		begin();
		now = rig_boot_ns() / SECOND;
		wait = edges[e] - now % edges[e];
		wait_virtually((wait - 1) * SECOND);
		for (uint16_t port = 1; port < 10; port++)
			syn(ATTACKER4, OWN4, port);
		wait_virtually(2 * SECOND);
		syn(ATTACKER4, OWN4, 10);
		assert_int_equal(scans(NULL, NULL), 1);
	}
}

static void what_is_older_than_the_window_does_not_count(void **state)
{
	begin();
	for (uint16_t port = 1; port < 10; port++)
		syn(ATTACKER4, OWN4, port);
	wait_virtually(301 * SECOND);
	for (uint16_t port = 10; port < 19; port++)
		syn(ATTACKER4, OWN4, port);
	assert_int_equal(scans(NULL, NULL), 0);
	syn(ATTACKER4, OWN4, 19);
	assert_int_equal(scans(NULL, NULL), 1);
}

static void twenty_hosts_with_one_port_are_a_horizontal_scan(void **state)
{
	enum sw_probe kind = SW_PROBE_NONE;
	char to[32];

	begin();
	for (int i = 1; i <= 20; i++) {
		snprintf(to, sizeof(to), "198.18.7.%d", i);
		own(to);
		assert_int_equal(scans(NULL, NULL), 0);
		syn(ATTACKER4, to, 23);
	}
	assert_int_equal(scans(&kind, NULL), 1);
	assert_int_equal(kind, SW_PROBE_HOSTS);
}

static void every_kind_of_flags_is_told_by_its_name(void **state)
{
	static const struct {
		uint8_t flags;
		enum sw_probe kind;
		unsigned int at;
	} rows[] = {
		{0x01, SW_PROBE_FIN, 5},
		{0xc0, SW_PROBE_NULL, 5}, /* the congestion bits alone are no flag */
		{0x29, SW_PROBE_XMAS, 5},
		{0x11, SW_PROBE_MAIMON, 10},
		{0x10, SW_PROBE_ACK, 10},
		{0x03, SW_PROBE_FLAGS, 5},
		{0x3f, SW_PROBE_FLAGS, 5},
		{0x06, SW_PROBE_FLAGS, 5},
		{0x02, SW_PROBE_SYN, 10},
		{0xc2, SW_PROBE_SYN, 10}, /* SYN, ECE, CWR: a client that asks for ECN */
		{0x42, SW_PROBE_SYN, 10},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		for (int six = 0; six < 2; six++) {
			enum sw_probe kind = SW_PROBE_NONE;

			begin();
			for (unsigned int n = 1; n <= rows[i].at; n++) {
				assert_int_equal(scans(NULL, NULL), 0);
				send_spec(&(struct packet_spec){.from = six ? ATTACKER6 : ATTACKER4,
					.to = six ? OWN6 : OWN4,
					.sport = 50000,
					.dport = (uint16_t)(n + 20),
					.tcp_flags = rows[i].flags});
			}
			assert_int_equal(scans(&kind, NULL), 1);
			assert_int_equal(kind, rows[i].kind);
		}
	}
}

static void probes_are_seen_behind_extension_headers_and_in_first_fragments(void **state)
{
	const struct packet_spec ways[] = {
		{.from = ATTACKER6, .to = OWN6, .ext = {0, 60}, .n_ext = 2},
		{.from = ATTACKER6, .to = OWN6, .fragment = PACKET_FIRST},
		{.from = ATTACKER4, .to = OWN4, .option_bytes = 40},
		{.from = ATTACKER4, .to = OWN4, .fragment = PACKET_FIRST},
		{.from = ATTACKER4, .to = OWN4, .vlan = {7, 8}},
	};

	for (size_t i = 0; i < SW_ARRAY_SIZE(ways); i++) {
		struct packet_spec s = ways[i];

		begin();
		for (s.dport = 1; s.dport <= 10; s.dport++)
			send_spec(&s);
		assert_int_equal(scans(NULL, NULL), 1);
	}
}

static void fragments_too_short_for_flags_are_told_at_any_port_and_counted_as_no_other(void **state)
{
	for (int six = 0; six < 2; six++) {
		enum sw_probe kind = SW_PROBE_NONE;

		begin();
		for (unsigned int n = 1; n <= 5; n++) {
			assert_int_equal(scans(NULL, NULL), 0);
			ctl.ports.syn[(n + 20) >> 3] |= (__u8)(1 << ((n + 20) & 7)); /* somebody listens there */
			set_ctl();
			send_spec(&(struct packet_spec){.from = six ? ATTACKER6 : ATTACKER4,
				.to = six ? OWN6 : OWN4,
				.sport = 50000,
				.dport = (uint16_t)(n + 20),
				.fragment = PACKET_FIRST,
				.is_tiny = true});
		}
		assert_int_equal(scans(&kind, NULL), 1);
		assert_int_equal(kind, SW_PROBE_FRAGMENT);
		assert_int_equal(rig_counter(&the_rig, SW_R_UNPARSED).packets, 0);
	}
}

static void udp_that_nobody_wants_is_told(void **state)
{
	enum sw_probe kind = SW_PROBE_NONE;

	begin();
	for (uint16_t port = 1; port <= 10; port++)
		send_spec(&(struct packet_spec){.from = ATTACKER4,
			.to = OWN4,
			.protocol = 17,
			.sport = 50000,
			.dport = port});
	assert_int_equal(scans(&kind, NULL), 1);
	assert_int_equal(kind, SW_PROBE_UDP);
}

static int serve(int type, uint16_t *ret_port)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET6, type, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*ret_port = ntohs(a.sin6_port);
	return fd;
}

static void a_bit_that_lags_behind_raises_nothing(void **state)
{
	uint16_t tcp, udp;
	int a = serve(SOCK_STREAM, &tcp), b = serve(SOCK_DGRAM, &udp);

	begin();
	for (int six = 0; six < 2; six++) {
		syn(six ? ATTACKER6 : ATTACKER4, six ? OWN6 : OWN4, tcp);
		send_spec(&(struct packet_spec){.from = six ? ATTACKER6 : ATTACKER4,
			.to = six ? OWN6 : OWN4,
			.protocol = 17,
			.sport = 50000,
			.dport = udp});
	}
	assert_int_equal(probes(), 0);
	close(a);
	close(b);
	syn(ATTACKER4, OWN4, tcp);
	assert_int_equal(probes(), 1);
}

static void a_set_bit_asks_nothing_more(void **state)
{
	begin();
	memset(&ctl.ports, 0xff, sizeof(ctl.ports));
	set_ctl();
	for (uint16_t port = 1; port <= 100; port++) {
		syn(ATTACKER4, OWN4, port);
		send_spec(&(struct packet_spec){.from = ATTACKER4,
			.to = OWN4,
			.protocol = 17,
			.sport = 50000,
			.dport = port});
		send_spec(&(struct packet_spec){.from = ATTACKER4,
			.to = OWN4,
			.sport = 50000,
			.dport = port,
			.tcp_flags = 0x11});
	}
	assert_int_equal(probes(), 0);
}

static const struct silent {
	const char *name;
	struct packet_spec spec;
	bool is_allowed;
} silent[] = {
	{"SYN-ACKs, backscatter of a SYN that somebody forged",
		{.from = ATTACKER4, .to = OWN4, .tcp_flags = 0x12}},
	{"resets, backscatter of a SYN that somebody forged",
		{.from = ATTACKER4, .to = OWN4, .tcp_flags = 0x14}},
	{"resets alone", {.from = ATTACKER4, .to = OWN4, .tcp_flags = 0x04}},
	{"resets with PSH", {.from = ATTACKER4, .to = OWN4, .tcp_flags = 0x1c}},
	{"data that comes late", {.from = ATTACKER4, .to = OWN4, .tcp_flags = 0x18}},
	{"packets to a routed address", {.from = ATTACKER4, .to = "198.18.9.9"}},
	{"packets to a routed IPv6 address", {.from = ATTACKER6, .to = "2001:db8:77::9"}},
	{"broadcasts", {.from = ATTACKER4, .to = "198.18.255.255", .protocol = 17, .sport = 50000}},
	{"broadcasts to everybody",
		{.from = ATTACKER4, .to = "255.255.255.255", .protocol = 17, .sport = 50000}},
	{"multicast", {.from = ATTACKER4, .to = "224.0.0.251", .protocol = 17, .sport = 50000}},
	{"IPv6 multicast", {.from = ATTACKER6, .to = "ff02::fb", .protocol = 17, .sport = 50000}},
	{"ICMP, path MTU discovery", {.from = ATTACKER4, .to = OWN4, .protocol = 1}},
	{"ICMPv6", {.from = ATTACKER6, .to = OWN6, .protocol = 58}},
	{"later fragments", {.from = ATTACKER4, .to = OWN4, .fragment = PACKET_LATER}},
	{"answers of a service whose question is forgotten",
		{.from = ATTACKER4, .to = OWN4, .protocol = 17, .sport = 53}},
	{"a source that is allowed", {.from = ATTACKER4, .to = OWN4}, true},
};

static void silence(void **state)
{
	const struct silent *row = *state;
	struct packet_spec s = row->spec;

	begin();
	if (row->is_allowed)
		rig_allow(&the_rig, ATTACKER4);
	for (s.dport = 2000; s.dport < 2100; s.dport++)
		send_spec(&s);
	assert_int_equal(scans(NULL, NULL), 0);
	assert_int_equal(probes(), 0);
}

static void traceroute_raises_nothing(void **state)
{
	begin();
	for (uint16_t port = 33434; port < 33534; port++)
		send_spec(&(struct packet_spec){.from = ATTACKER4,
			.to = OWN4,
			.protocol = 17,
			.sport = 50000,
			.dport = port});
	assert_int_equal(probes(), 0);
}

/* Behind one address: each tries the one port that is closed, and a few another. */
static void five_thousand_behind_one_address_raise_nothing(void **state)
{
	begin();
	for (int user = 0; user < 5000; user++)
		send_spec(&(struct packet_spec){.from = ATTACKER4,
			.to = OWN4,
			.sport = (uint16_t)(1024 + user * 7),
			.dport = user % 50 ? 80 : 8080});
	assert_int_equal(scans(NULL, NULL), 0);
}

static void a_flood_of_forged_sources_hides_no_scanner(void **state)
{
	char from[32];
	unsigned int told = 0;

	begin();
	for (unsigned int i = 0; i < 40; i++) {
		for (unsigned int n = 0; n < 5000; n++) {
			snprintf(from, sizeof(from), "10.%u.%u.%u", i, n >> 8, n & 255);
			syn(from, OWN4, 81);
		}
		syn(ATTACKER4, OWN4, (uint16_t)(100 + i));
		told += scans(NULL, NULL);
	}
	assert_true(told >= 1);
}

static void a_rule_that_is_off_is_not_asked(void **state)
{
	begin();
	ctl.rule[SW_PROBE_SYN].threshold = 0;
	set_ctl();
	for (uint16_t port = 1; port <= 100; port++)
		syn(ATTACKER4, OWN4, port);
	assert_int_equal(scans(NULL, NULL), 0);
	ctl.is_on = 0;
	set_ctl();
	rig_zero(the_rig.skel->maps.counters);
	syn(ATTACKER4, OWN4, 1);
	assert_int_equal(probes(), 0);
}

static int open_rig(void **state)
{
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	rig_open(&the_rig, 0);
	return 0;
}

static int close_rig(void **state)
{
	rig_close(&the_rig);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest plain[] = {
		cmocka_unit_test(a_vertical_scan_is_told_at_its_tenth_probe),
		cmocka_unit_test(one_probe_in_five_seconds_is_told_within_thirty),
		cmocka_unit_test(a_window_slides_over_any_edge),
		cmocka_unit_test(what_is_older_than_the_window_does_not_count),
		cmocka_unit_test(twenty_hosts_with_one_port_are_a_horizontal_scan),
		cmocka_unit_test(every_kind_of_flags_is_told_by_its_name),
		cmocka_unit_test(probes_are_seen_behind_extension_headers_and_in_first_fragments),
		cmocka_unit_test(fragments_too_short_for_flags_are_told_at_any_port_and_counted_as_no_other),
		cmocka_unit_test(udp_that_nobody_wants_is_told),
		cmocka_unit_test(a_bit_that_lags_behind_raises_nothing),
		cmocka_unit_test(a_set_bit_asks_nothing_more),
		cmocka_unit_test(traceroute_raises_nothing),
		cmocka_unit_test(five_thousand_behind_one_address_raise_nothing),
		cmocka_unit_test(a_flood_of_forged_sources_hides_no_scanner),
		cmocka_unit_test(a_rule_that_is_off_is_not_asked),
	};
	static struct CMUnitTest tests[SW_ARRAY_SIZE(plain) + SW_ARRAY_SIZE(silent)];
	static char names[SW_ARRAY_SIZE(silent)][128];

	memcpy(tests, plain, sizeof(plain));
	for (size_t i = 0; i < SW_ARRAY_SIZE(silent); i++) {
		snprintf(names[i], sizeof(names[i]), "silent: %s", silent[i].name);
		tests[SW_ARRAY_SIZE(plain) + i] = (struct CMUnitTest){.name = names[i],
			.test_func = silence,
			.initial_state = (void *)&silent[i]};
	}
	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
