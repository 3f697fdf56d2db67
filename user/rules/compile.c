// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/rules/compile.h"

#include <dirent.h>
#include <fcntl.h>

#include "user/base/clock.h"
#include "user/conf/value.h"
#include "user/rules/jails.h"

enum { FILES_MAX = 256, NAME_BYTES = 256 };

struct compile {
	const struct sw_rules_from *from;
	struct sw_rules_writer w;
	struct sw_strbuf *errors;
};

/* ---- directories of packs */

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool is_pack(const char *name)
{
	size_t n = strlen(name);

	return name[0] != '.' && n > 5 && n < NAME_BYTES && sw_streq(name + n - 5, ".yaml");
}

/* The packs of a directory, sorted. */
static size_t list_packs(int dir_fd, char (*names)[NAME_BYTES])
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	size_t n = 0;

	if (!d) {
		sw_close(fd);
		return 0;
	}
	for (struct dirent *e = readdir(d); e && n < FILES_MAX; e = readdir(d))
		if (is_pack(e->d_name))
			snprintf(names[n++], NAME_BYTES, "%s", e->d_name);
	closedir(d);
	qsort(names, n, NAME_BYTES, compare_names);
	return n;
}

static void leave_out(struct compile *c, const char *file, const char *why)
{
	sw_strbuf_printf(c->errors, "%s: %s\n", file, why);
	c->w.n_left_out++;
}

static int read_pack(struct compile *c, int dir_fd, const char *dir, const char *name, bool is_user)
{
	_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct sw_pack pack = {.is_user = is_user,
		.out = &c->w,
		.errors = c->errors,
		.sample = c->from->sample,
		.arg = c->from->arg};
	_free_ char *text = NULL, *file = NULL;
	size_t len;
	int r;

	if (asprintf(&file, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	pack.file = file;
	if (fd < 0) {
		leave_out(c, file,
			errno == EACCES
				? "not readable for all, which it must be: it holds no secret"
				: strerror(errno));
		return 0;
	}
	r = sw_read_all(fd, SW_CONF_BYTES_MAX + 1, &text, &len);
	if (r < 0) {
		leave_out(c, file, strerror(-r));
		return r == -ENOMEM ? r : 0;
	}
	r = sw_pack_read(&pack, text, len);
	return r == -ENOMEM ? r : 0;
}

static int read_packs(struct compile *c, int dir_fd, const char *dir, bool is_user)
{
	_free_ char(*names)[NAME_BYTES] = calloc(FILES_MAX, NAME_BYTES);
	size_t n;
	int r = 0;

	if (!names)
		return -ENOMEM;
	n = dir_fd >= 0 ? list_packs(dir_fd, names) : 0;
	for (size_t i = 0; i < n && !r; i++)
		r = read_pack(c, dir_fd, dir, names[i], is_user);
	return r;
}

/* ---- fail2ban's jails */

static void take_jail(void *arg, const struct sw_jail *jail)
{
	struct compile *c = arg;
	_strbuf_ struct sw_strbuf text = {}, file = {};
	struct sw_pack pack = {.is_user = true, .out = &c->w, .errors = c->errors};

	sw_strbuf_printf(&file, "%s[%s]", c->from->config->rules_fail2ban, jail->name);
	if (!jail->rule) {
		leave_out(c, sw_strbuf_get(&file), jail->why);
		return;
	}
	sw_strbuf_puts(&text, "rules:\n");
	for (const char *p = jail->rule; *p; p += strcspn(p, "\n") + 1)
		sw_strbuf_printf(&text, "%s%.*s\n", p == jail->rule ? "  - " : "    ",
			(int)strcspn(p, "\n"), p);
	pack.file = sw_strbuf_get(&file);
	(void)sw_pack_read(&pack, sw_strbuf_get(&text), text.len);
}

static void read_jails(struct compile *c)
{
	const char *dir = c->from->config->rules_fail2ban;
	_strbuf_ struct sw_strbuf err = {};
	int r = *dir ? sw_jails_each(dir, take_jail, c, &err) : 0;

	if (r < 0)
		leave_out(c, dir, sw_strbuf_get(&err));
}

/* ---- what the configuration says */

static const char *nearest_rule(struct compile *c, const char *name)
{
	static const char *names[SW_RULES_MAX];
	size_t n = sw_rules_count(&c->w);

	for (size_t i = 0; i < n; i++)
		names[i] = sw_rules_writer_text(&c->w, sw_rules_at(&c->w, i)->name);
	return sw_nearest(name, names, n);
}

static void tell_unknown(struct compile *c, const struct sw_config_rule *s)
{
	const char *near = nearest_rule(c, s->name);

	sw_strbuf_printf(c->errors, "%s:%u: rules.set: no rule is named '%s'", c->from->config_file,
		s->line, s->name);
	if (near)
		sw_strbuf_printf(c->errors, ": did you mean '%s'?", near);
	sw_strbuf_putc(c->errors, '\n');
	c->w.n_left_out++;
}

static void set_own(struct compile *c, const struct sw_config_rule *s)
{
	struct sw_rules_rule *r = sw_rules_find(&c->w, s->name);
	_strbuf_ struct sw_strbuf why = {};
	uint64_t window, ban;

	if (!r) {
		tell_unknown(c, s);
		return;
	}
	if (s->state)
		r->state = s->state - 1;
	if (s->action)
		r->action = s->action - 1;
	if (s->threshold[0] && sw_conf_threshold_parse(s->threshold, &r->count, &window, &why) >= 0)
		r->window_sec = window;
	if (s->ban_for[0] && sw_duration_parse(s->ban_for, &ban) >= 0)
		r->ban_sec = ban ? ban : SW_RULES_FOREVER;
}

static void apply_config(struct compile *c)
{
	const struct sw_config *conf = c->from->config;

	for (size_t i = 0; i < sw_rules_count(&c->w); i++) {
		struct sw_rules_rule *r = sw_rules_at(&c->w, i);

		if (!(r->flags & SW_RULE_FROM_USER) && r->state == SW_RULE_AUTO)
			r->state = conf->rules_state;
	}
	for (__u32 i = 0; i < conf->n_rules; i++)
		set_own(c, &conf->rules[i]);
	for (size_t i = 0; i < sw_rules_count(&c->w); i++) {
		struct sw_rules_rule *r = sw_rules_at(&c->w, i);

		r->action = SW_MIN(r->action, conf->rules_action);
	}
}

int sw_rules_compile(
	const struct sw_rules_from *from, void **ret, size_t *ret_size, struct sw_strbuf *errors)
{
	struct compile c = {.from = from, .errors = errors};
	int r;

	sw_rules_writer_init(&c.w);
	r = read_packs(&c, from->packs_fd, from->packs_dir, false);
	if (!r)
		r = read_packs(&c, from->user_fd, from->user_dir, true);
	if (!r) {
		read_jails(&c);
		apply_config(&c);
		r = sw_rules_finish(&c.w, ret, ret_size);
	}
	sw_rules_writer_done(&c.w);
	return r;
}
