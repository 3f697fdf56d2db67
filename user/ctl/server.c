// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/ctl/server.h"

#include <assert.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <sys/socket.h>

enum {
	READ_CHUNK = 65536,
	ACCEPT_AT_ONCE = 16,	 /* connections taken per wake-up, so that others get their turn */
	OUT_PAUSE = 256 << 10,	 /* unread bytes of a peer from which on we read no more of its requests */
	OPEN_REQUESTS_MAX = 32,	 /* unanswered requests and streams of one peer */
	VERBS_MAX = 128,	 /* for "did you mean" */
	NAME_MAX_SHOWN = 64,
};

struct sw_ctl_request {
	struct sw_ctl_server *server;
	struct peer *peer; /* NULL when it went away before the answer */
	struct sw_ctl_request *next, *prev; /* in the peer's list */
	json_t *root;			    /* the request as read, NULL when it was not readable */
	const json_t *args;		    /* borrowed from root, or the server's empty object */
	int fd;
	bool is_following;
	uint64_t lost; /* items lost since the last note about it */
	struct sw_strbuf reply;
	struct sw_json json;
	char id[24]; /* JSON */
	char by[NAME_MAX_SHOWN];
	uid_t uid;
};

struct peer {
	struct sw_ctl_server *server;
	struct peer *next, *prev;
	struct sw_source *source;
	struct sw_ctl_request *requests;
	unsigned int n_requests;
	struct sw_peer cred;
	int fd;
	int passed_fd;	  /* came with the line that begins at passed_at of in; -1 for none */
	size_t passed_at;
	struct sw_strbuf in, out;
	size_t scanned; /* bytes of in that hold no newline */
	size_t sent;	/* bytes of out that are gone */
	bool may_change, is_eof, is_closing, is_broken, has_more;
};

struct sw_ctl_server {
	struct sw_loop *loop;
	int fd;
	struct sw_source *source;
	struct sw_ctl_access access;
	const struct sw_ctl_verb *verbs;
	void *arg;
	struct peer *peers;
	unsigned int n_peers;
	json_t *no_args;
	char path[108];
	char reader_group[NAME_MAX_SHOWN], admin_group[NAME_MAX_SHOWN];
};

/* Who installs the package has them; a run from the tree makes none. */
#define NO_GROUP "run it as root: the groups sockwarden and sockwarden-admin are not on this host (deploy/sysusers.conf makes them)"

/*
 * Names come from the files, never from the name service: that may block or open sockets. "" where the host has no
 * such group.
 */
static void name_group(char *buf, size_t size, gid_t gid)
{
	_fclose_ FILE *f = fopen("/etc/group", "re");
	struct group *g;

	if (gid == (gid_t)-1)
		return;
	snprintf(buf, size, "with gid %u", gid);
	while (f && (g = fgetgrent(f))) {
		if (g->gr_gid == gid) {
			sw_strcpy(buf, size, g->gr_name);
			return;
		}
	}
}

static void name_user(char *buf, size_t size, uid_t uid)
{
	_fclose_ FILE *f = fopen("/etc/passwd", "re");
	struct passwd *p;

	snprintf(buf, size, "uid %u", uid);
	while (f && (p = fgetpwent(f))) {
		if (p->pw_uid == uid) {
			snprintf(buf, size, "uid %u (%s)", uid, p->pw_name);
			return;
		}
	}
}

static size_t unsent(const struct peer *p)
{
	return p->out.len - p->sent;
}

static bool is_paused(const struct peer *p)
{
	return p->is_eof || p->is_closing || unsent(p) > OUT_PAUSE || p->n_requests >= OPEN_REQUESTS_MAX;
}

static void update_events(struct peer *p)
{
	uint32_t events = is_paused(p) ? 0 : EPOLLIN;

	/* a peer with nothing left to do is woken once more, to be freed where that is safe */
	if (unsent(p) || (p->has_more && !is_paused(p)) || p->is_closing || (p->is_eof && !p->requests))
		events |= EPOLLOUT;
	(void)sw_source_set_events(p->source, events);
}

