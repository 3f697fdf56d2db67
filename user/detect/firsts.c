// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/firsts.h"

#include "user/base/cidr.h"
#include "user/sockets/cookies.h"
#include "user/trail/static_hash.h"

struct sw_firsts {
	const struct sw_clock *clock;
	int64_t told_from_wall_sec;
	struct sw_cookies now, before; /* generations: when now is full it becomes before */
	uint64_t unsaved[SW_FIRSTS_UNSAVED], n_unsaved, lost_unsaved, untold;
	uint64_t tokens_ns;
	double tokens;
};

int sw_firsts_new(const struct sw_clock *clock, int64_t told_from_wall_sec, struct sw_firsts **ret)
{
	struct sw_firsts *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->clock = clock;
	f->told_from_wall_sec = told_from_wall_sec;
	f->tokens = SW_FIRSTS_BURST;
	f->tokens_ns = sw_clock_boot_ns(clock);
	*ret = f;
	return 0;
}

void sw_firsts_free(struct sw_firsts *f)
{
	if (!f)
		return;
	sw_cookies_done(&f->now);
	sw_cookies_done(&f->before);
	free(f);
}

void sw_firsts_set_told_from(struct sw_firsts *f, int64_t wall_sec)
{
	f->told_from_wall_sec = wall_sec;
}

struct sw_firsts_stats sw_firsts_stats(const struct sw_firsts *f)
{
	return (struct sw_firsts_stats){
		.known = f->now.n + f->before.n, .untold = f->untold, .unsaved = f->lost_unsaved};
}

int sw_firsts_load(struct sw_firsts *f, uint64_t fingerprint)
{
	if (sw_cookies_find(&f->now, fingerprint))
		return 0;
	if (f->now.n >= SW_FIRSTS_HALF) {
		sw_cookies_done(&f->before);
		f->before = f->now;
		f->now = (struct sw_cookies){};
	}
	return sw_cookies_add(&f->now, fingerprint, f);
}

bool sw_firsts_has_unsaved(const struct sw_firsts *f)
{
	return f->n_unsaved > 0;
}

size_t sw_firsts_take_unsaved(struct sw_firsts *f, const uint64_t **ret)
{
	size_t n = f->n_unsaved;

	*ret = f->unsaved;
	f->n_unsaved = 0;
	return n;
}

/* Never 0, and without the highest bit: SQLite's integers have a sign. */
static uint64_t fingerprint_of(const struct sw_sock_event *ev, const struct sw_net *peer,
	const struct sw_connect_process *p)
{
	uint64_t h = (uint64_t)peer->family << 32 | (uint64_t)ev->protocol << 16 | ev->rport;

	h = sw_hash_bytes(h, peer->addr, sizeof(peer->addr));
	h = sw_hash_bytes(h, p->executable, strlen(p->executable));
	return (sw_hash_bytes(h, p->container, strlen(p->container)) & INT64_MAX) | 1;
}

static bool is_loopback(const struct sw_net *peer)
{
	static const __u8 one[16] = {[15] = 1};

	return peer->family == SW_AF_IP4 ? peer->addr[0] == 127
					 : memcmp(peer->addr, one, sizeof(one)) == 0;
}

static bool take_token(struct sw_firsts *f)
{
	uint64_t now_ns = sw_clock_boot_ns(f->clock);

	f->tokens +=
		(double)(now_ns - f->tokens_ns) * SW_FIRSTS_PER_MIN / (60.0 * (double)SW_SEC_NS);
	f->tokens = SW_MIN(f->tokens, (double)SW_FIRSTS_BURST);
	f->tokens_ns = now_ns;
	if (f->tokens < 1)
		return false;
	f->tokens--;
	return true;
}

static void fill(struct sw_finding *ret, const struct sw_sock_event *ev, const struct sw_net *peer,
	const struct sw_connect_process *p)
{
	char address[SW_NET_TEXT_MAX];

	*ret = (struct sw_finding){.kind = SW_FINDING_BEHAVIOUR,
		.severity = SW_SEV_LOW,
		.boot_ns = ev->head.boot_ns,
		.subject = *peer,
		.sport = ev->lport,
		.dport = ev->rport,
		.protocol = (__u8)ev->protocol,
		.count = ev->count ? ev->count : 1,
		.pid = ev->owner.tgid,
		.uid = ev->owner.uid};
	(void)sw_strcpy(ret->rule, sizeof(ret->rule), "first-destination");
	sw_connect_name(ret, p);
	snprintf(ret->title, sizeof(ret->title),
		"%.40s[%u] connects to %s port %u, where %.80s was not seen to go before",
		*ret->process ? ret->process : "a process", ret->pid, sw_cidr_format(address, peer),
		ret->dport, ret->executable);
}

/* True when it is new. What was seen in the generation before is seen again: it is carried over. */
static bool learn(struct sw_firsts *f, uint64_t fingerprint)
{
	bool is_old;

	if (sw_cookies_find(&f->now, fingerprint))
		return false;
	is_old = sw_cookies_find(&f->before, fingerprint) != NULL;
	if (sw_firsts_load(f, fingerprint) < 0)
		return false;
	if (f->n_unsaved < SW_FIRSTS_UNSAVED)
		f->unsaved[f->n_unsaved++] = fingerprint;
	else
		f->lost_unsaved++;
	return !is_old;
}

bool sw_firsts_judge(struct sw_firsts *f, const struct sw_sock_event *ev, const struct sw_net *peer,
	const struct sw_connect_process *p, struct sw_finding *ret)
{
	if (!*p->executable || !ev->rport || is_loopback(peer) ||
		!learn(f, fingerprint_of(ev, peer, p)))
		return false;
	if (sw_clock_wall_sec(f->clock) < f->told_from_wall_sec)
		return false;
	if (!take_token(f)) {
		f->untold++;
		return false;
	}
	fill(ret, ev, peer, p);
	return true;
}
