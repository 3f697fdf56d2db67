// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/trail/marks.h"

#include <endian.h>

struct sw_words6 sw_words6_of(const struct sw_net *n)
{
	struct sw_words6 w;

	memcpy(&w, n->addr, sizeof(w));
	return (struct sw_words6){be64toh(w.high), be64toh(w.low)};
}

struct sw_net sw_packed6_net(const struct sw_packed6_slot *s)
{
	struct sw_net net = {.family = SW_AF_IP6, .plen = s->plen};
	uint64_t words[2] = {htobe64(s->high), htobe64(s->low)};

	memcpy(net.addr, words, sizeof(words));
	return net;
}

static unsigned int class_length(const struct sw_net *n, uint32_t split)
{
	static const unsigned int lengths[SW_MARK6_CLASSES] = {32, 48, 64};

	return n->family == SW_AF_IP4 ? 24 : lengths[sw_mark6_class(n->plen, split)];
}

uint64_t sw_marks_count(const struct sw_net *n, uint32_t split)
{
	unsigned int length = class_length(n, split);

	return n->plen < length ? 1ULL << (length - n->plen) : 1;
}

uint32_t sw_marks_nth(const struct sw_net *n, uint32_t split, uint64_t i)
{
	uint32_t addr;

	if (n->family == SW_AF_IP6)
		return sw_mark6_bit(sw_mark6_class(n->plen, split),
			sw_words6_of(n).high + (i << (64 - class_length(n, split))));
	memcpy(&addr, n->addr, sizeof(addr));
	return (be32toh(addr) >> 8) + (uint32_t)i;
}

bool sw_marks_set6(const struct sw_net *n, uint32_t split, uint64_t *words, uint64_t *budget)
{
	uint64_t count = sw_marks_count(n, split);

	if (count > *budget)
		return false;
	*budget -= count;
	for (uint64_t i = 0; i < count; i++)
		sw_mark_set(words, sw_marks_nth(n, split, i));
	return true;
}
