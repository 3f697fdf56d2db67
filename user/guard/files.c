// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/files.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/stat.h>

#include "user/base/cidr.h"
#include "user/base/log.h"

#define BLOCK_BEGIN                                                                                \
	"# sockwarden: begin. Written by sockwarden; what is changed here is put back.\n"
#define BLOCK_BEGIN_MARK "# sockwarden: begin"
#define BLOCK_END        "# sockwarden: end\n"
#define BLOCK_END_MARK   "# sockwarden: end"

enum { HOSTS_DENY = SW_CONFIG_ACTIONS_MAX, FILES = SW_CONFIG_ACTIONS_MAX + 1 };

/* A file as it was last written. */
struct file {
	char path[256]; /* "": none */
	struct timespec changed;
	ino_t inode;
	int error;
};

struct nets {
	struct sw_net *at;
	size_t n, cap;
};

struct sw_files {
	struct sw_clock clock;
	const struct sw_maps *maps;
	const struct sw_config *config;
	struct sw_gate_ctl ctl;
	struct sw_source *settle, *look;
	sw_files_written_fn fn;
	void *arg;
	struct file files[FILES];
	struct nets bans, allows; /* as last written, sorted */
	unsigned int n_left_out;
	struct sw_guard_backend facts;
};

/* ---- text */

static void put_hosts_deny(const struct sw_net *net, struct sw_strbuf *out)
{
	char text[SW_NET_TEXT_MAX];
	struct sw_net host = *net;
	struct in_addr mask = {};

	if (net->family == SW_AF_IP4) {
		mask.s_addr = net->plen ? htonl(~0U << (32 - net->plen)) : 0;
		host.plen = 32;
		sw_strbuf_puts(out, sw_cidr_format(text, &host));
		if (net->plen < 32)
			sw_strbuf_printf(out, "/%s", inet_ntoa(mask));
		return;
	}
	host.plen = 128;
	sw_strbuf_printf(out, "[%s]", sw_cidr_format(text, &host));
	if (net->plen < 128)
		sw_strbuf_printf(out, "/%u", net->plen);
}

static void put_line(enum sw_action_format format, const struct sw_net *net,
	const struct sw_net *allows, size_t n_allows, struct sw_strbuf *out)
{
	char text[SW_NET_TEXT_MAX];
	bool is_first = true;

	if (format == SW_FORMAT_PLAIN) {
		sw_strbuf_printf(out, "%s\n", sw_cidr_format(text, net));
		return;
	}
	if (format == SW_FORMAT_NGINX) {
		sw_strbuf_printf(out, "deny %s;\n", sw_cidr_format(text, net));
		return;
	}
	sw_strbuf_puts(out, "ALL: ");
	put_hosts_deny(net, out);
	for (size_t i = 0; i < n_allows; i++) {
		if (!sw_net_contains(net, &allows[i]))
			continue;
		sw_strbuf_puts(out, is_first ? " EXCEPT " : " ");
		put_hosts_deny(&allows[i], out);
		is_first = false;
	}
	sw_strbuf_putc(out, '\n');
}

void sw_files_render(enum sw_action_format format, const struct sw_net *nets, size_t n,
	const struct sw_net *allows, size_t n_allows, struct sw_strbuf *out)
{
	char text[SW_NET_TEXT_MAX];

	/* nginx takes the first line that fits: the exceptions before */
	for (size_t i = 0; format == SW_FORMAT_NGINX && i < n_allows; i++)
		sw_strbuf_printf(out, "allow %s;\n", sw_cidr_format(text, &allows[i]));
	for (size_t i = 0; i < n; i++)
		put_line(format, &nets[i], allows, n_allows, out);
}

/* Length of the line at text with its end. */
static size_t line_len(const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);

	return end ? (size_t)(end - text) + 1 : len;
}

static bool begins(const char *text, size_t len, const char *mark)
{
	return len >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0;
}

