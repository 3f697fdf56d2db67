/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads the head of an HTTP/1 request from the first bytes of a flow. Pure; all texts are pieces of
 * the caller's buffer. Source: RFC 9112, read leniently: what servers take is what attackers send.
 */
#pragma once

#include "user/base/util.h"

struct sw_http_text {
	const char *p;
	size_t n;
};

struct sw_http {
	struct sw_http_text method;
	struct sw_http_text target; /* as sent */
	struct sw_http_text
		host; /* of the Host header, or of a target with a scheme; empty when there is none */
	struct sw_http_text path; /* with the query; empty for CONNECT and OPTIONS * */
	struct sw_http_text agent, headers, body; /* headers: all lines of them */
	uint64_t content_length;
	bool has_host_header, is_proxied, is_11;
	bool is_head_whole; /* the empty line was there */
};

/* 1 may begin a request (len may be short), 0 does not. */
int sw_http_begins(const uint8_t *data, size_t len);
/*
 * 0 with what there is of a request (is_head_whole false: more may come), -EBADMSG when it is none,
 * -EAGAIN when not even its first line is there.
 */
int sw_http_read(const uint8_t *data, size_t len, struct sw_http *ret);
