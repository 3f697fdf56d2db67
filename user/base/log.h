/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The program's own log: where an error stops, it is said once. Ranks 0 to 6 log at debug only.
 * Lines go to standard error as "program: text", with the syslog priority prefix "<3>" when the
 * journal reads it (JOURNAL_STREAM). Text from outside must have passed sw_strbuf_safe first;
 * control bytes that are left are replaced. The level is the one process-wide setting there is.
 */
#pragma once

#include "user/base/util.h"

enum sw_log_level { SW_LOG_ERR = 3, SW_LOG_WARNING = 4, SW_LOG_NOTICE = 5, SW_LOG_INFO = 6, SW_LOG_DEBUG = 7 };

void sw_log_init(const char *program, enum sw_log_level level);
void sw_log_set_level(enum sw_log_level level);
/* Prints when the level allows; err < 0 appends ": strerror". Returns err, for "return sw_log_err(r, ...)". */
int sw_log_full(enum sw_log_level level, int err, const char *fmt, ...) _printf_(3, 4);
#define sw_log_err(err, ...)	 sw_log_full(SW_LOG_ERR, err, __VA_ARGS__)
#define sw_log_warning(err, ...) sw_log_full(SW_LOG_WARNING, err, __VA_ARGS__)
#define sw_log_notice(...)	 ((void)sw_log_full(SW_LOG_NOTICE, 0, __VA_ARGS__))
#define sw_log_info(...)	 ((void)sw_log_full(SW_LOG_INFO, 0, __VA_ARGS__))
#define sw_log_debug(err, ...)	 sw_log_full(SW_LOG_DEBUG, err, __VA_ARGS__)
