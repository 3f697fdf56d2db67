// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Any bytes as a log, through a filter with every kind of rule and all usual dates: nothing is read beyond a line,
 * what is told lies within it, and the prefilter leaves out no line that its rule matches.
 */
#include <assert.h>

#include "user/logs/matcher.h"

static char *rules[] = {
	"^\\s*(?:\\S+ )?d\\[\\d+\\]: [fF]ailed for <F-USER>.*?</F-USER> from <HOST>(?: port \\d+)?$",
	"^\\s*<F-MLFID>\\S+</F-MLFID> <F-NOFAIL>accepted</F-NOFAIL> <ADDR>",
	"^\\[\\] refused <SUBNET>",
	"wrong (?:name|word) <F-ID/>",
};
static char *ignores[] = {"from 192\\.0\\.2\\.9$"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sw_f2b_filter filter = {.name = "fuzz",
		.failregex = {rules, SW_ARRAY_SIZE(rules)},
		.ignoreregex = {ignores, SW_ARRAY_SIZE(ignores)},
		.maxlines = size && data[0] == 'm' ? 3 : 1};
	const struct sw_clock clock = {.is_manual = true, .manual_wall_ns = 1124013600000000000ll};
	_cleanup_(sw_matcher_freep) struct sw_matcher *m = NULL;
	_strbuf_ struct sw_strbuf err = {};
	const char *p = (const char *)data, *end = p + size;

	assert(sw_matcher_new(&m, &filter, &clock, &err) == 0);
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = nl ? (size_t)(nl - p) : (size_t)(end - p);
		struct sw_line_result res;
		_free_ char *line = malloc(len ? len : 1); /* so that a byte too far is seen */

		memcpy(line, p, len);
		sw_matcher_line(m, line, len, &res);
		assert((res.state == SW_LINE_MATCHED) == (res.host.text != NULL));
		assert(res.host.len <= len + 8 && res.user.len <= len + SW_LINE_MATCHED * 100);
		p += len + 1;
	}
	return 0;
}
