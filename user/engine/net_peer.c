// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/net_peer.h"

#include <sys/socket.h>

#include "user/base/cidr.h"
#include "user/engine/alerts.h"
#include "user/engine/bans.h"
#include "user/engine/crowdsec.h"
#include "user/engine/crowdsec_report.h"
#include "user/engine/feeds.h"
#include "user/io/msg.h"

enum { PATH_SIZE = 256 };

struct sw_net_peer {
	struct sw_source *listener, *source;
	int listen_fd, fd; /* -1: none */
	bool has_said_hello;
	struct sw_feed_state feeds[SW_CONFIG_FEEDS_MAX];
	unsigned int n_feeds;
	struct sw_ctl_request *test; /* who waits for a test; NULL */
	struct sw_config_feed test_feed;
	__u32 test_id;
};

static int send_msg(struct sw_engine *e, struct sw_net_msg *m, int fd);

/* ---- what is known of feeds */

static struct sw_feed_state *find_feed(struct sw_net_peer *p, const char *name)
{
	for (unsigned int i = 0; i < p->n_feeds; i++) {
		if (sw_streq(p->feeds[i].name, name))
			return &p->feeds[i];
	}
	return NULL;
}

/* Hosts of the feeds there are now: a feed that is taken away protects nobody any longer. */
static void protect_hosts(struct sw_engine *e)
{
	const struct sw_net *crowdsec = sw_crowdsec_host(e);
	struct sw_net hosts[SW_CONFIG_FEEDS_MAX + 1];
	size_t n = 0;

	for (unsigned int i = 0; i < e->net_peer->n_feeds; i++) {
		if (e->net_peer->feeds[i].host.family)
			hosts[n++] = e->net_peer->feeds[i].host;
	}
	if (crowdsec)
		hosts[n++] = *crowdsec;
	sw_engine_set_feed_hosts(e, hosts, n);
}

static void host_key(const struct sw_feed_state *f, char *ret, size_t size)
{
	snprintf(ret, size, "feed_host:%.31s", f->name);
}

static void recall_host(struct sw_engine *e, struct sw_feed_state *f)
{
	char key[48], text[SW_NET_TEXT_MAX];

	host_key(f, key, sizeof(key));
	if (!f->host.family && sw_store_get(e->store, key, text, sizeof(text)) >= 0)
		(void)sw_cidr_parse(text, SIZE_MAX, &f->host);
}

static void take_host(struct sw_engine *e, struct sw_feed_state *f, const struct sw_net *host)
{
	char key[48], text[SW_NET_TEXT_MAX];

	if ((host->family != SW_AF_IP4 && host->family != SW_AF_IP6) || !sw_net_is_host(host) ||
		sw_net_eq(host, &f->host))
		return;
	f->host = *host;
	host_key(f, key, sizeof(key));
	(void)sw_store_set(e->store, key, sw_cidr_format(text, host));
	protect_hosts(e);
}

/* A feed keeps its state over a new configuration by its name. */
static void fill_feeds(struct sw_engine *e)
{
	struct sw_feed_state fresh[SW_CONFIG_FEEDS_MAX] = {};
	struct sw_net_peer *p = e->net_peer;
	const struct sw_config_feed *f;
	unsigned int n = 0;

	for (; n < SW_CONFIG_FEEDS_MAX && (f = sw_feeds_at(e, n)); n++) {
		const struct sw_feed_state *old = find_feed(p, f->name);
		const struct sw_feed_memory *m = sw_feeds_memory(e, f->name);

		if (old)
			fresh[n] = *old;
		else if (m && !m->decayed[0]) /* of an earlier run: its publisher is not asked sooner */
			fresh[n].good_wall_sec = (uint64_t)m->good_wall_sec;
		sw_strcpy(fresh[n].name, sizeof(fresh[n].name), f->name);
	}
	memcpy(p->feeds, fresh, sizeof(fresh));
	p->n_feeds = n;
	for (unsigned int i = 0; i < n; i++)
		recall_host(e, &p->feeds[i]);
	protect_hosts(e);
}

