// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/nft.h"

#include <libmnl/libmnl.h>

#include "user/base/cidr.h"
#include "user/base/log.h"
#include "user/guard/geo.h"
#include "user/guard/nft_load.h"

enum {
	LENGTHS = 129, /* prefix lengths of IPv6 */
	SLACK_MS = 2000, /* ends that differ by less are the same: both sides count in ticks */
	FAMILIES = 2,
	/* of one transaction: in a larger one the kernel's hash grows behind what comes in */
	CHUNK = 4096,
	AT_ONCE_MS = 20, /* of putting in what may come in by parts: what is small is in force at once */
};

struct elems {
	struct sw_nft_elem *at;
	size_t n, cap;
	bool is_failed;
};

struct sw_nft {
	struct sw_clock clock;
	const struct sw_maps *maps;
	struct sw_loop *loop;
	struct mnl_socket *socket, *events; /* NULL until wanted */
	struct sw_source *event_source, *check, *part;
	struct sw_gate_ctl ctl;
	uint32_t seq;
	bool is_wanted, has_table;
	bool has_bare, is_fallback; /* a device has no packet program; it is wanted for that alone */
	bool is_told; /* of the devices */
	bool is_adopting; /* there was a guard before */
	__u32 backends; /* that the configuration names: a set of 1 << enum sw_backend_id */
	bool is_suspect; /* somebody changed what cannot be compared: it is made anew */
	struct sw_nft_load load;
	bool has_set[SW_NFT_KINDS][FAMILIES][LENGTHS];
	struct sw_guard_backend facts;
};

static bool is_in_use(const struct sw_nft *n)
{
	return n->is_wanted && n->ctl.mode != SW_MODE_OFF;
}

static bool can_change(const struct sw_nft *n)
{
	return is_in_use(n) && n->has_table; /* else a check is due, which reads the maps */
}

static bool *set_of(struct sw_nft *n, enum sw_nft_kind kind, const struct sw_net *net)
{
	return &n->has_set[kind][net->family == SW_AF_IP6][SW_MIN(net->plen, LENGTHS - 1)];
}

/* ---- lists of elements, grouped by the set they belong to */

static void add(struct elems *l, const struct sw_nft_elem *e)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 1024;
		struct sw_nft_elem *more =
			l->is_failed ? NULL : realloc(l->at, cap * sizeof(*more));

		if (!more) {
			l->is_failed = true;
			return;
		}
		l->at = more;
		l->cap = cap;
	}
	l->at[l->n++] = *e;
}

static void elems_done(struct elems *l)
{
	free(l->at);
}
#define _elems_ _cleanup_(elems_done)

static int by_set(const void *a, const void *b)
{
	const struct sw_net *x = &((const struct sw_nft_elem *)a)->net,
			    *y = &((const struct sw_nft_elem *)b)->net;

	return memcmp(x, y, sizeof(*x)); /* family, length, address: as they lie in the struct */
}

static void sort(struct elems *l)
{
	if (l->n)
		qsort(l->at, l->n, sizeof(*l->at), by_set);
}

static bool is_same_set(const struct sw_net *a, const struct sw_net *b)
{
	return a->family == b->family && a->plen == b->plen;
}

/* Calls fn for each run of one set. */
static void each_set(const struct elems *l,
	void (*fn)(const struct sw_nft_elem *e, size_t n, void *arg), void *arg)
{
	for (size_t i = 0, end; i < l->n; i = end) {
		for (end = i + 1; end < l->n && is_same_set(&l->at[i].net, &l->at[end].net);)
			end++;
		fn(&l->at[i], end - i, arg);
	}
}

struct work {
	struct sw_nft *nft;
	struct sw_nft_batch *batch;
	enum sw_nft_kind kind;
	bool is_fresh;
	int error;
};

static void put_run(const struct sw_nft_elem *e, size_t n, void *arg)
{
	struct work *w = arg;
	bool *has = set_of(w->nft, w->kind, &e->net);

	if (!*has)
		sw_nft_put_set(w->batch, w->kind, e->net.family, e->net.plen);
	*has = true;
	for (size_t i = 0; i < n && w->error >= 0; i += CHUNK) {
		size_t count = SW_MIN(n - i, (size_t)CHUNK);

		sw_nft_put_elems(w->batch, w->kind, e + i, count, w->is_fresh);
		if (count < CHUNK)
			continue;
		w->error = sw_nft_commit(w->batch, w->nft->socket, &w->nft->seq);
		sw_nft_begin(w->batch, &w->nft->seq);
	}
}

