// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Feeds in every form: byte 0 chooses the form, byte 1 where the text is cut in two; the rest is the
 * text. What is taken makes a sound list; what is refused has a reason.
 */
#include <assert.h>

#include "user/trail/feed_read.h"
#include "user/trail/list.h"

static const char *const forms[] = {"plain", "netset", "hosts", "csv:dst_ip", "csv:2",
	"csv:ioc_value?confidence_level>=75", "tsv:1/3", "tsv:1?2>=3", "pipe:2",
	"jsonl:cidr+records", "json:prefixes[].ipv4Prefix,prefixes[].ipv6Prefix", "json:[]", "tor",
	"stix", "misp"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sw_trail_rules rules = {
		.min_plen4 = 4, .min_plen6 = 8, .max_entries = 4096, .may_be_empty = true};
	struct sw_feed_reader *r;
	struct sw_feed_form form;
	const char *why, *text = (const char *)data + 2;
	size_t cut;

	if (size < 2)
		return 0;
	assert(sw_feed_form_parse(forms[data[0] % SW_ARRAY_SIZE(forms)], &form, &why) == 0);
	assert(sw_feed_reader_new(&form, &rules, 1795000000, &r) == 0);
	size -= 2;
	cut = SW_MIN((size_t)data[1], size);
	sw_feed_reader_feed(r, text, cut);
	sw_feed_reader_feed(r, text + cut, size - cut);
	if (sw_feed_reader_end(r) == 0) {
		_close_ int fd = sw_trail_list_build(
			sw_feed_reader_parser(r), "fuzz", "fuzz", SW_TRAIL_DROP, 0);
		struct sw_trail_list *l = NULL;

		assert(fd >= 0);
		assert(sw_trail_list_open(fd, &l, NULL) == 0);
		sw_trail_list_free(l);
	} else {
		assert(sw_feed_reader_why(r)[0]);
	}
	sw_feed_reader_free(r);
	return 0;
}
