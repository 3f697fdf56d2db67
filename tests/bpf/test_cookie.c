// SPDX-License-Identifier: GPL-3.0-or-later
/* Decoy ports that XDP itself answers: whole programs by test run, sockets of a namespace of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "skel/cookie.skel.h"
#include "sockwarden/abi/cookie.h"
#include "sockwarden/abi/gate.h"
#include "sockwarden/abi/probe.h"
#include "tests/lib/packet.h"
#include "user/base/cidr.h"
#include "user/base/ports.h"

enum { DROP = 1, PASS = 2, ANSWER = 3 }; /* enum xdp_action */
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, PORT = 2323, ETH = 14, TCP = 20 };
#define SECOND 1000000000ULL

static const struct way {
	const char *from, *near, *to; /* near: of from's network; elsewhere: of another */
	const char *elsewhere;
	int six;
} ways[] = {
	{"198.18.0.7", "198.18.0.250", "198.18.1.1", "198.18.9.7", 0},
	{"2001:db8:1:2::7", "2001:db8:1:3::8", "2001:db8:9::1", "2001:db8:2:2::7", 1},
};

static struct cookie *skel;
static struct ring_buffer *ring;
static struct sw_cookie_ctl ctl;
static struct sw_gate_ctl gate;
static struct sw_pkt_event event;
static unsigned int n_events;

static int on_event(void *arg, void *data, size_t len)
{
	assert_int_equal(len, sizeof(event));
	memcpy(&event, data, len);
	n_events++;
	return 0;
}

static void set(struct bpf_map *map, const void *value)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), &(__u32){0}, value, BPF_ANY), 0);
}

static void allow(const char *text, enum sw_allow_origin origin)
{
	struct sw_allow_val value = {.origins = origin};
	struct sw_lpm6 key = {};
	struct sw_net net;

	assert_int_equal(sw_cidr_parse(text, SIZE_MAX, &net), 0);
	key.plen = net.plen;
	memcpy(key.addr, net.addr, 16);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(net.family == 4 ? skel->maps.allow4 : skel->maps.allow6), &key,
				 &value, BPF_ANY), 0);
}

static void refuse(const char *text)
{
	struct sw_lpm6 key = {};
	struct sw_net net;

	assert_int_equal(sw_cidr_parse(text, SIZE_MAX, &net), 0);
	key.plen = net.plen;
	memcpy(key.addr, net.addr, 16);
	bpf_map_delete_elem(bpf_map__fd(net.family == 4 ? skel->maps.allow4 : skel->maps.allow6), &key);
}

/* Budgets begin anew: the clock goes on by more than a second. */
static void begin(void)
{
	static const struct sw_probe_ctl none;

	memset(&ctl, 0, sizeof(ctl));
	sw_ports_set(ctl.ports, PORT, PORT);
	ctl.cpu_rate = ctl.net_rate = 1000;
	set(skel->maps.cookie_ctl, &ctl);
	gate.mode = SW_MODE_OBSERVE;
	gate.token_rate = gate.token_burst = 1000;
	gate.clock_offset_ns += 10 * SECOND;
	set(skel->maps.gate_ctl, &gate);
	set(skel->maps.probe_ctl, &none);
	ring_buffer__consume(ring);
	n_events = 0;
}

static uint32_t get(const uint8_t *p, unsigned int bytes)
{
	uint32_t v = 0;

	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

static void put(uint8_t *p, uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

static int run(struct packet *p)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = (__u32)p->len, .data_out = p->data,
		.data_size_out = sizeof(p->data), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.xdp_cookie), &opts), 0);
	p->len = opts.data_size_out;
	return (int)opts.retval;
}

static int send_from(const char *from, const struct way *w, uint16_t port, uint8_t flags, uint32_t seq, uint32_t ack,
	struct packet *ret)
{
	const struct packet_spec spec = {
		.from = from, .to = w->to, .sport = 40000, .dport = port, .tcp_flags = flags};

	packet_build(&spec, ret);
	put(ret->data + ret->l4_off + 4, seq);
	put(ret->data + ret->l4_off + 8, ack);
	return run(ret);
}

static int syn(const struct way *w, uint16_t port)
{
	struct packet p;

	return send_from(w->from, w, port, SYN, 1000, 0, &p);
}

static uint32_t sum(const uint8_t *p, size_t n)
{
	uint32_t s = 0;

	for (size_t i = 0; i < n; i++)
		s += (uint32_t)p[i] << (i & 1 ? 0 : 8);
	return s;
}

static uint32_t folded(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static uint64_t counted(__u32 reason)
{
	struct sw_counter of_cpu[1024];
	uint64_t n = 0;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(skel->maps.counters), &reason, of_cpu), 0);
	for (int i = 0; i < libbpf_num_possible_cpus(); i++)
		n += of_cpu[i].packets;
	return n;
}

