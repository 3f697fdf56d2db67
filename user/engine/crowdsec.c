// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/crowdsec.h"

#include <sys/mman.h>

#include "user/engine/bans.h"
#include "user/engine/crowdsec_report.h"
#include "user/engine/net_peer.h"
#include "user/io/msg.h"
#include "user/policy/crowd.h"

enum {
	MINUTE_SEC = 60,
	SLACK_SEC = 5, /* ends that differ by less are the same: the way here takes time */
	SHARE = 2, /* of bans.per_minute one in so many is CrowdSec's, so that our own evidence always finds room */
};

#define ORIGIN "crowdsec"

struct sw_crowdsec_part {
	struct sw_crowd *crowd;
	struct sw_source *again; /* while something waits */
	struct sw_net host;
	uint64_t minute_boot_ns; /* when the minute began in which n_made bans were made */
	uint32_t n_made;
	uint64_t polls, failures, malformed, others, beyond;
	int64_t last_wall_sec, good_wall_sec; /* 0: never */
	char error[256]; /* "": the last answer was good */
};

struct nets {
	struct sw_net *at;
	size_t n;
};

static bool is_on(const struct sw_engine *e)
{
	return e->config->crowdsec_url[0];
}

/* ---- what is wanted becomes bans */

static bool has_share_left(struct sw_engine *e)
{
	struct sw_crowdsec_part *p = e->crowdsec;
	uint64_t now_ns = sw_clock_boot_ns(&e->clock);

	if (now_ns - p->minute_boot_ns >= MINUTE_SEC * SW_SEC_NS) {
		p->minute_boot_ns = now_ns;
		p->n_made = 0;
	}
	return p->n_made < SW_MAX(e->config->ban_max_per_minute / SHARE, 1u);
}

static enum sw_refusal ban(struct sw_engine *e, const struct sw_net *net, const struct sw_crowd_ref *ref,
	uint64_t left_ns)
{
	char reason[160];
	struct sw_refusal_text text;
	struct sw_ban_request q = {.net = *net,
		.for_sec = (left_ns + SW_SEC_NS - 1) / SW_SEC_NS,
		.origin = ORIGIN,
		.by = ORIGIN,
		.reason = reason};
	enum sw_refusal refusal = sw_policy_judge(e->policy, &q, NULL);

	if (refusal == SW_REFUSED_NOT && !has_share_left(e))
		refusal = SW_REFUSED_RATE;
	if (refusal != SW_REFUSED_NOT && refusal != SW_REFUSED_TOTAL)
		return refusal;
	snprintf(reason, sizeof(reason), "%s (%s)", ref->scenario, ref->origin);
	if (sw_engine_ban(e, &q, NULL, NULL, &refusal, &text) == -ENOMEM)
		return SW_REFUSED_RATE; /* later */
	e->crowdsec->n_made += refusal == SW_REFUSED_NOT;
	return refusal;
}

static bool settle(void *arg, struct sw_crowd_net *n)
{
	struct sw_engine *e = arg;
	uint64_t now_ns = sw_clock_boot_ns(&e->clock), slack_ns = SLACK_SEC * SW_SEC_NS;
	const struct sw_crowd_ref *ref = sw_crowd_longest(n, now_ns);
	const struct sw_ban_part *part = sw_policy_part_of(sw_policy_find_ban(e->policy, &n->net), ORIGIN);

	if (!ref) {
		if (part)
			sw_engine_withdraw(e, &n->net, ORIGIN, ORIGIN);
		return true;
	}
	if (part && part->until_boot_ns) {
		if (part->until_boot_ns < ref->until_boot_ns + slack_ns &&
			ref->until_boot_ns < part->until_boot_ns + slack_ns)
			return true;
		if (part->until_boot_ns > ref->until_boot_ns && has_share_left(e)) /* a part never becomes shorter */
			sw_engine_withdraw(e, &n->net, ORIGIN, ORIGIN);
	}
	n->why_not = ban(e, &n->net, ref, ref->until_boot_ns - now_ns);
	return n->why_not == SW_REFUSED_NOT;
}

