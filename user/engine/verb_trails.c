// SPDX-License-Identifier: GPL-3.0-or-later
/* The verbs on trail lists, and what the lists have to say to status. */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "user/base/words.h"
#include "user/engine/backends.h"
#include "user/engine/feeds.h"
#include "user/engine/geo.h"
#include "user/engine/net_peer.h"
#include "user/engine/trails.h"
#include "user/trail/times.h"

enum { PROTECTED_SHOWN = 20, TOP_SHOWN = 20 };

static void write_net(struct sw_json *j, const char *key, const struct sw_net *net)
{
	char text[SW_NET_TEXT_MAX];

	sw_json_string(j, key, sw_cidr_format(text, net));
}

/* ---- trails.import */

struct protected_writer {
	struct sw_json *json;
	unsigned int n;
};

static void write_origin(void *arg, const char *origin)
{
	sw_json_string(arg, NULL, origin);
}

static void write_protected(void *arg, const struct sw_allow *a, const struct sw_trail_entry *entry)
{
	struct protected_writer *w = arg;

	if (w->n++ >= PROTECTED_SHOWN)
		return;
	sw_json_object_begin(w->json, NULL);
	write_net(w->json, "net", &a->net);
	sw_json_array_begin(w->json, "origins");
	sw_allow_each_origin(a, write_origin, w->json);
	sw_json_array_end(w->json);
	write_net(w->json, "entry", &entry->net);
	sw_json_uint(w->json, "line", entry->line);
	sw_json_object_end(w->json);
}

static void reply_import(struct sw_engine *e, struct sw_trail_op *op)
{
	const struct sw_trail_slot *s = &e->trails->slots[op->index];
	struct sw_json *j = sw_ctl_reply_begin(op->request);
	struct protected_writer w = {.json = j};

	sw_json_object_begin(j, "list");
	sw_json_string(j, "name", s->name);
	sw_json_string(j, "action", sw_trail_action_word(s->action));
	sw_json_uint(j, "entries4", s->list->view.n4);
	sw_json_uint(j, "entries6", s->list->view.n6);
	sw_json_uint(j, "others", s->list->view.head->n_texts);
	sw_json_uint(j, "skipped", op->report.skipped);
	sw_json_uint(j, "bad_lines", op->report.bad);
	if (op->report.bad)
		sw_json_uint(j, "first_bad_line", op->report.first_bad_line);
	sw_json_uint(j, "duplicates",
		op->report.entries ? op->report.entries - sw_trail_list_count(s->list) : 0);
	sw_json_object_end(j);
	sw_json_double(j, "swapped_ms", (double)(op->swapped_ns - op->posted_ns) / 1e6);
	sw_json_bool(j, "in_force", op->is_in_force);
	sw_json_bool(j, "unchanged", op->is_unchanged);
	/* allow wins over trails in the kernel: these stay reachable, whatever the list says */
	sw_json_array_begin(j, "protected");
	if (s->action != SW_TRAIL_EXCEPT)
		sw_trails_each_protected(e, s->list, write_protected, &w);
	sw_json_array_end(j);
	sw_json_uint(j, "n_protected", w.n);
	sw_ctl_reply_end(op->request);
}

/* Nobody's fault: the list is another one than the asker has seen, and asking again will do. */
static bool reply_outdated(const struct sw_trail_op *op)
{
	struct sw_json *j;

	if (op->result != -EAGAIN || op->base == SW_TRAIL_ANY_BASE)
		return false;
	j = sw_ctl_reply_begin(op->request);
	sw_json_bool(j, "is_outdated", true);
	sw_ctl_reply_end(op->request);
	return true;
}

static void imported(struct sw_engine *e, struct sw_trail_op *op)
{
	if (reply_outdated(op))
		return;
	if (op->result < 0) {
		sw_ctl_fail(op->request, SW_CERR_REFUSED,
			"nothing has changed: the lists from before stay in force", "%s: %s",
			op->slot.name, op->text);
		return;
	}
	sw_store_audit(e->store, sw_ctl_request_by(op->request), "trails.import", op->slot.name,
		sw_trail_action_word(op->slot.action));
	reply_import(e, op);
}

/* A good name is left as it is: "a.txt" may be one that somebody gave. */
static void name_list(char ret[static SW_TRAIL_NAME_MAX + 1], const char *given)
{
	if (sw_trail_name_ok(given))
		sw_strcpy(ret, SW_TRAIL_NAME_MAX + 1, given);
	else
		sw_trail_name_make(ret, given);
}

