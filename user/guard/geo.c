// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/geo.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>

#include "user/guard/packed.h"
#include "user/io/msg.h"

struct sw_guard_geo sw_geo_in_force(const struct sw_maps *maps)
{
	_close_ int fd = sw_inner_open(maps->fd[SW_MAP_GEO]);
	union sw_geo head;
	__u32 zero = 0;

	if (fd < 0 || bpf_map_lookup_elem(fd, &zero, &head) < 0)
		return (struct sw_guard_geo){};
	return (struct sw_guard_geo){.id = head.head.id, .n_nets = head.head.n_nets};
}

static int set_asked(const struct sw_maps *maps, bool is_asked)
{
	struct sw_gate_ctl ctl;
	int r = sw_maps_ctl_get(maps, &ctl);
	__u32 engine = (ctl.engine & SW_ENGINE_MASK) | (is_asked ? SW_ENGINE_HAS_GEO : 0);

	if (r < 0 || ctl.engine == engine)
		return r;
	ctl.engine = engine;
	return sw_maps_ctl_set(maps, &ctl);
}

/* Counts are of rules: of others they begin anew. */
static int forget_hits(const struct sw_maps *maps)
{
	int cpus = libbpf_num_possible_cpus(), r = 0;
	_free_ struct sw_counter *zeros = cpus > 0 ? calloc((size_t)cpus, sizeof(*zeros)) : NULL;

	if (!zeros)
		return -ENOMEM;
	for (__u32 i = 0; i < SW_GEO_RULES_MAX && !r; i++)
		r = bpf_map_update_elem(maps->fd[SW_MAP_GEO_HITS], &i, zeros, BPF_ANY) < 0 ? -errno : 0;
	return r;
}

static int load(const struct sw_maps *maps, const union sw_geo *image, size_t bytes)
{
	bool is_other = sw_geo_in_force(maps).id != image->head.id;
	_close_ int fd = -1;
	void *map = NULL;
	int r = sw_inner_make("geo_in", bytes / sizeof(*image), sizeof(*image), &fd, &map);

	if (r < 0)
		return r;
	memcpy(map, image, bytes);
	munmap(map, bytes);
	r = sw_inner_put(maps->fd[SW_MAP_GEO], fd);
	if (r >= 0 && is_other)
		r = forget_hits(maps);
	return r < 0 ? r : set_asked(maps, true);
}

/* The word first: what is asked is there. */
static int unload(const struct sw_maps *maps)
{
	int r = set_asked(maps, false);

	return r < 0 ? r : sw_inner_put(maps->fd[SW_MAP_GEO], -1);
}

int sw_geo_take(const struct sw_maps *maps, int fd, char *text, size_t size)
{
	struct sw_geo_view view;
	const char *why = "";
	const void *image;
	size_t bytes;
	int r = sw_memfd_map_sealed(fd, SW_GEO_BYTES_MAX, &image, &bytes);

	if (r < 0) {
		snprintf(text, size, "these are no sealed rules over countries");
		return r;
	}
	r = sw_geo_check(image, bytes, &view, &why);
	if (r < 0) {
		snprintf(text, size, "the rules over countries are refused: %s", why);
	} else {
		r = view.head->head.id ? load(maps, image, bytes) : unload(maps);
		if (r < 0)
			snprintf(text, size, "the kernel refused the rules over countries (%s); those before stay",
				strerror(-r));
	}
	munmap((void *)image, bytes);
	return r;
}