static void del_run(const struct sw_nft_elem *e, size_t n, void *arg)
{
	struct work *w = arg;

	if (*set_of(w->nft, w->kind, &e->net))
		sw_nft_del_elems(w->batch, w->kind, e, n);
}

/* ---- the time */

static uint64_t now_ns(const struct sw_nft *n)
{
	return sw_clock_boot_ns(&n->clock) + n->ctl.clock_offset_ns;
}

/* false: it is over already. */
static bool left_until(const struct sw_nft *n, uint64_t until_ns, uint64_t *ret_ms)
{
	uint64_t now = now_ns(n);

	if (until_ns && until_ns <= now)
		return false;
	*ret_ms = until_ns ? SW_MAX((until_ns - now) / SW_MSEC_NS, (uint64_t)1) : 0;
	return true;
}

static bool is_armed(const struct sw_nft *n, uint64_t *ret_left_ms)
{
	return n->ctl.mode == SW_MODE_ENFORCE &&
		left_until(n, n->ctl.enforce_until_ns, ret_left_ms);
}

/* ---- what should be, what is */

struct collect {
	struct sw_nft *nft;
	struct elems *to;
};

static int want_ban(const struct sw_net *net, void *arg)
{
	struct collect *c = arg;
	struct sw_nft_elem e = {.net = *net};
	struct sw_ban_val val;

	if (sw_maps_ban_get(c->nft->maps, net, &val) >= 0 &&
		left_until(c->nft, val.until_ns, &e.left_ms))
		add(c->to, &e);
	return 0;
}

static int want_allow(const struct sw_net *net, __u32 origins, void *arg)
{
	struct collect *c = arg;
	const struct sw_nft_elem e = {.net = *net};

	if (origins)
		add(c->to, &e);
	return 0;
}

static int have_elem(const struct sw_nft_elem *e, void *arg)
{
	add(arg, e);
	return 0;
}

/* Which of the rules that should be there were seen, how often. */
struct rules {
	struct sw_nft *nft;
	unsigned int base_at, n_base;
	unsigned int found[SW_NFT_KINDS][FAMILIES][LENGTHS][2];
	bool is_foreign;
};

static bool is_set_rule(struct rules *r, const char *chain, const char *tag)
{
	char name[SW_NFT_NAME_MAX], chain_name[SW_NFT_NAME_MAX];
	enum sw_nft_kind kind = strncmp(tag, "ban", 3) == 0 ? SW_NFT_BAN : SW_NFT_ALLOW;
	unsigned int family = 0, plen = 0;

	if (sscanf(tag, kind == SW_NFT_BAN ? "ban%1u_%3u" : "allow%1u_%3u", &family, &plen) != 2 ||
		(family != SW_AF_IP4 && family != SW_AF_IP6) || plen >= LENGTHS ||
		!sw_streq(sw_nft_set_name(name, kind, family, plen), tag))
		return false;
	for (int to = 0; to < 2; to++) {
		if (sw_streq(sw_nft_chain_name(chain_name, kind, family, to), chain))
			return ++r->found[kind][family == SW_AF_IP6][plen][to] == 1;
	}
	return false;
}

static int on_rule(const struct sw_nft_rule_seen *rule, void *arg)
{
	struct rules *r = arg;
	const struct sw_nft_rule_name *base = &sw_nft_base_rules[r->base_at];

	if (base->chain && sw_streq(base->chain, rule->chain) && sw_streq(base->tag, rule->tag))
		r->base_at++;
	else if (!sw_nft_load_note(&r->nft->load, rule) && !is_set_rule(r, rule->chain, rule->tag))
		r->is_foreign = true;
	return 0;
}

