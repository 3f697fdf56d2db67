// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Follows the configuration's trail files and directories: a file's directory is watched, because a
 * file that is replaced by rename is another file, and of a directory the folders that are read too.
 * What changed is read 200 ms after the last change; what cannot be read is tried again each minute,
 * since a mount or a permission tells nobody.
 */
#include <sys/inotify.h>

#include "user/base/country.h"
#include "user/engine/feeds.h"
#include "user/engine/trails.h"

enum { SETTLE_MS = 200, RETRY_SEC = 60, SOON_SEC = 2 };

/* Below a directory of static trails (static_read.h). */
static const char *const folders[] = {"", "malware", "malicious", "suspicious"};

struct file {
	char path[256]; /* a directory's ends with a slash */
	char name[SW_TRAIL_NAME_MAX + 1];
	enum sw_trail_kind kind;
	enum sw_trail_action action;
	int wd[SW_ARRAY_SIZE(
		folders)]; /* of a file's directory, of a directory's folders; -1: not there */
	bool is_due;
};

struct sw_trail_watch {
	struct sw_engine *engine;
	int inotify_fd;
	struct sw_source *events, *settle, *retry;
	struct file files[SW_CONFIG_FILES_MAX + SW_CONFIG_DIRS_MAX + 4 * SW_CONFIG_CODES_MAX];
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
	char dir[sizeof(f->path) + 16];
	size_t n = (size_t)(base_name(f->path) - f->path);

	for (size_t i = 0; i < SW_ARRAY_SIZE(folders); i++) {
		f->wd[i] = -1;
		if (w->inotify_fd < 0 || (i && f->kind != SW_TRAIL_KIND_DIRECTORY))
			continue;
		snprintf(dir, sizeof(dir), "%.*s%s", (int)n, f->path, folders[i]);
		f->wd[i] = inotify_add_watch(w->inotify_fd, *dir ? dir : ".", mask);
	}
}