static void put_block(const char *lines, struct sw_strbuf *out)
{
	if (!*lines)
		return;
	if (out->len && out->text[out->len - 1] != '\n')
		sw_strbuf_putc(out, '\n');
	sw_strbuf_puts(out, BLOCK_BEGIN);
	sw_strbuf_puts(out, lines);
	sw_strbuf_puts(out, BLOCK_END);
}

int sw_files_splice(const char *text, size_t len, const char *lines, struct sw_strbuf *out)
{
	bool is_inside = false, is_done = false;

	for (size_t n; len; text += n, len -= n) {
		n = line_len(text, len);
		if (begins(text, n, BLOCK_BEGIN_MARK)) {
			if (is_inside)
				return -EBADMSG;
			is_inside = true;
			if (!is_done)
				put_block(lines, out);
			is_done = true;
		} else if (begins(text, n, BLOCK_END_MARK)) {
			if (!is_inside)
				return -EBADMSG;
			is_inside = false;
		} else if (!is_inside) {
			sw_strbuf_add(out, text, n);
		}
	}
	if (is_inside)
		return -EBADMSG;
	if (!is_done)
		put_block(lines, out);
	return out->is_failed ? -ENOMEM : 0;
}

/* ---- what they shall hold */

static bool add(struct nets *l, const struct sw_net *net)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct sw_net *more = realloc(l->at, cap * sizeof(*more));

		if (!more)
			return false;
		l->at = more;
		l->cap = cap;
	}
	l->at[l->n++] = *net;
	return true;
}

static int on_ban(const struct sw_net *net, void *arg)
{
	struct sw_files *f = arg;
	struct sw_ban_val val;

	if (sw_maps_ban_get(f->maps, net, &val) < 0 ||
		(val.until_ns &&
			val.until_ns <= sw_clock_boot_ns(&f->clock) + f->ctl.clock_offset_ns))
		return 0;
	if (f->bans.n >= SW_FILE_BANS_MAX || !add(&f->bans, net))
		f->n_left_out++;
	return 0;
}

static int on_allow(const struct sw_net *net, __u32 origins, void *arg)
{
	struct sw_files *f = arg;

	return add(&f->allows, net) ? 0 : -ENOMEM;
}

static int by_net(const void *a, const void *b)
{
	return sw_net_cmp(a, b);
}

static void sort(struct nets *l)
{
	if (l->n)
		qsort(l->at, l->n, sizeof(*l->at), by_net);
}

/* A trial is not enough: nothing would take them back if we were killed in it. */
static bool is_active(const struct sw_files *f)
{
	return f->config && f->ctl.mode == SW_MODE_ENFORCE && !f->ctl.enforce_until_ns;
}

static void collect(struct sw_files *f)
{
	f->bans.n = f->allows.n = f->n_left_out = 0;
	if (!is_active(f))
		return;
	(void)sw_maps_ban_each(f->maps, on_ban, f);
	(void)sw_maps_allow_each(f->maps, on_allow, f);
	sort(&f->bans);
	sort(&f->allows);
}

/* ---- writing */

static void note_state(struct file *file)
{
	struct stat st;

	if (stat(file->path, &st) < 0)
		return;
	file->changed = st.st_ctim;
	file->inode = st.st_ino;
}

/* 1 written, 0 it was so already. A link is followed: it is somebody's choice where the file lies. */
static int replace(const char *path, const char *text, size_t len, const char *old, size_t old_len,
	mode_t mode)
{
	char real[PATH_MAX], dir[PATH_MAX], base[PATH_MAX];
	_close_ int dirfd = -1;
	int r;

	if (old && len == old_len && memcmp(text, old, len) == 0)
		return 0;
	if (!realpath(path, real))
		sw_strcpy(real, sizeof(real), path);
	sw_strcpy(dir, sizeof(dir), real);
	sw_strcpy(base, sizeof(base), real);
	dirfd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return -errno;
	r = sw_write_file_atomic(dirfd, basename(base), text, len, mode);
	if (r >= 0 && fchmodat(dirfd, basename(base), mode, 0) < 0) /* whatever our umask */
		r = -errno;
	return r < 0 ? r : 1;
}

