/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packed form of trails says of every address what the longest entry around it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "tests/lib/trail_sets.h"
#include "tests/unit/packed_find.h"
#include "user/io/msg.h"
#include "user/trail/packed4.h"
#include "user/trail/packed6.h"

enum { SETS = 100, HOSTS = 4000 };

/* A set in packed form; buffers are the caller's to free. */
struct packed {
	union sw_packed4 *four;
	union sw_packed6 *six;
	uint64_t *marks;
	struct sw_packed_view view;
};

static void pack(const struct trail_set *s, struct packed *ret)
{
	_cleanup_(sw_packer4_freep) struct sw_packer4 *p4 = NULL;
	_cleanup_(sw_packer6_freep) struct sw_packer6 *p6 = NULL;
	int64_t n4, n6;

	*ret = (struct packed){};
	assert_int_equal(sw_packer4_new(&p4), 0);
	assert_int_equal(sw_packer6_new(&p6), 0);
	for (size_t i = 0; i < s->n; i++)
		assert_int_equal(s->entry[i].net.family == SW_AF_IP4
				? sw_packer4_add(p4, &s->entry[i])
				: sw_packer6_add(p6, &s->entry[i]),
			0);
	n4 = sw_packer4_end(p4);
	n6 = sw_packer6_end(p6);
	assert_true(n4 >= 0 && n6 >= 0);
	ret->four = calloc((size_t)n4 + 1, sizeof(*ret->four));
	ret->six = calloc((size_t)n6 + 1, sizeof(*ret->six));
	ret->marks = calloc(SW_MARK_WORDS, sizeof(*ret->marks));
	if (n4)
		sw_packer4_write(p4, ret->four);
	if (n6)
		sw_packer6_write(p6, ret->six, ret->marks);
	ret->view = (struct sw_packed_view){.elements4 = ret->four,
		.elements6 = ret->six,
		.marks6 = ret->marks,
		.n4 = (uint64_t)n4,
		.n6 = (uint64_t)n6};
}

static void unpack(struct packed *p)
{
	free(p->four);
	free(p->six);
	free(p->marks);
}

static void check_host(const struct trail_set *s, const struct packed *p, const struct sw_net *host)
{
	int want = set_decide(s, host),
	    got = host->family == SW_AF_IP4 ? find4(&p->view, host) : find6(&p->view, host);
	char text[SW_NET_TEXT_MAX];

	if (got != want) {
		for (size_t i = 0; i < s->n; i++)
			print_error("%s/%u %u\n", sw_cidr_format(text, &s->entry[i].net),
				s->entry[i].net.plen, s->entry[i].action);
		fail_msg("%s: got %d, wanted %d", sw_cidr_format(text, host), got, want);
	}
}

static void check_sets(__u8 family, uint64_t seed)
{
	struct trail_set s;
	struct packed p;

	for (int i = 0; i < SETS; i++) {
		set_make(&seed, family, &s);
		pack(&s, &p);
		for (int k = 0; k < HOSTS; k++) {
			struct sw_net host =
				set_host(&seed, family, &s.entry[set_random(&seed) % s.n].net);

			check_host(&s, &p, &host);
		}
		unpack(&p);
	}
}

static void ipv4_sets_say_what_the_longest_entry_says(void **state)
{
	check_sets(SW_AF_IP4, 0x5eed4);
}

static void ipv6_sets_say_what_the_longest_entry_says(void **state)
{
	check_sets(SW_AF_IP6, 0x5eed6);
}

enum { MANY = 3000 };

static struct sw_net many_host(uint32_t i)
{
	struct sw_net host = {.family = SW_AF_IP6, .plen = 128};
	uint32_t word = htobe32(0x20000000 + i * 77);

	memcpy(host.addr, &word, sizeof(word));
	return host;
}