static void queue_put(struct sw_engine *e, const struct file *f)
{
	struct sw_trail_op *op = sw_trail_op_new(SW_TRAIL_OP_PUT);

	if (!op)
		return; /* the next minute tries again */
	op->slot.kind = f->kind;
	op->slot.action = f->action;
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
		if (w->files[i].is_due) {
			queue_put(w->engine, &w->files[i]);
			watch_directory(w, &w->files[i]); /* a folder may be new */
		}
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
		for (size_t k = 0; k < SW_ARRAY_SIZE(folders); k++) {
			if (f->wd[k] != ev->wd)
				continue;
			if (ev->mask & IN_IGNORED)
				f->wd[k] = -1;
			else if (f->kind == SW_TRAIL_KIND_DIRECTORY ||
				(ev->len && sw_streq(ev->name, base_name(f->path))))
				f->is_due = true;
		}
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

static void add_default(struct sw_trail_watch *w);

static int on_retry(struct sw_source *s, void *arg)
{
	struct sw_trail_watch *w = arg;
	struct sw_engine *e = w->engine;

	for (size_t i = 0; i < w->n; i++) {
		const struct sw_trail_slot *slot = sw_trails_slot(e->trails, w->files[i].name);

		if (w->files[i].wd[0] < 0)
			watch_directory(w, &w->files[i]);
		if (!slot || slot->error[0])
			queue_put(e, &w->files[i]);
	}
	add_default(w);
	sw_trails_end_due(e);
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

const char *sw_trail_watch_kind(const struct sw_trail_watch *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (sw_streq(w->files[i].name, name))
			return sw_trail_kind_word(w->files[i].kind);
	return NULL;
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

static void add_file(struct sw_trail_watch *w, const char *path, enum sw_trail_kind kind)
{
	struct file f = {.kind = kind,
		.action = kind == SW_TRAIL_KIND_FILE
			? SW_TRAIL_DROP
			: (enum sw_trail_action)w->engine->config->trail_dirs_action};
	size_t n;

	sw_strcpy(f.path, sizeof(f.path) - 1, path);
	n = strlen(f.path);
	while (kind == SW_TRAIL_KIND_DIRECTORY && n > 1 && f.path[n - 1] == '/')
		f.path[--n] = 0;
	name_file(w, &f);
	if (kind == SW_TRAIL_KIND_DIRECTORY)
		sw_strcpy(f.path + n, 2, "/");
	w->files[w->n] = f;
	watch_directory(w, &w->files[w->n++]);
}

/* A list for each country or autonomous system, all of one database. */
static void add_codes(struct sw_trail_watch *w, const struct sw_config_codes *codes,
	enum sw_trail_action action, bool is_asn)
{
	const struct sw_config *c = w->engine->config;
	struct file f = {.kind = SW_TRAIL_KIND_COUNTRY, .action = action};
	char code[3];

	sw_strcpy(f.path, sizeof(f.path), is_asn ? c->country_asn_file : c->country_file);
	for (__u32 i = 0; *f.path && i < SW_MIN(codes->n, (__u32)SW_CONFIG_CODES_MAX); i++) {
		sw_country_format(code, codes->at[i]);
		if (is_asn)
			snprintf(f.name, sizeof(f.name), "asn:%u", codes->at[i]);
		else
			snprintf(f.name, sizeof(f.name), "country:%s", code);
		w->files[w->n] = f;
		watch_directory(w, &w->files[w->n++]);
	}
}

/* trails.d beside the configuration's file, where the configuration names no directory. */
static void add_default(struct sw_trail_watch *w)
{
	struct sw_engine *e = w->engine;
	char path[sizeof(w->files[0].path)];
	const char *base = e->paths.config_file ? base_name(e->paths.config_file) : NULL;

	if (!base || e->config->n_trail_dirs || w->n >= SW_ARRAY_SIZE(w->files) ||
		snprintf(path, sizeof(path), "%.*strails.d/", (int)(base - e->paths.config_file),
			e->paths.config_file) >= (int)sizeof(path) ||
		access(path, F_OK) < 0)
		return;
	for (size_t i = 0; i < w->n; i++)
		if (sw_streq(w->files[i].path, path))
			return;
	add_file(w, path, SW_TRAIL_KIND_DIRECTORY);
	queue_put(e, &w->files[w->n - 1]);
}

static bool is_configured(struct sw_trail_watch *w, const struct sw_trail_slot *s)
{
	const struct file *f;

	if (s->kind == SW_TRAIL_KIND_FILE || s->kind == SW_TRAIL_KIND_DIRECTORY ||
		s->kind == SW_TRAIL_KIND_COUNTRY) {
		f = find_by_name(w, s->name);
		return f && sw_streq(f->path, s->origin);
	}
	if (s->kind == SW_TRAIL_KIND_FEED)
		return sw_feeds_find(w->engine, s->name);
	return s->kind == SW_TRAIL_KIND_IMPORT;
}

/* A feed whose action is another now: what it listed is there, and is not fetched again for that. */
static void recast(struct sw_engine *e, const struct sw_trail_slot *s)
{
	const struct sw_config_feed *f = sw_feeds_find(e, s->name);
	struct sw_trail_op *op;

	if (!f || !s->list || sw_feed_trail_action(f) == s->action)
		return;
	op = sw_trail_op_new(SW_TRAIL_OP_PUT);
	if (!op)
		return; /* the next change, or the next fetch, tries again */
	op->slot.kind = s->kind;
	op->slot.action = sw_feed_trail_action(f);
	op->is_recast = true;
	op->base = sw_trail_stamp(s->list);
	sw_strcpy(op->slot.name, sizeof(op->slot.name), s->name);
	sw_trails_queue(e, op);
}

void sw_trail_watch_apply(struct sw_engine *e)
{
	struct sw_trail_watch *w = e->trails->watch;
	size_t n;

	w->n = 0;
	for (__u32 i = 0; i < SW_MIN(e->config->n_trail_files, (__u32)SW_CONFIG_FILES_MAX); i++)
		add_file(w, e->config->trail_files[i], SW_TRAIL_KIND_FILE);
	for (__u32 i = 0; i < SW_MIN(e->config->n_trail_dirs, (__u32)SW_CONFIG_DIRS_MAX); i++)
		add_file(w, e->config->trail_dirs[i], SW_TRAIL_KIND_DIRECTORY);
	add_codes(w, &e->config->country_drop, SW_TRAIL_DROP, false);
	add_codes(w, &e->config->country_observe, SW_TRAIL_OBSERVE, false);
	add_codes(w, &e->config->asn_drop, SW_TRAIL_DROP, true);
	add_codes(w, &e->config->asn_observe, SW_TRAIL_OBSERVE, true);
	n = w->n;
	add_default(w);
	for (size_t i = 0; i < SW_TRAIL_SETS_MAX; i++)
		if (e->trails->slots[i].name[0] && !is_configured(w, &e->trails->slots[i]))
			queue_kind(e, SW_TRAIL_OP_REMOVE, &e->trails->slots[i]);
		else if (e->trails->slots[i].kind == SW_TRAIL_KIND_FEED)
			recast(e, &e->trails->slots[i]);
	for (size_t i = 0; i < n; i++)
		queue_put(e, &w->files[i]);
	queue_kind(e, SW_TRAIL_OP_SWAP, NULL);
	sw_feeds_allow(e);
}
