/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One line of a static trail file: what kind of trail is it, and what is its normal form? Pure, no
 * state, owns nothing. The same normal forms are made of traffic before it is looked up.
 */
#pragma once

#include "sockwarden/model/addr.h"
#include "user/base/util.h"

/*  X(id, word): the words are what `kind` holds in findings */
#define SW_STATIC_KINDS(X)                                                                         \
	X(IP, "ip") X(CIDR, "cidr") X(IP_PORT, "ip-port") X(DOMAIN, "domain") X(URL, "url") X(PATH, "path")           \
	X(AGENT, "user-agent") X(REGEX, "regex") X(CERT, "certificate") X(JA3, "ja3") X(JA4, "ja4")
enum sw_static_kind {
#define SW_STATIC_ENUM(id, word) SW_STATIC_##id,
	SW_STATIC_KINDS(SW_STATIC_ENUM)
#undef SW_STATIC_ENUM
	SW_STATIC_COUNT,
	SW_STATIC_BAD = SW_STATIC_COUNT, /* nothing known */
};

enum { SW_STATIC_TEXT_MAX = 1024 }; /* bytes of a trail; a longer one is bad */

/* Times of a single trail (times.h). */
struct sw_trail_when {
	__u32 first_sec, last_sec, until_sec; /* wall time; 0: not known, never */
};

struct sw_static_line {
	enum sw_static_kind kind;
	struct sw_trail_when when;
	struct sw_net net; /* IP, CIDR, IP_PORT */
	uint16_t port; /* IP_PORT */
	size_t len;
	char text[SW_STATIC_TEXT_MAX]; /* normal form of all other kinds, NUL-ended */
};

/*
 * Reads a trail (no comment, no note, not empty). is_agent: the file holds user agents, so each line
 * is an expression for them whatever it looks like.
 */
void sw_static_line_read(const char *text, size_t len, bool is_agent, struct sw_static_line *ret);
/*
 * The normal form of a URL without its scheme, in place: lower case, no "www.", no '/' at its end but
 * that of the root. Returns its length.
 */
size_t sw_static_url_normal(char *url, size_t len);
const char *sw_static_kind_word(unsigned int kind);
