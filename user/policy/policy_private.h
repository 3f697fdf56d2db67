/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of user/policy share. */
#pragma once

#include "user/policy/policy.h"

enum {
	ENDED_MAX = 4096,	/* ends that the database did not take, kept to try again */
	UNDELETED_MAX = 64,	/* allow entries whose row could not be deleted, kept to try again */
	RATE_SLOTS = 60,	/* new bans are counted by second for the cap of a minute */
};

struct ended {
	uint64_t id;
	enum sw_ban_end end;
	char by[64];
};

struct sw_policy {
	const struct sw_clock *clock;
	const struct sw_policy_ops *ops;
	void *arg;
	char boot_id[40];
	struct sw_policy_limits limits;
	struct sw_ban *bans;	/* by net */
	struct sw_allow *allow; /* by net */
	unsigned int ban_lengths[2][129], allow_lengths[2][129]; /* entries by family and prefix length */
	struct sw_ban **heap; /* bans with an end, the earliest first */
	size_t heap_len, heap_cap;
	uint64_t rate_second; /* the newest second of the cap */
	uint32_t rate[RATE_SLOTS];
	unsigned int n_unsaved;
	struct ended *ended; /* ring-less list of ends to store, at most ENDED_MAX */
	size_t n_ended;
	struct sw_net undeleted[UNDELETED_MAX];
	size_t n_undeleted;
	bool is_clock_unset;
	int64_t last_seen_wall_sec;
};

#define HEAP_NONE SIZE_MAX

int policy_heap_reserve(struct sw_policy *p);
/* Places the ban by the end of its part that ends first, or takes it out when none ends. */
void policy_heap_place(struct sw_policy *p, struct sw_ban *b);
void policy_heap_remove(struct sw_policy *p, struct sw_ban *b);
/* The end by which the heap is ordered: the earliest of the parts', 0 when none ends. */
uint64_t policy_first_end(const struct sw_ban *b);

static inline unsigned int policy_family_index(const struct sw_net *net)
{
	return net->family == SW_AF_IP6;
}

void policy_count_rate(struct sw_policy *p);
uint32_t policy_rate(const struct sw_policy *p);
/* Ends every ban that lies in a network that feeds allow; the number. */
unsigned int policy_end_listed(struct sw_policy *p);
/* Ends every ban that lies in net; the number. */
unsigned int policy_end_covered(struct sw_policy *p, const struct sw_net *net, const char *by);
