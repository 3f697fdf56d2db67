// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/sockets/inventory.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <uthash.h>

#include "user/sockets/cookies.h"

enum { STATE_ESTABLISHED = 1, STATE_SYN_SENT = 2, STATE_CLOSE = 7, STATE_CLOSE_WAIT = 8, STATE_LISTEN = 10 };
enum { OWNERS_MAX = 4096 }; /* processes of one socket: a pre-forking server has hundreds */
#define ORPHAN_NS SW_SEC_NS  /* from an owner's end to the question who holds its listener now */

struct entry {
	struct sw_sock s;
	struct entry *prev, *next; /* in order of their making; next also of the free ones */
};

enum { BLOCK_ENTRIES = 256 };

/* Entries are made a block at a time: a tenth less than from malloc, and next to each other. */
struct block {
	struct block *next;
	struct entry entries[BLOCK_ENTRIES];
};

/* A socket that was closed while a snapshot was being taken, which may still show it. */
struct tombstone {
	uint64_t cookie;
	UT_hash_handle hh;
};

struct netns {
	uint32_t inode;
	uint32_t generation; /* of the snapshot that last covered it */
	char name[SW_NETNS_NAME_MAX];
	UT_hash_handle hh;
};

struct sw_inventory {
	const struct sw_clock *clock;
	struct sw_procs *procs;
	const struct sw_inventory_ops *ops;
	void *arg;
	struct sw_cookies by_cookie;
	struct entry *first, *last, *spare;
	struct block *blocks;
	struct tombstone *closed;
	struct netns *netns;
	uint32_t host_netns;
	uint32_t generation;
	uint64_t begin_ns; /* of the snapshot under way */
	uint64_t orphan_ns; /* when to look for listeners whose owner went; 0: no need */
	bool is_snapshot, is_first, has_lost_meanwhile, needs_snapshot, wants_files;
	struct sw_inventory_stats stats;
};

int sw_inventory_new(const struct sw_clock *clock, struct sw_procs *procs,
	const struct sw_inventory_ops *ops, void *arg, struct sw_inventory **ret)
{
	struct sw_inventory *inv = calloc(1, sizeof(*inv));

	if (!inv)
		return -ENOMEM;
	inv->clock = clock;
	inv->procs = procs;
	inv->ops = ops;
	inv->arg = arg;
	inv->is_first = true;
	inv->needs_snapshot = true;
	*ret = inv;
	return 0;
}

static void drop_owners(struct sw_inventory *inv, struct sw_sock *s)
{
	for (unsigned int i = 0; i < s->n_owners; i++)
		sw_procs_release(inv->procs, s->owners[i].proc);
	s->n_owners = 0;
}

static struct entry *make_entry(struct sw_inventory *inv)
{
	struct entry *e = inv->spare;
	struct block *b;

	if (e) {
		inv->spare = e->next;
		memset(e, 0, sizeof(*e));
		return e;
	}
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->next = inv->blocks;
	inv->blocks = b;
	for (size_t i = BLOCK_ENTRIES - 1; i > 0; i--) {
		b->entries[i].next = inv->spare;
		inv->spare = &b->entries[i];
	}
	return &b->entries[0];
}

static void spare_entry(struct sw_inventory *inv, struct entry *e)
{
	e->next = inv->spare;
	inv->spare = e;
}

static void free_entry(struct sw_inventory *inv, struct entry *e)
{
	sw_cookies_remove(&inv->by_cookie, e->s.cookie);
	*(e->prev ? &e->prev->next : &inv->first) = e->next;
	*(e->next ? &e->next->prev : &inv->last) = e->prev;
	drop_owners(inv, &e->s);
	if (e->s.owners != &e->s.only)
		free(e->s.owners);
	free(e->s.path);
	spare_entry(inv, e);
}

static void bury_tombstones(struct sw_inventory *inv)
{
	struct tombstone *t, *next;

	HASH_ITER(hh, inv->closed, t, next) {
		HASH_DEL(inv->closed, t);
		free(t);
	}
}

