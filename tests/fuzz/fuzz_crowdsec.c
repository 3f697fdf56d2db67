// SPDX-License-Identifier: GPL-3.0-or-later
/* Answers of CrowdSec's local API: what is taken is as long as it says, of sound networks and printable texts. */
#include <assert.h>

#include "user/base/cidr.h"
#include "user/net/crowdsec_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_strbuf_ struct sw_strbuf out = {};
	const struct sw_net_crowdsec_decision *d;
	const struct sw_net_crowdsec *head;

	if (sw_crowdsec_read((const char *)data, size, size & 1, "lab", &out) < 0) {
		assert(!out.len);
		return 0;
	}
	head = (const void *)out.text;
	d = (const void *)(head + 1);
	assert(out.len == sizeof(*head) + head->n * sizeof(*d));
	for (uint32_t i = 0; i < head->n; i++) {
		assert(d[i].net.plen <= sw_net_max_plen(&d[i].net));
		assert(memchr(d[i].scenario, 0, sizeof(d[i].scenario)) && memchr(d[i].origin, 0, sizeof(d[i].origin)));
	}
	return 0;
}
