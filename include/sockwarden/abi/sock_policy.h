/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The socket policy as the kernel asks it: who may bind which port and connect where. Map names are those of
 * the pins: sock_policy, sock_rules. Compiled by the engine (user/policy/sock_table.h), written by the guard:
 * the rules into the bank that nobody reads, then the control word, which is read and written whole.
 */
#pragma once

#include "sockwarden/abi/limits.h"
#include "sockwarden/abi/types.h"

enum sw_sock_way { SW_SOCK_LISTEN, SW_SOCK_CONNECT, SW_SOCK_WAYS };

enum {
	SW_SOCK_RULES_MAX = 64,	    /* of one list: what the configuration can hold */
	SW_SOCK_PROTECTED_MAX = 16, /* rules over who is never refused */
	SW_SOCK_BANKS = 2,
	SW_SOCK_BANK_RULES = SW_SOCK_WAYS * SW_SOCK_RULES_MAX + SW_SOCK_PROTECTED_MAX,
	SW_SOCK_PARTS = 16, /* ranges of ports, or networks, of one rule */
	SW_SOCK_PATH_WORDS = 16, /* of eight bytes: a rule's executable */
	SW_SOCK_ID_DIGITS = 12,	 /* of a container's id */
	SW_SOCK_BY_DEFAULT = 0xff, /* in place of a rule's number: no rule names the socket */
};

enum sw_sock_policy_state {
	SW_SOCK_HAS_LISTEN = 1 << 0,  /* something may be refused a port */
	SW_SOCK_HAS_CONNECT = 1 << 1, /* ... a connect or a datagram */
	SW_SOCK_HAS_CHOSEN = 1 << 3, /* ... a port that the kernel is to choose */
	SW_SOCK_HAS_RAW = 1 << 4, /* ... a raw socket */
	SW_SOCK_IS_HYBRID = 1 << 2, /* cgroup v1 beside v2: who is in no container here may be in one there */
};

/* sock_policy: array of one. state 0: there is no policy that refuses. */
union sw_sock_policy_ctl {
	__u64 word;
	struct {
		__u8 state; /* enum sw_sock_policy_state, or-ed */
		__u8 bank;
		__u8 n[SW_SOCK_WAYS]; /* rules of each list */
		__u8 n_protected;
		__u8 denies[SW_SOCK_WAYS]; /* 1: what no rule of the list names is refused */
		__u8 pad;
	};
};
SW_ABI_SIZE(union sw_sock_policy_ctl, 8);

enum sw_sock_rule_flag {
	SW_SOCK_RULE_DENIES = 1 << 0,
	SW_SOCK_RULE_HAS_UID = 1 << 1,
	SW_SOCK_RULE_HAS_TCP = 1 << 2, /* with HAS_UDP: names only these protocols; neither: names all */
	SW_SOCK_RULE_HAS_UDP = 1 << 3,
	SW_SOCK_RULE_IN_HOST = 1 << 4,	    /* names what is in no container */
	SW_SOCK_RULE_IN_CONTAINER = 1 << 5, /* ... in one whose id begins so */
	SW_SOCK_RULE_HAS_RAW = 1 << 7, /* names raw sockets alone; ports are numbers of IP protocols */
	SW_SOCK_RULE_IS_OPEN = 1 << 6, /* it may name fewer than it says here: the kernel cannot tell */
};

/*
 * sock_rules: array, bank after bank; of each the rules of listen, of connect, and the protected. A rule names
 * what all of its parts name. Addresses are of IPv6, those of IPv4 as ::ffff:a.b.c.d.
 */
struct sw_sock_rule {
	__u32 flags; /* enum sw_sock_rule_flag, or-ed */
	__u32 uid;
	__u8 n_ports, n_nets; /* 0: every one */
	__u8 n_words; /* of path that count; 0: every program */
	__u8 pad;
	char id[SW_SOCK_ID_DIGITS];
	__u8 id_mask[SW_SOCK_ID_DIGITS]; /* 0xff for each digit that counts */
	__u32 pad2;
	__u64 last; /* bytes that count in the last of these words */
	struct {
		__u16 first, last;
	} ports[SW_SOCK_PARTS];
	struct {
		__u64 addr[2], mask[2]; /* network byte order */
	} nets[SW_SOCK_PARTS];
	__u64 path[SW_SOCK_PATH_WORDS]; /* with its NUL, unless it is only how a path begins */
};
SW_ABI_SIZE(struct sw_sock_rule, 48 + 4 * SW_SOCK_PARTS + 32 * SW_SOCK_PARTS + 8 * SW_SOCK_PATH_WORDS);

/* What the engine hands to the guard. ctl.bank is the guard's to say. */
struct sw_sock_policy_image {
	__u32 version, size; /* SW_ABI_VERSION; sizeof(struct sw_sock_policy_image) */
	union sw_sock_policy_ctl ctl;
	struct sw_sock_rule rules[SW_SOCK_WAYS][SW_SOCK_RULES_MAX];
	struct sw_sock_rule protected[SW_SOCK_PROTECTED_MAX];
};