/* 1 the table is ours and whole (has_set says what is in it), 0 it must be made anew. */
static int look_at_table(struct sw_nft *n)
{
	_free_ struct rules *r = calloc(1, sizeof(*r));
	int found = sw_nft_is_table(n->socket, &n->seq);

	memset(n->has_set, 0, sizeof(n->has_set));
	sw_nft_load_look(&n->load);
	if (found <= 0 || !r)
		return r ? found : -ENOMEM;
	r->nft = n;
	found = sw_nft_each_rule(n->socket, &n->seq, on_rule, r);
	if (found < 0)
		return found;
	for (size_t i = 0; i < SW_NFT_KINDS * FAMILIES * LENGTHS; i++) {
		const unsigned int *both = &r->found[0][0][0][0] + 2 * i;

		r->is_foreign |= both[0] != both[1];
		(&n->has_set[0][0][0])[i] = both[0];
	}
	if (!r->is_foreign && !sw_nft_base_rules[r->base_at].chain)
		return 1;
	memset(n->has_set, 0, sizeof(n->has_set));
	return 0;
}

struct read_sets {
	struct sw_nft *nft;
	enum sw_nft_kind kind;
	struct elems *to;
	int error;
};

static void read_run(const struct sw_nft_elem *e, size_t n, void *arg)
{
	struct read_sets *r = arg;

	if (*set_of(r->nft, r->kind, &e->net) && r->error >= 0)
		r->error = sw_nft_find_elems(
			r->nft->socket, &r->nft->seq, r->kind, e, n, have_elem, r->to);
}

static bool is_same_end(const struct sw_nft_elem *a, const struct sw_nft_elem *b)
{
	if (!a->left_ms || !b->left_ms)
		return a->left_ms == b->left_ms;
	return (a->left_ms > b->left_ms ? a->left_ms - b->left_ms : b->left_ms - a->left_ms) <
		SLACK_MS;
}

struct difference {
	struct elems missing, other;
};

static void difference_done(struct difference *d)
{
	elems_done(&d->missing);
	elems_done(&d->other);
}

/* have is of want: only what is wanted was asked for. want is sorted. */
static void compare(const struct elems *want, struct elems *have, struct difference *ret)
{
	size_t i = 0, k = 0;

	sort(have);
	for (; i < want->n; i++) {
		if (k == have->n || by_set(&want->at[i], &have->at[k]) != 0)
			add(&ret->missing, &want->at[i]);
		else if (!is_same_end(&want->at[i], &have->at[k++]))
			add(&ret->other, &want->at[i]);
	}
}

/* Adds what puts the sets of one kind right; how many elements that are, negative on failure. */
static int put_right(struct sw_nft *n, enum sw_nft_kind kind, struct sw_nft_batch *b, bool is_new)
{
	_elems_ struct elems want = {}, have = {};
	_cleanup_(difference_done) struct difference d = {};
	struct collect c = {.nft = n, .to = &want};
	struct work w = {.nft = n, .batch = b, .kind = kind};
	struct read_sets reading = {.nft = n, .kind = kind, .to = &have};
	int r = kind == SW_NFT_BAN ? sw_maps_ban_each(n->maps, want_ban, &c)
				   : sw_maps_allow_each(n->maps, want_allow, &c);

	sort(&want);
	if (r >= 0 && !is_new) {
		each_set(&want, read_run, &reading);
		r = reading.error;
	}
	if (r < 0)
		return r;
	compare(&want, &have, &d);
	if (want.is_failed || have.is_failed || d.missing.is_failed || d.other.is_failed)
		return -ENOMEM;
	each_set(&d.other, put_run, &w);
	w.is_fresh = true;
	each_set(&d.missing, put_run, &w);
	if (kind == SW_NFT_BAN)
		n->facts.entries = (__u32)want.n;
	return w.error < 0 ? w.error : (int)(d.other.n + d.missing.n);
}

static int put_right_armed(struct sw_nft *n, struct sw_nft_batch *b, bool is_new)
{
	struct sw_nft_elem want = {}, have = {};
	bool is_on = is_armed(n, &want.left_ms);
	int r = is_new ? 0 : sw_nft_get_armed(n->socket, &n->seq, &have.left_ms);

	if (r < 0 || (!is_new && r == is_on && (!is_on || is_same_end(&want, &have))))
		return SW_MIN(r, 0);
	sw_nft_put_armed(b, is_on, want.left_ms);
	return 1;
}

/* Trails and rules over countries that are due, for so long; what is left then is the timer's. 0 or -errno. */
static int go_on(struct sw_nft *n, uint64_t max_ms)
{
	uint64_t end = sw_clock_boot_ns(&n->clock) + max_ms * SW_MSEC_NS;
	int r;

	do {
		r = sw_nft_load_step(&n->load, n->socket, &n->seq);
	} while (r > 0 && sw_clock_boot_ns(&n->clock) < end);
	return r > 0 ? sw_source_set_timer(n->part, 1, 0) : r;
}