static bool read_action(struct sw_ctl_request *q, const json_t *args, enum sw_trail_action *ret)
{
	const char *text;
	int action;

	if (!sw_ctl_arg_string(q, args, "action", "drop", &text))
		return false;
	action = sw_trail_action_parse(text);
	if (action < 0) {
		sw_ctl_fail(q, SW_CERR_USAGE, "one of observe, drop, except",
			"unknown action '%.32s'", text);
		return false;
	}
	*ret = (enum sw_trail_action)action;
	return true;
}

static void verb_import(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	enum sw_trail_action action = SW_TRAIL_DROP;
	struct sw_trail_op *op;
	const char *name;
	uint64_t base;
	bool is_sealed;
	int fd;

	if (!sw_ctl_arg_string(q, args, "name", NULL, &name) || !read_action(q, args, &action) ||
		!sw_ctl_arg_bool(q, args, "sealed", false, &is_sealed) ||
		!sw_ctl_arg_uint(q, args, "base", SW_TRAIL_ANY_BASE, &base))
		return;
	if (!name || !name[0]) {
		sw_ctl_fail(q, SW_CERR_USAGE,
			"1 to 63 of a-z 0-9 . _ -; other letters are changed into these",
			"a list needs a name");
		return;
	}
	fd = sw_ctl_request_take_fd(q);
	if (fd < 0) {
		sw_ctl_fail(q, SW_CERR_USAGE, "send the opened file with the request",
			"no descriptor came");
		return;
	}
	op = sw_trail_op_new(SW_TRAIL_OP_PUT);
	if (!op) {
		sw_close(fd);
		sw_ctl_fail(q, SW_CERR_INTERNAL, NULL, "out of memory");
		return;
	}
	op->fd = fd;
	op->is_sealed = is_sealed;
	op->is_accepted = true; /* a person says it */
	op->base = base;
	op->slot.kind = SW_TRAIL_KIND_IMPORT;
	op->slot.action = action;
	name_list(op->slot.name, name);
	if (sw_trail_name_is_code(op->slot.name)) /* the configuration's alone */
		sw_trail_name_make(op->slot.name, name);
	snprintf(op->slot.origin, sizeof(op->slot.origin), "imported by %s", sw_ctl_request_by(q));
	op->request = q;
	op->over = imported;
	sw_trails_queue(e, op);
}

/* ---- trails.remove */

static void removed(struct sw_engine *e, struct sw_trail_op *op)
{
	struct sw_json *j;

	if (reply_outdated(op))
		return;
	if (op->result < 0) {
		sw_ctl_fail(op->request,
			op->result == -ENOENT ? SW_CERR_NOT_FOUND : SW_CERR_REFUSED, NULL, "%s: %s",
			op->slot.name, op->result == -ENOENT ? "there is no such list" : op->text);
		return;
	}
	sw_store_audit(
		e->store, sw_ctl_request_by(op->request), "trails.remove", op->slot.name, "");
	j = sw_ctl_reply_begin(op->request);
	sw_json_string(j, "removed", op->slot.name);
	sw_json_bool(j, "in_force", op->is_in_force);
	sw_ctl_reply_end(op->request);
}

static void verb_remove(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	const struct sw_trail_slot *s;
	struct sw_trail_op *op;
	char made[SW_TRAIL_NAME_MAX + 1];
	const char *name;
	uint64_t base;

	if (!sw_ctl_arg_string(q, args, "name", "", &name) ||
		!sw_ctl_arg_uint(q, args, "base", SW_TRAIL_ANY_BASE, &base))
		return;
	name_list(made, name);
	s = sw_trails_slot(e->trails, made);
	if (!s) {
		sw_ctl_fail(q, SW_CERR_NOT_FOUND, "sockwarden trails list",
			"there is no list '%.63s'", name);
		return;
	}
	if (s->kind == SW_TRAIL_KIND_FILE || s->kind == SW_TRAIL_KIND_DIRECTORY ||
		s->kind == SW_TRAIL_KIND_COUNTRY) {
		sw_ctl_fail(q, SW_CERR_REFUSED,
			s->kind == SW_TRAIL_KIND_COUNTRY
				? "take it out of the section countries there"
				: "take it out of trails.files or trails.directories there",
			"the list '%s' comes from the configuration: %s", name, s->origin);
		return;
	}
	op = sw_trail_op_new(SW_TRAIL_OP_REMOVE);
	if (!op) {
		sw_ctl_fail(q, SW_CERR_INTERNAL, NULL, "out of memory");
		return;
	}
	op->base = base;
	op->slot.kind = s->kind;
	op->slot.action = s->action;
	sw_strcpy(op->slot.name, sizeof(op->slot.name), s->name);
	op->request = q;
	op->over = removed;
	sw_trails_queue(e, op);
}

