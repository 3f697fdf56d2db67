/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a rule's groups say of a failure, and the table that joins the lines of one connection: sshd says in one
 * line who, in another from where, in a third that it was let in after all. The table is of fixed size; the oldest
 * connection makes room.
 */
#pragma once

#include "user/logs/regex.h"

enum sw_field {
	SW_FIELD_FID,
	SW_FIELD_IP4,
	SW_FIELD_IP6,
	SW_FIELD_DNS,
	SW_FIELD_CIDR,
	SW_FIELD_USER,
	SW_FIELDS_KEPT, /* those before are kept for the connection */
	SW_FIELD_MLFID = SW_FIELDS_KEPT,
	SW_FIELD_NOFAIL,
	SW_FIELD_FORGET,
	SW_FIELD_GAINED,
	SW_FIELD_CONTENT,
	SW_FIELD_FORWARDED, /* the header in which proxies tell whom they speak for */
	SW_FIELDS,
};

enum {
	SW_MLF_MAX = 256, /* connections at once */
	SW_MLF_KEEP_SEC = 300, /* a line this much later belongs to another connection */
	SW_MLF_KEY_MAX = 128, /* bytes of an id; longer ones stand for themselves */
	SW_MLF_TEXT_MAX = 96, /* bytes of a field kept */
	SW_FIELD_ALTS_MAX = 4, /* <F-ALT_USER>… of a rule */
};

/* The groups of one expression. */
struct sw_field_groups {
	struct sw_regex_take takes[SW_FIELDS]; /* of those it has */
	unsigned int n_takes;
	int alt_user[SW_FIELD_ALTS_MAX];
	unsigned int n_alt;
};

struct sw_fields {
	struct sw_span f[SW_FIELDS];
};

enum sw_mlf_state { SW_MLF_FAILURE, SW_MLF_NOFAIL, SW_MLF_PENDING };

struct sw_mlf;

void sw_field_groups_init(struct sw_field_groups *g, const struct sw_regex *re);
/* True when some group says whom a failure is of. */
bool sw_field_groups_identify(const struct sw_field_groups *g);
/* Overwrites what the expression has a group for. */
void sw_fields_take(
	struct sw_fields *fields, const struct sw_field_groups *g, const struct sw_regex *re);
/* Whom it is of: an address before a name before an id; .text NULL when nothing says. *ret which field. */
struct sw_span sw_fields_host(const struct sw_fields *fields, enum sw_field *ret);

int sw_mlf_new(struct sw_mlf **ret);
void sw_mlf_free(struct sw_mlf *t);
/* Joins the line to its connection; *fields then says what all its lines say (texts are good until the next). */
enum sw_mlf_state sw_mlf_merge(
	struct sw_mlf *t, struct sw_fields *fields, bool has_time, int64_t time_us);
