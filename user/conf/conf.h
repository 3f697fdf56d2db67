/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration file: read, checked and shown, all by the rows of schema.h. Runs in
 * sockwarden-config (unprivileged) and in the command line; nothing to own, no state.
 */
#pragma once

#include "user/conf/schema.h"

enum { SW_CONF_ERRORS_MAX = 20 }; /* told at once; more are only counted */

/* Every setting at its default; magic and checksum are sw_conf_image_finish's. */
void sw_conf_defaults(struct sw_config *ret);
/*
 * Reads YAML into *ret, left untouched on failure. 0, -ENOMEM, or -EINVAL with errors holding one
 * line each: "FILE:LINE:COL: key: what is wrong", at most SW_CONF_ERRORS_MAX and a line that counts the rest.
 */
int sw_conf_parse(const char *file, const char *text, size_t len, struct sw_config *ret, struct sw_strbuf *errors);

/* The default file: every key with its sentence, commented out at its default. */
void sw_conf_render_default(struct sw_strbuf *out);
/* The settings in force as YAML. */
void sw_conf_render(const struct sw_config *c, struct sw_strbuf *out);
/* The JSON Schema (draft 2020-12) of the file. */
void sw_conf_render_schema(struct sw_strbuf *out);
/* What key is, for a person; 0, or -ENOENT with the suggestion, if any, in out. */
int sw_conf_explain(const char *key, struct sw_strbuf *out);
