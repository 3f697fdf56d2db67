// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/detect/flows.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "sockwarden/pkt/probe.h"
#include "user/base/cidr.h"
#include "user/detect/beacon.h"
#include "user/detect/sight.h"
#include "user/detect/web.h"
#include "user/trail/static_hash.h"

enum { WAYS = 4, FLOOD_TIMES = 64, NETSTAT_LINE_MAX = 8192 };

struct row {
	uint64_t key;
	uint32_t told_sec;
	struct sw_tries tries;
};

/* A listener or a connect, of a process. */
struct recent {
	uint32_t tgid;
	uint16_t port; /* of the listener */
	uint64_t boot_ns;
	struct sw_net peer; /* of the connect */
	uint16_t rport;
	uint32_t n_connects; /* of the listener's process, within the window */
	bool is_told;
};

struct sw_flows {
	const struct sw_clock *clock;
	struct sw_rules *rules;
	sw_flows_fn found;
	void *arg;
	struct row *rows;
	struct sw_beacons *beacons;
	struct recent listeners[SW_FLOWS_RECENT], connects[SW_FLOWS_RECENT];
	size_t next_listener, next_connect;
	struct {
		uint64_t boot_ns, half_open;
	} flood[FLOOD_TIMES];
	size_t n_flood;
	uint64_t flood_told_ns;
};

