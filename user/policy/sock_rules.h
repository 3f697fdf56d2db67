/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The socket policy: rules over who listens where and who connects where. The first rule that names a
 * socket decides; a list without rules judges nothing. Pure; in the engine. Made from the
 * configuration, which its maker has checked; the caller owns it.
 */
#pragma once

#include "sockwarden/rpc/config.h"
#include "user/base/util.h"

enum { SW_SOCK_NO_RULE = -1 };

struct sw_sock_rules;

/* One socket, as far as known: texts borrowed, "" when unknown. */
enum sw_sock_kind { SW_SOCK_KIND_USUAL, SW_SOCK_KIND_RAW, SW_SOCK_KIND_PACKET };

struct sw_sock_facts {
	const char *executable, *user, *container;
	uint32_t uid;
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP or another */
	uint16_t port; /* listened on, or the peer's; of a raw socket its IP protocol's number */
	struct sw_net address; /* listened on, or the peer's */
	enum sw_sock_kind kind;
	bool is_chosen; /* the kernel chose the port */
};

/* rules: copied. fallback: enum sw_sock_action for what no rule names. 0 or -ENOMEM, -EINVAL. */
int sw_sock_rules_new(
	const struct sw_config_sock_rules *rules, uint32_t fallback, struct sw_sock_rules **ret);
void sw_sock_rules_free(struct sw_sock_rules *r);
unsigned int sw_sock_rules_count(const struct sw_sock_rules *r);
/* Rule i names ports that the kernel chooses, in so many words. */
bool sw_sock_rules_names_chosen(const struct sw_sock_rules *r, unsigned int i);
/* A rule names packet sockets: these no hook need tell of. */
bool sw_sock_rules_names_packets(const struct sw_sock_rules *r);
/* The action (enum sw_sock_action); *ret_rule is the rule from 0, or SW_SOCK_NO_RULE. */
uint32_t sw_sock_rules_judge(
	const struct sw_sock_rules *r, const struct sw_sock_facts *f, int *ret_rule);
