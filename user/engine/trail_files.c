// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Follows the configuration's trail files: their directories are watched, because a file that is
 * replaced by rename is another file. What changed is read 200 ms after the last change; files that
 * cannot be read are tried again each minute, since a mount or a permission tells nobody.
 */
#include <sys/inotify.h>

#include "user/engine/feeds.h"
#include "user/engine/trails.h"

enum { SETTLE_MS = 200, RETRY_SEC = 60, SOON_SEC = 2 };

struct file {
	char path[256];
	char name[SW_TRAIL_NAME_MAX + 1];
	int wd; /* of its directory; -1: not there */
	bool is_due;
};

struct sw_trail_watch {
	struct sw_engine *engine;
	int inotify_fd;
	struct sw_source *events, *settle, *retry;
	struct file files[SW_CONFIG_FILES_MAX];
	size_t n;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void watch_directory(struct sw_trail_watch *w, struct file *f)
{
	const uint32_t mask =
		IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_ONLYDIR;
	char dir[sizeof(f->path)];
	size_t n = (size_t)(base_name(f->path) - f->path);

	memcpy(dir, f->path, n);
	dir[n] = 0;
	f->wd = w->inotify_fd < 0 ? -1 : inotify_add_watch(w->inotify_fd, n ? dir : ".", mask);
}

static void queue_put(struct sw_engine *e, const struct file *f)
{
	struct sw_trail_op *op = sw_trail_op_new(SW_TRAIL_OP_PUT);

	if (!op)
		return; /* the next minute tries again */
	op->slot.kind = SW_TRAIL_KIND_FILE;
	op->slot.action = SW_TRAIL_DROP;
	sw_strcpy(op->slot.name, sizeof(op->slot.name), f->name);
	sw_strcpy(op->slot.origin, sizeof(op->slot.origin), f->path);
	sw_trails_queue(e, op);
}

static void queue_kind(
	struct sw_engine *e, enum sw_trail_op_kind kind, const struct sw_trail_slot *s)
{
	struct sw_trail_op *op = sw_trail_op_new(kind);

