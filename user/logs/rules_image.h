/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The image of the rules (include/sockwarden/rpc/rules.h): written by whoever reads rules, checked and looked into by
 * whoever is handed it. No expression is compiled and no text is parsed here, so the guard may look up which files it
 * may open. A view borrows the image; a writer belongs to its caller.
 */
#pragma once

#include "sockwarden/rpc/rules.h"
#include "user/base/strbuf.h"

/* ---- reading */
struct sw_rules_view {
	const struct sw_rules_head *head;
	const struct sw_rules_source *sources;
	const struct sw_rules_rule *rules;
	const struct sw_rules_text *texts;
	const struct sw_net *nets;
	const __u32 *numbers;
	const struct sw_rules_when *whens;
	const char *pool;
};

/* 0, or -EBADMSG with why: size, magic, version, checksum, or a number that leads outside. image: 8-aligned. */
int sw_rules_view_open(
	struct sw_rules_view *ret, const void *image, size_t size, const char **ret_why);
/* Never NULL: "" for none. */
static inline const char *sw_rules_text(const struct sw_rules_view *v, struct sw_rules_text t)
{
	return v->pool + t.at;
}

/* ---- writing */
struct sw_rules_writer {
	struct sw_strbuf sources, rules, texts, nets, numbers, whens, pool;
	__u32 n_left_out;
};

void sw_rules_writer_init(struct sw_rules_writer *w);
void sw_rules_writer_done(struct sw_rules_writer *w);
/* A text in the pool; NULL or "": none. */
struct sw_rules_text sw_rules_put_text(struct sw_rules_writer *w, const char *text);
struct sw_rules_part sw_rules_put_texts(struct sw_rules_writer *w, char *const *texts, size_t n);
struct sw_rules_part sw_rules_put_numbers(
	struct sw_rules_writer *w, const __u32 *numbers, size_t n);
struct sw_rules_part sw_rules_put_nets(
	struct sw_rules_writer *w, const struct sw_net *nets, size_t n);
struct sw_rules_part sw_rules_put_whens(
	struct sw_rules_writer *w, const struct sw_rules_when *whens, size_t n);
/* The source, found or added; its number, -ENOSPC. A file has a path, a journal its matches. */
int sw_rules_put_file(struct sw_rules_writer *w, const char *path);
int sw_rules_put_journal(struct sw_rules_writer *w, char *const *matches, size_t n,
	const __u32 *unless, size_t n_unless);
/* A rule of the name is replaced. 0, -ENOSPC. */
int sw_rules_put_rule(struct sw_rules_writer *w, const struct sw_rules_rule *r);
size_t sw_rules_count(const struct sw_rules_writer *w);
struct sw_rules_rule *sw_rules_at(struct sw_rules_writer *w, size_t i);
const char *sw_rules_writer_text(const struct sw_rules_writer *w, struct sw_rules_text t);
/* The rule of the name, NULL when there is none; good until the next is put. */
struct sw_rules_rule *sw_rules_find(struct sw_rules_writer *w, const char *name);
/* The whole image into *ret (free it). 0, -ENOMEM, -EFBIG. */
int sw_rules_finish(struct sw_rules_writer *w, void **ret, size_t *ret_size);
