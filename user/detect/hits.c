// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/hits.h"

#include <netinet/in.h>
#include <uthash.h>
#include <utlist.h>

#include "user/base/cidr.h"

struct key {
	struct sw_net net; /* IPv6: the /64, which is one attacker's */
	__u32 reason, set;
};

struct row {
	struct key key;
	struct sw_net subject; /* the host while there is one only, else the network */
	struct sw_finding finding; /* as last told; id 0: never */
	uint64_t count, dropped, told_count;
	int64_t first_wall_ns, last_wall_ns;
	uint64_t first_boot_ns, last_boot_ns, told_boot_ns;
	struct sw_pkt_event last;
	struct row *prev, *next; /* the one that was hit last is at the end */
	UT_hash_handle hh;
};

struct sw_hits {
	const struct sw_clock *clock;
	const struct sw_hits_ops *ops;
	void *arg;
	struct row *rows, *order;
	uint64_t tokens_ns, evicted, untold;
	double tokens;
};

const char *sw_protocol_word(unsigned int protocol, char buf[static 8])
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_GRE:
		return "gre";
	case IPPROTO_ESP:
		return "esp";
	default:
		snprintf(buf, 8, "%u", protocol & 0xff);
		return buf;
	}
}

int sw_hits_new(const struct sw_clock *clock, const struct sw_hits_ops *ops, void *arg, struct sw_hits **ret)
{
	struct sw_hits *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->clock = clock;
	h->ops = ops;
	h->arg = arg;
	h->tokens = SW_HITS_NEW_BURST;
	h->tokens_ns = sw_clock_boot_ns(clock);
	*ret = h;
	return 0;
}

static void forget(struct sw_hits *h, struct row *r)
{
	HASH_DEL(h->rows, r);
	DL_DELETE(h->order, r);
	free(r);
}

void sw_hits_free(struct sw_hits *h)
{
	if (!h)
		return;
	while (h->order)
		forget(h, h->order);
	free(h);
}

void sw_hits_freep(struct sw_hits **h)
{
	sw_hits_free(*h);
}

static struct sw_net to_net(const struct sw_pkt_event *ev, const __u8 *addr)
{
	__u32 v4;

	if (ev->family == SW_AF_IP6)
		return sw_net_from6(addr);
	if (ev->family != SW_AF_IP4)
		return (struct sw_net){};
	memcpy(&v4, addr, sizeof(v4));
	return sw_net_from4(v4);
}

struct sw_net sw_hits_subject(const struct sw_pkt_event *ev)
{
	return to_net(ev, sw_reason_is_destination(ev->reason) ? ev->daddr : ev->saddr);
}

static bool is_told_reason(unsigned int reason)
{
	return reason == SW_R_BAN || reason == SW_R_BAN_NET || sw_reason_is_trail(reason);
}

