/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One thread, one epoll loop. Sources (descriptors, timers, signals) call back in the thread that
 * runs the loop. The loop owns its sources; a source owns nothing but its registration, except a
 * timer or signal descriptor of its own. A callback may free its own source.
 */
#pragma once

#include <sys/epoll.h>

#include "user/base/clock.h"

struct sw_loop;
struct sw_source;

/* 0 to go on, negative stops the loop with that result. */
typedef int (*sw_loop_fd_fn)(struct sw_source *s, int fd, uint32_t events, void *arg);
typedef int (*sw_loop_timer_fn)(struct sw_source *s, void *arg);
typedef int (*sw_loop_signal_fn)(struct sw_source *s, int signo, void *arg);

int sw_loop_new(struct sw_loop **ret);
void sw_loop_free(struct sw_loop *l);
void sw_loop_freep(struct sw_loop **l);

/* Watches fd (borrowed) for events (EPOLLIN, ...). ret may be NULL. */
int sw_loop_add_fd(struct sw_loop *l, int fd, uint32_t events, sw_loop_fd_fn fn, void *arg, struct sw_source **ret);
int sw_source_set_events(struct sw_source *s, uint32_t events);
/*
 * Calls fn first after first_ns, then each every_ns (0: once); boot time, so a suspend counts. Where both are half a
 * second or more the first is up to half a second late, so that slow timers fire together.
 */
int sw_loop_add_timer(struct sw_loop *l, uint64_t first_ns, uint64_t every_ns, sw_loop_timer_fn fn,
	void *arg, struct sw_source **ret);
/* Sets a timer anew; first_ns 0 disarms it. */
int sw_source_set_timer(struct sw_source *s, uint64_t first_ns, uint64_t every_ns);
/* Blocks signo for the thread and reports it here. */
int sw_loop_add_signal(struct sw_loop *l, int signo, sw_loop_signal_fn fn, void *arg);
void sw_source_free(struct sw_source *s);

/* Runs until a callback returns negative or sw_loop_stop; the result of either. */
int sw_loop_run(struct sw_loop *l);
/* Handles what is ready, waiting at most timeout_ms (-1: for ever); callbacks run or negative. */
int sw_loop_once(struct sw_loop *l, int timeout_ms);
void sw_loop_stop(struct sw_loop *l, int result);
