// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/kern/ladder.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <linux/filter.h>
#include <sys/stat.h>

#include "user/base/log.h"
#include "user/base/strbuf.h"
#include "user/kern/bpffs.h"
#include "user/kern/cgroup.h"

enum { OBJECTS_MAX = 8, LINKS_MAX = 64 };
#define PIN_PREFIX "hook-"

struct sw_ladder {
	struct bpf_object *objects[OBJECTS_MAX]; /* while climbing: what holds a link needs no object */
	size_t n_objects;
	struct bpf_link *links[LINKS_MAX]; /* attached, or iterators */
	size_t n_links, n_attached;
	struct bpf_link *iters[SW_ITER_COUNT]; /* borrowed from links */
	struct sw_strbuf hooks;
	const struct sw_ladder_opts *opts; /* while climbing */
	struct sw_load_report *report;
	int cgroup_fd;
	bool has_trampolines;
	size_t n_tier_a; /* attached by them */
	bool can_read_kernel; /* no lockdown=confidentiality */
};

static const char *const iter_programs[SW_ITER_COUNT] = {
	[SW_ITER_TCP] = "it_tcp",
	[SW_ITER_UDP] = "it_udp",
	[SW_ITER_UNIX] = "it_unix",
	[SW_ITER_TASK] = "it_task",
	[SW_ITER_TASK_FILE] = "it_task_file",
	[SW_ITER_TCP_UNHELD] = "it_tcp_unheld",
};

static const char *pins_of(const char *pins)
{
	return pins ? pins : PIN_PREFIX;
}

bool sw_ladder_is_listed(const char *words, const char *name)
{
	size_t n = strlen(name);

	while (words && *words) {
		size_t len = strcspn(words, ",");

		if (len == n && memcmp(words, name, n) == 0)
			return true;
		words += len;
		words += *words == ',';
	}
	return false;
}

static bool is_faked(const char *program, void *arg)
{
	return sw_ladder_is_listed(arg, program);
}

static void say_refused(struct sw_ladder *l, const char *program, int error)
{
	const char *name = strerrorname_np(-error);

	sw_strbuf_printf(
		&l->hooks, "%s-%s(%s)", l->hooks.len ? " " : "", program, name ? name : "?");
}

static void say_attached(struct sw_ladder *l, const char *program)
{
	sw_strbuf_printf(&l->hooks, "%s%s", l->hooks.len ? " " : "", program);
}

static bool is_cgroup_type(enum bpf_prog_type type)
{
	switch (type) {
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_CGROUP_SOCKOPT:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_SOCK_OPS:
		return true;
	default:
		return false;
	}
}

/* cgroup_id of a cgroup directory is its inode number. */
static bool is_same_cgroup(int link_fd, int cgroup_fd)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	struct stat st;

	return bpf_obj_get_info_by_fd(link_fd, &info, &len) == 0 &&
		info.type == BPF_LINK_TYPE_CGROUP && fstat(cgroup_fd, &st) == 0 &&
		info.cgroup.cgroup_id == st.st_ino;
}

/* An earlier guard's link: updated in place where the kernel can (cgroup links), so that nothing is missed. */
static bool adopt_link(const struct sw_ladder *l, const struct bpf_program *p, const char *path)
{
	_close_ int fd = bpf_obj_get(path);

	if (fd < 0)
		return false;
	if (is_cgroup_type(bpf_program__type(p)) && is_same_cgroup(fd, l->cgroup_fd) &&
		bpf_link_update(fd, bpf_program__fd(p), NULL) == 0)
		return true;
	unlink(path);
	return false;
}

static int keep_link(struct sw_ladder *l, struct bpf_link *link)
{
	if (l->n_links >= LINKS_MAX) {
		bpf_link__destroy(link);
		return -E2BIG;
	}
	l->links[l->n_links++] = link;
	return 0;
}