/* ---- trails.export, trails.stats */

/*
 * Copies the list into the memory that the asker sent. It must have been given out already, so that it
 * is his and not ours; until it is, he is only told how much it takes.
 */
static int copy_list(const struct sw_trail_list *l, int fd, bool *ret_done)
{
	struct stat st;

	/* only memory has seals: writing to anything else could block */
	if (fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &st) < 0)
		return -EINVAL;
	*ret_done = (uint64_t)st.st_size >= l->len && (uint64_t)st.st_blocks * 512 >= l->len;
	return *ret_done ? sw_write_all(fd, l->map, l->len) : 0;
}

static void reply_export(
	struct sw_ctl_request *q, const char *name, const char *kind, const struct sw_trail_slot *s, bool is_done)
{
	struct sw_json *j = sw_ctl_reply_begin(q);

	sw_json_string(j, "name", name);
	sw_json_bool(j, "exists", s && s->list);
	sw_json_string(j, "kind", kind);
	if (s && s->list) {
		sw_json_string(j, "action", sw_trail_action_word(s->action));
		sw_json_uint(j, "bytes", s->list->len);
	}
	sw_json_bool(j, "is_written", is_done);
	sw_json_uint(j, "base", sw_trail_stamp(s ? s->list : NULL));
	sw_ctl_reply_end(q);
}

static void verb_export(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	const struct sw_trail_slot *s;
	char made[SW_TRAIL_NAME_MAX + 1];
	_close_ int fd = -1;
	bool is_done = false;
	const char *name;
	int r;

	if (!sw_ctl_arg_string(q, args, "name", "", &name))
		return;
	name_list(made, name);
	s = sw_trails_slot(e->trails, made);
	fd = sw_ctl_request_take_fd(q);
	r = fd < 0 ? -EINVAL : s && s->list ? copy_list(s->list, fd, &is_done) : 0;
	if (r < 0)
		sw_ctl_fail(q, SW_CERR_USAGE, "send a memfd of the size that the first answer says",
			"the list cannot be copied there: %s", strerror(-r));
	else
		reply_export(q, made,
			s ? sw_trail_kind_word(s->kind) : sw_trail_watch_kind(e->trails->watch, made), s, is_done);
}

static void verb_stats(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	const struct sw_trail_part *t = e->trails;
	const struct sw_static_stats *s = t->compiled ? sw_static_stats(t->compiled) : NULL;
	struct sw_json *j = sw_ctl_reply_begin(q);

	sw_json_array_begin(j, "lists");
	for (size_t i = 0; i < SW_TRAIL_SETS_MAX; i++) {
		if (!t->slots[i].list)
			continue;
		sw_json_object_begin(j, NULL);
		sw_json_string(j, "name", t->slots[i].name);
		sw_json_string(j, "action", sw_feeds_action_word(e, &t->slots[i]));
		sw_json_uint(j, "bytes", t->slots[i].list->len);
		sw_json_uint(j, "hits", t->slots[i].hits);
		sw_json_object_end(j);
	}
	sw_json_array_end(j);
	sw_trail_top_write(e, j, TOP_SHOWN);
	sw_geo_write(e, j);
	sw_backends_write_nft(e, j);
	sw_json_object_begin(j, "compiled");
	sw_json_uint(j, "trails", s ? s->trails : 0);
	sw_json_uint(j, "bytes", s ? s->bytes : 0);
	sw_json_double(j, "ms", (double)t->compile_ns / 1e6);
	sw_json_bool(j, "is_mapped", t->is_mapped);
	sw_json_object_end(j);
	sw_ctl_reply_end(q);
}

/* ---- trails.list */

