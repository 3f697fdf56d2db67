/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of trails share: lists made of a text, networks, and texts made of lists. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "user/base/cidr.h"
#include "user/base/strbuf.h"
#include "user/io/msg.h"
#include "user/trail/list.h"
#include "user/trail/lookup.h"

static const struct sw_trail_rules usual __attribute__((unused)) = {.min_plen4 = 8, .min_plen6 = 16};

static inline struct sw_trail_list *list_of(const struct sw_trail_rules *rules, const char *text,
	size_t len, const char *name, enum sw_trail_action action)
{
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL;
	struct sw_trail_list *l = NULL;
	const char *why = "";
	int r = sw_trail_parse_mem(rules, text, len, &p), fd;

	if (r < 0)
		fail_msg("'%s': %s", text, sw_trail_parser_report(p)->text);
	fd = sw_trail_list_build(p, name, "/a/file", action, 1700000000);
	assert_true(fd >= 0);
	if (sw_trail_list_open(fd, &l, &why) < 0)
		fail_msg("'%s': %s", text, why);
	close(fd);
	return l;
}

static inline struct sw_trail_list *list(const char *text, enum sw_trail_action action)
{
	const struct sw_trail_rules lenient = {.may_be_empty = true};

	return list_of(&lenient, text, strlen(text), "a", action);
}

/* "192.0.2.1 198.51.100.0/24": all entries of the view. */
static inline void show(struct sw_strbuf *b, const struct sw_trail_view *v)
{
	char text[SW_NET_TEXT_MAX];

	for (size_t i = 0; i < v->n4 + v->n6; i++)
		sw_strbuf_printf(
			b, "%s%s", i ? " " : "", sw_cidr_format(text, &v->entries4[i].net));
}

static inline struct sw_net net(const char *text)
{
	struct sw_net n;

	if (sw_cidr_parse(text, SIZE_MAX, &n) < 0)
		fail_msg("bad network in a test: %s", text);
	return n;
}

/* Reads text in pieces of step bytes; the result and the report. */
static inline int parse(const char *text, size_t len, size_t step, struct sw_trail_report *ret)
{
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL;
	int r;

	assert_int_equal(sw_trail_parser_new(&usual, &p), 0);
	for (size_t at = 0; at < len; at += step)
		if (sw_trail_parser_feed(p, text + at, SW_MIN(step, len - at)) < 0)
			break;
	r = sw_trail_parser_end(p);
	*ret = *sw_trail_parser_report(p);
	return r;
}
