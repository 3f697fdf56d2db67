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
