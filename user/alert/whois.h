/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the registries say of addresses, as far as it was asked for: a table of bounded size, by range where the
 * answer names one. In the engine; who answers is sockwarden-net. The alerts own it.
 */
#pragma once

#include "sockwarden/rpc/net.h"
#include "user/base/clock.h"

enum {
	SW_WHOIS_ENTRIES_MAX = 256,
	SW_WHOIS_ANSWER_MAX_SEC = 60, /* sockwarden-net gives up earlier */
};

enum sw_whois_state { SW_WHOIS_WAITING, SW_WHOIS_KNOWN, SW_WHOIS_FAILED };

struct sw_whois_entry {
	enum sw_whois_state state;
	struct sw_net net; /* the address that was asked for; family 0: the entry is free */
	__u8 first[16], last[16];
	uint32_t id;
	uint64_t at_ns; /* asked or answered */
	char text[SW_NET_WHOIS_TEXT_MAX]; /* lines, or of a failure a sentence */
};

struct sw_whois_cache {
	const struct sw_clock *clock; /* borrowed */
	/* Asks for an address; -EPERM: it is none that is asked for, -errno it cannot be asked now. */
	int (*ask)(const struct sw_net *net, uint32_t id, void *arg);
	void *arg;
	uint32_t next_id;
	struct sw_whois_entry entries[SW_WHOIS_ENTRIES_MAX];
};

/* Whether a registry knows of net's first address at all; ret gets it. */
bool sw_whois_is_registered(const struct sw_net *net, struct sw_net *ret);
/* What is known of an address; is_asking asks where nothing is. NULL: nothing, and nothing to wait for. */
const struct sw_whois_entry *sw_whois_look(struct sw_whois_cache *w, const struct sw_net *net, bool is_asking);
void sw_whois_answer(struct sw_whois_cache *w, const struct sw_net_whois *answer);