static void flush(struct peer *p)
{
	while (unsent(p) && !p->is_broken) {
		ssize_t n = send(p->fd, p->out.text + p->sent, unsent(p), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			p->is_broken = true;
		else
			p->sent += (size_t)n;
	}
	if (p->is_broken || !unsent(p)) {
		sw_strbuf_reset(&p->out);
		p->sent = 0;
	} else if (p->sent > READ_CHUNK && p->sent > p->out.len / 2) {
		sw_strbuf_shift(&p->out, p->sent);
		p->sent = 0;
	}
}

/* Appends a line to what the peer is to get. A peer we have no memory to answer is cut off. */
static void put_line(struct peer *p, const struct sw_strbuf *line)
{
	if (p->is_broken || p->is_closing)
		return;
	sw_strbuf_add(&p->out, sw_strbuf_get(line), line->len);
	sw_strbuf_putc(&p->out, '\n');
	if (line->is_failed || p->out.is_failed)
		p->is_closing = true;
	flush(p);
	update_events(p);
}

static void request_free(struct sw_ctl_request *q)
{
	struct peer *p = q->peer;

	if (p) {
		if (q->prev)
			q->prev->next = q->next;
		else
			p->requests = q->next;
		if (q->next)
			q->next->prev = q->prev;
		p->n_requests--;
		update_events(p);
	}
	json_decref(q->root);
	sw_close(q->fd);
	sw_strbuf_done(&q->reply);
	free(q);
}

static void peer_free(struct peer *p)
{
	struct sw_ctl_server *s = p->server;
	struct sw_ctl_request *q, *next;

	for (q = p->requests; q; q = next) {
		next = q->next;
		q->peer = NULL;
		q->next = q->prev = NULL;
		if (q->is_following)
			request_free(q);
		/* the rest is kept: its verb still holds it and will answer into nothing */
	}
	if (p->prev)
		p->prev->next = p->next;
	else
		s->peers = p->next;
	if (p->next)
		p->next->prev = p->prev;
	s->n_peers--;
	sw_source_free(p->source);
	sw_close(p->fd);
	sw_close(p->passed_fd);
	sw_strbuf_done(&p->in);
	sw_strbuf_done(&p->out);
	free(p);
}

static void write_error(struct sw_strbuf *out, const char *id, enum sw_control_error code, const char *message,
	const char *hint)
{
	static const char *const words[] = {
#define ERROR_WORD(id_, word, status) word,
		SW_CONTROL_ERRORS(ERROR_WORD)
#undef ERROR_WORD
	};
	struct sw_json j;

	sw_json_init(&j, out);
	sw_json_object_begin(&j, NULL);
	sw_json_raw(&j, "id", id);
	sw_json_bool(&j, "ok", false);
	sw_json_object_begin(&j, "error");
	sw_json_string(&j, "code", words[code < SW_CERR_COUNT ? code : SW_CERR_INTERNAL]);
	sw_json_string(&j, "message", message);
	if (hint)
		sw_json_string(&j, "hint", hint);
	sw_json_object_end(&j);
	sw_json_object_end(&j);
}

void sw_ctl_fail(struct sw_ctl_request *q, enum sw_control_error code, const char *hint, const char *fmt, ...)
{
	_free_ char *message = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&message, fmt, ap) < 0)
		message = NULL;
	va_end(ap);
	if (q->peer) {
		sw_strbuf_reset(&q->reply);
		write_error(&q->reply, q->id, code, message ? message : "out of memory", hint);
		put_line(q->peer, &q->reply);
	}
	request_free(q);
}

struct sw_json *sw_ctl_reply_begin(struct sw_ctl_request *q)
{
	sw_strbuf_reset(&q->reply);
	sw_json_init(&q->json, &q->reply);
	sw_json_object_begin(&q->json, NULL);
	sw_json_raw(&q->json, "id", q->id);
	sw_json_bool(&q->json, "ok", true);
	sw_json_object_begin(&q->json, "data");
	sw_json_uint(&q->json, "schema_version", 1);
	return &q->json;
}

