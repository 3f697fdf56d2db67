// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/decoys.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "user/base/cidr.h"
#include "user/base/ports.h"
#include "user/engine/bans.h"

enum {
	ACCEPTS_AT_ONCE = 256, /* then others get their turn of the loop */
	DATAGRAMS_AT_ONCE = 256,
	FILES_WANTED = SW_HOLD_MAX + 1024,
	FILES_OTHER = 512, /* descriptors that the engine needs for all the rest */
	PORTS = 65536,
	TICK_SEC = 1,
};
#define SYSLOG_PATH "/dev/log"

/* An address as the kernel gives it, and its port. */
static unsigned int read_address(const struct sockaddr_storage *a, struct sw_net *ret)
{
	const struct sockaddr_in *a4 = (const void *)a;
	const struct sockaddr_in6 *a6 = (const void *)a;

	if (a->ss_family == AF_INET6) {
		*ret = sw_net_from6(&a6->sin6_addr);
		return ntohs(a6->sin6_port);
	}
	*ret = sw_net_from4(a4->sin_addr.s_addr);
	return ntohs(a4->sin_port);
}

static bool is_loopback(const struct sw_net *n)
{
	static const __u8 one[16] = {[15] = 1};

	return n->family == SW_AF_IP4 ? n->addr[0] == 127 : memcmp(n->addr, one, sizeof(one)) == 0;
}

/* ---- a touch */

/* Only what is true: a ban that is merely noted blocks nothing. */
static void say_blocked(struct sw_engine *e, const struct sw_touch *t)
{
	const struct sw_guard_status *s = e->decoys->attackalert ? sw_engine_guard_status(e) : NULL;
	char source[SW_NET_TEXT_MAX];

	if (s && s->is_enforcing)
		sw_attackalert_blocked(e->decoys->attackalert, sw_cidr_format(source, &t->source));
}

/* Before anything is told: from the handshake on, each millisecond is the scanner's. True when it is banned now. */
static bool ban_source(struct sw_engine *e, const struct sw_touch *t)
{
	struct sw_ban_request q = {
		.net = t->source, .for_sec = e->config->decoy_ban_sec, .origin = "decoy", .by = "policy"};
	struct sw_refusal_text text;
	enum sw_refusal refusal;
	char reason[64];

	if (q.net.family == SW_AF_IP6)
		q.net = sw_net_trim(&q.net, 64);
	if (sw_policy_find_ban(e->policy, &q.net))
		return true;
	snprintf(reason, sizeof(reason), "touched decoy port %s/%u",
		t->protocol == IPPROTO_TCP ? "tcp" : "udp", t->dport);
	q.reason = reason;
	if (sw_engine_ban(e, &q, NULL, NULL, &refusal, &text) == -EPERM) {
		e->decoys->refused++;
		return false;
	}
	e->decoys->bans++;
	say_blocked(e, t);
	return true;
}

static bool may_ban(const struct sw_engine *e, const struct sw_touch *t)
{
	if (e->config->decoy_action != SW_DECOY_BAN || (t->protocol != IPPROTO_TCP && !e->config->decoy_udp_bans))
		return false;
	return sw_touches_count(e->decoys->touches, t) >= e->config->decoy_trigger;
}

static void count(struct sw_decoys_part *d, const struct sw_touch *t)
{
	bool is_udp = t->protocol == IPPROTO_UDP;

	if (!d->by_port)
		d->by_port = calloc(2 * PORTS, sizeof(*d->by_port));
	if (d->by_port)
		d->by_port[(is_udp ? PORTS : 0) + t->dport]++;
	if (is_udp)
		d->n_udp++;
	else
		d->n_tcp++;
}

