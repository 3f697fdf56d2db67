// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/packed.h"

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* What the kernel maps of an array; it rounds elements up to 8 bytes, which ours are multiples of. */
static size_t bytes_of(uint64_t elements, size_t size)
{
	return elements * size;
}

int sw_inner_make(const char *name, uint64_t elements, size_t size, int *ret_fd, void **ret_map)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	void *map;

	*ret_fd = bpf_map_create(
		BPF_MAP_TYPE_ARRAY, name, sizeof(__u32), (__u32)size, (__u32)elements, &opts);
	if (*ret_fd < 0)
		return errno == EINVAL ? -EOPNOTSUPP : -errno;
	map = mmap(NULL, bytes_of(elements, size), PROT_READ | PROT_WRITE, MAP_SHARED, *ret_fd, 0);
	if (map == MAP_FAILED)
		return errno == ENOMEM ? -errno : -EOPNOTSUPP;
	*ret_map = map;
	return 0;
}

int sw_packed_load_init(struct sw_packed_load *l, const struct sw_packed_view *view)
{
	int r = 0;

	*l = (struct sw_packed_load){.view = view, .fd4 = -1, .fd6 = -1};
	if (view->n4)
		r = sw_inner_make("packed4_in", view->n4, sizeof(*view->elements4), &l->fd4, &l->map4);
	if (r >= 0 && view->n6)
		r = sw_inner_make("packed6_in", view->n6, sizeof(*view->elements6), &l->fd6, &l->map6);
	return r;
}

static bool copy_some(void *dst, const void *src, size_t bytes, size_t *at, size_t max)
{
	size_t n = SW_MIN(bytes - *at, max);

	if (n)
		memcpy((char *)dst + *at, (const char *)src + *at, n);
	*at += n;
	return *at < bytes;
}

int sw_packed_load_step(struct sw_packed_load *l, size_t max)
{
	const struct sw_packed_view *v = l->view;
	bool is_more = copy_some(
		l->map4, v->elements4, bytes_of(v->n4, sizeof(*v->elements4)), &l->at4, max);

	is_more |= copy_some(
		l->map6, v->elements6, bytes_of(v->n6, sizeof(*v->elements6)), &l->at6, max);
	return is_more;
}

int sw_inner_put(int outer, int inner)
{
	__u32 zero = 0, id;

	if (inner < 0 && bpf_map_lookup_elem(outer, &zero, &id) < 0)
		return 0; /* empty already; a write would wait for packets on their way */
	if (inner >= 0)
		return bpf_map_update_elem(outer, &zero, &inner, BPF_ANY) < 0 ? -errno : 0;
	return bpf_map_delete_elem(outer, &zero) < 0 && errno != ENOENT ? -errno : 0;
}

int sw_inner_open(int outer)
{
	__u32 zero = 0, id = 0;

	if (bpf_map_lookup_elem(outer, &zero, &id) < 0 || !id)
		return -1;
	return bpf_map_get_fd_by_id(id);
}

/* Returns when no packet is judged by the other engine any more: what that one needs may go then. */
static int set_engine(const struct sw_maps *maps, enum sw_trail_engine engine)
{
	struct sw_gate_ctl ctl;
	int r = sw_maps_ctl_get(maps, &ctl);

	if (r < 0 || (ctl.engine & SW_ENGINE_MASK) == engine)
		return r;
	ctl.engine = (ctl.engine & ~SW_ENGINE_MASK) | engine;
	r = sw_maps_ctl_set(maps, &ctl);
	if (r >= 0)
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0,
			0); /* a grace period, as packets are judged under RCU */
	return r;
}

int sw_packed_load_commit(
	struct sw_packed_load *l, const struct sw_maps *maps, struct sw_marks *marks)
{
	int outer4 = maps->fd[SW_MAP_PACKED4], outer6 = maps->fd[SW_MAP_PACKED6];
	_close_ int old4 = sw_inner_open(outer4), old6 = sw_inner_open(outer6);
	int r;

	sw_marks_join(marks, l->view);
	/* each write returns when no packet is judged by the old generation any more */
	r = sw_inner_put(outer4, l->fd4);
	if (r >= 0)
		r = sw_inner_put(outer6, l->fd6);
	if (r >= 0)
		r = set_engine(maps, SW_ENGINE_PACKED);
	if (r < 0) {
		sw_inner_put(outer4, old4);
		sw_inner_put(outer6, old6);
		return r; /* the marks stay too many until the next swap */
	}
	sw_marks_settle(marks, l->view);
	sw_inner_put(maps->fd[SW_MAP_TRAILS4], -1);
	sw_inner_put(maps->fd[SW_MAP_TRAILS6], -1);
	return 0;
}

static void done_half(int *fd, void **map, size_t bytes)
{
	if (*map)
		munmap(*map, bytes);
	*map = NULL;
	sw_close(TAKE_FD(*fd));
}

void sw_packed_load_done(struct sw_packed_load *l)
{
	const struct sw_packed_view *v = l->view;

	if (!v)
		return;
	done_half(&l->fd4, &l->map4, bytes_of(v->n4, sizeof(*v->elements4)));
	done_half(&l->fd6, &l->map6, bytes_of(v->n6, sizeof(*v->elements6)));
	l->view = NULL;
}

int sw_packed_leave(const struct sw_maps *maps, struct sw_marks *marks)
{
	int r = set_engine(maps, SW_ENGINE_LPM);

	if (r < 0)
		return r;
	sw_inner_put(maps->fd[SW_MAP_PACKED4], -1);
	sw_inner_put(maps->fd[SW_MAP_PACKED6], -1);
	sw_marks_settle(marks, NULL);
	return 0;
}

int sw_packed_map_inner(
	const struct sw_maps *maps, enum sw_map which, const void **ret, size_t *ret_bytes)
{
	_close_ int fd = sw_inner_open(maps->fd[which]);
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	size_t bytes;
	void *map;

	if (fd < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	bytes = bytes_of(info.max_entries, info.value_size);
	map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret = map;
	*ret_bytes = bytes;
	return 1;
}
