/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules that are packaged, as the engine would have them with a configuration. After cmocka.h. */
#pragma once

#include <fcntl.h>

#include "user/conf/conf.h"
#include "user/logs/ruleset.h"
#include "user/rules/compile.h"

/*
 * Their image, to be freed. sample: is given each of their samples, with arg; NULL: none wanted. What they say
 * against themselves fails the test.
 */
static inline void *packaged_image(const struct sw_config *config,
	void (*sample)(void *arg, const struct sw_pack_sample *s), void *arg, size_t *ret_size)
{
	_strbuf_ struct sw_strbuf errors = {};
	_close_ int packs = open("feeds/rules", O_RDONLY | O_DIRECTORY);
	struct sw_rules_from from = {.config = config,
		.config_file = "test.yaml",
		.packs_fd = packs,
		.user_fd = -1,
		.packs_dir = "feeds/rules",
		.user_dir = "rules.d",
		.sample = sample,
		.arg = arg};
	void *image = NULL;

	assert_true(packs >= 0);
	assert_int_equal(sw_rules_compile(&from, &image, ret_size, &errors), 0);
	assert_string_equal(sw_strbuf_get(&errors), "");
	return image;
}

/* The same, ready to read lines. */
static inline struct sw_ruleset *packaged_rules(const struct sw_config *config,
	void (*sample)(void *arg, const struct sw_pack_sample *s), void *arg)
{
	_strbuf_ struct sw_strbuf errors = {};
	struct sw_ruleset *rs = NULL;
	size_t size;
	_free_ void *image = packaged_image(config, sample, arg, &size);

	assert_int_equal(sw_ruleset_new(&rs, image, size, &errors), 0);
	return rs;
}