	if (!op)
		return;
	if (s) {
		op->slot.kind = s->kind;
		op->slot.action = s->action;
		sw_strcpy(op->slot.name, sizeof(op->slot.name), s->name);
	}
	sw_trails_queue(e, op);
}

static int on_settled(struct sw_source *s, void *arg)
{
	struct sw_trail_watch *w = arg;

	for (size_t i = 0; i < w->n; i++) {
		if (w->files[i].is_due)
			queue_put(w->engine, &w->files[i]);
		w->files[i].is_due = false;
	}
	return 0;
}

static void note_event(struct sw_trail_watch *w, const struct inotify_event *ev)
{
	for (size_t i = 0; i < w->n; i++) {
		struct file *f = &w->files[i];

		if (ev->mask & IN_Q_OVERFLOW)
			f->is_due = true;
		if (f->wd != ev->wd)
			continue;
		if (ev->mask & IN_IGNORED)
			f->wd = -1;
		else if (ev->len && sw_streq(ev->name, base_name(f->path)))
			f->is_due = true;
		else
			continue;
	}
}

static int on_events(struct sw_source *s, int fd, uint32_t events, void *arg)
{
	struct sw_trail_watch *w = arg;
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t got;

	while ((got = read(fd, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + got;) {
			const struct inotify_event *ev = (const struct inotify_event *)p;

			note_event(w, ev);
			p += sizeof(*ev) + ev->len;
		}
	}
	for (size_t i = 0; i < w->n; i++)
		if (w->files[i].is_due)
			return sw_source_set_timer(w->settle, SETTLE_MS * SW_MSEC_NS, 0);
	return 0;
}

static int on_retry(struct sw_source *s, void *arg)
{
	struct sw_trail_watch *w = arg;
	struct sw_engine *e = w->engine;

	for (size_t i = 0; i < w->n; i++) {
		const struct sw_trail_slot *slot = sw_trails_slot(e->trails, w->files[i].name);

		if (w->files[i].wd < 0)
			watch_directory(w, &w->files[i]);
		if (!slot || slot->error[0])
			queue_put(e, &w->files[i]);
	}
	if (e->trails->needs_swap && e->trails->is_loaded && sw_guard_client_is_connected(e->guard))
		queue_kind(e, SW_TRAIL_OP_SWAP, NULL);
	return 0;
}

int sw_trail_watch_new(struct sw_engine *e, struct sw_trail_watch **ret)
{
	struct sw_trail_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->engine = e;
	w->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	r = w->inotify_fd < 0
		? 0
		: sw_loop_add_fd(e->loop, w->inotify_fd, EPOLLIN, on_events, w, &w->events);
	if (!r)
		r = sw_loop_add_timer(e->loop, 0, 0, on_settled, w, &w->settle);
	if (!r)
		r = sw_loop_add_timer(e->loop, RETRY_SEC * SW_SEC_NS, RETRY_SEC * SW_SEC_NS,
			on_retry, w, &w->retry);
	if (r < 0)
		sw_trail_watch_free(w);
	else
		*ret = w;
	return r;
}

void sw_trail_watch_free(struct sw_trail_watch *w)
{
	if (!w)
		return;
	if (w->events)
		sw_source_free(w->events);
	if (w->settle)
		sw_source_free(w->settle);
	if (w->retry)
		sw_source_free(w->retry);
	sw_close(w->inotify_fd);
	free(w);
}

void sw_trail_watch_retry(struct sw_trail_watch *w)
{
	sw_source_set_timer(w->retry, SOON_SEC * SW_SEC_NS, RETRY_SEC * SW_SEC_NS);
}

static struct file *find_by_name(struct sw_trail_watch *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (sw_streq(w->files[i].name, name))
			return &w->files[i];
	return NULL;
}

/* Two files of one base name in different directories get names that differ: "bad", "bad-2". */
static void name_file(struct sw_trail_watch *w, struct file *f)
{
	char made[SW_TRAIL_NAME_MAX + 1];

	sw_trail_name_make(made, f->path);
	sw_strcpy(f->name, sizeof(f->name), made);
	for (unsigned char i = 2; find_by_name(w, f->name); i++)
		snprintf(f->name, sizeof(f->name), "%.59s-%u", made, i);
}

static void add_file(struct sw_trail_watch *w, const char *path)
{
	struct file f = {.wd = -1};

	sw_strcpy(f.path, sizeof(f.path), path);
	name_file(w, &f);
	w->files[w->n] = f;
	watch_directory(w, &w->files[w->n++]);
}

static bool is_configured(struct sw_trail_watch *w, const struct sw_trail_slot *s)
{
	const struct file *f;

	if (s->kind == SW_TRAIL_KIND_FILE) {
		f = find_by_name(w, s->name);
		return f && sw_streq(f->path, s->origin);
	}
	if (s->kind == SW_TRAIL_KIND_FEED)
		return sw_feeds_find(w->engine, s->name);
	return s->kind == SW_TRAIL_KIND_IMPORT;
}

void sw_trail_watch_apply(struct sw_engine *e)
{
	struct sw_trail_watch *w = e->trails->watch;

	w->n = 0;
	for (__u32 i = 0; i < SW_MIN(e->config->n_trail_files, (__u32)SW_CONFIG_FILES_MAX); i++)
		add_file(w, e->config->trail_files[i]);
	for (size_t i = 0; i < SW_TRAIL_SETS_MAX; i++)
		if (e->trails->slots[i].name[0] && !is_configured(w, &e->trails->slots[i]))
			queue_kind(e, SW_TRAIL_OP_REMOVE, &e->trails->slots[i]);
	for (size_t i = 0; i < w->n; i++)
		queue_put(e, &w->files[i]);
	queue_kind(e, SW_TRAIL_OP_SWAP, NULL);
}
