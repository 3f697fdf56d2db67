// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/pages.h"

#include <malloc.h>
#include <sys/mman.h>

enum { LARGE = 2 << 20, OWN_PAGES_FROM = 256 << 10 };

/* A large page needs a place that is aligned to it: what was mapped too much on both sides goes back. */
static void *map_aligned(size_t bytes)
{
	size_t more = bytes + LARGE, before;
	char *p = mmap(NULL, more, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)p & (LARGE - 1);
	if (before)
		munmap(p, before);
	munmap(p + before + bytes, more - before - bytes);
	(void)madvise(p + before, bytes, MADV_HUGEPAGE);
	return p + before;
}

static size_t whole_pages(size_t bytes)
{
	return (bytes + 4095) & ~(size_t)4095;
}

void *sw_pages_new(size_t bytes)
{
	return map_aligned(whole_pages(bytes));
}

void sw_pages_free(void *p, size_t bytes)
{
	if (p)
		munmap(p, whole_pages(bytes));
}

void sw_pages_for_large(void)
{
	mallopt(M_MMAP_THRESHOLD, OWN_PAGES_FROM);
}