/* The SYN-ACK to a SYN with the number 1000, byte for byte but for the cookie, which is returned. */
static uint32_t check_answer(const struct way *w, const struct packet *p)
{
	size_t ip_bytes = w->six ? 40 : 20, addrs = w->six ? 8 : 12, n = w->six ? 32 : 8;
	const uint8_t *ip = p->data + ETH, *tcp = ip + ip_bytes;
	struct packet asked;

	packet_build(&(struct packet_spec){.from = w->from, .to = w->to, .dport = PORT}, &asked);
	assert_int_equal(p->len, ETH + ip_bytes + 24);
	assert_memory_equal(p->data, asked.data + 6, 6);
	assert_memory_equal(p->data + 6, asked.data, 6);
	assert_memory_equal(ip + addrs, asked.data + ETH + addrs + n / 2, n / 2);
	assert_memory_equal(ip + addrs + n / 2, asked.data + ETH + addrs, n / 2);
	assert_int_equal(get(ip + (w->six ? 4 : 2), 2), w->six ? 24 : 44);
	if (!w->six)
		assert_int_equal(folded(sum(ip, 20)), 0xffff);
	assert_int_equal(folded(sum(ip + addrs, n) + 6 + 24 + sum(tcp, 24)), 0xffff);
	assert_int_equal(get(tcp, 2), PORT);
	assert_int_equal(get(tcp + 2, 2), 40000);
	assert_int_equal(get(tcp + 8, 4), 1001);
	assert_int_equal(get(tcp + 12, 2), 6 << 12 | SYN | ACK);
	assert_int_equal(get(tcp + 20, 2), 0x0204);
	assert_in_range(get(tcp + 22, 2), 500, 1460);
	return get(tcp + 4, 4);
}

static void a_handshake_is_answered_and_told_once(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(ways); i++) {
		const struct way *w = &ways[i];
		uint64_t answered = counted(SW_R_COOKIE), proven = counted(SW_R_DECOY);
		struct packet p;
		uint32_t cookie;

		begin();
		assert_int_equal(send_from(w->from, w, PORT, SYN, 1000, 0, &p), ANSWER);
		cookie = check_answer(w, &p);
		assert_int_equal(counted(SW_R_COOKIE), answered + 1);
		ring_buffer__consume(ring);
		assert_int_equal(n_events, 0);
		assert_int_equal(send_from(w->from, w, PORT, ACK, 1001, cookie + 1, &p), DROP);
		assert_int_equal(send_from(w->from, w, PORT, PSH | ACK, 1001, cookie + 1, &p), DROP);
		ring_buffer__consume(ring);
		assert_int_equal(n_events, 1);
		assert_int_equal(event.reason, SW_R_DECOY);
		assert_int_equal(event.dport, PORT);
		assert_int_equal(event.sport, 40000);
		assert_int_equal(counted(SW_R_DECOY), proven + 2);
	}
}

static void an_ack_that_proves_nothing_passes_untold(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(ways); i++) {
		const struct way *w = &ways[i];
		struct packet p;
		uint32_t cookie;

		begin();
		assert_int_equal(send_from(w->from, w, PORT, SYN, 1000, 0, &p), ANSWER);
		cookie = check_answer(w, &p);
		assert_int_equal(send_from(w->from, w, PORT, ACK, 1001, cookie + 100, &p), PASS);
		assert_int_equal(send_from(w->near, w, PORT, ACK, 1001, cookie + 1, &p), PASS);
		assert_int_equal(send_from(w->from, w, PORT, RST | ACK, 1001, cookie + 1, &p), PASS);
		assert_int_equal(send_from(w->from, w, PORT + 1, ACK, 1001, cookie + 1, &p), PASS);
		ring_buffer__consume(ring);
		assert_int_equal(n_events, 0);
	}
}

static void what_is_over_the_budget_passes(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(ways); i++) {
		const struct way *w = &ways[i];
		uint64_t over = counted(SW_R_COOKIE_OVER);
		struct packet p;

		begin();
		ctl.net_rate = 3;
		ctl.cpu_rate = 5;
		set(skel->maps.cookie_ctl, &ctl);
		for (int n = 0; n < 3; n++)
			assert_int_equal(syn(w, PORT), ANSWER);
		assert_int_equal(syn(w, PORT), PASS);
		assert_int_equal(send_from(w->near, w, PORT, SYN, 1000, 0, &p), PASS);
		for (int n = 0; n < 2; n++)
			assert_int_equal(send_from(w->elsewhere, w, PORT, SYN, 1000, 0, &p), ANSWER);
		assert_int_equal(send_from(w->elsewhere, w, PORT, SYN, 1000, 0, &p), PASS);
		assert_int_equal(counted(SW_R_COOKIE_OVER), over + 3);
		gate.clock_offset_ns += SECOND;
		set(skel->maps.gate_ctl, &gate);
		assert_int_equal(syn(w, PORT), ANSWER);
	}
}

