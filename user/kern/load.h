/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Loads our BPF objects with their maps pinned by name: a map that is pinned already and fits is
 * taken over with what it holds; one that does not fit is replaced, and that is told. In the guard;
 * the caller owns the objects.
 */
#pragma once

#include <bpf/libbpf.h>

#include "user/base/util.h"

enum { SW_REFUSED_MAX = 64 };

/* What a load found out. Zero it once; several loads may add to it. */
struct sw_load_report {
	unsigned int maps_adopted, maps_replaced, maps_made;
	char replaced[256]; /* names, separated by spaces */
	size_t n_refused;
	struct {
		char program[64];
		int error; /* -errno of its load */
	} refused[SW_REFUSED_MAX];
};

/* A program that this load leaves out, whatever the kernel would say. */
typedef bool (*sw_load_skip_fn)(const char *program, void *arg);

/* A `const volatile bool` of the objects; one that has no such constant is left as it is. */
struct sw_load_const {
	const char *name;
	bool value;
};

struct sw_load_opts {
	const char *pin_dir;
	/*
	 * When the whole does not load, each program is tried alone and those the kernel refuses
	 * are left out (and named in the report); else any refusal fails.
	 */
	bool is_optional;
	sw_load_skip_fn skip; /* or NULL */
	void *arg;
	const struct sw_load_const *consts; /* ended by a NULL name, or NULL */
};

/* elf: the skeleton's bytes. 0, -errno. Nothing stays behind on failure but pins of maps that were made. */
int sw_load_object(const char *name, const void *elf, size_t size, const struct sw_load_opts *o,
	struct sw_load_report *report, struct bpf_object **ret);
/* One of its programs alone, which may be one that is left out otherwise. */
int sw_load_one(const char *name, const void *elf, size_t size, const struct sw_load_opts *o, const char *program,
	struct bpf_object **ret);
void sw_load_closep(struct bpf_object **o);
/* libbpf speaks at debug level from here on. Call once. */
void sw_load_quiet(void);