/* ---- putting it right */

static void note_error(struct sw_nft *n, int error, const char *what)
{
	if (error >= 0) {
		if (n->facts.error)
			sw_log_notice("nftables: works again");
		n->facts.error = 0;
		return;
	}
	if (n->facts.error != error)
		sw_log_err(error, "nftables: %s; tried again every %d s", what, SW_NFT_RETRY_SEC);
	n->facts.error = error;
	snprintf(n->facts.why, sizeof(n->facts.why), "%s: %s", what,
		error == -EOPNOTSUPP || error == -EPROTONOSUPPORT ? "this kernel has no nf_tables"
								  : strerror(-error));
	sw_source_set_timer(n->check, SW_NFT_RETRY_SEC * SW_SEC_NS, 0);
}

/* Elements put right, or negative; *ret_made: the table was made anew. */
static int reconcile(struct sw_nft *n, bool *ret_made)
{
	struct sw_nft_batch b;
	int whole = look_at_table(n), allows, bans, armed, r;

	if (whole < 0)
		return whole;
	if (n->is_suspect)
		memset(n->has_set, 0, sizeof(n->has_set));
	whole = whole && !n->is_suspect;
	*ret_made = !whole;
	if (!whole)
		sw_nft_load_forget(&n->load);
	sw_nft_begin(&b, &n->seq);
	if (!whole)
		sw_nft_put_table(&b);
	n->seq += SW_NFT_READ_SEQ; /* what is read meanwhile has numbers of its own */
	allows = put_right(n, SW_NFT_ALLOW, &b, !whole);
	bans = allows < 0 ? allows : put_right(n, SW_NFT_BAN, &b, !whole);
	armed = bans < 0 ? bans : put_right_armed(n, &b, !whole);
	if (armed < 0) {
		free(b.buf);
		n->has_table = false;
		return armed;
	}
	r = sw_nft_commit(&b, n->socket, &n->seq);
	n->has_table = r >= 0;
	n->is_suspect = r < 0;
	if (r >= 0)
		r = go_on(n, AT_ONCE_MS);
	return r < 0 ? r : allows + bans + armed;
}

static int take_away(struct sw_nft *n)
{
	struct sw_nft_batch b;

	sw_nft_begin(&b, &n->seq);
	sw_nft_put_no_table(&b);
	n->has_table = false;
	n->facts.entries = 0;
	sw_nft_load_forget(&n->load);
	return sw_nft_commit(&b, n->socket, &n->seq);
}

/* A table that is gone is made anew by the check, and these with it. */
static void note_parts(struct sw_nft *n, int r)
{
	bool is_other = r == -ENOENT || r == -EBUSY || r == -EEXIST;

	if (!is_other) {
		note_error(n, r, "trails and rules over countries cannot be put in force");
		return;
	}
	n->is_suspect = true;
	n->has_table = false; /* known again after the check */
	sw_source_set_timer(n->check, SW_NFT_SETTLE_MS * SW_MSEC_NS, 0);
}

/* Others are served between two parts. */
static int on_part(struct sw_source *s, void *arg)
{
	struct sw_nft *n = arg;

	if (can_change(n))
		note_parts(n, go_on(n, 0));
	return 0;
}

static void say_repaired(struct sw_nft *n, bool was_made, int count)
{
	n->facts.repairs++;
	if (was_made)
		snprintf(n->facts.why, sizeof(n->facts.why),
			"table inet " SW_NFT_TABLE
			" was removed or changed by somebody else; put back with %u bans",
			n->facts.entries);
	else
		snprintf(n->facts.why, sizeof(n->facts.why),
			"somebody else changed table inet " SW_NFT_TABLE "; %d entries put right",
			count);
	sw_log_warning(0, "nftables: %s", n->facts.why);
}

static int on_check(struct sw_source *s, void *arg)
{
	struct sw_nft *n = arg;
	bool had_error = n->facts.error, was_made = false;
	int r = is_in_use(n) ? reconcile(n, &was_made) : take_away(n);

	note_error(n, r, "the table cannot be put right");
	if (is_in_use(n) && !had_error && r > 0)
		say_repaired(n, was_made, r);
	return 0;
}

