/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hashes of static trails: fast, good in all their bits, and not secret. */
#pragma once

#include "user/base/util.h"

static inline uint64_t sw_mix64(uint64_t a, uint64_t b)
{
	unsigned __int128 r = (unsigned __int128)(a ^ 0x9e3779b97f4a7c15ull) * (b ^ 0xd6e8feb86659fd93ull);

	return (uint64_t)r ^ (uint64_t)(r >> 64);
}

static inline uint64_t sw_load64(const void *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

static inline uint64_t sw_hash_bytes(uint64_t seed, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = seed ^ len * 0xa0761d6478bd642full;

	for (; len >= 8; p += 8, len -= 8)
		h = sw_mix64(h, sw_load64(p, 8));
	if (len)
		h = sw_mix64(h ^ 0xe7037ed1a0b428dbull, sw_load64(p, len));
	return sw_mix64(h, 0x589965cc75374cc3ull);
}
