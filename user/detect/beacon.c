// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/beacon.h"

struct row {
	uint64_t key;
	uint32_t n;
	uint32_t told_sec;
	uint32_t sec[SW_BEACON_TIMES]; /* in order, the oldest first */
};

struct sw_beacons {
	struct row rows[SW_BEACON_ROWS];
};

enum { AGAIN_SEC = 3600 };

int sw_beacons_new(struct sw_beacons **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void sw_beacons_free(struct sw_beacons *b)
{
	free(b);
}

static unsigned int mean_gap(const struct row *r, unsigned int want)
{
	const uint32_t *sec = r->sec + r->n - want;
	uint32_t mean = (sec[want - 1] - sec[0]) / (want - 1);
	uint32_t slack = SW_MAX(mean * SW_BEACON_SPREAD / 100, (uint32_t)SW_BEACON_SLACK_SEC);

	for (unsigned int i = 1; i < want; i++) {
		uint32_t gap = sec[i] - sec[i - 1];

		if (gap + slack < mean || gap > mean + slack)
			return 0;
	}
	return mean;
}

unsigned int sw_beacons_add(
	struct sw_beacons *b, const struct sw_config_habit *rule, uint64_t key, int64_t sec)
{
	struct row *r = &b->rows[key >> 20 & (SW_BEACON_ROWS - 1)];
	unsigned int want = SW_MIN(SW_MAX(rule->threshold, 3U), (unsigned int)SW_BEACON_TIMES), gap;
	uint32_t now = (uint32_t)sec;

	if (r->key != key) {
		if (r->key && now - r->sec[r->n ? r->n - 1 : 0] <= rule->window_sec && r->n > 3)
			return 0;
		*r = (struct row){.key = key};
	}
	if (r->n == SW_BEACON_TIMES)
		memmove(r->sec, r->sec + 1, (size_t)--r->n * sizeof(r->sec[0]));
	r->sec[r->n++] = now;
	if (r->n < want || (r->told_sec && now - r->told_sec < AGAIN_SEC))
		return 0;
	gap = mean_gap(r, want);
	if (gap < SW_BEACON_GAP_SEC || gap > rule->window_sec)
		return 0;
	r->told_sec = now;
	return gap;
}
