/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Among trails.c, trails_own.c and trails_test.c. */
#pragma once

#include "user/cli/cli.h"

/* --action is one that a list may have; else the exit status, said. */
int sw_cli_trails_check_action(const struct sw_cli *c);
/* What of an import's answer the allow list keeps passing. */
void sw_cli_trails_say_protected(const struct sw_cli *c, const json_t *data);
/* trails remove VALUE --list NAME */
int sw_cli_trails_take_out(struct sw_cli *c);
/* True when the text in fd is one of trails export; its list's name and action. fd's place is as before. */
bool sw_cli_trails_is_export(int fd, char *name, size_t name_size, char *action, size_t action_size);
bool sw_cli_trails_is_csv(const char *path);
