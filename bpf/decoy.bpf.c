// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Decoy ports: a SYN or a datagram to a port that is a decoy goes to our listener, unless
 * somebody listens there. The kernel asks this program before it looks for listeners itself, and the
 * helpers that look sockets up are not to be had here; so the kernel's own tables of listeners are
 * read. There is no state of ours that could lag behind: a service wins from its listen(2) or
 * bind(2) on, whenever that is. What cannot be read, or is longer than we look, counts as a listener.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "sockwarden/abi/decoy.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum {
	AF_INET = 2,
	AF_INET6 = 10,
	IPPROTO_TCP = 6,
	IPPROTO_UDP = 17,
	LOOPBACK_IFINDEX = 1, /* of lo, in every network namespace */
	CHAIN_MAX = 128,      /* sockets in one bucket that are looked at */
	JHASH_INITVAL = (int)0xdeadbeef, /* include/linux/jhash.h */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sw_decoy_ports);
} decoy_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, SW_DECOY_SOCKS);
	__type(key, __u32);
	__type(value, __u64);
} decoy_socks SEC(".maps");

/* Before 6.2 there is one table for all namespaces. */
extern void udp_table __ksym __weak;

/* Who is asked for: the local end of what came. */
struct wanted {
	struct net *net;
	__u32 addr[4]; /* network byte order; IPv4 in the first */
	__u16 port;
	__u8 is_six;
};

static __always_inline __u32 rol(__u32 w, __u32 n)
{
	return w << n | w >> (32 - n);
}

static __always_inline __u32 jhash_final(__u32 a, __u32 b, __u32 c)
{
	c ^= b;
	c -= rol(b, 14);
	a ^= c;
	a -= rol(c, 11);
	b ^= a;
	b -= rol(a, 25);
	c ^= b;
	c -= rol(b, 16);
	a ^= c;
	a -= rol(c, 4);
	b ^= a;
	b -= rol(a, 14);
	c ^= b;
	c -= rol(b, 24);
	return c;
}

/* jhash_1word() */
static __always_inline __u32 jhash1(__u32 word, __u32 mix)
{
	__u32 init = mix + (__u32)JHASH_INITVAL + (1 << 2);

	return jhash_final(word + init, init, init);
}

/* jhash2() of four words */
static __always_inline __u32 jhash4(const __u32 k[4], __u32 mix)
{
	__u32 a, b, c;

	a = b = c = (__u32)JHASH_INITVAL + (4 << 2) + mix;
	a += k[0];
	b += k[1];
	c += k[2];
	a -= c;
	a ^= rol(c, 4);
	c += b;
	b -= a;
	b ^= rol(a, 6);
	a += c;
	c -= b;
	c ^= rol(b, 8);
	b += a;
	a -= c;
	a ^= rol(c, 16);
	c += b;
	b -= a;
	b ^= rol(a, 19);
	a += c;
	c -= b;
	c ^= rol(b, 4);
	b += a;
	return jhash_final(a + k[3], b, c);
}

/* Would the kernel give what came to this socket, as far as addresses go? */
static __always_inline bool is_served_by(const struct sock_common *skc, const struct wanted *w)
{
	__u32 has[4];

	if (BPF_CORE_READ(skc, skc_num) != w->port || BPF_CORE_READ(skc, skc_net.net) != w->net)
		return false;
	if (!w->is_six) {
		if (BPF_CORE_READ(skc, skc_family) == AF_INET6 &&
			BPF_CORE_READ_BITFIELD_PROBED(skc, skc_ipv6only))
			return false;
		has[0] = BPF_CORE_READ(skc, skc_rcv_saddr);
		return !has[0] || has[0] == w->addr[0];
	}
	if (BPF_CORE_READ(skc, skc_family) != AF_INET6)
		return false;
	if (BPF_CORE_READ_INTO(&has, skc, skc_v6_rcv_saddr.in6_u.u6_addr32))
		return true;
	return !(has[0] | has[1] | has[2] | has[3]) ||
		(has[0] == w->addr[0] && has[1] == w->addr[1] && has[2] == w->addr[2] && has[3] == w->addr[3]);
}

/* Either kind of list: both have their nodes begin with the next, and an odd one ends the one with nulls. */
static __noinline bool has_one(__u64 node, __u32 offset, const struct wanted *w)
{
	if (!w)
		return true;
	for (int i = 0; i < CHAIN_MAX; i++) {
		const struct hlist_node *n = (void *)node;

		if (!node || node & 1)
			return false;
		if (is_served_by((void *)(node - offset), w))
			return true;
		node = (__u64)BPF_CORE_READ(n, next);
	}
	return true;
}

static __always_inline bool has_listener(__u64 bucket, const struct wanted *w)
{
	const struct inet_listen_hashbucket *b = (void *)bucket;

	return has_one((__u64)BPF_CORE_READ(b, nulls_head.first),
		bpf_core_field_offset(struct sock_common, skc_nulls_node), w);
}