static void say_degraded(struct sw_engine *e)
{
	struct sw_net_peer *p = e->net_peer;

	for (unsigned int i = 0; i < p->n_feeds; i++) {
		if (p->feeds[i].error[0]) {
			sw_degraded_set(e, "feeds", SW_SEV_LOW, "feed '%s': %s", p->feeds[i].name,
				p->feeds[i].error);
			return;
		}
	}
	sw_degraded_clear(e, "feeds");
}

static void tell(struct sw_engine *e, const struct sw_feed_state *f)
{
	struct sw_json *j;

	if (f->error[0])
		j = sw_event_begin(
			e->events, SW_EVK_FEED, "feed '%s' failed: %s", f->name, f->error);
	else if (f->last.is_unchanged)
		j = sw_event_begin(e->events, SW_EVK_FEED, "feed '%s' is unchanged", f->name);
	else
		j = sw_event_begin(e->events, SW_EVK_FEED, "feed '%s': %llu entries", f->name,
			(unsigned long long)f->entries);
	sw_json_string(j, "feed", f->name);
	sw_json_string(j, "error", f->error[0] ? f->error : NULL);
	sw_json_uint(j, "entries", f->entries);
	sw_json_uint(j, "bytes", f->last.bytes);
	sw_json_uint(j, "bad_lines", f->last.bad_lines);
	sw_event_end(e->events);
}

/* What is unchanged and yet not here (it was removed, or left) is fetched whole. */
static void take_unchanged(struct sw_engine *e, const struct sw_feed_state *f)
{
	const struct sw_trail_slot *s = e->trails ? sw_trails_slot(e->trails, f->name) : NULL;
	const struct sw_feed_memory *memory = sw_feeds_memory(e, f->name);
	struct sw_net_msg m = {.op = SW_NET_FEED_NOW};

	if (s && s->list) {
		sw_feeds_renewed(e, f->name);
	} else if (!memory || !memory->is_frozen) {
		sw_strcpy(m.feed, sizeof(m.feed), f->name);
		send_msg(e, &m, -1);
	}
}

static void take_result(struct sw_engine *e, const struct sw_net_msg *m, int fd)
{
	struct sw_feed_state *f = find_feed(e->net_peer, m->feed);
	int r = m->result;

	if (!f)
		return; /* of an older configuration */
	f->last = *m;
	f->error[0] = 0;
	if (r < 0)
		snprintf(f->error, sizeof(f->error), "%s", m->text[0] ? m->text : strerror(-r));
	else if (!m->is_unchanged)
		r = fd >= 0 ? sw_trails_take_feed(e, m, fd, f->error, sizeof(f->error)) : -EBADMSG;
	if (r < 0) {
		f->failures++;
		if (!f->error[0])
			snprintf(f->error, sizeof(f->error), "%s", strerror(-r));
	} else {
		f->error[0] = 0;
		f->good_wall_sec = m->fetched_wall_sec;
		take_host(e, f, &m->host);
		f->entries = m->entries;
		if (m->is_unchanged)
			take_unchanged(e, f);
	}
	f->is_accepted = false;
	tell(e, f);
	say_degraded(e);
}

/* ---- the connection */

static void drop(struct sw_engine *e)
{
	struct sw_net_peer *p = e->net_peer;

	sw_source_free(TAKE_PTR(p->source));
	p->fd = sw_close(p->fd);
	p->has_said_hello = false;
	if (p->test)
		sw_ctl_fail(TAKE_PTR(p->test), SW_CERR_NOT_RUNNING, NULL, "sockwarden-net has ended");
}

static int send_msg(struct sw_engine *e, struct sw_net_msg *m, int fd)
{
	struct sw_net_peer *p = e->net_peer;

	if (!p || p->fd < 0 || !p->has_said_hello)
		return -ENOTCONN;
	m->version = SW_NET_VERSION;
	return sw_msg_send(p->fd, m, sizeof(*m), &fd, fd >= 0);
}

