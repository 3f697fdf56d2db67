/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The socket policy: whether the process that acts may bind a port or connect to an address. Asked only while
 * there is a rule that refuses, and armed; without one the question is a look-up and a test. The first rule
 * that names the socket decides. Where the kernel cannot tell whether a rule names it, nothing is refused that
 * would not be refused either way; user space judges it all the same.
 */
#pragma once

#include "lib/armed.bpf.h"
#include "lib/sock_emit.bpf.h"
#include "lib/task_path.bpf.h"
#include "sockwarden/abi/sock_policy.h"

#include <bpf/bpf_endian.h>

enum {
	POLICY_ROOMS = 4,	/* of a CPU: so many tasks may be pushed aside in the midst of a question */
	POLICY_NAME_BYTES = 256, /* of a cgroup's directory */
	POLICY_CGROUPS = 12,	/* directories looked at, from the process's own upwards */
	POLICY_ID_BYTES = 64,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_MPTCP = 262,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, union sw_sock_policy_ctl);
} sock_policy SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, SW_SOCK_BANKS *SW_SOCK_BANK_RULES);
	__type(key, __u32);
	__type(value, struct sw_sock_rule);
} sock_rules SEC(".maps");

/* For texts, which no stack holds. Taken for one question: who is pushed off the CPU in it keeps his. */
struct policy_room {
	__u32 is_taken, pad;
	union {
		char path[TASK_PATH_ROOM];
		__u64 words[TASK_PATH_ROOM / sizeof(__u64)];
	};
	char name[POLICY_NAME_BYTES];
	char id[SW_SOCK_ID_DIGITS]; /* of the container, where there is one */
	bool is_contained;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, POLICY_ROOMS);
	__type(key, __u32);
	__type(value, struct policy_room);
} sock_rooms SEC(".maps");

enum policy_names { NAMES_NOT, NAMES_MAYBE, NAMES_IT };
enum policy_known { NOT_ASKED, IS_KNOWN, IS_UNKNOWN };

struct policy_ask {
	__u64 addr[2];
	struct policy_room *room;
	__u32 uid, first;
	__u16 port;
	__u8 protocol; /* SW_SOCK_RULE_HAS_TCP, _UDP, _RAW or 0 */
	__u8 rule;
	bool is_refused, is_protecting, is_hybrid;
	__u8 path, container; /* enum policy_known */
};

/*
 * What is not static the verifier walks once, for itself, and not once for each way that leads there: together
 * with the rules it would be too much.
 */

/* ---- executable */

/* enum policy_known */
__noinline int policy_read_path(struct policy_room *room)
{
	struct task_path p;

	if (!room)
		return IS_UNKNOWN;
	p = task_path_read(current_task()->mm->exe_file, room->path);
	return p.len && !p.is_cut ? IS_KNOWN : IS_UNKNOWN;
}

/* A rule's lists are walked by bpf_loop: loops of the usual kind multiply what the verifier has to walk. */
struct policy_search {
	const struct sw_sock_rule *rule;
	const struct policy_room *room;
	__u64 addr[2];
	__u64 differs;
	__u16 port;
	bool is_found;
};

static long compare_word(__u64 i, struct policy_search *s)
{
	const struct sw_sock_rule *r = s->rule;
	__u64 differs;

	if (i >= SW_SOCK_PATH_WORDS)
		return 1;
	differs = s->room->words[i] ^ r->path[i];
	s->differs = i + 1 == r->n_words ? differs & r->last : differs;
	return s->differs != 0;
}

static __always_inline enum policy_names is_program(const struct sw_sock_rule *r, struct policy_ask *q)
{
	struct policy_search s = {.rule = r, .room = q->room};

	if (q->path == NOT_ASKED)
		q->path = policy_read_path(q->room);
	if (q->path != IS_KNOWN)
		return NAMES_MAYBE;
	bpf_loop(r->n_words, compare_word, &s, 0);
	return s.differs ? NAMES_NOT : NAMES_IT;
}

/* ---- container */

struct policy_digits {
	const char *name;
	__u32 at;
	bool is_id;
};