static int on_event(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct sw_nft *n = arg;

	enum sw_nft_event event = sw_nft_read_events(n->events);

	n->is_suspect |= event == SW_NFT_EV_SUSPECT;
	if (event && is_in_use(n))
		sw_source_set_timer(n->check, SW_NFT_SETTLE_MS * SW_MSEC_NS, 0);
	return 0;
}

/* ---- what the guard calls */

int sw_nft_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	bool is_adopting, struct sw_nft **ret)
{
	_cleanup_(sw_nft_freep) struct sw_nft *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->clock = *clock;
	n->maps = maps;
	n->loop = l;
	n->seq = 1;
	n->is_suspect = !is_adopting;
	n->is_adopting = is_adopting;
	n->load = (struct sw_nft_load){
		.maps = maps, .is_geo_due = true, .is_trails_due = true, .geo_id = sw_geo_in_force(maps).id};
	r = sw_loop_add_timer(l, 0, 0, on_check, n, &n->check);
	if (r >= 0)
		r = sw_loop_add_timer(l, 0, 0, on_part, n, &n->part);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(n);
	return 0;
}

void sw_nft_free(struct sw_nft *n)
{
	if (!n)
		return;
	sw_source_free(n->event_source);
	sw_source_free(n->check);
	sw_source_free(n->part);
	sw_nft_load_done(&n->load);
	if (n->events)
		mnl_socket_close(n->events);
	if (n->socket)
		mnl_socket_close(n->socket);
	free(n);
}

void sw_nft_freep(struct sw_nft **n)
{
	sw_nft_free(*n);
}

static int open_sockets(struct sw_nft *n)
{
	uint32_t portid = 0;
	int r;

	if (n->event_source)
		return 0;
	r = n->socket ? 0 : sw_nft_open(&n->socket, &portid);
	if (r >= 0 && !n->events)
		r = sw_nft_open_events(mnl_socket_get_portid(n->socket), &n->events);
	if (r >= 0)
		r = sw_loop_add_fd(n->loop, mnl_socket_get_fd(n->events), EPOLLIN, on_event, n,
			&n->event_source);
	return r;
}

/* As the configuration, the mode and the devices are. */
static void apply(struct sw_nft *n)
{
	bool had = n->is_wanted, was_made = false, is_fallback = !n->backends && n->has_bare;
	int r;

	if (is_fallback && !n->is_fallback)
		sw_log_notice("nftables: used for devices that have no packet program (bans.backends does not say otherwise)");
	n->is_fallback = is_fallback;
	n->is_wanted = is_fallback || n->backends & 1U << SW_BACKEND_NFTABLES;
	n->facts.is_on = n->is_wanted;
	if (!n->is_wanted && !had && !n->has_table)
		return;
	r = open_sockets(n);
	if (r >= 0)
		r = is_in_use(n) ? reconcile(n, &was_made) : take_away(n);
	note_error(n, r, "the table cannot be made");
	if (r >= 0 && is_in_use(n) && !had)
		sw_log_info("nftables: table inet " SW_NFT_TABLE " %s, %u bans",
			was_made ? "is made" : "was there and is taken over", n->facts.entries);
}

void sw_nft_configure(struct sw_nft *n, const struct sw_config *c, const struct sw_gate_ctl *ctl)
{
	bool is_out_dropped = c->egress == SW_EGRESS_DROP;

	n->backends = c->ban_backends;
	n->ctl = *ctl;
	if (is_out_dropped != n->load.is_out_dropped) {
		n->load.is_out_dropped = is_out_dropped;
		sw_nft_load_geo(&n->load);
		sw_nft_load_trails(&n->load);
	}
	apply(n);
}

/* A guard before may have left a table that nobody wants now. Asked only then: the question loads nf_tables. */
static void take_leftover(struct sw_nft *n)
{
	if (n->is_wanted || !n->is_adopting || open_sockets(n) < 0 ||
		sw_nft_is_table(n->socket, &n->seq) <= 0)
		return;
	if (take_away(n) >= 0)
		sw_log_notice("nftables: table inet " SW_NFT_TABLE " of a guard before is taken away");
}

void sw_nft_bare(struct sw_nft *n, bool has_bare)
{
	if (has_bare != n->has_bare) {
		n->has_bare = has_bare;
		apply(n);
	}
	if (!n->is_told)
		take_leftover(n);
	n->is_told = true;
}

