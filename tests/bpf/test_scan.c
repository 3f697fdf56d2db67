/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scans in the gate: whole programs by test run, sockets of a namespace of the test's own, a clock moved by hand. */
#include "tests/bpf/one_rig.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "skel/sock_trace.skel.h"
#include "sockwarden/abi/probe.h"

#define ATTACKER4 "198.18.0.7"
#define ATTACKER6 "2001:db8:1:2::7"
#define OWN4      "198.18.1.1"
#define OWN6      "2001:db8:9::1"
#define SECOND    1000000000ULL

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
	static const struct sw_syn_set no_syns;

	for (__u32 i = 0; i < SW_PROBE_SETS; i++)
		rig_set(the_rig.skel->maps.probes, &i, &zero);
	for (__u32 i = 0; i < SW_SYN_SETS; i++)
		rig_set(the_rig.skel->maps.syns, &i, &no_syns);
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

/* ---- floods: SYNs to an open port, in front of a listener and of the program that sees connections completed */

enum { FLOOD = 1000, FLOOD_WINDOW_SEC = 10 };

static uint16_t service;
static int service_fd = -1;

static void begin_flood(void)
{
	begin();
	if (service_fd < 0)
		service_fd = serve(SOCK_STREAM, &service);
	ctl.rule[SW_PROBE_FLOOD] = (struct sw_probe_rule){FLOOD, FLOOD_WINDOW_SEC};
	ctl.ports.syn[service >> 3] |= (__u8)(1 << (service & 7));
	set_ctl();
	/* parts of this window are seconds: what a test means to be in one does not cross to the next */
	wait_virtually(SECOND - rig_boot_ns() % SECOND);
}

static void syns(const char *from, const char *to, unsigned int n)
{
	struct packet p;

	packet_build(&(struct packet_spec){.from = from, .to = to, .sport = 40000, .dport = service}, &p);
	if (n)
		assert_int_equal(rig_run(&the_rig, RIG_XDP, p.data, p.len, (int)n), 0);
}

static void a_flood_is_told_at_its_threshold_with_source_and_port(void **state)
{
	static const struct {
		const char *from, *to;
	} ways[] = {{ATTACKER4, OWN4}, {ATTACKER6, OWN6}};

	for (size_t w = 0; w < SW_ARRAY_SIZE(ways); w++) {
		enum sw_probe kind = SW_PROBE_NONE;
		unsigned int n = 0;

		begin_flood();
		syns(ways[w].from, ways[w].to, FLOOD - 1);
		assert_int_equal(scans(NULL, NULL), 0);
		syns(ways[w].from, ways[w].to, 1);
		assert_int_equal(scans(&kind, &n), 1);
		assert_int_equal(kind, SW_PROBE_FLOOD);
		assert_int_equal(n, FLOOD);
		assert_int_equal(the_rig.event[0].dport, service);
		assert_int_equal(the_rig.event[0].hits, FLOOD);
		assert_int_equal(probes(), 0);
		syns(ways[w].from, ways[w].to, 5000);
		assert_int_equal(scans(NULL, NULL), 0); /* not for each packet */
		wait_virtually(SW_PROBE_TELL_SEC * SECOND);
		syns(ways[w].from, ways[w].to, FLOOD);
		assert_int_equal(scans(NULL, NULL), 1);
	}
}

static void a_flood_of_a_64_is_one(void **state)
{
	char from[40];

	begin_flood();
	for (unsigned int i = 0; i < 10; i++) {
		assert_int_equal(scans(NULL, NULL), 0);
		snprintf(from, sizeof(from), "2001:db8:1:2::%x", i + 1);
		syns(from, OWN6, FLOOD / 10);
	}
	assert_int_equal(scans(NULL, NULL), 1);
}

static void the_window_of_a_flood_slides_over_any_edge(void **state)
{
	/* wherever it begins among the seconds of a window and the places of its parts */
	for (unsigned int first = 0; first < 2 * SW_SYN_PARTS; first++) {
		begin_flood();
		wait_virtually(first * SECOND);
		syns(ATTACKER4, OWN4, FLOOD - 1);
		wait_virtually(2 * SECOND);
		syns(ATTACKER4, OWN4, 1);
		assert_int_equal(scans(NULL, NULL), 1);
	}
}

static void syns_older_than_the_window_do_not_count(void **state)
{
	begin_flood();
	for (unsigned int i = 0; i < 100; i++) {
		syns(ATTACKER4, OWN4, FLOOD / FLOOD_WINDOW_SEC - 1);
		wait_virtually(SECOND);
	}
	assert_int_equal(scans(NULL, NULL), 0);
	wait_virtually(FLOOD_WINDOW_SEC * SECOND);
	syns(ATTACKER4, OWN4, FLOOD - 1);
	assert_int_equal(scans(NULL, NULL), 0);
}

static void a_long_window_is_counted_in_parts(void **state)
{
	begin_flood();
	ctl.rule[SW_PROBE_FLOOD].window_sec = 6 * 3600;
	set_ctl();
	for (unsigned int i = 0; i < 10; i++) {
		assert_int_equal(scans(NULL, NULL), 0);
		wait_virtually(1900 * SECOND);
		syns(ATTACKER4, OWN4, FLOOD / 10);
	}
	assert_int_equal(scans(NULL, NULL), 1);
}