/* One digit; called by bpf_loop, 1 ends it. */
static long check_digit(__u64 i, struct policy_digits *d)
{
	char c = d->name[(d->at + i) & (POLICY_NAME_BYTES - 1)];

	d->is_id = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
	return !d->is_id;
}

/* name: POLICY_NAME_BYTES. A container's directory is its id, or a runtime's word before it; perhaps with a suffix. */
static __always_inline bool is_id_at(const char *name, __u32 at)
{
	struct policy_digits d = {.name = name, .at = at};
	char before;

	if (at > POLICY_NAME_BYTES - POLICY_ID_BYTES)
		return false;
	if (at) {
		before = name[(at - 1) & (POLICY_NAME_BYTES - 1)];
		if (before != '-' && before != ':')
			return false;
		/* "crio-conmon-ID.scope" is the monitor beside it */
		if (at > 1 && name[(at - 2) & (POLICY_NAME_BYTES - 1)] == 'n')
			return false;
	}
	bpf_loop(POLICY_ID_BYTES, check_digit, &d, 0);
	return d.is_id;
}

static __always_inline struct kernfs_node *parent_of(struct kernfs_node *kn)
{
	if (bpf_core_field_exists(kn->parent))
		return BPF_CORE_READ(kn, parent);
	return BPF_CORE_READ((struct kernfs_node___new *)kn, __parent);
}

struct policy_walk {
	struct policy_room *room;
	__u64 kn;
};

/* One directory; called by bpf_loop, 1 ends it. */
static long search_cgroup(__u64 i, struct policy_walk *w)
{
	static const __u32 suffixes[] = {0, sizeof(".scope") - 1, sizeof(".service") - 1};
	struct kernfs_node *kn = (void *)w->kn;
	char *name = w->room->name;
	int len, k, n;

	if (!kn)
		return 1;
	len = bpf_probe_read_kernel_str(name, POLICY_NAME_BYTES, BPF_CORE_READ(kn, name)) - 1;
	w->kn = (__u64)parent_of(kn);
	for (k = 0; k < 3; k++) {
		int at = len - (int)suffixes[k] - POLICY_ID_BYTES;

		if (at < 0 || (k && name[(at + POLICY_ID_BYTES) & (POLICY_NAME_BYTES - 1)] != '.') ||
		    !is_id_at(name, at))
			continue;
		for (n = 0; n < SW_SOCK_ID_DIGITS; n++)
			w->room->id[n] = name[(at + n) & (POLICY_NAME_BYTES - 1)];
		w->room->is_contained = true;
		return 1;
	}
	return 0;
}

/* enum policy_known; from the process's own cgroup upwards, so that of containers in one another the inner counts. */
__noinline int policy_read_container(struct policy_room *room)
{
	struct policy_walk w = {.room = room};

	if (!room)
		return IS_UNKNOWN;
	room->is_contained = false;
	if (!can_read_kernel)
		return IS_UNKNOWN;
	w.kn = (__u64)current_task()->cgroups->dfl_cgrp->kn;
	bpf_loop(POLICY_CGROUPS, search_cgroup, &w, 0);
	return w.kn && !room->is_contained ? IS_UNKNOWN : IS_KNOWN;
}

static __always_inline enum policy_names is_place(const struct sw_sock_rule *r, struct policy_ask *q)
{
	struct policy_room *room = q->room;
	__u8 differs = 0;
	int i;

	if (q->container == NOT_ASKED) {
		q->container = policy_read_container(room);
		if (q->is_hybrid && !room->is_contained)
			q->container = IS_UNKNOWN;
	}
	if (q->container != IS_KNOWN)
		return NAMES_MAYBE;
	if (r->flags & SW_SOCK_RULE_IN_HOST)
		return room->is_contained ? NAMES_NOT : NAMES_IT;
	if (!room->is_contained)
		return NAMES_NOT;
	for (i = 0; i < SW_SOCK_ID_DIGITS; i++)
		differs |= (room->id[i] ^ r->id[i]) & r->id_mask[i];
	return differs ? NAMES_NOT : NAMES_IT;
}

/* ---- a rule */

static long compare_port(__u64 i, struct policy_search *s)
{
	const struct sw_sock_rule *r = s->rule;

	if (i >= SW_SOCK_PARTS)
		return 1;
	s->is_found = s->port >= r->ports[i].first && s->port <= r->ports[i].last;
	return s->is_found;
}

