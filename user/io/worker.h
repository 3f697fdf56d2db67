/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Long computations beside the loop: one job at a time, in a thread that lives as long as the job. The
 * job shares nothing with the loop's thread while it runs but what its arg points to; its end is told
 * in the loop. The worker is the owner's; it owns its thread and a descriptor.
 */
#pragma once

#include "user/io/loop.h"

struct sw_worker;

int sw_worker_new(struct sw_loop *l, struct sw_worker **ret);
/* Waits for the job that runs; its done is not called any more. */
void sw_worker_free(struct sw_worker *w);
void sw_worker_freep(struct sw_worker **w);
bool sw_worker_is_busy(const struct sw_worker *w);
/*
 * Runs run(arg) in the thread and then done(arg) in the loop. Where no thread can be made run is
 * called at once, so that the work is done anyway; done still comes from the loop. -EBUSY, -errno.
 */
int sw_worker_start(
	struct sw_worker *w, void (*run)(void *arg), void (*done)(void *arg), void *arg);