void sw_inventory_free(struct sw_inventory *inv)
{
	struct entry *e, *next;
	struct netns *n, *next_ns;
	struct block *b;

	if (!inv)
		return;
	for (e = inv->first; e; e = next) {
		next = e->next;
		free_entry(inv, e);
	}
	sw_cookies_done(&inv->by_cookie);
	HASH_ITER(hh, inv->netns, n, next_ns) {
		HASH_DEL(inv->netns, n);
		free(n);
	}
	bury_tombstones(inv);
	while ((b = inv->blocks)) {
		inv->blocks = b->next;
		free(b);
	}
	free(inv);
}

void sw_inventory_freep(struct sw_inventory **inv)
{
	sw_inventory_free(*inv);
}

static struct entry *find(struct sw_inventory *inv, uint64_t cookie)
{
	return sw_cookies_find(&inv->by_cookie, cookie);
}

static struct entry *find_or_make(struct sw_inventory *inv, uint64_t cookie)
{
	struct entry *e = find(inv, cookie);

	if (e)
		return e;
	e = cookie && inv->by_cookie.n < SW_INVENTORY_MAX ? make_entry(inv) : NULL;
	if (!e || sw_cookies_add(&inv->by_cookie, cookie, e) < 0) {
		if (e)
			spare_entry(inv, e);
		inv->stats.untracked++;
		return NULL;
	}
	e->s.cookie = cookie;
	e->s.state = STATE_CLOSE;
	e->prev = inv->last;
	*(e->prev ? &e->prev->next : &inv->first) = e;
	inv->last = e;
	return e;
}

/* An owner went. Its sockets close within the same moment, unless another process holds them. */
static void expect_orphans(struct sw_inventory *inv)
{
	if (!inv->orphan_ns)
		inv->orphan_ns = sw_clock_boot_ns(inv->clock) + ORPHAN_NS;
}

/* For one owner more. */
static bool make_room(struct sw_sock *s)
{
	bool has_only = s->owners == &s->only;
	uint16_t cap = (uint16_t)(s->cap_owners * 2);
	struct sw_sock_owner *more;

	if (!s->cap_owners) {
		s->owners = &s->only;
		s->cap_owners = 1;
		return true;
	}
	more = cap <= OWNERS_MAX ? realloc(has_only ? NULL : s->owners, cap * sizeof(*more)) : NULL;
	if (!more)
		return false;
	if (has_only)
		*more = s->only;
	s->owners = more;
	s->cap_owners = cap;
	return true;
}

static void add_owner(struct sw_inventory *inv, struct sw_sock *s, const struct sw_owner *o, int32_t fd)
{
	struct sw_proc *proc = o->tgid ? sw_procs_hold(inv->procs, o) : NULL;

	if (!proc)
		return; /* accepted by a listener that is older than we are: the next snapshot knows */
	if (sw_proc_is_gone(proc))
		expect_orphans(inv); /* its end was told first */
	for (unsigned int i = 0; i < s->n_owners; i++) {
		if (s->owners[i].proc != proc || (fd >= 0 && s->owners[i].fd >= 0 && s->owners[i].fd != fd))
			continue; /* another's, or another descriptor of its own */
		sw_procs_release(inv->procs, proc);
		if (s->owners[i].fd < 0)
			s->owners[i].fd = fd;
		return;
	}
	if (s->n_owners == s->cap_owners && !make_room(s)) {
		sw_procs_release(inv->procs, proc);
		return;
	}
	s->owners[s->n_owners++] = (struct sw_sock_owner){.proc = proc, .fd = fd};
	s->is_nobodys = false;
}

/* Tells of a listener once when it is there, and once when it is not. */
static void tell(struct sw_inventory *inv, struct sw_sock *s, bool is_up, bool is_repair)
{
	if (is_up == s->is_up_told)
		return;
	s->is_up_told = is_up;
	inv->stats.listeners += is_up ? 1 : -1ull;
	if (inv->ops->listener && !(inv->is_first && is_repair))
		inv->ops->listener(is_up ? SW_SOCK_UP : SW_SOCK_DOWN, s, is_repair, inv->arg);
}

/* The next tell is heard, though nothing came up: what it is has changed. */
static void tell_anew(struct sw_inventory *inv, struct sw_sock *s)
{
	inv->stats.listeners -= s->is_up_told;
	s->is_up_told = false;
}

static void remove_sock(struct sw_inventory *inv, struct entry *e, bool is_repair)
{
	tell(inv, &e->s, false, is_repair);
	free_entry(inv, e);
}

