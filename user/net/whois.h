/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asks the system's whois program whose an address is: one at a time, with a time limit, and no more of its
 * answer than a mail can use. What comes is a stranger's text: only known keys are kept, cleaned and cut.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "sockwarden/rpc/net.h"
#include "user/io/loop.h"

enum {
	SW_WHOIS_TIMEOUT_SEC = 10,
	SW_WHOIS_OUTPUT_MAX = 64 * 1024, /* bytes read of an answer */
	SW_WHOIS_QUEUE_MAX = 16,
};

struct sw_whois;

/* answer: head.id, head.result, head.text, net and what was found. */
typedef void (*sw_whois_done_fn)(struct sw_net_whois *answer, void *arg);

/* Call before the sandbox. */
int sw_whois_new(struct sw_loop *loop, const struct sw_config *config, sw_whois_done_fn done, void *arg,
	struct sw_whois **ret);
void sw_whois_free(struct sw_whois *w);
/* done follows, at once when it cannot be asked. */
void sw_whois_ask(struct sw_whois *w, const struct sw_net *net, uint32_t id);

/* Pure: the chosen lines of an answer into ret->text, and what it is about into first and last. How many lines. */
unsigned int sw_whois_excerpt(const char *text, size_t len, struct sw_net_whois *ret);
