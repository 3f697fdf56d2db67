// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/kern/load.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <stdarg.h>

#include "user/base/log.h"
#include "user/kern/bpffs.h"

static int to_debug(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[1024];
	size_t n;

	vsnprintf(line, sizeof(line), fmt, ap);
	n = strlen(line);
	while (n && line[n - 1] == '\n')
		line[--n] = '\0';
	return sw_log_debug(0, "libbpf: %s", line);
}

void sw_load_quiet(void)
{
	libbpf_set_print(to_debug);
}

void sw_load_closep(struct bpf_object **o)
{
	bpf_object__close(*o);
}

static bool fits(const struct bpf_map *m, int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return false;
	return info.type == bpf_map__type(m) && info.key_size == bpf_map__key_size(m) &&
		info.value_size == bpf_map__value_size(m) &&
		info.max_entries == bpf_map__max_entries(m) &&
		info.map_flags == bpf_map__map_flags(m);
}

static void note_replaced(struct sw_load_report *rep, const char *name)
{
	size_t n = strlen(rep->replaced);

	rep->maps_replaced++;
	snprintf(rep->replaced + n, sizeof(rep->replaced) - n, "%s%s", n ? " " : "", name);
}

/* libbpf reuses what is pinned at a map's path, and pins what it makes; only misfits are ours to clear away. */
static int place_map(struct bpf_map *m, const char *pin_dir, struct sw_load_report *rep)
{
	char path[SW_PIN_PATH_MAX];
	_close_ int fd = -1;

	if (snprintf(path, sizeof(path), "%s/%s", pin_dir, bpf_map__name(m)) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	if (fd < 0 && errno != ENOENT)
		return -errno;
	if (fd >= 0 && !fits(m, fd)) {
		if (unlink(path) < 0)
			return -errno;
		if (rep)
			note_replaced(rep, bpf_map__name(m));
	} else if (rep) {
		if (fd >= 0)
			rep->maps_adopted++;
		else
			rep->maps_made++;
	}
	return bpf_map__set_pin_path(m, path);
}

/* Offset of a constant in the object's .rodata. */
static int find_const(const struct btf *btf, const char *name, __u32 *ret)
{
	int sec = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_var_secinfo *v;
	const struct btf_type *t;

	if (sec < 0)
		return sec;
	t = btf__type_by_id(btf, (__u32)sec);
	v = btf_var_secinfos(t);
	for (unsigned int i = 0; i < btf_vlen(t); i++, v++) {
		const struct btf_type *var = btf__type_by_id(btf, v->type);

		if (sw_streq(btf__name_by_offset(btf, var->name_off), name)) {
			*ret = v->offset;
			return 0;
		}
	}
	return -ENOENT;
}

static int set_consts(struct bpf_object *o, struct bpf_map *rodata, const struct sw_load_const *c)
{
	_free_ bool *copy = NULL;
	const void *data;
	size_t size = 0;

	data = bpf_map__initial_value(rodata, &size);
	copy = data ? malloc(size) : NULL;
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, size);
	for (; c->name; c++) {
		__u32 at;

		if (find_const(bpf_object__btf(o), c->name, &at) >= 0 && at < size)
			copy[at] = c->value;
	}
	return bpf_map__set_initial_value(rodata, copy, size);
}

static int open_object(const char *name, const void *elf, size_t size,
	const struct sw_load_opts *lo, struct sw_load_report *rep, struct bpf_object **ret)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
	_cleanup_(sw_load_closep) struct bpf_object *o = bpf_object__open_mem(elf, size, &opts);
	struct bpf_map *m;

	if (!o)
		return -errno;
	bpf_object__for_each_map(m, o)
	{
		int r;

		if (!bpf_map__is_internal(m))
			r = place_map(m, lo->pin_dir, rep);
		else if (lo->consts && strstr(bpf_map__name(m), ".rodata"))
			r = set_consts(o, m, lo->consts);
		else
			continue;
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(o);
	return 0;
}

static bool is_refused(const struct sw_load_report *rep, const char *program)
{
	for (size_t i = 0; i < rep->n_refused; i++) {
		if (sw_streq(rep->refused[i].program, program))
			return true;
	}
	return false;
}

static void refuse(struct sw_load_report *rep, const char *program, int error)
{
	if (rep->n_refused >= SW_REFUSED_MAX || is_refused(rep, program))
		return;
	sw_strcpy(rep->refused[rep->n_refused].program, sizeof(rep->refused[0].program), program);
	rep->refused[rep->n_refused++].error = error;
}

int sw_load_one(const char *name, const void *elf, size_t size, const struct sw_load_opts *lo, const char *program,
	struct bpf_object **ret)
{
	_cleanup_(sw_load_closep) struct bpf_object *o = NULL;
	struct bpf_program *p;
	int r = open_object(name, elf, size, lo, NULL, &o);

	if (r < 0)
		return r;
	bpf_object__for_each_program(p, o)
	{
		r = bpf_program__set_autoload(p, sw_streq(bpf_program__name(p), program));
		if (r < 0)
			return r;
	}
	r = bpf_object__load(o);
	if (r >= 0)
		*ret = TAKE_PTR(o);
	return r;
}

static int try_one(const char *name, const void *elf, size_t size, const struct sw_load_opts *lo,
	const char *program)
{
	_cleanup_(sw_load_closep) struct bpf_object *o = NULL;

	return sw_load_one(name, elf, size, lo, program, &o);
}

/* The whole was refused: which of its programs is it? Each alone, at production size. */
static void probe_each(const char *name, const void *elf, size_t size,
	const struct sw_load_opts *lo, struct bpf_object *o, struct sw_load_report *rep)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, o)
	{
		int r;

		if (is_refused(rep, bpf_program__name(p)))
			continue;
		r = try_one(name, elf, size, lo, bpf_program__name(p));
		if (r < 0)
			refuse(rep, bpf_program__name(p), r);
	}
}

static int load_rest(const char *name, const void *elf, size_t size, const struct sw_load_opts *lo,
	struct sw_load_report *rep, struct bpf_object **ret)
{
	_cleanup_(sw_load_closep) struct bpf_object *o = NULL;
	struct bpf_program *p;
	int r = open_object(name, elf, size, lo, NULL, &o);

	if (r < 0)
		return r;
	bpf_object__for_each_program(p, o)
	{
		if (is_refused(rep, bpf_program__name(p)))
			bpf_program__set_autoload(p, false);
	}
	r = bpf_object__load(o);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(o);
	return 0;
}

int sw_load_object(const char *name, const void *elf, size_t size, const struct sw_load_opts *lo,
	struct sw_load_report *report, struct bpf_object **ret)
{
	_cleanup_(sw_load_closep) struct bpf_object *o = NULL;
	struct bpf_program *p;
	int r = open_object(name, elf, size, lo, report, &o);

	if (r < 0)
		return r;
	bpf_object__for_each_program(p, o)
	{
		if (lo->skip && lo->skip(bpf_program__name(p), lo->arg)) {
			refuse(report, bpf_program__name(p), -EPERM);
			bpf_program__set_autoload(p, false);
		}
	}
	r = bpf_object__load(o);
	if (r >= 0) {
		*ret = TAKE_PTR(o);
		return 0;
	}
	if (!lo->is_optional)
		return r;
	probe_each(name, elf, size, lo, o, report);
	return load_rest(name, elf, size, lo, report, ret);
}
