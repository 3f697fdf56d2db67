// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/engine/trails.h"

#include <fcntl.h>
#include <inttypes.h>

#include "user/base/words.h"
#include "user/engine/feeds.h"
#include "user/engine/health.h"
#include "user/engine/net_peer.h"
#include "user/trail/times.h"

static const char *const kind_words[] = {
#define WORD(id, word) word,
	SW_TRAIL_KINDS(WORD)
#undef WORD
};

static void start_next(struct sw_engine *e);

const char *sw_trail_kind_word(unsigned int kind)
{
	return kind < SW_ARRAY_SIZE(kind_words) ? kind_words[kind] : "?";
}

struct sw_trail_op *sw_trail_op_new(enum sw_trail_op_kind kind)
{
	struct sw_trail_op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->kind = kind;
	op->base = SW_TRAIL_ANY_BASE;
	op->fd = op->image_fd = op->dirfd = op->domains_fd = -1;
	return op;
}

uint64_t sw_trail_stamp(const struct sw_trail_list *l)
{
	return l ? 1ull << 40 | l->view.head->crc : 0;
}

static void op_free(struct sw_trail_op *op)
{
	for (size_t i = 0; i < op->n_loaded; i++)
		sw_trail_list_free(op->loaded[i]);
	free(op->loaded);
	sw_trail_list_free(op->slot.list);
	sw_trail_list_free(op->saved);
	sw_trail_seen_free(op->saved_seen);
	sw_static_free(op->compiled);
	sw_close(op->fd);
	sw_close(op->image_fd);
	sw_close(op->domains_fd);
	free(op);
}

static void slot_clear(struct sw_trail_slot *s)
{
	sw_trail_list_free(s->list);
	sw_trail_seen_free(s->seen);
	*s = (struct sw_trail_slot){};
}

static void op_drop(struct sw_trail_op *op)
{
	if (op->request)
		sw_ctl_fail(op->request, SW_CERR_INTERNAL, NULL, "the engine ends");
	op_free(op);
}

void sw_trails_drop(struct sw_trail_part *t)
{
	struct sw_trail_op *op = t->running, *next;

	for (size_t i = 0; i < SW_TRAIL_SETS_MAX; i++) {
		/* while a list is saved it is lent to the operation */
		if (op && op->slot.list == t->slots[i].list)
			op->slot.list = NULL;
		slot_clear(&t->slots[i]);
	}
	if (op)
		op_drop(op);
	for (op = t->waiting; op; op = next) {
		next = op->next;
		op_drop(op);
	}
	t->running = t->waiting = NULL;
	sw_static_free(TAKE_PTR(t->compiled));
	t->domains_fd = sw_close(t->domains_fd);
}

struct sw_static *sw_trails_static(const struct sw_engine *e)
{
	return e->trails ? e->trails->compiled : NULL;
}

int sw_trails_domains(const struct sw_engine *e)
{
	return e->trails ? e->trails->domains_fd : -1;
}

enum sw_trail_action sw_trails_action(const struct sw_engine *e, __u32 set)
{
	return e->trails && set < SW_TRAIL_SETS_MAX ? e->trails->slots[set].action
						    : SW_TRAIL_OBSERVE;
}

struct sw_trail_slot *sw_trails_slot(struct sw_trail_part *t, const char *name)
{
	for (size_t i = 0; i < SW_TRAIL_SETS_MAX; i++)
		if (t->slots[i].name[0] && sw_streq(t->slots[i].name, name))
			return &t->slots[i];
	return NULL;
}

bool sw_trails_are_compiling(const struct sw_trail_part *t)
{
	return sw_trails_compile_key(t) != t->compiled_key;
}

const char *sw_trails_unready(const struct sw_trail_part *t, const struct sw_trail_slot *s, bool are_compiling)
{
	if (t->running && t->running->kind == SW_TRAIL_OP_PUT && sw_streq(t->running->slot.name, s->name))
		return "being read";
	for (const struct sw_trail_op *op = t->waiting; op; op = op->next)
		if (op->kind == SW_TRAIL_OP_PUT && sw_streq(op->slot.name, s->name))
			return "waits to be read";
	if (are_compiling && s->list && s->list->view.n_text)
		return "being compiled";
	return NULL;
}

