/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fail2ban's jails (jail.conf, jail.d, .local) as rules of ours: each that is enabled becomes a rule in the form of a
 * pack, which sw_pack_read then reads. Runs in sockwarden-config and in the command line. Nothing to own.
 * Source: jail.conf(5).
 */
#pragma once

#include "user/base/strbuf.h"

struct sw_jail {
	const char *name;
	const char *
		rule; /* keys of a rule as YAML, a line each, without indent; NULL: it cannot be one */
	const char *why; /* why not; or what was left out of it; "" */
};
typedef void (*sw_jail_fn)(void *arg, const struct sw_jail *jail);

/* dir: "/etc/fail2ban". fn for each enabled jail. 0; -errno of the files, with a sentence in err. */
int sw_jails_each(const char *dir, sw_jail_fn fn, void *arg, struct sw_strbuf *err);

enum sw_jail_option_state { SW_JAIL_TAKEN, SW_JAIL_NEEDLESS, SW_JAIL_LEFT };
/* What becomes of an option of a jail, and why; one that is unknown may be one that others are made of. */
enum sw_jail_option_state sw_jail_option(const char *name, const char **ret_why);