static void tell(struct sw_engine *e, const struct sw_touch *t, bool is_banned)
{
	const char *protocol = t->protocol == IPPROTO_TCP ? "tcp" : "udp";
	char source[SW_NET_TEXT_MAX];
	struct sw_json *j;

	if (!sw_event_admit(e->events, SW_EVK_DECOY))
		return;
	j = sw_event_begin(e->events, SW_EVK_DECOY, "%s %s decoy port %s/%u%s", sw_cidr_format(source, &t->source),
		t->protocol == IPPROTO_TCP ? "connected to" : "sent to", protocol, t->dport, is_banned ? ", banned" : "");
	sw_json_string(j, "source", source);
	sw_json_uint(j, "source_port", t->sport);
	sw_json_string(j, "protocol", protocol);
	sw_json_uint(j, "port", t->dport);
	sw_json_bool(j, "banned", is_banned);
	sw_event_end(e->events);
}

static void touched(struct sw_engine *e, const struct sw_touch *t)
{
	struct sw_decoys_part *d = e->decoys;
	char source[SW_NET_TEXT_MAX];
	struct sw_touch_row *row;
	bool is_banned;

	if (d->attackalert)
		sw_attackalert_connect(d->attackalert, sw_cidr_format(source, &t->source),
			t->protocol == IPPROTO_TCP, t->dport);
	is_banned = may_ban(e, t) && ban_source(e, t);
	count(d, t);
	row = sw_touches_add(d->touches, t);
	if (row)
		row->is_banned = is_banned;
	tell(e, t, is_banned);
	if (!d->is_ticking)
		sw_source_set_timer(d->tick, TICK_SEC * SW_SEC_NS, TICK_SEC * SW_SEC_NS);
	d->is_ticking = true;
}

void sw_decoys_packet(struct sw_engine *e, const struct sw_pkt_event *ev)
{
	struct sw_touch t = {.protocol = IPPROTO_TCP, .sport = ev->sport, .dport = ev->dport};
	__u32 v4;

	memcpy(&v4, ev->saddr, sizeof(v4));
	t.source = ev->family == SW_AF_IP6 ? sw_net_from6(ev->saddr) : sw_net_from4(v4);
	touched(e, &t);
}

static void heard(void *arg, const struct sw_touch *t, const char *bytes, size_t n)
{
	struct sw_engine *e = arg;
	_strbuf_ struct sw_strbuf safe = {};
	char source[SW_NET_TEXT_MAX];
	struct sw_json *j;

	sw_touches_heard(e->decoys->touches, t, bytes, n);
	if (!sw_event_admit(e->events, SW_EVK_DECOY))
		return;
	sw_strbuf_safe(&safe, bytes, n);
	j = sw_event_begin(e->events, SW_EVK_DECOY, "%s said %zu bytes to decoy port tcp/%u",
		sw_cidr_format(source, &t->source), n, t->dport);
	sw_json_string(j, "source", source);
	sw_json_string(j, "protocol", "tcp");
	sw_json_uint(j, "port", t->dport);
	sw_json_string(j, "said", sw_strbuf_get(&safe));
	sw_event_end(e->events);
}

static int on_tick(struct sw_source *s, void *arg)
{
	struct sw_engine *e = arg;

	if (sw_touches_tick(e->decoys->touches))
		return 0;
	e->decoys->is_ticking = false;
	return sw_source_set_timer(s, 0, 0);
}

static void on_found(void *arg, struct sw_finding *f)
{
	sw_engine_find(arg, f);
}

/* ---- who comes */

static void send_banner(const struct sw_engine *e, int fd, unsigned int port)
{
	char line[sizeof(e->config->decoy_banners[0].text) + 2];
	const struct sw_config_banner *own = NULL;

	for (__u32 i = 0; i < e->config->n_decoy_banners; i++) {
		const struct sw_config_banner *b = &e->config->decoy_banners[i];

		if (b->port == port || (!b->port && !own))
			own = b;
	}
	if (!own)
		return;
	snprintf(line, sizeof(line), "%s\r\n", own->text);
	(void)!send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL); /* one segment of a new connection */
}

static void take_connection(struct sw_engine *e, int fd, const struct sockaddr_storage *peer)
{
	struct sw_touch t = {.protocol = IPPROTO_TCP};
	struct sockaddr_storage own = {};
	socklen_t len = sizeof(own);
	struct sw_net local;

	if (getsockname(fd, (struct sockaddr *)&own, &len) < 0) {
		sw_close(fd);
		return;
	}
	t.sport = (__u16)read_address(peer, &t.source);
	t.dport = (__u16)read_address(&own, &local);
	if (is_loopback(&local)) { /* the listener's own port, found by somebody on this host */
		sw_close(fd);
		return;
	}
	touched(e, &t);
	send_banner(e, fd, t.dport);
	sw_hold_add(e->decoys->hold, fd, &t, e->config->decoy_tarpit);
}

