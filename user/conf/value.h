/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One setting: from text into its field, checked by its row, and back. Pure. */
#pragma once

#include "user/conf/schema.h"

/* Sets the field of row in target. 0, or -EINVAL with what is wrong in why. Not for lists. */
int sw_conf_value_set(const struct sw_conf_row *row, void *target, const char *text, struct sw_strbuf *why);
/* The field as one would write it in YAML, quoted where it must be. Not for lists. */
void sw_conf_value_get(const struct sw_conf_row *row, const void *target, struct sw_strbuf *out);
/* text as a YAML scalar, in double quotes where a plain one would read differently. */
void sw_conf_put_scalar(struct sw_strbuf *out, const char *text);
/* One element of a list of ports: "23" or "6000-6063". 0, or -EINVAL with what is wrong in why. */
/* A country's code, or the number of an autonomous system, by the row's type. */
int sw_conf_code_parse(const struct sw_conf_row *row, const char *text, __u32 *ret, struct sw_strbuf *why);
void sw_conf_code_format(const struct sw_conf_row *row, __u32 code, char ret[static 16]);
int sw_conf_ports_parse(const char *text, struct sw_config_port_range *ret, struct sw_strbuf *why);
/*
 * "22, 8000-8100" and "192.0.2.7, 2001:db8::/32" into at most SW_CONFIG_SOCK_PARTS_MAX elements; "" is none.
 * Their number, or -EINVAL with what is wrong in why.
 */
int sw_conf_port_list(
	const char *text, struct sw_config_port_range ret[static SW_CONFIG_SOCK_PARTS_MAX], struct sw_strbuf *why);
int sw_conf_net_list(const char *text, struct sw_net ret[static SW_CONFIG_SOCK_PARTS_MAX], struct sw_strbuf *why);
/* Checks one element of a list of paths. */
int sw_conf_check_path(const char *text, struct sw_strbuf *why);
/* "5 in 10m", "3" (without a window: 0), "at once" (1). 0, or -EINVAL with what is wrong in why. */
int sw_conf_threshold_parse(const char *text, uint32_t *ret_count, uint64_t *ret_window_sec, struct sw_strbuf *why);
