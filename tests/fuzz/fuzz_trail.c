// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What strangers write: the first byte chooses between the text of a list, fed in two pieces, and the
 * bytes of a list or image. A text that is taken must make a list that passes the check, and its image
 * must too; a list that passes the check must merge and answer questions.
 */
#include <assert.h>
#include <sys/mman.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	if (data[0] < 'b')
		try_text((const char *)data + 2, size - 2, data[1]);
	else
		try_bytes(data + 2, size - 2,
			data[0] & 1 ? SW_TRAIL_IMAGE_MAGIC : SW_TRAIL_LIST_MAGIC, data[1] & 1);
	return 0;
}
