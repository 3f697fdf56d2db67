// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/sent.h"

#include "sockwarden/abi/reason.h"
#include "user/base/cidr.h"

struct row {
	uint64_t start_ns, last_ns;
	uint64_t dropped;
	uint32_t tgid, reason;
	struct sw_finding finding; /* subject's family 0: the row is free */
};

struct sw_sent {
	const struct sw_clock *clock;
	struct row rows[SW_SENT_ROWS];
	uint64_t tokens_ns, untold;
	double tokens;
};

int sw_sent_new(const struct sw_clock *clock, struct sw_sent **ret)
{
	struct sw_sent *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->clock = clock;
	s->tokens = SW_SENT_NEW_BURST;
	s->tokens_ns = sw_clock_boot_ns(clock);
	*ret = s;
	return 0;
}

void sw_sent_free(struct sw_sent *s)
{
	free(s);
}

uint64_t sw_sent_untold(const struct sw_sent *s)
{
	return s->untold;
}

static bool take_token(struct sw_sent *s, uint64_t now_ns)
{
	s->tokens += (double)(now_ns - s->tokens_ns) * SW_SENT_NEW_PER_SEC / (double)SW_SEC_NS;
	s->tokens = SW_MIN(s->tokens, (double)SW_SENT_NEW_BURST);
	s->tokens_ns = now_ns;
	if (s->tokens < 1)
		return false;
	s->tokens--;
	return true;
}

/* The pair's row, or a new one for it; NULL when too many are new. */
static struct row *find(struct sw_sent *s, const struct sw_sock_event *ev, const struct sw_net *peer)
{
	uint64_t now_ns = sw_clock_boot_ns(s->clock);
	struct row *oldest = &s->rows[0];

	for (size_t i = 0; i < SW_SENT_ROWS; i++) {
		struct row *r = &s->rows[i];

		if (r->tgid == ev->owner.tgid && r->start_ns == ev->owner.start_ns && r->reason == ev->state &&
			r->finding.subject.family && sw_net_eq(&r->finding.subject, peer)) {
			r->last_ns = now_ns;
			return r;
		}
		if (r->last_ns < oldest->last_ns)
			oldest = r;
	}
	if (!take_token(s, now_ns)) {
		s->untold++;
		return NULL;
	}
	*oldest = (struct row){.start_ns = ev->owner.start_ns,
		.last_ns = now_ns,
		.tgid = ev->owner.tgid,
		.reason = ev->state,
		.finding = {.subject = *peer, .wall_ns = sw_clock_wall_ns(s->clock), .boot_ns = ev->head.boot_ns}};
	return oldest;
}

/* The names come with the first record that has them: a process that ends is forgotten. */
static void name_process(struct sw_finding *f, const struct sw_sock_event *ev, const struct sw_connect_process *p)
{
	f->pid = ev->owner.tgid;
	f->uid = ev->owner.uid;
	if (*f->process)
		return;
	sw_connect_name(f, p);
}

struct sw_finding *sw_sent_judge(struct sw_sent *s, const struct sw_sock_event *ev, const struct sw_net *peer,
	const char *trail, const char *feed, const struct sw_connect_process *p)
{
	struct row *r = find(s, ev, peer);
	bool is_ban = ev->state == SW_R_BAN_OUT, is_geo = ev->state == SW_R_GEO_OUT;
	char address[SW_NET_TEXT_MAX];
	struct sw_finding *f;

	if (!r)
		return NULL;
	f = &r->finding;
	f->kind = is_ban ? SW_FINDING_BAN_HIT : SW_FINDING_TRAIL_HIT;
	f->severity = is_ban || is_geo ? SW_SEV_LOW : SW_SEV_HIGH;
	(void)sw_strcpy(f->rule, sizeof(f->rule), is_ban ? "ban-egress" : is_geo ? "country-egress" : "trail-egress");
	f->last_wall_ns = sw_clock_wall_ns(s->clock);
	f->sport = ev->lport;
	f->dport = ev->rport;
	f->protocol = (__u8)ev->protocol;
	f->count += ev->backlog;
	r->dropped += ev->ret ? ev->backlog : 0;
	name_process(f, ev, p);
	(void)sw_strcpy(f->trail, sizeof(f->trail), trail);
	(void)sw_strcpy(f->feed, sizeof(f->feed), feed);
	snprintf(f->title, sizeof(f->title), "%.40s[%u] sends to %s, %s%.40s: %llu packet%s, %llu refused",
		*f->process ? f->process : "a process", f->pid, sw_cidr_format(address, peer),
		is_ban ? "which is banned" : is_geo ? "which is against " : "on trail list ", is_ban ? "" : feed,
		(unsigned long long)f->count, f->count == 1 ? "" : "s", (unsigned long long)r->dropped);
	return f;
}
