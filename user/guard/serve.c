// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/serve.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "user/base/log.h"
#include "user/guard/containers.h"
#include "user/guard/geo.h"
#include "user/guard/permit.h"
#include "user/guard/snapshot.h"
#include "user/guard/sock_policy.h"
#include "user/io/msg.h"
#include "user/kern/cgroup.h"

enum {
	PEERS_MAX = 64, /* engine, net, web and a few people */
	STRANGERS_MAX = 8, /* peers that may take no role: they shall not keep `off` out */
	REQUESTS_AT_ONCE = 16, /* of one peer before others are asked */
};

struct peer {
	struct sw_serve *serve;
	struct peer *next, **link;
	struct sw_source *source;
	int fd;
	struct sw_permit_peer who;
	enum sw_role role; /* 0 until HELLO */
	pid_t pid;
	bool is_stranger;
	struct sw_guard_reply swap; /* the head of the answer to its swap, while one is going on */
};

struct sw_serve {
	struct sw_loop *loop;
	struct sw_serve_host host;
	struct sw_source *source;
	struct peer *peers;
	unsigned int n_peers, n_strangers;
	int fd;
	char *path;
	struct sw_guard_request request; /* the one that is being handled */
};

static void hang_up(struct peer *p)
{
	sw_swap_forget(p->serve->host.swap, p);
	sw_source_free(p->source);
	sw_close(p->fd);
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	p->serve->n_peers--;
	p->serve->n_strangers -= p->is_stranger;
	free(p);
}

/* false: the peer is gone. */
static bool answer(struct peer *p, const struct sw_guard_reply *reply, const int *fds, size_t n_fds)
{
	int r = sw_msg_send(p->fd, reply, sizeof(*reply), fds, n_fds);

	if (r >= 0)
		return true;
	if (r != -EPIPE && r != -ECONNRESET)
		sw_log_warning(r, "guard.sock: pid %d does not take its answer, cut off", p->pid);
	hang_up(p);
	return false;
}

static void refuse(struct peer *p, struct sw_guard_reply *reply, int error, const char *text)
{
	reply->result = error;
	sw_strcpy(reply->text, sizeof(reply->text), text);
	/* one that may take no role at all could fill the log */
	sw_log_full(p->is_stranger ? SW_LOG_DEBUG : SW_LOG_WARNING, 0,
		"guard.sock: %s of pid %d uid %u refused: %s", sw_permit_op_name(reply->op), p->pid,
		p->who.uid, text);
}

