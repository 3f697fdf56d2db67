// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What looking into packets costs in the kernel, by test run of the program for what goes out: what is not
 * looked into, what goes up, and questions compared with a million domains. Beside each the same packet with
 * all of it turned off, in the same run. Exits 1 when something was judged or sent up wrongly.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>

#include "skel/inspect.skel.h"
#include "sockwarden/abi/gate.h"
#include "sockwarden/abi/inspect.h"
#include "sockwarden/pkt/domain.h"
#include "user/base/util.h"

enum { ROUNDS = 7, REPEAT = 500, DOMAINS = 1000000, HEADERS = 14 + 20, PACKET = 1500 };

struct bench_case {
	const char *name;
	unsigned int protocol, dport;
	const char *payload;
	size_t len; /* of the payload; what is longer than its text is zeros */
	bool has_domains;
	unsigned int sent; /* of each run */
	bool is_refused;
	double goal_ns;
};

#define QUESTION(name) "\0\7\1\0\0\1\0\0\0\0\0\0" name "\0\0\1\0\1"
#define TEXT(t)        t, sizeof(t) - 1

static const struct bench_case cases[] = {
	{"a segment of a transfer", 6, 443, "\x17\3\3\5\x78", 1400, false, 0, false, 200},
	{"a datagram", 17, 4500, "x", 1200, false, 0, false, 200},
	{"a question, sent up", 17, 53, TEXT(QUESTION("\3www\7example\3org")), false, 1, false,
		1000},
	{"a question, against a million domains", 17, 53, TEXT(QUESTION("\3www\7example\3org")),
		true, 1, false, 1500},
	{"a question that is refused", 17, 53, TEXT(QUESTION("\3www\4bad1\4test")), true, 1, true,
		1500},
	{"a TLS hello, sent up", 6, 443, "\x16\3\1\5\x78\1", 1400, false, 1, false, 1500},
};

static size_t make_packet(const struct bench_case *c, uint8_t *p)
{
	size_t head = c->protocol == 6 ? 20 : 8, total = 20 + head + c->len;

	memset(p, 0, PACKET);
	p[12] = 0x08;
	p += 14;
	p[0] = 0x45;
	p[2] = (uint8_t)(total >> 8);
	p[3] = (uint8_t)total;
	p[8] = 64;
	p[9] = (uint8_t)c->protocol;
	memcpy(p + 12, "\xc6\x12\0\1\xc6\x12\0\2", 8);
	p += 20;
	p[0] = 0x9c;
	p[2] = (uint8_t)(c->dport >> 8);
	p[3] = (uint8_t)c->dport;
	if (c->protocol == 6) {
		p[12] = 0x50;
		p[13] = 0x18;
	}
	/* a text may be shorter than the payload: the zeros are there already */
	memcpy(p + head, c->payload, c->len < 64 ? c->len : 6);
	return HEADERS + head + c->len;
}

static unsigned int seen;

static int take(void *arg, void *data, size_t len)
{
	seen++;
	return 0;
}

static void set_ctl(struct inspect *s, bool is_on, bool has_domains)
{
	const struct sw_inspect_ctl c = {
		.what = is_on ? SW_INSPECT_ALL : 0, .has_domains = is_on && has_domains};
	const struct sw_gate_ctl gate = {.mode = SW_MODE_ENFORCE};
	__u32 zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(s->maps.inspect_ctl), &zero, &c, BPF_ANY) < 0 ||
		bpf_map_update_elem(bpf_map__fd(s->maps.gate_ctl), &zero, &gate, BPF_ANY) < 0)
		abort();
}

/* Nanoseconds a packet, the least of the rounds; *ret_verdict the program's. */
static double run(struct inspect *s, struct ring_buffer *ring, const uint8_t *p, size_t len,
	__u32 *ret_verdict)
{
	double best = 1e9;

	for (int i = 0; i < ROUNDS; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = p, .data_size_in = (__u32)len,
			.repeat = REPEAT);

		if (bpf_prog_test_run_opts(bpf_program__fd(s->progs.inspect_out), &o) < 0)
			abort();
		best = o.duration < best ? o.duration : best;
		*ret_verdict = o.retval;
		ring_buffer__consume(ring);
	}
	return best;
}

static void fill_domains(struct inspect *s)
{
	const struct sw_domain_val val = {.action = SW_TRAIL_DROP};
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_NO_PREALLOC);
	int fd = bpf_map_create(
		BPF_MAP_TYPE_HASH, "domains", sizeof(__u64), sizeof(val), DOMAINS, &o);
	__u32 zero = 0;

	for (int i = 0; i < DOMAINS; i++) {
		char name[32];
		int n = snprintf(name, sizeof(name), "bad%d.test", i);
		__u64 key = sw_domain_hash(name, (__u32)n);

		if (bpf_map_update_elem(fd, &key, &val, BPF_ANY) < 0)
			abort();
	}
	if (bpf_map_update_elem(bpf_map__fd(s->maps.domains), &zero, &fd, BPF_ANY) < 0)
		abort();
}

static bool measure(struct inspect *s, struct ring_buffer *ring, const struct bench_case *c)
{
	uint8_t p[PACKET];
	size_t len = make_packet(c, p);
	__u32 verdict, off_verdict;
	double off, on;

	set_ctl(s, false, false);
	off = run(s, ring, p, len, &off_verdict);
	set_ctl(s, true, c->has_domains);
	seen = 0;
	on = run(s, ring, p, len, &verdict);
	printf("{\"bench\":\"inspect\",\"case\":\"%s\",\"value\":%.0f,\"unit\":\"ns\",\"peer\":\"turned off\","
	       "\"peer_value\":%.0f,\"goal\":%g,\"met\":%s}\n",
		c->name, on, off, c->goal_ns, on <= c->goal_ns ? "true" : "false");
	if (off_verdict == 1 && verdict == !c->is_refused && seen == c->sent * REPEAT * ROUNDS)
		return true;
	printf("%s: verdict %u, %u records of %u\n", c->name, verdict, seen,
		c->sent * REPEAT * ROUNDS);
	return false;
}

int main(void)
{
	struct inspect *s = inspect__open_and_load();
	struct ring_buffer *ring =
		s ? ring_buffer__new(bpf_map__fd(s->maps.ev_inspect), take, NULL, NULL) : NULL;
	bool is_right = true;

	if (!ring)
		return 1;
	fill_domains(s);
	for (size_t i = 0; i < SW_ARRAY_SIZE(cases); i++)
		is_right &= measure(s, ring, &cases[i]);
	ring_buffer__free(ring);
	inspect__destroy(s);
	return !is_right;
}