static int on_connection(struct sw_source *s, int listener, uint32_t events, void *arg)
{
	struct sw_engine *e = arg;

	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		struct sockaddr_storage peer = {};
		socklen_t len = sizeof(peer);
		int fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			take_connection(e, fd, &peer);
			continue;
		}
		if ((errno == EMFILE || errno == ENFILE || errno == ENOBUFS) && sw_hold_evict(e->decoys->hold))
			continue;
		if (errno != ECONNABORTED && errno != EINTR)
			break;
	}
	return 0;
}

static bool find_destination(struct msghdr *m, struct sockaddr_storage *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		bool is_four = c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVORIGDSTADDR;
		bool is_six = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVORIGDSTADDR;
		size_t size = is_four ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);

		if ((!is_four && !is_six) || c->cmsg_len < CMSG_LEN(size))
			continue;
		memcpy(ret, CMSG_DATA(c), size);
		return true;
	}
	return false;
}

static int on_datagram(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct sw_engine *e = arg;

	for (int i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		struct sockaddr_storage peer = {}, own = {};
		struct sw_touch t = {.protocol = IPPROTO_UDP};
		struct sw_net local;
		union {
			char bytes[CMSG_SPACE(sizeof(struct sockaddr_in6)) * 2];
			struct cmsghdr align;
		} control;
		char said[SW_HOLD_FIRST_MAX]; /* a socket in a sockmap gives nothing at all to who has no room */
		struct iovec room = {.iov_base = said, .iov_len = sizeof(said)};
		struct msghdr m = {.msg_name = &peer,
			.msg_namelen = sizeof(peer),
			.msg_iov = &room,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes)};

		ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);

		if (n < 0)
			break;
		if (!find_destination(&m, &own))
			continue;
		t.sport = (__u16)read_address(&peer, &t.source);
		t.dport = (__u16)read_address(&own, &local);
		if (is_loopback(&local))
			continue;
		touched(e, &t);
		sw_touches_heard(e->decoys->touches, &t, said, (size_t)n);
	}
	return 0;
}

/* ---- the listeners */

static void close_listeners(struct sw_decoys_part *d)
{
	for (size_t i = 0; i < SW_DECOY_SOCKS; i++) {
		sw_source_free(TAKE_PTR(d->sources[i]));
		d->fds[i] = sw_close(d->fds[i]);
	}
}

static void serve(struct sw_engine *e, int *fds, size_t n_fds)
{
	struct sw_decoys_part *d = e->decoys;
	size_t at = 0;

	for (size_t i = 0; i < SW_DECOY_SOCKS && at < n_fds; i++) {
		int r;

		if (!(d->facts.socks & 1U << i))
			continue;
		d->fds[i] = TAKE_FD(fds[at]);
		at++;
		r = sw_loop_add_fd(e->loop, d->fds[i], EPOLLIN, i < SW_DECOY_UDP4 ? on_connection : on_datagram, e,
			&d->sources[i]);
		if (r < 0)
			sw_log_warning(r, "decoys: a listener cannot be watched, ignoring");
	}
}

static void on_decoys(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_decoys_part *d = e->decoys;

	if (reply->result < 0)
		return; /* it went before it answered: the next one is asked */
	close_listeners(d);
	d->facts = reply->decoys;
	d->facts.why[sizeof(d->facts.why) - 1] = '\0';
	d->facts.cookie.why[sizeof(d->facts.cookie.why) - 1] = '\0';
	serve(e, fds, n_fds);
	if (d->facts.is_on && d->facts.error)
		sw_degraded_set(e, "decoys", SW_SEV_MEDIUM, "no decoys: %s (%s)", d->facts.why,
			strerror(-d->facts.error));
	else
		sw_degraded_clear(e, "decoys");
	if (d->facts.cookie.error)
		sw_degraded_set(e, "decoys-cookie", SW_SEV_MEDIUM, "no decoys with cookies: %s (%s)", d->facts.cookie.why,
			strerror(-d->facts.cookie.error));
	else
		sw_degraded_clear(e, "decoys-cookie");
}

