// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/alert/whois.h"

#include "user/base/cidr.h"

enum {
	KNOWN_SEC = 24 * 3600,
	FAILED_SEC = 600, /* then it may be asked again */
	WIDEST_PLEN4 = 8, /* a wider answer ("all of IPv4") says nothing of its other addresses */
	WIDEST_PLEN6 = 19,
};

/* Source: the IANA special-purpose registries (RFC 6890) and RFC 5771, 4291: those that nobody holds. */
static const char *const nobodys[] = {"224.0.0.0/3", "192.0.0.0/24", "192.0.2.0/24", "198.51.100.0/24",
	"203.0.113.0/24", "2001:db8::/32", "ff00::/8", "100::/64"};

bool sw_whois_is_registered(const struct sw_net *net, struct sw_net *ret)
{
	struct sw_net host = *net, other;

	if (net->family != SW_AF_IP4 && net->family != SW_AF_IP6)
		return false;
	host.plen = (__u8)sw_net_max_plen(net);
	if (sw_net_reach(&host) != SW_REACH_PUBLIC)
		return false;
	for (size_t i = 0; i < SW_ARRAY_SIZE(nobodys); i++) {
		if (sw_cidr_parse(nobodys[i], SIZE_MAX, &other) == 0 && sw_net_contains(&other, &host))
			return false;
	}
	*ret = host;
	return true;
}

static bool is_in(const struct sw_whois_entry *e, const struct sw_net *host)
{
	unsigned int bytes = host->family == SW_AF_IP4 ? 4 : 16;

	if (e->net.family != host->family)
		return false;
	if (sw_net_eq(&e->net, host))
		return true;
	return e->state == SW_WHOIS_KNOWN && memcmp(e->first, host->addr, bytes) <= 0 &&
	       memcmp(e->last, host->addr, bytes) >= 0;
}

static bool is_stale(const struct sw_whois_entry *e, uint64_t now)
{
	static const unsigned int lives[] = {[SW_WHOIS_WAITING] = SW_WHOIS_ANSWER_MAX_SEC,
		[SW_WHOIS_KNOWN] = KNOWN_SEC,
		[SW_WHOIS_FAILED] = FAILED_SEC};

	return now - e->at_ns >= lives[e->state] * SW_SEC_NS;
}

static struct sw_whois_entry *find(struct sw_whois_cache *w, const struct sw_net *host)
{
	uint64_t now = sw_clock_boot_ns(w->clock);

	for (size_t i = 0; i < SW_WHOIS_ENTRIES_MAX; i++) {
		struct sw_whois_entry *e = &w->entries[i];

		if (e->net.family && is_stale(e, now))
			e->net.family = SW_AF_NONE;
		if (e->net.family && is_in(e, host))
			return e;
	}
	return NULL;
}

/* A free one, or the oldest. */
static struct sw_whois_entry *make_room(struct sw_whois_cache *w)
{
	struct sw_whois_entry *oldest = w->entries;

	for (size_t i = 0; i < SW_WHOIS_ENTRIES_MAX; i++) {
		if (!w->entries[i].net.family)
			return &w->entries[i];
		if (w->entries[i].at_ns < oldest->at_ns)
			oldest = &w->entries[i];
	}
	return oldest;
}

const struct sw_whois_entry *sw_whois_look(struct sw_whois_cache *w, const struct sw_net *net, bool is_asking)
{
	struct sw_whois_entry *e;
	struct sw_net host;
	int r;

	if (!sw_whois_is_registered(net, &host))
		return NULL;
	e = find(w, &host);
	if (e || !is_asking)
		return e;
	r = w->ask(&host, ++w->next_id, w->arg);
	if (r == -EPERM)
		return NULL;
	e = make_room(w);
	*e = (struct sw_whois_entry){.state = r < 0 ? SW_WHOIS_FAILED : SW_WHOIS_WAITING,
		.net = host,
		.id = w->next_id,
		.at_ns = sw_clock_boot_ns(w->clock)};
	if (r < 0)
		snprintf(e->text, sizeof(e->text), "sockwarden-net does not take it: %s", strerror(-r));
	return e;
}

/* True where no bit differs among the leading ones: the range is no wider than a network of so many bits. */
static bool is_within(const __u8 *first, const __u8 *last, unsigned int plen)
{
	for (unsigned int bit = 0; bit < plen; bit++) {
		if ((first[bit / 8] ^ last[bit / 8]) & (0x80 >> bit % 8))
			return false;
	}
	return true;
}

static void take_answer(struct sw_whois_entry *e, const struct sw_net_whois *a)
{
	bool is_good = a->head.result == 0 && a->text[0];

	e->state = is_good ? SW_WHOIS_KNOWN : SW_WHOIS_FAILED;
	if (is_good)
		snprintf(e->text, sizeof(e->text), "%.*s", (int)sizeof(a->text) - 1, a->text);
	else
		snprintf(e->text, sizeof(e->text), "%.*s", (int)sizeof(a->head.text) - 1,
			a->head.text[0] ? a->head.text : strerror(-a->head.result));
	memcpy(e->first, e->net.addr, sizeof(e->first));
	memcpy(e->last, e->net.addr, sizeof(e->last));
	if (is_within(a->first, a->last, e->net.family == SW_AF_IP4 ? WIDEST_PLEN4 : WIDEST_PLEN6)) {
		memcpy(e->first, a->first, sizeof(e->first));
		memcpy(e->last, a->last, sizeof(e->last));
	}
}

void sw_whois_answer(struct sw_whois_cache *w, const struct sw_net_whois *a)
{
	for (size_t i = 0; i < SW_WHOIS_ENTRIES_MAX; i++) {
		struct sw_whois_entry *e = &w->entries[i];

		if (!e->net.family || e->state != SW_WHOIS_WAITING || e->id != a->head.id ||
			!sw_net_eq(&e->net, &a->net))
			continue;
		take_answer(e, a);
		e->at_ns = sw_clock_boot_ns(w->clock);
		return;
	}
}
