/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the guard keeps of root's power once everything is open: const rows, each with its use. */
#pragma once

/* Drops all other capabilities, for good, and sets no_new_privs. 0 or -errno. */
int sw_privs_drop(void);