static int attach_new(struct sw_ladder *l, const struct bpf_program *p, const char *path)
{
	struct bpf_link *link = is_cgroup_type(bpf_program__type(p))
		? bpf_program__attach_cgroup(p, l->cgroup_fd)
		: bpf_program__attach(p);
	int r;

	if (!link)
		return -errno;
	r = bpf_link__pin(link, path);
	if (r < 0) {
		bpf_link__destroy(link);
		return r;
	}
	return keep_link(l, link);
}

static int attach_iter(struct sw_ladder *l, const struct bpf_program *p)
{
	for (size_t i = 0; i < SW_ITER_COUNT; i++) {
		struct bpf_link *link;
		int r;

		if (!sw_streq(bpf_program__name(p), iter_programs[i]))
			continue;
		link = bpf_program__attach_iter(p, NULL);
		if (!link)
			return -errno;
		r = keep_link(l, link);
		if (r >= 0)
			l->iters[i] = link;
		return r;
	}
	return -EINVAL;
}

static int attach_one(struct sw_ladder *l, const struct sw_object *row, const struct bpf_program *p)
{
	char path[SW_PIN_PATH_MAX];
	int r = 0;

	if (bpf_program__type(p) == BPF_PROG_TYPE_TRACING &&
		bpf_program__expected_attach_type(p) == BPF_TRACE_ITER)
		return attach_iter(l, p);
	if (snprintf(path, sizeof(path), "%s/%s%s", l->opts->pin_dir, pins_of(l->opts->pins),
		    bpf_program__name(p)) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (!adopt_link(l, p, path))
		r = attach_new(l, p, path);
	if (r >= 0 && !row->is_apart)
		l->n_attached++;
	return r;
}

/* A word of the hooks so far. */
bool sw_ladder_is_attached(const struct sw_ladder *l, const char *program)
{
	size_t n = strlen(program);

	for (const char *at = l->hooks.len ? sw_strbuf_get(&l->hooks) : ""; *at; at += *at == ' ') {
		size_t len = strcspn(at, " ");

		if (len == n && memcmp(at, program, n) == 0)
			return true;
		at += len;
	}
	return false;
}

static int climb_object(struct sw_ladder *l, const struct sw_object *row)
{
	size_t size, refused_before = l->report->n_refused;
	const void *elf = row->elf(&size);
	const struct sw_load_const consts[] = {
		{"can_read_kernel", l->can_read_kernel},
		{"has_listen_end",
			sw_ladder_is_attached(l, "on_sockops") || sw_ladder_is_attached(l, "on_inet_listen")},
		{},
	};
	const struct sw_load_opts lo = {.pin_dir = l->opts->pin_dir,
		.is_optional = true,
		.skip = is_faked,
		.arg = (void *)l->opts->fake_refuse,
		.consts = consts};
	struct bpf_object *o;
	struct bpf_program *p;
	int r;

	if (row->needs_trampoline && !l->has_trampolines)
		return -EOPNOTSUPP;
	if (row->is_for_lockdown && l->can_read_kernel)
		return -EOPNOTSUPP;
	r = sw_load_object(row->name, elf, size, &lo, l->report, &o);
	if (r < 0) {
		say_refused(l, row->name, r);
		return r;
	}
	l->objects[l->n_objects++] = o;
	for (size_t i = refused_before; i < l->report->n_refused; i++)
		say_refused(l, l->report->refused[i].program, l->report->refused[i].error);
	bpf_object__for_each_program(p, o)
	{
		if (bpf_program__fd(p) < 0)
			continue;
		r = attach_one(l, row, p);
		if (r < 0)
			say_refused(l, bpf_program__name(p), r);
		else
			say_attached(l, bpf_program__name(p));
		l->n_tier_a += r >= 0 && row->needs_trampoline;
	}
	return 0;
}

static bool has_program(const struct sw_ladder *l, const char *name)
{
	for (size_t i = 0; i < l->n_objects; i++) {
		const struct bpf_program *p = bpf_object__find_program_by_name(l->objects[i], name);

		if (p && bpf_program__fd(p) >= 0)
			return true;
	}
	return false;
}

/* Pins of an earlier version's programs, or of ones that are refused now. */
static void drop_pins(const char *pin_dir, const char *pins, const struct sw_ladder *keep)
{
	DIR *d = opendir(pin_dir);

	if (!d)
		return;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		size_t n = strlen(pins);

		if (strncmp(e->d_name, pins, n) == 0 &&
			!(keep && has_program(keep, e->d_name + n)))
			unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
}

void sw_ladder_unpin(const char *pin_dir, const char *pins)
{
	drop_pins(pin_dir, pins_of(pins), NULL);
}

static void close_objects(struct sw_ladder *l)
{
	while (l->n_objects)
		bpf_object__close(l->objects[--l->n_objects]);
}

int sw_ladder_climb(const struct sw_object *rows, const struct sw_ladder_opts *o,
	struct sw_load_report *report, struct sw_ladder **ret)
{
	_cleanup_(sw_ladder_freep) struct sw_ladder *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->opts = o;
	l->report = report;
	l->cgroup_fd = sw_cgroup_open(o->cgroup_dir);
	if (l->cgroup_fd < 0)
		sw_log_debug(l->cgroup_fd, "no cgroup v2 to watch, ignoring");
	r = sw_ladder_is_listed(o->fake_refuse, "fentry") ? -EPERM : sw_ladder_probe_trampoline();
	if (r < 0)
		say_refused(l, "fentry", r);
	l->has_trampolines = r >= 0;
	r = sw_ladder_is_listed(o->fake_refuse, "read_kernel") ? -EPERM
							       : sw_ladder_probe_read_kernel();
	if (r < 0)
		say_refused(l, "read_kernel", r);
	l->can_read_kernel = r >= 0;
	for (size_t i = 0; rows[i].name && l->n_objects < OBJECTS_MAX; i++)
		climb_object(l, &rows[i]);
	drop_pins(o->pin_dir, pins_of(o->pins), l);
	close_objects(l);
	if (l->hooks.is_failed)
		return -ENOMEM;
	l->opts = NULL;
	l->report = NULL;
	*ret = TAKE_PTR(l);
	return 0;
}

void sw_ladder_free(struct sw_ladder *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_links; i++) {
		bpf_link__disconnect(
			l->links[i]); /* else a pinned tracepoint's event would be disabled */
		bpf_link__destroy(l->links[i]);
	}
	close_objects(l);
	sw_close(l->cgroup_fd);
	sw_strbuf_done(&l->hooks);
	free(l);
}