static __always_inline bool has_port(const struct sw_sock_rule *r, __u16 port)
{
	struct policy_search s = {.rule = r, .port = port};

	if (!r->n_ports)
		return port || !(r->flags & SW_SOCK_RULE_DENIES);
	bpf_loop(r->n_ports, compare_port, &s, 0);
	return s.is_found;
}

static long compare_net(__u64 i, struct policy_search *s)
{
	const struct sw_sock_rule *r = s->rule;

	if (i >= SW_SOCK_PARTS)
		return 1;
	s->is_found = !(((s->addr[0] ^ r->nets[i].addr[0]) & r->nets[i].mask[0]) |
			((s->addr[1] ^ r->nets[i].addr[1]) & r->nets[i].mask[1]));
	return s->is_found;
}

static __always_inline bool has_address(const struct sw_sock_rule *r, const struct policy_ask *q)
{
	struct policy_search s = {.rule = r, .addr = {q->addr[0], q->addr[1]}};

	if (!r->n_nets)
		return true;
	bpf_loop(r->n_nets, compare_net, &s, 0);
	return s.is_found;
}

static __always_inline bool has_protocol(const struct sw_sock_rule *r, const struct policy_ask *q)
{
	enum { PROTOCOLS = SW_SOCK_RULE_HAS_TCP | SW_SOCK_RULE_HAS_UDP | SW_SOCK_RULE_HAS_RAW };

	if (r->flags & PROTOCOLS)
		return r->flags & q->protocol;
	return q->protocol != SW_SOCK_RULE_HAS_RAW || !(r->flags & SW_SOCK_RULE_DENIES);
}

static __always_inline enum policy_names names(const struct sw_sock_rule *r, struct policy_ask *q)
{
	enum policy_names program = NAMES_IT, place = NAMES_IT;

	if ((r->flags & SW_SOCK_RULE_HAS_UID && r->uid != q->uid) || !has_protocol(r, q) || !has_port(r, q->port) ||
	    !has_address(r, q))
		return NAMES_NOT;
	if (r->n_words)
		program = is_program(r, q);
	if (program != NAMES_NOT && r->flags & (SW_SOCK_RULE_IN_HOST | SW_SOCK_RULE_IN_CONTAINER))
		place = is_place(r, q);
	if (program == NAMES_NOT || place == NAMES_NOT)
		return NAMES_NOT;
	return r->flags & SW_SOCK_RULE_IS_OPEN || program == NAMES_MAYBE || place == NAMES_MAYBE ? NAMES_MAYBE
												  : NAMES_IT;
}

/* Called by bpf_loop; 1 ends it. */
static long judge_rule(__u64 i, struct policy_ask *q)
{
	__u32 key = q->first + (__u32)i;
	const struct sw_sock_rule *r = bpf_map_lookup_elem(&sock_rules, &key);
	enum policy_names n;

	if (!r)
		return 1;
	n = names(r, q);
	if (n == NAMES_NOT)
		return 0;
	if (q->is_protecting || !(r->flags & SW_SOCK_RULE_DENIES)) {
		q->is_refused = false;
		return 1;
	}
	if (n == NAMES_MAYBE)
		return 0; /* refused when what comes after refuses too */
	q->rule = i + 1;
	q->is_refused = true;
	return 1;
}

/* ---- the question */

static __always_inline struct policy_room *take_room(void)
{
	int i;

	for (i = 0; i < POLICY_ROOMS; i++) {
		__u32 key = i;
		struct policy_room *room = bpf_map_lookup_elem(&sock_rooms, &key);

		if (room && !__sync_lock_test_and_set(&room->is_taken, 1))
			return room;
	}
	return NULL;
}

struct policy_question {
	__u64 addr[2]; /* as of IPv6, in network byte order */
	union sw_sock_policy_ctl ctl;
	__u16 port;
	__u8 way; /* enum sw_sock_way */
	__u8 protocol; /* SW_SOCK_RULE_HAS_TCP, _UDP, _RAW or 0 */
	__u32 is_special; /* raw, or a port of the kernel's choice: refused only by a rule that says so */
};