static void commit(struct sw_nft *n, struct sw_nft_batch *b, const char *what)
{
	int r = sw_nft_commit(b, n->socket, &n->seq);

	if (r == -ENOENT) /* flushed a moment ago: the check says so and puts all of it back */
		sw_source_set_timer(n->check, SW_NFT_SETTLE_MS * SW_MSEC_NS, 0);
	else
		note_error(n, r, what);
	if (r >= 0)
		return;
	memset(n->has_set, 0, sizeof(n->has_set)); /* known again after the check */
	n->has_table = false;
}

void sw_nft_put(struct sw_nft *n, const struct sw_guard_ban *bans, size_t count, bool is_fresh)
{
	_elems_ struct elems l = {}, over = {};
	struct sw_nft_batch b;
	struct work w = {.nft = n, .batch = &b, .kind = SW_NFT_BAN, .is_fresh = is_fresh};

	if (!can_change(n) || !count)
		return;
	for (size_t i = 0; i < count; i++) {
		struct sw_nft_elem e = {.net = bans[i].net};
		bool is_running = left_until(n, bans[i].until_ns, &e.left_ms);

		add(is_running ? &l : &over, &e);
	}
	sort(&l);
	sort(&over);
	sw_nft_begin(&b, &n->seq);
	each_set(&l, put_run, &w);
	each_set(&over, del_run, &w);
	b.is_failed |= l.is_failed || over.is_failed;
	n->facts.entries += is_fresh ? (__u32)l.n : 0;
	commit(n, &b, "bans cannot be put in force");
}

void sw_nft_del(struct sw_nft *n, const struct sw_guard_ban *bans, size_t count)
{
	_elems_ struct elems l = {};
	struct sw_nft_batch b;
	struct work w = {.nft = n, .batch = &b, .kind = SW_NFT_BAN};

	if (!can_change(n) || !count)
		return;
	for (size_t i = 0; i < count; i++)
		add(&l, &(struct sw_nft_elem){.net = bans[i].net});
	sort(&l);
	sw_nft_begin(&b, &n->seq);
	each_set(&l, del_run, &w);
	b.is_failed |= l.is_failed;
	n->facts.entries -= SW_MIN(n->facts.entries, (__u32)count);
	commit(n, &b, "bans cannot be taken out");
}

void sw_nft_allow(struct sw_nft *n, const struct sw_guard_allow *allows, size_t count)
{
	_elems_ struct elems put = {}, del = {};
	struct sw_nft_batch b;
	struct work w = {.nft = n, .batch = &b, .kind = SW_NFT_ALLOW};

	if (!can_change(n) || !count)
		return;
	for (size_t i = 0; i < count; i++)
		add(allows[i].origins ? &put : &del, &(struct sw_nft_elem){.net = allows[i].net});
	sort(&put);
	sort(&del);
	sw_nft_begin(&b, &n->seq);
	each_set(&put, put_run, &w);
	each_set(&del, del_run, &w);
	b.is_failed |= put.is_failed || del.is_failed;
	commit(n, &b, "the allow list cannot be put in force");
}

void sw_nft_geo(struct sw_nft *n)
{
	sw_nft_load_geo(&n->load);
	if (can_change(n))
		note_parts(n, go_on(n, AT_ONCE_MS));
}

void sw_nft_trails(struct sw_nft *n)
{
	sw_nft_load_trails(&n->load);
	if (can_change(n))
		note_parts(n, go_on(n, AT_ONCE_MS));
}

void sw_nft_status(struct sw_nft *n, struct sw_guard_backend *ret, struct sw_guard_nft *ret_more)
{
	*ret = n->facts;
	if (!can_change(n))
		return;
	sw_nft_load_status(&n->load, n->socket, &n->seq, ret_more);
	ret_more->is_fallback = n->is_fallback;
}

enum sw_verdict_state sw_nft_verdict(struct sw_nft *n, const struct sw_net *net, __u64 *ret_hits)
{
	struct sw_nft_elem e = {.net = *net};

	if (!n->is_wanted)
		return 0;
	if (!n->has_table || sw_nft_get_elem(n->socket, &n->seq, SW_NFT_BAN, &e) <= 0)
		return SW_VERDICT_FAILED;
	*ret_hits = e.hits;
	return SW_VERDICT_INSTALLED;
}

void sw_nft_remove(struct sw_nft *n)
{
	if (n->socket)
		take_away(n);
}