/* How many trails are over and count for nothing any more, and when the next one ends. */
static void write_ends(struct sw_engine *e, struct sw_json *j, const struct sw_trail_list *l)
{
	uint64_t over = 0;
	int64_t next = l ? sw_trail_times_next(&l->view, sw_clock_wall_sec(&e->clock), &over) : 0;

	sw_json_uint(j, "over", over);
	sw_json_wall_sec(j, "next_end", next);
}

/* Lines of its source that are no trails: null where there are none. */
static void write_bad(struct sw_json *j, const struct sw_trail_list *l)
{
	char first[SW_TRAIL_BAD_TEXT_MAX];
	uint64_t n = l ? sw_trail_list_bad(l, first) : 0;

	if (n)
		sw_json_uint(j, "bad_lines", n);
	else
		sw_json_null(j, "bad_lines");
	sw_json_string(j, "first_bad", n ? first : NULL);
}

static void write_list(struct sw_engine *e, struct sw_json *j, const struct sw_trail_slot *s, bool are_compiling)
{
	const struct sw_feed_state *f =
		s->kind == SW_TRAIL_KIND_FEED ? sw_net_peer_feed(e, s->name) : NULL;
	const char *error = s->error[0] ? s->error : f && f->error[0] ? f->error : NULL;

	sw_json_object_begin(j, NULL);
	sw_json_string(j, "name", s->name);
	sw_json_string(j, "origin", s->origin);
	sw_json_string(j, "action", sw_feeds_action_word(e, s));
	sw_json_uint(j, "entries4", s->list ? s->list->view.n4 : 0);
	sw_json_uint(j, "entries6", s->list ? s->list->view.n6 : 0);
	sw_json_uint(j, "others", s->list ? s->list->view.head->n_texts : 0);
	sw_json_wall_sec(j, "made_at", s->list ? s->list->view.head->made_wall_sec : 0);
	sw_json_string(j, "kind", sw_trail_kind_word(s->kind));
	/* what a country is of all addresses: nobody counts its networks by eye */
	if (s->kind == SW_TRAIL_KIND_COUNTRY && s->list)
		sw_json_double(j, "cover_percent", (double)sw_feed_cover(&s->list->view) / 10000);
	else
		sw_json_null(j, "cover_percent");
	write_ends(e, j, s->list);
	sw_json_string(j, "state", sw_trails_unready(e->trails, s, are_compiling));
	sw_json_string(j, "error", error);
	write_bad(j, s->list);
	sw_json_wall_sec(j, "next_at", f ? (int64_t)f->last.next_wall_sec : 0);
	sw_json_object_end(j);
}

/* Feeds that have not brought a list yet have no slot, and yet the operator waits for them. */
static void write_empty_feeds(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_config_feed *f;

	for (unsigned int i = 0; (f = sw_feeds_at(e, i)); i++) {
		struct sw_trail_slot s = {.kind = SW_TRAIL_KIND_FEED, .action = sw_feed_trail_action(f)};

		if (sw_trails_slot(e->trails, f->name))
			continue;
		sw_strcpy(s.name, sizeof(s.name), f->name);
		write_list(e, j, &s, false); /* it holds nothing yet */
	}
}

static void verb_list(struct sw_ctl_request *q, const json_t *args, void *arg)
{
	struct sw_engine *e = arg;
	bool are_compiling = sw_trails_are_compiling(e->trails);
	struct sw_json *j = sw_ctl_reply_begin(q);

	sw_json_array_begin(j, "lists");
	for (size_t i = 0; i < SW_TRAIL_SETS_MAX; i++)
		if (e->trails->slots[i].name[0])
			write_list(e, j, &e->trails->slots[i], are_compiling);
	write_empty_feeds(e, j);
	sw_json_array_end(j);
	sw_ctl_reply_end(q);
}

/* ---- the part */

/* Trails of other kinds, by kind. */
static void part_status_kinds(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_static_stats *s =
		e->trails->compiled ? sw_static_stats(e->trails->compiled) : NULL;

	sw_json_object_begin(j, "kinds");
	for (unsigned int i = 0; s && i < SW_STATIC_COUNT; i++)
		if (s->kinds[i])
			sw_json_uint(j, sw_static_kind_word(i), s->kinds[i]);
	sw_json_object_end(j);
}

