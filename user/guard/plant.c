// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/guard/plant.h"

#include <fcntl.h>
#include <malloc.h>

#include "skel/inspect.skel.h"
#include "skel/sock_bind.skel.h"
#include "skel/sock_cgroup.skel.h"
#include "skel/sock_egress.skel.h"
#include "skel/sock_exit.skel.h"
#include "skel/sock_iter.skel.h"
#include "skel/sock_listen.skel.h"
#include "skel/sock_trace.skel.h"
#include "skel/xdp_gate.skel.h"

static const struct sw_object socket_objects[] = {
	{"sock_cgroup", sock_cgroup__elf_bytes, false},
	{"sock_egress", sock_egress__elf_bytes, false, true},
	{"sock_exit", sock_exit__elf_bytes, true},
	{"sock_listen", sock_listen__elf_bytes, .is_for_lockdown = true},
	{"sock_trace", sock_trace__elf_bytes, false},
	{"sock_iter", sock_iter__elf_bytes, false},
	{"inspect", inspect__elf_bytes, false, true},
	{},
};

static const struct sw_object bind_objects[] = {
	{"sock_bind", sock_bind__elf_bytes, false, true},
	{},
};
#define BIND_PINS "bind-"

void sw_plant_init(struct sw_plant *p)
{
	memset(p, 0, sizeof(*p));
	p->progs = (struct sw_gate_progs){-1, -1, -1, -1, -1, -1, -1};
	sw_maps_init(&p->maps);
}

void sw_plant_done(struct sw_plant *p)
{
	sw_ladder_free(p->binds);
	sw_ladder_free(p->ladder);
	sw_close(p->progs.xdp_fd);
	sw_close(p->progs.chain_fd);
	sw_close(p->progs.tc_fd);
	sw_close(p->progs.tc_l3_fd);
	sw_close(p->progs.tag_fd);
	sw_close(p->progs.forward_fd);
	sw_close(p->progs.forward_l3_fd);
	sw_maps_done(&p->maps);
	sw_plant_init(p);
}

/* A descriptor of the caller's: what libbpf keeps of an object is ten times the programs' size. */
static int take_prog(const struct bpf_object *o, const char *name)
{
	const struct bpf_program *p = bpf_object__find_program_by_name(o, name);

	return p && bpf_program__fd(p) >= 0 ? fcntl(bpf_program__fd(p), F_DUPFD_CLOEXEC, 0) : -1;
}

int sw_plant_load_gate(struct sw_plant *p, const char *pin_dir)
{
	size_t size;
	const void *elf = xdp_gate__elf_bytes(&size);
	const struct sw_load_opts o = {.pin_dir = pin_dir, .is_optional = true};
	_cleanup_(sw_load_closep) struct bpf_object *gate = NULL;
	int r = sw_load_object("xdp_gate", elf, size, &o, &p->report, &gate);

	if (r < 0)
		return r;
	p->progs.xdp_fd = take_prog(gate, "xdp_gate");
	p->progs.tc_fd = take_prog(gate, "tc_gate");
	p->progs.tc_l3_fd = take_prog(gate, "tc_gate_l3");
	p->progs.tag_fd = take_prog(gate, "tc_tag");
	p->progs.forward_fd = take_prog(gate, "tc_forward");
	p->progs.forward_l3_fd = take_prog(gate, "tc_forward_l3");
	return p->progs.xdp_fd < 0 && p->progs.tc_fd < 0 ? -EOPNOTSUPP : 0;
}

int sw_plant_load_chain(struct sw_plant *p, const char *pin_dir)
{
	size_t size;
	const void *elf = xdp_gate__elf_bytes(&size);
	const struct sw_load_opts o = {.pin_dir = pin_dir};
	_cleanup_(sw_load_closep) struct bpf_object *gate = NULL;
	int r;

	if (p->progs.chain_fd >= 0)
		return 0;
	r = sw_load_one("xdp_gate", elf, size, &o, "xdp_gate_chain", &gate);
	if (r < 0)
		return r;
	p->progs.chain_fd = take_prog(gate, "xdp_gate_chain");
	return p->progs.chain_fd < 0 ? -errno : 0;
}

void sw_plant_drop_chain(struct sw_plant *p)
{
	sw_close(TAKE_FD(p->progs.chain_fd));
}

int sw_plant_load_sockets(struct sw_plant *p, const struct sw_ladder_opts *o)
{
	int r = sw_ladder_climb(socket_objects, o, &p->report, &p->ladder);

	malloc_trim(0); /* what loading the programs took is never wanted again */
	return r < 0 ? r : sw_maps_open_pins(&p->maps, o->pin_dir);
}

int sw_plant_refuse_binds(struct sw_plant *p, const struct sw_ladder_opts *o)
{
	struct sw_ladder_opts opts = *o;
	struct sw_load_report report = {};
	int r;

	if (p->binds)
		return 0;
	opts.pins = BIND_PINS;
	r = sw_ladder_climb(bind_objects, &opts, &report, &p->binds);
	if (r >= 0 && strstr(sw_ladder_hooks(p->binds), "-on_bind4"))
		r = -EOPNOTSUPP;
	if (r < 0)
		sw_ladder_free(TAKE_PTR(p->binds));
	return r;
}

void sw_plant_allow_binds(struct sw_plant *p, const char *pin_dir)
{
	sw_ladder_free(TAKE_PTR(p->binds));
	sw_ladder_unpin(pin_dir, BIND_PINS);
}
