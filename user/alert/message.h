/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One mail as RFC 5322 text. Pure. Whatever an attacker put into a name or a title, no header but
 * ours comes out: controls are escaped before anything else, non-ASCII goes into RFC 2047 words,
 * and the body is quoted-printable. Lines end in CRLF.
 */
#pragma once

#include "user/base/strbuf.h"

struct sw_message {
	const char *from, *to; /* checked with sw_message_address_ok */
	const char *subject; /* template: %h host, %t title, %% a percent sign */
	const char *host;
	const char *title; /* any bytes */
	const char *body; /* lines end in \n; escaped by the caller where text is not ours */
	int64_t wall_sec;
	uint32_t id; /* makes the Message-ID unique within a second */
};

/* False for control bytes and an empty text. */
bool sw_message_address_ok(const char *text);
/* Appends the whole; check out->is_failed. */
void sw_message_build(const struct sw_message *m, struct sw_strbuf *out);
/* Appends "Name: value\r\n", the value escaped and encoded as said above. */
void sw_message_header(struct sw_strbuf *out, const char *name, const char *value);
/* Appends text as quoted-printable, lines at most 76 characters. */
void sw_message_quote(struct sw_strbuf *out, const char *text, size_t len);
