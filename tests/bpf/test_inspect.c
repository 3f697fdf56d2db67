/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking into packets, in the kernel: whole programs by test run, without a socket that is anybody's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/in.h>
#include <time.h>

#include "skel/inspect.skel.h"
#include "sockwarden/abi/gate.h"
#include "sockwarden/abi/inspect.h"
#include "sockwarden/pkt/domain.h"
#include "user/base/util.h"
#include "user/kern/device.h"

enum { PASS = 1, REFUSE = 0, PACKET = 2048, ETHER = 14, CLIENT = 40000 };

#define SECOND 1000000000ULL
#define QUESTION(name) "\0\7\1\0\0\1\0\0\0\0\0\0" name "\0\0\1\0\1"
#define TEXT(t) t, sizeof(t) - 1

static struct inspect *skel;
static struct ring_buffer *ring;
static struct sw_inspect_ctl ctl;
static struct sw_gate_ctl gate;
static size_t n_told;
static struct sw_inspect_event last; /* without its data */
static uint64_t told_bytes;

static int take(void *arg, void *data, size_t len)
{
	assert_true(len > sizeof(last));
	memcpy(&last, data, sizeof(last));
	assert_true(last.len <= len - sizeof(last));
	told_bytes += last.len;
	n_told++;
	return 0;
}

static size_t told(void)
{
	size_t n;

	ring_buffer__consume(ring);
	n = n_told;
	n_told = 0;
	return n;
}

static void put(struct bpf_map *map, const void *key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY), 0);
}

static void set(void)
{
	__u32 zero = 0;

	put(skel->maps.inspect_ctl, &zero, &ctl);
	put(skel->maps.gate_ctl, &zero, &gate);
}

/* A list of one to three domains, "-" before an exception. */
static void set_domains(const char *const *names, size_t n)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_NO_PREALLOC);
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "domains", sizeof(__u64), sizeof(struct sw_domain_val), 8, &o);
	__u32 zero = 0;

	assert_true(fd >= 0);
	for (size_t i = 0; i < n; i++) {
		const char *name = names[i] + (*names[i] == '-');
		struct sw_domain_val val = {.action = *names[i] == '-' ? SW_TRAIL_EXCEPT : SW_TRAIL_DROP};
		__u64 key = sw_domain_hash(name, (__u32)strlen(name));

		assert_int_equal(bpf_map_update_elem(fd, &key, &val, BPF_ANY), 0);
	}
	put(skel->maps.domains, &zero, &fd);
	close(fd);
}

static void set_all(void)
{
	static const char *const names[] = {"bad.test", "-fine.bad.test", "worse.fine.bad.test"};

	ctl = (struct sw_inspect_ctl){.what = SW_INSPECT_ALL, .has_domains = 1};
	gate = (struct sw_gate_ctl){.mode = SW_MODE_ENFORCE};
	set();
	set_domains(names, SW_ARRAY_SIZE(names));
	told();
	told_bytes = 0;
}

static uint64_t stat_of(enum sw_stat stat)
{
	uint64_t *values = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*values)), sum = 0;
	__u32 key = stat;

	assert_non_null(values);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(skel->maps.stats), &key, values), 0);
	for (int i = 0; i < libbpf_num_possible_cpus(); i++)
		sum += values[i];
	free(values);
	return sum;
}

/* What a packet is; zero is the usual: out, UDP over IPv4 to port 53. */
struct spec {
	bool is_in, is_six, is_tcp;
	uint16_t sport, dport;
	uint8_t flags; /* TCP; 0: PSH and ACK */
	const char *payload;
	size_t len; /* what is longer than its text is zeros */
	size_t text;
	size_t cut; /* bytes taken away at its end */
};

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static size_t make(const struct spec *s, uint8_t *p)
{
	size_t head = s->is_tcp ? 20 : 8, ip = s->is_six ? 40 : 20;

	memset(p, 0, PACKET);
	put16(p + 12, s->is_six ? 0x86dd : 0x0800);
	p += ETHER;
	p[0] = s->is_six ? 0x60 : 0x45;
	put16(p + (s->is_six ? 4 : 2), (unsigned int)((s->is_six ? 0 : ip) + head + s->len));
	p[s->is_six ? 6 : 9] = s->is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
	memcpy(p + (s->is_six ? 8 : 12), s->is_six ? "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" : "\xc6\x12\0\1", s->is_six ? 16 : 4);
	memcpy(p + (s->is_six ? 24 : 16), s->is_six ? "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2" : "\xc6\x12\0\2", s->is_six ? 16 : 4);
	p += ip;
	put16(p, s->sport ? s->sport : CLIENT);
	put16(p + 2, s->dport ? s->dport : 53);
	if (s->is_tcp) {
		p[12] = 0x50;
		p[13] = s->flags ? s->flags : 0x18;
	} else {
		put16(p + 4, (unsigned int)(head + s->len));
	}
	memcpy(p + head, s->payload, s->text ? s->text : s->len);
	return ETHER + ip + head + s->len - s->cut;
}

