/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables that are asked at random places: zeros from a cache line's beginning, in large pages where the
 * kernel has some, because such a look-up costs more for the page's address than for its bytes.
 */
#pragma once

#include "user/base/util.h"

/* NULL: none left. Pages that nothing is written to take no memory. */
void *sw_pages_new(size_t bytes);
/* bytes: as given to new. */
void sw_pages_free(void *p, size_t bytes);
/*
 * From here on what malloc is asked for at once and is large has pages of its own: those that nothing is written to
 * take no memory, and all go back when it is freed. Else glibc takes for large, from the first large one that is freed
 * on, only what is larger than that, and clears in the heap what calloc is asked for.
 */
void sw_pages_for_large(void);
