/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A finding as a line in the form of another tool: ECS, OCSF, CEF, RFC 5424, and the daily line of Maltrail. */
#pragma once

#include "user/cli/cli.h"

struct sw_cli_form;

/* By --form; NULL when it was not given. False when there is no such form, which is said. */
bool sw_cli_form_find(const struct sw_cli *c, const struct sw_cli_form **ret);
/* A row as `findings`, `events` or `replay` have it, to standard output. */
void sw_cli_form_print(const struct sw_cli_form *form, const json_t *row);