/* Each in a /32 of its own, all of one length but for two. Elements are the caller's to free. */
static void pack_many(unsigned int plen, struct packed *ret)
{
	_cleanup_(sw_packer6_freep) struct sw_packer6 *p6 = NULL;
	struct sw_trail_entry e = {.action = SW_TRAIL_DROP};
	int64_t n;

	assert_int_equal(sw_packer6_new(&p6), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		e.net = many_host(i);
		e.net.plen = (__u8)(i == 0 ? 128 : i == 1 ? 64 : plen);
		assert_int_equal(sw_packer6_add(p6, &e), 0);
	}
	n = sw_packer6_end(p6);
	assert_true(n > 0);
	*ret = (struct packed){.six = calloc((size_t)n, sizeof(*ret->six)),
		.marks = calloc(SW_MARK_WORDS, sizeof(*ret->marks))};
	sw_packer6_write(p6, ret->six, ret->marks);
	ret->view = (struct sw_packed_view){.elements6 = ret->six, .marks6 = ret->marks, .n6 = (uint64_t)n};
}

/* MANY /42 are 192,000 /48s, which are few enough to be marked; MANY /41 are not. */
static const struct {
	unsigned int plen, wider, marks_each;
} many[] = {{39, 0, 1}, {40, 1, 1}, {41, 2, 1}, {42, 0, 64}, {44, 0, 16}, {47, 0, 2}, {48, 0, 1}};

static void too_many_short_networks_are_marked_as_their_slash32s(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(many); i++) {
		unsigned int plen = many[i].plen, n_marks = 0;
		struct packed p;

		pack_many(plen, &p);
		assert_int_equal(p.six->head.wider, many[i].wider);
		for (size_t k = 0; k < SW_MARK_WORDS; k++)
			n_marks += (unsigned int)__builtin_popcountll(p.marks[k]);
		/* some share a bit of the hash */
		assert_in_range(n_marks, MANY * many[i].marks_each * 9 / 10, MANY * many[i].marks_each);
		for (uint32_t k = 2; k < MANY; k++) {
			struct sw_net host = many_host(k);

			host.addr[15] = 9;
			assert_int_equal(find6(&p.view, &host), SW_TRAIL_DROP);
			set_step(&host, plen - 1, false);
			assert_int_equal(find6(&p.view, &host), NOT_FOUND);
		}
		unpack(&p);
	}
}

static const char *const lone[] = {"0.0.0.0", "255.255.255.255", "198.18.0.255", "198.18.0.0",
	"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "198.18.0.0/18", "198.18.64.0/18",
	"198.18.63.0/24", "198.18.0.0/25", "198.18.0.252/30", "198.18.0.248/29", "255.255.255.0/24",
	"255.255.192.0/18"};

static void every_address_of_a_slash24_and_its_borders_is_right(void **state)
{
	for (size_t i = 0; i < SW_ARRAY_SIZE(lone); i++) {
		struct trail_set s = {.n = 1, .entry[0] = {.action = SW_TRAIL_DROP}};
		struct sw_net host;
		struct packed p;

		assert_int_equal(sw_cidr_parse(lone[i], SIZE_MAX, &s.entry[0].net), 0);
		pack(&s, &p);
		host = s.entry[0].net;
		host.plen = 32;
		for (int k = 0; k < 300; k++)
			set_step(&host, 31, true);
		for (int k = 0; k < 600; k++, set_step(&host, 31, false))
			check_host(&s, &p, &host);
		unpack(&p);
	}
}

/* In the leaf, in a list, in a block: /24s of every number of hosts, side by side in one word. */
static void a_slash24_of_any_number_of_hosts_is_right(void **state)
{
	enum { STEP = 7 }; /* prime to 256: hosts are spread over the /24, .0 and .255 among them */
	static const unsigned int counts[] = {1, 2, 4, 5, 8, 15, 16, 17, 40, 255, 256};
	static bool is_in[SW_ARRAY_SIZE(counts) * 3][256];
	_cleanup_(sw_packer4_freep) struct sw_packer4 *p4 = NULL;
	struct sw_trail_entry e = {.action = SW_TRAIL_DROP, .net = {.family = SW_AF_IP4, .plen = 32}};
	struct sw_packed_view v = {};
	union sw_packed4 *four;
	int64_t n;

	assert_int_equal(sw_packer4_new(&p4), 0);
	for (size_t i = 0; i < SW_ARRAY_SIZE(is_in); i++) {
		for (unsigned int k = 0; k < counts[i * 4 % SW_ARRAY_SIZE(counts)]; k++)
			is_in[i][(k * STEP + (i % 2 ? 255 : 0)) & 255] = true;
		memcpy(e.net.addr, (__u8[]){198, 18, (__u8)(i * 3)}, 3);
		for (int host = 0; host < 256; host++) {
			e.net.addr[3] = (__u8)host;
			if (is_in[i][host])
				assert_int_equal(sw_packer4_add(p4, &e), 0);
		}
	}
	n = sw_packer4_end(p4);
	assert_true(n > SW_PACKED_WORDS);
	four = calloc((size_t)n, sizeof(*four));
	sw_packer4_write(p4, four);
	v.elements4 = four;
	v.n4 = (uint64_t)n;
	for (size_t i = 0; i < SW_ARRAY_SIZE(is_in); i++) {
		memcpy(e.net.addr, (__u8[]){198, 18, (__u8)(i * 3)}, 3);
		for (int host = 0; host < 256; host++) {
			e.net.addr[3] = (__u8)host;
			assert_int_equal(find4(&v, &e.net), is_in[i][host] ? SW_TRAIL_DROP : NOT_FOUND);
		}
	}
	free(four);
}