static __u32 run(const struct spec *s)
{
	uint8_t p[PACKET];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = p, .data_size_in = (__u32)make(s, p));

	assert_int_equal(
		bpf_prog_test_run_opts(
			bpf_program__fd(s->is_in ? skel->progs.inspect_in : skel->progs.inspect_out), &o),
		0);
	return o.retval;
}

/* An older kernel's test run does not say to such a program where its packet ends: nothing is seen then. */
static bool sees_packets(void)
{
	const struct spec s = {.payload = TEXT(QUESTION("\1a\4test"))};

	set_all();
	run(&s);
	return told() || sw_kernel_is(6, 17);
}

static void begin(void)
{
	if (!sees_packets())
		skip();
	set_all();
}

static void a_question_is_refused_by_the_longest_suffix_that_is_listed(void **state)
{
	static const struct {
		const char *payload;
		size_t len;
		__u32 verdict;
	} rows[] = {
		{TEXT(QUESTION("\3bad\4test")), REFUSE},
		{TEXT(QUESTION("\1a\1b\3BaD\4TEST")), REFUSE},
		{TEXT(QUESTION("\5worse\4fine\3bad\4test")), REFUSE},
		{TEXT(QUESTION("\4fine\3bad\4test")), PASS},
		{TEXT(QUESTION("\3www\4fine\3bad\4test")), PASS},
		{TEXT(QUESTION("\6notbad\4test")), PASS},
		{TEXT(QUESTION("\3bad\4test\7example")), PASS},
		{TEXT(QUESTION("\4test")), PASS},
		{TEXT(QUESTION("")), PASS},
	};

	begin();
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		for (int six = 0; six < 2; six++) {
			const struct spec s = {.is_six = six, .payload = rows[i].payload, .len = rows[i].len};
			__u32 verdict = run(&s);

			if (verdict != rows[i].verdict)
				fail_msg("row %zu, IPv%d: %u", i, six ? 6 : 4, verdict);
			assert_int_equal(told(), 1);
			assert_int_equal(last.is_refused, verdict == REFUSE);
			assert_int_equal(last.domain != 0, verdict == REFUSE);
			assert_int_equal(last.way, SW_WAY_OUT);
		}
	}
}

static void over_tcp_a_question_is_refused_too(void **state)
{
	static const char bad[] = "\0\x1a" QUESTION("\3bad\4test"), fine[] = "\0\x1f" QUESTION("\4fine\3bad\4test");
	struct spec s = {.is_tcp = true, .payload = bad, .len = sizeof(bad) - 1};

	begin();
	assert_int_equal(run(&s), REFUSE);
	assert_int_equal(told(), 1);
	assert_int_equal(last.is_refused, 1);
	ctl.what = 0; /* a domain is told of and refused all the same */
	set();
	assert_int_equal(run(&s), REFUSE);
	assert_int_equal(told(), 1);
	s.dport = 80;
	assert_int_equal(run(&s), PASS);
	s = (struct spec){.is_tcp = true, .payload = fine, .len = sizeof(fine) - 1};
	assert_int_equal(run(&s), PASS);
}