void sw_ctl_reply_end(struct sw_ctl_request *q)
{
	assert(q->json.depth == 2);
	sw_json_object_end(&q->json);
	sw_json_object_end(&q->json);
	if (q->reply.is_failed) {
		sw_ctl_fail(q, SW_CERR_INTERNAL, NULL, "out of memory");
		return;
	}
	if (q->peer)
		put_line(q->peer, &q->reply);
	request_free(q);
}

void sw_ctl_follow(struct sw_ctl_request *q)
{
	q->is_following = true;
	if (!q->peer)
		request_free(q);
}

/* Says what was lost, once there is room again for more than the note. */
static void tell_lost(struct sw_ctl_request *q)
{
	_strbuf_ struct sw_strbuf line = {};
	const struct sw_clock clock = {};
	char at[SW_TIME_TEXT_MAX];
	struct sw_json j;

	sw_json_init(&j, &line);
	sw_json_object_begin(&j, NULL);
	sw_json_raw(&j, "id", q->id);
	sw_json_object_begin(&j, "item");
	sw_json_string(&j, "at", sw_time_format(at, sw_clock_wall_ns(&clock)));
	sw_json_string(&j, "kind", "lost");
	sw_json_uint(&j, "lost", q->lost);
	sw_json_stringf(&j, "text", "%llu items lost: read too slowly", (unsigned long long)q->lost);
	sw_json_object_end(&j);
	sw_json_object_end(&j);
	q->lost = 0;
	put_line(q->peer, &line);
}

void sw_ctl_item(struct sw_ctl_request *q, const char *json, size_t len)
{
	_strbuf_ struct sw_strbuf line = {};
	struct peer *p = q->peer;

	if (!p || p->is_broken)
		return;
	if (unsent(p) + len > (q->lost ? SW_CONTROL_BACKLOG_MAX / 2 : SW_CONTROL_BACKLOG_MAX)) {
		q->lost++;
		return;
	}
	if (q->lost)
		tell_lost(q);
	sw_strbuf_printf(&line, "{\"id\":%s,\"item\":", q->id);
	sw_strbuf_add(&line, json, len);
	sw_strbuf_putc(&line, '}');
	put_line(p, &line);
}

void sw_ctl_stream_end(struct sw_ctl_request *q)
{
	if (q->peer && q->lost)
		tell_lost(q);
	sw_ctl_reply_begin(q);
	sw_ctl_reply_end(q);
}

void sw_ctl_each_follower(struct sw_ctl_server *s, void (*fn)(struct sw_ctl_request *q, void *arg), void *arg)
{
	for (struct peer *p = s->peers; p; p = p->next) {
		struct sw_ctl_request *q, *next;

		for (q = p->requests; q; q = next) {
			next = q->next;
			if (q->is_following)
				fn(q, arg);
		}
	}
}

const json_t *sw_ctl_request_args(const struct sw_ctl_request *q)
{
	return q->args;
}

const char *sw_ctl_request_by(const struct sw_ctl_request *q)
{
	struct sw_ctl_request *w = (struct sw_ctl_request *)q; /* the name is looked up once, when asked for */

	if (!w->by[0])
		name_user(w->by, sizeof(w->by), w->uid);
	return w->by;
}

uid_t sw_ctl_request_uid(const struct sw_ctl_request *q)
{
	return q->uid;
}

int sw_ctl_request_take_fd(struct sw_ctl_request *q)
{
	return TAKE_FD(q->fd);
}

bool sw_ctl_arg_string(struct sw_ctl_request *q, const json_t *args, const char *key, const char *fallback,
	const char **ret)
{
	const json_t *v = json_object_get(args, key);

	if (v && !json_is_null(v) && !json_is_string(v)) {
		sw_ctl_fail(q, SW_CERR_USAGE, NULL, "args.%s must be a text", key);
		return false;
	}
	*ret = json_is_string(v) ? json_string_value(v) : fallback;
	return true;
}

