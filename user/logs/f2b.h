/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fail2ban's filter files, read as they are: what a filter says after every include, interpolation and option.
 * The caller owns the filter. Runs in the process of whoever uses the rules, never in the guard.
 * Source: jail.conf(5), "FILTER FILES"; the filters of fail2ban 1.0.
 */
#pragma once

#include "user/base/strbuf.h"

enum { SW_F2B_RULES_MAX = 512, SW_F2B_MAXLINES_MAX = 256 };

/* A list of texts, each owned. */
struct sw_f2b_list {
	char **text;
	size_t n;
	char *where; /* for errors, "OPTION, FILE:LINE"; NULL: from no file of fail2ban's */
};

struct sw_f2b_filter {
	char *name; /* "sshd" */
	char *prefregex, *prefregex_where; /* NULL: none */
	struct sw_f2b_list failregex, ignoreregex, datepattern, journalmatch;
	size_t n_success; /* the last of failregex are no failures: a login, which forgives some */
	unsigned int maxlines; /* lines that one expression may span; 1: single lines */
	bool is_journal; /* its lines come from the journal, which tells their time: they carry no date */
	bool is_hostless; /* of a user or of nobody: an expression need not say whom it is of */
};

/*
 * spec is PATH or PATH[name=value,name="value"][…]; PATH may lack its ".conf". 0; -errno of the file, -EINVAL
 * what is in it or no failregex: the sentence is in err.
 */
int sw_f2b_load(struct sw_f2b_filter **ret, const char *spec, struct sw_strbuf *err);
void sw_f2b_free(struct sw_f2b_filter *f);
void sw_f2b_freep(struct sw_f2b_filter **f);

/*
 * The tags of an expression (<HOST>, <ADDR>, <IP4>, <IP6>, <DNS>, <CIDR>, <SUBNET>, <SKIPLINES>, <F-NAME>…</F-NAME>)
 * as groups. Names of groups are in lower case: ip4, ip6, dns, cidr, fid, fport, mlfid, user, …
 */
void sw_f2b_tags(struct sw_strbuf *out, const char *regex);