size_t sw_trails_sources(const struct sw_trail_part *t, int64_t now_wall_sec, struct sw_trail_source *ret)
{
	size_t n = 0;

	for (__u32 i = 0; i < SW_TRAIL_SETS_MAX; i++)
		if (t->slots[i].list)
			ret[n++] = (struct sw_trail_source){t->slots[i].list->view, i, now_wall_sec};
	return n;
}

/* One key for all lists: the first that is wrong, and how many more are. */
static void judge_health(struct sw_engine *e)
{
	const struct sw_trail_slot *first = NULL;
	unsigned int n = 0;

	for (size_t i = 0; i < SW_TRAIL_SETS_MAX; i++) {
		const struct sw_trail_slot *s = &e->trails->slots[i];

		if (!s->error[0])
			continue;
		first = first ? first : s;
		n++;
	}
	if (!n)
		sw_degraded_clear(e, "trails");
	else
		sw_degraded_set(e, "trails", SW_SEV_MEDIUM, "trail list %s: %s; %s%s", first->name,
			first->error,
			first->list ? "the list from before stays in force" : "it is not in force",
			n > 1 ? " (more lists have errors: sockwarden trails list)" : "");
}

void sw_trails_set_error(struct sw_engine *e, struct sw_trail_slot *slot, const char *error)
{
	sw_strcpy(slot->error, sizeof(slot->error), error ? error : "");
	judge_health(e);
}

static void say(struct sw_engine *e, const struct sw_trail_op *op)
{
	const char *name = op->slot.name, *state = op->is_in_force ? "in force" : "waits for the guard";
	struct sw_json *j;

	if (op->result < 0)
		j = sw_event_begin(
			e->events, SW_EVK_TRAILS, "trail list %s refused: %s", name, op->text);
	else if (op->kind == SW_TRAIL_OP_REMOVE)
		j = sw_event_begin(e->events, SW_EVK_TRAILS, "trail list %s removed", name);
	else if (op->report.bad)
		j = sw_event_begin(e->events, SW_EVK_TRAILS, "trail list %s %s: %zu entries (%s); %" PRIu64
			" of its lines are no trails and were skipped, the first: %s", name, state,
			sw_trail_list_total(e->trails->slots[op->index].list), sw_trail_action_word(op->slot.action),
			op->report.bad, op->report.first_bad);
	else
		j = sw_event_begin(e->events, SW_EVK_TRAILS, "trail list %s %s: %zu entries (%s)",
			name, state, sw_trail_list_total(e->trails->slots[op->index].list),
			sw_trail_action_word(op->slot.action));
	sw_json_string(j, "list", name);
	sw_event_end(e->events);
}

/* The new set is in its place before anybody is told, and the old one there until all were. */
static void take_compiled(struct sw_engine *e, struct sw_trail_op *op)
{
	struct sw_trail_part *t = e->trails;
	_cleanup_(sw_static_freep) struct sw_static *old = t->compiled;

	t->compiled = TAKE_PTR(op->compiled);
	sw_close(t->domains_fd);
	t->domains_fd = TAKE_FD(op->domains_fd);
	t->compiled_key = op->compiled_key;
	t->compile_ns = op->compile_ns;
	t->is_mapped = op->is_mapped;
	for (const struct sw_engine_part *const *part = sw_engine_parts; *part; part++) {
		if ((*part)->compiled)
			(*part)->compiled(e, t->compiled);
	}
	if (op->save_result < 0)
		sw_log_warning(op->save_result,
			"the compiled trails cannot be kept, and are made again at the next start, ignoring");
}

/* The next end of a trail after the set was judged; 0: none. */
static int64_t next_end(const struct sw_trail_part *t)
{
	int64_t next = 0;
	uint64_t over;

	for (size_t i = 0; i < SW_TRAIL_SETS_MAX; i++) {
		const struct sw_trail_list *l = t->slots[i].list;
		int64_t end = l ? sw_trail_times_next(&l->view, t->judged_wall_sec, &over) : 0;

		if (end && (!next || end < next))
			next = end;
	}
	return next;
}

static bool has_ends(const struct sw_trail_part *t)
{
	uint64_t over;

	for (size_t i = 0; i < SW_TRAIL_SETS_MAX; i++)
		if (t->slots[i].list && sw_trail_times_next(&t->slots[i].list->view, INT64_MAX, &over) == 0 && over)
			return true;
	return false;
}