void sw_ladder_freep(struct sw_ladder **l)
{
	sw_ladder_free(*l);
}

enum sw_sock_tier sw_ladder_tier(const struct sw_ladder *l)
{
	if (!l->n_attached)
		return SW_TIER_C;
	return l->n_tier_a ? SW_TIER_A : SW_TIER_B;
}

const char *sw_ladder_hooks(const struct sw_ladder *l)
{
	return sw_strbuf_get(&l->hooks);
}

int sw_ladder_iterate(const struct sw_ladder *l, enum sw_iter which)
{
	int fd;

	if (!l->iters[which])
		return -EOPNOTSUPP;
	fd = bpf_iter_create(bpf_link__fd(l->iters[which]));
	return fd < 0 ? -errno : fd;
}

int sw_ladder_probe_trampoline(void)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY);
	int id = libbpf_find_vmlinux_btf_id("inet_csk_listen_start", BPF_TRACE_FENTRY);
	_close_ int prog = -1, link = -1;

	if (id < 0)
		return id;
	opts.attach_btf_id = (__u32)id;
	prog = bpf_prog_load(
		BPF_PROG_TYPE_TRACING, "sw_probe", "GPL", insns, SW_ARRAY_SIZE(insns), &opts);
	if (prog < 0)
		return -errno;
	link = bpf_raw_tracepoint_open(NULL, prog);
	return link < 0 ? -errno : 0;
}

int sw_ladder_probe_read_kernel(void)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_kernel},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	_close_ int prog = bpf_prog_load(
		BPF_PROG_TYPE_RAW_TRACEPOINT, "sw_probe", "GPL", insns, SW_ARRAY_SIZE(insns), NULL);

	return prog < 0 ? -errno : 0;
}
