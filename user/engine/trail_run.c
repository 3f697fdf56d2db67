// SPDX-License-Identifier: GPL-3.0-or-later
/* What an operation on the trail lists does in its thread: it touches its own struct and the lists it was shown. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "user/base/country.h"
#include "user/engine/trails.h"
#include "user/trail/mmdb.h"
#include "user/trail/times.h"
#include "user/trail/static_hash.h"
#include "user/trail/static_read.h"

#define COMPILED "compiled.swsc" /* beside the lists, STATE/trails */
enum { FRESH_SEC = 2 };

static void fail(struct sw_trail_op *op, int error, const char *fmt, ...) _printf_(3, 4);
static void fail(struct sw_trail_op *op, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(op->text, sizeof(op->text), fmt, ap);
	va_end(ap);
	op->result = error;
}

static void take_loaded(const char *name, struct sw_trail_list *l, const char *why, void *arg)
{
	struct sw_trail_op *op = arg;
	size_t used = strlen(op->corrupt);

	if (l && op->n_loaded < SW_TRAIL_SETS_MAX) {
		op->loaded[op->n_loaded++] = l;
		return;
	}
	snprintf(op->corrupt + used, sizeof(op->corrupt) - used, "%s%s: %s", used ? "; " : "", name,
		l ? "more lists than one image holds" : why);
	sw_trail_list_free(l);
}

static void load(struct sw_trail_op *op)
{
	int r;

	op->loaded = calloc(SW_TRAIL_SETS_MAX, sizeof(*op->loaded));
	if (!op->loaded) {
		fail(op, -ENOMEM, "out of memory");
		return;
	}
	r = op->dirfd < 0 ? 0 : sw_trail_list_load_all(op->dirfd, take_loaded, op);
	if (r < 0)
		fail(op, r, "cannot read the saved lists: %s", strerror(-r));
}