static void set_end_timer(struct sw_engine *e)
{
	struct sw_trail_part *t = e->trails;
	int64_t next = next_end(t), left = next - sw_clock_wall_sec(&e->clock);

	/* at most a day, and a second late rather than early: wall time is not the timer's */
	if (next)
		sw_source_set_timer(t->end_timer, (uint64_t)SW_MIN(SW_MAX(left, 0) + 1, 86400) * SW_SEC_NS, 0);
}

void sw_trails_end_due(struct sw_engine *e)
{
	struct sw_trail_part *t = e->trails;
	int64_t now = sw_clock_wall_sec(&e->clock), next = next_end(t);
	bool is_set_back = now < t->judged_wall_sec && has_ends(t);
	struct sw_trail_op *op;

	if (t->is_loaded && !t->running && ((next && next <= now) || is_set_back)) {
		op = sw_trail_op_new(SW_TRAIL_OP_SWAP);
		t->needs_swap = true;
		if (op)
			sw_trails_queue(e, op);
		return;
	}
	set_end_timer(e);
}

/* Behind what else waits: of several changes at once the last is compiled. */
static void compile_if_changed(struct sw_engine *e)
{
	struct sw_trail_part *t = e->trails;
	struct sw_trail_op *op;

	if (!t->is_loaded || t->waiting || !sw_trails_are_compiling(t))
		return;
	op = sw_trail_op_new(SW_TRAIL_OP_COMPILE);
	if (op)
		sw_trails_queue(e, op);
}

static void finish(struct sw_engine *e, struct sw_trail_op *op)
{
	struct sw_trail_part *t = e->trails;
	struct sw_trail_slot *slot =
		op->kind == SW_TRAIL_OP_PUT ? sw_trails_slot(t, op->slot.name) : NULL;

	t->running = NULL;
	if (slot && slot->kind != SW_TRAIL_KIND_IMPORT && slot->kind == op->slot.kind)
		sw_trails_set_error(e, slot, op->result < 0 ? op->text : NULL);
	else if (slot && op->result < 0 && !slot->list && slot->kind == SW_TRAIL_KIND_IMPORT)
		slot_clear(slot);
	if (op->slot.name[0] && !(op->is_unchanged && !op->result))
		say(e, op);
	if (op->over)
		op->over(e, op);
	if (op->kind != SW_TRAIL_OP_COMPILE) {
		compile_if_changed(e);
		set_end_timer(e);
		sw_feeds_allow(e);
	}
	op_free(op);
	start_next(e);
}

static void on_saved(void *arg)
{
	struct sw_trail_op *op = arg;
	struct sw_engine *e = op->engine;
	struct sw_trail_slot *s = &e->trails->slots[op->index];

	op->slot.list = NULL; /* the slot's, lent for saving */
	if (op->save_result < 0) {
		sw_degraded_set(e, "trails-save", SW_SEV_MEDIUM,
			"trail list %s is in force but cannot be saved in %s/trails: %s", s->name,
			e->paths.state_dir, strerror(-op->save_result));
	} else {
		sw_degraded_clear(e, "trails-save");
		/* pages of a file can be given back and read again; those of a memfd cannot */
		sw_trail_list_free(s->list);
		s->list = TAKE_PTR(op->saved);
		if (op->saved_seen) {
			sw_trail_seen_free(s->seen);
			s->seen = TAKE_PTR(op->saved_seen);
		}
	}
	finish(e, op);
}

/* The guard has the new set, or will have it when it is back: now it is ours. */
static void commit(struct sw_engine *e, struct sw_trail_op *op)
{
	struct sw_trail_part *t = e->trails;
	struct sw_trail_slot *s = &t->slots[op->index];

	if (!op->is_unchanged) /* an image was made */
		t->judged_wall_sec = op->wall_sec;
	if (op->kind == SW_TRAIL_OP_REMOVE) {
		slot_clear(s);
		sw_trail_top_forget(t->top, (__u32)op->index);
		sw_trail_list_unlink(t->dirfd, op->slot.name);
		sw_trail_seen_unlink(t->dirfd, op->slot.name);
	}
	if (op->kind != SW_TRAIL_OP_PUT || op->is_unchanged) {
		finish(e, op);
		return;
	}
	sw_trail_list_free(s->list);
	op->slot.hits = s->hits;
	op->slot.seen = s->seen; /* the operation reads it while it saves */
	*s = op->slot;
	s->error[0] = 0;
	op->dirfd = t->dirfd;
	if (op->dirfd >= 0 && sw_worker_start(t->worker, sw_trail_op_save, on_saved, op) == 0)
		return;
	op->slot.list = NULL;
	finish(e, op);
}

