/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A rule pack: rules over logs in YAML, by a table of rows (sw_pack_rows). Runs in sockwarden-config, without
 * privilege, and in the command line. Nothing to own but what a caller collects.
 */
#pragma once

#include "user/conf/reader.h"
#include "user/logs/rules_image.h"

/* A line of a pack that must match, with the host it must tell, or must not. */
struct sw_pack_sample {
	const char *rule, *line;
	const char *host; /* "": of no host; NULL: must not match */
	const char *forwarded; /* the header that it must tell; NULL: none */
	bool is_journal; /* as the journal gives it, without a date before it; the rule must name the journal */
	const char *file;
	unsigned int at; /* line of the file */
};
typedef void (*sw_pack_sample_fn)(void *arg, const struct sw_pack_sample *s);

struct sw_pack {
	const char *file; /* for messages */
	bool is_user; /* rules.d, not packaged */
	struct sw_rules_writer *out;
	struct sw_strbuf *errors; /* a line each */
	sw_pack_sample_fn sample; /* may be NULL */
	void *arg;
};

/* Adds the rules of the text; those that are wrong are told and left out. 0, -EINVAL: told; -ENOMEM. */
int sw_pack_read(const struct sw_pack *p, const char *text, size_t len);

/* The scalars of a rule. */
extern const struct sw_conf_row sw_pack_rows[];
/* Words for the enums of rpc/rules.h. */
const char *sw_log_track_word(unsigned int track);
const char *sw_log_action_word(unsigned int action);
const char *sw_rule_state_word(unsigned int state);
