/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may be fetched, and how a URL is shown. Pure; libcurl does the rest. */
#pragma once

#include <sys/socket.h>

#include "user/base/cidr.h"
#include "user/base/strbuf.h"

/* True for https:// with a host, without control bytes and spaces. */
bool sw_url_is_https(const char *url);
/*
 * The URL for a log or a list: user and password, values of the query, and path segments that look
 * like a key (16 or more letters and digits with both among them) become "***".
 */
void sw_url_mask(struct sw_strbuf *out, const char *url);
/* Copies text with every occurrence of url replaced by its masked form. Controls are escaped. */
void sw_url_mask_text(struct sw_strbuf *out, const char *text, const char *url);

/* A feed may redirect outwards, never inwards. */
enum sw_reach sw_url_reach(const struct sockaddr *sa);