/* Net has fetched what the configuration says; this is what holds. */
static void send_set(struct sw_engine *e)
{
	struct sw_net_feed m = {.head = {.version = SW_NET_VERSION, .op = SW_NET_FEED_SET}};
	struct sw_net_msg end = {.op = SW_NET_FEEDS_END};
	struct sw_net_peer *p = e->net_peer;
	const struct sw_config_feed *f;

	for (unsigned int i = 0; (f = sw_feeds_at(e, i)); i++) {
		const struct sw_feed_state *s = find_feed(p, f->name);

		m.feed = *f;
		m.head.next_wall_sec = s && s->good_wall_sec ? s->good_wall_sec + f->refresh_sec : 0;
		if (sw_msg_send(p->fd, &m, sizeof(m), NULL, 0) < 0)
			sw_log_warning(0, "feed '%s': sockwarden-net does not take it", f->name);
	}
	send_msg(e, &end, -1);
}

/* A list that the engine has not, though net may have fetched it before: its whole text is wanted. */
static void ask_for_missing(struct sw_engine *e)
{
	struct sw_net_peer *p = e->net_peer;

	for (unsigned int i = 0; i < p->n_feeds; i++) {
		struct sw_net_msg m = {.op = SW_NET_FEED_NOW};

		if (p->feeds[i].good_wall_sec)
			continue;
		sw_strcpy(m.feed, sizeof(m.feed), p->feeds[i].name);
		send_msg(e, &m, -1);
	}
}

static int handle(struct sw_engine *e, struct sw_net_msg *m, int fd)
{
	struct sw_net_peer *p = e->net_peer;

	if (m->version != SW_NET_VERSION)
		return sw_log_warning(-EPROTO, "sockwarden-net is of another version");
	m->feed[sizeof(m->feed) - 1] = m->text[sizeof(m->text) - 1] = 0;
	if (m->op == SW_NET_HELLO) {
		p->has_said_hello = true;
		send_set(e);
		ask_for_missing(e);
		sw_crowdsec_report_again(e);
		return 0;
	}
	if (!p->has_said_hello)
		return -EPROTO;
	if (m->op == SW_NET_FEED_DONE)
		take_result(e, m, fd);
	else if (m->op == SW_NET_FEED_TESTED && p->test && m->id == p->test_id)
		sw_feeds_tested(e, TAKE_PTR(p->test), &p->test_feed, m, fd);
	else if (m->op == SW_NET_MAIL_DONE)
		sw_alerts_sent(e, SW_OUTLET_MAIL, m->id, m->result, m->text);
	else if (m->op == SW_NET_POST_DONE)
		sw_alerts_sent(e, SW_OUTLET_WEBHOOK, m->id, m->result, m->text);
	else if (m->op == SW_NET_RUN_DONE)
		sw_alerts_sent(e, SW_OUTLET_COMMAND, m->id, m->result, m->text);
	else if (m->op == SW_NET_CROWDSEC_POSTED)
		sw_crowdsec_reported(e, m);
	else if (m->op == SW_NET_CROWDSEC && sw_crowdsec_take(e, m, fd))
		protect_hosts(e);
	return 0;
}

static void take_whois(struct sw_engine *e, struct sw_net_whois *w)
{
	w->text[sizeof(w->text) - 1] = w->head.text[sizeof(w->head.text) - 1] = 0;
	if (w->head.version == SW_NET_VERSION && w->head.op == SW_NET_WHOIS_DONE && e->net_peer->has_said_hello)
		sw_alerts_whois(e, w);
}

static int on_packet(struct sw_source *s, int sock, uint32_t events, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_net_whois whois;
	struct sw_net_msg *m = &whois.head;
	_close_ int fd = -1;
	size_t n_fds = 1;
	ssize_t n = sw_msg_recv(sock, &whois, sizeof(whois), &fd, &n_fds);

	if (!n_fds)
		fd = -1;
	if (n == -EAGAIN)
		return 0;
	if (n == sizeof(whois))
		take_whois(e, &whois);
	else if (n != sizeof(*m) || handle(e, m, fd) < 0)
		drop(e);
	return 0;
}