static void on_remade(void *arg);

/* The kernel does not take packed trails: the same set for the tries, now and from now on. True: it is on its way. */
static bool fall_back(
	struct sw_engine *e, struct sw_trail_op *op, const struct sw_guard_reply *reply)
{
	if (reply->result != -EOPNOTSUPP || op->form != SW_ENGINE_PACKED)
		return false;
	e->trails->is_packed_refused = true;
	op->form = SW_ENGINE_LPM;
	return sw_worker_start(e->trails->worker, sw_trail_op_remake, on_remade, op) == 0;
}

static void on_swapped(const struct sw_guard_reply *reply, int *fds, size_t n_fds, void *arg)
{
	struct sw_trail_op *op = arg;
	struct sw_engine *e = op->engine;

	op->image_fd = sw_close(op->image_fd);
	op->swapped_ns = sw_clock_boot_ns(&e->clock);
	if (fall_back(e, op, reply))
		return;
	if (reply->result == -ECONNRESET) {
		e->trails->needs_swap = true;
		commit(e, op);
		return;
	}
	if (reply->result < 0) {
		if (op->kind == SW_TRAIL_OP_SWAP)
			sw_degraded_set(e, "trails-swap", SW_SEV_HIGH,
				"the guard refused the trail lists: %s",
				reply->text[0] ? reply->text : strerror(-reply->result));
		/* busy: a swap of the engine before us is not through yet */
		if (op->kind == SW_TRAIL_OP_SWAP)
			sw_trail_watch_retry(e->trails->watch);
		op->result = reply->result;
		snprintf(op->text, sizeof(op->text), "the guard refused it: %s",
			reply->text[0] ? reply->text : strerror(-reply->result));
		finish(e, op);
		return;
	}
	sw_degraded_clear(e, "trails-swap");
	sw_health_forget_status(e); /* it counts entries */
	e->trails->needs_swap = false;
	op->is_in_force = true;
	commit(e, op);
}

static void swap(struct sw_engine *e, struct sw_trail_op *op)
{
	struct sw_guard_request req = {.op = SW_GUARD_TRAILS_SWAP};
	int r;

	op->posted_ns = sw_clock_boot_ns(&e->clock);
	r = sw_guard_post(e->guard, &req, SW_GUARD_REQUEST_HEAD, op->image_fd, on_swapped, op);
	if (r >= 0)
		return;
	/* what is pinned in the kernel stays in force; the set follows when the guard is back */
	e->trails->needs_swap = true;
	op->swapped_ns = op->posted_ns;
	commit(e, op);
}

static void on_remade(void *arg)
{
	struct sw_trail_op *op = arg;

	if (op->result < 0)
		finish(op->engine, op);
	else
		swap(op->engine, op);
}

/* A saved list comes back under the kind that its origin tells; one the configuration no longer has goes. */
static void adopt(struct sw_engine *e, struct sw_trail_list *l)
{
	const struct sw_trail_head *h = l->view.head;
	struct sw_trail_slot *s = NULL;
	enum sw_trail_kind kind = SW_TRAIL_KIND_IMPORT;

	if (h->origin[0] == '/')
		kind = h->origin[strlen(h->origin) - 1] == '/' ? SW_TRAIL_KIND_DIRECTORY
							       : SW_TRAIL_KIND_FILE;
	else if (!strncmp(h->origin, "http", 4))
		kind = SW_TRAIL_KIND_FEED;
	if (sw_trail_name_is_code(h->name))
		kind = SW_TRAIL_KIND_COUNTRY;
	if (kind == SW_TRAIL_KIND_FEED && !sw_feeds_find(e, h->name)) {
		sw_trail_list_unlink(e->trails->dirfd, h->name);
		sw_trail_seen_unlink(e->trails->dirfd, h->name);
		sw_trail_list_free(l);
		return;
	}
	for (size_t i = 0; i < SW_TRAIL_SETS_MAX && !s; i++)
		if (!e->trails->slots[i].name[0])
			s = &e->trails->slots[i];
	if (!s || sw_trails_slot(e->trails, h->name)) {
		sw_trail_list_free(l);
		return;
	}
	s->kind = kind;
	s->list = l;
	(void)sw_trail_seen_load(e->trails->dirfd, h->name, &s->seen); /* without it times are not told */
	s->action = sw_trail_list_action(l);
	sw_strcpy(s->name, sizeof(s->name), h->name);
	sw_strcpy(s->origin, sizeof(s->origin), h->origin);
}