static int serve(uint16_t *ret_port)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*ret_port = ntohs(a.sin6_port);
	return fd;
}

static void a_listener_keeps_its_port(void **state)
{
	struct sw_probe_ctl open = {};
	uint16_t port;
	int fd = serve(&port);

	begin();
	sw_ports_set(ctl.ports, port, port);
	set(skel->maps.cookie_ctl, &ctl);
	for (size_t i = 0; i < SW_ARRAY_SIZE(ways); i++)
		assert_int_equal(syn(&ways[i], port), PASS);
	close(fd);
	for (size_t i = 0; i < SW_ARRAY_SIZE(ways); i++)
		assert_int_equal(syn(&ways[i], port), ANSWER);
	sw_ports_set(open.ports.syn, port, port); /* one that NAT sends on has no socket here */
	set(skel->maps.probe_ctl, &open);
	for (size_t i = 0; i < SW_ARRAY_SIZE(ways); i++)
		assert_int_equal(syn(&ways[i], port), PASS);
}

static void friends_strangers_addresses_and_what_is_off_are_left_alone(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(ways); i++) {
		const struct way *w = &ways[i];

		begin();
		assert_int_equal(syn(w, PORT + 1), PASS);
		allow(w->from, SW_ALLOW_OPERATOR);
		assert_int_equal(syn(w, PORT), PASS);
		refuse(w->from);
		refuse(w->to);
		assert_int_equal(syn(w, PORT), PASS);
		allow(w->to, SW_ALLOW_OWN);
		gate.mode = SW_MODE_OFF;
		set(skel->maps.gate_ctl, &gate);
		assert_int_equal(syn(w, PORT), PASS);
		gate.mode = SW_MODE_OBSERVE;
		set(skel->maps.gate_ctl, &gate);
		assert_int_equal(syn(w, PORT), ANSWER);
	}
}

static void a_packet_that_is_not_plain_passes_as_it_came(void **state)
{
	static const struct packet_spec rows[] = {
		{.from = "198.18.0.7", .to = "198.18.1.1", .dport = PORT, .option_bytes = 4},
		{.from = "198.18.0.7", .to = "198.18.1.1", .dport = PORT, .fragment = PACKET_FIRST},
		{.from = "198.18.0.7", .to = "198.18.1.1", .dport = PORT, .vlan = {7}},
		{.from = "198.18.0.7", .to = "198.18.1.1", .dport = PORT, .protocol = 17},
		{.from = "2001:db8:1:2::7", .to = "2001:db8:9::1", .dport = PORT, .ext = {60}, .n_ext = 1},
		{},
	};
	static const uint8_t lengths[] = {0x00, 0x40, 0xf0}; /* of the TCP header: none, too short, beyond the packet */
	struct packet p, before;

	begin();
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		packet_build(&rows[i], &before);
		p = before;
		assert_int_equal(run(&p), PASS);
		assert_int_equal(p.len, before.len);
		assert_memory_equal(p.data, before.data, before.len);
	}
	for (size_t i = 0; i < SW_ARRAY_SIZE(ways); i++) {
		for (size_t n = 0; n < SW_ARRAY_SIZE(lengths); n++) {
			packet_build(&(struct packet_spec){.from = ways[i].from, .to = ways[i].to, .dport = PORT}, &p);
			p.data[p.l4_off + 12] = lengths[n];
			assert_int_equal(run(&p), PASS);
		}
	}
}

static int open_rig(void **state)
{
	cpu_set_t one;

	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one); /* what is kept per CPU is then in one place */
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	skel = cookie__open_and_load();
	if (!skel)
		return -1;
	ring = ring_buffer__new(bpf_map__fd(skel->maps.ev_pkt), on_event, NULL, NULL);
	for (size_t i = 0; i < SW_ARRAY_SIZE(ways); i++)
		allow(ways[i].to, SW_ALLOW_OWN);
	return ring ? 0 : -1;
}

static int close_rig(void **state)
{
	ring_buffer__free(ring);
	cookie__destroy(skel);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handshake_is_answered_and_told_once),
		cmocka_unit_test(an_ack_that_proves_nothing_passes_untold),
		cmocka_unit_test(what_is_over_the_budget_passes),
		cmocka_unit_test(a_listener_keeps_its_port),
		cmocka_unit_test(friends_strangers_addresses_and_what_is_off_are_left_alone),
		cmocka_unit_test(a_packet_that_is_not_plain_passes_as_it_came),
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