bool sw_ctl_arg_uint(struct sw_ctl_request *q, const json_t *args, const char *key, uint64_t fallback, uint64_t *ret)
{
	const json_t *v = json_object_get(args, key);

	if (v && !json_is_null(v) && (!json_is_integer(v) || json_integer_value(v) < 0)) {
		sw_ctl_fail(q, SW_CERR_USAGE, NULL, "args.%s must be a whole number, 0 or more", key);
		return false;
	}
	*ret = json_is_integer(v) ? (uint64_t)json_integer_value(v) : fallback;
	return true;
}

bool sw_ctl_arg_bool(struct sw_ctl_request *q, const json_t *args, const char *key, bool fallback, bool *ret)
{
	const json_t *v = json_object_get(args, key);

	if (v && !json_is_null(v) && !json_is_boolean(v)) {
		sw_ctl_fail(q, SW_CERR_USAGE, NULL, "args.%s must be true or false", key);
		return false;
	}
	*ret = json_is_boolean(v) ? json_is_true(v) : fallback;
	return true;
}

static const struct sw_ctl_verb *find_verb(const struct sw_ctl_server *s, const char *name)
{
	for (const struct sw_ctl_verb *v = s->verbs; v->name; v++) {
		if (sw_streq(v->name, name))
			return v;
	}
	return NULL;
}

static void fail_unknown(struct sw_ctl_request *q, const char *name)
{
	const char *words[VERBS_MAX], *near;
	char hint[NAME_MAX_SHOWN + 32];
	size_t n = 0;

	for (const struct sw_ctl_verb *v = q->server->verbs; v->name && n < VERBS_MAX; v++)
		words[n++] = v->name;
	near = sw_nearest(name, words, n);
	snprintf(hint, sizeof(hint), "did you mean '%s'?", near ? near : "");
	sw_ctl_fail(q, SW_CERR_USAGE, near ? hint : NULL, "unknown verb '%.*s'", NAME_MAX_SHOWN, name);
}

static void fail_permission(struct sw_ctl_request *q, const char *verb)
{
	const char *group = q->server->admin_group;
	char hint[160];

	if (!*group) {
		sw_ctl_fail(q, SW_CERR_PERMISSION, NO_GROUP, "'%s' changes things: only root may", verb);
		return;
	}
	snprintf(hint, sizeof(hint), "run it as root, or join the group: usermod -aG %s USER, and log in again", group);
	sw_ctl_fail(q, SW_CERR_PERMISSION, hint, "'%s' changes things: only root and group %s may", verb, group);
}

/* What the request asks for, checked from the outside in; then the verb has it. */
static void run_request(struct sw_ctl_request *q)
{
	struct sw_ctl_server *s = q->server;
	const json_t *id = json_object_get(q->root, "id"), *args = json_object_get(q->root, "args");
	const char *name = json_string_value(json_object_get(q->root, "verb"));
	const struct sw_ctl_verb *verb;

	if (json_is_integer(id))
		snprintf(q->id, sizeof(q->id), "%lld", (long long)json_integer_value(id));
	if (!json_is_object(q->root)) {
		sw_ctl_fail(q, SW_CERR_USAGE, NULL, "a request must be a JSON object");
		return;
	}
	if (id && !json_is_integer(id)) {
		sw_ctl_fail(q, SW_CERR_USAGE, NULL, "id must be a whole number");
		return;
	}
	if (!name) {
		sw_ctl_fail(q, SW_CERR_USAGE, NULL, "the request names no verb");
		return;
	}
	if (args && !json_is_object(args)) {
		sw_ctl_fail(q, SW_CERR_USAGE, NULL, "args must be an object");
		return;
	}
	q->args = args ? args : s->no_args;
	verb = find_verb(s, name);
	if (!verb)
		fail_unknown(q, name);
	else if (verb->need == SW_CTL_CHANGE && !q->peer->may_change)
		fail_permission(q, name);
	else
		verb->fn(q, q->args, s->arg);
}