static int read_old(const char *path, char **ret, size_t *ret_len, mode_t *ret_mode)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_mode = st.st_mode & 07777;
	return sw_read_all(fd, SW_FILE_BYTES_MAX, ret, ret_len);
}

static int write_file(struct sw_files *f, unsigned int i)
{
	enum sw_action_format format =
		i == HOSTS_DENY ? SW_FORMAT_HOSTS_DENY : f->config->actions[i].format;
	_strbuf_ struct sw_strbuf lines = {}, whole = {};
	struct file *file = &f->files[i];
	_free_ char *old = NULL;
	size_t old_len = 0;
	mode_t mode = 0644;
	int r = read_old(file->path, &old, &old_len, &mode);

	if (r < 0)
		return r;
	sw_files_render(format, f->bans.at, f->bans.n, f->allows.at, f->allows.n, &lines);
	if (!f->bans.n)
		sw_strbuf_reset(&lines);
	if (i == HOSTS_DENY) {
		r = sw_files_splice(old ? old : "", old_len, sw_strbuf_get(&lines), &whole);
		if (r < 0)
			return r;
	}
	if (lines.is_failed)
		return -ENOMEM;
	if (i == HOSTS_DENY && !old && !whole.len)
		return 0; /* nothing to take out of what is not there */
	r = i == HOSTS_DENY
		? replace(file->path, sw_strbuf_get(&whole), whole.len, old, old_len, mode)
		: replace(file->path, sw_strbuf_get(&lines), lines.len, old, old_len, mode);
	note_state(file);
	return r;
}

static void note_error(struct sw_files *f, unsigned int i, int error)
{
	struct file *file = &f->files[i];

	if (error < 0 && error != file->error)
		sw_log_err(error == -EBADMSG ? 0 : error, "%s: %s", file->path,
			error == -EBADMSG
				? "our block has lost its beginning or its end; take both lines out"
				: "cannot be written; tried again");
	file->error = SW_MIN(error, 0);
	if (i != HOSTS_DENY)
		return;
	f->facts.error = file->error;
	if (error < 0)
		snprintf(f->facts.why, sizeof(f->facts.why), "%.60s: %s", file->path,
			error == -EBADMSG ? "our block has no end" : strerror(-error));
	else if (f->n_left_out)
		snprintf(f->facts.why, sizeof(f->facts.why),
			"holds at most %d bans: %u are left out", SW_FILE_BANS_MAX, f->n_left_out);
}

static void write_all(struct sw_files *f)
{
	collect(f);
	for (unsigned int i = 0; i < FILES; i++) {
		int r;

		if (!f->files[i].path[0])
			continue;
		r = write_file(f, i);
		note_error(f, i, r);
		if (r > 0 && i != HOSTS_DENY)
			f->fn(i, f->arg);
	}
	f->facts.entries = f->files[HOSTS_DENY].path[0] ? (__u32)f->bans.n : 0;
}

static int on_settle(struct sw_source *s, void *arg)
{
	write_all(arg);
	return 0;
}

static bool is_touched(const struct file *file)
{
	struct stat st;

	if (!file->path[0])
		return false;
	if (stat(file->path, &st) < 0)
		return file->inode != 0;
	return st.st_ino != file->inode || st.st_ctim.tv_sec != file->changed.tv_sec ||
		st.st_ctim.tv_nsec != file->changed.tv_nsec;
}

static int on_look(struct sw_source *s, void *arg)
{
	struct sw_files *f = arg;

	for (unsigned int i = 0; i < FILES; i++) {
		struct file *file = &f->files[i];
		int r;

		if (!is_touched(file) && !file->error)
			continue;
		r = write_file(f, i);
		note_error(f, i, r);
		if (r <= 0)
			continue;
		snprintf(f->facts.why, sizeof(f->facts.why),
			"%.50s was changed by somebody else; put back", file->path);
		sw_log_warning(0, "%s", f->facts.why);
		f->facts.repairs++;
		if (i != HOSTS_DENY)
			f->fn(i, f->arg);
	}
	return 0;
}

