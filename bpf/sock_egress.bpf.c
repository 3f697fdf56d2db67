// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What this host's own processes send, judged by where it goes: a destination that is listed or banned.
 * At the root of cgroup v2, so of every network namespace; forwarded packets have no socket and do not
 * come here, but to tc_forward of the gate. A refused packet is an error to its sender (EPERM).
 *
 * Told are processes, not packets: a bucket of tokens for each process and destination.
 */
#include "lib/counter.bpf.h"
#include "lib/egress_ctl.bpf.h"
#include "lib/geo.bpf.h"
#include "lib/judge.bpf.h"
#include "lib/packed.bpf.h"
#include "lib/sock_emit.bpf.h"
#include "lib/sock_note.bpf.h"
#include "lib/trail_port.bpf.h"
#include "sockwarden/pkt/parse.h"

enum { PASS = 1, REFUSE = 0, ECHO_REPLY = 0, ECHO_REPLY6 = 129, TCP_SYN_ACK = 0x12, TCP_RST = 0x04 };

/* Who sent where; the one that was silent longest makes room. */
struct sent_key {
	__u8 daddr[16];
	__u32 tgid;
	__u32 reason;
};

struct sent {
	__u64 refill_ns;
	__u32 tokens, hits;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SW_EGRESS_SENDERS);
	__type(key, struct sent_key);
	__type(value, struct sent);
} egress_sent SEC(".maps");

static __always_inline bool is_enforced(const struct sw_gate_ctl *ctl)
{
	if (ctl->mode != SW_MODE_ENFORCE || egress_action() != SW_EGRESS_DROP)
		return false;
	return !ctl->enforce_until_ns || sw_now(ctl->clock_offset_ns) < ctl->enforce_until_ns;
}

/* to: a flow whose source is the destination of the packet; so the gate's questions are asked of it. */
static __always_inline bool judge4(const struct sw_gate_ctl *ctl, const struct sw_flow *to, struct sw_hit *hit)
{
	struct sw_marked marked = {.source = 1};

	if (!sw_gate_is_packed(ctl))
		return is_banned4(ctl, &to->saddr, hit) || is_port_trailed(to, &marked, is_trailed4(to, hit), hit);
	if (!is_addr_marked4(to->saddr.word[0]))
		return false;
	return (is_other_marked4(to->saddr.word[0]) && is_banned4(ctl, &to->saddr, hit)) ||
		is_port_trailed(to, &marked, is_packed_trailed4(to, &marked, hit), hit);
}

static __always_inline bool judge6(const struct sw_gate_ctl *ctl, const struct sw_flow *to, struct sw_hit *hit)
{
	struct sw_marked marked = {.source = 1};

	if (!sw_gate_is_packed(ctl))
		return is_banned6(ctl, to, hit) || is_port_trailed(to, &marked, is_trailed6(to, hit), hit);
	marked.source = classes_of(bpf_be64_to_cpu(to->saddr.half[0]));
	return marked.source && (is_banned6(ctl, to, hit) ||
		is_port_trailed(to, &marked, is_packed_trailed6(to, &marked, hit), hit));
}

/* What the kernel answers by itself is no deed of a process. */
static __always_inline bool is_answer(const struct sw_flow *flow)
{
	if (flow->protocol == 6) /* TCP */
		return (flow->tcp_flags & TCP_SYN_ACK) == TCP_SYN_ACK || flow->tcp_flags & TCP_RST;
	return (flow->protocol == 1 && flow->icmp_type == ECHO_REPLY) ||
	       (flow->protocol == 58 && flow->icmp_type == ECHO_REPLY6);
}

static __always_inline void count(__u32 reason, __u32 len, bool is_dropped)
{
	add_to_counter(bpf_map_lookup_elem(&counters, &reason), len, is_dropped);
}

static __always_inline void refill(struct sent *s, const struct sw_gate_ctl *ctl)
{
	const __u64 second = 1000000000, longest = 1ULL << 40; /* no product overflows */
	__u64 now = bpf_ktime_get_boot_ns(), elapsed = now - s->refill_ns, earned;
	__u32 rate = ctl->token_rate > 1U << 20 ? 1U << 20 : ctl->token_rate;

	if (!s->refill_ns || elapsed > longest) {
		s->tokens = ctl->token_burst;
		s->refill_ns = now;
		return;
	}
	earned = elapsed * rate / second;
	if (!earned)
		return;
	s->tokens = s->tokens + earned >= ctl->token_burst ? ctl->token_burst : s->tokens + earned;
	s->refill_ns = now;
}