static int on_connect(struct sw_source *s, int listen_fd, uint32_t events, void *arg)
{
	struct sw_engine *e = arg;
	_close_ int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct sw_peer peer;
	int r;

	if (fd < 0)
		return 0;
	r = sw_msg_peer(fd, &peer);
	if (r < 0 || (peer.uid != e->ids.net_uid && peer.uid != 0)) {
		sw_log_warning(0, "net.sock: refused a peer that is not sockwarden-net");
		return 0;
	}
	drop(e); /* a new one is there because the old one went */
	r = sw_loop_add_fd(e->loop, fd, EPOLLIN, on_packet, e, &e->net_peer->source);
	if (r < 0) {
		sw_log_warning(r, "net.sock");
		return 0;
	}
	e->net_peer->fd = TAKE_FD(fd);
	return 0;
}

/* ---- for others */

bool sw_net_peer_is_connected(const struct sw_engine *e)
{
	return e->net_peer && e->net_peer->fd >= 0 && e->net_peer->has_said_hello;
}

int sw_net_peer_send(enum sw_alert_outlet outlet, int fd, uint32_t id, void *engine)
{
	static const enum sw_net_op ops[SW_OUTLET_COUNT] = {[SW_OUTLET_MAIL] = SW_NET_MAIL,
		[SW_OUTLET_WEBHOOK] = SW_NET_POST,
		[SW_OUTLET_COMMAND] = SW_NET_RUN};
	struct sw_net_msg m = {.op = ops[outlet], .id = id};

	return send_msg(engine, &m, fd);
}

int sw_net_peer_ask_whois(struct sw_engine *e, const struct sw_net *net, uint32_t id)
{
	struct sw_net_whois m = {.head = {.version = SW_NET_VERSION, .op = SW_NET_WHOIS, .id = id}, .net = *net};

	return sw_net_peer_is_connected(e) ? sw_msg_send(e->net_peer->fd, &m, sizeof(m), NULL, 0) : -ENOTCONN;
}

void sw_net_peer_ask_crowdsec(struct sw_engine *e)
{
	struct sw_net_msg m = {.op = SW_NET_CROWDSEC_ALL};

	(void)send_msg(e, &m, -1); /* who is away asks for all when it comes back */
}

int sw_net_peer_post_crowdsec(struct sw_engine *e, int fd, uint32_t id)
{
	struct sw_net_msg m = {.op = SW_NET_CROWDSEC_POST, .id = id};

	return send_msg(e, &m, fd);
}

int sw_net_peer_withdraw_crowdsec(struct sw_engine *e, const struct sw_net *net, const char *scenario, uint32_t id)
{
	struct sw_net_msg m = {.op = SW_NET_CROWDSEC_WITHDRAW, .id = id, .host = *net};

	(void)sw_strcpy(m.text, sizeof(m.text), scenario);
	return send_msg(e, &m, -1);
}

const struct sw_feed_state *sw_net_peer_feed(const struct sw_engine *e, const char *name)
{
	return e->net_peer ? find_feed(e->net_peer, name) : NULL;
}

const struct sw_feed_state *sw_net_peer_feed_at(const struct sw_engine *e, unsigned int i)
{
	return e->net_peer && i < e->net_peer->n_feeds ? &e->net_peer->feeds[i] : NULL;
}

void sw_net_peer_feeds_changed(struct sw_engine *e)
{
	if (!e->net_peer)
		return;
	fill_feeds(e);
	say_degraded(e);
	if (!sw_net_peer_is_connected(e))
		return;
	send_set(e);
	ask_for_missing(e);
}