static void take_loaded(struct sw_engine *e, struct sw_trail_op *op)
{
	for (size_t i = 0; i < op->n_loaded; i++)
		adopt(e, op->loaded[i]);
	op->n_loaded = 0;
	if (op->corrupt[0] || op->result < 0)
		sw_degraded_set(e, "trails-load", SW_SEV_MEDIUM,
			"saved trail lists were damaged and set aside: %s",
			op->corrupt[0] ? op->corrupt : op->text);
	e->trails->is_loaded = true;
	e->trails->needs_swap = true;
	sw_trail_watch_apply(e);
}

static void on_ran(void *arg)
{
	struct sw_trail_op *op = arg;
	struct sw_engine *e = op->engine;

	if (op->kind == SW_TRAIL_OP_LOAD)
		take_loaded(e, op);
	if (op->kind == SW_TRAIL_OP_COMPILE && !op->result)
		take_compiled(e, op);
	else if (op->kind == SW_TRAIL_OP_COMPILE)
		sw_log_warning(op->result, "%s, ignoring", op->text);
	if (op->result < 0 || op->kind == SW_TRAIL_OP_LOAD || op->kind == SW_TRAIL_OP_COMPILE) {
		finish(e, op);
	} else if (op->is_unchanged) {
		op->is_in_force = !e->trails->needs_swap;
		commit(e, op);
	} else {
		swap(e, op);
	}
}

/* Finds or claims the slot of what is to be put; a name belongs to one kind of list. */
static int claim(struct sw_trail_part *t, struct sw_trail_op *op)
{
	struct sw_trail_slot *s = sw_trails_slot(t, op->slot.name);
	const char *configured = sw_trail_watch_kind(t->watch, op->slot.name);

	if (s && s->kind != op->slot.kind) {
		snprintf(op->text, sizeof(op->text),
			"the name belongs to a list of another kind (%s): %.180s",
			sw_trail_kind_word(s->kind), s->origin);
		return -EEXIST;
	}
	if (configured && op->slot.kind == SW_TRAIL_KIND_IMPORT) { /* it has not been read yet */
		snprintf(op->text, sizeof(op->text), "the name belongs to a list of another kind (%s)", configured);
		return -EEXIST;
	}
	for (size_t i = 0; i < SW_TRAIL_SETS_MAX && !s; i++) {
		if (!t->slots[i].name[0]) {
			s = &t->slots[i];
			*s = op->slot;
		}
	}
	if (!s) {
		snprintf(op->text, sizeof(op->text), "more than %d lists", SW_TRAIL_SETS_MAX);
		return -ENOSPC;
	}
	op->index = (size_t)(s - t->slots);
	return 0;
}

/* Somebody changed the list since who asks has read it: he is to read it again. */
static bool is_outdated(const struct sw_trail_part *t, const struct sw_trail_op *op)
{
	const struct sw_trail_list *now =
		op->index < SW_TRAIL_SETS_MAX ? t->slots[op->index].list : NULL;

	return op->base != SW_TRAIL_ANY_BASE && op->base != sw_trail_stamp(now);
}