/* ---- what the guard calls */

int sw_files_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	sw_files_written_fn fn, void *arg, struct sw_files **ret)
{
	_cleanup_(sw_files_freep) struct sw_files *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->clock = *clock;
	f->maps = maps;
	f->fn = fn;
	f->arg = arg;
	r = sw_loop_add_timer(l, 0, 0, on_settle, f, &f->settle);
	if (r >= 0)
		r = sw_loop_add_timer(l, 0, 0, on_look, f, &f->look);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(f);
	return 0;
}

void sw_files_free(struct sw_files *f)
{
	if (!f)
		return;
	sw_source_free(f->settle);
	sw_source_free(f->look);
	free(f->bans.at);
	free(f->allows.at);
	free(f);
}

void sw_files_freep(struct sw_files **f)
{
	sw_files_free(*f);
}

/* The path of file i, "" when it is not wanted. */
static const char *path_of(const struct sw_config *c, unsigned int i)
{
	if (i == HOSTS_DENY)
		return c->ban_backends & 1U << SW_BACKEND_HOSTS_DENY ? c->hosts_deny_file : "";
	return i < c->n_actions && c->ban_backends & 1U << SW_BACKEND_EXEC ? c->actions[i].file
									   : "";
}

/* Nothing of ours stays in a file that is wanted no more. */
static void let_go(struct sw_files *f)
{
	struct sw_gate_ctl ctl = f->ctl;

	f->ctl.mode = SW_MODE_OFF;
	write_all(f);
	f->ctl = ctl;
}

void sw_files_configure(
	struct sw_files *f, const struct sw_config *c, const struct sw_gate_ctl *ctl)
{
	bool has_any = false, is_other = false;

	for (unsigned int i = 0; i < FILES; i++) {
		has_any |= path_of(c, i)[0];
		is_other |= !sw_streq(f->files[i].path, path_of(c, i));
	}
	if (is_other && f->config) {
		f->config =
			c; /* the one before may be gone: formats of files that go do not matter, they are emptied */
		let_go(f);
	}
	f->config = c;
	f->ctl = *ctl;
	for (unsigned int i = 0; i < FILES && is_other; i++) {
		f->files[i] = (struct file){};
		sw_strcpy(f->files[i].path, sizeof(f->files[i].path), path_of(c, i));
	}
	f->facts.is_on = f->files[HOSTS_DENY].path[0] != '\0';
	if (!f->facts.is_on)
		f->facts.error = 0;
	sw_source_set_timer(f->look, has_any ? SW_FILE_LOOK_SEC * SW_SEC_NS : 0,
		has_any ? SW_FILE_LOOK_SEC * SW_SEC_NS : 0);
	if (has_any)
		write_all(f);
}

void sw_files_changed(struct sw_files *f)
{
	bool has_any = false;

	for (unsigned int i = 0; i < FILES; i++)
		has_any |= f->files[i].path[0];
	if (has_any && is_active(f))
		sw_source_set_timer(f->settle, SW_FILE_SETTLE_MS * SW_MSEC_NS, 0);
}

void sw_files_remove(struct sw_files *f)
{
	if (f->config)
		let_go(f);
}

void sw_files_status(const struct sw_files *f, struct sw_guard_backend *ret)
{
	*ret = f->facts;
}

enum sw_verdict_state sw_files_verdict(const struct sw_files *f, const struct sw_net *net)
{
	if (!f->facts.is_on)
		return 0;
	if (!is_active(f))
		return SW_VERDICT_REMOVED;
	if (f->facts.error || !f->bans.n ||
		!bsearch(net, f->bans.at, f->bans.n, sizeof(*net), by_net))
		return SW_VERDICT_FAILED;
	return SW_VERDICT_INSTALLED;
}

int sw_files_error(const struct sw_files *f, unsigned int i)
{
	return i < SW_CONFIG_ACTIONS_MAX ? f->files[i].error : 0;
}