/* Not static: so the verifier walks it once, and not once for each way that leads here. */
__noinline __u8 policy_judge(const struct policy_question *ask)
{
	struct policy_ask q = {.rule = SW_SOCK_BY_DEFAULT};
	struct task_struct *t = current_task();
	union sw_sock_policy_ctl ctl;
	__u32 n;

	if (!ask || !armed_ctl() || t->flags & PF_KTHREAD)
		return 0;
	q.room = take_room();
	if (!q.room)
		return 0;
	ctl.word = ask->ctl.word;
	q.addr[0] = ask->addr[0];
	q.addr[1] = ask->addr[1];
	q.port = ask->port;
	q.protocol = ask->protocol;
	q.uid = t->cred->uid.val;
	q.is_hybrid = ctl.state & SW_SOCK_IS_HYBRID;
	q.is_refused = !ask->is_special && (ask->way == SW_SOCK_LISTEN ? ctl.denies[SW_SOCK_LISTEN]
								       : ctl.denies[SW_SOCK_CONNECT]);
	q.first = ctl.bank * SW_SOCK_BANK_RULES + ask->way * SW_SOCK_RULES_MAX;
	n = ask->way == SW_SOCK_LISTEN ? ctl.n[SW_SOCK_LISTEN] : ctl.n[SW_SOCK_CONNECT];
	bpf_loop(n, judge_rule, &q, 0);
	if (q.is_refused) { /* as with packets: who is never refused is asked last, and wins */
		q.is_protecting = true;
		q.first = ctl.bank * SW_SOCK_BANK_RULES + SW_SOCK_WAYS * SW_SOCK_RULES_MAX;
		bpf_loop(ctl.n_protected, judge_rule, &q, 0);
	}
	*(volatile __u32 *)&q.room->is_taken = 0;
	return q.is_refused ? q.rule : 0;
}

static __always_inline __u8 policy_protocol(__u32 protocol)
{
	return protocol == PROTO_UDP			       ? SW_SOCK_RULE_HAS_UDP
		: protocol == PROTO_TCP || protocol == PROTO_MPTCP ? SW_SOCK_RULE_HAS_TCP
								   : 0;
}

static __always_inline union sw_sock_policy_ctl policy_ctl(void)
{
	__u32 zero = 0;
	const union sw_sock_policy_ctl *ctl = bpf_map_lookup_elem(&sock_policy, &zero);
	union sw_sock_policy_ctl copy = {};

	if (ctl)
		copy.word = *(volatile const __u64 *)&ctl->word;
	return copy;
}

/* A raw socket of an IP protocol; as policy_refuses(). */
static __always_inline __u8 policy_refuses_raw(__u32 protocol)
{
	struct policy_question ask = {.way = SW_SOCK_LISTEN,
		.ctl = policy_ctl(),
		.port = protocol,
		.protocol = SW_SOCK_RULE_HAS_RAW,
		.is_special = true};

	return ask.ctl.state & SW_SOCK_HAS_RAW ? policy_judge(&ask) : 0;
}

/*
 * 0: not refused; else the rule that refuses, from 1, or SW_SOCK_BY_DEFAULT. ctx: struct bpf_sock_addr;
 * high, low: the halves of the address as of IPv6, in network byte order.
 */
static __always_inline __u8 policy_refuses(
	enum sw_sock_way way, const struct bpf_sock_addr *ctx, __u64 high, __u64 low)
{
	struct policy_question ask = {.addr = {high, low}, .way = way, .ctl = policy_ctl()};

	if (!(ask.ctl.state & (way == SW_SOCK_LISTEN ? SW_SOCK_HAS_LISTEN : SW_SOCK_HAS_CONNECT)))
		return 0;
	ask.port = bpf_ntohs(ctx->user_port);
	ask.protocol = policy_protocol(ctx->protocol);
	ask.is_special = way == SW_SOCK_LISTEN && !ask.port;
	return policy_judge(&ask);
}

static __always_inline __u64 mapped4(__be32 addr)
{
	return (__u64)addr << 32 | bpf_htonl(0xffff); /* little endian: its first four bytes come first */
}
