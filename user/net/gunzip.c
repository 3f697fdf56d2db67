// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/net/gunzip.h"

#include <zlib.h>

enum {
	BLOCK = 64 * 1024,
	GZIP_ONLY = 16 + MAX_WBITS, /* inflateInit2: a gzip header is wanted */
};

struct sw_gunzip {
	z_stream z;
	sw_gunzip_fn fn;
	void *arg;
	bool is_whole;
	unsigned char block[BLOCK];
};

int sw_gunzip_new(sw_gunzip_fn fn, void *arg, struct sw_gunzip **ret)
{
	struct sw_gunzip *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->fn = fn;
	g->arg = arg;
	if (inflateInit2(&g->z, GZIP_ONLY) != Z_OK) {
		free(g);
		return -ENOMEM;
	}
	*ret = g;
	return 0;
}

void sw_gunzip_free(struct sw_gunzip *g)
{
	if (!g)
		return;
	inflateEnd(&g->z);
	free(g);
}

void sw_gunzip_freep(struct sw_gunzip **g)
{
	sw_gunzip_free(*g);
}

int sw_gunzip_feed(struct sw_gunzip *g, const char *data, size_t len)
{
	if (len > UINT32_MAX)
		return -EFBIG;
	g->z.next_in = (unsigned char *)data;
	g->z.avail_in = (uInt)len;
	while (g->z.avail_in) {
		int z, r;

		if (g->is_whole) { /* another member follows, as of files put together */
			if (inflateReset(&g->z) != Z_OK)
				return -EBADMSG;
			g->is_whole = false;
		}
		do {
			g->z.next_out = g->block;
			g->z.avail_out = BLOCK;
			z = inflate(&g->z, Z_NO_FLUSH);
			if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR)
				return z == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
			r = g->fn((const char *)g->block, BLOCK - g->z.avail_out, g->arg);
			if (r < 0)
				return r;
		} while (!g->z.avail_out && z != Z_STREAM_END);
		g->is_whole = z == Z_STREAM_END;
	}
	return 0;
}

bool sw_gunzip_is_whole(const struct sw_gunzip *g)
{
	return g->is_whole;
}