static void handle_line(struct peer *p, const char *line, size_t len, int fd)
{
	struct sw_ctl_request *q = calloc(1, sizeof(*q));
	json_error_t err;

	if (!q) {
		sw_close(fd);
		p->is_closing = true;
		return;
	}
	*q = (struct sw_ctl_request){
		.server = p->server, .peer = p, .fd = fd, .id = "null", .uid = p->cred.uid, .next = p->requests};
	q->args = p->server->no_args;
	if (q->next)
		q->next->prev = q;
	p->requests = q;
	p->n_requests++;
	q->root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &err);
	if (q->root)
		run_request(q);
	else
		sw_ctl_fail(q, SW_CERR_USAGE, NULL, "not JSON at column %d: %s", err.column, err.text);
}

/* Handles the whole lines of in, until the peer is to be waited for. */
static void handle_lines(struct peer *p)
{
	size_t at = 0;

	p->has_more = false;
	while (at < p->in.len) {
		size_t from = SW_MAX(at, p->scanned);
		const char *line = p->in.text + at, *end = memchr(p->in.text + from, '\n', p->in.len - from);
		size_t len = end ? (size_t)(end - line) : p->in.len - at;

		if (is_paused(p) && !p->is_eof) {
			p->has_more = true;
			break;
		}
		if (!end && len <= SW_CONTROL_LINE_MAX) {
			p->scanned = p->in.len;
			break;
		}
		if (len > SW_CONTROL_LINE_MAX) {
			_strbuf_ struct sw_strbuf out = {};

			write_error(&out, "null", SW_CERR_USAGE, "the request line is longer than 1 MiB", NULL);
			put_line(p, &out);
			p->is_closing = true;
			break;
		}
		if (len)
			handle_line(p, line, len, p->passed_fd >= 0 && p->passed_at == at ? TAKE_FD(p->passed_fd) : -1);
		at += len + 1;
		p->scanned = at;
	}
	sw_strbuf_shift(&p->in, at);
	p->scanned -= SW_MIN(at, p->scanned);
	p->passed_at -= SW_MIN(at, p->passed_at);
}

/* A descriptor comes with a byte of the last line in what was read: the kernel ends a read there. */
static void keep_passed(struct peer *p, int fd)
{
	size_t at = p->in.len;

	if (at && p->in.text[at - 1] == '\n')
		at--;
	while (at && p->in.text[at - 1] != '\n')
		at--;
	sw_close(p->passed_fd);
	p->passed_fd = fd;
	p->passed_at = at;
}

static void read_peer(struct peer *p)
{
	char buf[READ_CHUNK];
	int fd = -1;
	size_t n_fds = 1;
	ssize_t n = sw_msg_recv(p->fd, buf, sizeof(buf), &fd, &n_fds);

	if (n == -EAGAIN)
		return;
	if (n < 0) {
		p->is_broken = true;
		return;
	}
	if (n == 0) {
		p->is_eof = true;
		return;
	}
	sw_strbuf_add(&p->in, buf, (size_t)n);
	if (n_fds)
		keep_passed(p, fd);
	if (p->in.is_failed)
		p->is_closing = true;
}

static int on_peer(struct sw_source *source, int fd, uint32_t events, void *arg)
{
	struct peer *p = arg;

	if (events & EPOLLOUT)
		flush(p);
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !is_paused(p))
		read_peer(p);
	else if (events & (EPOLLHUP | EPOLLERR))
		p->is_broken = true; /* gone, and too busy with it to read its last words */
	if (!p->is_broken && !p->is_closing)
		handle_lines(p);
	if (p->is_broken || (p->is_closing && !unsent(p)) || (p->is_eof && (events & EPOLLHUP)) ||
		(p->is_eof && !p->requests && !unsent(p)))
		peer_free(p);
	else
		update_events(p);
	return 0;
}

