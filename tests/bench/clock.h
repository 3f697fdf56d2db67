/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Seconds by a clock, and numbers that are the same in each run: what the benches have in common. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline double clock_sec(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* CPU time of all threads: other work on the machine does not count. */
static inline double cpu_sec(void)
{
	return clock_sec(CLOCK_PROCESS_CPUTIME_ID);
}

static inline uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 32);
}
