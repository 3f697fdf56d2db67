/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What to call a process. Pure. */
#pragma once

/*
 * The base name of its executable, which it cannot change as it can its comm; but comm where the
 * executable is unknown, or an interpreter: "fail2ban-server" says more than "python3.11". Borrowed
 * from one of the two.
 */
const char *sw_program_name(const char *executable, const char *comm);