static void mark_closed(struct sw_inventory *inv, uint64_t cookie)
{
	struct tombstone *t;

	HASH_FIND(hh, inv->closed, &cookie, sizeof(cookie), t);
	if (t)
		return;
	t = calloc(1, sizeof(*t));
	if (!t)
		return; /* the next snapshot drops it */
	t->cookie = cookie;
	HASH_ADD(hh, inv->closed, cookie, sizeof(cookie), t);
}

static bool is_closed(struct sw_inventory *inv, uint64_t cookie)
{
	struct tombstone *t;

	HASH_FIND(hh, inv->closed, &cookie, sizeof(cookie), t);
	return t != NULL;
}

static void take_tuple(struct sw_sock *s, const struct sw_sock_event *e)
{
	static const uint8_t zero[16];

	if (e->lport)
		s->lport = e->lport;
	if (e->rport)
		s->rport = e->rport;
	if (e->lport || memcmp(e->laddr, zero, sizeof(zero)))
		memcpy(s->laddr, e->laddr, sizeof(s->laddr));
	if (e->rport)
		memcpy(s->raddr, e->raddr, sizeof(s->raddr));
	if (e->ifindex)
		s->ifindex = e->ifindex;
}

static void apply(struct sw_sock *s, const struct sw_sock_event *e)
{
	bool is_udp = e->protocol == IPPROTO_UDP || e->protocol == IPPROTO_UDPLITE;

	switch (e->head.type) {
	case SW_EV_BIND:
		s->options |= e->options;
		break;
	case SW_EV_LISTEN:
		s->state = STATE_LISTEN;
		s->rport = 0;
		s->is_port_pending = !e->lport && !s->lport;
		s->backlog = e->backlog ? e->backlog : s->backlog;
		s->options = e->options ? e->options | (s->options & SW_OPT_CHOSEN) : s->options;
		break;
	case SW_EV_CONNECT:
		if (is_udp && e->state == STATE_CLOSE)
			s->rport = 0; /* sent aside: it has no peer */
		if (e->ret)
			s->rport = 0; /* refused: it has none either */
		s->state = is_udp && e->state != STATE_CLOSE ? STATE_ESTABLISHED
			: is_udp || e->ret                   ? STATE_CLOSE
							     : STATE_SYN_SENT;
		break;
	case SW_EV_CONNECTED:
	case SW_EV_ACCEPT:
		s->state = STATE_ESTABLISHED;
		break;
	case SW_EV_CONNECT_FAILED:
		s->state = STATE_CLOSE;
		s->rport = 0;
		break;
	default:
		break;
	}
}

static void close_event(struct sw_inventory *inv, const struct sw_sock_event *e)
{
	struct entry *found = find(inv, e->cookie);

	if (inv->is_snapshot)
		mark_closed(inv, e->cookie);
	if (found)
		remove_sock(inv, found, false);
}

static void sock_event(struct sw_inventory *inv, const struct sw_sock_event *e)
{
	struct entry *found;
	struct sw_sock *s;
	uint32_t had;

	if (e->head.type == SW_EV_CLOSE) {
		close_event(inv, e);
		return;
	}
	if (e->head.type == SW_EV_BIND && e->ret)
		return; /* refused: nothing came of it */
	found = find_or_make(inv, e->cookie);
	if (!found)
		return;
	s = &found->s;
	if (!s->event_ns && !s->generation)
		s->since_ns = e->head.boot_ns;
	s->event_ns = e->head.boot_ns;
	s->family = e->family;
	s->protocol = e->protocol;
	s->type = e->type;
	s->uid = e->owner.uid;
	s->netns = e->owner.netns;
	take_tuple(s, e);
	had = s->is_up_told ? s->backlog : 0;
	apply(s, e);
	if (had && s->backlog != had)
		tell_anew(inv, s); /* a second listen() */
	add_owner(inv, s, &e->owner, -1);
	tell(inv, s, sw_sock_is_listener(s), false);
}