static void part_status(struct sw_engine *e, struct sw_json *j)
{
	const struct sw_guard_status *g = sw_engine_guard_status(e);
	int64_t ago_ns;
	size_t lists = 0;

	for (size_t i = 0; i < SW_TRAIL_SETS_MAX; i++)
		lists += e->trails->slots[i].list != NULL;
	sw_json_object_begin(j, "trails");
	sw_json_uint(j, "lists", lists);
	part_status_kinds(e, j);
	sw_json_uint(j, "entries4", g ? g->trails4 : 0);
	sw_json_uint(j, "entries6", g ? g->trails6 : 0);
	sw_json_string(j, "engine",
		!g                                            ? ""
			: g->trail_engine == SW_ENGINE_PACKED ? "packed"
							      : "lpm");
	sw_json_string(j, "engine_why",
		e->trails->is_packed_refused ? "the kernel takes no packed trails" : "");
	if (g && g->trails_swapped_ns) {
		ago_ns = (int64_t)(sw_clock_boot_ns(&e->clock) - g->trails_swapped_ns);
		sw_json_wall_sec(j, "swapped_at",
			(sw_clock_wall_ns(&e->clock) - ago_ns) / (int64_t)SW_SEC_NS);
	} else {
		sw_json_null(j, "swapped_at");
	}
	sw_json_object_end(j);
}

static int open_directory(struct sw_engine *e)
{
	char path[PATH_MAX];
	int fd;

	if (!sw_path_join(path, sizeof(path), e->paths.state_dir, "trails"))
		return -ENAMETOOLONG;
	if (mkdir(path, 0750) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int on_end(struct sw_source *s, void *arg)
{
	sw_trails_end_due(arg);
	return 0;
}

static int part_init(struct sw_engine *e)
{
	struct sw_trail_part *t = calloc(1, sizeof(*t));
	struct sw_trail_op *op = sw_trail_op_new(SW_TRAIL_OP_LOAD);
	int r;

	if (!t || !op) {
		free(t);
		free(op);
		return -ENOMEM;
	}
	e->trails = t;
	t->domains_fd = -1;
	t->dirfd = open_directory(e);
	if (t->dirfd < 0)
		sw_degraded_set(e, "trails-save", SW_SEV_MEDIUM,
			"trail lists cannot be saved in %s/trails: %s", e->paths.state_dir,
			strerror(-t->dirfd));
	r = sw_worker_new(e->loop, &t->worker);
	if (!r)
		r = sw_loop_add_timer(e->loop, 0, 0, on_end, e, &t->end_timer);
	if (!r)
		r = sw_trail_top_new(&t->top);
	if (!r)
		r = sw_trail_watch_new(e, &t->watch);
	if (r < 0)
		free(op);
	else
		sw_trails_queue(e, op);
	return r;
}

static void part_done(struct sw_engine *e)
{
	struct sw_trail_part *t = e->trails;

	if (!t)
		return;
	sw_worker_free(t->worker);
	if (t->end_timer)
		sw_source_free(t->end_timer);
	sw_trail_watch_free(t->watch);
	sw_trails_drop(t);
	sw_trail_top_free(t->top);
	sw_close(t->dirfd);
	free(t);
	e->trails = NULL;
}

static int part_connected(struct sw_engine *e)
{
	struct sw_trail_op *op;

	/* before the saved lists are there the kernel's set is better than ours */
	e->trails->needs_swap = true;
	op = e->trails->is_loaded ? sw_trail_op_new(SW_TRAIL_OP_SWAP) : NULL;
	if (op)
		sw_trails_queue(e, op);
	return 0;
}

static void part_configured(struct sw_engine *e, const struct sw_config *old)
{
	if (e->trails->is_loaded)
		sw_trail_watch_apply(e);
}

static const struct sw_ctl_verb verbs[] = {
	{"trails.import", SW_CTL_CHANGE, verb_import},
	{"trails.remove", SW_CTL_CHANGE, verb_remove},
	{"trails.export", SW_CTL_READ, verb_export},
	{"trails.stats", SW_CTL_READ, verb_stats},
	{"trails.list", SW_CTL_READ, verb_list},
	{"trails.search", SW_CTL_READ, sw_trails_verb_search},
	{},
};

const struct sw_engine_part sw_part_trails = {
	.name = "trails",
	.verbs = verbs,
	.init = part_init,
	.done = part_done,
	.connected = part_connected,
	.configured = part_configured,
	.status = part_status,
	.why = sw_trails_why,
	.listed = sw_trails_listed,
};