int sw_flows_new(const struct sw_clock *clock, struct sw_rules *rules, sw_flows_fn found, void *arg,
	struct sw_flows **ret)
{
	struct sw_flows *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->clock = clock;
	f->rules = rules;
	f->found = found;
	f->arg = arg;
	f->rows = calloc(SW_FLOWS_ROWS, sizeof(*f->rows));
	r = f->rows ? sw_beacons_new(&f->beacons) : -ENOMEM;
	if (r < 0) {
		sw_flows_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

void sw_flows_free(struct sw_flows *f)
{
	if (!f)
		return;
	free(f->rows);
	sw_beacons_free(f->beacons);
	free(f);
}

static struct sw_net peer_of(const struct sw_sock_event *ev)
{
	__u32 v4;

	if (ev->family == AF_INET6)
		return sw_net_from6(ev->raddr);
	memcpy(&v4, ev->raddr, sizeof(v4));
	return sw_net_from4(v4);
}

static bool is_loopback(const struct sw_net *n)
{
	static const __u8 one[16] = {[15] = 1};

	return n->family == SW_AF_IP4 ? n->addr[0] == 127 : !memcmp(n->addr, one, sizeof(one));
}

static struct sw_finding begin(
	const struct sw_flows *f, enum sw_rule rule, const struct sw_net *subject, uint64_t count)
{
	struct sw_finding out = {.kind = SW_FINDING_BEHAVIOUR,
		.severity = sw_rule_severity(rule),
		.boot_ns = sw_clock_boot_ns(f->clock),
		.count = count,
		.protocol = IPPROTO_TCP};

	if (subject)
		out.subject = *subject;
	sw_strcpy(out.rule, sizeof(out.rule), sw_rule_word(rule));
	return out;
}

static void tell(struct sw_flows *f, enum sw_rule rule, struct sw_finding *finding)
{
	f->rules->told[rule - SW_RULE_HABITS]++;
	f->found(f->arg, finding);
}

/* ---- guessing */

static struct row *get_row(struct sw_flows *f, uint64_t key)
{
	struct row *set = &f->rows[(key >> 16) % (SW_FLOWS_ROWS / WAYS) * WAYS], *worst = set;

	for (unsigned int i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (set[i].tries.n < worst->tries.n)
			worst = &set[i];
	}
	*worst = (struct row){.key = key};
	return worst;
}

/* Applications inside open a connection to their database for each page they make. */
static bool is_database_inside(const struct sw_sock_event *ev, const struct sw_net *peer)
{
	union sw_flow_addr addr;

	memcpy(&addr, peer->addr, sizeof(addr));
	return sw_probe_is_database_port(ev->lport) && sw_web_is_inside(peer->family, &addr);
}

static void judge_login(struct sw_flows *f, const struct sw_sock_event *ev)
{
	const struct sw_config_habit *rule = sw_rule_at(f->rules, SW_RULE_BRUTE_FORCE);
	uint32_t sec = (uint32_t)(sw_clock_boot_ns(f->clock) / SW_SEC_NS) + 1, is_new;
	struct sw_net peer = peer_of(ev), net = peer;
	char who[SW_NET_TEXT_MAX], window[SW_TIME_TEXT_MAX];
	struct sw_finding out;
	struct row *r;

	if (!rule->is_on || !sw_probe_is_login_port(ev->lport) || is_loopback(&peer) ||
		is_database_inside(ev, &peer))
		return;
	if (net.family == SW_AF_IP6)
		net = sw_net_trim(&net, 64);
	r = get_row(f, sw_mix64(sw_hash_bytes(11, &net, sizeof(net)), ev->lport) | 1);
	sw_tries_add(&r->tries, ev->rport, sec, &is_new);
	if (r->tries.n < rule->threshold ||
		(r->told_sec && sec - r->told_sec < SW_FLOWS_AGAIN_SEC) ||
		sw_tries_count(&r->tries, sec, (uint32_t)rule->window_sec) < rule->threshold ||
		!sw_rules_admit_net(f->rules, SW_RULE_BRUTE_FORCE, &peer))
		return;
	r->told_sec = sec;
	out = begin(f, SW_RULE_BRUTE_FORCE, &net, rule->threshold);
	out.dport = ev->lport;
	snprintf(out.title, sizeof(out.title), "%s: %u connections to port %u in %s",
		sw_cidr_format(who, &net), rule->threshold, ev->lport,
		sw_duration_format(window, rule->window_sec));
	tell(f, SW_RULE_BRUTE_FORCE, &out);
}

/* ---- a listener that talks */

static void bring_together(struct sw_flows *f, struct recent *l, const struct recent *c)
{
	const struct sw_config_habit *rule = sw_rule_at(f->rules, SW_RULE_LISTENER_TALKS);
	uint64_t gap = c->boot_ns > l->boot_ns ? c->boot_ns - l->boot_ns : l->boot_ns - c->boot_ns;
	char who[SW_NET_TEXT_MAX];
	struct sw_finding out;

	if (!l->tgid || l->tgid != c->tgid || l->is_told || gap > rule->window_sec * SW_SEC_NS ||
		!sw_rules_admit_net(f->rules, SW_RULE_LISTENER_TALKS, &c->peer) ||
		++l->n_connects < rule->threshold)
		return;
	l->is_told = true;
	out = begin(f, SW_RULE_LISTENER_TALKS, &c->peer, l->n_connects);
	out.pid = l->tgid;
	out.sport = l->port;
	out.dport = c->rport;
	snprintf(out.title, sizeof(out.title),
		"process %u listens on port %u, which is new, and connects to %s port %u", l->tgid,
		l->port, sw_cidr_format(who, &c->peer), c->rport);
	tell(f, SW_RULE_LISTENER_TALKS, &out);
}

void sw_flows_new_listener(struct sw_flows *f, const struct sw_finding *listener)
{
	struct recent *l;

	if (!listener->pid || !sw_rule_at(f->rules, SW_RULE_LISTENER_TALKS)->is_on)
		return;
	l = &f->listeners[f->next_listener++ % SW_FLOWS_RECENT];
	*l = (struct recent){.tgid = listener->pid,
		.port = listener->dport,
		.boot_ns = sw_clock_boot_ns(f->clock)};
	for (size_t i = 0; i < SW_FLOWS_RECENT; i++)
		bring_together(f, l, &f->connects[i]);
}

/* ---- connects */

static void judge_pace(
	struct sw_flows *f, const struct sw_sock_event *ev, const struct sw_net *peer)
{
	const struct sw_config_habit *rule = sw_rule_at(f->rules, SW_RULE_BEACON);
	uint64_t key = sw_mix64(sw_hash_bytes(ev->rport, peer, sizeof(*peer)), ev->owner.uid) | 1;
	char who[SW_NET_TEXT_MAX];
	struct sw_finding out;
	unsigned int gap;

	if (!rule->is_on)
		return;
	gap = sw_beacons_add(
		f->beacons, rule, key, (int64_t)(sw_clock_boot_ns(f->clock) / SW_SEC_NS));
	if (!gap || !sw_rules_admit_net(f->rules, SW_RULE_BEACON, peer))
		return;
	out = begin(f, SW_RULE_BEACON, peer, rule->threshold);
	out.pid = ev->owner.tgid;
	out.uid = ev->owner.uid;
	out.dport = ev->rport;
	snprintf(out.title, sizeof(out.title), "uid %u connects to %s port %u each %u seconds",
		ev->owner.uid, sw_cidr_format(who, peer), ev->rport, gap);
	tell(f, SW_RULE_BEACON, &out);
}

static void judge_connect(struct sw_flows *f, const struct sw_sock_event *ev)
{
	struct sw_net peer = peer_of(ev);
	struct recent *c;

	if (is_loopback(&peer) || ev->protocol != IPPROTO_TCP)
		return;
	c = &f->connects[f->next_connect++ % SW_FLOWS_RECENT];
	*c = (struct recent){.tgid = ev->owner.tgid,
		.peer = peer,
		.rport = ev->rport,
		.boot_ns = sw_clock_boot_ns(f->clock)};
	for (size_t i = 0; i < SW_FLOWS_RECENT; i++)
		bring_together(f, &f->listeners[i], c);
	judge_pace(f, ev, &peer);
}

void sw_flows_socket(struct sw_flows *f, const struct sw_sock_event *ev)
{
	if (ev->family != AF_INET && ev->family != AF_INET6)
		return;
	if (ev->head.type == SW_EV_ACCEPT)
		judge_login(f, ev);
	else if (ev->head.type == SW_EV_CONNECT)
		judge_connect(f, ev);
}

/* ---- floods */

/* The value under a name in a pair of lines, "TcpExt: a b c" and "TcpExt: 1 2 3". */
static uint64_t read_value(const char *names, const char *values, const char *name)
{
	size_t len = strlen(name);

	while (*names && *names != '\n' && *values && *values != '\n') {
		names += strcspn(names, " \n");
		values += strcspn(values, " \n");
		names += *names == ' ';
		values += *values == ' ';
		if (!strncmp(names, name, len) && (names[len] == ' ' || names[len] == '\n'))
			return strtoull(values, NULL, 10);
	}
	return 0;
}

void sw_flows_netstat(struct sw_flows *f, const char *text)
{
	const struct sw_config_habit *rule = sw_rule_at(f->rules, SW_RULE_SYN_FLOOD);
	const char *names = strstr(text, "TcpExt: "),
		   *values = names ? strstr(names + 1, "TcpExt: ") : NULL;
	uint64_t now = sw_clock_boot_ns(f->clock), half_open, before;
	char window[SW_TIME_TEXT_MAX];
	struct sw_finding out;
	size_t first = 0;

	if (!rule->is_on || !values)
		return;
	half_open = read_value(names, values, "SyncookiesSent") +
		read_value(names, values, "TCPReqQFullDrop");
	before = read_value(names, values, "SyncookiesRecv");
	half_open -= SW_MIN(half_open, before);
	/* the oldest within the window, which slides */
	while (first < f->n_flood && now - f->flood[first].boot_ns > rule->window_sec * SW_SEC_NS)
		first++;
	if (f->n_flood == FLOOD_TIMES && !first)
		first = 1;
	memmove(f->flood, f->flood + first, (f->n_flood - first) * sizeof(f->flood[0]));
	f->n_flood -= first;
	f->flood[f->n_flood].boot_ns = now;
	f->flood[f->n_flood++].half_open = half_open;
	before = f->flood[0].half_open;
	if (half_open < before || half_open - before < rule->threshold ||
		(f->flood_told_ns && now - f->flood_told_ns < SW_FLOWS_AGAIN_SEC * SW_SEC_NS))
		return;
	f->flood_told_ns = now;
	out = begin(f, SW_RULE_SYN_FLOOD, NULL, half_open - before);
	snprintf(out.title, sizeof(out.title),
		"%llu half-open connections in %s that the kernel had no room for",
		(unsigned long long)(half_open - before),
		sw_duration_format(window, rule->window_sec));
	tell(f, SW_RULE_SYN_FLOOD, &out);
}