static int prepare(struct sw_engine *e, struct sw_trail_op *op)
{
	struct sw_trail_part *t = e->trails;
	const struct sw_trail_slot *s;
	size_t n = 0;
	int r = 0;

	if (op->kind == SW_TRAIL_OP_PUT) {
		r = claim(t, op);
	} else if (op->kind == SW_TRAIL_OP_REMOVE) {
		s = sw_trails_slot(t, op->slot.name);
		op->index = s ? (size_t)(s - t->slots) : 0;
		r = s ? 0 : -ENOENT;
	} else {
		op->index = SW_TRAIL_SETS_MAX;
	}
	if (!r && is_outdated(t, op))
		r = -EAGAIN;
	if (r < 0)
		return r;
	op->wall_sec = sw_clock_wall_sec(&e->clock);
	op->n_sources = sw_trails_sources(t, op->wall_sec, op->sources);
	for (size_t i = 0; i < op->n_sources; i++)
		if (op->sources[i].set != op->index)
			op->sources[n++] = op->sources[i];
	op->n_sources = n;
	op->compiled_key = op->kind == SW_TRAIL_OP_COMPILE ? sw_trails_compile_key(t) : 0;
	op->old = op->index < SW_TRAIL_SETS_MAX ? t->slots[op->index].list : NULL;
	op->dirfd = t->dirfd;
	op->form = t->is_packed_refused ? SW_ENGINE_LPM : e->config->trail_engine;
	/* an except of the operator's own may be as wide as it likes: it drops nothing */
	if (op->slot.action != SW_TRAIL_EXCEPT || op->slot.kind == SW_TRAIL_KIND_FEED) {
		op->rules.min_plen4 = e->config->trail_min_plen4;
		op->rules.min_plen6 = e->config->trail_min_plen6;
	}
	/* who names a country means all of it; only what is everybody is no country */
	if (op->slot.kind == SW_TRAIL_KIND_COUNTRY)
		op->rules.min_plen4 = op->rules.min_plen6 = 1;
	op->rules.max_entries = e->config->trail_max_entries;
	if (op->is_allow)
		op->allow_room = sw_feeds_allow_room(e, op->slot.name);
	return 0;
}

static void start_next(struct sw_engine *e)
{
	struct sw_trail_part *t = e->trails;
	struct sw_trail_op *op = t->waiting;
	int r;

	if (t->running || !op)
		return;
	t->waiting = op->next;
	t->n_waiting--;
	t->running = op;
	op->engine = e;
	r = prepare(e, op);
	if (!r && op->kind == SW_TRAIL_OP_SWAP && !t->needs_swap) {
		finish(e, op);
		return;
	}
	if (!r)
		r = sw_worker_start(t->worker, sw_trail_op_run, on_ran, op);
	if (r >= 0)
		return; /* op is the thread's until on_ran */
	op->result = r;
	finish(e, op);
}

void sw_trails_queue(struct sw_engine *e, struct sw_trail_op *op)
{
	struct sw_trail_part *t = e->trails;
	struct sw_trail_op **end = &t->waiting;

	op->engine = e;
	if (t->n_waiting >= SW_TRAIL_OPS_MAX) {
		op->result = -ENOSPC;
		sw_strcpy(
			op->text, sizeof(op->text), "too many changes of trail lists wait already");
		if (op->over)
			op->over(e, op);
		op_free(op);
		return;
	}
	while (*end)
		end = &(*end)->next;
	*end = op;
	t->n_waiting++;
	start_next(e);
}

int sw_trails_take_feed(
	struct sw_engine *e, const struct sw_net_msg *m, int fd, char *why, size_t size)
{
	const struct sw_config_feed *f = sw_feeds_find(e, m->feed);
	const struct sw_feed_memory *memory = sw_feeds_memory(e, m->feed);
	const struct sw_feed_state *state = sw_net_peer_feed(e, m->feed);
	_close_ int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	struct sw_trail_op *op;

	if (!f || !sw_trail_name_ok(f->name)) {
		snprintf(why, size, "no feed of this name is configured");
		return -ENOENT;
	}
	op = own < 0 ? NULL : sw_trail_op_new(SW_TRAIL_OP_PUT);
	if (!op) {
		snprintf(why, size, "%s", own < 0 ? "no descriptor is left" : "out of memory");
		return -ENOMEM;
	}
	op->fd = TAKE_FD(own);
	op->is_sealed = true;
	op->slot.kind = SW_TRAIL_KIND_FEED;
	op->slot.action = sw_feed_trail_action(f);
	op->is_allow = f->action == SW_FEED_ALLOW;
	op->is_own = f->may_allow;
	op->min_entries = f->min_entries;
	op->max_entries = f->max_entries;
	op->max_change = f->max_change;
	op->max_cover = f->max_cover;
	op->is_accepted = state && state->is_accepted;
	op->frozen_crc = memory && memory->is_frozen && !op->is_accepted ? memory->crc : 0;
	op->over = sw_feeds_taken;
	sw_strcpy(op->slot.name, sizeof(op->slot.name), f->name);
	/* its origin is in the list, with keys masked */
	sw_trails_queue(e, op); /* what is wrong with it shows in trails.list and in status */
	return 0;
}

