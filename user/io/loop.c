// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/io/loop.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

enum source_kind { SOURCE_FD, SOURCE_TIMER, SOURCE_SIGNAL };
enum { EVENTS_AT_ONCE = 64 };
#define BEAT_NS (SW_SEC_NS / 2) /* timers as slow as this fire together: one wake-up for all */

struct sw_source {
	struct sw_loop *loop;
	struct sw_source *next, *prev;
	enum source_kind kind;
	int fd; /* owned for timers and signals, borrowed else */
	union {
		sw_loop_fd_fn on_fd;
		sw_loop_timer_fn on_timer;
		sw_loop_signal_fn on_signal;
	};
	void *arg;
	bool is_dead; /* freed while its batch of events is being handled */
};

struct sw_loop {
	int epoll_fd;
	struct sw_source *sources, *dead;
	bool is_dispatching, is_stopped;
	int result;
};

int sw_loop_new(struct sw_loop **ret)
{
	struct sw_loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		free(l);
		return -errno;
	}
	*ret = l;
	return 0;
}

static void destroy(struct sw_source *s)
{
	if (s->kind != SOURCE_FD)
		sw_close(s->fd);
	free(s);
}

static void bury(struct sw_loop *l)
{
	while (l->dead) {
		struct sw_source *s = l->dead;

		l->dead = s->next;
		destroy(s);
	}
}

void sw_loop_free(struct sw_loop *l)
{
	if (!l)
		return;
	while (l->sources)
		sw_source_free(l->sources);
	bury(l);
	sw_close(l->epoll_fd);
	free(l);
}

void sw_loop_freep(struct sw_loop **l)
{
	sw_loop_free(*l);
}

static int add(struct sw_loop *l, struct sw_source s, uint32_t events, struct sw_source **ret)
{
	struct sw_source *copy = malloc(sizeof(*copy));
	struct epoll_event ev = {.events = events, .data.ptr = copy};

	if (!copy)
		return -ENOMEM;
	*copy = s;
	copy->loop = l;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, s.fd, &ev) < 0) {
		free(copy);
		return -errno;
	}
	copy->prev = NULL;
	copy->next = l->sources;
	if (copy->next)
		copy->next->prev = copy;
	l->sources = copy;
	if (ret)
		*ret = copy;
	return 0;
}

int sw_loop_add_fd(struct sw_loop *l, int fd, uint32_t events, sw_loop_fd_fn fn, void *arg, struct sw_source **ret)
{
	return add(l, (struct sw_source){.kind = SOURCE_FD, .fd = fd, .on_fd = fn, .arg = arg}, events, ret);
}

int sw_source_set_events(struct sw_source *s, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = s};

	return epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_MOD, s->fd, &ev) < 0 ? -errno : 0;
}

static struct timespec as_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / SW_SEC_NS), .tv_nsec = (long)(ns % SW_SEC_NS)};
}

int sw_source_set_timer(struct sw_source *s, uint64_t first_ns, uint64_t every_ns)
{
	struct itimerspec it = {.it_value = as_timespec(first_ns), .it_interval = as_timespec(every_ns)};
	bool is_slow = first_ns >= BEAT_NS && every_ns >= BEAT_NS;
	struct timespec now;
	uint64_t at;

	if (is_slow) {
		clock_gettime(CLOCK_BOOTTIME, &now);
		at = (uint64_t)now.tv_sec * SW_SEC_NS + (uint64_t)now.tv_nsec + first_ns;
		it.it_value = as_timespec((at + BEAT_NS - 1) / BEAT_NS * BEAT_NS);
	}
	return timerfd_settime(s->fd, is_slow ? TFD_TIMER_ABSTIME : 0, &it, NULL) < 0 ? -errno : 0;
}

int sw_loop_add_timer(struct sw_loop *l, uint64_t first_ns, uint64_t every_ns, sw_loop_timer_fn fn, void *arg,
	struct sw_source **ret)
{
	struct sw_source *s;
	int r, fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	r = add(l, (struct sw_source){.kind = SOURCE_TIMER, .fd = fd, .on_timer = fn, .arg = arg}, EPOLLIN, &s);
	if (r < 0) {
		sw_close(fd);
		return r;
	}
	r = sw_source_set_timer(s, first_ns, every_ns);
	if (r < 0) {
		sw_source_free(s);
		return r;
	}
	if (ret)
		*ret = s;
	return 0;
}

int sw_loop_add_signal(struct sw_loop *l, int signo, sw_loop_signal_fn fn, void *arg)
{
	sigset_t set;
	int r, fd;

	sigemptyset(&set);
	sigaddset(&set, signo);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = add(l, (struct sw_source){.kind = SOURCE_SIGNAL, .fd = fd, .on_signal = fn, .arg = arg}, EPOLLIN, NULL);
	if (r < 0)
		sw_close(fd);
	return r;
}

void sw_source_free(struct sw_source *s)
{
	struct sw_loop *l;

	if (!s || s->is_dead)
		return;
	l = s->loop;
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	if (s->prev)
		s->prev->next = s->next;
	else
		l->sources = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->is_dead = true;
	s->next = l->dead;
	l->dead = s;
	if (!l->is_dispatching)
		bury(l);
}

static int dispatch(struct sw_source *s, uint32_t events)
{
	struct signalfd_siginfo si;
	uint64_t expirations;

	switch (s->kind) {
	case SOURCE_FD:
		return s->on_fd(s, s->fd, events, s->arg);
	case SOURCE_TIMER:
		if (read(s->fd, &expirations, sizeof(expirations)) != sizeof(expirations))
			return 0;
		return s->on_timer(s, s->arg);
	case SOURCE_SIGNAL:
		if (read(s->fd, &si, sizeof(si)) != sizeof(si))
			return 0;
		return s->on_signal(s, (int)si.ssi_signo, s->arg);
	}
	return 0;
}

int sw_loop_once(struct sw_loop *l, int timeout_ms)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int n, r = 0, done = 0;

	n = epoll_wait(l->epoll_fd, events, EVENTS_AT_ONCE, timeout_ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	l->is_dispatching = true;
	for (int i = 0; i < n && r >= 0 && !l->is_stopped; i++) {
		struct sw_source *s = events[i].data.ptr;

		if (s->is_dead)
			continue;
		r = dispatch(s, events[i].events);
		done++;
	}
	l->is_dispatching = false;
	bury(l);
	return r < 0 ? r : done;
}

int sw_loop_run(struct sw_loop *l)
{
	l->is_stopped = false;
	while (!l->is_stopped) {
		int r = sw_loop_once(l, -1);

		if (r < 0)
			return r;
	}
	return l->result;
}

void sw_loop_stop(struct sw_loop *l, int result)
{
	l->is_stopped = true;
	l->result = result;
}
