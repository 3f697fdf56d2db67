/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Trails as feeds have them, made here because no feed may be in the tree. What is copied from life is
 * the shape that costs: 95 % are hosts, and they lie in clusters, 5.4 to a /24 on the average, as those
 * of a botnet or a bad hoster do; the rest are networks of /20 to /31 among them. The clusters are
 * spread evenly over the address space, which real ones are not: for the marks that is the worse case.
 * Two million of them touch a thirtieth of all /24s.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { FEED_HOSTS_PER_SLASH24 = 57 }; /* tenths */

static inline uint32_t feed_draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (uint32_t)(*random * 0x2545f4914f6cdd1dULL >> 32);
}

/* A line for each trail; its bytes without the NUL go to *ret_len. Ends the process without memory. */
static inline char *feed_make_text(uint64_t *random, size_t trails, size_t *ret_len)
{
	size_t clusters = trails * 10 / FEED_HOSTS_PER_SLASH24;
	uint32_t *cluster = malloc(clusters * sizeof(*cluster));
	char *text = malloc(trails * 20 + 1), *p = text;

	if (!cluster || !text)
		abort();
	for (size_t i = 0; i < clusters; i++)
		cluster[i] = feed_draw(random) & 0xffffff00;
	for (size_t i = 0; i < trails; i++) {
		uint32_t a = cluster[feed_draw(random) % clusters] | (feed_draw(random) & 255);
		unsigned int plen = i % 20 ? 32 : 20 + feed_draw(random) % 12;

		p += sprintf(p, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
		p += plen < 32 ? sprintf(p, "/%u\n", plen) : sprintf(p, "\n");
	}
	free(cluster);
	*ret_len = (size_t)(p - text);
	return text;
}