/* A text must be a file: reading a pipe would wait for as long as somebody likes. */
static int open_text(struct sw_trail_op *op)
{
	struct stat st;

	if (op->fd < 0)
		op->fd = open(op->slot.origin, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (op->fd < 0 || fstat(op->fd, &st) < 0) {
		fail(op, -errno, "cannot be read by uid %u: %s", getuid(), strerror(errno));
		return op->result;
	}
	if (!S_ISREG(st.st_mode)) {
		fail(op, -EINVAL, "not a regular file");
		return op->result;
	}
	lseek(op->fd, 0, SEEK_SET);
	return 0;
}

/*
 * Files and directories that are as they were when their list was made are not read again. One that
 * changed just now may change once more within a tick of the file system's clock.
 */
static uint64_t key_of(const struct sw_trail_op *op)
{
	uint64_t key;

	if (op->fd >= 0 || sw_static_fingerprint(op->slot.origin, &key) < 0)
		return 0;
	return sw_mix64(key, (uint64_t)op->slot.action + 1) | 1;
}

static bool is_fresh(const char *path, int64_t wall_sec)
{
	struct stat st;

	return stat(path, &st) == 0 && wall_sec - st.st_ctim.tv_sec < FRESH_SEC;
}

/* Takes the parser over. result: of the reading. */
static void make_list(struct sw_trail_op *op, struct sw_trail_parser *p, int result, uint64_t key)
{
	_close_ int fd = -1;
	const char *why = "";
	int r;

	if (p)
		op->report = *sw_trail_parser_report(p);
	if (result < 0) {
		fail(op, result, "%s", op->report.text[0] ? op->report.text : strerror(-result));
		return;
	}
	if (!is_fresh(op->slot.origin, op->wall_sec))
		sw_trail_parser_set_key(p, key);
	fd = sw_trail_list_build(p, op->slot.name, op->slot.origin, op->slot.action, op->wall_sec);
	r = fd < 0 ? fd : sw_trail_list_open(fd, &op->slot.list, &why);
	if (r < 0)
		fail(op, r, "cannot make a list of it: %s", strerror(-r));
}

/* The networks of "country:CN" or "asn:64500" in the database at the slot's origin. */
static int read_database(struct sw_trail_op *op, struct sw_trail_parser **ret)
{
	_cleanup_(sw_mmdb_freep) struct sw_mmdb *m = NULL;
	bool is_asn = !strncmp(op->slot.name, "asn:", 4);
	const char *of = strchr(op->slot.name, ':') + 1, *why = "";
	int64_t n = sw_mmdb_open(op->slot.origin, &m, &why);

	if (n < 0) {
		fail(op, (int)n, "%s cannot be read by uid %u: %s", op->slot.origin, getuid(), why);
		return (int)n;
	}
	n = sw_trail_parser_new(&op->rules, ret);
	if (!n)
		n = sw_mmdb_walk(m, is_asn ? SW_MMDB_ASN : SW_MMDB_COUNTRY,
			is_asn ? sw_asn_parse(of) : sw_country_parse(of), *ret, &why);
	if (n < 0 && *why)
		fail(op, (int)n, "%s: %s", op->slot.origin, why);
	if (!n) {
		n = -ENODATA;
		fail(op, (int)n, "%s holds no network of it", op->slot.origin);
	}
	return n < 0 ? (int)n : 0;
}

static void read_text(struct sw_trail_op *op)
{
	_cleanup_(sw_trail_parser_freep) struct sw_trail_parser *p = NULL;
	uint64_t key = key_of(op);
	int r;

	if (key && op->old && op->old->view.head->key == key) {
		op->is_unchanged = true;
		return;
	}
	if (op->slot.kind == SW_TRAIL_KIND_DIRECTORY) {
		r = sw_trail_directory_read(op->slot.origin, &op->rules, &p);
	} else if (op->slot.kind == SW_TRAIL_KIND_COUNTRY) {
		r = read_database(op, &p);
		if (r < 0 && op->result)
			return;
	} else {
		if (open_text(op) < 0)
			return;
		r = sw_trail_parse_fd(&op->rules, op->fd, SW_TRAIL_TEXT_MAX, &p);
	}
	make_list(op, p, r, key);
}

/* What sockwarden-net brings was parsed from what a stranger wrote: it is held to the rules again. */
static bool keeps_rules(struct sw_trail_op *op, const struct sw_trail_list *l)
{
	size_t n = sw_trail_list_count(l);
	char text[SW_NET_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		const struct sw_trail_entry *e = &l->view.entries4[i];
		unsigned int floor =
			e->net.family == SW_AF_IP4 ? op->rules.min_plen4 : op->rules.min_plen6;

		if (e->net.plen < floor) {
			fail(op, -EBADMSG, "line %u: %s is wider than /%u", e->line,
				sw_cidr_format(text, &e->net), floor);
			return false;
		}
		if (e->action != op->slot.action) {
			fail(op, -EBADMSG,
				"it asks for another action than the configuration says");
			return false;
		}
	}
	for (size_t i = 0; i < l->view.n_ports; i++) {
		if (l->view.ports[i].action != op->slot.action) {
			fail(op, -EBADMSG, "a port with another action than the list's");
			return false;
		}
	}
	return true;
}

static bool may_be_allowed(struct sw_trail_op *op, const struct sw_trail_list *l)
{
	size_t n = sw_trail_list_count(l);
	char why[160];

	if (!op->is_allow)
		return true;
	if (l->view.n_text || l->view.n_ports)
		fail(op, -EBADMSG, "it holds more than networks, and its action is allow");
	else if (sw_feed_judge_allow(&l->view, op->is_own, why, sizeof(why)) < 0)
		fail(op, -ERANGE, "%s", why);
	else if (n > op->allow_room)
		fail(op, -ERANGE, "%zu networks, and there is room for %zu: all feeds together may allow %d", n,
			op->allow_room, SW_ALLOW_FEEDS_ENTRIES);
	return !op->result;
}

static bool has_good_size(struct sw_trail_op *op, const struct sw_trail_list *l)
{
	unsigned int max = op->max_change ? op->max_change : SW_TRAIL_CHANGE_PERCENT;
	size_t n = sw_trail_list_total(l), had = op->old ? sw_trail_list_total(op->old) : 0;
	uint64_t cover = sw_feed_cover(&l->view); /* millionths */

	sw_feed_compare(op->old ? &op->old->view : NULL, &l->view, &op->change);
	if (op->is_allow) {
		op->change.percent = sw_feed_change_percent(&op->change, SW_ALLOW_FEED_CHANGE_MIN);
		max = SW_MIN(max, (unsigned int)SW_ALLOW_FEED_CHANGE);
	}

	if (n < op->min_entries || (op->max_entries && n > op->max_entries))
		fail(op, -ERANGE, "%zu entries, and %" PRIu64 " to %" PRIu64 " are allowed", n,
			op->min_entries, op->max_entries);
	else if (op->rules.max_entries && n > op->rules.max_entries)
		fail(op, -E2BIG, "more than %" PRIu64 " entries", (uint64_t)op->rules.max_entries);
	else if (op->max_cover && cover > op->max_cover * 10000ull)
		fail(op, -ERANGE,
			"it covers %" PRIu64 ".%" PRIu64
			" %% of all addresses, and max_cover is %u %%",
			cover / 10000, cover / 1000 % 10, op->max_cover);
	else if (op->frozen_crc && op->frozen_crc == l->view.head->crc)
		fail(op, -ESTALE, "it is still what left because it was the same for too long");
	else if (op->change.percent > max && !op->is_accepted)
		fail(op, -ERANGE,
			"it %s from %zu entries to %zu (%" PRIu64 " came, %" PRIu64
			" went; %u %% may); to accept that: sockwarden feeds update %s --accept",
			n < had ? "shrank" : "changed", had, n, op->change.added,
			op->change.removed, max, op->slot.name);
	return !op->result;
}

static void read_sealed(struct sw_trail_op *op)
{
	_cleanup_(sw_trail_list_freep) struct sw_trail_list *l = NULL;
	const char *why = "";
	int r = sw_trail_list_open(op->fd, &l, &why);

	if (r < 0) {
		fail(op, r, "not a good list: %s", why);
	} else if (!sw_streq(l->view.head->name, op->slot.name)) {
		fail(op, -EBADMSG, "a list of another name: %s", l->view.head->name);
	} else if (keeps_rules(op, l) && may_be_allowed(op, l) && has_good_size(op, l)) {
		if (op->slot.kind == SW_TRAIL_KIND_FEED)
			sw_strcpy(op->slot.origin, sizeof(op->slot.origin), l->view.head->origin);
		op->slot.list = TAKE_PTR(l);
	}
}

/* Entries that drop become entries that observe, without asking the publisher again. */
static void recast(struct sw_trail_op *op)
{
	_close_ int fd = op->old ? sw_trail_list_recast(op->old, op->slot.action) : -ENOENT;
	const char *why = "";
	int r = fd < 0 ? fd : sw_trail_list_open(fd, &op->slot.list, &why);

	if (r < 0)
		fail(op, r, "its action cannot be changed: %s", *why ? why : strerror(-r));
	else
		sw_strcpy(op->slot.origin, sizeof(op->slot.origin), op->old->view.head->origin);
}

static bool is_same(const struct sw_trail_list *a, const struct sw_trail_list *b)
{
	const struct sw_trail_head *x = a->view.head, *y = b->view.head;

	return x->crc == y->crc && x->size == y->size && x->count4 == y->count4 && x->sets == y->sets;
}

static void merge(struct sw_trail_op *op)
{
	op->image_fd = sw_trail_image_build(
		op->sources, op->n_sources, op->form, op->wall_sec, &op->stats);
	if (op->image_fd == -E2BIG)
		fail(op, -E2BIG,
			"with it the lists hold more than the kernel's maps: %d IPv4 or %d IPv6",
			SW_MAX_TRAILS4, SW_MAX_TRAILS6);
	else if (op->image_fd < 0)
		fail(op, op->image_fd, "cannot merge the lists: %s", strerror(-op->image_fd));
}

/* ---- trails of other kinds */

static uint64_t add_key(uint64_t key, size_t i, const struct sw_trail_slot *s, int64_t judged_wall_sec)
{
	uint64_t over;

	(void)sw_trail_times_next(&s->list->view, judged_wall_sec, &over);
	key = sw_hash_bytes(key + i + 1 + (over << 8), s->name, strlen(s->name));
	return sw_mix64(key ^ s->list->view.head->crc, s->list->view.n_text ^ (uint64_t)s->action << 60) | 1;
}

uint64_t sw_trails_compile_key(const struct sw_trail_part *t)
{
	uint64_t key = 0;

	for (size_t i = 0; i < SW_TRAIL_SETS_MAX; i++) {
		const struct sw_trail_slot *s = &t->slots[i];

		if (!s->list || !s->list->view.n_text)
			continue;
		key = add_key(key, i, s, t->judged_wall_sec);
	}
	return key;
}

/*
 * Of a trail that several lists have the last counts: that of the operator's own, a directory's most of
 * all, and of equal actions exceptions before all others.
 */
static const unsigned char compile_order[SW_TRAIL_KIND_COUNT] = {[SW_TRAIL_KIND_COUNTRY] = 0,
	[SW_TRAIL_KIND_FEED] = 1, [SW_TRAIL_KIND_IMPORT] = 2, [SW_TRAIL_KIND_FILE] = 3, [SW_TRAIL_KIND_DIRECTORY] = 4};

static unsigned int rank_of(const struct sw_trail_slot *s)
{
	return compile_order[s->kind] + (s->action == SW_TRAIL_EXCEPT ? SW_TRAIL_KIND_COUNT : 0);
}

static int by_rank(const void *a, const void *b)
{
	const struct sw_trail_slot *x = *(const struct sw_trail_slot *const *)a,
				   *y = *(const struct sw_trail_slot *const *)b;

	return rank_of(x) != rank_of(y) ? (int)rank_of(x) - (int)rank_of(y) : strcmp(x->name, y->name);
}

/* The lists with trails of other kinds, in an order that is the same whatever their slots are. */
static size_t compile_lists(const struct sw_trail_op *op, const struct sw_trail_slot *ret[static SW_TRAIL_SETS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < op->n_sources; i++)
		if (op->sources[i].view.n_text)
			ret[n++] = &op->engine->trails->slots[op->sources[i].set];
	qsort(ret, n, sizeof(*ret), by_rank);
	return n;
}

/* From the file of the last time where it was made of the same lists; else anew, and kept. */
static void compile(struct sw_trail_op *op)
{
	_cleanup_(sw_static_freep) struct sw_static *s = NULL;
	const struct sw_trail_slot *lists[SW_TRAIL_SETS_MAX];
	uint32_t numbers[SW_TRAIL_SETS_MAX];
	uint64_t begun_ns = sw_clock_boot_ns(&op->engine->clock), key = 0;
	int64_t judged = op->engine->trails->judged_wall_sec; /* as the kernel's set: nothing is over in one alone */
	size_t n = compile_lists(op, lists);
	int r;

	for (size_t i = 0; i < n; i++) {
		numbers[i] = (uint32_t)(lists[i] - op->engine->trails->slots);
		key = add_key(key, i, lists[i], judged);
	}
	op->domains_fd = sw_trails_domains_make(op);
	if (op->domains_fd < 0)
		fail(op, op->domains_fd, "cannot gather the domains to refuse: %s",
			strerror(-op->domains_fd));
	if (!op->compiled_key || op->result < 0)
		return;
	if (op->dirfd >= 0 &&
		sw_static_load(op->dirfd, COMPILED, key, &op->compiled) == 0) {
		sw_static_renumber(op->compiled, numbers, n);
		op->compile_ns = sw_clock_boot_ns(&op->engine->clock) - begun_ns;
		op->is_mapped = true;
		return;
	}
	r = sw_static_new(&s);
	for (size_t i = 0; i < n && !r; i++)
		r = sw_static_add_list(s, &lists[i]->list->view, (uint32_t)i, lists[i]->name, lists[i]->origin,
			lists[i]->action == SW_TRAIL_EXCEPT, judged);
	if (!r)
		r = sw_static_seal(s);
	if (r < 0) {
		fail(op, r, "cannot compile the trails: %s", strerror(-r));
		return;
	}
	if (op->dirfd >= 0)
		op->save_result = sw_static_save(s, key, op->dirfd, COMPILED);
	sw_static_renumber(s, numbers, n);
	op->compiled = TAKE_PTR(s);
	op->compile_ns = sw_clock_boot_ns(&op->engine->clock) - begun_ns;
}

void sw_trail_op_run(void *arg)
{
	struct sw_trail_op *op = arg;

	if (op->kind == SW_TRAIL_OP_LOAD)
		load(op);
	if (op->kind == SW_TRAIL_OP_PUT && op->is_recast)
		recast(op);
	else if (op->kind == SW_TRAIL_OP_PUT && op->is_sealed)
		read_sealed(op);
	else if (op->kind == SW_TRAIL_OP_PUT)
		read_text(op);
	else if (op->kind == SW_TRAIL_OP_COMPILE)
		compile(op);
	op->is_unchanged |=
		!op->result && op->slot.list && op->old && is_same(op->slot.list, op->old);
	if (op->result || op->is_unchanged || op->kind == SW_TRAIL_OP_LOAD ||
		op->kind == SW_TRAIL_OP_COMPILE)
		return;
	if (op->slot.list)
		op->sources[op->n_sources++] =
			(struct sw_trail_source){op->slot.list->view, (__u32)op->index, op->wall_sec};
	merge(op);
}

void sw_trail_op_remake(void *arg)
{
	merge(arg);
}

void sw_trail_op_save(void *arg)
{
	struct sw_trail_op *op = arg;
	const char *why;

	op->save_result = sw_trail_list_save(op->slot.list, op->dirfd);
	if (!op->save_result)
		op->save_result = sw_trail_list_load(op->dirfd, op->slot.name, &op->saved, &why);
	/* where it fails the times from before are told, and those of new trails are not */
	if (!op->save_result && sw_trail_seen_save(op->slot.seen, op->slot.list, op->wall_sec, op->dirfd) == 0)
		(void)sw_trail_seen_load(op->dirfd, op->slot.name, &op->saved_seen);
}