static int share_all(struct sw_serve *s, enum sw_role role, int *fds, size_t *n)
{
	static const enum sw_map shared[] = {
		[SW_FD_EV_PKT] = SW_MAP_EV_PKT,
		[SW_FD_EV_SOCK] = SW_MAP_EV_SOCK,
		[SW_FD_COUNTERS] = SW_MAP_COUNTERS,
		[SW_FD_STATS] = SW_MAP_STATS,
		[SW_FD_BAN4] = SW_MAP_BAN4,
		[SW_FD_BAN6] = SW_MAP_BAN6,
		[SW_FD_BANNET4] = SW_MAP_BANNET4,
		[SW_FD_BANNET6] = SW_MAP_BANNET6,
		[SW_FD_ALLOW4] = SW_MAP_ALLOW4,
		[SW_FD_ALLOW6] = SW_MAP_ALLOW6,
		[SW_FD_EV_INSPECT] = SW_MAP_EV_INSPECT,
		[SW_FD_GEO_HITS] = SW_MAP_GEO_HITS,
	};
	int fd = fcntl(s->host.config_fd(s->host.arg), F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return -errno;
	fds[(*n)++] = fd;
	if (role != SW_ROLE_ENGINE)
		return 0;
	for (size_t i = SW_FD_EV_PKT; i < SW_ARRAY_SIZE(shared); i++) {
		fd = sw_maps_share(s->host.maps, shared[i]);
		if (fd < 0)
			return fd;
		fds[(*n)++] = fd;
	}
	fd = fcntl(s->host.rules_fd(s->host.arg), F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return -errno;
	fds[(*n)++] = fd;
	return 0;
}

static void do_hello(struct peer *p, const struct sw_guard_request *q, struct sw_guard_reply *reply,
	int *fds, size_t *n)
{
	int r = sw_permit_role(&p->who, q->role, p->serve->host.ids);

	if (r < 0) {
		refuse(p, reply, r, "this user may not take that role");
		return;
	}
	p->role = q->role;
	reply->ids = *p->serve->host.ids;
	if (p->role == SW_ROLE_OPERATOR)
		return;
	r = share_all(p->serve, p->role, fds, n);
	if (r < 0)
		refuse(p, reply, r, "a descriptor cannot be shared");
}

static void do_mode(struct peer *p, const struct sw_guard_request *q, struct sw_guard_reply *reply)
{
	const struct sw_serve_host *h = &p->serve->host;
	char by[32], text[sizeof(reply->text)] = "";

	snprintf(by, sizeof(by), "uid %u", p->who.uid);
	reply->result = h->set_mode(q->mode, q->confirm_sec, by, text, sizeof(text), h->arg);
	sw_strcpy(reply->text, sizeof(reply->text), text);
}

static void do_snapshot(struct peer *p, const struct sw_guard_request *q,
	struct sw_guard_reply *reply, int *fds, size_t *n)
{
	const struct sw_ladder *l = p->serve->host.ladder;
	int r = -EOPNOTSUPP;

	if (l)
		r = q->op == SW_GUARD_UNHELD ? sw_snapshot_open_unheld(l, q->mode, &reply->snapshot, fds, n)
					     : sw_snapshot_open(l, q->mode, &reply->snapshot, fds, n);
	if (r < 0)
		refuse(p, reply, r, "no snapshot of the sockets");
}

/* The peer gets descriptors of its own. */
static void share_own(
	struct peer *p, struct sw_guard_reply *reply, const int *own, size_t n_own, int *fds, size_t *n)
{
	for (size_t i = 0; i < n_own; i++) {
		int fd = fcntl(own[i], F_DUPFD_CLOEXEC, 3);

		if (fd < 0) {
			refuse(p, reply, -errno, "a descriptor cannot be shared");
			return;
		}
		fds[(*n)++] = fd;
	}
}

static void do_decoys(struct peer *p, struct sw_guard_reply *reply, int *fds, size_t *n)
{
	const struct sw_serve_host *h = &p->serve->host;
	int own[SW_GUARD_FDS_MAX];
	size_t n_own = 0;

	if (!h->decoys)
		return;
	h->decoys(&reply->decoys, own, &n_own, h->arg);
	share_own(p, reply, own, n_own, fds, n);
}

static void do_sensors(struct peer *p, struct sw_guard_reply *reply, int *fds, size_t *n)
{
	const struct sw_serve_host *h = &p->serve->host;
	int own[SW_GUARD_FDS_MAX];
	size_t n_own = 0;

	if (!h->sensors)
		return;
	h->sensors(&reply->sensors, own, &n_own, h->arg);
	share_own(p, reply, own, n_own, fds, n);
}

static void do_watch_logs(struct peer *p, struct sw_guard_reply *reply, int *fds, size_t *n)
{
	int fd = -1, r = -EOPNOTSUPP;

	if (p->serve->host.logs)
		r = sw_logs_watch(p->serve->host.logs, &fd);
	if (r >= 0) {
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		r = fd < 0 ? -errno : 0;
	}
	if (r < 0)
		refuse(p, reply, r, "log files cannot be watched");
	else
		fds[(*n)++] = fd;
}

static void do_open_log(struct peer *p, const struct sw_guard_request *q, struct sw_guard_reply *reply, int *fds,
	size_t *n)
{
	int r = q->n != 1 ? -EINVAL : -EOPNOTSUPP;

	if (q->n == 1 && p->serve->host.logs)
		r = sw_logs_open(p->serve->host.logs, &q->log[0], &reply->logs, fds, n);
	if (r < 0)
		refuse(p, reply, r, "no log files of that number");
}

static void do_container(struct peer *p, const struct sw_guard_request *q, struct sw_guard_reply *reply, int *fds,
	size_t *n)
{
	int r = q->n == 1 ? sw_containers_open(&q->container[0], &reply->container, fds) : -EINVAL;

	reply->result = r;
	*n = r >= 0;
	if (r < 0)
		sw_strcpy(reply->text, sizeof(reply->text), "nobody wrote of such a container");
}

static void do_cgroup(struct peer *p, const struct sw_guard_request *q, struct sw_guard_reply *reply)
{
	_close_ int dir = sw_cgroup_open(p->serve->host.cgroup_dir);

	reply->result = q->n != 1 ? -EINVAL : dir < 0 ? dir : sw_containers_cgroup(dir, q->cgroup[0], &reply->cgroup);
	if (reply->result < 0)
		sw_strcpy(reply->text, sizeof(reply->text), "there is no such cgroup");
}

static void do_domains(struct peer *p, int fd, struct sw_guard_reply *reply)
{
	const struct sw_serve_host *h = &p->serve->host;
	char text[sizeof(reply->text)] = "";
	int r = h->inspect ? sw_inspect_guard_domains(h->inspect, fd, text, sizeof(text)) : -EOPNOTSUPP;

	if (r < 0)
		refuse(p, reply, r, text);
}

static void do_sock_policy(struct peer *p, int fd, struct sw_guard_reply *reply)
{
	const struct sw_serve_host *h = &p->serve->host;
	char text[sizeof(reply->text)] = "";
	int r = h->plant ? sw_sock_policy_take(h->plant, h->hooks, fd, text, sizeof(text)) : -EOPNOTSUPP;

	if (r < 0)
		refuse(p, reply, r, text);
}

static void do_chain(struct peer *p, int prog, struct sw_guard_reply *reply)
{
	const struct sw_serve_host *h = &p->serve->host;
	char text[sizeof(reply->text)] = "";
	int r = h->chain ? h->chain(prog, text, sizeof(text), h->arg) : -EOPNOTSUPP;

	if (r < 0)
		refuse(p, reply, r, text);
}

static void do_geo(struct peer *p, int fd, struct sw_guard_reply *reply)
{
	char text[sizeof(reply->text)] = "";
	const struct sw_serve_host *h = &p->serve->host;
	int r = sw_geo_take(h->maps, fd, text, sizeof(text));

	if (r < 0)
		refuse(p, reply, r, text);
	else if (h->backends)
		sw_backends_geo(h->backends);
}

static void do_act(struct peer *p, const struct sw_guard_request *q, struct sw_guard_reply *reply)
{
	struct sw_acts *h = p->serve->host.hold;
	char text[sizeof(reply->text)] = "wants one act";
	int r = q->n != 1 || !h ? -EINVAL : sw_act_do(h, &q->act, text, sizeof(text));

	if (r < 0)
		refuse(p, reply, r, text);
}

static void do_ports(struct peer *p, const struct sw_guard_request *q, struct sw_guard_reply *reply)
{
	const struct sw_serve_host *h = &p->serve->host;

	if (q->n != 1)
		refuse(p, reply, -EINVAL, "wants one set of ports");
	else if (h->ports)
		reply->result = h->ports(&q->ports, h->arg);
}

static void do_cut(struct peer *p, const struct sw_guard_request *q, struct sw_guard_reply *reply)
{
	const struct sw_serve_host *h = &p->serve->host;

	for (__u32 i = 0; h->inspect && h->backends && i < q->n; i++) {
		if (!sw_backends_cut(h->backends, &q->cuts[i]))
			continue;
		reply->done++;
		if (!q->cuts[i].is_listener)
			sw_inspect_guard_was_cut(h->inspect, &q->cuts[i]);
	}
}

static void on_swapped(int result, const char *text, void *arg)
{
	struct peer *p = arg;
	struct sw_guard_reply *reply = &p->swap;

	reply->result = result;
	sw_strcpy(reply->text, sizeof(reply->text), text);
	if (result == 0)
		p->serve->host.swapped(p->serve->host.arg);
	else
		sw_log_warning(result, "trails: %s", text);
	answer(p, reply, NULL, 0);
}

/*
 * The answer comes when the trails are in force, for millions of them seconds later; until then the
 * peer's other requests are served, because a ban may not wait for a list.
 */
static bool do_swap(struct peer *p, int fd, struct sw_guard_reply *reply)
{
	char text[sizeof(reply->text)] = "";
	int r = sw_swap_begin(p->serve->host.swap, fd, on_swapped, p, text, sizeof(text));

	if (r < 0) {
		refuse(p, reply, r, text);
		return false;
	}
	p->swap = *reply;
	return true;
}

static void do_verdicts(struct peer *p, const struct sw_guard_request *q, struct sw_guard_reply *reply)
{
	struct sw_backends *b = p->serve->host.backends;

	for (; b && reply->done < q->n && reply->done < SW_GUARD_VERDICTS_MAX; reply->done++)
		sw_backends_verdict(b, &q->bans[reply->done].net, &reply->verdicts[reply->done]);
}

static void do_batch(struct peer *p, const struct sw_guard_request *q, struct sw_guard_reply *reply)
{
	struct sw_bans *b = p->serve->host.bans;
	char text[sizeof(reply->text)] = "";

	if (q->op == SW_GUARD_BAN_PUT)
		reply->result = sw_bans_put(b, q->bans, q->n, &reply->done, text, sizeof(text));
	else if (q->op == SW_GUARD_BAN_DEL)
		reply->result = sw_bans_del(b, q->bans, q->n, &reply->done, text, sizeof(text));
	else
		reply->result = sw_bans_allow(b, q->allows, q->n, &reply->done, text, sizeof(text));
	sw_strcpy(reply->text, sizeof(reply->text), text);
	if (reply->result < 0)
		sw_log_notice("guard.sock: %s: %u of %u done: %s", sw_permit_op_name(q->op),
			reply->done, q->n, text);
}

/* What is wrong with the request's form, or NULL. */
static const char *find_fault(const struct sw_guard_request *q, size_t bytes, size_t n_fds)
{
	if (q->version != SW_GUARD_VERSION)
		return "another version of the protocol";
	if (q->n > SW_GUARD_BATCH_MAX)
		return "more entries than a batch may have";
	if (bytes < sw_permit_size(q->op, q->n))
		return "shorter than its entries";
	if (n_fds != sw_permit_fds(q->op))
		return "a wrong number of descriptors";
	return NULL;
}

static void respond(
	struct peer *p, const struct sw_guard_request *q, size_t bytes, const int *in, size_t n_in)
{
	struct sw_guard_reply reply = {.version = SW_GUARD_VERSION, .op = q->op, .id = q->id};
	const char *fault;
	int out[SW_GUARD_FDS_MAX];
	size_t n_out = 0;
	int r = sw_permit_op(&p->who, p->role, q->op);

	fault = r < 0 ? "not permitted" : find_fault(q, bytes, n_in);
	if (fault)
		refuse(p, &reply, r < 0 ? r : -EINVAL, fault);
	else if (q->op == SW_GUARD_HELLO)
		do_hello(p, q, &reply, out, &n_out);
	else if (q->op == SW_GUARD_STATUS)
		p->serve->host.status(&reply.status, p->serve->host.arg);
	else if (q->op == SW_GUARD_MODE)
		do_mode(p, q, &reply);
	else if (q->op == SW_GUARD_SNAPSHOT || q->op == SW_GUARD_UNHELD)
		do_snapshot(p, q, &reply, out, &n_out);
	else if (q->op == SW_GUARD_DECOYS)
		do_decoys(p, &reply, out, &n_out);
	else if (q->op == SW_GUARD_SENSORS)
		do_sensors(p, &reply, out, &n_out);
	else if (q->op == SW_GUARD_DOMAINS)
		do_domains(p, in[0], &reply);
	else if (q->op == SW_GUARD_SOCK_POLICY)
		do_sock_policy(p, in[0], &reply);
	else if (q->op == SW_GUARD_GEO)
		do_geo(p, in[0], &reply);
	else if (q->op == SW_GUARD_ACT)
		do_act(p, q, &reply);
	else if (q->op == SW_GUARD_HELD && p->serve->host.hold)
		sw_act_list(p->serve->host.hold, &reply.held);
	else if (q->op == SW_GUARD_WATCH_LOGS)
		do_watch_logs(p, &reply, out, &n_out);
	else if (q->op == SW_GUARD_OPEN_LOG)
		do_open_log(p, q, &reply, out, &n_out);
	else if (q->op == SW_GUARD_VERDICTS)
		do_verdicts(p, q, &reply);
	else if (q->op == SW_GUARD_PORTS)
		do_ports(p, q, &reply);
	else if (q->op == SW_GUARD_CUT)
		do_cut(p, q, &reply);
	else if (q->op == SW_GUARD_CONTAINER)
		do_container(p, q, &reply, out, &n_out);
	else if (q->op == SW_GUARD_CGROUP)
		do_cgroup(p, q, &reply);
	else if (q->op == SW_GUARD_CHAIN)
		do_chain(p, in[0], &reply);
	else if (q->op == SW_GUARD_UNCHAIN)
		do_chain(p, -1, &reply);
	else if (q->op != SW_GUARD_TRAILS_SWAP)
		do_batch(p, q, &reply);
	else if (do_swap(p, in[0], &reply))
		return;
	answer(p, &reply, out, reply.result < 0 ? 0 : n_out);
	for (size_t i = 0; i < n_out; i++)
		sw_close(out[i]);
}

static bool is_there(const struct sw_serve *s, const struct peer *p)
{
	for (const struct peer *x = s->peers; x; x = x->next) {
		if (x == p)
			return true;
	}
	return false;
}

static int on_request(struct sw_source *src, int fd, uint32_t events, void *arg)
{
	struct peer *p = arg;
	struct sw_serve *s = p->serve;

	for (int i = 0; i < REQUESTS_AT_ONCE && is_there(s, p); i++) {
		int in[SW_GUARD_FDS_MAX];
		size_t n_in = SW_ARRAY_SIZE(in);
		ssize_t n;

		memset(&s->request, 0, sizeof(s->request));
		n = sw_msg_recv(fd, &s->request, sizeof(s->request), in, &n_in);
		if (n == -EAGAIN)
			break;
		if (n < (ssize_t)SW_GUARD_REQUEST_HEAD) {
			if (n != 0 && n != -ECONNRESET)
				sw_log_warning(0,
					"guard.sock: pid %d sent what is no request, cut off",
					p->pid);
			for (size_t k = 0; n > 0 && k < n_in; k++)
				sw_close(in[k]);
			hang_up(p);
			break;
		}
		respond(p, &s->request, (size_t)n, in, n_in);
		for (size_t k = 0; k < n_in; k++)
			sw_close(in[k]);
	}
	return 0;
}

static bool is_in_group(int fd, const struct sw_peer *cred, __u32 gid)
{
	return gid != (__u32)-1 && sw_msg_peer_in_group(fd, cred, gid);
}

static bool is_anybody(const struct sw_serve *s, const struct sw_permit_peer *who)
{
	for (enum sw_role role = SW_ROLE_ENGINE; role < SW_ROLE_COUNT; role++) {
		if (sw_permit_role(who, role, s->host.ids) >= 0)
			return true;
	}
	return false;
}

static int identify(struct sw_serve *s, struct peer *p)
{
	const struct sw_guard_ids *ids = s->host.ids;
	struct sw_peer cred;
	int r = sw_msg_peer(p->fd, &cred);

	if (r < 0)
		return r;
	p->pid = cred.pid;
	p->who.uid = cred.uid;
	p->who.is_reader = is_in_group(p->fd, &cred, ids->reader_gid) ||
		is_in_group(p->fd, &cred, ids->admin_gid);
	p->is_stranger = !is_anybody(s, &p->who);
	return p->is_stranger && s->n_strangers >= STRANGERS_MAX ? -EUSERS : 0;
}

static int add_peer(struct sw_serve *s, int fd)
{
	struct peer *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->serve = s;
	p->fd = fd;
	r = identify(s, p);
	if (r >= 0)
		r = sw_loop_add_fd(s->loop, fd, EPOLLIN, on_request, p, &p->source);
	if (r < 0) {
		free(p);
		return r;
	}
	p->next = s->peers;
	p->link = &s->peers;
	if (p->next)
		p->next->link = &p->next;
	s->peers = p;
	s->n_peers++;
	s->n_strangers += p->is_stranger;
	return 0;
}

static int on_connect(struct sw_source *src, int fd, uint32_t events, void *arg)
{
	struct sw_serve *s = arg;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r = -EUSERS;

	if (peer < 0)
		return 0;
	if (s->n_peers < PEERS_MAX)
		r = add_peer(s, peer);
	if (r < 0) {
		sw_log_warning(r, "guard.sock: a connection is refused");
		sw_close(peer);
	}
	return 0;
}

int sw_serve_new(struct sw_loop *l, const char *path, const struct sw_serve_host *host,
	struct sw_serve **ret)
{
	_cleanup_(sw_serve_freep) struct sw_serve *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->fd = -1;
	s->loop = l;
	s->host = *host;
	r = sw_unix_listen(path, SOCK_SEQPACKET, 0666, (uid_t)-1, (gid_t)-1);
	if (r < 0)
		return r;
	s->fd = r;
	s->path = strdup(path);
	if (!s->path)
		return -ENOMEM;
	r = sw_loop_add_fd(l, s->fd, EPOLLIN, on_connect, s, &s->source);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

void sw_serve_free(struct sw_serve *s)
{
	if (!s)
		return;
	while (s->peers)
		hang_up(s->peers);
	sw_source_free(s->source);
	sw_close(s->fd);
	if (s->path)
		unlink(s->path);
	free(s->path);
	free(s);
}

void sw_serve_freep(struct sw_serve **s)
{
	sw_serve_free(*s);
}

void sw_serve_hang_up(struct sw_serve *s)
{
	struct peer *next;

	for (struct peer *p = s->peers; p; p = next) {
		next = p->next;
		if (p->role != SW_ROLE_OPERATOR)
			hang_up(p);
	}
}

pid_t sw_serve_pid(const struct sw_serve *s, enum sw_role role)
{
	for (const struct peer *p = s->peers; p; p = p->next) {
		if (p->role == role)
			return p->pid;
	}
	return 0;
}
