/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules over logs as the daemon would get them, read here by the caller's rights. */
#pragma once

#include "user/cli/cli.h"
#include "user/logs/ruleset.h"
#include "user/rules/compile.h"

struct sw_cli_rules {
	void *image;
	size_t size;
	struct sw_ruleset *set;
	struct sw_pack_sample *samples;
	size_t n_samples;
	struct sw_strbuf errors; /* a line each */
};

/*
 * With file the rules of this pack alone, else all that there are: packaged, the user's and the configuration's.
 * The exit status; what is wrong with a rule is only in errors.
 */
int sw_cli_rules_load(struct sw_cli *c, const char *file, struct sw_cli_rules *ret);
void sw_cli_rules_done(struct sw_cli_rules *r);
/* The rule of the name; NULL, said with the nearest name. */
const struct sw_log_rule *sw_cli_rules_find(
	const struct sw_cli_rules *r, const char *name, size_t *ret_i);