/* is_abstract: the name begins with a NUL, which is not kept. */
static void take_path(struct sw_sock *s, const char *from, size_t from_len, bool is_abstract)
{
	size_t skip = is_abstract && from_len ? 1 : 0, len = from_len - skip;
	char *path;

	s->is_abstract = skip;
	if (!from_len)
		return;
	if (!skip)
		len = strnlen(from, len); /* a path ends at its NUL, an abstract name may hold some */
	path = malloc(len + 1);
	if (!path)
		return;
	memcpy(path, from + skip, len);
	path[len] = 0;
	free(s->path);
	s->path = path;
	s->path_len = (uint16_t)len;
}

static void unix_event(struct sw_inventory *inv, const struct sw_unix_event *e)
{
	struct entry *found = find_or_make(inv, e->cookie);
	struct sw_sock *s;

	if (!found)
		return;
	s = &found->s;
	if (!s->event_ns && !s->generation)
		s->since_ns = e->head.boot_ns;
	s->event_ns = e->head.boot_ns;
	s->family = AF_UNIX;
	s->type = e->type;
	s->state = e->state;
	s->uid = e->owner.uid;
	s->netns = e->owner.netns;
	take_path(s, e->path, e->path_len, e->is_abstract);
	add_owner(inv, s, &e->owner, -1);
	tell(inv, s, sw_sock_is_listener(s), false);
}

static void exit_event(struct sw_inventory *inv, const struct sw_exit_event *e)
{
	if (sw_procs_exit(inv->procs, e))
		expect_orphans(inv);
}

void sw_inventory_event(struct sw_inventory *inv, const struct sw_event *ev)
{
	switch (ev->kind) {
	case SW_EVENT_SOCK:
		sock_event(inv, ev->sock);
		break;
	case SW_EVENT_EXEC:
		sw_procs_exec(inv->procs, ev->exec);
		break;
	case SW_EVENT_FORK:
		sw_procs_fork(inv->procs, ev->fork);
		break;
	case SW_EVENT_EXIT:
		exit_event(inv, ev->exit);
		break;
	case SW_EVENT_UNIX:
		unix_event(inv, ev->ux);
		break;
	case SW_EVENT_PKT:
	case SW_EVENT_INSPECT:
	case SW_EVENT_SENT:
		break;
	}
}

void sw_inventory_lost(struct sw_inventory *inv, uint64_t n)
{
	inv->stats.lost += n;
	inv->stats.is_complete = false;
	inv->needs_snapshot = true;
	inv->has_lost_meanwhile = true;
}

void sw_inventory_tick(struct sw_inventory *inv)
{
	struct entry *e;

	sw_procs_sweep(inv->procs);
	if (!inv->orphan_ns || sw_clock_boot_ns(inv->clock) < inv->orphan_ns)
		return;
	inv->orphan_ns = 0;
	for (e = inv->first; e; e = e->next)
		if (e->s.is_up_told && e->s.n_owners && sw_sock_is_ownerless(&e->s))
			inv->needs_snapshot = true;
}

bool sw_inventory_needs_snapshot(const struct sw_inventory *inv)
{
	return inv->needs_snapshot && !inv->is_snapshot;
}

void sw_inventory_snapshot_begin(struct sw_inventory *inv)
{
	inv->generation++;
	inv->begin_ns = sw_clock_boot_ns(inv->clock);
	inv->is_snapshot = true;
	inv->has_lost_meanwhile = false;
	inv->needs_snapshot = inv->wants_files = false;
	sw_procs_snapshot_begin(inv->procs);
}

int sw_inventory_netns(struct sw_inventory *inv, uint32_t inode, const char *name)
{
	struct netns *n;

	HASH_FIND(hh, inv->netns, &inode, sizeof(inode), n);
	if (!n) {
		n = HASH_COUNT(inv->netns) < SW_INVENTORY_NETNS_MAX ? calloc(1, sizeof(*n)) : NULL;
		if (!n)
			return -ENOSPC;
		n->inode = inode;
		HASH_ADD(hh, inv->netns, inode, sizeof(inode), n);
	}
	n->generation = inv->generation;
	sw_strcpy(n->name, sizeof(n->name), name);
	return 0;
}

/* The socket that a record of the snapshot is about, marked as seen; NULL when it was closed meanwhile. */
static struct sw_sock *seen(struct sw_inventory *inv, uint64_t cookie)
{
	struct entry *e;

	if (!cookie || is_closed(inv, cookie))
		return NULL;
	e = find_or_make(inv, cookie);
	if (!e)
		return NULL;
	e->s.generation = inv->generation;
	return &e->s;
}

