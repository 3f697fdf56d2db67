/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is doubtful in a rule though it works: told when somebody asks, never refused. Nothing to own. */
#pragma once

#include "user/rules/compile.h"

typedef void (*sw_lint_fn)(void *arg, const char *rule, const char *origin, const char *what);

/* Each doubt about one expression of a rule. has_prefix: it sees only what the rule's prefix leaves. */
void sw_lint_expression(
	const char *text, const char *rule, const char *origin, sw_lint_fn fn, void *arg);

/*
 * The whole image and its samples: fn for each doubt and for each sample that is not as it says. The number of
 * samples that are wrong; -errno.
 */
int sw_lint_image(const void *image, size_t size, const struct sw_pack_sample *samples, size_t n,
	bool wants_samples, sw_lint_fn fn, void *arg);