static void nothing_is_refused_that_is_not_armed_or_comes_in_or_is_an_answer(void **state)
{
	const struct spec out = {.payload = QUESTION("\3bad\4test"), .len = sizeof(QUESTION("\3bad\4test")) - 1};
	struct spec other = out;

	begin();
	gate.mode = SW_MODE_OBSERVE;
	set();
	assert_int_equal(run(&out), PASS);
	assert_int_equal(told(), 1);
	assert_int_equal(last.is_refused, 0);
	assert_true(last.domain);
	gate = (struct sw_gate_ctl){.mode = SW_MODE_ENFORCE, .enforce_until_ns = 1}; /* armed until long ago */
	set();
	assert_int_equal(run(&out), PASS);
	gate.enforce_until_ns = UINT64_MAX;
	set();
	assert_int_equal(run(&out), REFUSE);
	other.is_in = true;
	assert_int_equal(run(&other), PASS);
	other = out;
	other.dport = 5353;
	assert_int_equal(run(&other), PASS);
	other = out;
	other.payload = "\0\7\x81\0\0\1\0\0\0\0\0\0\3bad\4test\0\0\1\0\1";
	assert_int_equal(run(&other), PASS);
	ctl.has_domains = 0;
	set();
	assert_int_equal(run(&out), PASS);
}

static void what_begins_nothing_is_not_copied(void **state)
{
	static const struct {
		const char *name;
		struct spec s;
		size_t told;
	} rows[] = {
		{"a TLS record of data", {.is_tcp = true, .dport = 443, .payload = "\x17\3\3\5\x78", .text = 5, .len = 1400}, 0},
		{"a piece of a file", {.is_tcp = true, .sport = 80, .dport = 40001, .payload = "x", .text = 1, .len = 1400}, 0},
		{"an acknowledgement", {.is_tcp = true, .dport = 443, .payload = "", .len = 0, .flags = 0x10}, 0},
		{"a datagram", {.dport = 4500, .payload = "x", .text = 1, .len = 1300}, 0},
		{"a request", {.is_tcp = true, .dport = 80, .payload = TEXT("GET / HTTP/1.1\r\n\r\n")}, 1},
		{"a request that comes by the loopback, seen where it was sent",
			{.is_in = true, .is_tcp = true, .dport = 80, .payload = TEXT("POST / HTTP/1.1\r\n\r\n")}, 0},
		{"a hello", {.is_tcp = true, .dport = 443, .payload = "\x16\3\1\5\x78\1", .text = 6, .len = 1400}, 1},
		{"a QUIC Initial", {.dport = 443, .payload = "\xc0\0\0\0\1", .text = 5, .len = 1200}, 1},
		{"QUIC that is no Initial", {.dport = 443, .payload = "\xe0\0\0\0\1", .text = 5, .len = 1200}, 0},
		{"an answer", {.sport = 53, .dport = CLIENT, .payload = TEXT(QUESTION("\1a\4test"))}, 1},
	};

	begin();
	for (size_t i = 0; i < SW_ARRAY_SIZE(rows); i++) {
		size_t n;

		assert_int_equal(run(&rows[i].s), PASS);
		n = told();
		if (n != rows[i].told)
			fail_msg("%s: %zu copies", rows[i].name, n);
		ctl.what = 0;
		ctl.has_domains = 0;
		set();
		run(&rows[i].s);
		assert_int_equal(told(), 0);
		set_all();
	}
}

static void no_more_is_copied_than_a_question_is_long(void **state)
{
	struct spec s = {.payload = QUESTION("\1a\4test"), .text = sizeof(QUESTION("\1a\4test")) - 1, .len = 1400};

	begin();
	run(&s);
	assert_int_equal(told(), 1);
	assert_int_equal(told_bytes, SW_INSPECT_DNS_BYTES);
}

/* A packet of so many bytes, Ethernet's header with them. */
static void run_first(const struct spec *s, size_t bytes)
{
	struct spec cut = *s;

	cut.cut = 0;
	cut.cut = make(&cut, (uint8_t[PACKET]){0}) - bytes;
	assert_int_equal(run(&cut), PASS);
}