/* An event since the snapshot began is newer than what the snapshot shows. */
static bool is_newer(const struct sw_inventory *inv, const struct sw_sock *s)
{
	return s->event_ns >= inv->begin_ns;
}

bool sw_it_inet_is_unheld(const struct sw_it_inet *r)
{
	return !r->inode && r->protocol == IPPROTO_TCP && r->state != STATE_ESTABLISHED &&
		r->state != STATE_CLOSE_WAIT && r->state != STATE_LISTEN;
}

static void take_inet(struct sw_inventory *inv, struct sw_sock *s, const struct sw_it_inet *r)
{
	uint32_t had;

	s->inode = r->inode;
	s->family = r->family;
	s->protocol = r->protocol;
	s->rx_queue = r->rx_queue;
	s->tx_queue = r->tx_queue;
	s->type = r->protocol == IPPROTO_UDP || r->protocol == IPPROTO_UDPLITE ? SOCK_DGRAM : SOCK_STREAM;
	s->type = r->sock_type ? r->sock_type : s->type;
	s->uid = r->uid;
	s->netns = r->netns;
	s->options = r->options;
	had = s->is_up_told ? s->backlog : 0;
	s->backlog = r->backlog;
	s->ifindex = r->ifindex;
	if (had && r->backlog && had != r->backlog)
		tell_anew(inv, s);
	if (is_newer(inv, s) && !s->is_port_pending)
		return;
	s->state = r->state;
	s->lport = r->lport;
	s->rport = r->rport;
	s->is_port_pending = false;
	memcpy(s->laddr, r->laddr, sizeof(s->laddr));
	memcpy(s->raddr, r->raddr, sizeof(s->raddr));
}

/* Descriptors have been walked: it has a file, and no process has that. */
static bool lacks_owner(const struct sw_inventory *inv, const struct sw_sock *s)
{
	return s->inode && s->owners_generation != inv->generation && !is_newer(inv, s);
}

/* Who lacks one has come meanwhile; or nobody had it the last time either, and it is in a table of io_uring's. */
static void expect_owner(struct sw_inventory *inv, const struct sw_sock *s)
{
	if (lacks_owner(inv, s) && !s->is_nobodys)
		inv->wants_files = true;
}

bool sw_inventory_wants_files(const struct sw_inventory *inv)
{
	return inv->wants_files;
}

void sw_inventory_inet(struct sw_inventory *inv, const struct sw_it_inet *r)
{
	struct sw_sock *s = sw_it_inet_is_unheld(r) ? NULL : seen(inv, r->cookie);

	if (!s)
		return;
	take_inet(inv, s, r);
	expect_owner(inv, s);
}

void sw_inventory_unix(struct sw_inventory *inv, const struct sw_it_unix *r)
{
	struct sw_sock *s = seen(inv, r->cookie);

	if (!s)
		return;
	s->inode = r->inode;
	s->family = AF_UNIX;
	s->type = (uint8_t)r->sock_type;
	s->uid = r->uid;
	s->netns = r->netns;
	s->state = r->state;
	s->peer_inode = r->peer_inode;
	s->is_port_pending = false;
	take_path(s, r->path, r->path_len, r->is_abstract);
	expect_owner(inv, s);
}

/* Families whose sockets are kept. */
static bool is_kept(uint16_t family)
{
	return family == AF_INET || family == AF_INET6 || family == AF_UNIX || family == AF_PACKET ||
	       family == AF_NETLINK;
}

/* A process has it; those of the snapshot before are forgotten at the first one of this. */
static void take_owner(struct sw_inventory *inv, struct sw_sock *s, const struct sw_owner *o, uint32_t fd)
{
	if (s->owners_generation != inv->generation) {
		s->owners_generation = inv->generation;
		if (!is_newer(inv, s))
			drop_owners(inv, s);
	}
	add_owner(inv, s, o, (int32_t)fd);
}

void sw_inventory_held(struct sw_inventory *inv, const struct sw_it_held *r)
{
	struct sw_sock *s = seen(inv, r->inet.cookie);

	if (!s)
		return;
	take_inet(inv, s, &r->inet);
	take_owner(inv, s, &r->owner, r->fd);
}