static bool take_token(struct sw_hits *h)
{
	uint64_t now_ns = sw_clock_boot_ns(h->clock);

	h->tokens += (double)(now_ns - h->tokens_ns) * SW_HITS_NEW_PER_SEC / (double)SW_SEC_NS;
	h->tokens_ns = now_ns;
	if (h->tokens > SW_HITS_NEW_BURST)
		h->tokens = SW_HITS_NEW_BURST;
	if (h->tokens < 1)
		return false;
	h->tokens--;
	return true;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void fill_ban(struct row *r, struct sw_finding *f, const char *subject)
{
	f->kind = SW_FINDING_BAN_HIT;
	f->severity = SW_SEV_INFO;
	(void)sw_strcpy(f->rule, sizeof(f->rule), "ban-hit");
	snprintf(f->title, sizeof(f->title), "%s is banned and goes on: %llu packet%s, %llu dropped", subject,
		(unsigned long long)r->count, plural(r->count), (unsigned long long)r->dropped);
}

static bool fill_trail(struct sw_hits *h, struct row *r, struct sw_finding *f, const char *subject)
{
	bool is_drop = h->ops->trail(h->arg, r->key.set, &r->subject, f) == SW_TRAIL_DROP;

	f->kind = SW_FINDING_TRAIL_HIT;
	f->severity = sw_reason_is_destination(r->key.reason) ? SW_SEV_MEDIUM : SW_SEV_LOW;
	(void)sw_strcpy(f->rule, sizeof(f->rule),
		sw_reason_is_destination(r->key.reason) ? "trail-destination" : "trail-source");
	snprintf(f->title, sizeof(f->title), "%s, on trail list %s, %s: %llu packet%s, %llu dropped", subject,
		*f->feed ? f->feed : "(gone)", sw_reason_is_destination(r->key.reason) ? "was sent to" : "came here",
		(unsigned long long)r->count, plural(r->count), (unsigned long long)r->dropped);
	return is_drop;
}

static void tell(struct sw_hits *h, struct row *r)
{
	struct sw_finding *f = &r->finding;
	char subject[SW_NET_TEXT_MAX];
	bool is_drop = false;

	f->wall_ns = r->first_wall_ns;
	f->last_wall_ns = r->last_wall_ns;
	f->boot_ns = r->first_boot_ns;
	f->subject = r->subject;
	f->sport = r->last.sport;
	f->dport = r->last.dport;
	f->protocol = r->last.protocol;
	f->count = r->count;
	sw_cidr_format(subject, &r->subject);
	if (r->key.reason == SW_R_BAN || r->key.reason == SW_R_BAN_NET)
		fill_ban(r, f, subject);
	else
		is_drop = fill_trail(h, r, f, subject);
	r->told_count = r->count;
	r->told_boot_ns = sw_clock_boot_ns(h->clock);
	h->ops->found(h->arg, f, is_drop);
}

static void evict_oldest(struct sw_hits *h)
{
	struct row *oldest = h->order;

	if (!oldest->finding.id)
		h->untold++;
	else if (oldest->count != oldest->told_count)
		tell(h, oldest);
	h->evicted++;
	forget(h, oldest);
}

static struct row *get_or_make(struct sw_hits *h, const struct key *key)
{
	struct row *r;

	HASH_FIND(hh, h->rows, key, sizeof(*key), r);
	if (r) {
		DL_DELETE(h->order, r);
		DL_APPEND(h->order, r);
		return r;
	}
	if (HASH_COUNT(h->rows) >= SW_HITS_ROWS_MAX)
		evict_oldest(h);
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->key = *key;
	HASH_ADD(hh, h->rows, key, sizeof(r->key), r);
	DL_APPEND(h->order, r);
	return r;
}

bool sw_hits_add(struct sw_hits *h, const struct sw_pkt_event *ev)
{
	struct sw_net subject = sw_hits_subject(ev);
	struct key key = {.net = subject, .reason = ev->reason, .set = ev->trail_set};
	struct row *r;

	if (!is_told_reason(ev->reason) || !subject.family)
		return false;
	if (subject.family == SW_AF_IP6)
		key.net = sw_net_trim(&subject, 64);
	r = get_or_make(h, &key);
	if (!r)
		return false;
	r->last_wall_ns = sw_clock_wall_ns(h->clock);
	r->last_boot_ns = ev->boot_ns;
	if (!r->count) {
		r->subject = subject;
		r->first_wall_ns = r->last_wall_ns;
		r->first_boot_ns = ev->boot_ns;
	} else if (!sw_net_eq(&r->subject, &subject)) {
		r->subject = key.net;
	}
	r->count += ev->hits;
	r->dropped += ev->is_dropped ? ev->hits : 0;
	r->last = *ev;
	if (!r->finding.id && take_token(h))
		tell(h, r);
	return true;
}

bool sw_hits_tick(struct sw_hits *h)
{
	uint64_t now_ns = sw_clock_boot_ns(h->clock);
	struct row *r, *next;

	DL_FOREACH_SAFE(h->order, r, next) {
		bool is_due = !r->finding.id || now_ns - r->told_boot_ns >= SW_HITS_AGAIN_SEC * SW_SEC_NS;

		if (r->count != r->told_count && is_due && (r->finding.id || take_token(h)))
			tell(h, r);
		if (now_ns - SW_MIN(r->last_boot_ns, now_ns) < SW_HITS_FORGET_SEC * SW_SEC_NS)
			continue;
		h->untold += !r->finding.id;
		forget(h, r);
	}
	return h->order;
}

struct sw_hits_stats sw_hits_stats(const struct sw_hits *h)
{
	return (struct sw_hits_stats){.rows = HASH_COUNT(h->rows), .evicted = h->evicted, .untold = h->untold};
}
