// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/scan.h"
#include "user/detect/beacon.h"
#include "user/detect/web.h"

#include <arpa/inet.h>

#include "sockwarden/pkt/probe.h"
#include "user/base/pages.h"
#include "user/trail/static_hash.h"

enum { WAYS = 4, FLOOD_ROWS = 4096, SEC_MASK = 0xffff };

/* What a row collects; the rest of its key is of addresses and ports. */
enum row_kind {
	ROW_PORTS = 1,
	ROW_HOSTS,
	ROW_SHARED,
	ROW_UDP,
	ROW_ODD,
	ROW_ORPHAN,
	ROW_LOGIN,
	ROW_LOGIN_SYN
};

struct row {
	uint64_t key;
	uint32_t told_sec;
	uint32_t answered; /* a bit for each item */
	uint32_t n;
	uint64_t sources; /* a bit for each of 64 classes of them */
	uint32_t n_tries, n_answers; /* since the row began; an idle row begins anew */
	struct {
		uint16_t item, sec;
	} at[SW_SCAN_ITEMS]; /* the first n */
} __attribute__((aligned(64)));

/* What is asked of the rows of a set before one of them is touched: one cache line. */
struct tags {
	uint64_t key[WAYS];
	uint32_t last_sec[WAYS], n[WAYS]; /* n: before its last try */
} __attribute__((aligned(64)));

#define ROWS_BYTES (SW_SCAN_ROWS * sizeof(struct row))
#define SEEN_BYTES (2 * SW_SCAN_FLOWS_BITS / 8)
#define TAGS_BYTES (SW_SCAN_ROWS / WAYS * sizeof(struct tags))

/* SYNs and connections that went on, a second each. */
struct flood {
	uint64_t key;
	uint32_t sec, told_sec;
	uint16_t syns[SW_SCAN_FLOOD_SEC], done[SW_SCAN_FLOOD_SEC];
};

struct waiting {
	uint64_t key;
	uint32_t n_tries; /* when it was raised */
	int64_t due_sec;
	struct sw_scan_finding f;
};

struct sw_scan {
	struct sw_rules *rules;
	struct sw_beacons *beacons;
	void (*fn)(void *arg, const struct sw_scan_finding *f);
	void *arg;
	struct row *rows;
	struct tags *tags;
	struct flood *floods;
	uint64_t *seen; /* bits of flows: words of two generations, side by side */
	unsigned int generation; /* 0 or 1: which of two words is this one's */
	int64_t seen_sec; /* when this generation began */
	struct waiting *waiting; /* a ring in order of time */
	unsigned int w_first, w_n;
	int64_t idle_sec; /* a row that was quiet so long begins anew */
	int64_t now_ns, sec; /* never runs back */
	uint64_t packet;
};