void sw_inventory_file(struct sw_inventory *inv, const struct sw_it_file *r)
{
	struct sw_sock *s = is_kept(r->family) ? seen(inv, r->cookie) : NULL;

	if (!s)
		return;
	if (!s->family) { /* no iterator shows it: raw, packet, or not bound */
		s->family = r->family;
		s->protocol = r->protocol;
		s->type = (uint8_t)r->sock_type;
		s->state = r->state;
		s->netns = r->netns;
		s->uid = r->owner.uid;
		s->is_port_pending = r->family == AF_UNIX; /* made after its iterator had passed */
	}
	s->type = (uint8_t)r->sock_type;
	s->inode = r->inode;
	take_owner(inv, s, &r->owner, r->fd);
}

void sw_inventory_task(struct sw_inventory *inv, const struct sw_it_task *r)
{
	sw_procs_task(inv->procs, r);
}

static bool was_covered(struct sw_inventory *inv, uint32_t inode)
{
	struct netns *n;

	HASH_FIND(hh, inv->netns, &inode, sizeof(inode), n);
	return n && n->generation == inv->generation;
}

/* One socket after a whole snapshot. */
static void settle(struct sw_inventory *inv, struct entry *e)
{
	struct sw_sock *s = &e->s;

	if (s->generation != inv->generation && !is_newer(inv, s)) {
		/*
		 * A namespace that none of the iterators entered may be gone, or be another's: keep
		 * what it has only if it is covered later.
		 */
		if (was_covered(inv, s->netns) || !s->n_owners || sw_sock_is_ownerless(s))
			remove_sock(inv, e, true);
		return;
	}
	/* In io_uring's own table, or a descriptor in flight. */
	s->is_nobodys = s->generation == inv->generation && lacks_owner(inv, s);
	if (s->is_nobodys && s->n_owners) {
		drop_owners(inv, s);
		tell_anew(inv, s);
	}
	tell(inv, s, sw_sock_is_listener(s), true);
}

static void drop_netns(struct sw_inventory *inv)
{
	struct netns *n, *next;

	HASH_ITER(hh, inv->netns, n, next) {
		if (n->generation == inv->generation)
			continue;
		HASH_DEL(inv->netns, n);
		free(n);
	}
}

void sw_inventory_snapshot_end(struct sw_inventory *inv, bool is_whole)
{
	struct entry *e, *next;

	if (!inv->is_snapshot)
		return;
	inv->is_snapshot = false;
	bury_tombstones(inv);
	if (!is_whole) {
		inv->needs_snapshot = true;
		inv->stats.is_complete = false;
		return;
	}
	sw_procs_snapshot_end(inv->procs);
	for (e = inv->first; e; e = next) {
		next = e->next;
		settle(inv, e);
	}
	drop_netns(inv);
	inv->is_first = false;
	inv->stats.resyncs++;
	inv->stats.is_complete = !inv->has_lost_meanwhile;
	inv->needs_snapshot = inv->has_lost_meanwhile;
}

int sw_inventory_each(struct sw_inventory *inv, int (*fn)(const struct sw_sock *s, void *arg), void *arg)
{
	struct entry *e, *next;
	int r;

	for (e = inv->first; e; e = next) {
		next = e->next;
		r = fn(&e->s, arg);
		if (r < 0)
			return r;
	}
	return 0;
}

const struct sw_sock *sw_inventory_find(struct sw_inventory *inv, uint64_t cookie)
{
	struct entry *e = find(inv, cookie);

	return e ? &e->s : NULL;
}

struct sw_inventory_stats sw_inventory_stats(const struct sw_inventory *inv)
{
	struct sw_inventory_stats st = inv->stats;

	st.sockets = inv->by_cookie.n;
	return st;
}

struct sw_procs *sw_inventory_procs(const struct sw_inventory *inv)
{
	return inv->procs;
}

void sw_inventory_set_host_netns(struct sw_inventory *inv, uint32_t inode)
{
	inv->host_netns = inode;
}

const char *sw_inventory_netns_name(const struct sw_inventory *inv, uint32_t inode)
{
	struct netns *n;

	if (inode == inv->host_netns)
		return "";
	HASH_FIND(hh, inv->netns, &inode, sizeof(inode), n);
	return n && *n->name ? n->name : SW_NETNS_UNNAMED;
}