static __always_inline bool is_tcp_served(const struct wanted *w)
{
	const struct net *net = w->net;
	const struct inet_hashinfo *h = BPF_CORE_READ(net, ipv4.tcp_death_row.hashinfo);
	__u32 mix = BPF_CORE_READ(net, hash_mix), mask, own, any;
	__u64 table, size = bpf_core_type_size(struct inet_listen_hashbucket);

	table = (__u64)BPF_CORE_READ(h, lhash2);
	mask = BPF_CORE_READ(h, lhash2_mask);
	if (!h || !table)
		return true;
	own = (w->is_six ? jhash4(w->addr, mix) : jhash1(w->addr[0], mix)) ^ w->port;
	any = jhash1(0, mix) ^ w->port;
	return has_listener(table + (any & mask) * size, w) || has_listener(table + (own & mask) * size, w);
}

static __always_inline const struct udp_table *udp_table_of(const struct net *net)
{
	if (bpf_core_field_exists(net->ipv4.udp_table))
		return BPF_CORE_READ(net, ipv4.udp_table);
	return &udp_table;
}

/* Any socket with the port counts, one with a peer too: what comes to its port is not ours to take. */
static __always_inline bool is_udp_served(const struct wanted *w)
{
	const struct net *net = w->net;
	const struct udp_table *t = udp_table_of(net);
	__u32 slot = w->port + BPF_CORE_READ(net, hash_mix);
	const struct udp_hslot *s;
	__u64 base;

	if (!t)
		return true;
	base = (__u64)BPF_CORE_READ(t, hash);
	if (!base)
		return true;
	s = (void *)(base + (slot & BPF_CORE_READ(t, mask)) * bpf_core_type_size(struct udp_hslot));
	return has_one((__u64)BPF_CORE_READ(s, head.first), bpf_core_field_offset(struct sock_common, skc_node), w);
}

/* Our own host's connections to itself are nobody's scan: a closed port must say so to them. */
static __always_inline bool is_from_here(const struct bpf_sk_lookup *ctx)
{
	if (ctx->ingress_ifindex == LOOPBACK_IFINDEX)
		return true;
	if (ctx->family == AF_INET)
		return ctx->local_ip4 == ctx->remote_ip4;
	return ctx->local_ip6[0] == ctx->remote_ip6[0] && ctx->local_ip6[1] == ctx->remote_ip6[1] &&
		ctx->local_ip6[2] == ctx->remote_ip6[2] && ctx->local_ip6[3] == ctx->remote_ip6[3];
}

static __always_inline bool is_decoy(const struct bpf_sk_lookup *ctx)
{
	const struct sw_decoy_ports *p = bpf_map_lookup_elem(&decoy_ports, &(__u32){0});
	__u32 port = ctx->local_port & 0xffff, at = port >> 3 & (SW_DECOY_PORT_BYTES - 1);

	if (!p)
		return false;
	return (ctx->protocol == IPPROTO_TCP ? p->tcp[at] : p->udp[at]) >> (port & 7) & 1;
}

static __always_inline void set_wanted(struct wanted *w, const struct bpf_sk_lookup *ctx, struct net *net)
{
	__u32 four = ctx->local_ip4, six = ctx->local_ip6[0];

	barrier_var(four); /* else clang chooses an offset, which the verifier refuses for a context */
	barrier_var(six);
	w->net = net;
	w->port = ctx->local_port;
	w->is_six = ctx->family == AF_INET6;
	w->addr[0] = w->is_six ? six : four;
	w->addr[1] = ctx->local_ip6[1];
	w->addr[2] = ctx->local_ip6[2];
	w->addr[3] = ctx->local_ip6[3];
}

/* The namespace is our IPv4 TCP listener's, which is always there: the program is attached to no other. */
static __always_inline struct net *own_net(void)
{
	struct bpf_sock *sk = bpf_map_lookup_elem(&decoy_socks, &(__u32){SW_DECOY_TCP4});
	struct net *net = NULL;
	struct tcp_sock *tp;

	if (!sk)
		return NULL;
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp)
		net = BPF_CORE_READ(tp, inet_conn.icsk_inet.sk.__sk_common.skc_net.net);
	bpf_sk_release(sk);
	return net;
}

SEC("sk_lookup")
int decoy(struct bpf_sk_lookup *ctx)
{
	bool is_tcp = ctx->protocol == IPPROTO_TCP;
	__u32 slot;
	struct wanted w = {};
	struct bpf_sock *sk;
	struct net *net;

	if (!is_decoy(ctx) || is_from_here(ctx) || ctx->sk)
		return SK_PASS;
	net = own_net();
	if (!net)
		return SK_PASS; /* nobody of ours listens */
	set_wanted(&w, ctx, net);
	if (is_tcp ? is_tcp_served(&w) : is_udp_served(&w))
		return SK_PASS;
	slot = (is_tcp ? SW_DECOY_TCP4 : SW_DECOY_UDP4) + w.is_six;
	sk = bpf_map_lookup_elem(&decoy_socks, &slot);
	if (!sk)
		return SK_PASS;
	bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return SK_PASS;
}
