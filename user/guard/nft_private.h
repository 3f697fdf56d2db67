/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by nft_wire.c, nft_fill.c, nft_geo.c and nft_trails.c, which write, and nft_read.c, which reads. */
#pragma once

#include "user/guard/nft_wire.h"
#include "user/trail/geo_view.h"

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
/* In chain: what the allow list has of sources passes. */
void nft_put_allowed_source(struct sw_nft_batch *b, const char *chain, enum sw_family family);
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
/* Into a register of the rule's own, of 32 bits each, for a key of more than one part. */
void nft_add_payload_to(struct nftnl_rule *r, uint32_t base, uint32_t at, uint32_t len, uint32_t reg);
/* Begins at what another rule in its place counted. */
void nft_add_counter(struct nftnl_rule *r, const struct sw_nft_hits *hits);
void nft_add_mask(struct nftnl_rule *r, const void *mask, uint32_t len);
void nft_add_cmp(struct nftnl_rule *r, uint32_t op, const void *data, uint32_t len);
void nft_add_is_family(struct nftnl_rule *r, enum sw_family family);
/* The source or destination address, cut to plen bits. */
void nft_add_address(struct nftnl_rule *r, enum sw_family family, unsigned int plen, bool is_destination);
void nft_add_lookup(struct nftnl_rule *r, const char *set, bool is_inverted);
void nft_add_verdict(struct nftnl_rule *r, int verdict, const char *chain);
void nft_put_rule(struct sw_nft_batch *b, struct nftnl_rule *r);

/*
 * Elements put into sets message by message, in ascending order where the set is of intervals. Zero but batch, set and
 * key_len; _end closes the message that is open, which must be before anything else goes into the batch.
 */
struct nft_fill {
	struct sw_nft_batch *batch;
	const char *set;
	size_t key_len;
	struct nlmsghdr *message; /* open, with n keys */
	struct nlattr *list;
	unsigned int n;
	size_t total; /* keys of all messages */
};
void nft_fill_key(struct nft_fill *f, const void *key, bool is_end);
void nft_fill_end(struct nft_fill *f);
/* A run of addresses (user/trail/drops.h); key_len says of which family. */
void nft_fill_run(struct nft_fill *f, const struct sw_geo_key *first, const struct sw_geo_key *last);
void nft_fill_host(struct nft_fill *f, const struct sw_geo_key *key);

/* A message that lists elements of a set; its list is open until it is closed. */
struct nlmsghdr *nft_elems_message(struct sw_nft_batch *b, uint16_t type, const char *set);
/* One element into an open list of a message; left_ms 0: without a timeout. */
void nft_put_elem(struct nlmsghdr *h, const void *key, size_t len, uint64_t left_ms);