/* An answer to a peer that gets no place: one line, as far as its buffer takes it. */
static void turn_away(int fd, enum sw_control_error code, const char *message, const char *hint)
{
	_strbuf_ struct sw_strbuf out = {};

	write_error(&out, "null", code, message, hint);
	sw_strbuf_putc(&out, '\n');
	(void)!send(fd, sw_strbuf_get(&out), out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool may_read(const struct sw_ctl_server *s, int fd, const struct sw_peer *cred, bool *ret_may_change)
{
	*ret_may_change = cred->uid == 0 || sw_msg_peer_in_group(fd, cred, s->access.admin_gid);
	return *ret_may_change || cred->uid == s->access.web_uid ||
	       sw_msg_peer_in_group(fd, cred, s->access.reader_gid);
}

static int add_peer(struct sw_ctl_server *s, int fd, const struct sw_peer *cred, bool may_change)
{
	struct peer *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	*p = (struct peer){.server = s, .fd = fd, .passed_fd = -1, .cred = *cred, .may_change = may_change};
	r = sw_loop_add_fd(s->loop, fd, EPOLLIN, on_peer, p, &p->source);
	if (r < 0) {
		free(p);
		return r;
	}
	p->next = s->peers;
	if (p->next)
		p->next->prev = p;
	s->peers = p;
	s->n_peers++;
	return 0;
}

static void greet(struct sw_ctl_server *s, int accepted)
{
	_close_ int fd = accepted;
	struct sw_peer cred;
	bool may_change;
	char message[256], hint[256];

	if (sw_msg_peer(fd, &cred) < 0)
		return;
	if (!may_read(s, fd, &cred, &may_change)) {
		const char *group = s->reader_group;

		snprintf(message, sizeof(message), "only root%s%s may ask", *group ? " and group " : "", group);
		snprintf(hint, sizeof(hint), "join the group: usermod -aG %s USER, and log in again", group);
		turn_away(fd, SW_CERR_PERMISSION, message, *group ? hint : NO_GROUP);
		return;
	}
	if (s->n_peers >= SW_CONTROL_PEERS_MAX) {
		turn_away(fd, SW_CERR_REFUSED, "too many connections to the control socket", "close some and try again");
		return;
	}
	if (add_peer(s, fd, &cred, may_change) == 0)
		TAKE_FD(fd);
}

static int on_connection(struct sw_source *source, int fd, uint32_t events, void *arg)
{
	struct sw_ctl_server *s = arg;

	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (peer < 0)
			break; /* none left, or out of descriptors: the next wake-up tries again */
		greet(s, peer);
	}
	return 0;
}

void sw_ctl_server_free(struct sw_ctl_server *s)
{
	if (!s)
		return;
	while (s->peers)
		peer_free(s->peers);
	sw_source_free(s->source);
	if (s->path[0])
		unlink(s->path);
	sw_close(s->fd);
	json_decref(s->no_args);
	free(s);
}

void sw_ctl_server_freep(struct sw_ctl_server **s)
{
	sw_ctl_server_free(*s);
}

/*
 * The socket is open to all to connect, since a refusal that names the group helps and a silent
 * EACCES does not; who may not read is turned away at once and holds no place.
 */
int sw_ctl_server_new(struct sw_loop *l, const char *path, const struct sw_ctl_access *access,
	const struct sw_ctl_verb *verbs, void *arg, struct sw_ctl_server **ret)
{
	_cleanup_(sw_ctl_server_freep) struct sw_ctl_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct sw_ctl_server){.loop = l, .fd = -1, .access = *access, .verbs = verbs, .arg = arg};
	s->no_args = json_object();
	if (!s->no_args)
		return -ENOMEM;
	name_group(s->reader_group, sizeof(s->reader_group), access->reader_gid);
	name_group(s->admin_group, sizeof(s->admin_group), access->admin_gid);
	s->fd = sw_unix_listen(path, SOCK_STREAM, 0666, (uid_t)-1, (gid_t)-1);
	if (s->fd < 0)
		return s->fd;
	sw_strcpy(s->path, sizeof(s->path), path);
	r = sw_loop_add_fd(l, s->fd, EPOLLIN, on_connection, s, &s->source);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}
