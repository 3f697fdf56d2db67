/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nf_tables by netlink: a batch that is one transaction, and the pieces that sockwarden's table is made
 * of. Nothing is kept here but the socket; what the table shall hold is nft.c's. In the guard.
 *
 * Every prefix length has a hash set of its own ("ban4_32", "allow6_48"), asked with the address and a
 * mask: sets of intervals refuse a network inside another, and take seconds for 100,000 entries.
 */
#pragma once

#include "sockwarden/model/addr.h"
#include "user/base/util.h"

#define SW_NFT_TABLE "sockwarden"
#define SW_NFT_ARMED "armed" /* set: nfproto; empty when nothing is to be dropped */
#define SW_NFT_GEO "geo" /* the names of what holds the rules over countries begin so (nft_geo.h) */
#define SW_NFT_TRAIL "trail" /* and of what holds trails (nft_trails.h) */

enum {
	SW_NFT_NAME_MAX = 16,
	SW_NFT_TAG_MAX = 48,
	SW_NFT_ELEMS_MAX = 512, /* in one message: its list of elements has 64 KiB at most */
	/* of one transaction of what comes in by parts: a ban waits for one, and each walks all intervals of a set */
	SW_NFT_PART = 8192,
	SW_NFT_READ_SEQ = 1 << 20, /* numbers that a batch in the making is sure to need fewer of */
};

enum sw_nft_kind { SW_NFT_BAN, SW_NFT_ALLOW, SW_NFT_KINDS };

struct mnl_socket;
struct sw_nft_batch {
	char *buf;
	size_t len, cap;
	uint32_t first_seq, seq;
	struct nlmsghdr *last;
	bool is_failed; /* no memory */
};

struct sw_nft_elem {
	struct sw_net net;
	uint64_t left_ms; /* 0: for ever */
	uint64_t hits;
};

/* A socket whose portid *ret_portid tells ours from other people's changes. */
int sw_nft_open(struct mnl_socket **ret, uint32_t *ret_portid);
/* Tells of changes that others than portid make; non-blocking. */
int sw_nft_open_events(uint32_t portid, struct mnl_socket **ret);
enum sw_nft_event {
	SW_NFT_EV_NONE,
	SW_NFT_EV_CHANGED,
	SW_NFT_EV_SUSPECT /* what is there now cannot be known: elements were added, or it is of countries or trails */
};
/* Reads what is there: the worst that was done to our table. */
enum sw_nft_event sw_nft_read_events(struct mnl_socket *s);

void sw_nft_begin(struct sw_nft_batch *b, uint32_t *seq);
/* One transaction: all of it or nothing. 0 or the first error. Frees the batch. */
int sw_nft_commit(struct sw_nft_batch *b, struct mnl_socket *s, uint32_t *seq);

/* Makes the table anew: chains, the armed set, no other set. */
void sw_nft_put_table(struct sw_nft_batch *b);
/* Takes the table away, also when there is none. */
void sw_nft_put_no_table(struct sw_nft_batch *b);
/* The set of a kind, family and length, and the rules that ask it. */
void sw_nft_put_set(
	struct sw_nft_batch *b, enum sw_nft_kind kind, enum sw_family family, unsigned int plen);
/* Elements of one set; is_fresh: they are known not to be there. */
void sw_nft_put_elems(struct sw_nft_batch *b, enum sw_nft_kind kind, const struct sw_nft_elem *e,
	size_t n, bool is_fresh);
void sw_nft_del_elems(
	struct sw_nft_batch *b, enum sw_nft_kind kind, const struct sw_nft_elem *e, size_t n);
/* Drops from now on, for left_ms (0: without end); without is_armed nothing is dropped. */
void sw_nft_put_armed(struct sw_nft_batch *b, bool is_armed, uint64_t left_ms);

/* What is there. fn negative ends it. -ENOENT: no table. */
int sw_nft_is_table(struct mnl_socket *s, uint32_t *seq); /* 1 there and awake, 0 not */
struct sw_nft_hits {
	uint64_t packets, bytes;
};
struct sw_nft_rule_seen {
	const char *chain, *tag;
	const char *set; /* that it asks; "": none */
	struct sw_nft_hits hits; /* of its counter */
};
int sw_nft_each_rule(struct mnl_socket *s, uint32_t *seq,
	int (*fn)(const struct sw_nft_rule_seen *rule, void *arg), void *arg);
/* The names of the table's sets. */
int sw_nft_each_set(
	struct mnl_socket *s, uint32_t *seq, int (*fn)(const char *set, void *arg), void *arg);
/*
 * Asks for n elements of one set and calls fn for each that is there. Asked one by one, many at a time:
 * the kernel's dump of a hash set walks it from the start for every few hundred elements.
 */
int sw_nft_find_elems(struct mnl_socket *s, uint32_t *seq, enum sw_nft_kind kind,
	const struct sw_nft_elem *e, size_t n, int (*fn)(const struct sw_nft_elem *e, void *arg),
	void *arg);
/* 1 armed, with *ret_left_ms (0: without end), 0 not. */
int sw_nft_get_armed(struct mnl_socket *s, uint32_t *seq, uint64_t *ret_left_ms);
/* One element: 1 found, 0 not. */
int sw_nft_get_elem(
	struct mnl_socket *s, uint32_t *seq, enum sw_nft_kind kind, struct sw_nft_elem *e);

/* The rules of a whole table but those of sets, for comparing: (chain, tag) pairs, NULL ended. */
struct sw_nft_rule_name {
	const char *chain, *tag;
};
extern const struct sw_nft_rule_name sw_nft_base_rules[];
/* "ban4_32"; the tag of its rules too. */
const char *sw_nft_set_name(char buf[static SW_NFT_NAME_MAX], enum sw_nft_kind kind,
	enum sw_family family, unsigned int plen);
/* The chain whose rules ask it: by source or by destination. */
const char *sw_nft_chain_name(char buf[static SW_NFT_NAME_MAX], enum sw_nft_kind kind,
	enum sw_family family, bool is_destination);