static void settle_all(struct sw_engine *e)
{
	struct sw_crowdsec_part *p = e->crowdsec;

	sw_engine_bans_hold(e);
	sw_crowd_each_changed(p->crowd, settle, e);
	sw_engine_bans_release(e);
	(void)sw_source_set_timer(p->again, sw_crowd_n_changed(p->crowd) ? MINUTE_SEC * SW_SEC_NS : 0, 0);
}

static int on_again(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;

	sw_crowd_expire(e->crowdsec->crowd, sw_clock_boot_ns(&e->clock));
	settle_all(e);
	return 0;
}

/* ---- bans that nothing stands behind any more */

static void collect(void *arg, const struct sw_ban *b)
{
	struct nets *nets = arg;

	if (sw_policy_part_of(b, ORIGIN))
		nets->at[nets->n++] = b->net;
}

/* What an earlier life of ours, or an earlier configuration, banned. */
static void withdraw_unknown(struct sw_engine *e)
{
	unsigned int n_bans = sw_policy_n_bans(e->policy);
	_free_ struct sw_net *at = calloc(SW_MAX(n_bans, 1u), sizeof(*at));
	struct nets nets = {.at = at};

	if (!at)
		return;
	sw_policy_each_ban(e->policy, collect, &nets);
	sw_engine_bans_hold(e);
	for (size_t i = 0; i < nets.n; i++) {
		if (!sw_crowd_find(e->crowdsec->crowd, &nets.at[i]))
			sw_engine_withdraw(e, &nets.at[i], ORIGIN, ORIGIN);
	}
	sw_engine_bans_release(e);
}

/* ---- answers */

/* 0; -errno with the text of it in p->error. */
static int take_list(struct sw_engine *e, int fd)
{
	const size_t max =
		sizeof(struct sw_net_crowdsec) + SW_NET_CROWDSEC_MAX * sizeof(struct sw_net_crowdsec_decision);
	struct sw_crowdsec_part *p = e->crowdsec;
	const struct sw_net_crowdsec *head;
	const void *map;
	size_t len;
	int r = fd >= 0 ? sw_memfd_map_sealed(fd, max, &map, &len) : -EBADMSG;

	if (r < 0)
		return r;
	head = map;
	if (len < sizeof(*head) || head->n > SW_NET_CROWDSEC_MAX ||
		len != sizeof(*head) + head->n * sizeof(struct sw_net_crowdsec_decision)) {
		munmap((void *)map, len);
		return -EBADMSG;
	}
	sw_crowd_expire(p->crowd, sw_clock_boot_ns(&e->clock));
	r = sw_crowd_take(p->crowd, head, (const void *)(head + 1), sw_clock_boot_ns(&e->clock));
	p->malformed += head->malformed;
	p->others += head->others;
	p->beyond += head->beyond;
	if (r >= 0) {
		settle_all(e);
		if (head->is_whole)
			withdraw_unknown(e);
	}
	if (r != 0) /* half of it may be in: only the whole puts that right */
		sw_net_peer_ask_crowdsec(e);
	munmap((void *)map, len);
	return SW_MIN(r, 0);
}

static bool take_host(struct sw_crowdsec_part *p, const struct sw_net *host)
{
	if ((host->family != SW_AF_IP4 && host->family != SW_AF_IP6) || !sw_net_is_host(host) ||
		sw_net_reach(host) == SW_REACH_LOOPBACK || sw_net_eq(host, &p->host))
		return false;
	p->host = *host;
	return true;
}

bool sw_crowdsec_take(struct sw_engine *e, const struct sw_net_msg *m, int fd)
{
	struct sw_crowdsec_part *p = e->crowdsec;
	int r = m->result;

	if (!is_on(e))
		return false; /* of an older configuration */
	p->polls++;
	p->last_wall_sec = sw_clock_wall_sec(&e->clock);
	p->error[0] = 0;
	if (r < 0)
		(void)sw_strcpy(p->error, sizeof(p->error), m->text[0] ? m->text : strerror(-r));
	else
		r = take_list(e, fd);
	if (r < 0) {
		p->failures++;
		if (!p->error[0])
			(void)sw_strcpy(p->error, sizeof(p->error), strerror(-r));
		sw_degraded_set(e, "crowdsec", SW_SEV_LOW, "CrowdSec: %s", p->error);
		return false;
	}
	p->good_wall_sec = p->last_wall_sec;
	sw_degraded_clear(e, "crowdsec");
	return take_host(p, &m->host);
}

