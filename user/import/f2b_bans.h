/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a running fail2ban has banned, read from its database. Runs in the command line. */
#pragma once

#include "sockwarden/model/addr.h"
#include "user/base/strbuf.h"

#define SW_F2B_DATABASE "/var/lib/fail2ban/fail2ban.sqlite3"

struct sw_f2b_ban {
	struct sw_net net;
	const char *jail;
	int64_t at_sec; /* wall time */
	int64_t ban_sec; /* negative: for ever */
};

/* Each ban that began at since_sec or later. 0, or -errno with a sentence in err. The database is only read. */
int sw_f2b_each_ban(const char *path, int64_t since_sec,
	void (*fn)(void *arg, const struct sw_f2b_ban *b), void *arg, struct sw_strbuf *err);