int sw_net_peer_test(struct sw_engine *e, const struct sw_config_feed *f, int fd, struct sw_ctl_request *q)
{
	struct sw_net_peer *p = e->net_peer;
	struct sw_net_feed m = {.head = {.version = SW_NET_VERSION, .op = SW_NET_FEED_TEST}, .feed = *f};
	int r;

	if (!sw_net_peer_is_connected(e))
		return -ENOTCONN;
	if (p->test)
		return -EBUSY;
	m.head.id = ++p->test_id;
	r = sw_msg_send(p->fd, &m, sizeof(m), &fd, fd >= 0);
	if (r < 0)
		return -ENOTCONN;
	p->test = q;
	p->test_feed = *f;
	return 0;
}

/* ---- the part */

static void feeds_update(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	struct sw_net_msg m = {.op = SW_NET_FEED_NOW};
	struct sw_feed_state *state;
	const char *name;
	bool is_accepted;
	int r;

	if (!sw_ctl_arg_string(q, args, "name", "", &name) || !sw_ctl_arg_bool(q, args, "accept", false, &is_accepted))
		return;
	if (name[0] && !sw_net_peer_feed(e, name)) {
		sw_ctl_fail(q, SW_CERR_NOT_FOUND,
			"sockwarden feeds list shows them, feeds enable turns one on",
			"no feed '%s' is enabled", name);
		return;
	}
	if (!name[0] && !e->net_peer->n_feeds) {
		sw_ctl_fail(q, SW_CERR_NOT_FOUND, "sockwarden feeds list shows those there are, feeds enable turns one on",
			"no feed is enabled");
		return;
	}
	sw_strcpy(m.feed, sizeof(m.feed), name);
	r = send_msg(e, &m, -1);
	if (r < 0) {
		sw_ctl_fail(q, SW_CERR_NOT_RUNNING, "sockwarden status shows the processes",
			"sockwarden-net does not answer: %s", strerror(-r));
		return;
	}
	state = find_feed(e->net_peer, name);
	if (state && is_accepted) {
		state->is_accepted = true;
		sw_store_audit(e->store, sw_ctl_request_by(q), "feeds.accept", name, "");
	}
	sw_json_uint(sw_ctl_reply_begin(q), "asked", name[0] ? 1 : e->net_peer->n_feeds);
	sw_ctl_reply_end(q);
}

static int init(struct sw_engine *e)
{
	struct sw_net_peer *p = calloc(1, sizeof(*p));
	char path[PATH_SIZE];
	int r;

	if (!p)
		return -ENOMEM;
	p->listen_fd = p->fd = -1;
	e->net_peer = p;
	fill_feeds(e);
	if (!sw_path_join(path, sizeof(path), e->paths.run_dir, "net.sock"))
		return -ENAMETOOLONG;
	/* who it is is asked of the kernel; the mode cannot name another user's process */
	r = sw_unix_listen(path, SOCK_SEQPACKET, 0666, (uid_t)-1, (gid_t)-1);
	if (r < 0)
		return sw_log_err(r, "%s", path);
	p->listen_fd = r;
	return sw_loop_add_fd(e->loop, p->listen_fd, EPOLLIN, on_connect, e, &p->listener);
}

static void done(struct sw_engine *e)
{
	struct sw_net_peer *p = e->net_peer;
	char path[PATH_SIZE];

	if (!p)
		return;
	drop(e);
	sw_source_free(p->listener);
	if (p->listen_fd >= 0 && sw_path_join(path, sizeof(path), e->paths.run_dir, "net.sock"))
		unlink(path);
	sw_close(p->listen_fd);
	free(p);
	e->net_peer = NULL;
}

static void configured(struct sw_engine *e, const struct sw_config *old)
{
	fill_feeds(e);
	say_degraded(e);
}

static const struct sw_ctl_verb verbs[] = {
	{"feeds.update", SW_CTL_CHANGE, feeds_update},
	{},
};

const struct sw_engine_part sw_part_net = {
	.name = "net",
	.verbs = verbs,
	.init = init,
	.done = done,
	.configured = configured,
};
