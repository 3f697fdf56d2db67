/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How services of this machine are started and stopped, read from its files: units and their wants
 * of systemd, start links of System V init, file lists of dpkg. Runs no program, so that it works
 * without systemd and on a machine that is looked at from outside. root: "" for this machine.
 */
#pragma once

#include "user/base/strbuf.h"

enum sw_boot { SW_BOOT_UNKNOWN, SW_BOOT_NO, SW_BOOT_YES };

/* Such a unit's file is there. */
bool sw_boot_has_unit(const char *root, const char *unit);
/* The script /etc/init.d/NAME is there. */
bool sw_boot_has_script(const char *root, const char *name);
/* unit: "ssh.service"; what starts it is appended to why. UNKNOWN where neither init is there. */
enum sw_boot sw_boot_starts(const char *root, const char *unit, struct sw_strbuf *why);
const char *sw_boot_word(enum sw_boot boot);

/* One executable and the package it came with. */
struct sw_packaged {
	const char *path; /* borrowed */
	char package[64]; /* "" when no list has it */
};
/* One walk over dpkg's lists for all of them; nothing happens where there is no dpkg. */
void sw_boot_packages(const char *root, struct sw_packaged *files, size_t n);