/* Hits to be told now, this one included; 0: they add up. */
static __always_inline __u32 take_token(
	const struct sw_gate_ctl *ctl, const struct sw_flow *flow, __u32 tgid, __u32 reason)
{
	struct sent_key key = {.tgid = tgid, .reason = reason};
	struct sent fresh = {}, *s;
	__u32 hits;

	__builtin_memcpy(key.daddr, flow->daddr.byte, 16);
	s = bpf_map_lookup_elem(&egress_sent, &key);
	if (!s) {
		bpf_map_update_elem(&egress_sent, &key, &fresh, BPF_ANY);
		s = bpf_map_lookup_elem(&egress_sent, &key);
		if (!s)
			return 1;
	}
	refill(s, ctl);
	__sync_fetch_and_add(&s->hits, 1);
	if (!ctl->token_rate || !s->tokens) {
		sw_stat_inc(SW_STAT_EV_PKT_LIMITED);
		return 0;
	}
	s->tokens--;
	hits = s->hits;
	__sync_fetch_and_sub(&s->hits, hits);
	return hits;
}

static __always_inline void tell(const struct sw_gate_ctl *ctl, const struct sw_flow *flow,
	const struct sock_note *note, __u64 cookie, __u32 reason, bool is_dropped)
{
	__u32 hits = take_token(ctl, flow, note->owner.tgid, reason);
	struct sw_sock_event *e = hits ? sock_event_begin(SW_EV_SENT, note) : NULL;

	if (!e)
		return;
	e->cookie = cookie;
	e->ret = is_dropped ? -1 /* EPERM */ : 0;
	e->backlog = hits;
	e->family = flow->family == 4 ? AF_INET : AF_INET6;
	e->protocol = flow->protocol;
	e->state = reason;
	e->lport = flow->sport;
	e->rport = flow->dport;
	__builtin_memcpy(e->laddr, flow->saddr.byte, 16);
	__builtin_memcpy(e->raddr, flow->daddr.byte, 16);
	event_commit(&e->head);
}

/* The destination is listed. Out of line: a benign packet never comes here. */
static __noinline int settle(const struct sw_gate_ctl *ctl, const struct sw_flow *flow,
	const struct sock_note *note, const struct sw_hit *hit, __u32 len)
{
	__u32 reason = hit->reason;
	bool is_dropped;

	if (reason == SW_R_BAN || reason == SW_R_BAN_NET)
		reason = SW_R_BAN_OUT;
	else if (reason != SW_R_GEO_OUT)
		reason = SW_R_TRAIL_OUT;
	if (hit->is_bad && is_addr_allowed(flow->family, &flow->daddr)) {
		count(SW_R_ALLOWED, len, false);
		return PASS;
	}
	is_dropped = hit->is_bad && is_enforced(ctl);
	count(reason, len, is_dropped);
	if (reason == SW_R_GEO_OUT)
		count_geo(hit, len, is_dropped);
	tell(ctl, flow, note, 0, reason, is_dropped);
	return is_dropped ? REFUSE : PASS;
}

static __noinline bool read_note(struct __sk_buff *skb, struct sock_note *ret)
{
	const struct sock_note *note = note_of_packet(skb);

	if (note)
		*ret = *note;
	return note;
}

/* The rules over countries, where nothing is said that refuses already. */
static __noinline bool judge_geo(const struct sw_flow *flow, bool is_hit, struct sw_hit *hit)
{
	struct sw_hit geo = {};

	if (hit->is_bad || !is_geo(flow, SW_GEO_OUT, &geo) || (is_hit && !geo.is_bad))
		return is_hit;
	*hit = geo;
	return true;
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *skb)
{
	__u32 zero = 0;
	const struct sw_gate_ctl *ctl = bpf_map_lookup_elem(&gate_ctl, &zero);
	const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;
	struct sock_note note = {};
	struct sw_flow flow, to;
	struct sw_hit hit = {};
	bool has_note, is_hit;

	if (!ctl || ctl->mode == SW_MODE_OFF || egress_action() == SW_EGRESS_OFF)
		return PASS;
	if (sw_pkt_parse(data, end, SW_LINK_IP, &flow) != SW_PKT_IP)
		return PASS;
	to = flow;
	to.saddr = flow.daddr;
	to.sport = flow.dport;
	to.dport = flow.sport;
	is_hit = flow.family == 4 ? judge4(ctl, &to, &hit) : judge6(ctl, &to, &hit);
	if (ctl->engine & SW_ENGINE_HAS_GEO)
		is_hit = judge_geo(&flow, is_hit, &hit);
	if (!is_hit || is_answer(&flow))
		return PASS;
	has_note = read_note(skb, &note);
	if (!has_note && flow.protocol != 6 && flow.protocol != 17)
		return PASS; /* of the kernel's own socket: an error message, a neighbour's discovery */
	return settle(ctl, &flow, &note, &hit, skb->len);
}

char _license[] SEC("license") = "Dual BSD/GPL";
