/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processes from /proc as the caller: ps.c lists them, ps_files.c the files of one. No state. */
#pragma once

#include <sys/types.h>

#include "user/cli/table.h"

enum { SW_PS_USER_MAX = 64, SW_PS_NAME_MAX = 256 };

/* The user's name, or the number; returns buf. */
const char *sw_ps_user(uid_t uid, char buf[static SW_PS_USER_MAX]);
/* What it calls itself; returns buf. */
const char *sw_ps_comm(int pid, char buf[static SW_PS_NAME_MAX]);
/* o's key is the text, bytes that are no UTF-8 as \xNN: names are any bytes that a process likes. */
void sw_ps_set_text(json_t *o, const char *key, const char *text, size_t len);
/* `ps PID`: its files as lsof -p shows them. An exit status. */
int sw_ps_files(struct sw_cli *c, int pid);
