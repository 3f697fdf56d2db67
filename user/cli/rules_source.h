/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sockwarden rules test --source PATH`: every rule that reads this log, as the daemon would. */
#pragma once

#include "user/cli/cli.h"
#include "user/logs/lines.h"

/* The exit status. */
int sw_cli_rules_test_source(struct sw_cli *c, struct sw_lines *lines, int64_t now_sec);