static size_t sources_now(const struct sw_engine *e, struct sw_trail_source *ret)
{
	return e->trails ? sw_trails_sources(e->trails, sw_clock_wall_sec(&e->clock), ret) : 0;
}

void sw_trails_hit(struct sw_engine *e, __u32 set, const struct sw_net *net, uint64_t packets)
{
	struct sw_trail_source sources[SW_TRAIL_SETS_MAX];
	struct sw_trail_hit hit;
	size_t n;

	if (!e->trails || set >= SW_TRAIL_SETS_MAX || !e->trails->slots[set].name[0])
		return;
	e->trails->slots[set].hits += packets;
	n = sources_now(e, sources);
	/* an address with a port has no entry, and stands for itself */
	sw_trail_top_add(e->trails->top, set,
		sw_trail_decide(sources, n, net, &hit) && hit.entry->action != SW_TRAIL_EXCEPT ? &hit.entry->net : net,
		packets, sw_clock_wall_sec(&e->clock));
}

const char *sw_trails_name(const struct sw_engine *e, __u32 set)
{
	return e->trails && set < SW_TRAIL_SETS_MAX ? e->trails->slots[set].name : "";
}

__u32 sw_trails_set_of(const struct sw_engine *e, const struct sw_net *net)
{
	struct sw_trail_source sources[SW_TRAIL_SETS_MAX];
	struct sw_trail_hit hit;
	size_t n = sources_now(e, sources);

	return sw_trail_decide(sources, n, net, &hit) ? sources[hit.list].set : SW_TRAIL_SET_ASK;
}

__u32 sw_trails_port_set(const struct sw_engine *e, const struct sw_net *host, uint16_t port)
{
	struct sw_trail_source sources[SW_TRAIL_SETS_MAX];
	size_t n = sources_now(e, sources), n_ports;
	const struct sw_trail_port *best = NULL;
	__u32 set = SW_TRAIL_SET_ASK;

	for (size_t i = 0; i < n; i++) {
		const struct sw_trail_port *p = sw_trail_ports_of(&sources[i].view, host, &n_ports);

		for (size_t k = 0; k < n_ports; k++) {
			if (p[k].port != port || p[k].action == SW_TRAIL_EXCEPT ||
				sw_trail_source_is_over(&sources[i], p[k].set) ||
				(best && sw_trail_rank(p[k].action) <= sw_trail_rank(best->action)))
				continue;
			best = &p[k];
			set = sources[i].set;
		}
	}
	return set;
}

bool sw_trails_find(const struct sw_engine *e, const struct sw_net *net, const char **ret_list,
	char ret_text[static SW_NET_TEXT_MAX])
{
	struct sw_trail_source sources[SW_TRAIL_SETS_MAX];
	struct sw_trail_hit hit;
	size_t n = sources_now(e, sources);

	if (!sw_trail_decide(sources, n, net, &hit) || hit.entry->action == SW_TRAIL_EXCEPT)
		return false;
	*ret_list = e->trails->slots[sources[hit.list].set].name;
	sw_cidr_format(ret_text, &hit.entry->net);
	return true;
}

struct protected_walk {
	struct sw_trail_source source;
	sw_trail_protected_fn fn;
	void *arg;
	size_t n;
};

static void check_protected(void *arg, const struct sw_allow *a)
{
	struct protected_walk *w = arg;
	struct sw_trail_hit hit;

	if (!sw_trail_covering(&w->source, 1, &a->net, &hit, 1) &&
		!sw_trail_within(&w->source, 1, &a->net, &hit, 1))
		return;
	w->n++;
	w->fn(w->arg, a, hit.entry);
}

size_t sw_trails_each_protected(
	struct sw_engine *e, const struct sw_trail_list *l, sw_trail_protected_fn fn, void *arg)
{
	struct protected_walk w = {.source = {.view = l->view}, .fn = fn, .arg = arg};

	if (e->policy)
		sw_policy_each_allow(e->policy, check_protected, &w);
	return w.n;
}
