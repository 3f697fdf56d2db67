/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the guard has in the kernel: the gate's object, its maps, the socket programs. Loaded with an
 * earlier guard's pins taken over. Owned by the guard.
 */
#pragma once

#include "user/kern/attach.h"
#include "user/kern/ladder.h"
#include "user/kern/maps.h"

struct sw_plant {
	struct sw_gate_progs progs; /* descriptors of its own */
	struct sw_maps maps;
	struct sw_ladder *ladder;
	struct sw_ladder *binds; /* NULL: no bind is refused, or it is by what an earlier guard attached */
	struct sw_load_report report;
	bool has_cookie; /* the gate calls the program that answers decoys, whatever else is chained */
};

void sw_plant_init(struct sw_plant *p);
/* Lets go of descriptors; pins and what is attached by them stay. */
void sw_plant_done(struct sw_plant *p);
int sw_plant_load_gate(struct sw_plant *p, const char *pin_dir);
/* The gate that hands on to the operator's program, when it is wanted; _drop_ lets go of it. */
int sw_plant_load_chain(struct sw_plant *p, const char *pin_dir);
void sw_plant_drop_chain(struct sw_plant *p);
/* The programs that may refuse a bind: on the root of cgroup v2 while the policy wants them. */
int sw_plant_refuse_binds(struct sw_plant *p, const struct sw_ladder_opts *o);
void sw_plant_allow_binds(struct sw_plant *p, const char *pin_dir);
int sw_plant_load_sockets(struct sw_plant *p, const struct sw_ladder_opts *o);