static void an_image_that_was_tampered_with_leads_nowhere(void **state)
{
	uint64_t seed = 77;
	struct trail_set s;
	int accepted = 0;

	for (int i = 0; i < 16; i++) {
		struct sw_packed_view v;
		struct packed p;
		size_t len, n4;
		char *image;

		set_make(&seed, i % 2 ? SW_AF_IP4 : SW_AF_IP6, &s);
		pack(&s, &p);
		n4 = p.view.n4 * sizeof(*p.four);
		len = sizeof(struct sw_trail_packed) + n4 + p.view.n6 * sizeof(*p.six) +
			(p.view.n6 ? SW_MARK_BITS / 8 : 0);
		image = aligned_alloc(64, (len + 63) / 64 * 64);
		assert_non_null(image);
		for (int k = 0; k < 12; k++) {
			struct sw_trail_packed *h = (void *)image;
			size_t room = len - sizeof(*h), at;

			*h = (struct sw_trail_packed){.head = {.magic = SW_TRAIL_PACKED_MAGIC,
							      .version = SW_TRAIL_PACKED_VERSION,
							      .size = len},
				.elements4 = p.view.n4,
				.elements6 = p.view.n6};
			memcpy(h + 1, p.four, n4);
			if (p.view.n6) {
				memcpy(image + sizeof(*h) + n4, p.six, p.view.n6 * sizeof(*p.six));
				memcpy(image + len - SW_MARK_BITS / 8, p.marks, SW_MARK_BITS / 8);
			}
			for (int w = 0; k && room && w < 50; w++) {
				/* near the start of a part, or in its last leaves and blocks */
				at = set_random(&seed) % 3
					? room - 4 - set_random(&seed) % SW_MIN(room - 3, 600)
					: set_random(&seed) % (room - 3);
				if (p.view.n6 && set_random(&seed) % 2)
					at = set_random(&seed) % 600;
				image[sizeof(*h) + at] = (char)set_random(&seed);
			}
			h->head.crc = sw_crc32(0, &h->head + 1, len - sizeof(h->head));
			if (sw_packed_check(image, len, &v, NULL) < 0) {
				assert_int_not_equal(k, 0);
				continue;
			}
			accepted++;
			for (int a = 0; a < 500; a++) {
				struct sw_net host = set_host(
					&seed, i % 2 ? SW_AF_IP4 : SW_AF_IP6, &s.entry[0].net);

				(void)(i % 2 ? find4(&v, &host) : find6(&v, &host));
			}
		}
		assert_true(sw_packed_check(image, len - 1, &v, NULL) < 0);
		free(image);
		unpack(&p);
	}
	assert_true(accepted > 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_sets_say_what_the_longest_entry_says),
		cmocka_unit_test(ipv6_sets_say_what_the_longest_entry_says),
		cmocka_unit_test(too_many_short_networks_are_marked_as_their_slash32s),
		cmocka_unit_test(every_address_of_a_slash24_and_its_borders_is_right),
		cmocka_unit_test(a_slash24_of_any_number_of_hosts_is_right),
		cmocka_unit_test(an_image_that_was_tampered_with_leads_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
