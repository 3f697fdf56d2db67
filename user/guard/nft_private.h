/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by nft_wire.c and nft_geo.c, which write, and nft_read.c, which reads; nobody else's. */
#pragma once

#include "user/guard/nft_wire.h"

struct nlmsghdr;
struct nftnl_rule;
struct nftnl_expr;

/* nft's own numbers for the types of keys, which only its listing asks. */
enum { NFT_TYPE_IP4 = 7, NFT_TYPE_IP6 = 8 };

struct nft_base_chain {
	const char *name;
	uint32_t hook;
	int32_t priority;
	bool is_destination; /* judged is where it goes, not where it comes from */
};

/* A message in the making; NULL: no memory, which the batch notes. */
struct nlmsghdr *nft_message(struct sw_nft_batch *b, uint16_t type, uint16_t flags);
void nft_close_message(struct sw_nft_batch *b, struct nlmsghdr *h);

/* base NULL: a chain that others jump to. */
void nft_put_chain(struct sw_nft_batch *b, const char *name, const struct nft_base_chain *base);
/* What every base chain begins with: loopback passes, and everything where nothing is to be dropped. */
void nft_put_first_rules(struct sw_nft_batch *b, const struct nft_base_chain *base);
/* To the bans or the allow entries of a family. */
void nft_put_jump(struct sw_nft_batch *b, const struct nft_base_chain *base, const char *tag,
	enum sw_nft_kind kind, enum sw_family family);
/* flags: NFT_SET_TIMEOUT, NFT_SET_INTERVAL. */
void nft_put_set(struct sw_nft_batch *b, const char *name, uint32_t type, uint32_t len, uint32_t flags,
	bool has_counter);

/* Of what is there: all rules of a chain; a chain without rules; a set that no rule asks. */
void nft_del_rules(struct sw_nft_batch *b, const char *chain);
void nft_del_chain(struct sw_nft_batch *b, const char *name);
void nft_del_set(struct sw_nft_batch *b, const char *name);

/* A rule from its expressions, which take NULL, the mark of no memory; _put_rule takes it. */
struct nftnl_rule *nft_new_rule(struct sw_nft_batch *b, const char *chain, const char *tag);
struct nftnl_expr *nft_add_expr(struct nftnl_rule *r, const char *name);
void nft_add_meta(struct nftnl_rule *r, uint32_t key);
void nft_add_payload(struct nftnl_rule *r, uint32_t base, uint32_t at, uint32_t len);
void nft_add_mask(struct nftnl_rule *r, const void *mask, uint32_t len);
void nft_add_cmp(struct nftnl_rule *r, uint32_t op, const void *data, uint32_t len);
void nft_add_is_family(struct nftnl_rule *r, enum sw_family family);
/* The source or destination address, cut to plen bits. */
void nft_add_address(struct nftnl_rule *r, enum sw_family family, unsigned int plen, bool is_destination);
void nft_add_lookup(struct nftnl_rule *r, const char *set, bool is_inverted);
void nft_add_verdict(struct nftnl_rule *r, int verdict, const char *chain);
void nft_put_rule(struct sw_nft_batch *b, struct nftnl_rule *r);

/* A message that lists elements of a set; its list is open until it is closed. */
struct nlmsghdr *nft_elems_message(struct sw_nft_batch *b, uint16_t type, const char *set);
/* One element into an open list of a message; left_ms 0: without a timeout. */
void nft_put_elem(struct nlmsghdr *h, const void *key, size_t len, uint64_t left_ms);
