// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * False alarms: a million flows of which none is an attack, as tests/lib/benign.c makes them, through
 * what `sockwarden replay` runs. Said by rule; the goal is none of medium severity or above.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/benign.h"
#include "user/base/words.h"

static void figure(
	const char *what, double value, const char *unit, const char *goal, const char *met)
{
	printf("{\"bench\":\"benign\",\"case\":\"%s\",\"value\":%.2f,\"unit\":\"%s\",\"peer\":null,\"peer_value\":null,"
	       "\"ratio\":null,\"goal\":%s,\"met\":%s}\n",
		what, value, unit, goal, met);
}

int main(int argc, char **argv)
{
	uint64_t flows = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	struct benign_result r;

	benign_run(flows, NULL, true, &r);
	printf("%llu flows, %llu packets; read: %llu DNS messages, %llu requests, %llu hellos\n",
		(unsigned long long)r.flows, (unsigned long long)r.packets,
		(unsigned long long)r.stats.dns, (unsigned long long)r.stats.requests,
		(unsigned long long)r.stats.hellos);
	for (enum sw_rule rule = 0; rule < SW_RULE_COUNT; rule++) {
		if (r.told[rule])
			printf("%s (%s): %llu\n", sw_rule_word(rule),
				sw_severity_word(sw_rule_severity(rule)),
				(unsigned long long)r.told[rule]);
	}
	figure("findings of medium or above in a million benign flows",
		(double)r.medium * 1e6 / (double)r.flows, "findings", "0",
		r.medium ? "false" : "true");
	figure("benign flows, a core", (double)r.packets / r.cpu_sec / 1e6, "M packets/s", "null",
		"null");
	return 0;
}