static int connected(struct sw_engine *e)
{
	struct sw_guard_request req = {.op = SW_GUARD_DECOYS};

	if (sw_decoys_are_wanted(e->config) || e->config->decoy_cookie_ports.n) {
		(void)sw_guard_post(e->guard, &req, SW_GUARD_REQUEST_HEAD, -1, on_decoys, e);
		return 0;
	}
	memset(&e->decoys->facts, 0, sizeof(e->decoys->facts));
	sw_degraded_clear(e, "decoys");
	sw_degraded_clear(e, "decoys-cookie");
	return 0;
}

/* The guard keeps its own descriptors: with a guard that ended, no port stays open here. */
static void lost(struct sw_engine *e)
{
	close_listeners(e->decoys);
}

/* ---- the part */

/* How many connections may be held: the limit of open files is raised as far as it may be, and heeded. */
static unsigned int raise_files(void)
{
	struct rlimit lim, more;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return FILES_OTHER / 4;
	more = (struct rlimit){.rlim_cur = SW_MIN((rlim_t)FILES_WANTED, lim.rlim_max), .rlim_max = lim.rlim_max};
	if (lim.rlim_cur < more.rlim_cur && setrlimit(RLIMIT_NOFILE, &more) == 0)
		lim = more;
	if (lim.rlim_cur <= FILES_OTHER * 2)
		return FILES_OTHER / 4;
	return (unsigned int)SW_MIN(lim.rlim_cur - FILES_OTHER, (rlim_t)SW_HOLD_MAX);
}

static void set_attackalert(struct sw_engine *e)
{
	struct sw_decoys_part *d = e->decoys;

	if (!e->config->decoy_attackalert) {
		sw_attackalert_free(TAKE_PTR(d->attackalert));
		return;
	}
	if (!d->attackalert && sw_attackalert_new(&e->clock, SYSLOG_PATH, &d->attackalert) < 0)
		sw_log_warning(0, "decoys: no attackalert lines, ignoring");
}

static int init(struct sw_engine *e)
{
	struct sw_decoys_part *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	e->decoys = d;
	for (size_t i = 0; i < SW_DECOY_SOCKS; i++)
		d->fds[i] = -1;
	r = sw_hold_new(e->loop, &e->clock, raise_files(), heard, e, &d->hold);
	if (r >= 0)
		r = sw_touches_new(&e->clock, on_found, e, &d->touches);
	if (r >= 0)
		r = sw_loop_add_timer(e->loop, 0, 0, on_tick, e, &d->tick);
	set_attackalert(e);
	return r;
}

static void done(struct sw_engine *e)
{
	struct sw_decoys_part *d = e->decoys;

	if (!d)
		return;
	close_listeners(d);
	sw_hold_free(d->hold);
	sw_touches_free(d->touches);
	sw_attackalert_free(d->attackalert);
	free(d->by_port);
	free(TAKE_PTR(e->decoys));
}

static void configured(struct sw_engine *e, const struct sw_config *old)
{
	set_attackalert(e);
}

struct sw_decoys_stats sw_decoys_stats(const struct sw_engine *e)
{
	const struct sw_decoys_part *d = e->decoys;

	return (struct sw_decoys_stats){.touches_tcp = d->n_tcp,
		.touches_udp = d->n_udp,
		.held = sw_hold_count(d->hold),
		.closed_oldest = sw_hold_evicted(d->hold),
		.bans = d->bans};
}

static const struct sw_ctl_verb verbs[] = {
	{"decoys", SW_CTL_READ, sw_decoys_verb},
	{},
};

const struct sw_engine_part sw_part_decoys = {
	.name = "decoys",
	.verbs = verbs,
	.init = init,
	.done = done,
	.connected = connected,
	.lost = lost,
	.configured = configured,
	.status = sw_decoys_status,
};
