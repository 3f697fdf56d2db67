// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/swap.h"

#include <sys/mman.h>

#include "user/guard/packed.h"
#include "user/io/msg.h"
#include "user/trail/image_check.h"

/* 5 to 30 ms of map writes, or of copying: nobody waits longer for `off` */
enum { STEP_ENTRIES = 4096, STEP_BYTES = 16 << 20 };

struct sw_swap {
	const struct sw_clock *clock;
	const struct sw_maps *maps;
	struct sw_marks *marks;
	bool is_packed_refused;
	struct sw_source *step; /* a timer: the loop serves others between two steps */
	const void *image; /* NULL: nothing going on */
	size_t size;
	bool is_packed; /* the image's kind */
	struct sw_packed_view view;
	struct sw_packed_load packed;
	struct sw_trail_load load;
	struct sw_ports_load ports;
	sw_swap_done_fn fn;
	void *arg;
	struct sw_swap_facts facts;
};

static void end(struct sw_swap *s, int result, const char *text)
{
	sw_swap_done_fn fn = s->fn;
	void *arg = s->arg;

	sw_trail_load_done(&s->load);
	sw_packed_load_done(&s->packed);
	sw_ports_load_done(&s->ports);
	munmap((void *)s->image, s->size);
	s->image = NULL;
	s->fn = NULL;
	s->arg = NULL;
	if (fn)
		fn(result, text, arg);
}

static __u32 slot_id(const struct sw_swap *s, __u32 engine, enum sw_map packed, enum sw_map trie)
{
	return sw_maps_trail_id(s->maps, engine == SW_ENGINE_PACKED ? packed : trie);
}

static void note_facts(struct sw_swap *s)
{
	const struct sw_trail_head *h = s->image;
	__u32 engine = s->is_packed ? SW_ENGINE_PACKED : SW_ENGINE_LPM;

	s->facts = (struct sw_swap_facts){
		.trails4 = h->count4,
		.trails6 = h->count6,
		.swapped_ns = sw_clock_boot_ns(s->clock),
		.crc = h->crc,
		.n_tagged = h->n_texts,
		.id4 = slot_id(s, engine, SW_MAP_PACKED4, SW_MAP_TRAILS4),
		.id6 = slot_id(s, engine, SW_MAP_PACKED6, SW_MAP_TRAILS6),
		.engine = engine,
		.id_ports = sw_maps_ports_id(s->maps),
	};
}

static int step(struct sw_swap *s)
{
	int r = s->is_packed ? sw_packed_load_step(&s->packed, STEP_BYTES)
			     : sw_trail_load_step(&s->load, STEP_ENTRIES);

	return r ? r : sw_ports_load_step(&s->ports, STEP_ENTRIES);
}

static int commit_nets(struct sw_swap *s)
{
	int r;

	if (s->is_packed)
		return sw_packed_load_commit(&s->packed, s->maps, s->marks);
	r = sw_trail_load_commit(&s->load, s->maps);
	return r < 0 ? r : sw_packed_leave(s->maps, s->marks);
}

static int commit(struct sw_swap *s)
{
	int r = sw_ports_load_join(&s->ports, s->maps);

	if (r < 0)
		return r;
	r = commit_nets(s);
	if (r < 0)
		sw_ports_load_leave(&s->ports, s->maps);
	else
		sw_ports_load_settle(&s->ports, s->maps);
	return r;
}

static int on_step(struct sw_source *src, void *arg)
{
	struct sw_swap *s = arg;
	int r;

	if (!s->image)
		return 0;
	r = step(s);
	if (r > 0) {
		sw_source_set_timer(s->step, 1, 0);
		return 0;
	}
	if (r == 0)
		r = commit(s);
	if (r == 0)
		note_facts(s);
	end(s, r,
		r == -EBADMSG   ? "an entry of the image is not a network; the old trails stay"
			: r < 0 ? "the kernel refused the trails; the old ones stay"
				: "");
	return 0;
}

