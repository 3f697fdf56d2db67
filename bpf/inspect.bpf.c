// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What this host's sockets say and hear, for user space to look into: DNS on port 53, the beginnings of
 * requests and of TLS, QUIC Initials. Attach to the root of cgroup v2: every namespace's sockets are seen,
 * and each packet with its socket. A question for a domain that is to be dropped is refused here, when
 * enforcing; nothing else is ever held up. Other packets cost a look at their ports and first bytes.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "lib/clock.bpf.h"
#include "lib/gate_ctl.bpf.h"
#include "lib/inspect_maps.bpf.h"
#include "lib/question.bpf.h"
#include "lib/ring.bpf.h"
#include "lib/sock_note.bpf.h"
#include "sockwarden/pkt/parse.h"

enum { REFUSE = 0, PASS = 1, DNS_PORT = 53, LOOPBACK = 1, HEAD = 8, TCP_SYN = 0x02, TCP_ACK = 0x10 };
enum { QUIC_DATAGRAM_MIN = 1200 };

/* A packet that may go up. */
struct about {
	__u64 domain;
	__u32 at, bytes; /* of its payload */
	__u8 way, is_refused, is_ahead;
};

/* A softirq may come between on the same CPU. */
static __always_inline void count(enum sw_stat stat)
{
	__u32 key = stat;
	__u64 *value = bpf_map_lookup_elem(&stats, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

/* Never held up for what cannot be read, and never silently. */
static __always_inline int pass_unread(void)
{
	count(SW_STAT_INSPECT_UNREAD);
	return PASS;
}

static __always_inline void fill(
	struct __sk_buff *skb, const struct about *a, __u16 len, struct sw_inspect_event *e)
{
	const struct sock_note *note = note_of_packet(skb);

	e->boot_ns = bpf_ktime_get_boot_ns();
	e->cookie = bpf_get_socket_cookie(skb);
	e->domain = a->domain;
	e->len = len;
	e->way = a->way;
	e->is_refused = a->is_refused;
	e->is_ahead = a->is_ahead;
	__builtin_memset(e->pad, 0, sizeof(e->pad));
	if (note)
		e->owner = note->owner;
	else
		__builtin_memset(&e->owner, 0, sizeof(e->owner));
}

static __always_inline void submit(struct sw_inspect_event *e)
{
	__u32 zero = 0;
	__u64 *told = bpf_map_lookup_elem(&inspect_wake, &zero), flags = 0;

	if (told)
		flags = sw_wake_flags(told, e->boot_ns);
	count(SW_STAT_INSPECT_SENT);
	bpf_ringbuf_submit(e, flags);
}

/*
 * The first n bytes from at, n from 1 to room, else false. Less one, n's range is plain to the verifier of 6.1
 * too, which learns nothing from "not 0".
 */
static __always_inline bool load(struct __sk_buff *skb, __u32 at, void *to, __u64 n, __u64 room)
{
	n--;
	barrier_var(n);
	return n < room && bpf_skb_load_bytes(skb, at, to, n + 1) == 0;
}

/* Room is of a fixed size: the helper wants a constant, and a buffer per CPU would not survive a softirq. */
#define SEND(skb, a, room)                                                                         \
	({                                                                                         \
		struct sw_inspect_event *e_ = bpf_ringbuf_reserve(                                 \
			&ev_inspect, sizeof(struct sw_inspect_event) + (room), 0);                 \
		__u32 n_ = (skb)->len < (room) ? (skb)->len : (room);                              \
		if ((skb)->len > (room))                                                           \
			count(SW_STAT_INSPECT_CUT);                                                \
		if (!e_) {                                                                         \
			count(SW_STAT_INSPECT_LOST);                                               \
		} else if (!load(skb, 0, e_->data, n_, room)) {                                    \
			bpf_ringbuf_discard(e_, 0);                                                \
		} else {                                                                           \
			fill(skb, a, n_, e_);                                                      \
			submit(e_);                                                                \
		}                                                                                  \
	})

static __noinline int send_small(struct __sk_buff *skb, const struct about *a)
{
	if (a)
		SEND(skb, a, SW_INSPECT_DNS_BYTES);
	return 0;
}

static __noinline int send_large(struct __sk_buff *skb, const struct about *a)
{
	if (!a)
		return 0;
	if (skb->len <= SW_INSPECT_MTU_BYTES)
		SEND(skb, a, SW_INSPECT_MTU_BYTES);
	else
		SEND(skb, a, SW_INSPECT_MAX_BYTES);
	return 0;
}

/* ---- DNS */

static __always_inline bool is_enforcing(void)
{
	__u32 zero = 0;
	const struct sw_gate_ctl *ctl = bpf_map_lookup_elem(&gate_ctl, &zero);

	if (!ctl || ctl->mode != SW_MODE_ENFORCE)
		return false;
	return !ctl->enforce_until_ns || sw_now(ctl->clock_offset_ns) < ctl->enforce_until_ns;
}

/* A question that goes out. at: of the DNS message. */
static __noinline int judge_question(struct __sk_buff *skb, struct about *a, __u32 at)
{
	struct name n;
	__u8 flags;

	if (!a || bpf_skb_load_bytes(skb, at + 2, &flags, 1) < 0 || flags & 0x80)
		return 0;
	if (!read_question(skb, at + DNS_HEADER, &n))
		return 0;
	n.hash = 0;
	find_domain(&n);
	if (!n.hash || n.action != SW_TRAIL_DROP)
		return 0;
	a->domain = n.hash;
	a->is_refused = is_enforcing();
	return 0;
}

static __always_inline void judge_dns(struct __sk_buff *skb, const struct sw_inspect_ctl *ctl,
	const struct sw_flow *flow, struct about *a, __u32 at)
{
	if (!ctl->has_domains || a->way != SW_WAY_OUT || flow->dport != DNS_PORT)
		return;
	judge_question(skb, a, at);
	if (a->domain)
		count(SW_STAT_DOMAIN_HITS);
}

static __always_inline int see_dns(struct __sk_buff *skb, const struct sw_inspect_ctl *ctl,
	const struct sw_flow *flow, struct about *a, __u32 at)
{
	judge_dns(skb, ctl, flow, a, at);
	if (ctl->what & SW_INSPECT_DNS || a->domain)
		send_small(skb, a);
	return a->is_refused ? REFUSE : PASS;
}

/* ---- how flows begin */

#define WORD(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

static __always_inline bool is_method(__u32 word)
{
	switch (word) {
	case WORD('G', 'E', 'T', ' '):
	case WORD('P', 'O', 'S', 'T'):
	case WORD('H', 'E', 'A', 'D'):
	case WORD('P', 'U', 'T', ' '):
	case WORD('D', 'E', 'L', 'E'):
	case WORD('O', 'P', 'T', 'I'):
	case WORD('C', 'O', 'N', 'N'):
	case WORD('P', 'A', 'T', 'C'):
	case WORD('T', 'R', 'A', 'C'):
	case WORD('P', 'R', 'O', 'P'):
	case WORD('S', 'E', 'A', 'R'):
	case WORD('D', 'E', 'B', 'U'):
	case WORD('M', 'O', 'V', 'E'):
	case WORD('C', 'O', 'P', 'Y'):
	case WORD('M', 'K', 'C', 'O'):
	case WORD('L', 'O', 'C', 'K'):
		return true;
	default:
		return false;
	}
}

/* A segment that is too short to tell begins like both. */
static __always_inline bool begins(const __u8 *p, __u32 bytes, __u32 what)
{
	if (p[0] == 0x16)
		return what & SW_INSPECT_TLS && (bytes < 2 || p[1] == 3) &&
			(bytes < 6 || p[5] == 1 || p[5] == 2);
	if (!(what & SW_INSPECT_HTTP) || p[0] < 'C' || p[0] > 'T')
		return false;
	return bytes < 4 || is_method(WORD(p[0], p[1], p[2], p[3]));
}

/* A segment that came in before what precedes it: its socket, returned then, still waits for that. */
static __always_inline struct bpf_tcp_sock *find_ahead(
	struct __sk_buff *skb, const struct sw_flow *flow, const struct about *a, struct bpf_sock *sk)
{
	struct bpf_tcp_sock *tcp;
	__be32 seq;

	if (a->way != SW_WAY_IN || sk->state == TCP_LISTEN)
		return NULL;
	tcp = bpf_tcp_sock(sk);
	if (!tcp || bpf_skb_load_bytes(skb, flow->l4_off + 4, &seq, sizeof(seq)) < 0)
		return NULL;
	return (__s32)(bpf_ntohl(seq) - tcp->rcv_nxt) > 0 ? tcp : NULL;
}

/* Where a request or a hello may begin in what is missing, a few segments behind it go up. */
static __always_inline bool is_wanted_ahead(
	const struct bpf_tcp_sock *tcp, struct bpf_sock *sk, struct inspect_flow *f)
{
	struct inspect_flow fresh = {};

	if (tcp->bytes_received && !(f && f->is_served))
		return false;
	if (!f)
		f = bpf_sk_storage_get(&inspect_flows, sk, &fresh, BPF_SK_STORAGE_GET_F_CREATE);
	if (!f)
		return false;
	if (f->hole != tcp->rcv_nxt) {
		f->hole = tcp->rcv_nxt;
		f->ahead = SW_INSPECT_FLOW_SEGMENTS;
	}
	if (!f->ahead)
		return false;
	f->ahead--;
	return true;
}

/* Whether a segment with data is among those that go up; counts it. */
static __always_inline bool is_wanted(struct __sk_buff *skb, const struct sw_inspect_ctl *ctl,
	const struct sw_flow *flow, struct about *a, bool is_dns)
{
	struct inspect_flow fresh = {}, *f;
	const struct bpf_tcp_sock *tcp;
	struct bpf_sock *sk = skb->sk;
	__u8 head[HEAD] = {};
	__u32 way = a->way & 1, n = a->bytes < HEAD ? a->bytes : HEAD;

	if (!load(skb, a->at, head, n, HEAD) || !sk)
		return false;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return false;
	if (is_dns || begins(head, a->bytes, ctl->what)) {
		f = bpf_sk_storage_get(&inspect_flows, sk, &fresh, BPF_SK_STORAGE_GET_F_CREATE);
		if (!f)
			return false;
		/* Every request of a connection begins one. DNS over TCP has no sign: each segment may. */
		f->segments[way] = SW_INSPECT_FLOW_SEGMENTS;
		f->bytes[way] = SW_INSPECT_FLOW_BYTES;
		f->is_served |= way == SW_WAY_IN && head[0] != 0x16;
		a->is_ahead = is_dns && find_ahead(skb, flow, a, sk);
	} else {
		f = bpf_sk_storage_get(&inspect_flows, sk, 0, 0);
		tcp = find_ahead(skb, flow, a, sk);
		a->is_ahead = tcp != NULL;
		if (!f || !f->segments[way])
			return tcp && is_wanted_ahead(tcp, sk, f);
	}
	f->segments[way] = f->bytes[way] > a->bytes ? f->segments[way] - 1 : 0;
	f->bytes[way] -= a->bytes < f->bytes[way] ? a->bytes : f->bytes[way];
	return true;
}

static __always_inline int see_tcp(struct __sk_buff *skb, const struct sw_inspect_ctl *ctl,
	const struct sw_flow *flow, struct about *a)
{
	bool is_dns =
		ctl->what & SW_INSPECT_DNS && (flow->dport == DNS_PORT || flow->sport == DNS_PORT);
	__u8 offset;

	if (bpf_skb_load_bytes(skb, flow->l4_off + 12, &offset, 1) < 0)
		return pass_unread();
	a->at = flow->l4_off + (offset >> 4) * 4;
	if (a->at >= skb->len)
		return a->at > skb->len ? pass_unread() : PASS;
	a->bytes = skb->len - a->at;
	/* A question at the segment's begin, behind its length; one elsewhere user space finds, and cuts. */
	judge_dns(skb, ctl, flow, a, a->at + 2);
	if (is_wanted(skb, ctl, flow, a, is_dns) || a->domain)
		send_large(skb, a);
	return a->is_refused ? REFUSE : PASS;
}

static __always_inline bool is_quic_initial(struct __sk_buff *skb, __u32 at)
{
	__u8 head[5];
	__u32 version;

	if (bpf_skb_load_bytes(skb, at, head, sizeof(head)) < 0 || (head[0] & 0xc0) != 0xc0)
		return false;
	version = WORD(head[4], head[3], head[2], head[1]);
	return (version == 1 && !(head[0] & 0x30)) ||
		(version == 0x6b3343cf && (head[0] & 0x30) == 0x10);
}

static __always_inline int see_udp(struct __sk_buff *skb, const struct sw_inspect_ctl *ctl,
	const struct sw_flow *flow, struct about *a)
{
	a->at = flow->l4_off + 8;
	if (a->at >= skb->len)
		return a->at > skb->len ? pass_unread() : PASS;
	a->bytes = skb->len - a->at;
	if (flow->dport == DNS_PORT || flow->sport == DNS_PORT)
		return see_dns(skb, ctl, flow, a, a->at);
	if (ctl->what & SW_INSPECT_QUIC && a->bytes >= QUIC_DATAGRAM_MIN &&
		is_quic_initial(skb, a->at))
		send_large(skb, a);
	return PASS;
}

/* It begins what a moment ago was cut for what it said. */
static __always_inline bool is_shunned(const struct sw_inspect_ctl *ctl, const struct sw_flow *flow)
{
	struct sw_shunned_key key = {.port = flow->dport, .family = flow->family, .protocol = flow->protocol};
	__u64 now = bpf_ktime_get_boot_ns(), *until;

	if (now >= ctl->refuse_until_ns ||
		(flow->protocol == SW_IP_TCP && (flow->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN))
		return false;
	__builtin_memcpy(key.addr, flow->daddr.byte, 16);
	until = bpf_map_lookup_elem(&shunned, &key);
	return until && now < *until && is_enforcing();
}

static __always_inline int see(struct __sk_buff *skb, enum sw_inspect_way way)
{
	__u32 zero = 0;
	const struct sw_inspect_ctl *ctl = bpf_map_lookup_elem(&inspect_ctl, &zero);
	const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;
	struct about a = {.way = way};
	enum sw_pkt_result result;
	struct sw_flow flow;

	/* What goes over the loopback is seen where it is sent. */
	if (!ctl || !(ctl->what || ctl->has_domains) ||
		(way == SW_WAY_IN && skb->ifindex == LOOPBACK))
		return PASS;
	result = sw_pkt_parse(data, end, SW_LINK_IP, &flow);
	if (result != SW_PKT_IP || !flow.l4_off)
		return result == SW_PKT_UNREADABLE || flow.is_cut ? pass_unread() : PASS;
	if (way == SW_WAY_OUT && ctl->refuse_until_ns && is_shunned(ctl, &flow)) {
		count(SW_STAT_SHUNNED);
		return REFUSE;
	}
	if (flow.protocol == SW_IP_UDP)
		return see_udp(skb, ctl, &flow, &a);
	return flow.protocol == SW_IP_TCP ? see_tcp(skb, ctl, &flow, &a) : PASS;
}

SEC("cgroup_skb/ingress")
int inspect_in(struct __sk_buff *skb)
{
	return see(skb, SW_WAY_IN);
}

SEC("cgroup_skb/egress")
int inspect_out(struct __sk_buff *skb)
{
	return see(skb, SW_WAY_OUT);
}

char _license[] SEC("license") = "Dual BSD/GPL";