/* A true flooder among forged sources, both at once; each is counted in its place, and scans in theirs. */
static void forged_floods_hide_no_flooder_and_no_scanner(void **state)
{
	unsigned int told = 0, kinds = 0;
	char from[32];

	begin_flood();
	for (unsigned int i = 0; i < 9; i++)
		syn(ATTACKER6, OWN6, (uint16_t)(100 + i));
	for (unsigned int i = 0; i < 40; i++) {
		for (unsigned int n = 0; n < 2500; n++) {
			snprintf(from, sizeof(from), "10.%u.%u.%u", i, n >> 8, n & 255);
			syns(from, OWN4, 1);
			if (n % 25 == 0)
				syns(ATTACKER4, OWN4, 1);
		}
		rig_events(&the_rig);
		for (size_t e = 0; e < the_rig.n_events; e++) {
			bool is_his = !memcmp(the_rig.event[e].saddr, (__u8[]){198, 18, 0, 7}, 4);

			told += the_rig.event[e].reason == SW_R_SCAN;
			kinds += is_his && SW_PROBE_OF(the_rig.event[e].trail_set) == SW_PROBE_FLOOD;
		}
	}
	assert_true(kinds >= 1);
	assert_int_equal(told, kinds); /* and no forged source is called one */
	syn(ATTACKER6, OWN6, 109);
	assert_int_equal(scans(NULL, NULL), 1);
}

static void no_syn_of_these_is_a_flood(void **state)
{
	begin_flood();
	syns(ATTACKER4, "198.18.9.9", 5 * FLOOD); /* a routed address */
	rig_allow(&the_rig, "198.18.0.8");
	syns("198.18.0.8", OWN4, 5 * FLOOD);
	for (int i = 0; i < 2; i++) { /* answers, and what follows */
		struct packet p;

		packet_build(&(struct packet_spec){.from = ATTACKER4, .to = OWN4, .sport = 40000,
				     .dport = service, .tcp_flags = i ? 0x12 : 0x10},
			&p);
		assert_int_equal(rig_run(&the_rig, RIG_XDP, p.data, p.len, 5 * FLOOD), 0);
	}
	assert_int_equal(scans(NULL, NULL), 0);
	ctl.rule[SW_PROBE_FLOOD].threshold = 0;
	set_ctl();
	syns(ATTACKER4, OWN4, 5 * FLOOD);
	assert_int_equal(scans(NULL, NULL), 0);
	/* nobody listens here: the port is sent on, and who completes a connection there is not seen */
	ctl.rule[SW_PROBE_FLOOD].threshold = FLOOD;
	ctl.ports.syn[8] |= 1; /* 64 */
	set_ctl();
	for (unsigned int i = 0; i < 2 * FLOOD; i++)
		syn(ATTACKER4, OWN4, 64);
	assert_int_equal(scans(NULL, NULL), 0);
}

/* The program that sees connections completed, for the gate that is tried; for the namespace's loopback. */
static struct sock_trace *watch_completed(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct sock_trace *t = sock_trace__open();
	struct bpf_program *p;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_non_null(t);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	close(fd);
	bpf_object__for_each_program(p, t->obj)
		bpf_program__set_autoload(p, p == t->progs.on_state);
	assert_int_equal(bpf_map__reuse_fd(t->maps.syns, bpf_map__fd(the_rig.skel->maps.syns)), 0);
	assert_int_equal(sock_trace__load(t), 0);
	t->links.on_state = bpf_program__attach(t->progs.on_state);
	assert_non_null(t->links.on_state);
	return t;
}

static void connect_from(const char *from, bool is_six)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr *a = is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four;
	socklen_t len = is_six ? sizeof(six) : sizeof(four);
	int fd = socket(a->sa_family, SOCK_STREAM, 0), peer;

	assert_int_equal(
		inet_pton(a->sa_family, from, is_six ? (void *)&six.sin6_addr : (void *)&four.sin_addr), 1);
	assert_int_equal(bind(fd, a, len), 0);
	six.sin6_port = four.sin_port = htons(service);
	assert_int_equal(connect(fd, a, len), 0);
	peer = accept(service_fd, NULL, NULL);
	assert_true(peer >= 0);
	close(peer);
	close(fd);
}

/* Users behind one address, checks of a balancer, a busy server: SYNs by the thousand, and each goes on. */
static void thousands_who_go_on_are_no_flood_and_hide_none(void **state)
{
	static const struct {
		const char *from, *to;
		bool is_six;
	} ways[] = {{"127.77.0.9", OWN4, false}, {"::1", OWN6, true}};
	struct sock_trace *trace = watch_completed();

	for (size_t w = 0; w < SW_ARRAY_SIZE(ways); w++) {
		begin_flood();
		for (unsigned int user = 0; user < 5000; user++) {
			syns(ways[w].from, ways[w].to, 1);
			connect_from(ways[w].from, ways[w].is_six);
		}
		assert_int_equal(scans(NULL, NULL), 0);
		if (ways[w].is_six)
			continue; /* others of this machine connect from ::1 too */
		syns(ways[w].from, ways[w].to, FLOOD - 1);
		assert_int_equal(scans(NULL, NULL), 0);
		syns(ways[w].from, ways[w].to, 1);
		assert_int_equal(scans(NULL, NULL), 1);
	}
	sock_trace__destroy(trace);
}

static int open_alone(void **state)
{
	return unshare(CLONE_NEWNET) < 0 ? -1 : open_rig(state);
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
		cmocka_unit_test(a_flood_is_told_at_its_threshold_with_source_and_port),
		cmocka_unit_test(a_flood_of_a_64_is_one),
		cmocka_unit_test(the_window_of_a_flood_slides_over_any_edge),
		cmocka_unit_test(syns_older_than_the_window_do_not_count),
		cmocka_unit_test(a_long_window_is_counted_in_parts),
		cmocka_unit_test(forged_floods_hide_no_flooder_and_no_scanner),
		cmocka_unit_test(no_syn_of_these_is_a_flood),
		cmocka_unit_test(thousands_who_go_on_are_no_flood_and_hide_none),
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
	return cmocka_run_group_tests(tests, open_alone, close_rig);
}