int sw_scan_new(struct sw_rules *rules, void (*fn)(void *arg, const struct sw_scan_finding *f),
	void *arg, struct sw_scan **ret)
{
	struct sw_scan *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->rules = rules;
	s->fn = fn;
	s->arg = arg;
	s->rows = sw_pages_new(ROWS_BYTES);
	s->tags = sw_pages_new(TAGS_BYTES);
	s->floods = calloc(FLOOD_ROWS, sizeof(*s->floods));
	s->seen = sw_pages_new(SEEN_BYTES);
	s->waiting = calloc(SW_SCAN_WAITING, sizeof(*s->waiting));
	if (!s->rows || !s->tags || !s->floods || !s->seen || !s->waiting ||
		sw_beacons_new(&s->beacons) < 0) {
		sw_scan_free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

void sw_scan_free(struct sw_scan *s)
{
	if (!s)
		return;
	sw_pages_free(s->rows, ROWS_BYTES);
	free(s->floods);
	sw_pages_free(s->tags, TAGS_BYTES);
	sw_pages_free(s->seen, SEEN_BYTES);
	free(s->waiting);
	sw_beacons_free(s->beacons);
	free(s);
}

/* ---- flows seen lately */

static uint64_t addr_hash(const union sw_flow_addr *a, uint64_t salt)
{
	if (!a->half[1] && !a->word[1])
		return sw_mix64(a->word[0], salt);
	return sw_mix64(sw_mix64(a->half[0], salt), a->half[1]);
}

/* One direction's; the other's is had by swapping. */
static uint64_t way_hash(
	const union sw_flow_addr *s, uint16_t sport, const union sw_flow_addr *d, uint16_t dport)
{
	return sw_mix64(addr_hash(s, sport), addr_hash(d, (uint64_t)dport << 32));
}

static uint64_t *seen_words(const struct sw_scan *s, uint64_t hash)
{
	return &s->seen[(hash >> 8 & (SW_SCAN_FLOWS_BITS - 1)) >> 6 << 1];
}

static bool is_seen(const struct sw_scan *s, uint64_t hash)
{
	const uint64_t *w = seen_words(s, hash);

	return (w[0] | w[1]) >> (hash >> 8 & 63) & 1;
}

static void mark_seen(struct sw_scan *s, uint64_t hash)
{
	seen_words(s, hash)[s->generation] |= 1ull << (hash >> 8 & 63);
}

static void clear_generation(struct sw_scan *s, unsigned int generation)
{
	for (size_t i = generation; i < 2 * SW_SCAN_FLOWS_BITS / 64; i += 2)
		s->seen[i] = 0;
}

/* Now and then, for the rules may be set anew: a row is kept for the longest window of those that have rows. */
static void set_idle(struct sw_scan *s)
{
	s->idle_sec = SW_SCAN_WINDOW_SEC;
	for (unsigned int i = SW_RULE_HABITS; i <= SW_RULE_BRUTE_FORCE; i++)
		s->idle_sec = SW_MAX(s->idle_sec, (int64_t)sw_rule_at(s->rules, i)->window_sec);
}

static void turn_generation(struct sw_scan *s)
{
	if (s->sec - s->seen_sec < SW_SCAN_FLOWS_SEC)
		return;
	s->generation ^= 1;
	clear_generation(s, s->generation);
	if (s->sec - s->seen_sec >= 2 * SW_SCAN_FLOWS_SEC)
		clear_generation(s, s->generation ^ 1);
	s->seen_sec = s->sec;
	set_idle(s);
}

/* ---- rows */

static uint64_t row_key(
	enum row_kind kind, const union sw_flow_addr *a, const union sw_flow_addr *b, uint32_t more)
{
	uint64_t h = addr_hash(a, (uint64_t)kind << 32 | more);

	return (b ? sw_mix64(h, addr_hash(b, 77)) : h) | 1;
}

static size_t set_of(uint64_t key)
{
	return (key >> 16) % (SW_SCAN_ROWS / WAYS);
}

/* Which of a set's rows has the key; WAYS: none. */
static unsigned int find_way(const struct tags *t, uint64_t key)
{
	unsigned int i = 0;

	while (i < WAYS && t->key[i] != key)
		i++;
	return i;
}

static struct row *find_row(const struct sw_scan *s, uint64_t key)
{
	size_t set = set_of(key);
	unsigned int way = find_way(&s->tags[set], key);

	return way < WAYS ? &s->rows[set * WAYS + way] : NULL;
}

static bool is_idle(const struct sw_scan *s, uint32_t last_sec)
{
	return s->sec - last_sec > s->idle_sec;
}

/* The row that makes room: an idle one, else that with the fewest tries, so that a flood hides no scanner. */
static unsigned int worst_way(const struct sw_scan *s, const struct tags *t)
{
	unsigned int worst = 0;

	for (unsigned int i = 1; i < WAYS; i++) {
		bool worst_idle = is_idle(s, t->last_sec[worst]), idle = is_idle(s, t->last_sec[i]);

		if (idle != worst_idle                   ? idle
				: t->n[i] != t->n[worst] ? t->n[i] < t->n[worst]
							 : t->last_sec[i] < t->last_sec[worst])
			worst = i;
	}
	return worst;
}

static struct row *get_row(struct sw_scan *s, uint64_t key)
{
	size_t set = set_of(key);
	struct tags *t = &s->tags[set];
	unsigned int way = find_way(t, key);
	bool is_new = way == WAYS;
	struct row *r;

	if (is_new)
		way = worst_way(s, t);
	r = &s->rows[set * WAYS + way];
	if (is_new || is_idle(s, t->last_sec[way])) {
		uint32_t told_sec = is_new ? 0 : r->told_sec;

		memset(r, 0, offsetof(struct row, at));
		r->key = key;
		r->told_sec = told_sec;
	}
	t->key[way] = key;
	t->last_sec[way] = (uint32_t)s->sec;
	t->n[way] = r->n;
	return r;
}

static unsigned int age(const struct sw_scan *s, const struct row *r, unsigned int i)
{
	return (unsigned int)(s->sec - r->at[i].sec) & SEC_MASK;
}

static void add_item(struct sw_scan *s, struct row *r, uint16_t item)
{
	unsigned int at = r->n, oldest = 0;

	r->n_tries++;
	for (unsigned int i = 0; i < r->n; i++) {
		if (r->at[i].item == item) {
			r->at[i].sec = (uint16_t)s->sec;
			return;
		}
	}
	if (r->n == SW_SCAN_ITEMS) {
		for (unsigned int i = 1; i < r->n; i++)
			oldest = age(s, r, i) > age(s, r, oldest) ? i : oldest;
		at = oldest;
	} else {
		r->n++;
	}
	r->at[at].item = item;
	r->at[at].sec = (uint16_t)s->sec;
	r->answered &= ~(1u << at);
}

static void answer_item(struct row *r, uint16_t item)
{
	if (!r)
		return;
	r->n_answers++;
	for (unsigned int i = 0; i < r->n; i++) {
		if (r->at[i].item == item)
			r->answered |= 1u << i;
	}
}

/* Items of the last so many seconds; *ret_open of them without an answer. */
static unsigned int count_items(
	const struct sw_scan *s, const struct row *r, unsigned int window, unsigned int *ret_open)
{
	unsigned int n = 0, open = 0;

	for (unsigned int i = 0; i < r->n; i++) {
		if (age(s, r, i) > window)
			continue;
		n++;
		open += !(r->answered >> i & 1);
	}
	*ret_open = open;
	return n;
}

/* ---- telling */

static void make_finding(const struct sw_scan *s, enum sw_rule rule, const struct sw_flow *flow,
	bool of_target, const char *info, struct sw_scan_finding *ret)
{
	const union sw_flow_addr *a = of_target ? &flow->daddr : &flow->saddr;

	*ret = (struct sw_scan_finding){
		.rule = rule, .flow = *flow, .packet = s->packet, .time_ns = s->now_ns};
	inet_ntop(flow->family == 4 ? AF_INET : AF_INET6, a, ret->about, sizeof(ret->about));
	snprintf(ret->info, sizeof(ret->info), "%s", info);
}

/* True when a row may be told of, and notes that it is. */
static bool may_tell(const struct sw_scan *s, uint32_t *told_sec)
{
	if (*told_sec && s->sec - *told_sec < SW_SCAN_AGAIN_SEC)
		return false;
	*told_sec = (uint32_t)s->sec;
	return true;
}

static void tell_now(struct sw_scan *s, struct row *r, enum sw_rule rule,
	const struct sw_flow *flow, const char *info)
{
	struct sw_scan_finding f;

	if (!may_tell(s, &r->told_sec))
		return;
	make_finding(s, rule, flow, false, info, &f);
	s->fn(s->arg, &f);
}

static const struct sw_config_habit *rule_at(const struct sw_scan *s, enum sw_rule rule)
{
	return sw_rule_at(s->rules, rule);
}

/* Is the row at the rule's threshold? *ret_open: of the tries within the window those without an answer. */
static unsigned int count_for(
	const struct sw_scan *s, const struct row *r, enum sw_rule rule, unsigned int *ret_open)
{
	const struct sw_config_habit *set = rule_at(s, rule);

	*ret_open = 0;
	return set->is_on && r->n >= set->threshold
		? count_items(s, r, (unsigned int)set->window_sec, ret_open)
		: 0;
}

/* The first suspicion's end: told unless most of what was tried has been answered meanwhile. */
static void judge_waiting(struct sw_scan *s)
{
	struct waiting *w = &s->waiting[s->w_first];
	struct row *r = find_row(s, w->key);

	s->w_first = (s->w_first + 1) % SW_SCAN_WAITING;
	s->w_n--;
	if (r && r->n_answers * 2ull >= w->n_tries) {
		r->told_sec = 0;
		return;
	}
	s->fn(s->arg, &w->f);
}

static void suspect(struct sw_scan *s, struct row *r, enum sw_rule rule, const struct sw_flow *flow,
	const char *info)
{
	struct waiting *w;

	if (!may_tell(s, &r->told_sec))
		return;
	if (s->w_n == SW_SCAN_WAITING)
		judge_waiting(s);
	w = &s->waiting[(s->w_first + s->w_n++) % SW_SCAN_WAITING];
	w->key = r->key;
	w->n_tries = r->n_tries;
	w->due_sec = s->sec + SW_SCAN_GRACE_SEC;
	make_finding(s, rule, flow, rule == SW_RULE_SCAN_DISTRIBUTED, info, &w->f);
}

void sw_scan_end(struct sw_scan *s)
{
	while (s->w_n)
		judge_waiting(s);
}

/* ---- SYNs */

/* Ports that peers of file sharing keep, where most are gone when they are asked. */
static bool is_sharing_port(uint16_t port)
{
	return (port >= 6881 && port <= 6999) || port == 4662 || port == 8999 || port == 51413;
}

static struct flood *get_flood(struct sw_scan *s, const union sw_flow_addr *a, uint16_t port)
{
	uint64_t key = row_key(0, a, NULL, port);
	struct flood *f = &s->floods[key >> 16 & (FLOOD_ROWS - 1)];
	uint32_t sec = (uint32_t)s->sec;

	if (f->key != key) {
		/* Another port's row is taken over only when it is quiet. */
		if (f->key && sec - f->sec < 2 && f->syns[f->sec % SW_SCAN_FLOOD_SEC] > 10)
			return NULL;
		*f = (struct flood){.key = key, .sec = sec};
	}
	for (unsigned int i = 0; f->sec != sec && i < SW_SCAN_FLOOD_SEC; i++) {
		f->sec++;
		f->syns[f->sec % SW_SCAN_FLOOD_SEC] = f->done[f->sec % SW_SCAN_FLOOD_SEC] = 0;
	}
	f->sec = sec;
	return f;
}

static void judge_flood(struct sw_scan *s, struct flood *f, const struct sw_flow *flow)
{
	const struct sw_config_habit *set = rule_at(s, SW_RULE_SYN_FLOOD);
	unsigned int syns = 0, done = 0;
	struct sw_scan_finding finding;
	char info[96];

	for (unsigned int i = 0; i < SW_SCAN_FLOOD_SEC && i < set->window_sec; i++) {
		syns += f->syns[(f->sec - i) % SW_SCAN_FLOOD_SEC];
		done += f->done[(f->sec - i) % SW_SCAN_FLOOD_SEC];
	}
	if (!set->is_on || syns < set->threshold || done * 10 >= syns || !may_tell(s, &f->told_sec))
		return;
	snprintf(info, sizeof(info), "%u SYNs to port %u, %u of them went on", syns, flow->dport,
		done);
	make_finding(s, SW_RULE_SYN_FLOOD, flow, true, info, &finding);
	s->fn(s->arg, &finding);
}

static void count_syn(struct sw_scan *s, const struct sw_flow *f)
{
	struct flood *flood = get_flood(s, &f->daddr, f->dport);

	if (!flood || flood->syns[flood->sec % SW_SCAN_FLOOD_SEC] == UINT16_MAX)
		return;
	flood->syns[flood->sec % SW_SCAN_FLOOD_SEC]++;
	/* Summing costs: only now and then, and never for a port that is not busy. */
	if (flood->syns[flood->sec % SW_SCAN_FLOOD_SEC] % 50 == 0)
		judge_flood(s, flood, f);
}

static void count_login(struct sw_scan *s, const struct sw_flow *f, enum row_kind kind,
	unsigned int most, unsigned int window)
{
	struct row *r = get_row(s, row_key(kind, &f->saddr, &f->daddr, f->dport));
	unsigned int open;
	char info[96];

	add_item(s, r, f->sport);
	if (r->n < SW_MIN(most, SW_SCAN_ITEMS) || count_items(s, r, window, &open) < most)
		return;
	snprintf(info, sizeof(info), "%u connections to port %u in %u seconds", most, f->dport,
		window);
	tell_now(s, r, SW_RULE_BRUTE_FORCE, f, info);
}

static void try_ports(struct sw_scan *s, const struct sw_flow *f, uint64_t key, enum sw_rule rule)
{
	struct row *r = get_row(s, key);
	unsigned int n, open;
	char info[96], addr[INET6_ADDRSTRLEN] = "";

	add_item(s, r, f->dport);
	n = count_for(s, r, rule, &open);
	if (!n || n < rule_at(s, rule)->threshold || open * 5 < rule_at(s, rule)->threshold * 3 ||
		(r->told_sec && s->sec - r->told_sec < SW_SCAN_AGAIN_SEC))
		return;
	inet_ntop(f->family == 4 ? AF_INET : AF_INET6, &f->daddr, addr, sizeof(addr));
	snprintf(info, sizeof(info), "%u ports of %s", n, addr);
	suspect(s, r, rule, f, info);
}

static void try_hosts(struct sw_scan *s, const struct sw_flow *f, uint64_t key)
{
	struct row *r = get_row(s, key);
	unsigned int open;
	char info[96];

	add_item(s, r, (uint16_t)addr_hash(&f->daddr, 5));
	if (is_sharing_port(f->dport) || !count_for(s, r, SW_RULE_SCAN_HORIZONTAL, &open) ||
		open < rule_at(s, SW_RULE_SCAN_HORIZONTAL)->threshold)
		return;
	snprintf(info, sizeof(info), "port %u of %u hosts", f->dport, open);
	suspect(s, r, SW_RULE_SCAN_HORIZONTAL, f, info);
}

static void try_shared(struct sw_scan *s, const struct sw_flow *f, uint64_t key)
{
	struct row *r = get_row(s, key);
	unsigned int open;
	char info[96];

	add_item(s, r, f->dport);
	r->sources |= 1ull << (addr_hash(&f->saddr, 6) >> 20 & 63);
	if (!count_for(s, r, SW_RULE_SCAN_DISTRIBUTED, &open) ||
		open < rule_at(s, SW_RULE_SCAN_DISTRIBUTED)->threshold ||
		__builtin_popcountll(r->sources) < SW_SCAN_SOURCES)
		return;
	snprintf(info, sizeof(info), "%u ports, by %d sources or more", open,
		__builtin_popcountll(r->sources));
	suspect(s, r, SW_RULE_SCAN_DISTRIBUTED, f, info);
}

/* The server's word: the port is there. */
static void answer_syn(struct sw_scan *s, const union sw_flow_addr *client,
	const union sw_flow_addr *server, uint16_t port)
{
	answer_item(find_row(s, row_key(ROW_PORTS, client, server, 0)), port);
	answer_item(find_row(s, row_key(ROW_HOSTS, client, NULL, port)),
		(uint16_t)addr_hash(server, 5));
	answer_item(find_row(s, row_key(ROW_SHARED, server, NULL, 0)), port);
}

/* ---- packets */

enum { SALT_SYN = 0x10, SALT_ANSWER = 0x20, SALT_TALK = 0x30, SALT_DATA = 0x40, SALT_UDP = 0x50 };

/* The rows that a SYN or a datagram is added to. */
struct keys {
	uint64_t key[3];
	unsigned int n;
};

static void keys_of_syn(const struct sw_flow *f, struct keys *ret)
{
	ret->key[0] = row_key(ROW_PORTS, &f->saddr, &f->daddr, 0);
	ret->key[1] = row_key(ROW_HOSTS, &f->saddr, NULL, f->dport);
	ret->key[2] = row_key(ROW_SHARED, &f->daddr, NULL, 0);
	ret->n = 3;
}

static void keys_of(const struct sw_flow *f, struct keys *ret)
{
	ret->n = 0;
	if (f->protocol == SW_IP_UDP) {
		ret->key[ret->n++] = row_key(ROW_UDP, &f->saddr, &f->daddr, 0);
	} else if (f->protocol == SW_IP_TCP && (f->tcp_flags & SW_TCP_FLAGS) == SW_TCP_SYN) {
		keys_of_syn(f, ret);
	}
}

static uint64_t way_of(const struct sw_flow *f)
{
	return way_hash(&f->saddr, f->sport, &f->daddr, f->dport);
}

static uint64_t way_back(const struct sw_flow *f)
{
	return way_hash(&f->daddr, f->dport, &f->saddr, f->sport);
}

/* As a flow whose SYN was seen. */
static uint64_t syn_of(uint64_t way)
{
	return way ^ sw_mix64(way, SALT_SYN);
}

void sw_scan_expect(const struct sw_scan *s, const struct sw_flow *f)
{
	uint64_t way = way_of(f), back = way_back(f);
	struct keys k;

	keys_of(f, &k);
	for (unsigned int i = 0; i < k.n; i++)
		__builtin_prefetch(&s->tags[set_of(k.key[i])], 1);
	if (f->protocol == SW_IP_UDP) {
		__builtin_prefetch(seen_words(s, sw_mix64(way, SALT_UDP)), 1);
		__builtin_prefetch(seen_words(s, sw_mix64(back, SALT_UDP)));
	} else if (f->protocol == SW_IP_TCP) {
		__builtin_prefetch(seen_words(s, syn_of(way)), 1);
		if (!(f->tcp_flags & SW_TCP_ACK))
			return;
		__builtin_prefetch(seen_words(s, sw_mix64(way, SALT_TALK)), 1);
		__builtin_prefetch(seen_words(s, sw_mix64(back, SALT_TALK)));
		__builtin_prefetch(seen_words(s, syn_of(back)));
	}
}

void sw_scan_expect_rows(const struct sw_scan *s, const struct sw_flow *f)
{
	struct keys k;

	keys_of(f, &k);
	for (unsigned int i = 0; i < k.n; i++) {
		size_t set = set_of(k.key[i]);
		unsigned int way = find_way(&s->tags[set], k.key[i]);

		if (way == WAYS)
			way = worst_way(s, &s->tags[set]);
		__builtin_prefetch(&s->rows[set * WAYS + way], 1);
	}
}

static void judge_odd(struct sw_scan *s, const struct sw_flow *f, enum sw_rule rule)
{
	struct row *r = get_row(s, row_key(ROW_ODD, &f->saddr, NULL, rule));
	unsigned int open;
	char info[96];

	add_item(s, r, (uint16_t)way_hash(&f->daddr, f->dport, &f->daddr, 0));
	if (!count_for(s, r, rule, &open) || open < rule_at(s, rule)->threshold)
		return;
	snprintf(info, sizeof(info), f->is_tiny ? "%u ports or hosts" : "%u ports or hosts, flags 0x%02x", open,
		f->tcp_flags);
	tell_now(s, r, rule, f, info);
}

/* ACK or FIN-ACK of a flow never seen, towards what is a service's port rather than a client's. */
static void judge_orphan(struct sw_scan *s, const struct sw_flow *f, enum sw_rule rule)
{
	struct row *r;
	unsigned int open;
	char info[96];

	if (!sw_probe_is_to_service(f))
		return;
	r = get_row(s, row_key(ROW_ORPHAN, &f->saddr, &f->daddr, rule));
	add_item(s, r, f->dport);
	if (!count_for(s, r, rule, &open) || open < rule_at(s, rule)->threshold)
		return;
	snprintf(info, sizeof(info), "%u ports without a connection", open);
	tell_now(s, r, rule, f, info);
}

/* Off unless wanted: a new connection to where the source connected before, at one pace. */
static void judge_pace(struct sw_scan *s, const struct sw_flow *f)
{
	const struct sw_config_habit *set = rule_at(s, SW_RULE_BEACON);
	struct sw_scan_finding finding;
	unsigned int gap;
	char info[96];

	if (!set->is_on)
		return;
	gap = sw_beacons_add(
		s->beacons, set, way_hash(&f->saddr, 0, &f->daddr, f->dport) | 1, s->sec);
	if (!gap)
		return;
	snprintf(info, sizeof(info), "a connection to port %u each %u seconds", f->dport, gap);
	make_finding(s, SW_RULE_BEACON, f, true, info, &finding);
	s->fn(s->arg, &finding);
}

/* A connection at which passwords are tried, if it is one of many. */
static bool is_login(const struct sw_flow *f)
{
	return sw_probe_is_login_port(f->dport) &&
		!(sw_probe_is_database_port(f->dport) && sw_web_is_inside(f->family, &f->saddr));
}

static void judge_syn(struct sw_scan *s, const struct sw_flow *f, uint64_t way)
{
	const struct sw_config_habit *login = rule_at(s, SW_RULE_BRUTE_FORCE);
	struct keys k;

	keys_of_syn(f, &k);
	if (!is_seen(s, syn_of(way))) {
		mark_seen(s, syn_of(way));
		count_syn(s, f);
		judge_pace(s, f);
		if (login->is_on && is_login(f))
			count_login(s, f, ROW_LOGIN_SYN, login->threshold + login->threshold / 2,
				(unsigned int)login->window_sec / 3);
	}
	try_ports(s, f, k.key[0], SW_RULE_SCAN_VERTICAL);
	try_hosts(s, f, k.key[1]);
	try_shared(s, f, k.key[2]);
}

/* A packet with ACK of no handshake. way: of the direction of this packet; back: of the other. */
static void judge_talk(
	struct sw_scan *s, const struct sw_flow *f, size_t payload, uint64_t way, uint64_t back)
{
	uint64_t talk = sw_mix64(way, SALT_TALK), syn = syn_of(way);
	uint64_t back_syn = syn_of(back);
	const struct sw_config_habit *login = rule_at(s, SW_RULE_BRUTE_FORCE);
	bool is_client = is_seen(s, syn);

	if (payload && login->is_on && is_login(f) &&
		!is_seen(s, sw_mix64(way, SALT_DATA))) {
		mark_seen(s, sw_mix64(way, SALT_DATA));
		if (is_client)
			count_login(
				s, f, ROW_LOGIN, login->threshold, (unsigned int)login->window_sec);
	}
	if (is_seen(s, talk))
		return;
	mark_seen(s, talk);
	if (is_client) {
		struct flood *flood = get_flood(s, &f->daddr, f->dport);

		if (flood && flood->done[flood->sec % SW_SCAN_FLOOD_SEC] < UINT16_MAX)
			flood->done[flood->sec % SW_SCAN_FLOOD_SEC]++;
		answer_syn(s, &f->saddr, &f->daddr, f->dport);
		return;
	}
	if (is_seen(s, back_syn) || is_seen(s, sw_mix64(back, SALT_TALK)) || payload)
		return;
	if ((f->tcp_flags & SW_TCP_FLAGS) == SW_TCP_ACK)
		judge_orphan(s, f, SW_RULE_SCAN_ACK);
	else if ((f->tcp_flags & SW_TCP_FLAGS) == (SW_TCP_FIN | SW_TCP_ACK))
		judge_orphan(s, f, SW_RULE_SCAN_MAIMON);
}

static void judge_tcp(struct sw_scan *s, const struct sw_flow *f, size_t payload)
{
	unsigned int flags = f->tcp_flags & SW_TCP_FLAGS;
	uint64_t way, back;

	if (f->is_tiny)
		return judge_odd(s, f, SW_RULE_SCAN_FRAGMENT);
	if (flags == (SW_TCP_SYN | SW_TCP_ACK)) {
		/* Once for a flow: what follows are repetitions. */
		way = way_of(f);
		if (!is_seen(s, sw_mix64(way, SALT_ANSWER))) {
			mark_seen(s, sw_mix64(way, SALT_ANSWER));
			answer_syn(s, &f->daddr, &f->saddr, f->sport);
		}
		return;
	}
	switch (flags) {
	case SW_TCP_SYN:
		return judge_syn(s, f, way_of(f));
	case SW_TCP_FIN:
		return judge_odd(s, f, SW_RULE_SCAN_FIN);
	case 0:
		return judge_odd(s, f, SW_RULE_SCAN_NULL);
	case SW_TCP_FIN | SW_TCP_PSH | SW_TCP_URG:
		return judge_odd(s, f, SW_RULE_SCAN_XMAS);
	default:
		break;
	}
	if (flags & SW_TCP_RST && !(flags & (SW_TCP_SYN | SW_TCP_FIN | SW_TCP_URG)))
		return;
	if (!(flags & SW_TCP_ACK) || flags & (SW_TCP_SYN | SW_TCP_RST))
		return judge_odd(s, f, SW_RULE_SCAN_FLAGS);
	way = way_of(f);
	back = way_back(f);
	judge_talk(s, f, payload, way, back);
}

static void judge_udp(struct sw_scan *s, const struct sw_flow *f)
{
	uint64_t way = sw_mix64(way_of(f), SALT_UDP), back;

	if (is_seen(s, way))
		return;
	mark_seen(s, way);
	back = sw_mix64(way_back(f), SALT_UDP);
	if (is_seen(s, back)) {
		answer_item(find_row(s, row_key(ROW_UDP, &f->daddr, &f->saddr, 0)), f->sport);
		return;
	}
	/* Answers of a service whose questions were not seen go to a client's port. */
	if (sw_probe_is_udp_everyday(f))
		return;
	try_ports(s, f, row_key(ROW_UDP, &f->saddr, &f->daddr, 0), SW_RULE_SCAN_UDP);
}

static bool is_for_many(const struct sw_flow *f)
{
	return f->family == 4 ? f->daddr.byte[0] >= 224 : f->daddr.byte[0] == 0xff;
}

void sw_scan_time(struct sw_scan *s, int64_t time_ns)
{
	s->sec = SW_MAX(s->sec, time_ns / 1000000000);
	while (s->w_n && s->waiting[s->w_first].due_sec < s->sec)
		judge_waiting(s);
}

void sw_scan_packet(struct sw_scan *s, const struct sw_flow *f, size_t payload, int64_t time_ns,
	uint64_t packet)
{
	s->now_ns = time_ns;
	s->packet = packet;
	sw_scan_time(s, time_ns);
	turn_generation(s);
	if (is_for_many(f))
		return;
	if (f->protocol == SW_IP_TCP)
		judge_tcp(s, f, payload);
	else if (f->protocol == SW_IP_UDP)
		judge_udp(s, f);
}
