/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All rules over logs that there are, to one image: the packages', the user's in their place, fail2ban's jails, and
 * what the configuration says of each. Runs in sockwarden-config, without privilege, and in the command line.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "user/rules/pack.h"

/* Where packs lie; -1: nowhere. Borrowed. */
struct sw_rules_from {
	const struct sw_config *config;
	const char *config_file; /* for messages */
	int packs_fd, user_fd; /* directories of *.yaml */
	const char *packs_dir, *user_dir; /* their names */
	sw_pack_sample_fn sample; /* may be NULL */
	void *arg;
};

/*
 * 0 and the image in *ret (free it), with a line in errors for each rule that is wrong and was left out; -ENOMEM,
 * -EFBIG.
 */
int sw_rules_compile(
	const struct sw_rules_from *from, void **ret, size_t *ret_size, struct sw_strbuf *errors);