const struct sw_net *sw_crowdsec_host(const struct sw_engine *e)
{
	return e->crowdsec && e->crowdsec->host.family ? &e->crowdsec->host : NULL;
}

/* ---- the part */

static void stop(struct sw_engine *e)
{
	struct sw_crowd *fresh;

	if (sw_crowd_new(&fresh) < 0)
		return;
	sw_crowd_free(e->crowdsec->crowd);
	e->crowdsec->crowd = fresh;
	e->crowdsec->host = (struct sw_net){};
	(void)sw_source_set_timer(e->crowdsec->again, 0, 0);
	withdraw_unknown(e);
	sw_degraded_clear(e, "crowdsec");
}

static int init(struct sw_engine *e)
{
	int r;

	e->crowdsec = calloc(1, sizeof(*e->crowdsec));
	if (!e->crowdsec)
		return -ENOMEM;
	r = sw_crowd_new(&e->crowdsec->crowd);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, 0, 0, on_again, e, &e->crowdsec->again);
	if (r >= 0 && !is_on(e))
		withdraw_unknown(e);
	return r;
}

static void done(struct sw_engine *e)
{
	if (!e->crowdsec)
		return;
	sw_source_free(e->crowdsec->again);
	sw_crowd_free(e->crowdsec->crowd);
	free(TAKE_PTR(e->crowdsec));
}

/* What is asked for may be another server, or less: sockwarden-net starts anew and asks for the whole. */
static void configured(struct sw_engine *e, const struct sw_config *old)
{
	if (!is_on(e) && old->crowdsec_url[0])
		stop(e);
}

static void count_bans(void *arg, const struct sw_ban *b)
{
	uint64_t *n = arg;

	*n += sw_policy_part_of(b, ORIGIN) != NULL;
}

static uint64_t n_bans(const struct sw_engine *e)
{
	uint64_t n = 0;

	sw_policy_each_ban(e->policy, count_bans, &n);
	return n;
}

bool sw_crowdsec_stats(const struct sw_engine *e, struct sw_crowdsec_stats *ret)
{
	const struct sw_crowdsec_part *p = e->crowdsec;

	if (!is_on(e))
		return false;
	*ret = (struct sw_crowdsec_stats){.decisions = sw_crowd_n_decisions(p->crowd),
		.bans = n_bans(e),
		.polls = p->polls,
		.failures = p->failures,
		.good_wall_sec = p->good_wall_sec};
	return true;
}

static void status(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_crowdsec_part *p = e->crowdsec;
	uint64_t bans;

	if (!is_on(e))
		return;
	bans = n_bans(e);
	sw_json_object_begin(j, "crowdsec");
	sw_json_wall_sec(j, "last_poll_at", p->last_wall_sec);
	sw_json_wall_sec(j, "last_good_at", p->good_wall_sec);
	sw_json_string(j, "error", p->error[0] ? p->error : NULL);
	sw_json_uint(j, "decisions", sw_crowd_n_decisions(p->crowd));
	sw_json_uint(j, "bans", bans);
	sw_json_uint(j, "waiting",
		sw_crowd_count(p->crowd, SW_REFUSED_RATE) + sw_crowd_count(p->crowd, SW_REFUSED_TOTAL));
	sw_json_uint(j, "protected", sw_crowd_count(p->crowd, SW_REFUSED_PROTECTED));
	sw_json_uint(j, "too_wide", sw_crowd_count(p->crowd, SW_REFUSED_FLOOR));
	sw_json_uint(j, "malformed", p->malformed);
	sw_json_uint(j, "others", p->others);
	sw_json_uint(j, "beyond", p->beyond);
	sw_json_uint(j, "polls", p->polls);
	sw_json_uint(j, "failures", p->failures);
	sw_crowdsec_report_status(e, j);
	sw_json_object_end(j);
}

const struct sw_engine_part sw_part_crowdsec = {
	.name = "crowdsec",
	.init = init,
	.done = done,
	.configured = configured,
	.status = status,
};
