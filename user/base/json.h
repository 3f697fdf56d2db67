/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes JSON into a strbuf, one value after another; commas and quoting are the writer's. Text that
 * is not UTF-8 comes out with U+FFFD for each bad byte, so that the output is always valid. Keys are
 * program constants. Nesting is at most SW_JSON_DEPTH_MAX deep (assert: our own mistake).
 */
#pragma once

#include "user/base/strbuf.h"

enum { SW_JSON_DEPTH_MAX = 16 };

struct sw_json {
	struct sw_strbuf *out; /* borrowed */
	unsigned int depth;
	bool has_item[SW_JSON_DEPTH_MAX + 1];
};

void sw_json_init(struct sw_json *j, struct sw_strbuf *out);
/* A key of NULL is for members of an array and for the outermost value. */
void sw_json_object_begin(struct sw_json *j, const char *key);
void sw_json_object_end(struct sw_json *j);
void sw_json_array_begin(struct sw_json *j, const char *key);
void sw_json_array_end(struct sw_json *j);
/* A text of NULL is written as null. */
void sw_json_string(struct sw_json *j, const char *key, const char *text);
/* Nothing at all where there is no text. */
void sw_json_string_if(struct sw_json *j, const char *key, const char *text);
/* "namespace/name", or a name alone, as "pod" and "namespace"; what is empty is left out. */
void sw_json_pod(struct sw_json *j, const char *pod);
void sw_json_stringn(struct sw_json *j, const char *key, const char *text, size_t len);
void sw_json_stringf(struct sw_json *j, const char *key, const char *fmt, ...) _printf_(3, 4);
void sw_json_uint(struct sw_json *j, const char *key, uint64_t value);
void sw_json_int(struct sw_json *j, const char *key, int64_t value);
void sw_json_double(struct sw_json *j, const char *key, double value);
void sw_json_bool(struct sw_json *j, const char *key, bool value);
void sw_json_null(struct sw_json *j, const char *key);
/* A wall time as RFC 3339 in UTC; 0 as null. */
void sw_json_wall_ns(struct sw_json *j, const char *key, int64_t wall_ns);
void sw_json_wall_sec(struct sw_json *j, const char *key, int64_t wall_sec);
/* Already valid JSON, passed through. */
void sw_json_raw(struct sw_json *j, const char *key, const char *json);
