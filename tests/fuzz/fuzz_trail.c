// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What strangers write: the first byte chooses between the text of a list, fed in two pieces, the
 * bytes of a list or image, and changes to a packed image. A text that is taken must make a list that
 * passes the check, and its image must too; a list that passes the check must merge and answer questions.
 */
#include <assert.h>
#include <sys/mman.h>

#include "tests/unit/packed_find.h"
#include "user/base/cidr.h"
#include "user/io/msg.h"
#include "user/trail/list.h"
#include "user/trail/lookup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_image(const struct sw_trail_view *v)
{
	const struct sw_trail_source s[] = {{*v, 0}, {*v, 3}};
	_close_ int fd = sw_trail_image_build(s, 2, SW_ENGINE_LPM, 0, NULL);
	struct sw_trail_view image;
	struct sw_trail_hit hits[8];
	const void *map;
	size_t len;

	assert(fd >= 0);
	assert(sw_memfd_map_sealed(fd, SW_TRAIL_BYTES_MAX, &map, &len) == 0);
	assert(sw_trail_check(map, len, SW_TRAIL_IMAGE_MAGIC, &image, NULL) == 0);
	for (size_t i = 0; i < SW_MIN(image.n4 + image.n6, (size_t)16); i++) {
		const struct sw_net *n = &image.entries4[i].net;

		assert(sw_trail_covering(s, 2, n, hits, 8) >= 1);
		assert(sw_trail_decide(s, 2, n, hits));
		sw_trail_within(s, 2, n, hits, 8);
	}
	munmap((void *)map, len);
}

static void try_text(const char *text, size_t size, size_t cut)
{
	static const struct sw_trail_rules rules = {
		.min_plen4 = 4, .min_plen6 = 8, .max_entries = 4096};
	struct sw_trail_parser *p;
	struct sw_trail_list *l = NULL;

	cut = SW_MIN(cut, size);
	assert(sw_trail_parser_new(&rules, &p) == 0);
	sw_trail_parser_feed(p, text, cut);
	sw_trail_parser_feed(p, text + cut, size - cut);
	if (sw_trail_parser_end(p) == 0) {
		_close_ int fd = sw_trail_list_build(p, "fuzz", "fuzz", SW_TRAIL_DROP, 0);

		assert(fd >= 0);
		assert(sw_trail_list_open(fd, &l, NULL) == 0);
		try_image(&l->view);
		sw_trail_list_free(l);
	} else {
		assert(sw_trail_parser_report(p)->text[0]);
	}
	sw_trail_parser_free(p);
}

/* fix: sets size and checksum right, so that the fuzzer reaches the entries. */
static void try_bytes(const uint8_t *data, size_t size, __u32 magic, bool fix)
{
	struct sw_trail_head *h = malloc(SW_MAX(size, (size_t)1));
	struct sw_trail_view v;

	assert(h);
	memcpy(h, data, size);
	if (fix && size >= sizeof(*h)) {
		h->size = size;
		h->crc = sw_crc32(0, h + 1, size - sizeof(*h));
	}
	if (sw_trail_check(h, size, magic, &v, NULL) == 0)
		try_image(&v);
	free(h);
}

/* A good packed image, made once; owned by nobody, as the fuzzer never ends in order. */
static const struct sw_trail_packed *good_packed(size_t *ret_len)
{
	static const char text[] = "1.0.0.1\n1.0.0.7\n1.0.1.0/24\n1.0.2.0/25\n1.0.64.0/18\n"
				   "2.0.0.0/15\n3.1.2.3\n2001:db8::/40\n2001:db8:1::/48\n"
				   "2001:db8:1:2::7\n";
	static const struct sw_trail_rules rules = {.min_plen4 = 4, .min_plen6 = 8};
	static const void *map;
	static size_t len;
	struct sw_trail_parser *p;
	struct sw_trail_list *l = NULL;
	struct sw_trail_source s = {};
	_close_ int fd = -1, image = -1;

	if (!map) {
		assert(sw_trail_parse_mem(&rules, text, sizeof(text) - 1, &p) == 0);
		fd = sw_trail_list_build(p, "fuzz", "fuzz", SW_TRAIL_DROP, 0);
		assert(fd >= 0 && sw_trail_list_open(fd, &l, NULL) == 0);
		s.view = l->view;
		image = sw_trail_image_build(&s, 1, SW_ENGINE_PACKED, 0, NULL);
		assert(sw_memfd_map_sealed(image, SW_PACKED_BYTES_MAX, &map, &len) == 0);
		sw_trail_list_free(l);
		sw_trail_parser_free(p);
	}
	*ret_len = len;
	return map;
}

/* Every look-up that a packet could start: packed_find.h asserts that each index lies inside. */
static void ask_packed(const struct sw_packed_view *v)
{
	for (uint32_t at = 0; at < 4096; at += 3) {
		struct sw_net host = sw_net_from4(htobe32(at << 14 | (at * 2654435761U & 0x3fff)));

		find4(v, &host);
		for (uint32_t octet = 0; octet < 256 && at % 64 == 0; octet++) {
			host = sw_net_from4(htobe32(at << 14 | (octet & 7) << 8 | octet));
			find4(v, &host);
		}
		if (at % 64 == 0) {
			host = (struct sw_net){.family = SW_AF_IP6,
				.plen = 128,
				.addr = {0x20, 1, 0xd, 0xb8, 0, (__u8)at, 0, 2}};
			find6(v, &host);
		}
	}
}

/* Bytes of a good image changed, four of the input for each: what the check then takes must hold together. */
static void try_packed(const uint8_t *data, size_t size)
{
	static struct sw_trail_packed *image;
	struct sw_packed_view v;
	const struct sw_trail_packed *good;
	size_t len, bases[4];

	good = good_packed(&len);
	if (!image)
		image = aligned_alloc(4096, (len + 4095) & ~(size_t)4095);
	assert(image);
	memcpy(image, good, len);
	bases[0] = 0;
	bases[1] = sizeof(*good);
	bases[2] = sizeof(*good) + (size_t)SW_PACKED_WORDS * sizeof(union sw_packed4);
	bases[3] = sizeof(*good) + good->elements4 * sizeof(union sw_packed4);
	for (; size >= 4; data += 4, size -= 4) {
		size_t at = bases[data[0] & 3] + ((size_t)data[1] << 8 | data[2]);

		if (at < len)
			((uint8_t *)image)[at] ^= data[3];
	}
	image->head.crc = sw_crc32(0, &image->head + 1, len - sizeof(image->head));
	if (sw_packed_check(image, len, &v, NULL) == 0)
		ask_packed(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	if (data[0] == 'P')
		try_packed(data + 2, SW_MIN(size - 2, (size_t)256));
	else if (data[0] < 'b')
		try_text((const char *)data + 2, size - 2, data[1]);
	else
		try_bytes(data + 2, size - 2,
			data[0] & 1 ? SW_TRAIL_IMAGE_MAGIC : SW_TRAIL_LIST_MAGIC, data[1] & 1);
	return 0;
}