int sw_swap_new(struct sw_loop *l, const struct sw_clock *clock, const struct sw_maps *maps,
	struct sw_marks *marks, bool is_packed_refused, struct sw_swap **ret)
{
	_cleanup_(sw_swap_freep) struct sw_swap *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->clock = clock;
	s->maps = maps;
	s->marks = marks;
	s->is_packed_refused = is_packed_refused;
	s->load.fd4 = s->load.fd6 = s->ports.fd = -1;
	r = sw_loop_add_timer(l, 0, 0, on_step, s, &s->step);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

void sw_swap_free(struct sw_swap *s)
{
	if (!s)
		return;
	s->fn = NULL;
	if (s->image)
		end(s, -ECANCELED, "");
	sw_source_free(s->step);
	free(s);
}

void sw_swap_freep(struct sw_swap **s)
{
	sw_swap_free(*s);
}

static int check_image(struct sw_swap *s, const char **ret_why)
{
	const struct sw_trail_head *h = s->image;
	struct sw_trail_view view = {};
	int r;

	s->is_packed = s->size >= sizeof(*h) && h->magic == SW_TRAIL_PACKED_MAGIC;
	if (s->is_packed)
		return sw_packed_check(s->image, s->size, &s->view, ret_why);
	r = sw_trail_check(s->image, s->size, SW_TRAIL_IMAGE_MAGIC, &view, ret_why);
	s->view = (struct sw_packed_view){.ports = view.ports, .n_ports = view.n_ports};
	return r;
}

static int open_image(struct sw_swap *s, int fd, char *text, size_t size)
{
	const char *why = "";
	int r = sw_memfd_map_sealed(
		fd, SW_MAX(SW_TRAIL_BYTES_MAX, SW_PACKED_BYTES_MAX), &s->image, &s->size);

	if (r < 0) {
		s->image = NULL;
		snprintf(text, size, "the trail image is %s",
			r == -EPERM ? "not sealed" : "not readable or too large");
		return r;
	}
	r = check_image(s, &why);
	if (r < 0) {
		snprintf(text, size, "the trail image is refused: %s", why);
		munmap((void *)s->image, s->size);
		s->image = NULL;
	}
	return r;
}

static int begin_load(struct sw_swap *s)
{
	const struct sw_trail_head *h = s->image;
	int r = sw_ports_load_init(&s->ports, s->view.ports, s->view.n_ports);

	if (r < 0)
		return r;
	if (s->is_packed)
		return s->is_packed_refused ? -EOPNOTSUPP
					    : sw_packed_load_init(&s->packed, &s->view);
	return sw_trail_load_init(
		&s->load, (const struct sw_trail_entry *)(h + 1), h->count4, h->count6);
}

int sw_swap_begin(struct sw_swap *s, int fd, sw_swap_done_fn fn, void *arg, char *text, size_t size)
{
	int r;

	if (s->image) {
		snprintf(text, size, "another trail image is being loaded");
		return -EBUSY;
	}
	r = open_image(s, fd, text, size);
	if (r < 0)
		return r;
	s->fn = NULL;
	r = begin_load(s);
	if (r >= 0)
		r = sw_source_set_timer(s->step, 1, 0);
	if (r < 0) {
		snprintf(text, size,
			r == -EOPNOTSUPP
				? "this kernel takes no packed trails; the old ones stay"
				: "no memory for the trails in the kernel; the old ones stay");
		end(s, r, "");
		return r;
	}
	s->fn = fn;
	s->arg = arg;
	return 0;
}

void sw_swap_forget(struct sw_swap *s, const void *arg)
{
	if (s->arg != arg)
		return;
	s->fn = NULL;
	s->arg = NULL;
}

const struct sw_swap_facts *sw_swap_facts(const struct sw_swap *s)
{
	return &s->facts;
}

void sw_swap_adopt(struct sw_swap *s, const struct sw_swap_facts *facts)
{
	if (facts->id4 == slot_id(s, facts->engine, SW_MAP_PACKED4, SW_MAP_TRAILS4) &&
		facts->id6 == slot_id(s, facts->engine, SW_MAP_PACKED6, SW_MAP_TRAILS6) &&
		facts->id_ports == sw_maps_ports_id(s->maps))
		s->facts = *facts;
}