static void what_is_not_read_to_its_payload_or_not_taken_whole_is_counted(void **state)
{
	struct spec udp = {.payload = QUESTION("\1a\4test"), .text = sizeof(QUESTION("\1a\4test")) - 1, .len = 1400},
		    tcp = {.is_tcp = true, .payload = "x", .len = 1};
	__u64 unread, cut;

	begin();
	unread = stat_of(SW_STAT_INSPECT_UNREAD);
	cut = stat_of(SW_STAT_INSPECT_CUT);
	run(&udp);
	assert_int_equal(stat_of(SW_STAT_INSPECT_CUT), cut + 1);
	udp.len = udp.text;
	run(&udp);
	run(&tcp);
	assert_int_equal(stat_of(SW_STAT_INSPECT_CUT), cut + 1);
	assert_int_equal(stat_of(SW_STAT_INSPECT_UNREAD), unread);
	run_first(&udp, ETHER + 20 + 3); /* amid the ports */
	run_first(&tcp, ETHER + 20 + 13); /* before the flags */
	assert_int_equal(stat_of(SW_STAT_INSPECT_UNREAD), unread + 2);
	told();
}

static void what_is_cut_anywhere_passes(void **state)
{
	static const char bad[] = "\0\x1a" QUESTION("\3bad\4test");

	begin();
	for (int tcp = 0; tcp < 2; tcp++) {
		for (int six = 0; six < 2; six++) {
			size_t ahead = tcp ? 0 : 2; /* the length, which only TCP has */
			struct spec s = {
				.is_six = six, .is_tcp = tcp, .payload = bad + ahead, .len = sizeof(bad) - 1 - ahead};

			/* The type and the class are not asked for; before them the name has no end. */
			for (s.cut = 5; s.cut < s.len; s.cut++)
				assert_int_equal(run(&s), PASS);
			s.cut = 0;
			assert_int_equal(run(&s), REFUSE);
		}
	}
	told();
}

static void what_was_cut_to_is_refused_for_a_while(void **state)
{
	struct sw_shunned_key key = {.addr = {0xc6, 0x12, 0, 2}, .port = 443, .family = 4, .protocol = IPPROTO_TCP};
	struct spec syn = {.is_tcp = true, .dport = 443, .flags = 2, .payload = ""};
	struct timespec t;
	__u64 now, until, before = stat_of(SW_STAT_SHUNNED);

	begin();
	clock_gettime(CLOCK_BOOTTIME, &t);
	now = (__u64)t.tv_sec * SECOND;
	until = now + 3600 * SECOND;
	put(skel->maps.shunned, &key, &until);
	assert_int_equal(run(&syn), PASS); /* nothing says that there is an entry */
	ctl.refuse_until_ns = until;
	set();
	assert_int_equal(run(&syn), REFUSE);
	assert_int_equal(stat_of(SW_STAT_SHUNNED), before + 1);
	syn.flags = 0x10; /* what goes on goes on */
	assert_int_equal(run(&syn), PASS);
	syn.flags = 2;
	syn.dport = 80;
	assert_int_equal(run(&syn), PASS);
	syn.dport = 443;
	syn.is_in = true;
	assert_int_equal(run(&syn), PASS);
	syn.is_in = false;
	until = 1;
	put(skel->maps.shunned, &key, &until);
	assert_int_equal(run(&syn), PASS);
	until = now + 3600 * SECOND;
	put(skel->maps.shunned, &key, &until);
	gate.mode = SW_MODE_OBSERVE;
	set();
	assert_int_equal(run(&syn), PASS);
}

static int load(void **state)
{
	skel = inspect__open_and_load();
	ring = skel ? ring_buffer__new(bpf_map__fd(skel->maps.ev_inspect), take, NULL, NULL) : NULL;
	return !ring;
}

static int unload(void **state)
{
	ring_buffer__free(ring);
	inspect__destroy(skel);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_is_refused_by_the_longest_suffix_that_is_listed),
		cmocka_unit_test(over_tcp_a_question_is_refused_too),
		cmocka_unit_test(nothing_is_refused_that_is_not_armed_or_comes_in_or_is_an_answer),
		cmocka_unit_test(what_begins_nothing_is_not_copied),
		cmocka_unit_test(no_more_is_copied_than_a_question_is_long),
		cmocka_unit_test(what_is_not_read_to_its_payload_or_not_taken_whole_is_counted),
		cmocka_unit_test(what_is_cut_anywhere_passes),
		cmocka_unit_test(what_was_cut_to_is_refused_for_a_while),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
