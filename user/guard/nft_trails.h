/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Trails in sockwarden's table, those that drop: where the packet program is not, what its maps hold in force is asked
 * here. Single addresses are a hash ("trail4_hosts_a"), what is wider intervals ("trail4_nets_a"), addresses with a
 * port a hash of both ("trail4_ports_a"); networks inside networks are resolved before (user/trail/drops.h). Chains
 * trail_in, trail_through and trail_out, which the base chains jump to behind the bans, ask the source of what comes
 * in, the destination of what is forwarded, and that of what goes out. In observing mode nobody comes so far.
 *
 * The sets come in by parts into one of two banks (_a, _b) while the rules ask the other, and all rules change in
 * one transaction. How much goes in is limited (abi/limits.h): the widest networks first, and the lowest addresses.
 * In the guard.
 */
#pragma once

#include "sockwarden/rpc/guard.h"
#include "user/guard/nft_wire.h"
#include "user/kern/maps.h"

/* What of it the table has. */
struct sw_nft_trails {
	bool is_there;
	unsigned int bank; /* that its rules ask */
	struct sw_nft_hits in, out; /* dropped for their source, for their destination */
};

/* Notes a rule of the table; false: it is none of these. */
bool sw_nft_trails_note(struct sw_nft_trails *have, const struct sw_nft_rule_seen *rule);
/* The bank that a set of this name is of; -1: it is none of these. */
int sw_nft_trails_bank(const char *set);
/* Of a hook (enum nf_inet_hooks): what its base chain jumps to. */
const char *sw_nft_trail_chain(uint32_t hook);

struct sw_nft_trail_load;
/* What the maps have in force now, into that bank; is_out_dropped: what goes out may be dropped. */
int sw_nft_trail_load_new(
	const struct sw_maps *maps, unsigned int bank, bool is_out_dropped, struct sw_nft_trail_load **ret);
void sw_nft_trail_load_free(struct sw_nft_trail_load *l);
/* Reads on, or adds about SW_NFT_PART elements and what they need; 1 more to come, 0 that was all, -errno. */
int sw_nft_trail_load_part(struct sw_nft_trail_load *l, struct sw_nft_batch *b);
/* After the last part: adds what takes out the rules that the table has and puts in those that ask the new sets. */
void sw_nft_trail_load_swap(
	const struct sw_nft_trail_load *l, struct sw_nft_batch *b, const struct sw_nft_trails *have);
/* After the last part: whether there is anything, so that rules are there which count. */
bool sw_nft_trail_load_has_any(const struct sw_nft_trail_load *l);
/* After the last part: how much is held, and how much is not. */
void sw_nft_trail_load_facts(const struct sw_nft_trail_load *l, struct sw_guard_nft *ret);
